extension Rule {
    static let learningRateTooHigh = Rule(
        "learningRateTooHigh", "Learning rate too high", stage: .during,
        explains: [
            "divergingLoss", "oscillatingLoss", "nonFinite", "dyingReLU", "saturatedUnits", "plateau", "underfitting",
            "classCollapse", "vanishingGradient", "covariateShift", "zigZag", "frozenWeights",
            "shatteredGradients",
        ],
        explanation: Explanation(
            what: """
                The learning rate says how far to go along the gradient, which is only a local direction. Steps that are too \
                long land on the far side of the valley, often higher than before; units are thrown off, and the loss \
                jumps, stalls or explodes.
                """,
            mathematics: """
                In a bowl of curvature λ gradient descent converges only while η < 2/λ. Measured here: the size of a step \
                relative to the weights, √(E[Δw²]/E[w²]), about 0.001 in healthy training; the loss at multiples of the last \
                step in its direction; the change of the gradient over one step; the cosine between \
                neighbouring steps, −1 when each takes back the one before.
                """,
            threshold: """
                The network does not learn as it could, and: the loss diverged or overflowed while steps were above a \
                tenth of the weights or turned round (cosine below −0.5); or such a step left most units of a layer dead or \
                saturated that were not before; or in half of the looks one more step would have \
                raised the loss by a tenth while steps exceeded a hundredth of the weights; or the steps exceeded a tenth \
                of the weights throughout, a hundred times the practice of 0.001 (Stanford's CS231n).
                """,
            lookAlikes: """
                Gradients that explode with depth do so before the first step. Steps uphill, because a sign is wrong, \
                raise the loss from the start, twice as much at twice the way: no finding here. The noise of tiny batches is in \
                oscillatingLoss.
                """,
            sources: [
                "LeCun et al. 1998, Efficient BackProp",
                "Stanford CS231n, Neural networks 3: ratio of updates to weights",
                "Santurkar et al. 2018, How does batch normalization help optimization?",
            ])
    ) { evidence in
        guard let course = evidence.course else { return .notYet("needs to watch training") }
        let standing = evidence.standing
        let looks = course.examinations.filter { $0.step > 1 }
        let steps = StepSizes(looks)
        guard steps.count >= 3 || course.isNonFinite else { return .notYet("needs three looks at a step") }
        guard evidence.setup.learningRate > 0 else { return .healthy }
        let rises = course.rose(from: standing.startLoss)
        let broke = course.isNonFinite || rises
        let early = steps.largest
        var reasons: [String] = []
        if steps.climbs { return .healthy }
        if broke, early > 0.1 || steps.turning < -0.5 {
            reasons.append(course.isNonFinite ? "the loss went out of range" : "the loss rose")
        }
        if standing.suffers || standing.isOscillating {
            if early > 0.1, let layer = evidence.thrownOff {
                reasons.append(
                    "they threw most \(evidence.setup.unitsName(layer)) of \(place(layer)) to where they have no slope")
            }
            if steps.overshoots >= 0.5, steps.typical > 0.01 {
                reasons.append("in \(percent(steps.overshoots)) of the looks one more step would have raised the loss")
            }
            if steps.typical > 0.1 {
                reasons.append("every step changes the weights by \(percent(steps.typical)) of their size")
            }
        }
        guard !reasons.isEmpty else { return .healthy }
        let severity: Finding.Severity = broke ? .failure : max(standing.severity, .warning)
        return .finding(
            Finding(
                "learningRateTooHigh", "Learning rate too high", layers: steps.paths, since: looks.first?.step ?? 1,
                severity: severity, confidence: min(0.93, 0.6 + 0.12 * Double(reasons.count) + (early > 1 ? 0.1 : 0)),
                """
                At a learning rate of \(short(evidence.setup.learningRate)), steps are \(percent(steps.typical)) of the weights' size \
                (\(percent(early)) at most; 0.1 % is usual), and \(reasons.joined(separator: ", and ")). Such steps land on the far \
                side of the valley they should walk down.
                """,
                evidence: [
                    .init("step / weights, median", steps.typical, expected: "about 0.001"),
                    .init("step / weights, largest look", early, expected: "below 0.1"),
                    .init("looks at which one more step raises the loss", steps.overshoots, expected: "below 0.5"),
                    .init("cosine between neighbouring steps", steps.turning, expected: "above −0.5"),
                    .init("change of the gradient over one step", steps.gradientChange, expected: "below 1"),
                ],
                suggestions: [
                    .init("lowerLearningRate", "a tenth of it is the first thing to try"),
                    .init("rangeTest", "finds the learning rate at which the loss falls fastest"),
                    .init("warmup", "small steps until the first wild gradients are over"),
                    .init("clipGradients", "bounds every step"),
                    .init("adamOptimizer", "at its default of 0.001"),
                ]))
    }
}

