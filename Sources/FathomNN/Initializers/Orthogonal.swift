extension Initializer {
    /// Rows or columns (the fewer) orthonormal, times `gain`: keeps every length, not only on average (Saxe et al. 2014).
    ///
    /// The matrix is the Q of a normal matrix, so uniformly distributed. Leading axes are joined into rows. Computed in
    /// `Double`; the cost is 4·n²·m operations for n of length m.
    public static let orthogonal = orthogonal(gain: 1)

    /// ``orthogonal`` with rows or columns (the fewer) of length |`gain`|.
    public static func orthogonal(gain: Double) -> Initializer {
        Initializer(gain == 1 ? "orthogonal" : "orthogonal(\(gain))") { context in
            let columns = context.shape.last ?? 0
            guard columns > 0 else { return [] }
            let rows = context.count / columns
            let vectors = orthonormal(min(rows, columns), length: max(rows, columns), &context.random)
            return (0..<context.count).map { i in
                let (r, c) = i.quotientAndRemainder(dividingBy: columns)
                return Float(gain * (rows >= columns ? vectors[c][r] : vectors[r][c]))
            }
        }
    }

    /// `count` orthonormal vectors: normal ones, each freed twice of its parts along those before it.
    private static func orthonormal(_ count: Int, length: Int, _ random: inout RandomSource) -> [[Double]] {
        var done: [[Double]] = []
        for _ in 0..<count {
            var v = (0..<length).map { _ in random.normal() }
            // Once leaves rounding errors as large as the vector is small; twice is enough (Giraud et al. 2005).
            for _ in 0..<2 {
                for u in done {
                    var dot = 0.0
                    for i in 0..<length { dot += u[i] * v[i] }
                    for i in 0..<length { v[i] -= dot * u[i] }
                }
                let norm = v.reduce(0) { $0 + $1 * $1 }.squareRoot()
                for i in 0..<length { v[i] /= norm }
            }
            done.append(v)
        }
        return done
    }
}
