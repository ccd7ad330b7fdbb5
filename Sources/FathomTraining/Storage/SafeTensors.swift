/// The contents of a safetensors file: named tensors and a dictionary of strings.
///
/// The format (https://github.com/huggingface/safetensors): 8 bytes with the length of the header, a JSON header, and
/// the data. Reading follows the same rules as the reference implementation, and is stricter where that leaves room:
/// duplicate keys, unknown members and floating-point sizes are refused. Names are compared by their bytes: the
/// composed and the decomposed form of "é" are two names.
public struct SafeTensors: Sendable {
    /// A tensor with its name.
    public struct Entry: Hashable, Sendable {
        /// The name; compare `utf8`, as `==` on strings takes two spellings of a letter for one.
        public let name: String
        /// The tensor.
        public let tensor: StoredTensor

        /// Pairs a name with a tensor.
        public init(_ name: String, _ tensor: StoredTensor) {
            self.name = name
            self.tensor = tensor
        }
    }

    /// Bounds on what a file may ask for.
    public struct Limits: Sendable {
        /// Bytes of header; the format itself allows 100,000,000.
        public var headerBytes = 100_000_000
        /// Number of tensors.
        public var tensors = 100_000
        /// Number of dimensions of a tensor.
        public var dimensions = 32
        /// Bytes of all names and all metadata together.
        public var stringBytes = 1 << 24

        /// The default bounds.
        public init() {}
    }

    /// What in a file breaks which rule, and at which byte.
    public struct FormatError: Error, Hashable, Sendable, CustomStringConvertible {
        /// The rules that a file can break.
        public enum Rule: String, Hashable, Sendable {
            case truncated, headerLength, syntax, encoding, number, duplicateKey, missingKey, unknownKey, unknownType
            case shape, offsets, limit, version, checksum
        }
        /// The rule broken.
        public let rule: Rule
        /// The byte of the file at which it shows.
        public let offset: Int
        /// What was found.
        public let detail: String

        /// One line: byte, detail and rule.
        public var description: String { "byte \(offset): \(detail) (rule: \(rule.rawValue))" }

        init(rule: Rule, offset: Int, detail: String) {
            self.rule = rule
            self.offset = offset
            self.detail = detail
        }
    }

    /// The tensors, in the order of the file.
    public let entries: [Entry]
    /// The strings under `__metadata__`.
    public let metadata: [String: String]
    private let index: [[UInt8]: Int]

    /// Collects tensors for writing.
    ///
    /// - Throws: `.invalid` when a name comes twice or is the reserved `__metadata__`.
    public init(_ entries: [Entry], metadata: [String: String] = [:]) throws(StorageError) {
        var index: [[UInt8]: Int] = [:]
        for (position, entry) in entries.enumerated() {
            guard Array(entry.name.utf8) != SafeTensors.metadataKey,
                index.updateValue(position, forKey: Array(entry.name.utf8)) == nil
            else {
                throw StorageError(
                    operation: "store a tensor", path: entry.name, cause: .invalid("the name is taken"))
            }
        }
        self.entries = entries
        self.metadata = metadata
        self.index = index
    }

