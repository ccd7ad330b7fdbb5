import Foundation

extension Chart {
    /// An `svg` element for a page whose style contains ``style``.
    ///
    /// - Parameter id: makes names inside the element different from those of other pictures of the page.
    public func svg(id: String) -> String { Drawing(self).svg(id: id) }

    /// A whole document: the charts side by side in rows, with their colours.
    public static func document(_ charts: [Chart], title: String) -> String {
        let columns = charts.count == 1 ? 1 : min(charts.count, charts.allSatisfy { $0.size == .small } ? 3 : 2)
        let cell = charts.map(\.size.extent).reduce((width: 0.0, height: 0.0)) {
            (max($0.width, $1.width), max($0.height, $1.height))
        }
        let rows = (charts.count + columns - 1) / columns
        let (width, height) = (cell.width * Double(columns), cell.height * Double(rows) + 34)
        var out = """
            <svg xmlns="http://www.w3.org/2000/svg" class="document" viewBox="0 0 \(Drawing.n(width)) \(Drawing.n(height))" \
            width="\(Drawing.n(width * 1.5))" height="\(Drawing.n(height * 1.5))" role="img">
            <title>\(Drawing.escaped(title))</title>
            <style>
            \(variables)
            svg text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
            .ground{fill:var(--panel)}
            \(style)
            </style>
            <rect class="ground" width="100%" height="100%"/>
            <text class="heading" x="14" y="24">\(Drawing.escaped(title))</text>

            """
        for (i, chart) in charts.enumerated() {
            let (w, h) = chart.size.extent
            let (x, y) = (Double(i % columns) * cell.width, Double(i / columns) * cell.height + 34)
            out +=
                "<svg x=\"\(Drawing.n(x))\" y=\"\(Drawing.n(y))\" width=\"\(Drawing.n(w))\" height=\"\(Drawing.n(h))\""
            out += chart.svg(id: "c\(i)").dropFirst("<svg".count)
        }
        return out + "</svg>\n"
    }

    /// The colours: told apart with any colour vision, and legible on either ground.
    private static let variables = """
        :root{--panel:#fff;--ink:#1b2430;--quiet:#5b6775;--grid:#ebecea;\
        --c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b8488f;--c4:#b98500;--c5:#56a0d3}
        @media (prefers-color-scheme:dark){:root{--panel:#1a2027;--ink:#e5e9ed;--quiet:#98a4b0;--grid:#262d35;\
        --c0:#56b4e9;--c1:#f08a4b;--c2:#3fc99f;--c3:#dd8fc0;--c4:#e0b64a;--c5:#9fd3f5}}
        """

    /// What a page needs to show charts; colours are its variables `--ink`, `--quiet`, `--grid`, `--panel`, `--c0` … `--c5`.
    public static let style = """
        .chart text{font-size:15px;fill:var(--quiet)}.chart .name{fill:var(--ink)}
        .chart .title,.heading{font-size:16px;font-weight:620;fill:var(--ink)}
        .chart .grid{stroke:var(--grid);stroke-width:1}.chart .zero{stroke:var(--quiet);stroke-width:1}
        .chart .line{fill:none;stroke:var(--k,var(--ink));stroke-width:2.4;stroke-linejoin:round;stroke-linecap:round}
        .chart .dashed{stroke-dasharray:7 5}.chart .dotted{stroke-dasharray:2 4;stroke-width:1.6}
        .chart .band{fill:var(--k);opacity:.2;stroke:none}.chart .dot{fill:var(--k,var(--ink));stroke:var(--panel);stroke-width:.8}
        .heat .dot{stroke:#fff;stroke-width:1.2}
        .chart .bar{fill:var(--k);opacity:.6}.chart .thin{fill:none;stroke:var(--quiet);stroke-width:.9;opacity:.6}
        .chart .rule{stroke:var(--ink);stroke-width:1.4;stroke-dasharray:2 4}.chart .cell{stroke:none}
        .chart .halo{paint-order:stroke;stroke:var(--panel);stroke-width:3.5px;stroke-linejoin:round}
        .chart .k0{--k:var(--c0)}.chart .k1{--k:var(--c1)}.chart .k2{--k:var(--c2)}.chart .k3{--k:var(--c3)}
        .chart .k4{--k:var(--c4)}.chart .k5{--k:var(--c5)}.chart .k6{--k:var(--ink)}.chart .k7{--k:var(--quiet)}
        """
}

