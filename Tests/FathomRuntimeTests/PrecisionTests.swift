import FathomGraph
import FathomNN
import FathomReference
import FathomRuntime
import FathomTestSupport
import Testing

/// Products whose factors are rounded to bfloat16.
@Suite struct PrecisionTests {
    typealias Axis = Window.Axis

    /// A product of two operands.
    struct Case: Sendable, CustomTestStringConvertible {
        var op: Op
        var first: Shape
        var second: Shape
        var result: Shape
        var batch: Int
        var testDescription: String { "\(op) of \(first) and \(second), B = \(batch)" }
    }

    static let cases: [Case] = {
        var cases: [Case] = []
        for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
            for (m, n, k) in [(16, 16, 16), (37, 51, 67), (300, 140, 901)] {
                cases.append(
                    Case(
                        op: .matmul(transposeA: ta, transposeB: tb),
                        first: ta ? [.fixed(k), .fixed(m)] : [.fixed(m), .fixed(k)],
                        second: tb ? [.fixed(n), .fixed(k)] : [.fixed(k), .fixed(n)], result: [.fixed(m), .fixed(n)],
                        batch: 1))
            }
        }
        let convolutions: [(Window, [Int], Int, Int, Int)] = [
            (Window([Axis(3, low: 1, high: 1), Axis(3, low: 1, high: 1)]), [7, 6], 12, 32, 1),
            (Window([Axis(5), Axis(5)]), [9, 11], 6, 16, 1),
            (
                Window([Axis(3, stride: 2, low: 1), Axis(2, stride: 3, dilation: 2, low: 1, high: 2)]), [8, 9], 10, 18,
                1
            ),
            (Window([Axis(3, low: 1, high: 1), Axis(3)]), [4, 5], 8, 24, 2),
            (Window([Axis(4, stride: 3, dilation: 2, low: 3, high: 6)]), [11], 2, 8, 1),
            (Window([Axis(2, stride: 2), Axis(2, low: 1), Axis(3, low: 1, high: 1)]), [4, 3, 3], 16, 20, 1),
        ]
        for (window, spatial, channels, filters, groups) in convolutions {
            let x = Shape([.batch] + spatial.map { .fixed($0) } + [.fixed(channels)])
            let y = Shape([.batch] + zip(window.axes, spatial).map { .fixed($0.outputs($1)) } + [.fixed(filters)])
            let w = Shape(window.axes.map { .fixed($0.extent) } + [.fixed(channels / groups), .fixed(filters)])
            cases.append(Case(op: .convolution(window, groups: groups), first: x, second: w, result: y, batch: 9))
            if channels / groups >= 8 {
                cases.append(
                    Case(
                        op: .convolutionInputGradient(window, groups: groups), first: y, second: w, result: x, batch: 9)
                )
            }
        }
        return cases
    }()

    static func graph(_ example: Case) throws(GraphError) -> Graph {
        var graph = Graph()
        let a = try graph.add(.input("a"), type: TensorType(.float32, example.first))
        let b = try graph.add(.input("b"), type: TensorType(.float32, example.second))
        let y = try graph.add(example.op, [a, b], type: TensorType(.float32, example.result))
        graph.outputs = [("y", y)]
        return graph
    }

    static func run(_ example: Case, _ a: [Float], _ b: [Float], threads: Int = 1, _ precision: Precision = .bfloat16)
        throws -> [Float]
    {
        var options = Executable.Options(precision: precision)
        options.usesWholeTeam = true
        let plan = try Executable(
            graph(example), maxBatch: example.batch, state: StateStorage([]), team: Team(threads: threads),
            options: options)
        plan.setInput("a", a)
        plan.setInput("b", b)
        try plan.run(batch: example.batch)
        return plan.output("y", batch: example.batch)
    }

    /// Small whole numbers are bfloat16, and so are their products and sums float32: nothing is rounded.
    @Test(.enabled(if: Precision.bfloat16.isAvailable), arguments: cases) func whatNeedsNoRoundingIsExact(
        _ example: Case
    )
        throws
    {
        var random = SplitMix64(state: 5)
        func whole(_ shape: Shape) -> [Float] {
            (0..<shape.resolved(batch: example.batch).reduce(1, *)).map { _ in Float(random.below(17)) - 8 }
        }
        let (a, b) = (whole(example.first), whole(example.second))
        var interpreter = Interpreter(batch: example.batch)
        interpreter.inputs["a"] = ReferenceTensor(shape: example.first.resolved(batch: example.batch), values: a)
        interpreter.inputs["b"] = ReferenceTensor(shape: example.second.resolved(batch: example.batch), values: b)
        let expected = try #require(try interpreter.run(Self.graph(example))["y"])
        let actual = try Self.run(example, a, b)
        let same = actual.map { Double($0) } == expected.values
        #expect(same)
    }

    /// Rounding the factors first changes nothing more, and not rounding them is something else.
    @Test(.enabled(if: Precision.bfloat16.isAvailable), arguments: cases) func factorsAreRoundedToNearestEven(
        _ example: Case
    ) throws {
        var random = SplitMix64(state: 6)
        func numbers(_ shape: Shape) -> [Float] {
            (0..<shape.resolved(batch: example.batch).reduce(1, *)).map { _ in Float(random.uniform(-2, 2)) }
        }
        func rounded(_ x: Float) -> Float {
            let bits = x.bitPattern
            return Float(bitPattern: (bits &+ 0x7fff &+ (bits >> 16 & 1)) & 0xffff_0000)
        }
        let (a, b) = (numbers(example.first), numbers(example.second))
        let half = try Self.run(example, a, b)
        let before = try Self.run(example, a.map(rounded), b.map(rounded))
        ModelTests.expectSameBits("rounded before", half, before)
        let full = try Self.run(example, a.map(rounded), b.map(rounded), .float32)
        let terms = Double(a.count) / Double(half.count) + 1000
        for (x, y) in zip(half, full) { #expect(abs(Double(x) - Double(y)) < 4 * terms * 0x1p-24 * 4) }
        let other = try Self.run(example, a, b, .float32)
        #expect(zip(half, other).contains { abs($0 - $1) > 1e-4 })
    }

    @Test(.enabled(if: Precision.bfloat16.isAvailable), arguments: cases) func threadsChangeNoBit(_ example: Case)
        throws
    {
        var random = SplitMix64(state: 7)
        func numbers(_ shape: Shape) -> [Float] {
            (0..<shape.resolved(batch: example.batch).reduce(1, *)).map { _ in Float(random.uniform(-2, 2)) }
        }
        let (a, b) = (numbers(example.first), numbers(example.second))
        let alone = try Self.run(example, a, b)
        for threads in 2...4 {
            ModelTests.expectSameBits("\(threads) threads", alone, try Self.run(example, a, b, threads: threads))
        }
    }

    /// Steps of a network with convolutions and wide layers, whose updates end in the products.
    @Test(.enabled(if: Precision.bfloat16.isAvailable)) func trainingDependsOnNoThread() throws {
        let row = ModelRow("mixed precision", [8, 8, 2]) {
            Convolution(16, kernel: 3, padding: .same)
            BatchNorm()
            ReLU()
            Convolution(32, kernel: 3, stride: 2)
            ReLU()
            Flatten()
            Dense(67)
            Tanh()
            Dense(5)
        }
        let model = try ModelStep(row, SGD(momentum: 0.9))
        let batch = model.batch(21)
        func train(_ threads: Int, _ precision: Precision) throws -> [Float] {
            let storage = model.storage()
            var options = Executable.Options(precision: precision)
            (options.usesWholeTeam, options.leastJoined) = (true, 0)
            let plan = try Executable(
                model.plain(), maxBatch: 24, state: storage, team: Team(threads: threads), options: options)
            var values: [Float] = []
            for step in 1...5 {
                model.feed(plan, batch, step: step)
                try plan.run(batch: batch.size)
                values.append(plan.scalar("loss"))
            }
            return values + model.entries.flatMap { storage[$0.path] ?? [] }
        }
        let alone = try train(1, .bfloat16)
        for threads in 2...4 {
            ModelTests.expectSameBits("\(threads) threads", alone, try train(threads, .bfloat16))
        }
        let full = try train(1, .float32)
        #expect(abs(alone[0] - full[0]) < 0.02 * full[0] && alone[0] != full[0])
        #expect(alone[4] < alone[0])
    }

    @Test func whatCannotHelpIsRefused() throws {
        let small = Case(
            op: .matmul(transposeA: false, transposeB: false), first: [.fixed(8), .fixed(8)],
            second: [.fixed(8), .fixed(8)], result: [.fixed(8), .fixed(8)], batch: 1)
        let numbers = [Float](repeating: 1, count: 64)
        let error = #expect(throws: GraphError.self) { try Self.run(small, numbers, numbers) }
        let words = error.map { "\($0)" } ?? ""
        #expect(words.contains("bfloat16") && words.contains("leave precision at float32"))
        if !Precision.bfloat16.isAvailable {
            #expect(words.contains("this processor"))
            #expect(throws: GraphError.self) {
                try Self.run(
                    Self.cases[0], numbers + numbers + numbers + numbers, numbers + numbers + numbers + numbers)
            }
        }
    }
}
