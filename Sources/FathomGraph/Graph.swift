/// The position of a node in its graph.
public struct NodeID: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The index, in four bytes.
    public let raw: Int32
    /// The node at an index of ``Graph/nodes``; whether there is one is not checked.
    @inlinable public init(_ index: Int) { raw = Int32(truncatingIfNeeded: index) }
    /// The index into ``Graph/nodes``.
    @inlinable public var index: Int { Int(raw) }
    public static func < (a: NodeID, b: NodeID) -> Bool { a.raw < b.raw }
    public var description: String { "%\(raw)" }
}

/// What part of a training step a node belongs to.
public enum Phase: UInt8, Hashable, Sendable, CaseIterable {
    case forward, backward, update, probe
}

/// One operation with its operands, the type of its value and where it comes from.
public struct Node: Hashable, Sendable {
    /// What the node computes.
    public let op: Op
    /// The operands, which all come before the node itself.
    public let inputs: [NodeID]
    /// Element type and shape of the value.
    public let type: TensorType
    /// Index into `Graph.scopes`: the path of the layer this node belongs to.
    public let scope: Int32
    /// The part of a training step that the node was added in.
    public let phase: Phase
}

extension Node {
    /// Whether two nodes may be one. Constants go by their bits: 0 and −0 are equal but not the same, and NaN is the same as
    /// itself though not equal.
    fileprivate func isSame(as other: Node) -> Bool {
        guard case .constant(let x) = op, case .constant(let y) = other.op else { return self == other }
        return x.bitPattern == y.bitPattern && type == other.type && scope == other.scope && phase == other.phase
    }

    /// Equal for nodes that are the same. Operation and operands tell most nodes apart, and where there are no operands the type.
    fileprivate var sharingHash: Int {
        var hasher = Hasher()
        if case .constant(let value) = op { hasher.combine(value.bitPattern) } else { hasher.combine(op) }
        for input in inputs { hasher.combine(input.raw) }
        if inputs.isEmpty { hasher.combine(type) }
        hasher.combine(scope)
        return hasher.finalize()
    }
}

/// A computation: an append-only array of nodes, operands always before their users.
///
/// Every transformation (differentiation, probes, fusion, export) takes a graph and returns a graph. Equal nodes of one
/// layer are shared. The one symbolic extent is the batch size `B`.
public struct Graph: Sendable {
    /// All nodes in the order they were added; ``NodeID/index`` counts from 0 in it.
    public private(set) var nodes: [Node] = []
    /// Layer paths; index 0 is the top level.
    public private(set) var scopes: [String] = [""]
    /// Named results of a step.
    public var outputs: [(name: String, node: NodeID)] = []
    /// New values of state entries, written when the step ends.
    public var updates: [(path: String, node: NodeID)] = []

    private var table = NodeTable()
    private var scopeIndex: [String: Int32] = ["": 0]
    private var scope: Int32 = 0
    /// The phase new nodes get.
    public var phase = Phase.forward

    /// An empty graph, at the top level and in the forward phase.
    public init() {}

    /// Makes room for so many nodes.
    mutating func reserve(_ count: Int) {
        nodes.reserveCapacity(count)
        table.reserve(count)
    }

    /// The node; read in place, without a copy.
    @inlinable public subscript(id: NodeID) -> Node { _read { yield nodes[id.index] } }

    /// The shape of a node's value.
    @inlinable public func shape(of id: NodeID) -> Shape { nodes[id.index].type.shape }

    /// Whether a value is the constant 0, stretched or not.
    package func isZero(_ id: NodeID) -> Bool {
        switch self[id].op {
        case .constant(0): true
        case .broadcast, .reshape: isZero(self[id].inputs[0])
        default: false
        }
    }

    /// The layer path of a node.
    public func layer(of id: NodeID) -> String { scopes[Int(nodes[id.index].scope)] }

    /// The layer path new nodes get.
    public var currentLayer: String {
        get { scopes[Int(scope)] }
        set {
            if let index = scopeIndex[newValue] {
                scope = index
            } else {
                scope = Int32(truncatingIfNeeded: scopes.count)
                scopes.append(newValue)
                scopeIndex[newValue] = scope
            }
        }
    }

