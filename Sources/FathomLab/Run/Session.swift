import Fathom

/// A network in training, one step after the other, without files or progress: what experiments train with.
///
/// The same seed gives the same bits. One session belongs to one thread; several may run beside each other.
public final class Session {
    /// The compiled step, which holds parameters and buffers.
    public let step: TrainStep
    private let data: Dataset
    private let model: any Layer
    private let loss: Loss
    private let learningRate: Double
    private var order: [Int] = []
    private var position = 0
    private var generator: SeededGenerator
    private var evaluator: Evaluator?

    /// - Parameters:
    ///   - data: the rows to learn from.
    ///   - loss: `nil` chooses by the targets: softmax cross-entropy for classes, squared error for numbers.
    ///   - batch: rows of a step, drawn without putting back; all of them, in their order, when `nil`.
    ///   - probes: what to watch; see ``observation``.
    /// - Throws: ``GraphError`` for the first mistake in the model.
    public init(
        _ model: any Layer, on data: Dataset, loss: Loss? = nil, optimizer: any Optimizer,
        clipping: OptimizerSettings.Clipping? = nil, batch: Int? = nil, seed: UInt64 = 0, probes: ProbeSettings? = nil
    ) throws {
        let loss = loss ?? (data.classCount == nil ? .meanSquaredError : .softmaxCrossEntropy())
        (self.data, self.model, self.loss, learningRate) = (data, model, loss, optimizer.learningRate)
        step = try TrainStep(
            model, loss: loss, optimizer: OptimizerSettings(optimizer, clipping: clipping), data: DataShape(data),
            batch: min(batch ?? data.rowCount, data.rowCount), seed: seed, probes: probes, team: Team(threads: 1))
        generator = SeededGenerator(seed: seed, stream: 7)
        if batch == nil { fill(Array(0..<data.rowCount)) }
    }

    private func fill(_ rows: [Int]) {
        let width = data.inputs.rowSize
        _ = step.withInputs(batch: rows.count) { x, y in
            for (i, row) in rows.enumerated() {
                for (k, v) in data.inputs.row(row).enumerated() { x[i * width + k] = v }
            }
            switch data.targets {
            case .none: break
            case .classes(let labels, _):
                let y = y.bindMemory(to: Int32.self)
                for (i, row) in rows.enumerated() { y[i] = labels[row] }
            case .values(let values):
                let y = y.bindMemory(to: Float.self)
                for (i, row) in rows.enumerated() {
                    for (k, v) in values.row(row).enumerated() { y[i * values.rowSize + k] = v }
                }
            }
        }
    }

    /// One update on the next rows.
    ///
    /// - Parameter learningRate: instead of the optimiser's; 0 changes nothing, for a look at the gradients.
    /// - Returns: the loss before the update; not finite once training has diverged.
    @discardableResult
    public func advance(learningRate: Double? = nil) throws -> Double {
        if step.batch < data.rowCount {
            if position + step.batch > order.count {
                order = Array(0..<data.rowCount)
                order.shuffle(using: &generator)
                position = 0
            }
            fill(Array(order[position..<position + step.batch]))
            position += step.batch
        }
        return Double(try step.run(batch: step.batch, learningRate: learningRate ?? self.learningRate))
    }

    /// So many updates, or fewer when the loss stops being a number.
    ///
    /// - Returns: the loss before each.
    @discardableResult
    public func train(steps: Int) throws -> [Double] {
        var losses: [Double] = []
        for _ in 0..<steps {
            losses.append(try advance())
            if losses.last?.isFinite != true { break }
        }
        return losses
    }

    /// The first step before which the loss is at most `target`; `nil` when it is not within `limit` steps.
    public func stepsUntil(loss target: Double, limit: Int) throws -> Int? {
        for n in 0...limit {
            let loss = try advance(learningRate: n == limit ? 0 : nil)
            if loss <= target { return n }
            if !loss.isFinite { return nil }
        }
        return nil
    }

    /// What the network answers in evaluation mode, row after row.
    public func predictions(_ inputs: DataArray) throws -> [Float] {
        let run = try Evaluator(
            model, loss: nil, data: step.data, storage: step.storage, team: step.executable.team, batch: 256)
        return try run.predictions(inputs)
    }

    /// Loss and share of right answers in evaluation mode; the accuracy is NaN where targets are no classes.
    public func measure(_ dataset: Dataset) throws -> (loss: Double, accuracy: Double) {
        let run =
            try evaluator
            ?? Evaluator(
                model, loss: loss, data: step.data, storage: step.storage, team: step.executable.team, batch: 256)
        evaluator = run
        let values = try run.measure(dataset, dataset.classCount == nil ? [] : [.accuracy])
        return (values.first?.value ?? .nan, values.first { $0.name == "accuracy" }?.value ?? .nan)
    }

    /// The values of a parameter, row-major; empty when there is none of that path.
    public subscript(path: String) -> [Float] {
        get { step.storage[path] ?? [] }
        set { step.storage.set(path, newValue) }
    }

    /// What the probes saw in the last step.
    public var observation: StepObservation? { step.observation }
}

extension Dataset {
    /// Rows of numbers with targets of numbers, for made-up problems.
    public static func rows(_ inputs: [[Double]], _ targets: [[Double]], name: String = "rows") throws -> Dataset {
        func array(_ rows: [[Double]]) throws -> DataArray {
            try DataArray(values: rows.flatMap { $0.map(Float.init) }, shape: [rows.count, rows.first?.count ?? 0])
        }
        return try Dataset(
            name: name, inputs: array(inputs), targets: .values(array(targets)),
            provenance: .init(source: "made from a formula", licence: "none needed"))
    }

    /// Rows of numbers with classes.
    public static func rows(_ inputs: [[Double]], labels: [Int], classes: Int, name: String = "rows") throws -> Dataset
    {
        try Dataset(
            name: name,
            inputs: DataArray(
                values: inputs.flatMap { $0.map(Float.init) }, shape: [inputs.count, inputs.first?.count ?? 0]),
            targets: .classes(labels: labels.map(Int32.init), names: (0..<classes).map { "\($0)" }),
            provenance: .init(source: "made from a formula", licence: "none needed"))
    }
}
