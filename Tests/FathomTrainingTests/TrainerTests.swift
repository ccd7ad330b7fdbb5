import FathomData
import FathomNN
import FathomTraining
import Foundation
import Testing

@Suite struct TrainerTests {
    static func spirals() throws -> DataSplit {
        let cut = try SyntheticSets.spirals(count: 130, seed: 3).split(fraction: 0.7, seed: 1)
        return try DataSplit(train: cut.train, validation: cut.test, test: cut.test)
    }

    static let model: Sequential = {
        do { return try ModelSpec("dense 16 tanh, batchNorm, dropout 0.1, dense 16 relu, dense 3").build() } catch {
            preconditionFailure("\(error)")
        }
    }()

    static func trainer(
        epochs: Int = 6, accumulate: Int = 1, _ split: DataSplit? = nil, stop: StopRequest = StopRequest()
    ) throws -> Trainer {
        var settings = Trainer.Settings()
        (settings.epochs, settings.batch, settings.accumulate, settings.seed) = (epochs, 16, accumulate, 9)
        settings.threads = 1
        // A schedule with a memory, momentum, an average: everything that a checkpoint must not forget.
        let trainer = try Trainer(
            model, data: split ?? spirals(), settings: settings,
            optimizer: OptimizerSettings(Adam(learningRate: 0.01), clipping: .globalNorm(1), averageDecay: 0.9),
            schedule: .reduceOnPlateau(Plateau(factor: 0.5, patience: 0, threshold: 0.05)).warmedUp(steps: 7),
            stop: stop)
        trainer.reportEvery = 1
        return trainer
    }

    @Test(arguments: [1, 3]) func resumingAnywhereGivesTheSameBits(_ accumulate: Int) throws {
        let whole = try Self.trainer(accumulate: accumulate)
        #expect(try whole.run() == .completed)
        #expect(whole.step.step == 6 * whole.stepsPerEpoch)
        var generator = FathomData.SeededGenerator(seed: 42)
        for _ in 0..<4 {
            var last: Checkpoint?
            // Stopped twice, at random steps.
            var cuts = (0..<2).map { _ in 1 + Int(generator.next(below: UInt64(whole.step.step - 1))) }.sorted()
            var part = try Self.trainer(accumulate: accumulate)
            while true {
                if let last { try part.resume(from: last) }
                let cut = cuts.isEmpty ? nil : cuts.removeFirst()
                let stop = part.stop
                if let cut, part.step.step >= cut { stop.stop() }
                let outcome = try part.run { event in
                    if case .step(let step) = event, step.step == cut { stop.stop() }
                }
                guard outcome == .interrupted else { break }
                last = try part.checkpoint()
                part = try Self.trainer(accumulate: accumulate)
            }
            #expect(part.progress == whole.progress)
            // As a truth value: a failure need not print every weight.
            let isSame = part.step.state == whole.step.state
            #expect(isSame)
        }
    }

    @Test func anotherSeedGivesOtherBits() throws {
        // That the comparison above can fail at all.
        let a = try Self.trainer(epochs: 1)
        var settings = a.settings
        settings.seed = 10
        let b = try Trainer(Self.model, data: Self.spirals(), settings: settings)
        try a.run()
        try b.run()
        let path = try #require(a.step.declarations.first).path
        #expect(a.step.state[path]?.values != b.step.state[path]?.values)
    }

    @Test func accumulatingAveragesGradients() throws {
        // Without dropout and batch statistics, three thirds of a batch are the batch.
        let split = try SyntheticSets.spirals(count: 120, seed: 3).split(fraction: 0.8, seed: 1)
        #expect(split.train.rowCount == 96)
        let model = try ModelSpec("dense 8 tanh, dense 3").build()
        func weights(batch: Int, accumulate: Int) throws -> [Float] {
            var settings = Trainer.Settings()
            (settings.epochs, settings.batch, settings.accumulate, settings.threads) = (1, batch, accumulate, 1)
            let trainer = try Trainer(
                model, data: split, settings: settings, optimizer: OptimizerSettings(SGD(learningRate: 0.1)))
            try trainer.run()
            return try #require(trainer.step.state.entries.first { $0.role == .parameter }).values
        }
        // Three updates of 30 rows and one of 6.
        let (whole, parts) = (try weights(batch: 30, accumulate: 1), try weights(batch: 10, accumulate: 3))
        #expect(zip(whole, parts).allSatisfy { abs($0 - $1) < 1e-5 })
        #expect(try weights(batch: 10, accumulate: 1) != whole)
    }

