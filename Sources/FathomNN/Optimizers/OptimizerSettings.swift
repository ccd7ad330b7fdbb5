import FathomGraph

/// An optimiser and what is done around it: clipping, parameter groups, an average of the weights.
///
/// The order for each parameter: mean over micro-batches, clipping, the sign where the loss is maximised, coupled decay,
/// decoupled decay, the optimiser's update, the average.
public struct OptimizerSettings: Sendable {
    /// The rule for all parameters; a group may change its rate and its decay.
    public var optimizer: any Optimizer
    /// Applied to the mean over micro-batches, before weight decay; `nil` leaves gradients as they are.
    public var clipping: Clipping?
    /// The first group whose pattern fits a parameter's path counts; parameters without a group are treated plainly.
    public var groups: [ParameterGroup]
    /// The decay d of an exponential moving average of the weights, kept in the slot `average`; see ``averageSlot``.
    public var averageDecay: Double?
    /// Whether the loss is climbed instead of descended: gradients change their sign before the update; weight decay still
    /// pulls towards 0 (PyTorch's `maximize`).
    public var maximizes: Bool

    /// How gradients are kept from exploding.
    public enum Clipping: Sendable, Hashable {
        /// Every element within ± this.
        case value(Double)
        /// Each parameter's gradient scaled down to at most this Euclidean norm.
        case parameterNorm(Double)
        /// All gradients scaled down together to at most this norm (Pascanu et al. 2013).
        case globalNorm(Double)
    }

    /// The optimiser alone unless more is asked for; ``check(_:)`` finds settings that make no sense.
    public init(
        _ optimizer: any Optimizer, clipping: Clipping? = nil, groups: [ParameterGroup] = [],
        averageDecay: Double? = nil, maximizes: Bool = false
    ) {
        self.optimizer = optimizer
        self.clipping = clipping
        self.groups = groups
        self.averageDecay = averageDecay
        self.maximizes = maximizes
    }

    /// The slot that holds the averaged weights.
    ///
    /// After t steps it is Σ dᵗ⁻ⁱ·pᵢ / Σ dᵗ⁻ⁱ over the weights pᵢ after each step: the start is corrected exactly, so it
    /// is ready to use at any time and remembers nothing of the initial weights. Before the first step it is a copy of them.
    public static let averageSlot = "average"
    /// The slot that sums gradients over micro-batches; see ``traceAccumulation(in:gradients:)``.
    public static let gradientSlot = "gradient"

    /// The state entry of a slot: `optimizer.<slot>.<parameter path>`.
    public static func path(slot: String, of parameter: String) -> String { "optimizer.\(slot).\(parameter)" }

    /// The group that treats the parameter at `path`: the first whose pattern fits, `nil` where none does.
    public func group(of path: String) -> ParameterGroup? { groups.first { $0.contains(path) } }

    /// The parameters that are updated, in their order: not frozen, no buffers.
    public func trainable(_ declarations: [StateDeclaration]) -> [StateDeclaration] {
        declarations.filter { $0.role == .parameter && group(of: $0.path)?.isFrozen != true }
    }

    /// Throws when a setting makes no sense for this model.
    ///
    /// - Throws: ``GraphError`` for a pattern that fits no parameter, a negative factor or decay, a clipping bound that is
    ///   not positive, or an average decay outside 0 ..< 1.
    public func check(_ declarations: [StateDeclaration]) throws(GraphError) {
        let paths = declarations.filter { $0.role == .parameter }.map(\.path)
        func fail(_ message: String, _ hint: String? = nil) -> GraphError {
            GraphError(op: "optimizer '\(optimizer.name)'", message: message, hint: hint)
        }
        for group in groups {
            if !paths.contains(where: group.contains) {
                throw fail(
                    "no parameter fits the pattern '\(group.pattern)'",
                    "paths are " + paths.prefix(12).joined(separator: ", ") + (paths.count > 12 ? ", …" : ""))
            }
            guard group.learningRateFactor >= 0, group.learningRateFactor.isFinite, group.weightDecay ?? 0 >= 0 else {
                throw fail("the factor and the decay of the group '\(group.pattern)' must not be negative")
            }
        }
        switch clipping {
        case .value(let bound)?, .parameterNorm(let bound)?, .globalNorm(let bound)?:
            guard bound > 0 else { throw fail("the clipping bound \(bound) is not positive") }
        case nil: break
        }
        if let averageDecay, !(averageDecay >= 0 && averageDecay < 1) {
            throw fail("the average's decay \(averageDecay) is outside 0 ..< 1", "usual values are 0.99 to 0.9999")
        }
    }

    /// The state the updates need beside the parameters.
    ///
    /// - Parameter accumulates: whether gradients are summed over micro-batches.
    public func slots(for declarations: [StateDeclaration], accumulates: Bool = false) -> [SlotDeclaration] {
        let own = trainable(declarations)
        guard !own.isEmpty else { return [] }
        var result = optimizer.scalars.map {
            SlotDeclaration(path: "optimizer.\($0.name)", shape: [], initial: .constant($0.initial))
        }
        func append(_ name: String, _ initial: (StateDeclaration) -> SlotDeclaration.Initial) {
            result += own.map {
                SlotDeclaration(path: Self.path(slot: name, of: $0.path), shape: $0.shape, initial: initial($0))
            }
        }
        for slot in optimizer.slots { append(slot.name) { _ in .constant(slot.initial) } }
        if averageDecay != nil { append(Self.averageSlot) { .copy(of: $0.path) } }
        if accumulates { append(Self.gradientSlot) { _ in .constant(0) } }
        return result
    }
}

/// One entry of the training state that belongs to the optimiser.
public struct SlotDeclaration: Sendable, Hashable {
    /// What it holds before the first step.
    public enum Initial: Sendable, Hashable {
        case constant(Double)
        /// The same values as another entry.
        case copy(of: String)
    }
    /// `optimizer.<slot>.<parameter path>`, or `optimizer.<name>` for a number shared by all parameters.
    public let path: String
    /// The parameter's shape; empty for a number shared by all.
    public let shape: [Int]
    /// What it holds before the first step.
    public let initial: Initial
}
