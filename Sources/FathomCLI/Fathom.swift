import ArgumentParser

@main struct FathomCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "fathom", abstract: "Trains networks and says why they learn or do not.",
        subcommands: [BenchCommand.self, InspectCommand.self, ActivationsCommand.self])
}
