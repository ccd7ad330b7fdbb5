import FathomGraph

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The slow, obvious interpreter: runs any graph in `Double`, one node after the other.
///
/// It is the oracle every kernel is tested against, and says what an operation means.
public struct Interpreter: Sendable {
    /// What `Op.input` and `Op.state` read.
    public var inputs: [String: ReferenceTensor]
    /// What `Op.state` reads, by path; ``run(_:)`` writes the graph's updates into it.
    public var state: [String: ReferenceTensor]
    /// The batch size.
    public var batch: Int

    /// An interpreter for batches of `batch` rows.
    ///
    /// - Parameters:
    ///   - inputs: values by the name of `Op.input`.
    ///   - state: values by the path of `Op.state`.
    public init(inputs: [String: ReferenceTensor] = [:], state: [String: ReferenceTensor] = [:], batch: Int = 1) {
        self.inputs = inputs
        self.state = state
        self.batch = batch
    }

    /// The outputs of one run; the graph's updates are applied to `state`.
    ///
    /// - Throws: ``GraphError`` when an input or state entry is missing or has the wrong shape, or an index is out of range.
    public mutating func run(_ graph: Graph) throws(GraphError) -> [String: ReferenceTensor] {
        let primitive = try graph.inliningCalls()
        let values = try evaluate(primitive)
        for (path, id) in primitive.updates { state[path] = values[id.index] }
        var result: [String: ReferenceTensor] = [:]
        for (name, id) in primitive.outputs { result[name] = values[id.index] }
        return result
    }

    /// The values of the given nodes.
    public func values(of ids: [NodeID], in graph: Graph) throws(GraphError) -> [ReferenceTensor] {
        var wanted = graph
        wanted.outputs = ids.map { ("", $0) }
        wanted.updates = []
        wanted = try wanted.inliningCalls()
        let all = try evaluate(wanted)
        return wanted.outputs.compactMap { all[$0.node.index] }
    }

    private func evaluate(_ graph: Graph) throws(GraphError) -> [ReferenceTensor?] {
        var values = [ReferenceTensor?](repeating: nil, count: graph.nodes.count)
        let live = graph.liveNodes
        for (i, node) in graph.nodes.enumerated() where live[i] {
            var operands: [ReferenceTensor] = []
            for input in node.inputs { if let value = values[input.index] { operands.append(value) } }
            values[i] = try evaluate(node, operands)
        }
        return values
    }

