import Foundation

/// How the size of a gradient changes on its way through the hidden layers, and by whose doing.
///
/// The way begins at the output of the last hidden layer and ends at the sums of the first layer with weights. The output
/// layer is left out: how many outputs a task has says nothing of depth. What is left out in front is what no weight's
/// gradient depends on.
package struct GradientFlow: Sendable {
    /// Layers on the way, from the input on.
    package let layers: [Examination.Layer]
    /// rms of the gradient at the end of the way by that at its beginning.
    package let gain: Double
    /// √ of the product of E[φ′²].
    package let activation: Double
    /// √ of the product of fan-out · E[w²], of plain layers with weights.
    package let weights: Double
    /// The part of the gain that was measured between outputs and sums' gradients, in weights, gates, shortcuts and
    /// normalisation.
    package let transport: Double
    /// What activation and weights do not explain: normalisation, shortcuts, and values that depend on each other.
    package var residual: Double { expectedByFactors > 0 ? gain / expectedByFactors : 1 }
    private var expectedByFactors: Double { activation * weights }
    /// rms of the last hidden output by that of the first.
    package let signal: Double
    /// How far answers to different rows are apart at the end of the hidden layers, by how far inputs are at the first one's output.
    package let distinction: Double
    /// The gain in the length of the gradient instead of the rms of its elements, which differ where widths do.
    package let lengthGain: Double

    /// - Returns: `nil` for fewer than two hidden layers with weights.
    package init?(_ look: Examination) {
        let outer = look.outerLayers
        func hasWeights(_ layer: Examination.Layer) -> Bool { !layer.weights.isEmpty || layer.isContainer }
        guard let start = outer.firstIndex(where: hasWeights), let end = outer.lastIndex(where: hasWeights),
            outer[start..<end].count(where: hasWeights) >= 2
        else { return nil }
        // Dropout scales what it leaves by 1 / (1 − p), which is noise, not depth.
        var hidden = outer[start..<end].filter { $0.kind != "dropout" }
        // Pooling at the end shares a gradient out among places, whose parts a filter's gradient sums up again.
        while let last = hidden.last, hidden.count > 1, !hasWeights(last), last.slope == nil,
            !last.kind.lowercased().hasSuffix("norm")
        {
            hidden.removeLast()
        }
        guard let first = hidden.first, let last = hidden.last else { return nil }
        layers = hidden
        gain = Self.ratio(first.sumsGradient.size, last.outputGradient.size)
        let width = Self.ratio(Double(first.width), Double(last.width))
        lengthGain = width > 0 && width.isFinite ? gain * width.squareRoot() : gain
        activation = hidden.reduce(1) { $0 * ($1.slope?.meanSquare ?? 1).squareRoot() }
        weights = hidden.dropFirst().reduce(1) { $0 * ($1.weights.first?.backwardFactor ?? 1).squareRoot() }
        transport = hidden.dropFirst().reduce(1) { $0 * ($1.transportGain.isFinite ? $1.transportGain : 1) }
        signal = Self.ratio(last.output.size, first.output.size)
        distinction = Self.ratio(last.output.acrossRows, first.output.acrossRows)
    }

    private static func ratio(_ a: Double, _ b: Double) -> Double { b > 0 ? a / b : a > 0 ? .infinity : 1 }

    /// The gain nearer to 1 of the two ways to measure it.
    package var shrinking: Double { max(gain, lengthGain) }
    package var growth: Double { min(gain, lengthGain) }
    /// Of one layer, on average.
    package func each(_ factor: Double) -> Double { pow(max(factor, 1e-300), 1 / Double(max(layers.count, 1))) }

    /// What mean-field theory expects of ``gain`` before training; `nil` where it has no rule for a layer.
    package static func expected(_ setup: Setup, like flow: GradientFlow) -> Double? {
        guard let rows = setup.inspection?.rows else { return nil }
        let paths = Set(flow.layers.dropFirst().map { $0.path.isEmpty ? "(model)" : $0.path })
        let chis = rows.filter { paths.contains($0.path) }.map(\.chi)
        guard chis.count == paths.count, let first = flow.layers.first else { return nil }
        var product = first.slope?.meanSquare ?? 1
        for chi in chis {
            guard let chi else { return nil }
            product *= chi
        }
        return product.squareRoot()
    }
}
