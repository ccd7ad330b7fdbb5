/// The header of a safetensors file, checked against the size of the file.
struct SafeTensorsHeader {
    typealias FormatError = SafeTensors.FormatError

    /// The number types of the format that are read, and how.
    enum SourceType: String {
        case f64 = "F64"
        case f32 = "F32"
        case f16 = "F16"
        case bf16 = "BF16"
        case i64 = "I64"
        case i32 = "I32"
        case u8 = "U8"
        case bool = "BOOL"

        /// Bytes per element in the file.
        var byteCount: Int {
            switch self {
            case .f64, .i64: 8
            case .f32, .i32: 4
            case .f16, .bf16: 2
            case .u8, .bool: 1
            }
        }
    }

    /// Where a tensor lies in the data section.
    struct Slot {
        /// In bytes, shared with the parser's set of keys: a copy of each would double what a file can claim.
        let name: [UInt8]
        let type: SourceType
        let shape: [Int]
        let range: Range<Int>

        /// The tensor of these bytes, as many as the range has.
        func tensor(_ bytes: [UInt8]) -> StoredTensor {
            switch type {
            case .f64: StoredTensor(unchecked: bytes, dtype: .f64, shape: shape)
            case .f32: StoredTensor(unchecked: bytes, dtype: .f32, shape: shape)
            case .i64: StoredTensor(unchecked: bytes, dtype: .i64, shape: shape)
            case .i32: StoredTensor(unchecked: bytes, dtype: .i32, shape: shape)
            case .u8, .bool: StoredTensor(unchecked: bytes, dtype: .u8, shape: shape)
            case .f16: widened(bytes, floatFromHalf)
            // A bfloat16 is the upper half of a float.
            case .bf16: widened(bytes) { UInt32($0) << 16 }
            }
        }

        private func widened(_ bytes: [UInt8], _ convert: (UInt16) -> UInt32) -> StoredTensor {
            let wide = [UInt8](unsafeUninitializedCapacity: bytes.count * 2) { buffer, filled in
                for element in 0..<bytes.count / 2 {
                    let half = UInt16(bytes[2 * element]) | UInt16(bytes[2 * element + 1]) << 8
                    let pattern = convert(half)
                    for byte in 0..<4 { buffer[4 * element + byte] = UInt8(truncatingIfNeeded: pattern >> (8 * byte)) }
                }
                filled = bytes.count * 2
            }
            return StoredTensor(unchecked: wide, dtype: .f32, shape: shape)
        }
    }

    private(set) var slots: [Slot] = []
    private(set) var metadata: [String: String] = [:]

    /// Parses `length` bytes of `text` from `start`; `fileSize` is that of the whole file.
    init(_ text: RawSpan, start: Int, length: Int, fileSize: Int, limits: SafeTensors.Limits) throws(FormatError) {
        // Messages count from the start of the file, where the header begins at byte 8.
        do throws(FormatError) { try parse(text, start..<start + length, limits: limits) } catch {
            throw FormatError(rule: error.rule, offset: error.offset + 8 - start, detail: error.detail)
        }
        try checkCoverage(dataStart: 8 + length, dataCount: fileSize - 8 - length)
    }

    private mutating func parse(_ text: RawSpan, _ range: Range<Int>, limits: SafeTensors.Limits) throws(FormatError) {
        var json = StrictJSON(range: range, stringBudget: limits.stringBytes)
        // The format wants the brace at the very start; white space only pads the end.
        guard range.lowerBound < range.upperBound,
            text.unsafeLoad(fromByteOffset: range.lowerBound, as: UInt8.self) == UInt8(ascii: "{")
        else { throw json.failure(.syntax, "the header does not start with '{'") }
        var slots: [Slot] = []
        var metadata: [String: String] = [:]
        try json.object(text, limit: limits.tensors) { (json, key) throws(FormatError) in
            if key == SafeTensors.metadataKey {
                metadata = try json.dictionary(text, limit: limits.tensors)
            } else {
                slots.append(try SafeTensorsHeader.slot(&json, text, name: key, limits: limits))
            }
        }
        guard json.peek(text) == nil else { throw json.failure(.syntax, "text after the header's object") }
        self.slots = slots
        self.metadata = metadata
    }