/// Where everything goes.
private struct Drawing {
    let chart: Chart
    let width, height: Double
    let plot: (left: Double, right: Double, top: Double, bottom: Double)
    let xs, ys: ClosedRange<Double>
    let heat: Chart.Heat?
    let legendRows: [[(offset: Double, entry: Int)]]
    let isSlanted: Bool

    static func n(_ x: Double) -> String {
        let text = String(format: "%.1f", x)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
    func n(_ x: Double) -> String { Self.n(x) }

    static func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
    }

    /// Three digits at most, for narrow places.
    private static func short(_ x: Double) -> String { Text.number(Double(String(format: "%.2g", x)) ?? x) }

    /// About how long a text is in 15 px letters.
    private static func length(_ text: String) -> Double { 7.7 * Double(text.count) }

    init(_ chart: Chart) {
        self.chart = chart
        (width, height) = chart.size.extent
        heat = chart.marks.lazy.compactMap { if case .heat(let heat) = $0.shape { heat } else { nil } }.first
        (xs, ys) = (Self.range(chart, { x, _ in x }, chart.x), Self.range(chart, { _, y in y }, chart.y))
        let ticks = Self.ticks(ys, chart.y)
        let labels = chart.y.isHidden ? [] : ticks.map { Self.label($0, chart.y, all: ticks) }
        let labelWidth = labels.map(Self.length).max() ?? 0
        let left = max(14, labelWidth + 12 + (chart.y.label.isEmpty ? 0 : 22))
        let right = width - (heat.map { $0.label.isEmpty ? 12 : 76 } ?? 14)
        // The legend in rows as wide as the picture.
        var rows: [[(offset: Double, entry: Int)]] = []
        var x = Double.infinity
        for (i, entry) in chart.legend.enumerated() {
            let needed = 30 + Self.length(entry.name) + 16
            if x + needed > width - 20 {
                rows.append([])
                x = 0
            }
            rows[rows.count - 1].append((x, i))
            x += needed
        }
        legendRows = rows
        let top = 13.0 + (chart.title.isEmpty ? 0 : 23) + 22 * Double(rows.count)
        // Names that do not fit side by side stand at a slant.
        let widest = chart.x.categories.map(Self.length).max() ?? 0
        isSlanted = widest + 6 > (right - left) / Double(max(chart.x.categories.count, 1))
        let below = chart.x.isHidden ? 8 : isSlanted ? 26 + 0.68 * widest : 28
        plot = (left, right, top, height - below - (chart.x.label.isEmpty ? 0 : 21))
    }

    // MARK: Scales

    /// What the marks reach along an axis, in its scale; with a little room where there are lines.
    private static func range(
        _ chart: Chart, _ pick: (Double, Double) -> Double, _ axis: Chart.Axis
    ) -> ClosedRange<Double> {
        func scaled(_ v: Double) -> Double? {
            guard v.isFinite else { return nil }
            return axis.scale == .linear ? v : v > 0 ? log10(v) : nil
        }
        if let range = axis.range, let a = scaled(range.lowerBound), let b = scaled(range.upperBound), b > a {
            return a...b
        }
        var values: [Double] = []
        var isTight = false
        for mark in chart.marks {
            switch mark.shape {
            case .line(let points, _), .dots(let points, _), .arrows(let points):
                values += points.filter { $0.0.isFinite && $0.1.isFinite }.compactMap { scaled(pick($0.0, $0.1)) }
            case .band(let points):
                values += points.flatMap { [scaled(pick($0.0, $0.1)), scaled(pick($0.0, $0.2))] }.compactMap { $0 }
            case .bars(let bars, _):
                values += bars.flatMap { [scaled(pick($0.0, 0)), scaled(pick($0.1, $0.2))] }.compactMap { $0 }
            case .thin(let lines):
                values += lines.flatMap { $0 }.compactMap { scaled(pick($0.0, $0.1)) }
                isTight = true
            case .heat(let heat):
                for (x, y) in [(heat.xs.first, heat.ys.first), (heat.xs.last, heat.ys.last)] {
                    if let x, let y, let v = scaled(pick(x, y)) { values.append(v) }
                }
                isTight = true
            case .horizontal(let v): if pick(0, 1) == 1, let s = scaled(v) { values.append(s) }
            case .vertical(let v): if pick(1, 0) == 1, let s = scaled(v) { values.append(s) }
            case .label: break
            }
        }
        let (low, high) = (values.min() ?? 0, values.max() ?? 1)
        if low == high { return (low - 0.5)...(high + 0.5) }
        let room = isTight ? 0 : 0.04 * (high - low)
        // Bars stand on the ground.
        let isGrounded = chart.marks.contains { if case .bars = $0.shape { true } else { false } } && low == 0
        return (isGrounded ? 0 : low - room)...(high + room)
    }

