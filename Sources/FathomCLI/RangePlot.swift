import Fathom

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A range test as a picture: the loss over the rate on a logarithmic axis, the suggestion marked.
struct RangePlot {
    let test: RangeTest

    init(_ test: RangeTest) { self.test = test }

    var svg: String {
        let points = test.points.filter(\.loss.isFinite)
        let (width, height, left, bottom, top) = (640.0, 360.0, 60.0, 44.0, 20.0)
        // Losses far above the start say only that the sweep diverged.
        let first = points.first?.loss ?? 1
        let low = points.map(\.loss).min() ?? 0
        let high = max(min(points.map(\.loss).max() ?? 1, first + 2 * abs(first - low) + 1e-9), low + 1e-9)
        let (a, b) = (log10(test.lowest), log10(test.highest))
        func x(_ rate: Double) -> Double { left + (log10(rate) - a) / (b - a) * (width - left - 20) }
        func y(_ loss: Double) -> Double { top + (high - min(loss, high)) / (high - low) * (height - top - bottom) }
        func n(_ value: Double) -> String { Format.fixed(value, 1) }
        var out = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360" font-family="sans-serif" font-size="12">
            <rect width="640" height="360" fill="white"/>

            """
        for exponent in Int(a.rounded(.up))...max(Int(a.rounded(.up)), Int(b.rounded(.down))) {
            let px = n(x(pow(10, Double(exponent))))
            out += "<line x1=\"\(px)\" y1=\"\(n(top))\" x2=\"\(px)\" y2=\"\(n(height - bottom))\" stroke=\"#ddd\"/>\n"
            out += "<text x=\"\(px)\" y=\"\(n(height - bottom + 16))\" text-anchor=\"middle\">1e\(exponent)</text>\n"
        }
        for part in 0...4 {
            let loss = low + (high - low) * Double(part) / 4
            out += "<line x1=\"\(n(left))\" y1=\"\(n(y(loss)))\" x2=\"620\" y2=\"\(n(y(loss)))\" stroke=\"#eee\"/>\n"
            out +=
                "<text x=\"\(n(left - 6))\" y=\"\(n(y(loss) + 4))\" text-anchor=\"end\">\(Format.brief(loss))</text>\n"
        }
        let line = points.map { "\(n(x($0.rate))),\(n(y($0.loss)))" }.joined(separator: " ")
        out += "<polyline fill=\"none\" stroke=\"#1f6feb\" stroke-width=\"1.5\" points=\"\(line)\"/>\n"
        if let rate = test.suggestion?.rate {
            out += "<line x1=\"\(n(x(rate)))\" y1=\"\(n(top))\" x2=\"\(n(x(rate)))\" y2=\"\(n(height - bottom))\" "
            out += "stroke=\"#cf222e\" stroke-dasharray=\"4 3\"/>\n"
            out += "<text x=\"\(n(x(rate) + 4))\" y=\"\(n(top + 12))\" fill=\"#cf222e\">\(Format.brief(rate))</text>\n"
        }
        out += "<text x=\"340\" y=\"352\" text-anchor=\"middle\">learning rate</text>\n"
        out += "<text x=\"14\" y=\"170\" text-anchor=\"middle\" transform=\"rotate(-90 14 170)\">loss</text>\n</svg>\n"
        return out
    }
}
