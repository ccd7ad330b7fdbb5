extension Graph {
    /// The graph with every reduction over several axes that leaves nothing, or only the last axis of images, written as two:
    /// the last axis, then the rest; or the places of each image, then the images.
    ///
    /// Long reductions then run over rows, on all threads, instead of over one column.
    public func splittingReductions() throws(GraphError) -> Graph {
        let isConcerned = nodes.contains { node in
            switch node.op {
            case .sum(let axes), .max(let axes), .min(let axes): axes.count > 1
            default: false
            }
        }
        return isConcerned ? try splittingEveryReduction() : self
    }

    private func splittingEveryReduction() throws(GraphError) -> Graph {
        try rebuilt { (graph: inout Graph, node: Node, inputs: [NodeID]) throws(GraphError) -> NodeID in
            let rebuild: ([Int]) -> Op
            let axes: [Int]
            switch node.op {
            case .sum(let a): (axes, rebuild) = (a, { .sum(axes: $0) })
            case .max(let a): (axes, rebuild) = (a, { .max(axes: $0) })
            case .min(let a): (axes, rebuild) = (a, { .min(axes: $0) })
            default: return graph.append(node, inputs)
            }
            let shape = graph.shape(of: inputs[0])
            if axes.count > 1, axes.sorted() == Array(0..<axes.count), axes.count == shape.rank - 1,
                shape[0].fixedValue == nil, shape.dims.dropFirst().allSatisfy({ $0.fixedValue != nil })
            {
                let perImage = try graph.add(rebuild(Array(1..<axes.count)), inputs)
                return try graph.add(rebuild([0]), [perImage])
            }
            let long = axes.filter { shape[$0] != .fixed(1) }
            guard long.count > 1, long.count == shape.dims.count(where: { $0 != .fixed(1) }), let last = long.max()
            else {
                return graph.append(node, inputs)
            }
            let partial = try graph.add(rebuild([last]), inputs)
            let rest = axes.filter { $0 != last }.map { $0 > last ? $0 - 1 : $0 }
            return try graph.add(rebuild(rest), [partial])
        }
    }
}
