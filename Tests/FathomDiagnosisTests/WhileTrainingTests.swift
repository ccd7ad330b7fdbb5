import FathomDiagnosis
import FathomNN
import Foundation
import Testing

/// Every rule of the stage `during` on networks that have its disease, and on look-alikes.
@Suite struct WhileTrainingTests {
    private let moons = "{name: moons, count: 600}"

    // MARK: The four causes of small gradients

    @Test func sigmoidsVanishByTheirSlope() throws {
        let evidence = try Clinic.evidence(
            Clinic.stack(10, "50 sigmoid initializer=he") + ", dense 10", optimizer: "{name: sgd, learningRate: 0.05}")
        let finding = try #require(Clinic.finding("vanishingGradient", evidence))
        #expect(finding.cause == "activation")
        #expect(finding.severity == .failure)
        #expect(finding.since == 0)
        #expect(finding.layers.first == "dense1")
        // The factors of theory: at most 1/16 by the slope, 2 by He's weights; together they explain the gain.
        let slope = try #require(finding.evidence.first { $0.name.hasPrefix("E[φ′²]") }?.value)
        #expect(slope > 0.03 && slope < 1.0 / 16)
        let weights = try #require(finding.evidence.first { $0.name.hasPrefix("n·E[w²]") }?.value)
        #expect(weights > 1.5 && weights < 2.3)
        let residual = try #require(finding.evidence.first { $0.name.contains("unexplained") }?.value)
        #expect(residual > 0.3 && residual < 3)
        let measured = try #require(finding.evidence.first { $0.name.hasPrefix("gradient at") }?.value)
        let expected = try #require(finding.evidence.first { $0.name.contains("mean-field") }?.value)
        #expect(abs(log10(measured / expected)) < 0.7)
        // Its symptoms stand under it.
        let diagnosis = Diagnosis(evidence, rules: Rule.all.filter { $0.stage == .during })
        #expect(diagnosis.findings.first?.rule == "vanishingGradient")
        #expect(diagnosis.findings.filter { $0.severity > .note }.count == 1)
    }

    @Test func smallWeightsLoseTheSignal() throws {
        let evidence = try Clinic.evidence(
            Clinic.stack(10, "50 tanh initializer=uniform(-0.05,0.05)") + ", dense 10", epochs: 6)
        #expect(Clinic.finding("vanishingGradient", evidence)?.cause == "signal")
    }

    @Test func weightsAloneAreToldFromTheSignal() throws {
        // Biases keep the values up, while the weights hand hardly any gradient back.
        let evidence = try Clinic.evidence(
            Clinic.stack(8, "50 tanh initializer=normal(0,0.03) biasInitializer=normal(0,1)") + ", dense 10", epochs: 4)
        #expect(Clinic.finding("vanishingGradient", evidence)?.cause == "weights")
    }

    @Test func saturationComesWhileTraining() throws {
        let evidence = try Clinic.evidence(
            Clinic.stack(6, "50 tanh") + ", dense 10", optimizer: "{name: sgd, learningRate: 3}")
        let finding = try #require(Clinic.finding("vanishingGradient", evidence))
        #expect(finding.cause == "saturation")
        #expect(finding.since > 0)
        #expect(Clinic.finding("saturatedUnits", evidence)?.cause == "training")
    }

    @Test func convergedIsNotVanished() throws {
        // Its gradients are small everywhere, because the loss is.
        let evidence = try Clinic.evidence(
            Clinic.stack(3, "16 tanh") + ", dense 2", data: moons, optimizer: "{name: adam, learningRate: 0.01}",
            epochs: 80)
        #expect(try #require(evidence.latest).loss < 0.05)
        #expect((Clinic.finding("vanishingGradient", evidence)?.severity ?? .note) == .note)
        #expect(Diagnosis(evidence, rules: Rule.all.filter { $0.stage == .during }).isHealthy)
    }

    // MARK: Too large