/// The steps of a course, as the looks saw them.
package struct StepSizes {
    /// Looks that saw a step.
    package let count: Int
    /// √(E[Δw²]/E[w²]): the median over looks of the median over weights.
    package let typical: Double
    /// The largest of the looks' medians.
    package let largest: Double
    /// The median cosine between neighbouring steps.
    package let turning: Double
    /// The share of looks at which one more step in the same direction raises the loss by a tenth.
    package let overshoots: Double
    package let gradientChange: Double
    /// The share of looks at which the loss rises along the step, in proportion.
    package let climbingShare: Double
    /// Whether the loss rises along the steps from the start, in proportion, as it does against the gradient: their sign is
    /// wrong, not their length.
    package let climbs: Bool
    /// Weights by the size of their steps, the largest first.
    package let paths: [String]

    package init(_ looks: [Examination]) {
        let ratios = looks.map { look in
            look.layers.flatMap(\.weights).compactMap(\.updateRatio).filter(\.isFinite)
        }.filter { !$0.isEmpty }
        count = ratios.count
        let medians = ratios.map { median($0) }
        typical = median(medians)
        largest = medians.max() ?? 0
        turning = median(looks.flatMap { $0.layers.flatMap(\.weights).compactMap(\.turning) })
        let landscapes = looks.compactMap(\.landscape)
        let next = landscapes.compactMap(\.nextStep)
        overshoots = next.isEmpty ? 0 : Double(next.count { $0 > 0.1 }) / Double(next.count)
        gradientChange = median(landscapes.map(\.gradientChange))
        // At the start, with steps that are not too long for it: a network that was thrown off, with a last layer that jumps
        // from side to side, rises along every later step too.
        let rising = landscapes.map { look in
            guard look.losses.count > 2 else { return false }
            let (quarter, half) = (look.losses[1] - look.losses[0], look.losses[2] - look.losses[0])
            return quarter > 0 && half > 1.2 * quarter && half < 4 * quarter
        }
        climbingShare = rising.isEmpty ? 0 : Double(rising.count { $0 }) / Double(rising.count)
        climbs =
            rising.count >= 4 && rising.prefix(3).allSatisfy { $0 } && climbingShare > 0.5
            && (medians.prefix(2).max() ?? 1) < 0.1
        let weights = (looks.last?.layers ?? []).filter { !$0.weights.isEmpty }
        paths = weights.sorted { ($0.weights[0].updateRatio ?? 0) > ($1.weights[0].updateRatio ?? 0) }.map(\.path)
    }

}

extension Course {
    /// Whether the last losses lie above the start.
    func rose(from start: Double?) -> Bool {
        guard let start else { return false }
        let finite = losses.prefix { $0.isFinite }.map(Double.init)
        guard finite.count >= 4 else { return false }
        return median(finite.suffix(max(3, finite.count / 4))) > start + 0.1 * abs(start)
    }
}

extension Evidence {
    /// The layer of which training left most units without a slope, dead or saturated, that had one at the start.
    var thrownOff: String? {
        guard let birth, let latest else { return nil }
        func share(_ look: Examination, _ path: String) -> Double {
            guard let slope = look.layers.first(where: { $0.path == path })?.slope, !slope.fires.isEmpty else {
                return 0
            }
            return setup.isRectified(path) ? Double(slope.dead) / Double(slope.fires.count) : slope.saturated
        }
        let hidden = latest.layers.map(\.path).filter { $0 != latest.outerLayers.last?.path }
            .filter { setup.isRectified($0) || setup.isBounded($0) }
        let grown = hidden.map { (path: $0, now: share(latest, $0), before: share(birth, $0)) }
            .filter { $0.now > 0.5 && $0.now > $0.before + 0.25 }
        return grown.max { $0.now < $1.now }?.path
    }
}
