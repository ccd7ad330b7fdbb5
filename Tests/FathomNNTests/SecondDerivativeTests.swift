import FathomGraph
import FathomNN
import FathomReference
import Testing

/// Second derivatives of whole networks, with the composite operations that bring gradients of their own.
@Suite struct SecondDerivativeTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let loss: @Sendable () -> Loss
        let layer: @Sendable () -> any Layer

        init(
            _ name: String, _ loss: @autoclosure @escaping @Sendable () -> Loss = .softmaxCrossEntropy(),
            @LayerBuilder _ layer: @escaping @Sendable () -> [any Layer]
        ) {
            (testDescription, self.loss) = (name, loss)
            self.layer = { Sequential(layer()) }
        }
    }

    static let rows = [
        Row("batch norm") {
            Dense(5, bias: false); BatchNorm(); Tanh(); Dense(3)
        },
        Row("layer norm") {
            Dense(5); LayerNorm(); Activate(.gelu); Dense(3)
        },
        Row("RMS norm") {
            Dense(5); RMSNorm(); Activate(.silu); Dense(3)
        },
        Row("highway") {
            Highway(activation: .tanh); Dense(3)
        },
        Row("probabilities", .categoricalCrossEntropy()) {
            Dense(5); Tanh(); Dense(3); Softmax()
        },
    ]

    /// H·v by the pass applied to its own result, against differences of the gradient along v, in Double.
    @Test(arguments: rows) func hessianTimesVector(_ row: Row) throws {
        let traced = try TracedLayer(row.layer(), [4])
        let trace = traced.trace
        let loss = row.loss()(traced.output, trace.input("y", Shape([.batch]), .int32))
        try trace.check()
        var graph = trace.graph
        let weight = try #require(trace.declarations.first { $0.path.hasSuffix("weight") })
        let targets = [try #require(traced.input.id), weight.node]
        let first = try graph.gradient(of: try #require(loss.id), withRespectTo: targets)
        let gradients = try targets.map { try #require(first[$0]) }
        var along = try graph.constant(0)
        for (i, gradient) in gradients.enumerated() {
            let v = try graph.add(.input("v\(i)"), type: graph[targets[i]].type)
            let product = try graph.mul(gradient, v)
            along = try graph.add(along, graph.sum(product, axes: Array(0..<graph.shape(of: product).rank)))
        }
        let second = try graph.gradient(of: along, withRespectTo: targets)
        graph.outputs = [
            ("g0", gradients[0]), ("g1", gradients[1]), ("h0", second[targets[0]]!), ("h1", second[targets[1]]!),
        ]
        try graph.verify()

        var random = RandomSource(seed: 3, name: "second derivatives")
        func numbers(_ count: Int) -> [Double] { (0..<count).map { _ in Double(random.normal()) } }
        let x = numbers(6 * 4)
        let w = numbers(weight.count)
        let v = [numbers(x.count), numbers(w.count)]
        func results(_ e: Double) throws -> [String: ReferenceTensor] {
            func moved(_ base: [Double], _ v: [Double]) -> [Double] { zip(base, v).map { $0 + e * $1 } }
            var state = traced.initialState()
            state[weight.path] = ReferenceTensor(shape: weight.shape, values: moved(w, v[1]))
            var run = traced.interpreter(ReferenceTensor(shape: [6, 4], values: moved(x, v[0])), state: state)
            run.inputs["y"] = ReferenceTensor(shape: [6], values: [0.0, 2, 1, 1, 0, 2])
            run.inputs["v0"] = ReferenceTensor(shape: [6, 4], values: v[0])
            run.inputs["v1"] = ReferenceTensor(shape: weight.shape, values: v[1])
            return try run.run(graph)
        }
        let at = try results(0)
        let step = 1e-5
        let (ahead, behind) = (try results(step), try results(-step))
        for i in 0...1 {
            let exact = try #require(at["h\(i)"]).values
            let high = try #require(ahead["g\(i)"]).values
            let low = try #require(behind["g\(i)"]).values
            let scale = exact.map(abs).max() ?? 0
            #expect(scale > 1e-3)
            for k in exact.indices {
                let difference = (high[k] - low[k]) / (2 * step)
                #expect(abs(exact[k] - difference) < 1e-7 * max(1, scale), "\(i) \(k): \(exact[k]), \(difference)")
            }
        }
    }
}
