import Fathom

/// A network laid open: what every layer of it makes of given rows, and the gradient that comes back there.
///
/// It runs on the weights of a ``Session``, or on first values of its own, and changes nothing in them.
public final class OpenNetwork {
    /// Weights and buffers; those of the session where one was given.
    public let storage: StateStorage
    private let executable: Executable
    private let inputs: Int
    private let outputs: Int
    private let depth: Int
    private var x: [Float] = []

    /// - Parameters:
    ///   - inputs: features of a row.
    ///   - rows: the most rows of a run.
    ///   - isTraining: whether batch norm takes the statistics of the rows, and dropout drops.
    ///   - session: whose weights are looked at; those that `seed` draws when `nil`.
    ///   - preparing: changes the first values, as layer-sequential unit variance does.
    /// - Throws: ``GraphError`` for the first mistake in the model.
    public init(
        _ model: Sequential, inputs: Int, rows: Int, isTraining: Bool = true, session: Session? = nil,
        seed: UInt64 = 0, preparing: (Trace, [InitialValue]) throws -> [InitialValue] = { $1 }
    ) throws {
        let trace = Trace(isTraining: isTraining)
        trace.register(model)
        let input = trace.input("x", [.batch, .fixed(inputs)])
        var values = [input]
        for layer in model.layers { values.append(layer(values[values.count - 1])) }
        let last = values[values.count - 1]
        // The gradient of Σ pull · output, so that any direction can be asked for.
        let sum = (last * trace.input("pull", last.shape)).sum()
        try trace.check()
        let nodes = values.compactMap(\.id)
        var graph = trace.graph
        graph.updates = []
        let gradients = try graph.gradient(of: sum.id ?? nodes[0], withRespectTo: nodes)
        for (k, node) in nodes.enumerated() {
            if k > 0 { graph.outputs.append(("value\(k)", node)) }
            if let gradient = gradients[node] { graph.outputs.append(("gradient\(k)", gradient)) }
        }
        (self.inputs, depth) = (inputs, nodes.count - 1)
        outputs = last.extent(-1) ?? 1
        storage = session?.step.storage ?? StateStorage(trace.declarations.map { ($0.path, $0.count) })
        if session == nil {
            for value in try preparing(trace, trace.initialValues(seed: seed)) {
                storage.set(value.declaration.path, value.values)
            }
        }
        executable = try Executable(graph, maxBatch: rows, state: storage, team: Team(threads: 1))
        executable.setSeed(seed)
        executable.setScalar("random.step", Int32(1))
    }

    /// Passes rows through the network, and a gradient at the output back.
    ///
    /// - Parameters:
    ///   - x: rows one after the other.
    ///   - pull: the gradient at every output of every row; all ones when `nil`.
    public func run(_ x: [Float], pull: [Float]? = nil) throws {
        self.x = x
        rows = x.count / max(inputs, 1)
        _ = executable.setInput("x", x)
        _ = executable.setInput("pull", pull ?? [Float](repeating: 1, count: rows * outputs))
        try executable.run(batch: rows)
    }

    /// The step whose random numbers the next run draws.
    public func advance(to step: Int) { executable.setScalar("random.step", Int32(truncatingIfNeeded: step)) }

    /// The rows of the last run.
    public private(set) var rows = 0

    /// What comes out of the first `k` layers in the last run, rows first; the input itself for 0.
    public func values(after k: Int) -> [Float] { k == 0 ? x : executable.output("value\(k)", batch: rows) }

    /// The gradient with respect to what the first `k` layers give.
    public func gradients(after k: Int) -> [Float] { executable.output("gradient\(k)", batch: rows) }
}

/// The square root of the mean square.
func rootMeanSquare(_ values: [Float]) -> Double {
    (values.reduce(0) { $0 + Double($1) * Double($1) } / Double(max(values.count, 1))).squareRoot()
}

/// Independent standard normal numbers.
func normals(_ count: Int, seed: UInt64, stream: UInt64 = 0) -> [Float] {
    var random = SeededGenerator(seed: seed, stream: stream)
    return (0..<count).map { _ in Float(random.normal()) }
}

extension Digits {
    /// The built-in digits as rows of 64 numbers with mean 0 and deviation 1 over all pixels, four fifths of them to learn
    /// from.
    ///
    /// One shift and one scale for all pixels: scaled by itself, a pixel that is lit in one picture of a thousand would be
    /// 40 there.
    static func standardised() throws -> DataSplit {
        let split = try Digits.load().flattened().split(fraction: 0.8, seed: 0)
        let values = split.train.inputs.values
        let mean = values.reduce(0, +) / Float(values.count)
        let size = Float(rootMeanSquare(values.map { $0 - mean }))
        return try ColumnScaling.constant(columns: split.train.inputs.rowSize, shift: mean, scale: size).applied(
            to: split)
    }
}
