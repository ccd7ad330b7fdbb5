import FathomData
import FathomGraph
import FathomNN
import FathomRuntime

/// What is known of a model before any training: sizes, work, memory, first values, and by theory how signals and
/// gradients will fare.
public struct Inspection: Sendable, Codable {
    /// A layer, together with the activation that follows it.
    public struct Row: Sendable, Codable {
        /// The layer's path, as in checkpoints.
        public let path: String
        /// The extents of one output, without the batch.
        public let outputShape: [Int]
        /// Trainable numbers.
        public let parameters: Int
        /// Numbers that the layer itself keeps, such as running statistics.
        public let buffers: Int
        /// Floating-point operations for one example, forward: a multiplication and an addition are two, any other function
        /// of an element one, moving data none.
        public let flops: Int
        /// Bytes of one example's output.
        public let activationBytes: Int
        /// How each parameter with more than one axis is drawn, in order.
        public let initializers: [String]
        /// The activations that belong to the row, separated by commas; `nil` without one.
        public let activation: String?
        /// The variance of the weighted sums by mean-field theory; `nil` where there is no rule.
        public let sumVariance: Double?
        /// The root of the mean square of the output; `nil` where there is no rule.
        public let outputSize: Double?
        /// χ: the factor of a gradient's mean square from the layer's output to its input.
        public let chi: Double?
        /// The size of the gradient at the layer's input, when that at the model's output is 1: the product of all √χ from
        /// the output down to here.
        public let gradientGain: Double?
    }

    /// The extents of one input, without the batch.
    public let inputShape: [Int]
    /// The extents of one output, without the batch.
    public let outputShape: [Int]
    /// The examples of the step that ``trainingPeakBytes`` is measured for.
    public let batch: Int
    /// The layers in the order of the model.
    public let rows: [Row]
    /// Trainable numbers of the whole model.
    public let parameters: Int
    /// Numbers that the layers themselves keep, such as running statistics.
    public let buffers: Int
    /// Forward, for one example. A training step takes about three times as much: the gradient of a product is two more.
    public let flops: Int
    /// Of parameters and buffers.
    public let stateBytes: Int
    /// Of the optimiser's slots.
    public let optimizerBytes: Int
    /// Working memory of a training step of `batch` examples, inputs included, the state excluded.
    public let trainingPeakBytes: Int
    /// Instructions of a training step's plan.
    public let instructions: Int
    /// The optimiser's name.
    public let optimizer: String
    /// The loss's name.
    public let loss: String

    /// The gradient's size at the first layer's input relative to the output's; `nil` where there is no rule.
    public var gradientGain: Double? { rows.first?.gradientGain }

    /// Traces, plans and examines a model; nothing is trained.
    ///
    /// - Parameters:
    ///   - input: the extents of one input.
    ///   - target: what is to be predicted; numbers of the output's shape when `nil`.
    ///   - batch: the examples of a step.
    ///   - seed: decides the first values, of which means and variances enter the theory.
    ///   - rows: data on some of whose rows the weights of ``Initializer/lsuv`` are rescaled; without them they are orthogonal
    ///     here.
    /// - Throws: ``GraphError`` for the first mistake in the model.
    public init(
        _ model: any Layer, input: [Int], target: DataShape.Target? = nil, loss: Loss = .meanSquaredError,
        optimizer: OptimizerSettings = OptimizerSettings(SGD()), batch: Int = 32, seed: UInt64 = 0,
        rows example: Dataset? = nil
    ) throws(GraphError) {
        guard batch > 0 else { throw GraphError(op: "inspect", message: "batch size \(batch) is not positive") }
        let trace = Trace(isTraining: true)
        trace.register(model)
        let prediction = model(trace.input("x", Shape([.batch] + input.map { .fixed($0) })))
        try trace.check()
        guard let output = prediction.id else { throw GraphError(op: "trace", message: "the model has no output") }
        var values: [InitialValue] = []
        try trace.drawStart(seed: seed, on: example) { values.append($0) }
        var forward = trace.graph
        forward.outputs = [("prediction", output)]
        forward.updates = []
        let field = try MeanField(forward, values: values, batch: batch)
        rows = Self.rows(trace, field, values, batch)

        inputShape = input
        outputShape = prediction.shape.dims.dropFirst().compactMap(\.fixedValue)
        self.batch = batch
        parameters = trace.declarations.filter { $0.role == .parameter }.reduce(0) { $0 + $1.count }
        buffers = trace.declarations.filter { $0.role == .buffer }.reduce(0) { $0 + $1.count }
        flops = rows.reduce(0) { $0 + $1.flops }
        stateBytes = 4 * (parameters + buffers)
        let step = try TrainStep(
            model, loss: loss, optimizer: optimizer,
            data: DataShape(input: input, target: target ?? .values(outputShape)),
            batch: batch, seed: seed, team: Team(threads: 1))
        optimizerBytes = 4 * step.state.entries.filter { $0.role == .slot }.reduce(0) { $0 + $1.values.count }
        trainingPeakBytes = step.executable.peakBytes
        instructions = step.executable.instructionCount
        self.optimizer = optimizer.optimizer.name
        self.loss = loss.name
    }