    /// In the axis' scale.
    private static func ticks(_ range: ClosedRange<Double>, _ axis: Chart.Axis, count: Int = 5) -> [Double] {
        if !axis.categories.isEmpty {
            return axis.categories.indices.map(Double.init).filter { range.contains($0) }
        }
        let span = range.upperBound - range.lowerBound
        guard span > 0, span.isFinite else { return [range.lowerBound] }
        let raw = span / Double(count)
        let power = pow(10, floor(log10(raw)))
        var step = ([1, 2, 5].first { $0 * power >= raw * 0.999 } ?? 10) * power
        if axis.scale == .logarithmic { step = max(1, step.rounded()) }
        var ticks: [Double] = []
        var k = (range.lowerBound / step - 1e-9).rounded(.up)
        while k * step <= range.upperBound + step * 1e-9, ticks.count < 40 {
            ticks.append(k * step)
            k += 1
        }
        // A logarithmic axis of less than a decade or two.
        if axis.scale == .logarithmic, ticks.count < 2 {
            let values = (-12...12).flatMap { e in [1.0, 2, 5].map { log10($0) + Double(e) } }
            ticks = values.filter { range.contains($0) }
        }
        return ticks
    }

    private static func label(_ tick: Double, _ axis: Chart.Axis, all: [Double]) -> String {
        if !axis.categories.isEmpty {
            let i = Int(tick)
            return axis.categories.indices.contains(i) ? axis.categories[i] : ""
        }
        guard axis.scale == .logarithmic else { return Text.number(abs(tick) < 1e-9 ? 0 : tick) }
        // Powers of ten where numbers would be long.
        let isPower = abs(tick - tick.rounded()) < 1e-9
        let isLong = (all.last ?? 0) > 4 || (all.first ?? 0) < -3
        return isPower && isLong
            ? Text.power(Int(tick.rounded())) : Text.number(Double(String(format: "%.3g", pow(10, tick))) ?? 0)
    }

    private func scale(_ v: Double, _ axis: Chart.Axis) -> Double? {
        guard v.isFinite else { return nil }
        return axis.scale == .linear ? v : v > 0 ? log10(v) : nil
    }
    private func px(_ v: Double) -> Double? { scale(v, chart.x).map(place(x:)) }
    private func py(_ v: Double) -> Double? { scale(v, chart.y).map(place(y:)) }
    private func place(x s: Double) -> Double {
        plot.left + (s - xs.lowerBound) / (xs.upperBound - xs.lowerBound) * (plot.right - plot.left)
    }
    private func place(y s: Double) -> Double {
        plot.bottom - (s - ys.lowerBound) / (ys.upperBound - ys.lowerBound) * (plot.bottom - plot.top)
    }
    private func point(_ p: (Double, Double)) -> (x: Double, y: Double)? {
        guard let x = px(p.0), let y = py(p.1) else { return nil }
        // Far outside is as good as outside, and SVG readers dislike huge numbers.
        return (min(max(x, -4000), 5000), min(max(y, -4000), 5000))
    }

    /// Runs of points that are there.
    private func runs(_ points: [(Double, Double)]) -> [[(x: Double, y: Double)]] {
        var runs: [[(x: Double, y: Double)]] = [[]]
        for p in points {
            if let at = point(p) {
                runs[runs.count - 1].append(at)
            } else if runs.last?.isEmpty == false {
                runs.append([])
            }
        }
        return runs.filter { !$0.isEmpty }
    }

    private func path(_ points: [(x: Double, y: Double)]) -> String {
        points.enumerated().map { "\($0 == 0 ? "M" : "L")\(n($1.x)) \(n($1.y))" }.joined()
    }

    // MARK: Drawing

