import FathomGraph
import FathomNN
import FathomTestSupport
import Testing

/// The batch cut into uneven pieces, counted one after the other.
private func counted(
    _ metric: Metric, _ predictions: [Float], width: Int, labels: [Int32]? = nil, values: [Float]? = nil
) throws -> any MetricAccumulator {
    var accumulator = metric.start()
    let rows = predictions.count / width
    var start = 0
    for end in [rows / 7, rows / 7, rows / 2, rows] {
        let (from, to) = (start * width, end * width)
        let part = Array(predictions[from..<to])
        if let labels {
            try accumulator.add(MetricBatch(predictions: part, width: width, labels: Array(labels[start..<end])))
        } else if let values {
            try accumulator.add(MetricBatch(predictions: part, width: width, values: Array(values[from..<to])))
        }
        start = end
    }
    return accumulator
}

@Suite("Metrics")
struct MetricTests {
    private static func golden(_ kind: String) throws -> [TrainingGolden.Metric] {
        try TrainingGolden.metrics().filter { $0.metric == kind }
    }

    private func isClose(_ value: Double?, _ wanted: Double?) -> Bool {
        guard let value, let wanted else { return false }
        return abs(value - wanted) <= 1e-12 * max(1, abs(wanted))
    }

    /// Counts of all pairs of so many classes would take gigabytes.
    @Test func tooManyClassesForAMatrix() throws {
        var matrix = ConfusionMatrix()
        let wide = try MetricBatch(predictions: [Float](repeating: 0, count: 10_000), width: 10_000, labels: [3])
        #expect(throws: GraphError.self) { try matrix.add(wide) }
        #expect(matrix.count == 0)
    }

