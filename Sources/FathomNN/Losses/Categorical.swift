import FathomGraph

// Losses of one class in C: predictions [B, …, C]; targets `int32` labels [B, …], or floats [B, …, C] that say how
// probable each class is (one-hot or soft).
extension Loss {
    /// Cross-entropy on logits: −Σ w·t·ln softmax(x), the mean over the rows; stable at any logit.
    ///
    /// - Parameters:
    ///   - labelSmoothing: ε; targets become (1 − ε)·t + ε/C (Szegedy et al. 2016).
    ///   - classWeights: w, one number per class. With labels the mean is weighted: it divides by the sum of the labels'
    ///     weights. With float targets it divides by the number of rows (both as PyTorch does).
    public static func softmaxCrossEntropy(labelSmoothing: Double = 0, classWeights: [Double]? = nil) -> Loss {
        categorical(
            "softmaxCrossEntropy", expects: .none, applies: .softmax, labelSmoothing, classWeights,
            plain: { x, labels in FathomNN.softmaxCrossEntropy(logits: x, labels: labels) },
            logProbabilities: { logSoftmax($0) })
    }

    /// Cross-entropy on probabilities, such as a softmax's output; prefer
    /// ``softmaxCrossEntropy(labelSmoothing:classWeights:)``.
    ///
    /// Probabilities count as at least 1.2·10⁻³⁸, so that the loss of a row is at most 87.3; below, the gradient is 0.
    public static func categoricalCrossEntropy(labelSmoothing: Double = 0, classWeights: [Double]? = nil) -> Loss {
        categorical(
            "categoricalCrossEntropy", expects: .softmax, applies: .none, labelSmoothing, classWeights,
            plain: { p, labels in
                let picked = p.gathering(along: -1, indices: labels.expandingShape(at: 1))
                return -safeLog(picked.reshaped(to: [p.shape.dims.first ?? 1]))
            },
            logProbabilities: { safeLog($0) })
    }

    /// Cross-entropy on outputs taken as probabilities, as Keras computes it: each row is divided by its sum where
    /// `normalized`, kept within `clip` … 1 − `clip`, and −Σ t·ln p is averaged over the rows.
    ///
    /// Rows need not be probabilities, and one output a row is taken as well (its loss is constant when normalised):
    /// it runs what the user wrote, and a doctor says what is wrong with it.
    ///
    /// - Parameters:
    ///   - reduction: how the rows become one number.
    public static func categoricalCrossEntropy(
        clip: Double, normalized: Bool = true, reduction: Reduction = .mean
    ) -> Loss {
        Loss(
            "categoricalCrossEntropy", target: .labels, accepts: [.values], expects: .softmax, decisionThreshold: 0.5,
            uninformed: { naturalLog(Double($0)) }
        ) { p, target in
            guard p.rank >= 2, let classes = p.extent(-1) else {
                return rows(p, target, "categoricalCrossEntropy")?.prediction ?? p.poison
            }
            let t: Tensor
            if target.type?.element == .int32, classes > 1 {
                guard let labels = rows(p, target, "categoricalCrossEntropy"), case .labels(let list) = labels.target
                else { return p.poison }
                t = list.oneHot(classes: classes).reshaped(to: p.shape.dims)
            } else {
                t = values(target, like: p, "categoricalCrossEntropy")
            }
            var q = normalized ? p / p.sum(alongAxes: [p.rank - 1], keepingAxes: true) : p
            if clip > 0 { q = clamp(q, clip, 1 - clip) }
            let total = -(t * safeLog(q)).sum()
            let places = p.elementCount() / Double(classes)
            return switch reduction {
            case .mean: total / places
            case .sum: total
            case .sumOfMeans: total / Double(classes)
            }
        }
    }

