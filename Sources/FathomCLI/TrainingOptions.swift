import ArgumentParser
import Fathom

/// Flags that override a configuration.
struct TrainingOptions: ParsableArguments {
    @Option(
        name: .long,
        help: "A data set by name (see fathom data list), a CSV, TSV, NPZ, NPY or IDX file, or a folder of pictures."
    )
    var data: String?

    @Option(name: .long, help: "The labels, or numbers to predict, of an NPY or IDX file given as --data.")
    var targets: String?

    @Option(name: .long, help: "The model as one line, such as 'dense 128 relu, dropout 0.2, dense 10'.")
    var model: String?

    @Option(name: .long, help: "Epochs.")
    var epochs: String?

    @Option(name: .long, help: "Rows of a batch.")
    var batch: String?

    @Option(name: .long, help: "Learning rate.")
    var lr: String?

    @Option(name: .long, help: "Optimiser, such as adam, sgd or lion.")
    var optimizer: String?

    @Option(name: .long, help: "Seed of initial values, order and everything random.")
    var seed: String?

    @Option(name: .long, help: "Threads; never changes a bit of the result.")
    var threads: String?

    @Option(
        name: .long,
        help: "What training's products round their factors to: float32, or bfloat16 where the processor has it.")
    var precision: String?

    @Option(name: .long, help: "Any setting by its path, such as --set training.epochs=5; may be repeated.")
    var set: [String] = []

    /// Whether nothing overrides a configuration.
    var isEmpty: Bool {
        self.set.isEmpty
            && [data, targets, model, epochs, batch, lr, optimizer, seed, threads, precision].allSatisfy { $0 == nil }
    }

    /// The configuration: the file's, then the flags', then `--set`.
    func configuration(file: String?, name: String?) throws -> RunConfiguration {
        var tree = ConfigValue(.map([]))
        if let file {
            do { tree = try ConfigurationText.parse(text(of: file)) } catch let error as ConfigError {
                throw UsageError("\(file): \(error)")
            }
        }
        func set(_ path: String, _ value: ConfigValue) {
            tree = tree.setting(path.split(separator: ".").map(String.init)[...], to: value)
        }
        func parsed(_ text: String) throws(ConfigError) -> ConfigValue {
            var value = try ConfigurationText.parse(text)
            value.line = nil
            return value
        }
        if let data {
            // Another source; what was said of the old one's files does not hold for it.
            set("data", DataConfiguration.spelledOut(data))
        } else if case .text(let word)? = tree["data"]?.content {
            // So that what follows may be set beside it.
            set("data", DataConfiguration.spelledOut(word))
        }
        if let targets { set("data.targetFile", ConfigValue(.text(targets))) }
        if let model { set("model", ConfigValue(.text(model))) }
        if let name { set("name", ConfigValue(.text(name))) }
        if let optimizer { set("optimizer", ConfigValue(.text(optimizer))) }
        for (path, value) in [
            ("training.epochs", epochs), ("training.batch", batch), ("training.seed", seed),
            ("training.threads", threads), ("training.precision", precision),
        ] {
            if let value { set(path, try parsed(value)) }
        }
        if let lr {
            if tree["optimizer"] == nil { set("optimizer.name", ConfigValue(.text("adam"))) }
            set("optimizer.learningRate", try parsed(lr))
        }
        for assignment in self.set {
            guard let equals = assignment.firstIndex(of: "="), equals > assignment.startIndex else {
                throw UsageError("--set needs the form path=value, such as training.epochs=5, not '\(assignment)'")
            }
            let value = try parsed(String(assignment[assignment.index(after: equals)...]))
            set(String(assignment[..<equals]), value)
        }
        do { return try RunConfiguration(tree) } catch {
            throw UsageError((file.map { "\($0): " } ?? "") + error.description)
        }
    }

    private func text(of file: String) throws -> String {
        guard let text = String(validating: try AtomicFile.read(file, limit: 1 << 20), as: UTF8.self) else {
            throw UsageError("\(file): not valid UTF-8")
        }
        return text
    }
}
