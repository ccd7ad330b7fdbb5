/// Decimal numbers as data files write them, and nothing else.
///
///     number := [sign] (digits ['.' [digits]] | '.' digits) [('e'|'E') [sign] digits]
///
/// Swift's own `Float(_:)` also takes "nan", "0x1.8p1" and "1\0".
package enum StrictFloat {
    /// What a text is.
    package enum Result: Equatable {
        /// A number, rounded to the nearest Float.
        case value(Float)
        /// A number too large for Float.
        case outOfRange
        /// Not a number.
        case invalid
    }

    /// Parses the bytes of `range`, which must lie within `bytes`.
    package static func parse(_ bytes: RawSpan, _ range: Range<Int>) -> Result {
        var position = range.lowerBound
        func byte() -> UInt8 { position < range.upperBound ? bytes.uint8(at: position) ?? 0 : 0 }
        func digit() -> UInt64? {
            let value = byte() &- 0x30
            return value < 10 ? UInt64(value) : nil
        }
        let isNegative = byte() == UInt8(ascii: "-")
        if isNegative || byte() == UInt8(ascii: "+") { position += 1 }

        var mantissa: UInt64 = 0
        var digits = 0
        var decimals = 0
        // Leading zeros do not count, so that 0.0001234 stays on the fast way below.
        var significant = 0
        func take(_ value: UInt64) {
            digits += 1
            if significant > 0 || value > 0 { significant += 1 }
            if significant <= 18 { mantissa = mantissa * 10 + value }
            position += 1
        }
        while let value = digit() { take(value) }
        if byte() == UInt8(ascii: "."), position < range.upperBound {
            position += 1
            let before = digits
            while let value = digit() { take(value) }
            decimals = digits - before
        }
        guard digits > 0 else { return .invalid }
        var exponent = 0
        if byte() | 0x20 == UInt8(ascii: "e"), position < range.upperBound {
            position += 1
            let isNegativeExponent = byte() == UInt8(ascii: "-")
            if isNegativeExponent || byte() == UInt8(ascii: "+") { position += 1 }
            let start = position
            while let value = digit() {
                // Past this any non-zero number is out of range one way or the other.
                exponent = min(exponent * 10 + Int(value), 100_000_000)
                position += 1
            }
            guard position > start else { return .invalid }
            if isNegativeExponent { exponent = -exponent }
        }
        guard position == range.upperBound else { return .invalid }

        // Both factors are exact in Float, so one multiplication or division rounds once and correctly.
        let power = exponent - decimals
        if significant <= 18, mantissa <= 1 << 24, power >= -10, power <= 10 {
            let scale = powersOfTen[abs(power)]
            let value = power < 0 ? Float(mantissa) / scale : Float(mantissa) * scale
            return .value(isNegative ? -value : value)
        }
        let text = bytes.extracting(range).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        guard let value = Float(text) else { return .invalid }
        return value.isFinite ? .value(value) : .outOfRange
    }

    private static let powersOfTen: [Float] = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10]
}
