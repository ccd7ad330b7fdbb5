import FathomGraph

// Shape changes. Negative axes count from the end.
extension Tensor {
    /// The same elements in another shape; one extent may be −1 and is inferred; the batch axis is kept with `.batch`.
    public func reshaped(to dims: [Dim]) -> Tensor {
        Tensor.record([self], op: "reshape") { g, x throws(GraphError) in
            var dims = dims
            let unknown = dims.indices.filter { dims[$0] == .fixed(-1) }
            if unknown.count > 1 {
                throw GraphError(
                    op: "reshape", operands: [g[x[0]].type], message: "\(Shape(dims)) leaves more than one extent open",
                    hint: "only one extent may be −1")
            }
            if let open = unknown.first {
                // Divide what the known extents leave; batch axes must cancel.
                var rest = Shape(dims)
                rest.dims.remove(at: open)
                guard let all = g.shape(of: x[0]).symbolicCount, let known = rest.symbolicCount, known.factor > 0,
                    all.factor % known.factor == 0, all.factor == 0 || 0...1 ~= all.batchPower - known.batchPower
                else {
                    throw GraphError(
                        op: "reshape", operands: [g[x[0]].type], message: "\(Shape(dims)) does not fit the elements",
                        hint: "the known extents must divide the number of elements")
                }
                let extent = all.factor / known.factor
                dims[open] = extent > 0 && all.batchPower > known.batchPower ? .batch(multiple: extent) : .fixed(extent)
            }
            return try g.reshape(x[0], to: Shape(dims))
        }
    }

    /// All axes after the first joined into one: [B, …] → [B, n].
    public func flattened() -> Tensor {
        rank == 2 ? self : reshaped(to: [rank == 0 ? 1 : shape[0], -1])
    }

    /// The axes in another order; without an argument the last two are exchanged.
    public func transposed(_ axes: [Int]? = nil) -> Tensor {
        Tensor.record([self], op: "transpose") { g, x throws(GraphError) in
            let rank = g.shape(of: x[0]).rank
            var order = Array(0..<rank)
            if let axes {
                order = axes.map { $0 < 0 ? $0 + rank : $0 }
            } else if rank >= 2 {
                order.swapAt(rank - 1, rank - 2)
            }
            return try g.add(.transpose(order), [x[0]])
        }
    }

    /// Stretches to `shape` by NumPy's rule.
    public func broadcast(to shape: Shape) -> Tensor {
        Tensor.record([self], op: "broadcast") { g, x throws(GraphError) in try g.broadcast(x[0], to: shape) }
    }

    /// A new axis of extent 1 at position `axis`.
    public func expandingShape(at axis: Int) -> Tensor {
        guard let a = resolve(axis, op: "expandingShape", rank: rank + 1) else { return poison }
        var dims = shape.dims
        dims.insert(.fixed(1), at: a)
        return reshaped(to: dims)
    }

    /// Without an axis of extent 1, which ``expandingShape(at:)`` would bring back (`squeeze` in NumPy and PyTorch).
    ///
    /// Another extent is an error, and so is the batch axis.
    public func squeezingShape(at axis: Int) -> Tensor {
        guard let a = resolve(axis, op: "squeezingShape") else { return poison }
        guard shape[a] == .fixed(1) else {
            trace.fail(
                GraphError(
                    op: "squeezingShape", operands: [type].compactMap { $0 },
                    message: "axis \(a) has the extent \(shape[a]), not 1",
                    hint: "reduce over the axis, or slice one element out of it first"))
            return poison
        }
        return reshaped(to: shape.removing(axes: [a]).dims)
    }

    /// The elements of some axes in the opposite order (`flip` in NumPy and PyTorch).
    ///
    /// The batch axis, whose extent is not known, and one of more than 2²⁴ elements are errors.
    public func reversed(alongAxes axes: [Int]) -> Tensor {
        guard let axes = resolve(axes, op: "reverse") else { return poison }
        var result = self
        for axis in axes {
            // Places are counted in floats, which are exact that far.
            guard let extent = shape[axis].fixedValue, extent <= 1 << 24 else {
                trace.fail(
                    GraphError(
                        op: "reverse", operands: [type].compactMap { $0 },
                        message: "axis \(axis) is the batch axis, whose extent is not known, or too long",
                        hint: "apply it along an axis of at most 2^24 elements"))
                return poison
            }
            if extent < 2 { continue }
            let places = Double(extent - 1) - trace.indices([.fixed(extent)], axis: 0).cast(to: .float32)
            result = result.gathering(atIndices: places.cast(to: .int32), axis: axis)
        }
        return result
    }

    /// The elements `start, start + step, …` below `end` along an axis; negative bounds count from the end.
    public func sliced(axis: Int, from start: Int = 0, to end: Int? = nil, step: Int = 1) -> Tensor {
        guard let a = resolve(axis, op: "slice") else { return poison }
        let extent = shape[a].fixedValue ?? 0
        let s = start < 0 ? start + extent : start
        let e = end.map { $0 < 0 ? $0 + extent : $0 } ?? extent
        return Tensor.record([self]) { g, x throws(GraphError) in
            try g.add(.slice(axis: a, start: s, end: e, step: step), [x[0]])
        }
    }

