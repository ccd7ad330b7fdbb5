extension Rule {
    /// Functions without a slope under gradient descent.
    static let stepActivation = Rule(
        "stepActivation", "Activation without a slope", stage: .before,
        explains: [
            "vanishingGradient", "frozenWeights", "plateau", "underfitting", "deadAtBirth", "classCollapse",
            "hiddenActivation", "saturatedUnits", "dyingReLU", "learningRateTooLow", "criticalInitialization",
            "depthWithoutSkip", "zigZag",
        ],
        explanation: Rule.Explanation(
            what: """
                Gradient descent learns from how the loss changes when a weight changes a little. A step is flat on both \
                sides: a little change changes nothing, so no layer in front of it ever learns.
                """,
            mathematics: "φ′(z) = 0 for every z but the jump, and the gradient in front of it is a product with φ′.",
            threshold: "Exact: E[φ′(z)²] = 0 over all inputs.",
            lookAlikes: """
                Saturated sigmoids are nearly flat but have a slope, which smaller weights bring back. A step with a \
                straight-through gradient passes one by decree, and is not meant here.
                """,
            sources: [
                "Rosenblatt 1958, The perceptron: a probabilistic model",
                "Bengio, Léonard & Courville 2013, Estimating or propagating gradients through stochastic neurons",
            ])
    ) { evidence in
        let rows = evidence.setup.layers
        let flat = rows.filter { row in
            row.kind == "mcCullochPitts" || (row.facts.map { $0.meanSquareSlope == 0 && $0.meanSquare > 0 } ?? false)
        }
        guard let first = flat.first, let place = rows.firstIndex(where: { $0.path == first.path }) else {
            return .healthy
        }
        let frozen = rows[...place].filter { $0.trainable > 0 }
        guard !frozen.isEmpty else { return .healthy }
        let name = first.activation ?? first.kind
        return .finding(
            Finding(
                "stepActivation", "Activation without a slope", layers: flat.map(\.path), severity: .failure,
                confidence: 0.99,
                """
                \(name) behind \(first.path) is flat everywhere, so that no gradient passes it. The weights of \
                \(count(frozen.count, "layer")) up to there can never change.
                """,
                evidence: [
                    .init("E[φ′²] of \(name)", 0, expected: "about 0.5 or more"),
                    .init("layers that cannot learn", Double(frozen.count), expected: "0"),
                ],
                suggestions: [
                    .init("reluActivation", "flat on one side only, of slope 1 on the other"),
                    .init("tanhActivation", "a step with rounded corners, which has a slope"),
                ]))
    }
}
