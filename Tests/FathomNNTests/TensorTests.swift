import FathomGraph
import FathomNN
import FathomReference
import FathomTestSupport
import Testing

/// Traces `body` over fed tensors and runs it with the interpreter.
private func run(
    _ inputs: [ReferenceTensor], element: ElementType = .float32, batch: Int? = nil, _ body: ([Tensor]) -> Tensor
) throws -> ReferenceTensor {
    let trace = Trace(isTraining: false)
    var interpreter = Interpreter(batch: batch ?? 1)
    var tensors: [Tensor] = []
    for (i, x) in inputs.enumerated() {
        var shape = Shape(x.shape)
        if batch != nil, !x.shape.isEmpty { shape[0] = .batch }
        tensors.append(trace.input("x\(i)", shape, element))
        interpreter.inputs["x\(i)"] = x
    }
    let y = body(tensors)
    try trace.check()
    try trace.graph.verify()
    return try interpreter.values(of: [y.id!], in: trace.graph)[0]
}

private func tensor(_ shape: [Int], _ values: [Double]) -> ReferenceTensor {
    ReferenceTensor(shape: shape, values: values)
}

/// 0, 1, 2, … in a shape.
private func range(_ shape: Int...) -> ReferenceTensor {
    tensor(shape, (0..<shape.reduce(1, *)).map { Double($0) })
}

/// The error a trace keeps.
private func mistake(_ body: (Trace, Tensor) -> Tensor) -> GraphError? {
    let trace = Trace(isTraining: false)
    let y = body(trace, trace.input("x", [.batch, 6]))
    #expect(trace.error == nil || y.id == nil, "a wrong operation yields poison")
    return trace.error
}

/// The operations of `Tensor`, with NumPy's semantics; expected values are NumPy's.
@Suite struct TensorTests {
    // MARK: Elementwise

    @Test func arithmeticBroadcasts() throws {
        let column = tensor([2, 1], [1, 2])
        let row = tensor([3], [10, 20, 40])
        #expect(try run([column, row]) { $0[0] + $0[1] } == tensor([2, 3], [11, 21, 41, 12, 22, 42]))
        #expect(try run([column, row]) { $0[0] - $0[1] } == tensor([2, 3], [-9, -19, -39, -8, -18, -38]))
        #expect(try run([column, row]) { $0[0] * $0[1] } == tensor([2, 3], [10, 20, 40, 20, 40, 80]))
        #expect(try run([column, row]) { $0[1] / $0[0] } == tensor([2, 3], [10, 20, 40, 5, 10, 20]))
    }

    @Test func scalarsOnEitherSide() throws {
        let x = tensor([2], [1, 4])
        #expect(try run([x]) { $0[0] + 2 }.values == [3, 6])
        #expect(try run([x]) { 2 + $0[0] }.values == [3, 6])
        #expect(try run([x]) { $0[0] - 2 }.values == [-1, 2])
        #expect(try run([x]) { 2 - $0[0] }.values == [1, -2])
        #expect(try run([x]) { $0[0] * 3 }.values == [3, 12])
        #expect(try run([x]) { 3 * $0[0] }.values == [3, 12])
        #expect(try run([x]) { $0[0] / 2 }.values == [0.5, 2])
        #expect(try run([x]) { 2 / $0[0] }.values == [2, 0.5])
        #expect(try run([x]) { -$0[0] }.values == [-1, -4])
        #expect(try run([x]) { pow($0[0], 2) }.values == [1, 16])
        #expect(try run([x]) { pow($0[0], 0.5) }.values == [1, 2])
        #expect(try run([x]) { max($0[0], 2) }.values == [2, 4])
        #expect(try run([x]) { min($0[0], 2) }.values == [1, 2])
        #expect(try run([tensor([3], [-1, 0.5, 7])]) { clamp($0[0], 0, 1) }.values == [0, 0.5, 1])
        #expect(try run([tensor([4], [-1, 0, 3, .nan])]) { relu($0[0]) }.values.prefix(3) == [0, 0, 3])
        #expect(try run([tensor([1], [.nan])]) { relu($0[0]) }.values[0].isNaN)
    }

