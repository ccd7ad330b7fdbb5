import FathomTraining

extension Rule {
    static let nonFinite = Rule(
        "nonFinite", "Values that are no numbers", stage: .during,
        explains: [
            "plateau", "underfitting", "classCollapse", "divergingLoss", "oscillatingLoss", "frozenWeights",
        ],
        explanation: Explanation(
            what: """
                A computation left the range of numbers: it overflowed to infinity, or asked for something that has no \
                answer, such as 0/0 or the logarithm of a negative number (NaN, not a number). Whatever is computed from \
                such a value is lost too, and one update with it destroys every weight.
                """,
            mathematics: """
                Single precision ends at 3.4e38: exp(x) overflows from x = 88.7 on. log(0) is −∞, and ∞ − ∞, 0·∞, 0/0 \
                are NaN. The first operation that made one is found by computing the step again, operation by operation.
                """,
            threshold: "A single value that is not finite, in the loss, a layer or a gradient.",
            lookAlikes: """
                It is mostly the end of something else, which is then named first: a learning rate that is too high, \
                values that explode with depth, inputs or targets that are not finite or far too large.
                """,
            sources: ["IEEE 754-2019, Standard for floating-point arithmetic"])
    ) { evidence in
        guard let course = evidence.course else {
            guard let birth = evidence.birth, !birth.loss.isFinite else {
                return evidence.birth == nil ? .notYet("needs a first step") : .healthy
            }
            return .finding(atBirth(birth))
        }
        guard case .nonFinite(let report) = course.ending else {
            if let birth = evidence.birth, !birth.loss.isFinite { return .finding(atBirth(birth)) }
            return .healthy
        }
        let finite = course.losses.filter(\.isFinite)
        let largest = (evidence.latest?.layers ?? []).map { max(abs($0.output.minimum), abs($0.output.maximum)) }.max()
        let where_ = report.operation.map {
            "\($0) in \(report.layer.isEmpty ? "the \(report.phase) pass" : report.layer)"
        }
        var facts: [Finding.Fact] = [.init("step", Double(report.step))]
        if let last = finite.last { facts.append(.init("last loss that was a number", Double(last))) }
        if let largest {
            facts.append(.init("largest value in a layer at the last look", largest, expected: "of the order of 1"))
        }
        let growth =
            finite.count > 1
            ? "; the loss went from \(short(Double(finite[0]))) to \(short(Double(finite[finite.count - 1]))) before"
            : ""
        return .finding(
            Finding(
                "nonFinite", "Values that are no numbers", cause: report.phase.isEmpty ? nil : report.phase,
                layers: report.layer.isEmpty ? [] : [report.layer], since: report.step, severity: .failure,
                confidence: 0.99,
                """
                At step \(report.step) \(where_ ?? "the step") gave the first value that is not finite\
                \(report.detail.isEmpty ? "" : " (\(report.detail))")\(growth). Every weight that is updated with it is lost.
                """,
                evidence: facts,
                suggestions: [
                    .init("lowerLearningRate", "smaller steps do not carry the weights out of range"),
                    .init("clipGradients", "bounds every step"),
                    .init("scaleInputs", "inputs of the order of 1 keep the values there"),
                    .init("criticalInitialization", "values keep their size through the layers"),
                ]))
    }
}

private func atBirth(_ birth: Examination) -> Finding {
    let broken = birth.layers.first { $0.output.nonFinite > 0 }
    return Finding(
        "nonFinite", "Values that are no numbers", cause: "forward", layers: broken.map { [$0.path] } ?? [],
        since: birth.step,
        severity: .failure, confidence: 0.99,
        """
        The loss is \(short(birth.loss)) before the first step, \(broken.map { "because \(place($0.path)) gives values that are not finite" } ?? "though every layer gives numbers"). \
        Nothing can be learnt from it.
        """,
        evidence: [.init("first loss", birth.loss, expected: "a number")],
        suggestions: [
            .init("criticalInitialization", "values keep their size through the layers"),
            .init("scaleInputs", "inputs of the order of 1 keep the values there"),
            .init("reluActivation", "an activation that grows no faster than its input"),
        ])
}
