import FathomNN

extension Rule {
    /// An output activation that is missing, doubled, or cannot give the answers that are wanted.
    static let outputActivation = Rule(
        "outputActivation", "Wrong output activation", stage: .before,
        explains: [
            "plateau", "classCollapse", "underfitting", "divergingLoss", "nonFinite", "vanishingGradient",
            "frozenWeights", "saturatedUnits", "dyingReLU", "deadAtBirth", "oscillatingLoss", "learningRateTooLow",
            "learningRateTooHigh", "targetScale", "explodingGradient", "labels", "labelRange", "epochsTooFew",
            "narrowLayers", "overfitting",
        ],
        explanation: Rule.Explanation(
            what: """
                The last layer's sums may be any number. What stands behind it must turn them into what the loss and the \
                targets mean: probabilities of classes that add up to 1 (softmax), of one yes or no (sigmoid), or plain \
                numbers (nothing). With another function some answers cannot be given at all, or the gradient dies there.
                """,
            mathematics: """
                softmax(z)ₖ = e^(zₖ)/Σe^(z). Over one unit it is e^z/e^z = 1, whatever z, with gradient 0. Applied twice its \
                answers lie between 1/(1 + (C − 1)e) and e/(e + C − 1), never near certainty. ReLU gives 0 and gradient 0 \
                for negative sums. A sigmoid stays within 0…1, tanh within −1…1. Over the batch instead of the classes, \
                one row's probability depends on which other rows are beside it.
                """,
            threshold: """
                Exact: the range of the function against the range of the targets, and what the loss expects and applies \
                against what the model ends with. A target beyond the range by more than a tenth of the targets' \
                deviation counts.
                """,
            lookAlikes: """
                A cross-entropy "on logits" applies softmax or sigmoid itself: there the model must end with plain sums. \
                Independent sigmoids for several classes often train all the same; then this is a note.
                """,
            sources: [
                "Bridle 1990, Probabilistic interpretation of feedforward classification network outputs",
                "Bishop 2006, Pattern Recognition and Machine Learning, sections 4.3 and 5.2",
            ])
    ) { evidence in
        let setup = evidence.setup
        let (outputs, loss, targets) = (setup.outputs, setup.loss, setup.targets)
        let names = outputs.map { setup.bareName($0) }
        let width = setup.outputShape.last ?? 1
        let layers = setup.layers.last { $0.isOuter }.map { [$0.path] } ?? []
        let normalisers: Set<String> = ["softmax", "logSoftmax", "sparsemax"]
        let fix = Finding.Suggestion("matchOutput", "the output activation and loss that fit this task")
        func found(
            _ cause: String, _ severity: Finding.Severity, _ confidence: Double, _ title: String, _ text: String,
            _ facts: [Finding.Fact] = []
        ) -> Finding {
            Finding(
                "outputActivation", title, cause: cause, layers: layers, severity: severity, confidence: confidence,
                text, evidence: facts + [.init("outputs", Double(width))], suggestions: [fix])
        }

        if width == 1, setup.outputShape.count <= 1, let first = names.first(where: normalisers.contains) {
            return .finding(
                found(
                    "singleSoftmax", .failure, 0.99, "Softmax over one unit",
                    """
                    The network ends with \(first) over a single unit, which is \(first == "logSoftmax" ? "0" : "1") whatever the \
                    unit says. Every row gets the same answer, the gradient is exactly 0, and nothing can be learnt.
                    """))
        }
        if let layer = setup.layerThatMixesRows {
            var finding = found(
                "wrongAxis", .failure, 0.95, "Rows of a batch are mixed",
                """
                In \(layer.isEmpty ? "the model" : layer) values are summed or compared over the batch instead of over the \
                features of each row. The answer for one row then depends on which others happen to be in its batch.
                """)
            finding.layers = layer.isEmpty ? layers : [layer]
            return .finding(finding)
        }
        let probabilities = names.filter { normalisers.contains($0) || $0 == "sigmoid" }
        if probabilities.count > 1 {
            return evidence.tempered(
                found(
                    "double", .warning, 0.95, "Output activation applied twice",
                    """
                    Between the last sums and the loss stand \(outputs.joined(separator: " and ")): \
                    \(loss.applies == .none ? "the model ends with both" : "\(loss.name) applies the last one itself"). \
                    Probabilities are squeezed a second time, so that no answer can be sure and gradients stay small.
                    """), .mistake)
        }
        switch setup.task {
        case .classification(let classes):
            if width == 1, classes > 2, loss.target == .values || setup.loss.applies == .sigmoid {
                return .finding(
                    found(
                        "wrong", .failure, 0.97, "One output for \(classes) classes",
                        """
                        The last layer has one unit, and there are \(classes) classes. One number can tell yes from no; \
                        which of \(classes) it is needs an output for each.
                        """, [.init("classes", Double(classes))]))
            }
            let wantsProbability = loss.expects == .softmax || loss.expects == .sigmoid
            let last = names.last ?? ""
            let before = loss.applies == .none ? last : (names.dropLast().last ?? "")
            if wantsProbability, probabilities.isEmpty {
                let isMissing = outputs.isEmpty
                return .finding(
                    found(
                        isMissing ? "missing" : "wrong", .failure, 0.96,
                        isMissing ? "Output activation missing" : "\(last) as output activation for classes",
                        """
                        \(loss.name) takes the logarithm of probabilities, but the network ends with \
                        \(isMissing ? "plain sums" : last). What is negative or 0 has no logarithm: such rows get no \
                        gradient, and the loss means nothing.
                        """))
            }
            if ["relu", "relu6", "threshold", "step"].contains(before) {
                return evidence.tempered(
                    found(
                        "wrong", loss.applies == .none ? .failure : .warning, 0.92, "\(before) as output activation",
                        """
                        The outputs pass \(before), which makes every negative sum 0 and passes no gradient there. A class \
                        whose sum is negative for some rows can neither be ruled out nor learnt on them.
                        """), .mistake)
            }
            if ["tanh", "sigmoid", "hardTanh", "softsign", "hardSigmoid"].contains(before), loss.applies != .none {
                return evidence.tempered(
                    found(
                        "wrong", .warning, 0.8, "\(before) before \(loss.applies.rawValue)",
                        """
                        The sums pass \(before) before \(loss.name) applies \(loss.applies.rawValue). Scores that cannot leave \
                        \(before == "sigmoid" ? "0…1" : "−1…1") never give an answer that is sure.
                        """), .mistake)
            }
            let isNormalized =
                setup.patient.loss == nil
                && setup.patient.configuration.loss?.options["normalized"] == .flag(true)
            if width > 1, classes > 2, names.contains("sigmoid"), loss.expects == .softmax || loss.expects == .sigmoid {
                return evidence.tempered(
                    found(
                        "wrong", .warning, 0.85, "Independent outputs for exclusive classes",
                        """
                        Every class has a sigmoid of its own, so that the \(width) answers need not add up to 1 although \
                        exactly one class is right. \(loss.expects == .softmax
                            ? isNormalized
                                ? "\(loss.name) divides them by their sum first; where all are near 1 or near 0 little is left to learn from."
                                : "\(loss.name) only asks the right class to be large; nothing asks the others to be small."
                            : "The loss counts \(width) separate questions of yes or no, of which \(width - 1) are no in every row.")
                        """, [.init("classes", Double(classes))]))
            }
            return .healthy
        case .regression:
            guard targets.maximum > targets.minimum, let last = outputs.last else { return .healthy }
            let name = setup.bareName(last)
            // Softmax answers add up to 1, as shares do.
            let isShare =
                targets.minimum >= -1e-6 && targets.maximum <= 1 + 1e-6
                && abs(targets.mean * Double(width) - 1) < 0.01
            if normalisers.contains(name) {
                guard !isShare else { return .healthy }
                return .finding(
                    found(
                        "wrong", .failure, 0.97, "Softmax for numbers",
                        """
                        The network ends with \(name), whose \(width) answers are shares of 1, and is to predict numbers from \
                        \(short(targets.minimum)) to \(short(targets.maximum)). Those it cannot say.
                        """,
                        [.init("smallest target", targets.minimum), .init("largest target", targets.maximum)]))
            }
            let facts = setup.layers.last { $0.activation == last }?.facts
            let range: ClosedRange<Double>? = facts?.range ?? (name == "sigmoid" ? 0...1 : nil)
            guard let range else { return .healthy }
            // Targets of cross-entropy are judged by `labelRange` and `lossMismatch`.
            let below = range.lowerBound - targets.minimum
            let above = targets.maximum - range.upperBound
            let beyond = max(below, above) / max(targets.deviation, 1e-12)
            guard beyond > 0.1 else {
                guard name == "relu", targets.minimum >= 0 else { return .healthy }
                return evidence.tempered(
                    found(
                        "wrong", .note, 0.6, "ReLU on the output",
                        """
                        The output passes ReLU. The targets are not negative, so it can say them; but where its sum is \
                        negative it says 0 and learns nothing, and may stay there for good.
                        """, [.init("smallest target", targets.minimum)]))
            }
            let isHopeless = beyond > 0.5 || !range.contains(targets.mean)
            return .finding(
                found(
                    "wrong", isHopeless ? .failure : .warning, isHopeless ? 0.97 : 0.85,
                    "Targets out of the output's range",
                    """
                    The network ends with \(last), which answers within \(short(range.lowerBound))…\(short(range.upperBound)); \
                    the targets run from \(short(targets.minimum)) to \(short(targets.maximum)). What lies outside cannot be \
                    said, and there the gradient \(name == "relu" ? "is 0" : "fades").
                    """,
                    [
                        .init("smallest target", targets.minimum, expected: "at least \(short(range.lowerBound))"),
                        .init("largest target", targets.maximum, expected: "at most \(short(range.upperBound))"),
                        .init("targets beyond the range, in deviations", beyond, expected: "below 0.1"),
                    ]))
        }
    }
}
