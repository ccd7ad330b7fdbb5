import FathomData
import FathomNN
import FathomTraining

/// A case as a set-up that can be run.
public struct RebuiltCase: Sendable {
    /// `nil` where something of the case is not supported.
    public let patient: Patient?
    /// What could not be rebuilt, by name.
    public let unsupported: [String]
    /// What was chosen or approximated.
    public let notes: [String]
}

extension LabelledCase {
    /// The set-up with Keras' meaning of every name and default.
    ///
    /// - Parameters:
    ///   - folder: where the files that it names are.
    ///   - sets: the folder of named sets such as MNIST, each in a folder of its own; `nil` looks in the usual places.
    ///   - rows: the most rows to learn from; larger sets are cut, which is noted.
    /// - Throws: ``CaseError`` where its parts do not fit together or its data cannot be read.
    public func rebuilt(folder: String, sets: String? = nil, rows: Int = 6000) throws(CaseError) -> RebuiltCase {
        var notes = CaseNotes()
        var change: CaseChange?
        if let text = self.change {
            change = CaseChange(text)
            if change == nil { notes.lack("change: \(text)") }
        }
        var configuration = RunConfiguration(
            data: DataConfiguration(.named(id, folder: nil)), model: ModelSpec(layers: []))
        configuration.name = id
        configuration.data.scaling = DataConfiguration.Scaling.none
        configuration.data.scalesTarget = false
        configuration.data.validation = 0
        configuration.data.isFlat = inputShape.count == 1
        var network = Keras.network(layers, &notes)
        Keras.optimize(optimizer, &configuration, &notes)
        configuration.training.batch = batch ?? Keras.batch
        if batch == nil { notes.note("no batch size is given: \(Keras.batch)") }
        configuration.training.epochs = epochs ?? Keras.epochs
        if epochs == nil { notes.note("no number of epochs is given: \(Keras.epochs)") }
        configuration.loss = Keras.loss(loss)
        if configuration.loss == nil { notes.lack("loss \(loss)") }
        if let change { change.apply(&network.layers, &configuration, &notes) }
        configuration.model = ModelSpec(layers: network.layers)
        decay(network, &configuration, &notes)

        // Data last: what cannot be rebuilt anyway needs none.
        guard notes.unsupported.isEmpty else {
            return RebuiltCase(patient: nil, unsupported: notes.unsupported, notes: notes.notes)
        }
        do throws(DataError) {
            var places = CaseData.Places(folder: folder, sets: sets, rows: rows)
            // A convolutional network does a thousand times the work for a row; what is affordable is a count of operations.
            if let work = (try? configuration.model.build()).flatMap({ Work.forward($0, input: inputShape) }) {
                places.rows = min(rows, max(Int(Self.workOfRows / max(work, 1)), Self.leastRows))
            }
            guard let split = try split(places, change, &notes), notes.unsupported.isEmpty else {
                return RebuiltCase(patient: nil, unsupported: notes.unsupported, notes: notes.notes)
            }
            let patient = Patient(id, configuration: configuration, data: split)
            return RebuiltCase(patient: patient, unsupported: [], notes: notes.notes)
        } catch {
            throw CaseError(id: id, key: "dataset", message: error.description)
        }
    }

    /// Operations of one pass over all rows, and rows that there are at least.
    private static let workOfRows = 1.5e11
    private static let leastRows = 1500

    /// L2 penalties as weight decay: λ·Σw² has the gradient 2λ·w, on weights alone.
    private func decay(
        _ network: Keras.Network, _ configuration: inout RunConfiguration, _ notes: inout CaseNotes
    ) {
        let l2 = l2 ?? 0
        guard l2 > 0 || !network.decays.isEmpty else { return }
        if configuration.optimization.optimizer.name == "adamW" { return notes.lack("l2 with AdamW") }
        var groups = network.decays.map { ParameterGroup($0.pattern, weightDecay: 2 * $0.l2) }
        if l2 > 0 {
            configuration.optimization.optimizer.options["weightDecay"] = .number(2 * l2)
            let hasBias = network.layers.contains {
                $0.kind == "highway"
                    || ["dense", "convolution"].contains($0.kind) && $0.options["bias"] != .flag(false)
            }
            let isScaled = network.layers.contains {
                ["batchNorm", "layerNorm"].contains($0.kind) && $0.options["affine"] != .flag(false)
            }
            for pattern in (hasBias ? ["*.bias"] : []) + (isScaled ? ["*.scale", "*.shift"] : []) {
                groups.append(ParameterGroup(pattern, weightDecay: 0))
            }
        }
        configuration.optimization.groups = groups
    }

    // MARK: Data

