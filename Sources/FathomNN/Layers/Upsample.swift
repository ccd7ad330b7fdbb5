import FathomGraph

/// An image with every axis made longer by a whole factor: [B, …spatial…, channels] → [B, …factor · spatial…, channels].
public struct Upsample: Layer {
    /// Where the new elements come from.
    public enum Interpolation: String, Sendable, Hashable, CaseIterable {
        /// Every element repeated.
        case nearest
        /// Linear between the centres of neighbouring elements along every axis, constant beyond the outermost (PyTorch's
        /// `align_corners=False`).
        case bilinear
    }

    /// For each spatial axis; one number stands for all.
    public let factor: [Int]
    /// Where the new elements come from; neither way learns anything.
    public let interpolation: Interpolation
    let identity: LayerIdentity

    /// A factor from 1 to 64 for each spatial axis; a single number stands for all.
    public init(
        _ factor: [Int], interpolation: Interpolation = .nearest, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.factor = factor
        self.interpolation = interpolation
        identity = LayerIdentity(file: file, line: line)
    }

    /// The same factor, from 1 to 64, along every spatial axis.
    public init(
        _ factor: Int = 2, interpolation: Interpolation = .nearest, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.init([factor], interpolation: interpolation, file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "upsample") { layer in
            guard x.id != nil else { return x.poison }
            guard let spatial = x.spatialExtents else {
                return layer.fail(
                    "upsample", [x], "needs images of shape [B, …spatial…, channels]",
                    hint: "put Reshape([height, width, channels]) before it")
            }
            let factors = factor.count == 1 ? spatial.map { _ in factor[0] } : factor
            guard factors.count == spatial.count, factors.allSatisfy({ $0 > 0 && $0 <= 64 }) else {
                return layer.fail(
                    "upsample", [x], "factor \(factor) does not fit \(spatial.count) spatial axes",
                    hint: "give one number from 1 to 64 for all axes, or one for each")
            }
            var y = x
            for (a, factor) in factors.enumerated() where factor > 1 {
                var dims = y.shape.dims
                if y.id != nil { dims[a + 1] = .fixed(spatial[a] * factor) }
                // The new elements of an old one on an axis of their own behind it.
                let stacked: Tensor
                switch interpolation {
                case .nearest:
                    let single = y.expandingShape(at: a + 2)
                    var repeated = single.shape
                    if single.id != nil { repeated[a + 2] = .fixed(factor) }
                    stacked = single.broadcast(to: repeated)
                case .bilinear:
                    let parts = between(y, axis: a + 1, extent: spatial[a], factor)
                    stacked = Tensor.concatenate(parts.map { $0.expandingShape(at: a + 2) }, axis: a + 2)
                }
                y = stacked.reshaped(to: dims)
            }
            return y
        }
    }

    /// For each of the `factor` new elements of an old one its value, from the old one and the neighbour on its side.
    private func between(_ x: Tensor, axis: Int, extent n: Int, _ factor: Int) -> [Tensor] {
        let (first, last) = (x.sliced(axis: axis, to: 1), x.sliced(axis: axis, from: n - 1))
        let before = n == 1 ? x : Tensor.concatenate([first, x.sliced(axis: axis, to: n - 1)], axis: axis)
        let after = n == 1 ? x : Tensor.concatenate([x.sliced(axis: axis, from: 1), last], axis: axis)
        return (0..<factor).map { phase in
            let offset = (Double(phase) + 0.5) / Double(factor) - 0.5
            return offset == 0
                ? x : x * (1 - Swift.abs(offset)) + (offset < 0 ? before : after) * Swift.abs(offset)
        }
    }
}
