import Foundation

/// A picture of numbers for a slide, a page or a phone, drawn as SVG that follows the reader's light or dark setting.
///
/// Marks are added one after the other and drawn in that order; those with a name get the next colour and stand in the
/// legend. Points that are not finite, or not positive on a logarithmic axis, are left out.
///
/// ```swift
/// var chart = Chart(x: .init("layer"), y: .init("gradient", .logarithmic))
/// chart.line("tanh", x: layers, y: norms)
/// chart.rule(y: 1)
/// ```
public struct Chart: Sendable {
    /// One side of the picture: its words, its scale and what it shows.
    public struct Axis: Sendable {
        public enum Scale: Sendable { case linear, logarithmic }

        /// What is measured along it, with its unit.
        public var label: String
        /// How values become places.
        public var scale: Scale
        /// What is shown; what the marks need when `nil`.
        public var range: ClosedRange<Double>?
        /// Names in the place of numbers, at 0, 1, 2, …
        public var categories: [String]
        /// Whether numbers and names at the axis are left out.
        public var isHidden = false

        /// - Parameters:
        ///   - range: what is shown; what the marks need when `nil`.
        ///   - categories: names in the place of numbers, at 0, 1, 2, …
        public init(
            _ label: String = "", _ scale: Scale = .linear, in range: ClosedRange<Double>? = nil,
            categories: [String] = []
        ) {
            (self.label, self.scale, self.range, self.categories) = (label, scale, range, categories)
        }
    }

    /// Width and height in units of which a letter has about eight.
    public enum Size: Sendable {
        /// Alone on a page.
        case wide
        case square
        /// One of several side by side.
        case small

        var extent: (width: Double, height: Double) {
            switch self {
            case .wide: (480, 340)
            case .square: (440, 420)
            case .small: (300, 230)
            }
        }
    }

    enum Style: Sendable { case solid, dashed, dotted }

    enum Shape: Sendable {
        case line([(Double, Double)], Style)
        case band([(Double, Double, Double)])
        case dots([(Double, Double)], radius: Double)
        /// Left, right, height.
        case bars([(Double, Double, Double)], isOutline: Bool)
        /// Closed polygons or open lines without markers, thin.
        case thin([[(Double, Double)]])
        case arrows([(Double, Double)])
        case horizontal(Double), vertical(Double)
        case label(Double, Double, String, Anchor)
        case heat(Heat)
    }

    public enum Anchor: String, Sendable { case start, middle, end }

    /// A grid of coloured cells.
    public struct Heat: Sendable {
        /// How values become colours.
        public enum Colors: Sendable {
            /// Dark to bright, for amounts.
            case sequential
            /// Blue over white to red, for what has a middle.
            case diverging
        }
        /// Borders of the cells, one more than cells.
        let xs: [Double]
        let ys: [Double]
        /// values[row][column], rows from the bottom.
        let values: [[Double]]
        let range: ClosedRange<Double>
        let colors: Colors
        let label: String
        /// What stands in each cell, if anything.
        let texts: [[String]]
    }

    struct Mark: Sendable {
        var shape: Shape
        /// 0…7 of the palette; `nil` for ink.
        var color: Int?
    }

    /// Above the picture; nothing when empty.
    public var title: String
    /// From left to right.
    public var x: Axis
    /// From bottom to top.
    public var y: Axis
    /// How much room it takes.
    public var size: Size
    var marks: [Mark] = []
    var legend: [(name: String, color: Int?, style: Style, isDot: Bool)] = []
    /// What is written to CSV: the named marks.
    var series: [(name: String, points: [(x: Double, y: Double, low: Double?, high: Double?)])] = []
    private var colors = 0

    /// A picture without marks.
    public init(_ title: String = "", x: Axis = Axis(), y: Axis = Axis(), size: Size = .wide) {
        (self.title, self.x, self.y, self.size) = (title, x, y, size)
    }

    /// The colour of a new series.
    private mutating func next(_ given: Int?) -> Int {
        if let given { return given % 8 }
        defer { colors += 1 }
        return colors % 8
    }

    private mutating func note(_ name: String, _ color: Int?, _ style: Style = .solid, isDot: Bool = false) {
        guard !name.isEmpty, !legend.contains(where: { $0.name == name }) else { return }
        legend.append((name, color, style, isDot))
    }

    // MARK: Marks

    /// A line through points.
    ///
    /// - Parameters:
    ///   - name: for the legend; nothing when empty.
    ///   - color: 0…7 of the palette; the next one when `nil`.
    public mutating func line(
        _ name: String = "", x: [Double], y: [Double], color: Int? = nil, isDashed: Bool = false, hasDots: Bool = false
    ) {
        let color = next(color)
        let points = Array(zip(x, y))
        marks.append(Mark(shape: .line(points, isDashed ? .dashed : .solid), color: color))
        if hasDots { marks.append(Mark(shape: .dots(points, radius: 3), color: color)) }
        note(name, color, isDashed ? .dashed : .solid)
        series.append((name, points.map { ($0.0, $0.1, nil, nil) }))
    }

