import FathomData
import FathomDiagnosis
import FathomNN
import FathomTraining
import Foundation
import Testing

@Suite struct TreatmentTests {
    // MARK: Statistics

    @Test(arguments: [(4.0, 2.776445), (9.0, 2.262157), (1.0, 12.706205), (2.0, 4.302653), (30.0, 2.042272)])
    func studentsQuantiles(_ degrees: Double, _ expected: Double) {
        #expect(abs(StudentT.quantile(0.975, degrees: degrees) - expected) < 1e-5)
        #expect(abs(StudentT.quantile(0.025, degrees: degrees) + expected) < 1e-5)
        #expect(abs(StudentT.probability(below: expected, degrees: degrees) - 0.975) < 1e-7)
    }

    @Test func intervalOfFiveDifferences() {
        // So many rows that only the seeds count: mean 0.15, s = 0.0790569, s/√5 = 0.0353553, times 2.776445.
        let gain = PairedGain(
            control: [0.5, 0.5, 0.5, 0.5, 0.5], treated: [0.6, 0.7, 0.65, 0.55, 0.75], rows: 1 << 50,
            isAccuracy: true)
        #expect(abs(gain.gain - 0.15) < 1e-12)
        let interval = gain.interval()
        #expect(abs(interval.lowerBound - 0.051838) < 1e-5)
        #expect(abs(interval.upperBound - 0.248162) < 1e-5)
    }

    @Test func equalDifferencesAreNoCertainty() {
        // One row of fifty at every seed: another fifty rows might say the opposite.
        let one = PairedGain(
            control: [Double](repeating: 0.5, count: 5), treated: [Double](repeating: 0.52, count: 5), rows: 50,
            isAccuracy: true)
        #expect(one.interval().contains(0))
        #expect(!one.isShown(comparisons: 1, smallest: 0.01))
        // Half of all rows is something else.
        let half = PairedGain(
            control: [Double](repeating: 0.4, count: 5), treated: [Double](repeating: 0.9, count: 5), rows: 50,
            isAccuracy: true)
        #expect(half.isShown(comparisons: 6, smallest: 0.01))
        for isAccuracy in [true, false] {
            let none = PairedGain(
                control: [1, 1, 1, 1, 1], treated: [1, 1, 1, 1, 1], rows: 100, isAccuracy: isAccuracy)
            #expect(none.interval().contains(0) && none.interval().lowerBound < 0)
        }
        // Four rows of some unknown number show nothing; where they are all there is, they show everything.
        for isSample in [true, false] {
            let xor = PairedGain(
                control: [Double](repeating: 0.5, count: 5), treated: [Double](repeating: 1, count: 5), rows: 4,
                isAccuracy: true, isSample: isSample)
            #expect(xor.isShown(comparisons: 6, smallest: 0.01) == !isSample)
        }
        // A gain too small to be of use, however sure.
        let small = PairedGain(
            control: [0.5, 0.5, 0.5, 0.5, 0.5], treated: [0.505, 0.505, 0.505, 0.505, 0.505], rows: 1 << 40,
            isAccuracy: true)
        #expect(!small.isShown(comparisons: 1, smallest: 0.01))
    }

    /// Of treatments without effect less than 5 % are taken for a gain, for any number of looks at them.
    @Test(arguments: [1, 6]) func noEffectIsSeldomAGain(_ looks: Int) {
        var generator = FathomData.SeededGenerator(seed: 5)
        func normal() -> Double {
            (-2 * log(1 - generator.uniform())).squareRoot() * cos(2 * .pi * generator.uniform())
        }
        var shown = 0
        for _ in 0..<200 {
            let isShown = (0..<looks).contains { _ in
                let control = (0..<5).map { _ in 0.7 + 0.05 * normal() }
                let treated = (0..<5).map { _ in 0.7 + 0.05 * normal() }
                return PairedGain(control: control, treated: treated, rows: 100_000, isAccuracy: true)
                    .isShown(comparisons: looks, smallest: 0.01)
            }
            if isShown { shown += 1 }
        }
        #expect(shown < 10, "\(shown) of 200")
    }

