import FathomGraph

/// Dropout of whole channels (Tompson et al. 2015; PyTorch's `Dropout2d`): in training each channel of each image is 0 with
/// probability `rate`, the others grow by 1 / (1 − rate); in evaluation nothing happens.
///
/// [B, …spatial…, channels] → the same. Neighbouring places of a channel are alike, so that single missing ones, as
/// ``Dropout`` makes, hide little. What is dropped depends on seed, step and place in the model alone.
public struct SpatialDropout: Layer {
    /// The share of channels set to 0: at least 0, below 1.
    public let rate: Double
    let identity: LayerIdentity

    /// A rate outside 0..<1 is an error of the model; 0.1 to 0.3 are usual.
    public init(_ rate: Double, file: StaticString = #fileID, line: UInt = #line) {
        self.rate = rate
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "spatialDropout") { layer in
            guard rate >= 0, rate < 1 else {
                return layer.fail("spatialDropout", [x], "rate \(rate) is not in 0..<1", hint: "0.1 to 0.3 are usual")
            }
            guard x.id != nil else { return x.poison }
            guard let places = x.spatialExtents, let channels = x.shape.dims.last else {
                return layer.fail(
                    "spatialDropout", [x], "needs images of shape [B, …spatial…, channels]",
                    hint: "use Dropout() for features without places")
            }
            guard layer.isTraining, rate > 0 else { return x }
            let one = Shape([x.shape[0]] + places.map { _ in 1 } + [channels])
            let kept = (layer.trace.randomUniform(one) .>= rate).cast(to: .float32)
            return x * (kept * (1 / (1 - rate)))
        }
    }
}
