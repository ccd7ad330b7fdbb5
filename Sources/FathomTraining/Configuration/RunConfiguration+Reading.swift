import FathomData
import FathomNN
import FathomRuntime
import Foundation

extension RunConfiguration {
    /// Reads a tree of values.
    ///
    /// - Throws: ``ConfigError`` with the key, the line and the nearest spelling for unknown keys and names.
    public init(_ tree: ConfigValue) throws(ConfigError) {
        let reader = try ConfigurationReader(
            tree, path: "",
            allowed: ["name", "data", "model", "loss", "optimizer", "schedule", "training", "metrics"])
        guard let data = reader["data"] else {
            throw ConfigError(key: "data", message: "the key 'data' is missing: the name of a data set or a file")
        }
        guard let model = reader["model"] else {
            throw ConfigError(key: "model", message: "the key 'model' is missing, such as 'dense 128 relu, dense 10'")
        }
        self.init(data: try DataConfiguration(data), model: try ModelSpec(model))
        guard !self.model.layers.isEmpty else {
            throw ConfigError(key: "model", message: "the model has no layers", line: model.line)
        }
        name = try reader.text("name")
        if let value = reader["loss"] {
            let choice = try Choice(value, path: "loss")
            _ = try choice.checked { name, options throws(ConfigError) in try Loss.named(name, options) }
            loss = choice
        }
        if let value = reader["optimizer"] { optimization = try Optimization(value) }
        if let value = reader["schedule"] {
            schedule = try Choice(value, path: "schedule")
            _ = try schedule.checked { name, options throws(ConfigError) in
                try ScheduleTable.named(name, options, totalSteps: 1000)
            }
        }
        if let value = reader["training"] { training = try Training(value) }
        if let value = reader["metrics"] {
            var choices: [Choice] = []
            let items = if case .list(let items) = value.content { items } else { [value] }
            for item in items {
                var item = item
                item.line = item.line ?? value.line
                let choice = try Choice(item, path: "metrics")
                _ = try choice.checked { name, options throws(ConfigError) in try Metric.named(name, options) }
                choices.append(choice)
            }
            metrics = choices
        }
    }
}

extension ConfigValue {
    /// The pairs of a mapping that chooses by name: of `adam: {beta1: 0.8}` those of `{name: adam, beta1: 0.8}`.
    fileprivate var choicePairs: [Pair] {
        guard case .map(let pairs) = content else { return [] }
        guard let first = pairs.first, !pairs.contains(where: { ConfigurationReader.isSame($0.key, "name") }) else {
            return pairs
        }
        let name = Pair("name", ConfigValue(.text(first.key), line: first.value.line))
        switch first.value.content {
        case .map(let options): return [name] + options + pairs.dropFirst()
        case .null: return [name] + pairs.dropFirst()
        default: return pairs
        }
    }
}

extension RunConfiguration.Choice {
    /// Reads `adam`, `{name: adam, beta1: 0.8}` or `adam: {beta1: 0.8}`.
    init(_ value: ConfigValue, path: String, without others: Set<String> = []) throws(ConfigError) {
        func wrong(_ value: ConfigValue, _ key: String, _ rule: String) -> ConfigError {
            ConfigError(key: key, message: "\(key) must be \(rule), not \(value.words)", line: value.line)
        }
        switch value.content {
        case .text(let name): self.init(name)
        case .map:
            let pairs = value.choicePairs
            let names = pairs.filter { ConfigurationReader.isSame($0.key, "name") }
            guard names.count < 2 else {
                throw ConfigError(
                    key: "\(path).name", message: "the key '\(path).name' is given twice", line: names[1].value.line)
            }
            guard let name = names.first?.value else {
                throw ConfigError(
                    key: path, message: "\(path) needs a name\(pairs.first.map { " beside '\($0.key)'" } ?? "")",
                    line: value.line)
            }
            guard case .text(let text) = name.content else {
                throw wrong(name, "\(path).name", "a name")
            }
            var options: [String: OptionValue] = [:]
            let around = others.union(["name"])
            for pair in pairs where !around.contains(where: { ConfigurationReader.isSame($0, pair.key) }) {
                let key = "\(path).\(pair.key)"
                switch pair.value.content {
                case .int(let number): options[pair.key] = .number(Double(number))
                case .number(let number): options[pair.key] = .number(number)
                case .bool(let flag): options[pair.key] = .flag(flag)
                case .text(let word): options[pair.key] = .text(word)
                case .list(let items):
                    var numbers: [Double] = []
                    for item in items {
                        guard let number = item.number else { throw wrong(pair.value, key, "a list of numbers") }
                        numbers.append(number)
                    }
                    options[pair.key] = .numbers(numbers)
                case .null: break
                case .map: throw wrong(pair.value, key, "a single value")
                }
            }
            self.init(text, options)
        default: throw wrong(value, path, "a name, or a mapping with a name")
        }
        line = value.line
    }