    @Test func comparisonsAndReplacement() throws {
        let x = tensor([4], [1, 2, 3, .nan])
        #expect(try run([x]) { $0[0] .< 2 }.values == [1, 0, 0, 0])
        #expect(try run([x]) { $0[0] .<= 2 }.values == [1, 1, 0, 0])
        #expect(try run([x]) { $0[0] .> 2 }.values == [0, 0, 1, 0])
        #expect(try run([x]) { $0[0] .>= 2 }.values == [0, 1, 1, 0])
        #expect(try run([x, x]) { $0[0] .== $0[1] }.values == [1, 1, 1, 0])
        #expect(try run([x, x]) { $0[0] .!= $0[1] }.values == [0, 0, 0, 1])
        #expect(try run([x]) { $0[0] .== 2 }.values == [0, 1, 0, 0])
        #expect(try run([x]) { $0[0] .!= 2 }.values == [1, 0, 1, 1])
        #expect(try run([x]) { 2 .< $0[0] }.values == [0, 0, 1, 0])
        #expect(try run([x]) { 2 .<= $0[0] }.values == [0, 1, 1, 0])
        #expect(try run([x]) { 2 .> $0[0] }.values == [1, 0, 0, 0])
        #expect(try run([x]) { 2 .>= $0[0] }.values == [1, 1, 0, 0])
        #expect(try run([x]) { 2 .== $0[0] }.values == [0, 1, 0, 0])
        #expect(try run([x]) { 2 .!= $0[0] }.values == [1, 0, 1, 1])
        #expect(mistake { $0.input("i", [2], .int32) .== $1.sum() }?.op == "equal")
        let y = tensor([1], [9])
        #expect(
            try run([tensor([3], [1, 2, 3]), y]) { $0[0].replacing(with: $0[1], where: $0[0] .> 1) }.values == [
                1, 9, 9,
            ])
        #expect(try run([tensor([3], [-1.7, 0, 2.7])]) { $0[0].cast(to: .int32) }.values == [-1, 0, 2])
        #expect(
            try run([tensor([3], [-1.7, 0, 2.7])]) { $0[0].cast(to: .bool).cast(to: .float32) }.values == [1, 0, 1])
        // Condition [2, 1], alternatives [3] and scalar.
        #expect(
            try run([tensor([2, 1], [0, 1]), range(3)]) { select($0[0] .> 0, $0[1], $0[1].sum() * 0 - 1) }
                == tensor([2, 3], [-1, -1, -1, 0, 1, 2]))
    }

    @Test func logic() throws {
        let x = tensor([4], [1, 2, 3, .nan])
        // Comparisons bind first, then `.&`, then `.|`.
        #expect(try run([x]) { $0[0] .> 1 .& $0[0] .< 3 }.values == [0, 1, 0, 0])
        #expect(try run([x]) { $0[0] .== 3 .| $0[0] .> 0 .& $0[0] .< 2 }.values == [1, 0, 1, 0])
        // What is not below 2 is more than what is at least 2: NaN is there too.
        #expect(try run([x]) { .!($0[0] .< 2) }.values == [0, 1, 1, 1])
        #expect(try run([x]) { ($0[0] .> 1) .!= ($0[0] .> 2) }.values == [0, 1, 0, 0])
        let (column, row) = (tensor([2, 1], [0, 1]), tensor([3], [0, 1, 0]))
        #expect(try run([column, row]) { $0[0] .> 0 .& $0[1] .> 0 } == tensor([2, 3], [0, 0, 0, 0, 1, 0]))
        #expect(try run([column, row]) { $0[0] .> 0 .| $0[1] .> 0 } == tensor([2, 3], [0, 1, 0, 1, 1, 1]))
        #expect(try run([range(5, 2)], batch: 5) { .!($0[0] .< 4) }.shape == [5, 2])
        #expect(mistake { $1 .& $1 .> 0 }?.op == "and")
        #expect(mistake { $1 .> 0 .| $0.constant(1, [5]) .> 0 }?.op == "or")
        #expect(mistake { .!$1 }?.op == "not")
    }

    /// Each function against its value from another formula, at 0.3.
    @Test func functions() throws {
        let x = 0.3
        let e = 1.3498588075760032  // e^0.3
        let expected: [(@Sendable (Tensor) -> Tensor, Double)] = [
            ({ exp($0) }, e), ({ expm1($0) }, e - 1), ({ log($0) }, -1.2039728043259361),
            ({ log1p($0) }, 0.26236426446749106),
            ({ tanh($0) }, (e * e - 1) / (e * e + 1)), ({ sigmoid($0) }, e / (1 + e)),
            ({ softplus($0) }, 0.8543552444685272),
            ({ erf($0) }, 0.3286267594591274), ({ sqrt($0) }, 0.5477225575051661), ({ rsqrt($0) }, 1.8257418583505538),
            ({ abs(-$0) }, 0.3), ({ sign(-$0) }, -1), ({ floor(-$0) }, -1), ({ ceil($0) }, 1), ({ round($0 + 0.2) }, 0),
            ({ sin($0) }, 0.29552020666133955), ({ cos($0) }, 0.955336489125606),
        ]
        for (i, (f, value)) in expected.enumerated() {
            let y = try run([tensor([1], [x])]) { f($0[0]) }.values[0]
            #expect(abs(y - value) < 1e-14, "function \(i): \(y), not \(value)")
        }
    }

    @Test func noGradientFlowsThroughWithoutGradient() throws {
        let trace = Trace(isTraining: true)
        let x = trace.input("x", [3])
        let y = (x * x.withoutGradient()).sum()
        var graph = trace.graph
        let g = try graph.gradient(of: y.id!, withRespectTo: [x.id!])[x.id!]!
        var interpreter = Interpreter()
        interpreter.inputs["x"] = tensor([3], [1, 2, 3])
        #expect(try interpreter.values(of: [g], in: graph)[0].values == [1, 2, 3])
    }

    // MARK: Movement

    @Test func reshapes() throws {
        #expect(try run([range(2, 6)]) { $0[0].reshaped(to: [3, -1]) }.shape == [3, 4])
        #expect(try run([range(2, 6)]) { $0[0].reshaped(to: [-1]) }.shape == [12])
        #expect(try run([range(2, 6)]) { $0[0].reshaped(to: [4, 3]) }.values == range(12).values)
        #expect(try run([range(5, 6)], batch: 5) { $0[0].reshaped(to: [.batch, 2, -1]) }.shape == [5, 2, 3])
        #expect(try run([range(5, 6)], batch: 5) { $0[0].reshaped(to: [-1, 3]) }.shape == [10, 3])
        #expect(try run([range(5, 6)], batch: 5) { $0[0].reshaped(to: [-1]) }.shape == [30])
        #expect(try run([range(5, 2, 3)], batch: 5) { $0[0].flattened() }.shape == [5, 6])
        #expect(try run([range(5)], batch: 5) { $0[0].flattened() }.shape == [5, 1])
        #expect(try run([tensor([], [7])]) { $0[0].flattened() }.shape == [1, 1])
        for axis in [-3, 0] { #expect(try run([range(2, 3)]) { $0[0].expandingShape(at: axis) }.shape == [1, 2, 3]) }
        for axis in [-1, 2] { #expect(try run([range(2, 3)]) { $0[0].expandingShape(at: axis) }.shape == [2, 3, 1]) }
        for axis in [-2, 1] { #expect(try run([range(2, 1, 3)]) { $0[0].squeezingShape(at: axis) } == range(2, 3)) }
        #expect(try run([range(1, 1)]) { $0[0].squeezingShape(at: 0).squeezingShape(at: 0) } == tensor([], [0]))
        #expect(mistake { $1.squeezingShape(at: 1) }?.op == "squeezingShape")
        #expect(mistake { $1.squeezingShape(at: 0) }?.op == "squeezingShape", "a batch may have one row")
        #expect(mistake { $1.squeezingShape(at: 2) }?.op == "squeezingShape")
    }

    @Test func wrongReshapes() throws {
        let wrong: [[Dim]] = [
            [-1, -1], [.batch, 7], [.batch, 4, -1], [6], [0, -1], [.batch, -2, -3], [.batch, .batch, -1],
        ]
        for dims in wrong {
            let error = mistake { $1.reshaped(to: dims) }
            #expect(error?.op == "reshape" && error?.operands == [TensorType(.float32, [.batch, 6])], "\(dims)")
        }
    }

    @Test func transposes() throws {
        #expect(try run([range(2, 3)]) { $0[0].transposed() } == tensor([3, 2], [0, 3, 1, 4, 2, 5]))
        #expect(try run([range(2, 3, 4)]) { $0[0].transposed() }.shape == [2, 4, 3])
        #expect(try run([range(2, 3, 4)]) { $0[0].transposed([-1, 0, 1]) }.shape == [4, 2, 3])
        #expect(try run([range(3)]) { $0[0].transposed() } == range(3))
        #expect(mistake { $1.transposed([0]) }?.op == "transpose")
        #expect(mistake { $1.transposed([0, 5]) }?.op == "transpose")
    }

    @Test func slices() throws {
        let x = range(7)
        #expect(try run([x]) { $0[0].sliced(axis: 0, from: 2) }.values == [2, 3, 4, 5, 6])
        #expect(try run([x]) { $0[0].sliced(axis: 0, to: -2) }.values == [0, 1, 2, 3, 4])
        #expect(try run([x]) { $0[0].sliced(axis: -1, from: -3) }.values == [4, 5, 6])
        #expect(try run([x]) { $0[0].sliced(axis: 0, from: 1, to: 6, step: 2) }.values == [1, 3, 5])
        #expect(try run([range(2, 3)]) { $0[0].sliced(axis: 1, from: 1, to: 2) } == tensor([2, 1], [1, 4]))
        #expect(try run([x]) { $0[0].padded(axis: 0, low: 1, high: 2) }.values == [0, 0, 1, 2, 3, 4, 5, 6, 0, 0])
        #expect(try run([range(3)]) { $0[0].padded(axis: -1, low: 0, high: 0, interior: 1) }.values == [0, 0, 1, 0, 2])
        #expect(mistake { $1.sliced(axis: 1, step: 0) }?.op == "slice")
        #expect(mistake { $1.sliced(axis: 0, to: 2) }?.message.contains("batch axis") == true)
        #expect(mistake { $1.sliced(axis: 2) }?.op == "slice")
        #expect(mistake { $1.padded(axis: 1, low: -1, high: 0) }?.op == "pad")
    }

    @Test func reverses() throws {
        let x = range(2, 3)
        #expect(try run([x]) { $0[0].reversed(alongAxes: [1]) } == tensor([2, 3], [2, 1, 0, 5, 4, 3]))
        #expect(try run([x]) { $0[0].reversed(alongAxes: [0]) } == tensor([2, 3], [3, 4, 5, 0, 1, 2]))
        #expect(try run([x]) { $0[0].reversed(alongAxes: [-1, 0]) } == tensor([2, 3], [5, 4, 3, 2, 1, 0]))
        #expect(try run([x]) { $0[0].reversed(alongAxes: []) } == x)
        #expect(try run([x], element: .int32) { $0[0].reversed(alongAxes: [1]) }.values == [2, 1, 0, 5, 4, 3])
        #expect(try run([x], batch: 2) { $0[0].reversed(alongAxes: [1]) }.values == [2, 1, 0, 5, 4, 3])
        #expect(try run([range(0, 3)]) { $0[0].reversed(alongAxes: [0]) } == range(0, 3))
        #expect(mistake { $1.reversed(alongAxes: [0]) }?.message.contains("batch axis") == true)
        #expect(mistake { $1.reversed(alongAxes: [1, -1]) }?.op == "reverse")
        #expect(mistake { $1.reversed(alongAxes: [2]) }?.op == "reverse")
    }

    @Test func joinsAndSplits() throws {
        let (a, b) = (range(2, 2), tensor([2, 1], [8, 9]))
        #expect(try run([a, b]) { Tensor.concatenate($0, axis: -1) } == tensor([2, 3], [0, 1, 8, 2, 3, 9]))
        #expect(try run([range(2, 6)]) { $0[0].split(count: 3, axis: -1)[1] } == tensor([2, 2], [2, 3, 8, 9]))
        #expect(
            try run([range(2, 6)]) { $0[0].split(sizes: [1, 3, 2], axis: 1)[2] } == tensor([2, 2], [4, 5, 10, 11]))
        #expect(mistake { $1.split(count: 4, axis: 1)[0] }?.op == "split")
        #expect(mistake { $1.split(count: 0, axis: 1)[0] }?.op == "split")
        #expect(mistake { $1.split(count: 2, axis: 0)[0] }?.op == "split")
        #expect(mistake { $1.split(count: 2, axis: 4)[1] }?.op == "split")
    }

    @Test func gathers() throws {
        let trace = Trace(isTraining: false)
        let x = trace.input("x", [3, 2])
        let i = trace.input("i", [2, 2], .int32)
        let rows = x.gathering(atIndices: i)
        let columns = x.gathering(atIndices: i.sliced(axis: 0, to: 1).reshaped(to: [2]), axis: -1)
        let along = x.gathering(along: 0, indices: i)
        try trace.check()
        var interpreter = Interpreter()
        interpreter.inputs = ["x": range(3, 2), "i": tensor([2, 2], [1, 0, 1, 1])]
        let values = try interpreter.values(of: [rows.id!, columns.id!, along.id!], in: trace.graph)
        #expect(values[0] == tensor([2, 2, 2], [2, 3, 0, 1, 2, 3, 2, 3]))
        #expect(values[1] == tensor([3, 2], [1, 0, 3, 2, 5, 4]))
        #expect(values[2] == tensor([2, 2], [2, 1, 2, 3]))
        interpreter.inputs["i"] = tensor([2, 2], [1, 0, 3, 1])
        #expect(throws: GraphError.self) { try interpreter.values(of: [rows.id!], in: trace.graph) }
    }

    @Test func oneHotLeavesOutOfRangeEmpty() throws {
        let labels = tensor([4], [0, 2, 3, -1])
        #expect(
            try run([labels], element: .int32) { $0[0].oneHot(classes: 3) }
                == tensor([4, 3], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
        #expect(
            try run([tensor([2, 2], [0, 1, 1, 0])], element: .int32, batch: 2) { $0[0].oneHot(classes: 2) }.shape == [
                2, 2, 2,
            ])
        #expect(mistake { $1.oneHot(classes: 3) } != nil)
    }

    @Test func sortsAndTops() throws {
        let x = tensor([2, 4], [3, 1, 2, 1, -1, 5, 5, 0])
        #expect(try run([x]) { $0[0].sorted() }.values == [1, 1, 2, 3, -1, 0, 5, 5])
        #expect(try run([x]) { $0[0].sorted(descending: true) }.values == [3, 2, 1, 1, 5, 5, 0, -1])
        #expect(try run([x]) { $0[0].sorted(axis: 0) }.values == [-1, 1, 2, 0, 3, 5, 5, 1])
        #expect(try run([x]) { $0[0].argSorted() }.values == [1, 3, 2, 0, 0, 3, 1, 2])
        #expect(try run([x]) { $0[0].argSorted(descending: true) }.values == [0, 2, 1, 3, 1, 2, 3, 0])
        #expect(try run([x]) { $0[0].topK(2).values } == tensor([2, 2], [3, 2, 5, 5]))
        #expect(try run([x]) { $0[0].topK(2).indices } == tensor([2, 2], [0, 2, 1, 2]))
        #expect(mistake { $1.topK(7).values }?.op == "slice")
        #expect(try run([x]) { $0[0].topK(1, axis: 0).values } == tensor([1, 4], [3, 5, 5, 1]))
        #expect(try run([x]) { $0[0].topK(2, largest: false).values } == tensor([2, 2], [1, 1, -1, 0]))
        #expect(try run([x]) { $0[0].topK(2, largest: false).indices } == tensor([2, 2], [1, 3, 0, 3]))
        #expect(mistake { $1.topK(1, axis: 2).indices }?.op == "topK")
        #expect(try run([x]) { $0[0].cumulativeSum(axis: -1) }.values == [3, 4, 6, 7, -1, 4, 9, 9])
        #expect(try run([x]) { $0[0].cumulativeSum(axis: -1, reverse: true) }.values == [7, 4, 3, 1, 9, 10, 5, 0])
        #expect(try run([x]) { $0[0].argMax() }.values == [0, 1])
        #expect(try run([x]) { $0[0].argMax(axis: 0) }.values == [0, 1, 1, 0])
        #expect(try run([x]) { $0[0].argMin() }.values == [1, 0])
        #expect(try run([x]) { $0[0].argMin(axis: 0) }.values == [1, 0, 0, 1])
        #expect(try run([tensor([3], [1, .nan, 0])]) { $0[0].argMin() }.values == [1])
    }

    /// Numbers at the edge of what an integer holds are mistakes, not traps.
    @Test func hugeAndNegativeSizes() throws {
        for dims in [[.fixed(1 << 62), 4, -1], [.batch(multiple: .max), .fixed(.max), -1], [.fixed(.min), -1]]
            as [[Dim]]
        {
            #expect(mistake { $1.reshaped(to: dims) }?.op == "reshape", "\(dims)")
        }
        for sizes in [[.max, 1], [.max, .max, 8], [7, -1], [-1], [2, 3], [6, 1]] as [[Int]] {
            #expect(mistake { $1.split(sizes: sizes, axis: 1).last! }?.op == "split", "\(sizes)")
        }
        #expect(mistake { $1.topK(-1).values }?.op == "topK")
    }

    /// NaN stays visible in the gradient.
    @Test func logSumExpHidesNoNaN() throws {
        let trace = Trace(isTraining: true)
        let x = trace.input("x", [2])
        let y = x.logSumExp()
        var graph = trace.graph
        let g = try graph.gradient(of: y.id!, withRespectTo: [x.id!])[x.id!]!
        var interpreter = Interpreter()
        interpreter.inputs["x"] = tensor([2], [.nan, 1])
        #expect(try interpreter.values(of: [g], in: graph)[0].values.allSatisfy { $0.isNaN })
    }

    // MARK: Reductions

    @Test func reductions() throws {
        let x = range(2, 3, 4)
        #expect(try run([x]) { $0[0].sum() } == tensor([], [276]))
        #expect(try run([x]) { $0[0].sum(alongAxes: [-1]) } == tensor([2, 3], [6, 22, 38, 54, 70, 86]))
        #expect(
            try run([x]) { $0[0].sum(alongAxes: [0, -1], keepingAxes: true) } == tensor([1, 3, 1], [60, 92, 124]))
        #expect(try run([x]) { $0[0].max(alongAxes: [1]) } == tensor([2, 4], [8, 9, 10, 11, 20, 21, 22, 23]))
        #expect(try run([x]) { $0[0].min(alongAxes: [1, 2]) } == tensor([2], [0, 12]))
        #expect(try run([x]) { $0[0].mean(alongAxes: [0]) }.values.prefix(3) == [6, 7, 8])
        #expect(try run([x], batch: 2) { $0[0].mean(alongAxes: [0]) }.values.prefix(3) == [6, 7, 8])
        #expect(try run([x], batch: 2) { $0[0].elementCount(alongAxes: [0, 1]) } == tensor([], [6]))
        let y = tensor([4], [1, 2, 4, 9])
        #expect(try run([y]) { $0[0].variance() }.values == [9.5])
        #expect(try run([y]) { $0[0].variance(correction: 1, keepingAxes: true) } == tensor([1], [38.0 / 3]))
        #expect(try run([y]) { $0[0].standardDeviation() }.values == [(9.5).squareRoot()])
        #expect(
            try run([y]) { $0[0].standardDeviation(correction: 1, keepingAxes: true) }
                == tensor([1], [(38.0 / 3).squareRoot()]))
        #expect(try run([tensor([3], [2, 2, 2])]) { $0[0].standardDeviation() }.values == [0])
        #expect(try run([tensor([2], [.nan, 2])]) { $0[0].standardDeviation() }.values[0].isNaN)
        // Of one number nothing can be said; with a batch of three rows the divisor is 2.
        #expect(try run([tensor([1], [2])]) { $0[0].variance(correction: 1) }.values[0].isNaN)
        #expect(
            try run([range(3, 2)], batch: 3) { $0[0].variance(alongAxes: [0], correction: 1) } == tensor([2], [4, 4]))
        #expect(mistake { $1.sum(alongAxes: [2]) }?.op == "sum")
        #expect(mistake { $1.sum(alongAxes: [1, -1]) } != nil)
        #expect(mistake { $1.argMax(axis: -3) }?.op == "argMax")
        #expect(mistake { $1.argMin(axis: -3) }?.op == "argMin")
        #expect(mistake { $1.mean(alongAxes: [-3]) } != nil)
    }

    @Test func productsOfElements() throws {
        let x = tensor([2, 3], [1, 2, 3, -4, 5, 6])
        #expect(try run([x]) { $0[0].product() } == tensor([], [-720]))
        #expect(try run([x]) { $0[0].product(alongAxes: [1]) } == tensor([2], [6, -120]))
        #expect(try run([x]) { $0[0].product(alongAxes: [-2], keepingAxes: true) } == tensor([1, 3], [-4, 10, 18]))
        #expect(try run([x], batch: 2) { $0[0].product(alongAxes: [1]) } == tensor([2], [6, -120]))
        // Every number of elements up to some halvings with and without a rest: 1, 2, 6, … are the factorials.
        for n in 0...17 {
            let factorial = (0..<n).reduce(1.0) { $0 * Double($1 + 1) }
            #expect(try run([tensor([n], (0..<n).map { Double($0 + 1) })]) { $0[0].product() }.values == [factorial])
        }
        #expect(try run([range(2, 0, 3)]) { $0[0].product(alongAxes: [1]) } == tensor([2, 3], [1, 1, 1, 1, 1, 1]))
        #expect(try run([range(2, 0, 3)]) { $0[0].product() } == tensor([], [1]))
        #expect(try run([tensor([], [7])]) { $0[0].product() } == tensor([], [7]))
        #expect(mistake { $1.product() }?.message.contains("batch axis") == true)
        #expect(mistake { $1.product(alongAxes: [1, -1]) }?.op == "product")
        #expect(mistake { $1.product(alongAxes: [2]) }?.op == "product")
        #expect(mistake { $1.cast(to: .int32).product(alongAxes: [1]) }?.op == "product")
    }

    /// Functions put together from primitives, smooth near the numbers of the test below.
    static let smooth: [(name: String, body: @Sendable (Tensor) -> Tensor)] = [
        ("product of rows", { $0.product(alongAxes: [-1]) }),
        ("product over two axes", { $0.product(alongAxes: [0, 1], keepingAxes: true) }),
        ("product of an odd number", { ($0 + 3).product(alongAxes: [1]) }),
        ("variance", { $0.variance(alongAxes: [1], correction: 1) }),
        ("standard deviation", { $0.standardDeviation(alongAxes: [0, 2]) }),
        ("standard deviation, corrected", { $0.standardDeviation(alongAxes: [-1], correction: 1, keepingAxes: true) }),
        ("reversed", { exp($0).reversed(alongAxes: [0, -1]) }),
        ("squeezed", { exp($0).expandingShape(at: 1).squeezingShape(at: 1) }),
        ("clamped", { clamp($0 * $0, 0.09, 1) }),
        ("chosen", { select($0 .> -1 .& .!($0 .> 1), $0 * $0, exp($0)) }),
    ]

    /// Gradients and second derivatives against differences of the values and of the gradients. In `x` one row has one
    /// zero and one has two, where a product's gradient cannot be the product divided by the element.
    @Test(arguments: smooth.indices) func gradientsAreLimitsOfDifferences(_ row: Int) throws {
        let trace = Trace(isTraining: true)
        let x = trace.input("x", [2, 3, 4])
        let y = Self.smooth[row].body(x)
        try trace.check()
        let (input, output) = (try #require(x.id), try #require(y.id))
        var graph = trace.graph
        let weight = try graph.add(.input("weight"), type: graph[output].type)
        let gradients = try graph.gradient(of: output, withRespectTo: [input], seed: weight)
        let first = try #require(gradients[input])
        let v = try graph.add(.input("v"), type: graph[input].type)
        let along = try graph.sum(graph.mul(first, v), axes: [0, 1, 2])
        let bends = try graph.gradient(of: along, withRespectTo: [input])
        let second = try #require(bends[input])
        try graph.verify()

        var numbers = (0..<24).map { 1.5 * cosine(1.7 * Double($0) + 0.3) }
        for zero in [1, 5, 6] { numbers[zero] = 0 }
        let direction = (0..<24).map { cosine(0.9 * Double($0) + 1) }
        let shape = graph.shape(of: output).resolved(batch: 1)
        let weights = (0..<shape.reduce(1, *)).map { cosine(2.3 * Double($0) + 0.5) }
        func values(_ nodes: [NodeID], _ t: Double) throws -> [[Double]] {
            var interpreter = Interpreter()
            interpreter.inputs = [
                "x": tensor([2, 3, 4], zip(numbers, direction).map { $0 + t * $1 }),
                "v": tensor([2, 3, 4], direction), "weight": tensor(shape, weights),
            ]
            return try interpreter.values(of: nodes, in: graph).map(\.values)
        }
        func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        let h = 1e-3
        let at = try ([-2, -1, 1, 2] as [Double]).map { try values([output, first], $0 * h) }
        func difference(_ f: ([[Double]]) -> Double) -> Double {
            (8 * (f(at[2]) - f(at[1])) - (f(at[3]) - f(at[0]))) / (12 * h)
        }
        let exact = try values([first, second], 0)
        let slope = difference { dot($0[0], weights) }
        let name = Self.smooth[row].name
        #expect(
            agree(dot(exact[0], direction), slope, relative: 1e-8, absolute: 1e-8),
            "\(name): \(dot(exact[0], direction)), differences \(slope)")
        #expect(exact[0].contains { Swift.abs($0) > 1e-3 })
        for i in 0..<24 {
            let bend = difference { $0[1][i] }
            #expect(
                agree(exact[1][i], bend, relative: 1e-7, absolute: 1e-7),
                "\(name), second \(i): \(exact[1][i]), differences \(bend)")
        }
    }

    @Test func softmaxAtExtremes() throws {
        let x = tensor([3, 2], [1e30, -1e30, -800, -800, 0, -.infinity])
        #expect(try run([x]) { softmax($0[0]) }.values == [1, 0, 0.5, 0.5, 1, 0])
        #expect(try run([x]) { logSoftmax($0[0]) }.values[0] == 0)
        let sums = try run([x]) { $0[0].logSumExp() }.values
        #expect(sums[0] == 1e30 && abs(sums[1] + 800 - 0.6931471805599453) < 1e-12 && sums[2] == 0)
        #expect(
            try run([range(2, 3)]) { softmax($0[0], axis: 0).sum(alongAxes: [0]) }.values.allSatisfy {
                Swift.abs($0 - 1) < 1e-15
            })
        #expect(try run([range(2, 3)]) { $0[0].logSumExp(axis: 0, keepingAxes: true) }.shape == [1, 3])
        #expect(try run([tensor([1, 2], [.nan, 0])]) { softmax($0[0]) }.values.allSatisfy { $0.isNaN })
    }

    @Test func products() throws {
        let (a, b) = (range(2, 3), range(3, 2))
        #expect(try run([a, b]) { matmul($0[0], $0[1]) } == tensor([2, 2], [10, 13, 28, 40]))
        #expect(try run([a, a]) { matmul($0[0], $0[1], transposeB: true) } == tensor([2, 2], [5, 14, 14, 50]))
        #expect(try run([a, a]) { matmul($0[0], $0[1], transposeA: true) }.shape == [3, 3])
        #expect(try run([range(3), b]) { matmul($0[0], $0[1]) } == tensor([2], [10, 13]))
        #expect(try run([a, range(3)]) { matmul($0[0], $0[1]) } == tensor([2], [5, 14]))
        #expect(try run([range(3), range(3)]) { matmul($0[0], $0[1]) } == tensor([], [5]))
        #expect(try run([range(4, 1, 2, 3), range(5, 3, 2)]) { matmul($0[0], $0[1]) }.shape == [4, 5, 2, 2])
        #expect(try run([range(4, 2, 3), range(3)]) { matmul($0[0], $0[1]) }.shape == [4, 2])
        #expect(mistake { matmul($1, $1) }?.op == "matmul")
        #expect(mistake { matmul($1, $0.constant(1)) }?.op == "matmul")
    }

    // MARK: Mistakes

    /// A layer of the test that multiplies by a weight of a wrong shape.
    private struct Broken: Layer {
        let identity: LayerIdentity
        init(line: UInt = #line) { identity = LayerIdentity(file: "Tests/Broken.swift", line: line) }
        func callAsFunction(_ x: Tensor) -> Tensor {
            x.inLayer(identity, kind: "broken") { layer in
                x + layer.parameter("weight", shape: [5], initializer: .zeros)
            }
        }
    }
    private struct Model: Layer {
        let good = Dense(6)
        let bad = Broken(line: 77)
        let later = Dense(3)
        func callAsFunction(_ x: Tensor) -> Tensor { later(bad(good(x))) }
    }

    @Test func theFirstMistakeIsKeptWithLayerAndLine() throws {
        let trace = Trace(isTraining: true)
        let model = Model()
        trace.register(model)
        let y = model(trace.input("x", [.batch, 6]))
        #expect(y.id == nil && y.type == nil && y.rank == 0)
        // Everything after it is poison too, and changes nothing.
        let nodes = trace.graph.nodes.count
        #expect(y.reshaped(to: [-1, -1]).sliced(axis: 9).sum(alongAxes: [4]).id == nil)
        #expect(
            y.split(count: 3, axis: 0).allSatisfy { $0.id == nil } && Tensor.concatenate([y, y], axis: 0).id == nil)
        #expect(
            matmul(y, y).id == nil && softmax(y).id == nil && y.topK(2).values.id == nil
                && y.oneHot(classes: 2).id == nil)
        #expect(trace.graph.nodes.count == nodes)
        let error = #expect(throws: GraphError.self) { try trace.check() }
        #expect(error?.op == "add" && error?.layer == "bad" && error?.location == "Tests/Broken.swift:77")
        #expect(error?.operands == [TensorType(.float32, [.batch, 6]), TensorType(.float32, [5])])
        #expect(error?.description.contains("in layer 'bad'") == true)
    }

    @Test func tensorsOfTwoTracesDoNotMix() throws {
        let (one, other) = (Trace(isTraining: false), Trace(isTraining: false))
        let y = one.input("x", [3]) + other.input("x", [3])
        #expect(y.id == nil)
        #expect(one.error?.op == "add" && one.error?.message.contains("two different traces") == true)
        #expect(other.error == nil)
    }

    @Test func randomNumbersDifferByPlaceAndNotByRun() throws {
        let trace = Trace(isTraining: true)
        let (a, b) = (trace.randomUniform([50]), trace.randomUniform([50]))
        try trace.check()
        var interpreter = Interpreter()
        interpreter.inputs = ["random.seed": tensor([2], [1, 2]), "random.step": tensor([], [3])]
        let first = try interpreter.values(of: [a.id!, b.id!], in: trace.graph)
        #expect(first[0] != first[1])
        #expect(try interpreter.values(of: [a.id!, b.id!], in: trace.graph) == first)
        #expect(first[0].values.allSatisfy { $0 >= 0 && $0 < 1 })
        interpreter.inputs["random.step"] = tensor([], [4])
        #expect(try interpreter.values(of: [a.id!], in: trace.graph)[0] != first[0])
    }

    @Test func constantsVectorsAndIndices() throws {
        let trace = Trace(isTraining: false)
        let v = trace.vector([1, 2.5, -3])
        let none = trace.vector([])
        let i = trace.indices([2, 3], axis: 1)
        let c = trace.constant(7, [2])
        try trace.check()
        let values = try Interpreter().values(of: [v, none, i, c].map { $0.id! }, in: trace.graph)
        #expect(
            values == [
                tensor([3], [1, 2.5, -3]), tensor([0], []), tensor([2, 3], [0, 1, 2, 0, 1, 2]), tensor([2], [7, 7]),
            ])
    }
}

