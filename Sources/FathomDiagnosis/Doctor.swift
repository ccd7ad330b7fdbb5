import FathomData
import FathomGraph
import FathomNN
import FathomRuntime
import FathomTraining

/// Examines networks: checks the set-up, watches a short training, and says what is the matter.
///
/// ```swift
/// let diagnosis = try Doctor().examine(Patient(configuration))
/// for finding in diagnosis.findings { print(finding.title, finding.text) }
/// ```
///
/// The same patient and settings give the same diagnosis, on any number of threads.
public struct Doctor: Sendable {
    /// How closely and for how long a patient is looked at.
    public struct Settings: Sendable {
        /// Training rows that are looked at closely.
        public var probeRows = 256
        /// The most steps that are watched.
        public var maxSteps = 20_000
        /// The most work that is watched, in floating-point operations; decides how long a large model is watched. A count,
        /// not a time, so that the diagnosis does not depend on the machine.
        public var budget = 1.5e12
        /// Close looks at the network in the course of training.
        public var looks = 24
        /// Evaluations in the course of training.
        public var evaluations = 16
        /// Steps in which one batch is learnt by heart; 0 leaves it out.
        public var oneBatchSteps = 200
        /// Other first weights and orders of the rows that are tried before a network is called ill that does not learn: one
        /// unlucky start is not a disease. The majority decides, and the start with the median skill is what is shown.
        public var otherStarts = 4
        /// Whether settings that look wrong in a network that trains are put right and compared.
        public var weighs = true
        /// Threads to work on; the watched training takes the configuration's number when `nil`.
        public var threads: Int?
        /// How remedies are tried.
        public var treatment = Treatment.Settings()

        /// The settings of an ordinary examination.
        public init() {}
    }

    /// How far an examination has come.
    public enum Progress: Sendable {
        case started(name: String, steps: Int)
        case step(Int, of: Int, loss: Double)
        case note(String)
    }

    /// How closely and for how long patients are looked at.
    public var settings: Settings
    /// The rules that judge, in the order in which they are asked.
    public var rules: [Rule]

    /// A doctor who asks the given rules; all of them by default.
    public init(_ settings: Settings = Settings(), rules: [Rule] = Rule.all) {
        (self.settings, self.rules) = (settings, rules)
    }

    /// Checks a patient and watches it train.
    ///
    /// - Parameters:
    ///   - watching: `false` checks only what can be known before training.
    ///   - progress: is told how far it is.
    /// - Throws: ``ConfigError``, ``DataError`` or ``GraphError`` for a set-up that cannot be built or run.
    public func examine(
        _ patient: Patient, watching: Bool = true, stop: StopRequest = StopRequest(),
        progress: (Progress) -> Void = { _ in }
    ) throws -> Diagnosis {
        let first = Diagnosis(
            try evidence(of: patient, watching: watching, stop: stop, progress: progress), rules: rules)
        guard watching, !first.isHealthy, !first.evidence.trains, !stop.isRequested else {
            return try weighed(first, watching: watching, stop)
        }
        var quick = self
        quick.settings.oneBatchSteps = 0
        var starts = [first.evidence]
        for k in 0..<max(0, settings.otherStarts) where !stop.isRequested {
            // Decided either way.
            let majority = settings.otherStarts / 2 + 1
            let learnt = starts.count { $0.trains }
            if learnt >= majority || starts.count - learnt >= majority { break }
            let seed = patient.configuration.training.seed &+ 1 &+ UInt64(k)
            starts.append(try quick.evidence(of: patient, seed: seed, stop: stop))
        }
        let skills = starts.map {
            Evidence.Start(seed: $0.setup.patient.configuration.training.seed, skill: $0.skillReached)
        }
        let order = starts.indices.sorted { skills[$0].skill < skills[$1].skill }
        let median = order[order.count / 2]
        // Where the others fare no better, the one that was asked about is what is shown.
        var shown = starts[median].trains ? starts[median] : first.evidence
        shown.starts = skills
        shown.course?.oneBatch = first.evidence.course?.oneBatch ?? []
        return try weighed(Diagnosis(shown, rules: rules), watching: watching, stop)
    }

