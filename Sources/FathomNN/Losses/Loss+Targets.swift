import FathomGraph

// How targets are brought to the prediction's shape. Never by broadcasting: [B, 1] − [B] would silently become [B, B].
extension Loss {
    /// Targets as floats of the prediction's shape; axes of extent 1 may be missing or added.
    static func values(_ target: Tensor, like prediction: Tensor, _ loss: String) -> Tensor {
        guard target.id != nil, prediction.id != nil else { return prediction.poison }
        if target.shape == prediction.shape { return target.cast(to: .float32) }
        func essential(_ shape: Shape) -> [Dim] { shape.dims.filter { $0 != .fixed(1) } }
        guard essential(target.shape) == essential(prediction.shape) else {
            let width = prediction.extent(-1) ?? 1
            let isLabels =
                target.type?.element == .int32 && prediction.rank > 1
                && essential(target.shape) == essential(Shape(Array(prediction.shape.dims.dropLast())))
            return fail(
                loss, prediction, target,
                "the prediction \(prediction.shape) and the target \(target.shape) do not match",
                isLabels && width > 1
                    ? "labels of \(width) classes go with softmaxCrossEntropy; one output per example goes with this loss"
                    : "the model's last layer must give the target's shape")
        }
        return target.cast(to: .float32).reshaped(to: prediction.shape.dims)
    }

    /// This loss on labels [B, …] as rows of 0 and 1 where the prediction has several outputs, as in a squared error between
    /// probabilities and classes; other targets stay as they are.
    public func onOneHotRows() -> Loss {
        let function = function
        return Loss(
            name, target: target, accepts: accepts.union([.labels]), expects: expects, applies: applies,
            decisionThreshold: decisionThreshold, uninformed: uninformed
        ) { prediction, target in
            guard target.type?.element == .int32, prediction.rank == target.rank + 1,
                let classes = prediction.extent(-1), classes > 1
            else { return function(prediction, target) }
            return function(prediction, target.oneHot(classes: classes))
        }
    }

    /// Classification over the last axis as rows.
    enum ClassTarget {
        /// `int32` [N].
        case labels(Tensor)
        /// Floats [N, C], one distribution a row.
        case distribution(Tensor)
    }

    /// Predictions as [N, C] and targets for every row; `nil` after a recorded mistake.
    static func rows(
        _ prediction: Tensor, _ target: Tensor, _ loss: String
    ) -> (prediction: Tensor, target: ClassTarget, classes: Int)? {
        guard target.id != nil, prediction.id != nil else { return nil }
        guard prediction.rank >= 2, let classes = prediction.extent(-1) else {
            _ = fail(
                loss, prediction, target, "needs predictions [B, …, classes]",
                "the last axis holds one number per class")
            return nil
        }
        guard classes > 1 else {
            _ = fail(
                loss, prediction, target, "the prediction has one class, and softmax over one class is always 1",
                "give the last layer one output per class, or use sigmoidCrossEntropy for two classes with one output")
            return nil
        }
        let rows = prediction.rank == 2 ? prediction : prediction.reshaped(to: [-1, .fixed(classes)])
        if target.type?.element == .float32 {
            guard target.shape == prediction.shape else {
                _ = fail(
                    loss, prediction, target, "float targets must have the prediction's shape \(prediction.shape)",
                    "give one probability per class, or int32 labels of shape \(Shape(Array(prediction.shape.dims.dropLast())))"
                )
                return nil
            }
            return (
                rows, .distribution(target.rank == 2 ? target : target.reshaped(to: [-1, .fixed(classes)])), classes
            )
        }
        let expected = Array(prediction.shape.dims.dropLast())
        guard target.type?.element == .int32, target.shape.dims == expected || target.shape.dims == expected + [1]
        else {
            _ = fail(
                loss, prediction, target, "labels must be int32 of shape \(Shape(expected))",
                target.shape == prediction.shape ? "one-hot targets must be floats" : nil)
            return nil
        }
        return (rows, .labels(target.rank == 1 ? target : target.reshaped(to: [-1])), classes)
    }

    static func fail(_ loss: String, _ prediction: Tensor, _ target: Tensor, _ message: String, _ hint: String?)
        -> Tensor
    {
        prediction.trace.fail(
            GraphError(
                op: loss, operands: [prediction.type, target.type].compactMap { $0 }, message: message, hint: hint))
        return prediction.poison
    }
}
