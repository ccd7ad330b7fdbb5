import Fathom
import Foundation

extension Experiment {
    static let approximate = Experiment(
        name: "approximate", title: "Enough neurons draw any curve",
        summary: "One hidden layer comes as close to a function as one likes; the activation's shape matters little.",
        question: #"""
            Take a curve, any curve without jumps. Can a network with one hidden layer copy it? With ReLU there is a simple way to see
            that it can. A ReLU unit is a line with one bend. Two of them are a line with two bends. With n units one can lay a chain
            of straight pieces with n bends along the curve. The more bends, the closer the chain follows: with twice as many, the
            gap is a quarter.

            Other activations have other building blocks: the sigmoid has soft steps, the sine has waves. Does it matter which one
            is used? And does *training* find what is possible?
            """#,
        mathematics: #"""
            A chain of straight pieces with corners on the curve, $h$ apart, misses a function $f$ by at most

            $$\frac{h^2}{8} \text{max} |f″|$$

            With $n$ units on an interval, $h$ is proportional to $1/n$, so the error falls like $1 / n^2$. The chain is a network: a
            unit $\relu(x - c_i)$ for every corner $c_i$, weighted with the change of slope there.

            Leshno et al. (1993): one hidden layer can approximate every continuous function on a bounded region **exactly when** its
            activation is no polynomial. So the shape may be nearly anything, but not a straight line.
            """#,
        parameters: [
            .seeds(),
            .counts(
                "widths", [2, 4, 8, 16, 32, 64], quick: [2, 4, 8, 16, 32], in: 1...1024, "units of the hidden layer"),
            .activations(
                "activations", ["relu", "tanh", "sigmoid", "gelu", "softplus", "sine", "identity"],
                quick: ["relu", "tanh", "sigmoid", "sine", "identity"], "what is compared"),
            .count("steps", 3000, quick: 1500, in: 10...50_000, "updates of Adam"),
        ],
        next: [
            .init("Stranger shapes: can they be used too?", "--activations gaussian,exponential,hardShrink,softsign"),
            .init("Is the error a matter of time?", "--steps 20000 --seeds 3"),
        ],
        measure: ApproximateMeasurement.run)
}

// MARK: Measurement

private enum ApproximateMeasurement {
    /// f and the largest |f″| on −1…1.
    private static let targets: [(name: String, f: @Sendable (Double) -> Double, bend: Double)] = [
        ("wave", { sin(4 * $0) }, 16), ("bump", { exp(-8 * $0 * $0) }, 16),
        ("bowl with a tilt", { $0 * $0 + 0.5 * $0 }, 2),
    ]

    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        let chains = try chains(&findings)
        let widths = settings.counts("widths").sorted()
        let activations = try settings.activations()
        let steps = settings.count("steps")

        // Mean over the targets of the error by the target's own deviation.
        var chart = Chart(x: .init("hidden units", .logarithmic), y: .init("error left", .logarithmic))
        var last: [(name: String, error: Estimate)] = []
        var rows: [[DataTable.Cell]] = []
        for activation in activations {
            let errors = try Estimate.columns(
                settings.overSeeds { seed in
                    try widths.map { width in
                        try targets.reduce(0) {
                            $0 + (try error($1.f, activation, width: width, steps: steps, seed: seed))
                                / Double(targets.count)
                        }
                    }
                })
            chart.line("\(activation)", x: widths.map(Double.init), y: errors)
            if let final = errors.last { last.append(("\(activation)", final)) }
            rows.append([.text("\(activation)")] + errors.map { .estimate($0) })
        }
        findings.tables.append(
            DataTable(
                "errors", title: "Error by hidden units, as a share of the curve's own spread",
                columns: ["activation"] + widths.map { "\($0)" }, rows: rows))
        let curved = last.filter { $0.name != "identity" }
        for one in curved {
            findings.checks.append(
                .atMost("error of \(one.name) with \(widths.last ?? 0) units", 0.1, measured: one.error))
        }
        if let line = last.first(where: { $0.name == "identity" }) {
            // The best straight line through the targets, by least squares, as a share of their spread.
            let best = targets.reduce(0) { $0 + straight($1.f) / Double(targets.count) }
            findings.checks.append(
                .equal(
                    "error of the straight line, with any number of units", theory: best, measured: line.error,
                    tolerance: 0.02))
        }
        let decades = curved.map { log10($0.error.mean) }
        findings.figures = [
            Figure(
                "errors", title: "Error by the number of hidden units",
                caption:
                    "The mean over three curves, as a share of their own spread, after \(steps) updates. Only the straight line stays where it is.",
                chart), try regions(steps: steps), try fits(steps: steps), chains,
        ]
        findings.conclusion = """
            Every activation with a bend copies the curves to a few per cent, and more units help until training itself is the limit. \
            With \(widths.last ?? 0) units the best and the worst of them are \(Text.fixed(pow(10, (decades.max() ?? 0) - (decades.min() ?? 0)), 0)) \
            times apart; the identity misses by \(Text.percent(last.first { $0.name == "identity" }?.error.mean ?? .nan)) with any number.
            """
        findings.corrections = [
            Correction(
                said: "A network with enough units learns any function.",
                found: """
                    It can *represent* it. The theorem says nothing of finding the weights: the chain laid by hand gets better with 1/n², \
                    while trained networks gain less and less from more units.
                    """)
        ]
        return findings
    }

    /// Networks written down instead of trained: a unit for every corner of the chain.
    private static func chains(_ findings: inout Findings) throws -> Figure {
        let counts = [4, 8, 16, 32, 64]
        var chart = Chart(x: .init("hidden units", .logarithmic), y: .init("largest error", .logarithmic))
        for target in targets {
            var found: [Double] = []
            for n in counts {
                let h = 2 / Double(n)
                let corners = (0...n).map { -1 + h * Double($0) }
                let slopes = zip(corners, corners.dropFirst()).map { (target.f($1) - target.f($0)) / h }
                let xs = (0...2000).map { -1 + Double($0) / 1000 }
                let session = try Session(
                    Sequential {
                        Dense(n); ReLU(); Dense(1)
                    }, on: .rows(xs.map { [$0] }, xs.map { [target.f($0)] }),
                    optimizer: SGD())
                session["dense1.weight"] = [Float](repeating: 1, count: n)
                session["dense1.bias"] = corners.dropLast().map { Float(-$0) }
                session["dense2.weight"] = slopes.indices.map {
                    Float($0 == 0 ? slopes[0] : slopes[$0] - slopes[$0 - 1])
                }
                session["dense2.bias"] = [Float(target.f(-1))]
                let answers = try session.predictions(DataArray(values: xs.map(Float.init), shape: [xs.count, 1]))
                found.append(zip(xs, answers).reduce(0) { max($0, abs(target.f($1.0) - Double($1.1))) })
            }
            chart.line(target.name, x: counts.map(Double.init), y: found, hasDots: true)
            let bound = pow(2 / 32, 2) / 8 * target.bend
            findings.checks.append(
                .atMost(
                    "largest error of 32 ReLU units laid along the \(target.name): h²/8·max|f″|", bound + 1e-6,
                    measured: found[3]))
            let order = log2(found[2] / found[4]) / 2
            findings.checks.append(
                .equal("its order: error ~ 1/nᵏ, k", theory: 2, measured: order, tolerance: 0.15))
        }
        chart.line("1/n²", x: counts.map(Double.init), y: counts.map { 4 / Double($0 * $0) }, color: 7, isDashed: true)
        return Figure(
            "chains", title: "Networks that were written down instead of trained",
            caption:
                "A ReLU unit for every corner of a chain of straight pieces: with twice the units the error is a quarter.",
            chart)
    }

    private static let samples = (0..<128).map { -1 + 2 * (Double($0) + 0.5) / 128 }

    private static func spread(_ y: [Double]) -> Double {
        let mean = y.reduce(0, +) / Double(y.count)
        return (y.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(y.count)).squareRoot()
    }

    private static func straight(_ f: (Double) -> Double) -> Double {
        let y = samples.map(f)
        let mean = y.reduce(0, +) / Double(y.count)
        let slope = zip(samples, y).reduce(0) { $0 + $1.0 * $1.1 } / samples.reduce(0) { $0 + $1 * $1 }
        let rest = zip(samples, y).map { $1 - mean - slope * $0 }
        return (rest.reduce(0) { $0 + $1 * $1 } / Double(rest.count)).squareRoot() / spread(y)
    }

    private static func fit(_ f: (Double) -> Double, _ activation: Activation, width: Int, steps: Int, seed: UInt64)
        throws -> Session
    {
        let session = try Session(
            Sequential {
                Dense(width, initializer: .uniform(-4, 4), biasInitializer: .uniform(-4, 4))
                Activate(activation)
                Dense(1)
            }, on: .rows(samples.map { [$0] }, samples.map { [f($0)] }), optimizer: Adam(learningRate: 0.02), seed: seed
        )
        for step in 0..<steps {
            // Smaller steps toward the end.
            let loss = try session.advance(learningRate: 0.02 * (1 - Double(step) / Double(steps)))
            if !loss.isFinite { break }
        }
        return session
    }

    private static func error(_ f: (Double) -> Double, _ activation: Activation, width: Int, steps: Int, seed: UInt64)
        throws -> Double
    {
        let session = try fit(f, activation, width: width, steps: steps, seed: seed)
        return try session.advance(learningRate: 0).squareRoot() / spread(samples.map(f))
    }

    // MARK: Pictures

    private static func fits(steps: Int) throws -> Figure {
        let charts = try ["relu", "tanh", "sine"].flatMap { name in
            try [3, 12].map { width in
                let target = targets[0]
                let session = try fit(target.f, .named(name), width: width, steps: steps, seed: 1)
                let xs = (0...200).map { -1 + Double($0) / 100 }
                let y = try session.predictions(DataArray(values: xs.map(Float.init), shape: [xs.count, 1]))
                var chart = Chart("\(width) units of \(name)", y: .init(in: -1.4...1.4), size: .small)
                chart.line(x: xs, y: xs.map(target.f), color: 7, isDashed: true)
                chart.line(x: xs, y: y.map(Double.init), color: 0)
                return chart
            }
        }
        return Figure(
            "fits", title: "A wave, copied with few and with more units",
            caption: "Dashed: the wave. Blue: what the network answers.",
            charts)
    }

    /// Decision borders on spirals that get better with width.
    private static func regions(steps: Int) throws -> Figure {
        let data = try SyntheticSets.spirals(count: 600, arms: 2, turns: 1.5, seed: 1)
        let grid = (0..<30).map { -1.1 + 2.2 * (Double($0) + 0.5) / 30 }
        let points = grid.flatMap { y in grid.map { [Float($0), Float(y)] } }
        let charts = try [2, 4, 8, 16, 32, 64].map { width in
            let session = try Session(
                Sequential {
                    Dense(width, initializer: .uniform(-3, 3), biasInitializer: .uniform(-2, 2))
                    Tanh()
                    Dense(2)
                }, on: data, optimizer: Adam(learningRate: 0.02), seed: 2)
            try session.train(steps: steps)
            let answers = try session.predictions(DataArray(values: points.flatMap { $0 }, shape: [points.count, 2]))
            let shares = points.indices.map { 1 / (1 + exp(Double(answers[2 * $0] - answers[2 * $0 + 1]))) }
            let accuracy = try session.measure(data).accuracy
            var chart = Chart(
                "\(width) units: \(Text.percent(accuracy, digits: 0))", x: .init(in: -1.1...1.1),
                y: .init(in: -1.1...1.1), size: .small)
            (chart.x.isHidden, chart.y.isHidden) = (true, true)
            chart.heat(
                x: grid, y: grid, grid.indices.map { r in Array(shares[r * 30..<(r + 1) * 30]) }, in: 0...1,
                colors: .diverging)
            for label in [Int32(0), 1] {
                let rows = (data.labels ?? []).indices.filter { data.labels?[$0] == label && $0 % 6 < 2 }
                chart.dots(
                    x: rows.map { Double(data.inputs.values[2 * $0]) },
                    y: rows.map { Double(data.inputs.values[2 * $0 + 1]) }, color: label == 0 ? 0 : 1, radius: 2.2)
            }
            return chart
        }
        return Figure(
            "regions", title: "Two spirals: the border grows with the number of units",
            caption: "One hidden layer of tanh units. Each unit adds one straight cut; many cuts make a curve.", charts)
    }
}