    /// A diagnosis of health, with what looks wrong all the same tried out.
    private func weighed(_ diagnosis: Diagnosis, watching: Bool, _ stop: StopRequest) throws -> Diagnosis {
        guard watching, settings.weighs, diagnosis.isHealthy, !stop.isRequested else { return diagnosis }
        var evidence = diagnosis.evidence
        evidence.counterfactuals = try weigh(diagnosis, stop: stop)
        return evidence.counterfactuals.isEmpty ? diagnosis : Diagnosis(evidence, rules: rules)
    }

    /// What the rules judge by.
    ///
    /// - Parameter seed: replaces the configuration's.
    public func evidence(
        of patient: Patient, watching: Bool = true, seed: UInt64? = nil, stop: StopRequest = StopRequest(),
        progress: (Progress) -> Void = { _ in }
    ) throws -> Evidence {
        var patient = patient
        patient.configuration.training.threads = settings.threads ?? patient.configuration.training.threads
        if let seed { patient.configuration.training.seed = seed }
        let prepared = try patient.prepared()
        let setup = try Setup(patient, prepared)
        let trainer = try trainer(for: patient, prepared, setup)
        let steps = watchedSteps(setup)
        let watcher = try Watcher(trainer, setup: setup, steps: steps, settings: settings)
        guard watching else { return watcher.evidence }
        progress(.started(name: patient.name, steps: steps))
        do {
            try trainer.run { event in
                try watcher.see(event)
                guard case .step(let step) = event else { return }
                if step.step % max(1, steps / 200) == 0 { progress(.step(step.step, of: steps, loss: step.loss)) }
                if step.step >= steps || stop.isRequested { trainer.stop.stop() }
            }
            let ending: Course.Ending = steps < setup.plannedSteps ? .watchedEnough : .completed
            watcher.end(ending, oneBatch: try oneBatch(patient, prepared, setup))
            try watcher.illustrate(prepared.preprocessing)
        } catch TrainingError.nonFinite(let report) {
            watcher.end(.nonFinite(report), oneBatch: try oneBatch(patient, prepared, setup))
        }
        return watcher.evidence
    }

    /// From so many operations a row on, a network is looked at with fewer rows and steps: a convolutional network of some
    /// layers.
    static let heavy = 3e6

    /// How many steps of a patient are watched.
    package func watchedSteps(_ setup: Setup) -> Int {
        // Three passes, and some µs for every layer of however small a network.
        let work = 3 * setup.work * Double(setup.batch) + 4e5 * Double(max(setup.layers.count, 1))
        let least = setup.work > Self.heavy ? 150.0 : 300
        let affordable = Int(max(least, min(Double(settings.maxSteps), settings.budget / work)))
        return max(1, min(setup.plannedSteps, affordable))
    }

    /// A trainer that is only watched: it never stops early, and evaluates when it is told to, by the doctor's measure.
    private func trainer(for patient: Patient, _ prepared: PreparedData, _ setup: Setup) throws -> Trainer {
        var patient = patient
        patient.configuration.training.patience = nil
        patient.configuration.training.monitor = "loss"
        patient.configuration.metrics = [.init(setup.task.isClassification ? "accuracy" : "r2")]
        let trainer = try patient.trainer(prepared)
        trainer.evaluatesEpochs = false
        return trainer
    }

    /// The loss while one batch is learnt by heart.
    private func oneBatch(_ patient: Patient, _ prepared: PreparedData, _ setup: Setup) throws -> [Float] {
        guard settings.oneBatchSteps > 0 else { return [] }
        let train = prepared.split.train
        let count = min(max(setup.batch, 2), 64, train.rowCount)
        let batch = try train.gather(rows: (0..<count).map { $0 * train.rowCount / count })
        var small = prepared
        small.split = try DataSplit(train: batch, test: batch)
        var patient = patient
        patient.configuration.training.batch = count
        patient.configuration.training.accumulate = 1
        patient.configuration.training.epochs = settings.oneBatchSteps
        // By heart means the rows as they are.
        patient.configuration.data.augmentation = Augmentation()
        let trainer = try trainer(for: patient, small, setup)
        trainer.reportEvery = 1
        var losses: [Float] = []
        do {
            try trainer.run { event in if case .step(let step) = event { losses.append(Float(step.loss)) } }
        } catch TrainingError.nonFinite(let report) { losses.append(report.loss) }
        return losses
    }
}
