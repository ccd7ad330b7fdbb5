import Fathom

/// Something of an experiment that can be changed: `--depth 40`.
///
/// Declared once; the command line, its help, the page and JSON are made from it.
public struct Parameter: Sendable, Hashable {
    /// What may be given, with its bounds.
    public enum Kind: Sendable, Hashable {
        case count(ClosedRange<Int>)
        case number(ClosedRange<Double>)
        /// Comma-separated: `1,8,64`.
        case counts(ClosedRange<Int>)
        case numbers(ClosedRange<Double>)
        /// An elementwise activation by name, with parameters if need be: `leakyRelu(0.2)`.
        case activation
        /// Comma-separated names.
        case activations
        /// One of these words.
        case choice([String])
    }

    /// What was given, or stands by default; its case fits the parameter's ``Kind``.
    public enum Value: Sendable, Hashable {
        case count(Int)
        case number(Double)
        case counts([Int])
        case numbers([Double])
        case text(String)
        case texts([String])
    }

    /// The flag without its dashes: `depth`.
    public let name: String
    /// What it does, in a few words of the help.
    public let meaning: String
    /// What may be given.
    public let kind: Kind
    /// The value when nothing is given.
    public let standard: Value
    /// The value of a short run.
    public let quick: Value

    /// How many runs that differ in nothing but chance; results are means over them with intervals.
    public static func seeds(_ standard: Int = 8, quick: Int = 5) -> Parameter {
        .count("seeds", standard, quick: quick, in: 1...100, "runs that differ by chance alone, for the intervals")
    }

    /// One whole number.
    ///
    /// - Parameter quick: the value of a short run; `standard` when `nil`.
    public static func count(
        _ name: String, _ standard: Int, quick: Int? = nil, in range: ClosedRange<Int>, _ meaning: String
    ) -> Parameter {
        Parameter(
            name: name, meaning: meaning, kind: .count(range), standard: .count(standard),
            quick: .count(quick ?? standard))
    }

    /// One number.
    ///
    /// - Parameter quick: the value of a short run; `standard` when `nil`.
    public static func number(
        _ name: String, _ standard: Double, quick: Double? = nil, in range: ClosedRange<Double>, _ meaning: String
    ) -> Parameter {
        Parameter(
            name: name, meaning: meaning, kind: .number(range), standard: .number(standard),
            quick: .number(quick ?? standard))
    }

    /// Whole numbers with commas between them, each within `range`.
    ///
    /// - Parameter quick: the values of a short run; `standard` when `nil`.
    public static func counts(
        _ name: String, _ standard: [Int], quick: [Int]? = nil, in range: ClosedRange<Int>, _ meaning: String
    ) -> Parameter {
        Parameter(
            name: name, meaning: meaning, kind: .counts(range), standard: .counts(standard),
            quick: .counts(quick ?? standard))
    }

    /// Numbers with commas between them, each within `range`.
    ///
    /// - Parameter quick: the values of a short run; `standard` when `nil`.
    public static func numbers(
        _ name: String, _ standard: [Double], quick: [Double]? = nil, in range: ClosedRange<Double>,
        _ meaning: String
    ) -> Parameter {
        Parameter(
            name: name, meaning: meaning, kind: .numbers(range), standard: .numbers(standard),
            quick: .numbers(quick ?? standard))
    }

    /// One elementwise activation, in a short run too.
    public static func activation(_ name: String = "activation", _ standard: String, _ meaning: String) -> Parameter {
        Parameter(name: name, meaning: meaning, kind: .activation, standard: .text(standard), quick: .text(standard))
    }

    /// Elementwise activations with commas between them.
    ///
    /// - Parameter quick: the names of a short run; `standard` when `nil`.
    public static func activations(
        _ name: String = "activations", _ standard: [String], quick: [String]? = nil, _ meaning: String
    ) -> Parameter {
        Parameter(
            name: name, meaning: meaning, kind: .activations, standard: .texts(standard),
            quick: .texts(quick ?? standard))
    }

