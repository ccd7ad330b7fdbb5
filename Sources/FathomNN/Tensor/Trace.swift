import FathomGraph

/// The recording of one forward pass: the graph so far, the parameters and buffers it declared, and the first mistake.
///
/// A model is traced once for training and once for evaluation; running happens later, on the finished graph.
public final class Trace {
    /// Whether layers behave as in training (dropout drops, batch norm uses batch statistics).
    public let isTraining: Bool
    /// The graph recorded so far.
    public package(set) var graph = Graph()
    /// The first mistake; every operation after it yields a poison tensor.
    public private(set) var error: GraphError?
    /// Parameters and buffers in the order of their first use.
    public private(set) var declarations: [StateDeclaration] = []
    /// Where an activation was applied, for automatic initialisation and diagnosis.
    public private(set) var activationUses: [(input: NodeID, output: NodeID, activation: Activation)] = []

    /// What ``LayerScope/target`` and ``LayerScope/addPenalty(_:)`` hold.
    fileprivate var target: NodeID?
    fileprivate var penalties: [NodeID] = []

    /// What the layer of each path is: `dense`, `batchNorm`, …
    public private(set) var kinds: [String: String] = [:]

    private var declared: [String: (index: Int, node: NodeID)] = [:]
    private var paths: [ObjectIdentifier: String] = [:]
    /// Every identity in `paths`, kept alive: the address of a layer made inside a call could come back as another layer's.
    private var identities: [LayerIdentity] = []
    private var location: String?
    private var streams: UInt32 = 0

    /// An empty recording.
    public init(isTraining: Bool) { self.isTraining = isTraining }

    /// A tensor fed at every step; give the first axis as `.batch` for one row per example.
    public func input(_ name: String, _ shape: Shape, _ element: ElementType = .float32) -> Tensor {
        record { graph throws(GraphError) in try graph.add(.input(name), type: TensorType(element, shape)) }
    }

    /// A constant of the given shape.
    public func constant(_ value: Double, _ shape: Shape = .scalar) -> Tensor {
        record { graph throws(GraphError) in try graph.constant(value, shape) }
    }

    /// Values that the graph itself carries, row-major: built from single constants, so meant for small tables.
    ///
    /// - Returns: a float tensor of one axis.
    public func vector(_ values: [Double]) -> Tensor {
        let parts = values.map { constant($0, [1]) }
        return parts.isEmpty ? constant(0, [0]) : Tensor.concatenate(parts, axis: 0)
    }

    /// 0, 1, 2, … along one axis.
    ///
    /// - Returns: an `int32` tensor of `shape`.
    public func indices(_ shape: Shape, axis: Int) -> Tensor {
        record { graph throws(GraphError) in try graph.add(.iota(axis: axis), type: TensorType(.int32, shape)) }
    }

    /// Independent uniform numbers in [0, 1), new ones at every step, the same for equal seed, step and place in the model.
    public func randomUniform(_ shape: Shape) -> Tensor {
        let seed = input("random.seed", [2], .int32)
        let step = input("random.step", .scalar, .int32)
        defer { streams += 1 }
        return record { [streams] graph throws(GraphError) in
            guard let s = seed.id, let t = step.id else { throw GraphError(op: "randomUniform", message: "no seed") }
            let bits = try graph.add(.randomBits(stream: streams), [s, t], type: TensorType(.int32, shape))
            return try graph.unary(.uniformFromBits, bits)
        }
    }

    /// Runs `body` on the graph and wraps its node; a mistake is kept and poisons the result.
    package func record(_ body: (inout Graph) throws(GraphError) -> NodeID) -> Tensor {
        guard error == nil else { return Tensor(trace: self, id: nil) }
        do {
            return Tensor(trace: self, id: try body(&graph))
        } catch {
            fail(error)
            return Tensor(trace: self, id: nil)
        }
    }

    /// Keeps a mistake, located at the current layer, unless there is one already.
    package func fail(_ mistake: GraphError) {
        guard error == nil else { return }
        var located = mistake
        if located.layer.isEmpty { located.layer = graph.currentLayer }
        if located.location == nil { located.location = location }
        error = located
    }

