extension Graph {
    /// The graph with every sum of zero-padded pieces that lie side by side written as their concatenation.
    ///
    /// Such sums are what differentiation makes of a tensor that is used in slices.
    public func joiningPads() throws(GraphError) -> Graph {
        let hasPads = nodes.contains { if case .pad = $0.op { true } else { false } }
        if !hasPads { return self }
        var readers = [Int](repeating: 0, count: nodes.count)
        // What probes read must not change what the rest does.
        for node in nodes where node.phase != .probe { for input in node.inputs { readers[input.index] += 1 } }
        var isInner = [Bool](repeating: false, count: nodes.count)
        for node in nodes where node.op == .binary(.add) {
            for input in node.inputs where nodes[input.index].op == .binary(.add) && readers[input.index] == 1 {
                isInner[input.index] = true
            }
        }
        var position = -1
        let live = liveNodes
        let order = nodes.indices.filter { live[$0] }
        return try rebuilt { (graph: inout Graph, node: Node, inputs: [NodeID]) throws(GraphError) -> NodeID in
            position += 1
            guard node.op == .binary(.add), !isInner[order[position]] else {
                return graph.append(node, inputs)
            }
            // The terms of the sum, as far as single-use additions go.
            var terms: [NodeID] = []
            var open = inputs
            while let id = open.popLast() {
                let term = graph[id]
                if term.op == .binary(.add), terms.count + open.count < 64 {
                    open += term.inputs
                } else {
                    terms.append(id)
                }
            }
            var parts: [(low: Int, id: NodeID, extent: Int)] = []
            var common: Int?
            for id in terms {
                guard case .pad(let axis, let low, _, 0) = graph[id].op, common ?? axis == axis,
                    let extent = graph.shape(of: graph[id].inputs[0])[axis].fixedValue
                else { return graph.append(node, inputs) }
                common = axis
                parts.append((low, graph[id].inputs[0], extent))
            }
            parts.sort { $0.low < $1.low }
            var end = 0
            for part in parts {
                if part.low != end { return graph.append(node, inputs) }
                end += part.extent
            }
            guard let axis = common, .fixed(end) == node.type.shape[axis] else {
                return graph.append(node, inputs)
            }
            return try graph.add(.concat(axis: axis), parts.map(\.id))
        }.removingDeadNodes()
    }
}
