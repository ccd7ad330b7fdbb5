extension Metric {
    /// The share of examples whose class scores highest; one output is taken as a logit, positive above 0.
    public static let accuracy = Metric.topK(1)

    /// - Parameter threshold: for one output; 0 for logits, ½ for probabilities.
    public static func topK(_ k: Int, threshold: Double = 0) -> Metric {
        Metric(
            k == 1 ? "accuracy" : "top\(k)", tasks: k == 1 ? [.binary, .multiClass] : [.multiClass],
            largerIsBetter: true
        ) {
            TopK(k, threshold: threshold)
        }
    }

    /// Precision, recall or F1; see ``ConfusionMatrix``.
    public static func confusion(
        _ measure: ConfusionMatrix.Measure, name: String? = nil, average: ConfusionMatrix.Average = .automatic,
        threshold: Double = 0
    ) -> Metric {
        Metric(name ?? measure.rawValue, tasks: [.binary, .multiClass], largerIsBetter: true) {
            ConfusionMatrix(measure, average: average, threshold: threshold)
        }
    }

    /// The area under the ROC curve, 0…1, ½ where scores tell nothing; see ``ROCAUC``.
    public static let rocAUC = Metric("rocAUC", tasks: [.binary, .multiClass], largerIsBetter: true) { ROCAUC() }
    /// The mean of (p − t)² over all numbers, in the target's unit squared.
    public static let meanSquaredError = Metric("mse", tasks: [.regression], largerIsBetter: false) {
        MeanError(.squared)
    }
    /// The root of the mean squared error, in the target's unit.
    public static let rootMeanSquaredError = Metric("rmse", tasks: [.regression], largerIsBetter: false) {
        MeanError(.rootSquared)
    }
    /// The mean of |p − t| over all numbers, in the target's unit.
    public static let meanAbsoluteError = Metric("mae", tasks: [.regression], largerIsBetter: false) {
        MeanError(.absolute)
    }
    /// The share of the targets' variance that is explained, at most 1; see ``RSquared``.
    public static let rSquared = Metric("r2", tasks: [.regression], largerIsBetter: true) { RSquared() }

    /// Every metric a configuration may name.
    public static let all = Catalog<Metric>(
        "metric",
        [
            .init("accuracy", "share of examples whose class is right", [threshold]) { o throws(ConfigError) in
                .topK(1, threshold: o["threshold"])
            },
            .init(
                "topK", aliases: ["topKAccuracy"], "share of examples whose class is among the k best",
                [OptionSpec("k", 5, .count(from: 1), "guesses allowed"), threshold]
            ) { o throws(ConfigError) in .topK(o.count("k"), threshold: o["threshold"]) },
            row("precision", .precision, "share of the predicted that are right"),
            row("recall", .recall, "share of the occurring that are found"),
            row("f1", .f1, "harmonic mean of precision and recall"),
            .init("confusionMatrix", "how often each class is taken for each other; the value is accuracy", [threshold])
            {
                o throws(ConfigError) in .confusion(.accuracy, name: "confusionMatrix", threshold: o["threshold"])
            },
            .init("rocAUC", aliases: ["auc"], "how well scores rank positives above negatives") {
                _ throws(ConfigError) in
                .rocAUC
            },
            .init("mse", aliases: ["meanSquaredError"], "mean squared error") { _ throws(ConfigError) in
                .meanSquaredError
            },
            .init("rmse", aliases: ["rootMeanSquaredError"], "root of the mean squared error") {
                _ throws(ConfigError) in
                .rootMeanSquaredError
            },
            .init("mae", aliases: ["meanAbsoluteError"], "mean absolute error") { _ throws(ConfigError) in
                .meanAbsoluteError
            },
            .init("r2", aliases: ["rSquared"], "share of the variance explained") { _ throws(ConfigError) in .rSquared
            },
        ])

    /// The metric of that name; see ``all``.
    ///
    /// - Parameter threshold: the default of the option of that name, from ``Loss/decisionThreshold``.
    /// - Throws: ``ConfigError`` for an unknown name or option, or a value out of its limits.
    public static func named(
        _ name: String, _ options: [String: OptionValue] = [:], threshold: Double? = nil
    ) throws(ConfigError) -> Metric {
        try all.make(name, options: options, defaults: threshold.map { ["threshold": .number($0)] } ?? [:])
    }

    private static let threshold = OptionSpec(
        "threshold", 0, .finite,
        "with one output: above it the positive class is meant; 0 for logits, 0.5 for probabilities")

    private static func row(
        _ name: String, _ measure: ConfusionMatrix.Measure, _ summary: String
    ) -> Catalog<Metric>.Entry {
        let averages = ConfusionMatrix.Average.allCases.map(\.rawValue)
        return .init(
            name, summary, [OptionSpec("average", "automatic", .choice(averages), "how classes are joined"), threshold]
        ) { o throws(ConfigError) in
            .confusion(
                measure, average: ConfusionMatrix.Average(rawValue: o.text("average")) ?? .automatic,
                threshold: o["threshold"])
        }
    }
}
