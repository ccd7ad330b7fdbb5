import Foundation

extension Rule {
    /// Gradients that fade on their way to the first layers, told apart by what makes them fade.
    static let vanishingGradient = Rule(
        "vanishingGradient", "Vanishing gradient", stage: .during,
        explains: [
            "plateau", "underfitting", "frozenWeights", "learningRateTooLow", "classCollapse",
            "saturatedUnits", "dyingReLU", "shatteredGradients", "zigZag", "covariateShift",
            // What was expected of these activations before training is what has been measured.
            "hiddenActivation",
        ],
        explanation: Explanation(
            what: """
                The gradient tells every weight how to change. On its way from the loss back to the first layers it is \
                multiplied by one factor per layer; when most factors are below one, little arrives, and the first layers \
                hardly learn while the last ones do what they can with features that are still random.
                """,
            mathematics: """
                gain of a layer = size of the gradient at its input / size at its output ≈ √(E[φ′(z)²] · n · E[w²]): \
                an activation factor times a weight factor. Over L layers the size falls like χ^(L/2) with \
                χ = n·E[w²]·E[φ′²]. A sigmoid's slope is at most 1/4, so its factor alone takes at least three quarters of \
                the size at every layer. What both factors do not explain is the residual: normalisation and shortcuts.
                """,
            threshold: """
                Signals reach the trainable depth ≈ 6ξ with ξ = −1/ln χ, so a gradient is too small when its mean square \
                has fallen by e⁻⁶, its size by e⁻³ ≈ 0.05 (Schoenholz et al. 2017). Measured between the last hidden \
                output and the first layer's sums, by the larger of size per element and length, so that layers that \
                grow narrow do not count. Cause activation: E[φ′²] is below both n·E[w²] and 1/4, half of what a ReLU leaves. \
                In a network that learns all the same it is a note.
                """,
            lookAlikes: """
                Cause signal: the values themselves fade on their way forward, by the same e⁻³. Cause activation or \
                weights: values keep their size, and the larger deficit decides. Cause saturation: the slopes are small \
                because the sums left the region where the activation bends, mostly while training; at the start they were \
                not. A network that has converged has small gradients everywhere, not only in front: silence. Units that \
                are off for every example are dyingReLU.
                """,
            sources: [
                "Hochreiter 1991, Untersuchungen zu dynamischen neuronalen Netzen",
                "Glorot & Bengio 2010, Understanding the difficulty of training deep feedforward neural networks",
                "Schoenholz et al. 2017, Deep information propagation",
            ])
    ) { evidence in
        guard let start = evidence.birth ?? evidence.course?.examinations.first else {
            return .notYet("needs an examination of a backward pass")
        }
        guard let born = GradientFlow(start), !isDying(start, evidence.setup, born) else { return .healthy }
        let limit = exp(-3.0)
        let standing = evidence.standing
        let later = (evidence.course?.examinations ?? []).compactMap { look in
            GradientFlow(look).map { (step: look.step, flow: $0) }
        }
        if born.gain.isFinite, born.shrinking < limit || born.signal < limit && standing.suffers {
            // What training has mended without harm is worth a line at most.
            let isMended = (later.last?.flow.shrinking ?? 0) >= limit && standing.state != .stuck
            let severity = isMended ? min(standing.severity, .note) : standing.severity
            let cause = vanishingCause(born, limit, evidence.setup)
            return .finding(vanishing(evidence, born, cause, since: start.step, severity, standing))
        }
        guard standing.suffers, let last = later.last, last.flow.gain.isFinite, last.flow.shrinking < limit,
            let latest = evidence.latest, !isDying(latest, evidence.setup, last.flow)
        else { return .healthy }
        // It came while training: since the first look from which on it stayed.
        let since = later.last { $0.flow.shrinking >= limit }.map(\.step) ?? 0
        let step = later.first { $0.step > since }?.step ?? last.step
        let slopeFell = last.flow.activation < 0.5 * born.activation
        let cause = slopeFell ? "saturation" : last.flow.activation < last.flow.weights ? "activation" : "weights"
        return .finding(vanishing(evidence, last.flow, cause, since: step, standing.severity, standing))
    }
}

/// Whether it is dead units that let the gradient fade: by their share of the loss of size, in logarithms, at least half.
///
/// That is a disease of its own, ``Rule/dyingReLU``.
func isDying(_ look: Examination, _ setup: Setup, _ flow: GradientFlow) -> Bool {
    var lost = 0.0
    for layer in flow.layers {
        guard let slope = layer.slope, slope.dead > 0, setup.isRectified(layer.path), !slope.fires.isEmpty else {
            continue
        }
        lost += 0.5 * log(max(1 - Double(slope.dead) / Double(slope.fires.count), 1e-12))
    }
    return lost < 0.5 * log(max(flow.shrinking, 1e-12)) && lost < -1
}

