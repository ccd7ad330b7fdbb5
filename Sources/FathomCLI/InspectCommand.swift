import ArgumentParser
import Fathom
import FathomLab
import Foundation

/// `fathom inspect`: what a model is and what theory says of it, before any training.
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show a model's layers, sizes, work, memory and theoretical gradients.",
        discussion: """
            One line a layer: FLOPs are forward and for one example, bytes those of its output, size the root mean square
            of the output, χ the factor by which the layer changes a gradient's mean square, gradient the size of the
            gradient at the layer's input when it is 1 at the output. Inputs count as standardised.

            Examples:
              fathom inspect Examples/deep-sigmoid.yaml
              fathom inspect --model 'dense 128 relu, dense 10' --input 64
              fathom inspect --model 'dense 128 relu, dense 10' --data digits
              fathom inspect --model 'dense 64 sigmoid, dense 64 sigmoid, dense 10' --input 64 --batch 32 --json
              fathom inspect --model 'dense 64 tanh, dense 10' --model 'dense 64 relu, dense 10' --input 64 --plot both.svg

            Exit codes: 0 done, 2 a mistake in the model or the configuration, which is named.
            """)

    @Argument(
        help: "Configurations in YAML; several are compared.", completion: .file(extensions: ["yaml", "yml", "json"]))
    var config: [String] = []
    @Option(help: "A model in one line; may be repeated to compare.") var model: [String] = []
    @Option(help: "The extents of one input of --model: 64, or 1x28x28.") var input: String?
    @Option(help: "The data of --model, instead of --input: a name, a file or a folder, as in training.")
    var data: String?
    @Option(help: "Examples of a training step, for its memory.") var batch: Int?
    @Option(help: "The optimiser of --model: sgd, adam, … (default: with --input sgd, with --data as in training)")
    var optimizer: String?
    @Option(help: "Seed of the first values.") var seed: UInt64?
    @Option(help: "Write the gradients layer by layer as an SVG.") var plot: String?
    @Flag(help: "Print JSON, one list with an entry for each model.") var json = false

    func run() throws {
        if let batch, batch <= 0 || batch > 1 << 20 { throw UsageError("--batch must be between 1 and 1048576") }
        guard !config.isEmpty || !model.isEmpty else {
            throw UsageError(
                "inspect needs a configuration, or --model and --input or --data\n"
                    + "  example: fathom inspect --model 'dense 128 relu, dense 10' --input 64")
        }
        var inspections = try config.map { try configured(TrainingOptions.parse([]), file: $0) }
        if let data {
            guard input == nil, !model.isEmpty else {
                throw UsageError("--data goes with --model, in place of --input")
            }
            var options = try TrainingOptions.parse([])
            (options.data, options.optimizer, options.seed) = (data, optimizer, seed.map(String.init))
            inspections += try model.map {
                options.model = $0
                return try configured(options, file: nil)
            }
        } else if !model.isEmpty {
            let extents = (input ?? "").split(whereSeparator: { "x×,".contains($0) }).map { Int($0) ?? 0 }
            guard !extents.isEmpty, extents.allSatisfy({ $0 > 0 && $0 < 1 << 32 }) else {
                throw UsageError(
                    "--model needs --data, or --input with positive extents such as 64 or 1x28x28, not '\(input ?? "")'"
                )
            }
            let settings = OptimizerSettings(try OptimizerTable.named(optimizer ?? "sgd"))
            inspections += try model.map {
                try Inspection(
                    ModelSpec($0).build(), input: extents, optimizer: settings, batch: batch ?? 32, seed: seed ?? 0)
            }
        }
        if let plot { try Data(Self.figure(inspections).utf8).write(to: URL(filePath: plot)) }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(inspections), as: UTF8.self))
        } else {
            print(inspections.map(\.description).joined(separator: "\n\n"))
        }
    }

    /// A configuration's model on its data, whose rows decide the input.
    private func configured(_ options: TrainingOptions, file: String?) throws -> Inspection {
        var configuration = try options.configuration(file: file, name: nil)
        let prepared = try PreparedData(configuration, folders: DataFolders.all)
        configuration = try configuration.resolved(for: prepared)
        let trainer = try Trainer(configuration, prepared)
        return try Inspection(
            configuration.model.build(), input: trainer.step.data.input, target: trainer.step.data.target,
            loss: trainer.loss, optimizer: trainer.step.optimizer, batch: batch ?? trainer.step.batch,
            seed: trainer.settings.seed, rows: prepared.split.train)
    }

    /// Gradients from the first layer to the last, one line a model.
    private static func figure(_ inspections: [Inspection]) -> String {
        var chart = Chart(
            "size at each layer's input, 1 at the output: mean-field theory", x: .init("layer with weights"),
            y: .init("gradient", .logarithmic))
        for inspection in inspections {
            let known = inspection.rows.filter { $0.gradientGain != nil && !$0.initializers.isEmpty }
            chart.line(
                name(inspection), x: known.indices.map { Double($0 + 1) }, y: known.map { $0.gradientGain ?? .nan })
        }
        return Chart.document([chart], title: "Gradients before training")
    }

    /// What tells models apart: their kinds of layers, or else the first activation and initialiser.
    private static func name(_ inspection: Inspection) -> String {
        let kinds = inspection.rows.map { String(($0.path.split(separator: ".").first ?? "").prefix { !$0.isNumber }) }
        let special = kinds.first { $0 != "dense" }
        let activation = inspection.rows.compactMap(\.activation).first?.split(separator: ",").first.map(String.init)
        let initializer = special == nil ? inspection.rows.first?.initializers.first : nil
        return [special, activation, initializer].compactMap { $0 }.joined(separator: " ")
    }
}
