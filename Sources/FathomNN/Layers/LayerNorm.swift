import FathomGraph

/// Layer normalisation (Ba et al. 2016): every row to mean 0 and variance 1 over its features, then scaled and shifted.
///
/// [B, …, features] → the same. Parameters `scale` and `shift`, [features]. Examples do not see each other, so training and
/// evaluation are alike.
public struct LayerNorm: Layer {
    /// Added to the (biased) variance.
    public let epsilon: Double
    /// Whether `scale` and `shift` are learnt.
    public let isAffine: Bool
    let identity: LayerIdentity

    /// The defaults are PyTorch's.
    public init(epsilon: Double = 1e-5, affine: Bool = true, file: StaticString = #fileID, line: UInt = #line) {
        self.epsilon = epsilon
        isAffine = affine
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "layerNorm") { layer in
            guard let features = layer.features(of: x, "layerNorm") else { return x.poison }
            let centred = x - x.mean(alongAxes: [-1], keepingAxes: true)
            let variance = (centred * centred).mean(alongAxes: [-1], keepingAxes: true)
            return layer.scaledAndShifted(centred * rsqrt(variance + epsilon), features, isAffine)
        }
    }
}

/// Root-mean-square normalisation (Zhang & Sennrich 2019): every row divided by √(mean x² + ε), then scaled.
///
/// [B, …, features] → the same. Parameter `scale`, [features].
public struct RMSNorm: Layer {
    /// Added to the mean square.
    public let epsilon: Double
    let identity: LayerIdentity

    /// ε = 10⁻⁶ by default; `scale` starts at 1.
    public init(epsilon: Double = 1e-6, file: StaticString = #fileID, line: UInt = #line) {
        self.epsilon = epsilon
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "rmsnorm") { layer in
            guard let features = layer.features(of: x, "rmsNorm") else { return x.poison }
            let square = (x * x).mean(alongAxes: [-1], keepingAxes: true)
            return x * rsqrt(square + epsilon) * layer.parameter("scale", shape: [.fixed(features)], initializer: .ones)
        }
    }
}
