import FathomGraph

/// What training makes small: a scalar of predictions and targets, the mean over the batch.
///
/// A loss is a function of ``Tensor`` with facts beside it, so that a wrong last layer can be told from a bad start. One
/// of your own is a line:
///
/// ```swift
/// let logCosh = Loss("logCosh", target: .values) { p, t in log((exp(p - t) + exp(t - p)) / 2).mean() }
/// ```
public struct Loss: Sendable {
    /// What the targets must be.
    public enum Target: Sendable, Hashable {
        /// `int32` class labels [B].
        case labels
        /// Floats of the prediction's shape.
        case values
    }

    /// A function the model's output has been, or still will be, put through.
    public enum OutputActivation: String, Sendable, Hashable, CaseIterable {
        case none, sigmoid, softmax, logSoftmax
    }

    /// The name in configurations and reports.
    public let name: String
    /// What the targets usually are.
    public let target: Target
    /// Every kind of target that is understood.
    public let accepts: Set<Target>
    /// What the model must end with: `.none` means raw numbers (logits, for classification).
    public let expects: OutputActivation
    /// What the loss applies itself; a model that ends with it too applies it twice.
    public let applies: OutputActivation
    /// For two classes with one output: the prediction above which the positive class is meant.
    public let decisionThreshold: Double?
    /// (predictions [B, …], targets) → scalar.
    public let function: @Sendable (Tensor, Tensor) -> Tensor
    let uninformed: (@Sendable (_ classes: Int) -> Double)?

    /// - Parameters:
    ///   - accepts: other kinds of target beside `target`.
    ///   - uninformed: the value where nothing is known yet; see ``uninformedValue(classes:)``.
    public init(
        _ name: String, target: Target, accepts: Set<Target> = [], expects: OutputActivation = .none,
        applies: OutputActivation = .none, decisionThreshold: Double? = nil,
        uninformed: (@Sendable (_ classes: Int) -> Double)? = nil,
        _ function: @escaping @Sendable (Tensor, Tensor) -> Tensor
    ) {
        self.name = name
        self.target = target
        self.accepts = accepts.union([target])
        self.expects = expects
        self.applies = applies
        self.decisionThreshold = decisionThreshold
        self.uninformed = uninformed
        self.function = function
    }

    /// The loss as a scalar; its nodes belong to the layer path `loss`.
    public func callAsFunction(_ prediction: Tensor, _ target: Tensor) -> Tensor {
        let trace = prediction.trace
        let saved = trace.graph.currentLayer
        trace.graph.currentLayer = "loss"
        defer { trace.graph.currentLayer = saved }
        return function(prediction, target)
    }

    /// The value of a model that knows nothing (equal logits, or a hinge score of 0) when all classes are equally
    /// frequent: ln C for cross-entropy, ln 2 for two classes with one output. A first loss far above it points to an
    /// initialisation that is too large.
    ///
    /// - Parameter classes: the number of classes C; two-class losses ignore it.
    /// - Returns: `nil` where theory gives none, as for regression.
    public func uninformedValue(classes: Int) -> Double? { uninformed?(classes) }
}
