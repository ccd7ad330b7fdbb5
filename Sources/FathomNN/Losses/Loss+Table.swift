extension Loss {
    /// Every loss a configuration may name.
    public static let all = Catalog<Loss>(
        "loss",
        [
            elementwise(
                "meanSquaredError", aliases: ["mse", "squaredError", "l2"], "mean squared difference, for regression",
                [OptionSpec("crossed", false, .flag, "every prediction with every target: a mistake to be studied")]
            ) { $0.flag("crossed") ? .crossedSquaredError : .meanSquaredError },
            elementwise(
                "meanAbsoluteError", aliases: ["mae", "absoluteError", "l1"],
                "mean absolute difference: robust regression"
            ) { _ in .meanAbsoluteError },
            elementwise(
                "huber", "squared near 0, linear beyond delta: regression with outliers",
                [OptionSpec("delta", 1, .positive, "where the square turns into a line")]
            ) { .huber(delta: $0["delta"]) },
            elementwise("logCosh", "squared near 0, linear far out, smooth: regression with outliers") { _ in .logCosh
            },
            elementwise("poisson", "counts, on a positive rate") { _ in .poisson },
            elementwise("meanSquaredLogarithmicError", aliases: ["msle"], "relative errors of sizes") { _ in
                .meanSquaredLogarithmicError
            },
            elementwise("meanAbsolutePercentageError", aliases: ["mape"], "errors as percentages of the target") { _ in
                .meanAbsolutePercentageError
            },
            .init(
                "smoothL1", "Huber's loss divided by beta",
                [OptionSpec("beta", 1, .positive, "where the square turns into a line")]
            ) { o throws(ConfigError) in .smoothL1(beta: o["beta"]) },
            .init(
                "sigmoidCrossEntropy", aliases: ["bceWithLogits", "binaryCrossEntropyWithLogits"],
                "two classes with one logit, or several yes-no labels",
                [OptionSpec("positiveWeights", 1, .weights, "cost of a missed positive, one number or one per output")]
            ) { o throws(ConfigError) in .sigmoidCrossEntropy(positiveWeights: o.numbers("positiveWeights") ?? [1]) },
            elementwise(
                "binaryCrossEntropy", aliases: ["bce"], "two classes with one probability (after a sigmoid)", [clip]
            ) { .binaryCrossEntropy(clip: $0["clip"]) },
            .init("softmaxCrossEntropy", aliases: ["crossEntropy"], "one class in C, on logits", categoricalOptions) {
                o throws(ConfigError) in
                .softmaxCrossEntropy(labelSmoothing: o["labelSmoothing"], classWeights: o.numbers("classWeights"))
            },
            .init(
                "categoricalCrossEntropy", "one class in C, on probabilities (after a softmax)",
                categoricalOptions + [
                    clip, OptionSpec("normalized", false, .flag, "divide each row by its sum first, as Keras does"),
                    OptionSpec(
                        "reduction", "mean", .choice(Reduction.allCases.map(\.rawValue)),
                        "how rows become one number; all but mean are mistakes to be studied"),
                ]
            ) { o throws(ConfigError) in
                let reduction = Reduction(rawValue: o.text("reduction")) ?? .mean
                guard o["clip"] > 0 || o.flag("normalized") || reduction != .mean else {
                    return .categoricalCrossEntropy(
                        labelSmoothing: o["labelSmoothing"], classWeights: o.numbers("classWeights"))
                }
                if o["labelSmoothing"] != 0 || o.numbers("classWeights") != nil {
                    throw ConfigError(
                        key: "loss.clip", message: "clip, normalized and reduction go without smoothing and weights")
                }
                return .categoricalCrossEntropy(
                    clip: o["clip"], normalized: o.flag("normalized"), reduction: reduction)
            },
            elementwise("hinge", "two classes by margin, labels ±1 or 0/1", [squared]) {
                .hinge(squared: $0.flag("squared"))
            },
            .init(
                "multiClassHinge", aliases: ["multiMargin"], "one class in C by margin",
                [OptionSpec("margin", 1, .positive, "the distance wanted"), squared]
            ) { o throws(ConfigError) in .multiClassHinge(margin: o["margin"], squared: o.flag("squared")) },
            .init(
                "margin", "each class of C by itself, on capsule lengths",
                [
                    OptionSpec("positive", 0.9, .unit, "the length wanted of a class that is there"),
                    OptionSpec("negative", 0.1, .unit, "the length allowed to one that is not"),
                    OptionSpec("absent", 0.5, .positive, "weight of classes that are not there"),
                ]
            ) { o throws(ConfigError) in
                .margin(positive: o["positive"], negative: o["negative"], absent: o["absent"])
            },
            .init(
                "kullbackLeibler", aliases: ["kl", "klDivergence"], "distance to a target distribution, on log-softmax"
            ) {
                _ throws(ConfigError) in .kullbackLeibler
            },
        ])

    /// A row whose loss compares element by element, so that labels may become rows of 0 and 1.
    private static func elementwise(
        _ name: String, aliases: [String] = [], _ summary: String, _ options: [OptionSpec] = [],
        _ make: @escaping @Sendable (Options) -> Loss
    ) -> Catalog<Loss>.Entry {
        let oneHot = OptionSpec("oneHot", false, .flag, "labels become rows of 0 and 1, one output per class")
        return .init(name, aliases: aliases, summary, options + [oneHot]) { o throws(ConfigError) in
            o.flag("oneHot") ? make(o).onOneHotRows() : make(o)
        }
    }

    private static let clip = OptionSpec(
        "clip", 0, .fraction, "probabilities are kept this far from 0 and 1; Keras takes 1e-7")
    private static let squared = OptionSpec("squared", false, .flag, "square what is missing")
    private static let categoricalOptions = [
        OptionSpec("labelSmoothing", 0, .unit, "share of the target spread over all classes"),
        OptionSpec("classWeights", nil, .weights, "one weight per class"),
    ]

    /// The loss of that name; see ``all``.
    ///
    /// - Throws: ``ConfigError`` for an unknown name or option, or a value out of its limits.
    public static func named(_ name: String, _ options: [String: OptionValue] = [:]) throws(ConfigError) -> Loss {
        try all.make(name, options: options)
    }
}
