import ArgumentParser
import Fathom

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measure a trained model on data it has not seen.",
        discussion: """
            Takes the best checkpoint of a run and the test part of its data, or a file with the same columns. For \
            classes it prints the confusion matrix as well; --report writes it as a page with, of pictures, the worst \
            mistakes and some answers.

            Examples:
              fathom evaluate runs/2026-11-21-143005-digits
              fathom evaluate runs/2026-11-21-143005-houses --data new-houses.csv --json
              fathom evaluate runs/2026-11-21-143005-flowers --data ./more-flowers
              fathom evaluate runs/2026-11-21-143005-flowers --report flowers.html

            Exit codes: 0 done, 1 the report cannot be written, 2 no such run, or data that do not fit it.
            """)

    @Argument(help: ArgumentHelp("The folder of a run.", valueName: "run"), completion: .directory)
    var folder: String

    @Option(
        name: .long,
        help: "A file with the columns of the training data, or a folder of pictures, instead of the test part.")
    var data: String?

    @Option(name: .long, help: "The labels, or numbers to predict, of an NPY or IDX file given as --data.")
    var targets: String?

    @Option(name: .long, help: "Which checkpoint: best or latest.")
    var checkpoint: TrainedModel.Choice = .best

    @Option(
        name: .long, help: "Write a page for a browser: confusion matrix, worst mistakes, answers.",
        completion: .file(extensions: ["html"]))
    var report: String?

    @OptionGroup var output: OutputOptions

    func run() throws {
        guard data != nil || targets == nil else { throw UsageError("--targets goes with the inputs, as --data") }
        let model = try TrainedModel(run: folder, checkpoint)
        for rejection in model.rejected { Terminal.warning("\(rejection)") }
        let dataset: Dataset
        if let data {
            let raw: Dataset
            if case .pictures = DataConfiguration.source(of: data) {
                raw = try PreparedData.pictures(data, model.preprocessing.pictureOptions(for: data))
            } else {
                raw = try PreparedData.read(.init(data, targets: targets), model.configuration.data.tableOptions())
            }
            dataset = try model.preprocessing.applied(to: raw)
        } else {
            dataset = try PreparedData(model.configuration.data, folders: DataFolders.all).split.test
        }
        let values = try model.measure(dataset)
        var matrix = ConfusionMatrix(threshold: model.loss.decisionThreshold ?? 0)
        let classes = model.preprocessing.classNames ?? []
        if !classes.isEmpty {
            try model.evaluator.run(dataset) { (batch) throws(GraphError) in try matrix.add(batch) }
        }
        if let report { try writeReport(model, dataset, values, to: report) }
        output.json
            ? writeJSON(model, dataset, values, matrix, classes) : write(model, dataset, values, matrix, classes)
    }

    private func writeReport(
        _ model: TrainedModel, _ dataset: Dataset, _ values: [MetricValue], to path: String
    ) throws {
        guard
            let answers = try ClassificationReport(
                model.evaluator, loss: model.loss, dataset: dataset, preprocessing: model.preprocessing,
                part: data == nil ? "test" : dataset.name)
        else {
            throw UsageError("--report shows which classes are taken for which, but \(folder) predicts numbers")
        }
        let name = model.configuration.name ?? dataset.name
        let page = answers.html(
            title: name, detail: "\(model.checkpoint), \(dataset.rowCount) rows of \(dataset.name)",
            measures: values.map { ($0.name, $0.value) })
        try AtomicFile.write(page, to: path)
        if !output.quiet { Terminal.message("wrote \(path)") }
    }

    private func write(
        _ model: TrainedModel, _ dataset: Dataset, _ values: [MetricValue], _ matrix: ConfusionMatrix,
        _ classes: [String]
    ) {
        if !output.quiet { Terminal.message("\(model.checkpoint), \(dataset.rowCount) rows of \(dataset.name)") }
        for value in values { Terminal.output("\(value.name)\t\(Format.brief(value.value))\n") }
        guard !classes.isEmpty, classes.count <= 30, !output.quiet else { return }
        let size = matrix.classes
        let names = classes.map { String(Format.safe($0).prefix(14)) }
        let left = (names.map(\.count).max() ?? 4) + 2
        let width = max(6, String(matrix.counts.max() ?? 0).count + 2)
        func pad(_ text: String, _ count: Int) -> String {
            String(repeating: " ", count: max(0, count - text.count)) + text
        }
        var text = "\nrows: true class, columns: predicted\n" + pad("", left)
        for column in 0..<min(size, names.count) { text += pad(String(names[column].prefix(width - 1)), width) }
        text += pad("recall", 9) + "\n"
        for row in 0..<min(size, names.count) {
            text += pad(names[row], left)
            let counts = (0..<size).map { matrix.counts[row * size + $0] }
            for count in counts { text += pad(count == 0 ? "." : "\(count)", width) }
            let total = counts.reduce(0, +)
            text += pad(total == 0 ? "-" : Format.fixed(Double(counts[row]) / Double(total), 3), 9) + "\n"
        }
        Terminal.output(text)
    }

    private func writeJSON(
        _ model: TrainedModel, _ dataset: Dataset, _ values: [MetricValue], _ matrix: ConfusionMatrix,
        _ classes: [String]
    ) {
        var text = "{\"checkpoint\": \(Format.json(model.checkpoint)), \"rows\": \(dataset.rowCount)"
        for value in values { text += ", \(Format.json(value.name)): \(Format.json(value.value))" }
        if !classes.isEmpty {
            let rows = (0..<matrix.classes).map { row in
                "[" + (0..<matrix.classes).map { "\(matrix.counts[row * matrix.classes + $0])" }.joined(separator: ", ")
                    + "]"
            }
            text += ", \"classes\": [\(classes.map { Format.json($0) }.joined(separator: ", "))]"
            text += ", \"confusion\": [\(rows.joined(separator: ", "))]"
        }
        Terminal.output(text + "}\n")
    }
}

extension TrainedModel.Choice: ExpressibleByArgument {}
