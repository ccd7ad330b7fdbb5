import FathomNN
import FathomRuntime

/// Everything that decides a training run, as a value: data, model, loss, optimiser, schedule, training, metrics.
///
/// It reads from and writes to YAML; the file in a run's folder is the complete one, in which no default is left out.
/// The same configuration gives the same bits.
public struct RunConfiguration: Sendable, Hashable {
    /// A row of a table, such as `adam`, with its options.
    public struct Choice: Sendable, Hashable {
        /// The row's name in its table.
        public var name: String
        /// The options that are set; the others keep the table's defaults.
        public var options: [String: OptionValue]
        /// Where it stands in the source, for messages.
        package var line: Int?

        /// A choice by name; nothing is checked yet.
        public init(_ name: String, _ options: [String: OptionValue] = [:]) {
            self.name = name
            self.options = options
        }

        // Where it was written does not make it another choice.
        public static func == (a: Choice, b: Choice) -> Bool { a.name == b.name && a.options == b.options }
        public func hash(into hasher: inout Hasher) {
            hasher.combine(name)
            hasher.combine(options)
        }
    }

    /// Gradient clipping, parameter groups, weight averaging and the direction around the optimiser.
    public struct Optimization: Sendable, Hashable {
        /// The optimiser with its options, the learning rate among them.
        public var optimizer = Choice("adam")
        /// How gradients are kept from exploding; `nil` leaves them as they are.
        public var clipping: OptimizerSettings.Clipping?
        /// Parameters that are treated otherwise than the rest, by their paths.
        public var groups: [ParameterGroup] = []
        /// The decay of the moving average of the weights, which is then used for evaluation.
        public var average: Double?
        /// Whether the loss is climbed instead of descended.
        public var maximize = false

        /// Adam with its defaults, and nothing around it.
        public init() {}
    }

    /// How the loop runs.
    public struct Training: Sendable, Hashable {
        /// Passes over the training rows in all, those before a resumption included.
        public var epochs = 10
        /// Rows of one batch.
        public var batch = 32
        /// Batches whose gradients are averaged for one update.
        public var accumulate = 1
        /// Epochs between evaluations.
        public var evaluateEvery = 1
        /// Epochs between checkpoints; one is always written at the end.
        public var checkpointEvery = 1
        /// How many checkpoints are kept besides the best.
        public var keep = 3
        /// Stop when the watched metric has not improved for so many evaluations; `nil` never stops early.
        public var patience: Int?
        /// The metric by which the best model is chosen and training stops early: `loss` or one of the metrics.
        public var monitor = "loss"
        /// Whether the best model's checkpoint is kept.
        public var keepBest = true
        /// The seed of initial values, order and everything random in training.
        public var seed: UInt64 = 0
        /// What the factors of training's products are rounded to; evaluation and inference are float32.
        public var precision = Precision.float32
        /// Threads; `nil` for the processors in use. Never changes a bit of the result.
        public var threads: Int?

        /// The defaults: 10 epochs in batches of 32 rows, evaluated after each.
        public init() {}
    }

    /// Part of the name of the run's folder; `nil` takes the data set's.
    public var name: String?
    /// Where the rows come from and how they are prepared.
    public var data: DataConfiguration
    /// The layers, as data.
    public var model: ModelSpec
    /// `nil` chooses by the data: softmax cross-entropy for classes, squared error for numbers.
    public var loss: Choice?
    /// The optimiser and what is around it.
    public var optimization = Optimization()
    /// How the learning rate changes from step to step.
    public var schedule = Choice("constant")
    /// How the loop runs.
    public var training = Training()
    /// `nil` chooses by the data: accuracy for classes, R² and the absolute error for numbers.
    public var metrics: [Choice]?

    /// A run of a model on data, everything else by default.
    public init(data: DataConfiguration, model: ModelSpec) {
        self.data = data
        self.model = model
    }

    /// Reads YAML or JSON.
    ///
    /// - Throws: ``ConfigError`` that names the key and the line.
    public init(yaml text: String) throws(ConfigError) { try self.init(ConfigurationText.parse(text)) }

    /// The complete configuration as YAML, which ``init(yaml:)`` reads back.
    public var yaml: String { ConfigurationText.text(tree) }
}
