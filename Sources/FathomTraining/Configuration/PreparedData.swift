import FathomData
import FathomGraph
import FathomNN
import Foundation

/// Data as a run uses them: cut into parts and brought into the form the model is trained on.
public struct PreparedData: Sendable {
    /// The parts in the form that the model is trained on: flattened and scaled as the configuration says.
    public var split: DataSplit
    /// How the parts were brought into this form, so that later rows can be too.
    public var preprocessing: Preprocessing

    /// Loads and prepares data; the change of the columns is fitted to the training part alone.
    ///
    /// - Parameter folders: where named sets with files are looked for before the cache and the system's folders.
    /// - Throws: ``DataError`` for data that cannot be found, read or trained on.
    public init(_ configuration: DataConfiguration, folders: [String] = []) throws(DataError) {
        try self.init(configuration, rows: Self.rows(of: configuration, folders: folders))
    }

    /// Loads and prepares the data of a run, flattened or not as its model needs them.
    ///
    /// - Parameter folders: where named sets with files are looked for before the cache and the system's folders.
    /// - Throws: ``DataError`` for data that cannot be found, read or trained on.
    public init(_ configuration: RunConfiguration, folders: [String] = []) throws(DataError) {
        let rows = try Self.rows(of: configuration.data, folders: folders)
        try self.init(configuration.layingOut(rows.train), rows: rows)
    }

    /// The rows that a configuration names, cut into parts but not changed yet.
    ///
    /// - Throws: ``DataError`` for data that cannot be found or read.
    public static func rows(of configuration: DataConfiguration, folders: [String] = []) throws(DataError) -> DataSplit
    {
        switch configuration.source {
        case .named(let name, let folder):
            var options = DatasetCatalog.Options()
            options.path = folder
            options.systemFolders = folders + options.systemFolders
            options.testFraction = configuration.test
            options.seed = configuration.seed
            options.count = configuration.count
            return try DatasetCatalog.load(name, options: options)
        case .file(let file, let test):
            let options = configuration.tableOptions()
            let all = try Self.read(file, options)
            if let test {
                let known = Preprocessing(columnsOf: all)
                return try DataSplit(train: all, test: known.aligned(try Self.read(test, options)))
            }
            return try all.split(
                fraction: 1 - configuration.test, stratified: configuration.isStratified, seed: configuration.seed)
        case .pictures(let folder, let test):
            let all = try Self.pictures(folder, configuration.pictureOptions)
            if let test {
                // Pictures of the test part are resized to those of the training part, whatever decided their size.
                var options = configuration.pictureOptions
                options.size = options.size ?? all.imageShape.map { .init(height: $0.height, width: $0.width) }
                return try DataSplit(
                    train: all, test: Preprocessing(columnsOf: all).aligned(Self.pictures(test, options)))
            }
            return try all.split(
                fraction: 1 - configuration.test, stratified: configuration.isStratified, seed: configuration.seed)
        }
    }

    /// Prepares rows that are at hand.
    ///
    /// - Parameter rows: as ``rows(of:folders:)`` gives them.
    /// - Throws: ``DataError`` for rows that cannot be trained on.
    public init(_ configuration: DataConfiguration, rows: DataSplit) throws(DataError) {
        var parts = rows
        if configuration.validation > 0, parts.validation == nil {
            let cut = try parts.train.split(
                fraction: 1 - configuration.validation, stratified: configuration.isStratified,
                seed: configuration.seed &+ 1)
            parts = try DataSplit(train: cut.train, validation: cut.test, test: parts.test)
        }
        for part in [parts.train, parts.validation, parts.test].compactMap({ $0 }) {
            guard part.rowCount > 0 else {
                throw .invalidParameter(name: "data", value: "\(part.name)", rule: "a part of it has no rows")
            }
            try DataChecks.requireFinite(part.inputs)
            if case .values(let values) = part.targets { try DataChecks.requireFinite(values) }
        }
        if configuration.isFlat ?? true {
            parts = parts.flattened()
        }
        var preprocessing = Preprocessing(columnsOf: parts.train)
        let isTable = if case .file = configuration.source { parts.train.inputs.rowShape.count == 1 } else { false }
        switch configuration.scaling ?? (isTable ? .standardize : .none) {
        case .none: break
        case .standardize: preprocessing.scaling = try ColumnScaling.standardizing(parts.train.inputs)
        case .minMax: preprocessing.scaling = try ColumnScaling.minMax(parts.train.inputs)
        case .channels: preprocessing.scaling = try configuration.channelScaling(of: parts.train)
        }
        if let scaling = preprocessing.scaling { parts = try scaling.applied(to: parts) }
        if case .values(let values) = parts.train.targets, configuration.scalesTarget ?? isTable {
            let scaling = try ColumnScaling.standardizing(values)
            preprocessing.targetScaling = scaling
            let validation = try parts.validation.map { (part) throws(DataError) in try part.scalingTargets(by: scaling)
            }
            parts = try DataSplit(
                train: parts.train.scalingTargets(by: scaling), validation: validation,
                test: parts.test.scalingTargets(by: scaling))
        }
        try configuration.augmentation.check(parts.train.imageShape)
        split = parts
        self.preprocessing = preprocessing
    }

