import FathomData
import FathomGraph
import FathomNN
import FathomTraining
import Foundation
import Synchronization

/// A set-up made ready for many short trainings.
struct TrialSubject: Sendable {
    let patient: Patient
    let prepared: PreparedData
    /// Steps of a whole training.
    let plannedSteps: Int
    /// Floating-point operations of one row, forward.
    let workPerRow: Double
    /// Of one step, roughly.
    let workPerStep: Double

    /// - Throws: for a set-up that cannot be built.
    init(_ patient: Patient) throws {
        var patient = patient
        patient.configuration.training.threads = 1
        patient.configuration.training.patience = nil
        patient.configuration.training.monitor = "loss"
        let isClasses = patient.data.train.classCount != nil
        patient.configuration.metrics = [.init(isClasses ? "accuracy" : "r2")]
        self.patient = patient
        prepared = try patient.prepared()
        let trainer = try patient.trainer(prepared)
        plannedSteps = trainer.stepsPerEpoch * patient.configuration.training.epochs
        let tensors = Double(max(trainer.step.declarations.count, 1))
        workPerRow = Work.forward(trainer.model, input: prepared.split.train.inputs.rowShape) ?? 0
        // Three passes, and some µs for every tensor of however small a network.
        workPerStep = 3 * workPerRow * Double(trainer.rowsPerStep) + 2e5 * tensors
    }

    /// What came of one training.
    struct Outcome: Sendable {
        /// Accuracy or R² on the held-out rows, at least −1; `nil` when values stopped being numbers.
        var skill: Double?
        /// The same in between.
        var curve: [PairedSpeed.Point] = []
    }

    /// Trains for some steps.
    ///
    /// - Parameter evaluations: how often the skill is measured on the way, at steps spaced like powers.
    func run(seed: UInt64, steps: Int, evaluations: Int, stop: StopRequest) throws -> Outcome {
        let trainer = try patient.trainer(prepared, seed: seed)
        trainer.reportEvery = 1
        // Schedules that follow the validation loss need it.
        trainer.evaluatesEpochs = patient.configuration.schedule.name.lowercased().contains("plateau")
        // Measuring must not cost more than the training itself.
        let each = Double(trainer.heldOut.data.rowCount) * workPerRow + 1
        let most = Int(min(Double(evaluations), max(Double(steps) * workPerStep / each, 2)))
        let marks = Set(Watcher.spaced(steps, most))
        var outcome = Outcome()
        do {
            try trainer.run { event in
                guard case .step(let step) = event else { return }
                if marks.contains(step.step), let skill = skill(of: trainer) {
                    outcome.curve.append(.init(work: Double(step.step) * workPerStep, skill: skill))
                }
                if step.step >= steps || stop.isRequested { trainer.stop.stop() }
            }
        } catch TrainingError.nonFinite { return outcome }
        outcome.skill = skill(of: trainer)
        return outcome
    }

    /// `nil` for an output that no answer can be read from, such as a single one for ten classes: it has learnt nothing.
    private func skill(of trainer: Trainer) -> Double? {
        guard let values = try? trainer.evaluate(trainer.heldOut.data),
            let skill = values.first(where: { $0.name != "loss" })?.value, skill.isFinite
        else { return nil }
        return max(skill, -1)
    }
}

/// Calls `body` for 0 ..< `count` on several threads, each with a large stack.
///
/// - Throws: the first error.
func concurrently(_ count: Int, threads: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    final class Shared: Sendable {
        let next = Atomic<Int>(0)
        let error = Mutex<(any Error)?>(nil)
    }
    let shared = Shared()
    let done = DispatchSemaphore(value: 0)
    let workers = max(1, min(threads, count))
    for _ in 0..<workers {
        let thread = Thread {
            defer { done.signal() }
            while true {
                let i = shared.next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard i < count, shared.error.withLock({ $0 == nil }) else { return }
                do { try body(i) } catch { shared.error.withLock { $0 = $0 ?? error } }
            }
        }
        thread.name = "fathom.trial"
        thread.stackSize = 8 << 20
        thread.start()
    }
    for _ in 0..<workers { done.wait() }
    if let error = shared.error.withLock({ $0 }) { throw error }
}
