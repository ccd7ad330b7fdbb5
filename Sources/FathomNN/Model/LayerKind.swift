/// One kind of layer that data can name: its options, and how it is made from them and turned into them.
///
/// A new layer needs one row of ``all``.
public struct LayerKind: Sendable {
    /// One option of a kind.
    public struct Option: Sendable {
        /// What kind of value an option takes.
        public enum Form: Sendable, Hashable {
            case bool, int, number, activation, initializer
            case choice([String])
            case ints, padding

            /// What may be written, in words.
            public var meaning: String {
                switch self {
                case .bool: "true or false"
                case .int: "a whole number"
                case .number: "a number"
                case .activation: "an activation, such as relu or leakyRelu(0.2)"
                case .initializer: "an initialiser, such as he or normal(0.01)"
                case .choice(let words): "one of " + words.joined(separator: ", ")
                case .ints: "whole numbers, as [4, 4] or 4x4"
                case .padding: "same, valid, or whole numbers as 1 or 1x2"
                }
            }
        }
        /// The key in configurations; case, `_`, `-` and spaces do not count.
        public let name: String
        /// What the value is checked against when the layer is built.
        public let form: Form
        /// `nil` where there is none: the option is then left out or required.
        public let defaultValue: OptionValue?
        /// Whether a layer without it is an error.
        public let isRequired: Bool
        /// What the option does, for messages.
        public let meaning: String
        /// Whether the value may stand without its name: `dense 128`.
        public let isPositional: Bool
        /// Whether it stands for a layer of its own after this one, as in `dense 128 relu`.
        var becomesNextLayer = false
    }

    /// What may stand inside.
    public enum Inside: Sendable, Hashable {
        case nothing
        /// Layers one after the other.
        case sequence
        /// Layers side by side.
        case branches
    }

    /// The word in configurations; case, `_`, `-` and spaces do not count.
    public let name: String
    /// Other words for the same kind, such as the name in other toolkits.
    public let aliases: [String]
    /// What the layer is, in one line.
    public let summary: String
    /// What can be set; all other options are errors.
    public let options: [Option]
    /// What may stand inside; children of a kind that holds none are an error.
    public let inside: Inside
    /// Whether it is read as the layers that it builds, and never written.
    let standsForLayers: Bool
    let build: @Sendable (SpecReader) throws(ConfigError) -> any Layer
    /// The options and inner layers of a layer of this kind; `nil` for other layers.
    let encode: @Sendable (any Layer) throws(ConfigError) -> (options: [String: OptionValue], children: [LayerSpec])?

    init(
        _ name: String, _ aliases: [String] = [], _ summary: String, _ options: [Option] = [],
        inside: Inside = .nothing, standsForLayers: Bool = false,
        build: @escaping @Sendable (SpecReader) throws(ConfigError) -> any Layer,
        encode:
            @escaping @Sendable (any Layer) throws(ConfigError) -> (
                options: [String: OptionValue], children: [LayerSpec]
            )?
    ) {
        self.name = name
        self.aliases = aliases
        self.summary = summary
        self.options = options
        self.inside = inside
        self.standsForLayers = standsForLayers
        self.build = build
        self.encode = encode
    }

    /// The kind of that name or alias, whatever its capitals, hyphens and underscores.
    ///
    /// - Throws: ``ConfigError`` with the nearest spelling.
    public static func named(_ name: String, line: Int? = nil) throws(ConfigError) -> LayerKind {
        let key = spelling(name)
        if let kind = byName[key] { return kind }
        let nearest = nearestSpelling(of: name, among: all.flatMap { [$0.name] + $0.aliases })
        throw ConfigError(
            key: name, message: "unknown layer '\(name)'", allowed: all.map(\.name), nearest: nearest, line: line)
    }

    private static let byName: [String: LayerKind] = {
        var table: [String: LayerKind] = [:]
        for kind in all {
            for word in [kind.name] + kind.aliases where table[spelling(word)] == nil { table[spelling(word)] = kind }
        }
        return table
    }()

    func option(_ word: String) -> Option? { options.first { spelling($0.name) == spelling(word) } }