    func svg(id: String) -> String {
        var out =
            "<svg class=\"chart\(heat == nil ? "" : " heat")\" viewBox=\"0 0 \(n(width)) \(n(height))\" role=\"img\""
        out += " aria-label=\"\(Self.escaped(label))\">\n"
        out += "<clipPath id=\"\(id)\"><rect x=\"\(n(plot.left))\" y=\"\(n(plot.top - 2))\" "
        out += "width=\"\(n(plot.right - plot.left))\" height=\"\(n(plot.bottom - plot.top + 4))\"/></clipPath>\n"
        if !chart.title.isEmpty {
            out += "<text class=\"title\" x=\"14\" y=\"20\">\(Self.escaped(chart.title))</text>\n"
        }
        out += legend
        let isHeat = heat != nil
        if isHeat { out += marks(id) + axes(hasGrid: false) } else { out += axes(hasGrid: true) + marks(id) }
        return out + "</svg>\n"
    }

    /// For readers who do not see it.
    private var label: String {
        [chart.title, [chart.y.label, chart.x.label].filter { !$0.isEmpty }.joined(separator: " over ")]
            .filter { !$0.isEmpty }.joined(separator: ": ")
    }

    private var legend: String {
        var out = ""
        for (r, row) in legendRows.enumerated() {
            let y = 16 + (chart.title.isEmpty ? 0 : 23) + 22 * Double(r)
            for (offset, i) in row {
                let entry = chart.legend[i]
                let color = entry.color.map { " k\($0)" } ?? ""
                let x = 14 + offset
                if entry.isDot {
                    out += "<circle class=\"dot\(color)\" cx=\"\(n(x + 11))\" cy=\"\(n(y - 5))\" r=\"4.5\"/>"
                } else {
                    let style = entry.style == .solid ? "" : entry.style == .dashed ? " dashed" : " dotted"
                    out += "<path class=\"line\(style)\(color)\" d=\"M\(n(x)) \(n(y - 5))h22\"/>"
                }
                out += "<text class=\"name\" x=\"\(n(x + 29))\" y=\"\(n(y))\">\(Self.escaped(entry.name))</text>\n"
            }
        }
        return out
    }

    private func axes(hasGrid: Bool) -> String {
        var out = ""
        if !chart.y.isHidden {
            let ticks = Self.ticks(ys, chart.y)
            for t in ticks {
                let y = place(y: t)
                if hasGrid {
                    let isZero = t == 0 && chart.y.scale == .linear && chart.y.categories.isEmpty
                    out +=
                        "<line class=\"grid\(isZero ? " zero" : "")\" x1=\"\(n(plot.left))\" x2=\"\(n(plot.right))\" "
                    out += "y1=\"\(n(y))\" y2=\"\(n(y))\"/>"
                }
                out += "<text x=\"\(n(plot.left - 7))\" y=\"\(n(y + 5))\" text-anchor=\"end\">"
                out += "\(Self.escaped(Self.label(t, chart.y, all: ticks)))</text>\n"
            }
        }
        if !chart.x.isHidden {
            let wanted = chart.size == .small ? 4 : 6
            let ticks = Self.ticks(xs, chart.x, count: wanted)
            let labels = ticks.map { Self.label($0, chart.x, all: ticks) }
            // Names that would run into each other are thinned out.
            let room = (plot.right - plot.left) / Double(max(ticks.count, 1))
            let widest = labels.map(Self.length).max() ?? 0
            let every = max(1, Int((widest + 6) / max(room, 1)) + (widest + 6 > room ? 1 : 0))
            for (i, t) in ticks.enumerated() {
                let x = place(x: t)
                if hasGrid, chart.x.categories.isEmpty {
                    let isZero = t == 0 && chart.x.scale == .linear && xs.lowerBound < 0
                    out += "<line class=\"grid\(isZero ? " zero" : "")\" x1=\"\(n(x))\" x2=\"\(n(x))\" "
                    out += "y1=\"\(n(plot.top))\" y2=\"\(n(plot.bottom))\"/>"
                }
                if isSlanted {
                    out +=
                        "<text transform=\"translate(\(n(x + 4)) \(n(plot.bottom + 16))) rotate(-38)\" text-anchor=\"end\">"
                    out += "\(Self.escaped(labels[i]))</text>\n"
                    continue
                }
                guard i % every == 0 else { continue }
                out +=
                    "<text x=\"\(n(x))\" y=\"\(n(plot.bottom + 20))\" text-anchor=\"middle\">\(Self.escaped(labels[i]))</text>\n"
            }
        }
        if !chart.x.label.isEmpty {
            out += "<text x=\"\(n((plot.left + plot.right) / 2))\" y=\"\(n(height - 7))\" text-anchor=\"middle\">"
            out += "\(Self.escaped(chart.x.label))</text>\n"
        }
        if !chart.y.label.isEmpty {
            let middle = (plot.top + plot.bottom) / 2
            out += "<text transform=\"translate(15 \(n(middle))) rotate(-90)\" text-anchor=\"middle\">"
            out += "\(Self.escaped(chart.y.label))</text>\n"
        }
        return out
    }

