import FathomTraining

/// What a rule found: what, where, since when, why, and what may help.
public struct Finding: Sendable, Codable {
    /// How much training suffers.
    public enum Severity: Int, Sendable, Codable, Comparable, CaseIterable {
        /// Worth knowing; the network is not ill of it.
        case note
        /// Training suffers.
        case warning
        /// Training cannot succeed like this.
        case failure

        public static func < (a: Severity, b: Severity) -> Bool { a.rawValue < b.rawValue }
    }

    /// A measured number beside what it should be.
    public struct Fact: Sendable, Codable {
        /// What was measured, in a few words.
        public let name: String
        /// The number that was measured.
        public let value: Double
        /// What theory or practice expects, in words: "about 1", "ln 10 = 2.30".
        public let expected: String?

        /// - Parameter expected: in words; `nil` where nothing is expected.
        public init(_ name: String, _ value: Double, expected: String? = nil) {
            (self.name, self.value, self.expected) = (name, value, expected)
        }
    }

    /// A remedy with the reason it is suggested for.
    public struct Suggestion: Sendable, Codable {
        /// A name of ``Remedy/all``.
        public let remedy: String
        /// Why it may help here.
        public let reason: String

        /// - Parameter remedy: a name of ``Remedy/all``.
        public init(_ remedy: String, _ reason: String) { (self.remedy, self.reason) = (remedy, reason) }
    }

    /// The rule's name.
    public let rule: String
    /// What is the matter, in a few words.
    public var title: String
    /// The variant that was found, such as `activation` for a gradient that vanishes in activations.
    public var cause: String?
    /// Paths of the layers concerned, the one where it is worst first; empty for the whole set-up.
    public var layers: [String]
    /// The step since which it holds; 0 is before training.
    public var since: Int
    /// How much training suffers from it.
    public var severity: Severity
    /// What the set-up alone would make of it, where it is less because the network trains all the same.
    public var suspected: Severity?
    /// How sure the rule is, from 0 to 1.
    public var confidence: Double
    /// Two sentences for the user: what is the matter here, and why it hurts.
    public var text: String
    /// What was measured; a treatment is judged by whether the first of it moves.
    public var evidence: [Fact]
    /// What may help, the most promising first.
    public var suggestions: [Suggestion]
    /// Whether no change of a configuration can help: the data must be put right.
    public var isBeyondConfiguration: Bool {
        !suggestions.isEmpty && suggestions.allSatisfy { $0.remedy == "leaveAsIs" }
    }
    /// Findings that this one explains.
    public var symptoms: [Finding] = []

    /// A finding that explains no other yet; see ``symptoms``.
    public init(
        _ rule: String, _ title: String, cause: String? = nil, layers: [String] = [], since: Int = 0,
        severity: Severity, confidence: Double, _ text: String, evidence: [Fact] = [], suggestions: [Suggestion] = []
    ) {
        (self.rule, self.title, self.cause, self.layers, self.since) = (rule, title, cause, layers, since)
        (self.severity, self.confidence, self.text) = (severity, confidence, text)
        (self.evidence, self.suggestions) = (evidence, suggestions)
    }
}
