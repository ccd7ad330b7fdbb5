/// One value of a configuration: what stands after `beta1:` in a file.
public enum OptionValue: Sendable, Hashable {
    case number(Double)
    case flag(Bool)
    case text(String)
    case numbers([Double])
}

extension OptionValue: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let numbers = try? container.decode([Double].self) {
            self = .numbers(numbers)
        } else {
            self = .text(try container.decode(String.self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .number(let x): try container.encode(x)
        case .flag(let x): try container.encode(x)
        case .text(let x): try container.encode(x)
        case .numbers(let x): try container.encode(x)
        }
    }
}

extension OptionValue: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByStringLiteral, ExpressibleByArrayLiteral, CustomStringConvertible
{
    public init(floatLiteral value: Double) { self = .number(value) }
    public init(integerLiteral value: Int) { self = .number(Double(value)) }
    public init(booleanLiteral value: Bool) { self = .flag(value) }
    public init(stringLiteral value: String) { self = .text(value) }
    public init(arrayLiteral elements: Double...) { self = .numbers(elements) }

    public var description: String {
        switch self {
        case .number(let x): x == x.rounded() && Swift.abs(x) < 1e9 ? "\(Int(x))" : "\(x)"
        case .flag(let x): "\(x)"
        case .text(let x): x
        case .numbers(let x): "\(x)"
        }
    }
}
