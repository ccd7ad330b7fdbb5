extension Rule {
    static let dyingReLU = Rule(
        "dyingReLU", "Dying ReLU", stage: .during,
        explains: [
            "vanishingGradient", "plateau", "underfitting", "frozenWeights", "classCollapse",
            "learningRateTooLow",
            "shatteredGradients", "zigZag", "covariateShift",
        ],
        explanation: Explanation(
            what: """
                A ReLU hands on nothing, and no gradient, while its sum is negative. A unit whose sum is negative for every \
                example is dead: nothing reaches its weights, so nothing can bring it back. When a whole layer is dead, \
                the network gives one and the same answer to everything.
                """,
            mathematics: """
                Dead: φ′(z) = 0 for every row of a fixed set. With n inputs from a layer of ReLUs and random weights, all \
                n can be negative, with probability 2⁻ⁿ; a network of L layers of width n is born dead with a probability of up \
                to 1 − (1 − 2⁻ⁿ)^L: 0.22 for n = 5, L = 8. While training, one step that is too large throws units off.
                """,
            threshold: """
                Half of a layer's units: a sign of something wrong in practice ("as much as 40 %" of dead units is what \
                too high a learning rate does, by the notes of Stanford's CS231n; AutoTrainer asks for 70 %). It is a \
                failure only from nine tenths of a layer on, or where dead units take half of the gradient's size, in logarithms, \
                on its way through several layers; and a note where the network learns all the same.
                """,
            lookAlikes: """
                A unit that is off for most examples but not for all is sparse, not dead. Born dead is told from died by \
                the look before the first step.
                """,
            sources: [
                "Lu et al. 2019, Dying ReLU and initialization: theory and numerical examples",
                "Stanford CS231n, Neural networks 1: commonly used activation functions",
            ])
    ) { evidence in
        guard let latest = evidence.latest else { return .notYet("needs an examination") }
        let looks = [evidence.birth].compactMap { $0 } + (evidence.course?.examinations ?? [])
        func share(_ look: Examination, _ path: String) -> Double {
            guard let slope = look.layers.first(where: { $0.path == path })?.slope, !slope.fires.isEmpty else {
                return 0
            }
            return Double(slope.dead) / Double(slope.fires.count)
        }
        let found = latest.layers.compactMap { layer -> (path: String, share: Double)? in
            guard evidence.setup.isRectified(layer.path) else { return nil }
            let now = share(latest, layer.path)
            return now >= 0.5 ? (layer.path, now) : nil
        }.sorted { $0.share > $1.share }
        guard let worst = found.first else { return .healthy }
        let standing = evidence.standing
        let before = looks.last { share($0, worst.path) < 0.5 }?.step
        let since = looks.first { $0.step > (before ?? -1) }?.step ?? latest.step
        let born = evidence.birth.map { share($0, worst.path) } ?? 0
        let isBorn = born > 0.5 * worst.share
        let units = latest.layers.first { $0.path == worst.path }?.slope?.fires.count ?? 0
        // Several layers that are half dead can cut a network in two as well as one that is dead.
        let isWhole =
            worst.share >= 0.9 || GradientFlow(latest).map { isDying(latest, evidence.setup, $0) } ?? false
            || evidence.birth.flatMap { look in GradientFlow(look).map { isDying(look, evidence.setup, $0) } } ?? false
        let all = worst.share == 1
        let names = evidence.setup.unitsName(worst.path)
        return .finding(
            Finding(
                "dyingReLU", "Dying ReLU", cause: isBorn ? "born" : "died", layers: found.map(\.path), since: since,
                severity: isWhole ? standing.severity : min(standing.severity, .warning),
                confidence: all ? 0.97 : 0.5 + 0.4 * worst.share,
                """
                \(Int((worst.share * Double(units)).rounded())) of \(units) \(names) of \(place(worst.path)) are off for every example\
                \(isBorn ? ", and were before the first step" : " since step \(since) (\(percent(born)) at the start)"). \
                \(all ? "Nothing passes the layer, forward or backward: every example gets the same answer." : "They hand on nothing and get no gradient, so that they do not come back.")
                """,
                evidence: [
                    .init("dead share of the worst layer", worst.share, expected: "below 0.5"),
                    .init("at the start", born, expected: "near 0"),
                    .init("layers of which half is dead", Double(found.count), expected: "0"),
                ],
                suggestions: (isBorn ? [] : [.init("lowerLearningRate", "smaller steps do not throw \(names) off")]) + [
                    .init("leakyReluActivation", "its slope is never 0, so that \(names) come back"),
                    .init("eluActivation", "a slope below 0, and outputs nearer to mean 0"),
                    .init(
                        "batchNorm",
                        "the sums of every \(names.dropLast()) are centred, so that half of them are positive"),
                    .init("wider", "in wide layers some \(names.dropLast()) is always on"),
                    .init("heInitialization", "sums of the right size from the start"),
                ]))
    }
}
