import FathomGraph

/// What training makes small: a scalar of predictions and targets, the mean over the batch.
public struct Loss: Sendable {
    /// The name in configurations and reports.
    public let name: String
    /// What the targets must be.
    public enum Target: Sendable, Hashable {
        /// `int32` class labels [B].
        case labels
        /// Floats of the prediction's shape.
        case values
    }
    public let target: Target
    /// (predictions [B, …], targets) → scalar.
    public let function: @Sendable (Tensor, Tensor) -> Tensor

    public init(_ name: String, target: Target, _ function: @escaping @Sendable (Tensor, Tensor) -> Tensor) {
        self.name = name
        self.target = target
        self.function = function
    }

    public func callAsFunction(_ prediction: Tensor, _ target: Tensor) -> Tensor { function(prediction, target) }
}
