import Foundation

/// The data sets that have a name.
///
/// Built-in and computed ones are always there. The others are looked for in a folder that the caller names, in the
/// cache, and where the system's packages install them; `download` fetches what is missing.
public enum DatasetCatalog {
    /// What is known of a data set before it is loaded.
    public struct Entry: Sendable {
        /// Where its rows come from.
        public enum Origin: Sendable {
            /// Compiled into the library.
            case builtIn
            /// Computed from a seed.
            case computed
            /// Files, which may have to be downloaded.
            case files([RemoteFile])
        }

        /// The name by which it is loaded.
        public let name: String
        /// One sentence about it.
        public let summary: String
        /// The shape of one row; of pictures `[height, width, channels]`.
        public let rowShape: [Int]
        /// The number of classes; 0 where numbers are to be predicted.
        public let classCount: Int
        /// The rows of the training part and of the test part where it comes with one. Of a computed set the default.
        public let rowCounts: [Int]
        /// What may be done with it.
        public let licence: String
        /// Author, publication or address.
        public let source: String
        /// Where its rows come from.
        public let origin: Origin
        fileprivate let load: @Sendable (Entry, Options) throws(DataError) -> DataSplit

        /// The bytes to download, 0 for a set without files.
        public var downloadSize: Int {
            if case .files(let files) = origin { files.reduce(0) { $0 + $1.byteCount } } else { 0 }
        }
    }

    /// How a data set is to be loaded.
    public struct Options: Sendable {
        /// A folder with the files, looked at before all others.
        public var path: String?
        /// The folder of downloaded sets; each has its own within.
        public var cacheFolder = DatasetCatalog.defaultCacheFolder
        /// Folders in which packages of the system install data sets; each set has its own within.
        public var systemFolders = ["/usr/share/datasets", "/usr/local/share/datasets"]
        /// True maps bytes and grey values to 0…1, false keeps them.
        public var scaled = true
        /// The share of the test part, for sets that come without one.
        public var testFraction = 0.2
        /// The seed of computed sets and of the cut into parts.
        public var seed: UInt64 = 0
        /// The number of rows of a computed set, or nil for its default.
        public var count: Int?

        /// Creates the default options.
        public init() {}
    }

    /// `$XDG_CACHE_HOME/fathom` or `~/.cache/fathom`; on Apple systems `~/Library/Caches/fathom`.
    public static var defaultCacheFolder: String {
        #if canImport(Darwin)
            return NSHomeDirectory() + "/Library/Caches/fathom"
        #else
            let folder = ProcessInfo.processInfo.environment["XDG_CACHE_HOME"] ?? ""
            // The specification says to ignore relative paths.
            return folder.hasPrefix("/") ? folder + "/fathom" : NSHomeDirectory() + "/.cache/fathom"
        #endif
    }

    /// The data set called `name`.
    ///
    /// Throws `DataError.unknownDataset`, listing all names.
    public static func entry(named name: String) throws(DataError) -> Entry {
        guard let entry = entries.first(where: { $0.name == name }) else {
            throw .unknownDataset(name: name, known: entries.map(\.name))
        }
        return entry
    }

    /// Loads a data set without touching the network.
    ///
    /// Throws `DataError.notFound` with the folders looked at when its files are not there, and whatever reading them
    /// throws.
    public static func load(_ name: String, options: Options = Options()) throws(DataError) -> DataSplit {
        let entry = try entry(named: name)
        return try entry.load(entry, options)
    }

    /// Downloads the files of a data set into the cache; does nothing for sets without files and files that are there.
    ///
    /// - Parameter progress: Called with the bytes had and the bytes in all, of one file after the other.
    /// - Returns: The folder.
    @discardableResult
    public static func download(
        _ name: String, cacheFolder: String = defaultCacheFolder, progress: (@Sendable (Int, Int) -> Void)? = nil
    ) async throws(DataError) -> String {
        let folder = cacheFolder + "/" + name
        if case .files(let files) = try entry(named: name).origin {
            for file in files { _ = try await file.download(into: folder, progress: progress) }
        }
        return folder
    }

    /// The folders in which the files of a set are looked for.
    private static func folders(of entry: Entry, _ options: Options) -> [String] {
        // Whoever names a folder wants that one and no other.
        options.path.map { [$0] } ?? ([options.cacheFolder] + options.systemFolders).map { $0 + "/" + entry.name }
    }

    /// The first of the folders that holds the file, plain or packed.
    private static func locate(_ names: [String], of entry: Entry, _ options: Options) throws(DataError) -> String {
        let folders = folders(of: entry, options)
        for folder in folders {
            for name in names where FileManager.default.fileExists(atPath: folder + "/" + name) {
                return folder + "/" + name
            }
        }
        throw .notFound(dataset: entry.name, searched: folders)
    }

    private static func formatted<Value>(_ read: () throws(FormatError) -> Value) throws(DataError) -> Value {
        do throws(FormatError) { return try read() } catch { throw .format(error) }
    }

