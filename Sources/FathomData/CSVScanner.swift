/// Cuts the bytes of a CSV file into fields, by RFC 4180 and strictly.
///
/// A quote stands at the start of a field or nowhere; a quote within quotes is doubled; lines end with LF or CRLF.
struct CSVScanner {
    /// One field. `range` excludes quotes and, without quotes, the blanks around.
    struct Field {
        var range: Range<Int>
        var line: Int
        var column: Int
        /// It holds doubled quotes.
        var hasEscapes: Bool
        /// It is the last of its record.
        var endsRecord: Bool

        var location: FormatError.Location { .line(line, column: column) }

        /// The text without escapes.
        func content(_ bytes: RawSpan) -> [UInt8] {
            CSVScanner.content(bytes, range, hasEscapes: hasEscapes)
        }
    }

    /// The text of a field without escapes.
    static func content(_ bytes: RawSpan, _ range: Range<Int>, hasEscapes: Bool) -> [UInt8] {
        let raw = bytes.bytes(at: range.lowerBound, count: range.count) ?? []
        guard hasEscapes else { return raw }
        var out: [UInt8] = []
        var previousWasQuote = false
        for byte in raw {
            let isSecond = byte == 0x22 && previousWasQuote
            if !isSecond { out.append(byte) }
            previousWasQuote = byte == 0x22 && !isSecond
        }
        return out
    }

    let file: String
    let delimiter: UInt8
    let fieldLimit: Int
    private(set) var position = 0
    private var line = 1
    private var lineStart = 0

    init(_ bytes: RawSpan, file: String, delimiter: UInt8, fieldLimit: Int) throws(FormatError) {
        self.file = file
        self.delimiter = delimiter
        self.fieldLimit = fieldLimit
        switch (bytes.uint8(at: 0), bytes.uint8(at: 1), bytes.uint8(at: 2)) {
        case (0xEF, 0xBB, 0xBF):
            position = 3
            lineStart = 3
        case (0xFF, 0xFE, _), (0xFE, 0xFF, _):
            throw FormatError(
                file: file, at: .line(1, column: 1), rule: "the text is UTF-16", hint: "convert the file to UTF-8")
        default: break
        }
    }

    /// No record follows.
    func isAtEnd(_ bytes: RawSpan) -> Bool { position >= bytes.byteCount }

    /// Steps over empty lines, at the start of a record.
    mutating func skipBlankLines(_ bytes: RawSpan) {
        while true {
            let isReturn = bytes.uint8(at: position) == 0x0D && bytes.uint8(at: position + 1) == 0x0A
            guard isReturn || bytes.uint8(at: position) == 0x0A else { return }
            endLine(after: position + (isReturn ? 2 : 1))
        }
    }

    /// The next field.
    mutating func next(_ bytes: RawSpan) throws(FormatError) -> Field {
        bytes.uint8(at: position) == 0x22 ? try quoted(bytes) : try plain(bytes)
    }

    private func failure(_ rule: String, at offset: Int, hint: String? = nil) -> FormatError {
        FormatError(file: file, at: .line(line, column: offset - lineStart + 1), rule: rule, hint: hint)
    }

    private mutating func endLine(after offset: Int) {
        position = offset
        line += 1
        lineStart = offset
    }

    private mutating func plain(_ bytes: RawSpan) throws(FormatError) -> Field {
        let start = position
        var end = start
        scan: while let byte = bytes.uint8(at: end) {
            switch byte {
            case delimiter, 0x0A, 0x0D: break scan
            case 0: throw failure("a NUL byte in the text", at: end)
            case 0x22:
                throw failure(
                    "a quote inside of an unquoted field", at: end, hint: "quote the whole field and double the quote")
            default: end += 1
            }
        }
        var range = start..<end
        func isBlank(_ offset: Int) -> Bool {
            let byte = bytes.uint8(at: offset)
            return byte == 0x20 || byte == 0x09
        }
        while !range.isEmpty, isBlank(range.lowerBound) { range = range.lowerBound + 1..<range.upperBound }
        while !range.isEmpty, isBlank(range.upperBound - 1) { range = range.lowerBound..<range.upperBound - 1 }
        return try finish(
            bytes, range: range, end: end, line: line, column: start - lineStart + 1,
            hasEscapes: false)
    }

    private mutating func quoted(_ bytes: RawSpan) throws(FormatError) -> Field {
        let opening = failure("the quote opened here is never closed", at: position)
        guard case .line(let startLine, let startColumn) = opening.location else { throw opening }
        let start = position + 1
        var end = start
        var hasEscapes = false
        while true {
            guard let byte = bytes.uint8(at: end) else { throw opening }
            if byte == 0 { throw failure("a NUL byte in the text", at: end) }
            if byte == 0x22 {
                guard bytes.uint8(at: end + 1) == 0x22 else { break }
                hasEscapes = true
                end += 1
            } else if byte == 0x0A {
                line += 1
                lineStart = end + 1
            }
            end += 1
        }
        return try finish(
            bytes, range: start..<end, end: end + 1, line: startLine, column: startColumn,
            hasEscapes: hasEscapes)
    }

    /// Takes the delimiter or the line's end after a field.
    private mutating func finish(
        _ bytes: RawSpan, range: Range<Int>, end: Int, line: Int, column: Int, hasEscapes: Bool
    ) throws(FormatError) -> Field {
        guard range.count <= fieldLimit else {
            throw FormatError(
                file: file, at: .line(line, column: column), rule: "a field of \(range.count) bytes",
                hint: "the limit is \(fieldLimit); is a quote missing?")
        }
        var endsRecord = true
        switch bytes.uint8(at: end) {
        case nil: position = end
        case delimiter:
            position = end + 1
            endsRecord = false
        case 0x0A: endLine(after: end + 1)
        case 0x0D:
            guard bytes.uint8(at: end + 1) == 0x0A else {
                throw failure("a carriage return without line feed", at: end, hint: "convert the line ends to LF")
            }
            endLine(after: end + 2)
        default: throw failure("text after the closing quote", at: end)
        }
        return Field(
            range: range, line: line, column: column, hasEscapes: hasEscapes,
            endsRecord: endsRecord)
    }
}
