import Foundation

/// One row of theory / measured / verdict.
public struct Check: Sendable {
    /// Whether a claim stands up to its measurement.
    public enum Verdict: String, Sendable, Encodable {
        case holds
        case contradicted
        /// The interval is too wide to tell; more seeds help.
        case open = "not decided"
    }

    /// What is claimed, in a few words.
    public let claim: String
    /// What theory expects, as text.
    public let theory: String
    /// What was measured, with its interval.
    public let measured: String
    /// What the measurement says of the claim.
    public let verdict: Verdict
    /// The numbers behind the text, where there are some.
    public let expected: Double?
    /// The number that was measured; the mean, where it is over seeds.
    public let value: Double?
    /// Where the mean lies, 99 %; `nil` without chance and for a single run.
    public let interval: ClosedRange<Double>?

    private init(
        _ claim: String, _ theory: String, _ measured: String, _ verdict: Verdict, expected: Double? = nil,
        value: Double? = nil, interval: ClosedRange<Double>? = nil
    ) {
        (self.claim, self.theory, self.measured, self.verdict) = (claim, theory, measured, verdict)
        (self.expected, self.value, self.interval) = (expected, value, interval)
    }

    /// A measurement without chance: it holds when it is within `tolerance` of the theory.
    ///
    /// - Parameter tolerance: from what rounding or the method allows.
    public static func equal(_ claim: String, theory: Double, measured: Double, tolerance: Double) -> Check {
        Check(
            claim, Text.number(theory), Text.number(measured),
            abs(measured - theory) <= tolerance ? .holds : .contradicted,
            expected: theory, value: measured)
    }

    /// A measurement over seeds: it holds when the theory lies in the interval widened by `tolerance`.
    ///
    /// - Parameters:
    ///   - tolerance: how far the theory itself may be off, as for a network that is not infinitely wide.
    ///   - resolution: the widest half interval that says anything; by default a tenth of the theory or the tolerance,
    ///     whichever is more. A wider one leaves the verdict open.
    public static func equal(
        _ claim: String, theory: Double, measured: Estimate, tolerance: Double = 0, resolution: Double? = nil
    ) -> Check {
        let resolution = resolution ?? max(abs(theory) / 10, tolerance)
        let isFar = abs(measured.mean - theory) > measured.halfWidth + tolerance
        let verdict: Verdict =
            !measured.mean.isFinite || isFar ? .contradicted : measured.halfWidth > resolution ? .open : .holds
        return Check(
            claim, Text.number(theory), Text.estimate(measured), verdict, expected: theory, value: measured.mean,
            interval: Self.interval(measured))
    }

    /// The whole interval lies at or above `bound`.
    public static func atLeast(_ claim: String, _ bound: Double, measured: Estimate) -> Check {
        let verdict: Verdict =
            measured.low >= bound ? .holds : !measured.mean.isFinite || measured.high < bound ? .contradicted : .open
        return Check(
            claim, "≥ \(Text.number(bound))", Text.estimate(measured), verdict, expected: bound, value: measured.mean,
            interval: Self.interval(measured))
    }

    /// The whole interval lies at or below `bound`.
    public static func atMost(_ claim: String, _ bound: Double, measured: Estimate) -> Check {
        let verdict: Verdict =
            measured.high <= bound ? .holds : !measured.mean.isFinite || measured.low > bound ? .contradicted : .open
        return Check(
            claim, "≤ \(Text.number(bound))", Text.estimate(measured), verdict, expected: bound, value: measured.mean,
            interval: Self.interval(measured))
    }

    /// Without chance: at or below `bound`.
    public static func atMost(_ claim: String, _ bound: Double, measured: Double) -> Check {
        Check(
            claim, "≤ \(Text.number(bound))", Text.number(measured), measured <= bound ? .holds : .contradicted,
            expected: bound, value: measured)
    }

    /// Something that is so or not, without chance.
    public static func isTrue(_ claim: String, theory: String, measured: String, _ holds: Bool) -> Check {
        Check(claim, theory, measured, holds ? .holds : .contradicted)
    }

    private static func interval(_ e: Estimate) -> ClosedRange<Double>? {
        e.low.isFinite && e.high.isFinite ? e.low...e.high : nil
    }
}

/// Numbers as people read them.
public enum Text {
    /// About four digits that count: 0.1234, 1.2×10⁻⁹.
    public static func number(_ x: Double) -> String {
        if x.isNaN { return "not a number" }
        if x.isInfinite { return x < 0 ? "−∞" : "∞" }
        if x == 0 { return "0" }
        if x == x.rounded(), abs(x) < 1e6 { return minus(String(format: "%.0f", x)) }
        if abs(x) >= 1e5 || abs(x) < 1e-3 {
            let parts = String(format: "%.2e", x).split(separator: "e")
            guard parts.count == 2, let exponent = Int(parts[1]) else { return "\(x)" }
            return minus(String(parts[0])) + "×" + power(exponent)
        }
        return minus(String(format: abs(x) >= 1000 ? "%.0f" : "%.4g", x))
    }

    /// A number that somebody chose, without digits that say nothing: 0.05, 10⁻⁶.
    public static func short(_ x: Double) -> String {
        let exponent = log10(abs(x))
        let isPower = x > 0 && exponent == exponent.rounded() && !(1e-3..<1e6 ~= x)
        return isPower ? power(Int(exponent)) : number(x)
    }

    /// With so many digits after the point.
    public static func fixed(_ x: Double, _ digits: Int) -> String {
        x.isFinite ? minus(String(format: "%.\(digits)f", x)) : number(x)
    }

    /// A share of 1 in per cent: 0.123 is 12.3 %.
    public static func percent(_ share: Double, digits: Int = 1) -> String { fixed(100 * share, digits) + " %" }

    /// 10⁻⁹.
    public static func power(_ exponent: Int) -> String {
        let digits = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
        let raised = String(exponent.magnitude).compactMap { $0.wholeNumberValue.map { digits[$0] } }
        return exponent == 0 ? "1" : exponent == 1 ? "10" : "10" + (exponent < 0 ? "⁻" : "") + String(raised)
    }

    /// 0.123 ± 0.004, with the digits that the interval leaves.
    public static func estimate(_ e: Estimate) -> String {
        guard e.values.count > 1 else { return number(e.mean) + " (one run)" }
        guard e.halfWidth > 1e-5 * abs(e.mean), e.halfWidth.isFinite, e.mean != 0 else { return number(e.mean) }
        let size = max(abs(e.mean), e.halfWidth)
        let exponent = Int(Foundation.log10(size).rounded(.down))
        let spread = Int(Foundation.log10(e.halfWidth).rounded(.down))
        // Two digits of the interval; six of the mean at most.
        let digits = min(6, max(1, exponent - spread + 1))
        if exponent >= 5 || exponent < -3 {
            let unit = pow(10, Double(exponent))
            return
                "(\(fixed(e.mean / unit, digits))\u{A0}±\u{A0}\(fixed(e.halfWidth / unit, digits)))×\(power(exponent))"
        }
        let places = max(0, digits - exponent)
        return "\(fixed(e.mean, places))\u{A0}±\u{A0}\(fixed(e.halfWidth, places))"
    }

    private static func minus(_ text: String) -> String { text.replacingOccurrences(of: "-", with: "−") }
}