    /// For names that the reader has found distinct.
    private init(distinct entries: [Entry], metadata: [String: String]) {
        self.entries = entries
        self.metadata = metadata
        index = Dictionary(
            entries.enumerated().map { (Array($1.name.utf8), $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The tensor of exactly this name, byte for byte.
    public subscript(name: String) -> StoredTensor? { index[Array(name.utf8)].map { entries[$0].tensor } }

    static let metadataKey = Array("__metadata__".utf8)

    // MARK: Writing

    /// The file's bytes: the same for the same contents, and those that the reference implementation writes.
    public func encoded() -> [UInt8] {
        let (header, order) = layout()
        var bytes = header
        bytes.reserveCapacity(header.count + order.reduce(0) { $0 + $1.bytes.count })
        for tensor in order { bytes.append(contentsOf: tensor.bytes) }
        return bytes
    }

    /// The length, the padded header, and the tensors in the order in which their bytes follow.
    ///
    /// Tensors of wide numbers come first, so that each starts at a multiple of its element's size; then by name.
    func layout() -> (header: [UInt8], order: [StoredTensor]) {
        // The reference orders by its list of types: of two types of one width, this one comes later.
        let rank: [StoredTensor.DType: Int] = [.i64: 0, .f64: 1, .f32: 2, .i32: 3, .u8: 4]
        let sorted = entries.map { (rank: rank[$0.tensor.dtype] ?? 5, entry: $0) }.sorted {
            $0.rank != $1.rank ? $0.rank < $1.rank : $0.entry.name.utf8.lexicographicallyPrecedes($1.entry.name.utf8)
        }.map(\.entry)

        var members: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
                .map { StrictJSON.literal($0.key) + ":" + StrictJSON.literal($0.value) }
            members.append("\"__metadata__\":{" + pairs.joined(separator: ",") + "}")
        }
        var offset = 0
        for entry in sorted {
            let end = offset + entry.tensor.bytes.count
            let shape = entry.tensor.shape.map(String.init).joined(separator: ",")
            members.append(
                "\(StrictJSON.literal(entry.name)):{\"dtype\":\"\(entry.tensor.dtype.rawValue)\","
                    + "\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        var json = Array(("{" + members.joined(separator: ",") + "}").utf8)
        // Spaces up to a multiple of 8: the data then starts aligned.
        json.append(contentsOf: repeatElement(0x20, count: (8 - json.count % 8) % 8))
        let length = UInt64(json.count)
        return ((0..<8).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) } + json, sorted.map(\.tensor))
    }

    /// Writes a file by the rules of `AtomicFile`.
    public func write(to path: String) throws(StorageError) {
        try AtomicFile.write(encoded().span.bytes, to: path)
    }

    // MARK: Reading

    /// Reads a file's bytes.
    public static func decode(_ file: RawSpan, limits: Limits = Limits()) throws(FormatError) -> SafeTensors {
        let length = try headerLength(file, fileSize: file.byteCount, limits: limits)
        let header = try SafeTensorsHeader(file, start: 8, length: length, fileSize: file.byteCount, limits: limits)
        let start = 8 + length
        let entries = header.slots.map { slot in
            let raw = file.extracting(start + slot.range.lowerBound..<start + slot.range.upperBound)
            return Entry(String(decoding: slot.name, as: UTF8.self), slot.tensor(raw.withUnsafeBytes { [UInt8]($0) }))
        }
        return SafeTensors(distinct: entries, metadata: header.metadata)
    }

    /// Reads a file with plain reads, never mapped: a file that is cut meanwhile gives an error, not a signal.
    public static func read(_ path: String, limits: Limits = Limits()) throws(StorageError) -> SafeTensors {
        try read(path, limits: limits) { _ in }
    }

    /// Reads a file and shows each byte once, in order, to `observe`: what is checked is then what was read.
    static func read(
        _ path: String, limits: Limits = Limits(), observe: (RawSpan) -> Void
    ) throws(StorageError) -> SafeTensors {
        let file = try OpenFile.reading(path)
        let size = try file.size()
        do throws(FormatError) {
            let prefix = try bytes(file, at: 0, count: min(8, size))
            let length = try headerLength(prefix.span.bytes, fileSize: size, limits: limits)
            let text = try bytes(file, at: 8, count: length)
            let header = try SafeTensorsHeader(
                text.span.bytes, start: 0, length: length, fileSize: size, limits: limits)
            observe(prefix.span.bytes)
            observe(text.span.bytes)
            var entries: [Entry] = []
            entries.reserveCapacity(header.slots.count)
            for slot in header.slots {
                // The slots cover the data without holes, in order.
                let raw = try bytes(file, at: 8 + length + slot.range.lowerBound, count: slot.range.count)
                observe(raw.span.bytes)
                entries.append(Entry(String(decoding: slot.name, as: UTF8.self), slot.tensor(raw)))
            }
            return SafeTensors(distinct: entries, metadata: header.metadata)
        } catch {
            throw StorageError(operation: "read", path: path, cause: .malformed(error))
        }
    }

    private static func headerLength(_ prefix: RawSpan, fileSize: Int, limits: Limits) throws(FormatError) -> Int {
        guard fileSize >= 8, prefix.byteCount >= 8 else {
            throw FormatError(rule: .truncated, offset: fileSize, detail: "a file has at least 8 bytes")
        }
        var length: UInt64 = 0
        for offset in 0..<8 {
            length |= UInt64(prefix.unsafeLoad(fromByteOffset: offset, as: UInt8.self)) << (offset * 8)
        }
        guard length <= UInt64(min(limits.headerBytes, 100_000_000)) else {
            throw FormatError(rule: .headerLength, offset: 0, detail: "a header of \(length) bytes is not allowed")
        }
        guard Int(length) <= fileSize - 8 else {
            throw FormatError(
                rule: .headerLength, offset: 0, detail: "a header of \(length) bytes in a file of \(fileSize)")
        }
        return Int(length)
    }

    private static func bytes(_ file: borrowing OpenFile, at offset: Int, count: Int) throws(FormatError) -> [UInt8] {
        do throws(StorageError) { return try file.bytes(at: offset, count: count) } catch {
            throw FormatError(rule: .truncated, offset: offset, detail: error.reason)
        }
    }
}
