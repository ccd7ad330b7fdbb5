import FathomGraph

/// The share of examples whose class is among the k best scores; k = 1 is accuracy.
///
/// Among equal scores the lower class comes first, as in `argMax`. With one output there are two classes, told apart at
/// `threshold`.
public struct TopK: MetricAccumulator {
    public let k: Int
    public let threshold: Double
    /// Examples counted as right so far.
    public private(set) var correct = 0
    /// Examples so far, those with a NaN included.
    public private(set) var count = 0
    public private(set) var nanCount = 0

    /// - Parameters:
    ///   - k: how many guesses are allowed, at least 1.
    ///   - threshold: for one output; 0 for logits, ½ for probabilities (see ``Loss/decisionThreshold``).
    public init(_ k: Int = 1, threshold: Double = 0) {
        self.k = max(k, 1)
        self.threshold = threshold
    }

    public mutating func add(_ batch: MetricBatch) throws(GraphError) {
        let labels = try batch.labels("top-\(k) accuracy")
        count += labels.count
        if batch.width == 1 {
            for (label, decision) in zip(labels, batch.decisions(threshold: threshold)) {
                if decision == nil { nanCount += 1 }
                if let decision, decision == label || k > 1 { correct += 1 }
            }
            return
        }
        for (i, label) in labels.enumerated() {
            let scores = batch.row(i)
            if scores.contains(where: \.isNaN) {
                nanCount += 1
                continue
            }
            let own = scores.startIndex + label
            var before = 0
            for j in scores.indices where scores[j] > scores[own] || scores[j] == scores[own] && j < own { before += 1 }
            if before < k { correct += 1 }
        }
    }

    public var value: Double? { count == 0 ? nil : Double(correct) / Double(count) }
}
