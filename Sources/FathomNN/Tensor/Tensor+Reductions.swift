import FathomGraph

// Reductions over all axes (no argument) or some; `keepingAxes` leaves them with extent 1.
extension Tensor {
    private func reduced(
        _ name: String, _ axes: [Int]?, _ keeping: Bool, _ op: @escaping ([Int]) -> Op
    ) -> Tensor {
        guard let axes = resolve(axes, op: name) else { return poison }
        return Tensor.record([self], op: name) { g, x throws(GraphError) in
            let y = try g.add(op(axes), [x[0]])
            return keeping ? try g.reshape(y, to: g.shape(of: x[0]).keeping(axes: axes)) : y
        }
    }

    /// The sum of the elements; negative axes count from the end.
    public func sum(alongAxes axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
        reduced("sum", axes, keepingAxes) { .sum(axes: $0) }
    }

    /// The largest element; ties share the gradient equally; NaN propagates.
    public func max(alongAxes axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
        reduced("max", axes, keepingAxes) { .max(axes: $0) }
    }

    /// The smallest element; ties share the gradient equally; NaN propagates.
    public func min(alongAxes axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
        reduced("min", axes, keepingAxes) { .min(axes: $0) }
    }

    /// The mean; the divisor is counted when the step runs, so a smaller last batch is right.
    public func mean(alongAxes axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
        let total = sum(alongAxes: axes, keepingAxes: keepingAxes)
        return total / elementCount(alongAxes: axes)
    }

    /// The product of the elements (`prod` in NumPy and PyTorch), 1 where there are none.
    ///
    /// Its gradient is right at zeros too, since nothing is divided. The batch axis, whose extent is not known, is an
    /// error.
    public func product(alongAxes axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
        guard let axes = resolve(axes, op: "product") else { return poison }
        return Tensor.record([self], op: "product") { g, x throws(GraphError) in
            let type = g[x[0]].type
            guard type.element == .float32 else {
                throw GraphError(
                    op: "product", operands: [type], message: "the operand must be f32", hint: "cast it first")
            }
            var y = x[0]
            for axis in axes {
                guard var extent = type.shape[axis].fixedValue else {
                    throw GraphError(
                        op: "product", operands: [type],
                        message: "axis \(axis) is the batch axis, whose extent is not known",
                        hint: "apply it along another axis")
                }
                if extent == 0 {
                    y = try g.constant(1, g.shape(of: y).keeping(axes: [axis]))
                    continue
                }
                // One half times the other until one element is left: few nodes, and a gradient in linear time. What an
                // odd extent leaves over is multiplied in at the end.
                var left: [NodeID] = []
                while extent > 1 {
                    let half = extent / 2
                    if extent % 2 == 1 {
                        left.append(try g.add(.slice(axis: axis, start: extent - 1, end: extent, step: 1), [y]))
                    }
                    let low = try g.add(.slice(axis: axis, start: 0, end: half, step: 1), [y])
                    let high = try g.add(.slice(axis: axis, start: half, end: 2 * half, step: 1), [y])
                    y = try g.mul(low, high)
                    extent = half
                }
                for one in left { y = try g.mul(y, one) }
            }
            return keepingAxes ? y : try g.reshape(y, to: type.shape.removing(axes: axes))
        }
    }

    /// The variance about the mean, in two passes; NaN where the divisor is 0.
    ///
    /// - Parameter correction: what is taken off the number of elements to divide by: 0 for the variance of these very
    ///   numbers (NumPy's default), 1 for an estimate, without bias, for what they are drawn from (PyTorch's default).
    public func variance(
        alongAxes axes: [Int]? = nil, correction: Double = 0, keepingAxes: Bool = false
    ) -> Tensor {
        let centred = self - mean(alongAxes: axes, keepingAxes: true)
        let total = (centred * centred).sum(alongAxes: axes, keepingAxes: keepingAxes)
        let count = elementCount(alongAxes: axes)
        return total / (correction == 0 ? count : count - correction)
    }

