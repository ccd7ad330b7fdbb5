import FathomData
import FathomGraph
import FathomNN
import FathomRuntime

/// What one example looks like to a model.
public struct DataShape: Sendable, Hashable {
    /// What the model is to predict for one example.
    public enum Target: Sendable, Hashable {
        /// An `int32` class.
        case label
        /// Floats of this shape; `[]` for one number without an axis.
        case values([Int])
    }
    /// The extents of one input row, such as [784].
    public var input: [Int]
    /// What is to be predicted for the row.
    public var target: Target

    /// The shape of one example, without the batch.
    public init(input: [Int], target: Target) {
        self.input = input
        self.target = target
    }
}

extension DataShape {
    /// The tensor of a batch of inputs, fed as `x`.
    package func input(in trace: Trace) -> Tensor {
        trace.input("x", Shape([.batch] + input.map { .fixed($0) }))
    }

    /// The tensor of a batch of targets, fed as `y`.
    package func target(in trace: Trace) -> Tensor {
        switch target {
        case .label: trace.input("y", [.batch], .int32)
        case .values(let shape): trace.input("y", Shape([.batch] + shape.map { .fixed($0) }))
        }
    }
}

/// A training step made ready to run: forward pass, loss, gradients and update as one plan over one memory.
///
/// Fill ``withInputs(batch:_:)``, call ``run(batch:learningRate:)``, read the loss. After a first run per batch size nothing
/// is allocated. The same seed gives the same bits on any number of threads. A step is used by one thread at a time and
/// has no global state; ``state`` copies out everything that changes and ``load(_:)`` takes it back. Labels are not checked
/// here: one that is no class of the model's takes no part in a cross-entropy, which ``Trainer`` refuses beforehand.
///
/// ```swift
/// let step = try TrainStep(model, loss: .softmaxCrossEntropy(), optimizer: .init(Adam()),
///                          data: DataShape(input: [64], target: .label), batch: 32)
/// ```
public final class TrainStep {
    /// The traced forward and backward pass with its updates.
    public let graph: Graph
    /// Parameters and buffers in the order of their first use.
    public let declarations: [StateDeclaration]
    /// How each was first drawn: path → initialiser.
    public let initializers: [String: String]
    /// The largest batch a run may have, in rows.
    public let batch: Int
    /// What one example looks like.
    public let data: DataShape
    /// The optimiser, with clipping, groups and weight averaging.
    public let optimizer: OptimizerSettings
    /// The plan of the whole step.
    public let executable: Executable
    /// The memory of parameters, buffers and slots by path; evaluation passes share it.
    public let storage: StateStorage
    /// Optimiser steps done.
    public private(set) var step = 0
    /// The seed of everything random in training; ``load(_:)`` replaces it by the state's.
    public private(set) var seed: UInt64

    /// What is watched, `nil` for nothing.
    public let probes: ProbeSettings?

    private let model: any Layer
    private let loss: Loss
    private var probePlan: ProbePlan?
    private var lastWatched: (step: Int, loss: Float)?
    private let slots: [SlotDeclaration]
    private let accumulation: Executable?
    /// Micro-batches since the last update.
    private var accumulated = 0
    private var roles: [(path: String, role: TrainState.Entry.Role, shape: [Int])] = []

