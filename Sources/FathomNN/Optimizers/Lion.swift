/// The sign of an interpolated momentum: every element moves by η (Chen et al. 2023).
///
/// p ← p − η·sign(β₁·m + (1 − β₁)·g), m ← β₂·m + (1 − β₂)·g. Wants a learning rate 3 to 10 times smaller than Adam's, and
/// weight decay that much larger.
public struct Lion: Optimizer {
    public let learningRate: Double
    /// β₁: the share of the running mean in the direction of the step.
    public let beta1: Double
    /// β₂: the memory of the running mean m.
    public let beta2: Double
    public let weightDecay: WeightDecay

    /// β₁ and β₂ are the paper's; there is no weight decay unless a rate is given.
    public init(
        learningRate: Double = 1e-4, beta1: Double = 0.9, beta2: Double = 0.99, weightDecay: WeightDecay = .decoupled(0)
    ) {
        self.learningRate = learningRate
        self.beta1 = beta1
        self.beta2 = beta2
        self.weightDecay = weightDecay
    }

    public var name: String { "lion" }
    public var slots: [(name: String, initial: Double)] { [("mean", 0)] }

    public func update(_ c: UpdateContext) -> (parameter: Tensor, slots: [Tensor]) {
        let direction = sign(beta1 * c.slots[0] + (1 - beta1) * c.gradient)
        return (c.parameter - c.learningRate * direction, [beta2 * c.slots[0] + (1 - beta2) * c.gradient])
    }
}
