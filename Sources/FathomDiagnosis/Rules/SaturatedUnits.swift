extension Rule {
    static let saturatedUnits = Rule(
        "saturatedUnits", "Saturated units", stage: .during,
        explains: ["plateau", "underfitting", "frozenWeights", "classCollapse", "learningRateTooLow"],
        explanation: Explanation(
            what: """
                Sigmoid and tanh bend near 0 and are flat far from it. When the weighted sums of a layer are large, its units \
                sit in the flat parts: they answer nearly the same to every change, and their gradient is nearly 0, so \
                that they cannot get out again.
                """,
            mathematics: """
                A unit counts as saturated for an example when φ′(z) is below 5 % of its largest value: |z| > 2.2 for \
                tanh, |z| > 4.3 for a sigmoid. Of sums with variance 1 that is 3 % and 0.001 %; for a half, the sums must \
                have a deviation of 3.2 and 6.4.
                """,
            threshold: """
                More than half of a layer's sums: then the median slope is below 5 %. Counted on sums, not on outputs, so \
                that it holds for every activation. In a network that learns all the same it is a note: a classifier that is \
                sure of itself has saturated units.
                """,
            lookAlikes: """
                Units of a ReLU that are off are counted by dyingReLU. A small slope everywhere, also at 0, is the activation \
                itself: vanishingGradient.
                """,
            sources: [
                "Glorot & Bengio 2010, Understanding the difficulty of training deep feedforward neural networks",
                "LeCun et al. 1998, Efficient BackProp",
            ])
    ) { evidence in
        guard let latest = evidence.latest else { return .notYet("needs an examination") }
        let standing = evidence.standing
        let looks = [evidence.birth].compactMap { $0 } + (evidence.course?.examinations ?? [])
        let isFitting = evidence.setup.loss.expects != .none
        let output = latest.outerLayers.last?.path
        func share(_ look: Examination, _ path: String) -> Double {
            look.layers.first { $0.path == path }?.slope?.saturated ?? 0
        }
        let found = latest.layers.compactMap { layer -> (path: String, share: Double)? in
            guard evidence.setup.isBounded(layer.path) else { return nil }
            // At the end of a classifier that is trained by the likelihood, a flat part means being sure.
            if layer.path == output, isFitting || standing.state != .stuck { return nil }
            let now = share(latest, layer.path)
            return now > 0.5 ? (layer.path, now) : nil
        }.sorted { $0.share > $1.share }
        guard let worst = found.first else { return .healthy }
        let birth = evidence.birth.map { share($0, worst.path) } ?? 0
        let since = looks.last { share($0, worst.path) <= 0.5 }.map(\.step)
        let step = looks.first { $0.step > (since ?? -1) }?.step ?? latest.step
        let isBorn = since == nil
        let sums = latest.layers.first { $0.path == worst.path }?.sums
        let name = evidence.setup.layers.first { $0.path == worst.path }?.activation ?? "the activation"
        return .finding(
            Finding(
                "saturatedUnits", "Saturated units", cause: isBorn ? "birth" : "training", layers: found.map(\.path),
                since: step, severity: standing.severity, confidence: 0.6 + 0.3 * worst.share,
                """
                In \(place(worst.path)), \(percent(worst.share)) of the sums lie where \(name) is flat\
                \(isBorn ? ", from the start" : "; at the start it was \(percent(birth))"). Hardly any gradient passes there, so \
                that these units stay as they are.
                """,
                evidence: [
                    .init("saturated share of the worst layer", worst.share, expected: "below 0.5"),
                    .init("at the start", birth),
                    .init("deviation of its sums", sums?.deviation ?? 0, expected: "about 1"),
                    .init("input deviation", evidence.setup.inputs.deviation, expected: "about 1"),
                ],
                suggestions: isBorn
                    ? [
                        .init("scaleInputs", "inputs of deviation 1 make sums of deviation 1"),
                        .init("xavierInitialization", "weights that keep the sums near 0"),
                        .init("batchNorm", "sums are brought back to variance 1"),
                        .init("reluActivation", "it has no flat part above 0"),
                    ]
                    : [
                        .init("lowerLearningRate", "large steps carried the sums into the flat parts"),
                        .init("batchNorm", "sums are brought back to variance 1"),
                        .init("moreRegularization", "decay keeps weights small"),
                        .init("reluActivation", "it has no flat part above 0"),
                    ]))
    }
}
