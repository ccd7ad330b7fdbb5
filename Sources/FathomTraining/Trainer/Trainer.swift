import FathomData
import FathomGraph
import FathomNN
import FathomRuntime

/// The training loop: steps, epochs, evaluation, early stopping, checkpoints.
///
/// It runs on the thread that calls ``run(_:)``; ``inBackground(stop:_:)`` gives it a thread of its own. Everything it
/// does is decided by its arguments and its seed, so that a run that was stopped (or killed) and went on from its last
/// checkpoint ends with the bits of one that never stopped.
///
/// ```swift
/// let trainer = try Trainer(model, data: split, settings: settings)
/// try trainer.run { event in print(event) }
/// ```
public final class Trainer {
    /// How the loop runs: epochs, batch size, evaluation, early stopping.
    public typealias Settings = RunConfiguration.Training

    /// The training step, which holds the parameters.
    public let step: TrainStep
    /// The parts: the first is trained on, ``heldOut`` is evaluated.
    public let data: DataSplit
    /// How the loop runs.
    public let settings: Settings
    /// Factors on the optimiser's learning rate, by step.
    public let schedule: Schedule
    /// The loss, whether given or chosen by the targets.
    public let loss: Loss
    /// What evaluations measure besides the loss, whether given or chosen by the targets.
    public let metrics: [Metric]
    /// Where the run stands; with the step's state it lets a run go on.
    public internal(set) var progress = TrainingProgress()
    /// Where checkpoints go; `nil` keeps none.
    public var checkpoints: CheckpointWriter?
    /// Entries for the metadata of every checkpoint, such as the preprocessing.
    public var metadata: [String: String] = [:]
    /// The change of the targets that metrics undo.
    public var targetScaling: ColumnScaling?
    /// Steps between ``TrainingEvent/step(_:)`` events; 0 for none.
    public var reportEvery = 10
    /// Whether epochs end with an evaluation; a caller that evaluates by itself turns it off.
    package var evaluatesEpochs = true
    /// The request that ends the run after its step.
    public let stop: StopRequest

    package let model: any Layer
    package let team: Team
    private var evaluator: Evaluator?
    private var averages: StateStorage?
    let feed: TrainingFeed
    /// The rows of the current epoch in their order.
    private(set) var rows: [Int] = []
    /// The micro-batches of the current epoch.
    private(set) var plan = BatchPlan(rows: [], batchSize: 1, parts: 1)
    private var rowsEpoch = -1
    /// Whether this trainer began at step 0, so that its initial state can be drawn again.
    private(set) var isFromStart = true
    private var rowsDone = 0

    /// - Parameters:
    ///   - loss: `nil` chooses by the targets: softmax cross-entropy for classes, squared error for numbers.
    ///   - schedule: factors on the optimiser's learning rate, by step.
    ///   - metrics: `nil` chooses by the targets.
    ///   - augmentation: random changes of the training rows, never of those that are evaluated.
    ///   - probes: what to watch; every watched step gives a ``TrainingEvent/observed(_:)``.
    /// - Throws: ``GraphError`` for a mistake in the model, ``TrainingError`` for settings that do not fit together.
    public init(
        _ model: any Layer, data: DataSplit, settings: Settings = Settings(), loss: Loss? = nil,
        optimizer: OptimizerSettings = OptimizerSettings(Adam()), schedule: Schedule = .constant,
        metrics: [Metric]? = nil, augmentation: Augmentation = Augmentation(), probes: ProbeSettings? = nil,
        stop: StopRequest = StopRequest()
    ) throws {
        let isClasses = data.train.classCount != nil
        let loss = loss ?? (isClasses ? .softmaxCrossEntropy() : .meanSquaredError)
        (self.model, self.data, self.settings, self.loss, self.schedule, self.stop) = (
            model, data, settings, loss, schedule, stop
        )
        self.metrics = metrics ?? (isClasses ? [.accuracy] : [.rSquared, .meanAbsoluteError])
        let measured = ["loss"] + self.metrics.map(\.name)
        guard measured.contains(settings.monitor) else {
            throw TrainingError.unknownMonitor(settings.monitor, measured: measured)
        }
        let batch = min(settings.batch, data.train.rowCount)
        guard batch > 0 else { throw TrainingError.data("there are no rows to train on") }
        try augmentation.check(data.train.imageShape)
        if isClasses, augmentation.mixup > 0, loss.target != .labels || !loss.accepts.contains(.values) {
            throw TrainingError.data(
                "mixup makes classes into probabilities, which the loss '\(loss.name)' does not take; "
                    + "use softmaxCrossEntropy or categoricalCrossEntropy")
        }
        feed = TrainingFeed(data.train, augmentation, seed: settings.seed)
        team = Team(threads: settings.threads)
        step = try TrainStep(
            model, loss: loss, optimizer: optimizer, data: DataShape(data.train, training: augmentation), batch: batch,
            microBatches: settings.accumulate, seed: settings.seed, rows: data.train, probes: probes,
            team: team,
            options: Executable.Options(precision: settings.precision))
        try check(outputs: loss)
    }