    private func evaluate(_ node: Node, _ x: [ReferenceTensor]) throws(GraphError) -> ReferenceTensor {
        let shape = node.type.shape.resolved(batch: batch)
        let count = shape.reduce(1, *)
        func build(_ element: (Int) -> Double) -> ReferenceTensor {
            ReferenceTensor(shape: shape, values: (0..<count).map(element))
        }
        func stored(_ table: [String: ReferenceTensor], _ name: String) throws(GraphError) -> ReferenceTensor {
            guard let value = table[name] else { throw GraphError(op: node.op.name, message: "'\(name)' has no value") }
            guard value.shape == shape else {
                throw GraphError(op: node.op.name, message: "'\(name)' has shape \(value.shape), not \(shape)")
            }
            // Later operations take the type's word for it.
            if node.type.element == .int32, let odd = value.values.first(where: { Int32(exactly: $0) == nil }) {
                throw GraphError(op: node.op.name, message: "'\(name)' is i32 but holds \(odd)")
            }
            return value
        }
        switch node.op {
        case .input(let name): return try stored(inputs, name)
        case .state(let path): return try stored(state, path)
        case .constant(let value): return build { _ in value }
        case .iota(let axis):
            let (_, extent, inner) = ReferenceTensor(shape: shape, values: [Double](repeating: 0, count: count)).around(
                axis)
            return build { Double($0 / max(inner, 1) % max(extent, 1)) }
        case .randomBits(let stream):
            let bits = Philox(
                seed: (
                    UInt32(truncatingIfNeeded: Int(x[0].values[0])), UInt32(truncatingIfNeeded: Int(x[0].values[1]))
                ),
                step: UInt32(truncatingIfNeeded: Int(x[1].values[0])), stream: stream)
            return build { Double(Int32(bitPattern: bits[UInt64($0)])) }
        case .extent(let axes):
            return ReferenceTensor(Double(axes.reduce(1) { $0 * x[0].shape[$1] }))
        case .unary(let f): return build { Self.apply(f, x[0].values[$0]) }
        case .binary(let f): return build { Self.apply(f, x[0].values[$0], x[1].values[$0]) }
        case .compare(let f): return build { Self.holds(f, x[0].values[$0], x[1].values[$0]) ? 1 : 0 }
        case .select: return build { x[0].values[$0] != 0 ? x[1].values[$0] : x[2].values[$0] }
        case .cast(let element):
            switch element {
            case .float32: return ReferenceTensor(shape: shape, values: x[0].values)
            case .int32:  // toward zero, saturating; NaN gives 0
                return build {
                    let v = x[0].values[$0]
                    return v.isNaN ? 0 : min(max(v.rounded(.towardZero), -2_147_483_648), 2_147_483_647) + 0  // no −0
                }
            case .bool: return build { x[0].values[$0] != 0 ? 1 : 0 }
            }
        case .broadcast: return Self.broadcast(x[0], to: shape)
        case .reshape: return ReferenceTensor(shape: shape, values: x[0].values)
        case .transpose(let axes):
            let source = x[0].strides
            return Self.gatherStrided(x[0], shape: shape, strides: axes.map { source[$0] })
        case .slice(let axis, let start, _, let step):
            let (_, extent, inner) = x[0].around(axis)
            let taken = shape[axis]
            return build {
                let (outer, rest) = $0.quotientAndRemainder(dividingBy: taken * inner)
                let (i, j) = rest.quotientAndRemainder(dividingBy: inner)
                return x[0].values[(outer * extent + start + i * step) * inner + j]
            }
        case .pad(let axis, let low, _, let interior):
            let (outer, extent, inner) = x[0].around(axis)
            var out = [Double](repeating: 0, count: count)
            for o in 0..<outer {
                for i in 0..<extent {
                    for j in 0..<inner {
                        out[(o * shape[axis] + low + i * (interior + 1)) * inner + j] =
                            x[0].values[(o * extent + i) * inner + j]
                    }
                }
            }
            return ReferenceTensor(shape: shape, values: out)
        case .concat(let axis):
            var out: [Double] = []
            out.reserveCapacity(count)
            for o in 0..<shape[..<axis].reduce(1, *) {
                for part in x {
                    let block = part.shape[axis...].reduce(1, *)
                    out += part.values[(o * block)..<((o + 1) * block)]
                }
            }
            return ReferenceTensor(shape: shape, values: out)
        case .gather(let axis):
            let (outer, extent, inner) = x[0].around(axis)
            var out: [Double] = []
            out.reserveCapacity(count)
            for o in 0..<outer {
                for index in x[1].values {
                    let i = try checked(index, extent, node)
                    out += x[0].values[((o * extent + i) * inner)..<((o * extent + i + 1) * inner)]
                }
            }
            return ReferenceTensor(shape: shape, values: out)
        case .scatterAdd(let axis):
            var out = ReferenceTensor(shape: shape, values: [Double](repeating: 0, count: count))
            let (outer, extent, inner) = out.around(axis)
            var from = 0
            for o in 0..<outer {
                for index in x[1].values {
                    let i = try checked(index, extent, node)
                    for j in 0..<inner { out.values[(o * extent + i) * inner + j] += x[0].values[from + j] }
                    from += inner
                }
            }
            return out
        case .gatherAlong(let axis), .scatterAddAlong(let axis):
            var out = ReferenceTensor(shape: shape, values: [Double](repeating: 0, count: count))
            let indices = x[1]
            let (outer, taken, inner) = indices.around(axis)
            let isScatter = if case .scatterAddAlong = node.op { true } else { false }
            let extent = isScatter ? shape[axis] : x[0].shape[axis]
            for o in 0..<outer {
                for i in 0..<taken {
                    for j in 0..<inner {
                        let here = (o * taken + i) * inner + j
                        let there = (o * extent + (try checked(indices.values[here], extent, node))) * inner + j
                        if isScatter {
                            out.values[there] += x[0].values[here]
                        } else {
                            out.values[here] = x[0].values[there]
                        }
                    }
                }
            }
            return out
        case .sum(let axes): return Self.reduce(x[0], axes, shape, 0) { $0 + $1 }
        case .max(let axes): return Self.reduce(x[0], axes, shape, -.infinity) { Self.apply(.max, $0, $1) }
        case .min(let axes): return Self.reduce(x[0], axes, shape, .infinity) { Self.apply(.min, $0, $1) }
        case .argMax(let axis):
            return Self.alongAxis(x[0], axis, shape) { line in
                var best = 0
                for (i, v) in line.enumerated().dropFirst() where v > line[best] || v.isNaN && !line[best].isNaN {
                    best = i
                }
                return [Double(best)]
            }
        case .argSort(let axis, let descending):
            return Self.alongAxis(x[0], axis, shape) { line in
                line.indices.sorted { a, b in
                    let (u, v) = descending ? (line[b], line[a]) : (line[a], line[b])
                    if u.isNaN || v.isNaN { return u.isNaN && v.isNaN ? a < b : v.isNaN }
                    return u == v ? a < b : u < v
                }.map(Double.init)
            }
        case .cumulativeSum(let axis, let reverse):
            return Self.alongAxis(x[0], axis, shape) { line in
                var total = 0.0
                let sums = (reverse ? line.reversed() : line).map { v in
                    total += v
                    return total
                }
                return reverse ? sums.reversed() : sums
            }
        case .summary(let every):
            let seen = Self.observed(x, every)
            let finite = seen.filter(\.isFinite)
            return ReferenceTensor(
                shape: shape,
                values: [
                    Double(seen.count), finite.reduce(0, +), finite.reduce(0) { $0 + $1 * $1 },
                    finite.min() ?? .infinity, finite.max() ?? -.infinity, Double(finite.count { $0 == 0 }),
                    Double(finite.count { $0 < 0 }), Double(seen.count - finite.count),
                ])
        case .exponentHistogram(let every):
            var bins = [Double](repeating: 0, count: ExponentHistogram.count)
            for value in Self.observed(x, every) { bins[ExponentHistogram.bin(of: Float(value))] += 1 }
            return ReferenceTensor(shape: shape, values: bins)
        case .matmul(let ta, let tb):
            let rank = shape.count
            let (m, n) = (shape[rank - 2], shape[rank - 1])
            let k = ta ? x[0].shape[rank - 2] : x[0].shape[rank - 1]
            return build {
                let (batch, rest) = $0.quotientAndRemainder(dividingBy: m * n)
                let (i, j) = rest.quotientAndRemainder(dividingBy: n)
                var total = 0.0
                for p in 0..<k {
                    total +=
                        x[0].values[batch * m * k + (ta ? p * m + i : i * k + p)]
                        * x[1].values[batch * k * n + (tb ? j * k + p : p * n + j)]
                }
                return total
            }
        case .convolution, .convolutionInputGradient, .convolutionWeightGradient, .windowSum, .windowSpread,
            .windowArgMax,
            .windowGather, .windowScatterAdd:
            guard let value = Self.windowed(node.op, x, shape) else {
                throw GraphError(op: node.op.name, message: "has no meaning")
            }
            return value
        case .call(let fused):
            throw GraphError(op: fused.name, message: "composite operations are inlined before interpretation")
        }
    }

