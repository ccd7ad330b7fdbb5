/// Which faults a finding answers for.
///
/// A label says what a person changed or would change; a finding says what hurts. The table is the honest meeting of both:
/// a gradient that vanishes in the activations is a wrong activation, one that vanishes in the weights a wrong
/// initialisation, and either is a matter of depth, because a shortcut past the layers would cure it.
public enum CaseCauses {
    /// What the codes of labels mean.
    public static let codes: [String: String] = [
        "ACT": "hidden activation", "OUT_ACT": "output activation", "LOSS": "loss function", "LR": "learning rate",
        "OPT": "optimizer", "EPOCH": "too few epochs", "BATCH": "batch size", "INIT": "weight initialisation",
        "PREP": "preprocessing", "DEPTH": "depth without skip or norm", "LAYER": "missing or wrong layers",
        "UNITS": "layer size", "REG": "regularisation", "LABELS": "corrupted labels", "BN": "batch norm",
        "DATA": "class imbalance and the like", "ACT_WIDTH": "narrow deep ReLU",
    ]

    private struct Row {
        let rule: String
        /// `nil` fits every variant that has no row of its own.
        var cause: String?
        let codes: Set<String>

        init(_ rule: String, _ codes: Set<String>) { (self.rule, self.codes) = (rule, codes) }

        init(_ rule: String, _ cause: String, _ codes: Set<String>) {
            (self.rule, self.cause, self.codes) = (rule, cause, codes)
        }
    }

    private static let table: [Row] = [
        // Before training.
        Row("linearCollapse", ["ACT", "LAYER"]),
        Row("outputActivation", ["OUT_ACT"]),
        // Softmax over one unit: another function, or as many units as classes.
        Row("outputActivation", "singleSoftmax", ["OUT_ACT", "UNITS"]),
        Row("lossMismatch", ["LOSS"]),
        Row("stepActivation", ["ACT"]),
        Row("hiddenActivation", ["ACT"]),
        Row("criticalInitialization", ["INIT"]),
        Row("symmetricInitialization", ["INIT"]),
        Row("inputScale", ["PREP"]),
        Row("inputCentring", ["PREP"]),
        Row("constantInputs", ["PREP"]),
        Row("nonFiniteInputs", ["PREP"]),
        Row("targetScale", ["PREP"]),
        // Labels beyond what the outputs can say: too few units, or the wrong function or loss for them.
        Row("labelRange", ["UNITS", "OUT_ACT", "LOSS"]),
        Row("learningRateRange", ["LR"]),
        Row("optimizerSettings", ["OPT"]),
        Row("deadAtBirth", ["ACT_WIDTH", "INIT"]),
        Row("firstLoss", ["INIT"]),
        Row("narrowLayers", ["UNITS", "ACT_WIDTH"]),
        Row("depthWithoutSkip", ["DEPTH"]),
        Row("batchNormBatch", ["BATCH"]),
        Row("batchSize", ["BATCH"]),
        Row("frozenStatistics", ["BN"]),
        Row("epochsTooFew", ["EPOCH"]),
        Row("classImbalance", ["DATA"]),
        Row("regularization", ["REG"]),
        // While training.
        Row("vanishingGradient", ["ACT", "DEPTH"]),
        Row("vanishingGradient", "activation", ["ACT", "DEPTH"]),
        Row("vanishingGradient", "weights", ["INIT", "DEPTH"]),
        Row("vanishingGradient", "signal", ["INIT", "DEPTH"]),
        Row("vanishingGradient", "saturation", ["ACT", "PREP"]),
        Row("explodingGradient", ["INIT", "ACT", "LR"]),
        Row("explodingGradient", "activation", ["ACT"]),
        Row("explodingGradient", "weights", ["INIT"]),
        Row("nonFinite", ["LR", "ACT", "INIT"]),
        Row("saturatedUnits", ["ACT", "PREP"]),
        Row("dyingReLU", ["ACT_WIDTH", "LR", "ACT"]),
        Row("zigZag", ["PREP", "ACT"]),
        Row("covariateShift", ["BN"]),
        Row("shatteredGradients", ["DEPTH"]),
        Row("oscillatingLoss", ["LR", "BATCH"]),
        Row("divergingLoss", ["LR", "OPT"]),
        Row("learningRateTooHigh", ["LR"]),
        Row("learningRateTooLow", ["LR"]),
        Row("frozenWeights", ["LR", "INIT"]),
        Row("overfitting", ["REG"]),
        Row("dropoutTooHigh", ["REG"]),
        Row("underfitting", ["UNITS", "LAYER"]),
        Row("underfitting", "capacity", ["UNITS", "LAYER"]),
        Row("underfitting", "time", ["EPOCH"]),
        Row("classCollapse", ["DATA"]),
        Row("labels", ["LABELS"]),
    ]

    /// What puts a labelled fault right, where nothing was found that suggests anything.
    private static let cures: [String: String] = [
        "ACT": "reluActivation", "OUT_ACT": "matchOutput", "LOSS": "matchOutput", "LR": "rangeTest",
        "OPT": "adamOptimizer", "EPOCH": "trainLonger", "BATCH": "largerBatch", "INIT": "heInitialization",
        "PREP": "scaleInputs", "DEPTH": "residual", "UNITS": "wider", "REG": "moreRegularization",
        "BN": "movingStatistics", "DATA": "classWeights", "ACT_WIDTH": "leakyReluActivation",
    ]

    /// The labelled faults as suspicions, so that a label can be checked: what does putting them right gain?
    package static func suspicions(faults: [String]) -> [Finding] {
        var known: Set<String> = []
        return faults.flatMap { $0.split(separator: "/").map(String.init) }.compactMap { code in
            guard let cure = cures[code], known.insert(cure).inserted else { return nil }
            return Finding(
                code, codes[code] ?? code, severity: .note, confidence: 0, "As labelled.",
                suggestions: [.init(cure, "puts the labelled fault right")])
        }
    }

    /// The codes of faults that a finding of this rule and variant answers for.
    public static func codes(rule: String, cause: String?) -> Set<String> {
        let rows = table.filter { $0.rule == rule }
        return (rows.first { $0.cause == cause } ?? rows.first { $0.cause == nil })?.codes ?? []
    }

    /// Whether a finding names one of the labelled faults; `ACT/OUT_ACT` means either.
    public static func answers(rule: String, cause: String?, faults: [String]) -> Bool {
        let wanted = Set(faults.flatMap { $0.split(separator: "/").map(String.init) })
        return !codes(rule: rule, cause: cause).isDisjoint(with: wanted)
    }
}