    @Test func largeWeightsExplode() throws {
        let evidence = try Clinic.evidence(
            Clinic.stack(10, "50 relu initializer=normal(0,1)") + ", dense 10",
            optimizer: "{name: sgd, learningRate: 0.01}")
        let finding = try #require(Clinic.finding("explodingGradient", evidence))
        #expect(finding.severity == .failure && finding.since == 0)
        #expect(Clinic.finding("nonFinite", evidence)?.severity == .failure)
        let diagnosis = Diagnosis(evidence, rules: Rule.all.filter { $0.stage == .during })
        #expect(diagnosis.findings.first?.rule == "explodingGradient")
    }

    @Test func longStepsDiverge() throws {
        let evidence = try Clinic.evidence(
            Clinic.stack(2, "64 tanh") + ", dense 1", data: "{name: sine, count: 400}",
            optimizer: "{name: sgd, learningRate: 30}", epochs: 10)
        let diagnosis = Diagnosis(evidence, rules: Rule.all.filter { $0.stage == .during })
        #expect(diagnosis.findings.first?.rule == "learningRateTooHigh")
        #expect(Clinic.finding("explodingGradient", evidence) == nil)
    }

    @Test func longStepsKillUnits() throws {
        let evidence = try Clinic.evidence(
            Clinic.stack(2, "64 relu") + ", dense 10", optimizer: "{name: sgd, learningRate: 5}")
        #expect(Clinic.finding("dyingReLU", evidence)?.cause == "died")
        let diagnosis = Diagnosis(evidence, rules: Rule.all.filter { $0.stage == .during })
        #expect(diagnosis.findings.first?.rule == "learningRateTooHigh")
        #expect(diagnosis.findings.first?.symptoms.contains { $0.rule == "dyingReLU" } == true)
    }

    // MARK: Too small

    @Test(arguments: ["{name: sgd, learningRate: 0.00001}", "{name: adam, learningRate: 0.0000005}"])
    func shortSteps(_ optimizer: String) throws {
        let evidence = try Clinic.evidence(Clinic.stack(2, "64 relu") + ", dense 10", optimizer: optimizer, epochs: 5)
        let diagnosis = Diagnosis(evidence, rules: Rule.all.filter { $0.stage == .during })
        #expect(diagnosis.findings.first?.rule == "learningRateTooLow")
        #expect(Clinic.finding("vanishingGradient", evidence) == nil)
        #expect(Clinic.finding("frozenWeights", evidence) == nil)
    }

    @Test func stepsBelowTheLastDigitFreeze() throws {
        let evidence = try Clinic.evidence(
            Clinic.stack(2, "64 relu") + ", dense 10", optimizer: "{name: sgd, learningRate: 1.0e-12}", epochs: 5)
        #expect(Clinic.finding("frozenWeights", evidence)?.cause == "all")
    }

    @Test func parametersFrozenOnPurposeAreNotReported() throws {
        var patient = try Clinic.patient(Clinic.stack(2, "32 relu") + ", dense 10", epochs: 5)
        patient.configuration.optimization.groups = [ParameterGroup("dense1*", isFrozen: true)]
        let evidence = try Doctor().evidence(of: patient)
        #expect(try #require(evidence.latest).layers.first?.weights.first?.updateRatio == 0)
        #expect(Clinic.finding("frozenWeights", evidence) == nil)
    }

    // MARK: Data and capacity

    @Test func labelsThatNothingTells() throws {
        let evidence = try Clinic.evidence(
            Clinic.stack(2, "64 relu") + ", dense 2", data: "{name: white-noise, count: 600}", epochs: 40)
        #expect(Clinic.finding("labels", evidence)?.severity == .failure)
        let healthy = try Clinic.evidence("dense 16 relu, dense 2", data: moons, epochs: 10)
        #expect(Clinic.finding("labels", healthy) == nil)
    }

    @Test func aLineCannotSplitCircles() throws {
        let evidence = try Clinic.evidence("dense 2", data: "{name: circles, count: 600}", epochs: 60)
        let finding = try #require(Clinic.finding("plateau", evidence) ?? Clinic.finding("underfitting", evidence))
        #expect(finding.severity == .failure)
        #expect(Clinic.finding("vanishingGradient", evidence) == nil)
        #expect(Clinic.finding("learningRateTooHigh", evidence) == nil)
    }