    /// One run in ten that blows up hides a sure gain from the mean, not from the median.
    @Test func theMedianOfManyPairs() throws {
        let control = (0..<20).map { (i: Int) -> Double in i % 10 == 3 ? -1 : 0.84 + 0.001 * Double(i % 3) }
        let treated = (0..<20).map { (i: Int) -> Double in 0.86 + 0.002 * Double(i % 4) }
        let gain = PairedGain(control: control, treated: treated, rows: 1 << 50, isAccuracy: false)
        #expect(abs(gain.medianGain - 0.022) < 0.002)
        // Of 20 signs 5 or fewer agree with probability 0.0207 at even odds, 6 with 0.0577: the sixth from either end.
        let differences = zip(control, treated).map { $1 - $0 }.sorted()
        let interval = try #require(gain.medianInterval())
        #expect(abs(interval.lowerBound - differences[5]) < 1e-6 && abs(interval.upperBound - differences[14]) < 1e-6)
        #expect(gain.isShown(comparisons: 20, smallest: 0.01))
        #expect(gain.interval(confidence: 1 - 0.05 / 20).lowerBound < 0)
        // Signs at even odds are nothing, and five pairs are too few for an order.
        let even = PairedGain(
            control: [Double](repeating: 0.5, count: 20),
            treated: (0..<20).map { (i: Int) -> Double in i % 2 == 0 ? 0.6 : 0.4 },
            rows: 1 << 50, isAccuracy: true)
        #expect(!even.isShown(comparisons: 1, smallest: 0.01))
        let five = PairedGain(
            control: [0, 0, 0, 0, 0], treated: [1, 1, 1, 1, 1], rows: 100, isAccuracy: true)
        #expect(five.medianInterval() == nil)
    }

    /// A course that rises with the logarithm of the work, to 1 after `end`.
    private static func course(_ end: Double, points: Int = 24, level: Double = 1) -> [PairedSpeed.Point] {
        (0..<points).map { k in
            let work = pow(1e6, Double(k) / Double(points - 1))
            return .init(work: work, skill: min(level, max(0, log(work) / log(end))))
        }
    }

    @Test func howMuchLessWork() throws {
        // Nine tenths of the skill after end^0.9: 1000^0.9 by 100^0.9 = 10^0.9.
        let ends = [900.0, 1000, 1100, 1000, 1000]
        let control = ends.map { Self.course($0) }
        let treated = ends.map { Self.course($0 / 10) }
        let speed = try #require(PairedSpeed(control: control, treated: treated, level: 0.9))
        #expect(abs(speed.factor / pow(10, 0.9) - 1) < 0.02, "\(speed.factor)")
        #expect(speed.interval().contains(speed.factor) && speed.interval().lowerBound > 5)
        #expect(speed.isShown(comparisons: 10, smallest: 1.5) && !speed.isShown(comparisons: 1, smallest: 20))
        // The other way round it is slower, and beside itself it is neither.
        let slower = try #require(PairedSpeed(control: treated, treated: control, level: 0.9))
        #expect(slower.factor < 0.2 && !slower.isShown(comparisons: 1, smallest: 0.1))
        let same = try #require(PairedSpeed(control: control, treated: control, level: 0.9))
        #expect(same.factor == 1 && same.interval().contains(1) && same.interval().lowerBound < 1)
    }

