import FathomData
import FathomGraph
import FathomNN
import FathomTraining

extension Setup {
    /// Reads everything that can be known without training.
    ///
    /// - Throws: ``ConfigError``, ``DataError`` or ``GraphError`` for a set-up that cannot be built.
    public init(_ patient: Patient, _ prepared: PreparedData) throws {
        let train = prepared.split.train
        let training = patient.configuration.training
        let model = try patient.model()
        let isClasses = train.classCount != nil
        let loss = try patient.loss ?? patient.configuration.makeLoss(isClasses: isClasses)
        let optimizer = try patient.configuration.makeOptimizer()
        let shape = DataShape(train)

        let trace = Trace(isTraining: true)
        trace.register(model)
        let prediction = model(trace.input("x", Shape([.batch] + shape.input.map { .fixed($0) })))
        try trace.check()
        guard let output = prediction.id else { throw GraphError(op: "trace", message: "the model has no output") }
        work = Work.forward(trace.graph)
        let initial = trace.initialValues(seed: training.seed)
        let drawn = Dictionary(initial.map { ($0.declaration.path, $0.initializerName) }) { a, _ in a }
        let table = LayerTable(trace)
        let outer = Set(table.outerRows.map(\.path))

        self.patient = patient
        self.loss = loss
        self.optimizer = optimizer
        batch = min(training.batch, train.rowCount)
        stepsPerEpoch = Trainer.steps(rows: train.rowCount, training)
        task =
            train.classCount.map { .classification(classes: $0) }
            ?? .regression(outputs: max(1, prepared.targetColumns))
        inputs = ColumnStatistics(train.inputs)
        targets = TargetStatistics(train)
        let firstConvolution =
            table.rows.firstIndex { $0.kind.lowercased().hasSuffix("convolution") } ?? table.rows.count
        layers = table.rows.enumerated().map { index, row in
            func features(_ node: NodeID?) -> Int? { node.flatMap { trace.graph.shape(of: $0).dims.last?.fixedValue } }
            let activation = row.activation.flatMap { $0.isElementwise ? $0 : nil }
            return Layer(
                path: row.path, kind: row.kind, activations: row.activations.map { "\($0)" },
                activation: activation.map { "\($0)" }, facts: activation.flatMap { try? ActivationFacts($0) },
                fanIn: features(row.input), units: features(row.output),
                unitName: row.kind.lowercased().hasSuffix("convolution")
                    ? "filter"
                    : trace.graph.shape(of: row.output).rank > (index > firstConvolution ? 2 : 3) ? "channel" : "unit",
                trainable: row.trainableCount,
                hasBias: row.declarations.contains { $0.role == .parameter && $0.path.hasSuffix("bias") },
                initializers: row.weights.compactMap { drawn[$0.path] }, isContainer: row.isContainer,
                isOuter: outer.contains(row.path))
        }
        outputShape = prediction.shape.dims.dropFirst().compactMap(\.fixedValue)
        var applied: [String] = []
        var end = output
        for use in trace.activationUses.reversed() where use.output == end {
            applied.insert("\(use.activation)", at: 0)
            end = use.input
        }
        if loss.applies != .none { applied.append(loss.applies.rawValue) }
        outputActivations = applied.isEmpty ? ["none"] : applied
        let schedule = try patient.configuration.makeSchedule(totalSteps: stepsPerEpoch * training.epochs)
        learningRate = optimizer.optimizer.learningRate * schedule.factor(at: 0, state: .init())
        parameters = trace.declarations.reduce(0) { $0 + ($1.role == .parameter ? $1.count : 0) }
        inspection = try? Inspection(
            model, input: shape.input, target: shape.target, loss: loss, optimizer: optimizer, batch: max(batch, 2),
            seed: training.seed, rows: train)
        yardstick = Yardstick(train: train, heldOut: prepared.split.validation ?? prepared.split.test)
    }
}

extension PreparedData {
    /// The numbers to predict for one row; 0 for classes.
    var targetColumns: Int {
        if case .values(let values) = split.train.targets { values.rowSize } else { 0 }
    }
}

extension ColumnStatistics {
    init(_ data: DataArray) {
        let (rows, columns) = (data.rowCount, max(data.rowSize, 1))
        var means = [Double](repeating: 0, count: columns)
        var deviations = means
        var bad = 0
        var (low, high) = (Double.infinity, -Double.infinity)
        let values = data.values
        for (i, v) in values.enumerated() {
            guard v.isFinite else {
                bad += 1
                continue
            }
            means[i % columns] += Double(v) / Double(max(rows, 1))
            low = min(low, Double(v))
            high = max(high, Double(v))
        }
        for (i, v) in values.enumerated() where v.isFinite {
            let d = Double(v) - means[i % columns]
            deviations[i % columns] += d * d / Double(max(rows, 1))
        }
        let mean = means.reduce(0, +) / Double(columns)
        var total = 0.0
        for (m, d) in zip(means, deviations) { total += d + (m - mean) * (m - mean) }
        self.rows = rows
        self.columns = columns
        self.means = means
        self.deviations = deviations.map { $0.squareRoot() }
        self.mean = mean
        deviation = (total / Double(columns)).squareRoot()
        (minimum, maximum) = low <= high ? (low, high) : (0, 0)
        constantColumns = zip(means, self.deviations).count { $1 <= 1e-7 * abs($0) }
        nonFinite = bad
        let some = min(rows, 512)
        conditionNumber =
            bad == 0
            ? secondMomentConditionNumber(
                Array(values.prefix(some * columns)), rows: some, columns: columns, limit: 128)
            : nil
    }
}

extension TargetStatistics {
    init(_ data: Dataset) {
        var counts: [Int] = []
        var numbers: [Float] = []
        switch data.targets {
        case .none: break
        case .classes(let labels, let names):
            counts = [Int](repeating: 0, count: names.count)
            for label in labels where counts.indices.contains(Int(label)) { counts[Int(label)] += 1 }
        case .values(let values): numbers = values.values
        }
        let signal = Examination.Signal(numbers, rows: 1)
        classCounts = counts
        (mean, deviation, minimum, maximum) = (signal.mean, signal.deviation, signal.minimum, signal.maximum)
        nonFinite = signal.nonFinite
    }
}
