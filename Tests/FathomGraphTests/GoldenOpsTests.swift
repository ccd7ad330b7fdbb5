import FathomGraph
import FathomReference
import FathomTestSupport
import Foundation
import Testing

/// Values and gradients of operations as PyTorch computes them (`Tests/Golden/ops.json`).
@Suite struct GoldenOpsTests {
    private static let file = Result { try GoldenOps.read() }

    @Test func everyOperationOfTheFileIsKnown() throws {
        let cases = try Self.file.get()
        #expect(cases.count > 200)
        var unknown: [String: Int] = [:]
        var compared = 0
        for c in cases where !GoldenOps.composites.contains(c.op) {
            if try Built(c) == nil { unknown[c.op, default: 0] += 1 } else { compared += 1 }
        }
        #expect(unknown.isEmpty)
        #expect(compared > 150)
    }

    /// The interpreter in Double gives PyTorch's values in double precision.
    @Test func valuesAgree() throws {
        for c in try Self.file.get() where !GoldenOps.composites.contains(c.op) {
            guard let built = try Built(c) else { continue }
            try built.graph.verify()
            let y = try built.interpreter.values(of: [built.output], in: built.graph)[0]
            #expect(y.shape == c.output.shape, "\(c.op) \(c.name)")
            var expected = c.output64 ?? c.output.values
            // PyTorch's sign of NaN is 0; here NaN stays visible, as in NumPy.
            if c.op == "sign" { for (i, x) in c.inputs[0].values.enumerated() where x.isNaN { expected[i] = .nan } }
            #expect(
                agree(y.values, expected), "\(c.op) \(c.name): \(y.values.prefix(6)), PyTorch \(expected.prefix(6))")
        }
    }

    /// And its gradients, except where a documented convention differs.
    @Test func gradientsAgree() throws {
        var compared = 0
        for c in try Self.file.get() where !GoldenOps.composites.contains(c.op) {
            guard let built = try Built(c), let gradients = c.gradients64, let weight = c.weight else { continue }
            // At a tie of two operands the gradient goes to the second one; PyTorch shares it. Tested in `tieRules`.
            if (c.op == "max" || c.op == "min") && c.name.contains("ties") { continue }
            var graph = built.graph
            var interpreter = built.interpreter
            let seed = try graph.add(.input("weight"), type: graph[built.output].type)
            interpreter.inputs["weight"] = ReferenceTensor(shape: c.output.shape, values: weight)
            let wanted = built.inputs.indices.filter { gradients.indices.contains($0) && gradients[$0] != nil }
            let map = try graph.gradient(of: built.output, withRespectTo: wanted.map { built.inputs[$0] }, seed: seed)
            try graph.verify()
            for i in wanted {
                let g = try interpreter.values(of: [map[built.inputs[i]]!], in: graph)[0].values
                let expected = gradients[i] ?? []
                #expect(
                    agree(g, expected), "\(c.op) \(c.name) operand \(i): \(g.prefix(6)), PyTorch \(expected.prefix(6))")
                compared += 1
            }
        }
        #expect(compared > 150)
    }

    private func agree(_ a: [Double], _ b: [Double]) -> Bool {
        guard a.count == b.count else { return false }
        let scale = b.reduce(0) { $1.isFinite ? max($0, abs($1)) : $0 }
        return zip(a, b).allSatisfy { x, y in
            x == y || x.isNaN && y.isNaN || abs(x - y) <= 1e-12 * max(abs(y), min(scale, 1))
        }
    }
}

/// The graph of a golden case of a primitive, or of a few of them.
private struct Built {
    var graph = Graph()
    var interpreter = Interpreter()
    var inputs: [NodeID] = []
    var output = NodeID(0)

    /// `nil` where the operation has no counterpart.
    init?(_ c: GoldenOps.Case) throws {
        for (i, x) in c.inputs.enumerated() {
            let element: ElementType =
                x.dtype == "i32" || x.dtype == "i64" ? .int32 : x.dtype == "bool" ? .bool : .float32
            inputs.append(try graph.add(.input("x\(i)"), type: TensorType(element, Shape(x.shape))))
            interpreter.inputs["x\(i)"] = ReferenceTensor(shape: x.shape, values: x.values)
        }
        guard let y = try build(c) else { return nil }
        output = y
    }

