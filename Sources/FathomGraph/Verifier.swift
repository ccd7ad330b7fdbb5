extension Graph {
    /// Checks what every pass must keep: operands come before their users, types are what the operations infer, outputs
    /// and updates exist, and no state entry is updated twice.
    ///
    /// - Throws: ``GraphError`` that names the first node at fault. A failure is a defect of a pass, not of a model.
    public func verify() throws(GraphError) {
        for (i, node) in nodes.enumerated() {
            for input in node.inputs where input.index < 0 || input.index >= i {
                throw GraphError(op: node.op.name, message: "node %\(i) uses \(input), which is not before it")
            }
            guard node.scope >= 0, Int(node.scope) < scopes.count else {
                throw GraphError(op: node.op.name, message: "node %\(i) has no layer path")
            }
            let inferred = try node.op.inferType(node.inputs.map { nodes[$0.index].type }, requested: node.type)
            if inferred != node.type {
                throw GraphError(op: node.op.name, message: "node %\(i) claims \(node.type) but is \(inferred)")
            }
        }
        for (name, id) in outputs where id.index < 0 || id.index >= nodes.count {
            throw GraphError(op: "output", message: "'\(name)' is \(id), which does not exist")
        }
        var seen = Set<String>()
        for (path, id) in updates {
            if id.index < 0 || id.index >= nodes.count {
                throw GraphError(op: "update", message: "'\(path)' is \(id), which does not exist")
            }
            if !seen.insert(path).inserted { throw GraphError(op: "update", message: "'\(path)' is updated twice") }
            for node in nodes where node.op == .state(path) && node.type != self[id].type {
                throw GraphError(
                    op: "update", message: "'\(path)' is \(node.type) but is updated with \(self[id].type)")
            }
        }
    }
}
