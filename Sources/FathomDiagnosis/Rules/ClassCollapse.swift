extension Rule {
    static let classCollapse = Rule(
        "classCollapse", "Same answer for everything", stage: .during, explains: ["plateau", "underfitting"],
        isOutcome: true,
        explanation: Explanation(
            what: """
                The network gives all examples the same answer: always one class, or always the same number. It has found \
                the best answer that does not look at the input, and nothing moves it from there.
                """,
            mathematics: """
                The deviation of the outputs over the rows, and the share of rows in each predicted class, on a fixed set \
                of rows.
                """,
            threshold: """
                At the last two looks 95 % of the rows in one class, where fewer than 90 % of the targets are of one; or outputs \
                that differ between rows by less than a hundredth: of 1 for classes, of the targets' deviation for numbers. \
                Only where the network does not learn as it could.
                """,
            lookAlikes: """
                With one class in 95 of 100 rows, that answer may be right. It is mostly a symptom: of signals that fade, \
                dead units, equal weights, or a learning rate that threw the network there; those are then named first.
                """,
            sources: ["He & Garcia 2009, Learning from imbalanced data"])
    ) { evidence in
        guard let course = evidence.course else { return .notYet("needs to watch training") }
        let looks = course.examinations
        guard looks.count >= 3 else { return .notYet("needs three looks, has \(looks.count)") }
        let standing = evidence.standing
        guard standing.suffers else { return .healthy }
        let setup = evidence.setup
        let majority = setup.targets.majority ?? 0
        func collapse(_ look: Examination) -> String? {
            if (look.predictions.classShares.max() ?? 0) >= 0.95, majority < 0.9 { return "oneClass" }
            let scale = setup.task.isClassification ? 1 : setup.targets.deviation
            return look.predictions.acrossRows < 0.01 * scale ? "constant" : nil
        }
        guard let cause = collapse(looks[looks.count - 1]), collapse(looks[looks.count - 2]) != nil else {
            return .healthy
        }
        let before = looks.last { collapse($0) == nil }?.step
        let since = looks.first { $0.step > (before ?? -1) }?.step ?? 0
        let last = looks[looks.count - 1].predictions
        let share = last.classShares.max() ?? 1
        let chosen = last.classShares.firstIndex(of: share)
        let names = setup.patient.data.train.classNames
        let name = chosen.flatMap { names.indices.contains($0) ? "“\(names[$0])”" : nil } ?? "one class"
        return .finding(
            Finding(
                "classCollapse", "Same answer for everything", cause: cause, since: before == nil ? 0 : since,
                severity: standing.severity, confidence: 0.65,
                """
                \(cause == "oneClass"
                    ? "\(percent(share)) of the rows are taken for \(name), though no class has more than \(percent(majority)) of them"
                    : "The outputs differ by \(short(last.acrossRows)) from row to row"), \
                \(before == nil ? "from the start" : "since step \(since)"). The network has stopped looking at its input.
                """,
                evidence: [
                    .init("largest share of a predicted class", share, expected: "about \(short(majority))"),
                    .init("deviation of outputs over rows", last.acrossRows),
                ],
                suggestions: [
                    .init("lowerLearningRate", "a step too far can throw a network there"),
                    .init("criticalInitialization", "signals of the input that reach the output"),
                    .init("batchNorm", "differences between rows are kept at every layer"),
                    .init("classWeights", "rare classes count as much as frequent ones"),
                ]))
    }
}
