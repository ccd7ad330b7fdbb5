/// A word with arguments in parentheses, as configurations write activations and initialisers: `leakyRelu(slope=0.2)`.
struct TextCall {
    struct Argument {
        var name: String?
        var value: String
    }
    var text: String
    var name: String
    var arguments: [Argument] = []

    init(_ text: String) throws(ConfigError) {
        self.text = text
        guard let open = text.firstIndex(of: "(") else {
            name = text.trimmed
            return
        }
        name = String(text[..<open]).trimmed
        guard text.trimmed.hasSuffix(")"), let close = text.lastIndex(of: ")") else {
            throw ConfigError(key: text, message: "'(' without a closing ')' in '\(text)'")
        }
        for part in Self.split(text[text.index(after: open)..<close]) where !part.trimmed.isEmpty {
            // `:` is what the parameter of a YAML mapping looks like; both are taken. Not inside a nested call.
            let head = part.prefix { $0 != "(" }
            if let equals = head.firstIndex(where: { $0 == "=" || $0 == ":" }) {
                arguments.append(
                    Argument(
                        name: String(part[..<equals]).trimmed, value: String(part[part.index(after: equals)...]).trimmed
                    ))
            } else {
                arguments.append(Argument(value: part.trimmed))
            }
        }
    }

    /// Parts between commas that stand in no inner parentheses.
    private static func split(_ text: Substring) -> [String] {
        var parts = [""]
        var depth = 0
        for c in text {
            if c == "(" { depth += 1 }
            if c == ")" { depth -= 1 }
            if c == ",", depth == 0 { parts.append("") } else { parts[parts.count - 1].append(c) }
        }
        return parts
    }

    /// The argument at a place as a finite number.
    func number(_ i: Int) throws(ConfigError) -> Double {
        guard let value = plainNumber(arguments[i].value) else {
            throw ConfigError(key: text, message: "'\(arguments[i].value)' in '\(text)' is not a number")
        }
        return value
    }
}

extension String {
    /// Without blanks at both ends.
    var trimmed: String {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\r" || $0 == "\r\n" }
        return String(drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }
}

/// A finite decimal number: what `Double(_:)` takes, without "nan", "inf", hexadecimal forms and surplus bytes.
func plainNumber(_ text: String) -> Double? {
    guard !text.isEmpty, text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }), let value = Double(text),
        value.isFinite
    else { return nil }
    return value
}

extension Activation {
    /// The built-in activation written as ``description``: `relu`, `leakyRelu(slope=0.2)`, `leakyRelu(0.2)`.
    ///
    /// - Throws: ``ConfigError`` for an unknown name or parameter, or one that is not a number.
    public static func parsed(_ text: String) throws(ConfigError) -> Activation {
        let call = try TextCall(text)
        guard let entry = entry(named: call.name) else {
            throw ConfigError.unknown("activation", call.name, allowed: all.map(\.name))
        }
        var parameters: [String: Double] = [:]
        for (i, argument) in call.arguments.enumerated() {
            guard let name = argument.name ?? (i < entry.parameters.count ? entry.parameters[i].name : nil) else {
                throw ConfigError(
                    key: text, message: "\(entry.name) takes \(entry.parameters.count) parameters",
                    allowed: entry.parameters.map(\.name))
            }
            parameters[name] = try call.number(i)
        }
        return try named(entry.name, parameters: parameters)
    }
}
