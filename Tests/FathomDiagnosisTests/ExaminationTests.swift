import FathomData
import FathomDiagnosis
import FathomNN
import FathomTraining
import Foundation
import Testing

@Suite struct ExaminationTests {
    /// White rows with labels that do not matter.
    private func noise(_ rows: Int, _ columns: Int, mean: Float = 0, classes: Int = 10) throws -> DataSplit {
        var generator = SeededGenerator(seed: 5)
        let scale = Float(3).squareRoot()
        let values = (0..<rows * columns).map { _ in Float.random(in: -1...1, using: &generator) * scale + mean }
        let labels = (0..<rows).map { _ in Int32.random(in: 0..<Int32(classes), using: &generator) }
        let data = try Dataset(
            name: "noise", inputs: DataArray(values: values, shape: [rows, columns]),
            targets: .classes(labels: labels, names: (0..<classes).map { "\($0)" }),
            provenance: .init(source: "computed", licence: "none"))
        return try DataSplit(train: data, test: data)
    }

    private func birth(_ layers: [any Layer], _ data: DataSplit) throws -> Examination {
        let evidence = try Doctor().evidence(of: Patient(Sequential(layers), data: data), watching: false)
        return try #require(evidence.birth)
    }

    @Test func sigmoidsWithHeWeightsLoseTheGradientAsTheorySays() throws {
        // χ ≈ .101 a layer: over twelve layers the mean square falls to about 1.06e−12, the size to 1.06e−6.
        var layers: [any Layer] = []
        for _ in 0..<13 {
            layers.append(Dense(400, initializer: .he))
            layers.append(Activate(.sigmoid))
        }
        layers.append(Dense(10))
        let look = try birth(layers, noise(128, 400))
        let rows = look.outerLayers
        #expect(rows.count == 14)
        let ratio = rows[1].inputGradient.size / rows[12].outputGradient.size
        #expect(abs(log(ratio / 1.06e-6)) < 0.25, "\(ratio)")
        // The factors multiply to the gain, and theory gives each.
        for row in rows[1...12] {
            #expect(abs(row.gain / (row.activationGain * row.transportGain) - 1) < 1e-6)
            let slope = try #require(row.slope)
            #expect(abs(row.activationGain / slope.meanSquare.squareRoot() - 1) < 0.1)
            #expect(abs(row.transportGain / row.weights[0].backwardFactor.squareRoot() - 1) < 0.1)
            #expect(slope.dead == 0)
        }
    }

    @Test func positiveInputsForceOneSign() throws {
        let centred = try birth([Dense(8), Activate(.tanh), Dense(10)], noise(64, 30))
        let positive = try birth([Dense(8), Activate(.sigmoid), Dense(10)], noise(64, 30))
        #expect(centred.outerLayers[0].weights[0].sampleSignCoherence < 0.3)
        // Sigmoid's outputs are all positive: of one example, all weights of a unit move one way.
        #expect(positive.outerLayers[1].weights[0].sampleSignCoherence == 1)
        // Summing over the batch softens it, but does not undo it.
        let summed = positive.outerLayers[1].weights[0].signCoherence
        #expect(summed < 1 && summed > centred.outerLayers[1].weights[0].signCoherence)
    }

    @Test func deadUnitsAreCounted() throws {
        let look = try birth(
            [Dense(16, biasInitializer: .constant(-100)), Activate(.relu), Dense(10)], noise(64, 30))
        let slope = try #require(look.outerLayers[0].slope)
        #expect(slope.dead == 16 && slope.fires.allSatisfy { $0 == 0 })
        #expect(look.outerLayers[0].output.acrossRows == 0)
    }

    @Test func equalUnitsAreSeen() throws {
        let look = try birth([Dense(16, initializer: .constant(0.1)), Activate(.relu), Dense(10)], noise(64, 30))
        #expect(look.outerLayers[0].weights[0].duplicateUnits == 1)
        #expect(look.outerLayers[1].weights[0].duplicateUnits == 0)
    }

