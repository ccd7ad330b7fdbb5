import Fathom
import Foundation

extension Experiment {
    static let residual = Experiment(
        name: "residual", title: "Residual networks",
        summary:
            "Layers that learn what to add to their input: deep networks train, and their gradients are not white noise.",
        question: #"""
            If a network of ten layers does its task, one of fifty should do it at least as well: the other forty layers need only pass
            on what they get. Yet plain deep networks do worse, and not because they learn their examples by heart. They are worse
            on the very examples they learn from. Passing something on unchanged is surprisingly hard to learn.

            A **residual block** makes it easy: its output is its input *plus* what its layers make of it. Layers that have nothing to
            say need only say 0. Does that help? Is it different from a highway network with its gates? And what goes wrong in the
            plain network?

            One answer is that gradients *shatter*. The gradient says in which direction the answer changes when the input changes a
            little. For two similar inputs it should be similar too. If it jumps about like the noise of a radio between two stations,
            a step that helps one example says nothing about the next.
            """#,
        mathematics: #"""
            A highway layer in its general form has two gates, $y = F(x) · T + x · C$. The residual block is the case $T = C = 1$:

            $$y = F(x) + x$$

            Its derivative is $F′(x) + 1$, so the gradient always has a way around the layers. In the block of 2015 ReLU follows the sum;
            in that of 2016 ("pre-activation") nothing does, so that the input passes through any number of blocks unchanged.

            How similar are the gradients of two unrelated inputs after $L$ layers? Say each ReLU is on for half of all inputs, and
            independently for the two. With weights of variance $2/n$ the gradient's square keeps its size, since $2 · 1/2 = 1$. But only
            units that are on for both inputs add to what the gradients share, and those are a quarter: $2 · 1/4 = 1/2$. So the
            correlation is (Balduzzi et al. 2017)

            - plain: $2^{-L}$,
            - residual: $1 + 1 = 2$ for the square and $1 + 1/2$ for what is shared, so ${(3/4)}^L$,
            - residual with batch norm in the blocks: what a block adds weighs less and less beside what is there, roughly $1/\sqrt{L}$.

            All this takes for granted that units are on *independently* for the two inputs. That holds where the mean over the
            examples is subtracted in each layer, as batch norm does. Without it all inputs look more and more alike from layer to
            layer; the angle θ between two of them follows $\cos θ′ = (\sin θ + (π - θ)\cos θ)/π$, and the correlation of the gradients
            is the product of all $1 - θ_l/π$.
            """#,
        parameters: [
            .seeds(10, quick: 6),
            .count("width", 384, quick: 256, in: 16...512, "units of the layers whose gradients are compared"),
            .count("layers", 30, in: 2...60, "most layers there"),
            .counts(
                "depths", [4, 8, 16, 32, 64], quick: [4, 16, 64], in: 2...120, "layers of the networks that are trained"
            ),
            .count("steps", 400, quick: 250, in: 10...10_000, "steps of training on handwritten digits"),
            .number("rate", 0.1, in: 0.0001...10, "learning rate"),
        ],
        next: [
            .init("Does the plain network catch up?", "--steps 2000"),
            .init("Even deeper.", "--depths 32,64,120"),
            .init("Narrow layers: how good is the theory?", "--width 32"),
        ],
        measure: ResidualMeasurement.run)
}

// MARK: Measurement

/// A highway layer whose gates are fixed: y = F(x)·T + x·C.
private struct Gated: Layer {
    let dense: Dense
    let transform: Double
    let carry: Double

    func callAsFunction(_ x: Tensor) -> Tensor { tanh(dense(x)) * transform + x * carry }
}

/// Subtracts the mean over the examples, and divides by their deviation where asked to; both count as fixed numbers in the
/// gradient, as they are when a trained network is used.
private struct Standardise: Layer {
    var isScaled = true

    func callAsFunction(_ x: Tensor) -> Tensor {
        let centred = x - x.mean(alongAxes: [0]).withoutGradient()
        guard isScaled else { return centred }
        return centred * rsqrt((centred * centred).mean(alongAxes: [0]).withoutGradient())
    }
}

private enum ResidualMeasurement {
    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        try gates(&findings)
        try correlation(settings, &findings)
        findings.figures.append(try noise(settings))
        try depth(settings, &findings)
        // The training curves stand for the experiment.
        if let last = findings.figures.popLast() { findings.figures.insert(last, at: 0) }
        return findings
    }

    // MARK: Highway with fixed gates

    private static func gates(_ findings: inout Findings) throws {
        let (n, rows) = (32, 20)
        let x = normals(rows * n, seed: 1)
        let block = try OpenNetwork(
            Sequential([
                Residual {
                    Dense(n, initializer: .xavier)
                    Tanh()
                }
            ]), inputs: n, rows: rows)
        try block.run(x)
        func difference(_ transform: Double, _ carry: Double, from expected: [Float]) throws -> Double {
            let gated = try OpenNetwork(
                Sequential([Gated(dense: Dense(n, initializer: .xavier), transform: transform, carry: carry)]),
                inputs: n,
                rows: rows)
            gated.storage.set("gated1.dense.weight", block.storage["residual1.dense1.weight"] ?? [])
            try gated.run(x)
            return zip(gated.values(after: 1), expected).reduce(0) { max($0, abs(Double($1.0) - Double($1.1))) }
        }
        let plain = try OpenNetwork(Sequential([Dense(n), Tanh()]), inputs: n, rows: rows)
        plain.storage.set("dense1.weight", block.storage["residual1.dense1.weight"] ?? [])
        try plain.run(x)
        findings.checks += [
            .equal(
                "gates T = C = 1: difference from the residual block", theory: 0,
                measured: try difference(1, 1, from: block.values(after: 1)), tolerance: 0),
            .equal(
                "T = 1, C = 0: difference from the plain layer", theory: 0,
                measured: try difference(1, 0, from: plain.values(after: 2)), tolerance: 0),
            .equal(
                "T = 0, C = 1: difference from the input", theory: 0, measured: try difference(0, 1, from: x),
                tolerance: 0),
        ]
    }

    // MARK: Shattered gradients

    private static func layers(_ kind: Int, _ count: Int, _ width: Int) -> [any Layer] {
        (0..<count).map { _ in
            let dense = Dense(width, bias: false, initializer: .heNormal)
            return switch kind {
            case 0: Sequential([Standardise(isScaled: false), ReLU(), dense])
            case 1: Residual(Sequential([Standardise(isScaled: false), ReLU(), dense]))
            case 2: Residual(Sequential([Standardise(), ReLU(), dense]))
            default: Sequential([ReLU(), dense])
            }
        }
    }

    private static func correlation(_ settings: Settings, _ findings: inout Findings) throws {
        let (width, count) = (settings.count("width"), settings.count("layers"))
        let rows = 128
        /// The mean over pairs of rows of the scalar product of their gradients, by the mean square.
        @Sendable func shared(_ g: [Float]) -> Double {
            var sum = [Double](repeating: 0, count: width)
            var squares = 0.0
            for (i, v) in g.enumerated() {
                sum[i % width] += Double(v)
                squares += Double(v) * Double(v)
            }
            let total = sum.reduce(0) { $0 + $1 * $1 }
            return (total - squares) / Double(rows - 1) / squares
        }
        // A network for each depth, looked at from its end to its input.
        let lengths = [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 30, 40, 50, 60].filter { $0 <= count }
        let measured = try (0..<4).map { kind in
            Estimate.columns(
                try settings.overSeeds { seed in
                    let x = normals(rows * width, seed: seed)
                    let pull = normals(width, seed: seed, stream: 1)
                    return try lengths.map { length in
                        guard length > 0 else { return 1 }
                        let network = try OpenNetwork(
                            Sequential(layers(kind, length, width)), inputs: width, rows: rows, seed: seed)
                        try network.run(x, pull: (0..<rows).flatMap { _ in pull })
                        return shared(network.gradients(after: 0))
                    }
                })
        }
        let xs = lengths.map(Double.init)
        // Batch norm: the variance over the examples grows by that of a rectified bell curve, 1 − 1/π, for weights of variance 2/n.
        func normalised(_ l: Int) -> Double {
            (0..<l).reduce(1) { product, k in
                let variance = 1 + Double(k) * (1 - 1 / Double.pi)
                return product * (1 + 0.5 / variance) / (1 + 1 / variance)
            }
        }
        // Unrelated inputs are at right angles at first.
        var angles = [Double.pi / 2]
        for _ in 0..<count {
            let t = angles[angles.count - 1]
            angles.append(acos(min(1, (sin(t) + (Double.pi - t) * cos(t)) / Double.pi)))
        }
        func aligned(_ l: Int) -> Double { (0..<l).reduce(1) { $0 * (1 - angles[$1] / Double.pi) } }
        let theory: [(Int) -> Double] = [{ pow(0.5, Double($0)) }, { pow(0.75, Double($0)) }, normalised, aligned]
        let names = ["plain, centred", "residual, centred", "residual, batch norm", "plain, not centred"]
        // The scalar product of two vectors of n random numbers scatters by 1/√n; the theory is for layers without end and is off
        // by about a tenth of that.
        let tolerance = 0.1 / Double(width).squareRoot()
        let last = lengths[lengths.count - 1]
        for (kind, at) in [(0, [1, 2, 3]), (1, [2, 4, 8]), (2, [5, last]), (3, [2, 5, 10])] {
            for (i, l) in lengths.enumerated() where at.contains(l) {
                findings.checks.append(
                    .equal(
                        "\(names[kind]): correlation of gradients through \(l) layer\(l == 1 ? "" : "s")",
                        theory: theory[kind](l), measured: measured[kind][i], tolerance: tolerance,
                        resolution: 2 / Double(width).squareRoot()))
            }
        }
        var chart = Chart(
            x: .init("layers that the gradient has come through"),
            y: .init("correlation of two gradients", .logarithmic, in: 1e-4...1))
        for (i, color) in [1, 2, 0, 3].enumerated() {
            chart.line(names[i], x: xs, y: measured[i], color: color)
            chart.line("", x: xs, y: lengths.map(theory[i]), color: color, isDashed: true)
        }
        findings.figures.append(
            Figure(
                "correlation", title: "How much the gradients of two unrelated inputs have in common",
                caption: """
                    Dashed: $2^{-L}$, ${(3/4)}^L$, and the products for batch norm and for layers that are not centred. Bands are 99 % \
                    intervals.
                    """, chart))
        let ten = lengths.lastIndex { $0 <= 10 } ?? 0
        findings.corrections = [
            Correction(
                said: "In a plain ReLU network gradients shatter like 2⁻ᴸ.",
                found: """
                    Only where each layer is centred over the batch, as with batch norm. In a plain network without it the inputs become \
                    alike, and so do the gradients: through \(lengths[ten]) layers the correlation is \(Text.number(measured[3][ten].mean)), with \
                    centring \(Text.number(measured[0][ten].mean)). Such a network fails for the opposite reason: it cannot tell its inputs \
                    apart.
                    """),
            Correction(
                said: "With batch norm in residual blocks the correlation falls like 1/√L.",
                found: """
                    That reckons with blocks that add variance 1. Batch norm removes the mean of what ReLU hands on, so that they add \
                    1 − 1/π = 0.68, and the correlation falls like $L^{-0.73}$: \(Text.number(measured[2][lengths.count - 1].mean)) after \(last) layers \
                    instead of \(Text.number(1 / Double(last).squareRoot())). Slowly all the same, and that is what matters.
                    """),
        ]
    }

    /// The slope of a network's answer along a line of inputs.
    private static func noise(_ settings: Settings) throws -> Figure {
        let (width, points) = (128, 256)
        let x = (0..<points).map { Float(-2 + 4 * Double($0) / Double(points - 1)) }
        let shown: [(String, Int, Int, Int)] = [
            ("1 layer", 0, 1, 0), ("plain, 50 layers", 0, 50, 1), ("residual, batch norm, 50 layers", 2, 50, 2),
        ]
        let charts = try shown.map { name, kind, count, color in
            let first = Dense(
                width, initializer: .normal(standardDeviation: 1), biasInitializer: .normal(standardDeviation: 1))
            let network = try OpenNetwork(
                Sequential([first] + layers(kind, count, width) + [Dense(1, initializer: .lecunNormal)]), inputs: 1,
                rows: points, seed: 4)
            try network.run(x)
            let slopes = network.gradients(after: 0)
            let size = rootMeanSquare(slopes)
            var chart = Chart(name, x: .init("input"), y: .init("slope", in: -4...4), size: .small)
            chart.line("", x: x.map(Double.init), y: slopes.map { Double($0) / max(size, 1e-30) }, color: color)
            return chart
        }
        return Figure(
            "noise", title: "The slope of the answer while the input moves from −2 to 2",
            caption: """
                Networks before training, each scaled to the same size. A step that follows the slope at one input helps its neighbours \
                only where the line is calm.
                """, charts)
    }

    // MARK: Depth

    private static func depth(_ settings: Settings, _ findings: inout Findings) throws {
        let data = try Digits.load().flattened()
        let depths = settings.counts("depths").sorted()
        let width = 32
        let kinds: [(name: String, color: Int, block: @Sendable () -> [any Layer])] = [
            ("plain", 1, { (0..<2).flatMap { _ -> [any Layer] in [Dense(width), ReLU()] } }),
            ("plain, batch norm", 4, { (0..<2).flatMap { _ -> [any Layer] in [Dense(width), BatchNorm(), ReLU()] } }),
            ("residual of 2015", 0, { [Residual.postActivation(width)] }),
            ("residual of 2016", 2, { [Residual.preActivation(width)] }),
        ]
        struct Run: Sendable { let kind: Int, depth: Int, seed: UInt64 }
        let seeds = settings.count("seeds")
        let runs = kinds.indices.flatMap { k in
            depths.flatMap { d in (0..<UInt64(seeds)).map { Run(kind: k, depth: d, seed: $0) } }
        }
        let results = try concurrently(runs) { run -> Double in
            let model = Sequential {
                Dense(width, initializer: .he)
                for _ in 0..<max(1, run.depth / 2) { kinds[run.kind].block() }
                if run.kind == 3 {
                    BatchNorm()
                    ReLU()
                }
                Dense(10, initializer: .xavier)
            }
            let session = try Session(
                model, on: data, optimizer: SGD(learningRate: settings.number("rate")), clipping: .globalNorm(5),
                batch: 32, seed: run.seed)
            try session.train(steps: settings.count("steps"))
            return 1 - (try session.measure(data).accuracy)
        }
        func errors(_ kind: Int, _ depth: Int) -> Estimate {
            let start = (kind * depths.count + depth) * seeds
            return Estimate(Array(results[start..<start + seeds]))
        }
        var chart = Chart(x: .init("layers", .logarithmic), y: .init("wrong answers on training digits", in: 0...1))
        for (k, kind) in kinds.enumerated() {
            chart.line(
                kind.name, x: depths.map(Double.init), y: depths.indices.map { errors(k, $0) }, color: kind.color)
        }
        findings.figures.append(
            Figure(
                "depth", title: "Wrong answers on the digits learnt from, by depth",
                caption: "After \(settings.count("steps")) steps. Bands are 99 % intervals.", chart))
        findings.tables.append(
            DataTable(
                "depth", title: "Share of wrong answers on the digits learnt from",
                columns: ["layers"] + kinds.map(\.name),
                rows: depths.indices.map { i in
                    [.number(Double(depths[i]))] + kinds.indices.map { .estimate(errors($0, i)) }
                }))
        guard let last = depths.indices.last, last > 0 else { return }
        findings.checks += [
            .atLeast(
                "degradation: error of the plain network of \(depths[last]) layers less that of \(depths[0])", 0,
                measured: errors(0, last).map(over: errors(0, 0)) { $0 - $1 }),
            .atLeast(
                "\(depths[last]) layers: error of the plain network less that of the residual one of 2016", 0,
                measured: errors(0, last).map(over: errors(3, last)) { $0 - $1 }),
            .atLeast(
                "\(depths[last]) layers, all with batch norm: error of the plain network less that of the residual one",
                0,
                measured: errors(1, last).map(over: errors(3, last)) { $0 - $1 }),
        ]
        findings.conclusion = """
            With \(depths[last]) layers the plain network gets \(Text.percent(errors(0, last).mean)) of the digits wrong that it \
            learnt from, with batch norm \(Text.percent(errors(1, last).mean)), the residual ones \
            \(Text.percent(errors(2, last).mean)) (2015) and \(Text.percent(errors(3, last).mean)) (2016). A residual block is a highway \
            layer whose two gates are fixed at 1.
            """
    }
}