    /// One of a few words, the first of which is the default.
    public static func choice(_ name: String, _ words: [String], _ meaning: String) -> Parameter {
        Parameter(
            name: name, meaning: meaning, kind: .choice(words), standard: .text(words.first ?? ""),
            quick: .text(words.first ?? ""))
    }

    /// What may be given, for help and pages: `2…100`.
    public var range: String {
        switch kind {
        case .count(let r): "\(r.lowerBound)…\(r.upperBound)"
        case .number(let r): "\(Text.short(r.lowerBound))…\(Text.short(r.upperBound))"
        case .counts(let r): "\(r.lowerBound)…\(r.upperBound), comma-separated"
        case .numbers(let r): "\(Text.short(r.lowerBound))…\(Text.short(r.upperBound)), comma-separated"
        case .activation: "an activation, see `fathom activations`"
        case .activations: "activations, comma-separated"
        case .choice(let words): words.joined(separator: " or ")
        }
    }

    /// Reads what was given on the command line.
    ///
    /// - Throws: ``ConfigError`` that says what may stand there.
    public func parsed(_ text: String) throws(ConfigError) -> Value {
        func wrong(_ what: String) -> ConfigError {
            ConfigError(key: "--\(name)", message: "--\(name) \(text.prefix(60)): \(what)")
        }
        func count(_ text: some StringProtocol, _ range: ClosedRange<Int>) throws(ConfigError) -> Int {
            guard let value = Int(text), range.contains(value) else {
                throw wrong("must be a whole number in \(range.lowerBound)…\(range.upperBound)")
            }
            return value
        }
        func number(_ text: some StringProtocol, _ range: ClosedRange<Double>) throws(ConfigError) -> Double {
            // Plain decimal notation alone: `Double` also reads nan, inf and hexadecimal.
            guard text.allSatisfy({ $0.isASCII && ($0.isNumber || "+-.eE".contains($0)) }), let value = Double(text),
                range.contains(value)
            else {
                throw wrong("must be a number in \(Text.short(range.lowerBound))…\(Text.short(range.upperBound))")
            }
            return value
        }
        func activation(_ text: some StringProtocol) throws(ConfigError) -> String {
            let made = try Activation.parsed(String(text))
            guard made.isElementwise else {
                throw wrong("mixes the features of a row; it must work element by element")
            }
            return String(text)
        }
        func list<T>(_ item: (Substring) throws(ConfigError) -> T) throws(ConfigError) -> [T] {
            var items: [T] = []
            for part in Self.split(text) { items.append(try item(part)) }
            guard (1...64).contains(items.count) else { throw wrong("must be 1 to 64 values with commas between them") }
            return items
        }
        switch kind {
        case .count(let range): return .count(try count(text, range))
        case .number(let range): return .number(try number(text, range))
        case .counts(let range): return .counts(try list { (x) throws(ConfigError) in try count(x, range) })
        case .numbers(let range): return .numbers(try list { (x) throws(ConfigError) in try number(x, range) })
        case .activation: return .text(try activation(text))
        case .activations: return .texts(try list { (x) throws(ConfigError) in try activation(x) })
        case .choice(let words):
            guard words.contains(text) else { throw wrong("must be " + words.joined(separator: " or ")) }
            return .text(text)
        }
    }

    /// At commas outside parentheses.
    private static func split(_ text: String) -> [Substring] {
        var depth = 0
        return text.split(omittingEmptySubsequences: false) { c in
            if c == "(" { depth += 1 }
            if c == ")" { depth -= 1 }
            return c == "," && depth <= 0
        }
    }
}

extension Parameter.Value: CustomStringConvertible, Encodable {
    /// As it is given on the command line.
    public var description: String {
        func short(_ x: Double) -> String { x == x.rounded() && abs(x) < 1e9 ? "\(Int(x))" : "\(x)" }
        switch self {
        case .count(let n): return "\(n)"
        case .number(let x): return short(x)
        case .counts(let all): return all.map(String.init).joined(separator: ",")
        case .numbers(let all): return all.map(short).joined(separator: ",")
        case .text(let text): return text
        case .texts(let all): return all.joined(separator: ",")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .count(let x): try container.encode(x)
        case .number(let x): try container.encode(x)
        case .counts(let x): try container.encode(x)
        case .numbers(let x): try container.encode(x)
        case .text(let x): try container.encode(x)
        case .texts(let x): try container.encode(x)
        }
    }
}

