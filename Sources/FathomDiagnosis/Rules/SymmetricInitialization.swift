extension Rule {
    /// Units that start equal, and so stay equal.
    static let symmetricInitialization = Rule(
        "symmetricInitialization", "Symmetric initialisation", stage: .before,
        explains: [
            "deadAtBirth", "criticalInitialization", "vanishingGradient", "explodingGradient", "plateau",
            "underfitting",
            "classCollapse", "frozenWeights", "saturatedUnits", "dyingReLU", "learningRateTooLow", "depthWithoutSkip",
            "narrowLayers", "labels", "zigZag", "epochsTooFew", "oscillatingLoss", "covariateShift",
        ],
        explanation: Rule.Explanation(
            what: """
                Units learn different things because they start different. If all weights of a layer begin with the same \
                number, all its units see the same sum, give the same answer, and get the same gradient: they stay copies of \
                one unit for ever.
                """,
            mathematics: """
                Unit j's gradient is δⱼ·x with δⱼ = φ′(zⱼ)·Σₖ wⱼₖδₖ. Equal incoming and equal outgoing weights make all δⱼ \
                equal, so that gradient descent keeps them equal. With weights of 0 behind a ReLU z = 0, φ′ = 0: no \
                gradient at all.
                """,
            threshold: """
                At least 99 % of a hidden layer's units share their incoming weights with another unit, and either no gradient \
                reaches them or their outgoing weights are equal too. With different outgoing weights they part after a \
                step: a warning.
                """,
            lookAlikes: """
                Zeros in the last layer, or in the last one of a residual branch, are sound: what they get differs from unit \
                to unit. Biases are equal in every network.
                """,
            sources: [
                "Rumelhart, Hinton & Williams 1986, Learning representations by back-propagating errors",
                "Goodfellow, Bengio & Courville 2016, Deep learning, section 8.4",
            ])
    ) { evidence in
        guard let birth = evidence.birth else { return .notYet("needs the network before its first step") }
        // Containers hold what they add to; a zero there is a start from the identity.
        let weighted = birth.layers.filter { !$0.weights.isEmpty && !$0.isContainer }
        guard weighted.count > 1 else { return .healthy }
        func isSymmetric(_ layer: Examination.Layer) -> Bool {
            layer.weights.contains { $0.units > 1 && $0.inputs > 0 && $0.duplicateUnits >= 0.99 }
        }
        // Learning needs different units before the last layer, of which zeros are no fault.
        let hidden = weighted.dropLast()
        let equal = hidden.filter { $0.isOuter && isSymmetric($0) }
        guard let first = equal.first else { return .healthy }
        let initializers = evidence.setup.layers.first { $0.path == first.path }?.initializers ?? []
        guard let place = weighted.firstIndex(where: { $0.path == first.path }) else { return .healthy }
        let after = weighted[weighted.index(after: place)]
        let isWithoutGradient = first.weights.allSatisfy { $0.gradientSize == 0 }
        // A single unit behind has one outgoing weight for each unit: all equal where they were drawn as a constant.
        let afterIsConstant =
            isSymmetric(after)
            || (evidence.setup.layers.first { $0.path == after.path }?.initializers ?? []).contains {
                ["zeros", "ones"].contains($0) || $0.hasPrefix("constant")
            }
        let isFailure = isWithoutGradient || afterIsConstant
        let size = first.weights.first?.size ?? 0
        let finding = Finding(
            "symmetricInitialization", "Symmetric initialisation", cause: size == 0 ? "zeros" : "constant",
            layers: equal.map(\.path), severity: isFailure ? .failure : .warning, confidence: isFailure ? 0.98 : 0.8,
            """
            All \(first.weights.first?.units ?? 0) units of \(first.path) start with the same weights\
            \(initializers.isEmpty ? "" : " (\(initializers.joined(separator: ", ")))"). \
            \(isWithoutGradient
                ? "No gradient reaches them, so that they never learn anything."
                : isFailure
                    ? "They get the same gradient and stay copies of one unit: the layer is as wide as one."
                    : "They are copies of one unit at first and part only slowly, through the layer behind.")
            """,
            evidence: [
                .init("share of units with a copy", first.weights.first?.duplicateUnits ?? 1, expected: "0"),
                .init("size of the weights", size),
                .init("size of their gradient", first.weights.first?.gradientSize ?? 0, expected: "above 0"),
            ],
            suggestions: [
                .init("heInitialization", "random weights make units differ, at the size ReLU needs"),
                .init("xavierInitialization", "random weights for tanh, sigmoid and linear layers"),
                .init("orthogonalInitialization", "units that differ as much as they can"),
            ])
        return evidence.tempered(finding, isFailure ? .mistake : .note)
    }
}