    /// Appends an operation, or returns the equal node that is there already.
    ///
    /// - Parameters:
    ///   - type: The value's type for leaves, `broadcast`, `reshape` and the scatter operations, whose operands do not
    ///     determine it; other operations infer theirs.
    /// - Throws: ``GraphError`` when the operands do not fit.
    @discardableResult
    public mutating func add(_ op: Op, _ inputs: [NodeID] = [], type: TensorType? = nil) throws(GraphError) -> NodeID {
        for input in inputs where input.index < 0 || input.index >= nodes.count {
            throw GraphError(
                op: op.name, message: "operand \(input) is no node of this graph",
                hint: "use only nodes that this graph returned", layer: currentLayer)
        }
        let operands = inputs.map { nodes[$0.index].type }
        let inferred: TensorType
        do {
            inferred = try op.inferType(operands, requested: type)
        } catch {
            var located = error
            located.op = op.name
            located.operands = operands
            located.layer = currentLayer
            throw located
        }
        return append(op, inputs, inferred)
    }

    /// Appends a node of another graph, whose operands have the types they have there, so that nothing needs a check.
    mutating func append(_ node: Node, _ inputs: [NodeID]) -> NodeID { append(node.op, inputs, node.type) }

    private mutating func append(_ op: Op, _ inputs: [NodeID], _ type: TensorType) -> NodeID {
        if let same = identity(op, inputs, type) { return same }
        // The scalars of an update (a step size, a bias correction) belong to no layer: every parameter shares them.
        let shared = phase == .update && type.shape.rank == 0
        let node = Node(op: op, inputs: inputs, type: type, scope: shared ? 0 : scope, phase: phase)
        let hash = node.sharingHash
        if let place = table.find(hash, where: { nodes[$0].isSame(as: node) }) { return NodeID(place) }
        table.insert(hash, nodes.count)
        nodes.append(node)
        return NodeID(nodes.count - 1)
    }

    /// Operations that change nothing. Never `x * 0` or `x - x`: that would hide a NaN.
    private func identity(_ op: Op, _ inputs: [NodeID], _ type: TensorType) -> NodeID? {
        guard let first = inputs.first else { return nil }
        switch op {
        case .broadcast, .reshape: return type == self[first].type ? first : nil
        case .transpose(let axes): return axes == Array(axes.indices) ? first : nil
        case .binary(.mul):
            if self[inputs[1]].op == .constant(1) { return first }
            return self[first].op == .constant(1) ? inputs[1] : nil
        case .binary(.div): return self[inputs[1]].op == .constant(1) ? first : nil
        case .sum(let axes), .max(let axes), .min(let axes): return axes.isEmpty ? first : nil
        case .cast(let element): return self[first].type.element == element ? first : nil
        default: return nil
        }
    }

    /// Runs `body` with new nodes attributed to `layer` and `phase`.
    public mutating func attributing<T, E>(
        layer: String, phase: Phase? = nil, _ body: (inout Graph) throws(E) -> T
    ) throws(E) -> T {
        let (savedScope, savedPhase) = (scope, self.phase)
        currentLayer = layer
        if let phase { self.phase = phase }
        defer { (scope, self.phase) = (savedScope, savedPhase) }
        return try body(&self)
    }
}

// Shorthands for passes and composite operations.
extension Graph {
    /// A constant of the given shape.
    public mutating func constant(_ value: Double, _ shape: Shape = .scalar) throws(GraphError) -> NodeID {
        try add(.constant(value), type: TensorType(.float32, shape))
    }

    /// A constant of the shape of `other`.
    public mutating func constant(_ value: Double, like other: NodeID) throws(GraphError) -> NodeID {
        try constant(value, shape(of: other))
    }

    /// A function of every element; the shape stays.
    ///
    /// - Throws: ``GraphError`` when `x` is not float32, or for `uniformFromBits` not int32.
    public mutating func unary(_ f: Op.Unary, _ x: NodeID) throws(GraphError) -> NodeID { try add(.unary(f), [x]) }

    /// A binary operation; the operands are broadcast to a common shape first.
    public mutating func binary(_ f: Op.Binary, _ a: NodeID, _ b: NodeID) throws(GraphError) -> NodeID {
        let (x, y) = try broadcastTogether(a, b, op: "\(f)")
        return try add(.binary(f), [x, y])
    }

    /// A comparison, as `bool`; the operands are broadcast to a common shape first.
    ///
    /// - Throws: ``GraphError`` when the shapes do not broadcast together or the element types differ.
    public mutating func compare(_ f: Op.Comparison, _ a: NodeID, _ b: NodeID) throws(GraphError) -> NodeID {
        let (x, y) = try broadcastTogether(a, b, op: "\(f)")
        return try add(.compare(f), [x, y])
    }

