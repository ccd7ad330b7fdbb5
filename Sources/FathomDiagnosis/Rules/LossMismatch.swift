import FathomNN

extension Rule {
    /// A loss that asks another question than the task, or does not mean what a loss must mean.
    static let lossMismatch = Rule(
        "lossMismatch", "Loss does not fit the task", stage: .before,
        explains: [
            "plateau", "underfitting", "outputActivation", "classCollapse", "labels", "divergingLoss", "nonFinite",
            "saturatedUnits", "oscillatingLoss", "frozenWeights", "vanishingGradient", "learningRateTooLow",
            "learningRateTooHigh", "explodingGradient", "dyingReLU",
        ],
        explanation: Rule.Explanation(
            what: """
                The loss is the question that training answers. Cross-entropy asks "how probable is each class", squared error \
                "what is the mean", absolute error "what is the median". Asked for a class, absolute error is content with \
                the most frequent one; asked for a number, cross-entropy has no sensible answer.
                """,
            mathematics: """
                With a sigmoid σ and squared error the gradient is 2(σ − t)·σ′, which fades (σ′ → 0) exactly where the answer \
                is surely wrong; cross-entropy cancels σ′ and leaves σ − t. The minimum of E|y − t| over constants is the \
                median, which for 0/1 labels is the majority. A loss must be a mean over rows: one that adds them up grows \
                with the batch, and one that pairs answers with other rows' targets is smallest when all answers are equal.
                """,
            threshold: """
                Exact. The loss is also tried alone on made-up answers: twice the rows must give the same loss (a sum gives \
                2×), the loss of rows together must be the mean of their losses, and right answers must cost less.
                """,
            lookAlikes: """
                Two classes with sigmoid and squared error train, only slower; then this is a note. Labels that do not \
                belong to the rows cannot be generalised either, but one batch can be learnt by heart.
                """,
            sources: [
                "Bishop 2006, Pattern Recognition and Machine Learning, sections 1.5.5, 4.3 and 5.2",
                "Golik, Doetsch & Ney 2013, Cross-entropy vs. squared error training",
                "Ghosh, Kumar & Sastry 2017, Robust loss functions under label noise",
            ])
    ) { evidence in
        let setup = evidence.setup
        let (loss, targets, name) = (setup.loss, setup.targets, setup.loss.name)
        let fix = Finding.Suggestion("matchOutput", "the loss and output activation that fit this task")
        func found(
            _ cause: String, _ severity: Finding.Severity, _ confidence: Double, _ title: String, _ text: String,
            _ facts: [Finding.Fact] = []
        ) -> Finding {
            Finding(
                "lossMismatch", title, cause: cause, severity: severity, confidence: confidence, text, evidence: facts,
                suggestions: [fix])
        }

        if let probe = LossProbe(setup) {
            if probe.preference > 0 {
                return .finding(
                    found(
                        "sign", .failure, 0.98, "The loss rewards mistakes",
                        """
                        Tried alone, \(name) is larger for right answers than for wrong ones. Making it small makes the \
                        network worse.
                        """, [.init("loss of right minus wrong answers", probe.preference, expected: "below 0")]))
            }
            if let mixing = probe.mixing, abs(mixing - 1) > 0.02, abs(mixing - 4) > 0.1 {
                return .finding(
                    found(
                        "pairing", .failure, 0.97, "The loss mixes rows up",
                        """
                        Tried alone, \(name) of four rows is \(short(mixing)) times the mean of their own losses: it compares \
                        answers with the targets of other rows. It is smallest when every row gets the same answer.
                        """, [.init("loss of rows together by their mean", mixing, expected: "1")]))
            }
            if probe.doubling > 1.5 {
                return evidence.tempered(
                    found(
                        "reduction", .warning, 0.9, "The loss grows with the batch",
                        """
                        Tried alone, \(name) of twice the rows is \(short(probe.doubling)) times as large: it adds rows up \
                        instead of averaging. With batches of \(setup.batch) gradients are \(setup.batch) times as large as \
                        the learning rate \(short(setup.baseRate)) is made for.
                        """, [.init("loss of twice the rows by that of the rows", probe.doubling, expected: "1")]))
            }
        }
        let isCrossEntropy =
            loss.applies == .sigmoid || loss.applies == .softmax || loss.expects == .sigmoid || loss.expects == .softmax
        let isAbsolute = ["meanAbsoluteError", "huber", "smoothL1"].contains(name)
        let isNumeric = isAbsolute || name == "meanSquaredError"
        switch setup.task {
        case .classification(let classes):
            guard isNumeric else { return .healthy }
            let facts: [Finding.Fact] = [.init("classes", Double(classes))]
            if isAbsolute {
                return evidence.tempered(
                    found(
                        "classes", .warning, 0.88, "Absolute error for classes",
                        """
                        \(name) asks for the median, which for \(classes) classes is the most frequent answer whatever the row. \
                        Its gradient does not grow with the mistake, and behind a sigmoid it fades where the answer is \
                        surely wrong.
                        """, facts))
            }
            let isMild = classes == 2 || setup.outputs.contains("softmax")
            return evidence.tempered(
                found(
                    "classes", .warning, isMild ? 0.6 : 0.8, "Squared error for classes",
                    """
                    \(name) measures distances between class numbers or shares. For \(classes) classes cross-entropy \
                    asks the right question, and its gradient does not fade where the answer is surely wrong.
                    """, facts))
        case .regression(let outputs):
            let range: [Finding.Fact] = [
                .init("smallest target", targets.minimum), .init("largest target", targets.maximum),
            ]
            let isUnit = targets.minimum >= -1e-6 && targets.maximum <= 1 + 1e-6
            if isCrossEntropy, targets.maximum > targets.minimum, !targets.isTwoValued {
                let isSoftmax = loss.applies == .softmax || loss.expects == .softmax
                // Shares of several outputs and probabilities are proper targets, behind the right activation.
                let isProbability = isUnit && (isSoftmax ? outputs > 1 : !setup.outputs.isEmpty)
                guard !isProbability else { return .healthy }
                return .finding(
                    found(
                        "numbers", .failure, 0.97, "Cross-entropy for numbers",
                        """
                        \(name) is for classes or probabilities, and the targets are numbers from \(short(targets.minimum)) to \
                        \(short(targets.maximum)). \(isUnit
                            ? "The answers are plain sums, of which it takes logarithms."
                            : "Outside 0…1 its loss falls for ever, and the answers run off.")
                        """, range))
            }
            if isAbsolute, targets.isTwoValued {
                return evidence.tempered(
                    found(
                        "classes", .warning, 0.85, "Absolute error for yes or no",
                        """
                        The targets are only \(short(targets.minimum)) and \(short(targets.maximum)), and \(name) asks for their \
                        median: the more frequent one, whatever the row. Behind a sigmoid its gradient fades where the \
                        answer is surely wrong.
                        """, range))
            }
            return .healthy
        }
    }
}
