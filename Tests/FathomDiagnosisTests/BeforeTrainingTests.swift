import FathomDiagnosis
import FathomTestSupport
import FathomTraining
import Foundation
import Testing

/// Every rule of the stage before training on set-ups that make it fire, and on their look-alikes.
@Suite struct BeforeTrainingTests {
    struct Ill: Sendable, CustomTestStringConvertible {
        let rule: String
        let cause: String?
        let severity: Finding.Severity
        let setUp: SetUp
        var testDescription: String { "\(rule): \(setUp.testDescription)" }

        init(_ rule: String, _ cause: String? = nil, _ severity: Finding.Severity, _ setUp: SetUp) {
            (self.rule, self.cause, self.severity, self.setUp) = (rule, cause, severity, setUp)
        }
    }

    static func deep(_ layer: String, _ count: Int, _ last: String = "dense 2") -> String {
        (Array(repeating: layer, count: count) + [last]).joined(separator: ", ")
    }

    static let ill: [Ill] = [
        // Data
        Ill("inputScale", "large", .failure, SetUp("dense 16 tanh, dense 2", .gaussian).with { $0.inputScale = 100 }),
        Ill("inputScale", "large", .warning, SetUp("dense 16 tanh, dense 2", .gaussian).with { $0.inputScale = 15 }),
        Ill("inputScale", "small", .failure, SetUp("dense 16 relu, dense 2", .gaussian).with { $0.inputScale = 0.001 }),
        Ill("inputScale", "small", .warning, SetUp("dense 16 relu, dense 2", .gaussian).with { $0.inputScale = 0.01 }),
        Ill(
            "inputCentring", nil, .warning,
            SetUp("dense 16 tanh, dense 2", .gaussian).with { ($0.inputScale, $0.inputShift) = (0.3, 9) }),
        Ill("constantInputs", nil, .failure, SetUp("dense 16 relu, dense 2", .gaussian).with { $0.inputScale = 0 }),
        Ill("labelRange", "oneClass", .failure, SetUp("dense 16 relu, dense 2", .oneClass)),
        Ill(
            "labelRange", "notZeroOne", .failure,
            SetUp("dense 8 relu, dense 1", .yesOrNo(low: -1)).with { $0.loss = .init("sigmoidCrossEntropy") }),
        Ill(
            "targetScale", "large", .failure,
            SetUp("dense 16 relu, dense 1", .numbers(scale: 1e6)).with { $0.loss = .init("meanSquaredError") }),
        Ill(
            "targetScale", "large", .warning,
            SetUp("dense 16 relu, dense 1", .numbers(scale: 100)).with { $0.optimizer = .init("sgd") }),
        Ill("targetScale", "small", .warning, SetUp("dense 16 relu, dense 1", .numbers(scale: 1e-4))),
        Ill("classImbalance", nil, .warning, SetUp("dense 16 relu, dense 2", .unbalanced(50))),
        // Output and loss
        Ill(
            "outputActivation", "singleSoftmax", .failure,
            SetUp("dense 8 relu, dense 1 softmax", .yesOrNo()).with { $0.loss = .init("binaryCrossEntropy") }),
        Ill("outputActivation", "double", .warning, SetUp("dense 8 relu, dense 2 softmax")),
        Ill(
            "outputActivation", "missing", .failure,
            SetUp("dense 8 relu, dense 2").with { $0.loss = .init("categoricalCrossEntropy") }),
        Ill(
            "outputActivation", "wrong", .failure,
            SetUp("dense 8 relu, dense 2 relu").with { $0.loss = .init("categoricalCrossEntropy") }),
        Ill("outputActivation", "wrong", .warning, SetUp("dense 8 relu, dense 2 relu")),
        Ill(
            "outputActivation", "wrong", .warning,
            SetUp("dense 8 relu, dense 3 sigmoid", .spirals).with { $0.loss = .init("categoricalCrossEntropy") }),
        Ill(
            "outputActivation", "wrong", .failure,
            SetUp("dense 8 relu, dense 1 sigmoid", .spirals).with { $0.loss = .init("binaryCrossEntropy") }),
        Ill("outputActivation", "wrong", .failure, SetUp("dense 16 relu, dense 1 relu", .numbers())),
        Ill("outputActivation", "wrong", .failure, SetUp("dense 16 relu, dense 1 sigmoid", .numbers())),
        Ill(
            "lossMismatch", "numbers", .failure,
            SetUp("dense 16 relu, dense 1", .numbers(scale: 0.1, shift: 0.5)).with {
                $0.loss = .init("binaryCrossEntropy")
            }),
        Ill(
            "lossMismatch", "classes", .warning,
            SetUp("dense 8 tanh, dense 1 sigmoid", .yesOrNo()).with { $0.loss = .init("meanAbsoluteError") }),
        // Layers
        Ill("linearCollapse", "network", .failure, SetUp("dense 16, dense 16, dense 2")),
        Ill("linearCollapse", "pair", .note, SetUp("dense 16, dense 16 relu, dense 2")),
        Ill("stepActivation", nil, .failure, SetUp("dense 16 step, dense 2")),
        Ill("hiddenActivation", "slope", .warning, SetUp(deep("dense 16 initializer=he sigmoid", 4))),
        Ill("hiddenActivation", "slope", .failure, SetUp(deep("dense 16 initializer=xavier sigmoid", 9))),
        Ill("hiddenActivation", "unbounded", .failure, SetUp(deep("dense 8 initializer=he exponential", 5))),
        Ill("hiddenActivation", "softmax", .warning, SetUp("dense 16 relu, dense 16 softmax, dense 2")),
        Ill(
            "criticalInitialization", "vanishing", .failure,
            SetUp(deep("dense 16 initializer=uniform(-0.05,0.05) relu", 6))),
        Ill(
            "criticalInitialization", "vanishing", .warning,
            SetUp(deep("dense 16 initializer=normal(0,0.05) relu", 2))),
        Ill(
            "criticalInitialization", "exploding", .failure,
            SetUp(deep("dense 64 initializer=normal(0,1) relu", 6), .gaussian)),
        Ill(
            "criticalInitialization", "exploding", .warning,
            SetUp("dense 64 initializer=normal(0,1) tanh, dense 10", .digits)),
        Ill(
            "symmetricInitialization", "constant", .failure,
            SetUp("dense 16 initializer=constant(0.01) relu, dense 16 initializer=constant(0.01) relu, dense 2")),
        Ill(
            "symmetricInitialization", "constant", .failure,
            SetUp("dense 16 initializer=ones relu, dense 1 initializer=ones", .numbers())),
        Ill("symmetricInitialization", "zeros", .failure, SetUp("dense 16 initializer=zeros relu, dense 2")),
        Ill("symmetricInitialization", "constant", .warning, SetUp("dense 16 initializer=constant(0.1) tanh, dense 2")),
        Ill(
            "depthWithoutSkip", "vanishing", .failure,
            SetUp(deep("dense 64 initializer=xavier relu", 20), .gaussian)),
        Ill(
            "depthWithoutSkip", "exploding", .warning,
            SetUp(deep("dense 64 initializer=normal(0,0.25) relu", 12), .gaussian)),
        Ill("narrowLayers", nil, .warning, SetUp(deep("dense 3 relu", 4))),
        Ill("firstLoss", nil, .note, SetUp("dense 16 tanh, dense 2 initializer=normal(0,5)")),
        Ill("firstLoss", nil, .note, SetUp("dense 64 relu, dense 10 initializer=normal(0,2)", .digits)),
        Ill(
            "firstLoss", nil, .note,
            SetUp("dense 16 tanh, dense 1 initializer=normal(0,10)", .yesOrNo()).with {
                $0.loss = .init("sigmoidCrossEntropy")
            }),
        Ill("deadAtBirth", nil, .failure, SetUp("dense 16 relu biasInitializer=constant(-9), dense 2")),
        Ill("biasBeforeBatchNorm", nil, .note, SetUp("dense 16, batchNorm, relu, dense 2")),
        Ill("batchNormBatch", nil, .failure, SetUp("dense 16, batchNorm, relu, dense 2").with { $0.batch = 1 }),
        Ill("batchNormBatch", nil, .warning, SetUp("dense 16, batchNorm, relu, dense 2").with { $0.batch = 2 }),
        Ill("frozenStatistics", "never", .failure, SetUp("dense 16, batchNorm momentum=0, relu, dense 2")),
        Ill("frozenStatistics", "slow", .warning, SetUp("dense 16, batchNorm momentum=0.0001, relu, dense 2")),
        // Training
        Ill(
            "optimizerSettings", "epsilon", .warning,
            SetUp("dense 16 relu, dense 2").with { $0.optimizer = .init("adam", ["epsilon": 1e-16]) }),
        Ill(
            "optimizerSettings", "epsilon", .warning,
            SetUp("dense 16 relu, dense 2").with { $0.optimizer = .init("adam", ["epsilon": 1]) }),
        Ill(
            "optimizerSettings", "momentum", .warning,
            SetUp("dense 16 relu, dense 2").with {
                $0.optimizer = .init("momentum", ["learningRate": 0.01, "momentum": 0.9995])
            }),
        Ill(
            "optimizerSettings", "betas", .warning,
            SetUp("dense 16 relu, dense 2").with { $0.optimizer = .init("adam", ["beta1": 0.9, "beta2": 0.5]) }),
        Ill(
            "optimizerSettings", "zeroRate", .failure,
            SetUp("dense 16 relu, dense 2").with { $0.optimizer = .init("sgd", ["learningRate": 0]) }),
        Ill(
            "learningRateRange", "high", .failure,
            SetUp("dense 16 relu, dense 2").with { $0.optimizer = .init("sgd", ["learningRate": 5]) }),
        Ill(
            "learningRateRange", "high", .warning,
            SetUp("dense 16 relu, dense 2").with { $0.optimizer = .init("adam", ["learningRate": 0.1]) }),
        Ill(
            "learningRateRange", "high", .failure,
            SetUp("dense 50 relu, dense 30 relu, dense 1", .numbers(scale: 50)).with {
                $0.optimizer = .init("sgd", ["learningRate": 0.1])
            }),
        Ill(
            "learningRateRange", "low", .warning,
            SetUp("dense 16 relu, dense 2").with {
                ($0.optimizer, $0.epochs) = (.init("adam", ["learningRate": 1e-5]), 200)
            }),
        Ill(
            "learningRateRange", "low", .warning,
            SetUp("dense 16 relu, dense 2").with {
                ($0.optimizer, $0.epochs) = (.init("sgd", ["learningRate": 1e-5]), 200)
            }),
        Ill("epochsTooFew", nil, .failure, SetUp("dense 16 relu, dense 2").with { $0.epochs = 2 }),
        Ill(
            "epochsTooFew", nil, .warning,
            SetUp("dense 16 relu, dense 2").with { ($0.optimizer, $0.epochs) = (.init("sgd"), 12) }),
        Ill("batchSize", nil, .warning, SetUp("dense 16 relu, dense 2").with { $0.batch = 1 }),
        Ill(
            "regularization", "tooStrong", .warning,
            SetUp("dense 16 relu, dense 2").with { $0.optimizer = .init("sgd", ["weightDecay": 0.05]) }),
        Ill(
            "regularization", "tooStrong", .failure,
            SetUp("dense 16 relu, dense 2").with { $0.optimizer = .init("adamW", ["weightDecay": 20]) }),
    ]