    private static func images(_ entry: Entry, _ options: Options, classNames: [String]) throws(DataError) -> DataSplit
    {
        func part(_ prefix: String) throws(DataError) -> Dataset {
            let image = prefix + "-images-idx3-ubyte"
            let imagePath = try locate([image + ".gz", image], of: entry, options)
            let label = prefix + "-labels-idx1-ubyte"
            let labelPath = try locate([label + ".gz", label], of: entry, options)
            return try formatted { () throws(FormatError) in
                try IDXReader.readDataset(
                    images: imagePath, labels: labelPath, name: entry.name, classNames: classNames,
                    scale: options.scaled ? 1 / 255 : 1,
                    provenance: .init(source: entry.source, licence: entry.licence))
            }
        }
        return try DataSplit(train: part("train"), test: part("t10k"))
    }

    private static func cifar(_ entry: Entry, _ options: Options) throws(DataError) -> DataSplit {
        let trainNames = (1...5).map { "data_batch_\($0).bin" }
        let scale: Float = options.scaled ? 1 / 255 : 1
        let archive = "cifar-10-binary.tar.gz"
        if let part = partOfCIFAR(in: folders(of: entry, options), without: [trainNames[0], archive]) {
            func read(_ paths: [String]) throws(DataError) -> Dataset {
                try formatted { () throws(FormatError) in try CIFARReader.read(paths: paths, scale: scale) }
            }
            return try DataSplit(train: read(part.train), test: read(part.test))
        }
        let first = try locate([trainNames[0], archive], of: entry, options)
        let folder = URL(fileURLWithPath: first).deletingLastPathComponent().path
        let parts = try formatted { () throws(FormatError) -> (train: Dataset, test: Dataset) in
            guard first.hasSuffix(archive) else {
                let train = try CIFARReader.read(paths: trainNames.map { folder + "/" + $0 }, scale: scale)
                return (train, try CIFARReader.read(paths: [folder + "/test_batch.bin"], scale: scale))
            }
            let limits = Limits()
            let packed = try FileBytes.read(first, limits: limits)
            let limit = limits.unpackedBytes(from: packed.count)
            let bytes = try Inflate.unpacked(packed.span.bytes, wrapping: .gzip, file: first, limit: limit)
            let places = try TarReader.files(bytes.span.bytes, file: first, limits: limits)
            func part(_ names: [String]) throws(FormatError) -> Dataset {
                var batches = CIFARReader.Batches()
                for name in names {
                    guard let place = places[name] else {
                        throw FormatError(file: first, rule: "the archive lacks \(name)")
                    }
                    let span = bytes.span.bytes.extracting(place)
                    try batches.append(span, file: "\(first)/\(name)", scale: scale, limits: limits)
                }
                return batches.dataset(source: entry.source)
            }
            return (try part(trainNames), try part(["test_batch.bin"]))
        }
        return try DataSplit(train: parts.train, test: parts.test)
    }

    /// A part of the set in the same format, named `train-….bin` and `test-….bin`, where a folder holds that and not the
    /// whole set.
    private static func partOfCIFAR(in folders: [String], without whole: [String]) -> (train: [String], test: [String])?
    {
        for folder in folders {
            let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
            if whole.contains(where: names.contains) { return nil }
            func paths(_ prefix: String) -> [String] {
                names.filter { $0.hasPrefix(prefix) && $0.hasSuffix(".bin") }.map { folder + "/" + $0 }
            }
            let (train, test) = (paths("train-"), paths("test-"))
            if !train.isEmpty, !test.isEmpty { return (train, test) }
        }
        return nil
    }

    private static func computed(
        _ name: String, _ summary: String, rowShape: [Int], classes: Int, rows: Int,
        _ make: @escaping @Sendable (_ count: Int, _ seed: UInt64) throws(DataError) -> Dataset
    ) -> Entry {
        Entry(
            name: name, summary: summary, rowShape: rowShape, classCount: classes, rowCounts: [rows],
            licence: "none needed", source: "computed from a seed", origin: .computed
        ) { (_, options) throws(DataError) in
            try make(options.count ?? rows, options.seed).split(fraction: 1 - options.testFraction, seed: options.seed)
        }
    }

    private static func idxFiles(_ bases: [String], _ digests: [(String, Int)]) -> [RemoteFile] {
        let names = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"]
        return zip(names, digests).map { name, digest in
            RemoteFile(
                name: name + "-ubyte.gz", urls: bases.map { $0 + name + "-ubyte.gz" }, sha256: digest.0,
                byteCount: digest.1)
        }
    }

