import FathomGraph

/// The mean-field theory of wide random networks (Poole et al. 2016, Schoenholz et al. 2017): how the variance of values
/// and of gradients changes from layer to layer.
///
/// q ← σw² E[φ(√q z)²] + σb² is the variance of weighted sums, χ = σw² E[φ′(√q* z)²] the factor by which a gradient's
/// square grows from layer to layer at the fixed point q*: below 1 gradients vanish, above 1 they explode.
public struct SignalPropagation: Sendable {
    /// φ and φ′.
    public let curve: ActivationCurve

    /// - Throws: ``GraphError`` when the activation is not elementwise.
    public init(_ activation: Activation) throws(GraphError) { curve = try ActivationCurve(activation) }

    /// E[φ(√q z)²] and E[φ′(√q z)²].
    public func meanSquares(q: Double) throws(GraphError) -> (value: Double, slope: Double) {
        let scale = q.squareRoot()
        let rule = NormalQuadrature(kinks: scale > 0 ? curve.kinks.map { $0 / scale } : [])
        let at = try curve(rule.points.map { $0 * scale })
        return (rule.mean(at.values.map { $0 * $0 }), rule.mean(at.slopes.map { $0 * $0 }))
    }

    /// The variance of the next layer's sums.
    public func next(q: Double, weightVariance: Double, biasVariance: Double) throws(GraphError) -> Double {
        weightVariance * (try meanSquares(q: q).value) + biasVariance
    }

    /// The variance q* that reproduces itself, reached from `start`; infinite when it grows without bound.
    ///
    /// - Parameters:
    ///   - weightVariance: σw², the weights' variance times fan-in.
    ///   - biasVariance: σb².
    public func fixedPoint(
        weightVariance: Double, biasVariance: Double, start: Double = 1
    ) throws(GraphError) -> Double {
        var q = start
        for _ in 0..<200 {
            // Steffensen's method: three iterates extrapolate a geometric approach; near criticality plain iteration would
            // take thousands of steps.
            let a = try next(q: q, weightVariance: weightVariance, biasVariance: biasVariance)
            if abs(a - q) <= 1e-13 * max(q, 1e-12) { return a }
            let b = try next(q: a, weightVariance: weightVariance, biasVariance: biasVariance)
            if b > 1e12 || !b.isFinite { return .infinity }
            if b < 1e-14 { return 0 }
            let bend = b - 2 * a + q
            let jump = bend == 0 ? b : q - (a - q) * (a - q) / bend
            // Only a jump ahead on the same way is trusted; going up it may be far, so it is bounded.
            let ahead = jump.isFinite && jump > 0 && (jump - b) * (b - a) >= 0 && jump < 4 * max(b, q)
            q = ahead ? jump : b
        }
        return q
    }

    /// χ at the variance `q`.
    public func chi(q: Double, weightVariance: Double) throws(GraphError) -> Double {
        weightVariance * (try meanSquares(q: q).slope)
    }

    /// ξ = −1 / ln χ: layers over which a gradient falls to 1/e; a network trains to about six times as many. Infinite at
    /// χ = 1, negative where gradients grow.
    public static func depthScale(chi: Double) -> Double { chi == 1 ? .infinity : -1 / naturalLog(chi) }

    /// σw² for which χ = 1 at the fixed point that belongs to it and the given σb², with that fixed point.
    ///
    /// Every q is the fixed point of one critical pair, σw² = 1/E[φ′²] and σb² = q − σw² E[φ²], so q is searched for the
    /// wanted σb². Where every q has it (ReLU, σb² = 0), q = 1 is taken; where only the limit q → 0 has it (tanh, σb² = 0),
    /// that limit. Where no q has it, the pair of q = 1 with its own σb² is returned (GELU, σb² = 0), or, where that
    /// would be negative (softplus), the geometric mean of the variances that keep values and gradients at q = 1.
    ///
    /// - Throws: ``GraphError`` for an activation without a slope, such as the step function.
    public func critical(
        biasVariance: Double = 0
    ) throws(GraphError) -> (weightVariance: Double, biasVariance: Double, q: Double) {
        func pair(_ q: Double) throws(GraphError) -> (weight: Double, bias: Double) {
            let m = try meanSquares(q: q)
            guard m.slope > 1e-12, m.slope.isFinite, m.value.isFinite else {
                throw GraphError(
                    op: "critical", message: "the activation's derivative vanishes, so no variance keeps gradients",
                    hint: "use an activation with a slope")
            }
            return (1 / m.slope, q - m.value / m.slope)
        }
        let unit = try pair(1)
        if abs(unit.bias - biasVariance) < 1e-10 { return (unit.weight, biasVariance, 1) }
        // The change of sign nearest q = 1 on a ladder of powers of two.
        let centre = 20
        let ladder = (0...(centre + 6)).map { powerOfTwo($0 - centre) }
        var biases: [Double] = []
        for q in ladder { biases.append(try pair(q).bias - biasVariance) }
        let changes = ladder.indices.dropLast().filter { (biases[$0] < 0) != (biases[$0 + 1] < 0) && ladder[$0] > 1e-5 }
        guard let nearest = changes.min(by: { abs($0 - centre) < abs($1 - centre) }) else {
            let limit = try pair(ladder[0])
            // Only where values shrink toward that limit.
            let after = try next(q: 1, weightVariance: limit.weight, biasVariance: biasVariance)
            if abs(limit.bias - biasVariance) < 1e-5, after < 1 { return (limit.weight, biasVariance, 0) }
            if unit.bias >= 0 { return (unit.weight, unit.bias, 1) }
            // Keeping gradients would let values grow: halfway between both, as Xavier's rule is.
            let m = try meanSquares(q: 1)
            return (1 / (m.value * m.slope).squareRoot(), biasVariance, 1)
        }
        var (low, high) = (ladder[nearest], ladder[nearest + 1])
        let rises = biases[nearest] < 0
        for _ in 0..<60 where high - low > 1e-13 * high {
            let middle = (low * high).squareRoot()
            if (try pair(middle).bias > biasVariance) == rises { high = middle } else { low = middle }
        }
        return (try pair(high).weight, biasVariance, high)
    }
}
