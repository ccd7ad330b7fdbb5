import FathomGraph

/// Batch normalisation (Ioffe & Szegedy 2015): every feature to mean 0 and variance 1 over the batch, then scaled and
/// shifted.
///
/// [B, …, features] → the same; all axes but the last are averaged over. Parameters `scale` and `shift`, buffers `mean` and
/// `variance`, all [features].
///
/// Training normalises by the batch's own mean and biased variance, and moves the buffers toward the batch's mean and
/// unbiased variance by `momentum`; evaluation normalises by the buffers. A batch with a single value per feature has no
/// variance: its output is `shift` and the buffers stay as they are. Prefer ``LayerNorm`` for batches below about 8.
public struct BatchNorm: Layer {
    /// The share of the newest batch in the running statistics.
    public let momentum: Double
    /// Added to the variance.
    public let epsilon: Double
    /// Whether `scale` and `shift` are learnt.
    public let isAffine: Bool
    let identity: LayerIdentity

    public init(
        momentum: Double = 0.1, epsilon: Double = 1e-5, affine: Bool = true, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        self.momentum = momentum
        self.epsilon = epsilon
        isAffine = affine
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "batchNorm") { layer in
            guard let features = layer.features(of: x, "batchNorm") else { return x.poison }
            let shape: Shape = [.fixed(features)]
            let runningMean = layer.buffer("mean", shape: shape, initializer: .zeros)
            let runningVariance = layer.buffer("variance", shape: shape, initializer: .ones)
            let normalised: Tensor
            if layer.isTraining {
                let axes = Array(0..<(x.rank - 1))
                let count = x.elementCount(alongAxes: axes)
                let mean = x.sum(alongAxes: axes) / count
                let centred = x - mean
                let variance = (centred * centred).sum(alongAxes: axes) / count
                normalised = centred * rsqrt(variance + epsilon)
                // 0 for a single value, which says nothing about the variance.
                let share = min(count - 1, 1) * momentum
                let unbiased = variance * (count / max(count - 1, 1))
                layer.update("mean", with: runningMean + share * (mean - runningMean))
                layer.update("variance", with: runningVariance + share * (unbiased - runningVariance))
            } else {
                normalised = (x - runningMean) * rsqrt(runningVariance + epsilon)
            }
            return layer.scaledAndShifted(normalised, features, isAffine)
        }
    }
}

extension LayerScope {
    /// normalised · `scale` + `shift`, with parameters of one number per feature.
    func scaledAndShifted(_ normalised: Tensor, _ features: Int, _ isAffine: Bool) -> Tensor {
        guard isAffine else { return normalised }
        let scale = parameter("scale", shape: [.fixed(features)], initializer: .ones)
        return normalised * scale + parameter("shift", shape: [.fixed(features)], initializer: .zeros)
    }
}
