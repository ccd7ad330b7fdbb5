/// The header of an NPY file: a Python dictionary literal, read by a grammar and never evaluated.
///
///     header := '{' [entry {',' entry} [',']] '}' {space} newline
///     entry  := string ':' (string | 'True' | 'False' | '(' [number {',' number} [',']] ')')
///
/// Exactly the keys descr, fortran_order and shape, each once. Source: NumPy Enhancement Proposal 1.
struct NPYHeader {
    /// How the values are stored.
    enum Kind: Hashable {
        case bool
        case signed
        case unsigned
        case float
    }

    var kind: Kind
    var itemSize: Int
    var isBigEndian: Bool
    var isFortranOrder: Bool
    var shape: [Int]
    /// Where the values begin.
    var dataOffset: Int
    var elementCount: Int

    /// Reads the header at the start of `bytes`; `byteCount` is the length of the whole file where that is more.
    init(_ bytes: RawSpan, byteCount: Int? = nil, file: String, limits: Limits) throws(FormatError) {
        let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]
        guard bytes.bytes(at: 0, count: 6) == magic else {
            throw FormatError(file: file, at: .offset(0), rule: "does not begin with \\x93NUMPY")
        }
        let version = bytes.uint8(at: 6) ?? 0
        guard (1...3).contains(version), bytes.uint8(at: 7) == 0 else {
            throw FormatError(file: file, at: .offset(6), rule: "unknown version of the format (1 to 3 are known)")
        }
        let start = version == 1 ? 10 : 12
        let length = version == 1 ? bytes.littleUInt16(at: 8).map(Int.init) : bytes.littleUInt32(at: 8).map(Int.init)
        guard let length, length <= limits.headerBytes else {
            throw FormatError(
                file: file, at: .offset(8),
                rule: "a header of \(length.map(String.init) ?? "unknown") bytes; the limit is \(limits.headerBytes)")
        }
        guard let text = bytes.bytes(at: start, count: length) else {
            throw FormatError(file: file, at: .offset(8), rule: "the header is cut off")
        }
        var parser = Parser(text: text, base: start, file: file, limits: limits)
        let fields = try parser.parse()
        (isBigEndian, kind, itemSize) = try Self.type(fields.descr, at: fields.descrOffset, file: file)
        isFortranOrder = fields.isFortranOrder
        shape = fields.shape
        dataOffset = start + length
        guard let count = limits.elementCount(shape) else {
            throw FormatError(
                file: file, at: .offset(start), rule: "shape \(shape) has more than \(limits.elements) values",
                hint: "the file is damaged; if you trust it, raise Limits.elements")
        }
        elementCount = count
        let (size, overflow) = count.multipliedReportingOverflow(by: itemSize)
        let rest = (byteCount ?? bytes.byteCount) - dataOffset
        guard !overflow, size == rest else {
            throw FormatError(
                file: file, at: .offset(dataOffset),
                rule: "shape \(shape) needs \(overflow ? "too many" : String(size)) bytes, there are \(rest)")
        }
    }

    private static func type(
        _ descr: String, at offset: Int, file: String
    ) throws(FormatError) -> (isBigEndian: Bool, kind: Kind, size: Int) {
        let kinds: [String: (Kind, Int)] = [
            "b1": (.bool, 1), "i1": (.signed, 1), "i2": (.signed, 2), "i4": (.signed, 4), "i8": (.signed, 8),
            "u1": (.unsigned, 1), "u2": (.unsigned, 2), "u4": (.unsigned, 4), "u8": (.unsigned, 8),
            "f2": (.float, 2), "f4": (.float, 4), "f8": (.float, 8),
        ]
        let order = descr.utf8.first.map { UInt8($0) }
        let hasOrder = order.map { "<>|=".utf8.contains($0) } ?? false
        let name = hasOrder ? String(descr.dropFirst()) : descr
        guard let (kind, size) = kinds[name], size == 1 || order == 0x3C || order == 0x3E else {
            throw FormatError(
                file: file, at: .offset(offset), rule: "values of type '\(descr.escapedForDisplay)' cannot be read",
                hint: "convert with array.astype('<f4'); objects are refused because reading them runs code")
        }
        return (order == 0x3E, kind, size)
    }

    /// A recursive-descent parser without the recursion: nothing nests deeper than a shape in the dictionary.
    private struct Parser {
        struct Fields {
            var descr = ""
            var descrOffset = 0
            var isFortranOrder = false
            var shape: [Int] = []
        }

        let text: [UInt8]
        let base: Int
        let file: String
        let limits: Limits
        var position = 0

        init(text: [UInt8], base: Int, file: String, limits: Limits) {
            self.text = text
            self.base = base
            self.file = file
            self.limits = limits
        }

        func failure(_ rule: String) -> FormatError {
            FormatError(file: file, at: .offset(base + position), rule: "header: " + rule)
        }

        mutating func skipSpace() {
            while position < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[position]) { position += 1 }
        }

        /// Takes one character, after spaces, if it is there.
        mutating func take(_ character: Unicode.Scalar) -> Bool {
            skipSpace()
            guard position < text.count, text[position] == UInt8(ascii: character) else { return false }
            position += 1
            return true
        }

        mutating func expect(_ character: Unicode.Scalar) throws(FormatError) {
            guard take(character) else { throw failure("expected '\(character)'") }
        }

        mutating func take(word: String) -> Bool {
            skipSpace()
            guard text[position...].starts(with: word.utf8) else { return false }
            position += word.utf8.count
            return true
        }

        mutating func string() throws(FormatError) -> String {
            skipSpace()
            guard position < text.count, text[position] == 0x27 || text[position] == 0x22 else {
                throw failure("expected a string")
            }
            let quote = text[position]
            position += 1
            var out = ""
            while position < text.count, text[position] != quote {
                let byte = text[position]
                // No escapes, nothing outside of printable ASCII: no type this reader knows needs them.
                guard (0x20...0x7E).contains(byte), byte != 0x5C else {
                    throw failure("unexpected character in a string")
                }
                out.unicodeScalars.append(Unicode.Scalar(byte))
                position += 1
            }
            guard position < text.count else { throw failure("a string does not end") }
            position += 1
            return out
        }

        mutating func number() throws(FormatError) -> Int {
            skipSpace()
            var value = 0
            let start = position
            while position < text.count, (0x30...0x39).contains(text[position]) {
                let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
                let (sum, overflow2) = tens.addingReportingOverflow(Int(text[position] - 0x30))
                guard !overflow, !overflow2 else { throw failure("a dimension is too large") }
                value = sum
                position += 1
            }
            guard position > start else { throw failure("expected a dimension (digits only)") }
            // Python 2 wrote long integers as 3L.
            if position < text.count, text[position] == UInt8(ascii: "L") { position += 1 }
            return value
        }

        mutating func shape() throws(FormatError) -> [Int] {
            try expect("(")
            var shape: [Int] = []
            while !take(")") {
                guard shape.count < limits.dimensions else {
                    throw failure("more than \(limits.dimensions) dimensions")
                }
                shape.append(try number())
                if !take(",") {
                    // Python reads (3) as a number in brackets, not as a tuple.
                    guard shape.count > 1 else { throw failure("expected ',' in a shape of one dimension") }
                    try expect(")")
                    break
                }
            }
            return shape
        }

        mutating func parse() throws(FormatError) -> Fields {
            var fields = Fields()
            var seen: Set<String> = []
            try expect("{")
            while !take("}") {
                let key = try string()
                guard seen.insert(key).inserted else { throw failure("the key '\(key)' occurs twice") }
                try expect(":")
                switch key {
                case "descr":
                    skipSpace()
                    fields.descrOffset = base + position
                    if position < text.count, text[position] == UInt8(ascii: "[") {
                        throw failure("records (structured types) cannot be read")
                    }
                    fields.descr = try string()
                case "fortran_order":
                    if take(word: "True") {
                        fields.isFortranOrder = true
                    } else if !take(word: "False") {
                        throw failure("fortran_order must be True or False")
                    }
                case "shape": fields.shape = try shape()
                default: throw failure("unknown key '\(key.escapedForDisplay)'")
                }
                if !take(",") {
                    try expect("}")
                    break
                }
            }
            skipSpace()
            guard position == text.count else { throw failure("unexpected text after the dictionary") }
            guard seen.count == 3 else { throw failure("descr, fortran_order and shape are all needed") }
            return fields
        }
    }
}
