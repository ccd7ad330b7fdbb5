extension Graph: CustomStringConvertible {
    public var description: String { text }

    /// The graph as text, one node a line: value, operation, operands, type, layer and phase.
    public var text: String {
        var lines: [String] = []
        for (i, node) in nodes.enumerated() {
            var line = "%\(i) = \(node.op.name)\(node.op.attributes)"
            if !node.inputs.isEmpty { line += " " + node.inputs.map(\.description).joined(separator: " ") }
            line += " : \(node.type)"
            let layer = scopes[Int(node.scope)]
            if !layer.isEmpty || node.phase != .forward {
                line += "  ; \(layer)" + (node.phase == .forward ? "" : (layer.isEmpty ? "" : " ") + "\(node.phase)")
            }
            lines.append(line)
        }
        lines += outputs.map { "output \($0.name) = \($0.node)" }
        lines += updates.map { "update \($0.path) = \($0.node)" }
        return lines.joined(separator: "\n") + "\n"
    }
}
