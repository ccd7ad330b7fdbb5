import Fathom
import Foundation

extension Experiment {
    static let biasDrift = Experiment(
        name: "bias-drift", title: "Where neurons bend, and how that moves",
        summary: "A unit bends at −b/‖w‖, not at 0; training moves these places to where the curve needs them.",
        question: #"""
            A ReLU unit is flat on one side and rises on the other. In between it has a bend, its **hinge**. With one input the hinge
            lies where the weighted sum is zero: w · x + b = 0, so at x = −b / w. With several inputs it is a flat wall at the distance
            −b / ‖w‖ from the origin.

            A network can bend its answer only at its hinges. If all biases start at 0, all hinges start at the same place. Does
            training spread them? And where do they go?
            """#,
        mathematics: #"""
            The hinge of a unit with weights $w$ and bias $b$ is the set $w · x + b = 0$; its distance from the origin, with a sign, is

            $$d = \frac{-b}{‖w‖}$$

            With one input, and weight and bias both drawn uniformly from $-c … c$ (as some libraries do), $-b/w$ is the ratio of two such
            numbers. Half of all ratios lie within $-1 … 1$, and a quarter lies beyond ±2:

            $$P(|b / w| ≤ 1) = \frac{1}{2} \quad P(|b / w| > 2) = \frac{1}{4}$$

            Hinges outside the data bend nothing: their units are straight lines or zero wherever it matters.
            """#,
        parameters: [
            .seeds(),
            .count("width", 24, in: 2...256, "units of the hidden layer"),
            .count("steps", 4000, quick: 2000, in: 10...50_000, "updates of Adam"),
            .number("rate", 0.01, in: 1e-5...1, "learning rate"),
        ],
        next: [
            .init("Few units: each hinge counts.", "--width 6"),
            .init("Ten times the learning rate.", "--rate 0.1"),
        ],
        measure: BiasDriftMeasurement.run)
}

// MARK: Measurement

private enum BiasDriftMeasurement {
    /// Flat on the left, a wave on the right: hinges are needed on one side alone.
    private static let curve: @Sendable (Double) -> Double = { x in x < 0 ? 0 : sin(5 * x) * x }
    private static let xs = (0..<200).map { -1 + 2 * (Double($0) + 0.5) / 200 }

    private struct Run: Sendable {
        /// hinges[look][unit]
        var hinges: [[Double]]
        var steps: [Int]
        var weights: [[Double]]
        var answers: [Double]
        var error: Double
    }

    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        let starts: [(String, Initializer)] = [
            ("biases 0", .zeros), ("biases from −1…1", .uniform(-1, 1)),
        ]
        let runs = try starts.map { _, bias in try settings.overSeeds { try train(settings, bias, $0) } }

        // At the start.
        findings.checks.append(
            .equal(
                "biases 0: hinges away from 0 at the start", theory: 0,
                measured: Double(runs[0].flatMap { $0.hinges[0] }.count { $0 != 0 }), tolerance: 0))
        let born = try settings.overSeeds { seed -> [Double] in
            let session = try Session(
                Sequential { Dense(4000, initializer: .uniform(-1, 1), biasInitializer: .uniform(-1, 1)) },
                on: .rows([[0]], [[Double](repeating: 0, count: 4000)]),
                optimizer: SGD(), seed: seed)
            return hinges(session)
        }
        func share(_ isIn: (Double) -> Bool) -> Estimate {
            Estimate(born.map { run in Double(run.count { isIn($0) }) / Double(run.count) })
        }
        findings.checks += [
            .equal("uniform: share of hinges within ±1 at the start", theory: 0.5, measured: share { abs($0) <= 1 }),
            .equal("uniform: share beyond ±2", theory: 0.25, measured: share { abs($0) > 2 }),
        ]
        // Training.
        for (i, (name, _)) in starts.enumerated() {
            let moved = Estimate(
                runs[i].map { run in
                    zip(run.hinges[0], run.hinges[run.hinges.count - 1]).reduce(0) { $0 + min(abs($1.0 - $1.1), 2) }
                        / Double(run.hinges[0].count)
                })
            findings.checks.append(.atLeast("\(name): mean way of a hinge in training", 0.05, measured: moved))
        }
        // Hinges that bend something: weighted by the change of slope they make within the data.
        let right = Estimate(
            runs[1].map { run in
                var (all, positive) = (0.0, 0.0)
                for (hinge, weight) in zip(run.hinges[run.hinges.count - 1], run.weights[run.weights.count - 1])
                where abs(hinge) < 1 {
                    all += abs(weight)
                    if hinge > 0 { positive += abs(weight) }
                }
                return all > 0 ? positive / all : .nan
            })
        findings.checks.append(
            .atLeast("share of all bending on the side where the curve bends", 0.75, measured: right))
        let errors = runs.map { Estimate($0.map(\.error)) }
        findings.tables = [
            DataTable(
                "errors", title: "After \(settings.count("steps")) updates",
                columns: ["start", "error left, by the curve's spread", "hinges outside the data at the end"],
                rows: starts.indices.map { i in
                    [
                        .text(starts[i].0), .estimate(errors[i]),
                        .estimate(
                            Estimate(
                                runs[i].map { r in
                                    Double((r.hinges.last ?? []).count { abs($0) > 1 }) / Double(r.hinges[0].count)
                                })),
                    ]
                })
        ]
        findings.figures = [movement(starts.map(\.0), runs.map { $0[0] }), fits(starts.map(\.0), runs.map { $0[0] })]
        findings.figures.append(try digits(settings, &findings))
        findings.conclusion = """
            Hinges start where chance or a rule puts them and move to where the curve bends: at the end \(Text.percent(right.mean, digits: 0)) of \
            all bending lies on the right half, where the wave is. With all biases at 0 every hinge starts at the same point and must \
            travel; the error left is \(Text.number(errors[0].mean)) against \(Text.number(errors[1].mean)) with spread biases.
            """
        findings.corrections = [
            Correction(
                said: "An activation works around 0.",
                found: """
                    It works around 0 of its *sum*. In the space of the inputs the place is −b/‖w‖, different for every unit, and it moves \
                    during training.
                    """)
        ]
        return findings
    }

    private static func hinges(_ session: Session) -> [Double] {
        zip(session["dense1.weight"], session["dense1.bias"]).map { w, b in b == 0 ? 0 : -Double(b) / Double(w) }
    }

    private static func train(_ settings: Settings, _ bias: Initializer, _ seed: UInt64) throws -> Run {
        let (width, steps) = (settings.count("width"), settings.count("steps"))
        let y = xs.map(curve)
        let session = try Session(
            Sequential {
                Dense(width, initializer: .uniform(-1, 1), biasInitializer: bias)
                ReLU()
                Dense(1)
            }, on: .rows(xs.map { [$0] }, y.map { [$0] }), optimizer: Adam(learningRate: settings.number("rate")),
            seed: seed)
        var run = Run(hinges: [], steps: [], weights: [], answers: [], error: 0)
        func look(_ step: Int) {
            run.steps.append(step)
            run.hinges.append(hinges(session))
            run.weights.append(zip(session["dense1.weight"], session["dense2.weight"]).map { Double($0 * $1) })
        }
        look(0)
        for step in 1...steps {
            try session.advance()
            if step % max(1, steps / 60) == 0 || step == steps { look(step) }
        }
        let answers = try session.predictions(DataArray(values: xs.map(Float.init), shape: [xs.count, 1]))
        run.answers = answers.map(Double.init)
        let mean = y.reduce(0, +) / Double(y.count)
        let spread = y.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        run.error = (zip(y, run.answers).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / spread).squareRoot()
        return run
    }

    // MARK: Pictures

    private static func movement(_ names: [String], _ runs: [Run]) -> Figure {
        let charts = zip(names, runs).enumerated().map { i, pair in
            var chart = Chart(pair.0, x: .init("update"), y: .init("place of the hinge", in: -1.6...1.6))
            for unit in pair.1.hinges[0].indices {
                chart.line(x: pair.1.steps.map(Double.init), y: pair.1.hinges.map { $0[unit] }, color: unit % 6)
            }
            chart.rule(y: 1)
            chart.rule(y: -1)
            return chart
        }
        return Figure(
            "hinges", title: "The hinges of all units during training",
            caption:
                "One line a unit. The data lie between the dotted lines; a hinge outside bends nothing. Where a line leaves the picture, the weight of its unit passes 0.",
            charts)
    }

    private static func fits(_ names: [String], _ runs: [Run]) -> Figure {
        let charts = zip(names, runs).map { name, run in
            var chart = Chart(name, x: .init("x", in: -1...1), y: .init(in: -1.2...1))
            chart.line("curve", x: xs, y: xs.map(curve), color: 7, isDashed: true)
            chart.line("answer", x: xs, y: run.answers, color: 0)
            let inside = run.hinges[run.hinges.count - 1].filter { abs($0) < 1 }
            chart.dots("hinges", x: inside, y: inside.map { _ in -1.1 }, color: 1, radius: 4)
            return chart
        }
        return Figure(
            "fits", title: "The curve and the answer", caption: "The answer bends exactly at the hinges.", charts)
    }

    /// The same in 64 dimensions: distances −b/‖w‖ of the first layer of a network on digits.
    private static func digits(_ settings: Settings, _ findings: inout Findings) throws -> Figure {
        let data = try Digits.load().flattened()
        let scaled = try ColumnScaling.standardizing(data.inputs).applied(to: data)
        let runs = try settings.overSeeds { seed -> (before: [Double], after: [Double]) in
            let session = try Session(
                Sequential {
                    Dense(64); ReLU(); Dense(10)
                }, on: scaled, optimizer: SGD(learningRate: 0.1), batch: 32, seed: seed)
            func distances() -> [Double] {
                let (w, b) = (session["dense1.weight"], session["dense1.bias"])
                return b.indices.map { unit in
                    let norm = stride(from: unit, to: w.count, by: b.count).reduce(0.0) {
                        $0 + Double(w[$1]) * Double(w[$1])
                    }
                    return b[unit] == 0 ? 0 : -Double(b[unit]) / norm.squareRoot()
                }
            }
            let before = distances()
            try session.train(steps: 600)
            return (before, distances())
        }
        func size(_ v: [Double]) -> Double { (v.reduce(0) { $0 + $1 * $1 } / Double(v.count)).squareRoot() }
        findings.checks += [
            .equal(
                "digits: distance of the walls from the origin at the start", theory: 0,
                measured: runs.map { size($0.before) }.max() ?? .nan, tolerance: 0),
            .atLeast("digits: the same after 600 updates", 0.01, measured: Estimate(runs.map { size($0.after) })),
        ]
        var chart = Chart(x: .init("−b/‖w‖"), y: .init("share of units"))
        let reach = 1.05 * (runs.flatMap(\.after).map { abs($0) }.max() ?? 1)
        chart.histogram("after training", runs.flatMap(\.after), bins: 40, in: -reach...reach, color: 1)
        chart.rule(x: 0, "start")
        return Figure(
            "digits", title: "The first layer on handwritten digits",
            caption:
                "How far from the origin each unit's wall lies. All start at 0, at the dotted line; training moves each by its own amount.",
            chart)
    }
}
