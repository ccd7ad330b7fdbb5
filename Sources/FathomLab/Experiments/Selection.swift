import Fathom
import Foundation

extension Experiment {
    static let selection = Experiment(
        name: "selection", title: "Which activation shall I take?",
        summary: "The usual guide (ReLU first, sigmoid never, softmax for classes) put to the test on real digits.",
        question: #"""
            There is a guide that many courses hand out. For hidden layers: start with ReLU; if units die, try Leaky ReLU or Maxout;
            tanh seldom; the sigmoid never. For the output: a sigmoid for two classes, softmax for many, nothing at all for numbers.

            Is it good advice? A fair test must not stop at one network. What is best in two layers may fail in sixteen, and what fails
            with one kind of first weights may do well with another. So every activation gets every depth and every rule for the
            weights, on handwritten digits, each at its best learning rate.
            """#,
        mathematics: #"""
            The slope of an activation decides what comes back through many layers. Over sums of spread 1 the mean square of the slope
            is 1/2 for ReLU, 0.464 for tanh and 0.045 for the sigmoid. Weights of variance $σ_w^2 / n$ multiply the gradient's square by

            $$χ = σ_w^2 E[{φ′}^2(z)]$$

            per layer. Xavier's weights have $σ_w^2 = 1$: with a sigmoid the gradient's square falls to a twentieth in every layer. But
            nothing forbids larger weights. The *critical* ones make χ = 1 for any activation.

            For outputs the rule is simpler: an output must be able to say what is asked. A sigmoid cannot say 3, so for targets outside
            0…1 it is left with an error of at least

            $$E[{(y - \bar{y})}^2], \quad \bar{y} = y\text{ cut off at 0 and 1}$$

            and ReLU cannot say −1. For classes, cross-entropy with softmax (or with a sigmoid for two classes) has the gradient
            $p - t$, answer less target, which does not vanish when the answer is wrong.
            """#,
        parameters: [
            .seeds(),
            .activations(
                "activations", ["relu", "leakyRelu", "gelu", "elu", "tanh", "sigmoid"], "of the hidden layers"),
            .counts("depths", [2, 6, 16], quick: [2, 16], in: 1...60, "hidden layers"),
            .count("width", 32, in: 2...256, "units of a hidden layer"),
            .numbers(
                "rates", [0.03, 0.1, 0.3], quick: [0.05, 0.2], in: 0.0001...100, "learning rates to choose from"),
            .count("steps", 800, quick: 300, in: 20...20_000, "steps of training"),
        ],
        next: [
            .init("Your own candidates.", "--activations relu,mish,silu,softsign,softplus"),
            .init("Does more time change the order?", "--steps 3000"),
            .init("Even deeper.", "--depths 16,40"),
        ],
        measure: SelectionMeasurement.run)
}

// MARK: Measurement

private enum SelectionMeasurement {
    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        try hidden(settings, &findings)
        try outputs(settings, &findings)
        return findings
    }

    // MARK: Hidden layers

    private static let starts = ["Xavier", "He", "critical", "Xavier and batch norm"]

    private static func model(
        _ kind: Activation?, depth: Int, width: Int, start: Int
    ) -> Sequential {
        let initializer: Initializer =
            switch start {
            case 1: .he
            case 2: kind.map { .critical(for: $0) } ?? .he
            default: .xavier
            }
        return Sequential {
            for _ in 0..<depth {
                if let kind {
                    Dense(width, initializer: initializer)
                    if start == 3 { BatchNorm() }
                    Activate(kind)
                } else {
                    Maxout(width, initializer: initializer)
                    if start == 3 { BatchNorm() }
                }
            }
            Dense(10, initializer: .xavier)
        }
    }

    private static func hidden(_ settings: Settings, _ findings: inout Findings) throws {
        let scaled = try Digits.standardised()
        let depths = settings.counts("depths").sorted()
        let rates = settings.numbers("rates")
        let width = settings.count("width")
        // Maxout is no function of one number, so it is no activation but a layer.
        let kinds: [Activation?] = try settings.activations() + [nil]
        let names = kinds.map { $0?.name ?? "maxout" }
        struct Run: Sendable { let kind: Int, depth: Int, start: Int, rate: Double, seed: UInt64 }
        let seeds = settings.count("seeds")
        let runs = kinds.indices.flatMap { k in
            depths.indices.flatMap { d in
                starts.indices.flatMap { s in
                    rates.flatMap { r in
                        (0..<UInt64(seeds)).map { Run(kind: k, depth: depths[d], start: s, rate: r, seed: $0) }
                    }
                }
            }
        }
        let accuracies = try concurrently(runs) { run -> Double in
            let session = try Session(
                model(kinds[run.kind], depth: run.depth, width: width, start: run.start), on: scaled.train,
                optimizer: SGD(learningRate: run.rate), clipping: .globalNorm(5), batch: 32, seed: run.seed)
            try session.train(steps: settings.count("steps"))
            return try session.measure(scaled.test).accuracy
        }
        // The best rate of each.
        var best: [[[Estimate]]] = []
        var position = 0
        for _ in kinds {
            best.append(
                depths.map { _ in
                    starts.map { _ in
                        let tried = rates.map { _ -> Estimate in
                            defer { position += seeds }
                            return Estimate(Array(accuracies[position..<position + seeds]))
                        }
                        return tried.max { $0.mean < $1.mean } ?? Estimate([])
                    }
                })
        }

        let columns = depths.indices.flatMap { d in starts.indices.map { (depth: d, start: $0) } }
        var charts: [Chart] = []
        for d in depths.indices {
            var chart = Chart(
                "\(depths[d]) hidden layers",
                x: .init(categories: ["Xavier", "He", "critical", "+ norm"]), y: .init(categories: names.reversed()),
                size: .square)
            let rows = kinds.indices.reversed().map { k in starts.indices.map { best[k][d][$0].mean } }
            chart.heat(
                x: starts.indices.map(Double.init), y: kinds.indices.map(Double.init), rows, in: 0...1,
                texts: rows.map { $0.map { Text.percent($0, digits: 0) } })
            charts.append(chart)
        }
        findings.figures.append(
            Figure(
                "guide", title: "Right answers on new digits",
                caption: """
                    After \(settings.count("steps")) steps at the best of \(rates.count) learning rates, mean of \(seeds) runs. The \
                    columns are rules for the first weights; in the last one Xavier's with batch norm before the activation.
                    """, charts))
        findings.tables.append(
            DataTable(
                "guide", title: "Right answers on new digits",
                columns: ["activation"] + columns.map { "\(depths[$0.depth]), \(starts[$0.start])" },
                rows: kinds.indices.map { k in
                    [.text(names[k])] + columns.map { .estimate(best[k][$0.depth][$0.start]) }
                }))

        guard let relu = names.firstIndex(of: "relu"), let deep = depths.indices.last else { return }
        func difference(_ a: Int, _ b: Int, _ depth: Int, _ start: Int) -> Estimate {
            best[a][depth][start].map(over: best[b][depth][start]) { $0 - $1 }
        }
        let most = depths[deep]
        if let sigmoid = names.firstIndex(of: "sigmoid"), most >= 6 {
            // Its gradient reaches the first layer with 0.045^(L/2) of its size.
            findings.checks += [
                .atLeast(
                    "\(most) layers, He's weights: ReLU less sigmoid", 0.2, measured: difference(relu, sigmoid, deep, 1)
                ),
                .atLeast(
                    "\(most) layers, sigmoid: Xavier's weights with batch norm less without", 0.2,
                    measured: best[sigmoid][deep][3].map(over: best[sigmoid][deep][0]) { $0 - $1 }),
            ]
            let tied = difference(sigmoid, relu, deep, 2)
            findings.corrections.append(
                Correction(
                    said: "Never use a sigmoid in hidden layers.",
                    found: """
                        Never without care. With Xavier's weights \(most) layers of it answer \
                        \(Text.percent(best[sigmoid][deep][0].mean)) rightly. With critical weights it is \
                        \(Text.percent(best[sigmoid][deep][2].mean)), with batch norm \(Text.percent(best[sigmoid][deep][3].mean)); ReLU reaches \
                        \(Text.percent(best[relu][deep][2].mean)) with critical weights\
                        \(tied.high < 0 ? ", which is better" : tied.low > 0 ? ", which is less" : ", which is no clear difference").
                        """))
        }
        for (name, said) in [
            ("tanh", "Tanh only seldom: ReLU is better."), ("maxout", "Try Maxout when ReLU does not do."),
            ("gelu", "Newer activations such as GELU are better than ReLU."),
        ] {
            guard let other = names.firstIndex(of: name) else { continue }
            let lines = [0, deep].map { d -> String in
                let gap = difference(other, relu, d, 2).map { 100 * $0 }
                let word = gap.low > 0 ? "better" : gap.high < 0 ? "worse" : "no clear difference"
                return "in \(depths[d]) layers \(Text.estimate(gap)) percentage points against ReLU (\(word))"
            }
            findings.corrections.append(
                Correction(
                    said: said,
                    found: "With critical weights: \((depths.count > 1 ? lines : [lines[0]]).joined(separator: "; "))."
                        .capitalizedFirst))
        }
        let spread = kinds.indices.map { best[$0][0].map(\.mean).max() ?? 0 }
        let plain = kinds.indices.map { best[$0][deep][0].mean }
        let leader = plain.indices.max { plain[$0] < plain[$1] } ?? relu
        if leader != relu, best[leader][deep][0].map(over: best[relu][deep][0], { $0 - $1 }).low > 0 {
            findings.corrections.insert(
                Correction(
                    said: "Start with ReLU.",
                    found: """
                        With the weights that belong to it. With Xavier's \(most) layers of ReLU answer \
                        \(Text.percent(best[relu][deep][0].mean)) rightly, of \(names[leader]) \(Text.percent(best[leader][deep][0].mean)); \
                        with He's ReLU reaches \(Text.percent(best[relu][deep][1].mean)).
                        """), at: 0)
        }
        let normed = kinds.indices.map { best[$0][deep][3].mean }
        findings.conclusion = """
            In \(depths[0]) layers the choice hardly matters: at their best all activations lie between \
            \(Text.percent(spread.min() ?? 0)) and \(Text.percent(spread.max() ?? 0)). In \(most) layers the first weights matter more \
            than the activation: with Xavier's the right answers lie between \(Text.percent(plain.min() ?? 0, digits: 0)) and \
            \(Text.percent(plain.max() ?? 0, digits: 0)). With batch norm all of them learn (at least \
            \(Text.percent(normed.min() ?? 0, digits: 0))), the sigmoid too. So the guide's first question should not be which activation, \
            but whether weights and normalisation fit it.
            """
    }

    // MARK: Outputs

    private static func outputs(_ settings: Settings, _ findings: inout Findings) throws {
        let split = try Digits.standardised()
        let steps = settings.count("steps")
        /// The share of right answers of a network with this output and loss; what is right is decided by the largest output,
        /// or by half the way between the two targets where there is only one.
        func accuracy(
            _ train: Dataset, _ test: DataArray, _ labels: [Int32], outputs: Int, loss: Loss,
            last: @escaping @Sendable () -> [any Layer], threshold: Float
        ) throws -> Estimate {
            let tried = try [0.03, 0.1, 0.3, 1, 3].map { rate in
                Estimate(
                    try settings.overSeeds { seed in
                        let model = Sequential {
                            Dense(32, initializer: .he)
                            ReLU()
                            Dense(outputs, initializer: .xavier)
                            last()
                        }
                        let session = try Session(
                            model, on: train, loss: loss, optimizer: SGD(learningRate: rate), batch: 32, seed: seed)
                        try session.train(steps: steps)
                        let p = try session.predictions(test)
                        let right = labels.indices.count { i in
                            if outputs == 1 { return (p[i] > threshold) == (labels[i] == 1) }
                            let row = p[i * outputs..<(i + 1) * outputs]
                            return row.indices.max { row[$0] < row[$1] }.map { $0 - row.startIndex } == Int(labels[i])
                        }
                        return Double(right) / Double(labels.count)
                    })
            }
            return tried.max { $0.mean < $1.mean } ?? Estimate([])
        }
        func values(_ rows: [[Float]]) throws -> Dataset {
            try Dataset(
                name: "targets", inputs: split.train.inputs,
                targets: .values(DataArray(values: rows.flatMap { $0 }, shape: [rows.count, rows.first?.count ?? 1])),
                provenance: split.train.provenance)
        }
        let (train, test) = (split.train.labels ?? [], split.test.labels ?? [])
        let isOdd = train.map { [Float($0 % 2)] }
        let one = try values(isOdd)
        let oneHot = try values(train.map { label in (0..<10).map { $0 == Int(label) ? 1 : 0 } })
        let odd = test.map { $0 % 2 }
        let rows: [(task: String, output: String, loss: String, right: Estimate)] = [
            (
                "odd or even", "sigmoid", "cross-entropy",
                try accuracy(
                    one, split.test.inputs, odd, outputs: 1, loss: .sigmoidCrossEntropy(), last: { [] }, threshold: 0)
            ),
            (
                "odd or even", "sigmoid", "squared error",
                try accuracy(
                    one, split.test.inputs, odd, outputs: 1, loss: .meanSquaredError, last: { [Sigmoid()] },
                    threshold: 0.5)
            ),
            (
                "odd or even", "none", "squared error",
                try accuracy(
                    one, split.test.inputs, odd, outputs: 1, loss: .meanSquaredError, last: { [] }, threshold: 0.5)
            ),
            (
                "ten digits", "softmax", "cross-entropy",
                try accuracy(
                    split.train, split.test.inputs, test, outputs: 10, loss: .softmaxCrossEntropy(), last: { [] },
                    threshold: 0)
            ),
            (
                "ten digits", "ten sigmoids", "cross-entropy",
                try accuracy(
                    oneHot, split.test.inputs, test, outputs: 10, loss: .sigmoidCrossEntropy(), last: { [] },
                    threshold: 0)
            ),
            (
                "ten digits", "none", "squared error",
                try accuracy(
                    oneHot, split.test.inputs, test, outputs: 10, loss: .meanSquaredError, last: { [] }, threshold: 0)
            ),
            (
                "ten digits", "ReLU", "softmax cross-entropy",
                try accuracy(
                    split.train, split.test.inputs, test, outputs: 10, loss: .softmaxCrossEntropy(), last: { [ReLU()] },
                    threshold: 0)
            ),
        ]
        findings.tables.append(
            DataTable(
                "outputs", title: "Outputs for classes: right answers on new digits",
                columns: ["task", "output", "loss", "right answers"],
                rows: rows.map { [.text($0.task), .text($0.output), .text($0.loss), .estimate($0.right)] }))
        let squared = rows[5].right.map(over: rows[3].right) { 100 * ($0 - $1) }
        findings.corrections.append(
            Correction(
                said: "Classes need softmax and cross-entropy.",
                found: """
                    Squared error on plain numbers is right in \(Text.percent(rows[5].right.mean)) of the ten digits, softmax in \
                    \(Text.percent(rows[3].right.mean)): a difference of \(Text.estimate(squared)) percentage points\
                    \(squared.high < 0 ? ". So it works, but worse" : squared.low > 0 ? ". So it works better" : ", which is none that is clear"). \
                    What softmax gives in addition is answers that can be read as probabilities.
                    """))

        // Numbers: a curve between −3 and 3.
        let x = (0..<256).map { [-3 + 6 * Double($0) / 255] }
        let y = x.map { [3 * sin($0[0])] }
        let data = try Dataset.rows(x, y)
        let kinds: [(name: String, floor: Double, last: @Sendable () -> [any Layer])] = [
            ("none", 0, { [] }),
            ("sigmoid", meanSquare(y.map { $0[0] - min(max($0[0], 0), 1) }), { [Sigmoid()] }),
            ("tanh", meanSquare(y.map { $0[0] - min(max($0[0], -1), 1) }), { [Tanh()] }),
            ("ReLU", meanSquare(y.map { $0[0] - max($0[0], 0) }), { [ReLU()] }),
        ]
        var curves = Chart(x: .init("input"), y: .init("answer"))
        curves.line("target", x: x.map { $0[0] }, y: y.map { $0[0] }, color: 7, isDashed: true)
        var table: [[DataTable.Cell]] = []
        for (i, kind) in kinds.enumerated() {
            @Sendable func session(_ seed: UInt64) throws -> Session {
                let model = Sequential {
                    Dense(32, initializer: .lecun, biasInitializer: .normal(standardDeviation: 1))
                    Tanh()
                    Dense(1, initializer: .xavier)
                    kind.last()
                }
                let session = try Session(model, on: data, optimizer: Adam(learningRate: 0.01), batch: 32, seed: seed)
                try session.train(steps: 4 * steps)
                return session
            }
            let loss = Estimate(try settings.overSeeds { try session($0).measure(data).loss })
            if kind.floor > 0 {
                findings.checks.append(
                    .isTrue(
                        "numbers from −3 to 3, output \(kind.name): squared error",
                        theory: "≥ \(Text.number(kind.floor))",
                        measured: "at least \(Text.number(loss.values.min() ?? 0))",
                        // But for rounding.
                        loss.values.allSatisfy { $0 >= kind.floor * (1 - 1e-5) }))
            } else {
                findings.checks.append(
                    .atMost("numbers from −3 to 3, no output activation: squared error", 0.1, measured: loss))
            }
            table.append([.text(kind.name), .number(kind.floor), .estimate(loss)])
            curves.line(
                kind.name == "none" ? "no activation" : kind.name, x: x.map { $0[0] },
                y: try session(0).predictions(data.inputs).map(Double.init), color: [2, 1, 4, 3][i])
        }
        findings.tables.append(
            DataTable(
                "numbers", title: "Outputs for numbers from −3 to 3",
                columns: ["output", "least possible squared error", "reached"], rows: table))
        findings.figures.append(
            Figure(
                "numbers", title: "An output must be able to say what is asked",
                caption:
                    "Four networks that differ in nothing but the activation of their output, after learning the dashed curve.",
                curves))
    }

    private static func meanSquare(_ values: [Double]) -> Double {
        values.reduce(0) { $0 + $1 * $1 } / Double(values.count)
    }
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
