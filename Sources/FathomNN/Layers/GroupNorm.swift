import FathomGraph

/// Group normalisation (Wu & He 2018): in every example each group of channels to mean 0 and variance 1 over its channels and
/// all places, then scaled and shifted by channel.
///
/// [B, …, channels] → the same. Parameters `scale` and `shift`, [channels]. Examples do not see each other, so training and
/// evaluation are alike, and batches may be small; with large ones ``BatchNorm`` usually does better.
public struct GroupNorm: Layer {
    /// How many groups; must divide the channels.
    public let groups: Int
    /// Added to the (biased) variance.
    public let epsilon: Double
    /// Whether `scale` and `shift` are learnt.
    public let isAffine: Bool
    let identity: LayerIdentity

    /// 32 groups by default, as in the paper.
    public init(
        _ groups: Int = 32, epsilon: Double = 1e-5, affine: Bool = true, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        self.groups = groups
        self.epsilon = epsilon
        isAffine = affine
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "groupNorm") { layer in
            guard let channels = layer.features(of: x, "groupNorm") else { return x.poison }
            guard groups > 0, channels % groups == 0 else {
                return layer.fail(
                    "groupNorm", [x], "\(groups) groups do not divide \(channels) channels",
                    hint: "the channels must be a multiple of the groups")
            }
            let y = normalisedInGroups(x, groups, channels, epsilon)
            return layer.scaledAndShifted(y, channels, isAffine)
        }
    }
}

/// Instance normalisation (Ulyanov et al. 2016): in every example each channel to mean 0 and variance 1 over all places.
///
/// [B, …spatial…, channels] → the same. It is ``GroupNorm`` with one channel a group; as in PyTorch `scale` and `shift`,
/// [channels], are learnt only on request.
public struct InstanceNorm: Layer {
    /// Added to the (biased) variance.
    public let epsilon: Double
    /// Whether `scale` and `shift` are learnt.
    public let isAffine: Bool
    let identity: LayerIdentity

    /// The defaults are PyTorch's: nothing is learnt.
    public init(epsilon: Double = 1e-5, affine: Bool = false, file: StaticString = #fileID, line: UInt = #line) {
        self.epsilon = epsilon
        isAffine = affine
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "instanceNorm") { layer in
            guard x.id != nil else { return x.poison }
            guard x.spatialExtents != nil, let channels = layer.features(of: x, "instanceNorm") else {
                return layer.fail(
                    "instanceNorm", [x], "needs images of shape [B, …spatial…, channels]",
                    hint: "features without places have nothing to average over; use LayerNorm()")
            }
            let y = normalisedInGroups(x, channels, channels, epsilon)
            return layer.scaledAndShifted(y, channels, isAffine)
        }
    }
}

/// Each group of channels of each example to mean 0 and variance 1.
private func normalisedInGroups(_ x: Tensor, _ groups: Int, _ channels: Int, _ epsilon: Double) -> Tensor {
    let isPlain = groups == channels && x.rank > 2
    // [B, places, groups, channels of a group]
    let grouped =
        isPlain
        ? x : x.reshaped(to: [x.shape[0], x.rank == 2 ? 1 : -1, .fixed(groups), .fixed(channels / groups)])
    let axes = isPlain ? Array(1..<(x.rank - 1)) : [1, 3]
    let centred = grouped - grouped.mean(alongAxes: axes, keepingAxes: true)
    let variance = (centred * centred).mean(alongAxes: axes, keepingAxes: true)
    let y = centred * rsqrt(variance + epsilon)
    return isPlain ? y : y.reshaped(to: x.shape.dims)
}