    /// Makes the value in a table, with this choice's line in the error.
    package func checked<Value>(
        _ make: (String, [String: OptionValue]) throws(ConfigError) -> Value
    ) throws(ConfigError) -> Value {
        do { return try make(name, options) } catch {
            var located = error
            located.line = located.line ?? line
            throw located
        }
    }
}

extension RunConfiguration.Optimization {
    /// The keys beside the optimiser's name that are not its options.
    package static let keys: Set = ["clip", "groups", "average", "maximize"]

    init(_ value: ConfigValue) throws(ConfigError) {
        self.init()
        optimizer = try RunConfiguration.Choice(value, path: "optimizer", without: Self.keys)
        _ = try optimizer.checked { name, options throws(ConfigError) in try OptimizerTable.named(name, options) }
        let pairs = value.choicePairs.filter { pair in
            Self.keys.contains { ConfigurationReader.isSame($0, pair.key) }
        }
        let own = ConfigValue(.map(pairs), line: value.line)
        let reader = try ConfigurationReader(own, path: "optimizer", allowed: Self.keys.sorted())
        maximize = try reader.flag("maximize") ?? false
        average = try reader.number("average", "a number from 0 up to but not including 1") { $0 >= 0 && $0 < 1 }
        if let clip = reader["clip"] {
            let limits = try ConfigurationReader(
                clip, path: "optimizer.clip", allowed: ["globalNorm", "parameterNorm", "value"])
            let positive = "a positive number"
            if let bound = try limits.number("globalNorm", positive, where: { $0 > 0 }) {
                clipping = .globalNorm(bound)
            }
            if let bound = try limits.number("parameterNorm", positive, where: { $0 > 0 }) {
                clipping = .parameterNorm(bound)
            }
            if let bound = try limits.number("value", positive, where: { $0 > 0 }) { clipping = .value(bound) }
            guard case .map(let given) = clip.content, given.count == 1 else {
                throw reader.wrong("clip", clip, "one of globalNorm, parameterNorm and value with its bound")
            }
        }
        if let list = reader["groups"] {
            guard case .list(let items) = list.content else { throw reader.wrong("groups", list, "a list") }
            for item in items {
                let group = try ConfigurationReader(
                    item, path: "optimizer.groups", allowed: ["pattern", "learningRateFactor", "weightDecay", "frozen"])
                guard let pattern = try group.text("pattern") else {
                    throw ConfigError(
                        key: "optimizer.groups.pattern", message: "a group needs a pattern, such as \"*.bias\"",
                        line: item.line)
                }
                let rule = "a number that is not negative"
                groups.append(
                    ParameterGroup(
                        pattern,
                        learningRateFactor: try group.number("learningRateFactor", rule) { $0 >= 0 } ?? 1,
                        weightDecay: try group.number("weightDecay", rule) { $0 >= 0 },
                        isFrozen: try group.flag("frozen") ?? false))
            }
        }
    }
}

