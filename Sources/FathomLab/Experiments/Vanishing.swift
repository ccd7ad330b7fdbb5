import Fathom
import Foundation

extension Experiment {
    static let vanishing = Experiment(
        name: "vanishing", title: "The vanishing gradient",
        summary:
            "Each layer multiplies the gradient by a factor; below 1, the first layers of a deep network never learn.",
        question: #"""
            A network learns backwards. The error is known at the end. From there, each layer tells the layer before it how its
            outputs should change. This message is the **gradient**. On its way through a layer it is multiplied twice: with the
            weights, and with the slope of the activation.

            The slope of a sigmoid is at most 0.25. Suppose that the weights keep the size of the message. Then one sigmoid layer
            leaves at most a quarter of it. Two layers leave 0.25 · 0.25 = 0.0625. After ten layers it is one millionth, and after
            twenty one millionth of a millionth. The first layers, which see the data, get no message. They stay as chance made
            them.

            A ReLU has slope 1 for every positive sum. If half of the sums are positive, half of the message gets through, and
            weights that are a little larger (by √2) make up for that. Then the factor is 1, and 1 · 1 · 1 … stays 1.

            So everything depends on one factor per layer. Can it be computed before training? And is the sigmoid lost for deep
            networks?
            """#,
        mathematics: #"""
            How large are the weighted sums of layer $l$? Let $q_l$ be the mean of their squares. The weights are drawn by chance around 0,
            and the mean of their squares is $σ_w^2 / n$ when a unit has $n$ inputs. In a wide network the sums are spread like a bell curve;
            $E[…]$ is the mean over all numbers $u$ of the bell curve of mean 0 and spread 1. Then the next layer has

            $$q_{l+1} = σ_w^2 E[φ(\sqrt{q_l} u)^2]$$

            and the mean square of the gradient is multiplied, on its way back through a layer, by

            $$χ_l = σ_w^2 E[φ′(\sqrt{q_l} u)^2]$$

            The gradient itself is multiplied by the root of that, $\sqrt{χ}$: its logarithm changes by $\frac{1}{2} \ln χ$ per layer
            (Poole et al. 2016; Schoenholz et al. 2017). For a sigmoid
            with $σ_w = 1$, $χ ≤ 1/16$: the factor is $\sqrt{χ} ≤ 0.25$. A rule of thumb says $0.2^k$ after $k$ layers. For ReLU with
            $σ_w^2 = 2$, $χ = 1$ at any $q$.

            The sigmoid too can have $χ = 1$. Since $σ(z) = \frac{1}{2} + \frac{1}{2} \tanh \frac{z}{2}$, the bias $-\frac{1}{2} \sum_i w_i$
            takes the $\frac{1}{2}$ away in the next layer; what is left has slope $\frac{1}{4}$ at 0, and weights with $σ_w = 4$ make up for it.
            """#,
        parameters: [
            .seeds(quick: 8),
            .count("depth", 20, in: 3...60, "hidden layers"),
            .count("width", 64, in: 8...256, "units of each"),
            .activations("activations", ["sigmoid", "tanh", "relu"], "what is compared"),
            .choice(
                "weights", ["usual", "lecun", "he"],
                "variance of the weights: 1/n, 2/n, or what is usual: 2/n where the activation has no upper bound"),
            .count("steps", 600, quick: 500, in: 10...20_000, "updates of the training on digits"),
            .numbers(
                "rates", [0.003, 0.01, 0.03, 0.1], quick: [0.003, 0.03], in: 1e-6...10,
                "learning rates of which each network gets its best"),
        ],
        next: [
            .init("Newer activations.", "--activations gelu,silu,selu,softsign"),
            .init("Twice as deep.", "--depth 40"),
            .init("ReLU with weights that are too small for it.", "--activations relu --weights lecun"),
        ],
        measure: VanishingMeasurement.run)
}

// MARK: Measurement

private enum VanishingMeasurement {
    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        let (depth, width) = (settings.count("depth"), settings.count("width"))
        let layers = (1...depth).map(Double.init)
        var chart = Chart(x: .init("hidden layer"), y: .init("size of the gradient", .logarithmic))
        var rows: [[DataTable.Cell]] = []
        for (i, activation) in try settings.activations().enumerated() {
            let facts = try ActivationFacts(activation)
            let variance = self.variance(settings.text("weights"), facts)
            let measured = try profile(settings, activation, variance)
            let theory = try expected(activation, variance, depth)
            chart.line("\(activation)", x: layers, y: measured.map { $0.map(exp) }, color: i, hasDots: false)
            chart.line("", x: layers, y: theory.map(exp), color: i, isDashed: true)
            // The mean slope of the logarithm over all layers.
            findings.checks.append(
                .equal(
                    "\(activation), weights \(Text.number(variance))/n: ½ ln χ per layer",
                    theory: theory[0] / Double(depth - 1),
                    measured: measured[0].map { $0 / Double(depth - 1) }, tolerance: 3 / Double(width),
                    resolution: 3 / Double(width)))
            rows.append([
                .text("\(activation)"), .number(variance), .number(exp(theory[0] / Double(depth - 1))),
                .estimate(measured[0].map { exp($0 / Double(depth - 1)) }), .number(exp(theory[0])),
                .estimate(measured[0].map(exp)),
            ])
            if activation.name == "sigmoid", variance == 1 {
                findings.checks.append(
                    .atMost(
                        "factor of a sigmoid layer", 0.25, measured: measured[0].map { exp($0 / Double(depth - 1)) }))
            }
        }
        chart.line("0.2 per layer", x: layers, y: layers.map { pow(0.2, Double(depth) - $0) }, color: 7, isDashed: true)
        findings.figures.append(
            Figure(
                "gradient", title: "What is left of the gradient on its way back",
                caption: """
                    The way goes from right to left: 1 at the last hidden layer. Solid: measured before training, with its interval. \
                    Dashed: theory. The axis goes by factors: equal distances are equal factors.
                    """, chart))
        findings.tables.append(
            DataTable(
                "factors", title: "The factor of one layer, and of all \(depth)",
                columns: ["activation", "n · variance of weights", "√χ", "measured", "all layers, theory", "measured"],
                rows: rows))
        try train(settings, &findings)
        return findings
    }

    private static func variance(_ weights: String, _ facts: ActivationFacts) -> Double {
        switch weights {
        case "lecun": 1
        case "he": 2
        default: facts.range.upperBound.isInfinite ? 2 : 1
        }
    }

    /// ln of the gradient's size at the sums of each hidden layer, by that of the last.
    private static func profile(_ settings: Settings, _ activation: Activation, _ variance: Double) throws -> [Estimate]
    {
        let (depth, width) = (settings.count("depth"), settings.count("width"))
        return Estimate.columns(
            try settings.overSeeds { seed in
                var random = SeededGenerator(seed: seed)
                let x = (0..<64).map { _ in (0..<width).map { _ in random.normal() } }
                let y = x.map { _ in [random.normal()] }
                let deviation = (variance / Double(width)).squareRoot()
                let model = Sequential {
                    for _ in 0..<depth {
                        Dense(width, initializer: .normal(standardDeviation: deviation))
                        Activate(activation)
                    }
                    Dense(1, initializer: .lecunNormal)
                }
                let session = try Session(
                    model, on: .rows(x, y), optimizer: SGD(), seed: seed,
                    probes: ProbeSettings(quantities: [.preActivationGradient], sample: 0, hasHistograms: false))
                try session.advance(learningRate: 0)
                let sizes = (1...depth).map { layer in
                    session.observation?["dense\(layer)", "z.gradient"]?.moments.rootMeanSquare ?? .nan
                }
                return sizes.map { log($0 / sizes[depth - 1]) }
            })
    }

    /// The same by theory.
    private static func expected(_ activation: Activation, _ variance: Double, _ depth: Int) throws -> [Double] {
        let theory = try SignalPropagation(activation)
        // Inputs of variance 1 make sums of variance σw².
        var q = variance
        var chis: [Double] = []
        for _ in 1..<depth {
            chis.append(try theory.chi(q: q, weightVariance: variance))
            q = try theory.next(q: q, weightVariance: variance, biasVariance: 0)
        }
        return (0..<depth).map { layer in chis[layer...].reduce(0) { $0 + 0.5 * log((1e12 * $1).rounded() / 1e12) } }
    }

    // MARK: Training

    private static func size(_ v: [Float]) -> Double { v.reduce(0.0) { $0 + Double($1) * Double($1) } }

    private static func columnSums(_ w: [Float], _ columns: Int) -> [Float] {
        (0..<columns).map { column in stride(from: column, to: w.count, by: columns).reduce(Float(0)) { $0 + w[$1] } }
    }

    private static func train(_ settings: Settings, _ findings: inout Findings) throws {
        let (depth, width, steps) = (settings.count("depth"), settings.count("width"), settings.count("steps"))
        @Sendable func stack(_ activation: Activation, _ initializer: Initializer, isNormalized: Bool = false)
            -> Sequential
        {
            Sequential {
                for _ in 0..<depth {
                    Dense(width, initializer: initializer)
                    if isNormalized { BatchNorm() }
                    Activate(activation)
                }
                Dense(10, initializer: .lecunNormal)
            }
        }
        // A sigmoid is ½ plus half a tanh of half the sum. Biases that take the ½ away leave slope ¼ at 0, which weights four
        // times as large make up for.
        let large = Initializer.normal(standardDeviation: 4 / Double(width).squareRoot())
        let kinds: [(name: String, model: @Sendable () -> Sequential, isCentred: Bool)] = [
            ("sigmoid", { stack(.sigmoid, .lecunNormal) }, false),
            ("tanh", { stack(.tanh, .lecunNormal) }, false),
            ("ReLU, He's weights", { stack(.relu, .heNormal) }, false),
            ("sigmoid, the right start", { stack(.sigmoid, large) }, true),
            ("sigmoid, batch norm", { stack(.sigmoid, .lecunNormal, isNormalized: true) }, false),
        ]
        struct Run: Sendable {
            var losses: [Double]
            var moved: [Double]
            var accuracy: Double
        }
        let data = try Digits.load().flattened()
        let scaled = try ColumnScaling.standardizing(data.inputs).applied(to: data)
        @Sendable func one(_ model: Sequential, isCentred: Bool, rate: Double, seed: UInt64) throws -> Run {
            let session = try Session(
                model, on: scaled, optimizer: SGD(learningRate: rate, momentum: 0.9), batch: 64, seed: seed)
            let paths = (1...depth).map { "dense\($0)" }
            if isCentred {
                for path in paths.dropFirst() {
                    session[path + ".bias"] = columnSums(session[path + ".weight"], width).map { -$0 / 2 }
                }
            }
            let before = paths.map { session[$0 + ".weight"] }
            let losses = try session.train(steps: steps)
            // How far the weights of each layer have moved, by their size.
            let moved = zip(paths, before).map { path, old -> Double in
                let change = zip(old, session[path + ".weight"]).map { $1 - $0 }
                return (size(change) / size(old)).squareRoot()
            }
            let isLost = losses.last?.isFinite != true
            return Run(losses: losses, moved: moved, accuracy: isLost ? 0.1 : try session.measure(scaled).accuracy)
        }
        // Each at the best of the learning rates.
        var runs: [[Run]] = []
        for kind in kinds {
            var best: (accuracy: Double, runs: [Run]) = (-1, [])
            for rate in settings.numbers("rates") {
                let tried = try settings.overSeeds { seed in
                    try one(kind.model(), isCentred: kind.isCentred, rate: rate, seed: seed)
                }
                let accuracy = Estimate(tried.map { $0.accuracy }).mean
                if accuracy > best.accuracy { best = (accuracy, tried) }
            }
            runs.append(best.runs)
        }
        let layers = (1...depth).map(Double.init)
        var movement = Chart(x: .init("hidden layer"), y: .init("how far weights moved", .logarithmic))
        var curves = Chart(x: .init("update"), y: .init("loss", .logarithmic))
        let shown = stride(from: 0, to: steps, by: max(1, steps / 50)).map { $0 }
        for (kind, runs) in zip(kinds, runs) {
            movement.line(
                kind.name, x: layers, y: Estimate.columns(runs.map { $0.moved.map { max($0, 1e-12) } }), hasDots: false)
            // Ten losses at a time, so that single batches do not hide the course.
            let smooth = runs.map { run in
                shown.map { k in
                    let part = run.losses[min(k, run.losses.count - 1)..<min(k + 10, run.losses.count)]
                    return part.reduce(0, +) / Double(part.count)
                }
            }
            curves.line(kind.name, x: shown.map(Double.init), y: Estimate.columns(smooth), hasDots: false)
        }
        let moved = runs.map { Estimate($0.map { run in run.moved[0] / run.moved[depth - 1] }) }
        let accuracy = runs.map { Estimate($0.map { run in run.accuracy }) }
        findings.checks += [
            .atMost("sigmoid: movement of the first layer by the last", 1e-3, measured: moved[0]),
            .atLeast("ReLU: movement of the first layer by the last", 0.1, measured: moved[2]),
            .atMost("sigmoid: digits it gets right", 0.3, measured: accuracy[0]),
            .atLeast("ReLU with He's weights: digits it gets right", 0.9, measured: accuracy[2]),
            .atLeast("sigmoid with the right start: digits it gets right", 0.9, measured: accuracy[3]),
            .atLeast("sigmoid with batch norm: digits it gets right", 0.9, measured: accuracy[4]),
        ]
        findings.tables.append(
            DataTable(
                "training", title: "Digits after \(steps) updates of a network with \(depth) hidden layers",
                columns: ["network", "share right", "first layer moved", "last hidden layer moved"],
                rows: kinds.indices.map { i in
                    [
                        .text(kinds[i].name), .estimate(accuracy[i]), .estimate(Estimate(runs[i].map { $0.moved[0] })),
                        .estimate(Estimate(runs[i].map { $0.moved[depth - 1] })),
                    ]
                }))
        findings.figures += [
            Figure(
                "movement", title: "How far each layer's weights moved",
                caption: """
                    After \(steps) updates, as a share of their size. The first layers of the plain sigmoid network stay where chance put \
                    them; what did not move at all is drawn at 10⁻¹².
                    """, movement),
            Figure(
                "training", title: "Learning digits with \(depth) hidden layers",
                caption: "ln 10 = 2.3 is the loss of a guess.", curves),
        ]
        findings.conclusion = """
            Theory foretells the factor of each layer before a single step of training. With \(depth) sigmoid layers the first one moves \
            \(moved[0].mean == 0 ? "not at all" : "\(Text.number(moved[0].mean)) times as far as the last"), and the network gets \(Text.percent(accuracy[0].mean, digits: 0)) \
            of the digits right at its best learning rate, where a guess gets 10 %. ReLU with weights to match gets \(Text.percent(accuracy[2].mean)).
            """
        findings.corrections = [
            Correction(
                said: "Sigmoid networks cannot be deep.",
                found: """
                    The same \(depth) sigmoid layers learn \(Text.percent(accuracy[3].mean)) of the digits when they start right: \
                    weights four times as large (n · variance = 16), and biases that balance the outputs around 0. And they learn \(Text.percent(accuracy[4].mean)) \
                    with batch norm. It is the factor that matters, not the name of the function.
                    """),
            Correction(
                said: "The gradient shrinks by 0.25 per sigmoid layer.",
                found: """
                    0.25 is the slope at its steepest. What a layer leaves depends on the weights as well: with n · variance = 1 it is a little \
                    less than 0.25, with weights four times as large and balanced outputs it is 1.
                    """),
        ]
    }
}
