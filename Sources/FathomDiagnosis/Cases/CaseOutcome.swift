/// What the doctor said of one case, and whether it agrees with the label.
public struct CaseOutcome: Sendable, Encodable {
    /// The doctor's verdict, or why there is none.
    public enum Status: String, Sendable, Encodable, CaseIterable {
        case healthy, faulty
        /// Something of the case cannot be rebuilt; ``unsupported`` says what.
        case unsupported
        /// It could not be read, built or run; ``error`` says why.
        case error
    }

    /// What the label does not tell.
    public enum Remark: String, Sendable, Encodable, CaseIterable {
        /// Labelled normal, but it stays at what can be had without learning; or labelled faulty, but it does as well as simple
        /// methods do, and what looks wrong in it, put right, is shown to gain nothing of use.
        case labelDoubtful
        /// Labelled faulty, but it does as well as simple methods do.
        case trainsWell
    }

    /// A finding in short.
    public struct Line: Sendable, Encodable {
        /// The name of the rule that fired, as in ``Rule/id``.
        public let rule: String
        /// The finding's title, a few words for people.
        public let title: String
        /// The variant that was found, see ``Finding/cause``.
        public let cause: String?
        /// Paths of the layers concerned, the one where it is worst first; empty for the whole set-up.
        public let layers: [String]
        /// `note`, `warning` or `failure`.
        public let severity: String
        /// How sure the rule is, from 0 to 1.
        public let confidence: Double
        /// The step since which it holds; 0 is before training.
        public let since: Int
        /// The rules of the findings that it explains.
        public let symptoms: [String]

        init(_ finding: Finding) {
            (rule, title, cause, layers) = (finding.rule, finding.title, finding.cause, finding.layers)
            (severity, confidence, since) = ("\(finding.severity)", finding.confidence, finding.since)
            func all(_ findings: [Finding]) -> [String] { findings.flatMap { [$0.rule] + all($0.symptoms) } }
            symptoms = all(finding.symptoms)
        }
    }

    /// How well the network does, beside what methods without a network reach on the same rows.
    public struct Skill: Sendable, Encodable {
        /// `accuracy` or `R²`.
        public let name: String
        /// At the end of the watched training; `nil` when it did not end with a number.
        public let reached: Double?
        /// The skill of the most frequent class, or of the mean (0), on the same rows.
        public let trivial: Double?
        /// The better of nearest neighbours and a linear model.
        public let simple: Double?
        /// At the end of training with other seeds, where the label was checked.
        public var seeds: [Double] = []
    }

    /// What was tried, and what came of it.
    public struct Repair: Sendable, Encodable {
        /// Names of the remedies of the winner, or else of the best trial; empty when there is none.
        public let remedies: [String]
        /// A ``Treatment/Verdict`` by name; `beyondConfiguration` where only the data can be put right, `none` without a trial.
        public let verdict: String
        /// Mean held-out skill over the seeds, untreated.
        public let before: Double?
        /// Mean held-out skill over the seeds, treated.
        public let after: Double?
        /// What the skill gains over paired seeds, see ``Treatment/Trial/gain``.
        public let gain: Double?
        /// Of the gain, 95 %.
        public let interval: [Double]?
        /// Work without by work with the remedy until as far as without, with its 95 % interval, where that was compared.
        public let speed: Double?
        /// Of the factor in `speed`, 95 %: lower and upper bound.
        public let speedInterval: [Double]?
        /// Everything that was tried, the best first.
        public let trials: [Try]
    }

    /// One trial in short.
    public struct Try: Sendable, Encodable {
        /// Names of the remedies, in the order they were applied.
        public let remedies: [String]
        /// A ``Treatment/Verdict`` by name.
        public let verdict: String
        /// Whether the remedy was drawn by lot, to show what any change does.
        public let isRandom: Bool
        /// Paired runs.
        public let seeds: Int
        /// Means over them: the untreated network, the treated one, and the untreated one trained for as long.
        public let before: Double?
        /// Mean held-out skill of the treated network.
        public let after: Double?
        /// Mean held-out skill of the untreated network trained for as long; `nil` where the treated one trains no longer.
        public let sameLength: Double?
        /// What the skill gains over paired seeds, see ``Treatment/Trial/gain``.
        public let gain: Double?
        /// Of the gain, 95 %: lower and upper bound.
        public let interval: [Double]?
        /// Work without by work with the remedy until equal skill; `nil` where that was not compared.
        public let speed: Double?
        /// Of the factor in `speed`, 95 %: lower and upper bound.
        public let speedInterval: [Double]?
        /// Whether the finding is gone, or what it measured has come at least halfway to what is expected.
        public let mechanismMoved: Bool
    }

