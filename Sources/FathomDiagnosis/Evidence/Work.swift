import FathomGraph
import FathomNN
import FathomTraining

/// How much work a model is, counted and not timed, so that what is affordable does not depend on the machine.
enum Work {
    /// Floating-point operations of products and convolutions for one row, forward; a training step takes three times as much.
    static func forward(_ graph: Graph) -> Double {
        graph.nodes.indices.reduce(0) { sum, i in
            switch graph.nodes[i].op {
            case .matmul, .convolution: sum + Double(Inspection.flops(graph, NodeID(i), 1))
            default: sum
            }
        }
    }

    /// Of a model for rows of this shape; `nil` where it cannot be traced.
    static func forward(_ model: any Layer, input: [Int]) -> Double? {
        let trace = Trace(isTraining: true)
        trace.register(model)
        _ = model(trace.input("x", Shape([.batch] + input.map { .fixed($0) })))
        return (try? trace.check()).map { forward(trace.graph) }
    }
}
