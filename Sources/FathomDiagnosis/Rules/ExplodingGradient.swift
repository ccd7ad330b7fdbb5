import Foundation

extension Rule {
    static let explodingGradient = Rule(
        "explodingGradient", "Exploding gradient", stage: .during,
        explains: [
            "nonFinite", "divergingLoss", "learningRateTooHigh", "oscillatingLoss", "plateau", "underfitting",
            "saturatedUnits", "dyingReLU", "classCollapse", "shatteredGradients", "covariateShift", "zigZag",
        ],
        explanation: Explanation(
            what: """
                The opposite of a vanishing gradient: every layer makes it larger on its way back, until the first layers are \
                told to change by far more than they should. No single learning rate then suits all layers: what is right \
                for the last is thousands of times too much for the first.
                """,
            mathematics: """
                gain of a layer ≈ √(E[φ′(z)²] · n · E[w²]). Over L layers the size grows like χ^(L/2); χ = 1.5 and \
                30 layers make a factor of 440. Where an activation has no bound on its slope (the exponential), values and \
                gradients grow together, and overflow.
                """,
            threshold: """
                A growth of the size by e³ ≈ 20 over the hidden layers: the mirror of the trainable depth of 6ξ \
                (Schoenholz et al. 2017). Values count as exploding when they grow by e⁶ from the first to the last hidden \
                layer, or stop being finite before any step. In a network that learns all the same it is a note.
                """,
            lookAlikes: """
                A learning rate that is too high makes weights grow while training; here it is so before the first \
                step. Large gradients in all layers alike come from the scale of loss and targets.
                """,
            sources: [
                "Pascanu, Mikolov & Bengio 2013, On the difficulty of training recurrent neural networks",
                "Schoenholz et al. 2017, Deep information propagation",
            ])
    ) { evidence in
        guard let look = evidence.birth ?? evidence.course?.examinations.first else {
            return .notYet("needs an examination of a backward pass")
        }
        let standing = evidence.standing
        // Values that are no numbers before any step, though the inputs are.
        if evidence.setup.inputs.nonFinite == 0,
            let broken = look.outerLayers.first(where: { $0.output.nonFinite + $0.inputGradient.nonFinite > 0 })
        {
            let largest = look.outerLayers.map { max(abs($0.output.minimum), abs($0.output.maximum)) }.max() ?? 0
            return .finding(
                Finding(
                    "explodingGradient", "Exploding gradient", cause: "signal", layers: [broken.path], since: look.step,
                    severity: .failure, confidence: 0.97,
                    """
                    Values overflow in \(place(broken.path)) before the first step: layer by layer they grow, to \
                    \(short(largest)) and beyond what numbers can hold. No gradient can be computed from that.
                    """,
                    evidence: [.init("largest value that is still a number", largest, expected: "of the order of 1")],
                    suggestions: explodingRemedies("signal")))
        }
        guard let flow = GradientFlow(look) else { return .healthy }
        let isForward = flow.signal > exp(6.0)
        guard flow.growth > exp(3.0) || isForward, !flow.growth.isNaN else { return .healthy }
        let cause = isForward ? "signal" : flow.activation > flow.weights ? "activation" : "weights"
        let why =
            switch cause {
            case "signal": "The values grow on their way forward too, by a factor of \(short(flow.signal))."
            case "activation":
                "The slopes of the activations are what makes it grow, by \(short(flow.each(flow.activation))) at each layer."
            default:
                "It grows between the layers, by weights that are too large, or by shortcuts that add up: by \(short(flow.each(flow.transport))) at each."
            }
        return .finding(
            Finding(
                "explodingGradient", "Exploding gradient", cause: cause,
                layers: flow.layers.sorted { $0.gain > $1.gain }.map(\.path), since: look.step,
                severity: standing.severity, confidence: min(0.95, 0.7 + 0.05 * log10(max(flow.growth, 1))),
                "The gradient at \(place(flow.layers[0].path)) is \(short(flow.gain)) times that behind the last hidden layer. \(why)",
                evidence: [
                    .init("gradient at the first layer / last hidden layer", flow.gain, expected: "below e³ = 20"),
                    .init(
                        "E[φ′²] of a layer, geometric mean", pow(flow.each(flow.activation), 2),
                        expected: "1 / (n·E[w²])"),
                    .init(
                        "n·E[w²] of a layer, geometric mean", pow(flow.each(flow.weights), 2), expected: "1 / E[φ′²]"),
                    .init("what both factors leave unexplained", flow.residual, expected: "about 1"),
                    .init("values behind the last hidden layer / the first", flow.signal, expected: "about 1"),
                ],
                suggestions: explodingRemedies(cause)))
    }
}

private func explodingRemedies(_ cause: String) -> [Finding.Suggestion] {
    let critical = Finding.Suggestion("criticalInitialization", "weights drawn so that χ = 1 for this activation")
    let common: [Finding.Suggestion] = [
        .init("batchNorm", "sums are brought back to variance 1 at every layer"),
        .init("clipGradients", "bounds the step that a large gradient makes"),
    ]
    return cause == "weights"
        ? [critical] + common
        : [
            .init("reluActivation", "its slope is bounded by 1"),
            .init("tanhActivation", "values and slope are bounded by 1"),
        ]
            + [critical] + common
}
