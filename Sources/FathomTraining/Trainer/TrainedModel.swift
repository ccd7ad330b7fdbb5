import FathomData
import FathomNN
import FathomRuntime

/// The model of a run, read from a checkpoint and ready to predict.
public final class TrainedModel {
    /// Which checkpoint of a run.
    public enum Choice: String, Sendable, CaseIterable {
        /// The best by the watched metric, or the latest where none was kept.
        case best
        case latest
    }

    /// The configuration in the run's folder.
    public let configuration: RunConfiguration
    /// How the training rows were prepared; ``predict(_:names:)`` does the same to raw ones.
    public let preprocessing: Preprocessing
    /// The loss it was trained with.
    public let loss: Loss
    /// The metrics of the configuration.
    public let metrics: [Metric]
    /// The name of the checkpoint, such as `step-000000360`.
    public let checkpoint: String
    /// Checkpoints that were damaged and passed over.
    public let rejected: [CheckpointStore.Rejection]
    /// Runs the model over prepared rows, with averaged weights where training kept an average.
    public let evaluator: Evaluator

    /// Reads a run, also while it is being trained.
    ///
    /// - Throws: ``StorageError`` where there is no run or no whole checkpoint.
    public init(run path: String, _ choice: Choice = .best, threads: Int? = nil) throws {
        let folder = try RunFolder.read(path)
        configuration = try RunConfiguration(yaml: folder.configuration())
        let store = CheckpointStore(folder: folder.checkpointsPath)
        var found: (checkpoint: Checkpoint, name: String)?
        var rejected: [CheckpointStore.Rejection] = []
        if choice == .best, let best = try store.pinned("best") {
            do throws(StorageError) { found = (try store.load(best), best.name) } catch {
                rejected.append(CheckpointStore.Rejection(generation: best, error: error))
            }
        }
        if found == nil {
            let recovery = try store.latest()
            rejected += recovery.rejected
            if let checkpoint = recovery.checkpoint, let generation = recovery.generation {
                found = (checkpoint, generation.name)
            }
        }
        self.rejected = rejected
        guard let found else {
            let reason = rejected.first.map { "\($0)" } ?? "the run has no checkpoint yet"
            throw StorageError(operation: "open the model", path: path, cause: .missing(reason))
        }
        checkpoint = found.name
        guard let text = found.checkpoint.metadata["preprocessing"], let preprocessing = Preprocessing(encoded: text)
        else {
            throw StorageError(
                operation: "open the model", path: path,
                cause: .invalid("the checkpoint does not say how its data were prepared"))
        }
        self.preprocessing = preprocessing
        let isClasses = preprocessing.classNames != nil
        loss = try configuration.makeLoss(isClasses: isClasses)
        metrics = try configuration.makeMetrics(loss) ?? []
        let state = try TrainState(found.checkpoint.state, step: found.checkpoint.step, seed: 0)
        let target: DataShape.Target =
            isClasses ? .label : .values(preprocessing.targetShape ?? preprocessing.rowShape)
        evaluator = try Evaluator(
            configuration.model.build(), loss: loss, data: DataShape(input: preprocessing.rowShape, target: target),
            storage: state.storage(averaged: configuration.optimization.average != nil), team: Team(threads: threads))
        evaluator.targetScaling = preprocessing.targetScaling
    }

    /// The outputs per row.
    public var outputWidth: Int { max(1, evaluator.step.outputShape.reduce(1, *)) }

    /// The loss and the metrics over rows that are already prepared.
    public func measure(_ dataset: Dataset) throws -> [MetricValue] { try evaluator.measure(dataset, metrics) }

    /// What the model says to rows of raw data, row-major: probabilities for classes, values for numbers.
    ///
    /// - Parameter names: the columns of `inputs`, where they have names.
    public func predict(_ inputs: DataArray, names: [String] = []) throws -> [Float] {
        let outputs = try evaluator.predictions(preprocessing.applied(to: inputs, names: names))
        guard preprocessing.classNames != nil else { return preprocessing.restored(outputs) }
        return loss.probabilities(outputs, width: outputWidth)
    }
}
