/// A training set-up as another toolkit's user wrote it, with what is known of its health.
///
/// Layers, initialisers, optimiser and loss go by Keras' names; ``rebuilt(_:)`` makes the set-up of it.
public struct LabelledCase: Sendable {
    public enum Status: String, Sendable, Codable, CaseIterable {
        case normal, buggy
    }

    /// What is said of its health.
    public struct Label: Sendable {
        public let status: Status
        /// Codes such as `LR`; `ACT/OUT_ACT` means either.
        public let faults: [String]
    }

    /// The data in words, which ``CaseData`` understands.
    public struct DataSource: Sendable {
        public let name: String
        /// How they are made and prepared: `/255, flatten`.
        public let how: String
        /// A file with the rows, relative to the file of cases.
        public let file: String?
    }

    /// A named thing with options: a layer, an optimiser.
    public struct Part: Sendable {
        public let name: String
        public let options: [String: CaseValue]
    }

    public let id: String
    /// `classification` or `regression`; what follows a slash is a remark.
    public let task: String
    public let data: DataSource
    /// The extents of one row.
    public let inputShape: [Int]
    public let layers: [Part]
    public let loss: String
    /// `nil` where the source does not say.
    public let optimizer: Part?
    public let batch: Int?
    public let epochs: Int?
    /// λ of λ·Σw² over all weights.
    public let l2: Double?
    /// What was done to a healthy set-up, in words.
    public let change: String?
    public let label: Label

    public var isClassification: Bool { task.lowercased().hasPrefix("class") }
}