    private static func rows(_ trace: Trace, _ field: MeanField, _ values: [InitialValue], _ batch: Int) -> [Row] {
        let graph = field.tracedGraph
        guard let output = graph.outputs.first?.node else { return [] }
        let total = field.gradients(from: output)
        let drawn = Dictionary(values.map { ($0.declaration.path, $0.initializerName) }) { a, _ in a }
        return LayerTable(trace, rewritten: graph).rows.map { row in
            let paths = Self.inside(graph, from: graph.layer(of: row.output), row.path)
            let local = field.gradients(from: row.output) { paths[Int(graph[$0].scope)] }
            let chi = row.input.map { local[$0.index] }
            let dims = graph.shape(of: row.output).dims
            let isSymbolic = dims.first?.fixedValue == nil
            let flops = graph.nodes.indices.reduce(0) {
                let node = graph.nodes[$1]
                let counts = !node.inputs.isEmpty && row.scopes.contains(node.scope)
                return counts ? $0 + Self.flops(graph, NodeID($1), batch) : $0
            }
            return Row(
                path: row.path.isEmpty ? "(model)" : row.path,
                outputShape: (isSymbolic ? Array(dims.dropFirst()) : dims).map { $0.resolved(batch: batch) },
                parameters: row.trainableCount,
                buffers: row.declarations.reduce(0) { $0 + ($1.role == .buffer ? $1.count : 0) }, flops: flops / batch,
                activationBytes: 4 * graph.shape(of: row.output).count(batch: batch) / (isSymbolic ? batch : 1),
                initializers: row.weights.compactMap { drawn[$0.path] },
                activation: row.activations.isEmpty
                    ? nil : row.activations.map { "\($0)" }.joined(separator: ", "),
                sumVariance: finite(field.variance(of: row.sums)),
                outputSize: finite(field.meanSquare(of: row.output).squareRoot()), chi: chi.flatMap(finite),
                gradientGain: row.input.flatMap { finite(total[$0.index].squareRoot()) })
        }
    }

    private static func finite(_ x: Double) -> Double? { x.isFinite ? x : nil }

    /// For every scope whether it is one of these layers or inside one.
    private static func inside(_ graph: Graph, from outer: String, _ path: String) -> [Bool] {
        graph.scopes.map { scope in
            [outer, path].contains { scope == $0 || !$0.isEmpty && scope.hasPrefix($0 + ".") }
        }
    }

    /// Of one node, for a batch.
    package static func flops(_ graph: Graph, _ id: NodeID, _ batch: Int) -> Int {
        let node = graph[id]
        let count = node.type.shape.count(batch: batch)
        switch node.op {
        case .matmul(let isTransposed, _):
            let dims = graph.shape(of: node.inputs[0]).dims
            let inner = (isTransposed ? dims.dropLast().last : dims.last)?.resolved(batch: batch) ?? 1
            return 2 * count * inner
        case .convolution(let window, let groups):
            let channels = graph.shape(of: node.inputs[0]).dims.last?.fixedValue ?? 1
            return 2 * count * window.taps * channels / max(groups, 1)
        case .convolutionInputGradient(let window, let groups):
            let filters = node.type.shape.dims.last?.fixedValue ?? 1
            return 2 * graph.shape(of: node.inputs[0]).count(batch: batch) * window.taps * filters / max(groups, 1)
        case .windowSum(let window), .windowGather(let window): return count * window.taps
        case .unary, .binary, .compare, .select, .randomBits: return node.type.shape.isSymbolic ? count : 0
        case .sum, .max, .min, .argMax, .cumulativeSum, .scatterAdd, .scatterAddAlong:
            return graph.shape(of: node.inputs[0]).count(batch: batch)
        default: return 0
        }
    }
}
