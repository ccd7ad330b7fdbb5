/// A mistake in a model, with everything needed to find and mend it.
public struct GraphError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The operation that refused.
    public var op: String
    /// The operand types it was given.
    public var operands: [TensorType]
    /// What is wrong.
    public var message: String
    /// What to change.
    public var hint: String?
    /// The layer's path in the model, empty at the top level.
    public var layer: String
    /// Where the layer was created, when known: `file:line`.
    public var location: String?

    /// Describes a mistake; the graph fills in operation, operands and layer of what one of its operations refuses.
    public init(
        op: String, operands: [TensorType] = [], message: String, hint: String? = nil, layer: String = "",
        location: String? = nil
    ) {
        self.op = op
        self.operands = operands
        self.message = message
        self.hint = hint
        self.layer = layer
        self.location = location
    }

    public var description: String {
        var text = layer.isEmpty ? "" : "in layer '\(layer)': "
        text += "\(op): \(message)"
        if !operands.isEmpty { text += " (operands " + operands.map(\.description).joined(separator: ", ") + ")" }
        if let location { text += " at \(location)" }
        if let hint { text += "\n  hint: \(hint)" }
        return text
    }
}
