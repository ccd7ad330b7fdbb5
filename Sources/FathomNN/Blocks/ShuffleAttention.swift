import FathomGraph

/// Half of each group of channels weighed by its mean over the image, half by its own normalised values, then the halves
/// mixed (Zhang & Yang 2021, "SA-Net").
///
/// [B, …spatial…, channels] → the same. All groups share the parameters, [channels / 2·groups] each: `channel.scale` and
/// `channel.shift` of the first half's gate σ(scale·mean + shift); `norm.scale` and `norm.shift` of the instance normalisation
/// of the second half and `place.scale` and `place.shift` of its gate. The gates start at σ(1) everywhere.
public struct ShuffleAttention: Layer {
    /// Groups of channels; twice as many must divide the channels.
    public let groups: Int
    let identity: LayerIdentity

    /// 64 groups by default, as in the paper; the channels must then be a multiple of 128.
    public init(groups: Int = 64, file: StaticString = #fileID, line: UInt = #line) {
        self.groups = groups
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "shuffleAttention") { layer in
            guard let channels = layer.channels(of: x, "shuffleAttention") else { return x.poison }
            guard groups > 0, groups <= channels, channels % (2 * groups) == 0 else {
                return layer.fail(
                    "shuffleAttention", [x], "\(groups) groups of two halves do not divide \(channels) channels",
                    hint: "the channels must be a multiple of twice the groups")
            }
            let n = channels / (2 * groups)
            func numbers(_ name: String, _ initializer: Initializer) -> Tensor {
                layer.parameter(name, shape: [.fixed(n)], initializer: initializer)
            }
            func gate(_ name: String, _ z: Tensor) -> Tensor {
                Activation.sigmoid(z * numbers("\(name).scale", .zeros) + numbers("\(name).shift", .ones))
            }
            // [B, places, groups, half, channels of a half]
            let halves = x.reshaped(to: [x.shape[0], -1, .fixed(groups), 2, .fixed(n)]).split(count: 2, axis: 3)
            let first = halves[0] * gate("channel", halves[0].mean(alongAxes: [1], keepingAxes: true))
            let centred = halves[1] - halves[1].mean(alongAxes: [1], keepingAxes: true)
            let variance = (centred * centred).mean(alongAxes: [1], keepingAxes: true)
            let normalised =
                centred * rsqrt(variance + 1e-5) * numbers("norm.scale", .ones) + numbers("norm.shift", .zeros)
            let second = halves[1] * gate("place", normalised)
            return Tensor.concatenate([first, second], axis: 3).reshaped(to: x.shape.dims).shufflingChannels(groups: 2)
        }
    }
}
