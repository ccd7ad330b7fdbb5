import FathomNN

extension Rule {
    static let dropoutTooHigh = Rule(
        "dropoutTooHigh", "Dropout too high", stage: .during,
        explains: ["underfitting", "plateau", "oscillatingLoss", "explodingGradient"],
        explanation: Explanation(
            what: """
                Dropout switches units off at random while training, so that no unit relies on another. When too many are off, \
                what is left cannot represent the task, and the network trains on noise.
                """,
            mathematics: """
                With rate p a layer of n units has (1 − p)·n of them at a step, and its sums carry noise of the variance \
                p/(1 − p) relative to their mean square: 1 at p = 0.5, 4 at 0.8.
                """,
            threshold: """
                A rate above 0.5, the best for hidden layers by Srivastava et al. 2014, in a network that does not learn as it \
                could, whose loss with dropout is at least a fifth above that without.
                """,
            lookAlikes: """
                A network that is too small has the same loss with and without dropout.
                """,
            sources: ["Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting"])
    ) { evidence in
        let rates = evidence.setup.patient.configuration.model.layers.flatMap(dropoutRates)
        guard let rate = rates.max(), rate > 0.5 else { return .healthy }
        guard let course = evidence.course else { return .notYet("needs to watch training") }
        let standing = evidence.standing
        guard standing.suffers || standing.state == .unclear else { return .healthy }
        guard let curve = standing.curve, let clean = course.evaluations.last?.train.loss, clean.isFinite else {
            return course.isNonFinite ? .healthy : .notYet("needs 32 steps and an evaluation")
        }
        // Near the start nothing is learnt that noise could hide.
        let isNoise = clean > 0 && curve.level > 1.2 * clean
        guard isNoise || rate >= 0.8 else { return .healthy }
        let path = evidence.setup.layers.first { $0.kind == "dropout" }?.path
        return .finding(
            Finding(
                "dropoutTooHigh", "Dropout too high", layers: path.map { [$0] } ?? [], since: 0,
                severity: max(standing.severity, .warning), confidence: (isNoise ? 0.7 : 0.6) + (rate >= 0.8 ? 0.1 : 0),
                """
                Dropout switches off \(percent(rate)) of the units at every step; with it the loss is \(short(curve.level)), without it \
                \(short(clean)). What is left is too little to learn from: \(standing.summary(evidence.setup)).
                """,
                evidence: [
                    .init("dropout rate", rate, expected: "at most 0.5"),
                    .init("loss with dropout / without", curve.level / max(clean, 1e-12), expected: "below 1.2"),
                    .init(
                        "variance of the noise relative to the signal", rate / max(1 - rate, 1e-9),
                        expected: "at most 1"),
                ],
                suggestions: [
                    .init("lessDropout", "half the units or fewer, as is usual"),
                    .init("wider", "more units are left after dropout"),
                    .init("trainLonger", "noise takes more steps to average out"),
                ]))
    }
}

private func dropoutRates(_ layer: LayerSpec) -> [Double] {
    let own: [Double]
    if layer.kind == "dropout", case .number(let rate)? = layer.options["rate"] { own = [rate] } else { own = [] }
    return own + layer.children.flatMap(dropoutRates)
}
