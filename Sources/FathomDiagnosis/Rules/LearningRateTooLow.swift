extension Rule {
    static let learningRateTooLow = Rule(
        "learningRateTooLow", "Learning rate too low", stage: .during,
        explains: ["plateau", "underfitting", "frozenWeights", "classCollapse"],
        explanation: Explanation(
            what: """
                The steps are so short that training would take many times as long as planned: the loss goes the right way, \
                but hardly moves.
                """,
            mathematics: """
                √(E[Δw²]/E[w²]) of one step times the planned steps is how far the weights can get, relative to their \
                size, if all steps went the same way. A longer step in the same direction shows what is given away: the loss at \
                2 and 4 times the step.
                """,
            threshold: """
                The network does not learn as it could, all planned steps together stay below a third of the weights' \
                size, and in most looks the loss is lowest at the longest step that is tried (4 times); or the steps are \
                below the last digit of the weights (2⁻²⁴), though there is a gradient.
                """,
            lookAlikes: """
                Gradients that vanish: only the first layers stand still. Too few epochs: steps of the usual size (0.001 of \
                the weights), but not enough of them. Frozen weights do not change at all.
                """,
            sources: [
                "Stanford CS231n, Neural networks 3: ratio of updates to weights",
                "Smith 2017, Cyclical learning rates",
            ])
    ) { evidence in
        guard let course = evidence.course else { return .notYet("needs to watch training") }
        let looks = course.examinations.filter { $0.step > 1 }
        let steps = StepSizes(looks)
        guard steps.count >= 3 else { return .notYet("needs three looks at a step") }
        let standing = evidence.standing
        let reach = steps.typical * Double(evidence.setup.plannedSteps)
        let bests = looks.compactMap { $0.landscape }.map { $0.best >= 4 }
        let couldGoOn = bests.isEmpty ? 0 : Double(bests.count { $0 }) / Double(bests.count)
        let isHeldBack = standing.suffers || standing.state == .unclear && reach < 0.05
        // Steps below the last digit of the weights change nothing that could show in the loss.
        let gradient = median(looks.flatMap { $0.layers.flatMap(\.weights).map(\.gradientSize) })
        let isLost = steps.typical < 6e-8 && gradient > 1e-12
        guard isHeldBack, reach < 0.33, couldGoOn > 0.5 && reach > 0 || isLost, !course.rose(from: standing.startLoss)
        else { return .healthy }
        return .finding(
            Finding(
                "learningRateTooLow", "Learning rate too low", since: looks.first?.step ?? 1,
                severity: max(standing.severity, .warning),
                confidence: 0.65 + (reach < 0.05 ? 0.15 : 0) + (couldGoOn > 0.8 ? 0.1 : 0),
                """
                A step changes the weights by \(percent(steps.typical)) of their size, so that all \(evidence.setup.plannedSteps) \
                planned steps together move them by \(percent(reach)) at most. \(isLost
                    ? "That is less than the last digit of a weight, though there is a gradient of \(short(gradient))."
                    : "In \(percent(couldGoOn)) of the looks a step four times as long would have been better.")
                """,
                evidence: [
                    .init("step / weights, median", steps.typical, expected: "about 0.001"),
                    .init("all planned steps / weights", reach, expected: "above 0.33"),
                    .init("looks at which 4 times the step is better", couldGoOn, expected: "below 0.5"),
                    .init("learning rate", evidence.setup.learningRate),
                ],
                suggestions: [
                    .init("raiseLearningRate", "ten times as much is the first thing to try"),
                    .init("rangeTest", "finds the learning rate at which the loss falls fastest"),
                    .init("adamOptimizer", "steps of a size that does not depend on that of the gradient"),
                    .init("momentumOptimizer", "steps in a lasting direction add up to ten times as much"),
                    .init("trainLonger", "more of the short steps"),
                ]))
    }
}
