extension Rule {
    static let divergingLoss = Rule(
        "divergingLoss", "Diverging loss", stage: .during,
        explains: [
            "plateau", "underfitting", "classCollapse", "nonFinite", "saturatedUnits", "oscillatingLoss",
        ],
        explanation: Explanation(
            what: """
                The loss ends higher than it began: training makes the network worse. The steps lead up instead of down, \
                because they are too long or have the wrong sign.
                """,
            mathematics: """
                A small step against the gradient lowers the loss. In a bowl of curvature λ a step of length η·|g| lowers it only \
                while η < 2/λ; beyond, every step ends higher on the other side.
                """,
            threshold: """
                The median of the last quarter lies a tenth above the start (and above the constant answer's loss, where the \
                start was lower), by more than three deviations of a block.
                """,
            lookAlikes: """
                A spike that heals is none: the median of a quarter counts. Values that overflow: nonFinite. A held-out \
                loss that rises while the training loss falls: overfitting.
                """,
            sources: ["LeCun et al. 1998, Efficient BackProp, section 5"])
    ) { evidence in
        guard let course = evidence.course else { return .notYet("needs to watch training") }
        guard let start = evidence.standing.startLoss, start.isFinite else { return .healthy }
        let finite = course.losses.prefix { $0.isFinite }.map(Double.init)
        let curve = LossCurve(course.losses, perEpoch: evidence.setup.stepsPerEpoch)
        guard curve != nil || course.isNonFinite && finite.count >= 2 else {
            return course.isNonFinite ? .healthy : .notYet("needs 32 steps, has \(course.steps)")
        }
        let level = curve?.level ?? finite.last ?? start
        let reference = max(abs(start), evidence.standing.trivialLoss.map(abs) ?? 0)
        guard level > start, level - start > 0.1 * reference, level - start > 3 * (curve?.noise ?? 0),
            level > reference || start < 0
        else { return .healthy }
        let since = 1 + (finite.firstIndex { $0 > start + 0.5 * (level - start) } ?? 0)
        return .finding(
            Finding(
                "divergingLoss", "Diverging loss", since: since, severity: .failure,
                confidence: min(0.95, 0.7 + 0.1 * (level - start) / max(reference, 1e-12)),
                """
                The loss rose from \(short(start)) at the start to \(short(level)) in the last quarter of \(course.steps) steps. \
                Training makes this network worse instead of better.
                """,
                evidence: [
                    .init("loss at the start", start),
                    .init("loss in the last quarter", level, expected: "below \(short(start))"),
                ],
                suggestions: [
                    .init("lowerLearningRate", "shorter steps lead down again"),
                    .init("descend", "when the sign of the step is wrong"),
                    .init("clipGradients", "bounds every step"),
                    .init("warmup", "small steps until the first wild gradients are over"),
                ]))
    }
}
