import FathomGraph
import FathomTestSupport
import Testing

/// A wrong use of an operation, and words its error must contain.
struct WrongUse: Sendable, CustomTestStringConvertible {
    let op: Op
    let operands: [TensorType]
    let requested: TensorType?
    let words: String

    init(_ op: Op, _ operands: [TensorType], type: TensorType? = nil, _ words: String) {
        self.op = op
        self.operands = operands
        requested = type
        self.words = words
    }

    var testDescription: String { "\(op.name) \(operands) \(requested.map(\.description) ?? "")" }

    static func f(_ dims: Dim...) -> TensorType { TensorType(.float32, Shape(dims)) }
    static func i(_ dims: Dim...) -> TensorType { TensorType(.int32, Shape(dims)) }
    static func b(_ dims: Dim...) -> TensorType { TensorType(.bool, Shape(dims)) }

    static let all: [WrongUse] = [
        // The number of operands.
        WrongUse(.unary(.exp), [], "takes 1"), WrongUse(.binary(.add), [f(2)], "takes 2"),
        WrongUse(.select, [b(2), f(2)], "takes 3"), WrongUse(.concat(axis: 0), [], "at least one"),
        WrongUse(.input("x"), [f(2)], type: f(2), "takes 0"), WrongUse(.reshape, [f(2), f(2)], type: f(2), "takes 1"),
        WrongUse(.broadcast, [f(2), f(2)], type: f(2), "takes 1"), WrongUse(.sum(axes: []), [f(2), f(2)], "takes 1"),
        WrongUse(.transpose([0]), [f(2), f(2)], "takes 1"), WrongUse(.cast(.float32), [f(2), f(2)], "takes 1"),
        // The missing result type, and impossible ones.
        WrongUse(.input("x"), [], "result type"), WrongUse(.constant(1), [], "result type"),
        WrongUse(.reshape, [f(2)], "result type"), WrongUse(.scatterAdd(axis: 0), [f(2), i(2)], "result type"),
        WrongUse(.input("x"), [], type: f(-1), "negative"),
        WrongUse(.input("x"), [], type: f(.batch(multiple: 0)), "multiple"),
        WrongUse(.input("x"), [], type: f(2_097_152, 2_097_152), "too many elements"),
        WrongUse(.input("x"), [], type: f(0, .fixed(.max), .fixed(.max)), "too many elements"),
        WrongUse(.input("x"), [], type: f(.fixed(.max), 0), "too many elements"),
        WrongUse(.constant(0), [], type: f(.fixed(.max), .fixed(.max)), "too many elements"),
        WrongUse(.constant(1.5), [], type: i(2), "no value of i32"),
        WrongUse(.constant(.nan), [], type: i(2), "no value of i32"),
        WrongUse(.constant(2), [], type: b(2), "no value of bool"),
        // Axes.
        WrongUse(.iota(axis: 1), [], type: i(3), "axis 1 does not exist"),
        WrongUse(.sum(axes: [2]), [f(2, 3)], "axis 2"),
        WrongUse(.sum(axes: [-1]), [f(2, 3)], "axis -1"), WrongUse(.sum(axes: [0, 0]), [f(2, 3)], "repeat"),
        WrongUse(.max(axes: [5]), [f(2, 3)], "axis 5"), WrongUse(.argMax(axis: 0), [f()], "axis 0"),
        WrongUse(.argSort(axis: 1, descending: false), [f(3)], "axis 1"),
        WrongUse(.cumulativeSum(axis: .max, reverse: false), [f(3)], "axis"),
        WrongUse(.extent(axes: [1]), [f(3)], "axis 1"), WrongUse(.gather(axis: 1), [f(3), i(2)], "axis 1"),
        WrongUse(.gather(axis: -1), [f(3), i(2)], "axis -1"), WrongUse(.gatherAlong(axis: 2), [f(3), i(2)], "axis 2"),
        WrongUse(.slice(axis: 1, start: 0, end: 0, step: 1), [f(3)], "axis 1"),
        WrongUse(.pad(axis: 3, low: 0, high: 0, interior: 0), [f(3)], "axis 3"),
        WrongUse(.concat(axis: 1), [f(3)], "axis 1"),
        WrongUse(.transpose([0, 0]), [f(2, 3)], "permutation"), WrongUse(.transpose([0]), [f(2, 3)], "permutation"),
        WrongUse(.transpose([0, 2]), [f(2, 3)], "permutation"), WrongUse(.transpose([]), [f(2)], "permutation"),
        // Element types.
        WrongUse(.unary(.exp), [i(2)], "must be f32"), WrongUse(.unary(.uniformFromBits), [f(2)], "must be i32"),
        WrongUse(.binary(.add), [f(2), i(2)], "must be f32"), WrongUse(.compare(.less), [f(2), i(2)], "one type"),
        WrongUse(.select, [f(2), f(2), f(2)], "must be bool"), WrongUse(.select, [b(2), f(2), i(2)], "one shape"),
        WrongUse(.sum(axes: [0]), [i(2)], "must be f32"), WrongUse(.sum(axes: []), [i(2)], "must be f32"),
        WrongUse(.max(axes: []), [b(2)], "must be f32"), WrongUse(.argMax(axis: 0), [i(2)], "must be f32"),
        WrongUse(.gather(axis: 0), [f(2), f(2)], "must be i32"),
        WrongUse(.matmul(transposeA: false, transposeB: false), [f(2, 2), i(2, 2)], "must be f32"),
        WrongUse(.concat(axis: 0), [f(2), i(2)], "agree"),
        WrongUse(.scatterAdd(axis: 0), [i(2), i(2)], type: f(3), "must be f32"),
        WrongUse(.randomBits(stream: 0), [f(2), i()], type: i(3), "operands"),
        WrongUse(.randomBits(stream: 0), [i(3), i()], type: i(3), "operands"),
        // Observations.
        WrongUse(.summary(every: 0), [f(2)], "not positive"), WrongUse(.summary(every: 2), [f(2)], "takes 2"),
        WrongUse(.summary(every: 1), [], "takes 1"), WrongUse(.exponentHistogram(every: 1), [i(2)], "must be f32"),
        WrongUse(.exponentHistogram(every: 3), [f(2), f()], "must be the step"),
        // Shapes.
        WrongUse(.binary(.add), [f(2), f(3)], "one shape"), WrongUse(.binary(.mul), [f(.batch), f(3)], "one shape"),
        WrongUse(.compare(.equal), [f(2), f(3)], "one type and shape"),
        WrongUse(.select, [b(2), f(3), f(3)], "one shape"),
        WrongUse(.broadcast, [f(2)], type: f(3), "cannot broadcast"),
        WrongUse(.broadcast, [f(2, 3)], type: f(3), "cannot broadcast"),
        WrongUse(.broadcast, [f(.batch)], type: f(3), "cannot broadcast"),
        WrongUse(.broadcast, [f(3)], type: f(1), "cannot broadcast"),
        WrongUse(.reshape, [f(6)], type: f(4), "cannot reshape"),
        WrongUse(.reshape, [f(6)], type: f(-1, -1), "negative"),
        WrongUse(.reshape, [f(.batch, 6)], type: f(6), "cannot reshape"),
        WrongUse(.reshape, [f(.batch, 6)], type: f(.batch, .batch), "cannot reshape"),
        WrongUse(.slice(axis: 0, start: 0, end: 3, step: 0), [f(3)], "step 0"),
        WrongUse(.slice(axis: 0, start: 0, end: 3, step: -1), [f(3)], "step -1"),
        WrongUse(.slice(axis: 0, start: 0, end: 4, step: 1), [f(3)], "outside"),
        WrongUse(.slice(axis: 0, start: -1, end: 3, step: 1), [f(3)], "outside"),
        WrongUse(.slice(axis: 0, start: 2, end: 1, step: 1), [f(3)], "outside"),
        WrongUse(.slice(axis: 0, start: .min, end: .max, step: .max), [f(3)], "outside"),
        WrongUse(.slice(axis: 0, start: 0, end: 1, step: 1), [f(.batch)], "batch axis"),
        WrongUse(.pad(axis: 0, low: -1, high: 0, interior: 0), [f(3)], "negative"),
        WrongUse(.pad(axis: 0, low: 1 << 40, high: 0, interior: 0), [f(3)], "too large"),
        WrongUse(.pad(axis: 0, low: 0, high: 0, interior: 1 << 31), [f(1_048_576)], "too many elements"),
        WrongUse(.pad(axis: 0, low: .max, high: .max, interior: .max), [f(3)], "too large"),
        WrongUse(.pad(axis: 0, low: 1, high: 0, interior: 0), [f(.batch)], "batch axis"),
        WrongUse(.concat(axis: 0), [f(2, 3), f(2, 4)], "agree"), WrongUse(.concat(axis: 0), [f(2), f(2, 4)], "agree"),
        WrongUse(.concat(axis: 0), [f(.batch), f(2)], "batch axis"),
        WrongUse(.gatherAlong(axis: 0), [f(2, 3), i(2, 4)], "data's shape"),
        WrongUse(.gather(axis: 0), [f(1_048_576, 1_048_576), i(1_099_511_627_776)], "too many elements"),
        WrongUse(.scatterAdd(axis: 0), [f(4), i(5)], type: f(3), "updates must have shape"),
        WrongUse(.scatterAddAlong(axis: 0), [f(4), i(5)], type: f(3), "result's shape"),
        WrongUse(.matmul(transposeA: false, transposeB: false), [f(2, 3), f(4, 5)], "inner extents 3 and 4 differ"),
        WrongUse(.matmul(transposeA: true, transposeB: true), [f(2, 3), f(2, 3)], "inner extents 2 and 3 differ"),
        WrongUse(.matmul(transposeA: false, transposeB: false), [f(3), f(3)], "rank"),
        WrongUse(.matmul(transposeA: false, transposeB: false), [f(2, 3, 4), f(3, 4, 5)], "leading axes"),
        WrongUse(
            .matmul(transposeA: false, transposeB: false), [f(1_099_511_627_776, 0), f(0, 1_099_511_627_776)],
            "too many elements"),
        // What a composite's body refuses is refused where it stands.
        WrongUse(.call(OpTable.gated), [f(2), f(3)], "broadcast"),
        WrongUse(.call(OpTable.swish(scale: 1)), [i(3)], "must be f32"),
    ]
}

