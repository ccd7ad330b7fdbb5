import Fathom
import Foundation

extension Experiment {
    static let exploding = Experiment(
        name: "exploding", title: "The exploding gradient",
        summary: "A factor above 1 per layer makes gradients grow without bound; clipping keeps the steps small.",
        question: #"""
            If each layer multiplies the gradient by 1.5, twenty layers multiply it by 1.5²⁰ = 3325. One step of training then
            throws the weights so far that the next gradient is larger still, and soon the numbers overflow.

            How fast does it grow, can a bounded activation such as tanh prevent it, and what helps? The usual cure is
            **clipping**: when the gradient is longer than a limit, it is shortened to that length. Its direction stays.
            """#,
        mathematics: #"""
            With weights of variance $2 g^2 / n$ a ReLU layer multiplies signals on their way forward and gradients on their way back by
            exactly $g$, the **gain**:

            $$\sqrt{χ} = \sqrt{2 g^2 \cdot \frac{1}{2}} = g$$

            Tanh keeps signals within ±1, but not gradients. With $σ_w = g$ the sums settle at a variance $q^*$, and the gradient is
            multiplied by $\sqrt{χ} = g \sqrt{E[\tanh′(\sqrt{q^*} u)^2]}$. For $g = 5/3$, which is often recommended for tanh, $χ = 1.21$.

            Even without depth a step can be too long. On a parabola with curvature $λ$ the distance to the lowest point is
            multiplied by $1 - η λ$ in each step. With a learning rate $η > 2 / λ$ that is beyond −1: each step lands further away, on
            the other side.
            """#,
        parameters: [
            .seeds(quick: 8),
            .count("depth", 20, in: 3...60, "hidden layers"),
            .count("width", 64, in: 8...256, "units of each"),
            .numbers(
                "gains", [0.8, 1, 1.2, 1.5, 2], quick: [0.8, 1, 1.5, 2], in: 0.1...10, "gains of the ReLU networks"),
            .number("clip", 1, in: 1e-6...1e6, "longest gradient that clipping leaves"),
            .number("start", 1.3, in: 0.1...10, "gain of the networks that are trained with weights too large"),
            .number("rate", 0.02, in: 1e-6...10, "their learning rate"),
            .count("steps", 600, in: 10...20_000, "updates of the training on digits"),
        ],
        next: [
            .init("Larger gains.", "--gains 2,3,4 --depth 12"),
            .init("Is the limit of clipping delicate?", "--clip 0.05"),
            .init("And without any real limit?", "--clip 1000000"),
        ],
        measure: ExplodingMeasurement.run)
}

// MARK: Measurement

private enum ExplodingMeasurement {
    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        let (depth, width) = (settings.count("depth"), settings.count("width"))
        let layers = (1...depth).map(Double.init)
        // Fluctuations of a network that is not infinitely wide.
        let tolerance = 3 / Double(width)

        var chart = Chart(x: .init("hidden layer"), y: .init("size of the gradient", .logarithmic))
        for (i, gain) in settings.numbers("gains").enumerated() {
            let (gradients, signals) = try profiles(settings, .relu, 2 * gain * gain)
            chart.line(
                "gain \(Text.number(gain))", x: layers, y: gradients.map { $0.map(exp) }, color: i, hasDots: false)
            chart.line("", x: layers, y: layers.map { pow(gain, Double(depth) - $0) }, color: i, isDashed: true)
            findings.checks.append(
                .equal(
                    "ReLU, gain \(Text.number(gain)): gradients, ln of the factor", theory: log(gain),
                    measured: gradients[0].map { $0 / Double(depth - 1) }, tolerance: tolerance, resolution: tolerance))
            if gain == settings.numbers("gains").max() {
                findings.checks.append(
                    .equal(
                        "the same of signals on their way forward", theory: log(gain),
                        measured: signals[depth - 1].map { $0 / Double(depth - 1) }, tolerance: tolerance,
                        resolution: tolerance))
            }
        }
        findings.figures.append(
            Figure(
                "growth", title: "The gradient on its way back, from right to left",
                caption:
                    "ReLU networks before training. Solid: measured; dashed: the gain to the power of the layers passed.",
                chart))

        try bounded(settings, tolerance, &findings)
        try parabola(&findings)
        try clipping(settings, &findings)
        findings.corrections = [
            Correction(
                said: "Bounded activations such as tanh cannot explode.",
                found: """
                    Their *signals* cannot. With weights of gain 3, gradients of a tanh network grow from layer to layer, while no \
                    output ever leaves −1…1.
                    """),
            Correction(
                said: "Clipping cures exploding gradients.",
                found: """
                    It cures the *steps*. The factor per layer stays what it is; weights of the right size cure the cause.
                    """),
        ]
        return findings
    }

    /// ln of the sizes of gradients (by the last layer's) and of signals (by the first one's), layer by layer.
    private static func profiles(
        _ settings: Settings, _ activation: Activation, _ variance: Double
    ) throws -> (gradients: [Estimate], signals: [Estimate]) {
        let (depth, width) = (settings.count("depth"), settings.count("width"))
        let runs = try settings.overSeeds { seed in
            var random = SeededGenerator(seed: seed)
            let x = (0..<64).map { _ in (0..<width).map { _ in random.normal() } }
            let initializer = Initializer.normal(standardDeviation: (variance / Double(width)).squareRoot())
            let model = Sequential {
                for _ in 0..<depth {
                    Dense(width, initializer: initializer)
                    Activate(activation)
                }
                Dense(1, initializer: .lecunNormal)
            }
            let session = try Session(
                model, on: .rows(x, x.map { _ in [random.normal()] }), optimizer: SGD(), seed: seed,
                probes: ProbeSettings(
                    quantities: [.preActivationGradient, .activation], sample: 0, hasHistograms: false))
            try session.advance(learningRate: 0)
            func sizes(_ quantity: String) -> [Double] {
                (1...depth).map { session.observation?["dense\($0)", quantity]?.moments.rootMeanSquare ?? .nan }
            }
            let (g, a) = (sizes("z.gradient"), sizes("a"))
            return (g.map { log($0 / g[depth - 1]) }, a.map { log($0 / a[0]) })
        }
        return (Estimate.columns(runs.map(\.0)), Estimate.columns(runs.map(\.1)))
    }

    private static func bounded(_ settings: Settings, _ tolerance: Double, _ findings: inout Findings) throws {
        let depth = settings.count("depth")
        let layers = (1...depth).map(Double.init)
        let theory = try SignalPropagation(.tanh)
        var gradients = Chart("gradients", x: .init("hidden layer"), y: .init("", .logarithmic), size: .wide)
        var signals = Chart("signals", x: .init("hidden layer"), y: .init("", in: 0...1), size: .wide)
        for (i, gain) in [1, 5.0 / 3, 3].enumerated() {
            let measured = try profiles(settings, .tanh, gain * gain)
            var q = gain * gain
            var logs: [Double] = []
            for _ in 1..<depth {
                logs.append(0.5 * log(try theory.chi(q: q, weightVariance: gain * gain)))
                q = try theory.next(q: q, weightVariance: gain * gain, biasVariance: 0)
            }
            let expected = (0..<depth).map { logs[$0...].reduce(0, +) }
            let name = "gain \(Text.number(gain))"
            gradients.line(name, x: layers, y: measured.gradients.map { $0.map(exp) }, color: i, hasDots: false)
            gradients.line("", x: layers, y: expected.map(exp), color: i, isDashed: true)
            // √E[tanh²] of the first layer, which theory knows, times what was measured by it.
            let first = try theory.meanSquares(q: gain * gain).value.squareRoot()
            signals.line(
                name, x: layers, y: measured.signals.map { $0.map { first * exp($0) } }, color: i, hasDots: false)
            findings.checks.append(
                .equal(
                    "tanh, gain \(Text.number(gain)): gradients, ln of the factor",
                    theory: expected[0] / Double(depth - 1),
                    measured: measured.gradients[0].map { $0 / Double(depth - 1) }, tolerance: tolerance,
                    resolution: tolerance))
        }
        findings.figures.append(
            Figure(
                "tanh", title: "Tanh bounds signals, not gradients",
                caption: "With gain 1 both fade; with 5/3 signals stay and gradients grow slowly; with 3 they explode.",
                [gradients, signals]))
    }

    /// One weight on a parabola: the error is multiplied by 1 − ηλ.
    private static func parabola(_ findings: inout Findings) throws {
        var chart = Chart(x: .init("step"), y: .init("loss", .logarithmic))
        for product in [0.5, 1.9, 2.2] {
            // The loss (w·1 − 1)² has curvature 2.
            let session = try Session(
                Sequential { Dense(1, bias: false, initializer: .zeros) }, on: .rows([[1]], [[1]]),
                optimizer: SGD(learningRate: product / 2))
            let losses = try session.train(steps: 30)
            chart.line(
                "ηλ = \(Text.number(product))", x: losses.indices.map(Double.init),
                y: losses.map { $0 > 1e-9 ? $0 : .nan })
            findings.checks.append(
                .equal(
                    "factor of the loss per step, ηλ = \(Text.number(product)): (1 − ηλ)²",
                    theory: (1 - product) * (1 - product),
                    measured: pow(losses[5] / losses[0], 0.2), tolerance: 1e-4))
        }
        findings.figures.append(
            Figure(
                "parabola", title: "A step that is too long",
                caption: "One weight, no depth: beyond ηλ = 2 every step makes it worse.",
                chart))
    }

    private static func clipping(_ settings: Settings, _ findings: inout Findings) throws {
        let (depth, width, steps) = (settings.count("depth"), settings.count("width"), settings.count("steps"))
        let data = try Digits.load().flattened()
        let scaled = try ColumnScaling.standardizing(data.inputs).applied(to: data)
        let (clip, start) = (settings.number("clip"), settings.number("start"))
        let (rate, large) = (settings.number("rate"), "gain \(Text.number(start))")
        @Sendable func model(_ gain: Double) -> Sequential {
            let initializer = Initializer.normal(standardDeviation: gain * (2 / Double(width)).squareRoot())
            return Sequential {
                for _ in 0..<depth {
                    Dense(width, initializer: initializer)
                    ReLU()
                }
                Dense(10, initializer: .lecunNormal)
            }
        }
        let kinds: [(String, Double, OptimizerSettings.Clipping?)] = [
            (large, start, nil), ("\(large), clipped", start, .globalNorm(clip)), ("gain 1", 1, nil),
        ]
        struct Run: Sendable {
            var losses: [Double]
            var accuracy: Double
            var diverged: Bool
        }
        let runs = try kinds.map { _, gain, clipping in
            try settings.overSeeds { seed in
                let session = try Session(
                    model(gain), on: scaled, optimizer: SGD(learningRate: rate), clipping: clipping, batch: 64,
                    seed: seed)
                let losses = try session.train(steps: steps)
                let isLost = losses.last?.isFinite != true
                return Run(
                    losses: losses, accuracy: isLost ? 0.1 : try session.measure(scaled).accuracy, diverged: isLost)
            }
        }
        let accuracy = runs.map { Estimate($0.map(\.accuracy)) }
        findings.checks += [
            .atMost("\(large) without clipping: digits it gets right", 0.3, measured: accuracy[0]),
            .atLeast("with clipping minus without", 0.2, measured: accuracy[1].map(over: accuracy[0]) { $0 - $1 }),
            .atLeast("gain 1, without clipping: digits it gets right", 0.9, measured: accuracy[2]),
        ]
        findings.tables.append(
            DataTable(
                "clipping", title: "Digits after \(steps) updates of \(depth) ReLU layers",
                columns: ["network", "share right", "runs that overflowed"],
                rows: zip(kinds, runs).map { kind, runs in
                    [
                        .text(kind.0), .estimate(Estimate(runs.map(\.accuracy))),
                        .text("\(runs.count { $0.diverged }) of \(runs.count)"),
                    ]
                }))
        var chart = Chart(x: .init("update"), y: .init("loss", .logarithmic, in: 0.01...1e4))
        for (i, (kind, runs)) in zip(kinds, runs).enumerated() {
            for (k, run) in runs.prefix(4).enumerated() {
                let shown = run.losses.indices.filter { $0 < 20 || $0 % 5 == 0 }
                chart.line(
                    k == 0 ? kind.0 : "", x: shown.map(Double.init), y: shown.map { run.losses[$0] }, color: i)
            }
        }
        findings.figures.append(
            Figure(
                "clipping", title: "Weights that are too large: \(large), \(depth) layers",
                caption:
                    "Four runs each. Without clipping the loss leaps up or overflows; ln 10 = 2.3 is the loss of a guess.",
                chart))
        findings.conclusion = """
            The factor per layer is the gain, forward and backward, and \(depth) of them make a power. Weights that are too large end learning \
            (\(Text.percent(accuracy[0].mean, digits: 0)) right); clipping saves part of it (\(Text.percent(accuracy[1].mean, digits: 0))), \
            and weights of the right size need no clipping (\(Text.percent(accuracy[2].mean, digits: 0))).
            """
    }
}
