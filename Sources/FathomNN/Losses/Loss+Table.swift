extension Loss {
    /// Every loss a configuration may name.
    public static let all = Catalog<Loss>(
        "loss",
        [
            .init(
                "meanSquaredError", aliases: ["mse", "squaredError", "l2"], "mean squared difference, for regression"
            ) {
                _ throws(ConfigError) in .meanSquaredError
            },
            .init(
                "meanAbsoluteError", aliases: ["mae", "absoluteError", "l1"],
                "mean absolute difference: robust regression"
            ) {
                _ throws(ConfigError) in .meanAbsoluteError
            },
            .init(
                "huber", "squared near 0, linear beyond delta: regression with outliers",
                [OptionSpec("delta", 1, .positive, "where the square turns into a line")]
            ) { o throws(ConfigError) in .huber(delta: o["delta"]) },
            .init(
                "smoothL1", "Huber's loss divided by beta",
                [OptionSpec("beta", 1, .positive, "where the square turns into a line")]
            ) { o throws(ConfigError) in .smoothL1(beta: o["beta"]) },
            .init(
                "sigmoidCrossEntropy", aliases: ["bceWithLogits", "binaryCrossEntropyWithLogits"],
                "two classes with one logit, or several yes-no labels",
                [OptionSpec("positiveWeights", 1, .weights, "cost of a missed positive, one number or one per output")]
            ) { o throws(ConfigError) in .sigmoidCrossEntropy(positiveWeights: o.numbers("positiveWeights") ?? [1]) },
            .init("binaryCrossEntropy", aliases: ["bce"], "two classes with one probability (after a sigmoid)") {
                _ throws(ConfigError) in .binaryCrossEntropy
            },
            .init("softmaxCrossEntropy", aliases: ["crossEntropy"], "one class in C, on logits", categoricalOptions) {
                o throws(ConfigError) in
                .softmaxCrossEntropy(labelSmoothing: o["labelSmoothing"], classWeights: o.numbers("classWeights"))
            },
            .init("categoricalCrossEntropy", "one class in C, on probabilities (after a softmax)", categoricalOptions) {
                o throws(ConfigError) in
                .categoricalCrossEntropy(labelSmoothing: o["labelSmoothing"], classWeights: o.numbers("classWeights"))
            },
            .init("hinge", "two classes by margin, labels ±1 or 0/1", [squared]) { o throws(ConfigError) in
                .hinge(squared: o.flag("squared"))
            },
            .init(
                "multiClassHinge", aliases: ["multiMargin"], "one class in C by margin",
                [OptionSpec("margin", 1, .positive, "the distance wanted"), squared]
            ) { o throws(ConfigError) in .multiClassHinge(margin: o["margin"], squared: o.flag("squared")) },
            .init(
                "kullbackLeibler", aliases: ["kl", "klDivergence"], "distance to a target distribution, on log-softmax"
            ) {
                _ throws(ConfigError) in .kullbackLeibler
            },
        ])

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
