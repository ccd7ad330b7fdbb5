import FathomGraph

/// The area under the receiver operating characteristic: the probability that a positive example scores above a negative
/// one, ties counting half (Hanley & McNeil 1982).
///
/// Keeps all scores, 4 bytes each. With one output the score is the output, with two the second less the first; with more
/// it is the mean over classes of each against the rest, for which scores should be probabilities. `nil` as long as no
/// class has both positive and negative examples.
public struct ROCAUC: MetricAccumulator {
    private var width = 0
    private var scores: [Float] = []
    private var labels: [Int] = []
    public private(set) var nanCount = 0

    /// Starts without scores; the first batch decides the width.
    public init() {}

    public mutating func add(_ batch: MetricBatch) throws(GraphError) {
        if width == 0 { width = batch.width }
        guard batch.width == width else {
            throw GraphError(
                op: "rocAUC", message: "the predictions have width \(batch.width), earlier ones had \(width)")
        }
        labels += try batch.labels("rocAUC")
        scores += batch.predictions
        nanCount += (0..<batch.count).count { batch.row($0).contains(where: \.isNaN) }
    }

    public var value: Double? {
        guard !labels.isEmpty else { return nil }
        if nanCount > 0 { return .nan }
        switch width {
        case 1: return Self.area(scores.map(Double.init), labels.map { $0 == 1 })
        case 2:
            return Self.area(
                labels.indices.map { Double(scores[2 * $0 + 1]) - Double(scores[2 * $0]) }, labels.map { $0 == 1 })
        default:
            let areas = (0..<width).compactMap { c in
                Self.area(labels.indices.map { Double(scores[width * $0 + c]) }, labels.map { $0 == c })
            }
            return areas.isEmpty ? nil : areas.reduce(0, +) / Double(areas.count)
        }
    }

    /// The area from the sum of the positives' ranks; equal scores share the mean of their ranks.
    private static func area(_ scores: [Double], _ isPositive: [Bool]) -> Double? {
        let positives = Double(isPositive.count { $0 })
        let negatives = Double(scores.count) - positives
        guard positives > 0, negatives > 0 else { return nil }
        let order = scores.indices.sorted { scores[$0] < scores[$1] }
        var rankSum = 0.0
        var start = 0
        while start < order.count {
            var end = start + 1
            while end < order.count, scores[order[end]] == scores[order[start]] { end += 1 }
            let rank = Double(start + 1 + end) / 2
            rankSum += rank * Double(order[start..<end].count { isPositive[$0] })
            start = end
        }
        return (rankSum - positives * (positives + 1) / 2) / (positives * negatives)
    }
}