    /// A line through means with the band of their intervals.
    public mutating func line(
        _ name: String = "", x: [Double], y: [Estimate], color: Int? = nil, isDashed: Bool = false, hasDots: Bool = true
    ) {
        let color = next(color)
        let band = zip(x, y).filter { $1.halfWidth.isFinite }.map { ($0, $1.low, $1.high) }
        marks.append(Mark(shape: .band(band), color: color))
        let points = zip(x, y).map { ($0, $1.mean) }
        marks.append(Mark(shape: .line(points, isDashed ? .dashed : .solid), color: color))
        if hasDots { marks.append(Mark(shape: .dots(points, radius: 3), color: color)) }
        note(name, color, isDashed ? .dashed : .solid)
        series.append((name, zip(x, y).map { ($0, $1.mean, $1.low, $1.high) }))
    }

    /// Points without a line.
    public mutating func dots(_ name: String = "", x: [Double], y: [Double], color: Int? = nil, radius: Double = 3) {
        let color = next(color)
        marks.append(Mark(shape: .dots(Array(zip(x, y)), radius: radius), color: color))
        note(name, color, isDot: true)
        series.append((name, zip(x, y).map { ($0, $1, nil, nil) }))
    }

    /// Shares of values in bins of equal width.
    ///
    /// - Parameter range: values outside are counted in the outermost bins.
    public mutating func histogram(
        _ name: String = "", _ values: [Double], bins: Int = 40, in range: ClosedRange<Double>, color: Int? = nil
    ) {
        let color = next(color)
        let finite = values.filter(\.isFinite)
        let width = (range.upperBound - range.lowerBound) / Double(bins)
        var counts = [Double](repeating: 0, count: bins)
        for v in finite {
            let k = Int(max(-1, min(Double(bins), ((v - range.lowerBound) / width).rounded(.down))))
            counts[max(0, min(bins - 1, k))] += 1 / Double(max(finite.count, 1))
        }
        let bars = counts.enumerated().map {
            (range.lowerBound + Double($0) * width, range.lowerBound + Double($0 + 1) * width, $1)
        }
        marks.append(Mark(shape: .bars(bars, isOutline: false), color: color))
        note(name, color, isDot: true)
        series.append((name, bars.map { (($0.0 + $0.1) / 2, $0.2, nil, nil) }))
    }

    /// Bars of given height at 0, 1, 2, … for an axis with categories; `offset` and `width` set several side by side.
    public mutating func bars(
        _ name: String = "", _ heights: [Double], offset: Double = 0, width: Double = 0.7, color: Int? = nil
    ) {
        let color = next(color)
        let bars = heights.enumerated().map {
            (Double($0) + offset - width / 2, Double($0) + offset + width / 2, $1)
        }
        marks.append(Mark(shape: .bars(bars, isOutline: false), color: color))
        note(name, color, isDot: true)
        series.append((name, heights.enumerated().map { (Double($0), $1, nil, nil) }))
    }

    /// A way through the plane with arrowheads, each step one.
    public mutating func path(_ name: String = "", x: [Double], y: [Double], color: Int? = nil) {
        let color = next(color)
        marks.append(Mark(shape: .arrows(Array(zip(x, y))), color: color))
        note(name, color)
        series.append((name, zip(x, y).map { ($0, $1, nil, nil) }))
    }

    /// Lines of equal height of a function.
    public mutating func contours(
        in xs: ClosedRange<Double>, _ ys: ClosedRange<Double>, levels: [Double], resolution: Int = 80,
        _ f: (Double, Double) -> Double
    ) {
        let n = max(resolution, 2)
        let gx = (0...n).map { xs.lowerBound + (xs.upperBound - xs.lowerBound) * Double($0) / Double(n) }
        let gy = (0...n).map { ys.lowerBound + (ys.upperBound - ys.lowerBound) * Double($0) / Double(n) }
        let grid = gy.map { y in gx.map { x in f(x, y) } }
        for level in levels {
            marks.append(Mark(shape: .thin(Contours.segments(gx, gy, grid, level: level)), color: nil))
        }
    }

