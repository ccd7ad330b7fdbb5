import FathomGraph
import FathomNN
import FathomReference
import FathomTestSupport

/// A model traced on one input, with what is needed to run it in `Double`.
struct TracedLayer {
    let trace: Trace
    let input: Tensor
    let output: Tensor

    /// - Parameter shape: of one example.
    init(
        _ layer: any Layer, _ shape: [Int], element: ElementType = .float32, batched: Bool = true,
        isTraining: Bool = true
    ) throws {
        trace = Trace(isTraining: isTraining)
        trace.register(layer)
        input = trace.input("x", Shape((batched ? [.batch] : []) + shape.map { .fixed($0) }), element)
        output = layer(input)
        try trace.check()
    }

    /// The state with its first values.
    func initialState(seed: UInt64 = 1) -> [String: ReferenceTensor] {
        Dictionary(
            uniqueKeysWithValues: trace.initialValues(seed: seed).map {
                ($0.declaration.path, ReferenceTensor(shape: $0.declaration.shape, values: $0.values))
            })
    }

    func interpreter(
        _ x: ReferenceTensor, state: [String: ReferenceTensor], seed: Double = 7, step: Double = 0
    ) -> Interpreter {
        Interpreter(
            inputs: [
                "x": x, "random.seed": ReferenceTensor(shape: [2], values: [seed, 0]),
                "random.step": ReferenceTensor(step),
            ], state: state, batch: x.shape.first ?? 1)
    }

    struct Result {
        var output: ReferenceTensor
        /// Of Σ output · weight.
        var inputGradient: ReferenceTensor
        var gradients: [String: ReferenceTensor]
        /// The state after the step.
        var state: [String: ReferenceTensor]
    }

    /// Output, gradients of Σ output · weight, and the state afterwards.
    func run(_ x: ReferenceTensor, state: [String: ReferenceTensor], weight: [Double]? = nil, step: Double = 0) throws
        -> Result
    {
        var graph = trace.graph
        let y = output.id!
        let seed = try graph.add(.input("weight"), type: TensorType(.float32, graph.shape(of: y)))
        let parameters = trace.declarations.filter { $0.role == .parameter }
        let gradients = try graph.gradient(
            of: y, withRespectTo: [input.id!] + parameters.map(\.node), seed: seed)
        graph.outputs = [("y", y), ("dx", gradients[input.id!]!)] + parameters.map { ($0.path, gradients[$0.node]!) }
        try graph.verify()
        var run = interpreter(x, state: state, step: step)
        let shape = graph.shape(of: y).resolved(batch: run.batch)
        let count = shape.reduce(1, *)
        run.inputs["weight"] = ReferenceTensor(shape: shape, values: weight ?? [Double](repeating: 1, count: count))
        let results = try run.run(graph)
        var own: [String: ReferenceTensor] = [:]
        for p in parameters { own[p.path] = results[p.path] }
        return Result(output: results["y"]!, inputGradient: results["dx"]!, gradients: own, state: run.state)
    }
}
