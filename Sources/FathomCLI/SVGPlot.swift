import Foundation

/// A line plot as SVG, to look well on a slide: ticks at round numbers, a grid, a legend, and colours that follow the
/// reader's light or dark setting.
struct SVGPlot {
    struct Series {
        var name: String
        var points: [(x: Double, y: Double)]
        var isDashed = false
    }

    var title: String
    var subtitle = ""
    var xLabel = ""
    var yLabel = ""
    var series: [Series] = []
    /// Powers of ten on the vertical axis; points that are not positive are left out.
    var isLogarithmic = false
    var width = 760.0
    var height = 440.0
    /// The part of the vertical axis to show; what the points need when `nil`.
    var yRange: ClosedRange<Double>?

    /// Steps of 1, 2 or 5 times a power of ten that cut a range into about `count` parts.
    static func ticks(_ range: ClosedRange<Double>, count: Int = 6) -> [Double] {
        let span = range.upperBound - range.lowerBound
        guard span > 0, span.isFinite else { return [range.lowerBound] }
        let raw = span / Double(max(count, 1))
        let power = pow(10, floor(log10(raw)))
        let step = ([1, 2, 5].first { $0 * power >= raw * 0.999 } ?? 10) * power
        let first = Int((range.lowerBound / step - 1e-9).rounded(.up))
        let last = Int((range.upperBound / step + 1e-9).rounded(.down))
        return first <= last ? (first...last).map { Double($0) * step } : [range.lowerBound]
    }

    static func label(_ x: Double) -> String {
        if x == 0 { return "0" }
        let text = abs(x) >= 1e5 || abs(x) < 1e-3 ? String(format: "%.0e", x) : String(format: "%.6g", x)
        return text.replacingOccurrences(of: "-", with: "−")
    }