    @Test(arguments: ill) func fires(_ ill: Ill) throws {
        let found = try ill.setUp.findings(ill.rule)
        let first = try #require(found.first, "\(ill.rule) is silent")
        #expect(first.rule == ill.rule)
        #expect(first.severity == ill.severity, "\(first)")
        #expect(first.cause == ill.cause || ill.cause == nil)
        #expect(!first.text.isEmpty && !first.evidence.isEmpty)
        #expect(first.confidence > 0.5 && first.confidence <= 1)
        #expect(first.evidence.allSatisfy { !$0.name.isEmpty })
    }

    /// Sound set-ups, which no rule may call ill.
    static let sound: [SetUp] = [
        SetUp("dense 16 tanh, dense 2"),
        SetUp("dense 32 relu, dense 2", .gaussian),
        SetUp(deep("dense 5 initializer=he tanh", 5)),
        SetUp(deep("dense 5 initializer=he tanh", 17)),
        SetUp("dense 64 relu, dense 64 relu, dense 10", .digits).with {
            $0.optimizer = .init("sgd", ["learningRate": 0.1])
        },
        SetUp("dense 64 relu, dense 64 relu, dense 10", .digits),
        SetUp("dense 64 initializer=heNormal relu, dense 64 initializer=heNormal relu, dense 1", .numbers()),
        // Scaled to 0…1, as is customary.
        SetUp("dense 32 relu, dense 1", .numbers(scale: 0.1, shift: 0.5)).with {
            ($0.inputScale, $0.inputShift) = (0.25, 0.5)
        },
        SetUp("dense 32 relu, dense 1 sigmoid", .numbers(scale: 0.1, shift: 0.5)),
        SetUp("dense 32 tanh, " + deep("highway activation=tanh gateBias=-2", 10), .gaussian),
        SetUp("dense 32, " + deep("residual [dense 32 relu, dense 32]", 12), .gaussian),
        SetUp(deep("dense 32, batchNorm, relu", 8), .gaussian),
        SetUp("dense 8 tanh, dense 1", .yesOrNo()).with { $0.loss = .init("sigmoidCrossEntropy") },
        SetUp("dense 8 tanh, dense 1 sigmoid", .yesOrNo()).with { $0.loss = .init("binaryCrossEntropy") },
        SetUp("dense 8 relu, dense 2 softmax").with { $0.loss = .init("categoricalCrossEntropy") },
        SetUp("dense 16 sigmoid, dense 2"),
        SetUp("dense 2 initializer=zeros", .gaussian),
        SetUp("dense 16 relu, dense 2 initializer=zeros"),
        SetUp("dense 16 relu, dense 2", .unbalanced(3)),
        SetUp("dense 16 selu, dense 16 selu, dense 2"),
        SetUp("dense 16 relu, dropout 0.2, dense 2").with { $0.optimizer = .init("adamW") },
        SetUp("dense 16 relu, dense 2").with {
            $0.optimizer = .init("momentum", ["learningRate": 0.05, "momentum": 0.9, "weightDecay": 1e-4])
        },
        SetUp("dense 16 relu, dense 2").with { $0.optimizer = .init("adam", ["beta1": 0.39, "beta2": 0.44]) },
        SetUp("batchNorm, dense 16 relu, dense 2", .gaussian).with { $0.inputScale = 100 },
    ]

