import FathomGraph

/// How often each class was taken for each other; precision, recall and F1 are read from it.
///
/// A class that is never predicted has precision 0, one that never occurs recall 0, and they count in the macro mean (as
/// scikit-learn does with all labels given and `zero_division=0`). An example with a NaN among its predictions has no
/// predicted class: it lowers the recall of its class.
public struct ConfusionMatrix: MetricAccumulator {
    /// What is read from the matrix.
    public enum Measure: String, Sendable, Hashable, CaseIterable { case accuracy, precision, recall, f1 }

    /// How the classes' values become one.
    public enum Average: String, Sendable, Hashable, CaseIterable {
        /// The mean over classes.
        case macro
        /// From the sums over classes; for one class in C all measures then equal accuracy.
        case micro
        /// The value of class 1.
        case positive
        /// `positive` for one output, else `macro`.
        case automatic
    }

    public let measure: Measure
    /// How the classes' values become ``value``; accuracy is the share of all examples whichever it is.
    public let average: Average
    public let threshold: Double
    /// Half a gigabyte of counts.
    private static let mostClasses = 8192
    /// The number of classes; 0 before the first batch.
    public private(set) var classes = 0
    /// Row-major [true class, predicted class].
    public private(set) var counts: [Int] = []
    /// Examples of each class without a predicted one.
    public private(set) var unpredicted: [Int] = []
    private var width = 0

    /// - Parameter threshold: for one output; 0 for logits, ½ for probabilities (see ``Loss/decisionThreshold``).
    public init(_ measure: Measure = .accuracy, average: Average = .automatic, threshold: Double = 0) {
        self.measure = measure
        self.average = average
        self.threshold = threshold
    }

    public mutating func add(_ batch: MetricBatch) throws(GraphError) {
        if classes == 0 {
            guard batch.classes <= Self.mostClasses else {
                throw GraphError(
                    op: "confusion matrix", message: "\(batch.classes) classes have too many pairs to count",
                    hint: "there may be \(Self.mostClasses); measure accuracy or topK")
            }
            width = batch.width
            classes = batch.classes
            counts = [Int](repeating: 0, count: classes * classes)
            unpredicted = [Int](repeating: 0, count: classes)
        }
        guard batch.width == width else {
            throw GraphError(
                op: "confusion matrix", message: "the predictions have width \(batch.width), earlier ones had \(width)")
        }
        for (label, decision) in zip(try batch.labels("confusion matrix"), batch.decisions(threshold: threshold)) {
            if let decision { counts[label * classes + decision] += 1 } else { unpredicted[label] += 1 }
        }
    }

    public var nanCount: Int { unpredicted.reduce(0, +) }
    /// Examples so far, those with a NaN included.
    public var count: Int { counts.reduce(0, +) + nanCount }

    private func hits(_ c: Int) -> Int { counts[c * classes + c] }
    private func occurrences(_ c: Int) -> Int { (0..<classes).reduce(unpredicted[c]) { $0 + counts[c * classes + $1] } }
    private func predictions(_ c: Int) -> Int { (0..<classes).reduce(0) { $0 + counts[$1 * classes + c] } }

    private func measured(hits: Int, predicted: Int, occurring: Int) -> Double {
        func share(_ a: Int, _ b: Int) -> Double { b == 0 ? 0 : Double(a) / Double(b) }
        return switch measure {
        case .accuracy, .recall: share(hits, occurring)
        case .precision: share(hits, predicted)
        case .f1: share(2 * hits, predicted + occurring)
        }
    }

    public var perClass: [Double]? {
        count == 0
            ? nil
            : (0..<classes).map { measured(hits: hits($0), predicted: predictions($0), occurring: occurrences($0)) }
    }

    public var value: Double? {
        guard count > 0, let each = perClass else { return nil }
        let total = (0..<classes).reduce(0) { $0 + hits($1) }
        if measure == .accuracy { return Double(total) / Double(count) }
        switch average {
        case .macro: return each.reduce(0, +) / Double(classes)
        case .micro: return measured(hits: total, predicted: count - nanCount, occurring: count)
        case .positive: return each[1]
        case .automatic: return width == 1 ? each[1] : each.reduce(0, +) / Double(classes)
        }
    }
}
