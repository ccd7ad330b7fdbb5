import Fathom
import Foundation

extension Experiment {
    static let step = Experiment(
        name: "step", title: "Why the step function cannot be trained",
        summary: "A step has slope 0 everywhere, so nothing before it ever learns; a sigmoid is its smooth version.",
        question: #"""
            The first neurons answered with a step: 1 if the sum is at least 0, else 0. It says *yes* or *no*, but not how
            strongly: a sum of 0.01 and one of 1000 give the same answer.

            Learning needs to know what happens to the answer when a weight changes a little. With a step, almost always nothing
            happens: the sum moves from 0.31 to 0.32, and the answer stays 1. The slope is 0. Back-propagation multiplies by that
            slope, and 0 times anything is 0. So no weight before a step ever moves.

            There are two ways out. The sigmoid is a step with a soft edge: steep, but with a slope everywhere. And there is a
            trick, the **straight-through estimator**: answer with the step, but learn as if its slope were 1 near the edge.
            """#,
        mathematics: #"""
            For a weight $w$ before the step, the chain rule gives a product with the slope of the step as a factor:

            $$\frac{\partial L}{\partial w} = \frac{\partial L}{\partial a} \cdot s′(z) \cdot x = 0 \quad \text{because } s′(z) = 0 \text{ for } z ≠ 0$$

            A sigmoid of steepness $a$ differs from the step, at a distance $δ$ from the edge, by

            $$\frac{1}{1 + e^{a δ}}$$

            which becomes as small as one likes for large $a$. But its slope $a σ (1 - σ)$ is then large in a narrow window and
            nearly 0 outside: the closer it comes to a step, the worse it learns.
            """#,
        parameters: [
            .seeds(),
            .count("width", 10, in: 2...256, "units of the hidden layer"),
            .count("steps", 1500, quick: 1000, in: 1...20_000, "updates"),
            .number("rate", 0.02, in: 1e-5...1, "learning rate of Adam"),
            .numbers("slopes", [1, 2, 5, 20], in: 0.1...1000, "steepness of the sigmoids in the picture"),
        ],
        next: [
            .init("Enough random units make up for a layer that does not learn.", "--width 128"),
            .init("With few units it cannot be made up for.", "--width 4"),
            .init("Steeper and steeper sigmoids.", "--slopes 1,10,100"),
        ],
        measure: StepMeasurement.run)
}

// MARK: Measurement

private enum StepMeasurement {
    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        let kinds: [(String, Activation)] = [
            ("step", try .named("step")), ("straight-through", try .named("step", parameters: ["straightThrough": 1])),
            ("sigmoid", .sigmoid), ("steep sigmoid, a = 20", .sigmoid(slope: 20)),
        ]
        let (width, steps) = (settings.count("width"), settings.count("steps"))
        let rate = settings.number("rate")

        struct Run: Sendable {
            var gradient, moved, accuracy: Double
            var losses: [Double]
        }
        let runs = try kinds.map { _, activation in
            try settings.overSeeds { seed in
                let data = try SyntheticSets.spirals(count: 400, arms: 2, turns: 1, seed: seed)
                // The first layer is the same for all: its weights depend on the seed and their name alone.
                let model = Sequential {
                    Dense(width, initializer: .uniform(-3, 3), biasInitializer: .uniform(-2, 2))
                    Activate(activation)
                    Dense(2)
                }
                let session = try Session(
                    model, on: data, optimizer: Adam(learningRate: rate), seed: seed,
                    probes: ProbeSettings(interval: 100, layers: ["dense1"], quantities: [.weightGradient], sample: 0))
                let before = session["dense1.weight"]
                var largest = 0.0
                var losses: [Double] = []
                for _ in 0..<steps {
                    losses.append(try session.advance())
                    let seen = session.observation?["dense1", "weight.gradient"]?.moments
                    largest = max(largest, Double(seen?.largestMagnitude ?? .nan))
                }
                let moved = zip(before, session["dense1.weight"]).reduce(0.0) { max($0, Double(abs($1.0 - $1.1))) }
                return Run(
                    gradient: largest, moved: moved, accuracy: try session.measure(data).accuracy, losses: losses)
            }
        }
        let accuracies = runs.map { Estimate($0.map(\.accuracy)) }
        findings.checks = [
            .equal(
                "largest gradient before a step, all runs", theory: 0, measured: runs[0].map(\.gradient).max() ?? .nan,
                tolerance: 0),
            .equal(
                "how far a weight before a step moves", theory: 0, measured: runs[0].map(\.moved).max() ?? .nan,
                tolerance: 0),
            .atLeast("how far weights move straight through", 0.01, measured: Estimate(runs[1].map(\.moved))),
            .atLeast(
                "accuracy straight through minus that of the step", 0,
                measured: accuracies[1].map(over: accuracies[0]) { $0 - $1 }),
            .atLeast(
                "accuracy of the sigmoid minus that of the step", 0,
                measured: accuracies[2].map(over: accuracies[0]) { $0 - $1 }),
        ]
        for a in [1.0, 5, 20] {
            let curve = try ActivationCurve(.sigmoid(slope: a))
            let xs = (10...400).flatMap { [Double($0) / 100, -Double($0) / 100] }
            let furthest = zip(xs, try curve(xs).values).reduce(0) { max($0, abs($1.1 - ($1.0 > 0 ? 1 : 0))) }
            findings.checks.append(
                .equal(
                    "difference of σ with a = \(Text.number(a)) from a step, beyond 0.1",
                    theory: 1 / (1 + exp(a * 0.1)),
                    measured: furthest, tolerance: 1e-12))
        }
        findings.tables = [
            DataTable(
                "runs", title: "Two spirals, one hidden layer of \(width): after \(steps) updates",
                columns: ["activation", "accuracy", "largest gradient of the first layer", "furthest a weight moved"],
                rows: zip(kinds, runs).map { kind, runs in
                    [
                        .text(kind.0), .estimate(Estimate(runs.map(\.accuracy))),
                        .estimate(Estimate(runs.map(\.gradient))), .estimate(Estimate(runs.map(\.moved))),
                    ]
                })
        ]
        findings.figures = [try curves(settings.numbers("slopes"))]
        var chart = Chart(x: .init("update"), y: .init("loss", .logarithmic))
        let shown = stride(from: 0, to: steps, by: max(1, steps / 60)).map { $0 }
        for (kind, runs) in zip(kinds, runs) {
            chart.line(
                kind.0, x: shown.map(Double.init), y: Estimate.columns(runs.map { r in shown.map { r.losses[$0] } }),
                hasDots: false)
        }
        findings.figures.append(
            Figure(
                "training", title: "Learning two spirals",
                caption: "All start from the same random weights. With the step, the output layer alone learns.", chart)
        )
        findings.conclusion = """
            Before a step every gradient is exactly 0, and after \(steps) updates every weight has the bits it had at the start. The \
            sigmoid learns, and so does the step with a straight-through gradient.
            """
        findings.corrections = [
            Correction(
                said: "A network of step functions cannot learn at all.",
                found: """
                    Its last layer can, because no step comes after it. Here it sorts \(Text.percent(accuracies[0].mean)) of the points \
                    from units whose weights are mere chance; a guess would give 50 %. What it cannot do is shape those units.
                    """)
        ]
        return findings
    }

    private static func curves(_ slopes: [Double]) throws -> Figure {
        let xs = (-300...300).map { Double($0) / 100 }
        var values = Chart("what is passed on", x: .init("sum"), y: .init("", in: -0.1...1.1))
        var derivatives = Chart("its slope", x: .init("sum"), y: .init())
        let step = try ActivationCurve(.named("step"))(xs)
        values.line("step", x: xs, y: step.values, color: 6)
        derivatives.line("step", x: xs, y: step.slopes, color: 6)
        for slope in slopes {
            let at = try ActivationCurve(.sigmoid(slope: slope))(xs)
            values.line("σ, a = \(Text.number(slope))", x: xs, y: at.values)
            derivatives.line("σ, a = \(Text.number(slope))", x: xs, y: at.slopes)
        }
        return Figure(
            "curves", title: "The step and its smooth versions",
            caption:
                "The steeper a sigmoid, the more it is a step, and the narrower the window in which it has a slope.",
            [values, derivatives])
    }
}
