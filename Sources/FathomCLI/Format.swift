import Fathom

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Numbers as people read them, and as JSON.
enum Format {
    /// So many digits after the point.
    static func fixed(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
        let scale = pow(10, Double(digits))
        let scaled = (abs(value) * scale).rounded()
        let whole = Int64(scaled / scale)
        let rest = Int64(scaled) - whole * Int64(scale)
        let fraction = String(rest)
        let sign = value < 0 && scaled > 0 ? "-" : ""
        return digits == 0
            ? "\(sign)\(Int64(scaled))"
            : "\(sign)\(whole)." + String(repeating: "0", count: max(0, digits - fraction.count)) + fraction
    }

    /// About four digits that count.
    static func brief(_ value: Double) -> String {
        let size = abs(value)
        if value == 0 { return "0" }
        if !value.isFinite { return "\(value)" }
        if size >= 1e7 || size < 1e-4 {
            let exponent = Int(log10(size).rounded(.down))
            return fixed(value / pow(10, Double(exponent)), 2) + "e\(exponent)"
        }
        return fixed(value, size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 3 : 4)
    }

    /// 12.3k, 4.56M.
    static func count(_ value: Double) -> String {
        if value >= 1e6 { return fixed(value / 1e6, 2) + "M" }
        if value >= 1e4 { return fixed(value / 1e3, 1) + "k" }
        return fixed(value, 0)
    }

    static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite else { return "?" }
        if seconds < 60 { return fixed(seconds, seconds < 10 ? 1 : 0) + " s" }
        let whole = Int(min(seconds, 1e9))
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }

    /// A JSON string literal.
    static func json(_ text: String) -> String { StrictJSON.literal(text) }

    /// A JSON number; `null` for what JSON cannot say.
    static func json(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }

    /// A name that cannot disturb a terminal.
    static func safe(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars where scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value) {
            out.unicodeScalars.append(scalar)
        }
        return out
    }
}