    @Test func toomuchDropout() throws {
        let evidence = try Clinic.evidence("dense 64 relu, dropout 0.95, dense 64 relu, dropout 0.95, dense 10")
        #expect(Clinic.finding("dropoutTooHigh", evidence)?.severity == .failure)
        let usual = try Clinic.evidence("dense 64 relu, dropout 0.5, dense 64 relu, dropout 0.5, dense 10", epochs: 20)
        #expect(Clinic.finding("dropoutTooHigh", usual) == nil)
    }

    // MARK: Courses written by hand

    private func base() throws -> Evidence {
        try Doctor().evidence(of: Clinic.patient("dense 16 relu, dense 2", data: moons, epochs: 40), watching: false)
    }

    @Test func plateausAndWhatLooksLikeOne() throws {
        let base = try base()
        var noise = Noise(seed: 3)
        func course(_ skill: Double, _ level: (Double) -> Double) -> Evidence {
            Clinic.written(
                base, losses: (0..<560).map { level(Double($0) / 560) + 0.1 * noise() },
                skills: [(skill, skill), (skill, skill), (skill, skill)])
        }
        #expect(Clinic.finding("plateau", course(0.5) { _ in 0.69 })?.severity == .failure)
        // A slow start that is on its way.
        #expect(Clinic.finding("plateau", course(0.7) { $0 < 0.6 ? 0.69 : 0.69 - 1.2 * ($0 - 0.6) }) == nil)
        // Flat at the bottom.
        #expect(Clinic.finding("plateau", course(0.99) { _ in 0.02 }) == nil)
        // Flat half-way.
        let half = course(0.7) { $0 < 0.2 ? 0.69 : 0.45 }
        #expect(Clinic.finding("plateau", half) == nil)
        #expect(Clinic.finding("underfitting", half)?.cause == "capacity")
        // Stopped on the way.
        #expect(Clinic.finding("underfitting", course(0.7) { 0.69 - 0.3 * $0 })?.cause == "time")
        // Ten steps tell nothing.
        let short = Clinic.written(base, losses: [Double](repeating: 0.7, count: 10), skills: [(0.5, 0.5)])
        #expect(Clinic.wants("plateau", short)?.contains("32 steps") == true)
    }

