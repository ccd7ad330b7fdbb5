import FathomData
import FathomNN
import FathomTraining
import Foundation
import Testing

/// Training on pictures: layout, augmentation, scaling by channel, folders of files.
@Suite struct PictureRunTests {
    static func temporary(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("fathom-pictures-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    static func configuration(_ data: String, _ model: String = "dense 16 relu, dense 10") throws -> RunConfiguration {
        try RunConfiguration(
            yaml: "data: \(data)\nmodel: \(model)\ntraining: {epochs: 2, batch: 32, seed: 5, threads: 1}\n")
    }

    // MARK: Configuration

    @Test func readsAndWritesWhatIsSaidOfPictures() throws {
        let run = try RunConfiguration(
            yaml: """
                data:
                  folder: flowers/train
                  testFolder: flowers/test
                  size: [24, 32]
                  channels: 1
                  scaling: {mean: 0.5, std: [0.25]}
                  augment:
                    crop: {padding: 3, fill: reflect}
                    flip: true
                    cutout: 8
                    mixup: 0.2
                model: dense 10
                """)
        #expect(run.data.source == .pictures("flowers/train", test: "flowers/test"))
        #expect(run.data.size == .init(height: 24, width: 32) && run.data.channels == 1)
        #expect(run.data.scaling == .channels && run.data.mean == [0.5] && run.data.deviation == [0.25])
        #expect(
            run.data.augmentation == Augmentation(padding: 3, fill: .reflect, flip: 0.5, cutout: 8, mixup: 0.2))
        #expect(try RunConfiguration(yaml: run.yaml) == run)
        let short = try RunConfiguration(
            yaml: "data: {folder: x, size: 8, scaling: channels, augment: {crop: 2, flip: 0.25}}\nmodel: dense 10\n")
        #expect(short.data.size == .init(height: 8, width: 8) && short.data.isFlat == nil)
        #expect(short.data.augmentation == Augmentation(padding: 2, flip: 0.25))
        #expect(short.data.mean.isEmpty)
        #expect(try RunConfiguration(yaml: short.yaml).data.augmentation == short.data.augmentation)
    }

    static let mistakes: [(String, String, Int?, String)] = [
        ("data:\n  name: digits\n  augment:\n    crops: 4\n", "data.augment.crops", 4, "'crop'"),
        ("data:\n  name: digits\n  augment:\n    flip: 2\n", "data.augment.flip", 4, "probability"),
        ("data:\n  name: digits\n  augment:\n    crop: -1\n", "data.augment.crop", 4, "whole number"),
        (
            "data:\n  name: digits\n  augment:\n    crop: {padding: 2, fill: black}\n", "data.augment.crop.fill", 4,
            "reflect"
        ),
        ("data:\n  name: digits\n  augment:\n    crop: {fill: zero}\n", "data.augment.crop.padding", 4, "padding"),
        ("data:\n  name: digits\n  augment: yes\n", "data.augment", 3, "mapping"),
        ("data:\n  name: digits\n  augment: {mixup: -0.1}\n", "data.augment.mixup", 3, "0 to 1000"),
        ("data:\n  folder: x\n  size: [1, 2, 3]\n", "data.size", 3, "height and width"),
        ("data:\n  folder: x\n  size: 0\n", "data.size", 3, "1 to 16384"),
        ("data:\n  folder: x\n  size: 99999999999\n", "data.size", 3, "1 to 16384"),
        ("data:\n  folder: x\n  channels: 2\n", "data.channels", 3, "grey"),
        ("data:\n  name: digits\n  scaling: {mean: [0], std: [0]}\n", "data.scaling.std", 3, "above 0"),
        ("data:\n  name: digits\n  scaling: {mean: a}\n", "data.scaling.mean", 3, "numbers"),
        ("data: {size: 4}\n", "data", 1, "folder"),
        ("data:\n  name: digits\n  size: 8\n", "data.size", 3, "for pictures"),
        ("data:\n  file: x.csv\n  testFolder: y\n", "data.testFolder", 3, "for pictures"),
    ]

