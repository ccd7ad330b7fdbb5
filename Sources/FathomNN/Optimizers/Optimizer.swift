import FathomGraph

/// A rule that turns a gradient into a new parameter value.
///
/// It is a pure function of one parameter, written with ``Tensor`` operations and traced into the step, so that its
/// kernel, its state and its checkpoint come for free.
public protocol Optimizer: Sendable {
    /// The name in configurations and reports.
    var name: String { get }
    /// The state kept for every parameter (of its shape): name and initial value.
    var slots: [(name: String, initial: Double)] { get }
    /// The learning rate when no schedule is given.
    var learningRate: Double { get }

    /// The new parameter and the new slots, in the order of ``slots``.
    func update(_ context: UpdateContext) -> (parameter: Tensor, slots: [Tensor])
}

/// What an optimiser sees of one parameter at one step.
public struct UpdateContext {
    public let parameter: Tensor
    public let gradient: Tensor
    public let slots: [Tensor]
    /// The learning rate of this step, a scalar.
    public let learningRate: Tensor
    /// The number of this step, from 1, a float scalar.
    public let step: Tensor

    public init(parameter: Tensor, gradient: Tensor, slots: [Tensor], learningRate: Tensor, step: Tensor) {
        self.parameter = parameter
        self.gradient = gradient
        self.slots = slots
        self.learningRate = learningRate
        self.step = step
    }

    /// 1 − βᵗ, accurate for β near 1.
    public func biasCorrection(_ beta: Double) -> Tensor { -expm1(step * naturalLog(beta)) }
}
