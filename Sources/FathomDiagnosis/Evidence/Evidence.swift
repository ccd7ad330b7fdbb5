import FathomNN
import FathomTraining

/// Everything that is known of a patient, for rules to judge by.
public struct Evidence: Sendable {
    /// The set-up: data, layers, loss, optimiser.
    public internal(set) var setup: Setup { didSet { settled = nil } }
    /// The network on the probe rows before the first step; `nil` when it cannot be run.
    public var birth: Examination? { didSet { settled = nil } }
    /// What was seen while it trained; `nil` before.
    public var course: Course? { didSet { settled = nil } }
    /// How far it came, kept while many rules ask for it.
    private var settled: Standing?

    /// A training from other first weights.
    public struct Start: Sendable, Codable {
        /// The seed of the first weights and of the order of rows.
        public let seed: UInt64
        /// Held-out accuracy, or R²; −1 for a run whose values stopped being numbers.
        public let skill: Double
    }

    /// What several starts reached, the configured seed first; empty where one was enough.
    public var starts: [Start] = []

    /// What a classifier answers on the held-out rows at the end of what was watched.
    public var answers: ClassificationReport?
    /// What its convolutions look for and see by then; `nil` for networks without images.
    public var pictures: ConvolutionPictures?

    /// What came of putting suspicious settings right, where the network trains.
    public var counterfactuals: [Counterfactual] = []

    /// The last skill on the held-out rows, in bounds.
    var skillReached: Double {
        guard let course, !course.isNonFinite, let skill = course.finalSkill, skill.isFinite else { return -1 }
        return max(skill, -1)
    }

    /// Evidence without other starts, answers, pictures or counterfactuals.
    public init(setup: Setup, birth: Examination? = nil, course: Course? = nil) {
        (self.setup, self.birth, self.course) = (setup, birth, course)
    }

    /// How far it came, against what needs no network.
    package var standing: Standing { settled ?? Standing(self) }

    /// The same evidence with its standing worked out once.
    func settling() -> Evidence {
        var evidence = self
        evidence.settled = Standing(self)
        return evidence
    }

    /// The last examination of training, or the one at birth.
    public var latest: Examination? { course?.examinations.last ?? birth }
}
