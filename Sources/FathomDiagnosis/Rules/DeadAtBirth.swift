import Foundation

extension Rule {
    /// Units that no row makes fire, before training has begun.
    static let deadAtBirth = Rule(
        "deadAtBirth", "Dead at birth", stage: .before,
        explains: [
            "dyingReLU", "plateau", "underfitting", "frozenWeights", "classCollapse", "vanishingGradient",
            "learningRateTooLow", "zigZag", "labels",
        ],
        explanation: Rule.Explanation(
            what: """
                A ReLU unit whose sum is negative for every row answers 0 to all of them and gets no gradient: it is dead. A \
                few dead units cost a little width. A layer of dead units cuts the network in two, and nothing in front of \
                it ever learns.
                """,
            mathematics: """
                φ′(z) = 0 where z < 0, so that ∂L/∂w = Σ δ·φ′(z)·x over the rows is 0 if all z are negative. With centred \
                sums a unit is silent for one row with probability 1/2, and for N different rows with far less.
                """,
            threshold: """
                All units of a layer silent on all probe rows is a failure; more than half of a layer of at least 8 units is \
                a warning, as not one should be.
                """,
            lookAlikes: """
                Units that fall silent in the course of training died of long steps: then the learning rate is at fault. \
                Saturated units have slopes near 0, not 0.
                """,
            sources: [
                "Maas, Hannun & Ng 2013, Rectifier nonlinearities improve neural network acoustic models",
                "Lu, Shin, Su & Karniadakis 2020, Dying ReLU and initialization: theory and numerical examples",
            ])
    ) { evidence in
        guard let birth = evidence.birth else { return .notYet("needs the network before its first step") }
        let rows = birth.layers.compactMap { layer -> (path: String, dead: Int, units: Int)? in
            guard let slope = layer.slope, !slope.fires.isEmpty, slope.dead > 0 else { return nil }
            // Slopes that have run into the rounding error of a saturated unit are no death.
            guard layer.output.zeros > 0.5 || slope.dead == slope.fires.count else { return nil }
            return (layer.path, slope.dead, slope.fires.count)
        }
        let worst = rows.filter { $0.dead == $0.units || ($0.units >= 8 && 2 * $0.dead > $0.units) }
            .sorted { Double($0.dead) / Double($0.units) > Double($1.dead) / Double($1.units) }
        guard let first = worst.first else { return .healthy }
        let isCut = first.dead == first.units
        let name = evidence.setup.unitName(first.path)
        return evidence.tempered(
            Finding(
                "deadAtBirth",
                isCut ? "A layer is dead from birth" : "\(name.capitalized)s are dead from birth",
                layers: worst.map(\.path), severity: isCut ? .failure : .warning, confidence: isCut ? 0.95 : 0.7,
                """
                \(first.dead) of \(count(first.units, name)) of \(first.path) fire for none of the rows that were tried, before \
                the first step. \(isCut
                    ? "Nothing passes this layer: all rows get one answer, and no gradient comes back."
                    : "They take no part in training and may never do.")
                """,
                evidence: [
                    .init("share of dead \(name)s", Double(first.dead) / Double(first.units), expected: "0"),
                    .init(
                        "share of zeros in its output", birth.layers.first { $0.path == first.path }?.output.zeros ?? 0),
                ],
                suggestions: [
                    .init("leakyReluActivation", "keeps a slope where ReLU is silent"),
                    .init("wider", "a wide layer is never silent as a whole"),
                    .init("scaleInputs", "centred inputs make sums of either sign"),
                    .init("heInitialization", "weights of either sign, at the size ReLU needs"),
                    .init("batchNorm", "centres the sums, so that half of them are positive"),
                ]))
    }
}
