import FathomNN

extension Rule {
    /// Targets that the loss does not understand.
    static let labelRange = Rule(
        "labelRange", "Labels out of range", stage: .before,
        explains: [
            "plateau", "underfitting", "divergingLoss", "nonFinite", "classCollapse", "labels", "saturatedUnits",
            "explodingGradient", "learningRateTooHigh",
        ],
        explanation: Rule.Explanation(
            what: """
                A loss for yes or no wants 0 or 1. Labels of 1 and 2, or −1 and 1, mean something else to it than to you, and \
                training then chases answers that cannot be given. And where all rows have one label, there is nothing to tell \
                apart.
                """,
            mathematics: """
                Two-class cross-entropy −t·ln p − (1 − t)·ln(1 − p) has its minimum inside 0…1 only for t inside 0…1; for \
                t = 2 or −1 it falls without bound. The gradient for the logit is p − t, which never gets 0.
                """,
            threshold: "Exact: targets of two-class cross-entropy within 0…1; at least two classes that occur.",
            lookAlikes: """
                Numbers that are no labels at all (a regression target) with cross-entropy: there the loss is wrong, not \
                the labels. One output for many classes: there the last layer is. Too few outputs are an error before.
                """,
            sources: ["Bishop 2006, Pattern Recognition and Machine Learning, sections 4.3.2 and 5.2"])
    ) { evidence in
        let (setup, targets) = (evidence.setup, evidence.setup.targets)
        switch setup.task {
        case .classification(let classes):
            let used = targets.classCounts.count { $0 > 0 }
            if used == 1 {
                return .finding(
                    Finding(
                        "labelRange", "All rows have one class", cause: "oneClass", severity: .failure, confidence: 1,
                        """
                        All training rows belong to one class of \(classes). Whatever the network does, saying that class is \
                        the best answer, and nothing can be learnt.
                        """,
                        evidence: [.init("classes that occur", 1, expected: "at least 2")],
                        suggestions: [.init("leaveAsIs", "the data must change, not the network")]))
            }
            return .healthy
        case .regression:
            let isCrossEntropy = setup.loss.applies == .sigmoid || setup.loss.expects == .sigmoid
            guard isCrossEntropy, targets.isTwoValued, targets.minimum < -1e-6 || targets.maximum > 1 + 1e-6 else {
                return .healthy
            }
            return .finding(
                Finding(
                    "labelRange", "Labels are not 0 and 1", cause: "notZeroOne", severity: .failure, confidence: 0.97,
                    """
                    The targets are \(short(targets.minimum)) and \(short(targets.maximum)), and \(setup.loss.name) means 0 \
                    and 1. For a target outside 0…1 its loss falls for ever, and the answers run off to infinity.
                    """,
                    evidence: [
                        .init("smallest target", targets.minimum, expected: "0"),
                        .init("largest target", targets.maximum, expected: "1"),
                    ],
                    suggestions: [.init("matchOutput", "a loss and an output that understand these targets")]))
        }
    }
}

extension TargetStatistics {
    /// Whether only the smallest and the largest value occur: no other numbers between them vary as much about their mean.
    var isTwoValued: Bool {
        let most = (maximum - mean) * (mean - minimum)
        return classCounts.isEmpty && maximum > minimum && deviation * deviation > 0.999 * most
    }
}
