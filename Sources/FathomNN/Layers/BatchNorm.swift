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

    /// The defaults are PyTorch's; what Keras calls momentum is 1 − `momentum`.
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
            let parameters =
                isAffine
                ? [
                    layer.parameter("scale", shape: shape, initializer: .ones),
                    layer.parameter("shift", shape: shape, initializer: .zeros),
                ] : []
            guard layer.isTraining else {
                let normalised = (x - runningMean) * rsqrt(runningVariance + epsilon)
                return isAffine ? normalised * parameters[0] + parameters[1] : normalised
            }
            let count = x.elementCount(alongAxes: Array(0..<(x.rank - 1)))
            let (mean, variance) = Self.statistics(of: x, count: count)
            // 0 for a single value, which says nothing about the variance.
            let share = min(count - 1, 1) * momentum
            let unbiased = variance * (count / max(count - 1, 1))
            layer.update("mean", with: runningMean + share * (mean - runningMean))
            layer.update("variance", with: runningVariance + share * (unbiased - runningVariance))
            return Tensor.call(Self.normalizing, [x, mean, rsqrt(variance + epsilon)] + parameters)
        }
    }

    /// Mean and biased variance of every feature over all other axes.
    private static func statistics(of x: Tensor, count: Tensor) -> (mean: Tensor, variance: Tensor) {
        guard x.rank > 2 else {
            let mean = x.sum(alongAxes: [0]) / count
            let centred = x - mean
            return (mean, (centred * centred).sum(alongAxes: [0]) / count)
        }
        // Of every image first, while it is in cache, then of the images (Chan, Golub & LeVeque 1983).
        let places = Array(1..<(x.rank - 1))
        let perImage = x.elementCount(alongAxes: places)
        let own = x.sum(alongAxes: places, keepingAxes: true) / perImage
        let centred = x - own
        let within = (centred * centred).sum(alongAxes: places).sum(alongAxes: [0])
        let means = own.reshaped(to: [x.shape[0], x.shape[x.rank - 1]])
        let mean = means.mean(alongAxes: [0])
        let apart = means - mean
        return (mean, (within + (apart * apart).sum(alongAxes: [0]) * perImage) / count)
    }

    /// (x, mean, 1/deviation) or (x, mean, 1/deviation, scale, shift): (x − mean) / deviation · scale + shift.
    ///
    /// The gradient counts mean and deviation as what they are, functions of x over all axes but the last, so that it needs
    /// two sums over the batch instead of four, and none after another; those two operands get no gradient of their own.
    static let normalizing = FusedOp(
        "batchNorm",
        gradient: { (graph: inout Graph, inputs: [NodeID], _: NodeID, g: NodeID) throws(GraphError) in
            let (x, mean, inverse) = (inputs[0], inputs[1], inputs[2])
            let axes = Array(0..<(graph.shape(of: x).rank - 1))
            let normalised = try graph.mul(graph.sub(x, mean), inverse)
            let total = try graph.sum(g, axes: axes)
            let along = try graph.sum(graph.mul(g, normalised), axes: axes)
            let count = try graph.add(.extent(axes: axes), [x])
            let left = try graph.sub(
                graph.sub(g, graph.div(total, count)), graph.mul(normalised, graph.div(along, count)))
            guard inputs.count > 3 else { return [try graph.mul(left, inverse), nil, nil] }
            return [try graph.mul(left, graph.mul(inverse, inputs[3])), nil, nil, along, total]
        },
        body: { (graph: inout Graph, inputs: [NodeID]) throws(GraphError) in
            let normalised = try graph.mul(graph.sub(inputs[0], inputs[1]), inputs[2])
            return inputs.count > 3 ? try graph.add(graph.mul(normalised, inputs[3]), inputs[4]) : normalised
        })
}

extension LayerScope {
    /// normalised · `scale` + `shift`, with parameters of one number per feature.
    func scaledAndShifted(_ normalised: Tensor, _ features: Int, _ isAffine: Bool) -> Tensor {
        guard isAffine else { return normalised }
        let scale = parameter("scale", shape: [.fixed(features)], initializer: .ones)
        return normalised * scale + parameter("shift", shape: [.fixed(features)], initializer: .zeros)
    }
}
