/// A table of things a configuration may name: losses, optimisers, schedules, metrics.
///
/// One row says everything: the name, what it is, its options with defaults and limits, and how to make it. Mistakes in a
/// configuration become errors that list what is allowed.
public struct Catalog<Value>: Sendable {
    /// One row: a name, what it stands for and what can be set.
    public struct Entry: Sendable {
        /// The spelling in listings and messages; when looked up, case, `_`, `-` and spaces do not count.
        public let name: String
        /// Other spellings, such as the short name in other toolkits.
        public let aliases: [String]
        /// One line for listings.
        public let summary: String
        /// What can be set, with defaults and limits; all other options are errors.
        public let options: [OptionSpec]
        let make: @Sendable (Options) throws(ConfigError) -> Value

        init(
            _ name: String, aliases: [String] = [], _ summary: String, _ options: [OptionSpec] = [],
            make: @escaping @Sendable (Options) throws(ConfigError) -> Value
        ) {
            self.name = name
            self.aliases = aliases
            self.summary = summary
            self.options = options
            self.make = make
        }
    }

    /// What the table holds, in one word, for messages.
    public let kind: String
    /// All rows, in the order of listings.
    public let entries: [Entry]

    init(_ kind: String, _ entries: [Entry]) {
        self.kind = kind
        self.entries = entries
    }

    /// The names of the rows in their order, without aliases.
    public var names: [String] { entries.map(\.name) }

    /// The row of a name or alias; case, `_`, `-` and spaces do not count.
    ///
    /// - Throws: ``ConfigError`` that lists the known names and the nearest.
    public func entry(_ name: String) throws(ConfigError) -> Entry {
        let wanted = spelling(name)
        let row = entries.first { row in spelling(row.name) == wanted || row.aliases.contains { spelling($0) == wanted }
        }
        guard let row else { throw .unknown(kind, name, allowed: names) }
        return row
    }

    /// Makes the named value.
    ///
    /// - Parameters:
    ///   - options: what the configuration says.
    ///   - defaults: values of the caller (such as the number of steps of the run) for options the configuration leaves
    ///     out; those that the row does not have are ignored.
    /// - Throws: ``ConfigError`` for an unknown name or option, a value out of its limits, or a missing one.
    public func make(
        _ name: String, options: [String: OptionValue] = [:], defaults: [String: OptionValue] = [:]
    ) throws(ConfigError) -> Value {
        let row = try entry(name)
        var values: [String: OptionValue] = [:]
        for option in options.keys.sorted() {
            guard let spec = row.options.first(where: { spelling($0.name) == spelling(option) }) else {
                var error = ConfigError.unknown(
                    "option of the \(kind) '\(row.name)'", option, allowed: row.options.map(\.name))
                error.key = "\(kind).\(option)"
                throw error
            }
            values[spec.name] = options[option]
        }
        for spec in row.options {
            let key = "\(kind).\(spec.name)"
            guard let value = values[spec.name] ?? defaults[spec.name] ?? spec.fallback else {
                if spec.isRequired {
                    throw ConfigError(
                        key: key, message: "the \(kind) '\(row.name)' needs the option '\(spec.name)': \(spec.summary)",
                        allowed: ["\(spec.limit)"])
                }
                continue
            }
            guard spec.limit.allows(value) else {
                throw ConfigError(
                    key: key, message: "the option '\(spec.name)' of the \(kind) '\(row.name)' cannot be \(value)",
                    allowed: ["\(spec.limit)"])
            }
            values[spec.name] = value
        }
        return try row.make(Options(values: values))
    }
}

/// One option of a ``Catalog`` row.
public struct OptionSpec: Sendable {
    /// The key in configurations; case, `_`, `-` and spaces do not count.
    public let name: String
    /// The value when the configuration says nothing; `nil` leaves the option off.
    public let fallback: OptionValue?
    /// What the value is checked against, defaults included.
    public let limit: Limit
    /// Whether it is an error that neither the configuration, the caller nor ``fallback`` gives a value.
    public let isRequired: Bool
    /// What the option does, for listings and the message that it is missing.
    public let summary: String

    init(_ name: String, _ fallback: OptionValue?, _ limit: Limit, required: Bool = false, _ summary: String) {
        self.name = name
        self.fallback = fallback
        self.limit = limit
        self.isRequired = required
        self.summary = summary
    }

    /// What values an option takes.
    public enum Limit: Sendable, Hashable, CustomStringConvertible {
        case positive
        case nonNegative
        /// 0 ≤ x < 1.
        case fraction
        /// 0 ≤ x ≤ 1.
        case unit
        /// A finite number.
        case finite
        /// A whole number from this on.
        case count(from: Int)
        case flag
        case choice([String])
        /// A list of numbers that are not negative; a single number is a list of one.
        case weights

        func allows(_ value: OptionValue) -> Bool {
            switch (self, value) {
            case (.positive, .number(let x)): x > 0 && x.isFinite
            case (.nonNegative, .number(let x)): x >= 0 && x.isFinite
            case (.fraction, .number(let x)): x >= 0 && x < 1
            case (.unit, .number(let x)): x >= 0 && x <= 1
            case (.finite, .number(let x)): x.isFinite
            case (.count(let from), .number(let x)): x >= Double(from) && x <= 1e15 && x == x.rounded()
            case (.flag, .flag): true
            case (.choice(let names), .text(let x)): names.contains(x)
            case (.weights, .number(let x)): x >= 0 && x.isFinite
            case (.weights, .numbers(let x)): !x.isEmpty && x.allSatisfy { $0 >= 0 && $0.isFinite }
            default: false
            }
        }

        public var description: String {
            switch self {
            case .positive: "a positive number"
            case .nonNegative: "a number that is not negative"
            case .fraction: "a number from 0 up to but not including 1"
            case .unit: "a number from 0 to 1"
            case .finite: "a number"
            case .count(let from): "a whole number, at least \(from)"
            case .flag: "true or false"
            case .choice(let names): "one of " + names.joined(separator: ", ")
            case .weights: "a list of numbers that are not negative"
            }
        }
    }
}

/// The checked options a ``Catalog`` row is made from.
struct Options: Sendable {
    let values: [String: OptionValue]

    /// A number that has a default or is required.
    subscript(_ name: String) -> Double { number(name) ?? .nan }

    func number(_ name: String) -> Double? { if case .number(let x) = values[name] { x } else { nil } }
    /// A whole number that has a default or is required.
    func count(_ name: String) -> Int { number(name).flatMap { Int(exactly: $0) } ?? 0 }
    func flag(_ name: String) -> Bool { values[name] == .flag(true) }
    func text(_ name: String) -> String { if case .text(let x) = values[name] { x } else { "" } }
    func numbers(_ name: String) -> [Double]? {
        switch values[name] {
        case .numbers(let x): x
        case .number(let x): [x]
        default: nil
        }
    }
}