    private func marks(_ id: String) -> String {
        var out = "<g clip-path=\"url(#\(id))\">\n"
        var over = ""
        for mark in chart.marks {
            let color = mark.color.map { " k\($0)" } ?? ""
            switch mark.shape {
            case .line(let points, let style):
                let d = runs(points).map(path).joined()
                out += "<path class=\"line\(style == .dashed ? " dashed" : "")\(color)\" d=\"\(d)\"/>\n"
            case .band(let points):
                let upper = points.compactMap { point(($0.0, $0.2)) }
                // On a logarithmic axis an interval may reach down to nothing.
                let floor = pow(10, ys.lowerBound)
                let lower = points.compactMap {
                    point(($0.0, chart.y.scale == .logarithmic && $0.1 <= 0 ? floor : $0.1))
                }
                guard upper.count > 1 else { continue }
                out += "<path class=\"band\(color)\" d=\"\(path(upper + lower.reversed()))Z\"/>\n"
            case .dots(let points, let radius):
                for p in points.compactMap(point) {
                    out += "<circle class=\"dot\(color)\" cx=\"\(n(p.x))\" cy=\"\(n(p.y))\" r=\"\(n(radius))\"/>"
                }
                out += "\n"
            case .bars(let bars, _):
                var d = ""
                for (a, b, h) in bars {
                    guard let x0 = px(a), let x1 = px(b), let y = py(h) else { continue }
                    let base = min(max(py(0) ?? plot.bottom, plot.top), plot.bottom)
                    d += "M\(n(x0)) \(n(base))V\(n(y))H\(n(x1))V\(n(base))Z"
                }
                out += "<path class=\"bar\(color)\" d=\"\(d)\"/>\n"
            case .thin(let lines):
                out += "<path class=\"thin\" d=\"\(lines.flatMap(runs).map(path).joined())\"/>\n"
            case .arrows(let points): out += arrows(points.compactMap(point), color)
            case .horizontal(let v):
                guard let y = py(v) else { continue }
                out += "<path class=\"rule\" d=\"M\(n(plot.left)) \(n(y))H\(n(plot.right))\"/>\n"
            case .vertical(let v):
                guard let x = px(v) else { continue }
                out += "<path class=\"rule\" d=\"M\(n(x)) \(n(plot.top))V\(n(plot.bottom))\"/>\n"
            case .label(let x, let y, let text, let anchor):
                guard let p = point((x, y)) else { continue }
                over += "<text class=\"name halo\" x=\"\(n(p.x))\" y=\"\(n(p.y))\" text-anchor=\"\(anchor.rawValue)\">"
                over += "\(Self.escaped(text))</text>\n"
            case .heat(let heat):
                out += cells(heat)
                over += colorBar(heat)
            }
        }
        return out + "</g>\n" + over
    }

    /// A line whose steps end in arrowheads where they are long enough to be seen.
    private func arrows(_ points: [(x: Double, y: Double)], _ color: String) -> String {
        var out = "<path class=\"line\(color)\" d=\"\(path(points))\"/>\n"
        for (a, b) in zip(points, points.dropFirst()) {
            let (dx, dy) = (b.x - a.x, b.y - a.y)
            let length = (dx * dx + dy * dy).squareRoot()
            guard length > 9 else { continue }
            let (ux, uy) = (dx / length, dy / length)
            let (bx, by) = (b.x - 7 * ux, b.y - 7 * uy)
            out += "<path class=\"dot\(color)\" d=\"M\(n(b.x)) \(n(b.y))L\(n(bx - 3.6 * uy)) \(n(by + 3.6 * ux))"
            out += "L\(n(bx + 3.6 * uy)) \(n(by - 3.6 * ux))Z\"/>"
        }
        return out + "\n"
    }

