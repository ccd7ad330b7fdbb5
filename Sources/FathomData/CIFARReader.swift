/// Reads the binary version of CIFAR-10: per image one label byte and 3072 bytes, red, green and blue planes of 32×32.
/// The planes are interleaved while they are read, because images are channels-last in Fathom.
///
/// Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009, and the data set's page.
public enum CIFARReader {
    /// The names of the ten classes.
    public static let classNames = [
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    ]

    private static let recordSize = 1 + 3 * 32 * 32

    /// Reads one or more files as one set: inputs `[rows, 32, 32, 3]` times `scale`.
    public static func read(
        paths: [String], scale: Float = 1, limits: Limits = Limits()
    ) throws(FormatError) -> Dataset {
        var batches = Batches()
        for path in paths {
            let bytes = try FileBytes.read(path, limits: limits)
            try batches.append(bytes.span.bytes, file: path, scale: scale, limits: limits)
        }
        return batches.dataset(source: paths.joined(separator: ", "))
    }

    /// Reads bytes in memory; `file` names them in errors.
    public static func parse(
        _ bytes: RawSpan, file: String, scale: Float = 1, limits: Limits = Limits()
    ) throws(FormatError) -> Dataset {
        var batches = Batches()
        try batches.append(bytes, file: file, scale: scale, limits: limits)
        return batches.dataset(source: file)
    }

    /// Images gathered from several files.
    package struct Batches {
        private var values: [Float] = []
        private var labels: [Int32] = []

        package init() {}

        package mutating func append(
            _ bytes: RawSpan, file: String, scale: Float, limits: Limits
        ) throws(FormatError) {
            let size = CIFARReader.recordSize
            guard bytes.byteCount > 0, bytes.byteCount % size == 0 else {
                throw FormatError(
                    file: file, at: .offset(bytes.byteCount - bytes.byteCount % size),
                    rule: "\(bytes.byteCount) bytes are not a whole number of images of \(size) bytes",
                    hint: "expected the binary version of CIFAR-10; the file may be truncated")
            }
            let count = bytes.byteCount / size
            guard values.count + count * (size - 1) <= limits.elements else {
                throw FormatError(file: file, rule: "more than \(limits.elements) values")
            }
            for image in 0..<count where bytes.uint8(at: image * size) ?? .max > 9 {
                throw FormatError(
                    file: file, at: .offset(image * size),
                    rule: "image \(image) has label \(bytes.uint8(at: image * size) ?? 0); there are 0 to 9")
            }
            let first = values.count
            values += [Float](repeating: 0, count: count * (size - 1))
            bytes.withUnsafeBytes { buffer in
                values.withUnsafeMutableBufferPointer { values in
                    for image in 0..<count {
                        let source = image * size
                        let target = first + image * (size - 1)
                        labels.append(Int32(buffer[source]))
                        for channel in 0..<3 {
                            let plane = source + 1 + channel * 1024
                            for pixel in 0..<1024 {
                                values[target + pixel * 3 + channel] = Float(buffer[plane + pixel]) * scale
                            }
                        }
                    }
                }
            }
        }

        package func dataset(source: String) -> Dataset {
            Dataset(
                unchecked: "cifar10", inputs: DataArray(unchecked: values, shape: [labels.count, 32, 32, 3]),
                targets: .classes(labels: labels, names: CIFARReader.classNames), featureNames: [],
                provenance: .init(source: source, licence: "research use; no formal licence"))
        }
    }
}
