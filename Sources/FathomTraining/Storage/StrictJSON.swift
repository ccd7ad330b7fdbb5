/// A reader of JSON whose grammar the caller spells out, token by token.
///
/// The two files read with it (the header of a safetensors file and the manifest of a checkpoint) have a fixed form.
/// So there is no general value, no recursion and no skipping of unknown members, and hence no depth to run away:
/// `depth` counts the brackets that are open and never exceeds what the caller's grammar has. Numbers are unsigned
/// decimal integers and nothing else; `1.0`, `1e2`, `"2"`, `-1` and `01` are refused (a stock decoder takes most of
/// them). Strings are bytes of valid UTF-8 and are compared as bytes.
package struct StrictJSON {
    typealias FormatError = SafeTensors.FormatError

    /// Where the next token starts.
    private(set) var position: Int
    private let end: Int
    private(set) var depth = 0
    /// Bytes of strings that may still be copied out: bounds the memory that a file can claim.
    private var stringBudget: Int
    static let maximumDepth = 4

    /// Reads the bytes in `range` of a text; the text itself is handed to each call.
    init(range: Range<Int>, stringBudget: Int) {
        position = range.lowerBound
        end = range.upperBound
        self.stringBudget = stringBudget
    }

    func failure(_ rule: FormatError.Rule, _ detail: String, at offset: Int? = nil) -> FormatError {
        FormatError(rule: rule, offset: offset ?? position, detail: detail)
    }

    /// The next byte that is not white space, not consumed; nil at the end.
    mutating func peek(_ text: RawSpan) -> UInt8? {
        while position < end {
            let byte = text[position]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
            position += 1
        }
        return nil
    }

    /// Consumes one of the signs `{ } [ ] , :`.
    mutating func expect(_ sign: Unicode.Scalar, _ text: RawSpan) throws(FormatError) {
        guard let byte = peek(text), byte == UInt8(ascii: sign) else {
            throw failure(.syntax, "expected '\(sign)', found \(describe(peek(text)))")
        }
        position += 1
        switch sign {
        case "{", "[":
            depth += 1
            guard depth <= StrictJSON.maximumDepth else { throw failure(.syntax, "nested too deep") }
        case "}", "]": depth -= 1
        default: break
        }
    }

    /// Consumes a list between two brackets: `element` is called at the start of each.
    mutating func list(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ text: RawSpan,
        element: (inout StrictJSON) throws(FormatError) -> Void
    ) throws(FormatError) {
        try expect(open, text)
        if peek(text) == UInt8(ascii: close) { return try expect(close, text) }
        while true {
            try element(&self)
            if peek(text) == UInt8(ascii: close) { return try expect(close, text) }
            try expect(",", text)
        }
    }

    /// Consumes an object: `member` is called after each key and its colon. A key that comes twice is refused.
    mutating func object(
        _ text: RawSpan, limit: Int, member: (inout StrictJSON, [UInt8]) throws(FormatError) -> Void
    ) throws(FormatError) {
        var seen: Set<[UInt8]> = []
        try list("{", "}", text) { (json) throws(FormatError) in
            guard seen.count < limit else { throw json.failure(.limit, "more than \(limit) members") }
            _ = json.peek(text)
            let start = json.position
            let key = try json.string(text)
            guard seen.insert(key).inserted else {
                throw json.failure(.duplicateKey, "the key \(show(key)) comes twice", at: start)
            }
            try json.expect(":", text)
            try member(&json, key)
        }
    }

    /// Consumes an unsigned decimal integer.
    mutating func integer(_ text: RawSpan) throws(FormatError) -> Int {
        guard let first = peek(text), first >= 0x30, first <= 0x39 else {
            throw failure(.number, "expected digits, found \(describe(peek(text)))")
        }
        let start = position
        var value = 0
        while position < end {
            let byte = text[position]
            guard byte >= 0x30, byte <= 0x39 else { break }
            let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = product.addingReportingOverflow(Int(byte - 0x30))
            guard !tooLarge, !overflow else { throw failure(.number, "the number does not fit", at: start) }
            value = sum
            position += 1
        }
        guard first != 0x30 || position - start == 1 else {
            throw failure(.number, "a number does not start with 0", at: start)
        }
        // "1.0" and "1e2" would otherwise be reported as a missing comma.
        if position < end, [0x2E, 0x65, 0x45].contains(text[position]) {
            throw failure(.number, "not an integer", at: start)
        }
        return value
    }

    /// Consumes a string and gives its bytes, escapes replaced, valid UTF-8.
    mutating func string(_ text: RawSpan) throws(FormatError) -> [UInt8] {
        guard peek(text) == UInt8(ascii: "\"") else {
            throw failure(.syntax, "expected a string, found \(describe(peek(text)))")
        }
        let start = position
        position += 1
        var bytes: [UInt8] = []
        while true {
            guard position < end else { throw failure(.syntax, "the string does not end", at: start) }
            let byte = text[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard String(validating: bytes, as: UTF8.self) != nil else {
                    throw failure(.encoding, "the string is not valid UTF-8", at: start)
                }
                stringBudget -= bytes.count
                return bytes
            case UInt8(ascii: "\\"): try escape(text, into: &bytes)
            case 0..<0x20: throw failure(.syntax, "a control character in a string", at: position - 1)
            default: bytes.append(byte)
            }
            guard bytes.count <= stringBudget else { throw failure(.limit, "the strings are too long", at: start) }
        }
    }

    /// As `string`, for a value in which bytes need not be told apart.
    mutating func text(_ text: RawSpan) throws(FormatError) -> String {
        String(decoding: try string(text), as: UTF8.self)
    }

    private mutating func escape(_ text: RawSpan, into bytes: inout [UInt8]) throws(FormatError) {
        guard position < end else { throw failure(.syntax, "the string does not end") }
        let start = position - 1
        let sign = text[position]
        position += 1
        switch sign {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(sign)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal(text)
            if 0xD800...0xDBFF ~= code {
                // The second half of a pair must follow at once.
                guard position < end - 1, text[position] == UInt8(ascii: "\\"), text[position + 1] == UInt8(ascii: "u")
                else { throw failure(.encoding, "half of a surrogate pair", at: start) }
                position += 2
                let low = try hexadecimal(text)
                guard 0xDC00...0xDFFF ~= low else { throw failure(.encoding, "half of a surrogate pair", at: start) }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else {
                throw failure(.encoding, "half of a surrogate pair", at: start)
            }
            bytes.append(contentsOf: String(Character(scalar)).utf8)
        default: throw failure(.syntax, "an unknown escape", at: start)
        }
    }

    private mutating func hexadecimal(_ text: RawSpan) throws(FormatError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard position < end, let digit = Character(Unicode.Scalar(text[position])).hexDigitValue,
                text[position] < 0x80
            else { throw failure(.syntax, "an escape needs four hexadecimal digits") }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }

    private func describe(_ byte: UInt8?) -> String {
        guard let byte else { return "the end" }
        return 0x20...0x7E ~= byte ? "'\(Unicode.Scalar(byte))'" : "byte \(byte)"
    }

    // MARK: Writing

    /// A string literal, escaped as the reference implementation of safetensors does.
    package static func literal(_ text: String) -> String {
        var literal = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": literal += "\\\""
            case "\\": literal += "\\\\"
            case "\u{08}": literal += "\\b"
            case "\u{0C}": literal += "\\f"
            case "\n": literal += "\\n"
            case "\r": literal += "\\r"
            case "\t": literal += "\\t"
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                literal += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: literal.unicodeScalars.append(scalar)
            }
        }
        return literal + "\""
    }
}

/// A name for a message: short, and without anything that moves the cursor of a terminal.
func show(_ name: [UInt8]) -> String {
    let text = String(decoding: name.prefix(80), as: UTF8.self)
    return StrictJSON.literal(text) + (name.count > 80 ? "…" : "")
}

extension RawSpan {
    /// The byte at an offset, bounds-checked.
    fileprivate subscript(offset: Int) -> UInt8 { unsafeLoad(fromByteOffset: offset, as: UInt8.self) }
}
