import CAllocations
import FathomGraph
import FathomNN
import FathomRuntime
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a step needs of memory: nothing new, and no more than is alive at once.
@Suite struct MemoryTests {
    /// Counts every allocation of a process of its own, so that nothing else is counted: the caller's and the team's
    /// threads, Swift's and C's alike. Stack memory and memory maps made without malloc are not seen.
    #if os(Linux)
        @Test func stepsAllocateNothing() async {
            await #expect(processExitsWith: .success) {
                guard allocations_counted() else { return }
                let before = allocations_so_far()
                let kept = [Int](repeating: 1, count: Int.random(in: 10...20))
                guard allocations_so_far() > before, kept.count > 9 else { exit(3) }  // the counter counts
                for name in [
                    "perceptron", "batch norm", "highway", "dropout", "sequence", "embedding", "activation sparsemax",
                    "maxout", "residual", "convolutions", "convolutions, batch norm",
                ] {
                    let model = try ModelStep(ModelRow.all.first { $0.name == name }!, Adam())
                    let executable = try model.executable(maxBatch: 33, threads: 3, graph: model.plain())
                    let batches = [model.batch(33), model.batch(16)]
                    for batch in batches {
                        model.feed(executable, batch, step: 1)
                        try executable.run(batch: batch.size)
                    }
                    let before = allocations_so_far()
                    for step in 2...301 {
                        for batch in batches {
                            executable.setScalar("step", Float(step))
                            executable.setScalar("random.step", Int32(step))
                            executable.setScalar("learningRate", 0.01)
                            executable.setSeed(5)
                            executable.setInput("x", batch.x)
                            try executable.run(batch: batch.size)
                            if !executable.scalar("loss").isFinite { exit(4) }
                        }
                    }
                    let made = allocations_so_far() - before
                    if made > 0 {
                        print("\(name): \(made) allocations in 600 steps")
                        exit(5)
                    }
                }
            }
        }
    #endif

    static let deep = ModelRow("deep", [256]) {
        for _ in 0..<24 { Dense(256); Tanh() }; Dense(5)
    }

    /// A deep net in training needs clearly less than all its values together.
    @Test func memoryIsShared() throws {
        let model = try ModelStep(Self.deep, SGD())
        let executable = try model.executable(maxBatch: 256, graph: model.plain())
        // Each layer: product, tanh and its gradient, the gradient handed down, the weight's gradient.
        let layer = 256 * 256 * 4
        let unshared = 24 * 5 * layer
        #expect(executable.peakBytes > 24 * 2 * layer)
        #expect(4 * executable.peakBytes < 3 * unshared, "\(executable.peakBytes / layer) layers")
    }

    /// In evaluation a layer needs only the one before: depth costs nothing.
    @Test func evaluationMemoryDoesNotGrowWithDepth() throws {
        func peak(_ depth: Int) throws -> Int {
            let trace = Trace(isTraining: false)
            var layers: [any Layer] = []
            for _ in 0..<depth { layers += [Dense(256), Tanh()] as [any Layer] }
            let model = Sequential(layers)
            trace.register(model)
            let y = model(trace.input("x", [.batch, 256]))
            try trace.check()
            var graph = trace.graph
            graph.outputs = [("y", y.id!)]
            let storage = StateStorage(trace.declarations.map { ($0.path, $0.count) })
            return try Executable(graph, maxBatch: 1024, state: storage, team: Team(threads: 2)).peakBytes
        }
        let (shallow, deep) = (try peak(6), try peak(30))
        #expect(deep == shallow)
    }

    /// Memory taken over must not show: every step of a net with sharing gives what the interpreter gives, so poison in
    /// the working memory between steps changes nothing.
    @Test func stepsDoNotReadWhatTheLastOneLeft() throws {
        for row in ModelRow.layers {
            let model = try ModelStep(row, SGD(momentum: 0.9))
            let (a, b) = (model.storage(), model.storage())
            let used = try model.executable(maxBatch: 24, graph: model.plain(), storage: a)
            // Another batch, full of NaN, leaves its values everywhere.
            var poison = model.batch(24)
            if row.symbols == 0 { poison.x = poison.x.map { _ in .nan } }
            model.feed(used, poison, step: 1)
            try used.run(batch: 24)
            if row.symbols == 0 { #expect(!used.scalar("loss").isFinite, "\(row.name)") }
            model.reset(a)
            let fresh = try model.executable(maxBatch: 24, graph: model.plain(), storage: b)
            let batch = model.batch(9)
            for executable in [used, fresh] {
                model.feed(executable, batch, step: 2)
                try executable.run(batch: 9)
            }
            #expect(used.scalar("loss").bitPattern == fresh.scalar("loss").bitPattern, "\(row.name)")
            for (path, _) in model.entries { ModelTests.expectSameBits("\(row.name), \(path)", a[path]!, b[path]!) }
        }
    }
}
