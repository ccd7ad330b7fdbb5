/// Reads IDX, the format of MNIST and its successors, plain or packed with gzip.
///
/// A file is two zero bytes, a type, the number of dimensions, the dimensions as big-endian 32-bit numbers, and the
/// values in big-endian order. Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", section on file formats.
public enum IDXReader {
    /// Reads the values of a file, times `scale`.
    ///
    /// Throws `FormatError` for any file that is not exactly as long as its dimensions say.
    public static func read(
        path: String, scale: Float = 1, limits: Limits = Limits()
    ) throws(FormatError) -> DataArray {
        let bytes = try FileBytes.read(path, limits: limits)
        return try parse(bytes.span.bytes, file: path, scale: scale, limits: limits)
    }

    /// Reads a file of class labels: one dimension of unsigned bytes.
    public static func readLabels(path: String, limits: Limits = Limits()) throws(FormatError) -> [Int32] {
        let bytes = try FileBytes.read(path, limits: limits)
        return try parseLabels(bytes.span.bytes, file: path, limits: limits)
    }

    /// Reads a pair of files as a data set: images of two dimensions get a channel, `[rows, height, width, 1]`.
    ///
    /// Throws `FormatError` when the files do not hold as many labels as images, or a label has no class name; without
    /// class names the classes are called by their numbers.
    public static func readDataset(
        images: String, labels: String, name: String, classNames: [String]? = nil, scale: Float = 1,
        provenance: Dataset.Provenance, limits: Limits = Limits()
    ) throws(FormatError) -> Dataset {
        var inputs = try read(path: images, scale: scale, limits: limits)
        let codes = try readLabels(path: labels, limits: limits)
        guard codes.count == inputs.rowCount else {
            throw FormatError(
                file: labels, rule: "\(codes.count) labels for \(inputs.rowCount) images",
                hint: "the files of training and test part may be mixed up")
        }
        let names = classNames ?? (0...(codes.max() ?? 0)).map { String($0) }
        if let row = codes.firstIndex(where: { Int($0) >= names.count }) {
            throw FormatError(
                file: labels, at: .offset(8 + row),
                rule: "label \(codes[row]) of row \(row), there are \(names.count) classes")
        }
        if inputs.shape.count == 3 {
            inputs = DataArray(unchecked: inputs.values, shape: inputs.shape + [1])
        }
        return Dataset(
            unchecked: name, inputs: inputs, targets: .classes(labels: codes, names: names), featureNames: [],
            provenance: provenance)
    }

    /// Reads values from bytes in memory; `file` names them in errors.
    public static func parse(
        _ bytes: RawSpan, file: String, scale: Float = 1, limits: Limits = Limits()
    ) throws(FormatError) -> DataArray {
        try parseTyped(bytes, file: file, limits: limits) { _ in scale }.array
    }

    /// The values, times a factor that may go by what they are stored as.
    static func parseTyped(
        _ bytes: RawSpan, file: String, limits: Limits, scale: (Kind) -> Float
    ) throws(FormatError) -> (array: DataArray, kind: Kind) {
        let (header, body) = try unpackChecked(bytes, file: file, limits: limits)
        var values = [Float](repeating: 0, count: header.elementCount)
        var decoder = Decoder(header: header, scale: scale(header.kind))
        try body.forEachChunk(of: bytes) { chunk in decoder.decode(chunk, into: &values) }
        return (DataArray(unchecked: values, shape: header.shape), header.kind)
    }

    /// Reads class labels from bytes in memory; `file` names them in errors.
    public static func parseLabels(
        _ bytes: RawSpan, file: String, limits: Limits = Limits()
    ) throws(FormatError) -> [Int32] {
        let (header, body) = try unpackChecked(bytes, file: file, limits: limits)
        guard header.kind == .uint8, header.shape.count == 1 else {
            throw FormatError(
                file: file, at: .offset(2),
                rule: "labels must be one dimension of bytes, these have shape \(header.shape)",
                hint: "is this the file of the images?")
        }
        var skip = header.byteCount
        var labels: [Int32] = []
        labels.reserveCapacity(header.elementCount)
        try body.forEachChunk(of: bytes) { chunk in
            let start = min(skip, chunk.byteCount)
            skip -= start
            chunk.extracting(start..<chunk.byteCount).withUnsafeBytes {
                labels.append(contentsOf: $0.lazy.map(Int32.init))
            }
        }
        return labels
    }

    enum Kind: UInt8 {
        case uint8 = 0x08
        case int8 = 0x09
        case int16 = 0x0B
        case int32 = 0x0C
        case float = 0x0D
        case double = 0x0E

        var size: Int {
            switch self {
            case .uint8, .int8: 1
            case .int16: 2
            case .int32, .float: 4
            case .double: 8
            }
        }

        var isInteger: Bool { self != .float && self != .double }
    }

    private struct Header {
        var kind: Kind
        var shape: [Int]
        var byteCount: Int
        var elementCount: Int
    }

    /// How to walk over the unpacked bytes once more.
    private struct Body {
        var isGzip: Bool
        var byteCount: Int
        var file: String

        func forEachChunk(of bytes: RawSpan, _ body: (RawSpan) -> Void) throws(FormatError) {
            guard isGzip else { return body(bytes) }
            try Inflate.unpack(bytes, wrapping: .gzip, file: file, limit: byteCount) { chunk in body(chunk) }
        }
    }