    package static func read(
        _ file: DataConfiguration.File, _ options: CSVOptions
    ) throws(DataError) -> Dataset {
        do throws(FormatError) {
            return try Dataset.read(path: file.path, targets: file.targets, options: options)
        } catch { throw .format(error) }
    }

    package static func pictures(_ path: String, _ options: ImageFolder.Options) throws(DataError) -> Dataset {
        do throws(FormatError) { return try ImageFolder.read(path: path, options: options) } catch {
            throw .format(error)
        }
    }
}

extension RunConfiguration {
    /// How the data are prepared for this model: where it is not said whether rows are flattened, they are unless the
    /// model cannot take vectors.
    public func layingOut(_ rows: Dataset) -> DataConfiguration {
        var data = data
        if data.isFlat == nil { data.isFlat = !model.needsShape(rows.inputs.rowShape) }
        return data
    }
}

extension ModelSpec {
    /// Whether rows of this shape must keep it, because as vectors they do not fit the model.
    ///
    /// Where they fit neither way, that way counts that comes farther, so that the mistake is explained in its terms.
    func needsShape(_ shape: [Int]) -> Bool {
        guard shape.count > 1, let model = try? build() else { return false }
        func trial(_ shape: [Int]) -> (fits: Bool, operations: Int) {
            let trace = Trace(isTraining: false)
            trace.register(model)
            _ = model(trace.input("x", Shape([.batch] + shape.map { .fixed($0) })))
            return ((try? trace.check()) != nil, trace.graph.nodes.count)
        }
        let flat = trial([shape.reduce(1, *)])
        if flat.fits { return false }
        let shaped = trial(shape)
        return shaped.fits || shaped.operations > flat.operations
    }
}

extension DataConfiguration {
    /// How its pictures are read.
    var pictureOptions: ImageFolder.Options {
        var options = ImageFolder.Options()
        (options.size, options.channels) = (size, channels)
        return options
    }

    /// The change of the channels, given or measured.
    func channelScaling(of train: Dataset) throws(DataError) -> ColumnScaling {
        guard let shape = train.imageShape else {
            throw .invalidParameter(
                name: "data.scaling", value: "channels", rule: "the rows are no pictures of [height, width, channels]")
        }
        guard !mean.isEmpty || !deviation.isEmpty else {
            return try ColumnScaling.standardizing(channelsOf: train.inputs, channels: shape.channels)
        }
        return try ColumnScaling.channels(
            mean: mean.isEmpty ? [0] : mean, deviation: deviation.isEmpty ? [1] : deviation, shape: shape)
    }

    /// How its table is read.
    package func tableOptions() -> CSVOptions {
        var options = CSVOptions(target: .last)
        if let target { options.target = Int(target).map { .index($0) } ?? .name(target) }
        for column in ignore { options.kinds[column] = .ignored }
        switch task {
        case .automatic: options.targetKind = .automatic
        case .classes: options.targetKind = .classes
        case .values: options.targetKind = .values
        }
        switch missing {
        case .reject: options.missing = .reject
        case .dropRow: options.missing = .dropRow
        case .mean: options.missing = .mean
        }
        return options
    }
}