/// The composite functions of `Tensor` against PyTorch's values and gradients.
@Suite struct TensorGoldenTests {
    private func build(_ c: GoldenOps.Case, _ x: [Tensor]) -> Tensor? {
        func ints(_ name: String) -> [Int]? { c.attributes[name]?.map { Int($0) } }
        let axis = ints("axis")?.first ?? -1
        let axes = ints("axes").flatMap { $0.isEmpty ? nil : $0 }
        let keep = ints("keepDims")?.first == 1
        switch c.op {
        case "less": return x[0] .< x[1]
        case "lessOrEqual": return x[0] .<= x[1]
        case "greater": return x[0] .> x[1]
        case "greaterOrEqual": return x[0] .>= x[1]
        case "equal": return x[0] .== x[1]
        case "notEqual": return x[0] .!= x[1]
        case "logicalAnd": return x[0] .& x[1]
        case "logicalOr": return x[0] .| x[1]
        case "logicalNot": return .!x[0]
        case "select": return select(x[0], x[1], x[2])
        case "mean": return x[0].mean(alongAxes: axes, keepingAxes: keep)
        case "prod": return x[0].product(alongAxes: axes, keepingAxes: keep)
        case "var":
            return x[0].variance(
                alongAxes: axes, correction: c.attributes["correction"]?.first ?? 0, keepingAxes: keep)
        case "std":
            return x[0].standardDeviation(
                alongAxes: axes, correction: c.attributes["correction"]?.first ?? 0, keepingAxes: keep)
        case "logsumexp":
            // Over several axes it is taken over one after the other.
            let all = (axes ?? Array(0..<x[0].rank)).map { $0 < 0 ? $0 + x[0].rank : $0 }
            let y = all.reduce(x[0]) { $0.logSumExp(axis: $1, keepingAxes: true) }
            return keep ? y : all.sorted(by: >).reduce(y) { $0.squeezingShape(at: $1) }
        case "softmax": return softmax(x[0], axis: axis)
        case "logSoftmax": return logSoftmax(x[0], axis: axis)
        case "clamp": return clamp(x[0], c.attributes["low"]![0], c.attributes["high"]![0])
        case "oneHot": return x[0].oneHot(classes: ints("classes")![0])
        case "topK": return x[0].topK(ints("k")![0], axis: axis, largest: ints("largest")?.first == 1).values
        case "topKIndices": return x[0].topK(ints("k")![0], axis: axis, largest: ints("largest")?.first == 1).indices
        case "reverse": return x[0].reversed(alongAxes: axes ?? [])
        case "sort": return x[0].sorted(axis: axis, descending: ints("descending")?.first == 1)
        case "split": return x[0].split(sizes: ints("sizes")!, axis: axis)[ints("part")![0]]
        case "reciprocal": return 1 / x[0]
        case "square": return pow(x[0], 2)
        case "relu": return relu(x[0])
        case "argmax": return x[0].argMax(axis: axis)
        case "argmin": return x[0].argMin(axis: axis)
        case "cumsum": return x[0].cumulativeSum(axis: axis)
        case "matmul":
            return matmul(
                x[0], x[1], transposeA: ints("transposeA")?.first == 1, transposeB: ints("transposeB")?.first == 1)
        default: return nil
        }
    }

