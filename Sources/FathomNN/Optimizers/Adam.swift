/// Adam (Kingma & Ba 2015): steps scaled by running estimates of the gradient's mean and square.
///
/// m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g², p ← p − η/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε).
public struct Adam: Optimizer {
    public let learningRate: Double
    /// β₁: the memory of the running mean m.
    public let beta1: Double
    /// β₂: the memory of the running square v.
    public let beta2: Double
    /// Added to the root of v after its correction.
    public let epsilon: Double
    public let weightDecay: WeightDecay
    /// Whether the largest v so far divides, so that steps never grow again (Reddi et al. 2018).
    public let amsgrad: Bool

    /// The defaults are PyTorch's. With decoupled weight decay this is AdamW, and ``name`` says so.
    public init(
        learningRate: Double = 1e-3, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8,
        weightDecay: WeightDecay = .none, amsgrad: Bool = false
    ) {
        self.learningRate = learningRate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.amsgrad = amsgrad
    }

    public var name: String { weightDecay.isDecoupled ? "adamW" : "adam" }
    public var slots: [(name: String, initial: Double)] {
        [("mean", 0), ("square", 0)] + (amsgrad ? [("largestSquare", 0)] : [])
    }

    public func update(_ c: UpdateContext) -> (parameter: Tensor, slots: [Tensor]) {
        let (m, v) = c.moments(beta1: beta1, beta2: beta2)
        let largest = amsgrad ? max(c.slots[2], v) : v
        let stepSize = c.learningRate / c.biasCorrection(beta1)
        let denominator = c.denominator(largest, beta2: beta2, epsilon: epsilon)
        return (c.parameter - stepSize * (m / denominator), amsgrad ? [m, v, largest] : [m, v])
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
    /// Adam's running moments, from slots 0 and 1.
    func moments(beta1: Double, beta2: Double) -> (mean: Tensor, square: Tensor) {
        (beta1 * slots[0] + (1 - beta1) * gradient, beta2 * slots[1] + (1 - beta2) * (gradient * gradient))
    }

    /// √v/√(1 − β₂ᵗ) + ε; the scalar is inverted once, because divisions are what an update over all parameters waits for.
    func denominator(_ v: Tensor, beta2: Double, epsilon: Double) -> Tensor {
        sqrt(v) * (1 / sqrt(biasCorrection(beta2))) + epsilon
    }
}
