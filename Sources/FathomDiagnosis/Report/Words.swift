import Foundation

/// Numbers and names as people read them.
enum Words {
    /// About three digits that count: 0.123, 1.2×10⁻⁹.
    static func number(_ x: Double) -> String {
        if x.isNaN { return "not a number" }
        if x.isInfinite { return x < 0 ? "−∞" : "∞" }
        if x == 0 { return "0" }
        if abs(x) >= 1e5 || abs(x) < 1e-3 {
            let parts = String(format: "%.1e", x).split(separator: "e")
            guard parts.count == 2, let exponent = Int(parts[1]) else { return "\(x)" }
            let digits = parts[0].hasSuffix(".0") ? parts[0].dropLast(2) : parts[0]
            return minus(String(digits)) + "×" + power(exponent)
        }
        return minus(String(format: abs(x) >= 1000 ? "%.0f" : "%.3g", x))
    }

    /// 10⁻⁹.
    static func power(_ exponent: Int) -> String {
        let digits = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
        let raised = String(exponent.magnitude).compactMap { $0.wholeNumberValue.map { digits[$0] } }
        return exponent == 0 ? "1" : "10" + (exponent < 0 ? "⁻" : "") + String(raised)
    }

    /// 1,234,567.
    static func count(_ n: Int) -> String {
        var digits = String(n.magnitude)
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return (n < 0 ? "−" : "") + ([digits] + groups).joined(separator: ",")
    }

    static func percent(_ share: Double) -> String {
        guard share.isFinite else { return number(share) }
        let p = 100 * share
        return abs(p) < 0.05 && p != 0
            ? number(p) + " %" : minus(String(format: abs(p) < 10 ? "%.1f %%" : "%.0f %%", p))
    }

    /// With its sign: +0.12.
    static func signed(_ x: Double, digits: Int = 3) -> String {
        x.isFinite ? minus(String(format: "%+.\(digits)f", x)) : number(x)
    }

    static func since(_ step: Int) -> String { step <= 0 ? "before training" : "step \(count(step))" }

    static func seconds(_ s: Double) -> String {
        guard s.isFinite else { return number(s) }
        return s < 100 ? String(format: "%.1f s", s) : "\(Int(min(s, 1e9) / 60)) min"
    }

    private static func minus(_ text: String) -> String { text.replacingOccurrences(of: "-", with: "−") }

    /// `tooStrong` as "too strong".
    static func spaced(_ name: String) -> String {
        var out = ""
        for c in name {
            if c.isUppercase, let last = out.last, last.isLowercase {
                out += " " + c.lowercased()
            } else {
                out.append(c)
            }
        }
        return out
    }

    /// The cause of a finding as the end of a sentence; `nil` for those that only tell variants apart.
    static func because(_ cause: String) -> String? {
        let phrases = [
            "activation": "because of the activation function", "weights": "because of the size of the weights",
            "signal": "because the signal fades on its way forward", "saturation": "because its units are saturated",
            "capacity": "because it is too small", "time": "because it was trained too briefly",
        ]
        return phrases[cause]
    }

    /// "Vanishing gradient" within a sentence; names such as "R²" and "ReLU" keep their capitals.
    static func lowercasedFirst(_ text: String) -> String {
        guard let first = text.first, text.dropFirst().first?.isLowercase == true else { return text }
        return first.lowercased() + text.dropFirst()
    }

    /// A name that cannot disturb a terminal: without control characters.
    static func safe(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars
        where scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)
            && !(0x202A...0x202E).contains(scalar.value) && !(0x2066...0x2069).contains(scalar.value)
        {
            out.unicodeScalars.append(scalar)
        }
        return out
    }

    static func shortened(_ text: String, _ most: Int) -> String {
        text.count <= most ? text : text.prefix(max(most - 1, 0)) + "…"
    }

    /// For text and attributes of HTML.
    static func html(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