    @Test(arguments: mistakes)
    func mistakesNameKeyAndLine(_ text: String, _ key: String, _ line: Int?, _ word: String) throws {
        let error = #expect(throws: ConfigError.self) { try RunConfiguration(yaml: text + "model: dense 10\n") }
        #expect(error?.key == key, "\(error?.description ?? "")")
        if let line { #expect(error?.line == line, "\(error?.description ?? "")") }
        #expect(error?.description.contains(word) == true, "\(error?.description ?? "")")
    }

    // MARK: Layout

    @Test func rowsAreFlatUnlessTheModelNeedsPictures() throws {
        func shape(_ data: String, _ model: String) throws -> [Int] {
            try PreparedData(Self.configuration(data, model)).split.train.inputs.rowShape
        }
        #expect(try shape("digits", "dense 16 relu, dense 10") == [64])
        #expect(try shape("digits", "flatten, dense 10") == [64])
        #expect(try shape("digits", "batchNorm, relu, dense 10") == [64])
        let model = "conv 4 3 relu, globalPool, dense 10"
        #expect(try shape("digits", model) == [8, 8, 1])
        #expect(try shape("digits", "batchNorm, maxPool 2, flatten, dense 10") == [8, 8, 1])
        // Wrong either way, it is the window that is too large, not the missing picture.
        #expect(try shape("digits", "conv 4 3 relu, maxPool 99, dense 10") == [8, 8, 1])
        // What is said holds.
        #expect(try shape("{name: digits, flatten: false}", "flatten, dense 10") == [8, 8, 1])
        #expect(try shape("{name: digits, flatten: true}", "dense 10") == [64])
        // The complete configuration says how it was decided.
        let run = try Self.configuration("digits", model)
        let resolved = try run.resolved(for: PreparedData(run))
        #expect(resolved.data.isFlat == false)
        #expect(try run.resolved(for: PreparedData(Self.configuration("digits"))).data.isFlat == true)
        #expect(try Self.configuration("iris", "dense 3").layingOut(Iris.load()).isFlat == true)
        // It is still known which picture a flat row is.
        let prepared = try PreparedData(Self.configuration("digits"))
        #expect(prepared.split.train.imageShape == ImageShape(height: 8, width: 8, channels: 1))
        #expect(prepared.preprocessing.imageShape == ImageShape(height: 8, width: 8, channels: 1))
    }

    // MARK: Scaling

    @Test func channelsAreScaledAsInTraining() throws {
        let raw = try PreparedData(Self.configuration("{name: digits, scaling: none}"))
        let measured = try PreparedData(Self.configuration("{name: digits, scaling: channels}"))
        let values = measured.split.train.inputs.values
        let mean = values.reduce(0.0) { $0 + Double($1) } / Double(values.count)
        let squares = values.reduce(0.0) { (sum: Double, value: Float) in sum + Double(value) * Double(value) }
        let square = squares / Double(values.count)
        #expect(abs(mean) < 1e-4 && abs(square - 1) < 1e-3)
        // The test part by the numbers of the training part, and raw rows later the same.
        let test = try measured.preprocessing.applied(to: raw.split.test.inputs)
        #expect(test == measured.split.test.inputs)
        let stored = try #require(measured.preprocessing.scaling)
        #expect(stored.shift.count == 1)
        let given = try PreparedData(Self.configuration("{name: digits, scaling: {mean: 0.25, std: 0.5}}"))
        #expect(
            given.split.test.inputs.values
                == raw.split.test.inputs.values.map { (value: Float) in (value - 0.25) / 0.5 })
        #expect(throws: DataError.self) {
            try PreparedData(Self.configuration("{name: iris, scaling: channels}", "dense 3"))
        }
        #expect(throws: DataError.self) {
            try PreparedData(Self.configuration("{name: digits, scaling: {mean: [1, 2, 3]}}"))
        }
    }

    // MARK: Augmentation

    static func trainer(
        _ augmentation: Augmentation, accumulate: Int = 1, threads: Int = 1, loss: Loss? = nil, seed: UInt64 = 5,
        epochs: Int = 3
    ) throws -> Trainer {
        let digits = try Digits.load().gather(rows: 0..<300)
        let cut = try digits.split(fraction: 0.8, seed: 1)
        var settings = Trainer.Settings()
        (settings.epochs, settings.batch, settings.accumulate) = (epochs, 32, accumulate)
        (settings.seed, settings.threads) = (seed, threads)
        let trainer = try Trainer(
            ModelSpec("dense 16 relu, dense 10").build(), data: cut.flattened(), settings: settings, loss: loss,
            optimizer: OptimizerSettings(Adam(learningRate: 0.01)), augmentation: augmentation)
        trainer.reportEvery = 1
        return trainer
    }

    static let changes: [Augmentation] = [
        Augmentation(padding: 1, flip: 0.5, cutout: 2), Augmentation(padding: 1, fill: .reflect, flip: 0.5, mixup: 0.3),
    ]

    @Test(arguments: changes, [1, 3]) func resumingWithinAnEpochGivesTheSameBits(
        _ augmentation: Augmentation, accumulate: Int
    ) throws {
        let whole = try Self.trainer(augmentation, accumulate: accumulate)
        #expect(try whole.run() == .completed)
        for cut in [1, 4, whole.step.step - 1] {
            let first = try Self.trainer(augmentation, accumulate: accumulate)
            let stop = first.stop
            let outcome = try first.run { event in
                if case .step(let step) = event, step.step == cut { stop.stop() }
            }
            #expect(outcome == .interrupted && first.step.step == cut)
            let second = try Self.trainer(augmentation, accumulate: accumulate)
            try second.resume(from: first.checkpoint())
            #expect(try second.run() == .completed)
            let isSame = second.step.state == whole.step.state
            #expect(isSame, "cut at step \(cut)")
        }
    }

    @Test(arguments: changes) func threadsChangeNothing(_ augmentation: Augmentation) throws {
        let one = try Self.trainer(augmentation)
        let two = try Self.trainer(augmentation, threads: 2)
        try one.run()
        try two.run()
        #expect(one.step.state == two.step.state)
        // That it could differ at all: without the changes, and with another seed.
        let plain = try Self.trainer(Augmentation())
        try plain.run()
        #expect(plain.step.state != one.step.state)
    }

    @Test func evaluationSeesTheRowsAsTheyAre() throws {
        let trainer = try Self.trainer(Augmentation(padding: 3, flip: 0.5, cutout: 4, mixup: 1), epochs: 1)
        let plain = try Self.trainer(Augmentation(), epochs: 1)
        // Before any step both have the same weights.
        #expect(trainer.step.state == plain.step.state)
        #expect(try trainer.evaluate(trainer.data.test) == plain.evaluate(plain.data.test))
        var first: [Double] = []
        for each in [trainer, plain] {
            try each.run { event in if case .step(let step) = event, step.step == 1 { first.append(step.loss) } }
        }
        // The first batch of training is another.
        #expect(first.count == 2 && first[0] != first[1])
    }

    @Test func aLossOnLabelsAloneCannotMix() throws {
        let error = #expect(throws: TrainingError.self) {
            try Self.trainer(Augmentation(mixup: 0.2), loss: .multiClassHinge())
        }
        #expect(error?.description.contains("softmaxCrossEntropy") == true)
        _ = try Self.trainer(Augmentation(flip: 0.5), loss: .multiClassHinge())
        #expect(throws: DataError.self) { try Self.trainer(Augmentation(padding: 8)) }
    }

    @Test func mixedTargetsHaveTheLossOfTheirMixture() throws {
        // With λ from mixing, the cross-entropy on mixed targets is the mixture of the two cross-entropies; at equal logits
        // both are ln 10, whatever λ is.
        let digits = try Digits.load().gather(rows: 0..<64).flattened()
        var settings = Trainer.Settings()
        (settings.epochs, settings.batch) = (1, 64)
        let trainer = try Trainer(
            ModelSpec("dense 10 initializer=zeros").build(),
            data: DataSplit(train: digits, test: digits), settings: settings, augmentation: Augmentation(mixup: 1))
        trainer.reportEvery = 1
        try trainer.run { event in
            if case .step(let step) = event { #expect(abs(step.loss - log(10)) < 1e-5) }
        }
    }

    @Test func whatBecameInfiniteIsFoundInChangedRows() throws {
        var settings = Trainer.Settings()
        (settings.epochs, settings.batch) = (5, 32)
        let digits = try Digits.load().gather(rows: 0..<200).flattened()
        let trainer = try Trainer(
            ModelSpec("dense 8 relu, dense 8, dense 10").build(), data: DataSplit(train: digits, test: digits),
            settings: settings, optimizer: OptimizerSettings(SGD(learningRate: 1e20)),
            augmentation: Augmentation(padding: 1, mixup: 0.2))
        let error = #expect(throws: TrainingError.self) { try trainer.run() }
        guard case .nonFinite(let report)? = error else {
            Issue.record("another error: \(String(describing: error))")
            return
        }
        #expect(report.operation != nil && report.lastGoodStep != nil)
    }

    @Test func aConvolutionTrainsOnChangedPictures() throws {
        let text = """
            data: {name: digits, augment: {crop: 1}, validation: 0}
            model: conv 8 3 relu, maxPool 2, conv 16 3 relu, maxPool 2, flatten, dense 10
            optimizer: {name: adam, learningRate: 0.005}
            training: {epochs: 10, batch: 32, seed: 1}
            """
        let configuration = try RunConfiguration(yaml: text)
        let prepared = try PreparedData(configuration)
        let trainer = try Trainer(configuration, prepared)
        try trainer.run()
        let accuracy = try trainer.evaluate(prepared.split.test).first { $0.name == "accuracy" }
        #expect(try #require(accuracy).value > 0.9)
    }

    // MARK: Folders

    /// Pictures of bright and dark squares on noise.
    static func write(_ count: Int, to folder: String, seed: UInt64) throws {
        var generator = FathomData.SeededGenerator(seed: seed)
        for index in 0..<count {
            let isBright = index % 2 == 0
            let path = folder + (isBright ? "/bright" : "/dark")
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            let (height, width) = (9 + index % 3, 11)
            let pixels = (0..<height * width * 3).map { (_: Int) -> UInt8 in
                UInt8(generator.next(below: 100)) + (isBright ? 150 : 0)
            }
            let png = try ImageEncoder.png(pixels, width: width, height: height, channels: 3)
            try Data(png).write(to: URL(fileURLWithPath: path + "/\(index).png"))
        }
    }

    @Test func trainsOnAFolderAndPredictsAPicture() throws {
        try Self.temporary { folder in
            try Self.write(60, to: folder + "/train", seed: 1)
            try Self.write(20, to: folder + "/test", seed: 2)
            let text = """
                data:
                  folder: \(folder)/train
                  testFolder: \(folder)/test
                  size: 8
                  scaling: channels
                  augment: {crop: 1, flip: true}
                model: dense 8 relu, dense 2
                optimizer: {name: adam, learningRate: 0.01}
                training: {epochs: 20, batch: 16, seed: 1}
                """
            try trainAndMeasure(text, folder)
            // Going on reads the folder again, and ends with the bits of a run that never stopped.
            let longer = try TrainingRun.resume(folder + "/run") { $0.training.epochs = 22 }
            try longer.run()
            let straight = try TrainingRun.create(
                RunConfiguration(yaml: text.replacing("epochs: 20", with: "epochs: 22")), at: folder + "/straight")
            try straight.run()
            let isSame = longer.trainer.step.state == straight.trainer.step.state
            #expect(isSame)
        }
    }

    /// In a scope of its own, because a run keeps its folder to itself.
    private func trainAndMeasure(_ text: String, _ folder: String) throws {
        let run = try TrainingRun.create(RunConfiguration(yaml: text), at: folder + "/run")
        #expect(run.prepared.split.train.classNames == ["bright", "dark"])
        #expect(run.prepared.split.test.rowCount == 20)
        #expect(run.prepared.preprocessing.scaling?.shift.count == 3)
        try run.run()
        let model = try TrainedModel(run: folder + "/run")
        #expect(try model.measure(run.prepared.split.test).first { $0.name == "accuracy" }?.value == 1)
        let file = folder + "/test/dark/1.png"
        let options = try model.preprocessing.pictureOptions(for: file)
        #expect(options.size == .init(height: 8, width: 8) && options.channels == 3)
        let answer = try model.predict(ImageFolder.read(paths: [file], options: options))
        #expect(answer.count == 2 && answer[1] > 0.9)
    }

    @Test func aClassThatTrainingDidNotHaveIsRefused() throws {
        try Self.temporary { folder in
            try Self.write(8, to: folder + "/train", seed: 1)
            try Self.write(8, to: folder + "/test", seed: 2)
            let pixels = [UInt8](repeating: 9, count: 27)
            let png = try ImageEncoder.png(pixels, width: 3, height: 3, channels: 3)
            try FileManager.default.createDirectory(
                atPath: folder + "/test/twilight", withIntermediateDirectories: true)
            try Data(png).write(to: URL(fileURLWithPath: folder + "/test/twilight/1.png"))
            let run = try Self.configuration("{folder: \(folder)/train, testFolder: \(folder)/test, size: 8}")
            let error = #expect(throws: DataError.self) { try PreparedData(run) }
            #expect(error?.description.contains("twilight") == true)
        }
    }
}
