import FathomGraph

/// The first values of one entry of the training state.
public struct InitialValue: Sendable {
    /// The entry of the training state that the values are for.
    public let declaration: StateDeclaration
    /// Row-major.
    public let values: [Float]
    /// The rule that drew them; for ``Initializer/automatic`` the one it stood for.
    public let initializerName: String
}

extension Trace {
    /// The first values of every parameter and buffer, in the order of ``declarations``.
    ///
    /// They depend on the seed, the entry's path and shape, and for ``Initializer/automatic`` on the activation that follows.
    ///
    /// Fan-in and fan-out of a shape [inputs, outputs] are its extents; leading axes of a larger one (the places of a
    /// convolution's kernel) multiply both; of one axis both are its extent. A transposed convolution's weight has them
    /// exchanged, and with a stride only so many of its taps meet one output.
    public func initialValues(seed: UInt64) -> [InitialValue] {
        var values: [InitialValue] = []
        drawInitialValues(seed: seed) { values.append($0) }
        return values
    }

    /// Hands out ``initialValues(seed:)`` one after the other, so that they need not all be in memory beside the state.
    public func drawInitialValues(seed: UInt64, _ body: (InitialValue) -> Void) {
        var users: [[NodeID]]?
        // One rule for each activation, so that a critical variance is found once.
        var rules: [String: Initializer] = [:]
        var transposed: [NodeID: Window] = [:]
        for node in graph.nodes where node.phase == .forward {
            if case .convolutionInputGradient(let window, _) = node.op { transposed[node.inputs[1]] = window }
        }
        for declaration in declarations {
            var (fanIn, fanOut) = Self.fans(declaration.shape)
            if let window = transposed[declaration.node] {
                (fanIn, fanOut) = (max(fanOut / max(window.axes.reduce(1) { $0 * $1.stride }, 1), 1), fanIn)
            }
            var context = Initializer.Context(
                shape: declaration.shape, fanIn: fanIn, fanOut: fanOut,
                random: RandomSource(seed: seed, name: declaration.path))
            var initializer = declaration.initializer
            if initializer.name == Initializer.automatic.name {
                if users == nil { users = graph.users() }
                context.activation = activationFollowing(declaration.node, users: users ?? [])
                let key = context.activation?.description ?? ""
                initializer = rules[key] ?? initializer.resolved(for: context.activation)
                rules[key] = initializer
            }
            var values = initializer.values(&context)
            if values.count != declaration.count {
                // A user's rule with the wrong number of values; zeros stand out at once.
                values = [Float](repeating: 0, count: declaration.count)
            }
            body(InitialValue(declaration: declaration, values: values, initializerName: initializer.name))
        }
    }

    static func fans(_ shape: [Int]) -> (input: Int, output: Int) {
        guard shape.count >= 2 else { return (shape.first ?? 1, shape.first ?? 1) }
        let places = shape.dropLast(2).reduce(1, *)
        return (places * shape[shape.count - 2], places * shape[shape.count - 1])
    }

    /// The first activation that a weight's outputs reach through operations that leave their scale to the weight: biases,
    /// normalisation, sums, reshapes. `nil` when another product comes first, or nothing.
    func activationFollowing(_ weight: NodeID, users: [[NodeID]]) -> Activation? {
        var firstUse: [NodeID: Activation] = [:]
        for use in activationUses where firstUse[use.input] == nil { firstUse[use.input] = use.activation }
        var queue = [weight]
        var seen: Set<NodeID> = [weight]
        var position = 0
        var passedProduct = false
        while position < queue.count {
            let node = queue[position]
            position += 1
            if node != weight, let activation = firstUse[node] { return activation }
            for user in users[node.index] where !seen.contains(user) {
                switch graph[user].op {
                case .matmul, .convolution, .convolutionInputGradient:
                    // The weight's own product; a second one ends the way.
                    if passedProduct && node != weight { continue }
                    passedProduct = true
                case .binary(.add), .binary(.sub), .binary(.mul), .binary(.div), .reshape, .broadcast, .transpose,
                    .slice, .windowSum, .windowGather,
                    .concat:
                    break
                // What normalises comes between a product and its activation.
                case .call(let fused) where fused.name == BatchNorm.normalizing.name: break
                // A formula written without an `Activation`.
                case .unary(.tanh): return .tanh
                case .unary(.sigmoid): return .sigmoid
                case .binary(.max) where graph[user].inputs.contains(where: graph.isZero): return .relu
                default: continue
                }
                seen.insert(user)
                queue.append(user)
            }
        }
        return nil
    }
}

extension Graph {
    /// For every node the nodes that read it, ascending.
    func users() -> [[NodeID]] {
        var users = [[NodeID]](repeating: [], count: nodes.count)
        for (i, node) in nodes.enumerated() {
            for input in node.inputs { users[input.index].append(NodeID(i)) }
        }
        return users
    }
}