    /// The rows of one update, which may be several batches.
    public var rowsPerStep: Int { step.batch * settings.accumulate }

    /// Updates in one epoch. Rows that cannot give every micro-batch one are left out.
    public var stepsPerEpoch: Int { Self.steps(rows: data.train.rowCount, settings) }

    /// Updates that an epoch of so many rows takes.
    public static func steps(rows: Int, _ settings: Settings) -> Int {
        let each = min(settings.batch, max(1, rows)) * settings.accumulate
        return max(1, rows / each + (rows % each >= settings.accumulate ? 1 : 0))
    }

    /// The part that is evaluated while training.
    public var heldOut: (name: String, data: Dataset) {
        data.validation.map { ("validation", $0) } ?? ("test", data.test)
    }

    /// The learning rate of the next step.
    public var learningRate: Double {
        step.optimizer.optimizer.learningRate * schedule.factor(at: step.step, state: progress.plateau)
    }

    // MARK: Running

    /// Trains until all epochs are done, the run stops early, or a stop is requested.
    ///
    /// - Parameter handle: receives the events, on this thread.
    /// - Throws: ``TrainingError/nonFinite(_:)`` when the loss stops being a number, ``StorageError`` when a checkpoint
    ///   cannot be written, and what `handle` throws.
    @discardableResult
    public func run(_ handle: (TrainingEvent) throws -> Void = { _ in }) throws -> TrainingEvent.Outcome {
        try handle(
            .started(
                .init(
                    parameters: step.declarations.reduce(0) {
                        $0 + ($1.role == .parameter ? $1.shape.reduce(1, *) : 0)
                    },
                    trainRows: data.train.rowCount, validationRows: heldOut.data.rowCount,
                    stepsPerEpoch: stepsPerEpoch, epochs: settings.epochs, threads: step.executable.threadsUsed,
                    step: step.step, epoch: progress.epoch)))
        // A run that has ended stays as it is, unless it is given more epochs.
        if let outcome = progress.outcome, outcome != .interrupted {
            if outcome == .stoppedEarly || progress.epoch >= settings.epochs { return try finish(outcome, handle) }
            progress.outcome = nil
        }
        while progress.epoch < settings.epochs {
            guard try runEpoch(handle) else { return try finish(.interrupted, handle) }
            if progress.outcome == .stoppedEarly { return try finish(.stoppedEarly, handle) }
        }
        return try finish(.completed, handle)
    }

    private func finish(
        _ outcome: TrainingEvent.Outcome, _ handle: (TrainingEvent) throws -> Void
    ) throws -> TrainingEvent.Outcome {
        if outcome != .interrupted { progress.outcome = outcome }
        if savedStep != step.step || outcome != .interrupted && savedOutcome != outcome { try save(handle) }
        try handle(.finished(outcome))
        return outcome
    }

