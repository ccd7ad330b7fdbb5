import FathomGraph
import FathomReference
import Testing

/// √(a² + b²), with a gradient that is 0 instead of NaN where both are 0.
let hypotenuse = FusedOp(
    "hypotenuse",
    gradient: { (graph: inout Graph, x: [NodeID], y: NodeID, g: NodeID) throws(GraphError) in
        let safe = try graph.binary(.max, y, graph.constant(1e-30))
        return [
            try graph.mul(g, graph.div(x[0], safe)),
            try graph.mul(g, graph.div(x[1], safe)),
        ]
    },
    body: { (graph: inout Graph, x: [NodeID]) throws(GraphError) in
        let sum = try graph.add(graph.mul(x[0], x[0]), graph.mul(x[1], x[1]))
        return try graph.unary(.sqrt, sum)
    })

/// The worked example of `Docs/AddingAnOp.md`.
@Suite struct OwnOpTests {
    @Test func valueAndGradient() throws {
        var graph = Graph()
        let type = TensorType(.float32, [3])
        let a = try graph.add(.input("a"), type: type)
        let b = try graph.add(.input("b"), type: type)
        let y = try graph.add(.call(hypotenuse), [a, b])
        let gradients = try graph.gradient(of: y, withRespectTo: [a, b])
        let run = Interpreter(
            inputs: [
                "a": ReferenceTensor(shape: [3], values: [3.0, 0, -5]),
                "b": ReferenceTensor(shape: [3], values: [4.0, 0, 12]),
            ])
        let ids = try [y, #require(gradients[a]), #require(gradients[b])]
        let found = try run.values(of: ids, in: graph).map(\.values)
        let expected: [[Double]] = [[5, 0, 13], [3.0 / 5, 0, -5.0 / 13], [4.0 / 5, 0, 12.0 / 13]]
        #expect(found == expected)
    }
}
