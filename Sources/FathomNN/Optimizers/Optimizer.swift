import FathomGraph

/// A rule that turns a gradient into a new parameter value.
///
/// It is a pure function of one parameter, written with ``Tensor`` operations and traced into the step, so that its
/// kernel, its state and its checkpoint come for free. Weight decay, clipping, parameter groups and averaging are applied
/// around it by ``OptimizerSettings``.
public protocol Optimizer: Sendable {
    /// The name in configurations and reports.
    var name: String { get }
    /// The state kept for every parameter (of its shape): name and initial value.
    var slots: [(name: String, initial: Double)] { get }
    /// Numbers kept once for all parameters.
    var scalars: [(name: String, initial: Double)] { get }
    /// The learning rate when no schedule is given.
    var learningRate: Double { get }
    /// How parameters are pulled towards 0; a ``ParameterGroup`` may replace the rate.
    var weightDecay: WeightDecay { get }

    /// The new parameter and the new slots, in the order of ``slots``.
    func update(_ context: UpdateContext) -> (parameter: Tensor, slots: [Tensor])

    /// The new scalars, in the order of ``scalars``, from the old ones.
    ///
    /// - Parameter step: the number of this step, from 1, a float scalar.
    func updateScalars(_ scalars: [Tensor], step: Tensor) -> [Tensor]
}

extension Optimizer {
    /// None, for rules that need no number of this kind.
    public var scalars: [(name: String, initial: Double)] { [] }
    /// The numbers as they are.
    public func updateScalars(_ scalars: [Tensor], step: Tensor) -> [Tensor] { scalars }
}

/// How parameters are pulled towards 0.
public struct WeightDecay: Sendable, Hashable, Codable {
    /// λ, not negative.
    public var rate: Double
    /// Whether p ← p·(1 − η·λ) happens beside the update (Loshchilov & Hutter 2019), instead of g ← g + λ·p before it.
    public var isDecoupled: Bool

    /// A rate of 0 is no decay at all.
    public init(rate: Double, isDecoupled: Bool) {
        self.rate = rate
        self.isDecoupled = isDecoupled
    }

    /// No decay: coupled at the rate 0.
    public static let none = coupled(0)
    /// g ← g + λ·p.
    public static func coupled(_ rate: Double) -> WeightDecay { WeightDecay(rate: rate, isDecoupled: false) }
    /// p ← p·(1 − η·λ).
    public static func decoupled(_ rate: Double) -> WeightDecay { WeightDecay(rate: rate, isDecoupled: true) }
}

/// What an optimiser sees of one parameter at one step.
///
/// Arithmetic between scalars (bias corrections) happens once per step, not per element: keep it apart from tensors of the
/// parameter's shape.
public struct UpdateContext {
    /// The parameter, decoupled weight decay applied.
    public let parameter: Tensor
    /// The gradient, clipped, coupled weight decay applied.
    public let gradient: Tensor
    /// The old values of ``Optimizer/slots``, in that order, each of the parameter's shape.
    public let slots: [Tensor]
    /// The new values of ``Optimizer/scalars``.
    public let scalars: [Tensor]
    /// The learning rate of this step, a scalar.
    public let learningRate: Tensor
    /// The number of this step, from 1, a float scalar.
    public let step: Tensor

    /// All tensors must belong to one trace; ``OptimizerSettings`` makes one of these for each trained parameter.
    public init(
        parameter: Tensor, gradient: Tensor, slots: [Tensor], scalars: [Tensor] = [], learningRate: Tensor, step: Tensor
    ) {
        self.parameter = parameter
        self.gradient = gradient
        self.slots = slots
        self.scalars = scalars
        self.learningRate = learningRate
        self.step = step
    }

    /// 1 − βᵗ, accurate for β near 1.
    public func biasCorrection(_ beta: Double) -> Tensor { -expm1(step * naturalLog(beta)) }
}
