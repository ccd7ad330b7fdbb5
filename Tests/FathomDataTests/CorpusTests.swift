import FathomData
import Foundation
import Testing

/// The files that Corpus/make.py writes.
enum Corpus {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Corpus"

    static func names(_ kind: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder + "/" + kind)) ?? []).sorted()
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)))
    }

    /// Reads with the reader of the extension and throws away the result.
    static func read(_ path: String) throws(FormatError) {
        if path.hasSuffix(".npy") {
            _ = try NPYReader.read(path: path)
        } else if path.hasSuffix(".npz") {
            _ = try NPZReader.read(path: path)
        } else if path.hasSuffix(".cifar") {
            _ = try CIFARReader.read(paths: [path])
        } else if path.hasSuffix(".csv") || path.hasSuffix(".csv.gz") {
            _ = try CSVReader.read(path: path)
        } else {
            _ = try IDXReader.read(path: path)
        }
    }
}

@Suite struct CorpusTests {
    @Test func corpusIsThere() {
        #expect(Corpus.names("bad").count > 80)
        #expect(Corpus.names("good").count > 35)
    }

    @Test(arguments: Corpus.names("bad")) func badFileIsRefused(name: String) throws {
        let path = Corpus.folder + "/bad/" + name
        let elapsed = ContinuousClock().measure {
            let error = #expect(throws: FormatError.self) { try Corpus.read(path) }
            // The error must name the file and say something.
            #expect(error?.file.hasPrefix(path) == true)
            #expect(error?.rule.isEmpty == false)
        }
        #expect(elapsed < .seconds(1))
    }

    @Test(arguments: Corpus.names("good")) func goodFileIsRead(name: String) throws {
        try Corpus.read(Corpus.folder + "/good/" + name)
    }

    static let quarters = (0..<24).map { Float($0) / 4 - 1 }

    @Test(
        arguments: [
            "le-f4", "be-f4", "le-f8", "be-f8", "le-f2", "be-f2", "fortran", "be-fortran", "version2", "version3",
        ]) func npyFloats(name: String) throws
    {
        let array = try NPYReader.read(path: Corpus.folder + "/good/\(name).npy")
        #expect(array.shape == [2, 3, 4])
        #expect(array.values == Self.quarters)
    }

    @Test(arguments: ["u1", "le-u2", "be-u2", "le-u4", "be-u4", "le-u8", "be-u8"])
    func npyUnsigned(name: String) throws {
        let array = try NPYReader.read(path: Corpus.folder + "/good/int-\(name).npy")
        #expect(array.shape == [2, 12])
        #expect(array.values == (0..<24).map { Float($0) })
    }

    @Test(arguments: ["i1", "le-i2", "be-i2", "le-i4", "be-i4", "le-i8", "be-i8"])
    func npySigned(name: String) throws {
        let array = try NPYReader.read(path: Corpus.folder + "/good/sint-\(name).npy")
        #expect(array.values == (0..<24).map { Float($0 - 12) })
    }

    @Test func npyOddShapes() throws {
        let good = Corpus.folder + "/good/"
        #expect(try NPYReader.read(path: good + "bool.npy").values == [1, 0, 1])
        #expect(try NPYReader.read(path: good + "scalar.npy").values == [2.5])
        #expect(try NPYReader.read(path: good + "scalar.npy").shape == [])
        #expect(try NPYReader.read(path: good + "empty.npy").shape == [0, 5])
        #expect(try NPYReader.readLabels(path: good + "bool.npy") == [1, 0, 1])
        #expect(throws: FormatError.self) { try NPYReader.readLabels(path: good + "le-f4.npy") }
    }

