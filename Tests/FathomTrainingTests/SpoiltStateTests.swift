import FathomData
import FathomGraph
import FathomNN
import FathomTraining
import Testing

/// The last update before a checkpoint spoils the parameters, while every loss was a number.
@Suite struct SpoiltStateTests {
    static func trainer(batch: Int, folder: String, stop: StopRequest = StopRequest()) throws -> Trainer {
        let inputs = try DataArray(values: (0..<16).map { Float($0 % 5) * 10 - 15 }, shape: [8, 2])
        let data = try Dataset(
            name: "t", inputs: inputs, targets: .classes(labels: [0, 1, 0, 1, 1, 0, 1, 0], names: ["a", "b"]),
            provenance: .init(source: "test", licence: "none"))
        var settings = Trainer.Settings()
        (settings.epochs, settings.batch, settings.threads) = (3, batch, 1)
        let trainer = try Trainer(
            Sequential { Dense(2) }, data: DataSplit(train: data, validation: data, test: data), settings: settings,
            optimizer: OptimizerSettings(SGD(learningRate: 3e38)), stop: stop)
        trainer.checkpoints = try CheckpointWriter(folder: folder)
        trainer.reportEvery = 1
        return trainer
    }

    static func expectGood(_ error: TrainingError?, _ folder: String) throws {
        guard case .nonFinite(let report)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(report.loss.isFinite && report.step == 1 && report.lastGoodStep == 0)
        #expect(report.operation != nil && report.phase == "update", "\(report)")
        let saved = try #require(try CheckpointStore(folder: folder).latest().checkpoint)
        #expect(saved.step == 0)
        let scratch = try ScratchFolder()
        let other = try trainer(batch: 8, folder: scratch.path)
        try other.resume(from: saved)
        let isFinite = other.step.state.entries.allSatisfy { $0.values.allSatisfy(\.isFinite) }
        #expect(isFinite)
    }

    @Test func atTheEndOfAnEpoch() throws {
        let scratch = try ScratchFolder()
        let trainer = try Self.trainer(batch: 8, folder: scratch.path)
        var epochs = 0
        let error = #expect(throws: TrainingError.self) {
            try trainer.run { if case .epoch = $0 { epochs += 1 } }
        }
        #expect(epochs == 0)
        try Self.expectGood(error, scratch.path)
    }

    @Test func whereARunIsStopped() throws {
        let scratch = try ScratchFolder()
        let stop = StopRequest()
        let trainer = try Self.trainer(batch: 4, folder: scratch.path, stop: stop)
        let error = #expect(throws: TrainingError.self) {
            try trainer.run { if case .step = $0 { stop.stop() } }
        }
        try Self.expectGood(error, scratch.path)
    }

    /// A last layer of too few outputs is refused whatever the loss expects of it.
    @Test func tooFewOutputs() throws {
        let data = try SyntheticSets.spirals(count: 30, seed: 3).split(fraction: 0.7, seed: 1)
        #expect(throws: GraphError.self) {
            try Trainer(
                Sequential {
                    Dense(2); Softmax()
                },
                data: DataSplit(train: data.train, validation: data.test, test: data.test),
                loss: .categoricalCrossEntropy())
        }
    }
}