extension RunConfiguration.Training {
    init(_ value: ConfigValue) throws(ConfigError) {
        self.init()
        let reader = try ConfigurationReader(
            value, path: "training",
            allowed: [
                "epochs", "batch", "accumulate", "evaluateEvery", "checkpointEvery", "keep", "patience", "monitor",
                "keepBest", "seed", "threads", "precision", "earlyStopping",
            ])
        epochs = try reader.count("epochs", from: 1, to: 1 << 30) ?? epochs
        batch = try reader.count("batch", from: 1, to: 1 << 24) ?? batch
        accumulate = try reader.count("accumulate", from: 1, to: 1 << 16) ?? accumulate
        evaluateEvery = try reader.count("evaluateEvery", from: 1, to: 1 << 30) ?? evaluateEvery
        checkpointEvery = try reader.count("checkpointEvery", from: 1, to: 1 << 30) ?? checkpointEvery
        keep = try reader.count("keep", from: 1, to: 10_000) ?? keep
        patience = try reader.count("patience", from: 1, to: 1 << 30)
        monitor = try reader.text("monitor") ?? monitor
        keepBest = try reader.flag("keepBest") ?? keepBest
        seed = try reader.count("seed", from: 0).map(UInt64.init) ?? seed
        threads = try reader.count("threads", from: 1, to: 256)
        precision = try reader.choice("precision") ?? precision
        if let early = reader["earlyStopping"] {
            let inner = try ConfigurationReader(
                early, path: "training.earlyStopping", allowed: ["metric", "patience"])
            monitor = try inner.text("metric") ?? monitor
            patience = try inner.count("patience", from: 1, to: 1 << 30) ?? patience ?? 10
        }
    }
}

extension DataConfiguration {
    init(_ value: ConfigValue) throws(ConfigError) {
        if case .text(let text) = value.content {
            self.init(Self.source(of: text))
            return
        }
        let reader = try ConfigurationReader(
            value, path: "data",
            allowed: [
                "name", "folder", "file", "targetFile", "testFile", "testTargetFile", "target", "ignore", "task",
                "missing", "scaling", "test",
                "validation", "scaleTarget", "stratified", "seed", "flatten", "count", "testFolder", "size", "channels",
                "augment",
            ])
        let name = try reader.text("name")
        let file = try reader.text("file")
        switch (name, file, try reader.text("folder")) {
        case (let name?, nil, let folder): self.init(.named(name, folder: folder))
        case (nil, let file?, nil):
            let test = try reader.text("testFile")
            let targets = try reader.text("testTargetFile")
            self.init(
                .file(
                    .init(file, targets: try reader.text("targetFile")), test: test.map { .init($0, targets: targets) })
            )
        case (nil, nil, let folder?): self.init(.pictures(folder, test: try reader.text("testFolder")))
        default:
            throw ConfigError(
                key: "data",
                message: "data needs one of 'name' (a known data set, with the 'folder' of its files where needed), "
                    + "'file' (CSV, TSV, NPZ, or NPY or IDX with 'targetFile') and 'folder' (pictures, a sub-folder for each class)",
                line: value.line)
        }
        for (key, needed) in [("targetFile", "file"), ("testFile", "file"), ("testTargetFile", "testFile")] {
            guard let value = reader[key], reader[needed] == nil else { continue }
            throw ConfigError(
                key: "data.\(key)", message: "data.\(key) goes with the inputs, which data.\(needed) names",
                line: value.line)
        }
        let isPictures = if case .pictures = source { true } else { false }
        for key in ["testFolder", "size", "channels"] where !isPictures {
            guard let value = reader[key] else { continue }
            throw ConfigError(
                key: "data.\(key)",
                message: "data.\(key) is for pictures, which 'folder' names without 'name' or 'file'",
                line: value.line)
        }
        target = try reader.text("target")
        if let list = reader["ignore"] {
            let items = if case .list(let items) = list.content { items } else { [list] }
            for item in items {
                guard case .text(let column) = item.content else {
                    throw reader.wrong("ignore", list, "a list of column names")
                }
                ignore.append(column)
            }
        }
        task = try reader.choice("task") ?? task
        missing = try reader.choice("missing") ?? missing
        if let given = reader["scaling"], case .map = given.content {
            let numbers = try ConfigurationReader(given, path: "data.scaling", allowed: ["mean", "std"])
            scaling = .channels
            mean = try numbers.numbers("mean", "numbers") { $0.isFinite } ?? []
            deviation = try numbers.numbers("std", "numbers above 0") { $0 > 0 } ?? []
        } else {
            scaling = try reader.choice("scaling")
        }
        scalesTarget = try reader.flag("scaleTarget")
        test = try reader.number("test", "a share between 0 and 1") { $0 > 0 && $0 < 1 } ?? test
        validation =
            try reader.number("validation", "a share from 0 up to but not including 1") { $0 >= 0 && $0 < 1 }
            ?? validation
        isStratified = try reader.flag("stratified") ?? isStratified
        seed = try reader.count("seed", from: 0).map(UInt64.init) ?? seed
        isFlat = try reader.flag("flatten")
        if let sides = try reader.numbers("size", "whole numbers from 1 to 16384, height and width", where: Self.isSide)
        {
            guard sides.count <= 2, let height = sides.first, let width = sides.last else {
                throw ConfigError(
                    key: "data.size", message: "data.size must be one number, or height and width",
                    line: reader["size"]?.line)
            }
            size = .init(height: Int(height), width: Int(width))
        }
        if let number = try reader.count("channels", from: 1, to: 3) {
            guard number != 2 else {
                throw ConfigError(
                    key: "data.channels", message: "data.channels must be 1 (grey) or 3 (colour)",
                    line: reader["channels"]?.line)
            }
            channels = number
        }
        if let value = reader["augment"] { augmentation = try Augmentation(value) }
        count = try reader.count("count", from: 2, to: 1 << 30)
    }

