import FathomData
import FathomGraph
import FathomNN
import FathomTraining
import Foundation

/// What a classifier answers to rows with known classes: how often each class was taken for each other, and of pictures some
/// with their answers, the worst mistakes among them.
public struct ClassificationReport: Sendable, Codable {
    /// One row with its answer.
    public struct Example: Sendable, Codable {
        /// Its place in the data set, from 0.
        public let row: Int
        /// The true class, and the one that was answered.
        public let label: Int
        /// The class that was answered.
        public let predicted: Int
        /// The probability that the network gives the class it answers, and the true one; `nil` where its loss knows no
        /// probabilities.
        public let probability: Double?
        /// The probability that the network gives the true class; `nil` where its loss knows no probabilities.
        public let labelProbability: Double?
        /// The loss of this row alone.
        public let loss: Double
        /// The row as a picture, a PNG as a data URI.
        public let picture: String

        /// Whether the true class was answered.
        public var isRight: Bool { label == predicted }
    }

    /// Two classes that were confused.
    public struct Confusion: Sendable, Codable, Equatable {
        /// The true class.
        public let label: Int
        /// The class it was taken for.
        public let predicted: Int
        /// Rows of the true class that were taken for the other.
        public let count: Int
        /// Of the rows of the true class.
        public let share: Double
    }

    /// How many examples are shown of each kind.
    public static let shown = 24
    /// How many mistakes are shown.
    public static let shownMistakes = 12

    /// Which rows, such as `test`.
    public let part: String
    /// All rows, those without an answer too.
    public let rows: Int
    /// The mean loss over all rows.
    public let loss: Double
    /// Names of the classes; the number itself where a class has none.
    public let classes: [String]
    /// [true class][predicted class].
    public let confusion: [[Int]]
    /// Rows of each class without an answer, because an output is no number.
    public let unanswered: [Int]
    /// Rows at equal distances; empty where rows are no pictures.
    public let samples: [Example]
    /// The rows with the largest loss among those with a wrong answer, the worst first; empty where rows are no pictures.
    public let mistakes: [Example]

    /// The rows of a class, those without an answer too.
    public func rows(of label: Int) -> Int { confusion[label].reduce(0, +) + unanswered[label] }

    /// The share of a class's rows that were answered with it; `nil` where it has none.
    public func recall(of label: Int) -> Double? {
        let total = rows(of: label)
        return total > 0 ? Double(confusion[label][label]) / Double(total) : nil
    }

    /// The share of all rows that were answered rightly; NaN without rows.
    public var accuracy: Double {
        let right = confusion.indices.reduce(0) { $0 + confusion[$1][$1] }
        return rows > 0 ? Double(right) / Double(rows) : .nan
    }

    /// The most frequent mistakes.
    public var confusions: [Confusion] {
        confusion.enumerated().flatMap { label, counts -> [Confusion] in
            let total = rows(of: label)
            return counts.enumerated().filter { $0.offset != label && $0.element > 0 }.map {
                Confusion(
                    label: label, predicted: $0.offset, count: $0.element, share: Double($0.element) / Double(total))
            }
        }.sorted { $0.count == $1.count ? ($0.label, $0.predicted) < ($1.label, $1.predicted) : $0.count > $1.count }
    }

    /// Asks a model about every row.
    ///
    /// - Parameters:
    ///   - evaluator: the model; its loss tells the worst mistakes.
    ///   - loss: decides what outputs mean.
    ///   - dataset: prepared as for training.
    ///   - preprocessing: what brings rows back to the pictures they were.
    ///   - part: what the rows are called, such as `test`.
    /// - Returns: `nil` for rows without classes.
    /// - Throws: ``GraphError`` when the rows do not fit the model.
    public init?(
        _ evaluator: Evaluator, loss: Loss, dataset: Dataset, preprocessing: Preprocessing, part: String
    ) throws {
        guard case .classes(let labels, let names) = dataset.targets, dataset.rowCount > 0 else { return nil }
        let threshold = loss.decisionThreshold ?? 0
        var matrix = ConfusionMatrix(threshold: threshold)
        var answers: [Answer] = []
        let mean = try evaluator.run(dataset) { (batch) throws(GraphError) in
            try matrix.add(batch)
            let shares = loss.probabilities(batch.predictions, width: batch.width)
            for (i, decision) in batch.decisions(threshold: threshold).enumerated() {
                let label = Int(labels[answers.count])
                let row = shares[i * batch.width..<(i + 1) * batch.width]
                answers.append(Answer(decision, label: label, scores: Array(row)))
            }
        }
        self.part = part
        rows = dataset.rowCount
        self.loss = mean
        let size = matrix.classes
        classes = (0..<size).map { names.indices.contains($0) ? names[$0] : "\($0)" }
        confusion = (0..<size).map { Array(matrix.counts[$0 * size..<($0 + 1) * size]) }
        unanswered = matrix.unpredicted
        guard let pictures = RowPictures(dataset, preprocessing) else {
            (samples, mistakes) = ([], [])
            return
        }
        // Scores outside 0…1 are no probabilities.
        let areProbabilities = answers.allSatisfy {
            $0.predicted == nil || 0...1.0001 ~= $0.score && $0.labelScore >= 0
        }
        func example(_ row: Int) throws -> Example? {
            let answer = answers[row]
            guard let predicted = answer.predicted, let picture = pictures.address(row) else { return nil }
            // The mean over one row is its own.
            let own = try evaluator.run(dataset.gather(rows: [row])) { (_) throws(GraphError) in }
            return Example(
                row: row, label: Int(labels[row]), predicted: predicted,
                probability: areProbabilities ? Double(answer.score) : nil,
                labelProbability: areProbabilities ? Double(answer.labelScore) : nil, loss: own, picture: picture)
        }
        let count = min(Self.shown, dataset.rowCount)
        samples = try (0..<count).compactMap { try example($0 * dataset.rowCount / count) }
        // Those that give the true class least; of them the loss says which are worst.
        let wrong = answers.indices.filter { row in
            answers[row].predicted.map { $0 != Int(labels[row]) } ?? false
        }
        let worst = wrong.sorted { (answers[$0].labelScore, $0) < (answers[$1].labelScore, $1) }
        mistakes = Array(
            try worst.prefix(4 * Self.shownMistakes).compactMap { try example($0) }
                .sorted { $0.loss > $1.loss }.prefix(Self.shownMistakes))
    }

    /// What is kept of each row's answer.
    private struct Answer {
        let predicted: Int?
        let score: Float
        let labelScore: Float

        init(_ predicted: Int?, label: Int, scores: [Float]) {
            self.predicted = predicted
            // One output speaks of the second class.
            let each = scores.count == 1 ? [1 - scores[0], scores[0]] : scores
            score = predicted.map { each[$0] } ?? .nan
            labelScore = each.indices.contains(label) ? each[label] : .nan
        }
    }
}
