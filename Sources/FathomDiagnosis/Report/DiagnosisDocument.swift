import FathomNN
import FathomTraining
import Foundation

/// Everything a diagnosis knows, as one value for machines: what `fathom doctor --json` prints.
///
/// Keys are stable within a version. Numbers that are not finite are the strings `NaN`, `Infinity` and `-Infinity`, since
/// JSON has no numbers for them.
public struct DiagnosisDocument: Sendable, Codable {
    /// What `schema` says in every document of this kind.
    public static let schema = "fathom.diagnosis"
    /// The version that is written; keys are stable within one.
    public static let version = 1

    /// A rule that had not enough to judge by, with what it lacked.
    public struct Undecided: Sendable, Codable {
        /// The rule's name.
        public let rule: String
        /// What it lacked: "needs 50 steps, has 12".
        public let reason: String
    }

    /// What was examined: data, model and training, without the rows themselves.
    public struct Subject: Sendable, Codable {
        /// A layer as it was configured.
        public struct Layer: Sendable, Codable {
            /// The layer's path, as in checkpoints.
            public let path: String
            /// What the layer is: `dense`, `batchNorm`.
            public let kind: String
            /// The elementwise activation between its sums and its output; `nil` where there is none.
            public let activation: String?
            /// Features of its input along the last axis.
            public let fanIn: Int?
            /// Features of its output along the last axis.
            public let units: Int?
            /// `unit`, `filter` or `channel`.
            public let unitName: String
            /// Numbers in the parameters of the layer itself.
            public let trainable: Int
            /// The names of the initialisers of its weights.
            public let initializers: [String]
            /// χ of mean-field theory, the factor of a gradient's mean square; `nil` where there is no rule.
            public let chi: Double?
        }

        /// The patient's name.
        public let name: String
        /// The name of the training data.
        public let data: String
        /// `nil` for numbers.
        public let classes: Int?
        /// Numbers of one prediction.
        public let outputs: Int
        /// Rows that are learnt from.
        public let trainRows: Int
        /// Validation rows; test rows where there are none.
        public let heldOutRows: Int
        /// In the order of the model; a container stands before what it holds.
        public let layers: [Layer]
        /// Numbers in all parameters of the model.
        public let parameters: Int
        /// The loss by name.
        public let loss: String
        /// The loss of the same answer to every class, such as ln C; `nil` for numbers.
        public let uninformedLoss: Double?
        /// What stands between the last weighted sums and the loss, see ``Setup/outputActivations``.
        public let outputActivations: [String]
        /// The optimiser's name with its options: `sgd, momentum 0.9`.
        public let optimizer: String
        /// At the first step.
        public let learningRate: Double
        /// Rows of a batch.
        public let batch: Int
        /// Passes over the training rows, as configured.
        public let epochs: Int
        /// Updates in one pass over the training rows.
        public let stepsPerEpoch: Int
        /// By what first weights and the order of rows are drawn.
        public let seed: UInt64
        /// Of the training rows, after scaling.
        public let inputs: ColumnStatistics
        /// Of the training rows, after scaling.
        public let targets: TargetStatistics
        /// What simple methods reach on the held-out rows.
        public let yardstick: Yardstick?
        /// As YAML.
        public let configuration: String
    }

    /// What was seen while it trained.
    public struct Run: Sendable, Codable {
        /// The loss of every step, before its update.
        public let losses: [Float]
        /// On training and held-out rows in the course of training.
        public let evaluations: [Course.Evaluation]
        /// Close looks in the course of training; the one before it is ``DiagnosisDocument/birth``.
        public let examinations: [Examination]
        /// The loss of every step while one batch alone is learnt by heart; empty when it was not tried.
        public let oneBatch: [Float]
        /// `running`, `completed`, `watchedEnough` or `nonFinite`.
        public let ending: String
        /// The step, operation and layer of the first value that was not a number.
        public let failure: String?
    }

    /// What kind of document this is.
    public let schema: String
    /// Which form the keys have.
    public let version: Int
    /// Whether nothing was found that hurts training; notes do not count.
    public let isHealthy: Bool
    /// One plain sentence.
    public let headline: String
    /// Causes first, the surest and most serious in front; their symptoms are inside them.
    public let findings: [Finding]
    /// Rules that had not enough to judge by.
    public let undecided: [Undecided]
    /// Rules that found nothing.
    public let healthy: [String]
    /// What the suggestions of the findings would change, in the order of the findings.
    public let changes: [ConfigurationChange]
    /// What was examined.
    public let subject: Subject
    /// Before the first step; `nil` when the network could not be run.
    public let birth: Examination?
    /// `nil` when it was not trained.
    public let run: Run?
    /// `nil` for numbers, and when it was not trained to an end.
    public let answers: ClassificationReport?
    /// `nil` for networks without convolutions over images.
    public let pictures: ConvolutionPictures?
    /// What came of trying remedies; `nil` where none were tried.
    public let treatment: Treatment?

