/// Adam with Nesterov's look-ahead and a momentum that warms up (Dozat 2016).
///
/// μₜ = β₁·(1 − ½·0.96^(t·ψ)); p ← p − η·((1 − μₜ)/(1 − Πμ)·g + μₜ₊₁/(1 − Πμ·μₜ₊₁)·m) / (√v/√(1 − β₂ᵗ) + ε).
public struct NAdam: Optimizer {
    public let learningRate: Double
    /// β₁: the memory of the running mean m, and what the momentum μ warms up to.
    public let beta1: Double
    /// β₂: the memory of the running square v.
    public let beta2: Double
    /// Added to the root of v after its correction.
    public let epsilon: Double
    /// ψ: how fast the momentum warms up.
    public let momentumDecay: Double
    public let weightDecay: WeightDecay

    /// The defaults are PyTorch's.
    public init(
        learningRate: Double = 2e-3, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8,
        momentumDecay: Double = 4e-3, weightDecay: WeightDecay = .none
    ) {
        self.learningRate = learningRate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.momentumDecay = momentumDecay
        self.weightDecay = weightDecay
    }

    public var name: String { "nadam" }
    public var slots: [(name: String, initial: Double)] { [("mean", 0), ("square", 0)] }
    /// The product of all μ so far, which no formula of the step number gives.
    public var scalars: [(name: String, initial: Double)] { [("momentumProduct", 1)] }

    private func momentum(_ step: Tensor) -> Tensor {
        beta1 * (1 - 0.5 * exp(step * (momentumDecay * naturalLog(0.96))))
    }

    public func updateScalars(_ scalars: [Tensor], step: Tensor) -> [Tensor] { [scalars[0] * momentum(step)] }

    public func update(_ c: UpdateContext) -> (parameter: Tensor, slots: [Tensor]) {
        let (m, v) = c.moments(beta1: beta1, beta2: beta2)
        let denominator = c.denominator(v, beta2: beta2, epsilon: epsilon)
        let (now, next) = (momentum(c.step), momentum(c.step + 1))
        let ofGradient = c.learningRate * (1 - now) / (1 - c.scalars[0])
        let ofMean = c.learningRate * next / (1 - c.scalars[0] * next)
        return (c.parameter - (ofGradient * c.gradient + ofMean * m) / denominator, [m, v])
    }
}