    /// The mapping that one word for data stands for: `{name: digits}` for `digits`.
    package static func spelledOut(_ text: String) -> ConfigValue {
        let key =
            switch source(of: text) {
            case .named: "name"
            case .file: "file"
            case .pictures: "folder"
            }
        return ConfigValue(.map([.init(key, ConfigValue(.text(text)))]))
    }

    private static func isSide(_ number: Double) -> Bool {
        number >= 1 && number <= 16384 && number == number.rounded()
    }

    /// A word that has the ending of a file, or a folder in it, is a file, or pictures where it is a folder; any other is a
    /// name.
    package static func source(of text: String) -> Source {
        let endings = [".csv", ".tsv", ".npz", ".gz", ".bin"]
        guard
            text.contains("/") || endings.contains(where: text.lowercased().hasSuffix) || ArrayFile.isNamed(text)
        else {
            return .named(text, folder: nil)
        }
        var isFolder: ObjCBool = false
        let isThere = FileManager.default.fileExists(atPath: text, isDirectory: &isFolder)
        return isThere && isFolder.boolValue ? .pictures(text, test: nil) : .file(.init(text), test: nil)
    }
}

extension Augmentation {
    /// Reads what stands under `augment`.
    init(_ value: ConfigValue) throws(ConfigError) {
        self.init()
        let reader = try ConfigurationReader(value, path: "data.augment", allowed: ["crop", "flip", "cutout", "mixup"])
        if let crop = reader["crop"], case .map = crop.content {
            let inner = try ConfigurationReader(crop, path: "data.augment.crop", allowed: ["padding", "fill"])
            guard let pixels = try inner.count("padding", from: 0, to: 16384) else {
                throw ConfigError(
                    key: "data.augment.crop.padding", message: "a crop needs its padding, in pixels", line: crop.line)
            }
            padding = pixels
            fill = try inner.choice("fill") ?? fill
        } else {
            padding = try reader.count("crop", from: 0, to: 16384) ?? padding
        }
        if let given = reader["flip"], case .bool(let flag) = given.content {
            flip = flag ? 0.5 : 0
        } else {
            flip = try reader.number("flip", "true, false or a probability from 0 to 1") { $0 >= 0 && $0 <= 1 } ?? flip
        }
        cutout = try reader.count("cutout", from: 0, to: 32768) ?? cutout
        mixup = try reader.number("mixup", "a number from 0 to 1000") { $0 >= 0 && $0 <= 1000 } ?? mixup
    }
}
