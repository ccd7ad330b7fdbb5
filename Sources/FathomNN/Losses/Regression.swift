// Losses of numbers: predictions and targets of one shape, any; the mean runs over all elements.
extension Loss {
    /// The mean of (p − t)².
    public static let meanSquaredError = Loss("meanSquaredError", target: .values, accepts: [.labels]) { p, t in
        let d = p - values(t, like: p, "meanSquaredError")
        return (d * d).mean()
    }

    /// The mean of |p − t|; its gradient at 0 is 0.
    public static let meanAbsoluteError = Loss("meanAbsoluteError", target: .values, accepts: [.labels]) { p, t in
        abs(p - values(t, like: p, "meanAbsoluteError")).mean()
    }

    /// ½d² where |d| ≤ δ, δ·(|d| − ½δ) beyond: outliers pull with a bounded force (Huber 1964).
    public static func huber(delta: Double = 1) -> Loss {
        Loss("huber", target: .values, accepts: [.labels]) { p, t in
            bounded(p - values(t, like: p, "huber"), delta).mean()
        }
    }

    /// Huber's loss divided by β: slope ±1 far out whatever β is (Girshick 2015).
    public static func smoothL1(beta: Double = 1) -> Loss {
        Loss("smoothL1", target: .values, accepts: [.labels]) { p, t in
            (bounded(p - values(t, like: p, "smoothL1"), beta) / beta).mean()
        }
    }

    /// m·(|d| − ½m) with m = min(|d|, δ): both branches in one, and no square that could overflow.
    private static func bounded(_ d: Tensor, _ delta: Double) -> Tensor {
        let size = abs(d)
        let m = min(size, delta)
        return m * (size - 0.5 * m)
    }
}
