import FathomGraph
import FathomNN
import FathomReference
import FathomRuntime
import Testing

/// Whole training steps on the executor against the interpreter in `Double`.
@Suite struct ModelTests {
    enum Rule: String, Sendable, CaseIterable {
        case momentum, adam, averaged

        func step(_ row: ModelRow) throws -> ModelStep {
            switch self {
            case .momentum: try ModelStep(row, SGD(momentum: 0.9))
            // A large ε: where a gradient is 0 but for rounding, the step must not be ± the rate.
            case .adam: try ModelStep(row, Adam(epsilon: 1e-2, weightDecay: .coupled(0.01)))
            case .averaged: try ModelStep(row, Adam(epsilon: 1e-2, amsgrad: true), averageDecay: 0.9)
            }
        }
    }

    /// Fails unless all values are within `tolerance` of the reference, relative to the largest of the array.
    static func compare(_ what: String, _ actual: [Float], _ expected: [Double], _ tolerance: Double = 1e-4) {
        guard actual.count == expected.count else {
            Issue.record("\(what): \(actual.count) values, not \(expected.count)")
            return
        }
        let scale = max(expected.reduce(0) { max($0, abs($1)) }, 0.02)
        for (i, (a, e)) in zip(actual, expected).enumerated() where !(abs(Double(a) - e) <= tolerance * scale) {
            Issue.record("\(what): element \(i) is \(a), not \(e)")
            return
        }
    }

    @Test(arguments: ModelRow.all) func agreesWithTheInterpreter(_ row: ModelRow) throws {
        for rule in row.name.hasPrefix("activation") || row.name.hasPrefix("loss") ? [Rule.momentum] : Rule.allCases {
            let model = try rule.step(row)
            let storage = model.storage()
            // All batches in the buffers of the largest, which run in between.
            let executable = try model.executable(maxBatch: 33, threads: 3, storage: storage)
            for size in [1, 2, 7, 16, 33, 2] {
                let batch = model.batch(size)
                var interpreter = model.interpreter(batch)
                model.reset(storage)
                for step in 1...5 {
                    model.feed(executable, batch, step: step)
                    interpreter.inputs["step"] = ReferenceTensor(Double(step))
                    interpreter.inputs["random.step"] = ReferenceTensor(Double(step))
                    let expected = try interpreter.run(model.graph)
                    try executable.run(batch: size)
                    guard step == 1 || step == 5 else { continue }
                    // Two rows normalised over the batch are ±1: their gradient is 0 but for rounding, many times as large.
                    let tolerance = (step == 1 ? 2e-5 : 5e-4) * (size == 2 ? 100 : 1)
                    let place = "\(row.name), \(rule), B = \(size), step \(step)"
                    for (name, value) in expected {
                        Self.compare("\(place), \(name)", executable.output(name, batch: size), value.values, tolerance)
                    }
                    for (path, _) in model.entries {
                        Self.compare("\(place), \(path)", storage[path]!, interpreter.state[path]!.values, tolerance)
                    }
                }
            }
        }
    }

    /// Fusion changes no bit: sums keep their order inside and outside of a region.
    @Test(arguments: ModelRow.all) func fusionChangesNoBit(_ row: ModelRow) throws {
        let model = try Rule.adam.step(row)
        let (fused, unfused) = (model.storage(), model.storage())
        let a = try model.executable(maxBatch: 19, graph: model.plain(), storage: fused)
        let b = try model.executable(maxBatch: 19, threads: 2, fusing: false, graph: model.plain(), storage: unfused)
        let batch = model.batch(19)
        for step in 1...3 {
            for executable in [a, b] {
                model.feed(executable, batch, step: step)
                try executable.run(batch: 19)
            }
            #expect(a.scalar("loss").bitPattern == b.scalar("loss").bitPattern, "step \(step)")
        }
        for (path, _) in model.entries { ModelTests.expectSameBits(path, fused[path]!, unfused[path]!) }
    }

    static func expectSameBits(_ what: String, _ a: [Float], _ b: [Float]) {
        let same = a.count == b.count && zip(a, b).allSatisfy { $0.bitPattern == $1.bitPattern }
        #expect(same, "\(what) differs")
    }
}
