import FathomGraph

/// The channels of `groups` groups taken in turn, so that a grouped convolution sees those of every group of the one before
/// it (Zhang et al. 2018, "ShuffleNet").
///
/// [B, …, channels] → the same; channel g·n + i of `groups` groups of n becomes channel i·groups + g.
public struct ChannelShuffle: Layer {
    /// Must divide the channels.
    public let groups: Int
    let identity: LayerIdentity

    /// As many groups as the grouped convolution before it has.
    public init(_ groups: Int, file: StaticString = #fileID, line: UInt = #line) {
        self.groups = groups
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "channelShuffle") { layer in
            guard let channels = layer.features(of: x, "channelShuffle") else { return x.poison }
            guard groups > 0, channels % groups == 0 else {
                return layer.fail(
                    "channelShuffle", [x], "\(groups) groups do not divide \(channels) channels",
                    hint: "the channels must be a multiple of the groups")
            }
            return x.shufflingChannels(groups: groups)
        }
    }
}

extension Tensor {
    /// The last axis, a multiple of `groups`, as a matrix with a row for each group, transposed.
    func shufflingChannels(groups: Int) -> Tensor {
        guard let channels = extent(-1) else { return poison }
        let lead = Array(shape.dims.dropLast())
        return reshaped(to: lead + [.fixed(groups), .fixed(channels / groups)]).transposed().reshaped(to: shape.dims)
    }
}
