/// A measured number with its name.
public struct MetricValue: Sendable, Hashable, Codable {
    public let name: String
    public let value: Double

    public init(_ name: String, _ value: Double) {
        self.name = name
        self.value = value
    }
}

/// What a ``Trainer`` says while it works.
public enum TrainingEvent: Sendable {
    public struct Start: Sendable, Hashable {
        public let parameters: Int
        public let trainRows: Int
        public let validationRows: Int
        public let stepsPerEpoch: Int
        public let epochs: Int
        public let threads: Int
        /// Steps already done, when a run goes on.
        public let step: Int
        /// Epochs already done.
        public let epoch: Int
    }

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
        public let learningRate: Double
    }

    public struct Epoch: Sendable, Hashable {
        /// Epochs done.
        public let epoch: Int
        public let step: Int
        /// The mean over the epoch's batches, each measured before its update.
        public let trainLoss: Double
        /// `validation`, or `test` where no part was held out.
        public let split: String
        /// The loss first, then the metrics; empty in epochs without evaluation.
        public let evaluation: [MetricValue]
        public let learningRate: Double
        /// Seconds of the epoch without its evaluation.
        public let seconds: Double
        public let isBest: Bool
    }

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
