import Foundation

/// A formula as MathML, which browsers draw by themselves, from a small part of TeX's notation.
///
/// Letters, numbers and signs stand for themselves (`σ`, `≤`, `·`, `′`); `_` and `^` set lower and upper indices, braces
/// group. Commands: `\frac{a}{b}`, `\sqrt{a}`, `\text{words}`, `\bar{a}`, `\hat{a}`, `\sum`, `\prod`, `\cases{a & b \\ c & d}`,
/// `\matrix{…}`, and names of functions such as `\ln`.
struct Formula {
    private var rest: Substring
    /// The last sign read, which says whether a minus subtracts or belongs to a number.
    private var previous: Character = "("

    static func mathML(_ text: String, isDisplay: Bool) -> String {
        var formula = Formula(rest: text[...])
        return "<math\(isDisplay ? " display=\"block\"" : "")>\(formula.row(until: nil))</math>"
    }

    private static let functions: Set<String> = [
        "ln", "log", "exp", "tanh", "cosh", "sin", "cos", "max", "min", "relu", "softmax", "erf", "Var", "sign",
        "arctan", "arcsin",
    ]
    private static let signs: [String: String] = [
        "cdot": "·", "times": "×", "le": "≤", "ge": "≥", "ne": "≠", "approx": "≈", "to": "→", "infty": "∞",
        "partial": "∂", "in": "∈", "pm": "±", "dots": "…",
    ]

    private mutating func row(until end: Character?) -> String {
        var parts: [String] = []
        while let c = rest.first {
            if c == end {
                rest.removeFirst()
                break
            }
            if let part = scripted() { parts.append(part) }
        }
        return parts.count == 1 ? parts[0] : "<mrow>\(parts.joined())</mrow>"
    }

    /// An atom with its indices.
    private mutating func scripted() -> String? {
        let isBig = rest.hasPrefix("\\sum") || rest.hasPrefix("\\prod")
        let isFunction = rest.first == "\\" && Self.functions.contains(String(rest.dropFirst().prefix { $0.isLetter }))
        guard let base = atom() else { return nil }
        var lower: String?
        var upper: String?
        while let c = rest.first {
            if c == "_" || c == "^" {
                rest.removeFirst()
                let script = atom() ?? ""
                if c == "_" { lower = script } else { upper = (upper ?? "") + script }
            } else {
                break
            }
        }
        // A little room between a function and what it is of.
        let space = isFunction && rest.first != "(" ? "<mspace width=\"0.17em\"/>" : ""
        return Self.scripted(base, lower, upper.map { "<mrow>\($0)</mrow>" }, isBig: isBig) + space
    }

    private static func scripted(_ base: String, _ lower: String?, _ upper: String?, isBig: Bool) -> String {
        switch (lower, upper) {
        case (nil, nil): return base
        case (let l?, nil): return isBig ? "<munder>\(base)\(l)</munder>" : "<msub>\(base)\(l)</msub>"
        case (nil, let u?): return isBig ? "<mover>\(base)\(u)</mover>" : "<msup>\(base)\(u)</msup>"
        case (let l?, let u?):
            return isBig ? "<munderover>\(base)\(l)\(u)</munderover>" : "<msubsup>\(base)\(l)\(u)</msubsup>"
        }
    }

    private mutating func atom() -> String? {
        guard let c = rest.first else { return nil }
        if c == "\\" { return command() }
        if c == "{" {
            rest.removeFirst()
            previous = c
            return row(until: "}")
        }
        if c.isWhitespace {
            rest.removeFirst()
            return nil
        }
        defer { previous = c }
        if c.isNumber, c.isASCII {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(digits.count)
            return "<mn>\(digits)</mn>"
        }
        rest.removeFirst()
        let text = Self.escaped(String(c))
        if c.isLetter { return "<mi>\(text)\(primes())</mi>" }
        // Brackets stay as high as a line, and bars close to what they enclose.
        if "|‖".contains(c) { return "<mo stretchy=\"false\" lspace=\"0\" rspace=\"0\">\(text)</mo>" }
        if "()[]".contains(c) { return "<mo stretchy=\"false\">\(text)</mo>" }
        guard c == "-" || c == "−" else { return "<mo>\(text)</mo>" }
        return "([{|=<>≤≥≈→,;+·×/".contains(previous) ? "<mo form=\"prefix\">−</mo>" : "<mo>−</mo>"
    }

    private mutating func primes() -> String {
        let primes = rest.prefix { $0 == "′" }
        rest = rest.dropFirst(primes.count)
        return String(primes)
    }

    private mutating func command() -> String {
        rest.removeFirst()
        let name = String(rest.prefix { $0.isLetter })
        rest = rest.dropFirst(name.count)
        switch name {
        case "":
            // An escaped sign, `\{`.
            guard let sign = rest.popFirst() else { return "" }
            return "<mo>\(Self.escaped(String(sign)))</mo>"
        case "frac": return "<mfrac>\(argument())\(argument())</mfrac>"
        case "sqrt": return "<msqrt>\(argument())</msqrt>"
        case "bar": return "<mover accent=\"true\">\(argument())<mo>¯</mo></mover>"
        case "hat": return "<mover accent=\"true\">\(argument())<mo>^</mo></mover>"
        // Spaces at the ends would be dropped.
        case "text": return "<mtext>\(Self.escaped(raw()).replacingOccurrences(of: " ", with: "\u{A0}"))</mtext>"
        case "sum": return "<mo largeop=\"true\">∑</mo>"
        case "prod": return "<mo largeop=\"true\">∏</mo>"
        case "cases": return "<mrow><mo>{</mo>\(table(raw(), "left"))</mrow>"
        case "matrix": return "<mrow><mo>(</mo>\(table(raw(), "center"))<mo>)</mo></mrow>"
        default:
            if let sign = Self.signs[name] {
                previous = Character(sign)
                return sign == "∞" ? "<mi>∞</mi>" : "<mo>\(sign)</mo>"
            }
            if Self.functions.contains(name) { return "<mi>\(name)\(primes())</mi>" }
            return "<mtext>\(Self.escaped(name))</mtext>"
        }
    }

    private func table(_ text: String, _ align: String) -> String {
        var out = "<mtable>"
        for line in text.components(separatedBy: "\\\\") {
            out += "<mtr>"
            for cell in line.components(separatedBy: "&") {
                var inner = Formula(rest: cell[...])
                out += "<mtd style=\"text-align:\(align)\">\(inner.row(until: nil))</mtd>"
            }
            out += "</mtr>"
        }
        return out + "</mtable>"
    }

    private mutating func argument() -> String {
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        return atom() ?? "<mrow></mrow>"
    }

    /// What stands in the braces, unread.
    private mutating func raw() -> String {
        guard rest.first == "{" else { return "" }
        rest.removeFirst()
        var depth = 1
        var text = ""
        while let c = rest.popFirst() {
            if c == "{" { depth += 1 }
            if c == "}" {
                depth -= 1
                if depth == 0 { break }
            }
            text.append(c)
        }
        return text
    }

    private static func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;")
    }
}
