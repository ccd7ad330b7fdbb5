extension Rule {
    /// Batches so small that their gradients are mostly noise.
    static let batchSize = Rule(
        "batchSize", "Very small batches", stage: .before,
        explains: ["oscillatingLoss", "zigZag", "covariateShift", "learningRateTooHigh"],
        explanation: Rule.Explanation(
            what: """
                A batch's gradient stands for that of all rows, as a poll stands for an election. Asked of one or two rows it \
                is mostly chance: steps go to and fro, the loss jumps, and each step costs almost as much as one of a larger \
                batch.
                """,
            mathematics: """
                The gradient of B rows is the true one plus noise of variance tr Σ/B. Noise outweighs it while B is below \
                the noise scale B* = tr Σ/|G|²; then halving the noise needs double the rows, and steps must be shorter by \
                about B/(B + B*).
                """,
            threshold: """
                One or two rows of a set of at least 100. Practice starts at 16 to 32 (Bengio 2012; Masters & Luschi 2018, \
                whose best are from 2 to 32 with learning rates tuned to them).
                """,
            lookAlikes: """
                A learning rate that is too high makes the loss jump with large batches as well. A data set of a few rows \
                has no larger batches.
                """,
            sources: [
                "Bengio 2012, Practical recommendations for gradient-based training of deep architectures, section 3.1.4",
                "McCandlish et al. 2018, An empirical model of large-batch training",
                "Masters & Luschi 2018, Revisiting small batch training for deep neural networks",
            ])
    ) { evidence in
        let setup = evidence.setup
        let rows = setup.batch * max(setup.patient.configuration.training.accumulate, 1)
        guard rows <= 2, setup.inputs.rows >= 100 else { return .healthy }
        let scales = evidence.latest?.layers.flatMap(\.weights).compactMap(\.noiseScale).sorted() ?? []
        var facts: [Finding.Fact] = [.init("rows of a step", Double(rows), expected: "16 to 256")]
        if !scales.isEmpty {
            facts.append(.init("gradient noise scale", scales[scales.count / 2], expected: "below the rows of a step"))
        }
        return .finding(
            Finding(
                "batchSize", "Very small batches", severity: .warning, confidence: rows == 1 ? 0.8 : 0.7,
                """
                Every step is decided by \(count(rows, "row")) of \(setup.inputs.rows). Its gradient is mostly the chance of \
                which \(rows == 1 ? "row it was" : "rows they were"), so that the weights go to and fro with every step.
                """,
                evidence: facts,
                suggestions: [
                    .init("largerBatch", "the mean over more rows is a better guide, and costs little more"),
                    .init("lowerLearningRate", "averages over more steps instead"),
                ]))
    }
}
