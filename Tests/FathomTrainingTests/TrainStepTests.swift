import CAllocations
import FathomGraph
import FathomNN
import FathomReference
import FathomRuntime
import FathomTraining
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// A training step as its user sees it: losses, state, resumption, accumulation and evaluation.
@Suite struct TrainStepTests {
    static let data = DataShape(input: [6], target: .label)

    static func model() -> any Layer {
        Sequential {
            Dense(12); BatchNorm(); ReLU(); Dropout(0.25); Dense(4)
        }
    }

    static func plainModel() -> any Layer {
        Sequential {
            Dense(12); Tanh(); Dense(4)
        }
    }

    static func make(
        _ model: any Layer = model(), batch: Int = 16, microBatches: Int = 1, seed: UInt64 = 5, threads: Int = 1,
        optimizer: OptimizerSettings = OptimizerSettings(Adam(epsilon: 1e-3), averageDecay: 0.9)
    ) throws -> TrainStep {
        try TrainStep(
            model, loss: .softmaxCrossEntropy(), optimizer: optimizer, data: data, batch: batch,
            microBatches: microBatches,
            seed: seed, team: Team(threads: threads))
    }

    /// The value and the label of row `row` of step `step`.
    static func example(_ step: Int, _ row: Int) -> (x: [Float], label: Int32) {
        ((0..<6).map { Float(((step * 31 + row * 7 + $0 * 13) % 23)) / 11 - 1 }, Int32((step + 3 * row) % 4))
    }

    static func fill(_ step: TrainStep, _ number: Int, rows: Range<Int>) {
        let done: Void? = step.withInputs(batch: rows.count) { x, y in
            let labels = y.bindMemory(to: Int32.self)
            for (i, row) in rows.enumerated() {
                let (values, label) = example(number, row)
                for (j, v) in values.enumerated() { x[6 * i + j] = v }
                labels[i] = label
            }
        }
        #expect(done != nil)
    }

    static func train(_ step: TrainStep, _ steps: Range<Int>, batch: Int = 16) throws -> [Float] {
        try steps.map {
            fill(step, $0, rows: 0..<batch)
            return try step.run(batch: batch, learningRate: 0.02)
        }
    }

    static func bits(_ state: TrainState) -> [[UInt32]] { state.entries.map { $0.values.map(\.bitPattern) } }

