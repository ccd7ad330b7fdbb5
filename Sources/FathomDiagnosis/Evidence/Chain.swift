import FathomNN
import FathomTraining

/// The layers with weights as a signal passes them, with what was measured before the first step.
struct Chain {
    struct Link {
        let path: String
        let kind: String
        let activation: String?
        let facts: ActivationFacts?
        let units: Int
        let inputs: Int
        /// σw² = fan-in · E[w²].
        let weightVariance: Double
        /// E[φ′(z)²] at the sums it really gets; 1 without an activation.
        let slope: Double
        /// Whether its sums are normalised before the activation.
        let isNormalised: Bool
        /// Whether its input can pass it unchanged.
        let hasShortcut: Bool
        let initializers: [String]
        /// Of its input and of its sums.
        let inputSize: Double
        let sumsSize: Double

        /// χ: the factor of the mean square of gradients.
        var chi: Double { weightVariance * slope }
        var isPlain: Bool { !isNormalised && !hasShortcut }
    }

    let links: [Link]
    /// All but the one that gives the answer.
    var hidden: ArraySlice<Link> { links.dropLast() }

    /// Runs of hidden layers without normalisation or shortcut.
    var plainRuns: [ArraySlice<Link>] { hidden.split { !$0.isPlain } }

    /// - Returns: `nil` without an examination.
    init?(_ evidence: Evidence) {
        guard let birth = evidence.birth else { return nil }
        let measured = Dictionary(birth.layers.map { ($0.path, $0) }) { a, _ in a }
        let rows = evidence.setup.layers.filter(\.isOuter)
        var links: [Link] = []
        for (i, row) in rows.enumerated() {
            guard let look = measured[row.path] else { continue }
            let hasShortcut = row.kind == "highway" || row.kind == "residual"
            guard !row.initializers.isEmpty || hasShortcut || row.isContainer else { continue }
            // Normalisations and activations up to the next layer with weights belong to this one.
            var isNormalised = false
            var active = row.activation == nil ? nil : row
            for next in rows[(i + 1)...] {
                if !next.initializers.isEmpty || next.isContainer { break }
                if next.kind.lowercased().hasSuffix("norm"), active == nil { isNormalised = true }
                if active == nil, next.activation != nil { active = next }
            }
            let slope = active.flatMap { measured[$0.path]?.slope?.meanSquare }
            links.append(
                Link(
                    path: row.path, kind: row.kind, activation: active?.activation, facts: active?.facts,
                    units: row.units ?? 1, inputs: look.weights.first?.inputs ?? row.fanIn ?? 1,
                    weightVariance: look.weights.first?.forwardFactor ?? 1, slope: slope ?? 1,
                    isNormalised: isNormalised, hasShortcut: hasShortcut || row.isContainer,
                    initializers: row.initializers, inputSize: look.input.size, sumsSize: look.sums.size))
        }
        self.links = links
    }
}
