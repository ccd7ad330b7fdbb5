extension Rule {
    static let overfitting = Rule(
        "overfitting", "Overfitting", stage: .during, explains: ["underfitting"],
        explanation: Explanation(
            what: """
                The network learns the training rows by heart, their noise included, instead of what they have in common: it \
                still gets better on them while it gets worse on rows it has not seen.
                """,
            mathematics: """
                gap = skill on the training rows − skill on the held-out rows. Generalisation loss = held-out loss / its \
                smallest value so far − 1 (Prechelt 1998).
                """,
            threshold: """
                The held-out loss stands a tenth above its smallest value, and the gap exceeds a tenth and twice the standard error \
                of an accuracy on that many rows. It is a warning only when the held-out skill has fallen below its own best, \
                or stays below what simple methods reach; otherwise a note.
                """,
            lookAlikes: """
                A held-out loss that rises while its accuracy stays is overconfidence. Bad on both: underfitting. Training \
                rows learnt by heart, and nothing at all on others, where simple methods find nothing either: labels.
                """,
            sources: [
                "Prechelt 1998, Early stopping — but when?",
                "Goodfellow, Bengio & Courville 2016, Deep learning, chapter 5.2",
            ])
    ) { evidence in
        guard let course = evidence.course else { return .notYet("needs to watch training") }
        let evaluations = course.evaluations.filter { $0.heldOut.loss.isFinite && $0.heldOut.skill.isFinite }
        guard evaluations.count >= 4 else { return .notYet("needs four evaluations, has \(evaluations.count)") }
        let standing = evidence.standing
        guard let train = standing.trainSkill, let heldOut = standing.heldOutSkill,
            let lowest = evaluations.min(by: { $0.heldOut.loss < $1.heldOut.loss })
        else { return .healthy }
        // It must have come back from its lowest, and stayed.
        let since = evaluations.filter { $0.step > lowest.step }
        guard since.count >= 2 else { return .healthy }
        let now = median(since.suffix(3).map(\.heldOut.loss))
        let gap = train - heldOut
        guard lowest.heldOut.loss > 0, now > 1.1 * lowest.heldOut.loss, gap > max(0.1, 2 * standing.margin) else {
            return .healthy
        }
        let best = evaluations.map(\.heldOut.skill).max() ?? heldOut
        let hurts =
            heldOut < best - max(standing.margin, 0.02)
            || standing.isInformative && heldOut < standing.best - max(standing.margin, 0.02)
        let name = evidence.setup.task.isClassification ? "accuracy" : "R²"
        return .finding(
            Finding(
                "overfitting", "Overfitting", since: lowest.step, severity: hurts ? .warning : .note,
                confidence: min(0.9, 0.5 + gap),
                """
                Since step \(lowest.step) the held-out loss has risen from \(short(lowest.heldOut.loss)) to \(short(now)), while \
                training rows reach \(name) \(short(train)) and held-out rows \(short(heldOut)). The network learns its \
                \(evidence.setup.inputs.rows) rows by heart.
                """,
                evidence: [
                    .init("\(name) on training rows", train),
                    .init(
                        "\(name) on held-out rows", heldOut,
                        expected: short(standing.isInformative ? standing.best : train)),
                    .init("held-out loss / its smallest", now / lowest.heldOut.loss, expected: "below 1.1"),
                    .init(
                        "parameters per training row",
                        Double(evidence.setup.parameters) / Double(max(evidence.setup.inputs.rows, 1))),
                ],
                suggestions: [
                    .init("moreRegularization", "weight decay keeps the function smooth"),
                    .init("moreDropout", "no unit can rely on another's memory"),
                    .init("batchNorm", "the noise of batches regularises"),
                    .init("smallerBatch", "the noise of small batches regularises"),
                ]))
    }
}
