import ArgumentParser
import Fathom

struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train a model and keep it in a run folder.",
        discussion: """
            Reads a YAML configuration, or takes data and model from the command line; flags override the file. The \
            run folder holds the complete configuration, checkpoints and metrics. Ctrl-C finishes the step, writes a \
            checkpoint and says how to go on; the run then ends with the same bits as if it had never stopped.

            Examples:
              fathom train --data digits --model 'dense 128 relu, dense 10'
              fathom train Examples/fashion-mnist.yaml --epochs 5 --out runs/quick
              fathom train houses.yaml --set optimizer.learningRate=0.01 --set training.patience=5

            Exit codes: 0 done or interrupted with a checkpoint, 1 training failed, 2 a mistake in the \
            configuration or the data, 130 ended at once by a second Ctrl-C.
            """)

    @Argument(help: "A configuration in YAML.", completion: .file(extensions: ["yaml", "yml", "json"]))
    var config: String?

    @OptionGroup var options: TrainingOptions

    @Option(name: .long, help: "The run's folder, which must not exist yet (default: runs/<date>-<name>).")
    var out: String?

    @Option(name: .long, help: "A name for the run.")
    var name: String?

    @OptionGroup var output: OutputOptions

    func run() throws {
        guard config != nil || options.data != nil && options.model != nil else {
            throw UsageError(
                "train needs a configuration, or --data and --model\n"
                    + "  example: fathom train --data digits --model 'dense 128 relu, dense 10'")
        }
        let configuration = try options.configuration(file: config, name: name)
        let training = try TrainingRun.create(
            configuration, at: out, dataFolders: DataFolders.all, stop: Signals.stopOnRequest())
        try TrainingSession(training: training, output: output).run()
    }
}
