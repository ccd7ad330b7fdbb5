import ArgumentParser
import Fathom
import Foundation

struct PredictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict",
        abstract: "Say what a trained model makes of new rows.",
        discussion: """
            Reads CSV, TSV, NPY, IDX or NPZ (array x), a PNG or JPEG picture, or a folder of them; columns go by their names, \
            pictures are resized, and both are prepared as in training. Writes CSV, or JSON lines with --json or an \
            output file that ends in .json or .jsonl: the class with the probability of each, or the numbers, and of \
            pictures the file.

            Examples:
              fathom predict runs/2026-11-21-143005-iris flowers.csv
              fathom predict runs/2026-11-21-143005-digits images.npy --output answers.json
              fathom predict runs/2026-11-21-143005-flowers photo.jpg

            Exit codes: 0 done, 1 the output cannot be written, 2 no such run, or a file that does not fit it.
            """)

    @Argument(help: ArgumentHelp("The folder of a run.", valueName: "run"), completion: .directory)
    var folder: String

    @Argument(
        help: "The rows, CSV, NPY or IDX, or pictures.",
        completion: .file(extensions: ["csv", "tsv", "npy", "npz", "gz", "png", "jpg", "jpeg"]))
    var input: String

    @Option(name: .long, help: "A file for the answers instead of standard output.")
    var output: String?

    @Option(name: .long, help: "Which checkpoint: best or latest.")
    var checkpoint: TrainedModel.Choice = .best

    @Flag(name: .long, help: "Write JSON lines instead of CSV.")
    var json = false

    func run() throws {
        let model = try TrainedModel(run: folder, checkpoint)
        for rejection in model.rejected { Terminal.warning("\(rejection)") }
        let (rows, names, files) = try read(model)
        let answers = try model.predict(rows, names: names)
        let isJSON = json || ["json", "jsonl"].contains { output?.hasSuffix(".\($0)") ?? false }
        let width = model.outputWidth
        let classes = model.preprocessing.classNames
        var text = isJSON ? "" : (files.isEmpty ? "" : "file,") + header(classes, width)
        for row in 0..<rows.rowCount {
            let values = answers[row * width..<(row + 1) * width]
            let answer = line(values, classes, threshold: model.loss.decisionThreshold, isJSON)
            if files.isEmpty {
                text += answer
            } else if isJSON {
                text += "{\"file\": \(Format.json(files[row])), " + answer.dropFirst()
            } else {
                text += Self.field(files[row]) + "," + answer
            }
            if output == nil, text.utf8.count > 1 << 16 {
                Terminal.output(text)
                text = ""
            }
        }
        if let output { try AtomicFile.write(text, to: output) } else { Terminal.output(text) }
    }

    private func read(_ model: TrainedModel) throws -> (rows: DataArray, names: [String], files: [String]) {
        let name = input.lowercased()
        var isFolder: ObjCBool = false
        let isThere = FileManager.default.fileExists(atPath: input, isDirectory: &isFolder)
        if PictureReader.isPicture(input) || isThere && isFolder.boolValue {
            let files = isFolder.boolValue ? try ImageFolder.pictures(in: input) : [input]
            guard !files.isEmpty else { throw UsageError("\(input): there are no PNG or JPEG files") }
            return (
                try ImageFolder.read(paths: files, options: model.preprocessing.pictureOptions(for: input)), [], files
            )
        }
        if ArrayFile.isNamed(input) { return (try ArrayFile.inputs(path: input), [], []) }
        if name.hasSuffix(".npz") {
            guard let array = try NPZReader.read(path: input).first(where: { $0.name == "x" })?.array else {
                throw UsageError("\(input): there is no array x")
            }
            return (array, [], [])
        }
        var options = model.configuration.data.tableOptions()
        options.target = nil
        options.kinds = options.kinds.filter { $0.value != .ignored }
        let dataset = try PreparedData.read(.init(input), options)
        return (dataset.inputs, dataset.featureNames, [])
    }

    private func header(_ classes: [String]?, _ width: Int) -> String {
        guard let classes else {
            return (0..<width).map { width == 1 ? "prediction" : "prediction\($0)" }.joined(separator: ",") + "\n"
        }
        return (["class"] + classes.map { "p(\($0))" }).map(Self.field).joined(separator: ",") + "\n"
    }

    /// One output for two classes speaks of the second.
    private func line(_ values: ArraySlice<Float>, _ classes: [String]?, threshold: Double?, _ isJSON: Bool) -> String {
        guard let classes else {
            let numbers = values.map { Format.json(Double($0)) }
            return isJSON
                ? "{\"prediction\": \(numbers.count == 1 ? numbers[0] : "[" + numbers.joined(separator: ", ") + "]")}\n"
                : values.map { "\($0)" }.joined(separator: ",") + "\n"
        }
        var shares = Array(values)
        if shares.count == 1, classes.count == 2, let p = shares.first { shares = [1 - p, p] }
        let best = shares.indices.max { shares[$0] < shares[$1] } ?? 0
        let name = best < classes.count ? classes[best] : "\(best)"
        if isJSON {
            let members = zip(classes, shares).map { "\(Format.json($0)): \(Format.json(Double($1)))" }
            return "{\"class\": \(Format.json(name)), \"probabilities\": {\(members.joined(separator: ", "))}}\n"
        }
        return ([Self.field(name)] + shares.map { "\($0)" }).joined(separator: ",") + "\n"
    }

    /// A CSV field, in quotes where it needs them.
    private static func field(_ text: String) -> String {
        let needsQuotes = text.unicodeScalars.contains { $0 == "," || $0 == "\"" || $0 == "\n" || $0 == "\r" }
        return needsQuotes ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
    }
}
