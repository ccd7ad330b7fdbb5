import FathomNN
import Yams

/// Turns the text of a configuration, YAML or JSON, into a tree of values with their lines, and back.
///
/// Numbers are decimal, `true` and `false` are the only truth values. Anchors and aliases are refused: a configuration
/// has no use for them, and a few lines of them can stand for billions of values.
public enum ConfigurationText {
    static let maximumBytes = 1 << 20
    static let maximumValues = 100_000
    /// Brackets open at once.
    static let maximumDepth = 64
    /// Values inside one another: of 64 layers inside one another, each is written as up to three.
    static let maximumLevels = 200

    /// Reads a text.
    ///
    /// - Throws: ``ConfigError`` with the line of the first mistake.
    public static func parse(_ text: String) throws(ConfigError) -> ConfigValue {
        guard text.utf8.count <= maximumBytes else {
            throw ConfigError(key: "configuration", message: "the configuration is larger than 1 MB")
        }
        try check(text)
        let root: Node?
        do { root = try Yams.compose(yaml: text, Resolver.basic) } catch { throw located(error) }
        guard let root else { return ConfigValue(.map([])) }
        var budget = maximumValues
        return try convert(root, depth: 0, &budget)
    }

    /// Looks for aliases and deep nesting before a parser sees the text.
    private static func check(_ text: String) throws(ConfigError) {
        var line = 1
        var depth = 0
        var quote: UInt8?
        var previous = UInt8(ascii: "\n")
        var isEscaped = false
        var isComment = false
        for byte in text.utf8 {
            defer { previous = byte }
            if byte == UInt8(ascii: "\n") {
                line += 1
                isComment = false
            }
            if isComment { continue }
            if let open = quote {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") && open == UInt8(ascii: "\"") {
                    isEscaped = true
                } else if byte == open {
                    quote = nil
                }
                continue
            }
            let startsWord = [" ", "\n", "\t", "[", "{", ",", ":", "-"].contains { UInt8(ascii: $0) == previous }
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "'"): if startsWord { quote = byte }
            case UInt8(ascii: "#"): isComment = startsWord
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                guard depth <= maximumDepth else {
                    throw ConfigError(key: "configuration", message: "values are nested more than 64 deep", line: line)
                }
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth = max(0, depth - 1)
            case UInt8(ascii: "&"), UInt8(ascii: "*"):
                if startsWord {
                    throw ConfigError(
                        key: "configuration",
                        message:
                            "anchors (&) and aliases (*) are not allowed; write a pattern such as \"*.bias\" in quotes",
                        line: line)
                }
            default: break
            }
        }
    }

    private static func convert(_ node: Node, depth: Int, _ budget: inout Int) throws(ConfigError) -> ConfigValue {
        let line = node.mark?.line
        budget -= 1
        guard budget > 0, depth <= maximumLevels else {
            throw ConfigError(key: "configuration", message: "the configuration is too large or too deep", line: line)
        }
        switch node {
        case .scalar(let scalar): return ConfigValue(content(scalar.style, unmarked(scalar.string)), line: line)
        case .sequence(let items):
            var values: [ConfigValue] = []
            for item in items { values.append(try convert(item, depth: depth + 1, &budget)) }
            return ConfigValue(.list(values), line: line)
        case .mapping(let pairs):
            var values: [ConfigValue.Pair] = []
            for (key, value) in pairs {
                guard case .scalar(let name) = key else {
                    throw ConfigError(key: "configuration", message: "a key must be a word", line: key.mark?.line)
                }
                var inner = try convert(value, depth: depth + 1, &budget)
                // The line of the key: an empty value has none worth naming.
                inner.line = key.mark?.line ?? inner.line
                values.append(.init(unmarked(name.string), inner))
            }
            return ConfigValue(.map(values), line: line)
        case .alias:
            throw ConfigError(key: "configuration", message: "aliases (*) are not allowed", line: line)
        }
    }

    private static func content(_ style: Node.Scalar.Style, _ text: String) -> ConfigValue.Content {
        style == .plain || style == .any ? plain(text) : .text(text)
    }

    /// Without byte order marks in front, of which the parser drops one: the others would be dropped one by one each time
    /// the text is written and read.
    private static func unmarked(_ text: String) -> String {
        String(text.unicodeScalars.drop { $0 == "\u{FEFF}" })
    }

    /// What a word without quotes means.
    static func plain(_ text: String) -> ConfigValue.Content {
        switch text {
        case "", "~", "null": return .null
        case "true": return .bool(true)
        case "false": return .bool(false)
        default: break
        }
        let isDecimal = text.utf8.allSatisfy { byte in
            0x30...0x39 ~= byte || [".", "-", "+", "e", "E"].contains { UInt8(ascii: $0) == byte }
        }
        if isDecimal, let first = text.utf8.first, first != UInt8(ascii: "e"), first != UInt8(ascii: "E") {
            if let whole = Int(text) { return .int(whole) }
            if let number = Double(text), number.isFinite { return .number(number) }
        }
        return .text(text)
    }

    private static func located(_ error: any Error) -> ConfigError {
        func at(_ mark: Mark?, _ problem: String) -> ConfigError {
            ConfigError(key: "configuration", message: "not valid YAML: \(problem)", line: mark?.line)
        }
        switch error as? YamlError {
        case .scanner(let context, let problem, let mark, _)?, .parser(let context, let problem, let mark, _)?,
            .composer(let context, let problem, let mark, _)?:
            return at(mark, context.map { "\(problem) \($0.text)" } ?? problem)
        case .duplicatedKeysInMapping(let duplicates, let context)?:
            let keys = duplicates.map { "'\($0)'" }.joined(separator: ", ")
            return ConfigError(
                key: duplicates.first ?? "configuration", message: "the key \(keys) is given twice",
                line: context.mark.line)
        case .reader(let problem, _, _, _)?: return at(nil, problem)
        default: return at(nil, "\(error)")
        }
    }

    // MARK: Writing

    /// The YAML text that ``parse(_:)`` reads back.
    public static func text(_ value: ConfigValue) -> String {
        var out = ""
        write(value, indent: 0, into: &out)
        return out
    }

    private static func write(_ value: ConfigValue, indent: Int, into out: inout String) {
        let margin = String(repeating: "  ", count: indent)
        switch value.content {
        case .map(let pairs) where !pairs.isEmpty:
            for pair in pairs {
                out += "\(margin)\(word(pair.key)):"
                writeNested(pair.value, indent: indent, into: &out)
            }
        case .list(let items) where !items.isEmpty:
            for item in items {
                if case .map(let pairs) = item.content, !pairs.isEmpty {
                    // The first key beside the dash.
                    var inner = ""
                    write(item, indent: indent + 1, into: &inner)
                    out += "\(margin)- " + inner.dropFirst(margin.count + 2)
                } else {
                    out += "\(margin)-"
                    writeNested(item, indent: indent, into: &out)
                }
            }
        default: out += margin + scalar(value) + "\n"
        }
    }

    private static func writeNested(_ value: ConfigValue, indent: Int, into out: inout String) {
        switch value.content {
        case .map(let pairs) where !pairs.isEmpty:
            out += "\n"
            write(value, indent: indent + 1, into: &out)
        case .list(let items) where !items.isEmpty:
            let isFlat = items.allSatisfy {
                if case .map = $0.content { false } else if case .list = $0.content { false } else { true }
            }
            if isFlat {
                out += " [" + items.map(scalar).joined(separator: ", ") + "]\n"
            } else {
                out += "\n"
                write(value, indent: indent + 1, into: &out)
            }
        default: out += " " + scalar(value) + "\n"
        }
    }

    private static func scalar(_ value: ConfigValue) -> String {
        switch value.content {
        case .null: "null"
        case .bool(let flag): "\(flag)"
        case .int(let number): "\(number)"
        case .number(let number): "\(number)"
        case .text(let text): word(text)
        case .list: "[]"
        case .map: "{}"
        }
    }

    /// A text, in quotes unless it is a harmless word that reads back as itself.
    private static func word(_ text: String) -> String {
        let isHarmless =
            plain(text) == .text(text) && text.first != "-"
            && text.utf8.allSatisfy { byte in
                0x30...0x39 ~= byte || 0x41...0x5A ~= byte || 0x61...0x7A ~= byte
                    || ["-", "_", ".", "/"].contains { UInt8(ascii: $0) == byte }
            }
        return isHarmless ? text : quoted(text)
    }

    /// In quotes, and escaped where YAML, other than JSON, refuses a sign or takes it for the end of a line.
    private static func quoted(_ text: String) -> String {
        var quoted = ""
        for scalar in StrictJSON.literal(text).unicodeScalars {
            switch scalar.value {
            case 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted
    }
}