    /// - Parameters:
    ///   - batch: the largest batch a run may have.
    ///   - microBatches: batches whose gradients are averaged for one update; see ``accumulate(batch:)``.
    ///   - seed: decides initial values and everything random in training.
    ///   - rows: data on some of whose rows the weights of ``Initializer/lsuv`` are rescaled; without them they stay
    ///     orthogonal.
    ///   - probes: what to watch; see ``observation``.
    /// - Throws: ``GraphError`` for the first mistake in the model, the loss or the optimiser's settings.
    public init(
        _ model: any Layer, loss: Loss, optimizer: OptimizerSettings, data: DataShape, batch: Int,
        microBatches: Int = 1,
        seed: UInt64 = 0, rows: Dataset? = nil, probes: ProbeSettings? = nil, team: Team = Team(),
        options: Executable.Options = Executable.Options()
    ) throws(GraphError) {
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.data = data
        self.batch = batch
        self.seed = seed
        self.probes = probes
        let (trace, lossNode) = try Self.forward(model, loss, data, isTraining: true)
        declarations = trace.declarations
        let parameters = optimizer.trainable(declarations)
        let boundaries = probes.map { ProbePlan.gradientTargets($0, trace, parameters: parameters) } ?? []
        let gradients = try trace.graph.gradient(
            of: lossNode, withRespectTo: parameters.map(\.node) + boundaries)
        slots = optimizer.slots(for: declarations, accumulates: microBatches > 1)

        // Parameters first, in order, then each slot in the same order: updates then run over one stretch of memory.
        let trained = Set(parameters.map(\.path))
        let ordered =
            parameters.map { ($0.path, TrainState.Entry.Role.parameter, $0.shape) }
            + slots.map { ($0.path, .slot, $0.shape) }
            + declarations.filter { !trained.contains($0.path) }.map {
                ($0.path, $0.role == .parameter ? .parameter : .buffer, $0.shape)
            }
        roles = ordered
        storage = StateStorage(ordered.map { ($0.0, $0.2.reduce(1, *)) })
        var initializers: [String: String] = [:]
        try trace.drawStart(seed: seed, on: rows, team: team) { [storage] value in
            storage.set(value.declaration.path, value.values)
            initializers[value.declaration.path] = value.initializerName
        }
        self.initializers = initializers

        let rate = trace.input("learningRate", .scalar)
        let number = trace.input("step", .scalar)
        var accumulating: Executable?
        if microBatches > 1 {
            let copy = trace.copy()
            let sums = try optimizer.traceAccumulation(in: copy, declarations: declarations, gradients: gradients)
            var partial = copy.graph
            partial.updates += sums
            partial.outputs = [("loss", lossNode)]
            accumulating = try Executable(partial, maxBatch: batch, state: storage, team: team, options: options)
        }
        accumulation = accumulating
        let updates = try optimizer.traceUpdates(
            in: trace, declarations: declarations, gradients: gradients, learningRate: rate, step: number,
            microBatches: microBatches > 1 ? trace.constant(Double(microBatches)) : nil)
        try trace.check()
        let count = probes == nil ? nil : trace.input("random.step", .scalar, .int32).id
        var graph = trace.graph
        graph.outputs = [("loss", lossNode)]
        graph.updates += updates
        if let probes, let count {
            probePlan = try ProbePlan(
                probes, LayerTable(trace), gradients: gradients, step: count, batch: batch, into: &graph)
        }
        self.graph = graph
        executable = try Executable(graph, maxBatch: batch, state: storage, team: team, options: options)
        probePlan?.locate(in: executable)

        for slot in slots {
            switch slot.initial {
            // New memory is zero, and is best left alone until the first step: half of it may belong to slots.
            case .constant(0): break
            case .constant(let value):
                storage.set(slot.path, [Float](repeating: Float(value), count: slot.shape.reduce(1, *)))
            case .copy(let path): if let values = storage[path] { storage.set(slot.path, values) }
            }
        }
    }

    private static func forward(
        _ model: any Layer, _ loss: Loss, _ data: DataShape, isTraining: Bool
    ) throws(GraphError) -> (Trace, NodeID) {
        let trace = Trace(isTraining: isTraining)
        trace.register(model)
        let value = trace.output(
            of: model, on: data.input(in: trace), loss: loss, target: data.target(in: trace)
        ).loss
        try trace.check()
        guard let id = value.id else { throw GraphError(op: "trace", message: "the loss has no value") }
        guard trace.graph.shape(of: id).rank == 0 else {
            throw GraphError(
                op: loss.name, operands: [trace.graph[id].type], message: "a loss must be one number",
                hint: "take the mean over the batch")
        }
        return (trace, id)
    }

    // MARK: Running

    /// The memory of one batch's inputs and targets, to be filled before a run.
    ///
    /// Labels are four-byte integers, other targets floats. Both buffers stay where they are for the life of the step.
    public func withInputs<R>(
        batch: Int, _ body: (_ inputs: UnsafeMutableBufferPointer<Float>, _ targets: UnsafeMutableRawBufferPointer) -> R
    ) -> R? {
        executable.withInput("x", batch: batch) { x in
            executable.withInput("y", batch: batch) { y in body(x.bindMemory(to: Float.self), y) }
        } ?? nil
    }

    /// Runs one optimiser step on the first `batch` rows of the inputs.
    ///
    /// - Returns: the loss before the update.
    @discardableResult
    public func run(batch: Int, learningRate: Double) throws(GraphError) -> Float {
        step += 1
        feed(executable, learningRate, step: step, seed: seed)
        let isWatched = probes?.watches(step: step) ?? false
        do { try executable.run(batch: batch, watching: isWatched) } catch {
            step -= 1  // a step that was refused is none
            throw error
        }
        accumulated = 0
        let loss = executable.scalar("loss")
        if isWatched { lastWatched = (step, loss) }
        return loss
    }

    /// What the probes saw in the last watched step; `nil` before there was one.
    ///
    /// With micro-batches activations and gradients are those of the last of them.
    public var observation: StepObservation? {
        guard let lastWatched, let probePlan else { return nil }
        return StepObservation(
            step: lastWatched.step, loss: lastWatched.loss, plan: probePlan, numbers: executable.observations())
    }

    /// Adds the gradients of a micro-batch to those kept for the next ``run(batch:learningRate:)``.
    ///
    /// - Returns: the loss of the micro-batch.
    @discardableResult
    public func accumulate(batch: Int) throws(GraphError) -> Float {
        guard let accumulation else {
            throw GraphError(
                op: "accumulate", message: "the step was made for single batches", hint: "pass microBatches: 2 or more")
        }
        // Random numbers of its own: those of the update's last micro-batch are ``run(batch:learningRate:)``'s.
        let own = seed ^ (UInt64(accumulated + 1) &* 0x9e37_79b9_7f4a_7c15)
        feed(accumulation, 0, step: step + 1, seed: own)
        for name in ["x", "y"] {
            _ = executable.withInput(name, batch: batch) { source in
                accumulation.withInput(name, batch: batch) { $0.copyMemory(from: UnsafeRawBufferPointer(source)) }
            }
        }
        try accumulation.run(batch: batch)
        accumulated += 1
        return accumulation.scalar("loss")
    }

