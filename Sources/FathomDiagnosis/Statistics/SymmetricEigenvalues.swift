/// The eigenvalues of a real symmetric matrix, ascending: Householder's reduction to tridiagonal form, then the implicit QL
/// method (Golub & Van Loan, "Matrix Computations", chapter 8). O(n³).
///
/// - Parameter matrix: n × n, row-major; only the lower triangle is read.
/// - Returns: `nil` when the iteration does not settle or the matrix is not finite.
package func symmetricEigenvalues(_ matrix: [Double], _ n: Int) -> [Double]? {
    guard n > 0, matrix.count == n * n, matrix.allSatisfy(\.isFinite) else { return nil }
    var a = matrix
    var diagonal = [Double](repeating: 0, count: n)
    var side = [Double](repeating: 0, count: n)
    for i in stride(from: n - 1, to: 0, by: -1) {
        var h = 0.0
        var scale = 0.0
        for k in 0..<i { scale += abs(a[i * n + k]) }
        if i == 1 || scale == 0 {
            side[i] = a[i * n + i - 1]
        } else {
            for k in 0..<i {
                a[i * n + k] /= scale
                h += a[i * n + k] * a[i * n + k]
            }
            let f = a[i * n + i - 1]
            let g = f >= 0 ? -h.squareRoot() : h.squareRoot()
            side[i] = scale * g
            h -= f * g
            a[i * n + i - 1] = f - g
            var sum = 0.0
            for j in 0..<i {
                var g = 0.0
                for k in 0...j { g += a[j * n + k] * a[i * n + k] }
                for k in (j + 1)..<max(i, j + 1) { g += a[k * n + j] * a[i * n + k] }
                side[j] = g / h
                sum += side[j] * a[i * n + j]
            }
            let half = sum / (h + h)
            for j in 0..<i {
                let f = a[i * n + j]
                side[j] -= half * f
                let g = side[j]
                for k in 0...j { a[j * n + k] -= f * side[k] + g * a[i * n + k] }
            }
        }
    }
    for i in 0..<n { diagonal[i] = a[i * n + i] }
    for i in 1..<max(n, 1) { side[i - 1] = side[i] }
    side[n - 1] = 0
    for l in 0..<n {
        var iterations = 0
        while true {
            var m = l
            while m < n - 1 {
                let size = abs(diagonal[m]) + abs(diagonal[m + 1])
                if abs(side[m]) <= 1e-15 * size { break }
                m += 1
            }
            if m == l { break }
            iterations += 1
            if iterations > 60 { return nil }
            var g = (diagonal[l + 1] - diagonal[l]) / (2 * side[l])
            var r = (g * g + 1).squareRoot()
            g = diagonal[m] - diagonal[l] + side[l] / (g + (g >= 0 ? abs(r) : -abs(r)))
            var (s, c, p) = (1.0, 1.0, 0.0)
            var ended = false
            for i in stride(from: m - 1, through: l, by: -1) {
                let f = s * side[i]
                let b = c * side[i]
                r = (f * f + g * g).squareRoot()
                side[i + 1] = r
                if r == 0 {
                    diagonal[i + 1] -= p
                    side[m] = 0
                    ended = true
                    break
                }
                s = f / r
                c = g / r
                g = diagonal[i + 1] - p
                r = (diagonal[i] - g) * s + 2 * c * b
                p = s * r
                diagonal[i + 1] = g + p
                g = c * r - b
            }
            if ended { continue }
            diagonal[l] -= p
            side[l] = g
            side[m] = 0
        }
    }
    return diagonal.sorted()
}

/// Largest by smallest eigenvalue of the second-moment matrix X'X / rows, over at most `limit` columns that are not 0.
///
/// - Parameter values: row-major, `rows` × `columns`.
/// - Returns: infinity for a singular matrix; `nil` where there are fewer than two columns or too few rows for them.
package func secondMomentConditionNumber(_ values: [Float], rows: Int, columns: Int, limit: Int) -> Double? {
    guard rows > 1, columns > 0, values.count >= rows * columns else { return nil }
    // Fewer columns than half the rows: else the sample, not the data, makes it singular.
    let count = min(columns, limit, rows / 2)
    guard count > 1 else { return nil }
    var chosen: [Int] = []
    for k in 0..<columns where (0..<rows).contains(where: { values[$0 * columns + k] != 0 }) { chosen.append(k) }
    if chosen.count > count { chosen = (0..<count).map { chosen[$0 * chosen.count / count] } }
    let n = chosen.count
    guard n > 1 else { return nil }
    var moment = [Double](repeating: 0, count: n * n)
    var row = [Double](repeating: 0, count: n)
    for r in 0..<rows {
        for (i, k) in chosen.enumerated() { row[i] = Double(values[r * columns + k]) }
        for i in 0..<n { for j in 0...i { moment[i * n + j] += row[i] * row[j] } }
    }
    guard let eigenvalues = symmetricEigenvalues(moment, n), let top = eigenvalues.last, top > 0 else { return nil }
    let low = eigenvalues[0]
    return low > 1e-12 * top ? top / low : .infinity
}