    /// The case's `id`, or its place in the file, from 1, where it has none.
    public let id: String
    /// What the doctor says, or why it says nothing.
    public let status: Status
    /// `nil` where the case could not be read.
    public let label: LabelledCase.Status?
    /// The label's fault codes, see ``LabelledCase/Label/faults``.
    public let faults: [String]
    /// Whether the doctor and the label say the same; `nil` without a verdict.
    public let agrees: Bool?
    /// Whether the first finding names a labelled fault; `nil` for networks labelled normal and without a verdict.
    public let rightCauseFirst: Bool?
    /// What speaks against the label; `nil` where nothing does.
    public let remark: Remark?
    /// The diagnosis in short, causes first.
    public let findings: [Line]
    /// `nil` where no diagnosis was made.
    public let skill: Skill?
    /// What came of putting right what looks wrong in a network that trains.
    public let weighed: [Counterfactual]
    /// What came of trying remedies; `nil` where none were tried.
    public let repair: Repair?
    /// What of the case cannot be rebuilt, in words.
    public let unsupported: [String]
    /// What was chosen or approximated in rebuilding the case, in words.
    public let notes: [String]
    /// What went wrong, where `status` is `error`.
    public let error: String?
    /// Training steps that were watched.
    public let steps: Int?
    /// Seconds that the case took, with all trainings.
    public let seconds: Double
}

/// Figures over all cases.
public struct CaseSummary: Sendable, Encodable {
    /// n of N.
    public struct Share: Sendable, Encodable, CustomStringConvertible {
        /// n, those that count.
        public let count: Int
        /// N, those among which they were counted.
        public let total: Int

        public var description: String {
            total == 0 ? "0/0" : "\(count)/\(total) (\((1000 * Double(count) / Double(total)).rounded() / 10) %)"
        }
    }

    /// All cases, those without a verdict too.
    public let cases: Int
    /// Of the faulty ones with a verdict, those found faulty; those whose label is doubtful are not among them here and below.
    public let recall: Share
    /// The same with every label taken as it is.
    public let recallAsLabelled: Share
    /// Of the normal ones that really train, those found faulty.
    public let falseAlarms: Share
    /// Of the faulty ones with a verdict, those whose first finding names a labelled fault.
    public let rightCauseFirst: Share
    /// Of the faulty ones that were found and treated, those with a proven remedy; without those in
    /// ``beyondConfiguration`` and in ``nothingToGain``.
    public let repaired: Share
    /// The same with those in ``nothingToGain``.
    public let repairedAsLabelled: Share
    /// Of the repaired ones, those whose gain is less work for the same skill.
    public let repairedBySpeed: [String]
    /// Found faulty by what no configuration can put right, such as labels in another order than their inputs; nothing is
    /// proven to help.
    public let beyondConfiguration: [String]
    /// Not repaired, because there is nothing to gain: it does as well as simple methods with most seeds, what was found has
    /// moved, and the interval excludes a gain of use.
    public let nothingToGain: [String]
    /// Cases of which something cannot be rebuilt, by `id`.
    public let unsupported: [String]
    /// Cases that could not be read, built or run, by `id`.
    public let errors: [String]
    /// See ``CaseOutcome/Remark/labelDoubtful``; not among the false alarms, nor in the recall.
    public let labelDoubtful: [String]
    /// Labelled faulty, but they train well; counted in the recall as labelled, because a gain is not excluded.
    public let trainsWell: [String]

    /// Adds up what was said of each case.
    public init(_ outcomes: [CaseOutcome]) {
        let judged = outcomes.filter { $0.status == .healthy || $0.status == .faulty }
        let labelled = judged.filter { $0.label == .buggy }
        let faulty = labelled.filter { $0.remark != .labelDoubtful }
        let normal = judged.filter { $0.label == .normal && $0.remark != .labelDoubtful }
        let treated = faulty.filter { $0.repair != nil && !$0.isBeyondConfiguration }
        cases = outcomes.count
        recall = Share(count: faulty.count { $0.status == .faulty }, total: faulty.count)
        falseAlarms = Share(count: normal.count { $0.status == .faulty }, total: normal.count)
        rightCauseFirst = Share(count: faulty.count { $0.rightCauseFirst == true }, total: faulty.count)
        recallAsLabelled = Share(count: labelled.count { $0.status == .faulty }, total: labelled.count)
        repairedAsLabelled = Share(count: treated.count { $0.isProven || $0.isFaster }, total: treated.count)
        repaired = Share(count: repairedAsLabelled.count, total: treated.count { !$0.hasNothingToGain })
        repairedBySpeed = treated.filter(\.isFaster).map(\.id)
        nothingToGain = treated.filter(\.hasNothingToGain).map(\.id)
        beyondConfiguration = faulty.filter(\.isBeyondConfiguration).map(\.id)
        unsupported = outcomes.filter { $0.status == .unsupported }.map(\.id)
        errors = outcomes.filter { $0.status == .error }.map(\.id)
        labelDoubtful = outcomes.filter { $0.remark == .labelDoubtful }.map(\.id)
        trainsWell = outcomes.filter { $0.remark == .trainsWell }.map(\.id)
    }
}

extension CaseOutcome {
    fileprivate var isProven: Bool { repair?.verdict == Treatment.Verdict.proven.rawValue }
    fileprivate var isFaster: Bool { repair?.verdict == Treatment.Verdict.faster.rawValue }
    fileprivate var isBeyondConfiguration: Bool { repair?.verdict == Repair.beyondConfiguration }

    /// Whether something moved what was found, and its interval excludes a gain of use.
    fileprivate var hasNothingToGain: Bool {
        guard let repair, !isProven, !isFaster, remark == .trainsWell else { return false }
        let smallest = Treatment.Settings().smallestGain
        return repair.trials.contains { $0.mechanismMoved && ($0.interval?.last ?? 1) < smallest }
    }
}
