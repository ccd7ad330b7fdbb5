import FathomGraph

/// The layers of a traced model with the nodes at their boundaries: where signals and gradients are measured.
///
/// One row is a layer together with the activation that follows it, in the order of the model; a container (a residual
/// block) stands before the layers inside it.
public struct LayerTable: Sendable {
    /// An activation at work inside a layer.
    public struct Use: Sendable {
        /// The function that makes `output` of `input`.
        public let activation: Activation
        /// Where it is applied.
        public let input: NodeID
        /// The node of its result, in the trace's graph.
        public let output: NodeID
    }

    /// A layer, together with the activation that follows it.
    public struct Row: Sendable {
        /// The layer's path, as in checkpoints; empty for operations of the model itself.
        public let path: String
        /// What the layer is: `dense`, `batchNorm`, …
        public let kind: String
        /// The layer's input: the first value it takes from outside that depends on the example.
        public let input: NodeID?
        /// The value before the activation, z; the output where there is none.
        public fileprivate(set) var sums: NodeID
        /// What the layer, with its activation, hands on, a.
        public fileprivate(set) var output: NodeID
        /// The activation between `sums` and `output`.
        public fileprivate(set) var activation: Activation?
        /// Every activation of the layer, gates included.
        public fileprivate(set) var activations: [Activation]
        /// Where they are applied.
        public fileprivate(set) var uses: [Use]
        /// Trainable tensors and buffers of the layer itself.
        public let declarations: [StateDeclaration]
        /// Whether other rows lie inside.
        public let isContainer: Bool
        /// The scopes that belong to the row: the layer's and that of an activation that joined it.
        public fileprivate(set) var scopes: [Int32]

        /// The trainable tensors with more than one axis: what weighs inputs.
        public var weights: [StateDeclaration] {
            declarations.filter { $0.role == .parameter && $0.shape.count > 1 }
        }
        /// How many numbers, not tensors, the layer itself trains; layers inside it do not count.
        public var trainableCount: Int { declarations.reduce(0) { $0 + ($1.role == .parameter ? $1.count : 0) } }
        /// Whether the row lies inside `other`.
        public func isInside(_ other: Row) -> Bool { !other.path.isEmpty && path.hasPrefix(other.path + ".") }
    }

    /// In the order of the model; a container stands before the layers inside it.
    public private(set) var rows: [Row] = []

    /// The rows that no other row holds: the gradient passes them one after the other.
    public var outerRows: [Row] { rows.filter { row in !rows.contains { row.isInside($0) } } }

    /// - Parameters:
    ///   - trace: a finished forward pass.
    ///   - rewritten: the forward pass after passes that kept its layer paths; activations then keep no nodes (`uses` is
    ///     empty). The trace's own graph when `nil`.
    public init(_ trace: Trace, rewritten: Graph? = nil) {
        let graph = rewritten ?? trace.graph
        var uses: [String: [Use]] = [:]
        for use in trace.activationUses {
            uses[trace.graph.layer(of: use.output), default: []].append(
                Use(activation: use.activation, input: use.input, output: use.output))
        }
        var results = [[Int]](repeating: [], count: graph.scopes.count)
        for (i, node) in graph.nodes.enumerated()
        where !node.inputs.isEmpty && node.phase == .forward && graph.scopes[Int(node.scope)] != "loss" {
            results[Int(node.scope)].append(i)
        }
        let depends = Self.dependsOnExample(graph)
        for (scope, own) in results.enumerated() {
            guard let last = own.last(where: { depends[$0] && graph.nodes[$0].type.element == .float32 }) else {
                continue
            }
            let path = graph.scopes[scope]
            let inside = path.isEmpty ? [] : graph.scopes.filter { $0.hasPrefix(path + ".") }
            let applied = uses[path] ?? []
            var row = Row(
                path: path, kind: trace.kinds[path] ?? "model", input: Self.input(graph, path, depends),
                sums: NodeID(last), output: NodeID(last), activation: nil,
                activations: applied.map(\.activation), uses: rewritten == nil ? applied : [],
                declarations: trace.declarations.filter { trace.graph.layer(of: $0.node) == path },
                isContainer: !inside.isEmpty, scopes: [Int32(scope)])
            if let use = applied.last, rewritten == nil ? use.output == row.output : applied.count == 1 {
                row.activation = use.activation
                if rewritten == nil { row.sums = use.input }
            }
            // An activation joins the layer whose output it takes.
            if let before = rows.last, row.declarations.isEmpty, row.activation != nil, before.activation == nil,
                !before.isContainer, row.input == before.output
            {
                rows[rows.count - 1].sums = before.output
                rows[rows.count - 1].output = row.output
                rows[rows.count - 1].activation = row.activation
                rows[rows.count - 1].activations += row.activations
                rows[rows.count - 1].uses += row.uses
                rows[rows.count - 1].scopes += row.scopes
            } else {
                rows.append(row)
            }
        }
    }

    /// For every node whether its value differs from example to example.
    private static func dependsOnExample(_ graph: Graph) -> [Bool] {
        var depends = [Bool](repeating: false, count: graph.nodes.count)
        for (i, node) in graph.nodes.enumerated() {
            if case .input = node.op { depends[i] = node.type.shape.rank > 0 && node.type.shape.isSymbolic }
            if node.inputs.contains(where: { depends[$0.index] }), node.op.name != "extent" { depends[i] = true }
        }
        return depends
    }

    /// The first value that a layer takes from outside it.
    private static func input(_ graph: Graph, _ path: String, _ depends: [Bool]) -> NodeID? {
        let isInside = graph.scopes.map { $0 == path || !path.isEmpty && $0.hasPrefix(path + ".") }
        for node in graph.nodes where isInside[Int(node.scope)] && node.phase == .forward {
            for input in node.inputs where depends[input.index] {
                let isLeaf = graph[input].inputs.isEmpty
                if isLeaf || !isInside[Int(graph[input].scope)] { return input }
            }
        }
        return nil
    }
}
