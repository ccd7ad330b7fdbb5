import FathomData
import FathomNN
import FathomTraining

/// A training set-up that is to be examined: a configuration with its data, and where the user wrote them in Swift, the
/// model and the loss as code.
///
/// Remedies change the configuration; a model in code that has no form as data keeps its layers, and only what surrounds
/// it (optimiser, data, training) can be treated.
public struct Patient: Sendable {
    /// What reports call it.
    public var name: String
    /// Model, loss, optimiser, data and training; what remedies change.
    public var configuration: RunConfiguration
    /// The rows as they came, before the configuration's scaling.
    public var data: DataSplit
    /// Stands in place of the configuration's model, when it has no form as data.
    public var layer: (any Layer)?
    /// Stands in place of the configuration's loss.
    public var loss: Loss?

    /// Reads the data that the configuration names.
    ///
    /// - Parameter folders: where named data sets are looked for first.
    /// - Throws: ``DataError``.
    public init(_ configuration: RunConfiguration, folders: [String] = []) throws(DataError) {
        self.configuration = configuration
        data = try PreparedData.rows(of: configuration.data, folders: folders)
        name = configuration.name ?? data.train.name
        self.configuration.data = configuration.layingOut(data.train)
    }

    /// A set-up whose data are at hand.
    public init(_ name: String, configuration: RunConfiguration, data: DataSplit) {
        (self.name, self.configuration, self.data) = (name, configuration, data)
    }

    /// A model written in Swift.
    ///
    /// - Parameters:
    ///   - loss: `nil` chooses by the targets.
    ///   - optimizer: a row of the optimiser table.
    public init(
        _ layer: any Layer, data: DataSplit, loss: Loss? = nil,
        optimizer: RunConfiguration.Choice = RunConfiguration.Choice("adam"),
        training: RunConfiguration.Training = RunConfiguration.Training()
    ) {
        let spec = try? ModelSpec(encoding: layer)
        var source = DataConfiguration(.named(data.train.name, folder: nil))
        source.isFlat = false
        source.validation = 0
        configuration = RunConfiguration(data: source, model: spec ?? ModelSpec(layers: []))
        configuration.optimization.optimizer = optimizer
        configuration.training = training
        self.layer = spec == nil ? layer : nil
        self.loss = loss
        self.data = data
        name = data.train.name
    }

    /// Whether the model has a form as data, which remedies can change.
    public var hasModelAsData: Bool { layer == nil }

    /// The data in the form the model is trained on.
    public func prepared() throws(DataError) -> PreparedData {
        try PreparedData(configuration.layingOut(data.train), rows: data)
    }

    /// The model as layers.
    public func model() throws(ConfigError) -> any Layer {
        if let layer { return layer }
        return try configuration.model.build()
    }

    /// A trainer that starts from the beginning.
    ///
    /// - Parameters:
    ///   - prepared: ``prepared()``, which may serve many trainers.
    ///   - seed: replaces the configuration's.
    ///   - epochs: replaces the configuration's.
    public func trainer(_ prepared: PreparedData, seed: UInt64? = nil, epochs: Int? = nil) throws -> Trainer {
        var configuration = configuration
        if let seed { configuration.training.seed = seed }
        // The schedule is stretched over the epochs that were planned, not over those that are watched.
        let trainer = try Trainer(configuration, prepared, model: layer, loss: loss, epochs: epochs)
        trainer.reportEvery = 0
        return trainer
    }
}