    @Test func integersAreRoundedOnceAsNumpyDoes() throws {
        let good = Corpus.folder + "/good/"
        #expect(
            try NPYReader.read(path: good + "rounding.npy").values
                == NPYReader.read(path: good + "rounded.npy").values)
    }

    @Test func writtenBytesAreNumpys() throws {
        let array = try DataArray(values: Self.quarters, shape: [2, 3, 4])
        #expect(try NPYWriter.encode(array) == Corpus.bytes("good/le-f4.npy"))
        let empty = try DataArray(values: [], shape: [0, 5])
        #expect(try NPYWriter.encode(empty) == Corpus.bytes("good/empty.npy"))
        let scalar = try DataArray(values: [2.5], shape: [])
        #expect(try NPYWriter.encode(scalar) == Corpus.bytes("good/scalar.npy"))
    }

    @Test func writtenFileReplacesAnOlderOne() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/x.npy"
        let array = try DataArray(values: [1, .infinity, -0.0], shape: [3])
        try NPYWriter.write(DataArray(values: [7], shape: [1]), to: path)
        try NPYWriter.write(array, to: path)
        #expect(try NPYReader.read(path: path) == array)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["x.npy"])
        #expect(throws: DataError.self) { try NPYWriter.write(array, to: folder.path + "/missing/x.npy") }
    }

    @Test(arguments: ["stored", "deflated"]) func npzArrays(name: String) throws {
        let path = Corpus.folder + "/good/\(name).npz"
        let arrays = try NPZReader.read(path: path)
        #expect(arrays.map(\.name) == ["x", "y"])
        #expect(arrays[0].array.values == Self.quarters)
        #expect(arrays[1].array.values == [1, 0])
        let dataset = try NPZReader.readDataset(path: path)
        #expect(dataset.labels == [1, 0])
        #expect(dataset.inputs.shape == [2, 3, 4])
        let error = #expect(throws: FormatError.self) { try NPZReader.readDataset(path: path, inputs: "z") }
        #expect(error?.hint == "there are: x, y")
    }

    /// Floats that are no classes are what is to be predicted.
    @Test func npzRegression() throws {
        let dataset = try NPZReader.readDataset(path: Corpus.folder + "/good/regression.npz")
        #expect(dataset.targets == .values(try DataArray(values: [0.5, -2.25], shape: [2, 1])))
        #expect(dataset.inputs.shape == [2, 3, 4])
    }

    /// Inputs and targets in a file each.
    @Test func pairsOfArrays() throws {
        let folder = try TemporaryFolder()
        func npy(_ name: String, _ values: [Float], _ shape: [Int]) throws -> String {
            let path = folder.path + "/" + name
            try NPYWriter.write(DataArray(values: values, shape: shape), to: path)
            return path
        }
        let x = try npy("x.npy", [1, 2, 3, 4, 5, 6], [3, 2])
        let classes = try Dataset.read(path: x, targets: npy("y.npy", [1, 0, 2], [3]))
        #expect(classes.labels == [1, 0, 2])
        #expect(classes.classNames == ["0", "1", "2"])
        #expect(classes.inputs.values == [1, 2, 3, 4, 5, 6])
        #expect(classes.name == "x")
        let numbers = try DataArray(values: [0.5, 0, 2], shape: [3, 1])
        #expect(try Dataset.read(path: x, targets: npy("v.npy", numbers.values, [3])).targets == .values(numbers))
        // Whole numbers that are no classes, by what the caller says.
        var options = CSVOptions()
        options.targetKind = .values
        let ages = try Dataset.read(path: x, targets: npy("a.npy", [30, 4, 71], [3]), options: options)
        #expect(ages.targets == .values(try DataArray(values: [30, 4, 71], shape: [3, 1])))
        options.targetKind = .classes
        #expect(throws: FormatError.self) {
            try Dataset.read(path: x, targets: npy("v.npy", numbers.values, [3]), options: options)
        }
        // No targets, too few of them, targets of a table, integers that are no classes.
        #expect(throws: FormatError.self) { try Dataset.read(path: x) }
        #expect(throws: FormatError.self) { try Dataset.read(path: x, targets: npy("two.npy", [0, 1], [2])) }
        #expect(throws: FormatError.self) { try Dataset.read(path: folder.path + "/t.csv", targets: x) }
        #expect(throws: FormatError.self) {
            try Dataset.read(path: x, targets: npy("n.npy", [-1, 1, 0], [3]), options: options)
        }
    }

    /// Grey values become 0 to 1, and images get a channel; targets stay as they are.
    @Test func pairsOfIDX() throws {
        let folder = try TemporaryFolder()
        let images = folder.path + "/train-images-idx3-ubyte"
        let labels = folder.path + "/train-labels-idx1-ubyte"
        let pixels: [UInt8] = [0, 51, 102, 255, 204, 153, 5, 10]
        try Data([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2] + pixels).write(to: URL(filePath: images))
        try Data([0, 0, 8, 1, 0, 0, 0, 2, 7, 3]).write(to: URL(filePath: labels))
        let dataset = try Dataset.read(path: images, targets: labels)
        #expect(dataset.inputs.shape == [2, 2, 2, 1])
        #expect(dataset.inputs.values == pixels.map { Float($0) * (1 / 255) })
        #expect(dataset.labels == [7, 3])
        #expect(dataset.classCount == 8)
        #expect(throws: FormatError.self) { try Dataset.read(path: labels, targets: images) }
        #expect(throws: FormatError.self) { try Dataset.read(path: images) }
    }

    @Test func bombIsReadWhenTheLimitsAllow() throws {
        var limits = Limits()
        limits.expansion = 2000
        let arrays = try NPZReader.read(path: Corpus.folder + "/bad/bomb.npz", limits: limits)
        #expect(arrays.first?.array.shape == [25_000_000])
    }

    @Test(arguments: [8, 9, 11, 12, 13, 14]) func idxKinds(kind: Int) throws {
        let array = try IDXReader.read(path: Corpus.folder + "/good/kind\(kind).idx")
        #expect(array.shape == [2, 3, 4])
        #expect(array.values == (0..<24).map { Float($0) })
    }

    @Test(arguments: ["kind8", "members"]) func idxPacked(name: String) throws {
        let array = try IDXReader.read(path: Corpus.folder + "/good/\(name).idx.gz", scale: 0.5)
        #expect(array.shape == [2, 3, 4])
        #expect(array.values == (0..<24).map { Float($0) / 2 })
    }

    @Test func idxValuesAcrossChunks() throws {
        let array = try IDXReader.read(path: Corpus.folder + "/good/long-double.idx.gz")
        let isRight = array.values == (0..<40000).map { Float($0 - 20000) }
        #expect(isRight)
    }

    @Test func idxLabels() throws {
        #expect(try IDXReader.readLabels(path: Corpus.folder + "/good/labels.idx") == [3, 1, 4, 1, 5])
        #expect(throws: FormatError.self) { try IDXReader.readLabels(path: Corpus.folder + "/good/kind8.idx") }
    }

    @Test(arguments: ["table", "members"]) func csvPacked(name: String) throws {
        let options = CSVOptions(target: .last)
        let plain = try CSVReader.read(path: Corpus.folder + "/good/table.csv", options: options)
        #expect(plain.inputs.shape == [3000, 5])
        #expect(Array(plain.inputs.row(2999)) == [74.875, 1, 0, 0, 8997])
        let path = Corpus.folder + "/good/\(name).csv.gz"
        for packed in [try CSVReader.read(path: path, options: options), try Dataset.read(path: path)] {
            #expect(packed.inputs.shape == plain.inputs.shape)
            #expect(packed.inputs.values.map(\.bitPattern) == plain.inputs.values.map(\.bitPattern))
            #expect(packed.labels == plain.labels && packed.classNames == ["a", "b"])
            #expect(packed.featureNames == plain.featureNames)
        }
    }

    @Test func cifarPlanesAreInterleaved() throws {
        let dataset = try CIFARReader.read(paths: [Corpus.folder + "/good/two.cifar"])
        #expect(dataset.inputs.shape == [2, 32, 32, 3])
        #expect(dataset.labels == [3, 9])
        let interleaved = (0..<3072).map { (index: Int) -> Float in
            let (pixel, channel) = (index / 3, index % 3)
            return Float((channel * 1024 + pixel) % 251)
        }
        #expect(Array(dataset.inputs.row(0)) == interleaved)
        #expect(dataset.inputs.row(1).allSatisfy { $0 == 0 })
    }

    @Test func labelsMustFitTheImages() throws {
        let good = Corpus.folder + "/good/"
        let provenance = Dataset.Provenance(source: "test", licence: "none")
        let error = #expect(throws: FormatError.self) {
            try IDXReader.readDataset(
                images: good + "kind8.idx", labels: good + "labels.idx", name: "t", provenance: provenance)
        }
        #expect(error?.rule == "5 labels for 2 images")
        let folder = try TemporaryFolder()
        try Data([0, 0, 8, 1, 0, 0, 0, 2, 1, 3]).write(to: URL(fileURLWithPath: folder.path + "/l"))
        let dataset = try IDXReader.readDataset(
            images: good + "kind8.idx.gz", labels: folder.path + "/l", name: "t", provenance: provenance)
        #expect(dataset.inputs.shape == [2, 3, 4, 1])
        #expect(dataset.classNames == ["0", "1", "2", "3"])
        #expect(throws: FormatError.self) {
            try IDXReader.readDataset(
                images: good + "kind8.idx", labels: folder.path + "/l", name: "t", classNames: ["a", "b"],
                provenance: provenance)
        }
    }

    @Test func filesAreReadByTheirEnding() throws {
        #expect(try Dataset.read(path: Corpus.folder + "/good/stored.npz").labels == [1, 0])
        let folder = try TemporaryFolder()
        try Data("a\tb\n1\t0\n2\t1\n".utf8).write(to: URL(fileURLWithPath: folder.path + "/t.TSV"))
        let table = try Dataset.read(path: folder.path + "/t.TSV")
        #expect(table.labels == [0, 1])
        #expect(table.name == "t")
        #expect(throws: FormatError.self) { try Dataset.read(path: Corpus.folder + "/make.py") }
    }

    #if os(Linux)
        @Test func aFullDiskIsAnError() throws {
            let descriptor = open("/dev/full", O_WRONLY)
            defer { close(descriptor) }
            let error = #expect(throws: DataError.self) {
                try FileBytes.writeAll([1, 2, 3], to: descriptor, path: "/dev/full")
            }
            #expect(error?.description.contains("No space left") == true)
        }
    #endif

    @Test func whatIsNoFileIsRefused() throws {
        let folder = try TemporaryFolder()
        let fifo = folder.path + "/fifo"
        #expect(mkfifo(fifo, 0o600) == 0)
        for path in [fifo, folder.path, folder.path + "/none", "a\0b", ""] {
            #expect(throws: FormatError.self) { try NPYReader.read(path: path) }
        }
        var limits = Limits()
        limits.fileBytes = 100
        #expect(throws: FormatError.self) {
            try NPYReader.read(path: Corpus.folder + "/good/le-f4.npy", limits: limits)
        }
    }

    @Test func errorsNameThePlace() {
        let error = #expect(throws: FormatError.self) {
            try NPYReader.read(path: Corpus.folder + "/bad/shape-float.npy")
        }
        // 10 bytes before the header, 52 before the point.
        #expect(error?.location == .offset(10 + 52))
        #expect(error?.description.contains("at byte 62") == true)
        let hostile = FormatError(file: "a\u{1B}[2Jb", rule: "r")
        #expect(hostile.description == "a\\u{1b}[2Jb: r")
    }
}

/// A folder that is removed with the value that names it.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/fathom-test-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