    @Test("equal scikit-learn's in classification", arguments: try golden("classification"))
    func classification(_ c: TrainingGolden.Metric) throws {
        let scores = try #require(c.scores)
        let labels = try #require(c.labels).values.map { Int32($0) }
        let classes = scores.shape[1]
        func measure(_ metric: Metric) throws -> any MetricAccumulator {
            try counted(metric, scores.floats, width: classes, labels: labels)
        }
        #expect(isClose(try measure(.accuracy).value, c.results["accuracy"]?.first))
        let topK = try #require(c.results["topK"])
        for k in 1...classes { #expect(isClose(try measure(.topK(k)).value, topK[k - 1]), "k = \(k)") }
        let matrix = try #require(try measure(try Metric.named("confusionMatrix")) as? ConfusionMatrix)
        #expect(matrix.counts.map(Double.init) == c.confusion?.values)
        #expect(isClose(matrix.value, c.results["accuracy"]?.first))
        for name in ["precision", "recall", "f1"] {
            let perClass = try #require(try measure(try Metric.named(name)).perClass)
            let wanted = try #require(c.results[name])
            #expect(zip(perClass, wanted).allSatisfy { isClose($0, $1) } && perClass.count == wanted.count, "\(name)")
            for average in ["macro", "micro"] {
                let value = try measure(try Metric.named(name, ["average": .text(average)])).value
                #expect(isClose(value, c.results[name + average.capitalized]?.first), "\(name) \(average)")
            }
            if classes == 2 {
                let positive = try measure(try Metric.named(name, ["average": "positive"])).value
                #expect(isClose(positive, wanted[1]))
                // One output that is the difference of both means the same.
                let single = stride(from: 0, to: scores.floats.count, by: 2).map {
                    scores.floats[$0 + 1] - scores.floats[$0]
                }
                #expect(isClose(try counted(try Metric.named(name), single, width: 1, labels: labels).value, wanted[1]))
            }
        }
    }

    @Test("ROC AUC equals scikit-learn's, with ties", arguments: try golden("ranking"))
    func ranking(_ c: TrainingGolden.Metric) throws {
        let scores = try #require(c.scores).floats
        let labels = try #require(c.labels).values.map { Int32($0) }
        let wanted = c.results["rocAUC"]?.first
        #expect(isClose(try counted(.rocAUC, scores, width: 1, labels: labels).value, wanted))
        // Two outputs rank by their difference; targets may be numbers.
        #expect(isClose(try counted(.rocAUC, scores.flatMap { [-$0, $0] }, width: 2, labels: labels).value, wanted))
        #expect(isClose(try counted(.rocAUC, scores, width: 1, values: labels.map(Float.init)).value, wanted))
    }

    @Test("regression equals scikit-learn's", arguments: try golden("regression"))
    func regression(_ c: TrainingGolden.Metric) throws {
        let targets = try #require(c.targets)
        let predicted = try #require(c.predicted).floats
        let width = targets.shape.count == 2 ? targets.shape[1] : 1
        for name in ["mse", "rmse", "mae", "r2"] {
            guard let wanted = c.results[name]?.first else { continue }
            let value = try counted(try Metric.named(name), predicted, width: width, values: targets.floats).value
            #expect(isClose(value, wanted), "\(name): \(String(describing: value)) \(wanted)")
        }
    }

    @Test("golden cases are there") func goldenCount() throws {
        #expect(try Self.golden("classification").count == 5)
        #expect(try Self.golden("ranking").count == 5)
        #expect(try Self.golden("regression").count == 3)
    }

    @Test("ROC AUC of several classes is the mean of one against the rest")
    func multiClassAUC() throws {
        // Class 0: positives 0.9 and 0.2 against 0.3 and 0.1, 3 of 4 pairs; classes 1 and 2: the positive is highest.
        let batch = try MetricBatch(
            predictions: [0.9, 0, 0.1, 0.2, 0.1, 0.7, 0.3, 0.6, 0.1, 0.1, 0, 0.9], width: 3, labels: [0, 0, 1, 2])
        let value = try #require(try Metric.rocAUC(batch))
        #expect(abs(value - (0.75 + 1 + 1) / 3) < 1e-12)
        // scikit-learn 1.9: roc_auc_score(multi_class: "ovr").
        let scores: [Float] = [0.9, 0, 0.1, 0.2, 0.1, 0.7, 0.3, 0.6, 0.1, 0.1, 0, 0.9, 0.4, 0.3, 0.3, 0.2, 0.3, 0.5]
        let mixed = try #require(
            try Metric.rocAUC(MetricBatch(predictions: scores, width: 3, labels: [0, 0, 1, 2, 1, 2])))
        #expect(abs(mixed - 0.8333333333333334) < 1e-12)
        let missing = try MetricBatch(predictions: [0.9, 0, 0.1, 0.2, 0.1, 0.7], width: 3, labels: [0, 1])
        #expect(try Metric.rocAUC(missing) == 1)
    }

    @Test("no examples, no value", arguments: Metric.all.names)
    func empty(_ name: String) throws {
        let metric = try Metric.named(name)
        #expect(metric.start().value == nil)
        let batch =
            metric.tasks.contains(.regression)
            ? try MetricBatch(predictions: [], width: 3, values: [])
            : try MetricBatch(predictions: [], width: 3, labels: [])
        #expect(try metric(batch) == nil)
        #expect(!metric.tasks.isEmpty)
        #expect(metric.largerIsBetter == !["mse", "rmse", "mae"].contains(name))
    }

    @Test("a NaN prediction is counted and never flatters", arguments: Metric.all.names)
    func nan(_ name: String) throws {
        let metric = try Metric.named(name, name == "topK" ? ["k": 2] : [:])
        var accumulator = metric.start()
        if metric.tasks.contains(.regression) {
            try accumulator.add(MetricBatch(predictions: [1, .nan, 3], width: 1, values: [1, 2, 3]))
            #expect(accumulator.value?.isNaN == true)
        } else {
            // Three right answers, and one that would be right but for a NaN.
            try accumulator.add(
                MetricBatch(predictions: [1, 0, 0, 1, 1, 0, 2, .nan], width: 2, labels: [0, 1, 0, 0]))
            switch name {
            case "rocAUC": #expect(accumulator.value?.isNaN == true)
            case "precision": #expect(accumulator.value == 1)
            case "recall": #expect(isClose(accumulator.value, (1 + 2.0 / 3) / 2))
            case "f1": #expect(isClose(accumulator.value, (1 + 0.8) / 2))
            default: #expect(accumulator.value == 0.75)
            }
        }
        #expect(accumulator.nanCount == 1)
        if !metric.tasks.contains(.regression) {
            var single = metric.start()
            try single.add(MetricBatch(predictions: [.nan, 1], width: 1, labels: [0, 1]))
            #expect(single.nanCount == 1)
        }
    }

