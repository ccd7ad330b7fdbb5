import Foundation

extension Rule {
    /// Means that dwarf what distinguishes the rows.
    static let inputCentring = Rule(
        "inputCentring", "Inputs that are not centred", stage: .before,
        explains: [
            "zigZag", "oscillatingLoss", "learningRateTooHigh", "plateau", "underfitting", "dyingReLU", "firstLoss",
        ],
        explanation: Rule.Explanation(
            what: """
                When columns vary little about a large mean (years from 1970 to 2020), all rows look nearly the same to the \
                first layer. One direction of its weights, the one along the mean, is then far steeper than all others, \
                and training must be slow enough for that one.
                """,
            mathematics: """
                The second-moment matrix of n columns with means m is their covariance plus m·mᵀ, which adds an \
                eigenvalue |m|² = n·m². Gradient descent needs steps in proportion to the condition number, largest by \
                smallest eigenvalue; 100 columns of variance 1 and mean 1 already have about 101.
                """,
            threshold: """
                |m|² above 100 times the total variance, means ten times the deviations. Below, as after scaling to 0…1 \
                (ratio about 4), the bias and Adam cope with it.
                """,
            lookAlikes: "Columns of unequal scale are ill-conditioned too; there, deviations differ, not means.",
            sources: [
                "LeCun et al. 1998, Efficient BackProp, sections 4.3 and 5",
                "LeCun, Kanter & Solla 1991, Eigenvalues of covariance matrices: application to neural-network learning",
            ])
    ) { evidence in
        let inputs = evidence.setup.inputs
        let varying = inputs.deviations.indices.filter { inputs.deviations[$0] > 1e-7 * abs(inputs.means[$0]) }
        guard let first = evidence.setup.layers.first(where: { $0.isOuter && $0.trainable > 0 }),
            first.kind != "embedding", !first.kind.lowercased().hasSuffix("norm"), !varying.isEmpty
        else { return .healthy }
        let means = varying.reduce(0) { $0 + inputs.means[$1] * inputs.means[$1] }
        let variance = varying.reduce(0) { $0 + inputs.deviations[$1] * inputs.deviations[$1] }
        let ratio = means / variance
        // A mean of about 1 is no more than a second bias.
        guard ratio > 100, means > 4, !(Chain(evidence)?.links.first?.isNormalised ?? false) else { return .healthy }
        var evidenceFacts: [Finding.Fact] = [
            .init("|mean|² / total variance", ratio, expected: "below 100; 0 when centred"),
            .init("mean of all inputs", inputs.mean, expected: "0"),
        ]
        if let condition = inputs.conditionNumber {
            evidenceFacts.append(.init("condition number of the inputs", condition, expected: "below 1,000"))
        }
        return evidence.tempered(
            Finding(
                "inputCentring", "Inputs that are not centred", layers: [first.path], severity: .warning,
                confidence: min(0.9, 0.6 + 0.1 * log10(ratio / 100)),
                """
                The columns' means are \(short(ratio.squareRoot())) times as large as what varies about them. The weights of \
                \(first.path) have one direction about \(short(ratio)) times steeper than the rest, which the learning rate \
                must respect while everything else waits.
                """,
                evidence: evidenceFacts,
                suggestions: [
                    .init("scaleInputs", "takes the mean away and brings columns to one scale"),
                    .init("perInputBias", "w·(x + b) learns to centre each input"),
                ]))
    }
}
