import FathomGraph

/// A capsule network that must also draw its input again (Sabour, Frosst & Hinton 2017, section 4.1): all capsules but one are
/// set to 0, and a decoder makes an image of what is left, so that capsules learn to say how their class looks.
///
/// [B, …] → lengths of the encoder's capsules [B, count]. In training the capsule of the label is the one that is kept, in
/// evaluation the longest; `weight` times the sum of squared differences between the decoder's output and the input, averaged
/// over the batch, is added to the loss of training. The input should lie in 0…1 when the decoder ends with a sigmoid.
///
/// ```swift
/// Reconstruction(
///     encoder: Sequential { Convolution(256, kernel: 9, padding: .valid); ReLU(); PrimaryCapsules(); Capsules(10) },
///     decoder: Sequential { Dense(512); ReLU(); Dense(1024); ReLU(); Dense(784); Activate(.sigmoid) })
/// ```
public struct Reconstruction: LayerContainer {
    /// [B, …] → capsules [B, count, dimension].
    public let encoder: Sequential
    /// [B, count · dimension] → as many numbers as the input has.
    public let decoder: Sequential
    /// The share of the reconstruction in the loss.
    public let weight: Double
    let identity: LayerIdentity

    /// The weight of 0.0005 is the paper's; it multiplies a sum over the pixels, not a mean.
    public init(
        encoder: Sequential, decoder: Sequential, weight: Double = 0.0005, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        self.encoder = encoder
        self.decoder = decoder
        self.weight = weight
        identity = LayerIdentity(file: file, line: line)
    }

    public var namedChildren: [(name: String, layer: any Layer)] { [("encoder", encoder), ("decoder", decoder)] }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "reconstruction") { layer in
            let capsules = encoder(x)
            guard capsules.id != nil else { return x.poison }
            guard capsules.rank == 3, let count = capsules.extent(1) else {
                return layer.fail(
                    "reconstruction", [x, capsules], "the encoder must give capsules of shape [B, count, dimension]",
                    hint: "end it with Capsules(classes)")
            }
            let scores = lengths(capsules)
            let labels = layer.target.flatMap { $0.type?.element == .int32 && $0.rank == 1 ? $0 : nil }
            let kept = (labels ?? scores.argMax()).oneHot(classes: count).expandingShape(at: 2)
            let drawn = decoder((capsules * kept.withoutGradient()).flattened())
            guard drawn.id != nil else { return x.poison }
            let (image, picture) = (x.flattened(), drawn.flattened())
            guard image.shape == picture.shape else {
                return layer.fail(
                    "reconstruction", [x, drawn], "the decoder must give as many numbers as the input has",
                    hint: "end it with Dense(\(image.extent(1).map(String.init) ?? "n"))")
            }
            let difference = picture - image
            layer.addPenalty(weight * (difference * difference).sum() / image.elementCount(alongAxes: [0]))
            return scores
        }
    }
}
