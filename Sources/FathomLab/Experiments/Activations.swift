import Fathom
import Foundation

extension Experiment {
    static let activations = Experiment(
        name: "activations", title: "Activation functions and their slopes",
        summary: "Every activation drawn with its slope, and what the two do to signals and to gradients.",
        question: #"""
            A neuron adds up its inputs, each times a weight. The sum can be any number. Before it is passed on, it goes
            through a function, the **activation**, which we call φ. The oldest smooth one is the sigmoid: it turns a sum of
            −4 into 0.018, 0 into 0.5 and 4 into 0.982. ReLU is simpler: it keeps what is positive and turns the rest into 0.

            A network learns by asking, at every neuron: *if this sum were a little larger, how much more would come out?*
            The answer is the **slope** of φ at that sum, written φ′. Where the curve is flat, the slope is 0 and the neuron
            learns nothing, however wrong it is. At a sum of 4 a sigmoid's slope is 0.018: of a correction of 1, only 0.018
            comes through.

            So two curves matter for each activation: what it passes on, and its slope. Here they are, solid and dashed. Four
            things to look for: between which values does it stay (its range)? Is what comes out balanced around 0? Where is
            it flat? And how steep is it at most?
            """#,
        mathematics: #"""
            The sigmoid with steepness $a$ and its slope, which is at most a quarter of $a$:

            $$σ(x) = \frac{1}{1 + e^{-a x}} \quad σ′(x) = a σ(x) (1 - σ(x)) ≤ \frac{a}{4}$$

            The hyperbolic tangent is a sigmoid that was stretched and moved down, so that it is balanced around 0:

            $$\tanh x = 2 σ(2 x) - 1 \quad \tanh′ x = 1 - \tanh^2 x ≤ 1$$

            Which has the larger slope? Near 0 it is tanh, further out the sigmoid. They are equally steep at $|x| ≈ 1.663$, where
            $\cosh x = 2 \cosh(x/2)$.

            In a wide network the sums $z$ are spread like a bell curve. Write $E[…]$ for the mean over all of them, and take them so large
            that $E[z^2] = 1$. Then an activation changes the size of signals by the factor $\sqrt{E[φ(z)^2]}$ and the size of corrections,
            which are called gradients, by $\sqrt{E[φ′(z)^2]}$. The **gains** are what weights must be multiplied by to make up for
            that:

            $$g_{\text{forward}} = \frac{1}{\sqrt{E[φ(z)^2]}} \quad g_{\text{backward}} = \frac{1}{\sqrt{E[φ′(z)^2]}}$$

            For ReLU both are $\sqrt{2}$, because it passes half of all sums. SELU's two constants were chosen so that a mean of 0 and
            a variance of 1 come out as they went in.
            """#,
        parameters: [
            .seeds(),
            .count("draws", 20_000, quick: 5000, in: 100...1_000_000, "random sums of each run"),
            .activations(
                "show", ["sigmoid", "tanh", "relu", "gelu"], "what the first picture draws"),
        ],
        next: [
            .init("How does a leak change ReLU?", "--show 'relu,leakyRelu(0.3),elu'"),
            .init(
                "A steeper sigmoid: is its largest slope a quarter of the steepness?", "--show 'sigmoid(1),sigmoid(4)'"),
            .init("More draws: the measured gains come closer to the computed ones.", "--draws 200000 --seeds 8"),
        ],
        measure: ActivationsMeasurement.run)
}

// MARK: Measurement

private enum ActivationsMeasurement {
    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        let all = Activation.all.map { $0.make() }
        let elementwise = all.filter(\.isElementwise)
        let facts = try elementwise.map { try ActivationFacts($0) }

        // Random sums through the compiled function: the gains as they are met in a network.
        let names = elementwise.map(\.name)
        let draws = settings.count("draws")
        let runs = try settings.overSeeds { seed -> [(mean: Double, value: Double, slope: Double)] in
            var random = SeededGenerator(seed: seed)
            let sums = (0..<draws).map { _ in Float(random.normal()) }
            return try names.map { name in
                let at = try compiled(Activation.named(name), sums)
                func meanSquare(_ v: [Float]) -> Double {
                    v.reduce(0) { $0 + Double($1) * Double($1) } / Double(v.count)
                }
                let mean = at.values.reduce(0) { $0 + Double($1) } / Double(draws)
                return (mean, meanSquare(at.values), meanSquare(at.slopes))
            }
        }
        func estimate(_ i: Int, _ pick: ((mean: Double, value: Double, slope: Double)) -> Double) -> Estimate {
            Estimate(runs.map { pick($0[i]) })
        }
        findings.tables.append(try table(elementwise, facts, estimate))

        findings.checks = try identities()
        for (name, known) in [("relu", 2.0.squareRoot()), ("tanh", 1.59254), ("gelu", 1.53353), ("selu", 1)] {
            guard let i = names.firstIndex(of: name) else { continue }
            findings.checks.append(
                .equal(
                    "forward gain of \(name)", theory: known,
                    measured: estimate(i) { 1 / $0.value.squareRoot() }, tolerance: 5e-6))
        }
        for (name, known) in [("relu", 2.0.squareRoot()), ("sigmoid", 4.72265), ("tanh", 1.46741)] {
            guard let i = names.firstIndex(of: name) else { continue }
            findings.checks.append(
                .equal(
                    "backward gain of \(name)", theory: known,
                    measured: estimate(i) { 1 / $0.slope.squareRoot() }, tolerance: 5e-6))
        }
        if let i = names.firstIndex(of: "relu") {
            findings.checks.append(
                .equal(
                    "mean of what ReLU passes on: 1/√(2π), not 0", theory: 1 / (2 * Double.pi).squareRoot(),
                    measured: estimate(i, \.mean)))
        }
        // A formula of one's own has the same facts as the built-in it equals.
        let own = try ActivationFacts(Activation("mine") { x in x * sigmoid(x) })
        let builtIn = try ActivationFacts(.named("silu"))
        findings.checks.append(
            .equal(
                "gain of x·σ(x) written by hand", theory: builtIn.forwardGain, measured: own.forwardGain,
                tolerance: 1e-12))

        findings.figures = [try overview(settings.activations("show"))] + (try families(elementwise))
        findings.figures.append(try rows())
        findings.conclusion = """
            Sigmoid and tanh are flat on both sides: far from 0 they pass hardly anything back. ReLU has slope 1 for everything \
            positive and exactly 0 for everything negative. The newer ones (GELU, SiLU, Mish) follow ReLU far out and are smooth \
            around 0, at the price of a dip: they are not monotone.
            """
        findings.corrections = [
            Correction(
                said: "The slope of tanh is larger than that of the sigmoid.",
                found: """
                    Only for sums between −1.66 and 1.66. Further out tanh is the flatter one: at 3 its slope is \
                    0.0099, the sigmoid's 0.0452. Tanh learns faster because sums are small at the start, not everywhere.
                    """),
            Correction(
                said: "A good activation must be balanced around 0.",
                found: """
                    ReLU is not: on average it passes on 0.4 of the spread of its sums. It trains deep networks nevertheless, \
                    because its slope does not shrink.
                    """),
        ]
        return findings
    }

    /// φ and φ′ as a network computes them: traced, differentiated and compiled, in single precision.
    private static func compiled(
        _ activation: Activation, _ sums: [Float]
    ) throws -> (values: [Float], slopes: [Float]) {
        let trace = Trace(isTraining: false)
        let x = trace.input("x", [.batch])
        let y = activation(x)
        try trace.check()
        guard let input = x.id, let output = y.id else { return ([], []) }
        var graph = trace.graph
        let slope = try graph.gradient(of: output, withRespectTo: [input])[input]
        graph.outputs = [("y", output)] + (slope.map { [("slope", $0)] } ?? [])
        let plan = try Executable(graph, maxBatch: sums.count, state: StateStorage([]), team: Team(threads: 1))
        _ = plan.setInput("x", sums)
        try plan.run(batch: sums.count)
        return (plan.output("y", batch: sums.count), slope == nil ? [] : plan.output("slope", batch: sums.count))
    }

    /// What must be so at every point, on a grid of sums.
    private static func identities() throws -> [Check] {
        let grid = (-800...800).map { Float($0) / 100 }
        func furthest(_ a: [Float], _ b: [Float]) -> Double {
            zip(a, b).reduce(0) { Swift.max($0, Double(Swift.abs($1.0 - $1.1))) }
        }
        // A few units in the last place of numbers up to 1.
        let rounding = 4 * Double(Float.ulpOfOne)
        let tanh = try compiled(.tanh, grid)
        let double = try compiled(Activation("2σ(2x)−1") { x in 2 * sigmoid(2 * x) - 1 }, grid)
        var checks: [Check] = [
            .equal(
                "tanh x = 2σ(2x) − 1, largest difference", theory: 0, measured: furthest(tanh.values, double.values),
                tolerance: rounding),
            .equal(
                "tanh′ = 1 − tanh², largest difference from the secant", theory: 0,
                measured: furthest(try secants(.tanh, grid), tanh.values.map { 1 - $0 * $0 }), tolerance: rounding),
        ]
        for a in [0.5, 1, 4] {
            let s = try compiled(.sigmoid(slope: a), grid)
            checks.append(
                .equal(
                    "σ′ = aσ(1 − σ) for a = \(Text.number(a)), largest difference from the secant", theory: 0,
                    measured: furthest(
                        try secants(.sigmoid(slope: a), grid), s.values.map { Float(a) * $0 * (1 - $0) }),
                    tolerance: a * rounding))
            checks.append(
                .equal(
                    "largest slope for a = \(Text.number(a)): a/4", theory: a / 4,
                    measured: Double(s.slopes.max() ?? 0), tolerance: a * rounding))
        }
        // Where tanh and the sigmoid are equally steep, by halving.
        let (t, s) = (try ActivationCurve(.tanh), try ActivationCurve(.named("sigmoid")))
        var (low, high) = (1.0, 3.0)
        for _ in 0..<50 {
            let middle = (low + high) / 2
            if try t([middle]).slopes[0] > s([middle]).slopes[0] { low = middle } else { high = middle }
        }
        checks.append(
            .equal(
                "tanh and sigmoid are equally steep at", theory: 2 * acosh((1 + 3.0.squareRoot()) / 2), measured: low,
                tolerance: 1e-9))
        return checks
    }

    /// The slope between two points close by, in double precision: what a derivative means, without its rules.
    private static func secants(_ activation: Activation, _ sums: [Float]) throws -> [Float] {
        let curve = try ActivationCurve(activation)
        let h = 1e-5
        let (after, before) = (try curve(sums.map { Double($0) + h }), try curve(sums.map { Double($0) - h }))
        return zip(after.values, before.values).map { Float(($0 - $1) / (2 * h)) }
    }

    // MARK: Pictures

    private static let grid: [Double] = (-100...100).map { Double($0) / 20 }

    private static func overview(_ activations: [Activation]) throws -> Figure {
        var values = Chart("φ: what is passed on", x: .init("sum"), y: .init("", in: -1.3...3.2))
        var slopes = Chart("φ′: the slope", x: .init("sum"), y: .init("", in: -0.3...1.3))
        for activation in activations {
            let at = try ActivationCurve(activation)(grid)
            values.line("\(activation)", x: grid, y: at.values)
            slopes.line("\(activation)", x: grid, y: at.slopes)
        }
        return Figure(
            "curves", title: "What is passed on, and its slope",
            caption:
                "Above 3 and below −3 the slopes of sigmoid and tanh are close to 0; ReLU's is 1 for every positive sum.",
            [values, slopes])
    }

    /// Small pictures in families.
    private static func families(_ activations: [Activation]) throws -> [Figure] {
        let families: [(String, String, Set<String>)] = [
            (
                "steps", "From the step to tanh",
                [
                    "identity", "step", "sigmoid", "tanh", "scaledTanh", "softsign", "hardSigmoid", "hardTanh",
                    "logSigmoid",
                ]
            ),
            (
                "rectifiers", "ReLU and its relatives",
                ["relu", "leakyRelu", "rrelu", "relu6", "elu", "selu", "celu", "softplus", "threshold"]
            ),
            ("smooth", "Smooth ones with a dip", ["gelu", "geluTanh", "silu", "mish", "hardSwish"]),
            ("odd", "The rest", ["exponential", "sine", "gaussian", "softShrink", "hardShrink", "tanhShrink"]),
        ]
        return try families.map { name, title, members in
            var charts: [Chart] = []
            for activation in activations where members.contains(activation.name) {
                let curve = try ActivationCurve(activation)
                // Both sides of every jump.
                let xs = (grid + curve.kinks.flatMap { [$0 - 1e-9, $0 + 1e-9] }).filter { Swift.abs($0) <= 5 }.sorted()
                let at = try curve(xs)
                let (low, high) = (at.values.min() ?? 0, at.values.max() ?? 1)
                var chart = Chart(
                    activation.name,
                    y: .init(in: Swift.max(-5, Swift.min(low, 0) - 0.3)...Swift.min(5, Swift.max(high, 1) + 0.3)),
                    size: .small)
                chart.line(x: xs, y: at.values, color: 0)
                chart.line(x: xs, y: at.slopes, color: 1, isDashed: true)
                charts.append(chart)
            }
            return Figure(
                name, title: title, caption: "Blue and solid: what is passed on. Orange and dashed: the slope.", charts)
        }
    }

    /// Functions of a whole row have no curve of their own; one input moves, the others rest.
    private static func rows() throws -> Figure {
        func answers(_ model: any Layer, _ rows: [[Double]]) throws -> [[Double]] {
            let data = try Dataset.rows(rows, rows)
            let width = rows[0].count
            let step = try InferenceStep(
                model, loss: nil, data: DataShape(input: [width], target: .values([width])), batch: rows.count,
                storage: StateStorage([]), team: Team(threads: 1))
            _ = step.withInputs(batch: rows.count) { x, _ in
                for (i, v) in data.inputs.values.enumerated() { x[i] = v }
            }
            let flat = try step.run(batch: rows.count)
            let out = flat.count / rows.count
            return (0..<rows.count).map { r in flat[r * out..<(r + 1) * out].map(Double.init) }
        }
        let xs = stride(from: -4.0, through: 4, by: 0.05).map { $0 }
        var charts: [Chart] = []
        for (name, rest, columns) in [
            ("softmax", [1.0, 0], ["x", "1", "0"]), ("sparsemax", [1, 0], ["x", "1", "0"]),
            ("logSoftmax", [1, 0], ["x", "1", "0"]), ("crelu", [], ["positive", "negative"]),
            ("glu", [1], ["x gates 1"]), ("swiglu", [1], ["x gates 1"]), ("geglu", [1], ["x gates 1"]),
        ] {
            // A gate is the second half of its input.
            let isGate = rest.count == 1
            let ys = try answers(Activate(.named(name)), xs.map { isGate ? rest + [$0] : [$0] + rest })
            var chart = Chart(name, x: .init("x"), size: .small)
            for (c, label) in columns.enumerated() { chart.line(label, x: xs, y: ys.map { $0[c] }) }
            charts.append(chart)
        }
        // Two that learn their shape, with parameters set by hand.
        func shaped(
            _ title: String, _ label: String, _ model: Sequential, _ parameters: [(String, [Float])],
            over lines: [[Double]] = []
        ) throws -> Chart {
            let session = try Session(model, on: .rows(xs.map { [$0] }, xs.map { [$0] }), optimizer: SGD())
            for (path, values) in parameters { session[path] = values }
            let y = try session.predictions(DataArray(values: xs.map(Float.init), shape: [xs.count, 1]))
            var chart = Chart(title, x: .init("x"), size: .small)
            for line in lines { chart.line(x: xs, y: line, color: 7, isDashed: true) }
            chart.line(label, x: xs, y: y.map(Double.init))
            return chart
        }
        let maxout = try shaped(
            "maxout", "largest of 3 lines", Sequential { Maxout(1, pieces: 3) },
            [("maxout1.weight", [1, -1, 0.3]), ("maxout1.bias", [0, -1, 1])],
            over: [xs, xs.map { -$0 - 1 }, xs.map { 0.3 * $0 + 1 }])
        let prelu = try shaped(
            "prelu", "slope learnt, here 0.4", Sequential { PReLU() }, [("prelu1.slope", [0.4])])
        return Figure(
            "rows", title: "Functions of several sums, and functions that learn their shape",
            caption: """
                Softmax shares 1 among all outputs; sparsemax does too, but gives exactly 0 to those that are far behind. Gates \
                multiply one half of the sums with an activation of the other. Maxout takes the largest of several lines, PReLU \
                has its own slope on the left; both learn them.
                """, charts + [maxout, prelu])
    }

    private static func table(
        _ activations: [Activation], _ facts: [ActivationFacts],
        _ estimate: (Int, ((mean: Double, value: Double, slope: Double)) -> Double) -> Estimate
    ) throws -> DataTable {
        let sums = (0..<65_536).map { Float($0 % 1000) / 100 - 5 }
        return DataTable(
            "facts", title: "Every activation that works number by number",
            columns: [
                "name", "range", "zero-centred", "monotone", "flat on", "max |φ′|", "forward gain", "measured",
                "backward gain", "measured", "ns each",
            ],
            rows: try zip(activations, facts).enumerated().map { i, pair in
                let (activation, f) = pair
                let flat = f.saturatesLeft ? f.saturatesRight ? "both" : "left" : f.saturatesRight ? "right" : ""
                return [
                    .text(activation.name),
                    .text("\(Text.number(f.range.lowerBound)) … \(Text.number(f.range.upperBound))"),
                    .text(f.isZeroCentred ? "yes" : "no"), .text(f.isMonotone ? "yes" : "no"), .text(flat),
                    .number(f.maxSlope), .number(f.forwardGain), .estimate(estimate(i) { 1 / $0.value.squareRoot() }),
                    .number(f.backwardGain), .estimate(estimate(i) { 1 / $0.slope.squareRoot() }),
                    .number((try cost(activation, sums) * 100).rounded() / 100),
                ]
            })
    }

    /// Nanoseconds an element, forward, on one thread: the best of several runs. Depends on the machine, so nothing is claimed.
    private static func cost(_ activation: Activation, _ sums: [Float]) throws -> Double {
        let trace = Trace(isTraining: false)
        let y = activation(trace.input("x", [.batch]))
        try trace.check()
        guard let output = y.id else { return .nan }
        var graph = trace.graph
        graph.outputs = [("y", output)]
        let plan = try Executable(graph, maxBatch: sums.count, state: StateStorage([]), team: Team(threads: 1))
        _ = plan.setInput("x", sums)
        let clock = ContinuousClock()
        var best = Double.infinity
        for _ in 0..<7 {
            let taken = try clock.measure { try plan.run(batch: sums.count) }
            best = Swift.min(best, Double(taken.components.attoseconds) * 1e-9)
        }
        return best / Double(sums.count)
    }
}