    @Test func stopsEarlyAndKeepsTheBest() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("fathom-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var settings = Trainer.Settings()
        (settings.epochs, settings.batch, settings.patience, settings.keep) = (200, 8, 2, 1)
        // Labels without a rule: the validation loss can only grow.
        let cut = try SyntheticSets.noise(count: 90, seed: 1).split(fraction: 0.6, seed: 1)
        let split = try DataSplit(train: cut.train, validation: cut.test, test: cut.test)
        let trainer = try Trainer(
            ModelSpec("dense 64 relu, dense 2").build(), data: split, settings: settings,
            optimizer: OptimizerSettings(Adam(learningRate: 0.02)))
        trainer.checkpoints = try CheckpointWriter(folder: folder, keep: 1)
        var losses: [Double] = []
        let outcome = try trainer.run { event in
            if case .epoch(let epoch) = event { losses.append(try #require(epoch.evaluation.first).value) }
        }
        #expect(outcome == .stoppedEarly)
        let best = try #require(losses.min())
        #expect(losses.firstIndex(of: best) == losses.count - 3)
        #expect(trainer.progress.best == best && trainer.progress.bestEpoch == losses.count - 2)
        let store = CheckpointStore(folder: folder)
        let kept = try store.load(#require(try store.pinned("best")))
        #expect(kept.step == trainer.progress.bestEpoch * trainer.stepsPerEpoch)
        // The best model still measures what it measured then.
        try trainer.resume(from: kept)
        #expect(try trainer.evaluate(split.test).first?.value == best)
        // A run that has ended does not go on.
        let again = try #require(try store.latest().checkpoint)
        try trainer.resume(from: again)
        #expect(try trainer.run() == .stoppedEarly)
        #expect(trainer.step.step == again.step)
    }

    /// What a run of seven epochs did after which of them.
    private struct Course {
        var evaluated: [Int] = []
        var best: [Int] = []
        /// As the events tell, in their order.
        var saved: [Int] = []
        /// As the folder shows afterwards.
        var found: [Int] = []
    }

    private static func course(_ change: (inout Trainer.Settings) -> Void) throws -> Course {
        let scratch = try ScratchFolder()
        var settings = Trainer.Settings()
        (settings.epochs, settings.batch, settings.seed, settings.threads) = (7, 16, 9, 1)
        change(&settings)
        let trainer = try Trainer(
            model, data: spirals(), settings: settings, optimizer: OptimizerSettings(Adam(learningRate: 0.01)))
        // More than there are epochs: none is removed.
        trainer.checkpoints = try CheckpointWriter(folder: scratch.path, keep: 20)
        var course = Course()
        var epochs: [Int] = []
        var steps: [Int] = []
        let outcome = try trainer.run { event in
            switch event {
            case .epoch(let epoch):
                epochs.append(epoch.epoch)
                if !epoch.evaluation.isEmpty { course.evaluated.append(epoch.epoch) }
                if epoch.isBest { course.best.append(epoch.epoch) }
            case .checkpoint(_, let step): steps.append(step)
            default: break
            }
        }
        #expect(outcome == .completed)
        // Every epoch is told, also one that is not evaluated.
        #expect(epochs == [1, 2, 3, 4, 5, 6, 7])
        let length = trainer.stepsPerEpoch
        #expect(steps.allSatisfy { $0 % length == 0 }, "\(steps)")
        course.saved = steps.map { $0 / length }
        course.found = try CheckpointStore(folder: scratch.path).generations().map { $0.step / length }
        return course
    }

    @Test func evaluatesEveryFewEpochsAndAfterTheLast() throws {
        let few = try Self.course { $0.evaluateEvery = 3 }
        #expect(few.evaluated == [3, 6, 7])
        // The first that is measured is the best so far; one that is not measured never is.
        #expect(few.best.first == 3)
        #expect(Set(few.best).isSubset(of: few.evaluated), "\(few.best)")
        let every = try Self.course { $0.evaluateEvery = 1 }
        #expect(every.evaluated == [1, 2, 3, 4, 5, 6, 7])
        let none = try Self.course { $0.evaluateEvery = 100 }
        #expect(none.evaluated == [7])
    }

    @Test func savesEveryFewEpochsAndAfterTheLast() throws {
        for (every, expected) in [(1, [1, 2, 3, 4, 5, 6, 7]), (2, [2, 4, 6, 7]), (7, [7]), (100, [7])] {
            let course = try Self.course { ($0.checkpointEvery, $0.keepBest) = (every, false) }
            #expect(course.saved == expected, "every \(every)")
            #expect(course.found == expected, "every \(every)")
        }
    }

    @Test func theBestIsSavedOutOfTurn() throws {
        let course = try Self.course { ($0.evaluateEvery, $0.checkpointEvery, $0.keepBest) = (3, 2, true) }
        #expect(course.best.first == 3)
        #expect(course.saved == Set([2, 4, 6, 7] + course.best).sorted(), "\(course.best)")
        #expect(course.found == course.saved)
    }

    @Test(arguments: ["dense 8 exponential, dense 8 exponential, dense 3", "dense 16, dense 16, dense 3"])
    func namesWhatBecameInfinite(_ text: String) throws {
        var settings = Trainer.Settings()
        (settings.epochs, settings.batch) = (50, 16)
        let trainer = try Trainer(
            ModelSpec(text).build(), data: Self.spirals(), settings: settings,
            optimizer: OptimizerSettings(SGD(learningRate: 1e12)))
        let error = #expect(throws: TrainingError.self) { try trainer.run() }
        guard case .nonFinite(let report)? = error else {
            Issue.record("another error: \(String(describing: error))")
            return
        }
        #expect(report.operation != nil, "\(report)")
        #expect(report.layer.hasPrefix("dense") || report.layer.contains("exp") || report.layer == "loss", "\(report)")
        let good = try #require(report.lastGoodStep)
        #expect(trainer.step.step == good)
        #expect(trainer.step.state.entries.allSatisfy { $0.values.allSatisfy(\.isFinite) })
    }

    @Test func trainsInTheBackgroundUntilCancelled() async throws {
        let split = try Self.spirals()
        let reader = Task {
            var steps = 0
            for try await event in Trainer.inBackground({ stop in
                #expect(!Thread.isMainThread)
                return try Self.trainer(epochs: 1_000_000, split, stop: stop)
            }) {
                if case .step = event { steps += 1 }
                if steps == 20 { break }
            }
            return steps
        }
        #expect(try await reader.value == 20)
    }

    @Test func watchedMetricMustBeMeasured() throws {
        var settings = Trainer.Settings()
        settings.monitor = "f1"
        #expect(throws: TrainingError.self) { try Trainer(Self.model, data: Self.spirals(), settings: settings) }
    }

    @Test func tooFewOutputsAreRefused() throws {
        let model = try ModelSpec("dense 2").build()
        #expect(throws: (any Error).self) { try Trainer(model, data: Self.spirals()) }
    }

    @Test func aRunOnATableMeasuresInItsUnits() throws {
        let folder = try ScratchFolder()
        // y = 3000·x + 20000 + 500·[red], without noise.
        var table = "colour,x,y\n"
        for i in 0..<300 {
            let red = i % 3 == 0
            table += "\(red ? "red" : "blue"),\(i),\(3000 * i + 20000 + (red ? 500 : 0))\n"
        }
        try table.write(toFile: folder.file("t.csv"), atomically: true, encoding: .utf8)
        var configuration = try RunConfiguration(
            yaml:
                "data: {file: \(folder.file("t.csv")), task: values}\nmodel: dense 1\noptimizer: {name: adam, learningRate: 0.05}"
        )
        (configuration.training.epochs, configuration.training.threads) = (30, 1)
        // Let go of at once: a run is locked while someone may write to it.
        let (written, state) = try {
            let run = try TrainingRun.create(configuration, at: folder.file("run"))
            #expect(try run.run() == .completed)
            return (run.configuration, run.trainer.step.state)
        }()
        let model = try TrainedModel(run: folder.file("run"))
        let options = CSVOptions(target: .last)
        let raw = try Dataset.read(path: folder.file("t.csv"), options: options)
        guard case .values(let targets) = raw.targets else {
            Issue.record("not numbers")
            return
        }
        let answers = try model.predict(raw.inputs, names: raw.featureNames)
        let errors = zip(answers, targets.values).map { abs(Double($0) - Double($1)) }
        let mae = errors.reduce(0, +) / Double(errors.count)
        let measured = try model.measure(model.preprocessing.applied(to: raw))
        let value = try #require(measured.first { $0.name == "mae" }).value
        #expect(abs(value - mae) < 1e-3 * mae + 0.1)
        // Of targets up to 900,000.
        #expect(mae < 20_000)
        let store = try RunStore.read(folder.file("run/run.sqlite"))
        #expect(try store.metric("mae", split: "validation").count == 30)
        #expect(try store.metric("loss", split: "train").count == 30)
        // The file in the folder is complete, and a finished run stays as it is.
        let again = try TrainingRun.resume(folder.file("run"))
        #expect(again.configuration == written)
        #expect(again.trainer.step.state == state)
    }

    @Test func aRunOnArraysInFiles() throws {
        let folder = try ScratchFolder()
        let digits = try Digits.load().flattened()
        let labels = try #require(digits.labels).map { Float($0) }
        try NPYWriter.write(digits.inputs, to: folder.file("x.npy"))
        try NPYWriter.write(DataArray(values: labels, shape: [labels.count]), to: folder.file("y.npy"))
        let text = "{file: \(folder.file("x.npy")), targetFile: \(folder.file("y.npy"))}"
        var configuration = try RunConfiguration(yaml: "data: \(text)\nmodel: dense 32 relu, dense 10")
        (configuration.training.epochs, configuration.training.threads) = (8, 1)
        let written = try {
            let run = try TrainingRun.create(configuration, at: folder.file("run"))
            #expect(try run.run() == .completed)
            return run.configuration
        }()
        #expect(try RunConfiguration(yaml: written.yaml) == written)
        let model = try TrainedModel(run: folder.file("run"))
        let raw = try Dataset.read(path: folder.file("x.npy"), targets: folder.file("y.npy"))
        let accuracy = try model.measure(model.preprocessing.applied(to: raw)).first { $0.name == "accuracy" }
        #expect(try #require(accuracy).value > 0.9)
        for (wrong, key) in [
            ("{name: digits, targetFile: y.npy}", "data.targetFile"),
            ("{file: x.npy, targetFile: y.npy, testTargetFile: z.npy}", "data.testTargetFile"),
        ] {
            let error = #expect(throws: ConfigError.self) {
                try RunConfiguration(yaml: "data: \(wrong)\nmodel: dense 10")
            }
            #expect(error?.key == key)
        }
    }

    /// Training scales the weights of `lsuv` on its rows; the others stay as they were drawn.
    @Test func unitVarianceStart() throws {
        let split = try Digits.load().flattened().split(fraction: 0.8, seed: 1)
        func start(_ rule: String, seed: UInt64) throws -> (sums: [Double], bias: [Float], last: [Float]) {
            var settings = Trainer.Settings()
            (settings.seed, settings.threads) = (seed, 1)
            let model = try ModelSpec("dense 24 initializer=\(rule), relu, dense 10 initializer=orthogonal").build()
            let trainer = try Trainer(model, data: split, settings: settings)
            let state = trainer.step.state
            func values(_ path: String) throws -> [Float] {
                try #require(state.entries.first { $0.path == path }).values
            }
            let weights = try values("dense1.weight")
            let rows = split.train.unitVarianceRows
            var sums: [Double] = []
            for row in 0..<rows.rowCount {
                let x = Array(rows.row(row))
                for unit in 0..<24 {
                    var sum = 0.0
                    for i in x.indices { sum += Double(x[i]) * Double(weights[i * 24 + unit]) }
                    sums.append(sum)
                }
            }
            return (sums, try values("dense1.bias"), try values("dense2.weight"))
        }
        func variance(_ values: [Double]) -> Double {
            let mean = values.reduce(0, +) / Double(values.count)
            return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        }
        let scaled = try start("lsuv", seed: 3)
        let plain = try start("orthogonal", seed: 3)
        #expect(abs(variance(scaled.sums) - 1) < 0.01)
        #expect(abs(variance(plain.sums) - 1) > 0.1)
        // The same matrix times one number.
        let ratio = scaled.sums[0] / plain.sums[0]
        for (a, b) in zip(scaled.sums, plain.sums) { #expect(abs(a - ratio * b) < 1e-4) }
        #expect(scaled.bias == plain.bias)
        #expect(scaled.last == plain.last)
    }

    @Test func preprocessingGoesByName() throws {
        let text = "colour,size,kind\nred,1,a\nblue,2,b\ngreen,3,a\nred,4,b\n"
        let trained = try CSVReader.parse(
            Array(text.utf8).span.bytes, file: "t.csv", options: CSVOptions(target: .last))
        var form = Preprocessing(columnsOf: trained)
        form.scaling = try ColumnScaling.standardizing(trained.inputs)
        form = try #require(Preprocessing(encoded: form.encoded()))
        let other = "size,more,colour\n4,9,red\n1,9,red\n"
        let read = try CSVReader.parse(Array(other.utf8).span.bytes, file: "o.csv", options: CSVOptions())
        let rows = try form.applied(to: read.inputs, names: read.featureNames)
        let expected = try form.applied(to: trained.inputs)
        #expect(Array(rows.row(0)) == Array(expected.row(3)))
        #expect(Array(rows.row(1)) == Array(expected.row(0)))
        let unknown = "colour,size\npink,1\n"
        let bad = try CSVReader.parse(Array(unknown.utf8).span.bytes, file: "u.csv", options: CSVOptions())
        #expect(throws: DataError.self) { try form.applied(to: bad.inputs, names: bad.featureNames) }
    }
}
