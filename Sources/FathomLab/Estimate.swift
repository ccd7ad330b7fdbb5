import FathomDiagnosis
import Foundation
import Synchronization

/// A mean over runs that differ by chance, with the interval in which the truth lies.
public struct Estimate: Sendable, Hashable {
    /// One per seed.
    public let values: [Double]

    /// - Parameter values: one per seed, in the order of the seeds, so that estimates can be paired.
    public init(_ values: [Double]) { self.values = values }

    /// The arithmetic mean; NaN without values.
    public var mean: Double { values.reduce(0, +) / Double(values.count) }

    /// Half the 99 % interval of Student's t; infinite for a single run, which proves nothing.
    public var halfWidth: Double {
        guard values.count > 1 else { return .infinity }
        let n = Double(values.count)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (n - 1)
        return StudentT.quantile(0.995, degrees: n - 1) * (variance / n).squareRoot()
    }

    /// The lower end of the 99 % interval; −∞ for a single run.
    public var low: Double { mean - halfWidth }
    /// The upper end of the 99 % interval; ∞ for a single run.
    public var high: Double { mean + halfWidth }

    /// Value by value, for quantities of the same seeds: `a.map(over: b) { $0 - $1 }` is a paired difference.
    public func map(over other: Estimate, _ f: (Double, Double) -> Double) -> Estimate {
        Estimate(zip(values, other.values).map(f))
    }

    /// Seed by seed, so that the interval is that of the mapped values.
    public func map(_ f: (Double) -> Double) -> Estimate { Estimate(values.map(f)) }

    /// Columns of runs: `rows[seed][i]` becomes one estimate per i.
    public static func columns(_ rows: [[Double]]) -> [Estimate] {
        (0..<(rows.map(\.count).min() ?? 0)).map { i in Estimate(rows.map { $0[i] }) }
    }
}

/// Runs `body` for every item on the processors there are; results keep the items' order.
///
/// - Throws: the first error in that order.
public func concurrently<Item: Sendable, T: Sendable>(
    _ items: [Item], _ body: @Sendable (Item) throws -> T
) throws -> [T] {
    let results = Mutex<[Int: Result<T, any Error>]>([:])
    DispatchQueue.concurrentPerform(iterations: items.count) { i in
        let result = Result { try body(items[i]) }
        results.withLock { $0[i] = result }
    }
    let all = results.withLock { $0 }
    return try items.indices.compactMap { try all[$0]?.get() }
}
