import FathomGraph
import FathomReference

extension Initializer {
    /// Layer-sequential unit variance (Mishkin & Matas 2016): orthogonal weights that training rescales on some of its rows
    /// before the first step, see ``Trace/rescaledToUnitVariance(_:inputs:tolerance:where:evaluate:)``.
    ///
    /// The rule alone has no rows, and draws what ``orthogonal`` does.
    public static let lsuv = Initializer("lsuv") { context in orthogonal.values(&context) }
}

extension Trace {
    /// Evaluates one node of the trace for given state values, flat.
    public typealias Evaluator = (_ node: NodeID, _ state: [String: [Float]]) throws(GraphError) -> [Double]

    /// Layer-sequential unit variance (Mishkin & Matas 2016): weights rescaled, layer by layer from the input on, until the
    /// products with them have variance 1 on one batch of data.
    ///
    /// Start from ``Initializer/orthogonal`` weights, as the authors do. Each weight takes one to three forward passes up to
    /// its layer, so the cost is about that of 2·depth forward passes; the default evaluator, the reference interpreter, is
    /// slow, so give one that runs a compiled plan for anything but a small batch.
    ///
    /// - Parameters:
    ///   - values: the first values, in the order of ``declarations``.
    ///   - inputs: a batch for every input: shape and row-major values.
    ///   - tolerance: the distance of a variance from 1 that is left.
    ///   - isRescaled: which of the weights are rescaled.
    ///   - evaluate: computes a node's values; the reference interpreter when `nil`.
    /// - Returns: the values with rescaled weights; a layer whose products do not vary keeps its weights.
    /// - Throws: ``GraphError`` when the trace holds a mistake or an input is missing.
    public func rescaledToUnitVariance(
        _ values: [InitialValue], inputs: [String: (shape: [Int], values: [Float])], tolerance: Double = 0.01,
        where isRescaled: (InitialValue) -> Bool = { _ in true }, evaluate: Evaluator? = nil
    ) throws(GraphError) -> [InitialValue] {
        try check()
        var state: [String: [Float]] = [:]
        for value in values { state[value.declaration.path] = value.values }
        let users = graph.users()
        var rescaled = values
        for (position, value) in values.enumerated() {
            let declaration = value.declaration
            guard isRescaled(value), declaration.role == .parameter, declaration.shape.count >= 2,
                let product = users[declaration.node.index].first(where: {
                    switch graph[$0].op {
                    case .matmul, .convolution: true
                    default: false
                    }
                })
            else { continue }
            var scale = 1.0
            for _ in 0..<5 {
                let results =
                    if let evaluate { try evaluate(product, state) } else { try interpreted(product, state, inputs) }
                let mean = results.reduce(0, +) / Double(max(results.count, 1))
                let variance = results.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(results.count, 1))
                guard variance.isFinite, variance > 1e-30, abs(variance - 1) > tolerance else { break }
                scale /= variance.squareRoot()
                state[declaration.path] = value.values.map { Float(Double($0) * scale) }
            }
            rescaled[position] = InitialValue(
                declaration: declaration, values: state[declaration.path] ?? value.values,
                initializerName: scale == 1 ? value.initializerName : "\(value.initializerName), unit variance")
        }
        return rescaled
    }

    private func interpreted(
        _ node: NodeID, _ state: [String: [Float]], _ inputs: [String: (shape: [Int], values: [Float])]
    ) throws(GraphError) -> [Double] {
        var fed = [
            "random.seed": ReferenceTensor(shape: [2], values: [0.0, 0.0]), "random.step": ReferenceTensor(0),
        ]
        var batch = 1
        for (name, input) in inputs {
            guard input.values.count == input.shape.reduce(1, *) else {
                throw GraphError(
                    op: "input", message: "'\(name)' has \(input.values.count) values for shape \(input.shape)")
            }
            fed[name] = ReferenceTensor(shape: input.shape, values: input.values)
            batch = max(batch, input.shape.first ?? 1)
        }
        var entries: [String: ReferenceTensor] = [:]
        for declaration in declarations {
            entries[declaration.path] = ReferenceTensor(
                shape: declaration.shape,
                values: state[declaration.path] ?? [Float](repeating: 0, count: declaration.count))
        }
        return try Interpreter(inputs: fed, state: entries, batch: batch).values(of: [node], in: graph).first?.values
            ?? []
    }
}