    /// The product, element by element; see ``binary(_:_:_:)``.
    public mutating func mul(_ a: NodeID, _ b: NodeID) throws(GraphError) -> NodeID { try binary(.mul, a, b) }
    /// The sum, element by element; see ``binary(_:_:_:)``.
    public mutating func add(_ a: NodeID, _ b: NodeID) throws(GraphError) -> NodeID { try binary(.add, a, b) }
    /// `a` − `b`, element by element; see ``binary(_:_:_:)``.
    public mutating func sub(_ a: NodeID, _ b: NodeID) throws(GraphError) -> NodeID { try binary(.sub, a, b) }
    /// `a` / `b`, element by element; see ``binary(_:_:_:)``.
    public mutating func div(_ a: NodeID, _ b: NodeID) throws(GraphError) -> NodeID { try binary(.div, a, b) }
    /// Every element times a number.
    public mutating func mul(_ a: NodeID, _ b: Double) throws(GraphError) -> NodeID { try mul(a, constant(b, like: a)) }
    /// Every element plus a number.
    public mutating func add(_ a: NodeID, _ b: Double) throws(GraphError) -> NodeID { try add(a, constant(b, like: a)) }

    /// `a` where the condition holds, else `b`.
    ///
    /// - Throws: ``GraphError`` when the condition is not `bool`, or the three shapes or the types of `a` and `b` differ:
    ///   nothing is broadcast here.
    public mutating func select(_ condition: NodeID, _ a: NodeID, _ b: NodeID) throws(GraphError) -> NodeID {
        try add(.select, [condition, a, b])
    }

    /// The value stretched to a shape: aligned at the trailing axis, extents of 1 repeat.
    ///
    /// - Throws: ``GraphError`` when `x` cannot stretch to `shape`.
    public mutating func broadcast(_ x: NodeID, to shape: Shape) throws(GraphError) -> NodeID {
        try add(.broadcast, [x], type: TensorType(self[x].type.element, shape))
    }

    /// The same elements in row-major order under another shape.
    ///
    /// - Throws: ``GraphError`` when the shapes do not hold the same number of elements for every batch size.
    public mutating func reshape(_ x: NodeID, to shape: Shape) throws(GraphError) -> NodeID {
        // A reshape of a reshape is one reshape.
        var source = x
        if case .reshape = self[x].op { source = self[x].inputs[0] }
        return try add(.reshape, [source], type: TensorType(self[x].type.element, shape))
    }

    /// The sum over `axes`, of float32.
    ///
    /// - Parameter keeping: whether the axes stay, with extent 1; else they disappear.
    /// - Throws: ``GraphError`` when `x` is not float32, or an axis does not exist or is named twice.
    public mutating func sum(_ x: NodeID, axes: [Int], keeping: Bool = false) throws(GraphError) -> NodeID {
        let total = try add(.sum(axes: axes), [x])
        return keeping ? try reshape(total, to: shape(of: x).keeping(axes: axes)) : total
    }

    /// The mean over `axes`; the divisor is counted when the step runs.
    public mutating func mean(_ x: NodeID, axes: [Int], keeping: Bool = false) throws(GraphError) -> NodeID {
        let total = try sum(x, axes: axes, keeping: keeping)
        return try div(total, add(.extent(axes: axes), [x]))
    }

    /// The matrix product of the last two axes, […, m, k] × […, k, n] → […, m, n].
    ///
    /// - Parameters:
    ///   - transposeA: reads `a` as […, k, m].
    ///   - transposeB: reads `b` as […, n, k].
    /// - Throws: ``GraphError`` when the ranks differ or are below 2, or the leading axes or the inner extents do not agree.
    public mutating func matmul(
        _ a: NodeID, _ b: NodeID, transposeA: Bool = false, transposeB: Bool = false
    ) throws(GraphError) -> NodeID {
        try add(.matmul(transposeA: transposeA, transposeB: transposeB), [a, b])
    }

    private mutating func broadcastTogether(
        _ a: NodeID, _ b: NodeID, op: @autoclosure () -> String
    ) throws(GraphError) -> (NodeID, NodeID) {
        guard let common = Shape.broadcasting(shape(of: a), shape(of: b)) else {
            throw GraphError(
                op: op(), operands: [self[a].type, self[b].type], message: "shapes do not broadcast together",
                hint: "extents must agree from the last axis on, or be 1", layer: currentLayer)
        }
        return (try broadcast(a, to: common), try broadcast(b, to: common))
    }
}
