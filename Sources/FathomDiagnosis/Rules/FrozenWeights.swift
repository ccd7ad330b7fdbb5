import FathomNN

extension Rule {
    static let frozenWeights = Rule(
        "frozenWeights", "Weights that do not move", stage: .during, explains: ["plateau", "underfitting"],
        explanation: Explanation(
            what: """
                A layer's weights stay as they were drawn, step after step, though they are meant to be learnt: their \
                gradient is 0, or so small that adding the step does not change the number.
                """,
            mathematics: """
                Single precision has 24 binary digits: a change of less than 2⁻²⁴ ≈ 6e−8 of a number leaves it as it is. A \
                step relative to the weights, √(E[Δw²]/E[w²]), below that is no step.
                """,
            threshold: """
                Below 2⁻²⁴ at the last look and at half of all looks. Parameters that the configuration freezes do not count. \
                In a network that learns all the same it is a note.
                """,
            lookAlikes: """
                Weights that have converged stop too, but not from the start. All layers at once: the learning rate is 0 or \
                nearly so, or no gradient leaves the loss. Only those in front: vanishingGradient or dyingReLU, named first.
                """,
            sources: ["IEEE 754-2019, Standard for floating-point arithmetic"])
    ) { evidence in
        guard let course = evidence.course else { return .notYet("needs to watch training") }
        let looks = course.examinations.filter { $0.layers.contains { $0.weights.contains { $0.updateRatio != nil } } }
        guard looks.count >= 3, let last = looks.last else { return .notYet("needs three looks at a step") }
        let limit = 6e-8
        func ratio(_ look: Examination, _ path: String) -> Double? {
            look.layers.lazy.flatMap(\.weights).first { $0.path == path }?.updateRatio
        }
        let weights = last.layers.flatMap { layer in layer.weights.map { (layer: layer.path, weight: $0) } }
            .filter { !(evidence.setup.optimizer.group(of: $0.weight.path)?.isFrozen ?? false) }
        let frozen = weights.filter { entry in
            guard let now = ratio(last, entry.weight.path), now < limit else { return false }
            return 2 * looks.count { (ratio($0, entry.weight.path) ?? 1) < limit } >= looks.count
        }
        guard let worst = frozen.first else { return .healthy }
        let standing = evidence.standing
        let isAll = frozen.count == weights.count
        let since = looks.last { (ratio($0, worst.weight.path) ?? 1) >= limit }?.step ?? 0
        return .finding(
            Finding(
                "frozenWeights", "Weights that do not move", cause: isAll ? "all" : "some", layers: frozen.map(\.layer),
                since: since, severity: standing.severity, confidence: isAll ? 0.85 : 0.7,
                """
                \(isAll ? "No weight" : "\(frozen.count) of \(weights.count) weight matrices, \(place(worst.layer)) among them, do not move: none of their numbers")\
                \(isAll ? " of the network" : "") changes by more than the last digit at a step. Their gradients have a size of \
                \(short(worst.weight.gradientSize)), at weights of \(short(worst.weight.size)).
                """,
                evidence: [
                    .init("step / weights", ratio(last, worst.weight.path) ?? 0, expected: "about 0.001"),
                    .init("size of the gradient", worst.weight.gradientSize),
                    .init("learning rate", evidence.setup.learningRate),
                ],
                suggestions: [
                    .init("raiseLearningRate", "steps that are more than a rounding error"),
                    .init("adamOptimizer", "steps of a size that does not depend on that of the gradient"),
                    .init("leakyReluActivation", "a gradient for units that are off"),
                    .init("heInitialization", "signals and gradients of the right size from the start"),
                ]))
    }
}
