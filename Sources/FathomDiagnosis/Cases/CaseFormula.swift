import FathomData
import Foundation

/// A formula of x as people write it: `.05*(15.7x-7.27x^2)`, `5x^2+N(0,1)^3`, `sin(x1)*x[2]`.
///
/// A product may go without its sign where no blank stands between; `N(mean, deviation)` and `U(low, high)` are drawn anew
/// for each row.
struct CaseFormula {
    private indirect enum Term {
        case number(Double)
        /// A column, from 0.
        case input(Int)
        case sum(Term, Term)
        case difference(Term, Term)
        case product(Term, Term)
        case quotient(Term, Term)
        case power(Term, Term)
        case function(@Sendable (Double) -> Double, Term)
        case normal(Double, Double)
        case uniform(Double, Double)
    }

    private let term: Term

    /// `nil` where the text does not begin with a formula; what follows it is left alone.
    init?(_ text: String) {
        var parser = Parser(text)
        guard let term = parser.sum(depth: 0) else { return nil }
        self.term = term
    }

    /// - Parameter x: the columns of one row.
    func value(_ x: [Double], _ random: inout SeededGenerator) -> Double { Self.value(term, x, &random) }

    private static func value(_ term: Term, _ x: [Double], _ random: inout SeededGenerator) -> Double {
        switch term {
        case .number(let number): number
        case .input(let column): x.indices.contains(column) ? x[column] : .nan
        case .sum(let a, let b): value(a, x, &random) + value(b, x, &random)
        case .difference(let a, let b): value(a, x, &random) - value(b, x, &random)
        case .product(let a, let b): value(a, x, &random) * value(b, x, &random)
        case .quotient(let a, let b): value(a, x, &random) / value(b, x, &random)
        case .power(let a, let b): pow(value(a, x, &random), value(b, x, &random))
        case .function(let function, let a): function(value(a, x, &random))
        case .normal(let mean, let deviation): mean + deviation * random.normal()
        case .uniform(let low, let high): low + (high - low) * random.uniform()
        }
    }

    /// A decimal number, and nothing else.
    static func number(_ text: String) -> Double? {
        guard text.wholeMatch(of: /[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?/) != nil else { return nil }
        // `Double` wants a digit before the point.
        let number = Double(text.replacing("+", with: "").replacing(/^(-?)\./, with: { "\($0.1)0." }))
        return number.flatMap { $0.isFinite ? $0 : nil }
    }

    private struct Parser {
        enum Token: Equatable {
            case number(Double)
            case word(String)
            case sign(Character)
        }
        private var tokens: [(token: Token, afterBlank: Bool)] = []
        private var position = 0

        init(_ text: String) {
            var rest = Substring(text.prefix(10_000))
            var afterBlank = false
            while let first = rest.first {
                if first == " " {
                    afterBlank = true
                    rest.removeFirst()
                    continue
                }
                if let match = rest.prefixMatch(of: /(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?/) {
                    tokens.append((.number(CaseFormula.number(String(match.0)) ?? .nan), afterBlank))
                    rest = rest[match.range.upperBound...]
                } else if let match = rest.prefixMatch(of: /[A-Za-z]+\d*/) {
                    tokens.append((.word(String(match.0)), afterBlank))
                    rest = rest[match.range.upperBound...]
                } else if rest.hasPrefix("**") {
                    tokens.append((.sign("^"), afterBlank))
                    rest.removeFirst(2)
                } else {
                    tokens.append((.sign(first), afterBlank))
                    rest.removeFirst()
                }
                afterBlank = false
            }
        }

        private var next: Token? { position < tokens.count ? tokens[position].token : nil }

        private mutating func take(_ sign: Character) -> Bool {
            guard next == .sign(sign) else { return false }
            position += 1
            return true
        }

        mutating func sum(depth: Int) -> Term? {
            guard depth < 32, var left = product(depth: depth) else { return nil }
            while true {
                if take("+") {
                    guard let right = product(depth: depth) else { return nil }
                    left = .sum(left, right)
                } else if take("-") {
                    guard let right = product(depth: depth) else { return nil }
                    left = .difference(left, right)
                } else {
                    return left
                }
            }
        }

        private mutating func product(depth: Int) -> Term? {
            guard var left = power(depth: depth) else { return nil }
            while true {
                if take("*") {
                    guard let right = power(depth: depth) else { return nil }
                    left = .product(left, right)
                } else if take("/") {
                    guard let right = power(depth: depth) else { return nil }
                    left = .quotient(left, right)
                } else if position < tokens.count, !tokens[position].afterBlank, startsFactor {
                    guard let right = power(depth: depth) else { return nil }
                    left = .product(left, right)
                } else {
                    return left
                }
            }
        }

        /// Whether what follows may stand without a sign of multiplication.
        private var startsFactor: Bool {
            switch next {
            case .word, .sign("("): true
            default: false
            }
        }

        private mutating func power(depth: Int) -> Term? {
            if take("-") { return power(depth: depth + 1).map { .difference(.number(0), $0) } }
            if take("+") { return power(depth: depth + 1) }
            guard depth < 32, let base = atom(depth: depth + 1) else { return nil }
            guard take("^") else { return base }
            return power(depth: depth + 1).map { .power(base, $0) }
        }

        private mutating func atom(depth: Int) -> Term? {
            guard let token = next else { return nil }
            position += 1
            switch token {
            case .number(let number): return .number(number)
            case .sign("("):
                guard let inner = sum(depth: depth), take(")") else { return nil }
                return inner
            case .sign: return nil
            case .word(let word): return named(word, depth: depth)
            }
        }

        private static let functions: [String: @Sendable (Double) -> Double] = [
            "sin": { sin($0) }, "cos": { cos($0) }, "tan": { tan($0) }, "exp": { exp($0) }, "log": { log($0) },
            "ln": { log($0) }, "sqrt": { $0.squareRoot() }, "abs": { Swift.abs($0) }, "tanh": { tanh($0) },
            "sign": { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 },
        ]

        private mutating func named(_ word: String, depth: Int) -> Term? {
            if word == "pi" { return .number(.pi) }
            if word == "e" { return .number(M_E) }
            if word == "x" || word == "X" {
                guard take("[") else { return .input(0) }
                guard case .number(let index)? = next, let column = Int(exactly: index) else { return nil }
                position += 1
                return take("]") && column < 1 << 20 ? .input(column) : nil
            }
            if let column = Int(word.dropFirst()), word.hasPrefix("x"), 1...(1 << 20) ~= column {
                return .input(column - 1)
            }
            if word == "N" || word == "U" || word == "noise" {
                var bounds = word == "U" ? [0.0, 1] : [0.0, 1]
                if take("(") {
                    bounds = []
                    repeat {
                        let isNegative = take("-")
                        guard case .number(let number)? = next else { return nil }
                        position += 1
                        bounds.append(isNegative ? -number : number)
                    } while take(",")
                    guard take(")"), bounds.count == 2 else { return nil }
                }
                return word == "U" ? .uniform(bounds[0], bounds[1]) : .normal(bounds[0], bounds[1])
            }
            guard let function = Self.functions[word.lowercased()], take("("), let inner = sum(depth: depth), take(")")
            else { return nil }
            return .function(function, inner)
        }
    }
}
