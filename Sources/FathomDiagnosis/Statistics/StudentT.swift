import Foundation

/// Student's t distribution: how far a mean of few measurements may lie from the truth.
package enum StudentT {
    /// P(T ≤ t) with so many degrees of freedom.
    package static func probability(below t: Double, degrees: Double) -> Double {
        let tail = incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2
        return t < 0 ? tail : 1 - tail
    }

    /// The t below which a draw lies with probability `p`, 0 < p < 1.
    package static func quantile(_ p: Double, degrees: Double) -> Double {
        guard p != 0.5 else { return 0 }
        if p < 0.5 { return -quantile(1 - p, degrees: degrees) }
        var (low, high) = (0.0, 1.0)
        while probability(below: high, degrees: degrees) < p, high < 1e12 { high *= 2 }
        for _ in 0..<200 {
            let middle = (low + high) / 2
            if probability(below: middle, degrees: degrees) < p { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }

    /// The regularised incomplete beta function, by its continued fraction (Lentz's method).
    private static func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        guard x > 0 else { return 0 }
        guard x < 1 else { return 1 }
        // It converges fast only below the mean.
        if x > (a + 1) / (a + b + 2) { return 1 - incompleteBeta(1 - x, b, a) }
        let gammas: Double = lgamma(a + b) - lgamma(a) - lgamma(b)
        let powers: Double = a * log(x) + b * log(1 - x)
        let front = exp(gammas + powers) / a
        var c = 1.0
        var d = 1 / (1 - (a + b) * x / (a + 1))
        var f = d
        for m in 1..<300 {
            let n = Double(m)
            let even: Double = n * (b - n) * x / ((a + 2 * n - 1) * (a + 2 * n))
            let odd: Double = -(a + n) * (a + b + n) * x / ((a + 2 * n) * (a + 2 * n + 1))
            for numerator in [even, odd] {
                d = 1 / (1 + numerator * d)
                c = 1 + numerator / c
                f *= c * d
            }
            if abs(c * d - 1) < 1e-15 { break }
        }
        return front * f
    }
}
