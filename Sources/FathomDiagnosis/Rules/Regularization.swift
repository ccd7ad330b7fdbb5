import FathomNN

extension Rule {
    /// Weight decay that outweighs the data.
    static let regularization = Rule(
        "regularization", "Regularisation too strong", stage: .before,
        explains: [
            "underfitting", "plateau", "classCollapse", "vanishingGradient", "frozenWeights", "dyingReLU",
            "learningRateTooLow",
        ],
        explanation: Rule.Explanation(
            what: """
                Weight decay pulls every weight towards 0, so that only those stay that the data ask for. Pulled too hard, \
                none stay: the network shrinks until it says the same to every row, and the loss it cannot lower is its own \
                weights'.
                """,
            mathematics: """
                A penalty λ/2·|w|² adds λ·w to the gradient g of the data. Weights settle where λ·w = −g, so that the answer \
                of a homogeneous network vanishes once λ·|w| exceeds what |g| can be. Decoupled decay shrinks w by η·λ a step \
                against Adam's steps of at most η: |w| stays below 1/λ.
                """,
            threshold: """
                Practice: 10⁻⁵ to 10⁻² through the gradient, up to 1 decoupled (AlexNet and ResNet use 5·10⁻⁴ and 10⁻⁴, AdamW \
                0.01 to 0.1). Above, it is a warning; a failure ten times above, if at birth the pull λ·w exceeds the \
                gradient in most layers too.
                """,
            lookAlikes: """
                Dropout regularises as well and shows as a training loss above the held-out one. A network that is too small \
                underfits without any penalty.
                """,
            sources: [
                "Krogh & Hertz 1992, A simple weight decay can improve generalization",
                "Loshchilov & Hutter 2019, Decoupled weight decay regularization",
            ])
    ) { evidence in
        let setup = evidence.setup
        let decay = setup.optimizer.optimizer.weightDecay
        let strongest = max(decay.rate, setup.optimizer.groups.compactMap(\.weightDecay).max() ?? 0)
        let usual = decay.isDecoupled ? 1.0 : 1e-2
        guard strongest > usual else { return .healthy }
        // Where the pull is stronger than what the data ask for at the start, when gradients are largest.
        let weights = evidence.birth?.layers.flatMap(\.weights).filter { $0.size > 0 } ?? []
        let pulls = weights.map { strongest * $0.size / max($0.gradientSize, 1e-30) }.sorted()
        let pull = pulls.isEmpty ? nil : pulls[pulls.count / 2]
        let isFailure = strongest >= 10 * usual && (decay.isDecoupled || (pull ?? 0) > 1)
        var facts: [Finding.Fact] = [.init("weight decay", strongest, expected: "at most \(short(usual))")]
        if let pull { facts.append(.init("pull λ·w / gradient, at birth", pull, expected: "far below 1")) }
        let text =
            decay.isDecoupled
            ? """
            Weight decay of \(short(strongest)) beside the update keeps weights below about \(short(1 / strongest)) with \
            \(setup.optimizer.optimizer.name). They cannot grow to what the data ask for.
            """
            : """
            Weight decay of \(short(strongest)) is far above the usual 0.0001\
            \(pull.map { ", and pulls \(short($0)) times as hard as the data at the start" } ?? ""). Weights shrink until the \
            network says the same to every row.
            """
        return evidence.tempered(
            Finding(
                "regularization", "Regularisation too strong", cause: "tooStrong",
                severity: isFailure ? .failure : .warning,
                confidence: isFailure ? 0.95 : 0.8, text, evidence: facts,
                suggestions: [.init("lessRegularization", "about 0.0001 keeps weights small without deciding for them")]
            ))
    }
}
