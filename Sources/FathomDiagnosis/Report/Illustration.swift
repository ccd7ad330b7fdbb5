import FathomGraph
import FathomNN
import Foundation

/// A small picture that explains a rule, computed from the theory it shows; drawn as SVG or as text.
struct Illustration {
    struct Series {
        let name: String
        let points: [(x: Double, y: Double)]
    }

    let title: String
    /// What to see, in one sentence.
    let caption: String
    let xLabel: String
    let yLabel: String
    let isLogarithmic: Bool
    let series: [Series]

    /// `nil` for rules that words and numbers explain.
    init?(rule: String) {
        guard let picture = EvidencePicture(rule: rule), let made = try? Self.make(picture) else { return nil }
        self = made
    }

    private init(
        _ title: String, caption: String, x: String, y: String, isLogarithmic: Bool = false, _ series: [Series]
    ) {
        (self.title, self.caption, self.xLabel, self.yLabel) = (title, caption, x, y)
        (self.isLogarithmic, self.series) = (isLogarithmic, series)
    }

    private static func make(_ picture: EvidencePicture) throws -> Illustration? {
        switch picture {
        case .gradients: try gradients()
        case .slopes: try slopes()
        case .firing: deadAtBirth()
        case .zigzag: zigzag()
        case .loss, .updates: descent()
        case .inputs: conditioning()
        case .skill: fitting()
        case .oneBatch, .classes, .drift: nil
        }
    }

    /// √χ to the power of the depth, at the fixed point of each activation.
    private static func gradients() throws -> Illustration {
        let kinds: [(String, Activation, Double)] = [
            ("sigmoid, σw² = 1", try Activation.parsed("sigmoid"), 1),
            ("tanh, σw² = 1", try Activation.parsed("tanh"), 1),
            ("ReLU, σw² = 2", try Activation.parsed("relu"), 2), ("ReLU, σw² = 3", try Activation.parsed("relu"), 3),
        ]
        let series = try kinds.map { name, activation, variance in
            let theory = try SignalPropagation(activation)
            var (q, size) = (1.0, 1.0)
            var points: [(x: Double, y: Double)] = [(0, 1)]
            for layer in 1...20 {
                size *= try theory.chi(q: q, weightVariance: variance).squareRoot()
                q = try theory.next(q: q, weightVariance: variance, biasVariance: 0.05)
                if q > 1e6 { q = 1 }
                points.append((Double(layer), size))
            }
            return Series(name: name, points: points)
        }
        return Illustration(
            "What is left of a gradient after so many layers",
            caption: """
                Each layer multiplies the gradient by √χ, so that a factor slightly below one fades to nothing, one above \
                it grows without bound, and only a factor of one reaches any depth.
                """, x: "layers passed", y: "size of the gradient", isLogarithmic: true, series)
    }

    private static func slopes() throws -> Illustration {
        let xs = (0...120).map { -6 + Double($0) / 10 }
        let series = try ["sigmoid", "tanh", "relu"].map { name in
            let at = try ActivationCurve(try Activation.parsed(name))(xs)
            return Series(name: name, points: Array(zip(xs, at.slopes).map { (x: $0, y: $1) }))
        }
        return Illustration(
            "The slope of activation functions",
            caption: """
                A gradient is multiplied by the slope at the unit's sum: far from zero a sigmoid and a tanh are flat, and \
                what arrives there is lost.
                """, x: "weighted sum z", y: "slope φ′(z)", series)
    }

    /// 1 − (1 − 2⁻ⁿ)^L: some layer of a ReLU network fires for no input at all (Lu et al. 2019).
    private static func deadAtBirth() -> Illustration {
        let series = [2, 4, 6].map { width in
            Series(
                name: "\(width) units a layer",
                points: (0...30).map { depth in
                    (x: Double(depth), y: 1 - pow(1 - pow(2, -Double(width)), Double(depth)))
                })
        }
        return Illustration(
            "How likely a ReLU network is dead before it starts",
            caption: """
                A unit whose sum is negative for every row has slope 0 and never learns; the narrower the layers and the \
                more there are, the likelier is a layer in which all are.
                """, x: "layers", y: "probability", series)
    }