    /// How the losses of rows become one number.
    public enum Reduction: String, Sendable, Hashable, CaseIterable {
        /// The mean over the rows.
        case mean
        /// The sum over the rows: steps grow with the batch.
        case sum
        /// The sum over the rows of the mean over the classes: the two axes mixed up.
        case sumOfMeans
    }

    /// - Parameters:
    ///   - plain: the loss of each row [N] for labels without smoothing, where only one number of the row counts.
    ///   - logProbabilities: [N, C] → [N, C], for everything else.
    private static func categorical(
        _ name: String, expects: OutputActivation, applies: OutputActivation, _ smoothing: Double, _ weights: [Double]?,
        plain: @escaping @Sendable (Tensor, Tensor) -> Tensor, logProbabilities: @escaping @Sendable (Tensor) -> Tensor
    ) -> Loss {
        Loss(
            name, target: .labels, accepts: [.values], expects: expects, applies: applies,
            uninformed: { naturalLog(Double($0)) }
        ) { prediction, target in
            guard let (x, target, classes) = rows(prediction, target, name) else { return prediction.poison }
            if let weights, weights.count != classes {
                return fail(
                    name, prediction, x, "there are \(weights.count) class weights for \(classes) classes",
                    "give one weight per class")
            }
            let w = weights.map { x.trace.vector($0) }
            switch target {
            case .labels(let labels) where smoothing == 0:
                guard let w else { return plain(x, labels).mean() }
                let rowWeights = w.gathering(atIndices: labels)
                return (rowWeights * plain(x, labels)).sum() / rowWeights.sum()
            case .labels(let labels):
                let total = entropy(labels.oneHot(classes: classes))
                guard let w else { return total / labels.elementCount() }
                return total / w.gathering(atIndices: labels).sum()
            case .distribution(let t):
                return entropy(t) / t.elementCount(alongAxes: [0])
            }

            func entropy(_ t: Tensor) -> Tensor {
                let smooth = smoothing == 0 ? t : (1 - smoothing) * t + smoothing / Double(classes)
                let logP = logProbabilities(x)
                return -(smooth * (w.map { $0 * logP } ?? logP)).sum()
            }
        }
    }

    /// Σ_{j ≠ y} max(0, margin − x_y + x_j)^power / C, power 1 or 2, the mean over the rows (Weston & Watkins 1999; PyTorch's
    /// `MultiMarginLoss`). Targets are labels.
    public static func multiClassHinge(margin: Double = 1, squared: Bool = false) -> Loss {
        Loss(
            "multiClassHinge", target: .labels,
            uninformed: { (squared ? margin * margin : margin) * Double($0 - 1) / Double($0) }
        ) { prediction, target in
            guard let (x, target, classes) = rows(prediction, target, "multiClassHinge") else {
                return prediction.poison
            }
            guard case .labels(let labels) = target else {
                return fail("multiClassHinge", prediction, x, "targets must be int32 labels", nil)
            }
            let hot = labels.oneHot(classes: classes) .> 0
            let own = select(hot, x, x.scalar(0)).sum(alongAxes: [1], keepingAxes: true)
            let short = relu(margin - own + x)
            let others = select(hot, x.scalar(0), squared ? short * short : short)
            return (others.sum(alongAxes: [1]) / Double(classes)).mean()
        }
    }

    /// Σ t·(ln t − x) over all but the batch axis, the mean over the batch: the divergence of the target from a model that
    /// ends with log-softmax (Kullback & Leibler 1951; PyTorch's `KLDivLoss` with `batchmean`).
    public static let kullbackLeibler = Loss("kullbackLeibler", target: .values, expects: .logSoftmax) { x, target in
        guard x.rank >= 1, target.type?.element != .int32 else {
            return fail(
                "kullbackLeibler", x, target, "targets must be probabilities of the prediction's shape",
                "labels go with softmaxCrossEntropy")
        }
        let t = values(target, like: x, "kullbackLeibler")
        return (t * (safeLog(t) - x)).sum() / x.elementCount(alongAxes: [0])
    }
}
