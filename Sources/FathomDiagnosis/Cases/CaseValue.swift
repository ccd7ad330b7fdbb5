/// A value of a file of cases: plain JSON.
public indirect enum CaseValue: Sendable, Hashable {
    case null
    case flag(Bool)
    case number(Double)
    case text(String)
    case list([CaseValue])
    case map([String: CaseValue])

    /// The value as a few words for messages.
    var words: String {
        switch self {
        case .null: "null"
        case .flag(let flag): "\(flag)"
        case .number(let number): "\(number)"
        case .text(let text): "\"\(text.prefix(40))\""
        case .list: "a list"
        case .map: "an object"
        }
    }
}

extension CaseValue: Decodable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let list = try? container.decode([CaseValue].self) {
            self = .list(list)
        } else {
            self = .map(try container.decode([String: CaseValue].self))
        }
    }
}

/// What is wrong with one case of a file.
public struct CaseError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The case's `id`, or its place in the file, from 1, where it has none.
    public let id: String
    /// The key at fault with those that lead to it: `layers[2].units`.
    public let key: String
    /// What is wrong there, to be read behind the key: "must be a text, not a number".
    public let message: String

    public var description: String { "case \(id): \(key) \(message)" }
}
