import FathomData
import FathomGraph
import FathomNN
import FathomTraining
import Foundation

/// Watches a training: takes every step's loss, and at steps spaced like powers a close look and an evaluation.
///
/// It reads the trainer's state between steps and computes on memory of its own, so that a run that is watched ends with the
/// same bits as one that is not.
///
/// ```swift
/// let watcher = try Watcher(trainer, setup: setup)
/// try trainer.run { event in
///     if try watcher.see(event) { print(Diagnosis(watcher.evidence).findings) }
/// }
/// ```
public final class Watcher {
    /// What has been seen so far.
    public private(set) var evidence: Evidence
    private let trainer: Trainer
    private let examiner: Examiner
    private let sample: Dataset
    private let paths: [String]
    private let evaluations: Set<Int>
    private var looks: ArraySlice<Int>
    /// Parameters after the last steps before the next look, the latest first.
    private var past: [[String: [Float]]] = []
    /// What is trained on is evaluated too, up to so many rows.
    private static let evaluationRows = 2000

    /// - Parameters:
    ///   - trainer: at its beginning; it must measure accuracy for classes or R² for numbers. Every step is reported from
    ///     now on.
    ///   - setup: of the patient that the trainer was made from.
    ///   - steps: how many will be watched; all that are planned when `nil`.
    /// - Throws: ``GraphError`` or ``DataError`` for a model that cannot be looked at.
    public init(
        _ trainer: Trainer, setup: Setup, steps: Int? = nil, settings: Doctor.Settings = Doctor.Settings()
    ) throws {
        self.trainer = trainer
        evidence = Evidence(setup: setup)
        let train = trainer.data.train
        // Seven passes forward and backward for each look, and a line of 64 points; together no more than the training.
        let isHeavy = setup.work > Doctor.heavy
        let affordable = settings.budget / Double(max(settings.looks, 1)) / (7 * 3 * max(setup.work, 1))
        let rows = isHeavy ? min(settings.probeRows, max(Int(min(affordable, 1e6)), 24)) : settings.probeRows
        examiner = try Examiner(trainer.model, loss: trainer.loss, train: train, rows: rows, team: trainer.team)
        let total = steps ?? trainer.stepsPerEpoch * trainer.settings.epochs
        looks = Self.spaced(total, isHeavy ? min(settings.looks, 16) : settings.looks)[...]
        evaluations = Set(Self.spaced(total, isHeavy ? min(settings.evaluations, 10) : settings.evaluations))
        let limit = isHeavy ? min(trainer.heldOut.data.rowCount, Self.evaluationRows) : Self.evaluationRows
        sample =
            train.rowCount > limit ? try train.gather(rows: (0..<limit).map { $0 * train.rowCount / limit }) : train
        paths = trainer.step.declarations.filter { $0.role == .parameter }.map(\.path)
        trainer.reportEvery = 1
        evidence.birth = try examiner.look(at: trainer.step.storage, step: trainer.step.step)
    }

    /// Takes in an event of the trainer's run.
    ///
    /// - Returns: whether there was a close look, so that there may be something new to judge.
    @discardableResult
    public func see(_ event: TrainingEvent) throws -> Bool {
        guard case .step(let step) = event else { return false }
        var course = evidence.course ?? Course()
        // Held once, so that it grows in place.
        evidence.course = nil
        defer { evidence.course = course }
        course.losses.append(Float(step.loss))
        let isLook = looks.first == step.step
        if isLook {
            course.examinations.append(try examiner.look(at: trainer.step.storage, step: step.step, past: past))
            past = []
        }
        while let next = looks.first, next <= step.step { looks.removeFirst() }
        if let next = looks.first, step.step >= next - 2 { past = [parameters()] + past.prefix(1) }
        if evaluations.contains(step.step) {
            course.evaluations.append(
                Course.Evaluation(
                    step: step.step, epoch: step.epoch, train: try score(sample),
                    heldOut: try score(trainer.heldOut.data)))
        }
        return isLook
    }

    /// Takes in how the run ended.
    ///
    /// - Parameter oneBatch: the loss while one batch was learnt by heart.
    public func end(_ ending: Course.Ending, oneBatch: [Float] = []) {
        var course = evidence.course ?? Course()
        if case .nonFinite(let report) = ending { course.losses.append(report.loss) }
        course.ending = ending
        course.oneBatch = oneBatch
        evidence.course = course
    }

    /// Takes in what the network answers to the held-out rows, and what its convolutions look for and see, as it is now.
    ///
    /// - Parameter preprocessing: what brings rows back to the pictures they were.
    public func illustrate(_ preprocessing: Preprocessing) throws {
        let heldOut = trainer.heldOut
        evidence.answers = try ClassificationReport(
            trainer.currentEvaluator(), loss: trainer.loss, dataset: heldOut.data, preprocessing: preprocessing,
            part: heldOut.name)
        evidence.pictures = try examiner.pictures(
            at: trainer.step.storage, preprocessing, look: evidence.latest)
    }

    private func parameters() -> [String: [Float]] {
        Dictionary(uniqueKeysWithValues: paths.map { ($0, trainer.step.storage[$0] ?? []) })
    }

    private func score(_ data: Dataset) throws -> Course.Score {
        let values = try trainer.evaluate(data)
        let skill = values.first { $0.name == (evidence.setup.task.isClassification ? "accuracy" : "r2") }
        return Course.Score(loss: values.first { $0.name == "loss" }?.value ?? .nan, skill: skill?.value ?? .nan)
    }

    /// Steps spaced like powers, the first and the last among them.
    package static func spaced(_ steps: Int, _ count: Int) -> [Int] {
        guard steps > 0, count > 0 else { return [] }
        var chosen: Set<Int> = [1, steps]
        for k in 0..<count {
            let step = pow(Double(steps), Double(k) / Double(max(count - 1, 1)))
            chosen.insert(min(steps, max(1, Int(step.rounded()))))
        }
        return chosen.sorted()
    }
}
