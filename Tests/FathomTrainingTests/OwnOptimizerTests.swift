import FathomData
import FathomNN
import FathomTraining
import Testing

/// Momentum whose step is as long for every parameter: p ← p − η·m/rms(m), m ← β·m + g.
struct NormalizedMomentum: Optimizer {
    var learningRate = 0.01
    var beta = 0.9

    var name: String { "normalizedMomentum" }
    var weightDecay: WeightDecay { .none }
    var slots: [(name: String, initial: Double)] { [("momentum", 0)] }

    func update(_ c: UpdateContext) -> (parameter: Tensor, slots: [Tensor]) {
        let momentum = beta * c.slots[0] + c.gradient
        let size = sqrt((momentum * momentum).mean() + 1e-12)
        return (c.parameter - c.learningRate * momentum / size, [momentum])
    }
}

/// The worked example of `Docs/AddingAnOptimiser.md`.
@Suite struct OwnOptimizerTests {
    @Test func learnsAndMovesByTheLearningRate() throws {
        let data = try SyntheticSets.circles(count: 400, noise: 0.05, seed: 2)
        let model = Sequential {
            Dense(16); Tanh(); Dense(2)
        }
        let step = try TrainStep(
            model, loss: .softmaxCrossEntropy(), optimizer: OptimizerSettings(NormalizedMomentum()),
            data: DataShape(data), batch: 32)
        let before = step.state.entries
        try step.runEpoch(0, over: data.gather(rows: 0..<32))
        // One step moves every parameter by η in the root mean square.
        for (a, b) in zip(before, step.state.entries) where a.role == .parameter {
            let squares = zip(a.values, b.values).map { Double(($0 - $1) * ($0 - $1)) }
            let size = (squares.reduce(0, +) / Double(squares.count)).squareRoot()
            #expect(abs(size / 0.01 - 1) < 1e-3, "\(a.path) moved by \(size)")
        }
        for epoch in 1..<30 { try step.runEpoch(epoch, over: data) }
        #expect(try step.evaluate(.accuracy, on: data) ?? 0 > 0.97)
        #expect(step.state.entries.contains { $0.path == "optimizer.momentum.dense1.weight" })
    }
}