    /// Gradient descent on two weights whose inputs are all positive: (1, 1) is the steep direction of the loss.
    private static func zigzag() -> Illustration {
        func path(_ mean: Double) -> [(x: Double, y: Double)] {
            // Second moments of two inputs of deviation 0.5 around the mean.
            let (own, shared) = (0.25 + mean * mean, mean * mean)
            // The best fixed rate, 2 / (λ₁ + λ₂); the eigenvalues are own ± shared.
            let rate = 1 / own
            var (a, b) = (-1.0, 0.6)
            var points = [(x: a, y: b)]
            for _ in 0..<24 {
                (a, b) = (a - rate * (own * a + shared * b), b - rate * (shared * a + own * b))
                points.append((a, b))
            }
            return points
        }
        return Illustration(
            "The way to the best weights (0, 0)",
            caption: """
                When all inputs of a unit are positive, all its weights must rise together or fall together, so that the \
                way to the goal is a zig-zag; with centred inputs it is straight. Both at the best fixed learning rate.
                """, x: "first weight", y: "second weight",
            [Series(name: "inputs with mean 1", points: path(1)), Series(name: "centred inputs", points: path(0))])
    }

    /// |1 − ηλ|ᵗ on a parabola.
    private static func descent() -> Illustration {
        let series = [("far too small", 0.02), ("good", 0.5), ("too large", 1.92), ("beyond the limit", 2.1)].map {
            name, rate in
            Series(
                name: "\(name) (ηλ = \(rate))",
                points: (0...40).map { (x: Double($0), y: max(pow(1 - rate, 2 * Double($0)), 1e-6)) })
        }
        return Illustration(
            "A loss under gradient descent at four learning rates",
            caption: """
                On a parabola of curvature λ each step multiplies the error by 1 − ηλ: a small rate η creeps, one near \
                2/λ jumps from side to side, and beyond it the loss grows.
                """, x: "step", y: "loss", isLogarithmic: true, series)
    }

    /// The slowest direction of least squares at the best fixed rate: ((κ − 1)/(κ + 1))^2t.
    private static func conditioning() -> Illustration {
        let series = [(0.0, 1.0), (0.3, 1.0), (1.0, 1.0), (1.0, 100.0)].map { mean, scale in
            // 100 inputs of variance 1: a common mean m makes one eigenvalue 1 + 100·m²; one column in other units scale².
            let condition = (1 + 100 * mean * mean) * scale
            let factor = (condition - 1) / (condition + 1)
            return Series(
                name: scale > 1 ? "mean 1, and one column in units ten times larger" : "mean \(Words.number(mean))",
                points: (0...60).map { (x: Double($0), y: max(pow(factor, 2 * Double($0)), 1e-6)) })
        }
        return Illustration(
            "What is left of the error, by the mean of 100 inputs of deviation 1",
            caption: """
                Inputs that are not centred or not of one scale stretch the valley of the loss, and the step must be so \
                small for its steep walls that its floor is hardly walked along.
                """, x: "step", y: "error left", isLogarithmic: true, series)
    }