    /// A second recording that goes on from here by itself.
    package func copy() -> Trace {
        let other = Trace(isTraining: isTraining)
        other.graph = graph
        (other.error, other.declarations, other.activationUses) = (error, declarations, activationUses)
        (other.declared, other.paths, other.location, other.streams) = (declared, paths, location, streams)
        (other.kinds, other.target, other.penalties) = (kinds, target, penalties)
        return other
    }

    /// Throws the first mistake, if there is one.
    public func check() throws(GraphError) { if let error { throw error } }

    // MARK: Layers

    /// A model's output on `x` and the loss there, penalties of layers included.
    package func output(
        of model: any Layer, on x: Tensor, loss: Loss, target: Tensor
    ) -> (prediction: Tensor, loss: Tensor) {
        self.target = target.id
        penalties = []
        let prediction = model(x)
        var value = loss(prediction, target)
        let saved = graph.currentLayer
        graph.currentLayer = "loss"
        defer { graph.currentLayer = saved }
        for penalty in penalties { value = value + Tensor(trace: self, id: penalty) }
        return (prediction, value)
    }

    /// Gives every layer reachable from `model` its path, from the names of stored properties.
    ///
    /// One layer value in two places is a mistake, unless both are wrapped in ``Shared``.
    package func register(_ model: any Layer) { register(model, path: "", shared: false) }

    /// Types of settings: no layer is in one, and to look for it would take longer than all the rest.
    private static let plain = Set<ObjectIdentifier>(
        ([Bool.self, Int.self, Double.self, String.self, Initializer.self, Activation.self, Activation?.self]
            as [Any.Type]).map { ObjectIdentifier($0) })

    private func register(_ value: Any, path: String, shared: Bool) {
        let isShared = shared || value is any SharedLayer
        func join(_ label: String) -> String { path.isEmpty ? label : label.isEmpty ? path : "\(path).\(label)" }
        let container = value as? any LayerContainer
        for (name, child) in container?.namedChildren ?? [] { register(child, path: join(name), shared: isShared) }
        for (position, child) in Mirror(reflecting: value).children.enumerated() {
            if let identity = child.value as? LayerIdentity {
                if let other = paths[ObjectIdentifier(identity)] {
                    if !isShared {
                        fail(
                            GraphError(
                                op: "\(type(of: value))",
                                message: "one layer value stands in two places, '\(other)' and '\(path)'",
                                hint: "make a second layer, or wrap both places in Shared(layer) to share its weights",
                                layer: path, location: identity.location))
                    }
                } else {
                    paths[ObjectIdentifier(identity)] = path
                    identities.append(identity)
                }
                continue
            }
            // A container may have parameters of its own, but has said already who its children are.
            if container != nil || Self.plain.contains(ObjectIdentifier(type(of: child.value))) { continue }
            let label = child.label.map { $0.hasPrefix(".") ? "\(position)" : $0 } ?? "\(position)"
            if child.value is any Layer {
                register(child.value, path: join(label), shared: isShared)
            } else {
                let mirror = Mirror(reflecting: child.value)
                switch mirror.displayStyle {
                case .collection, .dictionary, .tuple, .optional:
                    for (i, element) in mirror.children.enumerated() where element.value is any Layer {
                        let name = mirror.displayStyle == .optional ? label : "\(label).\(i)"
                        register(element.value, path: join(name), shared: isShared)
                    }
                default: break
                }
            }
        }
    }

    /// Runs `body` as the layer `identity`: its nodes carry the layer's path, and it may declare parameters.
    package func layer(_ identity: LayerIdentity, kind: String, _ body: (LayerScope) -> Tensor) -> Tensor {
        guard error == nil else { return Tensor(trace: self, id: nil) }
        let path: String
        if let known = paths[ObjectIdentifier(identity)] {
            path = known
        } else {
            // Made inside a call, not stored in the model: named by its kind and order.
            var n = 1
            while paths.values.contains("\(kind)\(n)") { n += 1 }
            path = "\(kind)\(n)"
            paths[ObjectIdentifier(identity)] = path
            identities.append(identity)
        }
        kinds[path] = kind
        let saved = (graph.currentLayer, location)
        graph.currentLayer = path
        location = identity.location
        defer { (graph.currentLayer, location) = saved }
        return body(LayerScope(trace: self, path: path))
    }

