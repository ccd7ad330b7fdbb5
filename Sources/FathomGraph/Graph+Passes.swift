extension Graph {
    /// The graph without nodes that no output or update needs.
    public func removingDeadNodes() throws(GraphError) -> Graph {
        try rebuilt { (graph: inout Graph, node: Node, inputs: [NodeID]) throws(GraphError) -> NodeID in
            graph.append(node, inputs)
        }
    }

    /// The graph with composite operations replaced by their bodies, except those in `kernels`.
    public func inliningCalls(keeping kernels: Set<String> = []) throws(GraphError) -> Graph {
        // A body may use composites itself, so repeat until none is left.
        var graph = self
        while graph.nodes.contains(where: { $0.op.isCall(notIn: kernels) }) {
            graph = try graph.inliningOnce(keeping: kernels)
        }
        return graph
    }

    private func inliningOnce(keeping kernels: Set<String>) throws(GraphError) -> Graph {
        try rebuilt { (graph: inout Graph, node: Node, inputs: [NodeID]) throws(GraphError) -> NodeID in
            guard case .call(let fused) = node.op, !kernels.contains(fused.name) else {
                return graph.append(node, inputs)
            }
            return try fused.body(&graph, inputs)
        }
    }

    /// Copies the live nodes in order through `transform`, keeping provenance, outputs and updates.
    public func rebuilt(
        _ transform: (inout Graph, Node, [NodeID]) throws(GraphError) -> NodeID
    ) throws(GraphError) -> Graph {
        let live = liveNodes
        var graph = Graph()
        graph.reserve(nodes.count)
        var map = [NodeID](repeating: NodeID(0), count: nodes.count)
        for (i, node) in nodes.enumerated() where live[i] {
            graph.currentLayer = scopes[Int(node.scope)]
            graph.phase = node.phase
            map[i] = try transform(&graph, node, node.inputs.map { map[$0.index] })
        }
        graph.outputs = outputs.map { ($0.name, map[$0.node.index]) }
        graph.updates = updates.map { ($0.path, map[$0.node.index]) }
        return graph
    }

    /// For every node whether an output or update needs it.
    public var liveNodes: [Bool] {
        var live = [Bool](repeating: false, count: nodes.count)
        for (_, id) in outputs { live[id.index] = true }
        for (_, id) in updates { live[id.index] = true }
        for i in nodes.indices.reversed() where live[i] {
            for input in nodes[i].inputs { live[input.index] = true }
        }
        return live
    }
}

extension Op {
    fileprivate func isCall(notIn kernels: Set<String>) -> Bool {
        if case .call(let fused) = self { !kernels.contains(fused.name) } else { false }
    }
}
