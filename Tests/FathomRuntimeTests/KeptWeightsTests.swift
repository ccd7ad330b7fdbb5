import FathomGraph
import FathomReference
import FathomRuntime
import FathomTestSupport
import Testing

/// Weights in the form that products read are made once for many forward passes, and again when the weights change.
@Suite struct KeptWeightsTests {
    /// Two layers of the same weights.
    struct Net: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// Of a row.
        let input: [Int]
        let weight: [Int]
        /// What a weight's magnitude must not exceed for results of about one.
        let scale: Double
        let first: Op
        let second: Op

        /// Convolutions, the second of which a few images share out by lines: windows, extents and channels for every kind of
        /// transform.
        static func convolutions(taps: Int, lines: Int, width: Int, channels: Int) -> Net {
            let axis = Window.Axis(taps, low: taps / 2, high: taps / 2)
            let op = Op.convolution(Window([axis, axis]), groups: 1)
            return Net(
                testDescription: "\(taps)×\(taps) taps, \(lines)×\(width)×\(channels)",
                input: [lines, width, channels], weight: [taps, taps, channels, channels],
                scale: 1 / Double(taps * taps * channels).squareRoot(), first: op, second: op)
        }

        /// Dense products, with the weights as they lie and transposed.
        static func dense(_ inputs: Int, _ outputs: Int) -> Net {
            Net(
                testDescription: "dense \(inputs) to \(outputs) and back", input: [inputs],
                weight: [inputs, outputs], scale: 1 / Double(max(inputs, outputs)).squareRoot(),
                first: .matmul(transposeA: false, transposeB: false),
                second: .matmul(transposeA: false, transposeB: true))
        }

        func graph(doubling: Bool = false) throws -> Graph {
            var graph = Graph()
            let row = Shape([.batch] + input.map { .fixed($0) })
            let x = try graph.add(.input("x"), type: TensorType(.float32, row))
            let w = try graph.add(.state("w"), type: TensorType(.float32, Shape(weight.map { .fixed($0) })))
            let y = try graph.add(second, [graph.unary(.tanh, graph.add(first, [x, w])), w])
            graph.outputs = [("y", y)]
            if doubling { graph.updates = [("w", try graph.add(w, w))] }
            return graph
        }

        func storage(seed: UInt64 = 3) -> StateStorage {
            let storage = StateStorage([("w", weight.reduce(1, *))])
            storage.set("w", weights(seed))
            return storage
        }

        func weights(_ seed: UInt64) -> [Float] {
            var random = SplitMix64(state: seed)
            return (0..<weight.reduce(1, *)).map { _ in Float(scale * random.uniform(-1, 1)) }
        }

        func rows(_ count: Int) -> [Float] {
            var random = SplitMix64(state: 7)
            return (0..<count * input.reduce(1, *)).map { _ in Float(random.uniform(-1, 1)) }
        }

        func executable(_ storage: StateStorage, maxBatch: Int = 2, threads: Int = 2, doubling: Bool = false) throws
            -> Executable
        {
            var options = Executable.Options(verifying: true)
            options.usesWholeTeam = true
            let made = try Executable(
                graph(doubling: doubling), maxBatch: maxBatch, state: storage, team: Team(threads: threads),
                options: options)
            made.setInput("x", rows(maxBatch))
            return made
        }
    }

    static let dense = Net.dense(768, 704)
    static let nets = [
        Net.convolutions(taps: 3, lines: 16, width: 9, channels: 16),
        Net.convolutions(taps: 3, lines: 8, width: 8, channels: 32),
        Net.convolutions(taps: 5, lines: 8, width: 6, channels: 32),
        Net.convolutions(taps: 3, lines: 6, width: 7, channels: 16),
        Net.convolutions(taps: 3, lines: 32, width: 5, channels: 16), dense,
    ]

    @Test(arguments: nets) func aFewRows(_ net: Net) throws {
        let storage = net.storage()
        let count = 2 * net.input.reduce(1, *)
        var interpreter = Interpreter(batch: 2)
        interpreter.inputs["x"] = ReferenceTensor(
            shape: [2] + net.input, values: net.rows(2))
        interpreter.state["w"] = ReferenceTensor(shape: net.weight, values: net.weights(3))
        let expected = try #require(try interpreter.run(net.graph())["y"]).values
        var first: [Float]?
        for threads in [1, 2, 3, 4] {
            let executable = try net.executable(storage, threads: threads)
            if threads == 4 { try PlanRaceTests.check(executable, batches: [1, 2], "\(net)") }
            for _ in 0..<3 {
                try executable.run(batch: 2)
                let y = executable.output("y", batch: 2)
                #expect(y.count == count && expected.count == count)
                #expect(zip(y, expected).allSatisfy { Tolerance.transform.allows($0, $1) })
                ModelTests.expectSameBits("\(threads) threads", first ?? y, y)
                first = y
            }
        }
    }

    /// Many rows read the weights where they are: the same bits.
    @Test func panelsChangeNoBit() throws {
        let storage = Self.dense.storage()
        let many = try Self.dense.executable(storage, maxBatch: 33)
        #expect(!many.listing.contains("packed"))
        for most in [1, 5, 32] {
            let few = try Self.dense.executable(storage, maxBatch: most)
            #expect(few.listing.split(separator: "\n").count { $0.contains("packed") } == 2)
            try few.run(batch: most)
            try many.run(batch: most)
            ModelTests.expectSameBits("\(most) rows", few.output("y", batch: most), many.output("y", batch: most))
        }
    }

    /// Whoever changes the weights: the caller, or a step that updates them.
    @Test(arguments: nets) func changedWeightsAreMadeAgain(_ net: Net) throws {
        let storage = net.storage()
        let executable = try net.executable(storage)
        func expectFresh(_ what: String) throws {
            try executable.run(batch: 2)
            let fresh = try net.executable(storage)
            try fresh.run(batch: 2)
            ModelTests.expectSameBits(what, executable.output("y", batch: 2), fresh.output("y", batch: 2))
        }
        try expectFresh("at first")
        let before = executable.output("y", batch: 2)
        storage.set("w", net.weights(4))
        try expectFresh("after a change from outside")
        #expect(executable.output("y", batch: 2) != before)
        let step = try net.executable(storage, doubling: true)
        try step.run(batch: 2)
        try expectFresh("after a step")
        var profile = [UInt64](repeating: 0, count: step.instructionCount)
        try step.run(batch: 2, profile: &profile)
        try expectFresh("after a profiled step")
    }
}
