import FathomNN

extension Rule {
    /// First answers that are sure and wrong.
    static let firstLoss = Rule(
        "firstLoss", "First loss far above chance", stage: .before,
        explanation: Rule.Explanation(
            what: """
                A network that has learnt nothing should answer that it does not know: the same to every class. When its \
                first loss is far above the loss of that answer, it is sure of answers that are wrong, and the first steps \
                go into taking them back, often with gradients large enough to do harm elsewhere.
                """,
            mathematics: """
                Equal answers to C classes have a cross-entropy of ln C: 0.69 for two, 2.30 for ten. Logits that know \
                nothing of the label and deviate by σ add (1 − 1/C)·σ²/2 to it while σ is small, and less than that when \
                it is not: with ten classes 0.43 for σ = 1, 1.5 for σ = 2, 2.8 for σ = 3.
                """,
            threshold: """
                Twice the loss of equal answers, reached with ten classes at σ = 2.7 and with two at 2.1. It is a note: a \
                network can take its first answers back, and what made them large is named by the rules that look at \
                inputs and weights.
                """,
            lookAlikes: """
                Inputs of the wrong scale and weights off their critical size make first answers large, and stand above \
                this. A loss that takes probabilities and is given raw numbers: the output activation. Classes of \
                unequal size lower the loss that can be had without inputs, not that of equal answers.
                """,
            sources: ["Karpathy 2019, A recipe for training neural networks"])
    ) { evidence in
        let setup = evidence.setup
        guard let equal = setup.uninformedLoss else { return .healthy }
        guard let birth = evidence.birth else { return .notYet("needs a network that can be run") }
        guard birth.loss.isFinite, birth.loss > 2 * equal else { return .healthy }
        let last = birth.outerLayers.last
        let classes = max(setup.targets.classCounts.count, 2)
        return .finding(
            Finding(
                "firstLoss", "First loss far above chance", layers: last.map { [$0.path] } ?? [], severity: .note,
                confidence: 0.8,
                """
                Before the first step the loss is \(short(birth.loss)), where the same answer to all \
                \(classes) classes has \(short(equal)). The network is sure of answers it knows nothing of, and the first \
                steps go into taking them back.
                """,
                evidence: [
                    .init("first loss", birth.loss, expected: "about \(short(equal))"),
                    .init(
                        "deviation of the last layer's outputs", last?.output.deviation ?? 0,
                        expected: "about 1 or less"),
                ],
                suggestions: [
                    .init("criticalInitialization", "signals keep their size through the layers, up to the last"),
                    .init("scaleInputs", "inputs of size 1 are answered with numbers of that size"),
                    .init("lowerLearningRate", "the first, large gradients then do less harm"),
                ]))
    }
}

extension Setup {
    /// The loss of the same answer to every class, for losses of classes: ln C for cross-entropy.
    package var uninformedLoss: Double? {
        loss.uninformedValue(classes: max(targets.classCounts.count, 2))
    }
}
