import FathomGraph

/// How an input reaches the end of a block whose output has another shape: more or fewer features, or, of an image, fewer
/// places. Where the block strides, every so-manieth place is taken.
public enum Shortcut: String, Sendable, Hashable, CaseIterable {
    /// Through a learnt matrix without bias, which on strided places is a strided 1×1 convolution (He et al. 2015, option B).
    case projection
    /// As `projection`, then batch normalisation, as after every other convolution; only in a ``Residual``.
    case normalizedProjection
    /// With zeros for the new features (option A); only to more features.
    case padding
}

extension LayerScope {
    /// `x` in the shape of a block's output: itself where it has it, else as `shortcut` says. A projection is the parameter
    /// `projection.weight` [features, features of the output].
    func carry(_ x: Tensor, to shape: Shape, by shortcut: Shortcut, op: String) -> Tensor {
        if x.shape == shape { return x }
        guard let features = features(of: x, op) else { return x.poison }
        guard shape.rank == x.rank, shape[0] == x.shape[0], let wanted = shape.dims.last?.fixedValue,
            let strides = strides(from: x.shape, to: shape)
        else {
            trace.fail(
                GraphError(
                    op: op, operands: [x.type, TensorType(.float32, shape)].compactMap { $0 },
                    message: "the block's output cannot be added to its input",
                    hint: "a block may change the number of features and divide an image's extents by a stride, no more"
                ))
            return x.poison
        }
        var carried = x
        for (i, stride) in strides.enumerated() where stride > 1 { carried = carried.sliced(axis: i + 1, step: stride) }
        if features == wanted { return carried }
        switch shortcut {
        case .projection, .normalizedProjection:
            return affine(
                carried,
                parameter("projection.weight", shape: [.fixed(features), .fixed(wanted)], initializer: .xavierNormal))
        case .padding:
            guard wanted > features else {
                return fail(
                    op, [x], "zero padding cannot carry \(features) features to \(wanted)",
                    hint: "use Shortcut.projection, or keep the width")
            }
            return carried.padded(axis: -1, low: 0, high: wanted - features)
        }
    }

    /// From which places to take every so-manieth along the axes between the batch and the features; `nil` where none fits.
    private func strides(from: Shape, to: Shape) -> [Int]? {
        var strides: [Int] = []
        for (old, new) in zip(from.dims, to.dims).dropFirst().dropLast() {
            if old == new {
                strides.append(1)
                continue
            }
            guard let n = old.fixedValue, let m = new.fixedValue, m > 0, m <= n else { return nil }
            let stride = (n + m - 1) / m
            guard (n + stride - 1) / stride == m else { return nil }
            strides.append(stride)
        }
        return strides
    }
}
