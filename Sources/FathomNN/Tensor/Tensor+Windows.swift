import FathomGraph

// Convolution and pooling of channels-last images [B, …spatial…, channels] with one to three spatial axes.

/// How much of a window may lie outside the image.
public enum Padding: Hashable, Sendable {
    /// As many outputs as inputs, divided by the stride and rounded up; what is missing is added evenly, an odd element at the
    /// end (TensorFlow's and Keras' `same`).
    case same
    /// None: windows lie inside.
    case valid
    /// So many elements at both ends of every axis (PyTorch's `padding`); one number stands for all axes.
    case explicit([Int])
}

extension Window {
    /// The window for an image of these spatial extents; single numbers stand for all axes.
    ///
    /// - Returns: `nil` when the numbers do not fit the axes, or are so large that they could overflow.
    init?(_ extents: [Int], strides: [Int], dilations: [Int], padding: Padding, over spatial: [Int]) {
        let n = spatial.count
        func spread(_ values: [Int]) -> [Int]? {
            let all = values.count == 1 ? Array(repeating: values[0], count: n) : values
            return all.count == n && all.allSatisfy { abs($0) <= 1 << 16 } ? all : nil
        }
        guard let k = spread(extents), let s = spread(strides), let d = spread(dilations) else { return nil }
        var axes = zip(k, zip(s, d)).map { Axis($0, stride: $1.0, dilation: $1.1) }
        switch padding {
        case .valid: break
        case .same:
            for a in axes.indices where axes[a].stride > 0 {
                let outputs = (spatial[a] + axes[a].stride - 1) / axes[a].stride
                let missing = Swift.max((outputs - 1) * axes[a].stride + axes[a].reach - spatial[a], 0)
                (axes[a].low, axes[a].high) = (missing / 2, missing - missing / 2)
            }
        case .explicit(let sides):
            guard let p = spread(sides) else { return nil }
            for a in axes.indices { (axes[a].low, axes[a].high) = (p[a], p[a]) }
        }
        self.init(axes)
    }
}

extension Tensor {
    /// The spatial extents of an image; `nil` where the tensor is none.
    package var spatialExtents: [Int]? {
        guard (3...5).contains(rank) else { return nil }
        let extents = shape.dims.dropFirst().dropLast().compactMap(\.fixedValue)
        return extents.count == rank - 2 ? extents : nil
    }

    /// The convolution with `weight` [taps…, channels / groups, outputs]: […, channels] → […, outputs].
    public func convolved(with weight: Tensor, _ window: Window, groups: Int = 1) -> Tensor {
        Tensor.record([self, weight], op: "convolution") { g, x throws(GraphError) in
            try g.add(.convolution(window, groups: groups), x)
        }
    }

    /// The transposed convolution: what the gradient of ``convolved(with:_:groups:)`` makes of a gradient of this shape, as an
    /// image of `shape`.
    ///
    /// - Parameter weight: [taps…, channels of the result / groups, channels of this tensor].
    public func transposeConvolved(with weight: Tensor, _ window: Window, groups: Int = 1, to shape: Shape) -> Tensor {
        Tensor.record([self, weight], op: "transposedConvolution") { g, x throws(GraphError) in
            try g.add(
                .convolutionInputGradient(window, groups: groups), x, type: TensorType(.float32, shape))
        }
    }

    /// The largest element of each window, channel by channel; the gradient goes to the first of equals.
    public func maxPooled(_ window: Window) -> Tensor {
        Tensor.record([self], op: "maxPool") { g, x throws(GraphError) in
            try g.add(.windowGather(window), [x[0], g.add(.windowArgMax(window), [x[0]])])
        }
    }

    /// The sum over each window, channel by channel; padding counts as 0.
    public func windowSum(_ window: Window) -> Tensor {
        Tensor.record([self], op: "windowSum") { g, x throws(GraphError) in try g.add(.windowSum(window), [x[0]]) }
    }

    /// The mean over each window, channel by channel.
    ///
    /// - Parameter countingPadding: whether padding counts as zeros (PyTorch's default), or not at all (Keras).
    public func averagePooled(_ window: Window, countingPadding: Bool = true) -> Tensor {
        let sums = windowSum(window)
        guard !countingPadding, window.axes.contains(where: { $0.low > 0 || $0.high > 0 }),
            let spatial = spatialExtents,
            sums.id != nil
        else { return sums / Double(Swift.max(window.taps, 1)) }
        // How many taps of an output lie inside is a product over the axes, known beforehand.
        var count = trace.constant(1)
        for (a, axis) in window.axes.enumerated() {
            let inside = (0..<axis.outputs(spatial[a])).map { o in
                Double((0..<axis.extent).count { axis.input(o, $0, of: spatial[a]) != nil })
            }
            var dims = [Dim](repeating: 1, count: spatial.count + 1)
            dims[a] = .fixed(inside.count)
            count = count * trace.vector(inside).reshaped(to: dims)
        }
        return sums / count
    }
}