    private func split(
        _ places: CaseData.Places, _ change: CaseChange?, _ notes: inout CaseNotes
    ) throws(DataError) -> DataSplit? {
        guard var data = try CaseData(self, places, &notes) else { return nil }
        data.train = try retargeted(data.train, &notes)
        data.test = try data.test.map { (part) throws(DataError) in try retargeted(part, &notes) }
        try data.cut(&notes)
        try data.putChannelsLast(inputShape)
        try data.scale(change?.scaling ?? .once, self, &notes)
        // Without rows of their own to judge by, the unchanged training rows are taken.
        var test = data.test ?? data.train
        var train = try change?.apply(to: data.train, &notes) ?? data.train
        let size = inputShape.reduce(1, *)
        guard train.inputs.rowSize == size else {
            throw .countMismatch(what: "inputs of a row, by input_shape", expected: size, found: train.inputs.rowSize)
        }
        train = try fitted(train, &notes)
        test = try fitted(test, &notes)
        return try DataSplit(train: train, test: test)
    }

    /// The units of the last layer that has some.
    private var outputs: Int? {
        for layer in layers.reversed() {
            if case .number(let units)? = layer.options["units"] { return Int(exactly: units) }
        }
        return nil
    }

    /// Classes or numbers, as the task says.
    private func retargeted(_ part: Dataset, _ notes: inout CaseNotes) throws(DataError) -> Dataset {
        switch part.targets {
        case .none: return part
        case .classes(let labels, let names):
            // Labels that one output stands for are numbers to it.
            let isNumber = outputs == 1 && names.count > 2
            guard !isClassification || isNumber else { return part }
            if isClassification { notes.note("\(names.count) classes on one output: taken as numbers, skill is R²") }
            // Names that are numbers are their values: labels 3 … 8 are not 0 … 5.
            let values = names.enumerated().map { CaseFormula.number($1).map { Float($0) } ?? Float($0) }
            return try replacing(
                part, .values(DataArray(values: labels.map { values[Int($0)] }, shape: [labels.count, 1])))
        case .values(let values):
            guard isClassification, values.rowSize == 1 else { return part }
            let distinct = Set(values.values).sorted()
            guard distinct.count <= 1000, distinct.allSatisfy({ $0 == $0.rounded() }) else { return part }
            if outputs == 1, distinct.count > 2 {
                notes.note("\(distinct.count) classes on one output: taken as numbers, skill is R²")
                return part
            }
            let place = Dictionary(distinct.enumerated().map { ($1, Int32($0)) }) { a, _ in a }
            return try replacing(
                part,
                .classes(
                    labels: values.values.map { place[$0] ?? 0 },
                    names: distinct.count == 1 ? ["0", "1"] : distinct.map { "\(Int(clamping: Int64($0)))" }))
        }
    }

    /// Rows of the shape that the model takes, and targets that it can be compared with.
    private func fitted(_ part: Dataset, _ notes: inout CaseNotes) throws(DataError) -> Dataset {
        var part = try part.replacing(inputs: part.inputs.reshaped(to: [part.rowCount] + inputShape))
        guard let outputs else { return part }
        switch part.targets {
        case .classes(_, let names) where outputs > 1 && outputs < names.count:
            notes.lack("\(outputs) outputs for \(names.count) classes")
        case .values(let values) where values.rowSize == 1 && outputs > 1 && inputShape.count == 1:
            // One number against several outputs is stretched along them in silence, as NumPy does.
            notes.note("the target is repeated for each of the \(outputs) outputs, as stretching shapes does")
            part = try replacing(
                part,
                .values(
                    DataArray(
                        values: values.values.flatMap { [Float](repeating: $0, count: outputs) },
                        shape: [values.rowCount, outputs])))
        case .values(let values) where values.rowSize != outputs:
            notes.lack("\(outputs) outputs for \(values.rowSize) targets")
        default: break
        }
        return part
    }

    private func replacing(_ part: Dataset, _ targets: Dataset.Targets) throws(DataError) -> Dataset {
        try Dataset(
            name: part.name, inputs: part.inputs, targets: targets, featureNames: part.featureNames,
            provenance: part.provenance)
    }
}

extension CaseChange {
    /// Changes the model, the loss and the optimiser.
    func apply(
        _ layers: inout [LayerSpec], _ configuration: inout RunConfiguration, _ notes: inout CaseNotes
    ) {
        switch self {
        case .ascent: configuration.optimization.maximize = true
        case .frozenStatistics:
            guard layers.contains(where: { $0.kind == "batchNorm" }) else { return notes.lack("change of batch norm") }
            for index in layers.indices where layers[index].kind == "batchNorm" {
                layers[index].options["momentum"] = 0
            }
        case .batchSoftmax:
            if let index = layers.lastIndex(where: { $0.options["activation"] == "softmax" }) {
                layers[index].options["activation"] = "softmax(axis=0)"
            } else if let index = layers.lastIndex(where: { $0.kind == "softmax" }) {
                layers[index].options["axis"] = 0
            } else {
                notes.lack("change of softmax")
            }
        case .crossedTargets:
            guard configuration.loss?.name == "meanSquaredError" else { return notes.lack("broadcast with this loss") }
            configuration.loss?.options = ["crossed": true]
        case .mixedReduction:
            guard configuration.loss?.name == "categoricalCrossEntropy" else {
                return notes.lack("reduction with this loss")
            }
            configuration.loss?.options["reduction"] = "sumOfMeans"
        case .described: notes.note("the change is expressed by the case's own keys")
        default: break
        }
    }
}
