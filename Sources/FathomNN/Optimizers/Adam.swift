/// Adam (Kingma & Ba 2015): steps scaled by running estimates of the gradient's mean and square.
public struct Adam: Optimizer {
    public let learningRate: Double
    public let beta1: Double
    public let beta2: Double
    public let epsilon: Double
    /// Coupled weight decay λ: g ← g + λ·p; see ``AdamW`` for the decoupled form.
    public let weightDecay: Double

    public init(
        learningRate: Double = 1e-3, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8,
        weightDecay: Double = 0
    ) {
        self.learningRate = learningRate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
    }

    public var name: String { "adam" }
    public var slots: [(name: String, initial: Double)] { [("mean", 0), ("square", 0)] }

    public func update(_ c: UpdateContext) -> (parameter: Tensor, slots: [Tensor]) {
        let g = weightDecay == 0 ? c.gradient : c.gradient + weightDecay * c.parameter
        let m = beta1 * c.slots[0] + (1 - beta1) * g
        let v = beta2 * c.slots[1] + (1 - beta2) * (g * g)
        let stepSize = c.learningRate / c.biasCorrection(beta1)
        let denominator = sqrt(v) / sqrt(c.biasCorrection(beta2)) + epsilon
        return (c.parameter - stepSize * (m / denominator), [m, v])
    }
}