    /// Polynomials by least squares through 16 noisy points of a sine, judged on those points and between them.
    private static func fitting() -> Illustration {
        func truth(_ x: Double) -> Double { sin(3 * x) }
        func basis(_ x: Double, _ count: Int) -> [Double] {
            (0..<count).map { cos(Double($0) * acos(max(-1, min(1, x)))) }
        }
        let xs = (0..<16).map { -1 + 2 * (Double($0) + 0.5) / 16 }
        // Fixed numbers that look like noise of deviation 0.3.
        let ys = xs.enumerated().map { truth($1) + 0.42 * sin(Double(97 * $0 * $0 + 13 * $0)) }
        let between = (0..<200).map { xs[0] + (xs[15] - xs[0]) * Double($0) / 199 }
        var (seen, unseen): ([(x: Double, y: Double)], [(x: Double, y: Double)]) = ([], [])
        for count in 1...14 {
            let rows = xs.map { basis($0, count) }
            let matrix = (0..<count).map { i in
                (0..<count).map { j in rows.reduce(0) { $0 + $1[i] * $1[j] } }
                    + [zip(rows, ys).reduce(0) { $0 + $1.0[i] * $1.1 }]
            }
            let weights = solved(matrix)
            func answer(_ x: Double) -> Double { zip(basis(x, count), weights).reduce(0) { $0 + $1.0 * $1.1 } }
            func error(_ points: [(Double, Double)]) -> Double {
                (points.reduce(0) { $0 + ($1.1 - answer($1.0)) * ($1.1 - answer($1.0)) } / Double(points.count))
                    .squareRoot()
            }
            seen.append((Double(count), error(Array(zip(xs, ys)))))
            unseen.append((Double(count), error(between.map { ($0, truth($0)) })))
        }
        return Illustration(
            "Error by the number of weights that are fitted",
            caption: """
                With too few weights both errors are large (underfitting); with too many the rows that were seen are \
                learnt by heart, noise included, and what lies between them gets worse (overfitting).
                """, x: "weights of the polynomial", y: "error",
            [Series(name: "rows it learns from", points: seen), Series(name: "what it has not seen", points: unseen)])
    }

    /// The solution of linear equations; the last column is the right side.
    private static func solved(_ equations: [[Double]]) -> [Double] {
        var a = equations
        for i in a.indices {
            let pivot = (i..<a.count).max { abs(a[$0][i]) < abs(a[$1][i]) } ?? i
            a.swapAt(i, pivot)
            for r in a.indices where r != i {
                let factor = a[r][i] / a[i][i]
                for c in i..<a[r].count { a[r][c] -= factor * a[i][c] }
            }
        }
        return a.indices.map { a[$0][a.count] / a[$0][$0] }
    }

    // MARK: Drawing

    private var spans: (x: ClosedRange<Double>, y: ClosedRange<Double>) {
        func span(_ values: [Double]) -> ClosedRange<Double> {
            let finite = values.filter(\.isFinite)
            let (low, high) = (finite.min() ?? 0, finite.max() ?? 1)
            return high > low ? low...high : low...(low + 1)
        }
        return (span(series.flatMap { $0.points.map(\.x) }), span(series.flatMap { $0.points.map { height($0.y) } }))
    }

    private func height(_ y: Double) -> Double { isLogarithmic ? log10(max(y, 1e-300)) : y }

    private func label(_ y: Double) -> String {
        isLogarithmic ? Words.power(Int(y.rounded())) : Words.number(abs(y) < 1e-12 ? 0 : y)
    }

    /// Round values between two ends.
    private func ticks(_ range: ClosedRange<Double>, whole: Bool) -> [Double] {
        let raw = (range.upperBound - range.lowerBound) / 5
        let power = pow(10, floor(log10(raw)))
        var step = ([1, 2, 5].first { $0 * power >= raw * 0.999 } ?? 10) * power
        if whole { step = max(1, step.rounded()) }
        var ticks: [Double] = []
        var k = (range.lowerBound / step - 1e-9).rounded(.up)
        while k * step <= range.upperBound + step * 1e-9, ticks.count < 20 {
            ticks.append(k * step)
            k += 1
        }
        return ticks
    }