    /// All data sets, the built-in ones first.
    public static let entries: [Entry] = [
        Entry(
            name: "digits", summary: "Handwritten digits of 8×8 pixels", rowShape: [8, 8, 1], classCount: 10,
            rowCounts: [1797], licence: "CC BY 4.0",
            source: "Alpaydin and Kaynak, UCI Machine Learning Repository, https://doi.org/10.24432/C50P49",
            origin: .builtIn
        ) { (_, options) throws(DataError) in
            try Digits.load(scaled: options.scaled).split(fraction: 1 - options.testFraction, seed: options.seed)
        },
        Entry(
            name: "iris", summary: "Flowers of three species, four lengths each", rowShape: [4], classCount: 3,
            rowCounts: [150], licence: "CC BY 4.0",
            source: "Fisher 1936, UCI Machine Learning Repository, https://doi.org/10.24432/C56C76", origin: .builtIn
        ) { (_, options) throws(DataError) in
            try Iris.load().split(fraction: 1 - options.testFraction, seed: options.seed)
        },
        Entry(
            name: "mnist", summary: "Handwritten digits of 28×28 pixels", rowShape: [28, 28, 1], classCount: 10,
            rowCounts: [60_000, 10_000], licence: "CC BY-SA 3.0 (as commonly quoted)",
            source: "LeCun, Cortes, Burges, http://yann.lecun.com/exdb/mnist",
            origin: .files(
                idxFiles(
                    [
                        "https://ossci-datasets.s3.amazonaws.com/mnist/",
                        "https://storage.googleapis.com/cvdf-datasets/mnist/",
                    ],
                    [
                        ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9_912_422),
                        ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28_881),
                        ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1_648_877),
                        ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4_542),
                    ]))
        ) { (entry, options) throws(DataError) in
            try images(entry, options, classNames: (0...9).map(String.init))
        },
        Entry(
            name: "fashion-mnist", summary: "Pictures of clothes of 28×28 pixels", rowShape: [28, 28, 1],
            classCount: 10, rowCounts: [60_000, 10_000], licence: "MIT",
            source: "Xiao, Rasul, Vollgraf (Zalando), https://github.com/zalandoresearch/fashion-mnist; "
                + "Debian package dataset-fashion-mnist",
            // The published files. Debian packs the same content anew, without the names in the gzip headers, so that
            // its files have other digests.
            origin: .files(
                idxFiles(
                    [
                        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
                        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                    ],
                    [
                        ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26_421_880),
                        ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29_515),
                        ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4_422_102),
                        ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5_148),
                    ]))
        ) { (entry, options) throws(DataError) in
            try images(
                entry, options,
                classNames: [
                    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
                    "Ankle boot",
                ])
        },
        Entry(
            name: "cifar10", summary: "Colour photographs of 32×32 pixels", rowShape: [32, 32, 3], classCount: 10,
            rowCounts: [50_000, 10_000], licence: "research use; no formal licence",
            source: "Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html",
            origin: .files([
                RemoteFile(
                    name: "cifar-10-binary.tar.gz",
                    urls: ["https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"],
                    sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                    byteCount: 170_052_171)
            ])
        ) { (entry, options) throws(DataError) in try cifar(entry, options) },

        computed("xor", "Four clouds at the corners of a square", rowShape: [2], classes: 2, rows: 400) {
            (count, seed) throws(DataError) in try SyntheticSets.xor(count: count, seed: seed)
        },
        computed("circles", "Two circles, one within the other", rowShape: [2], classes: 2, rows: 400) {
            (count, seed) throws(DataError) in try SyntheticSets.circles(count: count, seed: seed)
        },
        computed("moons", "Two interleaving half circles", rowShape: [2], classes: 2, rows: 400) {
            (count, seed) throws(DataError) in try SyntheticSets.moons(count: count, seed: seed)
        },
        computed("spirals", "Three interleaved spirals", rowShape: [2], classes: 3, rows: 600) {
            (count, seed) throws(DataError) in try SyntheticSets.spirals(count: count, seed: seed)
        },
        computed("blobs", "Three normal clouds", rowShape: [2], classes: 3, rows: 300) {
            (count, seed) throws(DataError) in try SyntheticSets.blobs(count: count, seed: seed)
        },
        computed(
            "gaussian-classes", "Two normal classes with a known best error", rowShape: [10], classes: 2, rows: 1000
        ) { (count, seed) throws(DataError) in try SyntheticSets.gaussianClasses(count: count, seed: seed) },
        computed("sine", "Regression of a sine", rowShape: [1], classes: 0, rows: 400) {
            (count, seed) throws(DataError) in try SyntheticSets.sine(count: count, seed: seed)
        },
        computed("polynomial", "Regression of a cubic", rowShape: [1], classes: 0, rows: 400) {
            (count, seed) throws(DataError) in try SyntheticSets.polynomial(count: count, seed: seed)
        },
        computed("white-noise", "Noise that says nothing about its classes", rowShape: [20], classes: 2, rows: 1000) {
            (count, seed) throws(DataError) in try SyntheticSets.noise(count: count, seed: seed)
        },
        computed("shifted-noise", "Noise around 5: inputs that are not centred", rowShape: [20], classes: 2, rows: 1000)
        {
            (count, seed) throws(DataError) in try SyntheticSets.noise(count: count, mean: 5, seed: seed)
        },
    ]
}
