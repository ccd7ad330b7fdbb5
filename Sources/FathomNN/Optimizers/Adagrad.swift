/// Steps divided by the root of the sum of all squared gradients: p ← p − η·g / (√Σg² + ε) (Duchi et al. 2011).
///
/// Suits sparse features; on long runs its steps fade out.
public struct Adagrad: Optimizer {
    public let learningRate: Double
    /// The rate falls as η / (1 + (t − 1)·decay).
    public let learningRateDecay: Double
    /// What the sum of squares starts from, in every element.
    public let initialAccumulator: Double
    /// Added to the root of the sum.
    public let epsilon: Double
    public let weightDecay: WeightDecay

    /// The defaults are PyTorch's: the rate does not decay, and the sum starts at 0.
    public init(
        learningRate: Double = 0.01, learningRateDecay: Double = 0, initialAccumulator: Double = 0,
        epsilon: Double = 1e-10, weightDecay: WeightDecay = .none
    ) {
        self.learningRate = learningRate
        self.learningRateDecay = learningRateDecay
        self.initialAccumulator = initialAccumulator
        self.epsilon = epsilon
        self.weightDecay = weightDecay
    }

    public var name: String { "adagrad" }
    public var slots: [(name: String, initial: Double)] { [("square", initialAccumulator)] }

    public func update(_ c: UpdateContext) -> (parameter: Tensor, slots: [Tensor]) {
        let total = c.slots[0] + c.gradient * c.gradient
        let rate = learningRateDecay == 0 ? c.learningRate : c.learningRate / (1 + (c.step - 1) * learningRateDecay)
        return (c.parameter - rate * (c.gradient / (sqrt(total) + epsilon)), [total])
    }
}
