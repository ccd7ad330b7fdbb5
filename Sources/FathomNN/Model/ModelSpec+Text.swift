// A model as one line, the form of the command line.
extension ModelSpec {
    /// Reads layers between commas: a kind, values for its options in their order or as `option=value`, and layers inside in
    /// brackets.
    ///
    ///     dense 128 relu, batchNorm, residual [dense 64 relu, dense 64], dropout 0.2, dense 10 initializer=xavier
    ///
    /// - Throws: ``ConfigError`` with what is allowed and the nearest spelling.
    public init(_ text: String) throws(ConfigError) { layers = try Self.parse(text, line: nil) }

    static func parse(_ text: String, line: Int?) throws(ConfigError) -> [LayerSpec] {
        var tokens = try tokens(text, line: line)[...]
        let specs = try layers(&tokens, text: text, line: line, depth: 0)
        if tokens.first != nil {
            throw ConfigError(key: text, message: "']' without an opening '[' in '\(text)'", line: line)
        }
        return specs
    }

    /// Words, and `,`, `[` and `]`. What stands in parentheses belongs to its word.
    private static func tokens(_ text: String, line: Int?) throws(ConfigError) -> [String] {
        var tokens: [String] = []
        var word = ""
        var depth = 0
        for c in text {
            if c == "(" { depth += 1 }
            if c == ")" { depth -= 1 }
            if depth < 0 {
                throw ConfigError(key: text, message: "')' without an opening '(' in '\(text)'", line: line)
            }
            let isBlank = c == " " || c == "\t"
            let isBreak = c == "," || c == "\n" || c == "\r\n" || c == ";"
            guard depth == 0, isBlank || isBreak || c == "[" || c == "]" else {
                word.append(c)
                continue
            }
            if !word.isEmpty { tokens.append(word) }
            word = ""
            if !isBlank { tokens.append(isBreak ? "," : String(c)) }
        }
        if depth > 0 { throw ConfigError(key: text, message: "'(' without a closing ')' in '\(text)'", line: line) }
        if !word.isEmpty { tokens.append(word) }
        return tokens
    }

    private static func layers(
        _ tokens: inout ArraySlice<String>, text: String, line: Int?, depth: Int
    ) throws(ConfigError) -> [LayerSpec] {
        // Far deeper than any model, far from the end of the stack.
        guard depth < 64 else {
            throw ConfigError(key: text, message: "layers are nested more than 64 deep", line: line)
        }
        var specs: [LayerSpec] = []
        while let token = tokens.first, token != "]" {
            tokens.removeFirst()
            if token == "," { continue }
            if token == "[" {
                throw ConfigError(
                    key: text, message: "'[' must follow a layer that holds others, as in residual […]", line: line)
            }
            // `leakyRelu(0.2)` is `leakyRelu 0.2`.
            let call: TextCall
            do { call = try TextCall(token) } catch { throw error.located(token, line) }
            let kind = try LayerKind.named(call.name, line: line)
            var draft = LayerDraft(kind: kind, path: kind.name, line: line)
            for argument in call.arguments { try add(argument.name, argument.value, to: &draft) }
            while let word = tokens.first, word != ",", word != "]" {
                tokens.removeFirst()
                if word == "[" {
                    if kind.inside == .nothing {
                        throw ConfigError(key: kind.name, message: "\(kind.name) holds no other layers", line: line)
                    }
                    draft.add(children: try layers(&tokens, text: text, line: line, depth: depth + 1))
                    guard tokens.popFirst() == "]" else {
                        throw ConfigError(key: text, message: "'[' without a closing ']' in '\(text)'", line: line)
                    }
                } else if let equals = word.prefix(while: { $0 != "(" }).firstIndex(of: "=") {
                    try add(String(word[..<equals]), String(word[word.index(after: equals)...]), to: &draft)
                } else {
                    try add(nil, word, to: &draft)
                }
            }
            specs += try draft.finish()
        }
        return specs
    }

    private static func add(_ name: String?, _ word: String, to draft: inout LayerDraft) throws(ConfigError) {
        let value: ConfigValue.Content =
            if let n = Int(word) {
                .int(n)
            } else if let x = plainNumber(word) {
                .number(x)
            } else if word == "true" || word == "false" {
                .bool(word == "true")
            } else {
                .text(word)
            }
        if let name { try draft.add(name, ConfigValue(value)) } else { try draft.add(positional: ConfigValue(value)) }
    }

    /// The line that ``init(_:)-(String)`` reads back.
    public var text: String { Self.text(layers) }

    private static func text(_ specs: [LayerSpec]) -> String { specs.map(text).joined(separator: ", ") }

    private static func text(_ spec: LayerSpec) -> String {
        var words = [spec.kind]
        let kind = try? LayerKind.named(spec.kind)
        for option in kind?.options ?? [] {
            guard let value = spec.options[option.name] else { continue }
            words.append(option.isRequired ? value.word : "\(option.name)=\(value.word)")
        }
        if let name = spec.name { words.append("name=\(name)") }
        if kind?.inside != LayerKind.Inside.nothing { words.append("[" + text(spec.children) + "]") }
        return words.joined(separator: " ")
    }
}