    /// A coloured grid; rows from the bottom, cells centred on `xs` and `ys`.
    ///
    /// - Parameter texts: what stands in each cell.
    public mutating func heat(
        x xs: [Double], y ys: [Double], _ values: [[Double]], label: String = "", in range: ClosedRange<Double>? = nil,
        colors: Heat.Colors = .sequential, texts: [[String]] = []
    ) {
        let finite = values.flatMap { $0 }.filter(\.isFinite)
        let low = finite.min() ?? 0
        let high = finite.max() ?? 1
        let range = range ?? low...(high > low ? high : low + 1)
        marks.append(
            Mark(
                shape: .heat(
                    Heat(
                        xs: Self.borders(xs, x.scale), ys: Self.borders(ys, y.scale), values: values, range: range,
                        colors: colors, label: label, texts: texts)), color: nil))
        series.append((label, zip(ys, values).flatMap { y, row in zip(xs, row).map { ($0, y, $1, nil) } }))
    }

    /// A thin line across the whole picture.
    public mutating func rule(x value: Double, _ label: String = "") {
        marks.append(Mark(shape: .vertical(value), color: nil))
        note(label, nil, .dotted)
    }

    /// A thin line across the whole picture.
    public mutating func rule(y value: Double, _ label: String = "") {
        marks.append(Mark(shape: .horizontal(value), color: nil))
        note(label, nil, .dotted)
    }

    /// Words in the picture.
    public mutating func label(_ text: String, x: Double, y: Double, anchor: Anchor = .middle) {
        marks.append(Mark(shape: .label(x, y, text, anchor), color: nil))
    }

    /// Halfway between neighbours, on the axis' scale.
    private static func borders(_ centres: [Double], _ scale: Axis.Scale) -> [Double] {
        let isLog = scale == .logarithmic && centres.allSatisfy { $0 > 0 }
        let c = isLog ? centres.map { log10($0) } : centres
        guard let first = c.first, let last = c.last else { return [] }
        let step = c.count > 1 ? c[1] - c[0] : 1
        let end = c.count > 1 ? last - c[c.count - 2] : 1
        let borders = [first - step / 2] + zip(c, c.dropFirst()).map { ($0 + $1) / 2 } + [last + end / 2]
        return isLog ? borders.map { pow(10, $0) } : borders
    }
}

/// Marching squares.
enum Contours {
    /// The pieces of the line where `grid[row][column]` crosses `level`.
    static func segments(_ xs: [Double], _ ys: [Double], _ grid: [[Double]], level: Double) -> [[(Double, Double)]] {
        var pieces: [[(Double, Double)]] = []
        for r in 0..<max(ys.count - 1, 0) {
            for c in 0..<max(xs.count - 1, 0) {
                // Corners counter-clockwise from the lower left.
                let corners = [
                    (xs[c], ys[r], grid[r][c]), (xs[c + 1], ys[r], grid[r][c + 1]),
                    (xs[c + 1], ys[r + 1], grid[r + 1][c + 1]), (xs[c], ys[r + 1], grid[r + 1][c]),
                ]
                guard corners.allSatisfy({ $0.2.isFinite }) else { continue }
                var crossings: [(Double, Double)] = []
                for k in 0..<4 {
                    let (a, b) = (corners[k], corners[(k + 1) % 4])
                    guard (a.2 < level) != (b.2 < level) else { continue }
                    let t = (level - a.2) / (b.2 - a.2)
                    crossings.append((a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1)))
                }
                if crossings.count >= 2 { pieces.append([crossings[0], crossings[1]]) }
                if crossings.count == 4 { pieces.append([crossings[2], crossings[3]]) }
            }
        }
        return joined(pieces)
    }

    /// Pieces that meet become one line, which draws better and takes less room.
    private static func joined(_ pieces: [[(Double, Double)]]) -> [[(Double, Double)]] {
        struct Key: Hashable { let x, y: Int }
        func key(_ p: (Double, Double)) -> Key { Key(x: Int((p.0 * 1e7).rounded()), y: Int((p.1 * 1e7).rounded())) }
        // Where a line passes through a corner, cells leave pieces without length.
        let pieces = pieces.filter { key($0[0]) != key($0[1]) }
        var ends: [Key: [Int]] = [:]
        for (i, piece) in pieces.enumerated() {
            ends[key(piece[0]), default: []].append(i)
            ends[key(piece[1]), default: []].append(i)
        }
        var used = [Bool](repeating: false, count: pieces.count)
        func extend(_ line: [(Double, Double)]) -> [(Double, Double)] {
            var line = line
            while let last = line.last, let i = ends[key(last)]?.first(where: { !used[$0] }) {
                used[i] = true
                line.append(key(pieces[i][0]) == key(last) ? pieces[i][1] : pieces[i][0])
            }
            return line
        }
        var lines: [[(Double, Double)]] = []
        for i in pieces.indices where !used[i] {
            used[i] = true
            let forward = extend(pieces[i])
            lines.append(extend(forward.reversed()))
        }
        return lines
    }
}