    /// Makes the layer after its options were checked.
    func build(checking spec: LayerSpec) throws(ConfigError) -> any Layer {
        for (key, value) in spec.options.sorted(by: { $0.key < $1.key }) {
            guard let option = option(key) else {
                throw ConfigError.unknown("option of \(name)", key, allowed: options.map(\.name))
            }
            _ = try option.form.value(from: value.config, key: "\(name).\(key)")
        }
        if inside == .nothing, !spec.children.isEmpty {
            throw ConfigError(key: name, message: "\(name) holds no other layers")
        }
        return try build(SpecReader(spec: spec, kind: self))
    }

    /// The data of one built-in layer.
    static func encode(_ layer: any Layer) throws(ConfigError) -> LayerSpec {
        for kind in all {
            guard let (options, children) = try kind.encode(layer) else { continue }
            // Only what differs from the defaults.
            let chosen = options.filter { name, value in kind.option(name)?.defaultValue != value }
            return LayerSpec(kind.name, options: chosen, children: children)
        }
        throw ConfigError(
            key: Sequential.kind(of: layer), message: "a layer of type \(type(of: layer)) cannot be written as data",
            allowed: all.map(\.name))
    }
}

/// Reads a layer's options with their defaults.
struct SpecReader {
    let spec: LayerSpec
    let kind: LayerKind

    func value(_ name: String) -> OptionValue? { spec.options[name] ?? kind.option(name)?.defaultValue }

    private func missing(_ name: String) -> ConfigError {
        ConfigError(
            key: "\(kind.name).\(name)",
            message: "\(kind.name) needs '\(name)', \(kind.option(name)?.form.meaning ?? "a value")",
            allowed: kind.options.map(\.name))
    }

    func optionalInt(_ name: String) -> Int? {
        if case .number(let v)? = value(name) { Int(exactly: v) } else { nil }
    }
    func int(_ name: String) throws(ConfigError) -> Int {
        guard let v = optionalInt(name) else { throw missing(name) }
        return v
    }
    func number(_ name: String) throws(ConfigError) -> Double {
        if case .number(let v)? = value(name) { return v }
        throw missing(name)
    }
    func bool(_ name: String) throws(ConfigError) -> Bool {
        if case .flag(let v)? = value(name) { return v }
        throw missing(name)
    }
    func text(_ name: String) throws(ConfigError) -> String {
        if case .text(let v)? = value(name) { return v }
        throw missing(name)
    }
    func optionalInts(_ name: String) -> [Int]? {
        guard case .numbers(let v)? = value(name) else { return nil }
        return v.compactMap { Int(exactly: $0) }
    }
    func ints(_ name: String) throws(ConfigError) -> [Int] {
        guard let v = optionalInts(name) else { throw missing(name) }
        return v
    }
    func optionalActivation(_ name: String) throws(ConfigError) -> Activation? {
        guard case .text(let v)? = value(name) else { return nil }
        return try Activation.parsed(v)
    }
    func activation(_ name: String) throws(ConfigError) -> Activation {
        guard let v = try optionalActivation(name) else { throw missing(name) }
        return v
    }
    func initializer(_ name: String) throws(ConfigError) -> Initializer { try Initializer.named(text(name)) }
    func choice<T: RawRepresentable<String>>(_ name: String) throws(ConfigError) -> T {
        guard let v = T(rawValue: try text(name)) else { throw missing(name) }
        return v
    }
    func padding(_ name: String) throws(ConfigError) -> Padding {
        if case .text(let word)? = value(name) { return word == "valid" ? .valid : .same }
        return .explicit(try ints(name))
    }
    func children() throws(ConfigError) -> [any Layer] { try ModelSpec.build(spec.children) }
}

extension LayerKind.Option.Form {
    /// Whole numbers in configurations: far above any size in use, and two of them multiply without overflow.
    private static let limit = 1 << 31

