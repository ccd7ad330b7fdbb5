/// Adam with the largest recent gradient in place of the running square (Kingma & Ba 2015, section 7.1).
///
/// m ← β₁·m + (1 − β₁)·g, u ← max(β₂·u, |g|), p ← p − η/(1 − β₁ᵗ) · m / (u + ε).
public struct Adamax: Optimizer {
    public let learningRate: Double
    /// β₁: the memory of the running mean m.
    public let beta1: Double
    /// β₂: what is left of the largest gradient u after one step.
    public let beta2: Double
    /// Added to u.
    public let epsilon: Double
    public let weightDecay: WeightDecay

    /// The defaults are PyTorch's.
    public init(
        learningRate: Double = 2e-3, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8,
        weightDecay: WeightDecay = .none
    ) {
        self.learningRate = learningRate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
    }

    public var name: String { "adamax" }
    public var slots: [(name: String, initial: Double)] { [("mean", 0), ("largest", 0)] }

    public func update(_ c: UpdateContext) -> (parameter: Tensor, slots: [Tensor]) {
        let m = beta1 * c.slots[0] + (1 - beta1) * c.gradient
        let u = max(beta2 * c.slots[1], abs(c.gradient))
        let stepSize = c.learningRate / c.biasCorrection(beta1)
        return (c.parameter - stepSize * (m / (u + epsilon)), [m, u])
    }
}
