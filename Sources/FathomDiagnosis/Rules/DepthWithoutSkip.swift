import FathomNN
import Foundation

extension Rule {
    /// A plain stack deeper than a gradient reaches.
    static let depthWithoutSkip = Rule(
        "depthWithoutSkip", "Too deep without shortcuts or normalisation", stage: .before,
        explains: [
            "vanishingGradient", "explodingGradient", "plateau", "underfitting", "frozenWeights", "classCollapse",
            "shatteredGradients", "saturatedUnits", "learningRateTooLow", "deadAtBirth", "dyingReLU", "oscillatingLoss",
            "zigZag", "covariateShift", "learningRateTooHigh", "epochsTooFew", "divergingLoss",
        ],
        explanation: Rule.Explanation(
            what: """
                Each layer changes the gradient by a factor near one. Near is not one: twenty times 0.7 is 0.0008. A plain \
                stack of many layers therefore learns in its last layers only, unless shortcuts hand the gradient past \
                them, normalisation restores its size, or weights sit exactly at the critical value. In a convolution that \
                keeps the size of its image, zeros of the padding take a part of every sum as well, the more the smaller \
                the image.
                """,
            mathematics: """
                χ = σw²·E[φ′²] multiplies the mean square of gradients at every layer, so that L layers leave χ^L; σw² is \
                fan-in · E[w²], and of a filter only the taps inside the image count: 3 × 3 taps with padding over 8 × 8 \
                places leave (22/24)² = 0.84, over 2 × 2 places 0.44. With \
                ξ = −1/ln χ this is e^(−L/ξ), and networks are found to train down to L ≈ 6ξ. A shortcut y = x + f(x) has \
                χ = 1 + χ_f ≥ 1: nothing is lost through it.
                """,
            threshold: """
                At least 5 plain hidden layers whose χ, measured at the first step, multiply to below e⁻⁶ (depth > 6ξ), or \
                above e⁶ on the chaotic side; e⁻¹² is a failure (Schoenholz et al. 2017). So is a signal whose mean square \
                falls by as much on its way forward, unless the activations are bounded.
                """,
            lookAlikes: """
                A single activation that loses nearly everything (sigmoid) or weights far too small fade in shallow networks \
                already, and are named instead.
                """,
            sources: [
                "Schoenholz et al. 2017, Deep information propagation",
                "Srivastava, Greff & Schmidhuber 2015, Highway networks",
                "He et al. 2016, Deep residual learning for image recognition",
            ])
    ) { evidence in
        guard let chain = Chain(evidence) else { return .notYet("needs the network before its first step") }
        // The logarithm of what is left of a mean square behind a run: of gradients on their way back, and where these arrive
        // of signals on their way forward. The size of bounded activations' signals says nothing of depth.
        func total(_ run: ArraySlice<Chain.Link>) -> (sum: Double, isSignal: Bool) {
            let gradient = run.reduce(0.0) { $0 + log(min(max($1.chi, 1e-30), 1e30)) }
            guard abs(gradient) <= 6, run.allSatisfy({ $0.facts?.range.upperBound.isFinite == false }),
                let first = run.first, let last = run.last, first.sumsSize > 0
            else { return (gradient, false) }
            let signal = 2 * log(max(last.sumsSize / first.sumsSize, 1e-15))
            return signal < -6 ? (signal, true) : (gradient, false)
        }
        let runs = chain.plainRuns.filter { $0.count >= 5 }
        guard let run = runs.max(by: { abs(total($0).sum) < abs(total($1).sum) }) else { return .healthy }
        let (sum, isSignal) = total(run)
        guard abs(sum) > 6 else { return .healthy }
        // A slope or weights that are wrong in every layer are named by their own rules.
        let weights = run.reduce(0.0) { $0 + log(min(max($1.weightVariance, 1e-30), 1e30)) } / Double(run.count)
        guard abs(weights) < log(4) else { return .healthy }
        let slope = run.reduce(0.0) { $0 + log(min(max(2 * ($1.facts?.meanSquareSlope ?? 1), 1e-6), 1)) }
        guard slope >= -6 || sum > 0 else { return .healthy }
        let isVanishing = sum < 0
        let chi = exp(sum / Double(run.count))
        let reach = 6 / max(abs(log(chi)), 1e-9)
        guard let first = run.first, let last = run.last else { return .healthy }
        let (what, from, to) =
            isSignal ? ("the signal", first.path, last.path) : ("the gradient", last.path, first.path)
        return evidence.tempered(
            Finding(
                "depthWithoutSkip", "Too deep without shortcuts or normalisation",
                cause: isVanishing ? "vanishing" : "exploding",
                layers: run.map(\.path), severity: abs(sum) > 12 ? .failure : .warning,
                confidence: min(0.95, 0.7 + 0.02 * (abs(sum) - 6)),
                """
                \(run.count) hidden layers stand one behind the other with no shortcut past them and no normalisation between \
                them, and each multiplies the mean square of \(what) by \(isSignal ? "" : "χ = ")\(short(chi)). At \(to) its size is \
                \(short(exp(sum / 2))) of what it was at \(from), and with this factor about \(short(reach)) layers can be trained; \
                normalisation would bring every layer's sums back to one size, a shortcut would hand the gradient on as it is.
                """,
                evidence: [
                    .init("plain hidden layers", Double(run.count), expected: "at most 6ξ = \(short(reach))"),
                    .init(isSignal ? "factor of a layer" : "χ of a layer", chi, expected: "about 1"),
                    .init(
                        isSignal ? "signal size left behind" : "gradient size left in front", exp(sum / 2),
                        expected: "0.05 to 20"),
                ],
                suggestions: [
                    .init("residual", "y = x + f(x) hands the gradient on undiminished"),
                    .init("highway", "a learnt gate passes the input on, and opens where that helps"),
                    .init("batchNorm", "restores the scale at every layer"),
                    .init("criticalInitialization", "brings χ to 1, so that depth costs nothing at the start"),
                    .init("shallower", "fewer layers may be all that is needed"),
                ]), abs(sum) > 12 ? .mistake : .noteUnlessBehind)
    }
}
