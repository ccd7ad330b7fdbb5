/// A tree of values as a configuration file holds it, whatever the file's language, with the lines they stand on.
public struct ConfigValue: Hashable, Sendable {
    /// What a value is; whole numbers and others are kept apart, as files write them.
    public indirect enum Content: Hashable, Sendable {
        case null
        case bool(Bool)
        case int(Int)
        case number(Double)
        case text(String)
        case list([ConfigValue])
        /// Keys in the file's order.
        case map([Pair])
    }

    /// An entry of a map.
    public struct Pair: Hashable, Sendable {
        /// As the file spells it.
        public var key: String
        /// Knows its own line.
        public var value: ConfigValue

        /// An entry for ``Content/map(_:)``; that keys differ is not checked here.
        public init(_ key: String, _ value: ConfigValue) {
            self.key = key
            self.value = value
        }
    }

    /// The value without its place in the file.
    public var content: Content
    /// From 1, when known.
    public var line: Int?

    /// A value that stands on `line`, counted from 1; values made by a program have none.
    public init(_ content: Content, line: Int? = nil) {
        self.content = content
        self.line = line
    }

    /// The content as a few words for messages.
    var brief: String {
        switch content {
        case .null: "nothing"
        case .bool(let v): "\(v)"
        case .int(let v): "\(v)"
        case .number(let v): "\(v)"
        case .text(let v): "'\(v)'"
        case .list: "a list"
        case .map: "a mapping"
        }
    }
}

extension ConfigValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self.init(.text(value)) }
    public init(integerLiteral value: Int) { self.init(.int(value)) }
    public init(floatLiteral value: Double) { self.init(.number(value)) }
    public init(booleanLiteral value: Bool) { self.init(.bool(value)) }
    public init(arrayLiteral elements: ConfigValue...) { self.init(.list(elements)) }
    public init(dictionaryLiteral elements: (String, ConfigValue)...) {
        self.init(.map(elements.map { Pair($0.0, $0.1) }))
    }
}
