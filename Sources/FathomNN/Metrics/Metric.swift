import FathomGraph

/// A measure of how good predictions are, for people to read; nothing is trained by it.
public struct Metric: Sendable {
    /// What a metric can be applied to.
    public enum Task: String, Sendable, Hashable, CaseIterable {
        /// Two classes, one or two outputs.
        case binary
        /// One class in C, C outputs.
        case multiClass
        /// Numbers.
        case regression
    }

    /// The name in configurations and reports.
    public let name: String
    /// The tasks whose predictions it can measure.
    public let tasks: Set<Task>
    /// Whether a larger value is better; decides which checkpoint is the best.
    public let largerIsBetter: Bool
    /// A fresh count of nothing.
    public let start: @Sendable () -> any MetricAccumulator

    /// A metric of one's own.
    ///
    /// - Parameter start: makes a fresh accumulator, once for every value to be measured.
    public init(
        _ name: String, tasks: Set<Task>, largerIsBetter: Bool, start: @escaping @Sendable () -> any MetricAccumulator
    ) {
        self.name = name
        self.tasks = tasks
        self.largerIsBetter = largerIsBetter
        self.start = start
    }

    /// The value over one set of predictions; `nil` where there is none, as for no examples.
    public func callAsFunction(_ batch: MetricBatch) throws(GraphError) -> Double? {
        var accumulator = start()
        try accumulator.add(batch)
        return accumulator.value
    }
}

/// A metric being counted over batches. The value over several batches is that over all their examples together.
public protocol MetricAccumulator: Sendable {
    /// - Throws: ``GraphError`` when the batch does not fit the metric (labels out of range, another width).
    mutating func add(_ batch: MetricBatch) throws(GraphError)
    /// The value so far; `nil` for no examples, or where it is not defined.
    ///
    /// A NaN among the predictions counts as a wrong answer in classification, and makes the value NaN in regression and
    /// ranking.
    var value: Double? { get }
    /// The value of each class, where the metric has one.
    var perClass: [Double]? { get }
    /// How many examples had a NaN among their predictions.
    var nanCount: Int { get }
}

extension MetricAccumulator {
    /// `nil`, for metrics without a value of single classes.
    public var perClass: [Double]? { nil }
}

/// Predictions of some examples and what they should be.
public struct MetricBatch: Sendable {
    /// What the predictions are compared with.
    public enum Target: Sendable {
        /// One class an example.
        case labels([Int32])
        /// As many numbers as predictions.
        case values([Float])
    }

    /// Row-major, ``width`` numbers an example: logits, probabilities or values.
    public let predictions: [Float]
    /// Predictions an example, at least 1; in classification 1 means two classes.
    public let width: Int
    public let target: Target

    /// - Parameters:
    ///   - labels: one class an example.
    /// - Throws: ``GraphError`` when the counts do not fit together.
    public init(predictions: [Float], width: Int, labels: [Int32]) throws(GraphError) {
        self.predictions = predictions
        self.width = width
        target = .labels(labels)
        let (needed, overflow) = labels.count.multipliedReportingOverflow(by: width)
        guard width > 0, !overflow, predictions.count == needed else {
            throw GraphError(
                op: "metric",
                message: "\(predictions.count) predictions of width \(width) do not fit \(labels.count) labels")
        }
    }

    /// - Parameter values: as many numbers as predictions.
    /// - Throws: ``GraphError`` when the counts do not fit together.
    public init(predictions: [Float], width: Int, values: [Float]) throws(GraphError) {
        self.predictions = predictions
        self.width = width
        target = .values(values)
        guard width > 0, predictions.count == values.count, predictions.count % width == 0 else {
            throw GraphError(
                op: "metric",
                message: "\(predictions.count) predictions of width \(width) do not fit \(values.count) values")
        }
    }

    /// The number of examples.
    public var count: Int { predictions.count / width }

    func row(_ i: Int) -> ArraySlice<Float> { predictions[(i * width)..<((i + 1) * width)] }

    /// How many classes the predictions tell apart: one output means two.
    var classes: Int { max(width, 2) }

    /// The true class of every example. Targets given as numbers mean the largest of them, or, with one output, the
    /// positive class above ½.
    func labels(_ metric: String) throws(GraphError) -> [Int] {
        switch target {
        case .labels(let labels):
            for label in labels where label < 0 || label >= classes {
                throw GraphError(
                    op: metric, message: "the label \(label) is outside 0 ..< \(classes)",
                    hint: "the model's last layer must have one output per class")
            }
            return labels.map(Int.init)
        case .values(let values):
            return (0..<count).map { i in
                width == 1 ? (values[i] > 0.5 ? 1 : 0) : Self.firstLargest(values[(i * width)..<((i + 1) * width)])
            }
        }
    }

    /// The predicted class of every example: the first largest, or, with one output, the positive class above `threshold`.
    /// `nil` where a prediction is NaN.
    public func decisions(threshold: Double) -> [Int?] {
        (0..<count).map { i in
            let scores = row(i)
            if scores.contains(where: \.isNaN) { return nil }
            return width == 1 ? (Double(predictions[i]) > threshold ? 1 : 0) : Self.firstLargest(scores)
        }
    }

    /// Targets as numbers, for regression.
    func values() -> [Float] {
        switch target {
        case .labels(let labels): labels.map(Float.init)
        case .values(let values): values
        }
    }

    private static func firstLargest(_ row: ArraySlice<Float>) -> Int {
        var best = row.startIndex
        for i in row.indices where row[i] > row[best] { best = i }
        return best - row.startIndex
    }
}
