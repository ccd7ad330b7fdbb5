import ArgumentParser
import Fathom

struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Go on with a run from its last whole checkpoint.",
        discussion: """
            The result has the same bits as if the run had never stopped, also after a kill or a power cut. With \
            --epochs a finished run is trained further.

            Examples:
              fathom resume runs/2026-11-21-143005-digits
              fathom resume runs/2026-11-21-143005-digits --epochs 40

            Exit codes: 0 done or interrupted with a checkpoint, 1 training failed, 2 no such run or a damaged one.
            """)

    @Argument(help: ArgumentHelp("The folder of a run.", valueName: "run"), completion: .directory)
    var folder: String

    @Option(name: .long, help: "Another number of epochs.")
    var epochs: Int?

    @Option(name: .long, help: "Another number of threads; the result has the same bits.")
    var threads: Int?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let epochs, epochs < 1 { throw ValidationError("--epochs must be at least 1, not \(epochs)") }
        if let threads, threads < 1 || threads > 256 { throw ValidationError("--threads must be from 1 to 256") }
    }

    func run() throws {
        let resumed = try TrainingRun.resume(
            folder, dataFolders: DataFolders.all, stop: Signals.stopOnRequest()
        ) { configuration in
            if let epochs { configuration.training.epochs = epochs }
            if let threads { configuration.training.threads = threads }
        }
        for rejection in resumed.rejected { Terminal.warning("\(rejection)") }
        try TrainingSession(training: resumed, output: output).run()
    }
}
