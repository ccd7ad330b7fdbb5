extension Rule {
    static let labels = Rule(
        "labels", "Labels that do not go with the inputs", stage: .during,
        explains: ["plateau", "underfitting", "overfitting", "classCollapse"],
        explanation: Explanation(
            what: """
                What is to be predicted has nothing to do with the inputs: rows were shuffled on one side, columns mixed up, or \
                labels wrong. A network can then at best learn its rows by heart.
                """,
            mathematics: """
                If inputs tell nothing, no method beats the constant answer beyond chance: two standard errors of an accuracy p \
                on n rows are 2·√(p(1 − p)/n).
                """,
            threshold: """
                On 50 held-out rows or more neither nearest neighbours nor least squares nor the network beat the \
                constant answer by more than two standard errors. Surer when one batch can be learnt by heart, for then it is \
                not the network.
                """,
            lookAlikes: """
                A network that learns nothing where neighbours do, or that cannot learn even one batch by heart: a fault of the \
                network, plateau or a cause above it. Overfitting beats the constant answer \
                on held-out rows first.
                """,
            sources: [
                "Zhang et al. 2017, Understanding deep learning requires rethinking generalization",
                "Karpathy 2019, A recipe for training neural networks",
            ])
    ) { evidence in
        guard let course = evidence.course else { return .notYet("needs to watch training") }
        let standing = evidence.standing
        let setup = evidence.setup
        if let heldOut = standing.heldOutSkill, setup.yardstick != nil, !standing.isInformative,
            setup.heldOutRows >= 50,
            setup.inputs.rows >= 100, standing.trivial < 0.9, heldOut < standing.trivial + max(standing.margin, 0.05),
            !course.isNonFinite
        {
            let name = setup.task.isClassification ? "accuracy" : "R²"
            let knows = course.learnsOneBatch == true
            return .finding(
                Finding(
                    "labels", "Labels that do not go with the inputs", cause: "unrelated", since: 0, severity: .failure,
                    confidence: knows ? 0.85 : 0.65,
                    """
                    On held-out rows the network reaches \(name) \(short(heldOut)), nearest neighbours \
                    \(short(setup.yardstick?.neighbours ?? 0)) and least squares \(short(setup.yardstick?.linear ?? 0)), a constant \
                    answer \(short(standing.trivial)). Nothing in the inputs tells the targets\
                    \(knows ? ", though one batch can be learnt by heart" : "").
                    """,
                    evidence: [
                        .init(
                            "nearest neighbours", setup.yardstick?.neighbours ?? 0,
                            expected: "above \(short(standing.trivial))"),
                        .init(
                            "least squares", setup.yardstick?.linear ?? 0, expected: "above \(short(standing.trivial))"),
                        .init("network, training rows", standing.trainSkill ?? 0),
                        .init("network, held-out rows", heldOut),
                    ],
                    suggestions: [
                        .init("leaveAsIs", "no change of the network helps; look at how inputs and targets were joined")
                    ]))
        }
        return .healthy
    }
}
