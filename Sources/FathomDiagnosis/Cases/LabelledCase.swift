/// A training set-up as another toolkit's user wrote it, with what is known of its health.
///
/// Layers, initialisers, optimiser and loss go by Keras' names; ``rebuilt(_:)`` makes the set-up of it.
public struct LabelledCase: Sendable {
    /// Whether the case is labelled as sound.
    public enum Status: String, Sendable, Codable, CaseIterable {
        case normal, buggy
    }

    /// What is said of its health.
    public struct Label: Sendable {
        /// Sound or faulty, as the source has it.
        public let status: Status
        /// Codes such as `LR`; `ACT/OUT_ACT` means either.
        public let faults: [String]
    }

    /// The data in words, which ``CaseData`` understands.
    public struct DataSource: Sendable {
        /// The data set by name, as the source has it.
        public let name: String
        /// How they are made and prepared: `/255, flatten`.
        public let how: String
        /// A file with the rows, relative to the file of cases.
        public let file: String?
    }

    /// A named thing with options: a layer, an optimiser.
    public struct Part: Sendable {
        /// What it is, in Keras' words: `Dense`, `Adam`.
        public let name: String
        /// What is said of it besides its name, by Keras' keywords.
        public let options: [String: CaseValue]
    }

    /// The case's name, which stands in outcomes and errors.
    public let id: String
    /// `classification` or `regression`; what follows a slash is a remark.
    public let task: String
    /// What it learns from.
    public let data: DataSource
    /// The extents of one row.
    public let inputShape: [Int]
    /// The layers in their order, from the input on.
    public let layers: [Part]
    /// The loss by Keras' name.
    public let loss: String
    /// `nil` where the source does not say.
    public let optimizer: Part?
    /// Rows of a batch; `nil` where the source does not say.
    public let batch: Int?
    /// Passes over the training rows; `nil` where the source does not say.
    public let epochs: Int?
    /// λ of λ·Σw² over all weights.
    public let l2: Double?
    /// What was done to a healthy set-up, in words.
    public let change: String?
    /// What is said of its health, and of what is wrong.
    public let label: Label

    /// Whether `task` begins with classification; otherwise it is a regression.
    public var isClassification: Bool { task.lowercased().hasPrefix("class") }
}
