import FathomGraph

/// A value in a trace: what layers take and return.
///
/// Operations append to the trace's graph. Shapes are checked at once; the first mistake is kept in the trace with its
/// operation, shapes, layer and line, this and every later operation yield a *poison* tensor, and building a step throws
/// the mistake. So model code needs no `try`.
public struct Tensor {
    /// The recording it belongs to; all operands of an operation must share it.
    public let trace: Trace
    /// The node; `nil` in a poison tensor.
    public let id: NodeID?

    package init(trace: Trace, id: NodeID?) {
        self.trace = trace
        self.id = id
    }

    /// Element type and shape; `nil` in a poison tensor.
    public var type: TensorType? { id.map { trace.graph[$0].type } }

    /// The extents; rank 0 in a poison tensor.
    public var shape: Shape { type?.shape ?? .scalar }

    /// The number of axes, the batch axis included; 0 in a poison tensor.
    public var rank: Int { shape.rank }

    /// The fixed extent of an axis (negative counts from the end); `nil` for the batch axis or a poison tensor.
    public func extent(_ axis: Int) -> Int? {
        let a = axis < 0 ? axis + rank : axis
        return a >= 0 && a < rank ? shape[a].fixedValue : nil
    }

    /// Runs `body` as the layer `identity`; see ``LayerScope``.
    public func inLayer(_ identity: LayerIdentity, kind: String, _ body: (LayerScope) -> Tensor) -> Tensor {
        trace.layer(identity, kind: kind, body)
    }

    /// Applies a node-building function to operands; any poison operand gives poison.
    package static func record(
        _ operands: [Tensor], op: @autoclosure () -> String = "operation",
        _ body: (inout Graph, [NodeID]) throws(GraphError) -> NodeID
    ) -> Tensor {
        precondition(!operands.isEmpty, "\(op()) needs at least one operand")
        let trace = operands[0].trace
        var ids: [NodeID] = []
        for operand in operands {
            guard operand.trace === trace else {
                trace.fail(
                    GraphError(
                        op: op(), message: "operands belong to two different traces",
                        hint: "use only tensors made from the layer's own input"))
                return Tensor(trace: trace, id: nil)
            }
            guard let id = operand.id else { return Tensor(trace: trace, id: nil) }
            ids.append(id)
        }
        return trace.record { graph throws(GraphError) in try body(&graph, ids) }
    }

    package func unary(_ f: Op.Unary) -> Tensor {
        Tensor.record([self]) { g, x throws(GraphError) in try g.unary(f, x[0]) }
    }

    package static func binary(_ f: Op.Binary, _ a: Tensor, _ b: Tensor) -> Tensor {
        record([a, b], op: "\(f)") { g, x throws(GraphError) in try g.binary(f, x[0], x[1]) }
    }

    /// Applies a composite operation: one node whose meaning is its body.
    public static func call(_ fused: FusedOp, _ operands: [Tensor]) -> Tensor {
        record(operands, op: fused.name) { g, x throws(GraphError) in try g.add(.call(fused), x) }
    }

    /// An axis counted from the front; records a mistake when it does not exist.
    package func resolve(_ axis: Int, op: String, rank: Int? = nil) -> Int? {
        guard id != nil else { return nil }
        let r = rank ?? self.rank
        let a = axis < 0 ? axis + r : axis
        guard a >= 0, a < r else {
            trace.fail(
                GraphError(
                    op: op, operands: [type].compactMap { $0 }, message: "axis \(axis) does not exist in rank \(r)"))
            return nil
        }
        return a
    }

    /// Axes counted from the front, all of them for `nil`; records a mistake when one does not exist or repeats.
    package func resolve(_ axes: [Int]?, op: String) -> [Int]? {
        var resolved: [Int] = []
        for axis in axes ?? Array(0..<rank) {
            guard let a = resolve(axis, op: op) else { return nil }
            resolved.append(a)
        }
        guard Set(resolved).count == resolved.count else {
            trace.fail(
                GraphError(
                    op: op, operands: [type].compactMap { $0 }, message: "axes \(resolved) repeat",
                    hint: "name each axis once"))
            return nil
        }
        return resolved
    }

    package var poison: Tensor { Tensor(trace: trace, id: nil) }

    /// A constant that broadcasts against this tensor.
    package func scalar(_ value: Double) -> Tensor { trace.constant(value) }
}
