import FathomNN
import FathomTraining

/// What was seen while a network trained.
public struct Course: Sendable {
    /// How the watching came to its end.
    public enum Ending: Sendable {
        /// It has not ended: what it will reach is not known yet.
        case running
        /// All configured epochs were done.
        case completed
        /// The doctor had seen enough (its budget of steps or time was used up).
        case watchedEnough
        /// A value stopped being a number.
        case nonFinite(NonFiniteReport)
    }

    /// An evaluation in between.
    public struct Evaluation: Sendable, Codable {
        /// Steps done by then.
        public let step: Int
        /// The epoch in which that step lies.
        public let epoch: Int
        /// Over (at most 2,000 of) the training rows, without dropout.
        public let train: Score
        /// Over the held-out rows.
        public let heldOut: Score

        package init(step: Int, epoch: Int, train: Score, heldOut: Score) {
            (self.step, self.epoch, self.train, self.heldOut) = (step, epoch, train, heldOut)
        }
    }

    /// How well a network does, whatever it is trained with.
    public struct Score: Sendable, Codable {
        /// The loss that is minimised, in evaluation mode.
        public let loss: Double
        /// Accuracy for classes, R² for numbers.
        public let skill: Double

        package init(loss: Double, skill: Double) { (self.loss, self.skill) = (loss, skill) }
    }

    /// The loss of every step, before its update.
    public var losses: [Float] = []
    /// At steps spaced like powers, in order; empty before the first.
    public var evaluations: [Evaluation] = []
    /// At steps spaced like powers, so that the beginning is seen closely; the first after a step, the last at the end.
    public var examinations: [Examination] = []
    /// How it ended, or that it still runs.
    public var ending: Ending = .running
    /// The loss while one batch alone is learnt by heart, from the same start; empty when it was not tried.
    public var oneBatch: [Float] = []

    package init() {}

    /// Steps that were watched; one that ended in no number counts.
    public var steps: Int { losses.count }
    public var isRunning: Bool { if case .running = ending { true } else { false } }
    public var isNonFinite: Bool { if case .nonFinite = ending { true } else { false } }
    /// Held-out accuracy, or R², at the last evaluation; `nil` before the first.
    public var finalSkill: Double? { evaluations.last?.heldOut.skill }
}
