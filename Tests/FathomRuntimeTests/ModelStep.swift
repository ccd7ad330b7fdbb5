import FathomGraph
import FathomNN
import FathomReference
import FathomRuntime
import FathomTestSupport

/// A training step of a model, with every gradient as an output, for the executor and for the interpreter.
struct ModelStep {
    let row: ModelRow
    let graph: Graph
    /// Path and shape of all state, in the order it lies in memory.
    let entries: [(path: String, shape: [Int])]
    /// First values of all state.
    let initial: [String: [Float]]

    init(_ row: ModelRow, _ optimizer: any Optimizer, averageDecay: Double? = nil) throws {
        self.row = row
        let trace = Trace(isTraining: true)
        let model = row.make()
        trace.register(model)
        let x = trace.input("x", Shape([.batch] + row.input.map { .fixed($0) }))
        let target =
            row.target.map { trace.input("y", Shape([.batch] + $0.map { .fixed($0) })) }
            ?? trace.input("y", [.batch], .int32)
        let loss = trace.output(of: model, on: x, loss: row.loss(), target: target).loss
        try trace.check()
        let settings = OptimizerSettings(optimizer, averageDecay: averageDecay)
        let parameters = settings.trainable(trace.declarations)
        let gradients = try trace.graph.gradient(of: loss.id!, withRespectTo: parameters.map(\.node))
        let slots = settings.slots(for: trace.declarations)
        let updates = try settings.traceUpdates(
            in: trace, declarations: trace.declarations, gradients: gradients,
            learningRate: trace.input("learningRate", .scalar),
            step: trace.input("step", .scalar))
        try trace.check()
        var graph = trace.graph
        graph.updates += updates
        graph.outputs = [("loss", loss.id!)] + parameters.map { ("d " + $0.path, gradients[$0.node]!) }
        self.graph = graph
        var entries = parameters.map { ($0.path, $0.shape) } + slots.map { ($0.path, $0.shape) }
        entries += trace.declarations.filter { $0.role != .parameter }.map { ($0.path, $0.shape) }
        self.entries = entries
        var initial: [String: [Float]] = [:]
        for value in trace.initialValues(seed: 3) { initial[value.declaration.path] = value.values }
        for slot in slots {
            switch slot.initial {
            case .constant(let v): initial[slot.path] = [Float](repeating: Float(v), count: slot.shape.reduce(1, *))
            case .copy(let path): initial[slot.path] = initial[path]
            }
        }
        self.initial = initial
    }

    /// Without the gradients as outputs, as in real training.
    func plain() -> Graph {
        var graph = graph
        graph.outputs.removeAll { $0.name != "loss" }
        return graph
    }

    /// Inputs and targets of one batch.
    struct Batch {
        var size: Int
        var x: [Float]
        var values: [Float] = []
        var labels: [Int32] = []
    }

    func batch(_ size: Int, seed: UInt64 = 1) -> Batch {
        var random = SplitMix64(state: seed &* 0x9E37_79B9 &+ UInt64(size))
        let width = row.input.reduce(1, *)
        var batch = Batch(
            size: size,
            x: (0..<size * width).map { _ in
                row.symbols > 0 ? Float(random.below(row.symbols)) : Float(random.uniform(-1.5, 1.5))
            })
        if let target = row.target {
            // Rows are distributions, which every loss on values can take.
            let n = target.reduce(1, *)
            for _ in 0..<size {
                let raw = (0..<n).map { _ in random.uniform(0.1, 1) }
                let total = raw.reduce(0, +)
                batch.values += raw.map { Float($0 / total) }
            }
        } else {
            batch.labels = (0..<size).map { _ in Int32(random.below(row.classes)) }
        }
        return batch
    }

    func storage() -> StateStorage {
        let storage = StateStorage(entries.map { ($0.path, $0.shape.reduce(1, *)) })
        reset(storage)
        return storage
    }

    func reset(_ storage: StateStorage) { for (path, values) in initial { storage.set(path, values) } }

    func executable(
        maxBatch: Int, threads: Int = 1, fusing: Bool = true, joining: Bool = true, turnBytes: Int? = nil,
        graph: Graph? = nil, storage: StateStorage? = nil
    ) throws -> Executable {
        var options = Executable.Options(fusing: fusing, verifying: true)
        options.usesWholeTeam = true
        if joining { options.leastJoined = 0 }
        if let turnBytes { options.turnBytes = turnBytes }
        return try Executable(
            graph ?? self.graph, maxBatch: maxBatch, state: storage ?? self.storage(), team: Team(threads: threads),
            options: options)
    }

    static let rate = 0.05

    func feed(_ executable: Executable, _ batch: Batch, step: Int) {
        executable.setInput("x", batch.x)
        if row.target == nil { executable.setInput("y", batch.labels) } else { executable.setInput("y", batch.values) }
        executable.setScalar("learningRate", Float(Self.rate))
        executable.setScalar("step", Float(step))
        executable.setScalar("random.step", Int32(step))
        executable.setSeed(11)
    }

    func interpreter(_ batch: Batch) -> Interpreter {
        var interpreter = Interpreter(batch: batch.size)
        interpreter.inputs["x"] = ReferenceTensor(shape: [batch.size] + row.input, values: batch.x)
        interpreter.inputs["y"] =
            row.target.map { ReferenceTensor(shape: [batch.size] + $0, values: batch.values) }
            ?? ReferenceTensor(shape: [batch.size], values: batch.labels.map { Double($0) })
        interpreter.inputs["learningRate"] = ReferenceTensor(Double(Float(Self.rate)))
        interpreter.inputs["random.seed"] = ReferenceTensor(shape: [2], values: [11.0, 0])
        for (path, shape) in entries { interpreter.state[path] = ReferenceTensor(shape: shape, values: initial[path]!) }
        return interpreter
    }
}
