import Foundation

extension Dataset {
    /// Reads a file by the ending of its name: .csv, .tsv (either also with .gz), .npz with the arrays x and y, or .bin, the
    /// binary version of CIFAR-10. Inputs in an NPY or IDX file come with a second file of what is to be predicted.
    ///
    /// Pictures come channels-last, `[rows, height, width, channels]`; the bytes of .bin and IDX are divided by 255, what is
    /// in an .npy or .npz stays as it is. Integers to predict are classes, other numbers values, unless the options say which.
    ///
    /// - Parameters:
    ///   - targets: the NPY or IDX file of what is to be predicted, for inputs in such a file; `nil` for all others.
    ///   - options: how a table is read; of arrays only what the targets are.
    /// - Throws: ``FormatError`` for other endings and for what the reader of the format refuses.
    public static func read(
        path: String, targets: String? = nil, options: CSVOptions = CSVOptions(target: .last), limits: Limits = Limits()
    ) throws(FormatError) -> Dataset {
        let name = path.lowercased()
        if let targets {
            guard ArrayFile.isNamed(path) else {
                throw FormatError(
                    file: path, rule: "a file of targets goes with inputs in an NPY or IDX file",
                    hint: "the other formats hold both")
            }
            let (numbers, isInteger) = try ArrayFile.targets(path: targets, limits: limits)
            return try Dataset(
                path: path, inputs: ArrayFile.inputs(path: path, limits: limits), targets: numbers,
                isInteger: isInteger, targetKind: options.targetKind, file: targets, limits: limits)
        }
        if ArrayFile.isNamed(path) {
            throw FormatError(
                file: path, rule: "it holds inputs alone",
                hint: "name the file with their labels, or the numbers to predict, beside it (targetFile, --targets)")
        }
        if name.hasSuffix(".npz") {
            return try NPZReader.readDataset(path: path, targetKind: options.targetKind, limits: limits)
        }
        if name.hasSuffix(".bin") { return try CIFARReader.read(paths: [path], scale: 1 / 255, limits: limits) }
        if name.hasSuffix(".csv") || name.hasSuffix(".csv.gz") {
            return try CSVReader.read(path: path, options: options, limits: limits)
        }
        if name.hasSuffix(".tsv") || name.hasSuffix(".tsv.gz") {
            var options = options
            options.delimiter = "\t"
            return try CSVReader.read(path: path, options: options, limits: limits)
        }
        throw FormatError(
            file: path, rule: "the ending of the name is not that of a data set",
            hint:
                "known are .csv, .tsv, .csv.gz, .tsv.gz, .npz, .bin (CIFAR-10), and .npy and IDX with a file of targets; "
                + "pictures go in a folder")
    }

    /// Inputs with an array of what is to be predicted.
    ///
    /// - Parameters:
    ///   - isInteger: whether the file holds integers; floats are labels where all are whole, not negative and in one column.
    ///   - file: the targets' file, for errors.
    init(
        path: String, inputs: DataArray, targets numbers: DataArray, isInteger: Bool,
        targetKind: CSVOptions.TargetKind, file: String, limits: Limits
    ) throws(FormatError) {
        guard numbers.rowCount == inputs.rowCount else {
            throw FormatError(
                file: file, rule: "\(numbers.rowCount) targets for \(inputs.rowCount) rows of inputs",
                hint: "the files of training and test part may be mixed up")
        }
        let targets: Targets
        let isClasses =
            switch targetKind {
            case .classes: true
            case .values: false
            case .automatic:
                isInteger || numbers.rowSize == 1 && !numbers.values.contains { $0 < 0 || $0 != $0.rounded() }
            }
        if isClasses {
            guard numbers.rowSize == 1, numbers.shape.count <= 2 else {
                throw FormatError(
                    file: file, rule: "labels must have one dimension, these have shape \(numbers.shape)",
                    hint:
                        "is this the file of the inputs? Numbers to predict are floats, or are called so (task: values)"
                )
            }
            for (row, value) in numbers.values.enumerated()
            where !(value >= 0 && value < Float(limits.categories) && value == value.rounded()) {
                throw FormatError(file: file, rule: "label \(value) of row \(row); labels must be 0, 1, …")
            }
            guard let greatest = numbers.values.max() else { throw FormatError(file: file, rule: "there are no rows") }
            targets = .classes(
                labels: numbers.values.map { Int32($0) }, names: (0...Int(greatest)).map { String($0) })
        } else {
            let shape = numbers.shape.count == 1 ? [numbers.rowCount, 1] : numbers.shape
            targets = .values(DataArray(unchecked: numbers.values, shape: shape))
        }
        self.init(
            unchecked: URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent, inputs: inputs,
            targets: targets, featureNames: [],
            provenance: .init(source: path, licence: "unknown"))
    }
}

/// One array in a file of its own, NPY or IDX as its first bytes say.
public enum ArrayFile {
    /// The array as inputs of a network: bytes of IDX divided by 255, and its images of two dimensions with a channel,
    /// `[rows, height, width, 1]`; what is in an NPY file as it is.
    ///
    /// - Throws: ``FormatError`` for what the reader of the format refuses.
    public static func inputs(path: String, limits: Limits = Limits()) throws(FormatError) -> DataArray {
        let content = try FileBytes.read(path, limits: limits)
        let bytes = content.span.bytes
        if isNPY(bytes) { return try NPYReader.parse(bytes, file: path, limits: limits) }
        let (array, kind) = try IDXReader.parseTyped(bytes, file: path, limits: limits) { $0 == .uint8 ? 1 / 255 : 1 }
        guard kind == .uint8, array.shape.count == 3 else { return array }
        return DataArray(unchecked: array.values, shape: array.shape + [1])
    }

    /// The array as what is to be predicted, and whether the file holds integers.
    static func targets(path: String, limits: Limits) throws(FormatError) -> (array: DataArray, isInteger: Bool) {
        let content = try FileBytes.read(path, limits: limits)
        let bytes = content.span.bytes
        if isNPY(bytes) {
            let header = try NPYHeader(bytes, file: path, limits: limits)
            return (try NPYReader.parse(bytes, file: path, limits: limits), header.kind != .float)
        }
        let (array, kind) = try IDXReader.parseTyped(bytes, file: path, limits: limits) { _ in 1 }
        return (array, kind.isInteger)
    }

    /// Whether the name of a file is that of one: .npy, .idx or …-ubyte as MNIST's are called, the last two also with .gz.
    public static func isNamed(_ path: String) -> Bool {
        var name = path.lowercased()
        if name.hasSuffix(".npy") { return true }
        if name.hasSuffix(".gz") { name.removeLast(3) }
        return name.hasSuffix(".idx") || name.hasSuffix("-ubyte")
    }

    private static func isNPY(_ bytes: RawSpan) -> Bool { bytes.uint8(at: 0) == 0x93 }
}
