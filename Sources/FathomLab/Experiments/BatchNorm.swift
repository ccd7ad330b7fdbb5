import Fathom
import Foundation

extension Experiment {
    static let batchnorm = Experiment(
        name: "batchnorm", title: "Batch normalisation",
        summary:
            "Sums brought to mean 0 and spread 1 before the activation: why it helps, and why not for the reason often given.",
        question: #"""
            Think of a teacher who marks tests. One class has 3 to 9 points out of 100, another 60 to 95. To compare the pupils fairly
            she asks for each: *how far above or below the mean of the class is it, measured in steps of the usual distance?* The mean
            becomes 0, and the usual distance from it (the **standard deviation**) becomes 1.

            Batch normalisation does this inside a network. A unit adds up its weighted inputs for each of, say, 32 examples. From
            these 32 sums it takes the mean and the standard deviation, subtracts the one and divides by the other. Then it may
            stretch the result by a number γ and shift it by a number β, both of which the network learns, so that nothing is lost:
            with the right γ and β it could undo the whole thing.

            Why should that help? The sigmoid is steep in the middle and flat at both ends. A sum of 8 lies where it is flat, and then
            no correction comes back. After normalisation most sums lie between −2 and 2, where it is steep. So the network should
            learn in fewer steps and bear larger ones. Does it? Must the normalisation stand before the activation? And is it true
            that it works because the inputs of each layer keep still (less *covariate shift*), as its inventors thought?
            """#,
        mathematics: #"""
            For the sums $z_1, …, z_m$ of one unit over a batch of $m$ examples:

            - their mean $μ = \frac{1}{m} \sum z_i$,
            - their variance $s^2 = \frac{1}{m} \sum {(z_i - μ)}^2$, the mean square of the distances from μ,
            - normalised $\hat{z}_i = \frac{z_i - μ}{\sqrt{s^2 + ε}}$, with a tiny ε so that nothing is divided by 0,
            - handed on: $y_i = γ \hat{z}_i + β$.

            A sum of many inputs is nearly *normally distributed*: it follows the bell curve. Then within one standard deviation of the
            mean lie

            $$P(|\hat{z}| < 1) = \erf(1/\sqrt{2}) = 68.3\ \%, \quad P(|\hat{z}| < 2) = 95.4\ \%$$

            where the error function $\erf$ gives areas under the bell curve.

            The slope of the sigmoid at $z$ is $σ(z)(1 - σ(z))$, at most 0.25. Over the bell curve its mean is 0.2066, so that hardly
            anything of what is possible is lost. Sums that are spread four times as far have a mean slope of 0.09.

            A batch is a sample. Its mean is off by about $1/\sqrt{m}$ of a standard deviation, so that every example is shifted a
            little by those it happens to share a batch with. That is noise, and noise keeps a network from learning its examples by
            heart. When a network is used there may be no batch: it takes running averages of μ and $s^2$ instead.

            **Layer normalisation** takes mean and variance over the units of a layer for a single example. It needs no batch.
            """#,
        parameters: [
            .seeds(12, quick: 8),
            .activation("activation", "sigmoid", "of the hidden layers that are trained"),
            .count("depth", 5, in: 1...20, "hidden layers that are trained"),
            .count("width", 48, in: 4...256, "units of a hidden layer"),
            .number(
                "target", 0.95, in: 0.2...0.999, "share of right answers on the training digits that counts as arrived"),
            .count("limit", 2000, quick: 1000, in: 50...100_000, "most steps of a training"),
            .numbers(
                "rates", [0.03, 0.1, 0.3, 1, 3, 10], quick: [0.1, 1, 10], in: 0.0001...100,
                "learning rates to choose from"),
        ],
        next: [
            .init("Does it help ReLU as much?", "--activation relu"),
            .init("A shallow network: is it still worth it?", "--depth 2"),
            .init("A deep one.", "--depth 12 --limit 3000"),
        ],
        measure: BatchNormMeasurement.run)
}

// MARK: Measurement

/// Moves and stretches each feature by chance, anew at every step, all examples alike: covariate shift on purpose.
///
/// As in Santurkar et al. 2018, "How does batch normalization help optimization?"
private struct Jitter: Layer {
    var shift = 1.0
    var stretch = 0.5

    func callAsFunction(_ x: Tensor) -> Tensor {
        guard x.trace.isTraining, let features = x.extent(-1) else { return x }
        let u = x.trace.randomUniform([.fixed(features)]) - 0.5
        let v = x.trace.randomUniform([.fixed(features)]) - 0.5
        // Even numbers from −½ to ½ have a standard deviation of 1/√12.
        return x * (u * (stretch * 12.0.squareRoot()) + 1) + v * (shift * 12.0.squareRoot())
    }
}

private enum BatchNormMeasurement {
    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        try shares(settings, &findings)
        try slopes(settings, &findings)
        try speed(settings, &findings)
        try shift(settings, &findings)
        try noise(settings, &findings)
        return findings
    }

    // MARK: What it does to the sums

    private static func shares(_ settings: Settings, _ findings: inout Findings) throws {
        let (rows, inputs, units) = (4096, 64, 64)
        let runs = try settings.overSeeds { seed -> [Double] in
            let network = try OpenNetwork(
                Sequential([Dense(units, initializer: .lecunNormal), BatchNorm()]), inputs: inputs, rows: rows,
                seed: seed)
            // Inputs far from mean 0 and spread 1, and not normally distributed either.
            var random = SeededGenerator(seed: seed)
            try network.run((0..<rows * inputs).map { _ in Float(3 + 5 * random.uniform()) })
            let z = network.values(after: 2)
            let columns = (0..<units).map { u in stride(from: u, to: z.count, by: units).map { Double(z[$0]) } }
            let means = columns.map { $0.reduce(0, +) / Double(rows) }
            let deviations = columns.map { c in (c.reduce(0) { $0 + $1 * $1 } / Double(rows)).squareRoot() }
            return [
                means.map(abs).max() ?? 0, deviations.reduce(0, +) / Double(units),
                Double(z.count { abs($0) < 1 }) / Double(z.count), Double(z.count { abs($0) < 2 }) / Double(z.count),
            ]
        }
        let found = Estimate.columns(runs)
        findings.checks += [
            // Sums of 4096 single-precision numbers of size 1.
            .equal("largest mean of a normalised unit", theory: 0, measured: found[0].mean, tolerance: 1e-5),
            .equal("standard deviation of a normalised unit", theory: 1, measured: found[1].mean, tolerance: 1e-4),
            // Sums of 64 even numbers are not quite normal: their kurtosis is off by −1.2 · Σw⁴/(Σw²)² = −1.2 · 3/64, which
            // moves these shares by φ(x)·|x³ − 3x|/12 of that.
            .equal(
                "share of sums within one standard deviation", theory: erf(1 / 2.0.squareRoot()), measured: found[2],
                tolerance: 0.242 * 2 / 12 * 1.2 * 3 / 64),
            .equal(
                "share within two", theory: erf(2 / 2.0.squareRoot()), measured: found[3],
                tolerance: 0.054 * 2 / 12 * 1.2 * 3 / 64),
        ]
        findings.corrections.append(
            Correction(
                said: "64 % of normally distributed values lie within one standard deviation of the mean.",
                found: """
                    It is 68.3 %, and 95.4 % within two. Measured here: \(Text.percent(found[2].mean)) and \
                    \(Text.percent(found[3].mean)).
                    """))
    }

    /// Sums and slopes of a deep sigmoid network on digits, with and without.
    private static func slopes(_ settings: Settings, _ findings: inout Findings) throws {
        let data = try Digits.load().flattened()
        let (depth, rows, width) = (5, 1024, 64)
        // Weights four times as spread as they should be.
        @Sendable func model(_ isNormalised: Bool) -> Sequential {
            Sequential {
                for _ in 0..<depth {
                    Dense(width, initializer: .normal(standardDeviation: 8 / Double(width).squareRoot()))
                    if isNormalised { BatchNorm() }
                    Sigmoid()
                }
            }
        }
        let x = Array(data.inputs.values.prefix(rows * data.inputs.rowSize))
        @Sendable func sums(_ isNormalised: Bool, _ seed: UInt64) throws -> [Double] {
            let model = model(isNormalised)
            let network = try OpenNetwork(model, inputs: data.inputs.rowSize, rows: rows, seed: seed)
            try network.run(x)
            return network.values(after: model.layers.count - 1).map(Double.init)
        }
        func slope(_ z: Double) -> Double { 1 / (2 + exp(z) + exp(-z)) }
        func meanSlopes(_ isNormalised: Bool) throws -> Estimate {
            Estimate(
                try settings.overSeeds { seed in
                    let z = try sums(isNormalised, seed)
                    return z.reduce(0) { $0 + 1 / (2 + exp($1) + exp(-$1)) } / Double(z.count)
                })
        }
        let (with, without) = (try meanSlopes(true), try meanSlopes(false))
        let rule = NormalQuadrature()
        let theory = rule.mean(rule.points.map(slope))
        findings.checks += [
            // The sums of 64 sigmoids of real data are not exactly normal: for any distribution of spread 1 between two points and
            // a bell curve the mean slope lies between σ′(1) = 0.1966 and the theory.
            .equal(
                "mean slope of the sigmoid after batch norm, layer \(depth)", theory: theory, measured: with,
                tolerance: theory - slope(1)),
            .atLeast("times as steep as without", 1, measured: with.map(over: without) { $0 / $1 }),
        ]
        var charts: [Chart] = []
        for (name, isNormalised, color) in [("without", false, 1), ("with batch norm", true, 2)] {
            let z = try sums(isNormalised, 0)
            var chart = Chart("sums, \(name)", x: .init("sum z"), y: .init("share"), size: .wide)
            chart.histogram("", z, bins: 48, in: -12...12, color: color)
            charts.append(chart)
            var steep = Chart("slopes, \(name)", x: .init("slope σ′(z)"), y: .init("share"), size: .wide)
            steep.histogram("", z.map(slope), bins: 25, in: 0...0.25, color: color)
            charts.append(steep)
        }
        findings.figures.append(
            Figure(
                "slopes", title: "Where the sums lie, and how steep the sigmoid is there",
                caption: """
                    The fifth layer of a network on handwritten digits whose first weights are far too large. Without normalisation most \
                    sums lie where the sigmoid is flat; what comes back is multiplied by almost 0. The largest possible slope is 0.25.
                    """, [charts[0], charts[2], charts[1], charts[3]]))
    }

    // MARK: Speed

    private static let kinds: [(name: String, short: String, layers: @Sendable (Activation) -> [any Layer])] = [
        ("no normalisation", "none", { [Activate($0)] }),
        ("batch norm before the activation", "before", { [BatchNorm(), Activate($0)] }),
        ("batch norm after the activation", "after", { [Activate($0), BatchNorm()] }),
        ("layer norm before the activation", "layer norm", { [LayerNorm(), Activate($0)] }),
        ("batch norm, then shifted at random", "shifted", { [BatchNorm(), Jitter(), Activate($0)] }),
    ]

    private static func model(_ settings: Settings, _ kind: Int) throws -> Sequential {
        let activation = try settings.activation()
        let (depth, width) = (settings.count("depth"), settings.count("width"))
        return Sequential {
            for _ in 0..<depth {
                Dense(width, initializer: .xavier)
                kinds[kind].layers(activation)
            }
            Dense(10, initializer: .xavier)
        }
    }

    private static func speed(_ settings: Settings, _ findings: inout Findings) throws {
        let split = try Digits.standardised()
        let (limit, target) = (settings.count("limit"), settings.number("target"))
        let rates = settings.numbers("rates").sorted()
        /// Steps to the target at a rate; the limit when it is not reached.
        let steps = try kinds.indices.map { kind in
            try rates.map { rate in
                Estimate(
                    try settings.overSeeds { seed in
                        let session = try Session(
                            model(settings, kind), on: split.train, optimizer: SGD(learningRate: rate), batch: 32,
                            seed: seed)
                        for count in stride(from: 20, through: limit, by: 20) {
                            guard try session.train(steps: 20).last?.isFinite == true else { break }
                            if try session.measure(split.train).accuracy >= target { return Double(count) }
                        }
                        return Double(limit)
                    })
            }
        }
        let best = steps.map { row in row.indices.min { row[$0].mean < row[$1].mean } ?? 0 }
        func least(_ kind: Int) -> Estimate { steps[kind][best[kind]] }
        /// The largest rate at which all seeds arrive.
        func largest(_ kind: Int) -> Double {
            rates.indices.last { r in steps[kind][r].values.allSatisfy { $0 < Double(limit) } }.map { rates[$0] } ?? 0
        }
        for kind in [1] {
            findings.checks.append(
                .atLeast(
                    "times fewer steps: \(kinds[kind].name)", 1,
                    measured: least(0).map(over: least(kind)) { $0 / $1 }))
        }
        findings.checks.append(
            .isTrue(
                "largest learning rate at which every run arrives is larger with batch norm", theory: "larger",
                measured: "\(Text.number(largest(1))), without \(largest(0) > 0 ? Text.number(largest(0)) : "none")",
                largest(1) > largest(0)))
        findings.checks.append(
            .atLeast(
                "times fewer steps with batch norm although its outputs are shifted at random", 1,
                measured: least(0).map(over: least(4)) { $0 / $1 }))
        findings.tables.append(
            DataTable(
                "steps", title: "Steps to \(Text.percent(target, digits: 0)) right answers (limit \(limit))",
                columns: ["network", "steps", "at learning rate", "largest rate at which all runs arrive"],
                rows: kinds.indices.map {
                    [
                        .text(kinds[$0].name), .estimate(least($0)), .number(rates[best[$0]]),
                        largest($0) > 0 ? .number(largest($0)) : "none",
                    ]
                }))
        var chart = Chart(
            x: .init("learning rate", .logarithmic), y: .init("steps", .logarithmic))
        for (kind, color) in [(0, 1), (1, 2), (2, 4), (3, 0), (4, 3)] {
            chart.line(kinds[kind].name, x: rates, y: steps[kind], color: color)
        }
        findings.figures.insert(
            Figure(
                "steps", title: "Steps to \(Text.percent(target, digits: 0)) right answers, by learning rate",
                caption: """
                    \(settings.count("depth")) hidden layers with \(settings.text("activation")) on handwritten digits. At the upper edge \
                    the network has not arrived within \(limit) steps. Bands are 99 % intervals.
                    """, chart), at: 0)
        let ratio = least(2).map(over: least(1)) { $0 / $1 }
        if ratio.high < 1 || ratio.low > 1 {
            findings.corrections.append(
                Correction(
                    said: ratio.high < 1
                        ? "Batch norm belongs before the activation." : "It does not matter where batch norm stands.",
                    found: """
                        Here it needs \(Text.number(least(1).mean.rounded())) steps before the activation and \
                        \(Text.number(least(2).mean.rounded())) after it, each at its best learning rate. \
                        \(ratio.high < 1 ? "After it the next layer gets inputs that are centred, which a sigmoid's outputs are not." : "")
                        """))
        }
        let placement = least(2).map(over: least(1)) { $0 / $1 }
        let verdict =
            placement.low > 1 ? "faster" : placement.high < 1 ? "slower" : "neither clearly faster nor slower"
        findings.conclusion = """
            With batch norm the network arrives after \(Text.number(least(1).mean.rounded())) steps, without after \
            \(least(0).values.contains { $0 >= Double(limit) } ? "more than " : "")\(Text.number(least(0).mean.rounded())). Before the activation it is \
            \(verdict) than after it (\(Text.number(least(2).mean.rounded())) steps). Layer norm needs \
            \(Text.number(least(3).mean.rounded())).
            """
    }

    // MARK: Covariate shift and smoothness

    private static func shift(_ settings: Settings, _ findings: inout Findings) throws {
        let split = try Digits.standardised()
        let steps = 200
        struct Course: Sendable {
            /// By how much mean and deviation of the last hidden layer's inputs change in a step, in deviations.
            var drift: Double
            /// |g(θ + Δ) − g(θ)| / |g(θ)| of the step.
            var gradientChange: Double
            var loss: Double
        }
        let rate = 0.1
        let results = try [0, 1, 4].map { kind in
            try settings.overSeeds { seed -> Course in
                let model = try model(settings, kind)
                let session = try Session(
                    model, on: split.train, optimizer: SGD(learningRate: rate), batch: 32, seed: seed)
                let (rows, inputs) = (512, split.train.inputs.rowSize)
                let network = try OpenNetwork(model, inputs: inputs, rows: rows, session: session)
                let x = Array(split.train.inputs.values.prefix(rows * inputs))
                let examiner = try Examiner(
                    model, loss: .softmaxCrossEntropy(), train: split.train, rows: 256, team: Team(threads: 1))
                // What the last hidden dense layer gets: the output of the block before it.
                let block = 1 + kinds[kind].layers(.relu).count
                let place = settings.count("depth") > 1 ? block * (settings.count("depth") - 1) : block
                func statistics() throws -> [(mean: Double, deviation: Double)] {
                    try network.run(x)
                    let a = network.values(after: place)
                    let width = a.count / rows
                    return (0..<width).map { u in
                        let column = stride(from: u, to: a.count, by: width).map { Double(a[$0]) }
                        let mean = column.reduce(0, +) / Double(rows)
                        return (
                            mean,
                            (column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rows)).squareRoot()
                        )
                    }
                }
                let paths = session.step.declarations.filter { $0.role == .parameter }.map(\.path)
                func parameters() -> [String: [Float]] {
                    Dictionary(uniqueKeysWithValues: paths.map { ($0, session[$0]) })
                }
                var course = Course(drift: 0, gradientChange: 0, loss: 0)
                var looks = 0.0
                for n in 0..<steps {
                    guard n % 20 == 10 else {
                        try session.advance()
                        continue
                    }
                    let (before, weights) = (try statistics(), parameters())
                    network.advance(to: n)
                    try session.advance()
                    let after = try statistics()
                    let changes = zip(before, after).map { a, b in
                        (abs(b.mean - a.mean) + abs(b.deviation - a.deviation)) / max(a.deviation, 1e-6)
                    }
                    course.drift += changes.reduce(0, +) / Double(changes.count)
                    let look = try examiner.look(at: session.step.storage, step: n, past: [weights])
                    course.gradientChange += look.landscape?.gradientChange ?? .nan
                    looks += 1
                }
                course.drift /= looks
                course.gradientChange /= looks
                course.loss = try session.measure(split.train).loss
                return course
            }
        }
        func estimate(_ kind: Int, _ pick: (Course) -> Double) -> Estimate { Estimate(results[kind].map(pick)) }
        let names = ["no normalisation", "batch norm", "batch norm, then shifted at random"]
        findings.checks += [
            .atLeast(
                "covariate shift of the shifted network by that of the plain one", 1,
                measured: estimate(2, \.drift).map(over: estimate(0, \.drift)) { $0 / $1 }),
            .atLeast(
                "after \(steps) steps its loss is lower all the same: loss of the plain one by its own", 1,
                measured: estimate(0, \.loss).map(over: estimate(2, \.loss)) { $0 / $1 }),
        ]
        findings.tables.append(
            DataTable(
                "shift", title: "In \(steps) steps at a learning rate of \(Text.number(rate))",
                columns: [
                    "network", "covariate shift of a step", "change of the gradient along a step", "loss at the end",
                ],
                rows: names.indices.map {
                    [
                        .text(names[$0]), .estimate(estimate($0, \.drift)), .estimate(estimate($0, \.gradientChange)),
                        .estimate(estimate($0, \.loss)),
                    ]
                }))
        var chart = Chart(
            x: .init("covariate shift of a step", .logarithmic), y: .init("loss after \(steps) steps"))
        for (i, name) in names.enumerated() {
            chart.dots(name, x: results[i].map(\.drift), y: results[i].map(\.loss), color: [1, 2, 3][i], radius: 5)
        }
        findings.figures.append(
            Figure(
                "shift", title: "Covariate shift is not what slows learning",
                caption: """
                    Each dot is a run. The pink network is normalised, but then the inputs of every layer are moved and stretched by \
                    chance at every step, so that they shift the most. It learns all the same.
                    """, chart))
        findings.corrections.append(
            Correction(
                said: "Batch norm works because it reduces internal covariate shift.",
                found: """
                    A network whose normalised sums are moved and stretched by chance at every step has \
                    \(Text.number((estimate(2, \.drift).mean / estimate(0, \.drift).mean).rounded())) times the covariate shift of a plain one and \
                    still learns faster (Santurkar et al. 2018 found the same). What batch norm does change is the scale of everything: sums \
                    lie where the activation is steep, and gradients reach all layers.
                    """))
    }

    // MARK: Noise

    /// Few examples, learnt by heart: how many of the others are then right?
    private static func noise(_ settings: Settings, _ findings: inout Findings) throws {
        let split = try Digits.standardised()
        let few = try split.train.gather(rows: 0..<200)
        func accuracy(_ normalised: Bool, _ batch: Int) throws -> Estimate {
            Estimate(
                try settings.overSeeds { seed in
                    let model = Sequential {
                        for _ in 0..<2 {
                            Dense(128, initializer: .he)
                            if normalised { BatchNorm() }
                            ReLU()
                        }
                        Dense(10, initializer: .xavier)
                    }
                    let session = try Session(
                        model, on: few, optimizer: SGD(learningRate: 0.05), batch: batch, seed: seed)
                    try session.train(steps: 100 * few.rowCount / 32)
                    return try session.measure(split.test).accuracy
                })
        }
        let rows: [(String, Estimate)] = [
            ("no normalisation, batches of 32", try accuracy(false, 32)),
            ("batch norm, batches of 32", try accuracy(true, 32)),
            ("batch norm, batches of 8", try accuracy(true, 8)),
        ]
        findings.tables.append(
            DataTable(
                "noise", title: "200 digits learnt by heart: right answers on new ones",
                columns: ["network", "share"], rows: rows.map { [.text($0.0), .estimate($0.1)] }))
        let gain = rows[1].1.map(over: rows[0].1) { $0 - $1 }
        findings.corrections.append(
            Correction(
                said: "Batch norm regularises, so that dropout is not needed.",
                found: """
                    On 200 digits it changed the share of right answers on new ones by \
                    \(Text.estimate(gain.map { 100 * $0 })) percentage points: \
                    \(gain.low > 0 ? "a real gain, but a small one" : gain.high < 0 ? "a loss here" : "no clear effect here").
                    """))
    }
}
