import FathomData
import FathomNN
import Foundation

/// A training run with its folder: configuration, checkpoints and run store around a ``Trainer``.
public final class TrainingRun {
    /// The run's folder, locked for writing as long as this run lives.
    public let folder: RunFolder
    /// Complete, as in the folder's `config.yaml`.
    public let configuration: RunConfiguration
    /// The loop itself, whose checkpoints go to the folder.
    public let trainer: Trainer
    /// The data as the trainer has them.
    public let prepared: PreparedData
    /// Where numbers and verdicts go while ``run(_:)`` is at work; `nil` otherwise.
    public private(set) var store: RunStore?
    /// Checkpoints that were damaged and passed over when the run went on.
    public let rejected: [CheckpointStore.Rejection]

    private init(
        _ folder: RunFolder, _ configuration: RunConfiguration, _ trainer: Trainer, _ prepared: PreparedData,
        rejected: [CheckpointStore.Rejection] = []
    ) {
        (self.folder, self.configuration, self.trainer, self.rejected) = (folder, configuration, trainer, rejected)
        self.prepared = prepared
    }

    /// Begins a run.
    ///
    /// - Parameters:
    ///   - path: the run's folder, which must not exist; `nil` makes one in `parent`, named by date and name.
    ///   - dataFolders: where named data sets are looked for first.
    ///   - probes: what the run store keeps of every watched step, layer by layer; given the number of planned steps.
    /// - Throws: ``ConfigError``, ``DataError``, ``GraphError`` or ``StorageError``; no folder is left behind then.
    public static func create(
        _ configuration: RunConfiguration, at path: String? = nil, in parent: String = "runs",
        dataFolders: [String] = [], probes: ((_ plannedSteps: Int) -> ProbeSettings)? = nil,
        stop: StopRequest = StopRequest()
    ) throws -> TrainingRun {
        let prepared = try PreparedData(configuration, folders: dataFolders)
        let configuration = try configuration.resolved(for: prepared)
        let steps = Trainer.steps(rows: prepared.split.train.rowCount, configuration.training)
        // Before the folder is made: a mistake in the model leaves nothing behind.
        let trainer = try Trainer(
            configuration, prepared, probes: probes?(steps * configuration.training.epochs), stop: stop)
        let text = "# A run of fathom; every setting is written out.\n" + configuration.yaml
        let folder =
            try path.map { (path) throws(StorageError) in try RunFolder.create(at: path, configuration: text) }
            ?? RunFolder.create(in: parent, name: configuration.name ?? prepared.split.train.name, configuration: text)
        trainer.checkpoints = try CheckpointWriter(folder: folder.checkpointsPath, keep: configuration.training.keep)
        return TrainingRun(folder, configuration, trainer, prepared)
    }

    /// Opens a run to go on with it, from its last whole checkpoint.
    ///
    /// - Parameter changes: applied to the configuration, for instance more epochs.
    public static func resume(
        _ path: String, dataFolders: [String] = [], stop: StopRequest = StopRequest(),
        changing changes: (inout RunConfiguration) -> Void = { _ in }
    ) throws -> TrainingRun {
        let folder = try RunFolder.resume(path)
        var configuration = try RunConfiguration(yaml: folder.configuration())
        let written = configuration
        changes(&configuration)
        let prepared = try PreparedData(configuration, folders: dataFolders)
        let trainer = try Trainer(configuration, prepared, stop: stop)
        let writer = try CheckpointWriter(folder: folder.checkpointsPath, keep: configuration.training.keep)
        let recovery = try writer.store.latest()
        if let checkpoint = recovery.checkpoint { try trainer.resume(from: checkpoint) }
        if configuration != written {
            let text = "# A run of fathom; every setting is written out.\n" + configuration.yaml
            try AtomicFile.write(text, to: folder.configurationPath)
        }
        trainer.checkpoints = writer
        return TrainingRun(folder, configuration, trainer, prepared, rejected: recovery.rejected)
    }

    /// Trains, and records the metrics in the run store.
    ///
    /// - Throws: as ``Trainer/run(_:)``.
    @discardableResult
    public func run(_ handle: (TrainingEvent) throws -> Void = { _ in }) throws -> TrainingEvent.Outcome {
        let store = try RunStore.open(folder.databasePath)
        try store.removeRecords(after: trainer.step.step)
        self.store = store
        defer { self.store = nil }
        func note(_ text: String, _ level: RunStore.Severity) throws {
            try store.record(RunStore.Event(time: Date().timeIntervalSince1970, level: level, text: text))
        }
        do {
            var recorder = ObservationRecorder(store)
            let outcome = try trainer.run { event in
                if case .observed(let seen) = event { try recorder.record(seen) }
                try store.record(event)
                try handle(event)
            }
            try note(outcome.rawValue, .info)
            try store.close()
            return outcome
        } catch {
            // The first error counts; the store may be what failed.
            try? note("\(error)", .failure)
            try? store.close()
            throw error
        }
    }
}