    @Test(arguments: sound) func isSilent(_ setUp: SetUp) throws {
        var settings = Doctor.Settings()
        settings.oneBatchSteps = 0
        let rules = Rule.all.filter { $0.stage == .before }
        let diagnosis = try Doctor(settings, rules: rules).examine(setUp.patient(), watching: false)
        let ill = diagnosis.findings.filter { $0.severity > .note }
        #expect(ill.isEmpty, "\(ill.map { "\($0.rule): \($0.text)" })")
    }

    /// A first loss near ln C, large numbers, classes of unequal size, and a loss of another kind say nothing of it.
    @Test(arguments: [
        SetUp("dense 64 relu, dense 10", .digits), SetUp("dense 16 tanh, dense 2 initializer=normal(0,0.5)"),
        SetUp("dense 16 relu, dense 1 initializer=normal(0,50)", .numbers()),
        SetUp("dense 16 relu, dense 2", .unbalanced(50)),
    ]) func firstLossesOfChance(_ setUp: SetUp) throws {
        #expect(try setUp.findings("firstLoss").isEmpty)
    }

    /// What logits that know nothing of the label cost, by their deviation: the numbers of the explanation.
    @Test func firstLossFollowsFromItsDeviation() throws {
        var random = SplitMix64(state: 1)
        func excess(_ deviation: Double, classes: Int = 10) -> Double {
            let rows = 20_000
            let sum = (0..<rows).reduce(0.0) { sum, _ in
                let z = (0..<classes).map { _ in
                    // Box and Muller.
                    let radius = (-2 * log(random.uniform(1e-12, 1))).squareRoot()
                    return deviation * radius * cos(random.uniform(0, 2 * .pi))
                }
                return sum + log(z.reduce(0) { $0 + exp($1) }) - z[0]
            }
            return sum / Double(rows) - log(Double(classes))
        }
        for (deviation, expected) in [(1.0, 0.43), (2, 1.5), (3, 2.8)] {
            #expect(abs(excess(deviation) - expected) < 0.05)
        }
        #expect(abs(excess(2.7) - log(10)) < 0.1 && abs(excess(2.1, classes: 2) - log(2)) < 0.03)
        let found = try #require(
            try SetUp("dense 64 tanh, dense 10 initializer=normal(0,0.8)", .digits).findings("firstLoss").first)
        let loss = try #require(found.evidence.first { $0.name == "first loss" }).value
        let deviation = try #require(found.evidence.first { $0.name.hasPrefix("deviation") }).value
        #expect(abs(loss - log(10) - excess(deviation)) < 0.15 * loss, "\(loss) at \(deviation)")
    }

    /// Where inputs are too large, sure first answers are their symptom.
    @Test func sureAnswersStandUnderTheirCause() throws {
        var settings = Doctor.Settings()
        settings.oneBatchSteps = 0
        let large = SetUp("dense 16 relu, dense 2", .gaussian).with { $0.inputScale = 100 }
        let diagnosis = try Doctor(settings).examine(large.patient(), watching: false)
        let scale = try #require(diagnosis.findings.first { $0.rule == "inputScale" })
        #expect(scale.symptoms.contains { $0.rule == "firstLoss" })
        #expect(!diagnosis.findings.contains { $0.rule == "firstLoss" })
    }

    /// What did no harm in the end is a note.
    @Test func aNetworkThatTrainsIsNotIll() throws {
        let few = SetUp(
            "dense 32 initializer=normal(0,0.03) relu, dense 32 initializer=normal(0,0.03) relu, dense 2", .gaussian
        ).with { $0.epochs = 150 }
        #expect(try few.findings("criticalInitialization").first?.severity == .warning)
        let after = try few.findings("criticalInitialization", watching: true).first
        #expect(after?.severity == .note)
        #expect(after?.text.contains("It trains all the same") == true)
        let dead = SetUp("dense 16 relu biasInitializer=constant(-9), dense 2", .gaussian)
        #expect(try dead.findings("deadAtBirth", watching: true).first?.severity == .failure)
    }

    /// The rules' table is whole: names are unique, and explanations speak of rules by their names.
    @Test func theTableIsSound() {
        let ids = Rule.all.map(\.id)
        #expect(Set(ids).count == ids.count)
        for rule in Rule.all where rule.stage == .before {
            #expect(!rule.explains.contains(rule.id), "\(rule.id) explains itself")
            #expect(!rule.explanation.what.isEmpty && !rule.explanation.mathematics.isEmpty, "\(rule.id)")
            #expect(!rule.explanation.threshold.isEmpty && !rule.explanation.sources.isEmpty, "\(rule.id)")
        }
    }
}