    @Test func aMeanShowsInTheConditionNumber() throws {
        let centred = try birth([Dense(8), Dense(10)], noise(2000, 20))
        let shifted = try birth([Dense(8), Dense(10)], noise(2000, 20, mean: 1))
        let (a, b) = (
            try #require(centred.outerLayers[0].inputConditionNumber),
            try #require(shifted.outerLayers[0].inputConditionNumber)
        )
        #expect(a < 6 && b > 3 * a, "\(a) \(b)")
        #expect(centred.outerLayers[0].inputOffCentre < 0.15)
        #expect(abs(shifted.outerLayers[0].inputOffCentre - 1) < 0.15)
    }

    /// Every example that needs no download, and layers that none of them has.
    static let configurations: [String] = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let examples = ["digits", "spirals", "deep-sigmoid", "deep-highway"].map { name in
            let file = root.appendingPathComponent("Examples/\(name).yaml")
            let text = (try? String(contentsOf: file, encoding: .utf8)) ?? "no \(file.path)"
            return text.replacingOccurrences(of: "Examples/", with: root.path + "/Examples/")
        }
        let others = [
            "dense 32 sigmoid, batchNorm, tanh, dropout 0.2, dense 10",
            "residual [dense 64 relu, dense 64], highway 32 tanh, layerNorm, maxout 16, dense 10",
        ]
        return examples + others.map { "data: digits\nmodel: \"\($0)\"" }
    }()

    @Test(arguments: configurations) func watchingChangesNoBit(text: String) throws {
        var configuration = try RunConfiguration(yaml: text)
        configuration.training.seed = 7
        let data = try PreparedData(configuration.data)
        let isClasses = data.split.train.classCount != nil
        configuration.training.epochs = 2
        configuration.training.monitor = "loss"
        configuration.metrics = [.init(isClasses ? "accuracy" : "r2")]
        let patient = try Patient(configuration)
        let prepared = try patient.prepared()
        let plain = try patient.trainer(prepared)
        try plain.run()
        let watched = try Trainer(configuration, prepared, probes: ProbeSettings())
        let watcher = try Watcher(watched, setup: try Setup(patient, prepared))
        var (looks, observed) = (0, 0)
        try watched.run { event in
            if try watcher.see(event) { looks += 1 }
            if case .observed = event { observed += 1 }
        }
        #expect(looks >= 5)
        #expect(observed == plain.step.step)
        #expect(plain.step.state == watched.step.state)
        #expect(watcher.evidence.course?.losses.count == plain.step.step)
    }

    /// A network on its way is not ill because it has not arrived.
    @Test func aHealthyTrainingIsSilentAllTheWay() throws {
        let configuration = try RunConfiguration(
            yaml: "data: digits\nmodel: dense 64 relu, dense 10\nmetrics: [accuracy]\ntraining: {epochs: 8}")
        let patient = try Patient(configuration)
        let prepared = try patient.prepared()
        let trainer = try patient.trainer(prepared)
        let watcher = try Watcher(trainer, setup: try Setup(patient, prepared))
        func ill() -> [String] { Diagnosis(watcher.evidence).findings.filter { $0.severity > .note }.map(\.rule) }
        #expect(ill().isEmpty)
        try trainer.run { event in if try watcher.see(event) { #expect(ill().isEmpty, "\(event)") } }
        watcher.end(.completed)
        #expect(ill().isEmpty)
    }

    @Test func looksAreSpacedLikePowers() {
        let steps = Watcher.spaced(1000, 10)
        #expect(steps.first == 1 && steps.last == 1000 && steps == steps.sorted())
        #expect(Set(steps).count == steps.count)
        #expect(Watcher.spaced(1, 10) == [1])
        #expect(Watcher.spaced(0, 10).isEmpty)
    }
}
