extension Rule {
    /// Inputs far larger or smaller than the first layer's weights are made for.
    static let inputScale = Rule(
        "inputScale", "Inputs of the wrong scale", stage: .before,
        explains: [
            "saturatedUnits", "explodingGradient", "vanishingGradient", "learningRateTooHigh", "learningRateTooLow",
            "learningRateRange", "deadAtBirth", "dyingReLU", "nonFinite", "divergingLoss", "oscillatingLoss", "plateau",
            "underfitting", "classCollapse", "frozenWeights", "inputCentring", "zigZag", "covariateShift",
            "shatteredGradients", "epochsTooFew", "overfitting", "firstLoss",
        ],
        explanation: Rule.Explanation(
            what: """
                First weights are drawn for inputs of size about 1. Columns in the hundreds (pixels from 0 to 255, prices, \
                years) push sigmoid and tanh into their flat ends and make steps far too large; inputs near 0 leave the \
                network blind to them, and the first layer's gradients as small as they are.
                """,
            mathematics: """
                The first sums have variance σw²·E[x²], and the gradient of a weight is the gradient of its sum times its \
                input: curvature grows with E[x²], and the largest stable learning rate falls with it as 2/λ.
                """,
            threshold: """
                Inputs should have mean 0 and variance 1 (LeCun et al. 1998). A column of size √E[x²] above 10 multiplies \
                curvature by more than 100, two decades of learning rate; above 50 it is a failure. Overall sizes below \
                0.03 divide it by more than 1,000.
                """,
            lookAlikes: """
                Large first weights saturate units of well-scaled inputs as well: that is the initialisation. A layer of \
                normalisation right after the inputs or after the first weights makes their scale harmless.
                """,
            sources: [
                "LeCun et al. 1998, Efficient BackProp, section 4.3",
                "Bishop 1995, Neural Networks for Pattern Recognition, section 8.2",
            ])
    ) { evidence in
        let (setup, inputs) = (evidence.setup, evidence.setup.inputs)
        // Indices into a table have no scale, and a normalised first layer forgets it.
        guard let first = setup.layers.first(where: { $0.isOuter && ($0.trainable > 0 || $0.units != nil) }),
            first.kind != "embedding", !first.kind.lowercased().hasSuffix("norm"), !inputs.means.isEmpty
        else { return .healthy }
        let sizes = zip(inputs.means, inputs.deviations).map { ($0 * $0 + $1 * $1).squareRoot() }
        guard let worst = sizes.indices.max(by: { sizes[$0] < sizes[$1] }) else { return .healthy }
        let overall = (sizes.reduce(0) { $0 + $1 * $1 } / Double(sizes.count)).squareRoot()
        let isLarge = sizes[worst] > 10
        let isSmall = overall < 0.03 && overall > 0
        guard isLarge || isSmall else { return .healthy }
        let isNormalised = Chain(evidence)?.links.first?.isNormalised ?? false
        let isExtreme = isLarge ? sizes[worst] > 50 : overall < 0.003
        let names = setup.patient.data.train.featureNames
        let column = names.indices.contains(worst) ? "\"\(names[worst])\"" : "number \(worst)"
        let text =
            isLarge
            ? """
            The inputs reach \(short(max(abs(inputs.minimum), abs(inputs.maximum)))), and column \(column) has size \
            \(short(sizes[worst])) where the first weights expect about 1. Sums start \(short(sizes[worst])) times too large, \
            and a learning rate that suits them is about \(short(sizes[worst] * sizes[worst])) times smaller than usual.
            """
            : """
            All inputs are tiny: their size is \(short(overall)) where the first weights expect about 1. What they say drowns \
            in the biases, and the first layer's gradients are as small as they are.
            """
        let finding = Finding(
            "inputScale", isLarge ? "Inputs too large" : "Inputs too small", cause: isLarge ? "large" : "small",
            layers: [first.path], severity: isNormalised ? .note : isExtreme ? .failure : .warning,
            confidence: isExtreme ? 0.97 : 0.85, text,
            evidence: [
                .init("size of the largest column", sizes[worst], expected: "about 1, at most 10"),
                .init("size of all inputs", overall, expected: "about 1, at least 0.03"),
                .init("smallest value", inputs.minimum), .init("largest value", inputs.maximum),
            ],
            suggestions: [
                .init("scaleInputs", "mean 0 and variance 1 in every column is what first weights are made for"),
                .init("batchNorm", "normalises the first sums, whatever the inputs' scale"),
            ])
        return evidence.tempered(finding)
    }
}
