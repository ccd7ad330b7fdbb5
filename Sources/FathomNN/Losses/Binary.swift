import FathomGraph

// Losses of yes or no, element by element: one output [B, 1] or [B], or several independent ones [B, K].
// Targets are `int32` or floats; 0 and 1, or a probability.
extension Loss {
    /// Two-class cross-entropy on logits: −w·t·ln σ(x) − (1 − t)·ln(1 − σ(x)), the mean over all elements.
    ///
    /// Each half is a softplus of its own, so that value and gradient are exact at any logit.
    ///
    /// - Parameter positiveWeight: w; above 1 it makes a missed positive cost more.
    public static func sigmoidCrossEntropy(positiveWeight: Double = 1) -> Loss {
        Loss(
            "sigmoidCrossEntropy", target: .values, accepts: [.labels], applies: .sigmoid, decisionThreshold: 0,
            uninformed: { _ in (1 + positiveWeight) / 2 * naturalLog(2) }
        ) { x, target in
            let t = values(target, like: x, "sigmoidCrossEntropy")
            let missed = t * softplus(-x)
            return ((positiveWeight == 1 ? missed : positiveWeight * missed) + (1 - t) * softplus(x)).mean()
        }
    }

    /// Two-class cross-entropy on probabilities, such as a sigmoid's output; prefer ``sigmoidCrossEntropy(positiveWeight:)``.
    ///
    /// Probabilities count as at least 1.2·10⁻³⁸ (and so do their complements), so that the loss of an element is at most
    /// 87.3; beyond, the gradient is 0.
    public static let binaryCrossEntropy = Loss(
        "binaryCrossEntropy", target: .values, accepts: [.labels], expects: .sigmoid, decisionThreshold: 0.5,
        uninformed: { _ in naturalLog(2) }
    ) { p, target in
        let t = values(target, like: p, "binaryCrossEntropy")
        return -(t * safeLog(p) + (1 - t) * safeLog(1 - p)).mean()
    }

    /// max(0, 1 − y·x), the mean over all elements: support vectors (Cortes & Vapnik 1995).
    ///
    /// Targets are ±1 or 0/1; every positive number means the positive class.
    public static let hinge = Loss(
        "hinge", target: .values, accepts: [.labels], decisionThreshold: 0, uninformed: { _ in 1 }
    ) { x, target in
        let t = values(target, like: x, "hinge")
        let y = select(t .> 0, x.scalar(1), x.scalar(-1))
        return relu(1 - y * x).mean()
    }

    /// ln p with p at least the smallest normal float, where the logarithm and its slope are still finite.
    static func safeLog(_ p: Tensor) -> Tensor { log(max(p, Double(Float.leastNormalMagnitude))) }
}