    private func checked(_ index: Double, _ extent: Int, _ node: Node) throws(GraphError) -> Int {
        guard index >= 0, index < Double(extent) else {
            throw GraphError(op: node.op.name, message: "index \(index) is outside 0..<\(extent)")
        }
        return Int(index)
    }

    private static func gatherStrided(_ x: ReferenceTensor, shape: [Int], strides: [Int]) -> ReferenceTensor {
        var index = [Int](repeating: 0, count: shape.count)
        let count = shape.reduce(1, *)
        var out = [Double]()
        out.reserveCapacity(count)
        var offset = 0
        for _ in 0..<count {
            out.append(x.values[offset])
            for axis in shape.indices.reversed() {
                index[axis] += 1
                offset += strides[axis]
                if index[axis] < shape[axis] { break }
                offset -= strides[axis] * shape[axis]
                index[axis] = 0
            }
        }
        return ReferenceTensor(shape: shape, values: out)
    }

    private static func broadcast(_ x: ReferenceTensor, to shape: [Int]) -> ReferenceTensor {
        let lead = shape.count - x.shape.count
        let source = x.strides
        let strides = shape.indices.map {
            $0 < lead || x.shape[$0 - lead] == 1 && shape[$0] != 1 ? 0 : source[$0 - lead]
        }
        return gatherStrided(x, shape: shape, strides: strides)
    }

    private static func reduce(
        _ x: ReferenceTensor, _ axes: [Int], _ shape: [Int], _ initial: Double, _ combine: (Double, Double) -> Double
    ) -> ReferenceTensor {
        let kept = x.shape.indices.filter { !axes.contains($0) }
        let source = x.strides
        let ordered = gatherStrided(
            x, shape: (kept + axes).map { x.shape[$0] }, strides: (kept + axes).map { source[$0] })
        let block = axes.reduce(1) { $0 * x.shape[$1] }
        let count = shape.reduce(1, *)
        return ReferenceTensor(
            shape: shape,
            values: (0..<count).map { i in ordered.values[(i * block)..<((i + 1) * block)].reduce(initial, combine) })
    }

    /// The elements that an observation of (value, step) looks at.
    private static func observed(_ x: [ReferenceTensor], _ every: Int) -> [Double] {
        let rows = x[0].shape.count < 2 ? 1 : x[0].shape[0]
        let width = rows == 0 ? 0 : x[0].values.count / rows
        let step = x.count > 1 ? Int(x[1].values[0]) : 0
        return Sampling.picked(every: every, of: rows, step: step).flatMap {
            x[0].values[($0 * width)..<(($0 + 1) * width)]
        }
    }

    private static func alongAxis(
        _ x: ReferenceTensor, _ axis: Int, _ shape: [Int], _ body: ([Double]) -> [Double]
    ) -> ReferenceTensor {
        let (outer, extent, inner) = x.around(axis)
        var out = [Double](repeating: 0, count: shape.reduce(1, *))
        for o in 0..<outer {
            for j in 0..<inner {
                let line = body((0..<extent).map { x.values[(o * extent + $0) * inner + j] })
                for (i, v) in line.enumerated() { out[(o * line.count + i) * inner + j] = v }
            }
        }
        return ReferenceTensor(shape: shape, values: out)
    }
}
