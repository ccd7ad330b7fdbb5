/// Which elements an observation looks at.
///
/// Elements are taken in rows: a value of two or more axes has its first axis' extent of them, any other value is one row.
/// Of `rows` rows, with `n` the smaller of `every` and `rows`, a step looks at those whose number is `step mod n`: within
/// `n` steps each row is seen once, at equal steps the same ones, whoever computes it. The step counts as unsigned 32 bits.
public enum Sampling {
    /// The rows of a value and the elements of one.
    public static func rows(of shape: Shape) -> (rows: Shape, width: Shape) {
        shape.rank < 2
            ? (.scalar, shape) : (Shape(Array(shape.dims.prefix(1))), Shape(Array(shape.dims.dropFirst())))
    }

    /// The numbers of the rows looked at.
    public static func picked(every: Int, of rows: Int, step: Int) -> StrideTo<Int> {
        let distance = period(every: every, of: rows)
        return stride(from: Int(UInt32(truncatingIfNeeded: step)) % distance, to: rows, by: distance)
    }

    /// The distance from one row that is looked at to the next.
    public static func period(every: Int, of rows: Int) -> Int { Swift.max(1, Swift.min(every, rows)) }
}

/// What `Op.summary` says about a value: counts and sums over the elements looked at.
///
/// Sums and extremes are over the finite ones, so that one infinity does not hide everything else; of no finite element the
/// minimum is ∞ and the maximum −∞. Everything is rounded to `Float` (counts beyond 2²⁴ too; the sum of squares is 0 below
/// and ∞ beyond what a float holds).
public struct Moments: Sendable, Hashable {
    /// Elements looked at.
    public var count: Float
    /// The sum of the finite elements.
    public var sum: Float
    /// The sum of the squares of the finite elements.
    public var sumOfSquares: Float
    /// The smallest finite element; ∞ when there is none.
    public var minimum: Float
    /// The largest finite element; −∞ when there is none.
    public var maximum: Float
    /// Elements equal to 0, and finite ones below it.
    public var zeros: Float
    /// Finite elements below 0.
    public var negatives: Float
    /// NaN and infinities.
    public var nonFinite: Float

    /// The length of the operation's result, which holds the numbers in the order of the properties.
    public static let count = 8

    /// - Returns: `nil` when there are not ``count`` values.
    public init?(_ values: some Collection<Float>) {
        let v = Array(values)
        guard v.count == Self.count else { return nil }
        (count, sum, sumOfSquares, minimum) = (v[0], v[1], v[2], v[3])
        (maximum, zeros, negatives, nonFinite) = (v[4], v[5], v[6], v[7])
    }

    /// The numbers in the order of the properties.
    public var values: [Float] {
        [count, sum, sumOfSquares, minimum, maximum, zeros, negatives, nonFinite]
    }

    private var finite: Double { Double(count) - Double(nonFinite) }
    /// The mean of the finite elements; NaN when there are none.
    public var mean: Double { Double(sum) / finite }
    /// The square root of the mean square of the finite elements; NaN when there are none.
    public var rootMeanSquare: Double { (Double(sumOfSquares) / finite).squareRoot() }
    /// The variance of the finite elements about their mean; NaN when there are none.
    public var variance: Double { Swift.max(0, Double(sumOfSquares) / finite - mean * mean) }
    /// The largest magnitude of a finite element.
    public var largestMagnitude: Float { Swift.max(abs(minimum), abs(maximum)) }
}

/// The bins of `Op.exponentHistogram`: what magnitude elements have, from vanished to exploded.
///
/// Bin 0 holds zeros, bin 1 subnormal numbers, bin 2 normal ones below 2⁻⁴⁰; then 32 bins of two powers of two each, from
/// 2⁻⁴⁰ up to 2²⁴; bin 35 what is finite and larger, and bin 36 infinities and NaN.
public enum ExponentHistogram {
    /// The number of bins, and the length of the operation's result.
    public static let count = 37
    /// The bin of zeros of either sign.
    public static let zero = 0
    /// The bin of subnormal numbers.
    public static let subnormal = 1
    /// The bin of normal numbers below 2⁻⁴⁰.
    public static let belowRange = 2
    /// The bin of finite numbers of 2²⁴ and more.
    public static let aboveRange = 35
    /// The bin of infinities and NaN.
    public static let nonFinite = 36
    /// The exponents of the bins between ``belowRange`` and ``aboveRange``.
    public static let lowestExponent = -40
    /// Powers of two that share one of these bins.
    public static let exponentsPerBin = 2

    /// The bin of a number.
    public static func bin(of value: Float) -> Int {
        if !value.isFinite { return nonFinite }
        if value == 0 { return zero }
        if value.isSubnormal { return subnormal }
        let exponent = Int(value.exponent) - lowestExponent
        return exponent < 0 ? belowRange : Swift.min(belowRange + 1 + exponent / exponentsPerBin, aboveRange)
    }

    /// The power of two at which a bin begins, `nil` for ``zero``, ``subnormal``, ``belowRange`` and ``nonFinite``.
    public static func lowerExponent(ofBin bin: Int) -> Int? {
        bin > belowRange && bin <= aboveRange ? lowestExponent + (bin - belowRange - 1) * exponentsPerBin : nil
    }
}

extension Graph {
    /// Appends the observation of a value: its ``Moments``.
    ///
    /// - Parameters:
    ///   - every: look at one row in so many; see ``Sampling``.
    ///   - step: the step's number as `int32[]`, which says where to start.
    public mutating func summary(_ x: NodeID, every: Int = 1, step: NodeID? = nil) throws(GraphError) -> NodeID {
        try add(.summary(every: every), every == 1 ? [x] : [x] + (step.map { [$0] } ?? []))
    }

    /// Appends the observation of a value: its ``ExponentHistogram``.
    public mutating func exponentHistogram(
        _ x: NodeID, every: Int = 1, step: NodeID? = nil
    ) throws(GraphError) -> NodeID {
        try add(.exponentHistogram(every: every), every == 1 ? [x] : [x] + (step.map { [$0] } ?? []))
    }
}

extension Op {
    /// Whether the operation only looks at its operand, and how many rows it passes over from one to the next.
    public var observedEvery: Int? {
        switch self {
        case .summary(let every), .exponentHistogram(let every): every
        default: nil
        }
    }
}
