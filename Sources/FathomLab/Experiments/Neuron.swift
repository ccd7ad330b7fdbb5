import Fathom
import Foundation

extension Experiment {
    static let neuron = Experiment(
        name: "neuron", title: "What a neuron does",
        summary: "It adds up its inputs, each times a weight, and fires when the sum is large enough.",
        question: #"""
            A neuron gets some numbers and answers with one. Suppose that it should decide whether to take an umbrella. Input 1 is
            how dark the sky is, input 2 how much it rained yesterday. Each input has a **weight**: how much it counts. With the
            weights 2 and 1, a dark sky (0.8) and some rain (0.5) make the **weighted sum** 2 · 0.8 + 1 · 0.5 = 2.1.

            The first artificial neuron (McCulloch and Pitts, 1943) then compares: is the sum at least the **threshold** h? If
            so, it fires and answers 1, else it stays silent and answers 0. With h = 2 our neuron fires; with h = 3 it does not.

            Today one writes the same thing a little differently. Instead of comparing with h, one adds the **bias** b = −h to
            the sum and compares with 0: 2.1 − 2 = 0.1 is not negative, so it fires. That is the same decision. But a bias can
            be learnt like a weight, because it *is* a weight: that of an extra input that is always 1.

            What can such a neuron decide, and what not? Let its inputs be 0 or 1, for *no* and *yes*. Can it say whether both are 1
            (**AND**), whether at least one is (**OR**), or whether exactly one is (**XOR**)? Can it turn a yes into a no (**NOT**)?
            McCulloch and Pitts also had **inhibiting** inputs for that: while one of them is 1, the neuron stays silent. And how does
            the bias change how easily a neuron fires?
            """#,
        mathematics: #"""
            The weighted sum of the inputs $x_1 … x_n$ with weights $w_1 … w_n$ and bias $b$, put through an activation $φ$:

            $$y = φ(\sum_{i=1}^{n} w_i x_i + b)$$

            For McCulloch and Pitts, $φ$ is a step:

            $$\cases{1 & \text{if } z ≥ 0 \\ 0 & \text{if } z < 0}$$

            Threshold and bias say the same: $\sum w_i x_i ≥ h$ exactly when $\sum w_i x_i + b ≥ 0$ with $b = -h$.

            Where is the border between firing and not? At $w · x + b = 0$: for two inputs a straight line, at the distance
            $-b / ‖w‖$ from the origin, where $‖w‖ = \sqrt{w_1^2 + w_2^2}$. If the inputs are spread like bell curves of mean 0
            and variance 1, the sum has mean $b$ and deviation $‖w‖$, and the neuron fires with probability

            $$P = Φ(\frac{b}{‖w‖})$$

            where $Φ$ is the share of a bell curve below a value: $Φ(0) = 0.5$, $Φ(-1) = 0.16$, $Φ(-2) = 0.02$.
            """#,
        parameters: [
            .seeds(),
            .count("rows", 10_000, quick: 4000, in: 100...1_000_000, "random inputs of each run"),
            .numbers("weights", [2, 1], in: -100...100, "weights of the neuron, as many as it has inputs"),
            .number("bias", -1, in: -100...100, "its bias"),
        ],
        next: [
            .init("A smaller bias makes it harder to activate.", "--bias -4"),
            .init("Larger weights with the same bias: the border moves to the origin.", "--weights 8,4 --bias -1"),
            .init("Ten inputs instead of two.", "--weights 1,1,1,1,1,-1,-1,-1,-1,-1"),
        ],
        measure: NeuronMeasurement.run)
}

// MARK: Measurement

private enum NeuronMeasurement {
    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        findings.checks = try logic()
        let weights = settings.numbers("weights")
        let bias = settings.number("bias")
        let rows = settings.count("rows")

        // The same neuron three times: with a threshold, with a bias, and with the bias as the weight of a constant input.
        let forms = try settings.overSeeds { seed -> (threshold: Double, constant: Double, fires: [Double]) in
            var random = SeededGenerator(seed: seed)
            let x = (0..<rows).map { _ in weights.map { _ in random.normal() } }
            let fire = Activation("step") { z in step(z) }
            let threshold = Activation("threshold") { z in step(z - (-bias)) }
            let a = try answers(
                of: Sequential {
                    Dense(1, bias: false); Activate(threshold)
                }, x, [weights])
            let b = try answers(
                of: Sequential {
                    Dense(1); Activate(fire)
                }, x, [weights, [bias]])
            let c = try answers(
                of: Sequential {
                    Dense(1, bias: false); Activate(fire)
                }, x.map { $0 + [1] }, [weights + [bias]])
            func different(_ u: [Float], _ v: [Float]) -> Double { Double(zip(u, v).count { $0 != $1 }) }
            // How often it fires, for several biases.
            let shares = try biases(around: bias, weights).map { bias in
                let y = try answers(
                    of: Sequential {
                        Dense(1); Activate(fire)
                    }, x, [weights, [bias]])
                return Double(y.reduce(0, +)) / Double(rows)
            }
            return (different(a, b), different(b, c), shares)
        }
        findings.checks += [
            .equal(
                "threshold \(Text.number(-bias)) and bias \(Text.number(bias)): different answers", theory: 0,
                measured: forms.reduce(0) { $0 + $1.threshold }, tolerance: 0),
            .equal(
                "bias and a weight on a constant 1: different answers", theory: 0,
                measured: forms.reduce(0) { $0 + $1.constant }, tolerance: 0),
        ]
        let norm = weights.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let at = biases(around: bias, weights)
        let shares = Estimate.columns(forms.map(\.fires))
        func normal(_ z: Double) -> Double { 0.5 * erfc(-z / 2.0.squareRoot()) }
        for (i, b) in at.enumerated() where [0, 4, 8].contains(i) {
            findings.checks.append(
                .equal(
                    "share of inputs that make it fire, bias \(Text.number(b))",
                    theory: norm > 0 ? normal(b / norm) : b >= 0 ? 1 : 0, measured: shares[i], resolution: 0.05))
        }
        findings.figures = [try borders(), share(at, shares, norm, normal)]
        findings.conclusion = """
            Threshold, bias and a weight on a constant 1 are three ways to write one neuron: not one of \
            \(rows * settings.count("seeds")) answers differs. A smaller bias moves the border away, and fewer inputs make the neuron \
            fire. AND, OR and NOT need a single neuron; XOR cannot be had from one, whatever its weights.
            """
        findings.corrections = [
            Correction(
                said: "A neuron's bias says at which input it becomes active.",
                found: """
                    The bias alone says nothing: the border lies at the distance −b/‖w‖. The same bias with weights four times as large \
                    moves it four times closer to the origin. Try `--weights 8,4`.
                    """)
        ]
        return findings
    }

    /// Nine biases from three deviations of the sum below 0 to three above, the given one in the middle.
    private static func biases(around bias: Double, _ weights: [Double]) -> [Double] {
        let norm = max(weights.reduce(0) { $0 + $1 * $1 }.squareRoot(), 1e-3)
        return (-4...4).map { bias + Double($0) * 0.75 * norm }
    }

    /// The answers of a model with given parameters, in the order in which it has them.
    private static func answers(of model: any Layer, _ rows: [[Double]], _ parameters: [[Double]]) throws -> [Float] {
        let session = try Session(model, on: .rows(rows, rows.map { _ in [0] }), optimizer: SGD())
        for (declaration, values) in zip(session.step.declarations, parameters) {
            session[declaration.path] = values.map(Float.init)
        }
        let width = rows.first?.count ?? 0
        return try session.predictions(
            DataArray(values: rows.flatMap { $0.map(Float.init) }, shape: [rows.count, width]))
    }

    /// What one unit of McCulloch and Pitts can decide about two inputs that are 0 or 1.
    private static func logic() throws -> [Check] {
        let inputs: [[Double]] = [[0, 0], [0, 1], [1, 0], [1, 1]]
        func table(_ unit: McCullochPitts, _ rows: [[Double]]) throws -> String {
            try answers(of: Sequential([unit]), rows, []).map { $0 == 1 ? "1" : "0" }.joined()
        }
        var checks: [Check] = []
        for (name, unit, rows, expected) in [
            ("AND: threshold 2", McCullochPitts(threshold: 2), inputs, "0001"),
            ("OR: threshold 1", McCullochPitts(threshold: 1), inputs, "0111"),
            ("NOT: an inhibiting input, threshold 0", McCullochPitts(threshold: 0, inhibiting: [0]), [[0], [1]], "10"),
        ] {
            let found = try table(unit, rows)
            checks.append(
                .isTrue(
                    name + ", answers to \(rows.count) inputs", theory: expected, measured: found, found == expected))
        }
        // Every unit there is: thresholds from 0 to 3, with any inputs inhibiting.
        var tables: Set<String> = []
        for threshold in 0...3 {
            for inhibiting in [[], [0], [1], [0, 1]] {
                tables.insert(try table(McCullochPitts(threshold: Double(threshold), inhibiting: inhibiting), inputs))
            }
        }
        checks.append(
            .isTrue(
                "XOR from one unit, all thresholds tried", theory: "impossible",
                measured: tables.contains("0110") ? "found" : "none of \(tables.count) functions",
                !tables.contains("0110")))
        // Two units and one behind them: x₁ OR x₂, but not both.
        let hidden = try zip(
            answers(of: Sequential([McCullochPitts(threshold: 1)]), inputs, []),
            answers(of: Sequential([McCullochPitts(threshold: 2)]), inputs, [])
        ).map { [Double($0), Double($1)] }
        let xor = try table(McCullochPitts(threshold: 1, inhibiting: [1]), hidden)
        checks.append(.isTrue("XOR from three units", theory: "0110", measured: xor, xor == "0110"))
        return checks
    }

    // MARK: Pictures

    /// The answer over the plane of two inputs, with the border.
    private static func borders() throws -> Figure {
        let weights = [2.0, 1]
        let grid = (0...24).map { -3 + 0.25 * Double($0) }
        let charts = try [-3.0, 0, 3].map { bias in
            var chart = Chart(
                "bias \(Text.number(bias))", x: .init("input 1", in: -3...3), y: .init("input 2", in: -3...3),
                size: .small)
            let rows = grid.flatMap { y in grid.map { x in [x, y] } }
            let y = try answers(
                of: Sequential {
                    Dense(1); Sigmoid()
                }, rows, [weights, [bias]])
            chart.heat(
                x: grid, y: grid, grid.indices.map { r in y[r * grid.count..<(r + 1) * grid.count].map(Double.init) },
                in: 0...1, colors: .diverging)
            chart.line(x: [-4, 4], y: [-4, 4].map { -(weights[0] * $0 + bias) / weights[1] }, color: 2)
            return chart
        }
        return Figure(
            "borders", title: "One neuron with weights 2 and 1",
            caption: """
                Red where it answers nearly 1, blue where nearly 0. The green line is the border, where the weighted sum and the bias cancel. \
                The bias moves it and never turns it.
                """, charts)
    }

    private static func share(
        _ biases: [Double], _ shares: [Estimate], _ norm: Double, _ normal: (Double) -> Double
    ) -> Figure {
        var chart = Chart(x: .init("bias"), y: .init("share of inputs that make it fire", in: 0...1))
        if let low = biases.first, let high = biases.last, norm > 0 {
            let fine = (0...80).map { low + (high - low) * Double($0) / 80 }
            chart.line("theory Φ(b/‖w‖)", x: fine, y: fine.map { normal($0 / norm) }, color: 0, isDashed: true)
        }
        chart.dots("measured", x: biases, y: shares.map(\.mean), color: 1, radius: 4.5)
        return Figure(
            "share", title: "A smaller bias makes a neuron harder to activate",
            caption: "Inputs are random numbers of mean 0 and variance 1.", chart)
    }
}