    @Test("one output is told apart at the threshold")
    func threshold() throws {
        let batch = try MetricBatch(predictions: [0.4, 0.6, 0.5, 0.9], width: 1, labels: [0, 1, 0, 1])
        #expect(try Metric.named("accuracy", threshold: 0.5)(batch) == 1)
        #expect(try Metric.named("accuracy")(batch) == 0.5)
        #expect(try Metric.named("recall", threshold: 0.7)(batch) == 0.5)
        #expect(try Metric.named("precision", ["threshold": 0.45])(batch) == 2.0 / 3)
        #expect(try Metric.named("mse", threshold: 0.5)(MetricBatch(predictions: [2], width: 1, values: [0])) == 4)
        // Targets as numbers: ±1, or one-hot.
        #expect(try Metric.accuracy(MetricBatch(predictions: [-1, 2], width: 1, values: [-1, 1])) == 1)
        #expect(try Metric.accuracy(MetricBatch(predictions: [0, 1, 1, 0], width: 2, values: [0, 1, 0, 1])) == 0.5)
    }

    @Test("among equal scores the lower class comes first")
    func ties() throws {
        let batch = try MetricBatch(predictions: [1, 1, 1, 1, 1, 1], width: 3, labels: [0, 0])
        #expect(try Metric.accuracy(batch) == 1)
        let last = try MetricBatch(predictions: [1, 1, 1], width: 3, labels: [2])
        #expect(try [1, 2, 3].map { try Metric.topK($0)(last) } == [0, 0, 1])
    }

    @Test("R² of equal targets is not defined; of the mean it is 0")
    func rSquared() throws {
        #expect(try Metric.rSquared(MetricBatch(predictions: [1, 2], width: 1, values: [3, 3])) == nil)
        #expect(try Metric.rSquared(MetricBatch(predictions: [2, 2], width: 1, values: [1, 3])) == 0)
    }

    @Test("what does not fit is a mistake")
    func mistakes() throws {
        #expect(throws: GraphError.self) { try MetricBatch(predictions: [1, 2, 3], width: 2, labels: [0]) }
        #expect(throws: GraphError.self) { try MetricBatch(predictions: [1], width: 0, labels: [0]) }
        #expect(throws: GraphError.self) { try MetricBatch(predictions: [], width: 0, values: []) }
        #expect(throws: GraphError.self) { try MetricBatch(predictions: [1, 2], width: .max, labels: [0, 1]) }
        #expect(throws: GraphError.self) { try MetricBatch(predictions: [1, 2], width: 1, values: [0]) }
        for label in [-1, 2] as [Int32] {
            let batch = try MetricBatch(predictions: [1, 2], width: 2, labels: [label])
            for metric in [Metric.accuracy, .rocAUC, .confusion(.f1)] {
                #expect(throws: GraphError.self) { try metric(batch) }
            }
        }
        #expect(throws: GraphError.self) {
            try Metric.meanSquaredError(MetricBatch(predictions: [1, 2], width: 2, labels: [1]))
        }
        for metric in [Metric.rocAUC, .confusion(.f1), .rSquared] {
            var accumulator = metric.start()
            try accumulator.add(MetricBatch(predictions: [1, 2], width: 1, values: [0, 1]))
            #expect(throws: GraphError.self) {
                try accumulator.add(MetricBatch(predictions: [1, 2], width: 2, values: [0, 1]))
            }
        }
        #expect(throws: ConfigError.self) { try Metric.named("precision", ["average": "weighted"]) }
    }
}