    /// The rest of the current epoch.
    ///
    /// - Returns: `false` when a stop was requested in it.
    private func runEpoch(_ handle: (TrainingEvent) throws -> Void) throws -> Bool {
        planRows()
        let clock = ContinuousClock()
        let start = clock.now
        while rows.count - progress.position >= settings.accumulate {
            if stop.isRequested {
                try checkState()
                return false
            }
            let rate = learningRate
            let (loss, count) = try runStep()
            rowsDone += count
            progress.lossSum += Double(loss) * Double(count)
            progress.lossRows += count
            if let probes = step.probes, probes.watches(step: step.step), let seen = step.observation {
                try handle(.observed(seen))
            }
            guard loss.isFinite else { throw try explain(loss) }
            lastLoss = loss
            progress.position += count
            if reportEvery > 0, step.step % reportEvery == 0 {
                try handle(
                    .step(
                        .init(
                            step: step.step, epoch: progress.epoch,
                            stepInEpoch: (progress.position + rowsPerStep - 1) / rowsPerStep, rows: rowsDone,
                            loss: Double(loss), learningRate: rate)))
            }
        }
        try endEpoch((clock.now - start).seconds, handle)
        return true
    }

    /// Puts the rows into the order of the current epoch.
    func planRows() {
        guard rowsEpoch != progress.epoch else { return }
        rows = permutation(count: data.train.rowCount, seed: settings.seed, epoch: progress.epoch)
        plan = BatchPlan(rows: rows, batchSize: step.batch, parts: settings.accumulate)
        feed.begin(epoch: progress.epoch, plan: plan)
        rowsEpoch = progress.epoch
    }

    /// One update on the next rows.
    ///
    /// - Returns: the mean loss of these rows before the update, and their number.
    func runStep(learningRate given: Double? = nil) throws -> (loss: Float, rows: Int) {
        let parts = settings.accumulate
        var count = 0
        var sum = 0.0
        let rate = given ?? learningRate
        for part in 0..<parts {
            let index = microBatch + part
            let size = plan[index].count
            count += size
            try step.withInputs(batch: size) { x, y in
                Result { try feed.copy(index, inputs: UnsafeMutableRawBufferPointer(x), targets: y) }
            }?.get()
            let loss =
                part < parts - 1 ? try step.accumulate(batch: size) : try step.run(batch: size, learningRate: rate)
            if parts == 1 { return (loss, size) }
            sum += Double(loss) * Double(size)
        }
        return (Float(sum / Double(max(1, count))), count)
    }

    /// The first micro-batch of the next update. All before it are full, because only an epoch's last update is not.
    var microBatch: Int { progress.position / step.batch }

    private func endEpoch(_ seconds: Double, _ handle: (TrainingEvent) throws -> Void) throws {
        try checkState()
        let rate = learningRate
        progress.epoch += 1
        let trainLoss = progress.lossSum / Double(max(1, progress.lossRows))
        (progress.position, progress.lossSum, progress.lossRows) = (0, 0, 0)
        var evaluation: [MetricValue] = []
        var isBest = false
        let isLast = progress.epoch >= settings.epochs
        if evaluatesEpochs, progress.epoch % settings.evaluateEvery == 0 || isLast {
            evaluation = try evaluate(heldOut.data)
            isBest = watch(evaluation)
        }
        if let patience = settings.patience, progress.waited >= patience { progress.outcome = .stoppedEarly }
        try handle(
            .epoch(
                .init(
                    epoch: progress.epoch, step: step.step, trainLoss: trainLoss, split: heldOut.name,
                    evaluation: evaluation, learningRate: rate, seconds: seconds, isBest: isBest)))
        if isLast { progress.outcome = .completed }
        if isLast || progress.outcome != nil || isBest && settings.keepBest
            || progress.epoch % settings.checkpointEvery == 0
        {
            try save(isBest: isBest, handle)
        }
    }

    /// Takes an evaluation into the schedule, the best value and the patience.
    private func watch(_ evaluation: [MetricValue]) -> Bool {
        if let loss = evaluation.first(where: { $0.name == "loss" })?.value {
            schedule.observe(loss, state: &progress.plateau)
        }
        guard let value = evaluation.first(where: { $0.name == settings.monitor })?.value, value.isFinite else {
            progress.waited += 1
            return false
        }
        let larger = metrics.first { $0.name == settings.monitor }?.largerIsBetter ?? false
        let isBest = progress.best.map { larger ? value > $0 : value < $0 } ?? true
        if isBest {
            (progress.best, progress.bestEpoch, progress.waited) = (value, progress.epoch, 0)
        } else {
            progress.waited += 1
        }
        return isBest
    }

    // MARK: Evaluation

