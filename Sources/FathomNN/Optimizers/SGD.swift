/// Stochastic gradient descent, with momentum if wanted: v ← μ·v + g, p ← p − η·v (Sutskever et al. 2013).
public struct SGD: Optimizer {
    public let learningRate: Double
    /// μ; at 0 no slot is kept for it, and the step is η·g.
    public let momentum: Double
    /// Nesterov's form: the step uses g + μ·v.
    public let nesterov: Bool
    public let weightDecay: WeightDecay

    /// Plain descent at the rate 0.001 by default; Nesterov's form does nothing without momentum.
    public init(
        learningRate: Double = 1e-3, momentum: Double = 0, nesterov: Bool = false, weightDecay: WeightDecay = .none
    ) {
        self.learningRate = learningRate
        self.momentum = momentum
        self.nesterov = nesterov
        self.weightDecay = weightDecay
    }

    public var name: String { momentum == 0 ? "sgd" : nesterov ? "nesterov" : "momentum" }
    public var slots: [(name: String, initial: Double)] { momentum == 0 ? [] : [("momentum", 0)] }

    public func update(_ c: UpdateContext) -> (parameter: Tensor, slots: [Tensor]) {
        guard momentum != 0 else { return (c.parameter - c.learningRate * c.gradient, []) }
        let v = momentum * c.slots[0] + c.gradient
        return (c.parameter - c.learningRate * (nesterov ? c.gradient + momentum * v : v), [v])
    }
}
