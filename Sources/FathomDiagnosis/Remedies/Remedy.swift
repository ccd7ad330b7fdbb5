/// A change of a model or of its training that may help: a function from a patient to a changed patient.
///
/// A new remedy is one file with one value, and one entry in ``Remedy/all``.
public struct Remedy: Sendable {
    /// The name in reports and suggestions, such as `heInitialization`.
    public let id: String
    /// A few words for people, such as "Initialise with He's variance".
    public let title: String
    /// What it changes and why that helps, in two sentences.
    public let summary: String
    /// The changed patient; `nil` where there is nothing to change (the model has no such part, or has it already).
    public let apply: @Sendable (_ evidence: Evidence, _ finding: Finding?) -> Patient?

    /// - Parameter apply: gives `nil` where there is nothing to change.
    public init(
        _ id: String, _ title: String, _ summary: String,
        apply: @escaping @Sendable (_ evidence: Evidence, _ finding: Finding?) -> Patient?
    ) {
        (self.id, self.title, self.summary, self.apply) = (id, title, summary, apply)
    }
}
