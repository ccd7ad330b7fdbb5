import FathomData
import FathomGraph
import FathomNN
import FathomRuntime

/// Runs a model over a data set in evaluation mode and measures it.
public final class Evaluator {
    /// The forward pass in evaluation mode that the rows go through, batch after batch.
    public let step: InferenceStep
    /// The change of the targets that metrics undo, so that they are in the units of the data.
    public var targetScaling: ColumnScaling?
    private let batch: Int
    private let storage: StateStorage

    /// - Parameters:
    ///   - storage: parameters and buffers by path.
    ///   - batch: the rows of one run.
    public init(
        _ model: any Layer, loss: Loss?, data: DataShape, storage: StateStorage, team: Team, batch: Int = 256
    ) throws(GraphError) {
        step = try InferenceStep(model, loss: loss, data: data, batch: batch, storage: storage, team: team)
        self.batch = batch
        self.storage = storage
    }

    /// The loss and the metrics over a data set.
    ///
    /// - Throws: ``GraphError`` when the set does not fit the model or a metric.
    public func measure(_ dataset: Dataset, _ metrics: [Metric]) throws(GraphError) -> [MetricValue] {
        var accumulators = metrics.map { $0.start() }
        let loss = try run(dataset) { (batch) throws(GraphError) in
            for index in accumulators.indices { try accumulators[index].add(batch) }
        }
        var values = [MetricValue("loss", loss)]
        for (metric, accumulator) in zip(metrics, accumulators) {
            if let value = accumulator.value { values.append(MetricValue(metric.name, value)) }
        }
        return values
    }

    /// Feeds the predictions of all rows, batch after batch, to `body`.
    ///
    /// - Returns: the mean loss over all rows.
    @discardableResult
    public func run(
        _ dataset: Dataset, _ body: (MetricBatch) throws(GraphError) -> Void
    ) throws(GraphError) -> Double {
        var total = 0.0
        let width = max(1, step.outputShape.reduce(1, *))
        for start in stride(from: 0, to: dataset.rowCount, by: batch) {
            let rows = start..<min(start + batch, dataset.rowCount)
            let predictions = try predict(dataset, rows)
            total += Double(step.loss) * Double(rows.count)
            switch dataset.targets {
            case .none: break
            case .classes(let labels, _):
                // A model with several outputs per row has its classes last.
                try body(MetricBatch(predictions: predictions, width: width, labels: Array(labels[rows])))
            case .values(let values):
                let size = values.rowSize
                let targets = Array(values.values[rows.lowerBound * size..<rows.upperBound * size])
                try body(
                    MetricBatch(
                        predictions: targetScaling?.restored(predictions) ?? predictions, width: width,
                        values: targetScaling?.restored(targets) ?? targets))
            }
        }
        return dataset.rowCount == 0 ? .nan : total / Double(dataset.rowCount)
    }

    /// The predictions of all rows, row-major.
    public func predictions(_ inputs: DataArray) throws(GraphError) -> [Float] {
        var all: [Float] = []
        for start in stride(from: 0, to: inputs.rowCount, by: batch) {
            let count = min(batch, inputs.rowCount - start)
            try fit(inputs)
            _ = step.withInputs(batch: count) { x, _ in
                copyRows(inputs.values, size: inputs.rowSize, start..<start + count, UnsafeMutableRawBufferPointer(x))
            }
            all += try step.run(batch: count)
        }
        return all
    }

    private func predict(_ dataset: Dataset, _ rows: Range<Int>) throws(GraphError) -> [Float] {
        try fit(dataset.inputs)
        _ = step.withInputs(batch: rows.count) { x, y in
            copyRows(dataset.inputs.values, size: dataset.inputs.rowSize, rows, UnsafeMutableRawBufferPointer(x))
            copyTargets(dataset, rows, y)
        }
        return try step.run(batch: rows.count)
    }

    private func fit(_ inputs: DataArray) throws(GraphError) {
        guard inputs.rowSize == step.data.input.reduce(1, *) else {
            throw GraphError(
                op: "evaluate",
                message: "rows have \(inputs.rowSize) values, but the model takes \(step.data.input)")
        }
    }
}

/// Copies whole rows of a table into a buffer, in the order of `rows`; what does not fit is left out.
package func copyRows<Element: BitwiseCopyable>(
    _ values: [Element], size: Int, _ rows: some Collection<Int>, _ buffer: UnsafeMutableRawBufferPointer
) {
    let bytes = size * MemoryLayout<Element>.stride
    guard bytes > 0 else { return }
    values.withUnsafeBytes { source in
        var offset = 0
        for row in rows {
            guard row >= 0, (row + 1) * bytes <= source.count, offset + bytes <= buffer.count else { return }
            UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<offset + bytes])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[row * bytes..<(row + 1) * bytes]))
            offset += bytes
        }
    }
}

/// Copies the targets of rows as a step takes them.
package func copyTargets(_ dataset: Dataset, _ rows: some Collection<Int>, _ buffer: UnsafeMutableRawBufferPointer) {
    switch dataset.targets {
    case .none: copyRows(dataset.inputs.values, size: dataset.inputs.rowSize, rows, buffer)
    case .classes(let labels, _): copyRows(labels, size: 1, rows, buffer)
    case .values(let values): copyRows(values.values, size: values.rowSize, rows, buffer)
    }
}

extension DataShape {
    /// The shape of a data set's rows.
    public init(_ dataset: Dataset) {
        switch dataset.targets {
        case .classes: self.init(input: dataset.inputs.rowShape, target: .label)
        case .values(let values): self.init(input: dataset.inputs.rowShape, target: .values(values.rowShape))
        // An autoencoder's targets are its inputs.
        case .none: self.init(input: dataset.inputs.rowShape, target: .values(dataset.inputs.rowShape))
        }
    }
}