    @Test func valuesAndGradientsAgree() throws {
        var compared: [String: Int] = [:]
        for c in try GoldenOps.read() {
            let trace = Trace(isTraining: true)
            var interpreter = Interpreter()
            var x: [Tensor] = []
            for (i, input) in c.inputs.enumerated() {
                let element: ElementType =
                    input.dtype == "f32" ? .float32 : input.dtype == "bool" ? .bool : .int32
                x.append(trace.input("x\(i)", Shape(input.shape), element))
                interpreter.inputs["x\(i)"] = tensor(input.shape, input.values)
            }
            guard let y = build(c, x) else {
                // Primitives are compared in the tests of the graph; of all others every case is compared here.
                if GoldenOps.composites.contains(c.op) { Issue.record("\(c.op) \(c.name) is not compared") }
                continue
            }
            if let error = trace.error {
                Issue.record("\(c.op) \(c.name): \(error)")
                continue
            }
            var graph = trace.graph
            let actual = try interpreter.values(of: [y.id!], in: graph)[0]
            #expect(actual.shape == c.output.shape, "\(c.op) \(c.name)")
            let expected = c.output64 ?? c.output.values
            let comment = Comment("\(c.op) \(c.name): \(actual.values.prefix(6)), PyTorch \(expected.prefix(6))")
            #expect(agree(actual.values, expected), comment)
            compared[c.op, default: 0] += 1
            guard let weight = c.weight, let gradients = c.gradients64 else { continue }
            let seed = try graph.add(.input("weight"), type: TensorType(.float32, Shape(c.output.shape)))
            interpreter.inputs["weight"] = tensor(c.output.shape, weight)
            for (i, expected) in gradients.enumerated() {
                guard let expected else { continue }
                let map = try graph.gradient(of: y.id!, withRespectTo: [x[i].id!], seed: seed)
                let g = try interpreter.values(of: [map[x[i].id!]!], in: graph)[0].values
                #expect(
                    agree(g, expected), "gradient of \(c.op) \(c.name): \(g.prefix(6)), PyTorch \(expected.prefix(6))")
            }
        }
        #expect(GoldenOps.composites.isSubset(of: compared.keys) && compared.values.reduce(0, +) > 250, "\(compared)")
    }

    private func agree(_ a: [Double], _ b: [Double]) -> Bool {
        guard a.count == b.count else { return false }
        let scale = b.reduce(0) { $1.isFinite ? Swift.max($0, Swift.abs($1)) : $0 }
        return zip(a, b).allSatisfy { x, y in
            x == y || x.isNaN && y.isNaN || Swift.abs(x - y) <= 1e-11 * Swift.max(Swift.abs(y), Swift.min(scale, 1))
        }
    }
}
