extension Rule {
    static let plateau = Rule(
        "plateau", "Plateau", stage: .during, explains: ["classCollapse"], isOutcome: true,
        explanation: Explanation(
            what: """
                The loss stays where it began: near what an answer would get that does not look at its input at all. The \
                network spends its steps without learning.
                """,
            mathematics: """
                The best constant answer has the entropy of the classes as its loss (ln 10 = 2.30 for ten equal ones), or \
                the variance of the numbers. The trend is the median slope over all pairs of blocks of the second half \
                (Theil & Sen), its certainty the count of pairs in order (Mann & Kendall); a few wild steps decide neither.
                """,
            threshold: """
                Less than half as far from the constant answer as nearest neighbours or a linear model get, the loss within a \
                fifth of the constant answer's, and in the second half no fall that is both certain (1 %) and noticeable \
                (a twentieth of the level).
                """,
            lookAlikes: """
                A slow start: it still falls at the end, or was watched too shortly to tell. A plateau at the bottom, after \
                learning, is convergence. Flat on the way, after some learning: underfitting. Cause setup: one batch alone \
                is not learnt by heart in 200 steps either, so that it is not the amount of data (Karpathy 2019, A recipe for \
                training neural networks).
                """,
            sources: [
                "Mann 1945, Nonparametric tests against trend", "Sen 1968, Estimates of the regression coefficient",
            ])
    ) { evidence in
        guard let course = evidence.course else { return .notYet("needs to watch training") }
        let standing = evidence.standing
        guard let curve = standing.curve else {
            return course.isNonFinite ? .healthy : .notYet("needs 32 steps, has \(course.steps)")
        }
        guard standing.isPlateau else { return .healthy }
        let reference = standing.trivialLoss ?? standing.startLoss ?? curve.level
        let alone = course.learnsOneBatch
        return .finding(
            Finding(
                "plateau", "Plateau", cause: alone == false ? "setup" : nil, since: 0, severity: standing.severity,
                confidence: standing.isCutShort ? 0.55 : 0.75,
                """
                After \(course.steps) steps the loss is \(short(curve.level)), where a constant answer has \(short(reference)); \
                in the second half it changed by \(short(curve.trend.change)). It reached \(standing.summary(evidence.setup)).\(alone == false ? " Not even one batch alone is learnt by heart." : "")
                """,
                evidence: [
                    .init("loss at the end", curve.level, expected: "well below \(short(reference))"),
                    .init("change in the second half", curve.trend.change, expected: "below 0"),
                    .init("certainty of a fall, in standard deviations", -curve.trend.score, expected: "above 2.3"),
                    .init("skill", standing.skill ?? 0, expected: short(standing.best)),
                ] + course.oneBatchFact,
                suggestions: [
                    .init("rangeTest", "finds the learning rate at which the loss falls fastest"),
                    .init("adamOptimizer", "steps of a size that does not depend on that of the gradient"),
                    .init("batchNorm", "signals and gradients of the right size at every layer"),
                    .init("criticalInitialization", "signals and gradients of the right size from the start"),
                ]))
    }
}

extension Standing {
    /// Whether the loss stays near that of a constant answer.
    var isPlateau: Bool {
        guard let curve, suffers, state != .impaired, !isFalling else { return false }
        let reference = trivialLoss ?? startLoss ?? curve.level
        return curve.level > 0.8 * reference
    }
}
