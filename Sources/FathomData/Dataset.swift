/// Samples to learn from: inputs, what is to be predicted, and where they come from.
public struct Dataset: Sendable {
    /// What is to be predicted for each row.
    public enum Targets: Hashable, Sendable {
        /// Nothing: for autoencoders and for looking at data.
        case none
        /// One class per row, `0 ..< names.count`.
        case classes(labels: [Int32], names: [String])
        /// Numbers, one row of them per row of the inputs.
        case values(DataArray)
    }

    /// Where the data come from and what may be done with them.
    public struct Provenance: Hashable, Sendable {
        /// Author, publication, address or path.
        public var source: String
        /// The licence, or what is known of it.
        public var licence: String

        /// Creates a note of origin.
        public init(source: String, licence: String) {
            self.source = source
            self.licence = licence
        }
    }

    /// A short name for reports.
    public var name: String
    /// The samples, rows first. Images are `[rows, height, width, channels]`, see ``ImageShape``.
    public let inputs: DataArray
    /// What is to be predicted.
    public let targets: Targets
    /// One name per input column, or empty.
    public let featureNames: [String]
    /// Where the data come from.
    public var provenance: Provenance
    /// The size of the picture that each row is, also where the rows are flattened; nil where they are no pictures.
    public let imageShape: ImageShape?

    /// Creates a data set.
    ///
    /// - Parameter imageShape: The size of the pictures that the rows are; nil for rows with three axes means those,
    ///   `[height, width, channels]`.
    ///
    /// Throws `DataError.countMismatch` when inputs, targets or feature names do not fit together, and
    /// `DataError.labelOutOfRange` for a label without a class.
    public init(
        name: String, inputs: DataArray, targets: Targets, featureNames: [String] = [], provenance: Provenance,
        imageShape: ImageShape? = nil
    ) throws(DataError) {
        switch targets {
        case .none: break
        case .classes(let labels, let names):
            guard labels.count == inputs.rowCount else {
                throw .countMismatch(what: "labels of \(name)", expected: inputs.rowCount, found: labels.count)
            }
            for (row, label) in labels.enumerated() where label < 0 || Int(label) >= names.count {
                throw .labelOutOfRange(row: row, label: Int(label), classes: names.count)
            }
        case .values(let values):
            guard values.rowCount == inputs.rowCount else {
                throw .countMismatch(what: "target rows of \(name)", expected: inputs.rowCount, found: values.rowCount)
            }
        }
        guard featureNames.isEmpty || featureNames.count == inputs.rowSize else {
            throw .countMismatch(
                what: "feature names of \(name)", expected: inputs.rowSize, found: featureNames.count)
        }
        if let imageShape, imageShape.valueCount != inputs.rowSize {
            throw .countMismatch(
                what: "values per row of \(name)", expected: imageShape.valueCount, found: inputs.rowSize)
        }
        self.init(
            unchecked: name, inputs: inputs, targets: targets, featureNames: featureNames, provenance: provenance,
            imageShape: imageShape)
    }

    /// For parts that fit by construction.
    package init(
        unchecked name: String, inputs: DataArray, targets: Targets, featureNames: [String], provenance: Provenance,
        imageShape: ImageShape? = nil
    ) {
        self.name = name
        self.inputs = inputs
        self.targets = targets
        self.featureNames = featureNames
        self.provenance = provenance
        self.imageShape = imageShape ?? ImageShape(rowShape: inputs.rowShape)
    }

    /// The number of samples.
    public var rowCount: Int { inputs.rowCount }

    /// The class of each row, or nil where the targets are not classes.
    public var labels: [Int32]? {
        if case .classes(let labels, _) = targets { labels } else { nil }
    }

    /// The names of the classes; empty where the targets are not classes.
    public var classNames: [String] {
        if case .classes(_, let names) = targets { names } else { [] }
    }

    /// The number of classes, or nil where the targets are not classes.
    public var classCount: Int? {
        if case .classes(_, let names) = targets { names.count } else { nil }
    }

    /// The same set with other inputs of as many rows.
    ///
    /// Throws `DataError.countMismatch` when the numbers of rows differ. Feature names and the size of pictures are kept
    /// while they still fit.
    public func replacing(inputs: DataArray) throws(DataError) -> Dataset {
        try Dataset(
            name: name, inputs: inputs, targets: targets,
            featureNames: featureNames.count == inputs.rowSize ? featureNames : [], provenance: provenance,
            imageShape: inputs.rowShape.count == 1 && imageShape?.valueCount == inputs.rowSize ? imageShape : nil)
    }

    /// The given rows, in the given order.
    ///
    /// Throws `DataError.rowOutOfRange`.
    public func gather(rows: some Collection<Int>) throws(DataError) -> Dataset {
        let gathered = try inputs.gather(rows: rows)
        let chosen: Targets
        switch targets {
        case .none: chosen = .none
        case .classes(let labels, let names): chosen = .classes(labels: rows.map { labels[$0] }, names: names)
        case .values(let values): chosen = .values(try values.gather(rows: rows))
        }
        return Dataset(
            unchecked: name, inputs: gathered, targets: chosen, featureNames: featureNames, provenance: provenance,
            imageShape: imageShape)
    }

    /// Each input row as one vector, as dense layers take it; ``imageShape`` still says which picture it is.
    public func flattened() -> Dataset {
        Dataset(
            unchecked: name, inputs: inputs.flattened(), targets: targets, featureNames: featureNames,
            provenance: provenance, imageShape: imageShape)
    }
}

/// A data set cut into the parts of an experiment.
public struct DataSplit: Sendable {
    /// The rows to learn from.
    public var train: Dataset
    /// The rows to choose hyper-parameters by, where they are kept apart.
    public var validation: Dataset?
    /// The rows to judge by, never looked at before.
    public var test: Dataset

    /// Each input row of every part as one vector.
    public func flattened() -> DataSplit {
        var copy = self
        (copy.train, copy.validation, copy.test) = (train.flattened(), validation?.flattened(), test.flattened())
        return copy
    }

    /// Creates a split.
    ///
    /// Throws `DataError.countMismatch` when rows or classes of the parts differ in size.
    public init(train: Dataset, validation: Dataset? = nil, test: Dataset) throws(DataError) {
        for part in [validation, test].compactMap({ $0 }) {
            guard part.inputs.rowSize == train.inputs.rowSize else {
                throw .countMismatch(
                    what: "values per row of \(part.name)", expected: train.inputs.rowSize, found: part.inputs.rowSize)
            }
            guard part.classCount == train.classCount else {
                throw .countMismatch(
                    what: "classes of \(part.name)", expected: train.classCount ?? 0, found: part.classCount ?? 0)
            }
        }
        self.train = train
        self.validation = validation
        self.test = test
    }
}