    /// An `svg` element; its colours come from the page.
    var svg: String {
        let (width, height, left, right, top, bottom) = (640.0, 300.0, 66.0, 14.0, 12.0, 42.0)
        let (xs, ys) = spans
        func px(_ x: Double) -> Double {
            left + (x - xs.lowerBound) / (xs.upperBound - xs.lowerBound) * (width - left - right)
        }
        func py(_ y: Double) -> Double {
            height - bottom - (y - ys.lowerBound) / (ys.upperBound - ys.lowerBound) * (height - top - bottom)
        }
        func n(_ x: Double) -> String { String(format: "%.1f", x) }
        var out =
            "<svg class=\"illustration\" viewBox=\"0 0 640 300\" role=\"img\" aria-label=\"\(Words.html(title))\">\n"
        for tick in ticks(ys, whole: isLogarithmic) {
            out +=
                "<line class=\"grid\" x1=\"\(n(left))\" x2=\"\(n(width - right))\" y1=\"\(n(py(tick)))\" y2=\"\(n(py(tick)))\"/>"
            out +=
                "<text class=\"tick\" x=\"\(n(left - 6))\" y=\"\(n(py(tick) + 4))\" text-anchor=\"end\">\(label(tick))</text>\n"
        }
        for tick in ticks(xs, whole: false) {
            out += "<text class=\"tick\" x=\"\(n(px(tick)))\" y=\"\(n(height - bottom + 16))\" text-anchor=\"middle\">"
            out += "\(Words.number(abs(tick) < 1e-9 ? 0 : tick))</text>\n"
        }
        out +=
            "<text class=\"axis\" x=\"\(n((left + width - right) / 2))\" y=\"\(n(height - 6))\" text-anchor=\"middle\">\(Words.html(xLabel))</text>\n"
        out += "<text class=\"axis\" x=\"12\" y=\"\(n((top + height - bottom) / 2))\" text-anchor=\"middle\" "
        out += "transform=\"rotate(-90 12 \(n((top + height - bottom) / 2)))\">\(Words.html(yLabel))</text>\n"
        for (i, one) in series.enumerated() {
            let points = one.points.map { "\(n(px($0.x))),\(n(py(self.height($0.y))))" }.joined(separator: " ")
            out += "<polyline class=\"s\(i % 6)\" points=\"\(points)\"/>\n"
        }
        out += "</svg>\n<p class=\"key\">"
        for (i, one) in series.enumerated() { out += "<span class=\"k\(i % 6)\">\(Words.html(one.name))</span> " }
        return out + "</p>\n"
    }

    /// Lines of characters: each series its own sign.
    func text(width: Int, height: Int = 14) -> [String] {
        let signs: [Character] = ["●", "○", "▲", "×", "+", "*"]
        let (xs, ys) = spans
        let margin = 9
        let columns = max(20, min(width, 100) - margin)
        var grid = [[Character]](repeating: [Character](repeating: " ", count: columns), count: height)
        for (i, one) in series.enumerated().reversed() {
            for point in one.points {
                let x = (point.x - xs.lowerBound) / (xs.upperBound - xs.lowerBound) * Double(columns - 1)
                let y = (self.height(point.y) - ys.lowerBound) / (ys.upperBound - ys.lowerBound) * Double(height - 1)
                guard x.isFinite, y.isFinite else { continue }
                let (c, r) = (min(columns - 1, max(0, Int(x.rounded()))), min(height - 1, max(0, Int(y.rounded()))))
                grid[height - 1 - r][c] = signs[i % signs.count]
            }
        }
        var lines: [String] = []
        for (r, row) in grid.enumerated() {
            let share = Double(height - 1 - r) / Double(height - 1)
            let isLabelled = r == 0 || r == height - 1 || r == height / 2
            let value = ys.lowerBound + share * (ys.upperBound - ys.lowerBound)
            let text = isLabelled ? label(value) : ""
            var line = String(repeating: " ", count: max(0, margin - 2 - text.count)) + text + " │" + String(row)
            while line.last == " " { line.removeLast() }
            lines.append(line)
        }
        lines.append(String(repeating: " ", count: margin - 1) + "└" + String(repeating: "─", count: columns))
        let (low, high) = (Words.number(xs.lowerBound), Words.number(xs.upperBound))
        let blank = max(1, columns - low.count - high.count - xLabel.count)
        lines.append(
            String(repeating: " ", count: margin) + low + String(repeating: " ", count: blank / 2) + xLabel
                + String(repeating: " ", count: blank - blank / 2) + high)
        var key = ""
        for (i, one) in series.enumerated() {
            let entry = "\(signs[i % signs.count]) \(one.name)"
            if !key.isEmpty, key.count + 3 + entry.count > columns {
                lines.append(String(repeating: " ", count: margin) + key)
                key = ""
            }
            key += (key.isEmpty ? "" : "   ") + entry
        }
        lines.append(String(repeating: " ", count: margin) + key)
        return lines
    }
}
