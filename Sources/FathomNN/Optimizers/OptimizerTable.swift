/// The optimisers a configuration may name; defaults are PyTorch's.
public enum OptimizerTable {
    /// One row for each name; all take `learningRate` and `weightDecay`.
    public static let all = Catalog<any Optimizer>(
        "optimizer",
        [
            .init("sgd", "plain gradient descent, or with momentum", [rate(1e-3), momentum(0), nesterov] + decay) {
                o throws(ConfigError) in try sgd(o, momentum: o["momentum"], nesterov: o.flag("nesterov"))
            },
            .init("momentum", "gradient descent with momentum", [rate(1e-3), momentum(0.9)] + decay) {
                o throws(ConfigError) in try sgd(o, momentum: o["momentum"], nesterov: false)
            },
            .init("nesterov", "gradient descent with Nesterov momentum", [rate(1e-3), momentum(0.9)] + decay) {
                o throws(ConfigError) in try sgd(o, momentum: o["momentum"], nesterov: true)
            },
            .init(
                "adagrad", "steps shrink with the sum of squared gradients: sparse features",
                [
                    rate(1e-2), epsilon(1e-10),
                    OptionSpec("learningRateDecay", 0, .nonNegative, "the rate falls as η / (1 + (t − 1)·decay)"),
                    OptionSpec("initialAccumulator", 0, .nonNegative, "what the sum of squares starts from"),
                ] + decay
            ) { o throws(ConfigError) in
                Adagrad(
                    learningRate: o["learningRate"], learningRateDecay: o["learningRateDecay"],
                    initialAccumulator: o["initialAccumulator"], epsilon: o["epsilon"], weightDecay: weightDecay(o))
            },
            .init(
                "adadelta", "steps in the parameter's own units, no rate to choose",
                [rate(1), OptionSpec("rho", 0.9, .fraction, "memory of the running squares"), epsilon(1e-6)] + decay
            ) { o throws(ConfigError) in
                Adadelta(
                    learningRate: o["learningRate"], rho: o["rho"], epsilon: o["epsilon"], weightDecay: weightDecay(o))
            },
            .init(
                "rmsprop", "steps divided by the running root mean square",
                [
                    rate(1e-2), OptionSpec("alpha", 0.99, .fraction, "memory of the running square"), epsilon(1e-8),
                    momentum(0), OptionSpec("centered", false, .flag, "divide by the variance's root"),
                ] + decay
            ) { o throws(ConfigError) in
                RMSprop(
                    learningRate: o["learningRate"], alpha: o["alpha"], epsilon: o["epsilon"], momentum: o["momentum"],
                    centered: o.flag("centered"), weightDecay: weightDecay(o))
            },
            .init(
                "adam", "running mean and square of the gradient: the usual choice",
                [rate(1e-3), amsgrad] + betas(0.999) + decay
            ) {
                o throws(ConfigError) in
                Adam(
                    learningRate: o["learningRate"], beta1: o["beta1"], beta2: o["beta2"], epsilon: o["epsilon"],
                    weightDecay: weightDecay(o), amsgrad: o.flag("amsgrad"))
            },
            .init("adamW", "Adam with decoupled weight decay", [rate(1e-3)] + betas(0.999) + [decayRate(1e-2)]) {
                o throws(ConfigError) in
                AdamW(
                    learningRate: o["learningRate"], beta1: o["beta1"], beta2: o["beta2"], epsilon: o["epsilon"],
                    weightDecay: o["weightDecay"])
            },
            .init(
                "nadam", "Adam with Nesterov's look-ahead",
                [rate(2e-3)] + betas(0.999) + [
                    OptionSpec("momentumDecay", 4e-3, .nonNegative, "how fast the momentum warms up")
                ] + decay
            ) { o throws(ConfigError) in
                NAdam(
                    learningRate: o["learningRate"], beta1: o["beta1"], beta2: o["beta2"], epsilon: o["epsilon"],
                    momentumDecay: o["momentumDecay"], weightDecay: weightDecay(o))
            },
            .init(
                "adamax", "Adam by the largest recent gradient", [rate(2e-3)] + betas(0.999) + decay
            ) { o throws(ConfigError) in
                Adamax(
                    learningRate: o["learningRate"], beta1: o["beta1"], beta2: o["beta2"], epsilon: o["epsilon"],
                    weightDecay: weightDecay(o))
            },
            .init(
                "lion", "the sign of a momentum: half of Adam's memory",
                [rate(1e-4)] + betas(0.99).dropLast() + [decayRate(0)]
            ) { o throws(ConfigError) in
                Lion(
                    learningRate: o["learningRate"], beta1: o["beta1"], beta2: o["beta2"],
                    weightDecay: .decoupled(o["weightDecay"]))
            },
        ])

    /// The optimiser of that name; see ``all``.
    ///
    /// - Throws: ``ConfigError`` for an unknown name or option, or a value out of its limits.
    public static func named(_ name: String, _ options: [String: OptionValue] = [:]) throws(ConfigError)
        -> any Optimizer
    {
        try all.make(name, options: options)
    }

    // What rows share.
    private static func rate(_ x: Double) -> OptionSpec {
        OptionSpec("learningRate", .number(x), .nonNegative, "step size η")
    }
    private static func epsilon(_ x: Double) -> OptionSpec {
        OptionSpec("epsilon", .number(x), .nonNegative, "added to the denominator")
    }
    private static func momentum(_ x: Double) -> OptionSpec {
        OptionSpec("momentum", .number(x), .fraction, "share of the last step kept")
    }
    private static let nesterov = OptionSpec("nesterov", false, .flag, "look ahead along the momentum")
    private static let amsgrad = OptionSpec("amsgrad", false, .flag, "divide by the largest square so far")
    private static func decayRate(_ x: Double) -> OptionSpec {
        OptionSpec("weightDecay", .number(x), .nonNegative, "pull towards 0, λ")
    }
    private static let decay = [
        decayRate(0), OptionSpec("decoupled", false, .flag, "decay beside the update instead of through the gradient"),
    ]
    private static func betas(_ beta2: Double) -> [OptionSpec] {
        [
            OptionSpec("beta1", 0.9, .fraction, "memory of the mean"),
            OptionSpec("beta2", .number(beta2), .fraction, "memory of the square"), epsilon(1e-8),
        ]
    }
    private static func weightDecay(_ o: Options) -> WeightDecay {
        WeightDecay(rate: o["weightDecay"], isDecoupled: o.flag("decoupled"))
    }
    private static func sgd(_ o: Options, momentum: Double, nesterov: Bool) throws(ConfigError) -> SGD {
        if nesterov && momentum == 0 {
            throw ConfigError(key: "optimizer.nesterov", message: "Nesterov's form needs a momentum, such as 0.9")
        }
        return SGD(learningRate: o["learningRate"], momentum: momentum, nesterov: nesterov, weightDecay: weightDecay(o))
    }
}
