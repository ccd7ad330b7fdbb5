import Foundation

extension Rule {
    static let zigZag = Rule(
        "zigZag", "Zig-zag from inputs off centre", stage: .during, explains: ["underfitting"],
        explanation: Explanation(
            what: """
                When all inputs of a unit are positive, the gradients of all its weights have one sign: all must grow \
                or all must shrink. A direction in which some grow and others shrink can only be reached in a zig-zag.
                """,
            mathematics: """
                ∂L/∂w_i = δ·a_i: with all a_i > 0 every component has the sign of δ. A mean m in each of n inputs of variance 1 \
                adds an eigenvalue of n·m² to their second-moment matrix; the steps plain gradient descent needs grow like its \
                condition number. The index is |Σ sign| / n over a unit's weights: 1 when all agree; n random signs give \
                √(2/πn).
                """,
            threshold: """
                The index of the summed gradient above 0.8 and that of single examples above 0.9, over 8 inputs or more, in half of \
                the looks of the second half. It is a warning only for plain gradient descent in a network that does not learn as \
                it could, when data with a condition number above the steps taken go into the first layer; otherwise a note.
                """,
            lookAlikes: """
                ReLU layers always feed positive values, and learn: per example the index is 1 there, over a batch it is not. \
                Adam and momentum take out most of it.
                """,
            sources: ["LeCun et al. 1998, Efficient BackProp, section 4.3"])
    ) { evidence in
        guard let course = evidence.course else { return .notYet("needs to watch training") }
        let looks = course.examinations.suffix(max(3, course.examinations.count / 2))
        guard looks.count >= 3, let last = looks.last else { return .notYet("needs three looks, has \(looks.count)") }
        let standing = evidence.standing
        func index(_ look: Examination, _ path: String) -> Examination.Weight? {
            look.layers.first { $0.path == path }?.weights.first
        }
        let found = last.layers.compactMap { layer -> (layer: Examination.Layer, index: Double)? in
            guard let weight = layer.weights.first, weight.inputs >= 8 else { return nil }
            let hits = looks.count {
                guard let w = index($0, layer.path) else { return false }
                return w.signCoherence > 0.8 && w.sampleSignCoherence > 0.9
            }
            return 2 * hits >= looks.count ? (layer, weight.signCoherence) : nil
        }.sorted { $0.index > $1.index }
        guard let worst = found.first, let weight = worst.layer.weights.first else { return .healthy }
        let condition = worst.layer.inputConditionNumber ?? 1
        let isPlain = evidence.setup.optimizer.optimizer.name == "sgd"
        let isFirst = worst.layer.path == last.layers.first { !$0.weights.isEmpty }?.path
        let hurts = standing.suffers && isPlain && isFirst && condition > Double(course.steps)
        let chance = (2 / (Double.pi * Double(max(weight.inputs, 1)))).squareRoot()
        return .finding(
            Finding(
                "zigZag", "Zig-zag from inputs off centre", layers: found.map(\.layer.path),
                since: looks.first?.step ?? 0,
                severity: hurts ? .warning : .note, confidence: hurts ? 0.6 : 0.5,
                """
                The inputs of \(place(worst.layer.path)) have a mean of \(short(worst.layer.inputOffCentre)) deviations and one sign, \
                so that \(percent(worst.index)) of a unit's \(weight.inputs) weights must move the same way at a step. Directions \
                that need both signs are reached in a zig-zag only.
                """,
                evidence: [
                    .init("zig-zag index over the batch", worst.index, expected: "about \(short(chance))"),
                    .init("per example", weight.sampleSignCoherence, expected: "below 0.9"),
                    .init("|mean| / deviation of its inputs", worst.layer.inputOffCentre, expected: "near 0"),
                    .init("condition number of its inputs", condition, expected: "below \(course.steps)"),
                    .init("cosine between neighbouring steps", weight.turning ?? 0, expected: "above −0.5"),
                ],
                suggestions: [
                    .init("scaleInputs", "inputs with mean 0 have both signs"),
                    .init("tanhActivation", "hidden values with mean 0"),
                    .init("batchNorm", "every unit's sums are centred"),
                    .init("perInputBias", "w·(x + b) learns the centre itself"),
                    .init("adamOptimizer", "scales every direction by itself"),
                ]))
    }
}
