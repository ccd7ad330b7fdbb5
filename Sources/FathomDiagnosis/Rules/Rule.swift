/// One question the doctor asks: what it looks at, from where its threshold comes, and what the answer means.
///
/// A new rule is one file with one value, and one entry in ``Rule/all``.
public struct Rule: Sendable {
    /// When there is enough to judge by.
    public enum Stage: String, Sendable, Codable, CaseIterable {
        /// From the graph, the data and one batch.
        case before
        /// From a run that was watched.
        case during
    }

    /// How sure a rule can be.
    public enum Judgement: Sendable {
        case healthy
        /// There is not enough to judge by; the reason, such as "needs 50 steps, has 12".
        case notYet(String)
        case findings([Finding])

        /// A judgement of one finding.
        public static func finding(_ finding: Finding) -> Judgement { .findings([finding]) }
    }

    /// The name in reports and commands, such as `vanishingGradient`.
    public let id: String
    /// A few words for people, such as "Vanishing gradient".
    public let title: String
    /// Whether it needs a run that was watched.
    public let stage: Stage
    /// Rules whose findings are symptoms of this one: when both fire, they are reported under it.
    public let explains: [String]
    /// Whether it says that a network does not learn, and not why: any cause that is found stands above it.
    public let isOutcome: Bool
    /// What `fathom explain` says of it.
    public let explanation: Explanation
    /// The rule itself: the same evidence gives the same judgement.
    public let judge: @Sendable (Evidence) -> Judgement

    /// - Parameter explains: names of the rules whose findings are symptoms of this one.
    public init(
        _ id: String, _ title: String, stage: Stage, explains: [String] = [], isOutcome: Bool = false,
        explanation: Explanation,
        judge: @escaping @Sendable (Evidence) -> Judgement
    ) {
        (self.id, self.title, self.stage, self.explains) = (id, title, stage, explains)
        (self.isOutcome, self.explanation, self.judge) = (isOutcome, explanation, judge)
    }

    /// What `fathom explain` says.
    public struct Explanation: Sendable, Codable {
        /// What it is, for someone who never heard of it: a paragraph.
        public let what: String
        /// The mathematics in plain words, formulas in plain text.
        public let mathematics: String
        /// The threshold and where it comes from.
        public let threshold: String
        /// What looks alike and is told apart by what.
        public let lookAlikes: String
        /// Publications: author, year, title.
        public let sources: [String]

        /// - Parameter lookAlikes: empty where nothing looks alike.
        public init(
            what: String, mathematics: String, threshold: String, lookAlikes: String = "", sources: [String] = []
        ) {
            (self.what, self.mathematics, self.threshold) = (what, mathematics, threshold)
            (self.lookAlikes, self.sources) = (lookAlikes, sources)
        }
    }
}
