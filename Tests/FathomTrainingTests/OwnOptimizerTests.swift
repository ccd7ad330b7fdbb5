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
        let data = try SyntheticSets.circles(count: 500, noise: 0.05, seed: 2).split(fraction: 0.8, seed: 2)
        let model = Sequential {
            Dense(16)
            Tanh()
            Dense(2)
        }
        var settings = Trainer.Settings()
        (settings.epochs, settings.keepBest) = (30, false)
        let trainer = try Trainer(
            model, data: data, settings: settings, optimizer: OptimizerSettings(NormalizedMomentum()))

        // One step moves every parameter by η in the root mean square.
        let step = trainer.step
        let before = step.state
        step.withInputs(batch: 4) { inputs, _ in for i in inputs.indices { inputs[i] = Float(i) / 8 - 0.4 } }
        try step.run(batch: 4, learningRate: 0.01)
        for (a, b) in zip(before.entries, step.state.entries) where a.role == .parameter {
            let squares = zip(a.values, b.values).map { Double(($0 - $1) * ($0 - $1)) }
            let size = (squares.reduce(0, +) / Double(squares.count)).squareRoot()
            #expect(abs(size / 0.01 - 1) < 1e-3, "\(a.path) moved by \(size)")
        }
        try step.load(before)
        #expect(step.state.entries.contains { $0.path == "optimizer.momentum.dense1.weight" })

        try trainer.run()
        let accuracy = try trainer.evaluate(data.test).first { $0.name == "accuracy" }?.value ?? 0
        #expect(accuracy > 0.97)
    }
}