    /// The value of an option from a file's.
    ///
    /// - Throws: ``ConfigError`` with the key and line when it does not fit.
    func value(from given: ConfigValue, key: String) throws(ConfigError) -> OptionValue {
        func fail(_ message: String) -> ConfigError { ConfigError(key: key, message: message, line: given.line) }
        func whole(_ value: ConfigValue) -> Int? {
            let n: Int? =
                switch value.content {
                case .int(let v): v
                case .number(let v): Int(exactly: v)
                default: nil
                }
            guard let n, abs(n.clamped) < Self.limit else { return nil }
            return n
        }
        switch (self, given.content) {
        case (.bool, .bool(let v)): return .flag(v)
        case (.int, _):
            if let n = whole(given) { return .int(n) }
        case (.number, .int(let v)): return .number(Double(v))
        case (.number, .number(let v)) where v.isFinite: return .number(v)
        case (.choice(let words), .text(let v)):
            if let word = words.first(where: { spelling($0) == spelling(v) }) { return .text(word) }
            var error = ConfigError.unknown("value of \(key)", v, allowed: words, line: given.line)
            error.key = key
            throw error
        case (.padding, .text(let v)) where ["same", "valid"].contains(spelling(v)): return .text(spelling(v))
        case (.padding, _):
            if let numbers = try? LayerKind.Option.Form.ints.value(from: given, key: key) { return numbers }
        case (.ints, .list(let items)):
            let numbers = items.compactMap(whole)
            if numbers.count == items.count { return .ints(numbers) }
        case (.ints, .int(let v)): return .ints([v])
        case (.ints, .text(let v)):
            let parts = v.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
            let numbers = parts.compactMap { $0 }.filter { abs($0.clamped) < Self.limit }
            if numbers.count == parts.count { return .ints(numbers) }
        case (.activation, .text(let v)):
            do { return .text(try Activation.parsed(v).description) } catch { throw error.located(key, given.line) }
        case (.activation, .map(let pairs)) where pairs.count == 1:
            do {
                return .text(
                    try Activation.parsed(pairs[0].key + "(" + Self.arguments(pairs[0].value) + ")").description)
            } catch { throw error.located(key, given.line) }
        case (.initializer, .text(let v)):
            do { return .text(try Initializer.named(v).name) } catch { throw error.located(key, given.line) }
        case (.initializer, .map(let pairs)) where pairs.count == 1:
            do {
                return .text(try Initializer.named(pairs[0].key + "(" + Self.arguments(pairs[0].value) + ")").name)
            } catch { throw error.located(key, given.line) }
        default: break
        }
        throw fail("\(key) must be \(meaning), not \(given.brief)")
    }

    /// `{slope: 0.2}` → `slope=0.2`; a single value or a list → the values.
    private static func arguments(_ value: ConfigValue) -> String {
        switch value.content {
        case .null: ""
        case .bool(let v): "\(v)"
        case .int(let v): "\(v)"
        case .number(let v): "\(v)"
        case .text(let v): v
        case .list(let items): items.map(arguments).joined(separator: ", ")
        case .map(let pairs): pairs.map { "\($0.key)=\(arguments($0.value))" }.joined(separator: ", ")
        }
    }
}

extension Int {
    /// So that `abs` cannot overflow.
    fileprivate var clamped: Int { Swift.max(self, -Int.max) }
}

extension ConfigError {
    func located(_ key: String, _ line: Int?) -> ConfigError {
        var error = self
        error.key = key
        error.line = line ?? self.line
        return error
    }
}

extension OptionValue {
    static func int(_ value: Int) -> OptionValue { .number(Double(value)) }
    static func ints(_ values: [Int]) -> OptionValue { .numbers(values.map(Double.init)) }

    /// As a file holds it; whole numbers without a point.
    public var config: ConfigValue {
        func number(_ v: Double) -> ConfigValue {
            ConfigValue(abs(v) < 1e15 ? Int(exactly: v).map { .int($0) } ?? .number(v) : .number(v))
        }
        return switch self {
        case .flag(let v): ConfigValue(.bool(v))
        case .number(let v): number(v)
        case .text(let v): ConfigValue(.text(v))
        case .numbers(let v): ConfigValue(.list(v.map(number)))
        }
    }

    /// As one word.
    var word: String {
        if case .numbers(let v) = self {
            v.map { x in Int(exactly: x).map { "\($0)" } ?? "\(x)" }.joined(separator: "x")
        } else {
            description
        }
    }
}
