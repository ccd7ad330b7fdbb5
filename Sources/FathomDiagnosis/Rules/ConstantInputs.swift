extension Rule {
    /// Columns that never change, and so say nothing.
    static let constantInputs = Rule(
        "constantInputs", "Inputs that never change", stage: .before,
        explains: [
            "plateau", "underfitting", "classCollapse", "labels", "deadAtBirth", "frozenWeights", "dyingReLU",
            "inputScale", "inputCentring",
        ],
        explanation: Rule.Explanation(
            what: """
                A column with the same value in every row cannot tell two rows apart. A few of them do no harm (the border \
                of an image is always black); if all are constant, there is nothing to learn from.
                """,
            mathematics: """
                A constant input c adds w·c to the sums of every row alike: it is a second bias. Its variance is 0, so \
                that standardising it divides by 0.
                """,
            threshold: """
                A column is constant when its deviation is below 10⁻⁷ of its mean, the precision of 32-bit numbers. All \
                columns constant is a failure; more than 95 % of them, where rows are no images, a warning.
                """,
            lookAlikes: """
                A network that gives every row the same answer may do so because its units are dead or saturated: then \
                the inputs differ, and the output of some layer does not.
                """,
            sources: ["LeCun et al. 1998, Efficient BackProp, section 4.3"])
    ) { evidence in
        let inputs = evidence.setup.inputs
        guard inputs.constantColumns > 0, inputs.columns > 0, inputs.rows > 1 else { return .healthy }
        let share = Double(inputs.constantColumns) / Double(inputs.columns)
        let isAll = inputs.constantColumns == inputs.columns
        // Borders of images are constant for good reason; a table's columns should not be.
        guard isAll || share > 0.05 else { return .healthy }
        let finding = Finding(
            "constantInputs", "Inputs that never change", severity: isAll ? .failure : share > 0.95 ? .warning : .note,
            confidence: isAll ? 1 : 0.8,
            """
            \(inputs.constantColumns) of \(inputs.columns) input columns have the same value in all \(inputs.rows) rows. \
            \(isAll
                ? "Nothing tells one row from another, so that the best answer is the same for all."
                : "They act as further biases and carry nothing to learn from.")
            """,
            evidence: [
                .init("share of constant columns", share, expected: "0, or the borders of images"),
                .init("columns that change", Double(inputs.columns - inputs.constantColumns)),
            ],
            suggestions: [.init("leaveAsIs", "the data must change, not the network")])
        return isAll ? .finding(finding) : evidence.tempered(finding)
    }
}
