/// Adam (Kingma & Ba 2015): steps scaled by running estimates of the gradient's mean and square.
///
/// m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g², p ← p − η/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε).
public struct Adam: Optimizer {
    public let learningRate: Double
    public let beta1: Double
    public let beta2: Double
    public let epsilon: Double
    public let weightDecay: WeightDecay

    public init(
        learningRate: Double = 1e-3, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8,
        weightDecay: WeightDecay = .none
    ) {
        self.learningRate = learningRate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
    }

    public var name: String { weightDecay.isDecoupled ? "adamW" : "adam" }
    public var slots: [(name: String, initial: Double)] { [("mean", 0), ("square", 0)] }

    public func update(_ c: UpdateContext) -> (parameter: Tensor, slots: [Tensor]) {
        let (m, v, denominator) = c.moments(beta1: beta1, beta2: beta2, epsilon: epsilon)
        let stepSize = c.learningRate / c.biasCorrection(beta1)
        return (c.parameter - stepSize * (m / denominator), [m, v])
    }
}

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019).
public func AdamW(
    learningRate: Double = 1e-3, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8,
    weightDecay: Double = 1e-2
) -> Adam {
    Adam(learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: .decoupled(weightDecay))
}

extension UpdateContext {
    /// Adam's running moments (slots 0 and 1) and √v/√(1 − β₂ᵗ) + ε.
    func moments(beta1: Double, beta2: Double, epsilon: Double) -> (mean: Tensor, square: Tensor, denominator: Tensor) {
        let m = beta1 * slots[0] + (1 - beta1) * gradient
        let v = beta2 * slots[1] + (1 - beta2) * (gradient * gradient)
        return (m, v, sqrt(v) / sqrt(biasCorrection(beta2)) + epsilon)
    }
}
