extension Rule {
    static let oscillatingLoss = Rule(
        "oscillatingLoss", "Oscillating loss", stage: .during, explains: [],
        explanation: Explanation(
            what: """
                The loss jumps up and down from one pass over the data to the next instead of settling: the steps \
                throw the weights across the valley they should walk down. When training stops, chance decides how good the \
                network is.
                """,
            mathematics: """
                In a whole epoch every example is seen once, so that the mean loss of an epoch carries no noise of \
                sampling; what differs between neighbouring epochs, beyond the trend, is movement of the network. For shorter \
                windows the standard error of their mean is taken off.
                """,
            threshold: """
                In the second half the median distance between neighbours is above a tenth of the constant answer's loss, or \
                above a quarter of the loss's own level while that is above a twentieth of the constant answer's; and at least \
                a third of the chances to turn are taken (a steady fall takes none, chance two thirds).
                """,
            lookAlikes: """
                Noise of small batches averages out over an epoch. Jumps of a loss that is almost 0 hurt nobody.
                """,
            sources: [
                "Zhang et al. 2021, AutoTrainer: an automatic DNN training problem detection and repair system",
                "LeCun et al. 1998, Efficient BackProp",
            ])
    ) { evidence in
        guard let course = evidence.course else { return .notYet("needs to watch training") }
        let standing = evidence.standing
        guard let curve = standing.curve else {
            return course.isNonFinite ? .healthy : .notYet("needs 32 steps, has \(course.steps)")
        }
        guard standing.isOscillating else { return .healthy }
        let reference = standing.trivialLoss ?? standing.startLoss ?? curve.level
        let batch = evidence.setup.batch
        let isSmall = batch <= 4 && evidence.setup.inputs.rows > 4 * batch
        let lower = Finding.Suggestion("lowerLearningRate", "shorter steps settle in the valley")
        let larger = Finding.Suggestion("largerBatch", "the direction of \(batch) examples is mostly chance")
        return .finding(
            Finding(
                "oscillatingLoss", "Oscillating loss", cause: isSmall ? "batch" : "learningRate",
                since: course.steps / 2, severity: max(standing.severity, .warning),
                confidence: min(0.9, 0.5 + 0.2 * curve.swing / max(0.1 * abs(reference), 1e-12)),
                """
                From epoch to epoch the loss moves by \(short(curve.swing)), at a level of \(short(curve.level)). \
                \(isSmall ? "With a batch of \(batch) the steps follow single examples" : "The steps are too long to settle"), and \
                where it ends is chance.
                """,
                evidence: [
                    .init(
                        "swing of the loss, beyond noise and trend", curve.swing,
                        expected: "below \(short(0.1 * abs(reference)))"),
                    .init("share of turns", curve.turns, expected: "near 0 while it learns"),
                    .init("learning rate", evidence.setup.learningRate),
                    .init("batch", Double(batch)),
                ],
                suggestions: (isSmall ? [larger, lower] : [lower, larger]) + [
                    .init("adamOptimizer", "a step of its own for every weight"),
                    .init("clipGradients", "bounds the steps of wild batches"),
                ]))
    }
}

extension Standing {
    var isOscillating: Bool {
        guard let curve, curve.turns > 1.0 / 3 else { return false }
        let reference = abs(trivialLoss ?? startLoss ?? curve.level)
        return curve.swing > 0.1 * reference || curve.swing > 0.25 * curve.level && curve.level > 0.05 * reference
    }
}
