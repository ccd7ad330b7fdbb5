extension Rule {
    /// Layers with nothing between them, which are one.
    static let linearCollapse = Rule(
        "linearCollapse", "Linear layers that collapse to one", stage: .before,
        explains: ["underfitting", "plateau", "depthWithoutSkip"],
        explanation: Rule.Explanation(
            what: """
                Two layers of weighted sums without an activation between them can do no more than one: a sum of sums is a \
                sum. A whole network of them draws straight lines only, however many layers it has.
                """,
            mathematics: "W₂(W₁x + b₁) + b₂ = (W₂W₁)x + (W₂b₁ + b₂): one matrix and one bias.",
            threshold: """
                Exact: no function that is not linear between two layers with weights. It is a failure of the model when no \
                activation is left in the whole network; a pair in the middle of others is a note.
                """,
            lookAlikes: """
                A narrow linear layer between wide ones is a wanted bottleneck (a matrix of low rank). Data on which a \
                linear model is as good as any need no more: then it is a note.
                """,
            sources: [
                "Minsky & Papert 1969, Perceptrons",
                "Saxe, McClelland & Ganguli 2014, Exact solutions to the nonlinear dynamics of learning in deep linear networks",
            ])
    ) { evidence in
        let rows = evidence.setup.layers.filter { $0.isOuter }
        // Pairs of weight layers with nothing but linear layers between.
        var pairs: [(String, String)] = []
        var open: String?
        var isLinear = true
        for row in rows {
            let active =
                !row.activations.allSatisfy { $0 == "identity" } || row.isContainer
                || ![
                    "dense", "convolution", "averagePool", "perInputBias", "flatten", "reshape", "dropout", "identity",
                    "batchNorm",
                ].contains(row.kind)
            if !row.initializers.isEmpty {
                if let open { pairs.append((open, row.path)) }
                open = row.path
            }
            if active { open = nil }
            // The output's own activation does not make the network less linear.
            if active, row.path != rows.last?.path { isLinear = false }
        }
        guard !pairs.isEmpty else { return .healthy }
        let weighted = rows.filter { !$0.initializers.isEmpty }
        let all = isLinear && weighted.count > 1
        let layers = pairs.flatMap { [$0.0, $0.1] }.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        let finding = Finding(
            "linearCollapse", all ? "The network is linear" : "Linear layers that collapse to one",
            cause: all ? "network" : "pair", layers: layers, severity: all ? .failure : .note,
            confidence: all ? 0.96 : 0.8,
            all
                ? """
                None of the \(weighted.count) layers has an activation behind it but perhaps the last, so that together they \
                are a single linear layer. Anything that is not a straight line (or a plane between classes) is out of its \
                reach.
                """
                : """
                Between \(pairs[0].0) and \(pairs[0].1) stands no activation, so that together they do no more than one layer. \
                The depth there is paid for and gains nothing.
                """,
            evidence: [
                .init("pairs of layers with nothing between", Double(pairs.count), expected: "0"),
                .init("layers with weights", Double(weighted.count)),
            ],
            suggestions: [
                .init("reluActivation", "an activation between the layers makes them two"),
                .init("leakyReluActivation", "the same, and no unit of a narrow layer can die"),
                .init("tanhActivation", "the same, smooth and centred on 0"),
            ])
        return evidence.tempered(finding)
    }
}
