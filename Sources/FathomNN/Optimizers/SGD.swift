/// Stochastic gradient descent, with momentum if wanted: v ← μ·v + g, p ← p − η·v.
public struct SGD: Optimizer {
    public let learningRate: Double
    public let momentum: Double
    /// Nesterov's form: the step uses g + μ·v.
    public let nesterov: Bool
    /// Coupled weight decay λ: g ← g + λ·p.
    public let weightDecay: Double

    public init(learningRate: Double = 0.01, momentum: Double = 0, nesterov: Bool = false, weightDecay: Double = 0) {
        self.learningRate = learningRate
        self.momentum = momentum
        self.nesterov = nesterov
        self.weightDecay = weightDecay
    }

    public var name: String { "sgd" }
    public var slots: [(name: String, initial: Double)] { momentum == 0 ? [] : [("momentum", 0)] }

    public func update(_ c: UpdateContext) -> (parameter: Tensor, slots: [Tensor]) {
        let g = weightDecay == 0 ? c.gradient : c.gradient + weightDecay * c.parameter
        guard momentum != 0 else { return (c.parameter - c.learningRate * g, []) }
        let v = momentum * c.slots[0] + g
        return (c.parameter - c.learningRate * (nesterov ? g + momentum * v : v), [v])
    }
}
