import FathomData
import FathomDiagnosis
import FathomNN
import FathomTraining
import Foundation
import Testing

/// Networks on images: what a close look measures of them, and whether their diseases are named.
@Suite struct ConvolutionTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// An example, changed as `--set` would.
    private func example(_ name: String, _ change: (inout RunConfiguration) throws -> Void = { _ in }) throws -> Patient
    {
        let file = Self.root.appendingPathComponent("Examples/\(name).yaml")
        var configuration = try RunConfiguration(yaml: String(contentsOf: file, encoding: .utf8))
        try change(&configuration)
        return try Patient(configuration)
    }

    private func diagnosis(_ patient: Patient) throws -> Diagnosis {
        var settings = Doctor.Settings()
        settings.otherStarts = 0
        settings.looks = 8
        return try Doctor(settings).examine(patient)
    }

    private func all(_ findings: [Finding]) -> [Finding] { findings.flatMap { [$0] + all($0.symptoms) } }

    // MARK: Diseases

    @Test func aLongStepKillsFilters() throws {
        let diagnosis = try diagnosis(example("dead-filters"))
        let cause = try #require(diagnosis.findings.first)
        #expect(cause.rule == "learningRateTooHigh" && cause.severity == .failure)
        #expect(cause.text.contains("threw most filters of convolution"), "\(cause.text)")
        let dying = try #require(cause.symptoms.first { $0.rule == "dyingReLU" })
        #expect(dying.cause == "died" && dying.since > 0)
        // Dead filters are counted over rows and places: one for each of the layer. Which layer dies is decided by rounding.
        let path = try #require(dying.layers.first)
        let filters = ["convolution1": 16, "convolution2": 16, "convolution3": 32, "convolution4": 32]
        let look = try #require(diagnosis.evidence.latest?.layers.first { $0.path == path })
        let count = try #require(look.slope?.fires.count)
        #expect(dying.text.contains("of \(count) filters of \(path)"), "\(dying.text)")
        #expect(count == filters[path])
        #expect(try #require(look.slope).dead > count / 2)
    }

    @Test func theSameFiltersLiveWithShorterSteps() throws {
        let diagnosis = try diagnosis(
            example("dead-filters") {
                $0.optimization.optimizer.options["learningRate"] = .number(0.02)
            })
        #expect(diagnosis.isHealthy, "\(diagnosis.findings.map(\.rule))")
        #expect(!all(diagnosis.findings).contains { ["dyingReLU", "learningRateTooHigh"].contains($0.rule) })
        let dead = diagnosis.evidence.latest?.layers.compactMap(\.slope?.dead).reduce(0, +)
        #expect(try #require(dead) < 10)
    }

    @Test func adamsLongStepsNameWhatTheyKilled() throws {
        let diagnosis = try diagnosis(
            example("dead-filters") {
                $0.optimization.optimizer = .init("adam", ["learningRate": .number(0.3)])
                $0.training.epochs = 4
            })
        let cause = try #require(diagnosis.findings.first)
        #expect(cause.rule == "learningRateRange" && cause.cause == "high")
        #expect(cause.text.contains("thrown most filters of convolution"), "\(cause.text)")
        #expect(cause.symptoms.contains { $0.rule == "dyingReLU" })
    }

    @Test func fiftySixPlainLayersAreTooDeep() throws {
        let diagnosis = try diagnosis(example("plain-56") { $0.training.epochs = 3 })
        let cause = try #require(diagnosis.findings.first)
        #expect(cause.rule == "depthWithoutSkip" && cause.cause == "vanishing" && cause.severity == .failure)
        #expect(cause.text.contains("55 hidden layers"))
        #expect(cause.text.contains("no normalisation between them"), "\(cause.text)")
        // What the taps outside the image take is in χ: the size it expects is the one that is measured.
        let expected = try #require(cause.evidence.first { $0.name.contains("left in front") }?.value)
        let flow = try #require(diagnosis.evidence.birth.flatMap(GradientFlow.init))
        #expect(abs(log10(flow.lengthGain / expected)) < 1, "\(flow.lengthGain) \(expected)")
        #expect(diagnosis.findings.filter { $0.severity > .note }.count == 1)
        let remedies = cause.suggestions.map(\.remedy)
        #expect(remedies.contains("residual") && remedies.contains("batchNorm"))
    }

    /// χ is near 1 and the gradient arrives, but next to nothing is left of the signal behind 41 narrow layers; half as many
    /// leave enough.
    @Test(arguments: [(41, true), (12, false)])
    func aSignalThatFadesIsDepthToo(_ depth: Int, _ isFound: Bool) throws {
        let layers = ["upsample 4"] + Array(repeating: "conv 8 3 relu", count: depth) + ["globalPool", "dense 10"]
        let patient = try example("plain-56") { $0.model = try ModelSpec(layers.joined(separator: ", ")) }
        let evidence = try Doctor().evidence(of: patient, watching: false)
        let look = try #require(evidence.birth)
        let finding = Clinic.finding("depthWithoutSkip", evidence)
        #expect((finding != nil) == isFound)
        guard let finding else { return }
        let left = try #require(finding.evidence.first { $0.name == "signal size left behind" }?.value)
        let sums = look.layers.filter { $0.kind == "convolution" }.map(\.sums.size)
        #expect(abs(left - sums[depth - 1] / sums[0]) < 1e-9 * left && left < exp(-3))
        #expect(try #require(GradientFlow(look)).gain > exp(-3))
        #expect(finding.cause == "vanishing" && finding.text.contains("the signal"), "\(finding.text)")
    }

    /// The mean over 24 × 24 places hands each a 576th of the gradient, which is no fault of depth.
    @Test func poolingAtTheEndIsNoVanishingGradient() throws {
        let (look, evidence) = try birth(
            "upsample 3, conv 16 3 relu, conv 16 3 relu, conv 16 3 relu, globalPool, dense 10")
        let flow = try #require(GradientFlow(look))
        #expect(flow.layers.last?.path == "convolution3")
        #expect(flow.lengthGain > 0.3 && flow.lengthGain < 3, "\(flow.lengthGain)")
        let pool = try #require(look.layers.first { $0.kind == "globalPool" })
        #expect(abs(pool.gain - 1.0 / 576) < 1e-5)
        #expect(Clinic.finding("vanishingGradient", evidence) == nil)
    }

    @Test func fiftySixLayersWithShortcutsAndNormalisationAreNot() throws {
        let diagnosis = try diagnosis(
            example("plain-56") { $0.model = try ModelSpec("resNet 56 width=8") })
        #expect(diagnosis.isHealthy, "\(diagnosis.findings.map(\.rule))")
        #expect(!all(diagnosis.findings).contains { $0.rule == "depthWithoutSkip" || $0.rule == "vanishingGradient" })
    }

    @Test func theirShortcutsAreARemedy() throws {
        let patient = try example("plain-56") { $0.training.epochs = 1 }
        let evidence = try Doctor().evidence(of: patient, watching: false)
        let finding = try #require(Clinic.finding("depthWithoutSkip", evidence))
        let treated = try #require(Remedy.named("residual")?.apply(evidence, finding))
        let blocks = treated.configuration.model.layers.filter { $0.kind == "residual" }
        #expect(blocks.count == 27)
        // With them the gradient arrives.
        let after = try Doctor().evidence(of: treated, watching: false)
        #expect(Clinic.finding("depthWithoutSkip", after) == nil)
        #expect(try #require(after.birth?.totalGain) > 0.05)
    }

    // MARK: Measures

    private func birth(_ model: String, data: String = "{name: digits, scaling: channels}", loss: String? = nil) throws
        -> (look: Examination, evidence: Evidence)
    {
        let text = "data: \(data)\nmodel: \"\(model)\"\ntraining: {batch: 32, threads: 1}\n"
        let patient = try Patient(RunConfiguration(yaml: text + (loss.map { "loss: \($0)\n" } ?? "")))
        let evidence = try Doctor().evidence(of: patient, watching: false)
        return (try #require(evidence.birth), evidence)
    }

    /// Of 3 taps with padding over n places 3n − 2 meet one; with stride 2 over 8 places 11 of 12 do.
    @Test func onlyTapsInsideTheImageCount() throws {
        let (look, _) = try birth("conv 6 3 relu, conv 4 3 stride=2, conv 5 3 padding=valid, flatten, dense 10")
        func weight(_ path: String) throws -> Examination.Weight {
            try #require(look.layers.first { $0.path == path }?.weights.first)
        }
        func square(_ w: Examination.Weight) -> Double { w.size * w.size }
        let first = try weight("convolution1")
        #expect(first.inputs == 9 && first.units == 6)
        #expect(abs(first.forwardFactor / (9 * square(first)) - pow(22.0 / 24, 2)) < 1e-6)
        #expect(abs(first.backwardFactor / (54 * square(first)) - pow(22.0 / 24, 2)) < 1e-6)
        let second = try weight("convolution2")
        #expect(second.inputs == 54 && second.units == 4)
        #expect(abs(second.forwardFactor / (54 * square(second)) - pow(11.0 / 12, 2)) < 1e-6)
        // Each of the 64 inputs reaches 121/64 of the 16 outputs, on average, in 4 filters.
        #expect(abs(second.backwardFactor / (4 * 121.0 / 64 * square(second)) - 1) < 1e-6)
        let third = try weight("convolution3")
        #expect(abs(third.forwardFactor / (36 * square(third)) - 1) < 1e-6)
    }

    @Test func channelsHaveTheirOwnStatistics() throws {
        let (look, evidence) = try birth("conv 6 3 relu, globalPool, dense 10")
        let layer = try #require(look.layers.first)
        let channels = try #require(layer.channels)
        #expect(channels.means.count == 6 && channels.deviations.count == 6)
        // Law of total variance: what they are over all elements follows from what they are in each channel.
        let means = channels.means.map(Double.init)
        let mean = means.reduce(0, +) / 6
        let variance = zip(means, channels.deviations).reduce(0) {
            $0 + (pow(Double($1.1), 2) + pow($1.0 - mean, 2)) / 6
        }
        #expect(abs(mean - layer.sums.mean) < 1e-4)
        #expect(abs(variance.squareRoot() / layer.sums.deviation - 1) < 1e-4)
        #expect(layer.slope?.fires.count == 6)
        #expect(look.layers.last?.channels == nil)
        #expect(evidence.setup.layers.map(\.unitName) == ["filter", "unit", "unit"])
    }

    @Test func branchesStandBesideTheirShortcuts() throws {
        // An orthogonal branch keeps every length, forward and back; a doubled one doubles it; zeros leave the input as it is.
        let (look, _) = try birth(
            """
            dense 24 tanh, residual [dense 24 initializer=orthogonal bias=false], \
            residual [dense 24 initializer=orthogonal(2) bias=false], residual [dense 24 initializer=zeros], dense 10
            """, data: "digits")
        let blocks = look.layers.filter { $0.kind == "residual" }
        #expect(blocks.count == 3)
        for (block, factor) in zip(blocks, [1.0, 2, 0]) {
            let branch = try #require(block.branch)
            #expect(abs(branch.signal - factor) < 1e-3, "\(branch)")
            #expect(abs(branch.gradient - factor) < 1e-3, "\(branch)")
        }
        #expect(look.layers.allSatisfy { $0.kind == "residual" || $0.branch == nil })
    }

    @Test func gatesOfConvolutionsAreSeen() throws {
        let (look, evidence) = try birth("highwayNetwork 8 filters=6 gateBias=-3")
        let highways = look.layers.filter { $0.kind == "highway" }
        #expect(highways.count == 6)
        for layer in highways {
            let gate = try #require(layer.gates.first)
            #expect(layer.gates.count == 1 && gate.units.count == 6)
            // σ(−3) = 0.047, widened by the weights.
            #expect(gate.opening > 0.02 && gate.opening < 0.15, "\(gate.opening)")
            #expect(abs(Double(gate.units.reduce(0, +)) / 6 - gate.opening) < 1e-5)
            #expect(gate.closed > 0.2 && gate.open < 0.05)
            // H and T over nine taps of six channels.
            #expect(layer.weights.first?.inputs == 54 && layer.weights.first?.units == 12)
        }
        #expect(look.layers.filter { $0.kind != "highway" }.allSatisfy { $0.gates.isEmpty })
        #expect(Diagnosis(evidence).isHealthy)
    }

    @Test func capsulesAreNoLayerThatIsTooLarge() throws {
        let (look, evidence) = try birth(
            "conv 16 3 relu, primaryCapsules 4 4 kernel=3, capsules 10 8, capsuleLength", loss: "margin")
        let capsules = try #require(look.layers.first { $0.kind == "capsules" })
        // Equal shares of all primary capsules keep the variance.
        #expect(abs(try #require(capsules.weights.first).forwardFactor - 1) < 0.3, "\(capsules.weights)")
        #expect(Diagnosis(evidence).isHealthy, "\(Diagnosis(evidence).findings)")
    }
}
