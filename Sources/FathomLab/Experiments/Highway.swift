import Fathom
import Foundation

extension Experiment {
    static let highway = Experiment(
        name: "highway", title: "Highway networks",
        summary: "A learnt gate decides how much of a layer's input just passes: networks of fifty layers train.",
        question: #"""
            A deep network is a long chain of layers, and a message that must pass through every one of them gets lost. A motorway does
            better: who wants to go far does not drive through every village, but passes it by.

            A **highway layer** works like that. For each of its numbers it has a *gate*, a number between 0 and 1 that the network
            learns. With the gate open (1) the layer changes the number as usual. With the gate closed (0) the number passes
            unchanged. At the start the gates are set nearly closed, so that a fresh network of fifty layers lets almost everything
            through, and corrections reach the first layer.

            Can such a network really be trained where a plain one of the same depth fails? What do the gates do in the end? And does
            the plain one fail because it is deep, or because it was started badly?
            """#,
        mathematics: #"""
            With the changed signal $h = φ(x W_H + b_H)$ and the gate $t = σ(x W_T + b_T)$:

            $$y = h · t + x · (1 - t)$$

            For $t = 0$ this is $y = x$, and its derivative is 1: neither signal nor gradient is changed. For $t = 1$ it is the plain
            layer $y = h$. The bias $b_T$ starts at −1 to −4; $σ(-1) = 0.27$ and $σ(-4) = 0.02$. Input and output must have the same
            number of features. Where they do not, the input is multiplied by a matrix (*projection*) or filled up with zeros.

            How deep may a plain network be? The published comparison that is repeated here draws its weights with a standard deviation
            of 0.1, cut off at two deviations. For layers of 50 units that is $σ_w^2 = 50 · 0.01 · 0.774 = 0.387$. For tanh and such
            weights the gradient's square is multiplied by $χ = 0.387$ in every layer, information gets $ξ = -1/\ln χ = 1.05$ layers
            far, and **six times that, 6 layers,** is about as deep as such a network can be trained. So 5 layers should work and 10
            should not, for want of better weights: with $σ_w^2 = 1$ the same plain network has no such limit.

            And the highway? With the gates at $t$ each layer keeps $f = {(1 - t)}^2 + t^2 σ_w^2$ of the signal's square. A gate bias of −1
            gives $f = 0.56$ and a reach of 10 layers, hardly more than the plain network's. A bias of −3 gives 62 layers, −4 gives 164.
            So **the gates must start more closed the deeper the network is**.
            """#,
        parameters: [
            .seeds(8, quick: 5),
            .counts("depths", [5, 10, 20, 30, 50], quick: [5, 20, 50], in: 1...100, "layers"),
            .count("width", 50, in: 4...256, "units of a layer"),
            .number("gate", -4, in: -10...5, "first bias of the gates"),
            .activation("activation", "tanh", "of the layers"),
            .count("steps", 1000, in: 10...100_000, "steps of training, 32 digits a step"),
            .number("rate", 0.1, in: 0.0001...10, "learning rate"),
            .choice(
                "data", ["auto", "digits", "mnist"],
                "digits: `auto` takes 6000 of MNIST where it is found, else the 1797 built-in ones"),
        ],
        next: [
            .init("Gates that start more closed, for deeper networks.", "--gate -5 --depths 50,100"),
            .init("Gates that start half open.", "--gate 0"),
            .init("With ReLU.", "--activation relu --rate 0.03"),
        ],
        measure: HighwayMeasurement.run)
}

// MARK: Measurement

private enum HighwayMeasurement {
    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        try gates(settings, &findings)
        try depth(settings, &findings)
        return findings
    }

    // MARK: What a gate does

    private static func gates(_ settings: Settings, _ findings: inout Findings) throws {
        let (inputs, rows) = (24, 50)
        let x = normals(rows * inputs, seed: 1)
        func output(_ layer: any Layer, _ weights: [String: [Float]] = [:]) throws -> (OpenNetwork, [Float]) {
            let network = try OpenNetwork(Sequential([layer]), inputs: inputs, rows: rows)
            for (path, values) in weights { network.storage.set(path, values) }
            try network.run(x)
            return (network, network.values(after: 1))
        }
        func furthest(_ a: [Float], _ b: [Float]) -> Double {
            a.count == b.count ? zip(a, b).reduce(0) { max($0, abs(Double($1.0) - Double($1.1))) } : .infinity
        }
        let (_, closed) = try output(Highway(activation: .tanh, gateBias: -200))
        let (open, opened) = try output(Highway(activation: .tanh, gateBias: 200))
        // The plain layer with the left half of the same weights.
        let both = open.storage["highway1.weight"] ?? []
        let half = (0..<inputs).flatMap { both[$0 * 2 * inputs..<$0 * 2 * inputs + inputs] }
        let plain = try OpenNetwork(Sequential([Dense(inputs), Tanh()]), inputs: inputs, rows: rows)
        plain.storage.set("dense1.weight", half)
        try plain.run(x)
        let (_, padded) = try output(Highway(40, gateBias: -200, shortcut: .padding))
        let kept = (0..<rows).flatMap { padded[$0 * 40..<$0 * 40 + inputs] }
        let rest = (0..<rows).flatMap { padded[$0 * 40 + inputs..<($0 + 1) * 40] }
        let (projecting, projected) = try output(Highway(16, gateBias: -200))
        let matrix = projecting.storage["highway1.projection.weight"] ?? []
        var product: [Float] = []
        for r in 0..<rows {
            for c in 0..<16 {
                var sum: Float = matrix.isEmpty ? .nan : 0
                for i in 0..<inputs where !matrix.isEmpty { sum += x[r * inputs + i] * matrix[i * 16 + c] }
                product.append(sum)
            }
        }
        let rounding = 8 * Double(Float.ulpOfOne)
        findings.checks += [
            .equal("gate closed: change of the input", theory: 0, measured: furthest(closed, x), tolerance: 0),
            // y = x + t(h − x) rounds three times.
            .equal(
                "gate open: difference from the plain layer", theory: 0,
                measured: furthest(opened, plain.values(after: 2)), tolerance: rounding),
            .isTrue(
                "24 inputs, 40 outputs, zero padding, gate closed", theory: "the input, then zeros",
                measured: kept == x && rest.allSatisfy { $0 == 0 } ? "the input, then zeros" : "something else",
                kept == x && rest.allSatisfy { $0 == 0 }),
            .equal(
                "24 inputs, 16 outputs, projection, gate closed: difference from x·P", theory: 0,
                measured: furthest(projected, product), tolerance: rounding * Double(inputs)),
        ]
    }

    // MARK: Depth

    private static func data(_ settings: Settings) throws -> (split: DataSplit, isMNIST: Bool) {
        let wanted = settings.text("data")
        if wanted != "digits" {
            do {
                let all = try DatasetCatalog.load("mnist")
                return (
                    try DataSplit(
                        train: all.train.flattened().gather(rows: 0..<6000),
                        test: all.test.flattened().gather(rows: 0..<2000)), true
                )
            } catch { if wanted == "mnist" { throw error } }
        }
        return (try Digits.load().flattened().split(fraction: 0.8, seed: 0), false)
    }

    private static func depth(_ settings: Settings, _ findings: inout Findings) throws {
        let (split, isMNIST) = try data(settings)
        let depths = settings.counts("depths").sorted()
        let width = settings.count("width")
        let activation = try settings.activation()
        let batch = 32
        let steps = settings.count("steps")
        let published: Initializer = .truncatedNormal(mean: 0, standardDeviation: 0.1)
        let kinds: [(name: String, color: Int, layer: @Sendable () -> [any Layer])] = [
            (
                "highway, gate bias \(Text.number(settings.number("gate")))", 2,
                { [Highway(activation: activation, gateBias: settings.number("gate"), initializer: published)] }
            ),
            ("plain, the same weights", 1, { [Dense(width, initializer: published), Activate(activation)] }),
            ("plain, orthogonal weights", 0, { [Dense(width, initializer: .orthogonal), Activate(activation)] }),
            (
                "highway, gate bias −1", 4,
                { [Highway(activation: activation, gateBias: -1, initializer: published)] }
            ),
        ]
        struct Run: Sendable { let kind: Int, depth: Int, seed: UInt64 }
        let seeds = settings.count("seeds")
        let runs = kinds.indices.flatMap { k in
            depths.flatMap { d in (0..<UInt64(seeds)).map { Run(kind: k, depth: d, seed: $0) } }
        }
        let results = try concurrently(runs) { run -> (accuracy: Double, gates: [Double], birth: [Double]) in
            let model = Sequential {
                Dense(width, initializer: run.kind == 2 ? .orthogonal : published)
                Activate(activation)
                for _ in 1..<max(run.depth, 1) { kinds[run.kind].layer() }
                Dense(10, initializer: .xavier)
            }
            let session = try Session(
                model, on: split.train, optimizer: SGD(learningRate: settings.number("rate")),
                clipping: .globalNorm(5), batch: batch, seed: run.seed)
            func gates() throws -> [Double] {
                guard run.kind == 0, run.depth > 1 else { return [] }
                return try Self.gates(model, session, split.test, layers: run.depth - 1, width: width)
            }
            let birth = try gates()
            try session.train(steps: steps)
            return (try session.measure(split.test).accuracy, try gates(), birth)
        }
        func all(_ kind: Int, _ depth: Int) -> [(accuracy: Double, gates: [Double], birth: [Double])] {
            let start = (kind * depths.count + depth) * seeds
            return Array(results[start..<start + seeds])
        }
        func accuracy(_ kind: Int, _ depth: Int) -> Estimate { Estimate(all(kind, depth).map(\.accuracy)) }

        // The theory of the plain network's reach.
        let propagation = try SignalPropagation(activation)
        let variance = Double(width) * 0.01 * 0.7737413
        let q = try propagation.fixedPoint(weightVariance: variance, biasVariance: 0)
        let chi = try propagation.chi(q: q, weightVariance: variance)
        let reach = chi < 1 ? 6 * SignalPropagation.depthScale(chi: chi) : .infinity
        func highwayReach(_ bias: Double) -> Double {
            let t = 1 / (1 + exp(-bias))
            let kept = (1 - t) * (1 - t) + t * t * variance
            return kept < 1 ? 6 * SignalPropagation.depthScale(chi: kept) : .infinity
        }
        let (wide, narrow) = (highwayReach(settings.number("gate")), highwayReach(-1))
        for (i, depth) in depths.enumerated() where Double(depth) > 2 * reach && Double(depth) < wide {
            findings.checks.append(
                .atLeast(
                    "\(depth) layers: right answers of the highway less those of the plain network", 0.2,
                    measured: accuracy(0, i).map(over: accuracy(1, i)) { $0 - $1 }))
        }
        if let last = depths.indices.last, last > 0 {
            if Double(depths[last]) < wide {
                findings.checks.append(
                    .atLeast(
                        "highway: right answers at \(depths[last]) layers by those at \(depths[0])", 0.9,
                        measured: accuracy(0, last).map(over: accuracy(0, 0)) { $0 / $1 }))
            }
            if Double(depths[last]) > 2 * narrow, Double(depths[last]) < wide {
                findings.checks.append(
                    .atLeast(
                        "\(depths[last]) layers: gate bias \(Text.number(settings.number("gate"))) less gate bias −1",
                        0.2,
                        measured: accuracy(0, last).map(over: accuracy(3, last)) { $0 - $1 }))
            }
            if Double(depths[last]) > 2 * reach {
                findings.checks.append(
                    .atLeast(
                        "\(depths[last]) layers: plain with orthogonal weights less plain with the published ones", 0.2,
                        measured: accuracy(2, last).map(over: accuracy(1, last)) { $0 - $1 }))
            }
        }

        let xs = depths.map(Double.init)
        var chart = Chart(x: .init("layers"), y: .init("right answers on new digits", in: 0...1))
        for (k, kind) in kinds.enumerated() {
            chart.line(kind.name, x: xs, y: depths.indices.map { accuracy(k, $0) }, color: kind.color)
        }
        let known: [Int: (Double, Double)] = [
            5: (0.903, 0.857), 10: (0.913, 0.292), 20: (0.910, 0.098), 30: (0.926, 0.125), 50: (0.905, 0.125),
        ]
        if width == 50 {
            let there = depths.filter { known[$0] != nil }
            chart.dots(
                "published, highway", x: there.map(Double.init), y: there.map { known[$0]?.0 ?? .nan }, color: 3,
                radius: 4)
            chart.dots(
                "published, plain", x: there.map(Double.init), y: there.map { known[$0]?.1 ?? .nan }, color: 6,
                radius: 4)
        }
        if reach.isFinite { chart.rule(x: reach, "reach of the plain one, 6ξ") }
        findings.figures.append(
            Figure(
                "depth", title: "Right answers by depth",
                caption: """
                    \(isMNIST ? "6000 digits of MNIST" : "The 1797 built-in digits (the published dots are of 6000 digits of MNIST)"), \
                    layers of \(width), \(steps) steps. Bands are 99 % intervals.
                    """, chart))

        let deep = depths.indices.filter { depths[$0] >= 3 }
        let top = 1.2 * (deep.flatMap { all(0, $0) }.flatMap { $0.gates + $0.birth }.max() ?? 1)
        let charts = deep.map { i in
            let of = all(0, i)
            var chart = Chart(
                "\(depths[i]) layers", x: .init("layer"), y: .init("mean gate", in: 0...top), size: .small)
            let layers = (2...depths[i]).map(Double.init)
            chart.line("at the start", x: layers, y: Estimate.columns(of.map(\.birth)), color: 7)
            chart.line("after training", x: layers, y: Estimate.columns(of.map(\.gates)), color: 2)
            return chart
        }
        findings.figures.append(
            Figure(
                "gates", title: "How far the gates are open, layer by layer",
                caption:
                    "The mean over units and digits; 0 passes the input on, 1 changes it. Bands are 99 % intervals.",
                charts))
        if let i = deep.last {
            let start = Estimate(all(0, i).map { $0.birth.reduce(0, +) / Double($0.birth.count) })
            let bias = 1 / (1 + exp(-settings.number("gate")))
            findings.checks.append(
                // The sums of the gates have mean 0 before training; σ is bent around its bias, which moves the mean by less than
                // σ″·variance/2 < 0.05 for sums of variance 1.
                .equal(
                    "mean gate at the start: σ(\(Text.number(settings.number("gate"))))", theory: bias, measured: start,
                    tolerance: 0.05))
        }
        findings.tables.append(
            DataTable(
                "accuracy",
                title: "Right answers on \(isMNIST ? "2000 digits of MNIST" : "the built-in digits kept back")",
                columns: ["layers"] + kinds.map(\.name) + ["published: highway", "plain"],
                rows: depths.indices.map { i in
                    [.number(Double(depths[i]))] + kinds.indices.map { .estimate(accuracy($0, i)) } + [
                        width == 50 ? known[depths[i]].map { .number($0.0) } ?? "" : "",
                        width == 50 ? known[depths[i]].map { .number($0.1) } ?? "" : "",
                    ]
                }))
        guard let last = depths.indices.last else { return }
        findings.conclusion = """
            With \(depths[last]) layers the highway network answers \(Text.percent(accuracy(0, last).mean)) rightly, the plain one with the \
            same weights \(Text.percent(accuracy(1, last).mean)). Theory says that the plain one reaches \
            \(reach.isFinite ? Text.fixed(reach, 1) : "any number of") layers. \
            \(isMNIST ? "" : "MNIST was not found, so this was measured on the built-in digits of 8 by 8 pixels.")
            """
        findings.corrections = [
            Correction(
                said: "Plain networks of fifty layers cannot be trained; that takes highway or residual connections.",
                found: """
                    The plain networks of this comparison fail because their first weights are too small by a factor of 1.6 for tanh. With \
                    orthogonal weights, and nothing else changed, the plain network of \(depths[last]) layers answers \
                    \(Text.percent(accuracy(2, last).mean)) rightly.
                    """),
            Correction(
                said: "A gate bias of −1 will do.",
                found: """
                    Then a quarter of the signal is replaced in every layer. Theory gives such a network \(Text.fixed(narrow, 0)) layers, \
                    and with \(depths[last]) it answers \(Text.percent(accuracy(3, last).mean)) rightly. With a bias of \
                    \(Text.number(settings.number("gate"))) theory gives \(wide.isFinite ? Text.fixed(wide, 0) : "any number of") layers, and \
                    \(Text.percent(accuracy(0, last).mean)) of the answers are right.
                    """),
        ]
    }

    /// The mean of every highway layer's gates over some rows.
    private static func gates(
        _ model: Sequential, _ session: Session, _ data: Dataset, layers: Int, width: Int
    ) throws -> [Double] {
        let rows = min(64, data.rowCount)
        let network = try OpenNetwork(
            model, inputs: data.inputs.rowSize, rows: rows, isTraining: false, session: session)
        try network.run(Array(data.inputs.values.prefix(rows * data.inputs.rowSize)))
        return (1...layers).map { l in
            // The first dense layer and its activation come before.
            let x = network.values(after: l + 1)
            let (weight, bias) = (session["highway\(l).weight"], session["highway\(l).bias"])
            var total = 0.0
            for r in 0..<rows {
                for unit in 0..<width {
                    var z = bias[width + unit]
                    for i in 0..<width { z += x[r * width + i] * weight[i * 2 * width + width + unit] }
                    total += 1 / (1 + exp(-Double(z)))
                }
            }
            return total / Double(rows * width)
        }
    }
}
