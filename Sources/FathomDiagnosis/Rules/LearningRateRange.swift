import FathomNN
import Foundation

extension Rule {
    /// A learning rate that no such optimiser is used with, or beyond what this network's curvature allows.
    static let learningRateRange = Rule(
        "learningRateRange", "Learning rate out of range", stage: .before,
        explains: [
            "learningRateTooHigh", "learningRateTooLow", "divergingLoss", "nonFinite", "oscillatingLoss", "plateau",
            "underfitting", "dyingReLU", "saturatedUnits", "explodingGradient", "classCollapse", "frozenWeights",
            "covariateShift", "epochsTooFew", "targetScale", "shatteredGradients",
        ],
        explanation: Rule.Explanation(
            what: """
                The learning rate is the length of a step. Too long, and every step leaps over the valley it was to go down \
                into, so that the loss jumps or grows; too short, and training ends before it has got anywhere. What is long \
                depends on the optimiser: Adam's rate is about the change of every weight in a step, plain gradient descent \
                multiplies the gradient by it.
                """,
            mathematics: """
                Along a direction of curvature λ gradient descent multiplies the distance to the minimum by 1 − η·λ: it \
                diverges for η > 2/λ, with momentum μ for η > 2·(1 + μ)/λ. At the last layer λ is at least κ·E[|a|²] with \
                features a, κ = 2/outputs for squared error. In a network of ReLUs the answer f of every layer obeys \
                ⟨W, ∂f/∂W⟩ = f, so that where it fits targets of deviation S, λ ≥ 2·S²/|W|². Over T steps gradient descent \
                comes as far as e^(−η·T·λ) in the remaining distance, Adam moves a weight by at most η·T.
                """,
            threshold: """
                Practice: up to 1 for gradient descent, where momentum counts as η/(1 − μ) up to 10, up to 0.03 for Adam \
                and its kin (Bengio 2012; Keras and PyTorch start at 0.01 and 0.001). Theory: three times the stable limit \
                above is a warning, ten times a failure. Too low: when all planned steps together move the weights by \
                less than a third of their size, and the steps are not few (then that is what is named).
                """,
            lookAlikes: """
                Inputs or targets that are too large make any usual rate too high: their scale is named first. A large loss \
                that falls is no sign of a high rate.
                """,
            sources: [
                "Bengio 2012, Practical recommendations for gradient-based training of deep architectures, section 3.1",
                "LeCun et al. 1998, Efficient BackProp, section 5.1",
                "Cohen et al. 2021, Gradient descent on neural networks typically occurs at the edge of stability",
            ])
    ) { evidence in
        let (setup, optimizer) = (evidence.setup, evidence.setup.optimizer.optimizer)
        let rate = setup.baseRate
        guard rate.isFinite, rate > 0 else { return .healthy }
        let momentum = (optimizer as? SGD)?.momentum ?? 0
        let name = optimizer.name
        // What is customary.
        let usual: ClosedRange<Double>? =
            switch name {
            case "sgd": 1e-5...1
            case "momentum", "nesterov": 1e-6...10 * (1 - momentum)
            case "adam", "adamW", "nadam", "rmsprop": 1e-6...0.03
            case "lion": 1e-7...0.01
            case "adagrad": 1e-5...1
            default: nil
            }
        let limit = optimizer is SGD ? StableRate(evidence, momentum: momentum) : nil
        // Clipping bounds what a long step can do.
        let excess = setup.optimizer.clipping == nil ? limit.map { rate / $0.rate } ?? 0 : 0
        let overUsual = usual.map { rate / $0.upperBound } ?? 0
        var facts: [Finding.Fact] = [
            .init(
                "learning rate of \(name)", rate,
                expected: usual.map { "\(short($0.lowerBound)) to \(short($0.upperBound))" })
        ]
        if let limit {
            facts.append(.init("largest stable rate, \(limit.reason)", limit.rate, expected: "above the learning rate"))
        }
        if overUsual > 1 || excess > 3 {
            // A customary rate that meets features far too large: what made them so is the cause.
            let meetsLarge = overUsual <= 1 && (limit?.featureSize ?? 1) > 10
            let isFailure = !meetsLarge && excess > 10 || (overUsual >= 3 && !optimizer.isAdaptive) || overUsual > 10
            let suggested = min(usual.map { $0.upperBound / 10 } ?? rate / 10, limit.map { $0.rate / 2 } ?? .infinity)
            let why =
                excess > 3
                ? limit.map {
                    "Beyond about \(short($0.rate)) (\($0.reason)) every step overshoots by more than it gains."
                } ?? ""
                : optimizer.isAdaptive
                    ? "Each step of \(name) changes every weight by about that much, and weights are no larger themselves."
                    : "Steps of that length leap over any valley that is steeper than \(short(2 / rate))."
            let thrownOff =
                evidence.thrownOff.map {
                    " It has thrown most \(setup.unitsName($0)) of \(place($0)) to where they have no slope."
                } ?? ""
            return evidence.tempered(
                Finding(
                    "learningRateRange", "Learning rate too high", cause: "high",
                    layers: limit.map { [$0.layer] } ?? [],
                    severity: isFailure ? .failure : .warning, confidence: isFailure ? 0.95 : meetsLarge ? 0.6 : 0.75,
                    "The learning rate \(short(rate)) is very high for \(name). \(why)\(thrownOff)",
                    evidence: facts,
                    suggestions: [
                        .init("lowerLearningRate", "about \(short(suggested)) is what this network can follow"),
                        .init("rangeTest", "finds the largest rate at which the loss still falls"),
                        .init("warmup", "starts low, where the first steps are the most dangerous"),
                        .init("clipGradients", "bounds the longest step"),
                    ]), overUsual > 1 ? .mistake : .note)
        }
        let reach = Reach(evidence)
        let isUnusual = usual.map { rate < $0.lowerBound } ?? false
        guard isUnusual || (reach.map { $0.share < 1 && setup.plannedSteps >= Reach.fewSteps } ?? false) else {
            return .healthy
        }
        if let reach { facts.append(.init(reach.name, reach.share, expected: "well above 1")) }
        return evidence.tempered(
            Finding(
                "learningRateRange", "Learning rate too low", cause: "low", severity: .warning,
                confidence: isUnusual ? 0.9 : 0.75,
                """
                The learning rate \(short(rate)) is very low for \(name): in \(setup.plannedSteps) planned steps the weights \
                hardly leave their start. \(reach?.text ?? "Training ends long before the loss is low.")
                """,
                evidence: facts,
                suggestions: [
                    .init("raiseLearningRate", "longer steps reach the valley in the planned time"),
                    .init("rangeTest", "finds the largest rate at which the loss still falls"),
                    .init("adamOptimizer", "its steps do not depend on the size of the gradients"),
                ]))
    }
}

