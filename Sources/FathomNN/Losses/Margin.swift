import FathomGraph

extension Loss {
    /// Σ over the classes of T·max(0, m⁺ − x)² + λ(1 − T)·max(0, x − m⁻)², the mean over the rows: each class by itself, for
    /// capsule lengths (Sabour, Frosst & Hinton 2017, equation 4).
    ///
    /// Predictions [B, …, C]; targets `int32` labels or floats [B, …, C], of which several may be 1.
    ///
    /// - Parameters:
    ///   - positive: m⁺, the length wanted of a class that is there.
    ///   - negative: m⁻, the length allowed to one that is not.
    ///   - absent: λ, the weight of classes that are not there, so that they do not shrink all capsules at first.
    public static func margin(positive: Double = 0.9, negative: Double = 0.1, absent: Double = 0.5) -> Loss {
        Loss("margin", target: .labels, accepts: [.values], uninformed: { _ in positive * positive }) {
            prediction, target in
            guard let (x, target, classes) = rows(prediction, target, "margin") else { return prediction.poison }
            let present: Tensor
            switch target {
            case .labels(let labels): present = labels.oneHot(classes: classes)
            case .distribution(let t): present = t
            }
            let (short, long) = (relu(positive - x), relu(x - negative))
            let total = (present * (short * short) + absent * (1 - present) * (long * long)).sum()
            return total / x.elementCount(alongAxes: [0])
        }
    }
}
