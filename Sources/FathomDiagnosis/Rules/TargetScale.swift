import FathomNN

extension Rule {
    /// Numbers to predict that are far from the size of a fresh network's answers.
    static let targetScale = Rule(
        "targetScale", "Targets of the wrong scale", stage: .before,
        explains: [
            "underfitting", "plateau", "explodingGradient", "saturatedUnits", "learningRateTooLow", "divergingLoss",
            "dyingReLU", "nonFinite", "frozenWeights", "epochsTooFew",
        ],
        explanation: Rule.Explanation(
            what: """
                A fresh network answers with numbers of size about 1. If it is to say 100,000, its last weights must grow \
                a hundred-thousandfold first: with Adam, whose steps do not depend on the gradient's size, that takes as \
                many steps; with plain gradient descent the first gradients are as large as the targets, and explode.
                """,
            mathematics: """
                Adam moves a weight by at most about η a step, so an output of features a moves by at most η·(Σ|a| + 1): \
                targets of size S need at least S / (η·(Σ|a| + 1)) steps. With squared error the gradient is 2·(y − t)·a, \
                proportional to S.
                """,
            threshold: """
                Adam and its kin: when the steps needed for the last layer alone exceed a tenth of those planned it is \
                a warning, beyond all of them a failure. Gradient descent: targets of size above 10, whose gradients are a \
                hundred times those of targets of size 1 in square. Targets smaller than 0.01 are lost in the noise of \
                first answers.
                """,
            lookAlikes: """
                Targets outside the output activation's range cannot be reached at any scale: that is the output activation.
                """,
            sources: [
                "Bishop 1995, Neural Networks for Pattern Recognition, section 8.2",
                "Kingma & Ba 2015, Adam: a method for stochastic optimization, section 2.1",
            ])
    ) { evidence in
        let (setup, targets) = (evidence.setup, evidence.setup.targets)
        guard !setup.task.isClassification, targets.maximum > targets.minimum else { return .healthy }
        let size = (targets.mean * targets.mean + targets.deviation * targets.deviation).squareRoot()
        guard size > 10 || size < 0.01 else { return .healthy }
        let last = evidence.birth?.outerLayers.last { !$0.weights.isEmpty }
        let features =
            last.map { $0.input.size * Double(setup.layers.first { $0.path == last?.path }?.fanIn ?? 1) } ?? 1
        let isAdaptive = setup.optimizer.optimizer.isAdaptive
        let needed = size / max(setup.baseRate * (features + 1), 1e-300)
        let planned = Double(max(setup.plannedSteps, 1))
        let severity: Finding.Severity
        if isAdaptive, size > 10 {
            severity = needed > planned ? .failure : needed > 0.1 * planned ? .warning : .note
        } else {
            severity = size > 1e4 ? .failure : .warning
        }
        let text =
            size < 0.01
            ? """
            The numbers to predict have size \(short(size)), far below a fresh network's answers of about 1. Their \
            differences drown in what the first weights say at random, and the loss looks small while nothing is learnt.
            """
            : """
            The numbers to predict have size \(short(size)), a fresh network's answers about 1. \
            \(isAdaptive
                ? "At \(short(setup.baseRate)) a step the last layer needs at least \(short(needed)) of the \(short(planned)) planned steps only to get there."
                : "First gradients are about \(short(size)) times as large as for standardised targets, so that the learning rate \(short(setup.baseRate)) acts like one far larger.")
            """
        return evidence.tempered(
            Finding(
                "targetScale", size > 10 ? "Targets too large" : "Targets too small",
                cause: size > 10 ? "large" : "small",
                layers: last.map { [$0.path] } ?? [], severity: severity, confidence: severity == .failure ? 0.95 : 0.7,
                text,
                evidence: [
                    .init("size of the targets", size, expected: "about 1"),
                    .init("their deviation", targets.deviation, expected: "about 1"),
                    .init(
                        "steps the last layer needs", isAdaptive ? needed : 0, expected: "below \(short(planned / 10))"),
                ],
                suggestions: [
                    .init("scaleTargets", "trains on standardised targets and brings the answers back"),
                    .init("lowerLearningRate", "keeps large gradients from throwing the weights about"),
                ]))
    }
}

extension Optimizer {
    /// Whether its steps do not depend on the gradient's size.
    var isAdaptive: Bool { ["adam", "adamW", "nadam", "rmsprop", "lion", "adagrad", "adadelta"].contains(name) }
}