    /// After the first update, micro-batches and the updates they end in take no memory.
    #if os(Linux)
        @Test func microBatchesAllocateNothing() async {
            await #expect(processExitsWith: .success) {
                guard allocations_counted() else { return }
                let step = try TrainStepTests.make(microBatches: 3, threads: 2)
                func update(_ number: Int) throws {
                    for part in 0..<3 {
                        _ = step.withInputs(batch: 16) { x, y in
                            for i in x.indices { x[i] = Float((i * 13 + number + part) % 23) / 11 - 1 }
                            let labels = y.bindMemory(to: Int32.self)
                            for i in labels.indices { labels[i] = Int32((i + number) % 4) }
                        }
                        let loss =
                            part < 2
                            ? try step.accumulate(batch: 16) : try step.run(batch: 16, learningRate: 0.01)
                        if !loss.isFinite { exit(4) }
                    }
                }
                try update(0)
                let before = allocations_so_far()
                for number in 1...200 { try update(number) }
                let made = allocations_so_far() - before
                if made > 0 {
                    print("\(made) allocations in 200 updates")
                    exit(5)
                }
            }
        }
    #endif

    @Test(arguments: [16, 5]) func agreesWithTheInterpreter(batch: Int) throws {
        let step = try Self.make()
        var interpreter = Interpreter(batch: batch)
        for entry in step.state.entries {
            interpreter.state[entry.path] = ReferenceTensor(shape: entry.shape, values: entry.values)
        }
        interpreter.inputs["random.seed"] = ReferenceTensor(shape: [2], values: [5.0, 0])
        interpreter.inputs["learningRate"] = ReferenceTensor(Double(Float(0.02)))
        for number in 1...6 {
            let rows = (0..<batch).map { Self.example(number, $0) }
            interpreter.inputs["x"] = ReferenceTensor(shape: [batch, 6], values: rows.flatMap(\.x))
            interpreter.inputs["y"] = ReferenceTensor(shape: [batch], values: rows.map { Double($0.label) })
            interpreter.inputs["step"] = ReferenceTensor(Double(number))
            interpreter.inputs["random.step"] = ReferenceTensor(Double(number))
            let expected = try #require(try interpreter.run(step.graph)["loss"]).values[0]
            let loss = try Self.train(step, number..<number + 1, batch: batch)[0]
            #expect(abs(Double(loss) - expected) < 2e-4, "step \(number)")
        }
        for entry in step.state.entries {
            let expected = interpreter.state[entry.path]!.values
            for (a, e) in zip(entry.values, expected) where !(abs(Double(a) - e) < 2e-3 * max(1, abs(e))) {
                Issue.record("\(entry.path): \(a), not \(e)")
                break
            }
        }
        #expect(step.step == 6)
    }

    @Test func learns() throws {
        let step = try Self.make(Self.plainModel())
        let losses = try (0..<200).map { _ in try Self.train(step, 1..<2)[0] }
        #expect(losses[0] > 1 && losses[199] < 0.1 * losses[0])
    }

    @Test func sameBitsOnAnyNumberOfThreads() throws {
        let first = try Self.make()
        let losses = try Self.train(first, 1..<21)
        for threads in 2...4 {
            let other = try Self.make(threads: threads)
            #expect(try Self.train(other, 1..<21).map(\.bitPattern) == losses.map(\.bitPattern))
            #expect(Self.bits(other.state) == Self.bits(first.state))
        }
        let reseeded = try Self.make(seed: 6)
        #expect(try Self.train(reseeded, 1..<21) != losses)
    }

    @Test func resumedIsAsNeverStopped() throws {
        let whole = try Self.make()
        let losses = try Self.train(whole, 1..<13)
        let first = try Self.make()
        _ = try Self.train(first, 1..<6)
        let kept = first.state
        #expect(kept.step == 5 && kept.seed == 5)
        let second = try Self.make(seed: 99)
        _ = try Self.train(second, 1..<3)
        try second.load(kept)
        #expect(second.step == 5 && second.seed == 5)
        #expect(try Self.train(second, 6..<13).map(\.bitPattern) == losses[5...].map(\.bitPattern))
        #expect(Self.bits(second.state) == Self.bits(whole.state))
        #expect(second.state == whole.state)
    }

    @Test func strangeStatesAreRefusedWhole() throws {
        let step = try Self.make()
        _ = try Self.train(step, 1..<4)
        let good = step.state
        var lacking = good
        lacking.entries.removeLast()
        var unknown = good
        unknown.entries.append(TrainState.Entry(path: "strange", role: .parameter, shape: [1], values: [0]))
        var misshapen = good
        misshapen.entries[1] = TrainState.Entry(
            path: good.entries[1].path, role: .parameter, shape: [3], values: [0, 0, 0])
        var short = good
        short.entries[2].values.removeLast()
        for bad in [lacking, unknown, misshapen, short] {
            var other = bad
            other.step = 77
            #expect(throws: GraphError.self) { try step.load(other) }
            #expect(step.state == good)
        }
    }

    @Test func accumulatedBatchesAreOneLargeBatch() throws {
        let settings = OptimizerSettings(SGD(momentum: 0.9))
        let large = try Self.make(Self.plainModel(), batch: 24, optimizer: settings)
        let small = try Self.make(Self.plainModel(), batch: 8, microBatches: 3, optimizer: settings)
        for number in 1...4 {
            Self.fill(large, number, rows: 0..<24)
            let whole = try large.run(batch: 24, learningRate: 0.05)
            var parts: [Float] = []
            for part in 0..<2 {
                Self.fill(small, number, rows: part * 8..<part * 8 + 8)
                parts.append(try small.accumulate(batch: 8))
            }
            Self.fill(small, number, rows: 16..<24)
            parts.append(try small.run(batch: 8, learningRate: 0.05))
            #expect(abs(parts.reduce(0, +) / 3 - whole) < 1e-5)
        }
        for entry in large.state.entries {
            let other = try #require(small.state[entry.path])
            for (a, b) in zip(entry.values, other.values) where abs(a - b) > 1e-5 {
                Issue.record("\(entry.path): \(a) and \(b)")
                break
            }
        }
        // The sums are cleared by the update.
        for entry in small.state.entries where entry.path.hasPrefix("optimizer.gradient") {
            #expect(entry.values.allSatisfy { $0 == 0 })
        }
        #expect(throws: GraphError.self) { try large.accumulate(batch: 8) }
    }

    /// Masks differ between the micro-batches of an update and from those of the next: without an update between, equal rows show it.
    @Test func microBatchesDrawTheirOwnRandomNumbers() throws {
        let step = try Self.make(
            Sequential {
                Dropout(0.5); Dense(4)
            }, batch: 8, microBatches: 3, optimizer: OptimizerSettings(SGD()))
        var losses: [Float] = []
        for _ in 0..<3 {
            for _ in 0..<2 {
                Self.fill(step, 1, rows: 0..<8)
                losses.append(try step.accumulate(batch: 8))
            }
            Self.fill(step, 1, rows: 0..<8)
            losses.append(try step.run(batch: 8, learningRate: 0))
        }
        #expect(Set(losses).count == 9, "\(losses)")
    }

    /// Gradients whose squares are infinite are made as long as asked for, not zero.
    @Test func clippingOfLargeGradients() throws {
        let rules: [OptimizerSettings.Clipping] = [.globalNorm(1), .parameterNorm(1)]
        for (clipping, expected) in zip(rules, [1.0, 2.0.squareRoot()]) {
            let step = try Self.make(
                Sequential { Dense(4) }, batch: 8, optimizer: OptimizerSettings(SGD(), clipping: clipping))
            Self.fill(step, 1, rows: 0..<8)
            _ = step.withInputs(batch: 8) { x, _ in for i in x.indices { x[i] *= 1e25 } }
            let before = step.state
            let loss = try step.run(batch: 8, learningRate: 1)
            #expect(loss.isFinite && loss > 1e20)
            var squares = 0.0
            for (a, b) in zip(before.entries, step.state.entries) where a.role == .parameter {
                for (x, y) in zip(a.values, b.values) { squares += Double(x - y) * Double(x - y) }
            }
            // The bias's gradient is below 1 and is not lengthened.
            #expect(squares.squareRoot() > 0.99 && squares.squareRoot() < expected + 0.01, "\(clipping) \(squares)")
        }
    }

    @Test func impossibleStepsAreRefused() throws {
        let step = try Self.make()
        let state = step.state
        for number in [-1, Int.max] {
            #expect(throws: GraphError.self) {
                try step.load(TrainState(entries: state.entries, step: number, seed: state.seed))
            }
        }
        #expect(Self.bits(step.state) == Self.bits(state))
    }

    @Test func evaluationSharesTheParameters() throws {
        let step = try Self.make()
        let evaluation = try step.evaluation(batch: 10)
        func evaluate() throws -> ([Float], Float) {
            let done: Void? = evaluation.withInputs(batch: 10) { x, y in
                for i in 0..<10 {
                    let (values, label) = Self.example(50, i)
                    for (j, v) in values.enumerated() { x[6 * i + j] = v }
                    y.bindMemory(to: Int32.self)[i] = label
                }
            }
            #expect(done != nil)
            return (try evaluation.run(batch: 10), evaluation.loss)
        }
        let before = step.state
        let first = try evaluate()
        let again = try evaluate()
        #expect(first.0.count == 40 && first.1.isFinite)
        #expect(first.0 == again.0 && first.1 == again.1)  // no dropout
        #expect(step.state == before)
        _ = try Self.train(step, 1..<4)
        let later = try evaluate()
        #expect(later.0 != first.0)
        #expect(evaluation.outputShape == [4])
        #expect(throws: GraphError.self) { try evaluation.run(batch: 11) }
        #expect(throws: GraphError.self) { try evaluation.run(batch: 0) }
    }

    @Test func wrongBatchesChangeNothing() throws {
        let step = try Self.make()
        _ = try Self.train(step, 1..<3)
        let before = step.state
        for batch in [0, -3, 17, Int.max, Int.min] {
            #expect(throws: GraphError.self) { try step.run(batch: batch, learningRate: 0.1) }
            #expect(step.state == before)
            if batch != 0 {
                let refused: Void? = step.withInputs(batch: batch) { _, _ in }
                #expect(refused == nil)
            }
        }
        for batch in [0, -1, Int.max] { #expect(throws: GraphError.self) { try Self.make(batch: batch) } }
        #expect(throws: GraphError.self) {
            try TrainStep(
                Self.model(), loss: .meanSquaredError, optimizer: OptimizerSettings(SGD()), data: Self.data, batch: 4)
        }
    }
}
