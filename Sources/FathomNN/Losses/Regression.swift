// Losses of numbers: predictions and targets of one shape, any; the mean runs over all elements. With labels 0 and 1 as
// numbers, a prediction above ½ means the positive class.
extension Loss {
    /// The mean of (p − t)².
    public static let meanSquaredError = Loss(
        "meanSquaredError", target: .values, accepts: [.labels], decisionThreshold: 0.5
    ) { p, t in
        let d = p - values(t, like: p, "meanSquaredError")
        return (d * d).mean()
    }

    /// The mean of |p − t|; its gradient at 0 is 0.
    public static let meanAbsoluteError = Loss(
        "meanAbsoluteError", target: .values, accepts: [.labels], decisionThreshold: 0.5
    ) { p, t in
        abs(p - values(t, like: p, "meanAbsoluteError")).mean()
    }

    /// ½d² where |d| ≤ δ, δ·(|d| − ½δ) beyond: outliers pull with a bounded force (Huber 1964).
    public static func huber(delta: Double = 1) -> Loss {
        Loss("huber", target: .values, accepts: [.labels], decisionThreshold: 0.5) { p, t in
            bounded(p - values(t, like: p, "huber"), delta).mean()
        }
    }

    /// Huber's loss divided by β: slope ±1 far out whatever β is (Girshick 2015).
    public static func smoothL1(beta: Double = 1) -> Loss {
        Loss("smoothL1", target: .values, accepts: [.labels], decisionThreshold: 0.5) { p, t in
            (bounded(p - values(t, like: p, "smoothL1"), beta) / beta).mean()
        }
    }

    /// m·(|d| − ½m) with m = min(|d|, δ): both branches in one, and no square that could overflow.
    private static func bounded(_ d: Tensor, _ delta: Double) -> Tensor {
        let size = abs(d)
        let m = min(size, delta)
        return m * (size - 0.5 * m)
    }

    /// The mean of (pᵢ − tⱼ)² over all pairs of rows: what subtracting targets [B] from predictions [B, 1] comes to where
    /// shapes are stretched in silence.
    ///
    /// It pulls every prediction to the mean of the targets, because no target belongs to its row. Kept so that such a
    /// mistake can be run and diagnosed.
    public static let crossedSquaredError = Loss(
        "meanSquaredError", target: .values, accepts: [.labels], decisionThreshold: 0.5
    ) { p, t in
        let t = values(t, like: p, "meanSquaredError")
        return (p * p).mean() - 2 * p.mean() * t.mean() + (t * t).mean()
    }

    /// The mean of (ln(1 + p) − ln(1 + t))², negative numbers taken as 0: relative errors of sizes.
    public static let meanSquaredLogarithmicError = Loss("meanSquaredLogarithmicError", target: .values) { p, t in
        let d = log(1 + max(p, 0)) - log(1 + max(values(t, like: p, "meanSquaredLogarithmicError"), 0))
        return (d * d).mean()
    }

    /// The mean of 100·|p − t| / |t|, |t| taken as at least 10⁻⁷.
    public static let meanAbsolutePercentageError = Loss("meanAbsolutePercentageError", target: .values) { p, t in
        let t = values(t, like: p, "meanAbsolutePercentageError")
        return 100 * (abs(p - t) / max(abs(t), 1e-7)).mean()
    }

    /// The mean of p − t·ln(p + 10⁻⁷): counts, with p a positive rate.
    public static let poisson = Loss("poisson", target: .values, accepts: [.labels], decisionThreshold: 0.5) { p, t in
        (p - values(t, like: p, "poisson") * log(p + 1e-7)).mean()
    }

    /// The mean of ln cosh(p − t), as |d| + ln(1 + e^(−2|d|)) − ln 2, which cannot overflow.
    public static let logCosh = Loss("logCosh", target: .values, accepts: [.labels], decisionThreshold: 0.5) { p, t in
        let d = abs(p - values(t, like: p, "logCosh"))
        return (d + softplus(-2 * d) - naturalLog(2)).mean()
    }
}
