import Foundation

/// The gain of a treatment over paired runs, with how sure it is.
///
/// The mean of the paired differences has two sources of error: other seeds, and other held-out rows. The first is
/// estimated from the differences, s²/n, with Student's t for their small number. The second cannot be: all runs are
/// measured on the same rows, so that differences may be nearly equal although a few other rows would have turned them
/// round. It is bounded from below instead: a gain g in accuracy over R rows has at least the variance g·(1 − g)/R, which it
/// has when no row got worse (McNemar); one in R² about 2·g²/R, the variance of a sum of squared normal errors. A gain of
/// less than one row counts as one row there, so that no interval has width 0. Where the held-out rows are the training rows,
/// as for the four of XOR, there are no others, and only the grain of one row remains.
///
/// One run in ten that blows up says much of a set-up and leaves a mean with a wide interval. From ten pairs on the median is
/// looked at beside the mean, with the interval that its ordered differences give whatever their distribution.
package struct PairedGain: Sendable {
    package let gain: Double
    /// The two errors together.
    package var standardError: Double { (ofSeeds + ofRows).squareRoot() }
    private let degrees: Double
    /// Variances of the mean over seeds and over rows.
    private let ofSeeds: Double
    private let ofRows: Double
    private let ordered: [Double]

    /// - Parameters:
    ///   - control: skill by seed, at least two.
    ///   - treated: the same seeds in the same order.
    ///   - rows: held-out rows that skill is measured on.
    ///   - isAccuracy: `false` for R².
    ///   - isSample: whether there are other rows than these.
    package init(control: [Double], treated: [Double], rows: Int, isAccuracy: Bool, isSample: Bool = true) {
        let differences = zip(control, treated).map { $1 - $0 }
        ordered = differences.sorted()
        let n = Double(max(differences.count, 1))
        let mean = differences.reduce(0, +) / n
        let spread = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        degrees = max(n - 1, 1)
        ofSeeds = spread / degrees / n
        let rows = Double(max(rows, 1))
        let size = min(max(abs(mean), 1 / rows), 1)
        ofRows =
            !isSample ? 1 / (12 * rows * rows) : (isAccuracy ? size * max(1 - size, 1 / rows) : 2 * size * size) / rows
        gain = mean
    }

    /// Where the true gain lies with this probability.
    package func interval(confidence: Double = 0.95) -> ClosedRange<Double> {
        let p = 0.5 + confidence / 2
        let t = StudentT.quantile(p, degrees: degrees)
        // Rows are many: their quantile is the normal one.
        let z = StudentT.quantile(p, degrees: 1e6)
        let reach = (t * t * ofSeeds + z * z * ofRows).squareRoot()
        return gain - reach...gain + reach
    }

    /// The median of the differences.
    package var medianGain: Double {
        let n = ordered.count
        return n == 0 ? 0 : (ordered[(n - 1) / 2] + ordered[n / 2]) / 2
    }

    /// Where the true median lies with at least this probability: between two of the ordered differences, by the binomial
    /// distribution (the inverse of the sign test), widened for other rows; `nil` for too few pairs.
    package func medianInterval(confidence: Double = 0.95) -> ClosedRange<Double>? {
        let n = ordered.count
        // P(fewer than k of n signs are positive) at even odds.
        var (tail, term, k) = (0.0, pow(0.5, Double(n)), 0)
        while k < n / 2, tail + term <= (1 - confidence) / 2 {
            tail += term
            term *= Double(n - k) / Double(k + 1)
            k += 1
        }
        guard n > 0, k > 0 else { return nil }
        let reach = StudentT.quantile(0.5 + confidence / 2, degrees: 1e6) * ofRows.squareRoot()
        let middle = medianGain
        func widened(_ bound: Double) -> Double { ((bound - middle) * (bound - middle) + reach * reach).squareRoot() }
        return middle - widened(ordered[k - 1])...middle + widened(ordered[n - k])
    }

    /// What to report: the mean, or the median where only its interval excludes 0.
    package var reported: (gain: Double, interval: ClosedRange<Double>) {
        let mean = interval()
        guard mean.contains(0), ordered.count >= 10, let median = medianInterval(), !median.contains(0) else {
            return (gain, mean)
        }
        return (medianGain, median)
    }

    /// Whether a gain of a size that matters is shown, among so many comparisons that were made to find it.
    ///
    /// The interval that must exclude 0 is widened for the number of comparisons (Bonferroni), so that of treatments without
    /// effect less than 5 % are taken for a gain, however many were tried. From ten pairs on half of the error is for the mean
    /// and half for the median.
    package func isShown(comparisons: Int, smallest: Double) -> Bool {
        let error = 0.05 / Double(max(comparisons, 1))
        guard ordered.count >= 10 else { return gain >= smallest && interval(confidence: 1 - error).lowerBound > 0 }
        if gain >= smallest, interval(confidence: 1 - error / 2).lowerBound > 0 { return true }
        return medianGain >= smallest && (medianInterval(confidence: 1 - error / 2)?.lowerBound ?? 0) > 0
    }
}
