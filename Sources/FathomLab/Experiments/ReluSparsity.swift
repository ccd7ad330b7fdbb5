import Fathom
import Foundation

extension Experiment {
    static let reluSparsity = Experiment(
        name: "relu-sparsity", title: "Units that never fire",
        summary: "ReLU switches units off: how many, whether they are missed, and what brings them back.",
        question: #"""
            A ReLU unit adds up its weighted inputs and hands on the sum if it is positive, and 0 if it is not. When it hands on
            something, we say that it fires. A unit that fires for some examples and not for others is useful: it tells them apart.

            But a unit can be pushed so far to the negative side that it fires for no example at all. Then two things happen. It
            hands on 0 whatever comes in, so the network would answer the same without it. And the slope of ReLU is 0 there, so no
            correction reaches its weights: it can never come back. Such a unit is called **dead**.

            How many units die, and what kills them? Can they really be cut out without changing a single answer? And do the cures
            work: a small slope on the negative side (Leaky ReLU), or one that the network learns (PReLU)?
            """#,
        mathematics: #"""
            Weights that are drawn with random signs give every unit a sum that is as likely positive as negative. So right after the
            start **half of all units fire** for a given example:

            $$P(z > 0) = \frac{1}{2}$$

            A layer of $n$ units is silent for an example when all $n$ sums are negative, which has probability $2^{-n}$. All layers
            after it are silent too. In a network of $L$ layers without biases the signal of an example survives with probability
            ${(1 - 2^{-n})}^L$, so it is lost with probability

            $$P = 1 - {(1 - 2^{-n})}^L$$

            A network that has lost the signal of every example is **born dead**: it answers the same to everything, and no training
            can change that. This happens less often than $P$. It matters for narrow, deep networks alone: 22 % for 5 units and 8
            layers, 94 % for 2 units and 10 layers, but less than one in a billion for 64 units and 20 layers.

            In training a unit dies when a single large step carries its weights to where no example makes it fire. From then on
            $φ′(z) = 0$ for all examples, and the gradient of its weights is not small but exactly 0.
            """#,
        parameters: [
            .seeds(),
            .count("width", 64, in: 4...512, "units of each of the three hidden layers"),
            .numbers(
                "rates", [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8], quick: [0.05, 0.2, 0.5, 0.8], in: 0.0001...100,
                "learning rates"),
            .count("steps", 600, in: 10...100_000, "steps of training on handwritten digits, 32 a step"),
            .count("draws", 2000, in: 10...100_000, "networks drawn per seed for the share born dead"),
        ],
        next: [
            .init("A wider network: is a dead unit in a hundred a loss?", "--width 256"),
            .init("Narrow layers die easily.", "--width 6"),
            .init("Rates so large that training breaks down.", "--rates 0.8,1.6,3.2"),
        ],
        measure: ReluSparsityMeasurement.run)
}

// MARK: Measurement

private enum ReluSparsityMeasurement {
    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        let born = try birth(settings, &findings)
        try training(settings, &findings)
        try removal(settings, &findings)
        try blow(settings, &findings)
        findings.figures.append(born)
        return findings
    }

    // MARK: Born dead

    /// Narrow networks without biases on one input. They are straight on either side of 0, so that ±1 stand for everything.
    private static func birth(_ settings: Settings, _ findings: inout Findings) throws -> Figure {
        let fires = Estimate(
            try settings.overSeeds { seed in
                let network = try OpenNetwork(
                    Sequential([Dense(64, bias: false, initializer: .he)]), inputs: 64, rows: 256, seed: seed)
                try network.run(normals(256 * 64, seed: seed))
                let sums = network.values(after: 1)
                return Double(sums.count { $0 > 0 }) / Double(sums.count)
            })
        findings.checks.append(.equal("share of units that fire at the start", theory: 0.5, measured: fires))
        let depth = 20
        let draws = settings.count("draws")
        var chart = Chart(x: .init("layers"), y: .init("share of examples lost", in: 0...1.02))
        for (i, width) in [2, 3, 5, 10].enumerated() {
            let runs = try settings.overSeeds { seed -> (one: [Double], all: [Double]) in
                let model = Sequential {
                    for _ in 0..<depth {
                        Dense(width, bias: false)
                        ReLU()
                    }
                }
                let network = try OpenNetwork(model, inputs: 1, rows: 2)
                var random = SeededGenerator(seed: seed, stream: UInt64(width))
                var one = [Double](repeating: 0, count: depth)
                var all = one
                for _ in 0..<draws {
                    for l in 0..<depth {
                        let inputs = l == 0 ? 1 : width
                        let deviation = (2 / Double(inputs)).squareRoot()
                        network.storage.set(
                            "dense\(l + 1).weight", (0..<inputs * width).map { _ in Float(deviation * random.normal()) }
                        )
                    }
                    try network.run([1, -1])
                    for l in 0..<depth {
                        let values = network.values(after: 2 * l + 2)
                        let silent = [values[..<width], values[width...]].map { $0.allSatisfy { $0 == 0 } }
                        one[l] += (silent[0] ? 0.5 : 0) + (silent[1] ? 0.5 : 0)
                        if silent[0] && silent[1] { all[l] += 1 }
                    }
                }
                return (one.map { $0 / Double(draws) }, all.map { $0 / Double(draws) })
            }
            let (one, all) = (Estimate.columns(runs.map(\.one)), Estimate.columns(runs.map(\.all)))
            func theory(_ layers: Int) -> Double { 1 - pow(1 - pow(2, -Double(width)), Double(layers)) }
            for layers in [5: [8, 16], 2: [10]][width] ?? [] {
                findings.checks += [
                    .equal(
                        "examples lost by \(layers) layers of \(width) units", theory: theory(layers),
                        measured: one[layers - 1]),
                    .atMost(
                        "networks of \(layers) layers of \(width) units that are born dead", theory(layers),
                        measured: all[layers - 1]),
                ]
            }
            let xs = (1...depth).map(Double.init)
            chart.line("\(width) units", x: xs, y: one, color: i)
            chart.line("", x: xs, y: (1...depth).map(theory), color: i, isDashed: true)
        }
        return Figure(
            "born", title: "Narrow networks lose the signal before any training",
            caption: """
                The share of examples for which a whole layer is silent, before any training. Dashed: $1 - {(1 - 2^{-n})}^L$. With \
                ten units and more it hardly ever happens.
                """, chart)
    }

    // MARK: Training

    private static let kinds: [(name: String, make: @Sendable () -> any Layer)] = [
        ("ReLU", { ReLU() }), ("Leaky ReLU", { LeakyReLU() }), ("PReLU", { PReLU() }),
    ]

    private static func model(_ width: Int, _ activation: @Sendable () -> any Layer) -> Sequential {
        Sequential {
            for _ in 0..<3 {
                Dense(width, initializer: .he)
                activation()
            }
            Dense(10, initializer: .xavier)
        }
    }

    private static func data() throws -> DataSplit {
        try Digits.load().flattened().split(fraction: 0.8, seed: 0)
    }

    /// For every hidden unit the share of rows for which its sum is positive.
    private static func firing(_ session: Session, _ model: Sequential, _ data: Dataset) throws -> [[Double]] {
        let network = try OpenNetwork(
            model, inputs: data.inputs.rowSize, rows: data.rowCount, isTraining: false, session: session)
        try network.run(data.inputs.values)
        return (0..<3).map { layer in
            let sums = network.values(after: 2 * layer + 1)
            let width = sums.count / data.rowCount
            return (0..<width).map { unit in
                Double((0..<data.rowCount).count { sums[$0 * width + unit] > 0 }) / Double(data.rowCount)
            }
        }
    }

    private struct Outcome {
        /// Per hidden layer and unit.
        var firing: [[Double]]
        var accuracy: Double
        /// How far the weights of first-layer units that never fire move in ten more steps, at most.
        var moved: Double
        /// Units of the first layer that never fire.
        var silent: Int
        /// NaN where training broke down.
        var silentShare: Double {
            guard accuracy > 0 else { return .nan }
            let all = firing.flatMap { $0 }
            return Double(all.count { $0 == 0 }) / Double(all.count)
        }
    }

    private static func training(_ settings: Settings, _ findings: inout Findings) throws {
        let split = try data()
        let (width, steps) = (settings.count("width"), settings.count("steps"))
        let rates = settings.numbers("rates").sorted()
        let results = try kinds.map { kind in
            try rates.map { rate in
                try settings.overSeeds { seed -> Outcome in
                    let model = model(width, kind.make)
                    let session = try Session(
                        model, on: split.train, optimizer: SGD(learningRate: rate), batch: 32, seed: seed)
                    try session.train(steps: steps)
                    let firing = try firing(session, model, split.train)
                    let isFinite = session["dense1.weight"].allSatisfy(\.isFinite)
                    let accuracy = isFinite ? try session.measure(split.test).accuracy : 0
                    let before = session["dense1.weight"]
                    try session.train(steps: 10)
                    let after = session["dense1.weight"]
                    let silent = firing[0].indices.filter { firing[0][$0] == 0 }
                    let moved = silent.flatMap { unit in
                        stride(from: unit, to: before.count, by: width).map { abs(Double(after[$0] - before[$0])) }
                    }
                    return Outcome(
                        firing: firing, accuracy: accuracy, moved: moved.max() ?? 0, silent: silent.count)
                }
            }
        }
        // Of the runs that did not break down.
        func share(_ kind: Int, _ rate: Int) -> Estimate {
            Estimate(results[kind][rate].map(\.silentShare).filter(\.isFinite))
        }
        func accuracy(_ kind: Int, _ rate: Int) -> Estimate { Estimate(results[kind][rate].map(\.accuracy)) }

        let last = rates.count - 1
        let dead = results[0].flatMap { $0 }
        findings.checks.append(
            .atLeast(
                "more units dead at learning rate \(Text.number(rates[last])) than at \(Text.number(rates[0]))", 0,
                measured: Estimate(
                    zip(results[0][last], results[0][0]).map { $0.silentShare - $1.silentShare }.filter(\.isFinite))))
        if dead.contains(where: { $0.silent > 0 }) {
            findings.checks.append(
                .equal(
                    "how far weights of dead units of the first layer still move", theory: 0,
                    measured: dead.map(\.moved).max() ?? 0, tolerance: 0))
        }
        // One square a unit, for a careful rate and a careless one.
        let shown = Set([0, last / 2, last]).sorted()
        let charts = shown.map { r in
            let units = results[0][r][0].firing.flatMap { $0 }
            let columns = max(1, Int((1.4 * Double(units.count)).squareRoot().rounded(.up)))
            let rows = (units.count + columns - 1) / columns
            var chart = Chart("learning rate \(Text.number(rates[r]))", size: .small)
            (chart.x.isHidden, chart.y.isHidden) = (true, true)
            chart.heat(
                x: (0..<columns).map(Double.init), y: (0..<rows).map(Double.init),
                (0..<rows).map { row in
                    (0..<columns).map { c in
                        let unit = (rows - 1 - row) * columns + c
                        return unit < units.count ? units[unit] : .nan
                    }
                }, in: 0...1)
            return chart
        }
        findings.figures.append(
            Figure(
                "units", title: "Every unit of three layers after training: dark ones never fire",
                caption: """
                    Each square is a unit, the brighter the larger the share of examples that make it fire; from the first layer at the \
                    top to the third at the bottom. All three networks learnt the same digits from the same start.
                    """, charts))

        let xs = rates
        var shares = Chart(
            "silent units", x: .init("learning rate", .logarithmic), y: .init("share"), size: .small
        )
        var right = Chart(
            "right answers on new digits", x: .init("learning rate", .logarithmic), y: .init("share", in: 0...1),
            size: .small)
        for (i, kind) in kinds.enumerated() {
            shares.line(kind.name, x: xs, y: rates.indices.map { share(i, $0) }, color: [1, 0, 2][i])
            right.line(kind.name, x: xs, y: rates.indices.map { accuracy(i, $0) }, color: [1, 0, 2][i])
        }
        findings.figures.append(
            Figure(
                "rates", title: "Large steps kill units",
                caption: """
                    Bands are 99 % intervals; a line on the left ends where training breaks down. For Leaky ReLU and PReLU the units on the left are those whose sum is negative for every \
                    example: they are quiet, but not dead, since corrections still reach them.
                    """, [shares, right]))
        findings.tables.append(
            DataTable(
                "rates", title: "Share of silent units and of right answers by learning rate",
                columns: ["learning rate"] + kinds.map { "silent, \($0.name)" } + kinds.map { "right, \($0.name)" },
                rows: rates.indices.map { r in
                    [.number(rates[r])]
                        + kinds.indices.map { k in share(k, r).values.isEmpty ? "broke down" : .estimate(share(k, r)) }
                        + kinds.indices.map { .estimate(accuracy($0, r)) }
                }))
        let zeros = Estimate(
            results[0][last / 2].map { run in
                let all = run.firing.flatMap { $0 }
                return 1 - all.reduce(0, +) / Double(all.count)
            })
        findings.conclusion = """
            At the start half of all units fire for an example. After training at a learning rate of \(Text.number(rates[last / 2])), \
            \(Text.percent(zeros.mean, digits: 0)) of all outputs are 0: most of a ReLU network is switched off for any one example, which is \
            no harm. Dead units are another matter. \(Text.percent(share(0, 0).mean)) of the units are dead in the end at a \
            learning rate of \(Text.number(rates[0])), and \(Text.percent(share(0, last).mean)) at \(Text.number(rates[last])).
            """
    }

    // MARK: Removal

    /// A network without the units that never fire, next to the whole one.
    private static func removal(_ settings: Settings, _ findings: inout Findings) throws {
        let split = try data()
        let (width, steps) = (settings.count("width"), settings.count("steps"))
        let rates = settings.numbers("rates").sorted()
        let rate = rates[rates.count - 1]
        let runs = try settings.overSeeds { seed -> (removed: Int, seen: Double, unseen: Double)? in
            let whole = model(width) { ReLU() }
            let session = try Session(
                whole, on: split.train, optimizer: SGD(learningRate: rate), batch: 32, seed: seed)
            try session.train(steps: steps)
            let alive = try firing(session, whole, split.train).map { layer in layer.indices.filter { layer[$0] > 0 } }
            guard alive.allSatisfy({ !$0.isEmpty }) else { return nil }

            let small = Sequential {
                for units in alive {
                    Dense(units.count)
                    ReLU()
                }
                Dense(10)
            }
            let rest = try Session(small, on: split.train, optimizer: SGD(learningRate: rate))
            let sizes = [split.train.inputs.rowSize, width, width, width, 10]
            let kept = [Array(0..<sizes[0])] + alive + [Array(0..<10)]
            for l in 1...4 {
                let (weight, bias) = (session["dense\(l).weight"], session["dense\(l).bias"])
                rest["dense\(l).weight"] = kept[l - 1].flatMap { i in kept[l].map { weight[i * sizes[l] + $0] } }
                rest["dense\(l).bias"] = kept[l].map { bias[$0] }
            }
            func difference(_ inputs: DataArray) throws -> Double {
                zip(try session.predictions(inputs), try rest.predictions(inputs))
                    .reduce(0) { max($0, abs(Double($1.0) - Double($1.1))) }
            }
            return (
                3 * width - alive.reduce(0) { $0 + $1.count }, try difference(split.train.inputs),
                try difference(split.test.inputs)
            )
        }.compactMap { $0 }
        guard runs.contains(where: { $0.removed > 0 }) else { return }
        findings.checks.append(
            .equal(
                "change of any answer when \(runs.reduce(0) { $0 + $1.removed }) dead units are cut out", theory: 0,
                measured: runs.map(\.seen).max() ?? 0, tolerance: 0))
        let unseen = runs.map(\.unseen).max() ?? 0
        findings.conclusion += """
             Cutting the dead ones out changes no answer to the examples they were judged by, not even in the last digit. On digits \
            that were not looked at the largest change is \(Text.number(unseen))\
            \(unseen > 0 ? ": dead means dead for these examples, not for all there could be." : ", too.")
            """
    }

    // MARK: A blow

    /// First biases that switch the whole second layer off for every example. Who recovers?
    private static func blow(_ settings: Settings, _ findings: inout Findings) throws {
        let split = try data()
        let (width, steps, parts) = (settings.count("width"), 2 * settings.count("steps"), 15)
        let kinds: [(name: String, color: Int, make: @Sendable () -> any Layer)] = [
            ("ReLU", 1, { ReLU() }), ("Leaky ReLU, slope 0.01", 0, { LeakyReLU() }),
            ("Leaky ReLU, slope 0.1", 5, { LeakyReLU(slope: 0.1) }), ("PReLU", 2, { PReLU() }),
        ]
        let runs = try kinds.map { kind in
            try settings.overSeeds { seed -> (accuracy: [Double], moved: Double) in
                let model = model(width, kind.make)
                let session = try Session(
                    model, on: split.train, optimizer: SGD(learningRate: 0.05), batch: 32, seed: seed)
                session["dense2.bias"] = [Float](repeating: -4, count: width)
                let before = session["dense1.weight"] + session["dense2.weight"]
                var accuracy = [try session.measure(split.test).accuracy]
                for _ in 0..<parts {
                    try session.train(steps: max(1, steps / parts))
                    accuracy.append(try session.measure(split.test).accuracy)
                }
                let after = session["dense1.weight"] + session["dense2.weight"]
                return (accuracy, zip(before, after).reduce(0) { max($0, abs(Double($1.0 - $1.1))) })
            }
        }
        func end(_ i: Int) -> Estimate { Estimate(runs[i].map { $0.accuracy.last ?? 0 }) }
        let labels = split.test.labels ?? []
        let majority = (0..<10).map { digit -> Int in labels.count { Int($0) == digit } }.max() ?? 0
        findings.checks += [
            .equal(
                "second layer switched off, ReLU: how far its weights and those before it move", theory: 0,
                measured: runs[0].map(\.moved).max() ?? 0, tolerance: 0),
            .isTrue(
                "and right answers: one answer for all",
                theory: "≤ \(Text.percent(Double(majority) / Double(labels.count)))",
                measured: "at most \(Text.percent(end(0).values.max() ?? 0))",
                end(0).values.allSatisfy { $0 <= Double(majority) / Double(labels.count) + 1e-9 }),
        ]
        for i in [2, 3] {
            findings.checks.append(
                .atLeast(
                    "\(kinds[i].name): right answers more than that", 0,
                    measured: end(i).map(over: end(0)) { $0 - $1 }))
        }
        var chart = Chart(x: .init("steps"), y: .init("right answers on new digits", in: 0...1))
        let xs = (0...parts).map { Double($0 * max(1, steps / parts)) }
        for (i, kind) in kinds.enumerated() {
            chart.line(kind.name, x: xs, y: Estimate.columns(runs[i].map(\.accuracy)), color: kind.color)
        }
        findings.figures.append(
            Figure(
                "blow", title: "All units of one layer are switched off: who recovers?",
                caption: """
                    At the start the biases of the second layer are −4, so that none of its units is positive for any example. Bands are \
                    99 % intervals.
                    """, chart))
        findings.conclusion += """
             And the cures: when a whole layer is switched off, the ReLU network stays at \(Text.percent(end(0).mean)) for ever, \
            Leaky ReLU with its usual slope of 0.01 gets back to \(Text.percent(end(1).mean)) in \(steps) steps, with 0.1 to \
            \(Text.percent(end(2).mean)), PReLU to \(Text.percent(end(3).mean)).
            """
        findings.corrections = [
            Correction(
                said: "Units that never fire waste the network, so Leaky ReLU is always better.",
                found: """
                    A few dead units in a hundred are no loss: they can be cut out, and accuracy does not suffer. Leaky ReLU has as many \
                    units that are negative for every example. It matters where most units are off, and at learning rates that kill most \
                    ReLU units the others fail as well: PReLU, whose slope can grow, is the first to break down.
                    """)
        ]
    }
}
