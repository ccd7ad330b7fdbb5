import FathomGraph
import FathomNN
import FathomReference
import FathomRuntime
import Testing

/// Probes see what the step computes, and the step does not see them.
@Suite struct ProbeTests {
    /// A training step with every float of the forward and backward pass observed, and every change of a parameter.
    static func watching(_ graph: Graph, observed: inout [(node: NodeID, every: Int)]) throws -> Graph {
        var graph = graph
        let live = graph.liveNodes
        graph.phase = .probe
        let step = try graph.add(.input("random.step"), type: TensorType(.int32, .scalar))
        var targets = live.indices.map { NodeID($0) }.filter {
            live[$0.index] && graph[$0].type.element == .float32 && graph[$0].phase != .update
        }
        for (path, new) in graph.updates {
            guard let old = graph.nodes.firstIndex(where: { $0.op == .state(path) }) else { continue }
            targets.append(try graph.sub(new, NodeID(old)))
        }
        observed = targets.enumerated().map { ($1, [1, 3, 50][$0 % 3]) }
        for (node, every) in observed {
            graph.outputs.append(("s\(node)", try graph.summary(node, every: every, step: step)))
            graph.outputs.append(("h\(node)", try graph.exponentHistogram(node, every: every, step: step)))
        }
        return graph
    }

    static func model(_ row: ModelRow) throws -> ModelStep {
        try ModelStep(row, row.name.count % 2 == 0 ? SGD(momentum: 0.9) : Adam(epsilon: 1e-2))
    }

    /// Whoever watches, however many threads, at every step or at some: loss and state have the same bits.
    @Test(arguments: ModelRow.layers + DeterminismTests.awkward.dropLast()) func theStepDoesNotSeeThem(_ row: ModelRow)
        throws
    {
        let model = try Self.model(row)
        var observed: [(node: NodeID, every: Int)] = []
        let watched = try Self.watching(model.plain(), observed: &observed)
        let batch = model.batch(21)
        let bare = model.storage()
        let executable = try model.executable(maxBatch: 23, graph: model.plain(), storage: bare)
        let others = try [(1, true), (3, true), (2, false)].map { threads, fusing in
            let storage = model.storage()
            return (
                try model.executable(
                    maxBatch: 23, threads: threads, fusing: fusing, graph: watched, storage: storage), storage
            )
        }
        for step in 1...4 {
            model.feed(executable, batch, step: step)
            try executable.run(batch: 21)
            for (i, (other, _)) in others.enumerated() {
                model.feed(other, batch, step: step)
                try other.run(batch: 21, watching: i == 0 || step % 2 == 0)
                #expect(other.scalar("loss").bitPattern == executable.scalar("loss").bitPattern, "step \(step)")
            }
        }
        for (path, _) in model.entries {
            for (_, storage) in others { ModelTests.expectSameBits(path, storage[path]!, bare[path]!) }
        }
        // What they saw depends on nothing but the values.
        for name in observed.flatMap({ ["s\($0.node)", "h\($0.node)"] }) {
            let seen = others.map { $0.0.output(name, batch: 21) }
            for other in seen.dropFirst() { ModelTests.expectSameBits("\(row.name) \(name)", other, seen[0]) }
        }
    }

    /// Against the interpreter's reading of the very values that the same plan gives out.
    @Test(arguments: ModelRow.layers) func theySeeWhatTheStepComputes(_ row: ModelRow) throws {
        let model = try Self.model(row)
        var observed: [(node: NodeID, every: Int)] = []
        let watched = try Self.watching(model.plain(), observed: &observed)
        // A product that is to be stored does not start from its bias, which changes the last bit of the sum.
        let products = Set(
            model.plain().nodes.filter { $0.op == .binary(.add) }.flatMap(\.inputs).filter { id in
                switch model.plain()[id].op {
                case .matmul, .convolution: true
                default: false
                }
            })
        observed.removeAll { products.contains($0.node) }
        var shown = watched
        shown.outputs = observed.map { ("v\($0.node)", $0.node) }
        let seeing = try model.executable(maxBatch: 21, threads: 2, graph: watched)
        let showing = try model.executable(maxBatch: 21, graph: shown)
        let batch = model.batch(17)
        for step in 1...2 {
            for executable in [seeing, showing] {
                model.feed(executable, batch, step: step)
                try executable.run(batch: 17)
            }
            for (node, every) in observed {
                let shape = watched[node].type.shape
                var small = Graph()
                let x = try small.add(.input("x"), type: watched[node].type)
                let number = try small.add(.input("step"), type: TensorType(.int32, .scalar))
                small.outputs = [
                    ("s", try small.summary(x, every: every, step: number)),
                    ("h", try small.exponentHistogram(x, every: every, step: number)),
                ]
                var interpreter = Interpreter(batch: 17)
                interpreter.inputs["x"] = ReferenceTensor(
                    shape: shape.resolved(batch: 17), values: showing.output("v\(node)", batch: 17))
                interpreter.inputs["step"] = ReferenceTensor(Double(step))
                let expected = try interpreter.run(small)
                for (name, tolerance) in [("s", 1e-6), ("h", 0)] {
                    let actual = seeing.output("\(name)\(node)", batch: 17)
                    let wanted = try #require(expected[name]).values
                    for (a, e) in zip(actual, wanted)
                    where !(Double(a) == e || abs(Double(a) - e) <= tolerance * max(abs(e), 1)) {
                        Issue.record("\(row.name), \(name) of \(node) \(watched[node].op): \(actual), not \(wanted)")
                        return
                    }
                }
            }
        }
    }

    @Test(arguments: ModelRow.layers) func threadsNeverMeet(_ row: ModelRow)
        throws
    {
        let model = try Self.model(row)
        var observed: [(node: NodeID, every: Int)] = []
        let watched = try Self.watching(model.plain(), observed: &observed)
        for fusing in [true, false] {
            let executable = try model.executable(maxBatch: 19, threads: 4, fusing: fusing, graph: watched)
            try PlanRaceTests.check(executable, batches: [19], "\(row.name), \(fusing ? "fused" : "unfused")")
        }
    }

    /// A run that nobody watches leaves the last observation as it is.
    @Test func anUnwatchedRunLeavesThemAlone() throws {
        var graph = Graph()
        let x = try graph.add(.input("x"), type: TensorType(.float32, [.batch, 3]))
        let y = try graph.unary(.tanh, graph.unary(.exp, x))
        graph.phase = .probe
        graph.outputs = [("y", y), ("seen", try graph.summary(y)), ("twice", try graph.summary(graph.mul(y, 2)))]
        let executable = try Executable(graph, maxBatch: 4, state: StateStorage([]), team: Team(threads: 2))
        executable.setInput("x", [1, 2, 3, 4, 5, 6] as [Float])
        try executable.run(batch: 2)
        let (seen, twice) = (executable.output("seen", batch: 2), executable.output("twice", batch: 2))
        #expect(seen[0] == 6 && twice[0] == 6)
        executable.setInput("x", [Float](repeating: 0, count: 12))
        try executable.run(batch: 4, watching: false)
        #expect(executable.output("seen", batch: 4) == seen)
        #expect(executable.output("twice", batch: 4) == twice)
        #expect(executable.output("y", batch: 4) != executable.output("y", batch: 2).map { _ in 0 })
        try executable.run(batch: 4, watching: true)
        #expect(executable.output("seen", batch: 4)[0] == 12)
    }
}