    /// The root of ``variance(alongAxes:correction:keepingAxes:)``, `std` in NumPy and PyTorch; its gradient is 0 where
    /// all elements are equal.
    public func standardDeviation(
        alongAxes axes: [Int]? = nil, correction: Double = 0, keepingAxes: Bool = false
    ) -> Tensor {
        let variance = self.variance(alongAxes: axes, correction: correction, keepingAxes: keepingAxes)
        // The root's slope at 0 is infinite, and infinity times the 0 behind it would be NaN.
        let isNone = variance .== 0
        return sqrt(variance.replacing(with: scalar(1), where: isNone)).replacing(with: scalar(0), where: isNone)
    }

    /// How many elements the axes hold, as a float scalar counted when the step runs.
    public func elementCount(alongAxes axes: [Int]? = nil) -> Tensor {
        reduced("extent", axes, false) { .extent(axes: $0) }
    }

    /// The `int32` index of the first largest element along an axis.
    public func argMax(axis: Int = -1) -> Tensor {
        guard let a = resolve(axis, op: "argMax") else { return poison }
        return Tensor.record([self]) { g, x throws(GraphError) in try g.add(.argMax(axis: a), [x[0]]) }
    }

    /// The `int32` index of the first smallest element along an axis; NaN counts as smallest.
    public func argMin(axis: Int = -1) -> Tensor {
        guard let a = resolve(axis, op: "argMin") else { return poison }
        return (-self).argMax(axis: a)
    }

    /// ln Σ eˣ along an axis, shifted by the maximum so that nothing overflows; −∞ for a row of −∞.
    public func logSumExp(axis: Int = -1, keepingAxes: Bool = false) -> Tensor {
        guard let a = resolve(axis, op: "logSumExp") else { return poison }
        // Shifting by a constant changes neither value nor gradient. Infinities are not shifted: ∞ − ∞ is NaN.
        let peak = max(alongAxes: [a], keepingAxes: true).withoutGradient()
        let top = peak.replacing(with: scalar(0), where: abs(peak) .== scalar(.infinity))
        let result = log(exp(self - top).sum(alongAxes: [a], keepingAxes: true)) + top
        return keepingAxes ? result : result.reshaped(to: shape.removing(axes: [a]).dims)
    }
}

/// The matrix product of the last two axes; leading axes broadcast. A vector operand is treated as in NumPy.
public func matmul(_ a: Tensor, _ b: Tensor, transposeA: Bool = false, transposeB: Bool = false) -> Tensor {
    Tensor.record([a, b], op: "matmul") { g, x throws(GraphError) in
        var (l, r) = (x[0], x[1])
        let (lVector, rVector) = (g.shape(of: l).rank == 1, g.shape(of: r).rank == 1)
        if lVector { l = try g.reshape(l, to: Shape([1] + g.shape(of: l).dims)) }
        if rVector { r = try g.reshape(r, to: Shape(g.shape(of: r).dims + [1])) }
        let (ls, rs) = (g.shape(of: l), g.shape(of: r))
        guard ls.rank >= 2, rs.rank >= 2,
            let lead = Shape.broadcasting(Shape(Array(ls.dims.dropLast(2))), Shape(Array(rs.dims.dropLast(2))))
        else {
            throw GraphError(
                op: "matmul", operands: x.map { g[$0].type }, message: "leading axes do not broadcast together")
        }
        l = try g.broadcast(l, to: Shape(lead.dims + ls.dims.suffix(2)))
        r = try g.broadcast(r, to: Shape(lead.dims + rs.dims.suffix(2)))
        let product = try g.matmul(l, r, transposeA: transposeA && !lVector, transposeB: transposeB && !rVector)
        var dims = g.shape(of: product).dims
        if rVector { dims.removeLast() }
        if lVector { dims.remove(at: dims.count - (rVector ? 1 : 2)) }
        return try g.reshape(product, to: Shape(dims))
    }
}

/// eˣ normalised to sum 1 along an axis.
public func softmax(_ x: Tensor, axis: Int = -1) -> Tensor {
    let e = exp(x - x.max(alongAxes: [axis], keepingAxes: true).withoutGradient())
    return e / e.sum(alongAxes: [axis], keepingAxes: true)
}

/// ln softmax, stable at extreme inputs.
public func logSoftmax(_ x: Tensor, axis: Int = -1) -> Tensor {
    let shifted = x - x.max(alongAxes: [axis], keepingAxes: true).withoutGradient()
    return shifted - log(exp(shifted).sum(alongAxes: [axis], keepingAxes: true))
}