    @Test func divergenceAndSpikes() throws {
        let base = try base()
        let rises = (0..<560).map { 0.7 + 0.01 * Double($0) }
        let finding = try #require(
            Clinic.finding("divergingLoss", Clinic.written(base, losses: rises, skills: [(0.5, 0.5)])))
        #expect(finding.severity == .failure)
        var spike = (0..<560).map { 0.7 * exp(-Double($0) / 200) }
        for k in 500..<520 { spike[k] = 50 }
        #expect(Clinic.finding("divergingLoss", Clinic.written(base, losses: spike, skills: [(0.9, 0.9)])) == nil)
    }

    @Test func oscillationAndTheNoiseOfBatches() throws {
        let base = try base()
        let perEpoch = base.setup.stepsPerEpoch
        var noise = Noise(seed: 5)
        let swings = (0..<40 * perEpoch).map { 0.5 + (($0 / perEpoch) % 2 == 0 ? 0.2 : 0) + 0.05 * noise() }
        #expect(Clinic.finding("oscillatingLoss", Clinic.written(base, losses: swings, skills: [(0.7, 0.7)])) != nil)
        // As large, but from batch to batch.
        let noisy = (0..<40 * perEpoch).map { _ in 0.5 + 0.2 * noise() }
        #expect(Clinic.finding("oscillatingLoss", Clinic.written(base, losses: noisy, skills: [(0.7, 0.7)])) == nil)
        // At the bottom nobody minds.
        let low = (0..<40 * perEpoch).map { 0.002 + (($0 / perEpoch) % 2 == 0 ? 0.002 : 0) }
        #expect(Clinic.finding("oscillatingLoss", Clinic.written(base, losses: low, skills: [(1, 1)])) == nil)
    }

    @Test func overfittingAndOverconfidence() throws {
        let base = try base()
        func evaluated(_ scores: [(train: Double, loss: Double, heldOut: Double)]) -> Evidence {
            var course = Course()
            course.losses = (0..<560).map { Float(0.7 * exp(-Double($0) / 100)) }
            for (k, s) in scores.enumerated() {
                course.evaluations.append(
                    .init(
                        step: (k + 1) * 560 / scores.count, epoch: k, train: .init(loss: 0.1, skill: s.train),
                        heldOut: .init(loss: s.loss, skill: s.heldOut)))
            }
            return Evidence(setup: base.setup, birth: base.birth, course: course)
        }
        let ill = evaluated([
            (0.8, 0.5, 0.8), (0.9, 0.45, 0.85), (0.99, 0.6, 0.76), (1, 0.8, 0.74), (1, 1, 0.72), (1, 1.2, 0.7),
        ])
        #expect(Clinic.finding("overfitting", ill)?.severity == .warning)
        // A gap without a rise, and a rise without a gap.
        let gap = evaluated([(0.8, 0.5, 0.75), (0.9, 0.45, 0.8), (0.99, 0.44, 0.8), (1, 0.44, 0.8), (1, 0.44, 0.8)])
        #expect(Clinic.finding("overfitting", gap) == nil)
        let sure = evaluated([
            (0.9, 0.3, 0.9), (0.97, 0.2, 0.95), (0.98, 0.25, 0.96), (0.99, 0.3, 0.96), (1, 0.35, 0.96),
        ])
        #expect(Clinic.finding("overfitting", sure) == nil)
    }

    // MARK: Nobody who is well is called ill

    @Test(arguments: [
        ("dense 64 relu, dense 64 relu, dense 10", "digits", "{name: adam, learningRate: 0.001}", 10),
        ("dense 64 tanh, dense 64 tanh, dense 10", "digits", "{name: sgd, learningRate: 0.1}", 15),
        (
            "dense 64, batchNorm, relu, dense 64, batchNorm, relu, dense 10", "digits",
            "{name: sgd, learningRate: 0.1, momentum: 0.9}", 8
        ),
        ("dense 64 sigmoid, dense 10", "digits", "{name: adam, learningRate: 0.003}", 20),
        (
            "dense 50 tanh, highway 50, highway 50, highway 50, highway 50, highway 50, dense 10", "digits",
            "{name: adam, learningRate: 0.005}", 10
        ),
        (
            "dense 32 tanh, dense 32 tanh, dense 3", "{name: spirals, count: 1500}", "{name: adam, learningRate: 0.01}",
            60
        ),
        ("dense 16 relu, dense 3", "{name: iris, scaling: standardize}", "{name: adam, learningRate: 0.01}", 60),
        ("dense 32 tanh, dense 32 tanh, dense 1", "{name: sine, count: 600}", "{name: adam, learningRate: 0.01}", 100),
    ])
    func healthy(_ model: String, _ data: String, _ optimizer: String, _ epochs: Int) throws {
        let evidence = try Clinic.evidence(model, data: data, optimizer: optimizer, epochs: epochs)
        let diagnosis = Diagnosis(evidence, rules: Rule.all.filter { $0.stage == .during })
        #expect(evidence.standing.state == .learns)
        #expect(diagnosis.findings.filter { $0.severity > .note }.map(\.rule) == [])
    }

    // MARK: The table

    @Test func everyRuleExplainsItself() {
        for rule in Rule.all where rule.stage == .during {
            #expect(rule.explanation.what.count > 80, "\(rule.id)")
            #expect(!rule.explanation.mathematics.isEmpty && !rule.explanation.threshold.isEmpty, "\(rule.id)")
            #expect(!rule.explanation.lookAlikes.isEmpty && !rule.explanation.sources.isEmpty, "\(rule.id)")
            // What it explains exists, and nothing explains itself.
            for id in rule.explains { #expect(Rule.named(id) != nil && id != rule.id, "\(rule.id) → \(id)") }
        }
    }

    @Test func withoutACourseNothingIsSaidOfOne() throws {
        let evidence = try base()
        for rule in Rule.all where rule.stage == .during {
            if case .findings(let list) = rule.judge(evidence) {
                #expect(list.allSatisfy { $0.since == 0 }, "\(rule.id)")
            }
        }
        #expect(Clinic.wants("plateau", evidence) != nil)
        #expect(Clinic.wants("learningRateTooHigh", evidence) != nil)
    }
}
