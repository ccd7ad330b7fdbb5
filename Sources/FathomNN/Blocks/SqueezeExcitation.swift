import FathomGraph

/// Channels weighed by what the whole image shows (Hu, Shen & Sun 2018, "Squeeze-and-excitation networks"):
/// x · σ(W₂·relu(W₁·mean(x))).
///
/// [B, …spatial…, channels] → the same. Parameters `reduce` [channels, channels / reduction] and `expand` back, each `weight`
/// and `bias`. Put it at the end of a residual block's body.
public struct SqueezeExcitation: Layer {
    /// What the channels are divided by in between; at least one unit is left.
    public let reduction: Int
    let identity: LayerIdentity

    /// A sixteenth of the channels in between by default, as in the paper.
    public init(reduction: Int = 16, file: StaticString = #fileID, line: UInt = #line) {
        self.reduction = reduction
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "squeezeExcitation") { layer in
            guard let channels = layer.channels(of: x, "squeezeExcitation"),
                let units = layer.reduced(channels, by: reduction, "squeezeExcitation")
            else { return x.poison }
            let squeezed = Activation.relu(layer.dense(x.mean(alongAxes: x.spatialAxes), "reduce", units: units))
            return x * Activation.sigmoid(layer.dense(squeezed, "expand", units: channels)).overPlaces(of: x)
        }
    }
}
