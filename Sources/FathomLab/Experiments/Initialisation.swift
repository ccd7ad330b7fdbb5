import Fathom
import Foundation

extension Experiment {
    static let initialisation = Experiment(
        name: "initialisation", title: "The first weights",
        summary:
            "One condition keeps the signal forward, another the gradient back; every activation has its own best weights.",
        question: #"""
            Before a network learns, its weights are random numbers. How large should they be? If they are too small, the signal fades
            on its way through the layers, and all inputs look the same to the last one. If they are too large, the slightest
            difference between two inputs grows into chaos.

            There are rules with famous names: LeCun, Xavier, He. Where do they come from, and do they keep what they promise? Which
            of them fits the activation one has chosen? And how deep a network can one train at all with given weights?
            """#,
        mathematics: #"""
            A unit with $n_\text{in}$ inputs of mean square 1 and weights of variance $v$ has a sum of variance $n_\text{in} v$. The
            gradient comes back through $n_\text{out}$ units. So without the activation

            - the signal keeps its size when $n_\text{in} v = 1$ (LeCun),
            - the gradient keeps its size when $n_\text{out} v = 1$,
            - both cannot hold where a layer has more inputs than outputs; Xavier's rule takes $v = 2/(n_\text{in} + n_\text{out})$. Drawn
              evenly from an interval, that is $±\sqrt{6}/\sqrt{n_\text{in} + n_\text{out}}$.

            An activation φ changes the mean squares. ReLU sets half of the sums to 0, which halves both, so He's rule is
            $v = 2/n_\text{in}$. For any other φ there is a **critical** pair of variances, $σ_w^2 = n_\text{in} v$ for the weights and
            $σ_b^2$ for the biases. The sums have a variance $q$ that reproduces itself, and the gradient's square is multiplied by
            exactly 1:

            $$q = σ_w^2 E[φ^2(\sqrt{q} z)] + σ_b^2, \quad χ = σ_w^2 E[{φ′}^2(\sqrt{q} z)] = 1$$

            Below 1 the gradient vanishes, above 1 it explodes; the border is called the *edge of chaos*. Information gets about
            $ξ = -1/\ln χ$ layers far, and a network can be trained to a depth of about $6 ξ$. For tanh with $σ_b^2 = 0.05$ the border
            lies at $σ_w^2 = 1.761$.

            Two rules look at more than sizes. **Orthogonal** weights turn and mirror the input but stretch it in no direction.
            **LSUV** passes some real data through the network and rescales layer after layer until the sums have variance 1.
            """#,
        parameters: [
            .seeds(10, quick: 8),
            .count("depth", 20, in: 2...60, "layers of the networks whose gradients are measured"),
            .count("width", 256, in: 16...512, "units of a layer"),
            .activations(
                "activations", ["tanh", "relu", "gelu", "silu", "elu", "selu", "softplus", "sigmoid"],
                "activations that get first weights by three rules"),
            .number("bias", 0.05, in: 0...1, "variance of the biases in the map of trainable networks"),
            .numbers(
                "variances", [0.6, 0.9, 1.2, 1.5, 1.76, 2.1, 2.5, 3], quick: [0.6, 1.2, 1.76, 2.5], in: 0.01...20,
                "variances σ² of the weights in that map"),
            .counts(
                "depths", [5, 10, 20, 35, 50, 70], quick: [5, 20, 50], in: 1...120, "depths of the networks in that map"
            ),
            .count("steps", 300, in: 10...10_000, "steps of training of each"),
        ],
        next: [
            .init("Your own activation's critical weights.", "--activations mish,softsign,sine"),
            .init("The map without biases.", "--bias 0"),
            .init("The map after more training: does the border move?", "--steps 1500"),
        ],
        measure: InitialisationMeasurement.run)
}

// MARK: Measurement

private enum InitialisationMeasurement {
    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        try conditions(settings, &findings)
        try uniformBound(&findings)
        try rules(settings, &findings)
        try depthScale(settings, &findings)
        try unitVariance(settings, &findings)
        try orthogonal(settings, &findings)
        try sigmoid(settings, &findings)
        try map(settings, &findings)
        // The map stands for the experiment.
        if let last = findings.figures.popLast() { findings.figures.insert(last, at: 0) }
        findings.conclusion = """
            LeCun's rule keeps the signal and the other one the gradient; where widths differ no rule keeps both, and Xavier's \
            is a fair compromise. With an activation between the layers both need its own factor: 2 for ReLU, and for any other \
            one the critical variances, which can be computed. Networks at the edge of chaos can be trained several times as \
            deep as those beside it.
            """
        findings.corrections.insert(
            Correction(
                said: "Xavier's rule keeps the variance of signals and gradients.",
                found: """
                    Only without an activation (or where it is as good as straight), and only where layers are equally wide. With \
                    ReLU the gradient's square halves in every layer; with a sigmoid it falls to a sixteenth and less.
                    """), at: 0)
        return findings
    }

    private static func meanSquare(_ values: [Float]) -> Double {
        let size = rootMeanSquare(values)
        return size * size
    }

    // MARK: Forward and backward

    private static func conditions(_ settings: Settings, _ findings: inout Findings) throws {
        let rules: [(name: String, initializer: Initializer, variance: @Sendable (Double, Double) -> Double)] = [
            ("1 / n_in (LeCun)", .lecun, { i, _ in 1 / i }), ("1 / n_out", .lecun(.outputs), { _, o in 1 / o }),
            ("2 / (n_in + n_out) (Xavier)", .xavier, { i, o in 2 / (i + o) }),
        ]
        var rows: [[DataTable.Cell]] = []
        for (inputs, outputs) in [(400, 100), (100, 400), (200, 200)] {
            for rule in rules {
                let runs = try settings.overSeeds { seed -> [Double] in
                    let network = try OpenNetwork(
                        Sequential([Dense(outputs, bias: false, initializer: rule.initializer)]), inputs: inputs,
                        rows: 100, seed: seed)
                    let (x, pull) = (normals(100 * inputs, seed: seed), normals(100 * outputs, seed: seed, stream: 1))
                    try network.run(x, pull: pull)
                    return [
                        meanSquare(network.values(after: 1)) / meanSquare(x),
                        meanSquare(network.gradients(after: 0)) / meanSquare(pull),
                    ]
                }
                let gains = Estimate.columns(runs)
                let variance = rule.variance(Double(inputs), Double(outputs))
                let (forward, backward) = (Double(inputs) * variance, Double(outputs) * variance)
                rows.append([
                    .text("\(inputs) → \(outputs)"), .text(rule.name), .number(forward), .estimate(gains[0]),
                    .number(backward), .estimate(gains[1]),
                ])
                if inputs == 400 {
                    findings.checks += [
                        .equal(
                            "\(inputs) → \(outputs), \(rule.name): signal's square", theory: forward, measured: gains[0]
                        ),
                        .equal(
                            "\(inputs) → \(outputs), \(rule.name): gradient's square", theory: backward,
                            measured: gains[1]),
                    ]
                }
            }
        }
        findings.tables.append(
            DataTable(
                "conditions", title: "By how much one layer without activation multiplies mean squares",
                columns: [
                    "layer", "variance of weights", "signal, theory", "measured", "gradient, theory", "measured",
                ],
                rows: rows))
    }

    private static func uniformBound(_ findings: inout Findings) throws {
        let (inputs, outputs) = (300, 500)
        let network = try OpenNetwork(
            Sequential([Dense(outputs, bias: false, initializer: .xavier)]), inputs: inputs, rows: 1)
        let weights = network.storage["dense1.weight"] ?? []
        let bound = (6 / Double(inputs + outputs)).squareRoot()
        let largest = Double(weights.map(abs).max() ?? 0)
        findings.checks.append(
            // The largest of N even numbers is within 10/N of the end but for a chance of e⁻¹⁰.
            .equal(
                "Xavier, even: largest of \(weights.count) weights, √6/√(n_in + n_out)", theory: bound,
                measured: largest, tolerance: bound * 10 / Double(weights.count)))
        // The standard error of the variance of N even numbers is v·√(0.8/N).
        let variance = bound * bound / 3
        findings.checks.append(
            .equal(
                "and their variance, 2/(n_in + n_out)", theory: variance, measured: meanSquare(weights),
                tolerance: 3 * variance * (0.8 / Double(weights.count)).squareRoot()))
    }

    // MARK: Rules and activations

    private static func rules(_ settings: Settings, _ findings: inout Findings) throws {
        let (depth, width) = (settings.count("depth"), settings.count("width"))
        let activations = try settings.activations()
        var rows: [[DataTable.Cell]] = []
        var gains: [[Double]] = [[], [], []]
        var unsteady: [String] = []
        for activation in activations {
            let propagation = try SignalPropagation(activation)
            let critical = try propagation.critical(biasVariance: 0.05)
            // The size of the inputs for which the first sums have the variance that reproduces itself.
            let fitting = ((critical.q - critical.biasVariance) / critical.weightVariance).squareRoot()
            let rules: [(name: String, weight: Double, bias: Double, input: Double)] = [
                ("Xavier", 1, 0, 1), ("He", 2, 0, 1),
                ("critical", critical.weightVariance, critical.biasVariance, fitting),
            ]
            var cells: [DataTable.Cell] = [
                .text(activation.name), .number(critical.weightVariance),
                .number(abs(critical.biasVariance) < 1e-9 ? 0 : critical.biasVariance),
            ]
            // Whether a variance that is a little off comes back to q or runs away from it.
            let around = try [0.99, 1.01].map {
                try propagation.next(
                    q: $0 * critical.q, weightVariance: critical.weightVariance, biasVariance: critical.biasVariance)
            }
            let isSteady = (around[1] - around[0]) / (0.02 * critical.q) < 1.0001
            if !isSteady { unsteady.append(activation.name) }
            for (k, rule) in rules.enumerated() {
                // The theory, layer by layer.
                var (q, expected) = (rule.weight * rule.input * rule.input + rule.bias, 1.0)
                for _ in 0..<depth {
                    let squares = try propagation.meanSquares(q: q)
                    expected *= squares.slope * rule.weight
                    q = rule.weight * squares.value + rule.bias
                }
                let deviation = (rule.weight / Double(width)).squareRoot()
                let measured = Estimate(
                    try settings.overSeeds { seed in
                        let dense = {
                            Dense(
                                width, initializer: .normal(standardDeviation: deviation),
                                biasInitializer: .criticalBias(variance: rule.bias))
                        }
                        let network = try OpenNetwork(
                            Sequential(
                                (0..<depth).flatMap { _ -> [any Layer] in [dense(), Activate(activation)] } + [dense()]),
                            inputs: width, rows: 16, seed: seed)
                        let pull = normals(16 * width, seed: seed, stream: 1)
                        try network.run(normals(16 * width, seed: seed).map { Float(rule.input) * $0 }, pull: pull)
                        // From the last sums to the first ones.
                        return meanSquare(network.gradients(after: 1)) / meanSquare(pull)
                    })
                // Per layer, since the product of many layers scatters widely. Its logarithm is off by about 5/2n.
                let (each, layers) = (measured.map { pow($0, 1 / Double(depth)) }, 1 / Double(depth))
                gains[k].append(log10(max(measured.mean, 1e-300)) / 2)
                cells += [.number(pow(expected, layers)), .estimate(each)]
                if rule.name == "critical" && isSteady || activation.name == "relu" {
                    findings.checks.append(
                        .equal(
                            "\(activation.name), \(rule.name): factor of the gradient's square in a layer",
                            theory: pow(expected, layers), measured: each, tolerance: 5 / Double(width)))
                }
            }
            rows.append(cells)
        }
        findings.tables.append(
            DataTable(
                "rules", title: "By how much each of \(depth) layers multiplies the gradient's mean square",
                columns: [
                    "activation", "critical σ_w²", "σ_b²", "Xavier, theory", "measured", "He, theory", "measured",
                    "critical, theory", "measured",
                ], rows: rows))
        if !unsteady.isEmpty {
            findings.corrections.append(
                Correction(
                    said: "For every activation there are first weights that keep signal and gradient.",
                    found: """
                        On paper. For \(unsteady.joined(separator: ", ")) the balance is that of a pencil on its tip: a signal that is a little \
                        too loud gets louder from layer to layer, one that is too quiet gets quieter. In layers of finite width it is always \
                        a little off.
                        """))
        }
        var chart = Chart(
            x: .init(categories: ["Xavier", "He", "critical"]),
            y: .init(categories: activations.map(\.name).reversed()),
            size: .square)
        let powers = activations.indices.reversed().map { a in (0..<3).map { gains[$0][a] } }
        chart.heat(
            x: [0, 1, 2], y: activations.indices.map(Double.init), powers, in: -6...6, colors: .diverging,
            texts: powers.map { $0.map { Text.fixed($0, 1) } })
        findings.figures.append(
            Figure(
                "rules", title: "The gradient after \(depth) layers",
                caption: """
                    In powers of 10: 0 means as large as at the end of the network, −5 a hundred-thousandth of it, 2 a hundred times as \
                    much.
                    """, chart))
    }

    // MARK: Depth scale

    private static func depthScale(_ settings: Settings, _ findings: inout Findings) throws {
        let width = settings.count("width")
        let propagation = try SignalPropagation(.tanh)
        findings.checks.append(
            .equal(
                "tanh, σ_b² = 0.05: σ_w² of the edge of chaos", theory: 1.76095,
                measured: try propagation.critical(biasVariance: 0.05).weightVariance, tolerance: 5e-6))
        for (variance, known) in [(1.0, 3.62698), (1.3, 7.83407), (1.7, 74.9183)] {
            let q = try propagation.fixedPoint(weightVariance: variance, biasVariance: 0.05)
            let depth = 12
            let chi = Estimate(
                try settings.overSeeds { seed in
                    let layers = (0..<depth).flatMap { _ -> [any Layer] in
                        [
                            Dense(
                                width, initializer: .normal(standardDeviation: (variance / Double(width)).squareRoot()),
                                biasInitializer: .criticalBias(variance: 0.05)),
                            Tanh(),
                        ]
                    }
                    // The inputs are such that the first sums have variance q already.
                    let scale = ((q - 0.05) / variance).squareRoot()
                    let network = try OpenNetwork(Sequential(layers), inputs: width, rows: 32, seed: seed)
                    try network.run(
                        normals(32 * width, seed: seed).map { Float(scale) * $0 },
                        pull: normals(32 * width, seed: seed, stream: 1))
                    let ratio =
                        meanSquare(network.gradients(after: 1)) / meanSquare(network.gradients(after: 2 * depth - 1))
                    return pow(ratio, 1 / Double(depth - 1))
                })
            findings.checks.append(
                .equal(
                    "tanh, σ_w² = \(Text.number(variance)): χ for a depth scale ξ = \(Text.number(known))",
                    theory: exp(-1 / known), measured: chi, tolerance: 5 / Double(width)))
        }
    }

    // MARK: LSUV and orthogonal weights

    private static func unitVariance(_ settings: Settings, _ findings: inout Findings) throws {
        let data = try Digits.load().flattened()
        let (depth, width, rows) = (8, 48, 64)
        let x = Array(data.inputs.values.prefix(rows * data.inputs.rowSize))
        let runs = try settings.overSeeds { seed -> [[Double]] in
            try [false, true].map { isRescaled in
                let model = Sequential {
                    for _ in 0..<depth {
                        Dense(width, initializer: .orthogonal)
                        GELU()
                    }
                }
                let network = try OpenNetwork(model, inputs: data.inputs.rowSize, rows: rows, seed: seed) {
                    guard isRescaled else { return $1 }
                    return try $0.rescaledToUnitVariance(
                        $1,
                        inputs: [
                            "x": ([rows, data.inputs.rowSize], x),
                            "pull": ([rows, width], [Float](repeating: 0, count: rows * width)),
                        ])
                }
                try network.run(x)
                return (0..<depth).map { layer in
                    let sums = network.values(after: 2 * layer + 1).map(Double.init)
                    let mean = sums.reduce(0, +) / Double(sums.count)
                    return sums.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(sums.count)
                }
            }
        }
        let (plain, rescaled) = (Estimate.columns(runs.map { $0[0] }), Estimate.columns(runs.map { $0[1] }))
        findings.checks.append(
            .equal(
                "LSUV on digits: variance of the sums of layer \(depth)", theory: 1, measured: rescaled[depth - 1],
                tolerance: 0.01))
        var chart = Chart(x: .init("layer"), y: .init("variance of the sums", .logarithmic))
        let xs = (1...depth).map(Double.init)
        chart.line("orthogonal", x: xs, y: plain, color: 1)
        chart.line("rescaled on 64 digits (LSUV)", x: xs, y: rescaled, color: 2)
        findings.figures.append(
            Figure(
                "lsuv", title: "Layer-sequential unit variance",
                caption: "A GELU network on handwritten digits before any training. Bands are 99 % intervals.", chart))
    }

    private static func orthogonal(_ settings: Settings, _ findings: inout Findings) throws {
        let (depth, width, rows) = (20, 64, 64)
        func spread(_ initializer: Initializer) throws -> Estimate {
            Estimate(
                try settings.overSeeds { seed in
                    let network = try OpenNetwork(
                        Sequential((0..<depth).map { _ in Dense(width, bias: false, initializer: initializer) }),
                        inputs: width, rows: rows, seed: seed)
                    let x = normals(rows * width, seed: seed)
                    try network.run(x)
                    let y = network.values(after: depth)
                    let stretch = (0..<rows).map { r -> Double in
                        let row = r * width..<(r + 1) * width
                        return rootMeanSquare(Array(y[row])) / rootMeanSquare(Array(x[row]))
                    }
                    return (stretch.max() ?? 0) / (stretch.min() ?? 1)
                })
        }
        let (exact, normal) = (try spread(.orthogonal), try spread(.lecunNormal))
        findings.checks += [
            // Rounding of sums of 64 products, 20 times.
            .equal(
                "orthogonal, 20 layers: largest by smallest stretch of an input", theory: 1, measured: exact,
                tolerance: Double(depth * width) * Double(Float.ulpOfOne)),
            .atLeast("the same with normal weights of the same size", 1.1, measured: normal),
        ]
    }

    // MARK: Sigmoid

    /// A deep sigmoid network from four kinds of first weights.
    private static func sigmoid(_ settings: Settings, _ findings: inout Findings) throws {
        let split = try Digits.standardised()
        let (depth, width) = (settings.count("depth"), 48)
        let starts = ["Xavier", "critical", "a tanh network in disguise", "Xavier, with batch norm"]
        let results = try starts.indices.map { start in
            Estimate(
                try settings.overSeeds { seed in
                    let initializer: Initializer =
                        switch start {
                        case 1: .critical(for: .sigmoid)
                        case 2: .normal(standardDeviation: 4 / Double(width).squareRoot())
                        default: .xavier
                        }
                    let model = Sequential {
                        for _ in 0..<depth {
                            Dense(width, initializer: initializer)
                            if start == 3 { BatchNorm() }
                            Sigmoid()
                        }
                        Dense(10, initializer: .xavier)
                    }
                    let session = try Session(
                        model, on: split.train, optimizer: SGD(learningRate: start == 3 ? 0.3 : 0.1, momentum: 0.9),
                        clipping: .globalNorm(1), batch: 32, seed: seed)
                    if start == 2 {
                        // σ(z) = ½ + ½ tanh(z/2): four times the weights, and biases that take the ½ off again.
                        session["dense1.weight"] = session["dense1.weight"].map { $0 / 2 }
                        for l in 2...max(2, depth) where l <= depth {
                            let weight = session["dense\(l).weight"]
                            session["dense\(l).bias"] = (0..<width).map { unit in
                                -0.5 * stride(from: unit, to: weight.count, by: width).reduce(0) { $0 + weight[$1] }
                            }
                        }
                    }
                    try session.train(steps: 3 * settings.count("steps"))
                    return try session.measure(split.test).accuracy
                })
        }
        findings.checks += [
            .atLeast(
                "\(depth) layers of sigmoid: right answers of a tanh network in disguise less those of Xavier's weights",
                0.2,
                measured: results[2].map(over: results[0]) { $0 - $1 }),
            .atLeast(
                "\(depth) layers of sigmoid: with batch norm less without", 0.2,
                measured: results[3].map(over: results[0]) { $0 - $1 }),
        ]
        findings.tables.append(
            DataTable(
                "sigmoid",
                title:
                    "\(depth) layers of sigmoid, after \(3 * settings.count("steps")) steps: right answers on new digits",
                columns: ["first weights", "share"],
                rows: starts.indices.map { [.text(starts[$0]), .estimate(results[$0])] }))
        findings.corrections.append(
            Correction(
                said: "A sigmoid network cannot be deep.",
                found: """
                    With the usual weights it cannot: \(depth) layers answer \(Text.percent(results[0].mean)) rightly. But since \
                    σ(z) = ½ + ½ tanh(z/2), weights four times as large and biases that take the ½ off again make it \
                    a tanh network: \(Text.percent(results[2].mean)). With batch norm it is \(Text.percent(results[3].mean)). The critical \
                    variance alone, without those biases, gives \(Text.percent(results[1].mean)).
                    """))
    }

    // MARK: The map

    private static func map(_ settings: Settings, _ findings: inout Findings) throws {
        let scaled = try Digits.standardised().train
        let bias = settings.number("bias")
        let variances = settings.numbers("variances").sorted()
        let depths = settings.counts("depths").sorted()
        let width = 48
        let steps = settings.count("steps")
        struct Cell: Sendable { let depth: Int, variance: Double, seed: UInt64 }
        let seeds = UInt64(min(5, settings.count("seeds")))
        let cells = depths.flatMap { d in
            variances.flatMap { v in (0..<seeds).map { Cell(depth: d, variance: v, seed: $0) } }
        }
        let accuracies = try concurrently(cells) { cell -> Double in
            let deviation = (cell.variance / Double(width)).squareRoot()
            let model = Sequential {
                Dense(
                    width, initializer: .normal(standardDeviation: (cell.variance / 64).squareRoot()),
                    biasInitializer: .criticalBias(variance: bias))
                Tanh()
                for _ in 1..<max(cell.depth, 1) {
                    Dense(
                        width, initializer: .normal(standardDeviation: deviation),
                        biasInitializer: .criticalBias(variance: bias))
                    Tanh()
                }
                Dense(10, initializer: .xavier)
            }
            let session = try Session(
                model, on: scaled, optimizer: SGD(learningRate: 0.02, momentum: 0.9), clipping: .globalNorm(1),
                batch: 32, seed: cell.seed)
            try session.train(steps: steps)
            return try session.measure(scaled).accuracy
        }
        func accuracy(_ d: Int, _ v: Int) -> Estimate {
            let start = (d * variances.count + v) * Int(seeds)
            return Estimate(Array(accuracies[start..<start + Int(seeds)]))
        }
        let propagation = try SignalPropagation(.tanh)
        func reach(_ variance: Double) throws -> Double {
            let q = try propagation.fixedPoint(weightVariance: variance, biasVariance: bias)
            return 6 * SignalPropagation.depthScale(chi: try propagation.chi(q: q, weightVariance: variance))
        }
        var chart = Chart(
            x: .init("variance of the weights σ²"),
            y: .init("layers", in: 0...(1.08 * Double(depths.last ?? 1))), size: .square)
        chart.heat(
            x: variances, y: depths.map(Double.init),
            depths.indices.map { d in variances.indices.map { v in accuracy(d, v).mean } },
            label: "right answers", in: 0...1)
        let fine = stride(from: variances.first ?? 1, through: variances.last ?? 1, by: 0.02).map { $0 }
        let border = try fine.map { abs(try reach($0)) }
        chart.line("six depth scales", x: fine, y: border.map { min($0, 1000) }, color: 6)
        let critical = try propagation.critical(biasVariance: bias).weightVariance
        chart.rule(x: critical, "edge of chaos")
        findings.figures.append(
            Figure(
                "map", title: "Which networks can be trained?",
                caption: """
                    Each cell is a tanh network of that depth and those first weights, after \(steps) steps on handwritten digits: the \
                    brighter, the more answers are right. The line is the theory: six times as deep as information gets.
                    """, chart))
        // Beside the edge far deeper than the theory allows, and at the edge equally deep.
        let limit = abs(try reach(variances.first ?? 1))
        guard let index = depths.indices.first(where: { Double(depths[$0]) > 3 * limit }),
            let at = variances.indices.min(by: { abs(variances[$0] - critical) < abs(variances[$1] - critical) }),
            let low = variances.indices.first, seeds > 1
        else { return }
        let deep = depths[index]
        if variances[low] < critical {
            findings.checks.append(
                .atLeast(
                    "\(deep) layers: right answers at σ² = \(Text.number(variances[at])) less those at \(Text.number(variances[low])) (6ξ = \(Text.number(limit.rounded())))",
                    0.2, measured: accuracy(index, at).map(over: accuracy(index, low)) { $0 - $1 }))
        }
    }
}
