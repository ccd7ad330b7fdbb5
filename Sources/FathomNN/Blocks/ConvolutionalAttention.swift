import FathomGraph

/// CBAM, the convolutional block attention module (Woo, Park, Lee & Kweon 2018): channels weighed by what the whole image
/// shows, then places by what their neighbourhood shows.
///
/// [B, …spatial…, channels] → the same. The channel gate is σ(mlp(mean) + mlp(max)), one perceptron for both (`reduce` and
/// `expand`, each `weight` and `bias`); the place gate is σ of a convolution (`spatial.weight` [kernel…, 2, 1]) of mean and
/// maximum over the channels.
public struct ConvolutionalAttention: Layer {
    /// What the channels are divided by in between; at least one unit is left.
    public let reduction: Int
    /// The taps of the place gate along each axis.
    public let kernel: Int
    let identity: LayerIdentity

    /// The defaults are the paper's: a sixteenth of the channels in between, and 7 taps.
    public init(reduction: Int = 16, kernel: Int = 7, file: StaticString = #fileID, line: UInt = #line) {
        self.reduction = reduction
        self.kernel = kernel
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "convolutionalAttention") { layer in
            guard let channels = layer.channels(of: x, "convolutionalAttention"),
                let units = layer.reduced(channels, by: reduction, "convolutionalAttention"),
                let (window, _) = layer.window("convolutionalAttention", x, [kernel], strides: [1], padding: .same)
            else { return x.poison }
            func perceptron(_ pooled: Tensor) -> Tensor {
                layer.dense(Activation.relu(layer.dense(pooled, "reduce", units: units)), "expand", units: channels)
            }
            let ofChannels = perceptron(x.mean(alongAxes: x.spatialAxes)) + perceptron(x.max(alongAxes: x.spatialAxes))
            let weighed = x * Activation.sigmoid(ofChannels).overPlaces(of: x)
            let summary = Tensor.concatenate(
                [weighed.mean(alongAxes: [-1], keepingAxes: true), weighed.max(alongAxes: [-1], keepingAxes: true)],
                axis: -1)
            let weight = layer.parameter(
                "spatial.weight", shape: Shape(window.axes.map { .fixed($0.extent) } + [2, 1]),
                initializer: .automatic)
            return weighed * Activation.sigmoid(summary.convolved(with: weight, window))
        }
    }
}
