import FathomData
import FathomDiagnosis
import FathomNN
import FathomRuntime
import FathomTestSupport
import FathomTraining
import Foundation
import Testing

/// The pictures of the report, and the numbers behind them.
@Suite struct PicturesTests {
    /// Rows of four pixels; a model that hands them on takes the brightest for its answer.
    private static let pixels: [[Float]] = [
        [9, 0, 0, 0], [0, 9, 0, 0], [0, 0, 9, 0], [0, 0, 0, 9],
        // Wrong: a little, very, and in between.
        [3, 2, 0, 0], [0, 8, 0, 0], [0, 0, 0, 5],
    ]
    private static let labels: [Int32] = [0, 1, 2, 3, 1, 0, 2]

    private func report(names: [String] = ["a", "b", "c", "d"], isImage: Bool = true, scaled: Bool = false) throws
        -> ClassificationReport
    {
        var rows = try Dataset(
            name: "spots", inputs: DataArray(values: Self.pixels.flatMap { $0 }, shape: [7, 4]),
            targets: .classes(labels: Self.labels, names: names),
            provenance: .init(source: "computed", licence: "none"),
            imageShape: isImage ? ImageShape(height: 2, width: 2, channels: 1) : nil)
        var preprocessing = Preprocessing(columnsOf: rows)
        if scaled {
            // As a network would get them; the model undoes it, so that the answers stay.
            let scaling = try ColumnScaling.minMax(rows.inputs)
            rows = try scaling.applied(to: rows)
            preprocessing.scaling = scaling
        }
        let evaluator = try Evaluator(
            Activate(.identity), loss: .softmaxCrossEntropy(), data: DataShape(rows), storage: StateStorage([]),
            team: Team(threads: 1), batch: 3)
        return try #require(
            try ClassificationReport(
                evaluator, loss: .softmaxCrossEntropy(), dataset: rows, preprocessing: preprocessing, part: "test"))
    }

    @Test func confusionsAreCounted() throws {
        let report = try report()
        let expected: [[Int]] = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 1]]
        #expect(report.confusion == expected)
        #expect(report.unanswered == [0, 0, 0, 0])
        #expect(report.rows == 7)
        #expect(abs(report.accuracy - 4.0 / 7) < 1e-12)
        let confusions = report.confusions
        #expect(confusions.map(\.label) == [0, 1, 2])
        #expect(confusions.map(\.predicted) == [1, 0, 3])
        #expect(confusions.allSatisfy { $0.count == 1 && $0.share == 0.5 })
    }

    @Test func theWorstMistakeComesFirst() throws {
        let report = try report()
        #expect(report.mistakes.map(\.row) == [5, 6, 4])
        // ln(e⁸ + 3) for a true class at 0 beside one at 8.
        let losses: [Double] = [log(exp(8.0) + 3), log(exp(5.0) + 3), log(exp(3.0) + exp(2.0) + 2) - 2]
        for (mistake, loss) in zip(report.mistakes, losses) {
            #expect(abs(mistake.loss - loss) < 1e-4, "\(mistake.loss) \(loss)")
            let probability = try #require(mistake.labelProbability)
            #expect(abs(probability - exp(-loss)) < 1e-5)
        }
        let sure = try #require(report.mistakes[0].probability)
        #expect(abs(sure - exp(8.0) / (exp(8.0) + 3)) < 1e-5)
        #expect(report.samples.count == 7 && report.samples.filter { $0.isRight }.count == 4)
    }

    private func picture(_ address: String) throws -> FathomData.Picture {
        let prefix = "data:image/png;base64,"
        #expect(address.hasPrefix(prefix))
        let bytes = [UInt8](try #require(Data(base64Encoded: String(address.dropFirst(prefix.count)))))
        return try bytes.withUnsafeBytes { buffer in
            let file = FileManager.default.temporaryDirectory.appendingPathComponent("picture-\(UUID()).png")
            try Data(buffer).write(to: file)
            defer { try? FileManager.default.removeItem(at: file) }
            return try PictureReader.read(path: file.path)
        }
    }

    @Test(arguments: [false, true]) func rowsAreShownAsTheyCame(scaled: Bool) throws {
        // From 0 to the largest, 9: 8 is 255 · 8/9.
        let mistake = try #require(report(scaled: scaled).samples.first { $0.row == 5 })
        let picture = try picture(mistake.picture)
        #expect(picture.shape == ImageShape(height: 2, width: 2, channels: 1))
        #expect(picture.pixels == [0, 227, 0, 0])
    }

    @Test func rowsThatAreNoPicturesHaveACountAlone() throws {
        let report = try report(isImage: false)
        #expect(report.confusion[2] == [0, 0, 1, 1])
        #expect(report.samples.isEmpty && report.mistakes.isEmpty)
        #expect(!report.html(title: "t", detail: "", measures: []).contains("<img"))
    }

    @Test func namesCannotBreakOut() throws {
        let evil = "</script><img src=x onerror=alert(1)>\""
        let page = try report(names: [evil, "b", "c", "d"]).html(
            title: evil, detail: evil, measures: [(evil, 1)])
        #expect(page.contains("&lt;/script&gt;&lt;img src=x"))
        #expect(Self.pictures(page) == page.components(separatedBy: "<img").count - 1)
        #expect(page.components(separatedBy: "<script").count == 2)
    }

    /// Pictures that hold their own bytes.
    static func pictures(_ page: String) -> Int {
        page.components(separatedBy: "<img src=\"data:image/png;base64,").count - 1
    }

    // MARK: Convolutions

    /// A convolution whose filters are known: [2, 2, 1, 2] of −4 … 3.
    private static let ramp = Initializer("ramp") { context in (0..<context.count).map { Float($0) - 4 } }

    private func pictures(_ layers: [any Layer], epochs: Int = 1) throws -> Evidence {
        let rows = try DatasetCatalog.load("digits", options: .init())
        let split = try DataSplit(train: rows.train.gather(rows: 0..<128), test: rows.test.gather(rows: 0..<40))
        var settings = Doctor.Settings()
        settings.oneBatchSteps = 0
        let training = RunConfiguration.Training()
        // A rate of 0 keeps the filters as they were drawn.
        let patient = Patient(
            Sequential(layers), data: split, optimizer: .init("sgd", ["learningRate": .number(0)]), training: training)
        return try Doctor(settings).evidence(of: patient)
    }

    @Test func filtersAreThePicturesOfTheirWeights() throws {
        let evidence = try pictures([
            Convolution(2, kernel: 2, bias: false, initializer: Self.ramp), ReLU(),
            Convolution(3, kernel: 3, biasInitializer: .constant(-1e6)), ReLU(), GlobalPool(), Dense(10),
        ])
        let pictures = try #require(evidence.pictures)
        let filters = try #require(pictures.filters)
        #expect(filters.count == 2 && filters.tiles.map(\.index) == [0, 1])
        // Filter 0 has −4, −2, 0, 2 at its taps; −4 is black, 4 would be white, 0 lies between.
        func shade(_ w: Double) -> UInt8 { UInt8((255 * (w + 4) / 8).rounded()) }
        #expect(try picture(filters.tiles[0].picture).pixels == [-4, -2, 0, 2].map(shade))
        #expect(try picture(filters.tiles[1].picture).pixels == [-3, -1, 1, 3].map(shade))
        // The maps are of the first row, in the order of the layers; the second convolution is dead.
        #expect(pictures.maps.map(\.path) == ["convolution1", "convolution2"])
        #expect(pictures.maps[0].height == 8 && pictures.maps[0].tiles.count == 2)
        #expect(pictures.maps[1].tiles.allSatisfy { $0.isDead })
        #expect(try picture(pictures.maps[1].tiles[0].picture).pixels.allSatisfy { $0 == 0 })
        // As it came, the brightest pixel of the set white.
        let train = evidence.setup.patient.data.train.inputs
        let top = try #require(train.values.max())
        let shown = try picture(try #require(pictures.example)).pixels
        #expect(zip(shown, train.row(0)).allSatisfy { abs(Float($0) - 255 * $1 / top) <= 1 })
    }

    @Test func mapsAreWhatALayerHandsOn() throws {
        // One filter that hands its input on: the map is the picture.
        let one = Initializer("one") { [Float](repeating: 1, count: $0.count) }
        let evidence = try pictures([
            Convolution(1, kernel: 1, bias: false, initializer: one), ReLU(), GlobalPool(), Dense(10),
        ])
        let pictures = try #require(evidence.pictures)
        let map = try picture(try #require(pictures.maps.first?.tiles.first).picture).pixels
        let row = try DatasetCatalog.load("digits", options: .init()).train.inputs.row(0)
        let sizes = row.sorted()
        let top = sizes[Int(0.995 * Double(sizes.count - 1))]
        #expect(zip(map, row).allSatisfy { abs(Float($0) - min(255 * $1 / top, 255)) <= 1 })
        #expect(pictures.maps[0].tiles[0].isDead == false)
    }

    @Test func networksWithoutImagesHaveNone() throws {
        let evidence = try Clinic.evidence("dense 8 relu, dense 3", data: "iris", epochs: 1)
        #expect(evidence.pictures == nil)
        let answers = try #require(evidence.answers)
        #expect(answers.classes.count == 3 && answers.samples.isEmpty)
        #expect(answers.confusion.flatMap { $0 }.reduce(0, +) == answers.rows)
        let numbers = try Clinic.evidence("dense 8 tanh, dense 1", data: "{name: sine, count: 60}", epochs: 1)
        #expect(numbers.answers == nil && numbers.pictures == nil)
        #expect(try !DiagnosisDocument(Diagnosis(numbers)).html().contains("id=\"answers\""))
    }
}

/// Looks at the pages with pictures in a browser without a screen, where one is installed.
@Suite(.enabled(if: Browser.path != nil, "no chromium and no google-chrome: script/bootstrap --tests installs one"))
struct PicturesInBrowserTests {
    private static let document = Result {
        let configuration = try RunConfiguration(
            yaml: """
                data: {name: digits, scaling: channels}
                model: conv 8 3 relu, residual [conv 8 3 relu, conv 8 3], highway kernel=3, maxPool 2, flatten, dense 10
                optimizer: {name: adam, learningRate: 0.003}
                training: {epochs: 3, batch: 32, seed: 1, threads: 1}
                """)
        return DiagnosisDocument(try Doctor().examine(Patient(configuration)))
    }

    @Test(arguments: [(1200, false), (1200, true), (390, false)])
    func thePageShowsThem(width: Int, isDark: Bool) throws {
        let document = try Self.document.get()
        let page = try document.html()
        let view = try Browser.open(page, width: width, isDark: isDark)
        #expect(view.messages.isEmpty, "\(view.messages)")
        let answers = try #require(document.answers)
        let pictures = try #require(document.pictures)
        let tiles = pictures.maps.reduce(pictures.filters?.tiles.count ?? 0) { $0 + $1.tiles.count }
        #expect(
            PicturesTests.pictures(view.dom) == tiles + 1 + answers.samples.count + answers.mistakes.count)
        for id in ["pictures", "answers", "filters", "maps", "samples"] {
            #expect(view.dom.contains("id=\"\(id)\""), "\(id)")
        }
        // A cell for each pair of classes.
        #expect(view.dom.components(separatedBy: "--v:").count - 1 == 100)
        for plot in ["branches", "gates"] {
            let tag = try #require(view.dom.components(separatedBy: "data-plot=\"\(plot)\"").dropFirst().first)
            #expect(tag.prefix { $0 != ">" }.contains("data-marks"), "\(plot) drew nothing")
            #expect(!tag.prefix { $0 != ">" }.contains("data-marks=\"0\""), "\(plot) drew nothing")
        }
        // A page of the same numbers says the same.
        let back = try DiagnosisDocument(json: document.json())
        #expect(try back.html() == page)
    }

    @Test func anEvaluationStandsAlone() throws {
        let answers = try #require(try Self.document.get().answers)
        let page = answers.html(title: "digits", detail: "step 1", measures: [("accuracy", answers.accuracy)])
        let view = try Browser.open(page, width: 390, isDark: true)
        #expect(view.messages.isEmpty, "\(view.messages)")
        #expect(view.dom.contains("data-theme=\"dark\""))
        #expect(PicturesTests.pictures(view.dom) == answers.samples.count + answers.mistakes.count)
    }
}
