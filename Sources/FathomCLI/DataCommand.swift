import ArgumentParser
import Fathom

struct DataCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data",
        abstract: "List, show and fetch data sets.",
        discussion: """
            Examples:
              fathom data list
              fathom data show digits
              fathom data fetch fashion-mnist

            Exit codes: 0 done, 1 a download failed, 2 an unknown name or a file that cannot be read.
            """,
        subcommands: [List.self, Show.self, Fetch.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The data sets that have a name.")
        @Flag(name: .long, help: "Write one JSON object a line.")
        var json = false

        func run() throws {
            for entry in DatasetCatalog.entries {
                let origin =
                    switch entry.origin {
                    case .builtIn: "built in"
                    case .computed: "computed"
                    case .files: "\(entry.downloadSize / 1_000_000) MB to fetch"
                    }
                if json {
                    Terminal.output(
                        "{\"name\": \(Format.json(entry.name)), \"summary\": \(Format.json(entry.summary)), "
                            + "\"rows\": \(entry.rowCounts), \"shape\": \(entry.rowShape), "
                            + "\"classes\": \(entry.classCount), \"origin\": \(Format.json(origin))}\n")
                    continue
                }
                let name = entry.name + String(repeating: " ", count: max(1, 18 - entry.name.count))
                let rows = entry.rowCounts.map(String.init).joined(separator: "+")
                Terminal.output("\(name)\(entry.summary); \(rows) rows, \(origin)\n")
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What is in a data set: parts, shapes, classes, ranges, oddities.",
            discussion: """
                Examples:
                  fathom data show houses.csv --target price
                  fathom data show ./flowers --size 64x64
                """)
        @Argument(
            help:
                "A name (see fathom data list), a CSV, TSV, NPZ, NPY or IDX file, or a folder of pictures (with a / in its path)."
        )
        var data: String
        @Option(name: .long, help: "The labels, or numbers to predict, of an NPY or IDX file.")
        var targets: String?
        @Option(name: .long, help: "The column to predict, by name or number from 0 (default: the last).")
        var target: String?
        @Option(name: .long, help: "Height and width to bring the pictures of a folder to, as in 64x64.")
        var size: String?

        func run() throws {
            var source = DataConfiguration.source(of: data)
            if let targets { source = .file(.init(data, targets: targets), test: nil) }
            var configuration = DataConfiguration(source)
            configuration.target = target
            configuration.size = try size.map(Self.size)
            configuration.validation = 0
            configuration.scaling = DataConfiguration.Scaling.none
            configuration.isFlat = false
            let prepared = try PreparedData(configuration, folders: DataFolders.all)
            let split = prepared.split
            let train = split.train
            Terminal.output("name     \(Format.safe(train.name))\n")
            Terminal.output("source   \(Format.safe(train.provenance.source))\n")
            Terminal.output("licence  \(Format.safe(train.provenance.licence))\n")
            Terminal.output("rows     \(train.rowCount) to train, \(split.test.rowCount) to test\n")
            let isPicture = train.imageShape != nil ? " (height, width, channels)" : ""
            Terminal.output("shape    \(train.inputs.rowShape)\(isPicture)\n")
            if let low = train.inputs.values.min(), let high = train.inputs.values.max() {
                Terminal.output("range    \(Format.brief(Double(low))) … \(Format.brief(Double(high)))\n")
            }
            if let labels = train.labels {
                var counts = [Int](repeating: 0, count: train.classNames.count)
                for label in labels { counts[Int(label)] += 1 }
                let shares = zip(train.classNames, counts).prefix(20).map { "\(Format.safe($0)) \($1)" }
                Terminal.output("classes  \(shares.joined(separator: ", "))\(counts.count > 20 ? ", …" : "")\n")
            } else if case .values(let values) = train.targets, let low = values.values.min(),
                let high = values.values.max()
            {
                Terminal.output("target   numbers, \(Format.brief(Double(low))) … \(Format.brief(Double(high)))\n")
            }
            if !train.featureNames.isEmpty {
                let names = train.featureNames.prefix(30).map(Format.safe).joined(separator: ", ")
                Terminal.output("columns  \(names)\(train.featureNames.count > 30 ? ", …" : "")\n")
            }
            for finding in DataChecks.findings(in: train) { Terminal.output("note     \(finding)\n") }
        }

        /// Reads 64x48, height first, or 64 for a square.
        private static func size(_ text: String) throws -> ImageFolder.Options.Size {
            let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
            guard let height = sides.first, let width = sides.last, sides.count <= 2,
                (1...16384).contains(height), (1...16384).contains(width)
            else { throw UsageError("--size needs height and width from 1 to 16384, as in 64x64, not '\(text)'") }
            return .init(height: height, width: width)
        }
    }

    struct Fetch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Download a data set into the cache, checked by its SHA-256.")
        @Argument(help: "A name (see fathom data list).")
        var name: String
        @Flag(name: [.short, .long], help: "Say nothing but the folder.")
        var quiet = false

        func run() async throws {
            let isShown = !quiet && Terminal.isErrorTerminal
            let folder = try await DatasetCatalog.download(name) { had, all in
                guard isShown else { return }
                FileOutput.standardError.write("\r\u{1B}[2K\(had / 1_000_000) of \(all / 1_000_000) MB")
            }
            if isShown { FileOutput.standardError.write("\r\u{1B}[2K") }
            Terminal.output(folder + "\n")
        }
    }
}
