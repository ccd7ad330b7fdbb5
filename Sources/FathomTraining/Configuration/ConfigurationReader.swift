import FathomNN

/// Takes the keys of one mapping out of a configuration; what is wrong becomes an error with key and line.
struct ConfigurationReader {
    let path: String
    let line: Int?
    private let values: [String: ConfigValue]

    /// - Parameter allowed: every key the mapping may have; case, `_` and `-` do not count.
    init(_ value: ConfigValue, path: String, allowed: [String]) throws(ConfigError) {
        self.path = path
        line = value.line
        var values: [String: ConfigValue] = [:]
        switch value.content {
        case .null: break
        case .map(let pairs):
            for pair in pairs {
                let full = path.isEmpty ? pair.key : "\(path).\(pair.key)"
                guard let name = allowed.first(where: { Self.isSame($0, pair.key) }) else {
                    var error = ConfigError.unknown(
                        path.isEmpty ? "key" : "key of \(path)", pair.key, allowed: allowed, line: pair.value.line)
                    error.key = full
                    throw error
                }
                guard values[name] == nil else {
                    throw ConfigError(key: full, message: "the key '\(full)' is given twice", line: pair.value.line)
                }
                values[name] = pair.value
            }
        default:
            let name = path.isEmpty ? "configuration" : path
            throw ConfigError(key: name, message: "\(name) must be a mapping of keys, not \(value.words)", line: line)
        }
        self.values = values
    }

    static func isSame(_ a: String, _ b: String) -> Bool {
        func plain(_ word: String) -> [UInt8] {
            word.lowercased().utf8.filter { $0 != UInt8(ascii: "_") && $0 != UInt8(ascii: "-") }
        }
        return plain(a) == plain(b)
    }

    /// The value of a key; `nil` when it is not there or empty.
    subscript(key: String) -> ConfigValue? {
        guard let value = values[key], value.content != .null else { return nil }
        return value
    }

    func wrong(_ key: String, _ value: ConfigValue, _ rule: String, allowed: [String] = []) -> ConfigError {
        let full = path.isEmpty ? key : "\(path).\(key)"
        var error = ConfigError(
            key: full, message: "\(full) must be \(rule), not \(value.words)", allowed: allowed,
            line: value.line ?? line)
        if case .text(let word) = value.content, !allowed.isEmpty {
            error.nearest = ConfigError.unknown("", word, allowed: allowed).nearest
        }
        return error
    }

    func text(_ key: String) throws(ConfigError) -> String? {
        guard let value = self[key] else { return nil }
        switch value.content {
        case .text(let text): return text
        // A name may look like a number.
        case .int(let number): return "\(number)"
        default: throw wrong(key, value, "a word")
        }
    }

    func flag(_ key: String) throws(ConfigError) -> Bool? {
        guard let value = self[key] else { return nil }
        guard case .bool(let flag) = value.content else { throw wrong(key, value, "true or false") }
        return flag
    }

    func count(_ key: String, from lowest: Int, to highest: Int = .max) throws(ConfigError) -> Int? {
        guard let value = self[key] else { return nil }
        guard let number = value.whole, number >= lowest, number <= highest else {
            let range = highest == .max ? "at least \(lowest)" : "from \(lowest) to \(highest)"
            throw wrong(key, value, "a whole number, \(range)")
        }
        return number
    }

    func number(_ key: String, _ rule: String, where holds: (Double) -> Bool) throws(ConfigError) -> Double? {
        guard let value = self[key] else { return nil }
        guard let number = value.number, number.isFinite, holds(number) else { throw wrong(key, value, rule) }
        return number
    }

    /// One number, or a list of them.
    func numbers(_ key: String, _ rule: String, where holds: (Double) -> Bool) throws(ConfigError) -> [Double]? {
        guard let value = self[key] else { return nil }
        let items = if case .list(let items) = value.content { items } else { [value] }
        var numbers: [Double] = []
        for item in items {
            guard let number = item.number, number.isFinite, holds(number) else { throw wrong(key, value, rule) }
            numbers.append(number)
        }
        return numbers
    }

    func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String, _ type: Choice.Type = Choice.self
    ) throws(ConfigError) -> Choice? where Choice.RawValue == String {
        guard let value = self[key] else { return nil }
        let allowed = Choice.allCases.map(\.rawValue)
        guard case .text(let word) = value.content, let name = allowed.first(where: { Self.isSame($0, word) }),
            let choice = Choice(rawValue: name)
        else { throw wrong(key, value, "one of the words below", allowed: allowed) }
        return choice
    }
}

extension ConfigValue {
    /// The content as a few words for messages.
    var words: String {
        switch content {
        case .null: "nothing"
        case .bool(let value): "\(value)"
        case .int(let value): "\(value)"
        case .number(let value): "\(value)"
        case .text(let value): "'\(value.count > 80 ? String(value.prefix(80)) + "…" : value)'"
        case .list: "a list"
        case .map: "a mapping"
        }
    }

    var number: Double? {
        switch content {
        case .int(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    var whole: Int? {
        switch content {
        case .int(let value): value
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

    package subscript(key: String) -> ConfigValue? {
        guard case .map(let pairs) = content else { return nil }
        return pairs.first { ConfigurationReader.isSame($0.key, key) }?.value
    }

    /// The same tree with another value at a path of keys; mappings on the way are made where they are missing.
    ///
    /// A word on the way, as in `optimizer: adam`, becomes the `name` of a mapping.
    package func setting(_ keys: ArraySlice<String>, to value: ConfigValue) -> ConfigValue {
        guard let key = keys.first else { return value }
        var pairs: [Pair] =
            switch content {
            case .map(let pairs): pairs
            case .text: [Pair("name", self)]
            default: []
            }
        let rest = keys.dropFirst()
        if let index = pairs.firstIndex(where: { ConfigurationReader.isSame($0.key, key) }) {
            pairs[index].value = pairs[index].value.setting(rest, to: value)
        } else {
            pairs.append(Pair(key, ConfigValue(.null).setting(rest, to: value)))
        }
        return ConfigValue(.map(pairs), line: line)
    }
}
