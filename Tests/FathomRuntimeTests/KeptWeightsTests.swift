import FathomGraph
import FathomReference
import FathomRuntime
import FathomTestSupport
import Testing

/// Weights in the form that products read are made once for many forward passes, and again when the weights change.
@Suite struct KeptWeightsTests {
    /// Two convolutions, the second of which a few images share out by lines: windows, extents and channels for every kind of
    /// transform.
    struct Net: Sendable, CustomTestStringConvertible {
        let taps: Int
        let lines: Int
        let width: Int
        let channels: Int

        var testDescription: String { "\(taps)×\(taps) taps, \(lines)×\(width)×\(channels)" }
        private var axis: Window.Axis { Window.Axis(taps, low: taps / 2, high: taps / 2) }
        var weightShape: [Int] { [taps, taps, channels, channels] }

        func graph(doubling: Bool = false) throws -> Graph {
            var graph = Graph()
            let image = Shape([.batch, .fixed(lines), .fixed(width), .fixed(channels)])
            let x = try graph.add(.input("x"), type: TensorType(.float32, image))
            let w = try graph.add(.state("w"), type: TensorType(.float32, Shape(weightShape.map { .fixed($0) })))
            let window = Window([axis, axis])
            let first = try graph.add(.convolution(window, groups: 1), [x, w])
            let second = try graph.add(.convolution(window, groups: 1), [graph.unary(.tanh, first), w])
            graph.outputs = [("y", second)]
            if doubling { graph.updates = [("w", try graph.add(w, w))] }
            return graph
        }

        func storage(seed: UInt64 = 3) -> StateStorage {
            let storage = StateStorage([("w", weightShape.reduce(1, *))])
            storage.set("w", weights(seed))
            return storage
        }

        func weights(_ seed: UInt64) -> [Float] {
            var random = SplitMix64(state: seed)
            let scale = 1 / Double(taps * taps * channels).squareRoot()
            return (0..<weightShape.reduce(1, *)).map { _ in Float(scale * random.uniform(-1, 1)) }
        }

        func images(_ count: Int) -> [Float] {
            var random = SplitMix64(state: 7)
            return (0..<count * lines * width * channels).map { _ in Float(random.uniform(-1, 1)) }
        }

        func executable(_ storage: StateStorage, maxBatch: Int = 2, threads: Int = 2, doubling: Bool = false) throws
            -> Executable
        {
            var options = Executable.Options(verifying: true)
            options.usesWholeTeam = true
            let made = try Executable(
                graph(doubling: doubling), maxBatch: maxBatch, state: storage, team: Team(threads: threads),
                options: options)
            made.setInput("x", images(maxBatch))
            return made
        }
    }

    static let nets = [
        Net(taps: 3, lines: 16, width: 9, channels: 16), Net(taps: 3, lines: 8, width: 8, channels: 32),
        Net(taps: 5, lines: 8, width: 6, channels: 32), Net(taps: 3, lines: 6, width: 7, channels: 16),
        Net(taps: 3, lines: 32, width: 5, channels: 16),
    ]

    @Test(arguments: nets) func aFewImages(_ net: Net) throws {
        let storage = net.storage()
        let count = 2 * net.lines * net.width * net.channels
        var interpreter = Interpreter(batch: 2)
        interpreter.inputs["x"] = ReferenceTensor(
            shape: [2, net.lines, net.width, net.channels], values: net.images(2))
        interpreter.state["w"] = ReferenceTensor(shape: net.weightShape, values: net.weights(3))
        let expected = try #require(try interpreter.run(net.graph())["y"]).values
        var first: [Float]?
        for threads in [1, 2, 3, 4] {
            let executable = try net.executable(storage, threads: threads)
            if threads > 1 { try PlanRaceTests.check(executable, batches: [1, 2], "\(net)") }
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
