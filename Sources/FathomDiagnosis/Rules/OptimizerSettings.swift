import FathomNN

extension Rule {
    /// Settings of the optimiser far from any that work.
    static let optimizerSettings = Rule(
        "optimizerSettings", "Optimiser settings", stage: .before,
        explains: [
            "divergingLoss", "nonFinite", "explodingGradient", "classCollapse", "underfitting", "plateau",
            "oscillatingLoss", "saturatedUnits", "dyingReLU", "learningRateTooHigh", "learningRateTooLow", "labels",
            "learningRateRange", "frozenWeights", "zigZag", "covariateShift",
        ],
        explanation: Rule.Explanation(
            what: """
                Beside the learning rate an optimiser has settings that hardly anyone changes: how long it remembers, and \
                what keeps it from dividing by 0. Far from their defaults they make steps explode or stand still. A sign that \
                was turned round makes training climb instead of descend.
                """,
            mathematics: """
                Adam's step is η·m/(√v + ε), with m and v averages over about 1/(1 − β₁) and 1/(1 − β₂) steps. Where a gradient \
                is nearly 0, v is about g², and without ε noise of any size becomes a full step; ε must also be seen beside \
                32-bit numbers. Bounded steps need β₁ < √β₂. Along −g the loss falls by η·|g|² to first order; rising, \
                it is followed along +g.
                """,
            threshold: """
                ε below 10⁻¹² or above 10⁻² (defaults: 10⁻⁸ in the paper, 10⁻⁷ in Keras); β₁ ≥ √β₂ (Kingma & Ba 2015); momenta \
                of 0.999 and more, whose memory of 1,000 steps outlasts changes of direction; a rate of 0; a loss that \
                rises along each examined step, even a quarter of it, and over the whole course.
                """,
            lookAlikes: """
                A learning rate that is too high makes the loss rise as well, but along a quarter of the step or less it falls, \
                and it rises unevenly.
                """,
            sources: [
                "Kingma & Ba 2015, Adam: a method for stochastic optimization",
                "Reddi, Kale & Kumar 2018, On the convergence of Adam and beyond",
                "Goh 2017, Why momentum really works",
            ])
    ) { evidence in
        let (setup, optimizer) = (evidence.setup, evidence.setup.optimizer.optimizer)
        let name = optimizer.name
        let rate = optimizer.learningRate
        func found(
            _ cause: String, _ severity: Finding.Severity, _ confidence: Double, _ title: String, _ text: String,
            _ facts: [Finding.Fact], _ suggestions: [Finding.Suggestion]
        ) -> Finding {
            Finding(
                "optimizerSettings", title, cause: cause, severity: severity, confidence: confidence, text,
                evidence: facts, suggestions: suggestions)
        }
        let defaults = Finding.Suggestion("defaultOptimizerSettings", "the published values, which serve nearly always")
        if rate == 0 {
            return .finding(
                found(
                    "zeroRate", .failure, 1, "Learning rate 0",
                    "The learning rate of \(name) is 0. Nothing moves, however long it trains.",
                    [.init("learning rate", 0, expected: "above 0")],
                    [.init("raiseLearningRate", "steps need a length"), defaults]))
        }
        if let rise = Ascent(evidence) {
            return .finding(
                found(
                    "ascent", .failure, rate < 0 ? 1 : 0.96, "Climbing instead of descending",
                    """
                    \(rate < 0
                        ? "The learning rate \(short(rate)) is negative, so that steps go up the slope."
                        : "Each step goes where the loss rises: along \(percent(rise.share)) of the examined steps it is higher already after a quarter of the way.") \
                    Training makes the network worse as fast as it can.
                    """,
                    [
                        .init("learning rate", rate, expected: "above 0"),
                        .init("steps along which the loss rises from the start", rise.share, expected: "few"),
                        .init("last loss / first loss", rise.growth, expected: "below 1"),
                    ], [.init("descend", "turns the sign round"), defaults]))
        }
        var momenta: [(String, Double)] = []
        var epsilon: Double?
        var beta2: Double?
        switch optimizer {
        case let adam as Adam:
            (epsilon, beta2, momenta) = (adam.epsilon, adam.beta2, [("β₁", adam.beta1)])
        case let nadam as NAdam:
            (epsilon, beta2, momenta) = (nadam.epsilon, nadam.beta2, [("β₁", nadam.beta1)])
        case let rms as RMSprop: (epsilon, momenta) = (rms.epsilon, [("momentum", rms.momentum)])
        case let sgd as SGD: momenta = [("momentum", sgd.momentum)]
        default: break
        }
        if let epsilon, epsilon < 1e-12 {
            return .finding(
                found(
                    "epsilon", .warning, 0.9, "ε is too small",
                    """
                    \(name) divides by √v + ε with ε = \(short(epsilon)), which 32-bit numbers cannot tell from 0 beside any \
                    gradient. A weight whose gradient is nearly 0 still makes full steps, on nothing but noise.
                    """, [.init("ε", epsilon, expected: "10⁻⁸ to 10⁻⁷")], [defaults]))
        }
        if let epsilon, epsilon > 1e-2 {
            return evidence.tempered(
                found(
                    "epsilon", .warning, 0.75, "ε is very large",
                    """
                    \(name) divides by √v + ε with ε = \(short(epsilon)), far more than most gradients. Steps are then about \
                    \(short(1 / epsilon)) times the gradient and the learning rate \(short(rate)): often hardly any.
                    """, [.init("ε", epsilon, expected: "10⁻⁸ to 10⁻⁷")], [defaults]))
        }
        if let long = momenta.first(where: { $0.1 >= 0.999 }) {
            return evidence.tempered(
                found(
                    "momentum", .warning, 0.8, "Memory of gradients too long",
                    """
                    \(long.0) of \(short(long.1)) averages over about \(short(1 / max(1 - long.1, 1e-9))) steps, of \
                    \(setup.plannedSteps) planned. Steps go on in directions that were right long ago, and swing about the \
                    minimum.
                    """, [.init(long.0, long.1, expected: "0.9 to 0.99")], [defaults]))
        }
        if let beta2, let beta1 = momenta.first?.1, beta1 > 0, beta1 >= beta2.squareRoot() {
            return evidence.tempered(
                found(
                    "betas", .warning, 0.75, "β₁ outlasts β₂",
                    """
                    β₁ = \(short(beta1)) remembers gradients longer than β₂ = \(short(beta2)) their size. A gradient that was large \
                    once is then divided by a size that is forgotten, and steps grow without bound.
                    """,
                    [.init("β₁ / √β₂", beta1 / max(beta2.squareRoot(), 1e-12), expected: "below 1")], [defaults]))
        }
        return .healthy
    }
}

/// Steps that go up.
private struct Ascent {
    /// Of the examined steps, those along which the loss rises from the start.
    let share: Double
    /// Last loss by first loss.
    let growth: Double

    /// - Returns: `nil` unless all signs of it are there.
    init?(_ evidence: Evidence) {
        let rate = evidence.setup.optimizer.optimizer.learningRate
        let losses = evidence.course?.losses ?? []
        let finite = losses.prefix { $0.isFinite }
        growth = finite.isEmpty || finite[0] == 0 ? .nan : Double((finite.last ?? 0) / finite[0])
        if rate < 0 {
            share = 1
            return
        }
        // Even a quarter of the step leads up, and the half leads twice as far: a slope, no leap over a valley.
        let steps = StepSizes(evidence.course?.examinations ?? [])
        share = steps.climbingShare
        guard steps.climbs, growth > 2 else { return nil }
    }
}
