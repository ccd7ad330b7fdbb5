import Fathom
import Foundation

extension Experiment {
    static let amplitude = Experiment(
        name: "amplitude", title: "How loud is the signal after many layers?",
        summary:
            "Sigmoid and tanh keep signals bounded; with ReLU they grow or fade layer by layer, as the weights say.",
        question: #"""
            A network hands its input on from layer to layer, like a whispered message. Does it get louder or quieter on the way? If
            every layer makes it 10 % louder, then after 50 layers it is 117 times as loud. If every layer makes it 10 % quieter,
            there is half a percent left. Either way the last layers get something they cannot work with.

            The sigmoid cannot hand on more than 1 and tanh stays between −1 and 1, so they cannot get loud. ReLU has no such limit:
            it hands on any positive number as it is. With ReLU the size of the weights alone decides.

            So how large must the weights be? Is a bounded signal a useful signal? And what happens to the sizes when the network
            learns and its weights change?
            """#,
        mathematics: #"""
            We measure how loud a layer is by its root mean square: $\text{rms} = \sqrt{E[a^2]}$. Let the weights have variance
            $σ_w^2 / n$ for $n$ inputs. The sums of a wide layer are then normally distributed with variance $q$, and from one layer to
            the next

            $$q_{l+1} = σ_w^2 E[φ^2(\sqrt{q_l} z)], \quad z ∼ N(0, 1)$$

            For ReLU half of a bell curve is left, so the mean square is halved: $E[φ^2] = q / 2$. The rms is multiplied in every layer by

            $$\sqrt{\frac{σ_w^2}{2}}$$

            - $σ_w^2 = 2$ (He's rule): 1, the signal stays as it is,
            - $σ_w^2 = 1$ (LeCun's rule, and Xavier's between equal layers): 0.707, after 20 layers a thousandth is left,
            - $σ_w^2 = 1/3$ (the default of a well-known library for linear layers): 0.408,
            - $σ_w^2 = 3$: 1.22, after 50 layers 25,000 times as loud.

            For tanh with $σ_w^2 = 1$ the signal fades as well, but slowly, like $1/\sqrt{l}$: the variance after 1, 10 and 50 layers is
            0.394, 0.0522 and 0.0102. For the sigmoid there is a fixed point, and the signal goes there whatever it was.

            Batch norm or layer norm sets $q = 1$ in every layer, so that ReLU hands on $1/\sqrt{2}$.
            """#,
        parameters: [
            .seeds(12, quick: 8),
            .count("depth", 50, in: 2...100, "layers"),
            .count("width", 256, in: 8...1024, "units of a layer"),
            .activation("activation", "gelu", "one more activation, with He's weights"),
            .count("steps", 300, in: 10...10_000, "steps of training on handwritten digits"),
            .number("rate", 0.1, in: 0.0001...10, "learning rate of that training"),
        ],
        next: [
            .init("Does SELU really keep the size by itself?", "--activation selu"),
            .init("Narrow layers: the theory is for wide ones.", "--width 16"),
            .init("Train longer.", "--steps 3000"),
        ],
        measure: AmplitudeMeasurement.run)
}

// MARK: Measurement

private enum AmplitudeMeasurement {
    /// A network of equal layers, and its weights' variance times the number of inputs.
    private struct Case {
        let name: String
        let activation: Activation
        let variance: Double
        var norm: (@Sendable () -> any Layer)?
        var isOrthogonal = false

        @Sendable func layers(_ depth: Int, _ width: Int) -> Sequential {
            let deviation = (variance / Double(width)).squareRoot()
            let initializer: Initializer =
                isOrthogonal
                ? .orthogonal(gain: variance.squareRoot()) : .normal(standardDeviation: deviation)
            return Sequential {
                for _ in 0..<depth {
                    Dense(width, bias: false, initializer: initializer)
                    if let norm { norm() }
                    Activate(activation)
                }
            }
        }

        /// E[a²] after each layer, for inputs of mean square 1.
        func theory(_ depth: Int) throws -> [Double] {
            let propagation = try SignalPropagation(activation)
            var square = 1.0
            return try (0..<depth).map { _ in
                let q = norm == nil ? variance * square : 1
                square = q < 1e12 ? try propagation.meanSquares(q: q).value : .infinity
                return square
            }
        }
    }

    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        let (depth, width) = (settings.count("depth"), settings.count("width"))
        let rows = 32
        let own = try settings.activation()
        let cases = [
            Case(name: "ReLU, σ² = 3", activation: .relu, variance: 3),
            Case(name: "ReLU, σ² = 2 (He)", activation: .relu, variance: 2),
            Case(name: "ReLU, σ² = 1 (LeCun)", activation: .relu, variance: 1),
            Case(name: "ReLU, σ² = ⅓", activation: .relu, variance: 1.0 / 3),
            Case(name: "tanh, σ² = 1", activation: .tanh, variance: 1),
            Case(name: "sigmoid, σ² = 1", activation: .sigmoid, variance: 1),
            Case(name: "ReLU, σ² = 3, layer norm", activation: .relu, variance: 3, norm: { LayerNorm() }),
            Case(name: "\(own.name), σ² = 2", activation: own, variance: 2),
            Case(name: "ReLU, orthogonal, σ² = 2", activation: .relu, variance: 2, isOrthogonal: true),
        ]
        let measured = try cases.map { one in
            try settings.overSeeds { seed -> (sizes: [Double], largest: Double) in
                let network = try OpenNetwork(one.layers(depth, width), inputs: width, rows: rows, seed: seed)
                try network.run(normals(rows * width, seed: seed))
                let each = one.norm == nil ? 2 : 3
                let values = (1...depth).map { network.values(after: each * $0) }
                return (values.map(rootMeanSquare), values.flatMap { $0 }.reduce(0) { max($0, abs(Double($1))) })
            }
        }
        let sizes = measured.map { Estimate.columns($0.map(\.sizes)) }
        let theory = try cases.map { try $0.theory(depth) }

        // In a layer of n units the logarithm of the mean square scatters with variance 5/n (ReLU), so that its mean is 5/2n
        // lower than that of a wide layer, and that of the rms 5/4n.
        let narrow = 1.25 / Double(width)
        let tail = max(1, depth - 1)
        for (i, one) in cases.enumerated() where one.activation.name == "relu" && one.norm == nil {
            findings.checks.append(
                .equal(
                    "\(one.name): factor of each layer", theory: (one.variance / 2).squareRoot(),
                    measured: Estimate(
                        measured[i].map { exp(log($0.sizes[depth - 1] / $0.sizes[0]) / Double(tail)) }),
                    tolerance: narrow * (one.variance / 2).squareRoot()))
        }
        for layer in [1, 10, 50] where layer <= depth {
            // The variance itself scatters by 2l/3n, which pulls its mean down by about as much.
            let expected = theory[4][layer - 1]
            findings.checks.append(
                .equal(
                    "tanh: variance after layer \(layer)", theory: expected,
                    measured: sizes[4][layer - 1].map { $0 * $0 },
                    tolerance: expected * 2 * Double(layer) / (3 * Double(width)), resolution: expected / 5))
        }
        findings.checks += [
            .equal(
                "sigmoid: rms after the last layer", theory: theory[5][depth - 1].squareRoot(),
                measured: sizes[5][depth - 1], tolerance: 1 / Double(width)),
            .isTrue(
                "sigmoid: nothing is ever larger than 1", theory: "≤ 1",
                measured: Text.number(measured[5].map(\.largest).max() ?? 0),
                measured[5].allSatisfy { $0.largest <= 1 }),
            .equal(
                "ReLU after layer norm: mean square of the last layer", theory: 0.5,
                measured: sizes[6][depth - 1].map { $0 * $0 }, tolerance: 1 / Double(width)),
        ]

        let layers = (1...depth).map(Double.init)
        var chart = Chart(x: .init("layer"), y: .init("rms of the signal", .logarithmic, in: 1e-6...1e6))
        for i in [0, 1, 2, 3, 4, 5, 6] {
            chart.line(cases[i].name, x: layers, y: sizes[i].map(\.mean), color: i)
            chart.line(x: layers, y: theory[i].map { $0.squareRoot() }, color: 7, isDashed: true)
        }
        findings.figures.append(
            Figure(
                "layers", title: "The size of the signal, layer by layer",
                caption: """
                    Networks with first weights of variance σ² / n, before any training. Dashed: the theory of wide layers. \
                    On this axis equal distances are equal factors.
                    """, chart))
        findings.figures.append(try histograms(width))
        findings.tables.append(
            DataTable(
                "sizes", title: "Size of the signal (rms)",
                columns: ["network", "after layer 1", "theory", "after layer \(depth), typically", "theory"],
                rows: cases.indices.map { i in
                    // The geometric mean, since sizes differ by factors.
                    let last = measured[i].reduce(0) { $0 + log($1.sizes[depth - 1]) / Double(measured[i].count) }
                    return [
                        .text(cases[i].name), .estimate(sizes[i][0]), .number(theory[i][0].squareRoot()),
                        .number(exp(last)), .number(theory[i][depth - 1].squareRoot()),
                    ]
                }))
        try training(settings, &findings)
        findings.conclusion = """
            With ReLU each layer multiplies the size of the signal by the same factor, and nothing but the weights decides which: \
            only σ² = 2 hands it on as it is. Sigmoid and tanh cannot run away. Yet bounded is not the same as healthy: a tanh \
            network with σ² = 1 fades as well, and the sigmoid settles at a size that has nothing to do with its input. Layer \
            norm makes the size of the weights irrelevant. \(findings.conclusion)
            """
        findings.corrections = [
            Correction(
                said: "The default weights of a library are a good start.",
                found: """
                    Some defaults have σ² = ⅓. With ReLU every layer then multiplies the signal by 0.41, and after ten layers there \
                    is a ten-thousandth left. It goes unnoticed in networks of two or three layers, and where there is \
                    normalisation.
                    """),
            Correction(
                said: "ReLU lets the signal explode, sigmoid does not.",
                found: """
                    ReLU lets it explode, fade or stay, by the weights. That the sigmoid keeps the signal bounded does not help: \
                    what arrives after \(depth) layers is \(Text.number(sizes[5][depth - 1].mean)) for every input.
                    """),
        ]
        return findings
    }

    /// What single units of three layers hand on.
    private static func histograms(_ width: Int) throws -> Figure {
        var charts: [Chart] = []
        for (one, reach) in [
            (Case(name: "tanh, σ² = 1", activation: .tanh, variance: 1), 1.0),
            (Case(name: "tanh, σ² = 9", activation: .tanh, variance: 9), 1.0),
        ] {
            let network = try OpenNetwork(one.layers(30, width), inputs: width, rows: 64, seed: 1)
            try network.run(normals(64 * width, seed: 1))
            for layer in [1, 5, 30] {
                var chart = Chart("\(one.name), layer \(layer)", x: .init("output"), y: .init("share"), size: .small)
                let color = one.variance == 1 ? 0 : 1
                chart.histogram(
                    "", network.values(after: 2 * layer).map(Double.init), bins: 40, in: -reach...reach, color: color)
                charts.append(chart)
            }
        }
        return Figure(
            "histograms", title: "What the units of a tanh network hand on",
            caption: """
                With small weights (top) the outputs gather at 0 and the signal fades. With large ones (bottom) they gather at −1 and \
                1, where tanh is flat and nothing comes back.
                """, charts)
    }

    /// Sizes before and after learning.
    private static func training(_ settings: Settings, _ findings: inout Findings) throws {
        let data = try Digits.load().flattened()
        let (depth, width) = (10, 64)
        let kinds: [(name: String, color: Int, layer: @Sendable () -> [any Layer])] = [
            ("ReLU", 1, { [Dense(width, initializer: .heNormal), ReLU()] }),
            ("ReLU, layer norm", 0, { [Dense(width, initializer: .heNormal), LayerNorm(affine: false), ReLU()] }),
            ("tanh", 2, { [Dense(width, initializer: .xavierNormal), Tanh()] }),
        ]
        var charts: [Chart] = []
        var growth: [Estimate] = []
        for kind in kinds {
            let each = kind.layer().count
            let runs = try settings.overSeeds { seed -> [[Double]] in
                let model = Sequential((0..<depth).flatMap { _ in kind.layer() } + [Dense(10, initializer: .xavier)])
                let session = try Session(
                    model, on: data, optimizer: SGD(learningRate: settings.number("rate")), batch: 32, seed: seed)
                let network = try OpenNetwork(
                    model, inputs: data.inputs.rowSize, rows: 256, isTraining: false, session: session)
                func sizes() throws -> [Double] {
                    try network.run(Array(data.inputs.values.prefix(256 * data.inputs.rowSize)))
                    return (1...depth).map { rootMeanSquare(network.values(after: each * $0)) }
                }
                let before = try sizes()
                try session.train(steps: settings.count("steps"))
                return [before, try sizes()]
            }
            let xs = (1...depth).map(Double.init)
            var chart = Chart(kind.name, x: .init("layer"), y: .init("rms", in: 0...3), size: .small)
            chart.line("before", x: xs, y: Estimate.columns(runs.map { $0[0] }), color: 7)
            chart.line("after training", x: xs, y: Estimate.columns(runs.map { $0[1] }), color: kind.color)
            charts.append(chart)
            growth.append(Estimate(runs.map { $0[1][depth - 1] / $0[0][depth - 1] }))
        }
        findings.figures.append(
            Figure(
                "training", title: "Learning changes the sizes",
                caption: """
                    Ten layers on handwritten digits, before and after \(settings.count("steps")) steps. Bands are 99 % intervals.
                    """, charts))
        findings.checks.append(
            .atLeast(
                "ReLU: size of the last layer, times larger after training (logarithm)", 0, measured: growth[0].map(log)
            ))
        func typical(_ growth: Estimate) -> String { Text.fixed(exp(growth.map(log).mean), 1) }
        findings.conclusion = """
            In training the last of ten ReLU layers became \(typical(growth[0])) times as loud, with layer norm \
            \(typical(growth[1])) times, with tanh \(typical(growth[2])) times.
            """
    }
}