@Suite struct ShapeErrorTests {
    @Test(arguments: WrongUse.all)
    func wrongUseIsExplained(_ use: WrongUse) throws {
        var graph = Graph()
        graph.currentLayer = "encoder.dense"
        var ids: [NodeID] = []
        for (i, type) in use.operands.enumerated() { ids.append(try graph.add(.input("x\(i)"), type: type)) }
        let before = graph.nodes
        let error = #expect(throws: GraphError.self) { try graph.add(use.op, ids, type: use.requested) }
        guard let error else { return }
        // One error says which operation, of what, why, what to do and where.
        #expect(error.op == use.op.name)
        #expect(error.operands == use.operands)
        #expect(error.message.contains(use.words), "\(error)")
        #expect(error.hint?.isEmpty == false, "\(error)")
        #expect(error.layer == "encoder.dense")
        for part in [error.op, error.message, error.hint ?? "", "encoder.dense"] + use.operands.map(\.description) {
            #expect(error.description.contains(part), "\(error)")
        }
        #expect(graph.nodes == before, "a refused operation leaves no trace")
    }

    @Test func operandsOfAnotherGraphAreRefused() throws {
        var graph = Graph()
        let x = try graph.constant(1)
        for id in [NodeID(1), NodeID(-1), NodeID(.max)] {
            #expect(throws: GraphError.self) { try graph.add(.unary(.exp), [id]) }
            #expect(throws: GraphError.self) { try graph.add(.binary(.mul), [x, id]) }
            #expect(throws: GraphError.self) { try graph.add(.broadcast, [id], type: TensorType(.float32, [2])) }
        }
    }

    @Test func binaryNamesBothShapes() throws {
        var graph = Graph()
        let a = try graph.add(.input("a"), type: TensorType(.float32, [.batch, 3]))
        let b = try graph.add(.input("b"), type: TensorType(.float32, [4]))
        let error = #expect(throws: GraphError.self) { try graph.mul(a, b) }
        #expect(error?.description.contains("f32[B, 3], f32[4]") == true)
        #expect(error?.hint != nil)
    }
}
