import FathomData
import Foundation

/// A formula of x as people write it: `.05*(15.7x-7.27x^2)`, `5x^2+N(0,1)^3`, `sin(x1)*x[2]`, `x1>0 xor x2>0`,
/// `1 if sum(x) > 3 else 0`.
///
/// A product may go without its sign where no blank stands between; `N(mean, deviation)` and `U(low, high)` are drawn anew
/// for each row. What is true is 1, and what is not 0 is true.
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
        case pair(@Sendable (Double, Double) -> Double, Term, Term)
        /// Of all columns.
        case row(@Sendable ([Double]) -> Double)
        case choice(Term, Term, Term)
        case normal(Double, Double)
        case uniform(Double, Double)
    }

    private let term: Term

    /// `nil` where the text does not begin with a formula; what follows it is left alone.
    init?(_ text: String) {
        var parser = Parser(text)
        guard let term = parser.choice(depth: 0) else { return nil }
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
        case .pair(let function, let a, let b): function(value(a, x, &random), value(b, x, &random))
        case .row(let function): x.isEmpty ? .nan : function(x)
        case .choice(let a, let condition, let b):
            value(condition, x, &random) != 0 ? value(a, x, &random) : value(b, x, &random)
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

        private mutating func take(word: String) -> Bool {
            guard case .word(let next)? = next, next.lowercased() == word else { return false }
            position += 1
            return true
        }

        /// `a if condition else b`.
        mutating func choice(depth: Int) -> Term? {
            guard depth < 32, let first = logic(depth: depth) else { return nil }
            guard take(word: "if") else { return first }
            guard let condition = logic(depth: depth), take(word: "else"), let second = choice(depth: depth + 1) else {
                return nil
            }
            return .choice(first, condition, second)
        }

        private mutating func logic(depth: Int) -> Term? {
            guard var left = comparison(depth: depth) else { return nil }
            while true {
                let function: @Sendable (Double, Double) -> Double
                if take(word: "and") {
                    function = { $0 != 0 && $1 != 0 ? 1 : 0 }
                } else if take(word: "or") {
                    function = { $0 != 0 || $1 != 0 ? 1 : 0 }
                } else if take(word: "xor") {
                    function = { ($0 != 0) != ($1 != 0) ? 1 : 0 }
                } else {
                    return left
                }
                guard let right = comparison(depth: depth) else { return nil }
                left = .pair(function, left, right)
            }
        }

        private mutating func comparison(depth: Int) -> Term? {
            guard let left = sum(depth: depth) else { return nil }
            let function: @Sendable (Double, Double) -> Double
            if take(">") {
                let orEqual = take("=")
                function = { a, b in a > b || (orEqual && a == b) ? 1 : 0 }
            } else if take("<") {
                let orEqual = take("=")
                function = { a, b in a < b || (orEqual && a == b) ? 1 : 0 }
            } else if next == .sign("="), position + 1 < tokens.count, tokens[position + 1].token == .sign("=") {
                position += 2
                function = { $0 == $1 ? 1 : 0 }
            } else {
                return left
            }
            guard let right = sum(depth: depth) else { return nil }
            return .pair(function, left, right)
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
                } else if take("%") {
                    guard let right = power(depth: depth) else { return nil }
                    left = .pair({ $0 - $1 * ($0 / $1).rounded(.down) }, left, right)
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
            case .word(let word): !["if", "else", "and", "or", "xor", "mod"].contains(word.lowercased())
            case .sign("("): true
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
                guard let inner = choice(depth: depth), take(")") else { return nil }
                return inner
            case .sign: return nil
            case .word(let word): return named(word, depth: depth)
            }
        }

        private static let functions: [String: @Sendable (Double) -> Double] = [
            "sin": { sin($0) }, "cos": { cos($0) }, "tan": { tan($0) }, "exp": { exp($0) }, "log": { log($0) },
            "ln": { log($0) }, "sqrt": { $0.squareRoot() }, "abs": { Swift.abs($0) }, "tanh": { tanh($0) },
            "sign": { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }, "sinh": { sinh($0) }, "cosh": { cosh($0) }, "atan": { atan($0) },
            "floor": { $0.rounded(.down) }, "round": { $0.rounded() }, "sigmoid": { 1 / (1 + exp(-$0)) },
            "relu": { Swift.max($0, 0) },
        ]

        /// Functions of a whole row: `sum(x)`.
        private static let rowFunctions: [String: @Sendable ([Double]) -> Double] = [
            "sum": { $0.reduce(0, +) }, "mean": { $0.reduce(0, +) / Double($0.count) },
            "max": { $0.max() ?? .nan }, "min": { $0.min() ?? .nan }, "prod": { $0.reduce(1, *) },
            "norm": { $0.reduce(0) { $0 + $1 * $1 }.squareRoot() },
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
            if let function = Self.rowFunctions[word.lowercased()] {
                guard take("("), take(word: "x"), take(")") else { return nil }
                return .row(function)
            }
            guard let function = Self.functions[word.lowercased()], take("("), let inner = choice(depth: depth),
                take(")")
            else { return nil }
            return .function(function, inner)
        }
    }
}
