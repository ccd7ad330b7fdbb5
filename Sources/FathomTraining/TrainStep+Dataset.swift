import FathomData
import FathomGraph
import FathomNN

// A loop of one's own over a data set in memory.
extension DataShape {
    /// The shape of a data set's rows: labels for classes, numbers for values.
    public init(_ dataset: Dataset) {
        switch dataset.targets {
        case .values(let values): self.init(input: dataset.inputs.rowShape, target: .values(values.rowShape))
        case .classes, .none: self.init(input: dataset.inputs.rowShape, target: .label)
        }
    }
}

extension TrainStep {
    /// One pass over all rows in a shuffled order, which the step's seed and `epoch` decide.
    ///
    /// - Parameter learningRate: the optimiser's own when `nil`.
    /// - Returns: the mean loss over the rows, each before its update.
    /// - Throws: ``GraphError`` when the data set has no rows or another shape than this step.
    @discardableResult
    public func runEpoch(_ epoch: Int, over dataset: Dataset, learningRate: Double? = nil) throws -> Double {
        guard dataset.rowCount > 0, DataShape(dataset) == data else {
            throw GraphError(
                op: "runEpoch",
                message: "'\(dataset.name)' has \(dataset.rowCount) rows of \(DataShape(dataset)), not \(data)",
                hint: "make the step with data: DataShape(dataset)")
        }
        let order = BatchPlan.Order.shuffled(seed: seed, epoch: epoch)
        var sum = 0.0
        for rows in try BatchPlan(rowCount: dataset.rowCount, batchSize: batch, order: order) {
            withInputs(batch: rows.count) { inputs, targets in
                dataset.copy(rows, inputs: inputs, targets: targets)
            }
            let loss = try run(batch: rows.count, learningRate: learningRate ?? optimizer.optimizer.learningRate)
            sum += Double(loss) * Double(rows.count)
        }
        return sum / Double(dataset.rowCount)
    }

    /// The model's predictions for every row in order, row-major, by the weights as they are now.
    ///
    /// - Throws: ``GraphError`` when the rows have another shape than this step's.
    public func predictions(for inputs: DataArray) throws(GraphError) -> [Float] {
        guard inputs.rowShape == data.input else {
            throw GraphError(op: "predictions", message: "rows have shape \(inputs.rowShape), not \(data.input)")
        }
        let pass = try evaluation(batch: batch)
        var all: [Float] = []
        for start in stride(from: 0, to: inputs.rowCount, by: batch) {
            let rows = start..<min(start + batch, inputs.rowCount)
            pass.withInputs(batch: rows.count) { into, _ in
                inputs.copy(rows, into: into)
            }
            all += try pass.run(batch: rows.count)
        }
        return all
    }

    /// A metric over the predictions for a whole data set; `nil` where it has no value.
    ///
    /// - Throws: ``GraphError`` when data set, model and metric do not fit together.
    public func evaluate(_ metric: Metric, on dataset: Dataset) throws(GraphError) -> Double? {
        let found = try predictions(for: dataset.inputs)
        let width = found.count / max(dataset.rowCount, 1)
        switch dataset.targets {
        case .classes(let labels, _): return try metric(MetricBatch(predictions: found, width: width, labels: labels))
        case .values(let values):
            return try metric(MetricBatch(predictions: found, width: width, values: values.values))
        case .none: return nil
        }
    }
}

extension DataArray {
    fileprivate func copy(_ rows: some Collection<Int>, into: UnsafeMutableBufferPointer<Float>) {
        var next = into.startIndex
        for row in rows { next = into[next...].update(fromContentsOf: self.row(row)) }
    }
}

extension Dataset {
    fileprivate func copy(
        _ rows: ArraySlice<Int>, inputs into: UnsafeMutableBufferPointer<Float>, targets: UnsafeMutableRawBufferPointer
    ) {
        inputs.copy(rows, into: into)
        switch self.targets {
        case .classes(let labels, _):
            let target = targets.bindMemory(to: Int32.self)
            for (i, row) in rows.enumerated() { target[i] = labels[row] }
        case .values(let values): values.copy(rows, into: targets.bindMemory(to: Float.self))
        case .none: break
        }
    }
}
