import FathomNN
import Foundation

extension Rule {
    /// ReLU layers so narrow that the network may be born dead.
    static let narrowLayers = Rule(
        "narrowLayers", "Layers too narrow", stage: .before,
        explains: [
            "deadAtBirth", "dyingReLU", "plateau", "underfitting", "classCollapse", "vanishingGradient",
            "frozenWeights",
            "learningRateTooLow", "depthWithoutSkip", "zigZag",
        ],
        explanation: Rule.Explanation(
            what: """
                A ReLU unit is silent for about half of what it may see. In a layer of two or five units it happens by chance \
                that all are silent at once; then nothing passes that layer, neither signal nor gradient, and the network \
                gives every row the same answer for ever.
                """,
            mathematics: """
                For one input all n units of a layer are silent with probability 2⁻ⁿ, and one of L such layers with at most \
                1 − (1 − 2⁻ⁿ)^L: 0.22 for 8 layers of 5 units, 0.94 for 10 of 2.
                """,
            threshold: """
                That bound above 1/4 is a warning (one start in four is lost), above 1/10 a note; if the network at hand is \
                dead, a failure (Lu et al. 2020).
                """,
            lookAlikes: """
                Large negative biases or steps that were too long kill units of wide layers too. Narrow layers of tanh or \
                leaky ReLU cannot die.
                """,
            sources: [
                "Lu, Shin, Su & Karniadakis 2020, Dying ReLU and initialization: theory and numerical examples"
            ])
    ) { evidence in
        guard let chain = Chain(evidence) else { return .notYet("needs the network before its first step") }
        let rectified = chain.hidden.filter {
            // A filter that is silent at one place of an image may fire at another.
            ["relu", "relu6"].contains(evidence.setup.bareName($0.activation)) && !$0.hasShortcut && !$0.isNormalised
                && $0.kind != "convolution"
        }
        guard !rectified.isEmpty else { return .healthy }
        let alive = rectified.reduce(1.0) { $0 * (1 - pow(0.5, Double(min($1.units, 1000)))) }
        let risk = 1 - alive
        let paths = Set(rectified.map(\.path))
        // Whether it has happened here: a layer without a unit that fires.
        let isDead =
            evidence.birth?.layers.contains { layer in
                guard let slope = layer.slope, paths.contains(layer.path) else { return false }
                return !slope.fires.isEmpty && slope.dead == slope.fires.count
            } ?? false
        guard risk > 0.1 else { return .healthy }
        let narrowest = rectified.map(\.units).min() ?? 0
        let worst = rectified.sorted { $0.units < $1.units }
        return .finding(
            Finding(
                "narrowLayers", "Layers too narrow", layers: worst.map(\.path),
                severity: isDead ? .failure : risk > 0.25 ? .warning : .note, confidence: isDead ? 0.97 : 0.75,
                """
                \(count(rectified.count, "layer")) of ReLU with as few as \(count(narrowest, "unit")): up to \
                \(percent(risk)) of all starts have a layer in which every unit is silent. \(isDead
                    ? "This one has: nothing passes it, and no gradient comes back."
                    : "Such a network answers the same to every row, and whether it trains is a matter of luck.")
                """,
                evidence: [
                    .init("1 − Π(1 − 2⁻ⁿ)", risk, expected: "below 0.1"),
                    .init("units of the narrowest layer", Double(narrowest), expected: "8 or more"),
                ],
                suggestions: [
                    .init("wider", "16 units are silent together once in 65,536 starts"),
                    .init("leakyReluActivation", "is never silent"),
                    .init("eluActivation", "answers and learns on both sides of 0"),
                ]))
    }
}