/// The largest learning rate at which gradient descent is stable, as far as a lower bound on curvature tells.
struct StableRate {
    let rate: Double
    let layer: String
    let reason: String
    /// √E[a²] of what the last layer is fed; about 1 in a network that keeps its scale.
    let featureSize: Double

    init?(_ evidence: Evidence, momentum: Double) {
        guard let chain = Chain(evidence), let last = chain.links.last else { return nil }
        let setup = evidence.setup
        featureSize = last.inputSize
        let squared = setup.loss.name == "meanSquaredError"
        let width = Double(max(setup.outputShape.reduce(1, *), 1))
        // Curvature of the loss by an output at the start: 2/outputs, or p·(1 − p) at p = 1/outputs.
        let isSoftmax = setup.loss.applies == .softmax || setup.loss.expects == .softmax
        let isSigmoid = setup.loss.applies == .sigmoid || setup.loss.expects == .sigmoid
        let isLinear = squared && setup.outputs.isEmpty
        let curvature =
            isLinear ? 2 / width : isSoftmax && width > 1 ? (1 - 1 / width) / width : isSigmoid ? 0.25 / width : 0
        guard curvature > 0 else { return nil }
        let features = last.inputSize * last.inputSize * Double(last.inputs) + 1
        var bound = (
            rate: 2 * (1 + momentum) / (curvature * features), layer: last.path, reason: "at the last features"
        )
        // ⟨W, ∂f/∂W⟩ = f holds for layers that are homogeneous, whose weights then bound the curvature at the solution.
        let homogeneous = chain.hidden.allSatisfy {
            $0.isPlain
                && ($0.activation == nil || ["relu", "leakyRelu", "identity"].contains(setup.bareName($0.activation)))
        }
        if isLinear, homogeneous, !setup.task.isClassification, chain.links.count > 1, let first = chain.links.first {
            let size = setup.targets.deviation
            let inputs = first.inputSize * Double(first.inputs).squareRoot()
            let least = pow(size / max(inputs, 1e-12), 2 / Double(chain.links.count))
            let norm = chain.links.map { max($0.weightVariance * Double($0.units), least) }.min() ?? 1
            let atSolution = 2 * (1 + momentum) / (2 * size * size / width / max(norm, 1e-12))
            if atSolution < bound.rate { bound = (atSolution, last.path, "where the targets are fitted") }
        }
        (rate, layer, reason) = bound
    }
}
