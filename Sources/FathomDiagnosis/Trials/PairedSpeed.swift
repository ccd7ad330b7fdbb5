import Foundation

/// How much less work a treated network needs to come as far as the untreated one does, over paired runs.
///
/// A network may reach what there is to reach and still be ill: slow, because its steps are too short, too noisy or too small.
/// What a cure then gains is work. For each seed the work (floating-point operations, not steps, so that larger batches and
/// wider layers pay for themselves) is measured until the held-out skill is at the level and stays there at the next
/// measurement. The logarithms of the ratios are compared by Student's t.
///
/// A control that never gets to the level counts with all it did, which speaks against the treatment; a treated network that
/// does not get there although its control does has shown nothing.
package struct PairedSpeed: Sendable {
    /// How far a training had come after so much work.
    package struct Point: Sendable {
        package let work: Double
        package let skill: Double

        package init(work: Double, skill: Double) { (self.work, self.skill) = (work, skill) }
    }

    private let mean: Double
    private let error: Double
    private let degrees: Double

    /// Work without the treatment by work with it, geometric mean.
    package var factor: Double { exp(mean) }

    /// - Parameters:
    ///   - control: courses by seed, at least two.
    ///   - treated: the same seeds in the same order.
    ///   - level: the skill to be reached.
    /// - Returns: `nil` when a treated network stays below the level that its control reaches.
    package init?(control: [[Point]], treated: [[Point]], level: Double) {
        guard control.count == treated.count, control.count > 1 else { return nil }
        var logs: [Double] = []
        for (without, with) in zip(control, treated) {
            guard let end = without.last else { return nil }
            switch (Self.work(without, level), Self.work(with, level)) {
            case (let before?, let after?): logs.append(log(before / after))
            case (nil, let after?): logs.append(log(end.work / after))
            case (nil, nil): logs.append(0)
            case (_?, nil): return nil
            }
        }
        let n = Double(logs.count)
        let mean = logs.reduce(0, +) / n
        self.mean = mean
        degrees = n - 1
        // Between two measurements the moment is not known: the error of a uniform distribution, once for either course.
        let spacing = control.compactMap(Self.spacing).max() ?? 0
        let spread = logs.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (n - 1)
        error = ((spread + spacing * spacing / 6) / n).squareRoot()
    }

    /// The mean distance between points, in logarithms.
    private static func spacing(_ course: [Point]) -> Double? {
        guard let first = course.first, let last = course.last, course.count > 1, first.work > 0 else { return nil }
        return log(last.work / first.work) / Double(course.count - 1)
    }

    /// The work after which the skill is at the level and still is at the next point; between points by logarithms.
    private static func work(_ course: [Point], _ level: Double) -> Double? {
        for (i, point) in course.enumerated() where point.skill >= level {
            guard i + 1 == course.count || course[i + 1].skill >= level else { continue }
            guard i > 0, point.skill > course[i - 1].skill else { return point.work }
            let before = course[i - 1]
            let share = min(max((level - before.skill) / (point.skill - before.skill), 0), 1)
            return exp(log(before.work) + share * log(point.work / before.work))
        }
        return nil
    }

    /// Where the true factor lies with this probability.
    package func interval(confidence: Double = 0.95) -> ClosedRange<Double> {
        let reach = StudentT.quantile(0.5 + confidence / 2, degrees: degrees) * error
        return exp(mean - reach)...exp(mean + reach)
    }

    /// Whether a factor of a size that matters is shown, among so many comparisons (Bonferroni).
    package func isShown(comparisons: Int, smallest: Double) -> Bool {
        factor >= smallest && interval(confidence: 1 - 0.05 / Double(max(comparisons, 1))).lowerBound > 1
    }

    /// Whether another look may show it.
    package var isOpen: Bool { mean > error }
}