    /// Zeros before and after along an axis, and `interior` zeros between neighbours.
    public func padded(axis: Int, low: Int, high: Int, interior: Int = 0) -> Tensor {
        guard let a = resolve(axis, op: "pad") else { return poison }
        return Tensor.record([self]) { g, x throws(GraphError) in
            try g.add(.pad(axis: a, low: low, high: high, interior: interior), [x[0]])
        }
    }

    /// The tensors, at least one, one after the other along an axis.
    public static func concatenate(_ parts: [Tensor], axis: Int) -> Tensor {
        precondition(!parts.isEmpty, "concatenate needs at least one tensor")
        guard let a = parts[0].resolve(axis, op: "concat") else { return parts[0].poison }
        return record(parts, op: "concat") { g, x throws(GraphError) in try g.add(.concat(axis: a), x) }
    }

    /// Pieces of the given extents along an axis, which they must fill.
    public func split(sizes: [Int], axis: Int) -> [Tensor] {
        guard let a = resolve(axis, op: "split") else { return sizes.map { _ in poison } }
        var left = shape[a].fixedValue
        for size in sizes { left = left.flatMap { size >= 0 && size <= $0 ? $0 - size : nil } }
        guard left == 0 else {
            trace.fail(
                GraphError(
                    op: "split", operands: [type].compactMap { $0 },
                    message: "the sizes \(sizes) do not fill axis \(a)",
                    hint: "sizes are 0 or more and add up to the extent, which is not the batch's"))
            return sizes.map { _ in poison }
        }
        var start = 0
        return sizes.map { size in
            defer { start += size }
            return sliced(axis: axis, from: start, to: start + size)
        }
    }

    /// `count` equal pieces along an axis.
    public func split(count: Int, axis: Int) -> [Tensor] {
        // Whoever asks for impossible many gets no more than a model could use.
        let failed = Array(repeating: poison, count: Swift.min(Swift.max(count, 1), 1 << 16))
        guard let a = resolve(axis, op: "split") else { return failed }
        guard count > 0, let extent = shape[a].fixedValue, extent % count == 0 else {
            trace.fail(
                GraphError(
                    op: "split", operands: [type].compactMap { $0 },
                    message: "axis \(a) does not divide into \(count) equal pieces"))
            return failed
        }
        return split(sizes: Array(repeating: extent / count, count: count), axis: a)
    }

    /// Slices at `indices` (`int32`, any shape) along an axis, as an embedding table is read.
    public func gathering(atIndices indices: Tensor, axis: Int = 0) -> Tensor {
        guard let a = resolve(axis, op: "gather") else { return poison }
        return Tensor.record([self, indices], op: "gather") { g, x throws(GraphError) in try g.add(.gather(axis: a), x)
        }
    }

    /// One element per index along an axis; `indices` has this tensor's rank.
    public func gathering(along axis: Int, indices: Tensor) -> Tensor {
        guard let a = resolve(axis, op: "gatherAlong") else { return poison }
        return Tensor.record([self, indices], op: "gatherAlong") { g, x throws(GraphError) in
            try g.add(.gatherAlong(axis: a), x)
        }
    }

    /// 1 at the position each `int32` label names, 0 elsewhere: […] → […, classes]. A label out of range gives all zeros.
    public func oneHot(classes: Int) -> Tensor {
        Tensor.record([self], op: "oneHot") { g, x throws(GraphError) in
            let target = Shape(g.shape(of: x[0]).dims + [.fixed(classes)])
            let labels = try g.broadcast(g.reshape(x[0], to: Shape(g.shape(of: x[0]).dims + [1])), to: target)
            let index = try g.add(.iota(axis: target.rank - 1), type: TensorType(.int32, target))
            return try g.add(.cast(.float32), [g.compare(.equal, labels, index)])
        }
    }

    /// Sorted along an axis. NaN sorts last (first when descending).
    public func sorted(axis: Int = -1, descending: Bool = false) -> Tensor {
        gathering(along: axis, indices: argSorted(axis: axis, descending: descending))
    }

    /// The `int32` permutation that sorts along an axis; stable.
    public func argSorted(axis: Int = -1, descending: Bool = false) -> Tensor {
        guard let a = resolve(axis, op: "argSort") else { return poison }
        return Tensor.record([self]) { g, x throws(GraphError) in
            try g.add(.argSort(axis: a, descending: descending), [x[0]])
        }
    }

    /// The `count` largest along an axis, largest first, or the smallest, smallest first, and their indices.
    ///
    /// NaN counts as largest.
    public func topK(_ count: Int, axis: Int = -1, largest: Bool = true) -> (values: Tensor, indices: Tensor) {
        guard let a = resolve(axis, op: "topK") else { return (poison, poison) }
        guard count >= 0 else {
            trace.fail(
                GraphError(
                    op: "topK", operands: [type].compactMap { $0 }, message: "cannot take \(count)",
                    hint: "take 0 or more"))
            return (poison, poison)
        }
        let indices = argSorted(axis: a, descending: largest).sliced(axis: a, to: count)
        return (gathering(along: a, indices: indices), indices)
    }

    /// Running totals along an axis.
    public func cumulativeSum(axis: Int, reverse: Bool = false) -> Tensor {
        guard let a = resolve(axis, op: "cumulativeSum") else { return poison }
        return Tensor.record([self]) { g, x throws(GraphError) in
            try g.add(.cumulativeSum(axis: a, reverse: reverse), [x[0]])
        }
    }
}
