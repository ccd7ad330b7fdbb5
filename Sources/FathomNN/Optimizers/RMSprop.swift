/// Steps divided by the root of a running mean of squared gradients (Tieleman & Hinton 2012); centred, the running mean's
/// square is subtracted first (Graves 2013).
///
/// v ← α·v + (1 − α)·g², s = g / (√v + ε); with momentum b ← μ·b + s, p ← p − η·b.
public struct RMSprop: Optimizer {
    public let learningRate: Double
    /// α: the memory of the running square, and of the running mean when centred.
    public let alpha: Double
    /// Added to the root.
    public let epsilon: Double
    /// μ; at 0 no slot is kept for it.
    public let momentum: Double
    /// Whether the variance instead of the mean square divides.
    public let centered: Bool
    public let weightDecay: WeightDecay

    /// The defaults are PyTorch's.
    public init(
        learningRate: Double = 0.01, alpha: Double = 0.99, epsilon: Double = 1e-8, momentum: Double = 0,
        centered: Bool = false, weightDecay: WeightDecay = .none
    ) {
        self.learningRate = learningRate
        self.alpha = alpha
        self.epsilon = epsilon
        self.momentum = momentum
        self.centered = centered
        self.weightDecay = weightDecay
    }

    public var name: String { "rmsprop" }
    public var slots: [(name: String, initial: Double)] {
        [("square", 0)] + (centered ? [("mean", 0)] : []) + (momentum != 0 ? [("momentum", 0)] : [])
    }

    public func update(_ c: UpdateContext) -> (parameter: Tensor, slots: [Tensor]) {
        let v = alpha * c.slots[0] + (1 - alpha) * (c.gradient * c.gradient)
        var slots = [v]
        var spread = v
        if centered {
            let m = alpha * c.slots[1] + (1 - alpha) * c.gradient
            slots.append(m)
            // A variance is not negative, but its rounding may be, and the root would be NaN.
            spread = max(v - m * m, 0)
        }
        var step = c.gradient / (sqrt(spread) + epsilon)
        if momentum != 0 {
            step = momentum * c.slots[slots.count] + step
            slots.append(step)
        }
        return (c.parameter - c.learningRate * step, slots)
    }
}
