extension Rule {
    /// Inputs or targets that are no numbers.
    static let nonFiniteInputs = Rule(
        "nonFiniteInputs", "Inputs that are not numbers", stage: .before,
        explains: [
            "nonFinite", "divergingLoss", "plateau", "underfitting", "labels", "inputScale", "targetScale",
            "classCollapse",
        ],
        explanation: Rule.Explanation(
            what: """
                Somewhere in the data stands NaN ("not a number", as a missing field becomes) or infinity. One such value \
                in one row makes the loss of its batch NaN, and after the next update every weight is NaN.
                """,
            mathematics: "Every sum with NaN is NaN, so is every product: NaN · 0 is not 0. Gradients are such sums.",
            threshold: "None is allowed: a single value is enough to destroy the network.",
            lookAlikes: """
                A loss that becomes NaN later, with clean data, comes from overflow: a learning rate or weights too large.
                """,
            sources: ["IEEE 754-2019, Standard for floating-point arithmetic"])
    ) { evidence in
        let (inputs, targets) = (evidence.setup.inputs.nonFinite, evidence.setup.targets.nonFinite)
        guard inputs + targets > 0 else { return .healthy }
        return .finding(
            Finding(
                "nonFiniteInputs", "Inputs that are not numbers", cause: inputs > 0 ? "inputs" : "targets",
                severity: .failure, confidence: 1,
                """
                \(inputs) of the input values and \(targets) of the targets are NaN or infinite. The first batch with one of \
                them turns every weight into NaN.
                """,
                evidence: [
                    .init("input values that are not finite", Double(inputs), expected: "0"),
                    .init("target values that are not finite", Double(targets), expected: "0"),
                ],
                suggestions: [.init("scaleInputs", "scaling reads every value; fill or drop the missing ones first")]))
    }
}
