import FathomGraph
import FathomNN
import FathomRuntime
import Testing

/// The same seed gives the same bits on any number of threads.
@Suite struct DeterminismTests {
    /// Nets whose widths and batches cut into unequal shares, with rows, columns and single threads as shares.
    static let awkward: [ModelRow] = [
        ModelRow("awkward 67, 131", [67]) {
            Dense(131); ReLU(); Dense(35); Tanh(); Dense(5)
        },
        ModelRow("awkward batch norm", [67]) {
            Dense(131); BatchNorm(); ReLU(); Dense(49); BatchNorm(); Tanh(); Dense(5)
        },
        ModelRow("awkward highway", [51]) {
            Highway(activation: .tanh); Highway(activation: .relu); Dropout(0.3); Dense(5)
        },
        ModelRow("awkward sequence", [9, 21], .meanSquaredError, target: [9, 21]) {
            Dense(33); LayerNorm(); Activate(.gelu); Dense(21)
        },
        // Layers enough for each of their gradients to be one thread's.
        ModelRow("awkward depth", [40]) {
            for _ in 0..<20 { Highway(activation: .tanh) }; Dense(5)
        },
        ModelRow("wide", [300]) {
            Dense(700); ReLU(); Dense(5)
        },
    ]

    static func run(
        _ model: ModelStep, _ batch: ModelStep.Batch, threads: Int, steps: Int, joining: Bool = true,
        turnBytes: Int? = nil
    ) throws
        -> [(String, [Float])]
    {
        let storage = model.storage()
        let executable = try model.executable(
            maxBatch: batch.size + 3, threads: threads, joining: joining, turnBytes: turnBytes,
            graph: model.plain(), storage: storage)
        var losses: [Float] = []
        for step in 1...steps {
            model.feed(executable, batch, step: step)
            try executable.run(batch: batch.size)
            losses.append(executable.scalar("loss"))
        }
        return [("loss", losses)] + model.entries.map { ($0.path, storage[$0.path]!) }
    }

    /// Row by row, with what follows in between, or all rows at once.
    @Test(arguments: ModelRow.layers.filter { $0.name.hasPrefix("convolutions") }) func turnsChangeNoBit(
        _ row: ModelRow
    )
        throws
    {
        let model = try ModelStep(row, SGD(momentum: 0.9))
        for size in [37, 5] {
            let batch = model.batch(size)
            let whole = try Self.run(model, batch, threads: 1, steps: 5)
            for threads in [1, 2, 3] {
                let turns = try Self.run(model, batch, threads: threads, steps: 5, turnBytes: 1)
                for (a, b) in zip(whole, turns) {
                    ModelTests.expectSameBits("\(a.0) in turns on \(threads) threads", a.1, b.1)
                }
            }
        }
    }

    /// A plan for few images shares out their lines.
    @Test(arguments: ModelRow.layers.filter { $0.name.hasPrefix("convolutions") }) func linesChangeNoBit(
        _ row: ModelRow
    )
        throws
    {
        let model = try ModelStep(row, SGD(momentum: 0.9))
        let batch = model.batch(2)
        var results: [[Float]] = []
        for threads in [1, 2, 3, 4] {
            let executable = try model.executable(maxBatch: 3, threads: threads, graph: model.plain())
            if threads == 4 { try PlanRaceTests.check(executable, batches: [3], row.name) }
            model.feed(executable, batch, step: 1)
            try executable.run(batch: 2)
            results.append(executable.output("loss", batch: 2))
        }
        for other in results { ModelTests.expectSameBits(row.name, other, results[0]) }
    }

    @Test(arguments: ModelRow.all + awkward) func sameBitsOnAnyNumberOfThreads(_ row: ModelRow) throws {
        let model = try ModelStep(row, row.name.count % 2 == 0 ? SGD(momentum: 0.9) : Adam(epsilon: 1e-2))
        for size in DeterminismTests.awkward.contains(where: { $0.name == row.name }) ? [37, 70] : [37] {
            let batch = model.batch(size)
            let alone = try Self.run(model, batch, threads: 1, steps: 20, joining: false)
            #expect(alone[0].1.allSatisfy { $0.isFinite })
            #expect(alone[0].1.first != alone[0].1.last)
            for threads in [1, 2, 3, 4] {
                let together = try Self.run(model, batch, threads: threads, steps: 20)
                for (a, b) in zip(alone, together) {
                    ModelTests.expectSameBits("\(a.0) on \(threads) threads", a.1, b.1)
                }
            }
        }
    }
}