    private static func slot(
        _ json: inout StrictJSON, _ text: RawSpan, name: [UInt8], limits: SafeTensors.Limits
    ) throws(FormatError) -> Slot {
        _ = json.peek(text)
        let start = json.position
        var type: SourceType?
        var shape: [Int]?
        var offsets: [Int]?
        try json.object(text, limit: 3) { (json, key) throws(FormatError) in
            switch String(decoding: key, as: UTF8.self) {
            case "dtype":
                let code = try json.text(text)
                type = SourceType(rawValue: code)
                guard type != nil else {
                    throw json.failure(.unknownType, "tensor \(show(name)) has the type \(show(Array(code.utf8)))")
                }
            case "shape": shape = try json.integers(text, limit: limits.dimensions)
            case "data_offsets": offsets = try json.integers(text, limit: 2)
            default: throw json.failure(.unknownKey, "tensor \(show(name)) has the member \(show(key))")
            }
        }
        guard let type, let shape, let offsets else {
            throw json.failure(.missingKey, "tensor \(show(name)) needs dtype, shape and data_offsets", at: start)
        }
        guard offsets.count == 2, offsets[0] <= offsets[1] else {
            throw json.failure(.offsets, "tensor \(show(name)) has the offsets \(offsets)", at: start)
        }
        guard let needed = StoredTensor.byteCount(shape: shape, bytesPerElement: type.byteCount) else {
            throw json.failure(.shape, "tensor \(show(name)) of shape \(shape) is too large", at: start)
        }
        guard needed == offsets[1] - offsets[0] else {
            throw json.failure(
                .offsets, "tensor \(show(name)) takes \(needed) bytes, its offsets \(offsets)", at: start)
        }
        return Slot(
            name: name, type: type, shape: shape, range: offsets[0]..<offsets[1])
    }

    /// The tensors must cover the data from its start to its end, each byte once.
    private mutating func checkCoverage(dataStart: Int, dataCount: Int) throws(FormatError) {
        // Equal starts: an empty tensor before the one that has bytes there.
        slots.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
        var end = 0
        for slot in slots {
            guard slot.range.lowerBound == end else {
                let what = slot.range.lowerBound < end ? "overlaps the one before" : "leaves a hole before it"
                throw FormatError(
                    rule: .offsets, offset: dataStart + min(end, dataCount),
                    detail: "tensor \(show(slot.name)) \(what)")
            }
            end = slot.range.upperBound
        }
        guard end == dataCount else {
            throw FormatError(
                rule: end > dataCount ? .truncated : .offsets, offset: dataStart + min(end, dataCount),
                detail: "the tensors take \(end) bytes, the file holds \(dataCount)")
        }
    }
}

extension StrictJSON {
    /// Consumes an array of at most `limit` integers.
    fileprivate mutating func integers(_ text: RawSpan, limit: Int) throws(FormatError) -> [Int] {
        var values: [Int] = []
        try list("[", "]", text) { (json) throws(FormatError) in
            guard values.count < limit else { throw json.failure(.limit, "more than \(limit) numbers") }
            values.append(try json.integer(text))
        }
        return values
    }

    /// Consumes an object of strings.
    mutating func dictionary(_ text: RawSpan, limit: Int) throws(FormatError) -> [String: String] {
        var values: [String: String] = [:]
        try object(text, limit: limit) { (json, key) throws(FormatError) in
            let start = json.position
            let value = try json.text(text)
            // A dictionary takes two spellings of a letter for one; losing an entry in silence would be worse.
            guard values.updateValue(value, forKey: String(decoding: key, as: UTF8.self)) == nil else {
                throw json.failure(.duplicateKey, "the key \(show(key)) comes in two spellings", at: start)
            }
        }
        return values
    }
}

/// The bits of the float equal to an IEEE half; exact for all 65,536 patterns.
private func floatFromHalf(_ half: UInt16) -> UInt32 {
    let sign = UInt32(half & 0x8000) << 16
    let exponent = UInt32(half >> 10) & 0x1F
    let fraction = UInt32(half & 0x3FF)
    switch (exponent, fraction) {
    case (0x1F, _): return sign | 0x7F80_0000 | fraction << 13
    // Zero and subnormal halves: fraction · 2⁻²⁴, which a float holds exactly.
    case (0, _): return sign | (Float(fraction) * 0x1p-24).bitPattern
    default: return sign | (exponent + 112) << 23 | fraction << 13
    }
}