    func declare(
        _ path: String, _ shape: Shape, _ initializer: Initializer, role: StateDeclaration.Role
    ) -> Tensor {
        if let (index, node) = declared[path] {
            if declarations[index].shape != shape.dims.compactMap(\.fixedValue) {
                fail(
                    GraphError(
                        op: "parameter",
                        message: "'\(path)' has shape \(declarations[index].shape) but is used with \(shape)",
                        hint: "a shared layer must see inputs of one width"))
            }
            return Tensor(trace: self, id: node)
        }
        guard !shape.isSymbolic else {
            fail(
                GraphError(
                    op: "parameter", message: "'\(path)' would have shape \(shape), which depends on the batch size",
                    hint: "flatten or reshape so that the last axis is fixed"))
            return Tensor(trace: self, id: nil)
        }
        let tensor = record { graph throws(GraphError) in try graph.add(.state(path), type: TensorType(.float32, shape))
        }
        guard let id = tensor.id else { return tensor }
        declared[path] = (declarations.count, id)
        declarations.append(
            StateDeclaration(
                path: path, shape: shape.dims.compactMap(\.fixedValue), initializer: initializer, role: role, node: id))
        return tensor
    }

    /// Writes `value` to the buffer at `path` when the step ends.
    func update(_ path: String, with value: Tensor) {
        guard let id = value.id else { return }
        graph.updates.removeAll { $0.path == path }
        graph.updates.append((path, id))
    }

    package func note(_ activation: Activation, input: Tensor, output: Tensor) {
        if let i = input.id, let o = output.id { activationUses.append((i, o, activation)) }
    }
}

/// One entry of the training state that a model declares.
public struct StateDeclaration: Sendable {
    /// Who changes the entry.
    public enum Role: Sendable, Hashable {
        /// Changed by the optimiser.
        case parameter
        /// Changed by the layer itself, such as running statistics.
        case buffer
    }
    /// The entry's name, `layer.path.weight`.
    public let path: String
    /// The entry's extents; a dense weight is [inputs, outputs].
    public let shape: [Int]
    /// How its first values are drawn; see ``Trace/initialValues(seed:)``.
    public let initializer: Initializer
    public let role: Role
    /// The entry's node in the traced graph.
    public let node: NodeID

    /// The number of elements; 1 for a scalar.
    public var count: Int { shape.reduce(1, *) }
}

/// What a layer may do while it is traced: declare parameters and buffers under its path.
public struct LayerScope {
    /// The recording that the layer appends to.
    public let trace: Trace
    /// The layer's path.
    public let path: String

    private func full(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    /// Whether the layer is traced for training; see ``Trace/isTraining``.
    public var isTraining: Bool { trace.isTraining }

    /// A trainable tensor, `path.name` in the training state.
    ///
    /// - Parameters:
    ///   - shape: its extents, all fixed; a dense weight is [inputs, outputs].
    ///   - initializer: how its first values are drawn.
    public func parameter(_ name: String, shape: Shape, initializer: Initializer) -> Tensor {
        trace.declare(full(name), shape, initializer, role: .parameter)
    }

    /// A tensor kept between steps and changed only by ``update(_:with:)``.
    public func buffer(_ name: String, shape: Shape, initializer: Initializer) -> Tensor {
        trace.declare(full(name), shape, initializer, role: .buffer)
    }

    /// Gives the buffer `name` a new value when the step ends; ignored in evaluation.
    public func update(_ name: String, with value: Tensor) { if isTraining { trace.update(full(name), with: value) } }

    /// What the examples should give, for a layer that needs it while learning; `nil` in evaluation, and where there is no
    /// loss.
    public var target: Tensor? { isTraining ? trace.target.map { Tensor(trace: trace, id: $0) } : nil }

    /// Adds a scalar, the mean over the batch, to the loss of training; ignored in evaluation.
    public func addPenalty(_ value: Tensor) {
        if isTraining, let id = value.id { trace.penalties.append(id) }
    }

    /// Records a mistake of the layer's user and returns a poison tensor.
    public func fail(_ op: String, _ operands: [Tensor], _ message: String, hint: String? = nil) -> Tensor {
        trace.fail(GraphError(op: op, operands: operands.compactMap(\.type), message: message, hint: hint))
        return Tensor(trace: trace, id: nil)
    }
}
