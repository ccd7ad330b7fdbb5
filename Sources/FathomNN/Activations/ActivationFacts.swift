import FathomGraph

/// What theory says of an activation, computed from its traced formula and derivative.
///
/// Expectations are over z ~ N(0, 1), as of weighted sums in a wide network of unit scale.
public struct ActivationFacts: Sendable, Hashable {
    /// Smallest and largest value (their limits where they are not reached); infinite when unbounded.
    public let range: ClosedRange<Double>
    /// E[φ(z)], to be 0 so that the next layer's gradients do not all have one sign.
    public let mean: Double
    /// Whether `mean` is 0, within 1e−6.
    public var isZeroCentred: Bool { abs(mean) < 1e-6 }
    /// Whether φ never falls.
    public let isMonotone: Bool
    /// Whether φ′ goes to 0 for large negative inputs.
    public let saturatesLeft: Bool
    /// Whether φ′ goes to 0 for large positive inputs.
    public let saturatesRight: Bool
    /// The largest |φ′|, infinite when unbounded.
    public let maxSlope: Double
    /// The input of the largest |φ′|, the one nearest 0 where there are many; `nil` when unbounded.
    public let maxSlopeInput: Double?
    /// E[φ²].
    public let meanSquare: Double
    /// E[φ′²].
    public let meanSquareSlope: Double
    /// 1/√E[φ²]: the weights' gain that keeps the scale of values.
    public var forwardGain: Double { 1 / meanSquare.squareRoot() }
    /// 1/√E[φ′²]: the weights' gain that keeps the scale of gradients.
    public var backwardGain: Double { 1 / meanSquareSlope.squareRoot() }
    /// Where the value or the slope jumps.
    public let kinks: [Double]

    /// - Throws: ``GraphError`` when the activation is not elementwise.
    public init(_ activation: Activation) throws(GraphError) { try self.init(ActivationCurve(activation)) }

    /// The facts of a curve already at hand, which saves tracing the activation again.
    ///
    /// - Throws: ``GraphError`` when the curve cannot be evaluated.
    public init(_ curve: ActivationCurve) throws(GraphError) {
        kinks = curve.kinks
        let rule = NormalQuadrature(kinks: curve.kinks)
        let normal = try curve(rule.points)
        mean = rule.mean(normal.values)
        meanSquare = rule.mean(normal.values.map { $0 * $0 })
        meanSquareSlope = rule.mean(normal.slopes.map { $0 * $0 })

        let grid = (-1600...1600).map { Double($0) / 100 }
        let near = try curve(grid)
        // Far points that are no multiples of a period.
        let distances = [20, 51.3, 137.9, 1003.7, 10_007.3, 1_000_003.9]
        let left = try curve(distances.map { -$0 })
        let right = try curve(distances)
        func flat(_ slopes: [Double]) -> Bool { slopes.suffix(2).allSatisfy { abs($0) < 1e-6 } }
        saturatesLeft = flat(left.slopes)
        saturatesRight = flat(right.slopes)
        isMonotone =
            zip(near.values, near.values.dropFirst()).allSatisfy { $1 - $0 >= -1e-12 * max(1, abs($0)) }
            && zip(right.values, right.values.dropFirst()).allSatisfy { $0 <= $1 }
            && zip(left.values, left.values.dropFirst()).allSatisfy { $0 >= $1 }

        // Zoom in on extremes of the grid, then look far out.
        func largest(_ pick: (Double, Double) -> Double) throws(GraphError) -> (place: Double, value: Double) {
            var points = grid
            var best = (place: 0.0, value: -Double.infinity)
            for zoom in 0..<4 {
                let at = zoom == 0 ? near : try curve(points)
                for (x, (v, s)) in zip(points, zip(at.values, at.slopes)) {
                    let y = pick(v, s)
                    if y > best.value + 1e-12 || y >= best.value - 1e-12 && abs(x) < abs(best.place) {
                        best = (x, max(y, best.value))
                    }
                }
                let width = 0.02 * powerOfTwo(-6 * zoom)
                points = (-64...64).map { best.place + Double($0) / 64 * width }
            }
            let peak = best.value
            for side in [left, right] {
                let far = zip(side.values, side.slopes).map { pick($0.0, $0.1) }
                // A value that still grows at a million grows for ever.
                if let end = far.last, end > max(peak, 1) * 1e3 { return (.nan, .infinity) }
                // Else it is the limit that creeps up to.
                for y in far where y > best.value + 1e-9 { best = (.nan, y) }
            }
            return best
        }
        let top = try largest { v, _ in v }.value
        let bottom = -(try largest { v, _ in -v }.value)
        // Limits approached as 1/x, such as softsign's, are met at a million to six digits only.
        func limit(_ v: Double) -> Double { abs(v - v.rounded()) < 2e-6 ? v.rounded() + 0 : v }
        range = min(limit(bottom), limit(top))...limit(top)
        let steepest = try largest { _, s in abs(s) }
        maxSlope = steepest.value
        maxSlopeInput = steepest.place.isNaN ? nil : steepest.place
    }
}
