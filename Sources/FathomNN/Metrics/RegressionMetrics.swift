import FathomGraph

/// The mean of a function of the error, over all numbers of all examples.
public struct MeanError: MetricAccumulator {
    /// Which function of the error p − t.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case squared
        case absolute
        /// The root of the mean squared error, in the target's unit.
        case rootSquared
    }

    public let kind: Kind
    public private(set) var nanCount = 0
    private var total = 0.0
    private var count = 0

    /// Starts without examples; a root is taken of the mean over all batches together.
    public init(_ kind: Kind) { self.kind = kind }

    public mutating func add(_ batch: MetricBatch) throws(GraphError) {
        nanCount += try batch.nanExamples("mean error")
        for (p, t) in zip(batch.predictions, batch.values()) {
            let d = Double(p) - Double(t)
            total += kind == .absolute ? abs(d) : d * d
        }
        count += batch.predictions.count
    }

    public var value: Double? {
        guard count > 0 else { return nil }
        let mean = total / Double(count)
        return kind == .rootSquared ? mean.squareRoot() : mean
    }
}

/// The share of the targets' variance that is explained, 1 − Σ(t − p)² / Σ(t − t̄)², the mean over outputs.
///
/// 1 is perfect, 0 no better than the mean, below 0 worse. `nil` when an output's targets are all equal.
public struct RSquared: MetricAccumulator {
    public private(set) var nanCount = 0
    private var count = 0.0
    // For each output: the targets' mean and squared deviations (Welford 1962), and the squared errors.
    private var mean: [Double] = []
    private var deviation: [Double] = []
    private var error: [Double] = []

    /// Starts without examples; the first batch decides the number of outputs.
    public init() {}

    public mutating func add(_ batch: MetricBatch) throws(GraphError) {
        if mean.isEmpty {
            mean = [Double](repeating: 0, count: batch.width)
            deviation = mean
            error = mean
        }
        guard batch.width == mean.count else {
            throw GraphError(
                op: "r2", message: "the predictions have width \(batch.width), earlier ones had \(mean.count)")
        }
        nanCount += try batch.nanExamples("r2")
        let targets = batch.values()
        for i in 0..<batch.count {
            count += 1
            for j in 0..<batch.width {
                let t = Double(targets[i * batch.width + j])
                let d = t - Double(batch.predictions[i * batch.width + j])
                let before = t - mean[j]
                mean[j] += before / count
                deviation[j] += before * (t - mean[j])
                error[j] += d * d
            }
        }
    }

    public var value: Double? {
        guard count > 0, !deviation.contains(0) else { return nil }
        return zip(error, deviation).reduce(0) { $0 + (1 - $1.0 / $1.1) } / Double(mean.count)
    }
}

extension MetricBatch {
    /// How many examples have a NaN among their predictions.
    ///
    /// - Throws: ``GraphError`` when the targets are labels but there is more than one prediction an example.
    func nanExamples(_ metric: String) throws(GraphError) -> Int {
        if case .labels = target, width != 1 {
            throw GraphError(
                op: metric, message: "labels do not go with \(width) predictions an example",
                hint: "give as many numbers as predictions, or use a metric of classification")
        }
        return (0..<count).count { row($0).contains(where: \.isNaN) }
    }
}
