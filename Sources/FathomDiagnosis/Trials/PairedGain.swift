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
package struct PairedGain: Sendable {
    package let gain: Double
    /// The two errors together.
    package var standardError: Double { (ofSeeds + ofRows).squareRoot() }
    private let degrees: Double
    /// Variances of the mean over seeds and over rows.
    private let ofSeeds: Double
    private let ofRows: Double

    /// - Parameters:
    ///   - control: skill by seed, at least two.
    ///   - treated: the same seeds in the same order.
    ///   - rows: held-out rows that skill is measured on.
    ///   - isAccuracy: `false` for R².
    ///   - isSample: whether there are other rows than these.
    package init(control: [Double], treated: [Double], rows: Int, isAccuracy: Bool, isSample: Bool = true) {
        let differences = zip(control, treated).map { $1 - $0 }
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

    /// Whether a gain of a size that matters is shown, among so many comparisons that were made to find it.
    ///
    /// The interval that must exclude 0 is widened for the number of comparisons (Bonferroni), so that of treatments without
    /// effect less than 5 % are taken for a gain, however many were tried.
    package func isShown(comparisons: Int, smallest: Double) -> Bool {
        gain >= smallest && interval(confidence: 1 - 0.05 / Double(max(comparisons, 1))).lowerBound > 0
    }
}
