import FathomNN
import Foundation

extension Rule {
    /// First weights far from those that keep signals and gradients at one scale.
    static let criticalInitialization = Rule(
        "criticalInitialization", "Initialisation off its critical value", stage: .before,
        explains: [
            "vanishingGradient", "explodingGradient", "deadAtBirth", "saturatedUnits", "plateau", "underfitting",
            "frozenWeights", "classCollapse", "learningRateTooLow", "nonFinite", "divergingLoss", "dyingReLU",
            "covariateShift", "zigZag", "oscillatingLoss", "depthWithoutSkip", "learningRateTooHigh",
            "shatteredGradients", "epochsTooFew", "narrowLayers", "overfitting", "firstLoss",
        ],
        explanation: Rule.Explanation(
            what: """
                Every layer multiplies signals on their way forward and gradients on their way back. The size of the first \
                weights decides by how much: too small, and after a few layers every input looks the same and no gradient \
                comes back; too large, and units saturate or values explode. Between them lies one critical size.
                """,
            mathematics: """
                With weights of variance σw²/n the variance of sums goes q ← σw²·E[φ(√q z)²] + σb², and a gradient's mean \
                square changes by χ = σw²·E[φ′(√q z)²] at every layer. Critical is χ = 1: σw² = 2 for ReLU (He), 1 for tanh \
                and linear layers (LeCun, Xavier), about 22 for the sigmoid. After L layers the factor is χ^L.
                """,
            threshold: """
                σw² below 1/4, or above 8 times the critical value; customary rules lie within 1/3…3. Vanishing: the \
                product over the layers concerned must pass e⁻⁶ (the trainable depth of 6ξ layers, Schoenholz et al. 2017), \
                e⁻¹² is a failure. Before a normalisation only weights 10 times too large count, which divide the effective \
                learning rate.
                """,
            lookAlikes: """
                A sigmoid fades with customary weights as well: that is the activation. Deep stacks fade with weights that \
                are only a little off: that is depth without shortcuts. Equal weights are symmetric, whatever their size.
                """,
            sources: [
                "Glorot & Bengio 2010, Understanding the difficulty of training deep feedforward neural networks",
                "He et al. 2015, Delving deep into rectifiers",
                "Poole et al. 2016, Exponential expressivity in deep neural networks through transient chaos",
                "Schoenholz et al. 2017, Deep information propagation",
                "van Laarhoven 2017, L2 regularization versus batch and weight normalization",
            ])
    ) { evidence in
        guard let chain = Chain(evidence) else { return .notYet("needs the network before its first step") }
        guard !chain.links.isEmpty else { return .healthy }
        /// σw² at which χ = 1 for sums of variance 1.
        func critical(_ link: Chain.Link) -> Double {
            guard let slope = link.facts?.meanSquareSlope, slope > 0, slope.isFinite else { return 1 }
            return 1 / slope
        }
        let judged = chain.hidden.filter { !$0.hasShortcut && !$0.initializers.isEmpty && $0.weightVariance > 0 }
        // Too small, and nothing behind that would make up for it.
        let small = judged.filter {
            !$0.isNormalised && $0.weightVariance < 0.25 && $0.weightVariance < critical($0) / 4
        }
        let fade = small.reduce(0.0) { $0 + log($1.weightVariance / min(critical($1), 2)) }
        if fade < -6 {
            let worst = small.sorted { $0.weightVariance / critical($0) < $1.weightVariance / critical($1) }
            guard let first = worst.first else { return .healthy }
            return evidence.tempered(
                Finding(
                    "criticalInitialization", "First weights too small", cause: "vanishing", layers: worst.map(\.path),
                    severity: fade < -12 ? .failure : .warning, confidence: fade < -12 ? 0.96 : 0.65,
                    """
                    The first weights of \(first.path) (\(first.initializers.joined(separator: ", "))) have σw² = \
                    \(short(first.weightVariance)), where \(first.activation ?? "a linear layer") keeps its scale at \
                    \(short(critical(first))). Over \(count(small.count, "such layer")) signals and gradients shrink to \
                    \(percent(exp(fade / 2))), so that all inputs look alike and hardly anything comes back.
                    """,
                    evidence: [
                        .init(
                            "σw² = fan-in · E[w²] of \(first.path)", first.weightVariance,
                            expected: "about \(short(critical(first)))"),
                        .init("size left after all such layers", exp(fade / 2), expected: "above e⁻³ = 0.05"),
                        .init("layers with weights too small", Double(small.count), expected: "0"),
                    ],
                    suggestions: [
                        .init("criticalInitialization", "weights at which χ = 1 for this activation"),
                        .init("heInitialization", "variance 2/fan-in, critical for ReLU"),
                        .init("lsuvInitialization", "scales every layer until its sums have variance 1"),
                        .init("batchNorm", "brings the sums back to variance 1 in every layer"),
                    ]))
        }
        // Too large. The last layer's sums are judged by what they make of the loss.
        var large = judged.filter { $0.weightVariance > ($0.isNormalised ? 10 : 8) * max(critical($0), 1) }
        if let last = chain.links.last, last.weightVariance > 8, last.sumsSize > 10, !last.initializers.isEmpty {
            large.append(last)
        }
        guard !large.isEmpty else { return .healthy }
        let growth = large.filter { !$0.isNormalised }.reduce(0.0) {
            $0 + log($1.weightVariance / max(critical($1), 1))
        }
        let normalisedOnly = large.allSatisfy(\.isNormalised)
        let worst = large.sorted { $0.weightVariance / critical($0) > $1.weightVariance / critical($1) }
        let first = worst[0]
        return evidence.tempered(
            Finding(
                "criticalInitialization", "First weights too large", cause: "exploding", layers: worst.map(\.path),
                severity: growth > 12 ? .failure : .warning,
                confidence: growth > 12 ? 0.9 : normalisedOnly ? 0.6 : 0.75,
                """
                The first weights of \(first.path) (\(first.initializers.joined(separator: ", "))) have σw² = \
                \(short(first.weightVariance)), where \(first.activation ?? "a linear layer") keeps its scale at \
                \(short(critical(first))). \(normalisedOnly
                    ? "The normalisation behind hides their size, but steps turn such weights about \(short(first.weightVariance / critical(first))) times less."
                    : "Sums start at size \(short(first.sumsSize)), so that units saturate or values grow from layer to layer.")
                """,
                evidence: [
                    .init(
                        "σw² = fan-in · E[w²] of \(first.path)", first.weightVariance,
                        expected: "about \(short(critical(first)))"),
                    .init("size of its sums", first.sumsSize, expected: "about 1"),
                    .init("layers with weights too large", Double(large.count), expected: "0"),
                ],
                suggestions: [
                    .init("criticalInitialization", "weights at which χ = 1 for this activation"),
                    .init("heInitialization", "variance 2/fan-in, critical for ReLU"),
                    .init("xavierInitialization", "variance 1/mean fan, for tanh and linear layers"),
                    .init("batchNorm", "brings the sums back to variance 1 in every layer"),
                ]))
    }
}
