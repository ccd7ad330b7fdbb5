/// Steps in the parameter's own units, from running squares of gradients and of steps (Zeiler 2012).
///
/// v ← ρ·v + (1 − ρ)·g², d = √(u + ε)/√(v + ε)·g, u ← ρ·u + (1 − ρ)·d², p ← p − η·d.
public struct Adadelta: Optimizer {
    public let learningRate: Double
    /// ρ: the memory of both running squares.
    public let rho: Double
    /// Added to both running squares before the root; sets the size of the first steps.
    public let epsilon: Double
    public let weightDecay: WeightDecay

    /// The defaults are PyTorch's.
    public init(learningRate: Double = 1, rho: Double = 0.9, epsilon: Double = 1e-6, weightDecay: WeightDecay = .none) {
        self.learningRate = learningRate
        self.rho = rho
        self.epsilon = epsilon
        self.weightDecay = weightDecay
    }

    public var name: String { "adadelta" }
    public var slots: [(name: String, initial: Double)] { [("square", 0), ("delta", 0)] }

    public func update(_ c: UpdateContext) -> (parameter: Tensor, slots: [Tensor]) {
        let v = rho * c.slots[0] + (1 - rho) * (c.gradient * c.gradient)
        let d = sqrt(c.slots[1] + epsilon) / sqrt(v + epsilon) * c.gradient
        let u = rho * c.slots[1] + (1 - rho) * (d * d)
        return (c.parameter - c.learningRate * d, [v, u])
    }
}
