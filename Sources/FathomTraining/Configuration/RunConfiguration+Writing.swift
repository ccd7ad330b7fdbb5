import FathomData
import FathomNN

extension RunConfiguration {
    /// The complete tree, defaults included.
    public var tree: ConfigValue {
        var pairs: [ConfigValue.Pair] = []
        if let name { pairs.append(.init("name", ConfigValue(.text(name)))) }
        pairs.append(.init("data", data.tree))
        pairs.append(.init("model", model.config))
        if let loss { pairs.append(.init("loss", loss.tree())) }
        pairs.append(.init("optimizer", optimization.tree))
        pairs.append(.init("schedule", schedule.tree()))
        pairs.append(.init("training", training.tree))
        if let metrics { pairs.append(.init("metrics", ConfigValue(.list(metrics.map { $0.tree() })))) }
        return ConfigValue(.map(pairs))
    }
}

extension OptionValue {
    var config: ConfigValue {
        switch self {
        case .number(let number): .some(number)
        case .flag(let flag): ConfigValue(.bool(flag))
        case .text(let text): ConfigValue(.text(text))
        case .numbers(let numbers): ConfigValue(.list(numbers.map { .some($0) }))
        }
    }
}

extension ConfigValue {
    /// A number, whole where it is.
    static func some(_ number: Double) -> ConfigValue {
        if let whole = Int(exactly: number), whole.magnitude < 1 << 53 { return ConfigValue(.int(whole)) }
        return ConfigValue(.number(number))
    }
}

extension RunConfiguration.Choice {
    func tree(_ more: [ConfigValue.Pair] = []) -> ConfigValue {
        let pairs = options.sorted { $0.key < $1.key }.map { ConfigValue.Pair($0.key, $0.value.config) } + more
        let name = ConfigValue(.text(name))
        return pairs.isEmpty ? name : ConfigValue(.map([.init("name", name)] + pairs))
    }
}

extension RunConfiguration.Optimization {
    var tree: ConfigValue {
        var more: [ConfigValue.Pair] = []
        if let clipping {
            let (kind, bound) =
                switch clipping {
                case .globalNorm(let bound): ("globalNorm", bound)
                case .parameterNorm(let bound): ("parameterNorm", bound)
                case .value(let bound): ("value", bound)
                }
            more.append(.init("clip", ConfigValue(.map([.init(kind, .some(bound))]))))
        }
        if !groups.isEmpty {
            let list = groups.map { group in
                var pairs: [ConfigValue.Pair] = [
                    .init("pattern", ConfigValue(.text(group.pattern))),
                    .init("learningRateFactor", .some(group.learningRateFactor)),
                ]
                if let decay = group.weightDecay { pairs.append(.init("weightDecay", .some(decay))) }
                if group.isFrozen { pairs.append(.init("frozen", ConfigValue(.bool(true)))) }
                return ConfigValue(.map(pairs))
            }
            more.append(.init("groups", ConfigValue(.list(list))))
        }
        if let average { more.append(.init("average", .some(average))) }
        if maximize { more.append(.init("maximize", ConfigValue(.bool(true)))) }
        return optimizer.tree(more)
    }
}

extension RunConfiguration.Training {
    var tree: ConfigValue {
        func int(_ number: Int) -> ConfigValue { ConfigValue(.int(number)) }
        var pairs: [ConfigValue.Pair] = [
            .init("epochs", int(epochs)), .init("batch", int(batch)), .init("accumulate", int(accumulate)),
            .init("evaluateEvery", int(evaluateEvery)), .init("checkpointEvery", int(checkpointEvery)),
            .init("keep", int(keep)), .init("monitor", ConfigValue(.text(monitor))),
            .init("keepBest", ConfigValue(.bool(keepBest))), .init("seed", int(Int(clamping: seed))),
        ]
        if let patience { pairs.append(.init("patience", int(patience))) }
        if let threads { pairs.append(.init("threads", int(threads))) }
        if precision != .float32 { pairs.append(.init("precision", ConfigValue(.text(precision.rawValue)))) }
        return ConfigValue(.map(pairs))
    }
}

extension DataConfiguration {
    var tree: ConfigValue {
        func text(_ word: String) -> ConfigValue { ConfigValue(.text(word)) }
        var pairs: [ConfigValue.Pair] = []
        switch source {
        case .named(let name, let folder):
            pairs.append(.init("name", text(name)))
            if let folder { pairs.append(.init("folder", text(folder))) }
            if let count { pairs.append(.init("count", ConfigValue(.int(count)))) }
        case .file(let file, let test):
            pairs.append(.init("file", text(file.path)))
            if let targets = file.targets { pairs.append(.init("targetFile", text(targets))) }
            if let test { pairs.append(.init("testFile", text(test.path))) }
            if let targets = test?.targets { pairs.append(.init("testTargetFile", text(targets))) }
            if let target { pairs.append(.init("target", text(target))) }
            if !ignore.isEmpty { pairs.append(.init("ignore", ConfigValue(.list(ignore.map(text))))) }
            pairs.append(.init("task", text(task.rawValue)))
            pairs.append(.init("missing", text(missing.rawValue)))
        case .pictures(let folder, let test):
            pairs.append(.init("folder", text(folder)))
            if let test { pairs.append(.init("testFolder", text(test))) }
            if let size {
                let sides = [size.height, size.width].map { ConfigValue(.int($0)) }
                pairs.append(.init("size", ConfigValue(.list(sides))))
            }
            pairs.append(.init("channels", ConfigValue(.int(channels))))
        }
        if scaling == .channels, !mean.isEmpty || !deviation.isEmpty {
            let given = [("mean", mean), ("std", deviation)].filter { !$0.1.isEmpty }
            let numbers = given.map { ConfigValue.Pair($0.0, ConfigValue(.list($0.1.map { .some($0) }))) }
            pairs.append(.init("scaling", ConfigValue(.map(numbers))))
        } else if let scaling {
            pairs.append(.init("scaling", text(scaling.rawValue)))
        }
        if let scalesTarget { pairs.append(.init("scaleTarget", ConfigValue(.bool(scalesTarget)))) }
        pairs.append(.init("test", .some(test)))
        pairs.append(.init("validation", .some(validation)))
        pairs.append(.init("stratified", ConfigValue(.bool(isStratified))))
        pairs.append(.init("seed", ConfigValue(.int(Int(clamping: seed)))))
        if let isFlat { pairs.append(.init("flatten", ConfigValue(.bool(isFlat)))) }
        if !augmentation.isIdentity { pairs.append(.init("augment", augmentation.tree)) }
        return ConfigValue(.map(pairs))
    }
}

extension Augmentation {
    var tree: ConfigValue {
        var pairs: [ConfigValue.Pair] = []
        if padding > 0 {
            let crop: [ConfigValue.Pair] = [
                .init("padding", ConfigValue(.int(padding))), .init("fill", ConfigValue(.text(fill.rawValue))),
            ]
            pairs.append(.init("crop", ConfigValue(.map(crop))))
        }
        if flip > 0 { pairs.append(.init("flip", .some(flip))) }
        if cutout > 0 { pairs.append(.init("cutout", ConfigValue(.int(cutout)))) }
        if mixup > 0 { pairs.append(.init("mixup", .some(mixup))) }
        return ConfigValue(.map(pairs))
    }
}