private func vanishingCause(_ flow: GradientFlow, _ limit: Double, _ setup: Setup) -> String {
    let bounded = flow.layers.filter { setup.isBounded($0.path) }.compactMap { $0.slope?.saturated }
    if !bounded.isEmpty, median(bounded) > 0.5, flow.weights > 1 { return "saturation" }
    if flow.signal < limit { return "signal" }
    // Half of a ReLU's units are off, which weights make good; a slope that leaves less than a quarter they do not.
    return flow.activation < flow.weights && pow(flow.each(flow.activation), 2) < 0.25 ? "activation" : "weights"
}

private func vanishing(
    _ evidence: Evidence, _ flow: GradientFlow, _ cause: String, since: Int, _ severity: Finding.Severity,
    _ standing: Standing
) -> Finding {
    let first = place(flow.layers.first?.path ?? "")
    let worst = flow.layers.min { $0.gain < $1.gain }?.path
    let activation =
        evidence.setup.layers.first { $0.path == worst }?.activation
        .map { "The slope of \($0)" } ?? "The slope of the activations"
    let isNormalised = flow.layers.contains { $0.kind.lowercased().hasSuffix("norm") }
    let why =
        switch cause {
        case "activation":
            "\(activation) takes most of it, keeping \(percent(flow.each(flow.activation))) at each of \(flow.layers.count) layers."
        case "weights":
            "It fades between the layers, in their weights, gates and shortcuts, which keep \(percent(flow.each(flow.transport))) at each."
        case "signal":
            """
            The values fade on their way forward already, to \(percent(flow.signal)) of their size behind the first layer\
            \(isNormalised ? "" : ", with no normalisation between the layers that would bring them back"), so that the last \
            layer sees next to nothing of the input.
            """
        default:
            """
            \(percent(median(flow.layers.compactMap { $0.slope?.saturated }))) of the sums lie where the activation is flat, \
            which leaves \(percent(flow.each(flow.activation))) of the gradient at each layer.
            """
        }
    var facts: [Finding.Fact] = [
        .init("gradient at the first layer / last hidden layer", flow.gain, expected: "above e⁻³ = 0.05"),
        .init("E[φ′²] of a layer, geometric mean", pow(flow.each(flow.activation), 2), expected: "1 / (n·E[w²])"),
        .init("n·E[w²] of a layer, geometric mean", pow(flow.each(flow.weights), 2), expected: "1 / E[φ′²]"),
        .init("χ of a layer, measured", pow(flow.each(flow.gain), 2), expected: "1"),
        .init("what both factors leave unexplained", flow.residual, expected: "about 1"),
        .init("values behind the last hidden layer / the first", flow.signal, expected: "about 1"),
    ]
    if let expected = GradientFlow.expected(evidence.setup, like: flow) {
        facts.append(
            .init("gradient expected by mean-field theory at the start", expected, expected: "near the measured"))
    }
    if let skill = standing.skill { facts.append(.init("skill reached", skill, expected: short(standing.best))) }
    let decades = log10(exp(-3.0) / max(min(flow.shrinking, flow.signal), 1e-30))
    return Finding(
        "vanishingGradient", "Vanishing gradient", cause: cause,
        layers: flow.layers.sorted { $0.sumsGradient.size < $1.sumsGradient.size }.map(\.path), since: since,
        severity: severity, confidence: min(0.97, 0.75 + 0.05 * max(0, decades)),
        "Of the gradient behind the last hidden layer, \(percent(flow.gain)) arrives at \(first). \(why)",
        evidence: facts, suggestions: vanishingRemedies(cause, evidence.setup))
}

private func vanishingRemedies(_ cause: String, _ setup: Setup) -> [Finding.Suggestion] {
    let isNarrow = setup.layers.contains { $0.isOuter && $0.facts != nil && ($0.units ?? 64) < 16 }
    let relu = Finding.Suggestion("reluActivation", "its slope is 1 wherever a unit is active")
    let leaky = Finding.Suggestion("leakyReluActivation", "a slope of 1, and narrow layers cannot die")
    let norm = Finding.Suggestion("batchNorm", "sums are brought back to where the activation bends")
    let skip = Finding.Suggestion("residual", "a shortcut hands the gradient on undiminished")
    let critical = Finding.Suggestion("criticalInitialization", "weights drawn so that χ = 1 for this activation")
    switch cause {
    case "activation": return (isNarrow ? [leaky, relu] : [relu, leaky]) + [norm, skip, critical]
    case "saturation":
        return [
            .init("lowerLearningRate", "large steps carried the sums into the flat parts"), norm,
            .init("scaleInputs", "smaller inputs keep the sums near 0"), isNarrow ? leaky : relu,
        ]
    default: return [critical, norm, skip, isNarrow ? leaky : relu]
    }
}
