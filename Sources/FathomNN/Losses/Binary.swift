import FathomGraph

// Losses of yes or no, element by element: one output [B, 1] or [B], or several independent ones [B, K].
// Targets are `int32` or floats; 0 and 1, or a probability.
extension Loss {
    /// Two-class cross-entropy on logits: −w·t·ln σ(x) − (1 − t)·ln(1 − σ(x)), the mean over all elements.
    ///
    /// Each half is a softplus of its own, so that value and gradient are exact at any logit.
    ///
    /// - Parameter positiveWeights: w, one number or one per output; above 1 it makes a missed positive cost more.
    public static func sigmoidCrossEntropy(positiveWeights: [Double] = [1]) -> Loss {
        let meanWeight = positiveWeights.reduce(0, +) / Double(max(positiveWeights.count, 1))
        return Loss(
            "sigmoidCrossEntropy", target: .values, accepts: [.labels], applies: .sigmoid, decisionThreshold: 0,
            uninformed: { _ in (1 + meanWeight) / 2 * naturalLog(2) }
        ) { x, target in
            let t = values(target, like: x, "sigmoidCrossEntropy")
            guard positiveWeights.count == 1 || x.id == nil || x.extent(-1) == positiveWeights.count else {
                return fail(
                    "sigmoidCrossEntropy", x, target, "there are \(positiveWeights.count) positive weights",
                    "give one, or one per output")
            }
            var missed = t * softplus(-x)
            if positiveWeights != [1] {
                missed =
                    missed
                    * (positiveWeights.count == 1 ? x.scalar(positiveWeights[0]) : x.trace.vector(positiveWeights))
            }
            return (missed + (1 - t) * softplus(x)).mean()
        }
    }

    /// Two-class cross-entropy on probabilities, such as a sigmoid's output; prefer ``sigmoidCrossEntropy(positiveWeights:)``.
    ///
    /// Probabilities count as at least 1.2·10⁻³⁸ (and so do their complements), so that the loss of an element is at most
    /// 87.3; beyond, the gradient is 0.
    public static let binaryCrossEntropy = binaryCrossEntropy(clip: 0)

    /// ``binaryCrossEntropy`` of probabilities kept within `clip` … 1 − `clip`; beyond, the gradient is 0. Keras clips at 1e-7.
    public static func binaryCrossEntropy(clip: Double) -> Loss {
        Loss(
            "binaryCrossEntropy", target: .values, accepts: [.labels], expects: .sigmoid, decisionThreshold: 0.5,
            uninformed: { _ in naturalLog(2) }
        ) { p, target in
            let t = values(target, like: p, "binaryCrossEntropy")
            let p = clip > 0 ? clamp(p, clip, 1 - clip) : p
            return -(t * safeLog(p) + (1 - t) * safeLog(1 - p)).mean()
        }
    }

    /// max(0, 1 − y·x), squared if wanted, the mean over all elements: support vectors (Cortes & Vapnik 1995).
    ///
    /// Targets are ±1 or 0/1; every positive number means the positive class.
    public static func hinge(squared: Bool = false) -> Loss {
        Loss("hinge", target: .values, accepts: [.labels], decisionThreshold: 0, uninformed: { _ in 1 }) { x, target in
            let t = values(target, like: x, "hinge")
            let y = select(t .> 0, x.scalar(1), x.scalar(-1))
            let short = relu(1 - y * x)
            return (squared ? short * short : short).mean()
        }
    }

    /// ln p with p at least the smallest normal float, where the logarithm and its slope are still finite.
    static func safeLog(_ p: Tensor) -> Tensor { log(max(p, Double(Float.leastNormalMagnitude))) }
}