    private func cells(_ heat: Chart.Heat) -> String {
        var out = "<g shape-rendering=\"crispEdges\">\n"
        for (r, row) in heat.values.enumerated() where r + 1 < heat.ys.count {
            var c = 0
            while c < row.count, c + 1 < heat.xs.count {
                let color = Palette.color(row[c], heat.range, heat.colors)
                let text = r < heat.texts.count && c < heat.texts[r].count ? heat.texts[r][c] : nil
                // Neighbours of one colour are one rectangle.
                var end = c + 1
                while text == nil, end < row.count, end + 1 < heat.xs.count,
                    Palette.color(row[end], heat.range, heat.colors).hex == color.hex
                { end += 1 }
                defer { c = end }
                guard let x0 = px(heat.xs[c]), let x1 = px(heat.xs[end]), let y0 = py(heat.ys[r]),
                    let y1 = py(heat.ys[r + 1])
                else { continue }
                out += "<rect x=\"\(n(x0))\" y=\"\(n(y1))\" width=\"\(n(x1 - x0 + 0.3))\" "
                out += "height=\"\(n(y0 - y1 + 0.3))\" fill=\"\(color.hex)\"/>"
                guard let text else { continue }
                out += "<text x=\"\(n((x0 + x1) / 2))\" y=\"\(n((y0 + y1) / 2 + 5))\" text-anchor=\"middle\" "
                out += "style=\"fill:\(color.isDark ? "#fff" : "#111")\">\(Self.escaped(text))</text>"
            }
            out += "\n"
        }
        return out + "</g>\n"
    }

    private func colorBar(_ heat: Chart.Heat) -> String {
        guard !heat.label.isEmpty else { return "" }
        let (x, steps) = (plot.right + 10, 24)
        let h = (plot.bottom - plot.top) / Double(steps)
        var out = ""
        for k in 0..<steps {
            let share = (Double(k) + 0.5) / Double(steps)
            let value = heat.range.lowerBound + share * (heat.range.upperBound - heat.range.lowerBound)
            out +=
                "<rect x=\"\(n(x))\" y=\"\(n(plot.bottom - Double(k + 1) * h))\" width=\"12\" height=\"\(n(h + 0.5))\" "
            out += "fill=\"\(Palette.color(value, heat.range, heat.colors).hex)\"/>"
        }
        for (value, y) in [(heat.range.lowerBound, plot.bottom), (heat.range.upperBound, plot.top + 10)] {
            out += "<text x=\"\(n(x + 15))\" y=\"\(n(y))\">\(Self.short(value))</text>"
        }
        let middle = (plot.top + plot.bottom) / 2
        return out
            + "<text transform=\"translate(\(n(x + 30)) \(n(middle))) rotate(-90)\" text-anchor=\"middle\">\(Self.escaped(heat.label))</text>\n"
    }
}

/// Colours of amounts.
private enum Palette {
    /// Even steps of lightness from dark blue over green to yellow, the same with any colour vision (after viridis, by
    /// S. van der Walt and N. Smith, in the public domain).
    private static let sequential: [(Double, Double, Double)] = [
        (68, 1, 84), (72, 40, 120), (62, 74, 137), (49, 104, 142), (38, 130, 142), (31, 158, 137), (53, 183, 121),
        (109, 205, 89), (180, 222, 44), (253, 231, 37),
    ]
    private static let diverging: [(Double, Double, Double)] = [
        (33, 102, 172), (103, 169, 207), (209, 229, 240), (247, 247, 247), (253, 219, 199), (239, 138, 98),
        (178, 24, 43),
    ]

    static func color(
        _ value: Double, _ range: ClosedRange<Double>, _ colors: Chart.Heat.Colors
    ) -> (hex: String, isDark: Bool) {
        guard value.isFinite else { return ("#8a8a8a", true) }
        let table = colors == .sequential ? sequential : diverging
        let share = min(1, max(0, (value - range.lowerBound) / (range.upperBound - range.lowerBound)))
        let at = share * Double(table.count - 1)
        let (i, t) = (min(Int(at), table.count - 2), at - Double(min(Int(at), table.count - 2)))
        let (a, b) = (table[i], table[i + 1])
        let mixed = [a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1), a.2 + t * (b.2 - a.2)]
        let light = 0.299 * mixed[0] + 0.587 * mixed[1] + 0.114 * mixed[2]
        return ("#" + mixed.map { String(format: "%02x", Int($0.rounded())) }.joined(), light < 140)
    }
}