    /// The loss and the metrics of the model as it is, over any data set of the right shape.
    ///
    /// With weight averaging it is the average that is measured.
    public func evaluate(_ dataset: Dataset) throws(GraphError) -> [MetricValue] {
        try currentEvaluator().measure(dataset, metrics)
    }

    /// The model as it is, in evaluation mode; with weight averaging it is the average.
    public func currentEvaluator() throws(GraphError) -> Evaluator {
        let ready = try readyEvaluator()
        if let averages {
            for entry in step.storage.entries {
                let slot = OptimizerSettings.path(slot: OptimizerSettings.averageSlot, of: entry.path)
                if let values = step.storage[slot] ?? step.storage[entry.path] { averages.set(entry.path, values) }
            }
        }
        ready.targetScaling = targetScaling
        return ready
    }

    /// The evaluation pass, made once.
    private func readyEvaluator() throws(GraphError) -> Evaluator {
        if let evaluator { return evaluator }
        if step.optimizer.averageDecay != nil {
            averages = StateStorage(step.storage.entries.map { ($0.path, $0.count) })
        }
        let made = try Evaluator(
            model, loss: loss, data: DataShape(data.train), storage: averages ?? step.storage, team: team,
            batch: max(1, min(256, max(data.test.rowCount, heldOut.data.rowCount))))
        evaluator = made
        return made
    }

    /// Refuses a last layer that does not fit the classes, before anything is trained.
    private func check(outputs loss: Loss) throws(GraphError) {
        // One probability for many classes is a mistake that can be trained, and that the doctor explains.
        guard let classes = data.train.classCount, loss.expects != .sigmoid,
            loss.target == .labels || loss.accepts.contains(.labels)
        else { return }
        guard let width = try readyEvaluator().step.outputShape.last, width < classes, !(width == 1 && classes == 2)
        else { return }
        throw GraphError(
            op: loss.name, message: "the model's last layer has \(width) outputs, but the data have \(classes) classes",
            hint: "end the model with dense \(classes)")
    }

    // MARK: Checkpoints

    private var savedStep = -1
    /// The last step's, for what is said when its update spoilt the state.
    var lastLoss: Float = 0
    private var savedOutcome: TrainingEvent.Outcome?

    /// State and progress as a checkpoint.
    public func checkpoint() throws(StorageError) -> Checkpoint {
        var metadata = metadata
        metadata["progress"] = progress.encoded()
        metadata["seed"] = "\(step.seed)"
        return Checkpoint(step: step.step, state: try step.state.tensors(), metadata: metadata)
    }

    private func save(isBest: Bool = false, _ handle: (TrainingEvent) throws -> Void) throws {
        guard let checkpoints else { return }
        let report = try checkpoints.save(try checkpoint())
        (savedStep, savedOutcome) = (step.step, progress.outcome)
        for warning in report.warnings { try handle(.warning(warning)) }
        if isBest && settings.keepBest { try checkpoints.pin(report.generation, as: "best") }
        try handle(.checkpoint(name: report.generation.name, step: step.step))
    }

    /// Goes on from a checkpoint.
    ///
    /// - Throws: ``TrainingError/foreignCheckpoint(_:)`` or ``GraphError`` when it is not one of this model and optimiser.
    public func resume(from checkpoint: Checkpoint) throws {
        guard checkpoint.randomStream == 1 else {
            throw TrainingError.foreignCheckpoint("its random numbers are of version \(checkpoint.randomStream)")
        }
        guard let text = checkpoint.metadata["progress"], let progress = TrainingProgress(encoded: text),
            let seed = checkpoint.metadata["seed"].flatMap(UInt64.init)
        else { throw TrainingError.foreignCheckpoint("it does not say where its run stood") }
        guard progress.position <= data.train.rowCount else {
            throw TrainingError.foreignCheckpoint("it stands at row \(progress.position) of \(data.train.rowCount)")
        }
        try step.load(TrainState(checkpoint.state, step: checkpoint.step, seed: seed))
        self.progress = progress
        isFromStart = false
        rowsEpoch = -1
        (savedStep, savedOutcome) = (step.step, progress.outcome)
    }
}

extension Duration {
    /// The duration in seconds.
    package var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
