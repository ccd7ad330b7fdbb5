import ArgumentParser
import Fathom

struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train a model and keep it in a run folder.",
        discussion: """
            Reads a YAML configuration, or takes data and model from the command line; flags override the file. The \
            run folder holds the complete configuration, checkpoints and metrics. Ctrl-C finishes the step, writes a \
            checkpoint and says how to go on; the run then ends with the same bits as if it had never stopped. \
            Docs/Configuration.md explains every key of a configuration.

            Examples:
              fathom train --data digits --model 'dense 128 relu, dense 10'
              fathom train Examples/fashion-mnist.yaml --epochs 5 --out runs/quick
              fathom train Examples/deep-sigmoid.yaml --watch
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

    @Flag(name: .long, help: "Watch every layer, and say what is the matter as soon as it appears.")
    var watch = false

    @Option(
        name: .long,
        help: "With --watch: keep what the layers show at every so many steps (default: about 500 times in the run).")
    var watchEvery: Int?

    @Option(name: .long, help: "With --watch: layers to keep, a path in which * stands for anything; may be repeated.")
    var watchLayers: [String] = []

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let watchEvery, watchEvery < 1 { throw ValidationError("--watch-every must be at least 1") }
        if !watch, watchEvery != nil || !watchLayers.isEmpty {
            throw ValidationError("--watch-every and --watch-layers need --watch")
        }
    }

    func run() throws {
        guard config != nil || options.data != nil && options.model != nil else {
            throw UsageError(
                "train needs a configuration, or --data and --model\n"
                    + "  example: fathom train --data digits --model 'dense 128 relu, dense 10'")
        }
        let configuration = try options.configuration(file: config, name: name)
        let probes = { (steps: Int) in
            ProbeSettings(
                interval: watchEvery ?? max(1, steps / 500), layers: watchLayers.isEmpty ? ["*"] : watchLayers)
        }
        let training = try TrainingRun.create(
            configuration, at: out, dataFolders: DataFolders.all, probes: watch ? probes : nil,
            stop: Signals.stopOnRequest())
        try TrainingSession(training: training, output: output, isWatched: watch).run()
    }
}
