/// A measured number with its name.
public struct MetricValue: Sendable, Hashable, Codable {
    /// The metric's name, or `loss`.
    public let name: String
    /// The number, in the metric's own unit.
    public let value: Double

    /// A number under a name.
    public init(_ name: String, _ value: Double) {
        self.name = name
        self.value = value
    }
}

/// What a ``Trainer`` says while it works.
public enum TrainingEvent: Sendable {
    /// What is known when a run begins or goes on.
    public struct Start: Sendable, Hashable {
        /// Numbers that the model's parameters hold, frozen ones included.
        public let parameters: Int
        /// Rows of the training part.
        public let trainRows: Int
        /// Rows of the part that is evaluated, which is the test part where none was held out.
        public let validationRows: Int
        /// Optimiser steps of one epoch.
        public let stepsPerEpoch: Int
        /// Epochs in all, those already done included.
        public let epochs: Int
        /// Threads that the plan uses at the start.
        public let threads: Int
        /// Steps already done, when a run goes on.
        public let step: Int
        /// Epochs already done.
        public let epoch: Int
    }

    /// The state of training after an optimiser step.
    public struct Step: Sendable, Hashable {
        /// Optimiser steps done.
        public let step: Int
        /// Epochs done before this one.
        public let epoch: Int
        /// Steps done in this epoch.
        public let stepInEpoch: Int
        /// Training rows this trainer has used since it was started.
        public let rows: Int
        /// The loss of the step's batch before the update.
        public let loss: Double
        /// The learning rate of this step, after the schedule.
        public let learningRate: Double
    }

    /// The result of an epoch.
    public struct Epoch: Sendable, Hashable {
        /// Epochs done.
        public let epoch: Int
        /// Optimiser steps done.
        public let step: Int
        /// The mean over the epoch's batches, each measured before its update.
        public let trainLoss: Double
        /// `validation`, or `test` where no part was held out.
        public let split: String
        /// The loss first, then the metrics; empty in epochs without evaluation.
        public let evaluation: [MetricValue]
        /// The rate of the next step, before the evaluation has acted on the schedule.
        public let learningRate: Double
        /// Seconds of the epoch without its evaluation.
        public let seconds: Double
        /// Whether this evaluation is the best so far by the watched metric; never without an evaluation.
        public let isBest: Bool
    }

    /// How a run ended.
    public enum Outcome: String, Sendable, Hashable, Codable {
        /// All epochs are done.
        case completed
        /// The watched metric had not improved for the patience.
        case stoppedEarly
        /// Someone asked for it; the run can go on.
        case interrupted
    }

    case started(Start)
    case step(Step)
    /// What the probes saw in a watched step.
    case observed(StepObservation)
    case epoch(Epoch)
    /// A checkpoint is on the disk.
    case checkpoint(name: String, step: Int)
    /// Something that does not stop the run.
    case warning(String)
    case finished(Outcome)
}
