import FathomGraph

/// −ln softmax(logits)[label] for each row: (logits [B, C], labels int32 [B]) → [B], stable at extreme logits.
///
/// A composite with a kernel of its own, because rows are short and every step runs it.
public func softmaxCrossEntropy(logits: Tensor, labels: Tensor) -> Tensor {
    Tensor.call(.softmaxCrossEntropy, [logits, labels])
}

extension FusedOp {
    static let softmaxCrossEntropy = FusedOp(
        "softmaxCrossEntropy",
        gradient: { graph, x, _, g throws(GraphError) in
            [try graph.add(.call(.softmaxCrossEntropyGradient), [x[0], x[1], g]), nil]
        },
        body: { graph, x throws(GraphError) in
            let (shifted, sums) = try shiftedExponentials(&graph, x[0])
            let hot = try oneHot(&graph, labels: x[1], like: x[0])
            let picked = try graph.sum(graph.select(hot, shifted, graph.constant(0, like: shifted)), axes: [1])
            let logSum = try graph.unary(.log, graph.sum(sums, axes: [1]))
            return try graph.sub(logSum, picked)
        })

    /// (logits, labels, g [B]) → (softmax − one-hot) · g.
    static let softmaxCrossEntropyGradient = FusedOp("softmaxCrossEntropyGradient") { graph, x throws(GraphError) in
        let (_, e) = try shiftedExponentials(&graph, x[0])
        let p = try graph.div(e, graph.sum(e, axes: [1], keeping: true))
        let hot = try graph.add(.cast(.float32), [oneHot(&graph, labels: x[1], like: x[0])])
        let g = try graph.reshape(
            x[2], to: graph.shape(of: x[2]).dims.isEmpty ? [1, 1] : Shape(graph.shape(of: x[2]).dims + [1]))
        return try graph.mul(graph.sub(p, hot), g)
    }

    private static func shiftedExponentials(
        _ graph: inout Graph, _ logits: NodeID
    ) throws(GraphError) -> (shifted: NodeID, exponentials: NodeID) {
        let top = try graph.add(.max(axes: [1]), [logits])
        let kept = try graph.reshape(top, to: graph.shape(of: logits).keeping(axes: [1]))
        let shifted = try graph.sub(logits, kept)
        return (shifted, try graph.unary(.exp, shifted))
    }

    private static func oneHot(_ graph: inout Graph, labels: NodeID, like logits: NodeID) throws(GraphError) -> NodeID {
        let shape = graph.shape(of: logits)
        let column = try graph.reshape(labels, to: Shape(graph.shape(of: labels).dims + [1]))
        let index = try graph.add(.iota(axis: 1), type: TensorType(.int32, shape))
        return try graph.compare(.equal, index, graph.broadcast(column, to: shape))
    }
}