/// The parameters of one run.
public struct Settings: Sendable {
    /// By parameter name, one for every parameter of the experiment.
    public let values: [String: Parameter.Value]

    /// - Parameters:
    ///   - quick: whether what is not given takes the value of a short run.
    ///   - flags: as on the command line: `["--depth", "40", "--activation=gelu"]`.
    /// - Throws: ``ConfigError`` for an unknown flag, which names those there are, or a value out of its range.
    public init(_ experiment: Experiment, quick: Bool = false, flags: [String] = []) throws(ConfigError) {
        var values: [String: Parameter.Value] = [:]
        for p in experiment.parameters { values[p.name] = quick ? p.quick : p.standard }
        var given: Set<String> = []
        var rest = flags[...]
        while let flag = rest.popFirst() {
            guard flag.hasPrefix("--") else {
                throw ConfigError(
                    key: flag, message: "'\(flag)' is no flag of \(experiment.name)",
                    allowed: experiment.parameters.map { "--\($0.name)" })
            }
            let parts = flag.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let word = parts.first.map(String.init) ?? ""
            // A list of one may be named as one: --activation gelu.
            guard let parameter = experiment.parameters.first(where: { $0.name == word || $0.name == word + "s" })
            else {
                var error = ConfigError.unknown(
                    "flag of \(experiment.name)", "--\(word)", allowed: experiment.parameters.map { "--\($0.name)" })
                if experiment.parameters.isEmpty { error.message += ", which has none" }
                throw error
            }
            let name = parameter.name
            guard given.insert(name).inserted else {
                throw ConfigError(key: flag, message: "--\(name) is given twice")
            }
            guard let text = parts.count > 1 ? String(parts[1]) : rest.popFirst() else {
                throw ConfigError(key: flag, message: "--\(name) needs a value: \(parameter.range)")
            }
            values[name] = try parameter.parsed(text)
        }
        self.values = values
    }

    private func value<T>(_ name: String, _ pick: (Parameter.Value) -> T?) -> T {
        guard let value = values[name].flatMap(pick) else {
            preconditionFailure("the experiment declares no such parameter '\(name)'")
        }
        return value
    }

    /// A whole number; the experiment must declare a count of that name.
    public func count(_ name: String) -> Int {
        value(name) { if case .count(let x) = $0 { x } else { nil } }
    }
    /// A number; the experiment must declare a number of that name.
    public func number(_ name: String) -> Double {
        value(name) { if case .number(let x) = $0 { x } else { nil } }
    }
    /// Whole numbers; the experiment must declare counts of that name.
    public func counts(_ name: String) -> [Int] {
        value(name) { if case .counts(let x) = $0 { x } else { nil } }
    }
    /// Numbers; the experiment must declare numbers of that name.
    public func numbers(_ name: String) -> [Double] {
        value(name) { if case .numbers(let x) = $0 { x } else { nil } }
    }
    /// The word of a choice, or an activation's name as it was given.
    public func text(_ name: String) -> String {
        value(name) { if case .text(let x) = $0 { x } else { nil } }
    }
    /// The activation that is named there.
    ///
    /// - Throws: ``ConfigError`` for a name that no activation has.
    public func activation(_ name: String = "activation") throws -> Activation { try Activation.parsed(text(name)) }
    /// The activations that are named there, in their order.
    ///
    /// - Throws: ``ConfigError`` for the first name that no activation has.
    public func activations(_ name: String = "activations") throws -> [Activation] {
        try value(name) { if case .texts(let x) = $0 { x } else { nil } }.map { try Activation.parsed($0) }
    }

    /// Runs a measurement once per seed, several at a time; the order of the results is that of the seeds.
    public func overSeeds<T: Sendable>(_ body: @Sendable (UInt64) throws -> T) throws -> [T] {
        try concurrently(Array(0..<UInt64(count("seeds"))), body)
    }
}