    private static func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;")
    }

    /// The whole document.
    var svg: String {
        let shown = series.map { s in
            var kept = s
            kept.points = s.points.filter { $0.x.isFinite && $0.y.isFinite && (!isLogarithmic || $0.y > 0) }
            if isLogarithmic { kept.points = kept.points.map { ($0.x, log10($0.y)) } }
            return kept
        }
        let xs = shown.flatMap { $0.points.map(\.x) }
        let ys = shown.flatMap { $0.points.map(\.y) }
        let xRange = Self.padded(xs.min() ?? 0, xs.max() ?? 1, by: 0)
        let yRange = yRange ?? Self.padded(ys.min() ?? 0, ys.max() ?? 1, by: 0.06)
        let (left, right, top, bottom) = (
            yLabel.isEmpty ? 56.0 : 76.0, 24.0, (subtitle.isEmpty ? 56.0 : 76.0) + (hasLegendRow ? 24 : 0),
            xLabel.isEmpty ? 40.0 : 60.0
        )
        func px(_ x: Double) -> Double {
            left + (x - xRange.lowerBound) / (xRange.upperBound - xRange.lowerBound) * (width - left - right)
        }
        func py(_ y: Double) -> Double {
            height - bottom - (y - yRange.lowerBound) / (yRange.upperBound - yRange.lowerBound)
                * (height - top - bottom)
        }
        func n(_ x: Double) -> String { String(format: "%.1f", x) }

        var out = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(n(width)) \(n(height))" width="\(n(width))" height="\(n(height))" role="img">
            <title>\(Self.escaped(title))</title>
            <style>
            \(Self.style)
            </style>
            <rect class="ground" width="100%" height="100%" rx="8"/>
            <text class="title" x="\(n(left))" y="32">\(Self.escaped(title))</text>

            """
        if !subtitle.isEmpty {
            out += "<text class=\"quiet\" x=\"\(n(left))\" y=\"53\">\(Self.escaped(subtitle))</text>\n"
        }
        let yTicks = isLogarithmic ? Self.decades(yRange) : Self.ticks(yRange)
        for y in yTicks {
            out +=
                "<line class=\"grid\(y == 0 && !isLogarithmic ? " zero" : "")\" x1=\"\(n(left))\" x2=\"\(n(width - right))\" y1=\"\(n(py(y)))\" y2=\"\(n(py(y)))\"/>\n"
            let text = isLogarithmic ? "10<tspan dy=\"-6\" font-size=\"10\">\(Self.label(y))</tspan>" : Self.label(y)
            out +=
                "<text class=\"quiet\" x=\"\(n(left - 10))\" y=\"\(n(py(y) + 4))\" text-anchor=\"end\">\(text)</text>\n"
        }
        for x in Self.ticks(xRange, count: 8) {
            out +=
                "<line class=\"grid\(x == 0 && xRange.lowerBound < 0 ? " zero" : "")\" x1=\"\(n(px(x)))\" x2=\"\(n(px(x)))\" y1=\"\(n(top))\" y2=\"\(n(height - bottom))\"/>\n"
            out +=
                "<text class=\"quiet\" x=\"\(n(px(x)))\" y=\"\(n(height - bottom + 20))\" text-anchor=\"middle\">\(Self.label(x))</text>\n"
        }
        if !xLabel.isEmpty {
            out +=
                "<text class=\"quiet\" x=\"\(n((left + width - right) / 2))\" y=\"\(n(height - 16))\" text-anchor=\"middle\">\(Self.escaped(xLabel))</text>\n"
        }
        if !yLabel.isEmpty {
            let middle = (top + height - bottom) / 2
            out +=
                "<text class=\"quiet\" transform=\"translate(20 \(n(middle))) rotate(-90)\" text-anchor=\"middle\">\(Self.escaped(yLabel))</text>\n"
        }
        out +=
            "<clipPath id=\"area\"><rect x=\"\(n(left))\" y=\"\(n(top - 2))\" width=\"\(n(width - left - right))\" height=\"\(n(height - top - bottom + 4))\"/></clipPath>\n"
        for (i, s) in shown.enumerated() where !s.points.isEmpty {
            let path = s.points.enumerated().map {
                "\($0 == 0 ? "M" : "L")\(n(px($1.x))) \(n(min(max(py($1.y), -5000), 5000)))"
            }.joined(separator: " ")
            out +=
                "<path class=\"line c\(i % 8)\" clip-path=\"url(#area)\"\(s.isDashed ? " stroke-dasharray=\"7 5\"" : "") d=\"\(path)\"/>\n"
        }
        // The legend stands beside the title, or on a row of its own where it is long.
        let legendTop = hasLegendRow ? (subtitle.isEmpty ? 56.0 : 78.0) : 32.0
        var x = hasLegendRow ? left : width - right - legendWidth
        for (i, s) in shown.enumerated() where !s.name.isEmpty {
            out +=
                "<line class=\"line c\(i % 8)\"\(s.isDashed ? " stroke-dasharray=\"7 5\"" : "") x1=\"\(n(x))\" x2=\"\(n(x + 22))\" y1=\"\(n(legendTop - 4))\" y2=\"\(n(legendTop - 4))\"/>\n"
            out += "<text class=\"name\" x=\"\(n(x + 30))\" y=\"\(n(legendTop))\">\(Self.escaped(s.name))</text>\n"
            x += Self.legendWidth(s.name)
        }
        return out + "</svg>\n"
    }

    private static func legendWidth(_ name: String) -> Double { name.isEmpty ? 0 : 48 + 7.6 * Double(name.count) }
    private var legendWidth: Double { series.reduce(0) { $0 + Self.legendWidth($1.name) } }
    private var hasLegendRow: Bool { legendWidth + 10.5 * Double(title.count) + 120 > width }

    private static func padded(_ low: Double, _ high: Double, by share: Double) -> ClosedRange<Double> {
        if low == high { return (low - 0.5)...(high + 0.5) }
        return (low - share * (high - low))...(high + share * (high - low))
    }

    /// Whole exponents, thinned to at most eight.
    private static func decades(_ range: ClosedRange<Double>) -> [Double] {
        let (first, last) = (Int(range.lowerBound.rounded(.up)), Int(range.upperBound.rounded(.down)))
        guard first <= last else { return [range.lowerBound.rounded()] }
        let step = max(1, (last - first + 7) / 8)
        return stride(from: first, through: last, by: step).map(Double.init)
    }

    private static let light = ["#1f6feb", "#d9480f", "#2b8a3e", "#9c36b5", "#0b7285", "#c2255c", "#946200", "#495057"]
    private static let dark = ["#6ea8fe", "#ff922b", "#69db7c", "#da77f2", "#3bc9db", "#f783ac", "#ffd43b", "#ced4da"]

    private static var style: String {
        func colours(_ set: [String]) -> String {
            set.enumerated().map { ".c\($0){stroke:\($1)}" }.joined()
        }
        return """
            text{font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;font-size:13px;fill:#1b1f24}
            .title{font-size:18px;font-weight:600}.quiet{fill:#57606a}.ground{fill:#ffffff}
            .grid{stroke:#d8dee4;stroke-width:1}.zero{stroke:#8c959f}
            .line{fill:none;stroke-width:2.5;stroke-linejoin:round;stroke-linecap:round}
            \(colours(light))
            @media (prefers-color-scheme: dark){text{fill:#e6edf3}.quiet{fill:#9198a1}.ground{fill:#0d1117}.grid{stroke:#262c34}.zero{stroke:#6e7681}
            \(colours(dark))}
            """
    }
}