    /// Checks header, length and, for gzip, the whole stream, without taking memory for the values.
    private static func unpackChecked(
        _ bytes: RawSpan, file: String, limits: Limits
    ) throws(FormatError) -> (Header, Body) {
        let header: Header
        let length: Int
        let isGzip = Inflate.isGzip(bytes)
        if isGzip {
            // The longest header has 4 + 4·255 bytes; a chunk is at least as large as what zlib has made by then.
            var start: [UInt8] = []
            length = try Inflate.unpack(
                bytes, wrapping: .gzip, file: file, limit: limits.unpackedBytes(from: bytes.byteCount)
            ) { chunk in
                let missing = min(1024 - start.count, chunk.byteCount)
                if missing > 0 { start += chunk.extracting(0..<missing).withUnsafeBytes { Array($0) } }
            }
            header = try parseHeader(start.span.bytes, file: file, limits: limits)
        } else {
            length = bytes.byteCount
            header = try parseHeader(bytes, file: file, limits: limits)
        }
        let (valueBytes, overflow) = header.elementCount.multipliedReportingOverflow(by: header.kind.size)
        let (expected, overflow2) = valueBytes.addingReportingOverflow(header.byteCount)
        guard !overflow, !overflow2, expected == length else {
            throw FormatError(
                file: file, at: .offset(header.byteCount),
                rule: "shape \(header.shape) of \(header.kind) needs \(valueBytes) bytes, there are "
                    + "\(length - header.byteCount)",
                hint: length < expected ? "the file is truncated; copy or download it again" : nil)
        }
        return (header, Body(isGzip: isGzip, byteCount: length, file: file))
    }

    private static func parseHeader(_ bytes: RawSpan, file: String, limits: Limits) throws(FormatError) -> Header {
        guard bytes.uint8(at: 0) == 0, bytes.uint8(at: 1) == 0, let code = bytes.uint8(at: 2),
            let rank = bytes.uint8(at: 3)
        else {
            throw FormatError(
                file: file, at: .offset(0), rule: "does not begin with the two zero bytes of an IDX file",
                hint: "expected a file like train-images-idx3-ubyte or its .gz")
        }
        guard let kind = Kind(rawValue: code) else {
            throw FormatError(file: file, at: .offset(2), rule: "unknown type of values \(code)")
        }
        guard rank >= 1, rank <= limits.dimensions else {
            throw FormatError(
                file: file, at: .offset(3), rule: "\(rank) dimensions; allowed are 1 to \(limits.dimensions)")
        }
        var shape: [Int] = []
        for axis in 0..<Int(rank) {
            guard let size = bytes.integer(UInt32.self, at: 4 + 4 * axis, bigEndian: true) else {
                throw FormatError(file: file, at: .offset(4 + 4 * axis), rule: "the dimensions are cut off")
            }
            shape.append(Int(size))
        }
        guard let count = limits.elementCount(shape) else {
            throw FormatError(
                file: file, at: .offset(4), rule: "shape \(shape) has more than \(limits.elements) values",
                hint: "the file is damaged; if you trust it, raise Limits.elements")
        }
        return Header(kind: kind, shape: shape, byteCount: 4 + 4 * Int(rank), elementCount: count)
    }

    /// Turns chunks of any length into values; bytes of a value cut by a chunk's end wait for the next one.
    private struct Decoder {
        private let kind: Kind
        private let scale: Float
        private var skip: Int
        private var position = 0
        private var pending: [UInt8] = []

        init(header: Header, scale: Float) {
            kind = header.kind
            skip = header.byteCount
            self.scale = scale
        }

        mutating func decode(_ chunk: RawSpan, into values: inout [Float]) {
            var offset = min(skip, chunk.byteCount)
            skip -= offset
            if kind == .uint8 {
                // The common case, worth its own loop: 47 million pixels in Fashion-MNIST.
                let count = min(chunk.byteCount - offset, values.count - position)
                let start = position
                let scale = scale
                chunk.extracting(offset..<chunk.byteCount).withUnsafeBytes { source in
                    values.withUnsafeMutableBufferPointer { target in
                        for index in 0..<count { target[start + index] = Float(source[index]) * scale }
                    }
                }
                position += count
                return
            }
            let size = kind.size
            while !pending.isEmpty, pending.count < size, let byte = chunk.uint8(at: offset) {
                pending.append(byte)
                offset += 1
            }
            if pending.count == size {
                append(value(pending.span.bytes, at: 0), to: &values)
                pending.removeAll(keepingCapacity: true)
            }
            while chunk.byteCount - offset >= size {
                append(value(chunk, at: offset), to: &values)
                offset += size
            }
            while let byte = chunk.uint8(at: offset) {
                pending.append(byte)
                offset += 1
            }
        }

        private mutating func append(_ value: Float, to values: inout [Float]) {
            guard position < values.count else { return }
            values[position] = value * scale
            position += 1
        }

        private func value(_ bytes: RawSpan, at offset: Int) -> Float {
            switch kind {
            case .uint8: Float(bytes.uint8(at: offset) ?? 0)
            case .int8: Float(Int8(bitPattern: bytes.uint8(at: offset) ?? 0))
            case .int16: Float(bytes.integer(Int16.self, at: offset, bigEndian: true) ?? 0)
            case .int32: Float(bytes.integer(Int32.self, at: offset, bigEndian: true) ?? 0)
            case .float: Float(bitPattern: bytes.integer(UInt32.self, at: offset, bigEndian: true) ?? 0)
            case .double: Float(Double(bitPattern: bytes.integer(UInt64.self, at: offset, bigEndian: true) ?? 0))
            }
        }
    }
}