    @Test func workWhereOneSideNeverArrives() throws {
        let low = (0..<5).map { _ in Self.course(1000, level: 0.5) }
        let high = (0..<5).map { _ in Self.course(1000) }
        // The control counts with all it did, 10⁶; the treated one that stays behind has shown nothing.
        let gained = try #require(PairedSpeed(control: low, treated: high, level: 0.9))
        #expect(abs(log(gained.factor) - log(1e6 / pow(1000, 0.9))) < 0.05)
        #expect(PairedSpeed(control: high, treated: low, level: 0.9) == nil)
        #expect(PairedSpeed(control: low, treated: low, level: 0.9)?.factor == 1)
        // A single point above the level is chance.
        var spike = Self.course(1e5)
        spike[3] = .init(work: spike[3].work, skill: 1)
        let smooth = try #require(
            PairedSpeed(control: high, treated: (0..<5).map { _ in spike }, level: 0.9))
        #expect(smooth.factor < 1)
    }

    @Test func mechanisms() {
        #expect(Mechanism.number("above e⁻³ = 0.05") == 0.05)
        #expect(Mechanism.number("about 1") == 1)
        #expect(Mechanism.number("at most −2.5e-3") == -0.0025)
        #expect(Mechanism.number("balanced") == nil)
        // By factors: from 1e−6 half the way to 1 is 1e−3.
        #expect(Mechanism.isHalfway(from: 1e-6, to: 2e-3, expected: 1))
        #expect(!Mechanism.isHalfway(from: 1e-6, to: 5e-4, expected: 1))
        #expect(Mechanism.isHalfway(from: 10, to: -4, expected: 0))
        #expect(!Mechanism.isHalfway(from: 10, to: -6, expected: 0))
    }

    @Test func diffs() {
        let old = (1...12).map { "line \($0)" }.joined(separator: "\n")
        let new = old.replacing("line 6\n", with: "line six\nand more\n")
        #expect(
            unifiedDiff(old, new, from: "a", to: "b") == """
                --- a
                +++ b
                @@ -3,7 +3,8 @@
                 line 3
                 line 4
                 line 5
                -line 6
                +line six
                +and more
                 line 7
                 line 8
                 line 9

                """)
        #expect(unifiedDiff(old, old, from: "a", to: "b").isEmpty)
    }

    // MARK: Real networks

    static func digits(_ model: String, epochs: Int, _ optimizer: RunConfiguration.Choice = .init("adam")) throws
        -> Patient
    {
        var source = DataConfiguration(.named("digits", folder: nil))
        source.validation = 0
        var configuration = RunConfiguration(data: source, model: try ModelSpec(model))
        configuration.training.epochs = epochs
        configuration.training.batch = 64
        configuration.optimization.optimizer = optimizer
        return try Patient(configuration)
    }

    static func rule(
        _ id: String, suggests remedies: [String], fires: @escaping @Sendable (Evidence) -> Double?
    ) -> Rule {
        Rule(id, id, stage: .before, explanation: .init(what: "", mathematics: "", threshold: "")) { evidence in
            guard let value = fires(evidence) else { return .healthy }
            return .finding(
                Finding(
                    id, id, severity: .failure, confidence: 1, "",
                    evidence: [.init("value", value, expected: "about 1")],
                    suggestions: remedies.map { .init($0, "test") }))
        }
    }

    static func doctor(_ rules: [Rule]) -> Doctor {
        var settings = Doctor.Settings()
        settings.threads = 2
        settings.oneBatchSteps = 0
        settings.looks = 4
        settings.evaluations = 2
        return Doctor(settings, rules: rules)
    }

    /// A deep sigmoid network that learns nothing is cured, and the gradient is seen to arrive again.
    @Test func aDeepSigmoidNetworkIsCured() throws {
        let layers = [String](repeating: "dense 32 sigmoid initializer=heNormal", count: 8).joined(separator: ", ")
        let patient = try Self.digits(layers + ", dense 10", epochs: 6)
        let doctor = Self.doctor(Rule.all.filter { $0.id == "vanishingGradient" })
        let diagnosis = try doctor.examine(patient)
        #expect(diagnosis.findings.map(\.rule) == ["vanishingGradient"])
        let treatment = try doctor.treat(diagnosis)
        let winner = try #require(treatment.winner)
        #expect(winner.mechanismMoved)
        #expect(winner.seeds.count >= 5)
        #expect(winner.interval.lowerBound > 0.3)
        #expect(winner.diff.contains("\n+ "))
        // The file that comes out is the network that was proven.
        let read = try RunConfiguration(yaml: winner.configuration)
        #expect(read.model != patient.configuration.model)
        // One by lot stands beside it.
        #expect(treatment.trials.contains { $0.isRandom })
    }

    @Test func aPlaceboIsNotProven() throws {
        // It trains badly, and what is suggested does nothing for that.
        let patient = try Self.digits("dense 8 relu, dense 10", epochs: 2, .init("sgd", ["learningRate": 0.001]))
        let doctor = Self.doctor([Self.rule("made", suggests: ["clipGradients", "leaveAsIs"]) { _ in 100 }])
        let treatment = try doctor.treat(doctor.examine(patient, watching: false))
        #expect(treatment.winner == nil)
        #expect(treatment.trials.allSatisfy { $0.verdict != .proven })
        #expect(treatment.summary.contains("No gain is proven"))
    }

    @Test func aGainWithoutItsMechanismIsNoProof() throws {
        // The rate is the matter; the rule that suggests it measures something that stays as it was.
        let patient = try Self.digits("dense 16 relu, dense 10", epochs: 2, .init("sgd", ["learningRate": 1e-5]))
        let doctor = Self.doctor([Self.rule("made", suggests: ["adamOptimizer"]) { _ in 100 }])
        let treatment = try doctor.treat(doctor.examine(patient, watching: false))
        #expect(treatment.winner == nil)
        #expect(treatment.trials.first?.verdict == .gainWithoutMechanism)
    }

    @Test func twoFaultsAreCuredTogether() throws {
        // Inputs of some hundreds saturate every unit, and the steps are far too small: neither cure shows anything alone.
        let circles = try SyntheticSets.circles(count: 300, factor: 0.4, seed: 4)
        let large = try Dataset(
            name: "circles",
            inputs: DataArray(values: circles.inputs.values.map { 400 * $0 }, shape: circles.inputs.shape),
            targets: circles.targets, provenance: circles.provenance)
        var source = DataConfiguration(.named("circles", folder: nil))
        source.validation = 0
        var configuration = RunConfiguration(
            data: source, model: try ModelSpec("dense 16 tanh, dense 16 tanh, dense 2"))
        configuration.training.epochs = 30
        configuration.training.batch = 32
        configuration.optimization.optimizer = .init("adam", ["learningRate": 1e-7])
        let patient = Patient("circles", configuration: configuration, data: try large.split(fraction: 0.7, seed: 1))
        let doctor = Self.doctor([
            Self.rule("scale", suggests: ["clipGradients", "scaleInputs"]) {
                $0.setup.inputs.deviation > 10 ? $0.setup.inputs.deviation : nil
            },
            Self.rule("rate", suggests: ["raiseLearningRate"]) {
                $0.setup.learningRate < 1e-5 ? $0.setup.learningRate : nil
            },
        ])
        let treatment = try doctor.treat(doctor.examine(patient, watching: false))
        let winner = try #require(treatment.winner)
        #expect(Set(winner.remedies).isSuperset(of: ["scaleInputs", "raiseLearningRate"]))
        #expect(winner.interval.lowerBound > 0.1)
    }

    /// A network that trains past what simple methods reach, and still gives away most of what is left: its ε is put right and
    /// compared, which makes a finding of the note. With the usual ε nothing is compared.
    @Test(arguments: [0.1, 1e-8]) func aMistakeInANetworkThatTrains(_ epsilon: Double) throws {
        // The product of two numbers decides, ten more do not: neighbours and lines learn little.
        var random = SeededGenerator(seed: 1)
        func normal() -> Float {
            Float((-2 * log(1 - random.uniform())).squareRoot() * cos(2 * .pi * random.uniform()))
        }
        let rows = (0..<3000).map { _ in (0..<12).map { _ in normal() } }
        let data = try Dataset(
            name: "signs", inputs: DataArray(values: rows.flatMap { $0 }, shape: [3000, 12]),
            targets: .classes(labels: rows.map { $0[0] * $0[1] > 0 ? 1 : 0 }, names: ["differ", "agree"]),
            provenance: .init(source: "made up", licence: "none"))
        var source = DataConfiguration(.named("signs", folder: nil))
        source.validation = 0
        var configuration = RunConfiguration(data: source, model: try ModelSpec("dense 64 relu, dense 2"))
        configuration.training.epochs = 30
        configuration.training.batch = 32
        configuration.optimization.optimizer = .init("adam", ["learningRate": 0.001, "epsilon": .number(epsilon)])
        let patient = Patient("signs", configuration: configuration, data: try data.split(fraction: 0.8, seed: 1))
        let diagnosis = try Doctor().examine(patient)
        guard epsilon > 0.01 else {
            #expect(diagnosis.evidence.counterfactuals.allSatisfy { !$0.isHarm } && diagnosis.isHealthy)
            return
        }
        let tried = try #require(diagnosis.evidence.counterfactuals.first)
        #expect(tried.rule == "optimizerSettings" && tried.remedy == "defaultOptimizerSettings" && tried.isHarm)
        #expect(tried.interval.lowerBound > 0 && tried.after > tried.before + 0.05 && tried.seeds >= 5)
        let first = try #require(diagnosis.findings.first)
        #expect(!diagnosis.isHealthy && first.rule == "optimizerSettings" && first.severity == .warning)
        #expect(first.text.contains("Put right"))
    }

    /// One row in seventy of the rare class: near a frequent one the network does well by never naming it, apart it finds it.
    @Test(arguments: [(Float(1), true), (Float(6), false)])
    func rareClassesThatAreNotFoundAreNoNote(_ distance: Float, _ isFound: Bool) throws {
        var random = SeededGenerator(seed: 3)
        let centres: [[Float]] = [[0, 0], [8, 0], [0, 8], [distance, distance]]
        let labels = (0..<8400).map { Int32($0 % 70 == 0 ? 3 : $0 % 3) }
        let values = labels.flatMap { centres[Int($0)].map { $0 + Float(random.normal()) } }
        let data = try Dataset(
            name: "rare", inputs: DataArray(values: values, shape: [labels.count, 2]),
            targets: .classes(labels: labels, names: ["a", "b", "c", "rare"]),
            provenance: .init(source: "made up", licence: "none"))
        var configuration = RunConfiguration(
            data: DataConfiguration(.named("rare", folder: nil)), model: try ModelSpec("dense 16 relu, dense 4"))
        configuration.data.validation = 0
        configuration.training.epochs = 5
        configuration.optimization.optimizer = .init("adam", ["learningRate": 0.01])
        let patient = Patient("rare", configuration: configuration, data: try data.split(fraction: 0.7, seed: 1))
        let diagnosis = try Doctor().examine(patient)
        let finding = try #require(diagnosis.findings.first { $0.rule == "classImbalance" })
        #expect(finding.severity == (isFound ? .warning : .note), "\(finding.text)")
        let share = try #require(finding.evidence.first { $0.name.hasPrefix("rows found") }?.value)
        #expect(isFound ? share < 0.5 : share > 0.8)
        #expect(diagnosis.isHealthy == !isFound && diagnosis.evidence.trains)
    }

    /// What time alone does is not the merit of what was given with it.
    @Test func noCureIsCreditedWithTime() throws {
        let patient = try Self.digits("dense 16 relu, dense 10", epochs: 1, .init("sgd", ["learningRate": 0.02]))
        let doctor = Self.doctor([
            Self.rule("made", suggests: ["clipGradients"]) { _ in 100 },
            Self.rule("time", suggests: ["trainLonger"]) { $0.setup.plannedSteps < 500 ? 100 : nil },
        ])
        let treatment = try doctor.treat(doctor.examine(patient, watching: false))
        let winner = try #require(treatment.winner)
        #expect(winner.remedies == ["trainLonger"] && winner.sameLength == nil)
        for trial in treatment.trials where trial.remedies.count > 1 && !trial.isRandom && trial.verdict != .eliminated
        {
            #expect(trial.verdict != .proven && trial.sameLength?.count == trial.seeds.count)
        }
    }

    /// Time and a rate that is needed with it: proven beside the untreated network that trains as long.
    @Test func aCureBesideTimeIsProven() throws {
        let patient = try Self.digits("dense 16 relu, dense 10", epochs: 1, .init("sgd", ["learningRate": 2e-4]))
        let doctor = Self.doctor([
            Self.rule("rate", suggests: ["raiseLearningRate"]) { $0.setup.learningRate < 1e-3 ? 100 : nil },
            Self.rule("time", suggests: ["trainLonger"]) { $0.setup.plannedSteps < 500 ? 100 : nil },
        ])
        let treatment = try doctor.treat(doctor.examine(patient, watching: false))
        let winner = try #require(treatment.winner)
        #expect(Set(winner.remedies) == ["raiseLearningRate", "trainLonger"])
        let same = try #require(winner.sameLength)
        #expect(zip(winner.treated, same).allSatisfy { $0 > $1 + 0.2 })
    }

    /// Two clouds that overlap, so that every network ends at the same accuracy, and steps that are too short.
    private static func slow() throws -> Patient {
        let clouds = try SyntheticSets.gaussianClasses(count: 1500, dimensions: 6, distance: 3, seed: 2)
        var source = DataConfiguration(.named("clouds", folder: nil))
        source.validation = 0
        var configuration = RunConfiguration(data: source, model: try ModelSpec("dense 16 relu, dense 2"))
        configuration.training.epochs = 40
        configuration.training.batch = 32
        configuration.optimization.optimizer = .init("sgd", ["learningRate": 0.003])
        return Patient("clouds", configuration: configuration, data: try clouds.split(fraction: 0.7, seed: 1))
    }

    /// Steps ten times too short reach the same in the end, but not in the same work.
    @Test func asGoodInLessWork() throws {
        let patient = try Self.slow()
        let doctor = Self.doctor([
            Self.rule("rate", suggests: ["raiseLearningRate"]) { $0.setup.learningRate < 0.01 ? 100 : nil }
        ])
        let treatment = try doctor.treat(doctor.examine(patient, watching: false))
        let winner = try #require(treatment.winner)
        #expect(winner.verdict == .faster && winner.mechanismMoved)
        let speed = try #require(winner.speed)
        #expect(speed.factor > 2 && speed.interval.lowerBound > 1)
        #expect(treatment.summary.contains("of the work"))
        // Something that changes nothing is not faster.
        let placebo = Self.doctor([Self.rule("made", suggests: ["clipGradients"]) { _ in 100 }])
        let none = try placebo.treat(placebo.examine(patient, watching: false))
        #expect(none.winner == nil)
    }

    @Test func nothingToGain() throws {
        let patient = try Self.digits("dense 16 relu, dense 10", epochs: 1)
        let none = Self.doctor([])
        #expect(try none.treat(none.examine(patient, watching: false)).trials.isEmpty)
        // Two far clouds: every network reaches 1.
        let blobs = try SyntheticSets.gaussianClasses(count: 600, dimensions: 4, distance: 30, seed: 1)
        var configuration = RunConfiguration(
            data: DataConfiguration(.named("blobs", folder: nil)), model: try ModelSpec("dense 8 relu, dense 2"))
        configuration.training.epochs = 40
        let easy = Patient("easy", configuration: configuration, data: try blobs.split(fraction: 0.7, seed: 1))
        let doctor = Self.doctor([Self.rule("made", suggests: ["wider"]) { _ in 100 }])
        let treatment = try doctor.treat(doctor.examine(easy, watching: false))
        #expect(treatment.trials.isEmpty)
        #expect(treatment.summary.contains("nothing to gain"))
    }

    @Test func theSameWhateverTheThreads() throws {
        let patient = try Self.digits("dense 8 relu, dense 10", epochs: 1, .init("sgd", ["learningRate": 1e-5]))
        func trials(_ threads: Int) throws -> [[Double]] {
            var doctor = Self.doctor([Self.rule("made", suggests: ["adamOptimizer", "wider"]) { _ in 100 }])
            doctor.settings.threads = threads
            return try doctor.treat(doctor.examine(patient, watching: false)).trials.map { $0.control + $0.treated }
        }
        #expect(try trials(1) == trials(4))
    }

    @Test func stopping() throws {
        let patient = try Self.digits("dense 16 relu, dense 10", epochs: 50, .init("sgd", ["learningRate": 1e-5]))
        let doctor = Self.doctor([Self.rule("made", suggests: ["adamOptimizer"]) { _ in 100 }])
        let stop = StopRequest()
        stop.stop()
        let treatment = try doctor.treat(doctor.examine(patient, watching: false), stop: stop)
        #expect(treatment.winner == nil)
        #expect(treatment.summary.contains("stopped"))
    }

    /// A control that overflows, or cannot even be built, is one that learnt nothing.
    @Test func aControlWithoutNumbers() throws {
        let patient = try Self.digits("dense 16 relu, dense 10", epochs: 20, .init("sgd", ["learningRate": 1e30]))
        let doctor = Self.doctor([
            Self.rule("rate", suggests: ["lowerLearningRate"]) {
                $0.setup.learningRate > 1 ? $0.setup.learningRate : nil
            }
        ])
        let treatment = try doctor.treat(doctor.examine(patient, watching: false))
        let winner = try #require(treatment.winner)
        #expect(winner.control.allSatisfy { $0 < 0.15 })
        #expect(winner.interval.lowerBound > 0.1)
    }
}
