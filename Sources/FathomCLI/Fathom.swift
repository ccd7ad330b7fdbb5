import ArgumentParser

@main struct FathomCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fathom",
        abstract: "Trains networks and says why they learn or do not.",
        discussion: """
            Examples:
              fathom train --data digits --model 'dense 128 relu, dense 10'
              fathom train Examples/digits.yaml --epochs 20
              fathom evaluate runs/2026-11-21-143005-digits
              fathom predict runs/2026-11-21-143005-digits flowers.csv --output answers.csv

            Exit codes: 0 done (also after Ctrl-C, with a checkpoint), 1 the work failed, 2 a mistake in the \
            command, its configuration or a file, 130 ended at once by a second Ctrl-C.
            """,
        subcommands: [
            TrainCommand.self,
            DoctorCommand.self,
            CasesCommand.self,
            ResumeCommand.self,
            EvaluateCommand.self,
            PredictCommand.self,
            DataCommand.self,
            LearningRateCommand.self,
            ExplainCommand.self,
            InspectCommand.self,
            ActivationsCommand.self,
            LabCommand.self,
            BenchCommand.self,
            StorageDrillCommand.self,
        ]
    )

    static func main() async {
        Signals.ignoreFailedWrites()
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            Failure.exit(error)
        }
    }
}
