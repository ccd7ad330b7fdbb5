import ArgumentParser
import Fathom

struct LearningRateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lr-find",
        abstract: "Find a learning rate by a range test.",
        discussion: """
            Raises the learning rate step by step, watches the loss, and suggests the rate at which it falls fastest \
            (Smith 2017). The sweep is written as CSV (rate, loss) with --csv and drawn with --plot.

            Examples:
              fathom lr-find Examples/digits.yaml
              fathom lr-find --data digits --model 'dense 128 relu, dense 10' --plot sweep.svg

            Exit codes: 0 a rate was found, 1 no rate made clear progress, 2 a mistake in the configuration.
            """)

    @Argument(help: "A configuration in YAML.", completion: .file(extensions: ["yaml", "yml", "json"]))
    var config: String?

    @OptionGroup var options: TrainingOptions

    @Option(name: .long, help: "The lowest rate.")
    var lowest = 1e-6

    @Option(name: .long, help: "The highest rate.")
    var highest = 10.0

    @Option(name: .long, help: "Steps of the sweep.")
    var steps = 200

    @Option(name: .long, help: "An SVG file for the plot.", completion: .file(extensions: ["svg"]))
    var plot: String?

    @Option(name: .long, help: "A CSV file for the sweep.", completion: .file(extensions: ["csv"]))
    var csv: String?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard lowest > 0, highest > lowest, highest.isFinite else {
            throw ValidationError("--lowest and --highest must be positive numbers, the highest above the lowest")
        }
        guard steps >= 10, steps <= 1_000_000 else { throw ValidationError("--steps must be from 10 to 1000000") }
    }

    func run() throws {
        guard config != nil || options.data != nil && options.model != nil else {
            throw UsageError("lr-find needs a configuration, or --data and --model")
        }
        let configuration = try options.configuration(file: config, name: nil)
        let prepared = try PreparedData(configuration, folders: DataFolders.all)
        let trainer = try Trainer(configuration, prepared, stop: Signals.stopOnRequest())
        let test = try trainer.findLearningRate(RangeTest(lowest: lowest, highest: highest, steps: steps))
        let suggestion = test.suggestion
        if let csv {
            let rows = test.points.map { "\($0.rate),\($0.loss)\n" }.joined()
            try AtomicFile.write("rate,loss\n" + rows, to: csv)
        }
        if let plot { try AtomicFile.write(RangePlot(test).svg, to: plot) }
        guard let suggestion else {
            throw NoRate()
        }
        if output.json {
            Terminal.output(
                "{\"rate\": \(Format.json(suggestion.rate)), \"rateAtMinimum\": "
                    + "\(Format.json(suggestion.rateAtMinimum)), \"steps\": \(test.points.count)}\n")
        } else {
            Terminal.output("\(Format.brief(suggestion.rate))\n")
            guard !output.quiet else { return }
            Terminal.message(
                "the loss falls fastest at \(Format.brief(suggestion.rate)) and is lowest at "
                    + "\(Format.brief(suggestion.rateAtMinimum)); \(test.points.count) steps")
            Terminal.message("next: fathom train … --lr \(Format.brief(suggestion.rate))")
        }
    }

    struct NoRate: Error, CustomStringConvertible {
        var description: String {
            "no learning rate made clear progress; look at the model's initial values and the data's scale"
        }
    }
}