    private func feed(_ executable: Executable, _ learningRate: Double, step: Int, seed: UInt64) {
        executable.setScalar("learningRate", Float(learningRate))
        executable.setScalar("step", Float(step))
        executable.setScalar("random.step", Int32(truncatingIfNeeded: step))
        executable.setSeed(seed)
    }

    // MARK: State

    /// Everything that training changes, copied out.
    public var state: TrainState {
        TrainState(
            entries: roles.map {
                TrainState.Entry(path: $0.path, role: $0.role, shape: $0.shape, values: storage[$0.path] ?? [])
            },
            step: step, seed: seed)
    }

    /// More than any training makes, and few enough to count on.
    private static let mostSteps = 1 << 53

    /// Takes over a state.
    ///
    /// - Throws: ``GraphError`` that names the first missing, unknown or differently shaped entry; nothing is changed then.
    public func load(_ state: TrainState) throws(GraphError) {
        guard (0...Self.mostSteps).contains(state.step) else {
            throw GraphError(op: "load", message: "the state is of step \(state.step), which no training reaches")
        }
        let known = Dictionary(roles.map { ($0.path, $0.shape) }) { a, _ in a }
        for entry in state.entries {
            guard let shape = known[entry.path] else {
                throw GraphError(
                    op: "load", message: "the state has '\(entry.path)', which this model does not",
                    hint: "the checkpoint is of another model or optimiser")
            }
            guard shape == entry.shape, entry.values.count == shape.reduce(1, *) else {
                throw GraphError(
                    op: "load", message: "'\(entry.path)' has shape \(entry.shape) in the state, but \(shape) here")
            }
        }
        let given = Set(state.entries.map(\.path))
        if let missing = roles.first(where: { !given.contains($0.path) }) {
            throw GraphError(op: "load", message: "the state lacks '\(missing.path)'")
        }
        for entry in state.entries { storage.set(entry.path, entry.values) }
        step = state.step
        seed = state.seed
        accumulated = 0
        lastWatched = nil
    }

    /// An evaluation pass that shares this step's parameters and buffers.
    public func evaluation(batch: Int, team: Team? = nil) throws(GraphError) -> InferenceStep {
        try InferenceStep(model, loss: loss, data: data, batch: batch, storage: storage, team: team ?? executable.team)
    }
}

/// A forward pass in evaluation mode made ready to run: predictions, and the loss where targets are given.
public final class InferenceStep {
    /// The plan of the pass.
    public let executable: Executable
    /// What one example looks like.
    public let data: DataShape
    /// The extents of one prediction row.
    public let outputShape: [Int]
    private let hasLoss: Bool

    /// - Parameters:
    ///   - loss: `nil` for predictions alone.
    ///   - storage: holds the model's parameters and buffers.
    public init(
        _ model: any Layer, loss: Loss?, data: DataShape, batch: Int, storage: StateStorage, team: Team
    ) throws(GraphError) {
        let trace = Trace(isTraining: false)
        trace.register(model)
        let prediction = model(data.input(in: trace))
        var outputs: [(name: String, node: NodeID)] = []
        if let loss {
            if let id = loss(prediction, data.target(in: trace)).id { outputs.append(("loss", id)) }
        }
        try trace.check()
        guard let id = prediction.id else { throw GraphError(op: "trace", message: "the model has no output") }
        outputs.append(("prediction", id))
        outputShape = prediction.shape.dims.dropFirst().compactMap(\.fixedValue)
        var graph = trace.graph
        graph.outputs = outputs
        graph.updates = []
        self.data = data
        hasLoss = loss != nil
        executable = try Executable(graph, maxBatch: batch, state: storage, team: team)
    }

    /// The memory of one batch's inputs and targets, to be filled before a run; targets are empty without a loss.
    public func withInputs<R>(
        batch: Int, _ body: (_ inputs: UnsafeMutableBufferPointer<Float>, _ targets: UnsafeMutableRawBufferPointer) -> R
    ) -> R? {
        executable.withInput("x", batch: batch) { x in
            let floats = x.bindMemory(to: Float.self)
            return hasLoss
                ? executable.withInput("y", batch: batch) { body(floats, $0) }
                : body(floats, UnsafeMutableRawBufferPointer(start: nil, count: 0))
        } ?? nil
    }

    /// Predictions for the first `batch` rows of the inputs, row-major.
    public func run(batch: Int) throws(GraphError) -> [Float] {
        try executable.run(batch: batch)
        return executable.output("prediction", batch: batch)
    }

    /// The mean loss of the last run; NaN without a loss.
    public var loss: Float { hasLoss ? executable.scalar("loss") : .nan }
}
