import FathomNN

/// How far the planned steps can carry the weights, by their number and the learning rate alone.
struct Reach {
    /// Below 1 they cannot get where they must.
    let share: Double
    let name: String
    let text: String

    /// Fewer steps are few, whatever the learning rate.
    static let fewSteps = 1000

    /// - Returns: `nil` for optimisers whose steps have no simple bound, or without an examination.
    init?(_ evidence: Evidence) {
        let setup = evidence.setup
        let steps = Double(setup.plannedSteps)
        guard let chain = Chain(evidence), let last = chain.links.last, steps > 0 else { return nil }
        let rate = setup.baseRate
        if let sgd = setup.optimizer.optimizer as? SGD {
            // Gradient flow for the time η·T/(1 − μ): along the steepest direction of the last layer, the fastest there is,
            // the distance falls as e^(−time·λ).
            let features = last.inputSize * last.inputSize * Double(last.inputs) + 1
            let width = Double(max(setup.outputShape.reduce(1, *), 1))
            let isSquared = setup.loss.name == "meanSquaredError"
            let isSoftmax = setup.loss.applies == .softmax || setup.loss.expects == .softmax
            let isSigmoid = setup.outputs.contains("sigmoid")
            let outer = isSquared ? 2 / width : isSoftmax && width > 1 ? (1 - 1 / width) / width : 0.25 / width
            let curvature = outer * (isSquared && isSigmoid ? 1.0 / 16 : 1)
            let time = steps * rate / max(1 - sgd.momentum, 1e-6)
            share = time * curvature * features
            name = "time constants of the last layer in the planned steps"
            text = """
                Time η·T = \(short(time)) meets a last layer whose steepest direction has curvature \
                \(short(curvature * features)): not even that is followed to its minimum.
                """
        } else if ["adam", "adamW", "nadam", "rmsprop"].contains(setup.optimizer.optimizer.name) {
            let sizes = chain.links.filter { !$0.initializers.isEmpty }
                .map { ($0.weightVariance / Double(max($0.inputs, 1))).squareRoot() }.sorted()
            guard let size = sizes.first(where: { $0 > 0 }) else { return nil }
            // Features are as good as drawn while weights have moved by less than a third of their size.
            share = 3 * steps * rate / size
            name = "the most a weight can move, by a third of its size"
            text = """
                A weight can move by \(short(steps * rate)) at most in all of them together, and is of size \
                \(short(size)): features stay as they were drawn.
                """
        } else {
            return nil
        }
    }
}
