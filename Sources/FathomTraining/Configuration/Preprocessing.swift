import FathomData

/// What training learnt about the form of its data, so that later rows are brought into the same form.
///
/// It is part of every checkpoint.
public struct Preprocessing: Codable, Sendable, Hashable {
    /// The input columns by name, in the model's order; categories appear as `column=category`. Empty for images.
    public var features: [String]
    /// The shape of one input row.
    public var rowShape: [Int]
    /// The size of the picture that a row is, also where rows are flattened; `nil` where they are no pictures.
    public var imageShape: ImageShape?
    /// The classes by name; `nil` where numbers are predicted.
    public var classNames: [String]?
    /// The shape of one target row where numbers are predicted.
    public var targetShape: [Int]?
    /// The change of the columns, fitted to the training part.
    public var scaling: ColumnScaling?
    /// The change of the numbers to predict, fitted to the training part.
    public var targetScaling: ColumnScaling?

    /// The columns and classes of a data set, without scaling.
    public init(columnsOf dataset: Dataset) {
        features = dataset.featureNames
        rowShape = dataset.inputs.rowShape
        imageShape = dataset.imageShape
        if case .values(let values) = dataset.targets { targetShape = values.rowShape }
        classNames = dataset.classCount == nil ? nil : dataset.classNames
    }

    /// Other rows in the order of the columns that were trained on.
    ///
    /// Columns go by name: those that were not trained on are left out. Where no name fits, or there are none, the
    /// number of columns must be the same.
    ///
    /// - Throws: ``DataError`` for a missing column, or a category that did not occur in training.
    public func aligned(_ inputs: DataArray, names: [String]) throws(DataError) -> DataArray {
        let size = rowShape.reduce(1, *)
        if names == features || names.isEmpty || features.isEmpty {
            guard inputs.rowSize == size else {
                throw .countMismatch(what: "input columns", expected: size, found: inputs.rowSize)
            }
            return try inputs.reshaped(to: [inputs.rowCount] + rowShape)
        }
        var position: [String: Int] = [:]
        for (index, name) in names.enumerated() { position[name] = index }
        let columns = Set(features.compactMap(Self.categoryColumn))
        let known = Set(features)
        for name in names {
            if let column = Self.categoryColumn(name), columns.contains(column), !known.contains(name) {
                throw .invalidParameter(name: column, value: name, rule: "this category did not occur in training")
            }
        }
        var sources: [Int?] = []
        for name in features {
            if let index = position[name] {
                sources.append(index)
            } else if let column = Self.categoryColumn(name),
                names.contains(where: { Self.categoryColumn($0) == column })
            {
                // A category that these rows happen not to have.
                sources.append(nil)
            } else if inputs.rowSize == size, !names.contains(where: known.contains) {
                return try inputs.reshaped(to: [inputs.rowCount] + rowShape)
            } else {
                throw .invalidParameter(name: "column", value: name, rule: "it was trained on, but the file lacks it")
            }
        }
        var values: [Float] = []
        values.reserveCapacity(inputs.rowCount * size)
        for row in 0..<inputs.rowCount {
            for source in sources { values.append(source.map { inputs.values[row * inputs.rowSize + $0] } ?? 0) }
        }
        return try DataArray(values: values, shape: [inputs.rowCount] + rowShape)
    }

    /// Other rows with their targets: classes go by name.
    ///
    /// - Throws: ``DataError`` as ``aligned(_:names:)``, and for a class that did not occur in training.
    public func aligned(_ dataset: Dataset) throws(DataError) -> Dataset {
        let inputs = try aligned(dataset.inputs, names: dataset.featureNames)
        var targets = dataset.targets
        if let classNames, case .classes(let labels, let names) = targets, names != classNames {
            var codes: [Int32?] = []
            for name in names { codes.append(classNames.firstIndex(of: name).map(Int32.init)) }
            var mapped: [Int32] = []
            for label in labels {
                guard let code = codes[Int(label)] else {
                    throw .invalidParameter(
                        name: "class", value: names[Int(label)], rule: "this class did not occur in training")
                }
                mapped.append(code)
            }
            targets = .classes(labels: mapped, names: classNames)
        }
        return try Dataset(
            name: dataset.name, inputs: inputs, targets: targets,
            featureNames: features.count == inputs.rowSize ? features : [], provenance: dataset.provenance,
            imageShape: imageShape)
    }

    /// Rows of raw data as the model takes them: columns in order, then scaled.
    public func applied(to inputs: DataArray, names: [String] = []) throws(DataError) -> DataArray {
        let rows = try aligned(inputs, names: names)
        return try scaling?.applied(to: rows) ?? rows
    }

    /// A raw data set as the model takes it.
    public func applied(to dataset: Dataset) throws(DataError) -> Dataset {
        var rows = try aligned(dataset)
        if let scaling { rows = try scaling.applied(to: rows) }
        if let targetScaling { rows = try rows.scalingTargets(by: targetScaling) }
        return rows
    }

    /// How picture files are read for the model: in the size that it was trained on.
    ///
    /// - Throws: ``DataError`` when it was not trained on pictures; `path` names them.
    public func pictureOptions(for path: String) throws(DataError) -> ImageFolder.Options {
        guard let imageShape, imageShape.channels == 1 || imageShape.channels == 3 else {
            throw .invalidParameter(name: "data", value: path, rule: "the model was not trained on pictures")
        }
        var options = ImageFolder.Options()
        options.size = .init(height: imageShape.height, width: imageShape.width)
        options.channels = imageShape.channels
        return options
    }

    /// What the model says in the units of the data.
    public func restored(_ outputs: [Float]) -> [Float] { targetScaling?.restored(outputs) ?? outputs }

    /// The column of a name such as `colour=red`.
    static func categoryColumn(_ name: String) -> String? {
        name.firstIndex(of: "=").map { String(name[..<$0]) }
    }

    /// The columns that were read as categories.
    package var categoryColumns: Set<String> { Set(features.compactMap(Self.categoryColumn)) }
}

extension Dataset {
    /// The same rows with other numbers to predict; classes stay.
    package func scalingTargets(by scaling: ColumnScaling) throws(DataError) -> Dataset {
        guard case .values(let values) = targets else { return self }
        return try Dataset(
            name: name, inputs: inputs, targets: .values(scaling.applied(to: values)), featureNames: featureNames,
            provenance: provenance, imageShape: imageShape)
    }
}

extension ColumnScaling {
    /// The values before the change, row after row.
    package func restored(_ values: [Float]) -> [Float] {
        let width = max(1, shift.count)
        guard shift.count == scale.count, !shift.isEmpty else { return values }
        return values.indices.map { values[$0] * scale[$0 % width] + shift[$0 % width] }
    }
}