    /// Everything that a diagnosis knows, its configuration changes worked out.
    public init(_ diagnosis: Diagnosis) {
        schema = Self.schema
        version = Self.version
        isHealthy = diagnosis.isHealthy
        findings = diagnosis.findings
        undecided = diagnosis.undecided.map { Undecided(rule: $0.rule, reason: $0.reason) }
        healthy = diagnosis.healthy
        changes = diagnosis.findings.flatMap { ConfigurationChange.changes(for: $0, diagnosis.evidence) }
        subject = Subject(diagnosis.evidence.setup)
        birth = diagnosis.evidence.birth
        run = diagnosis.evidence.course.map(Run.init)
        answers = diagnosis.evidence.answers
        pictures = diagnosis.evidence.pictures
        treatment = diagnosis.treatment
        headline = Self.headline(subject, diagnosis.findings, run)
    }

    /// Reads what ``json()`` wrote.
    public init(json text: String) throws {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        self = try decoder.decode(DiagnosisDocument.self, from: Data(text.utf8))
    }

    /// The document as JSON on one line, keys in alphabetical order.
    ///
    /// - Throws: `EncodingError`.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// Every look at the network, in order of steps.
    public var looks: [Examination] { (birth.map { [$0] } ?? []) + (run?.examinations ?? []) }
    /// The finding that names the disease; notes are none.
    public var cause: Finding? { findings.first { $0.severity > .note } }
    /// `accuracy` or `R²`.
    public var skillName: String { subject.classes == nil ? "R²" : "accuracy" }

    /// Ill or healthy, and the cause, in one sentence.
    private static func headline(_ subject: Subject, _ findings: [Finding], _ run: Run?) -> String {
        let name = Words.safe(subject.name)
        guard let cause = findings.first(where: { $0.severity > .note }) else {
            guard let skill = run?.evaluations.last?.heldOut.skill else {
                return "Nothing that would keep \(name) from learning was found before training."
            }
            let what = subject.classes == nil ? "R² \(Words.number(skill))" : "\(Words.percent(skill)) accuracy"
            return "\(name) is healthy: it reaches \(what) on rows it has not seen."
        }
        let what = Words.lowercasedFirst(Words.safe(cause.title))
        let place = cause.layers.first.map { " in \(Words.safe($0))" } ?? ""
        let reason = cause.cause.flatMap(Words.because).map { ", \($0)" } ?? ""
        let state = cause.severity == .failure ? "cannot learn like this" : "learns less than it could"
        return "\(name) \(state): \(what)\(place)\(reason)."
    }
}

extension DiagnosisDocument.Subject {
    init(_ setup: Setup) {
        let configuration = setup.patient.configuration
        name = setup.patient.name
        data = setup.patient.data.train.name
        if case .classification(let count) = setup.task { classes = count } else { classes = nil }
        outputs = setup.outputShape.reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue }
        trainRows = setup.inputs.rows
        heldOutRows = (setup.patient.data.validation ?? setup.patient.data.test).rowCount
        let chi = Dictionary((setup.inspection?.rows ?? []).map { ($0.path, $0.chi) }) { a, _ in a }
        layers = setup.layers.map {
            Layer(
                path: $0.path, kind: $0.kind, activation: $0.activation, fanIn: $0.fanIn, units: $0.units,
                unitName: $0.unitName, trainable: $0.trainable, initializers: $0.initializers, chi: chi[$0.path] ?? nil)
        }
        parameters = setup.parameters
        loss = setup.loss.name
        uninformedLoss = setup.uninformedLoss
        outputActivations = setup.outputActivations
        let choice = configuration.optimization.optimizer
        let options = choice.options.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        optimizer = ([choice.name] + options).joined(separator: ", ")
        learningRate = setup.learningRate
        batch = setup.batch
        epochs = configuration.training.epochs
        stepsPerEpoch = setup.stepsPerEpoch
        seed = configuration.training.seed
        (inputs, targets, yardstick) = (setup.inputs, setup.targets, setup.yardstick)
        self.configuration = configuration.yaml
    }
}

extension DiagnosisDocument.Run {
    init(_ course: Course) {
        (losses, evaluations, examinations) = (course.losses, course.evaluations, course.examinations)
        oneBatch = course.oneBatch
        switch course.ending {
        case .completed: (ending, failure) = ("completed", nil)
        case .running: (ending, failure) = ("running", nil)
        case .watchedEnough: (ending, failure) = ("watchedEnough", nil)
        case .nonFinite(let report): (ending, failure) = ("nonFinite", report.description)
        }
    }
}