    private mutating func build(_ c: GoldenOps.Case) throws -> NodeID? {
        let x = inputs[0]
        let rank = graph.shape(of: x).rank
        func ints(_ name: String) -> [Int]? { c.attributes[name]?.map { Int($0) } }
        func positive(_ axis: Int) -> Int { axis < 0 ? axis + rank : axis }
        let axis = positive(ints("axis")?.first ?? 0)
        if let f = Op.Unary.allCases.first(where: { "\($0)" == c.op }) { return try graph.unary(f, x) }
        if let f = Op.Binary.allCases.first(where: { "\($0)" == c.op }) { return try graph.binary(f, x, inputs[1]) }
        if let f = Op.Comparison.allCases.first(where: { "\($0)" == c.op }) {
            return try graph.compare(f, x, inputs[1])
        }
        switch c.op {
        case "select":
            let shape = Shape(c.output.shape)
            return try graph.select(
                graph.broadcast(x, to: shape), graph.broadcast(inputs[1], to: shape),
                graph.broadcast(inputs[2], to: shape))
        case "sum", "amax", "amin":
            var axes = (ints("axes") ?? Array(0..<rank)).map(positive)
            if c.attributes["axes"]?.isEmpty == true { axes = Array(0..<rank) }
            let op: Op = c.op == "sum" ? .sum(axes: axes) : c.op == "amax" ? .max(axes: axes) : .min(axes: axes)
            let y = try graph.add(op, [x])
            return ints("keepDims")?.first == 1 ? try graph.reshape(y, to: graph.shape(of: x).keeping(axes: axes)) : y
        case "cumsum": return try graph.add(.cumulativeSum(axis: axis, reverse: false), [x])
        case "matmul":
            // Vectors become rows and columns and leading axes are stretched, as NumPy does.
            var (a, b) = (x, inputs[1])
            if rank == 1 { a = try graph.reshape(a, to: Shape([1] + graph.shape(of: a).dims)) }
            if graph.shape(of: b).rank == 1 { b = try graph.reshape(b, to: Shape(graph.shape(of: b).dims + [1])) }
            let (sa, sb) = (graph.shape(of: a).dims, graph.shape(of: b).dims)
            guard let lead = Shape.broadcasting(Shape(Array(sa.dropLast(2))), Shape(Array(sb.dropLast(2)))) else {
                return nil
            }
            a = try graph.broadcast(a, to: Shape(lead.dims + sa.suffix(2)))
            b = try graph.broadcast(b, to: Shape(lead.dims + sb.suffix(2)))
            let y = try graph.matmul(
                a, b, transposeA: ints("transposeA")?.first == 1, transposeB: ints("transposeB")?.first == 1)
            return try graph.reshape(y, to: Shape(c.output.shape))
        case "reshape": return try graph.reshape(x, to: Shape(c.output.shape))
        case "broadcast": return try graph.broadcast(x, to: Shape(c.output.shape))
        case "permute": return try graph.add(.transpose((ints("axes") ?? []).map(positive)), [x])
        case "slice":
            var y = x
            for a in 0..<rank {
                guard let start = ints("starts")?[a], let end = ints("ends")?[a] else { return nil }
                y = try graph.add(.slice(axis: a, start: start, end: end, step: ints("steps")?[a] ?? 1), [y])
            }
            return y
        case "pad":
            var y = x
            for a in 0..<rank {
                y = try graph.add(
                    .pad(axis: a, low: ints("low")?[a] ?? 0, high: ints("high")?[a] ?? 0, interior: 0), [y])
            }
            guard let value = c.attributes["value"]?.first, value != 0 else { return y }
            // Another value than 0 is added where the padding is.
            var inside = try graph.constant(1, like: x)
            for a in 0..<rank {
                inside = try graph.add(
                    .pad(axis: a, low: ints("low")?[a] ?? 0, high: ints("high")?[a] ?? 0, interior: 0), [inside])
            }
            return try graph.add(y, graph.mul(graph.sub(graph.constant(1, like: inside), inside), value))
        case "concat": return try graph.add(.concat(axis: axis), inputs)
        case "gatherAlong", "scatterAddAlong":
            // PyTorch's indices may be shorter on the other axes: the data is cut to them.
            if c.op == "gatherAlong" {
                var data = x
                for a in 0..<rank where a != axis {
                    let extent = c.inputs[1].shape[a]
                    data = try graph.add(.slice(axis: a, start: 0, end: extent, step: 1), [data])
                }
                return try graph.add(.gatherAlong(axis: axis), [data, inputs[1]])
            }
            let (updates, indices) = (inputs[1], inputs[2])
            var shape = graph.shape(of: updates)
            shape[axis] = graph.shape(of: x)[axis]
            var added = try graph.add(
                .scatterAddAlong(axis: axis), [updates, indices], type: TensorType(.float32, shape))
            for a in 0..<rank where a != axis {
                let missing = c.inputs[0].shape[a] - c.inputs[1].shape[a]
                added = try graph.add(.pad(axis: a, low: 0, high: missing, interior: 0), [added])
            }
            return try graph.add(x, added)
        case "gatherRows": return try graph.add(.gather(axis: 0), [x, inputs[1]])
        case "scatterAddRows":
            return try graph.add(
                .scatterAdd(axis: 0), [x, inputs[1]], type: TensorType(.float32, Shape(c.output.shape)))
        case "conv2d", "maxPool2d", "averagePool2d":
            // PyTorch has channels first: [B, C, H, W], and weights [filters, channels, H, W].
            let image = try graph.add(.transpose([0, 2, 3, 1]), [x])
            let (stride, padding) = (ints("stride")?[0] ?? 1, ints("padding")?[0] ?? 0)
            let kernel =
                c.op == "conv2d"
                ? Array(c.inputs[1].shape.suffix(2)) : Array(repeating: ints("size")?[0] ?? 1, count: 2)
            let window = Window(
                kernel.map {
                    Window.Axis($0, stride: stride, dilation: ints("dilation")?[0] ?? 1, low: padding, high: padding)
                })
            var y: NodeID
            switch c.op {
            case "conv2d":
                let weight = try graph.add(.transpose([2, 3, 1, 0]), [inputs[1]])
                y = try graph.add(.convolution(window, groups: ints("groups")?[0] ?? 1), [image, weight])
                if inputs.count > 2 { y = try graph.add(y, inputs[2]) }
            case "maxPool2d":
                y = try graph.add(.windowGather(window), [image, graph.add(.windowArgMax(window), [image])])
            default:
                y = try graph.add(.windowSum(window), [image])
                if ints("countPadding")?[0] == 1 {
                    y = try graph.mul(y, 1 / Double(window.taps))
                } else {
                    y = try graph.div(y, graph.add(.windowSum(window), [graph.constant(1, like: image)]))
                }
            }
            return try graph.add(.transpose([0, 3, 1, 2]), [y])
        case "argmax": return try graph.add(.argMax(axis: axis), [x])
        default: return nil
        }
    }
}
