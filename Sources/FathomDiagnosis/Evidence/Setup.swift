import FathomData
import FathomNN
import FathomTraining

/// What is known of a patient without running it.
public struct Setup: Sendable {
    /// What is to be predicted.
    public enum Task: Sendable, Hashable {
        case classification(classes: Int)
        case regression(outputs: Int)

        public var isClassification: Bool { if case .classification = self { true } else { false } }
    }

    /// A layer as it was configured, in the order of ``LayerTable``.
    public struct Layer: Sendable {
        /// The layer's path, as in checkpoints.
        public let path: String
        /// What the layer is: `dense`, `batchNorm`.
        public let kind: String
        /// Activations of the layer and of the activation layer that follows it, as in `leakyRelu(slope=0.2)`.
        public let activations: [String]
        /// The activation between its sums and its output, and what theory says of it; `nil` for softmax and gates.
        public let activation: String?
        /// What theory says of `activation`; `nil` where it says nothing.
        public let facts: ActivationFacts?
        /// Features of its input and output along the last axis.
        public let fanIn: Int?
        /// Features of its output along the last axis; `nil` where that extent is not fixed.
        public let units: Int?
        /// What one of them is called: `filter` of a convolution, `channel` of what else works on images, or `unit`.
        public let unitName: String
        /// Numbers in the parameters of the layer itself; buffers do not count.
        public let trainable: Int
        /// Whether it has a parameter named `bias`.
        public let hasBias: Bool
        /// The names of the initialisers of its weights.
        public let initializers: [String]
        /// Whether other layers lie inside, as in a residual block.
        public let isContainer: Bool
        /// Whether no other row holds it.
        public let isOuter: Bool
    }

    /// The patient this is known of.
    public internal(set) var patient: Patient
    /// Classes where the training rows have them, numbers otherwise.
    public let task: Task
    /// Columns and targets as the model sees them, after scaling.
    public let inputs: ColumnStatistics
    /// Of the targets as the loss sees them, after scaling.
    public let targets: TargetStatistics
    /// In the order of the model; a container stands before what it holds.
    public let layers: [Layer]
    /// The loss that is minimised: the patient's own, or the configuration's.
    public let loss: Loss
    /// What stands between the last weighted sums and the loss, the loss's own included: `softmax`, `relu`, `none`; two
    /// entries when the model ends with several.
    public let outputActivations: [String]
    /// Extents of one prediction.
    public let outputShape: [Int]
    /// The optimiser as the configuration makes it.
    public let optimizer: OptimizerSettings
    /// The learning rate at the first step.
    public let learningRate: Double
    /// Rows of a batch; at most the training rows there are.
    public let batch: Int
    /// Updates in one pass over the training rows.
    public let stepsPerEpoch: Int
    /// Numbers in all parameters of the model; buffers do not count.
    public let parameters: Int
    /// Floating-point operations for one row, forward, in products and convolutions.
    public let work: Double
    /// Sizes and mean-field theory; `nil` where the model has no such theory.
    public let inspection: Inspection?
    /// What simple methods reach on the held-out rows: the least that can be expected.
    public let yardstick: Yardstick?

    /// Updates of the whole configured training.
    public var plannedSteps: Int { stepsPerEpoch * patient.configuration.training.epochs }
}

/// Statistics of input columns over the training rows.
public struct ColumnStatistics: Sendable, Codable {
    /// Training rows.
    public let rows: Int
    /// Numbers of one row.
    public let columns: Int
    /// Per column.
    public let means: [Double]
    /// Standard deviation of each column.
    public let deviations: [Double]
    /// Over all elements.
    public let mean: Double
    /// Standard deviation of all elements around `mean`.
    public let deviation: Double
    /// The smallest finite element.
    public let minimum: Double
    /// The largest finite element.
    public let maximum: Double
    /// Columns that never change.
    public let constantColumns: Int
    /// Elements that are infinite or not a number.
    public let nonFinite: Int
    /// Largest by smallest eigenvalue of the second-moment matrix of the first 512 rows, over at most 128 columns that
    /// change.
    public let conditionNumber: Double?
}

/// Statistics of the targets over the training rows.
public struct TargetStatistics: Sendable, Codable {
    /// Rows of each class; empty for numbers.
    public let classCounts: [Int]
    /// Over all elements, for numbers.
    public let mean: Double
    /// Standard deviation over all elements, for numbers.
    public let deviation: Double
    /// The smallest finite element, for numbers.
    public let minimum: Double
    /// The largest finite element, for numbers.
    public let maximum: Double
    /// Elements that are infinite or not a number.
    public let nonFinite: Int

    /// The share of the most frequent class; `nil` for numbers.
    public var majority: Double? {
        let total = classCounts.reduce(0, +)
        return total > 0 ? Double(classCounts.max() ?? 0) / Double(total) : nil
    }
}

/// What methods without a network reach on the held-out rows, so that "it learns" means something.
public struct Yardstick: Sendable, Codable {
    /// Accuracy of the most frequent class, or R² of the mean (0).
    public let trivial: Double
    /// Of the nearest neighbours in standardised columns (5, over at most 2,000 rows).
    public let neighbours: Double
    /// Of a linear model by least squares.
    public let linear: Double

    /// The highest of the three.
    public var best: Double { max(trivial, neighbours, linear) }
}
