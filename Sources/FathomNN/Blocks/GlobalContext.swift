import FathomGraph

/// What the whole image shows, added to every place (Cao et al. 2019, "GCNet"): a mean over the places weighed by a softmax,
/// then dense → layer norm → ReLU → dense.
///
/// [B, …spatial…, channels] → the same. Parameters `attention.weight` [channels, 1]; `reduce` and `expand`, each `weight` and
/// `bias`; `norm.scale` and `norm.shift`. `expand` starts at 0, so that a fresh block passes its input on.
public struct GlobalContext: Layer {
    /// What the channels are divided by in between; at least four units are left, which the norm needs.
    public let reduction: Int
    let identity: LayerIdentity

    /// A sixteenth of the channels in between by default, as in the paper.
    public init(reduction: Int = 16, file: StaticString = #fileID, line: UInt = #line) {
        self.reduction = reduction
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "globalContext") { layer in
            guard let channels = layer.channels(of: x, "globalContext"),
                let units = layer.reduced(channels, by: reduction, least: 4, "globalContext")
            else { return x.poison }
            let places = x.reshaped(to: [x.shape[0], -1, .fixed(channels)])
            let query = layer.parameter("attention.weight", shape: [.fixed(channels), 1], initializer: .xavier)
            let context = (places * softmax(affine(places, query), axis: 1)).sum(alongAxes: [1])
            let reduced = layer.dense(context, "reduce", units: units)
            let centred = reduced - reduced.mean(alongAxes: [-1], keepingAxes: true)
            let variance = (centred * centred).mean(alongAxes: [-1], keepingAxes: true)
            let scale = layer.parameter("norm.scale", shape: [.fixed(units)], initializer: .ones)
            let shift = layer.parameter("norm.shift", shape: [.fixed(units)], initializer: .zeros)
            let normalised = Activation.relu(centred * rsqrt(variance + 1e-5) * scale + shift)
            return x + layer.dense(normalised, "expand", units: channels, initializer: .zeros).overPlaces(of: x)
        }
    }
}
