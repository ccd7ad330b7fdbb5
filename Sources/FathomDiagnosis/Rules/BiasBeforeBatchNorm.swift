extension Rule {
    /// Biases that the normalisation behind them takes away at once.
    static let biasBeforeBatchNorm = Rule(
        "biasBeforeBatchNorm", "Bias before batch normalisation", stage: .before,
        explanation: Rule.Explanation(
            what: """
                Batch normalisation subtracts the mean of every feature. A bias added just before it is part of that mean and \
                vanishes; normalisation has a shift of its own. The bias costs memory and time and does nothing.
                """,
            mathematics: "(z + b) − mean(z + b) = z − mean(z): b drops out, and its gradient is 0.",
            threshold:
                "Exact: a layer with a bias whose sums go straight into batch normalisation. Never more than a note.",
            lookAlikes: "Layer normalisation subtracts the mean over features, of which a bias is not a part.",
            sources: ["Ioffe & Szegedy 2015, Batch normalization, section 3.2"])
    ) { evidence in
        let rows = evidence.setup.layers
        let pairs = zip(rows, rows.dropFirst()).filter { layer, next in
            next.kind == "batchNorm" && ["dense", "convolution"].contains(layer.kind) && layer.hasBias
                && layer.activation == nil
                && layer.activations.isEmpty
        }
        guard let first = pairs.first else { return .healthy }
        let wasted = pairs.reduce(0) { $0 + ($1.0.units ?? 0) }
        return .finding(
            Finding(
                "biasBeforeBatchNorm", "Bias before batch normalisation", layers: pairs.map(\.0.path), severity: .note,
                confidence: 0.99,
                """
                \(first.1.path) subtracts the mean of what \(first.0.path) gives, its bias included. \(count(wasted, "parameter")) \
                do nothing; bias=false spares them.
                """,
                evidence: [.init("biases without effect", Double(wasted), expected: "0")],
                suggestions: [.init("leaveAsIs", "it costs a little and harms nothing")]))
    }
}
