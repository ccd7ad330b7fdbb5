import FathomGraph

/// Some of a graph's nodes: one flag each, because planning asks of every node many times.
struct NodeSet {
    private var flags: [Bool]

    /// An empty set of nodes of a graph of `count` nodes.
    init(of count: Int) { flags = Array(repeating: false, count: count) }

    func contains(_ id: NodeID) -> Bool { flags[id.index] }

    mutating func insert(_ id: NodeID) { flags[id.index] = true }

    mutating func formUnion(_ other: NodeSet) {
        for i in flags.indices where other.flags[i] { flags[i] = true }
    }

    /// Takes out what does not satisfy the condition.
    mutating func keep(where isKept: (NodeID) -> Bool) {
        for i in flags.indices where flags[i] { flags[i] = isKept(NodeID(i)) }
    }
}
