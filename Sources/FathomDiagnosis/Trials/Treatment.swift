/// What came of trying remedies: every trial with its interval, and the winner.
public struct Treatment: Sendable, Codable {
    /// How remedies are tried.
    public struct Settings: Sendable {
        /// Paired runs of control and of each finalist; at least 5. Where they leave it open, twice as many are made, and
        /// again, up to sixteen times as many.
        public var seeds = 5
        /// The work of all trials together, in floating-point operations: decides which part of a long training is run. A
        /// count, not a time, so that the result does not depend on the machine; about a minute on two cores.
        public var budget = 2.5e12
        /// Candidates of a finding's suggestions that are tried.
        public var candidates = 6
        /// Candidates that come to the full number of seeds.
        public var finalists = 3
        /// A smaller gain in accuracy or R² is of no use.
        public var smallestGain = 0.01
        /// A network that comes as far in less work is of use from this factor on.
        public var smallestSpeedup = 1.5
        /// By what the random remedy is drawn.
        public var lot: UInt64 = 0

        /// The settings of an ordinary treatment.
        public init() {}
    }

    /// How a remedy fared beside doing nothing.
    public enum Verdict: String, Sendable, Codable {
        /// The interval on the gain excludes zero, and the mechanism moved.
        case proven
        /// No gain in skill is shown, but it comes as far in much less work: the interval on the factor excludes 1, and the
        /// mechanism moved.
        case faster
        /// The finding is gone, but no gain is shown.
        case symptomGone
        /// A gain is shown, but what the finding measured has not moved: something else helped.
        case gainWithoutMechanism
        case noGain
        case worse
        /// It lost an early round against better candidates.
        case eliminated
        /// The changed network could not be trained.
        case failed
    }

    /// By how much less work a network comes as far, with a 95 % interval.
    public struct Speed: Sendable, Codable {
        /// Work without by work with the treatment until equal skill, geometric mean over seeds.
        public let factor: Double
        /// Of the factor, 95 %.
        public let interval: ClosedRange<Double>
    }

    /// One remedy against the control over paired seeds.
    public struct Trial: Sendable, Codable {
        /// The remedies, in the order they were applied; one, except where a combination was tried.
        public let remedies: [String]
        /// The remedies in a few words, with `+` between them.
        public let title: String
        /// Why it was tried.
        public let reason: String
        /// Whether it was drawn by lot, to show what any change does.
        public let isRandom: Bool
        /// By what first weights and the order of rows were drawn, one for each pair of runs.
        public let seeds: [UInt64]
        /// Held-out skill (accuracy, or R²) by seed.
        public let control: [Double]
        /// Held-out skill by seed, with the remedies.
        public let treated: [Double]
        /// Mean of the paired differences, with a 95 % interval; the median where only that excludes 0.
        public let gain: Double
        /// Of the gain, 95 %; −2…2 where fewer than two pairs of runs tell.
        public let interval: ClosedRange<Double>
        /// Whether the finding is gone, or what it measured has come at least halfway to what is expected; `false` where
        /// that was not looked at.
        public let mechanismMoved: Bool
        /// What the numbers together say.
        public let verdict: Verdict
        /// Skill by seed of the untreated network trained for as long, where the treated one trains longer.
        public let sameLength: [Double]?
        /// Where work was what decided, or might have.
        public let speed: Speed?
        /// The changed lines of the configuration, as a unified diff.
        public let diff: String
        /// The changed configuration, ready to be written to a file.
        public let configuration: String
        /// Seconds of its runs, added up, however many went on at once.
        public let seconds: Double

        /// A trial with what came of it.
        public init(
            remedies: [String], title: String, reason: String, isRandom: Bool, seeds: [UInt64], control: [Double],
            treated: [Double], gain: Double, interval: ClosedRange<Double>, mechanismMoved: Bool, verdict: Verdict,
            sameLength: [Double]? = nil, speed: Speed? = nil, diff: String, configuration: String, seconds: Double
        ) {
            (self.remedies, self.title, self.reason, self.isRandom) = (remedies, title, reason, isRandom)
            (self.seeds, self.control, self.treated, self.gain) = (seeds, control, treated, gain)
            (self.interval, self.mechanismMoved, self.verdict) = (interval, mechanismMoved, verdict)
            (self.sameLength, self.speed) = (sameLength, speed)
            (self.diff, self.configuration, self.seconds) = (diff, configuration, seconds)
        }
    }

    /// The finding that was treated; the first one of the diagnosis.
    public let rule: String
    /// The best first.
    public let trials: [Trial]
    /// `accuracy` or `R²`.
    public let skillName: String
    /// How the trials were made and what came out, in a few sentences.
    public let summary: String
    /// Seconds of the whole treatment, by the clock.
    public let seconds: Double

    /// - Parameter trials: the best first.
    public init(rule: String, trials: [Trial], skillName: String, summary: String = "", seconds: Double) {
        (self.rule, self.trials, self.skillName) = (rule, trials, skillName)
        (self.summary, self.seconds) = (summary, seconds)
    }

    /// The best that is proven: by skill, or else by work.
    public var winner: Trial? {
        trials.first { $0.verdict == .proven && !$0.isRandom } ?? trials.first { $0.verdict == .faster && !$0.isRandom }
    }
}
