extension Rule {
    /// A training that ends before it can have begun.
    static let epochsTooFew = Rule(
        "epochsTooFew", "Too few steps planned", stage: .before,
        explains: ["underfitting", "learningRateTooLow", "plateau", "frozenWeights", "classCollapse"],
        explanation: Rule.Explanation(
            what: """
                A network learns by steps, one for each batch. A small data set in large batches gives a single step per \
                epoch, so that twenty epochs are twenty steps: too few for any learning rate that does not blow up.
                """,
            mathematics: """
                Adam moves a weight by at most η·T in T steps; features stay random while that is below a third of the \
                weights' own size. Gradient descent runs for the time η·T/(1 − μ), in which the distance along curvature λ falls by \
                e^(−time·λ): below 1 even the steepest direction of the last layer is not followed.
                """,
            threshold: """
                Fewer than 100 steps in all, or fewer than 1,000 steps that together move the weights by less than that. \
                Adam's own average of squares reaches over 1/(1 − β₂) = 1,000 steps.
                """,
            lookAlikes: """
                With thousands of steps the same shortfall is a learning rate that is too low. A loss that stands still has \
                another cause; here it still falls when training ends.
                """,
            sources: [
                "Kingma & Ba 2015, Adam: a method for stochastic optimization, section 2.1",
                "Hoffer, Hubara & Soudry 2017, Train longer, generalize better",
            ])
    ) { evidence in
        let setup = evidence.setup
        let steps = setup.plannedSteps
        guard setup.parameters > 0, steps < Reach.fewSteps else { return .healthy }
        let reach = Reach(evidence)
        let isShort = reach.map { $0.share < 1 } ?? false
        guard steps < 100 || isShort else { return .healthy }
        let isFailure = steps < 30 || (reach?.share ?? 1) < 0.1
        var facts: [Finding.Fact] = [
            .init("planned steps", Double(steps), expected: "hundreds to thousands"),
            .init("steps per epoch", Double(setup.stepsPerEpoch)),
        ]
        if let reach { facts.append(.init(reach.name, reach.share, expected: "well above 1")) }
        return evidence.tempered(
            Finding(
                "epochsTooFew", "Too few steps planned", severity: isFailure ? .failure : .warning,
                confidence: isFailure ? 0.93 : 0.8,
                """
                \(count(setup.patient.configuration.training.epochs, "epoch")) of \(count(setup.stepsPerEpoch, "step")) are \
                \(count(steps, "step")) in all. \(isShort ? reach?.text ?? "" : "No optimiser gets far in so few.")
                """,
                evidence: facts,
                suggestions: [
                    .init("trainLonger", "more epochs are more steps"),
                    .init("smallerBatch", "more steps from the same rows"),
                    .init("raiseLearningRate", "longer steps come further in the same time"),
                ]))
    }
}
