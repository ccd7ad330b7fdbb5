import FathomGraph
import FathomNN
import FathomRuntime
import Testing

/// Mistakes of the caller and of the data are errors or NaN, never traps.
@Suite struct RobustnessTests {
    static func model() throws -> ModelStep {
        try ModelStep(
            ModelRow("net", [6]) {
                Dense(9); Tanh(); Dense(5)
            }, SGD())
    }

    @Test func missingOrWrongStateIsAnError() throws {
        let model = try Self.model()
        for i in model.entries.indices {
            var entries = model.entries.map { ($0.path, $0.shape.reduce(1, *)) }
            entries.remove(at: i)
            #expect(throws: GraphError.self) { try model.executable(maxBatch: 4, storage: StateStorage(entries)) }
            for wrong in [0, 1, 1000] {
                entries = model.entries.map { ($0.path, $0.shape.reduce(1, *)) }
                entries[i].1 = wrong
                #expect(throws: GraphError.self) { try model.executable(maxBatch: 4, storage: StateStorage(entries)) }
            }
        }
        let error = #expect(throws: GraphError.self) { try model.executable(maxBatch: 4, storage: StateStorage([])) }
        #expect(error?.message.contains(model.entries[0].path) == true)
    }

    @Test func wrongBatchIsAnError() throws {
        let model = try Self.model()
        for batch in [0, -1, Int.min] { #expect(throws: GraphError.self) { try model.executable(maxBatch: batch) } }
        let executable = try model.executable(maxBatch: 4)
        for batch in [0, -1, 5, Int.max, Int.min] {
            #expect(throws: GraphError.self) { try executable.run(batch: batch) }
            var profile = [UInt64](repeating: 0, count: executable.instructionCount)
            #expect(throws: GraphError.self) { try executable.run(batch: batch, profile: &profile) }
            if batch != 0 {
                #expect(executable.output("loss", batch: batch).isEmpty)
                #expect(executable.withInput("x", batch: batch) { _ in true } == nil)
            }
        }
        var short: [UInt64] = [0]
        #expect(throws: GraphError.self) { try executable.run(batch: 4, profile: &short) }
        // It still works.
        model.feed(executable, model.batch(4), step: 1)
        try executable.run(batch: 4)
        #expect(executable.scalar("loss").isFinite)
    }

    @Test func wrongInputsAreRefused() throws {
        let model = try Self.model()
        let executable = try model.executable(maxBatch: 4)
        #expect(!executable.setInput("x", [Float](repeating: 0, count: 25)))
        #expect(!executable.setInput("x", [Int32](repeating: 0, count: 4)))
        #expect(!executable.setInput("y", [Float](repeating: 0, count: 4)))
        #expect(!executable.setInput("z", [Float](repeating: 0, count: 4)))
        #expect(executable.setInput("x", [Float]()))
        #expect(executable.setInput("y", [Int32]()))
        executable.setScalar("z", Float(1))
        executable.setScalar("z", Int32(1))
        executable.setSeed(3)
        #expect(executable.output("z", batch: 4).isEmpty)
        #expect(executable.scalar("z").isNaN)
        #expect(executable.withInput("z", batch: 4) { _ in true } == nil)
    }

    @Test func hugeSizesAreErrors() throws {
        let model = try Self.model()
        for batch in [Int.max, Int.max / 2, 1 << 40, 1 << 33] {
            let error = #expect(throws: GraphError.self) { try model.executable(maxBatch: batch) }
            #expect(error?.message.contains("2³²") == true)
        }
        // Powers of the batch.
        var graph = Graph()
        let x = try graph.add(.input("x"), type: TensorType(.float32, [.batch, 1]))
        let y = try graph.matmul(x, x, transposeB: true)
        graph.outputs = [("y", y)]
        let empty = StateStorage([])
        for batch in [1 << 17, 1 << 31, 1 << 32] {
            #expect(throws: GraphError.self) {
                try Executable(graph, maxBatch: batch, state: empty, team: Team(threads: 1))
            }
        }
        // An extent of 0 hides nothing.
        var hollow = Graph()
        let z = try hollow.add(.input("x"), type: TensorType(.float32, [.batch, .batch, .batch, 0]))
        hollow.outputs = [("y", try hollow.unary(.neg, z))]
        #expect(throws: GraphError.self) {
            try Executable(hollow, maxBatch: 1 << 30, state: empty, team: Team(threads: 1))
        }
        #expect(throws: Never.self) { try Executable(hollow, maxBatch: 8, state: empty, team: Team(threads: 1)) }
    }

    @Test func oneNameForTwoThingsIsAnError() throws {
        var graph = Graph()
        let a = try graph.add(.input("x"), type: TensorType(.float32, [2]))
        let b = try graph.add(.input("x"), type: TensorType(.float32, [300]))
        graph.outputs = [("a", try graph.unary(.neg, a)), ("b", try graph.unary(.neg, b))]
        #expect(throws: GraphError.self) {
            try Executable(graph, maxBatch: 1, state: StateStorage([]), team: Team(threads: 1))
        }
        var outputs = Graph()
        let c = try outputs.add(.input("x"), type: TensorType(.float32, [2]))
        outputs.outputs = [("y", c), ("y", try outputs.unary(.neg, c))]
        #expect(throws: GraphError.self) {
            try Executable(outputs, maxBatch: 1, state: StateStorage([]), team: Team(threads: 1))
        }
    }

    @Test func badIndicesShowAsNaN() throws {
        let model = try ModelStep(
            ModelRow("embedding", [3], symbols: 4) {
                Embedding(4, width: 6); Flatten(); Dense(5)
            }, SGD())
        for bad in [Float(4), -1, 1e9, -1e9, .infinity, -.infinity] {
            let executable = try model.executable(maxBatch: 4, threads: 2)
            var batch = model.batch(4)
            batch.x[7] = bad
            model.feed(executable, batch, step: 1)
            try executable.run(batch: 4)
            #expect(executable.scalar("loss").isNaN, "\(bad)")
        }
    }

    @Test(arguments: ModelRow.layers.filter { $0.symbols == 0 }) func nonFiniteInputsReachTheLoss(_ row: ModelRow)
        throws
    {
        let model = try ModelStep(row, SGD())
        for bad in [Float.nan, .infinity] {
            let executable = try model.executable(maxBatch: 9, threads: 2, graph: model.plain())
            var batch = model.batch(9)
            if bad.isNaN { batch.x[2] = bad } else { batch.x = batch.x.map { _ in bad } }
            if row.isRandom { batch.x = batch.x.map { _ in bad } }
            model.feed(executable, batch, step: 1)
            try executable.run(batch: 9)
            // tanh of ∞ is 1, so that only NaN must arrive.
            if bad.isNaN { #expect(executable.scalar("loss").isNaN) }
        }
    }

    /// Entries swapped, shifted and shown: every one is written from the values before the step.
    @Test func updatesReadTheOldState() throws {
        var graph = Graph()
        let type = TensorType(.float32, [5])
        let (a, b, c, d) = (
            try graph.add(.state("a"), type: type), try graph.add(.state("b"), type: type),
            try graph.add(.state("c"), type: type),
            try graph.add(.state("d"), type: type)
        )
        graph.outputs = [("c", c)]
        graph.updates = [("c", try graph.add(c, 1)), ("d", c), ("a", b), ("b", a), ("e", try graph.add(d, c))]
        for fusing in [true, false] {
            let storage = StateStorage(["a", "b", "c", "d", "e"].map { ($0, 5) })
            for (i, path) in ["a", "b", "c", "d", "e"].enumerated() {
                storage.set(path, [Float](repeating: Float(i), count: 5))
            }
            let executable = try Executable(
                graph, maxBatch: 1, state: storage, team: Team(threads: 1), options: Executable.Options(fusing: fusing))
            try executable.run(batch: 1)
            #expect(executable.output("c", batch: 1)[0] == 2)
            #expect(["a", "b", "c", "d", "e"].map { storage[$0]![4] } == [1, 0, 3, 2, 5])
        }
    }

    /// New state written in place while the same region still reads the old: the store waits for the end of the tile.
    @Test(arguments: [5, 16, 64, 100, 5000]) func lateReadersSeeTheOldState(width: Int) throws {
        for isColumnWork in [false, true] {
            var graph = Graph()
            let shape = Shape([width])
            let s = try graph.add(.state("s"), type: TensorType(.float32, shape))
            let t = try graph.add(.state("t"), type: TensorType(.float32, shape))
            var added = t
            if isColumnWork {
                // Numbers per column, beside a reduction over the batch.
                let x = try graph.add(.input("x"), type: TensorType(.float32, [.batch, .fixed(width)]))
                added = try graph.mul(graph.sum(x, axes: [0]), t)
            }
            let new = try graph.add(s, added)
            graph.updates = [("s", new), ("t", try graph.mul(new, s))]
            for (fusing, threads) in [(true, 1), (true, 3), (false, 2)] {
                let storage = StateStorage([("s", width), ("t", width)])
                storage.set("s", (0..<width).map { Float($0 % 7) })
                storage.set("t", [Float](repeating: 2, count: width))
                var options = Executable.Options(fusing: fusing)
                options.usesWholeTeam = true
                let executable = try Executable(
                    graph, maxBatch: 3, state: storage, team: Team(threads: threads), options: options)
                executable.setInput("x", [Float](repeating: 1, count: 3 * width))
                try executable.run(batch: 3)
                let step: Float = isColumnWork ? 6 : 2
                let expected = (0..<width).map { Float($0 % 7) }
                #expect(storage["s"] == expected.map { $0 + step })
                #expect(storage["t"] == expected.map { ($0 + step) * $0 })
            }
        }
    }

    /// A long chain of elementwise work is cut into regions that the tile interpreter can number.
    @Test func longChainsRun() throws {
        var graph = Graph()
        let x = try graph.add(.input("x"), type: TensorType(.float32, [.batch, 3]))
        var y = x
        for i in 0..<40_000 { y = try graph.unary(i % 2 == 0 ? .neg : .abs, y) }
        graph.outputs = [("y", y)]
        let executable = try Executable(graph, maxBatch: 2, state: StateStorage([]), team: Team(threads: 1))
        executable.setInput("x", [1, -2, 3, -4, 5, -6] as [Float])
        try executable.run(batch: 2)
        #expect(executable.output("y", batch: 2) == [1, 2, 3, 4, 5, 6])
    }
}
