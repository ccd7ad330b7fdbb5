import FathomGraph

/// x for positive x, else a learnt slope · x (He et al. 2015).
///
/// Any shape → the same. Parameter `slope`: [1], or [features] with one slope for each feature.
///
/// Automatic initialisation, inspection and diagnosis go by the facts of what it is before training, a leaky ReLU of
/// `initialSlope`.
public struct PReLU: Layer {
    /// Whether each feature of the last axis has a slope of its own, instead of one slope for all.
    public let isPerFeature: Bool
    /// The slope before training.
    public let initialSlope: Double
    let identity: LayerIdentity

    /// One slope for all by default; the paper too starts from 0.25.
    public init(
        perFeature: Bool = false, initialSlope: Double = 0.25, file: StaticString = #fileID, line: UInt = #line
    ) {
        isPerFeature = perFeature
        self.initialSlope = initialSlope
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "prelu") { layer in
            guard let features = isPerFeature ? layer.features(of: x, "prelu") : 1 else { return x.poison }
            let slope = layer.parameter("slope", shape: [.fixed(features)], initializer: .constant(initialSlope))
            let y = select(x .> 0, x, x * slope)
            x.trace.note(.leakyRelu(slope: initialSlope), input: x, output: y)
            return y
        }
    }
}
