extension Rule {
    /// Batches too small to have statistics.
    static let batchNormBatch = Rule(
        "batchNormBatch", "Batch normalisation of tiny batches", stage: .before,
        explains: [
            "plateau", "underfitting", "oscillatingLoss", "classCollapse", "covariateShift", "batchSize",
            "frozenWeights",
            "deadAtBirth", "frozenStatistics",
        ],
        explanation: Rule.Explanation(
            what: """
                Batch normalisation takes mean and variance of every feature from the batch. Of a single row the mean is the \
                row itself, and nothing is left after subtracting it; of two or four rows both are mostly chance, and what a \
                row becomes depends on its neighbours.
                """,
            mathematics: """
                With B rows the estimated mean errs by σ/√B and the variance by about σ²·√(2/(B − 1)): for B = 2 as much as \
                itself. For B = 1, x − mean = 0 in every feature.
                """,
            threshold: """
                B = 1 is a failure, below 4 a warning, below 8 a note; the error of networks trained so rises steeply below 8 \
                to 16 (Wu & He 2018).
                """,
            lookAlikes: "Features with places (images) average over these too, so that fewer rows do.",
            sources: [
                "Ioffe & Szegedy 2015, Batch normalization", "Wu & He 2018, Group normalization",
                "Ioffe 2017, Batch renormalization",
            ])
    ) { evidence in
        let setup = evidence.setup
        // Features with places have their statistics from these.
        let norms = setup.layers.filter { $0.kind == "batchNorm" }
        guard !norms.isEmpty, setup.batch < 8, setup.patient.configuration.data.isFlat ?? true else { return .healthy }
        let rows = setup.batch
        let severity: Finding.Severity = rows == 1 ? .failure : rows < 4 ? .warning : .note
        let finding = Finding(
            "batchNormBatch", "Batch normalisation of tiny batches", layers: norms.map(\.path), severity: severity,
            confidence: rows == 1 ? 0.99 : 0.8,
            """
            Batches have \(count(rows, "row")), and \(norms[0].path) takes mean and variance from them. \(rows == 1
                ? "The mean of one row is the row: after subtracting it every feature is 0, and nothing can be learnt."
                : "From so few both are mostly chance, and the same row looks different in every batch.")
            """,
            evidence: [.init("rows of a batch", Double(rows), expected: "16 or more")],
            suggestions: [
                .init("largerBatch", "statistics need rows"),
                .init("layerNorm", "takes its statistics from the features of each row, however small the batch"),
            ])
        return rows == 1 ? .finding(finding) : evidence.tempered(finding)
    }
}
