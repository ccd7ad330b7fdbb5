import FathomGraph

/// Dropout (Srivastava et al. 2014): in training each element is 0 with probability `rate`, the others grow by
/// 1 / (1 − rate), so that the mean stays; in evaluation nothing happens.
///
/// Any shape → the same. What is dropped depends on seed, step and place in the model alone.
public struct Dropout: Layer {
    /// When elements are dropped, by the number of steps made so far (Liu et al. 2023, "Dropout reduces underfitting").
    public enum Schedule: Sendable, Hashable {
        case always
        /// In the first `steps` steps only: smooths the first gradients of an underfitting network.
        case early(steps: Int)
        /// From step `start` on only: regularises when overfitting begins.
        case late(start: Int)
        /// At a rate that falls evenly to 0 within `steps` steps.
        case falling(steps: Int)
    }

    /// The share of elements set to 0: at least 0, below 1.
    public let rate: Double
    /// In which steps elements are dropped, and at what share of `rate`.
    public let schedule: Schedule
    let identity: LayerIdentity

    /// Drops in every step of training unless a schedule says otherwise; a rate outside 0..<1 is an error of the model.
    public init(_ rate: Double, schedule: Schedule = .always, file: StaticString = #fileID, line: UInt = #line) {
        self.rate = rate
        self.schedule = schedule
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "dropout") { layer in
            guard rate >= 0, rate < 1 else {
                return layer.fail("dropout", [x], "rate \(rate) is not in 0..<1", hint: "0.1 to 0.5 are usual")
            }
            guard layer.isTraining, rate > 0 else { return x }
            let rate = scheduledRate(layer.trace)
            let kept = (layer.trace.randomUniform(x.shape) .>= rate).cast(to: .float32)
            return x * (kept * (1 / (1 - rate)))
        }
    }

    private func scheduledRate(_ trace: Trace) -> Tensor {
        let rate = trace.constant(rate)
        if case .always = schedule { return rate }
        let step = trace.input("random.step", .scalar, .int32).cast(to: .float32)
        switch schedule {
        case .always: return rate
        case .early(let steps): return rate * (step .< Double(steps)).cast(to: .float32)
        case .late(let start): return rate * (step .>= Double(start)).cast(to: .float32)
        case .falling(let steps): return rate * max(1 - step / Double(max(steps, 1)), 0)
        }
    }
}
