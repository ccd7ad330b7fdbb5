#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The learning-rate range test (Smith 2017): raise the rate exponentially, watch the loss, and take the rate at which it
/// falls fastest.
///
/// Pure logic over (rate, loss) pairs; the caller trains one step at each ``rate(at:)`` and reports the loss.
public struct RangeTest: Sendable, Hashable, Codable {
    /// The rate of the first step, above 0.
    public let lowest: Double
    /// The rate of the last step, if the loss lets the sweep come so far.
    public let highest: Double
    /// How many steps the sweep takes at most.
    public let steps: Int
    /// The sweep stops when the smoothed loss exceeds its best by this factor of its fall so far.
    public let divergence: Double
    /// The rates and losses so far.
    public private(set) var points: [Point] = []
    /// The loss as a running mean, Σ βⁿ⁻ⁱ·lossᵢ / Σ βⁿ⁻ⁱ with β = 0.9, and the best of it.
    public private(set) var smoothed: Double?
    /// The lowest smoothed loss so far; `nil` before the first finite one.
    public private(set) var best: Double?
    private var weighted = 0.0
    private var weight = 0.0

    /// One step of the sweep.
    public struct Point: Sendable, Hashable, Codable {
        /// The learning rate the step was trained with.
        public let rate: Double
        /// The loss as it was reported, not smoothed; in the last point it may be infinite or NaN.
        public let loss: Double
    }

    /// Why the sweep should go on or not.
    public enum Verdict: Sendable, Hashable, Codable {
        case goOn
        /// All steps are done.
        case finished
        /// The loss is far above its best, or not a number.
        case diverged
    }

    /// - Precondition: 0 < lowest < highest and steps ≥ 2; other values are replaced by the defaults.
    public init(lowest: Double = 1e-7, highest: Double = 10, steps: Int = 100, divergence: Double = 2) {
        let valid = lowest > 0 && highest > lowest && highest.isFinite
        self.lowest = valid ? lowest : 1e-7
        self.highest = valid ? highest : 10
        self.steps = steps >= 2 ? steps : 100
        self.divergence = divergence
    }

    /// The learning rate of a step from 0: lowest · (highest / lowest)^(step / (steps − 1)).
    public func rate(at step: Int) -> Double {
        lowest * pow(highest / lowest, Double(step) / Double(steps - 1))
    }

    /// The rate of the next step.
    public var nextRate: Double { rate(at: points.count) }

    /// Takes the loss measured at ``nextRate``.
    ///
    /// The sweep has diverged when the loss is not finite, or when the smoothed loss lies above
    /// best + `divergence` · max(first − best, |best| · 0.5): relative to what was won, so that it also serves losses
    /// near 0 or below it.
    public mutating func observe(_ loss: Double) -> Verdict {
        points.append(Point(rate: nextRate, loss: loss))
        guard loss.isFinite else { return .diverged }
        weighted = 0.9 * weighted + loss
        weight = 0.9 * weight + 1
        let mean = weighted / weight
        smoothed = mean
        let lowestSoFar = min(best ?? mean, mean)
        best = lowestSoFar
        let won = max((points.first?.loss ?? mean) - lowestSoFar, 0.5 * abs(lowestSoFar))
        if points.count > 5, mean > lowestSoFar + divergence * won { return .diverged }
        return points.count >= steps ? .finished : .goOn
    }

    /// What the sweep says.
    public struct Suggestion: Sendable, Hashable, Codable {
        /// The rate at which the loss fell fastest.
        public let rate: Double
        /// The fall there: change of the loss for a rate e times as large; negative.
        public let slope: Double
        /// The rate at the lowest loss; training there is already at the edge of divergence.
        public let rateAtMinimum: Double
    }

    /// The steepest fall of the loss over the logarithm of the rate.
    ///
    /// The slope is that of the least-squares line through a window of a tenth of the points (at least 5), which smooths
    /// without the lag of a running mean. Only windows that end before the lowest windowed mean count. `nil` when there are
    /// fewer than 10 points, or when the fall is not three times its standard error: then no rate of the sweep made clear
    /// progress.
    public var suggestion: Suggestion? {
        let usable = Array(points.prefix { $0.loss.isFinite })
        guard usable.count >= 10 else { return nil }
        let width = max(5, usable.count / 10)
        let windows = (0...(usable.count - width)).map { Window(usable[$0..<($0 + width)]) }
        guard let bottom = windows.indices.min(by: { windows[$0].mean < windows[$1].mean }) else { return nil }
        let falling = windows[...bottom].filter { $0.slope < -3 * $0.slopeError }
        guard let steepest = falling.min(by: { $0.slope < $1.slope }) else { return nil }
        return Suggestion(rate: exp(steepest.centre), slope: steepest.slope, rateAtMinimum: exp(windows[bottom].centre))
    }

    /// A least-squares line of the loss over ln(rate).
    private struct Window {
        let centre: Double
        let mean: Double
        let slope: Double
        let slopeError: Double

        init(_ points: ArraySlice<Point>) {
            let n = Double(points.count)
            let x = points.map { log($0.rate) }
            let y = points.map(\.loss)
            let mx = x.reduce(0, +) / n
            let my = y.reduce(0, +) / n
            var (sxx, sxy) = (0.0, 0.0)
            for (a, b) in zip(x, y) {
                sxx += (a - mx) * (a - mx)
                sxy += (a - mx) * (b - my)
            }
            let line = sxy / sxx
            let residual = zip(x, y).reduce(0.0) { total, p in
                let r = p.1 - my - line * (p.0 - mx)
                return total + r * r
            }
            centre = mx
            mean = my
            slope = line
            slopeError = (residual / (n - 2) / sxx).squareRoot()
        }
    }
}
