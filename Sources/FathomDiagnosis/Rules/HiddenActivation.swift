import FathomNN
import Foundation

extension Rule {
    /// Hidden activations that no customary initialisation carries a gradient or a signal through at this depth.
    static let hiddenActivation = Rule(
        "hiddenActivation", "Hidden activation that cannot work here", stage: .before,
        explains: [
            "explodingGradient", "nonFinite", "divergingLoss", "plateau", "underfitting",
            "frozenWeights", "classCollapse", "saturatedUnits", "learningRateTooLow", "learningRateTooHigh",
            "criticalInitialization", "depthWithoutSkip", "zigZag", "covariateShift", "oscillatingLoss", "deadAtBirth",
            "learningRateRange", "narrowLayers", "dyingReLU", "shatteredGradients", "epochsTooFew", "dropoutTooHigh",
        ],
        explanation: Rule.Explanation(
            what: """
                On its way back the gradient is multiplied by the slope of every activation. A sigmoid's slope is at most 1/4: \
                after a few layers nothing is left. An exponential is the opposite: what is a little large becomes huge in \
                the next layer and infinite in the one after.
                """,
            mathematics: """
                One layer multiplies the gradient's mean square by χ = σw²·E[φ′(z)²]. Customary weights have σw² (variance \
                times fan-in) from 1/3 to 2, so an activation with 2·E[φ′²] far below 1 loses whatever the weights: for the \
                sigmoid 2·0.045 = 0.09. A slope without bound makes the variance q of sums grow as E[φ(√q z)²], for e^x as \
                e^(2q): from 1 to 15 to 10¹².
                """,
            threshold: """
                Over all hidden layers (2·E[φ′²])^L < e⁻⁶: a network trains to about 6ξ layers, ξ = −1/ln χ (Schoenholz et \
                al. 2017). Half of what that allows in depth again, e⁻¹², is a failure. An unbounded slope in two layers \
                or more is a failure, softmax between hidden layers a warning.
                """,
            lookAlikes: """
                With a good activation and weights far too small or large, the initialisation is at fault; with both in order \
                and many layers, the missing shortcuts are. Which it is, the two factors of χ tell.
                """,
            sources: [
                "Hochreiter 1991, Untersuchungen zu dynamischen neuronalen Netzen",
                "Glorot & Bengio 2010, Understanding the difficulty of training deep feedforward neural networks",
                "Schoenholz et al. 2017, Deep information propagation",
            ])
    ) { evidence in
        let setup = evidence.setup
        let rows = setup.layers
        let outputPath = rows.last { $0.isOuter && !$0.initializers.isEmpty }?.path
        let place = rows.firstIndex { $0.path == outputPath } ?? rows.count
        let hidden = rows.prefix(place)

        // Slopes without bound: values explode forward.
        let explosive = hidden.filter { $0.facts?.maxSlope == .infinity && $0.facts?.isMonotone == true }
        if let first = explosive.first {
            let name = first.activation ?? ""
            let largest = evidence.birth?.layers.map { max(abs($0.output.maximum), abs($0.output.minimum)) }.max() ?? 0
            let isFailure = explosive.count > 1 || largest > 1e6 || !largest.isFinite
            return evidence.tempered(
                Finding(
                    "hiddenActivation", "Hidden activation that explodes", cause: "unbounded",
                    layers: explosive.map(\.path), severity: isFailure ? .failure : .warning,
                    confidence: isFailure ? 0.96 : 0.75,
                    """
                    \(name) grows without bound, and \(count(explosive.count, "layer")) of it stand one behind the other: what is \
                    a little large in one is huge in the next. Values of \(short(largest)) stand in the network before the \
                    first step already.
                    """,
                    evidence: [
                        .init("layers of \(name)", Double(explosive.count), expected: "0"),
                        .init("largest value at birth", largest, expected: "below 100"),
                    ],
                    suggestions: [
                        .init("reluActivation", "grows no faster than its input"),
                        .init("tanhActivation", "stays within −1…1"),
                    ]))
        }
        let mixing = hidden.filter { row in
            row.isOuter
                && row.activations.contains { ["softmax", "logSoftmax", "sparsemax"].contains(setup.bareName($0)) }
        }
        if let first = mixing.first {
            return evidence.tempered(
                Finding(
                    "hiddenActivation", "Softmax inside the network", cause: "softmax", layers: mixing.map(\.path),
                    severity: .warning, confidence: 0.85,
                    """
                    \(first.path) ends with softmax although other layers follow: its \(first.units ?? 0) units share a total of 1, \
                    about \(short(1 / Double(max(first.units ?? 1, 1)))) each. Little of what they know gets through, and less of \
                    the gradient.
                    """,
                    evidence: [.init("layers of softmax before the last", Double(mixing.count), expected: "0")],
                    suggestions: [.init("reluActivation", "lets every unit speak for itself")]))
        }
        // Slopes that no customary weights make up for.
        guard let chain = Chain(evidence) else { return .notYet("needs the network before its first step") }
        var worst: (fade: Double, run: ArraySlice<Chain.Link>) = (0, [])
        for run in chain.plainRuns {
            let fade = run.reduce(0.0) { sum, link in
                guard let facts = link.facts, facts.meanSquareSlope > 0, facts.maxSlope.isFinite else { return sum }
                return sum + min(log(2 * facts.meanSquareSlope), 0)
            }
            if fade < worst.fade { worst = (fade, run) }
        }
        guard worst.fade < -6, worst.run.count >= 3 else { return .healthy }
        let culprit = worst.run.min { ($0.facts?.meanSquareSlope ?? 1) < ($1.facts?.meanSquareSlope ?? 1) }
        guard let culprit, let facts = culprit.facts else { return .healthy }
        let measured = worst.run.reduce(0.0) { $0 + log(max($1.chi, 1e-30)) }
        // Weights made for just this activation can save it.
        guard measured < -6 else { return .healthy }
        let name = culprit.activation ?? "the activation"
        return evidence.tempered(
            Finding(
                "hiddenActivation", "Hidden activation with too small a slope", cause: "slope",
                layers: worst.run.map(\.path), severity: worst.fade < -12 ? .failure : .warning,
                confidence: min(0.97, 0.75 + 0.02 * -worst.fade),
                """
                \(worst.run.count) layers of \(name) stand one behind the other, and its slope keeps only \
                \(percent(facts.meanSquareSlope)) of the gradient's mean square at each (E[φ′²]; a slope of at most \
                \(short(facts.maxSlope))). Of the gradient's size \(percent(exp(measured / 2))) arrives in front, whatever customary \
                weights it starts from.
                """,
                evidence: [
                    .init("E[φ′²] of \(name)", facts.meanSquareSlope, expected: "about 0.5 (ReLU)"),
                    .init("gradient size left by all hidden layers", exp(measured / 2), expected: "above e⁻³ = 0.05"),
                    .init(
                        "layers one behind the other", Double(worst.run.count),
                        expected: "at most \(short(-6 / log(2 * facts.meanSquareSlope)))"),
                ],
                suggestions: [
                    .init("reluActivation", "its slope is 1 wherever a unit is active"),
                    .init("tanhActivation", "its slope is 1 at 0, four times the sigmoid's, and it is centred"),
                    .init("eluActivation", "has a slope on both sides and answers about 0"),
                    .init("batchNorm", "keeps sums where the slope is largest, and restores the scale"),
                    .init("criticalInitialization", "weights so large that they make up for the slope"),
                ]))
    }
}
