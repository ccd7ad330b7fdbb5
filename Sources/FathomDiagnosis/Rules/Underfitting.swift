extension Rule {
    static let underfitting = Rule(
        "underfitting", "Underfitting", stage: .during, explains: ["classCollapse"], isOutcome: true,
        explanation: Explanation(
            what: """
                The network does worse than methods that need no training worth the name: it learnt something, but less than \
                is in the data. Either it cannot (capacity: too small, held back, or stuck half-way), or it was stopped \
                while it still got better (time).
                """,
            mathematics: """
                share = (skill − trivial) / (best − trivial). Skill is accuracy or R²; trivial is that of the best constant \
                answer; best is what five nearest neighbours or least squares reach on the same held-out rows.
                """,
            threshold: """
                A share below 0.8, less two standard errors of the accuracy on the held-out rows; below 0.5 it counts as not \
                learning. Time, when the loss still falls by more than a twentieth in the second half, certain at 1 %.
                """,
            lookAlikes: """
                Near the constant answer all the time: plateau. Good on the training rows, bad on others: overfitting. Data in \
                which simple methods find nothing either: silence, or labels.
                """,
            sources: [
                "Goodfellow, Bengio & Courville 2016, Deep learning, chapter 5.2",
                "Cover & Hart 1967, Nearest neighbor pattern classification",
            ])
    ) { evidence in
        guard let course = evidence.course else { return .notYet("needs to watch training") }
        let standing = evidence.standing
        if course.isNonFinite { return .healthy }
        guard standing.skill != nil else { return .notYet("needs an evaluation") }
        if standing.state == .unclear, standing.isFalling {
            return .notYet(
                "the loss still falls after \(course.steps) of \(evidence.setup.plannedSteps) planned steps; watch longer"
            )
        }
        guard standing.state == .impaired || standing.state == .stuck, !standing.isPlateau else { return .healthy }
        let isTime = standing.isFalling
        let share = standing.share ?? 0
        return .finding(
            Finding(
                "underfitting", "Underfitting", cause: isTime ? "time" : "capacity", since: course.steps,
                severity: standing.severity, confidence: isTime || standing.state == .stuck ? 0.7 : 0.6,
                """
                After \(course.steps) steps it reaches \(standing.summary(evidence.setup)): \(percent(max(share, 0))) of the way \
                from a constant answer to there. \(isTime
                    ? "The loss was still falling when training ended."
                    : "The loss no longer falls, so that more steps alone would not help.")
                """,
                evidence: [
                    .init("skill", standing.skill ?? 0, expected: short(standing.best)),
                    .init("of a constant answer", standing.trivial),
                    .init("share of what is possible", share, expected: "above 0.8"),
                    .init("change of the loss in the second half", standing.curve?.trend.change ?? 0),
                ] + course.oneBatchFact,
                suggestions: isTime
                    ? [
                        .init("trainLonger", "the loss still falls"),
                        .init("raiseLearningRate", "the same way in fewer steps"),
                        .init("adamOptimizer", "faster where gradients are small or of different size"),
                        .init("momentumOptimizer", "steps in a lasting direction add up"),
                    ]
                    : [
                        .init("adamOptimizer", "a step of its own for every weight"),
                        .init("wider", "more units, more functions it can be"),
                        .init("rangeTest", "finds the learning rate at which the loss falls fastest"),
                        .init("lessRegularization", "what holds the weights back also holds back the fit"),
                        .init("trainLonger", "a plateau half-way may end"),
                    ]))
    }
}