extension RunStore {
    /// Records what an event measured.
    func record(_ event: TrainingEvent) throws(StorageError) {
        func metric(_ step: Int, _ epoch: Int, _ split: String, _ name: String, _ value: Double) throws(StorageError) {
            try record(Metric(step: step, epoch: epoch, split: split, name: name, value: value))
        }
        switch event {
        case .step(let step):
            try metric(step.step, step.epoch, "step", "loss", step.loss)
            try metric(step.step, step.epoch, "step", "learningRate", step.learningRate)
        case .epoch(let epoch):
            try metric(epoch.step, epoch.epoch, "train", "loss", epoch.trainLoss)
            for value in epoch.evaluation { try metric(epoch.step, epoch.epoch, epoch.split, value.name, value.value) }
        case .started, .observed, .checkpoint, .warning, .finished: break
        }
    }
}

extension RunConfiguration {
    /// The configuration with everything written out that the data decide.
    public func resolved(for prepared: PreparedData) throws(ConfigError) -> RunConfiguration {
        var resolved = self
        let isClasses = prepared.split.train.classCount != nil
        resolved.loss = loss ?? Choice(isClasses ? "softmaxCrossEntropy" : "meanSquaredError")
        resolved.metrics = metrics ?? (isClasses ? [Choice("accuracy")] : [Choice("r2"), Choice("mae")])
        if resolved.data.scaling == nil {
            resolved.data.scaling =
                prepared.preprocessing.scaling == nil ? DataConfiguration.Scaling.none : .standardize
        }
        // A run can be opened from any folder.
        func absolute(_ path: String) -> String {
            path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        }
        switch data.source {
        case .file(let file, let test):
            func located(_ file: DataConfiguration.File) -> DataConfiguration.File {
                .init(absolute(file.path), targets: file.targets.map(absolute))
            }
            resolved.data.source = .file(located(file), test: test.map(located))
        case .pictures(let folder, let test):
            resolved.data.source = .pictures(absolute(folder), test: test.map(absolute))
        case .named(let name, let folder): resolved.data.source = .named(name, folder: folder.map(absolute))
        }
        resolved.data.isFlat = data.isFlat ?? (prepared.split.train.inputs.rowShape.count == 1)
        if !isClasses, resolved.data.scalesTarget == nil {
            resolved.data.scalesTarget = prepared.preprocessing.targetScaling != nil
        }
        return resolved
    }

    /// The loss it names, or the one that goes with the data.
    package func makeLoss(isClasses: Bool) throws(ConfigError) -> Loss {
        let choice = loss ?? Choice(isClasses ? "softmaxCrossEntropy" : "meanSquaredError")
        return try choice.checked { name, options throws(ConfigError) in try Loss.named(name, options) }
    }

    func makeMetrics(_ loss: Loss) throws(ConfigError) -> [Metric]? {
        guard let metrics else { return nil }
        var made: [Metric] = []
        for choice in metrics {
            made.append(
                try choice.checked { name, options throws(ConfigError) in
                    try Metric.named(name, options, threshold: loss.decisionThreshold)
                })
        }
        return made
    }

    package func makeSchedule(totalSteps: Int) throws(ConfigError) -> Schedule {
        try schedule.checked { name, options throws(ConfigError) in
            try ScheduleTable.named(name, options, totalSteps: totalSteps)
        }
    }

    package func makeOptimizer() throws(ConfigError) -> OptimizerSettings {
        let optimizer = try optimization.optimizer.checked { name, options throws(ConfigError) in
            try OptimizerTable.named(name, options)
        }
        return OptimizerSettings(
            optimizer, clipping: optimization.clipping, groups: optimization.groups,
            averageDecay: optimization.average, maximizes: optimization.maximize)
    }
}

extension Trainer {
    /// The trainer that a configuration describes.
    ///
    /// - Parameters:
    ///   - model: stands in place of the configuration's model, for layers that have no form as data.
    ///   - loss: stands in place of the configuration's loss.
    ///   - epochs: how many are run; the schedule stays stretched over the configuration's.
    public convenience init(
        _ configuration: RunConfiguration, _ prepared: PreparedData, model: (any Layer)? = nil, loss: Loss? = nil,
        epochs: Int? = nil, probes: ProbeSettings? = nil, stop: StopRequest = StopRequest()
    ) throws {
        let loss = try loss ?? configuration.makeLoss(isClasses: prepared.split.train.classCount != nil)
        let steps = Self.steps(rows: prepared.split.train.rowCount, configuration.training)
        let schedule = try configuration.makeSchedule(totalSteps: steps * configuration.training.epochs)
        var settings = configuration.training
        if let epochs { settings.epochs = epochs }
        try self.init(
            model ?? configuration.model.build(), data: prepared.split, settings: settings, loss: loss,
            optimizer: configuration.makeOptimizer(), schedule: schedule, metrics: configuration.makeMetrics(loss),
            augmentation: configuration.data.augmentation, probes: probes, stop: stop)
        targetScaling = prepared.preprocessing.targetScaling
        metadata["preprocessing"] = prepared.preprocessing.encoded()
    }
}

extension Preprocessing {
    /// JSON for a checkpoint's metadata.
    package func encoded() -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    package init?(encoded text: String) {
        guard let value = try? JSONDecoder().decode(Self.self, from: Data(text.utf8)) else { return nil }
        self = value
    }
}
