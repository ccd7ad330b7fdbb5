import Fathom
import Foundation

extension Experiment {
    static let dropout = Experiment(
        name: "dropout", title: "Dropout",
        summary:
            "Units switched off at random keep a network from learning by heart; one that has too little to say, it hurts.",
        question: #"""
            A pupil who has learnt all exercises by heart does well in the exercises and badly in the exam. Networks are like that when
            they have many weights and few examples. It is called **overfitting**: the error on the examples falls and falls, and
            the error on everything else rises.

            Dropout is a simple cure. In each step of training every unit is switched off with probability ½, say. No unit can rely on
            its neighbours any more, and learning by heart becomes hard. When the network is used, all units are on.

            To see it clearly we give the network examples some of which are wrong: one picture in five has a label drawn by lot. A
            network that learns by heart learns these as well.

            How much does it help, and at what rate? What does it do to a network that is too small, which is **underfitting**, and has
            no wish to learn anything by heart? And is it true, as was found for very large networks, that dropout *only in the first
            steps* even helps one that underfits?
            """#,
        mathematics: #"""
            Each number $x$ becomes 0 with probability $p$, and $x / (1 - p)$ otherwise. Its mean stays as it was and its mean square
            grows:

            $$E[y] = x, \quad E[y^2] = \frac{x^2}{1 - p}$$

            So a network trained with dropout sees noise of variance $x^2 p / (1 - p)$ on each number, different at every step. When it
            is used, the numbers stay as they are: that is the mean over everything that could have been switched off, for one layer
            exactly, for a deep network about.

            Noise makes it harder to fit anything. Where the network fits too well that is good, and where it does not fit well enough
            it is bad.
            """#,
        parameters: [
            .seeds(16, quick: 10),
            .numbers("rates", [0, 0.1, 0.25, 0.5, 0.75], quick: [0, 0.25, 0.5], in: 0...0.95, "dropout rates"),
            .count("examples", 400, in: 20...1400, "digits to learn from in the overfitting network"),
            .number("wrong", 0.2, in: 0...0.9, "share of these digits with a wrong label"),
            .count("width", 256, in: 4...1024, "units of its two hidden layers"),
            .count("steps", 1500, quick: 1000, in: 50...100_000, "steps of training"),
            .count("small", 8, in: 2...256, "units of the two hidden layers of the underfitting network"),
        ],
        next: [
            .init("No wrong labels: is dropout still of use?", "--wrong 0"),
            .init("Very few.", "--examples 50"),
            .init("When is a network large enough to gain?", "--small 64"),
        ],
        measure: DropoutMeasurement.run)
}

// MARK: Measurement

private enum DropoutMeasurement {
    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        try noise(settings, &findings)
        try overfitting(settings, &findings)
        try underfitting(settings, &findings)
        return findings
    }

    private static func noise(_ settings: Settings, _ findings: inout Findings) throws {
        let (rows, width) = (200, 500)
        for rate in [0.25, 0.5] {
            let runs = try settings.overSeeds { seed -> [Double] in
                let network = try OpenNetwork(Sequential([Dropout(rate)]), inputs: width, rows: rows, seed: seed)
                try network.run([Float](repeating: 1, count: rows * width))
                let y = network.values(after: 1)
                let size = rootMeanSquare(y)
                return [
                    Double(y.count { $0 == 0 }) / Double(y.count), y.reduce(0) { $0 + Double($1) } / Double(y.count),
                    size * size,
                ]
            }
            let found = Estimate.columns(runs)
            findings.checks += [
                .equal("rate \(Text.number(rate)): share switched off", theory: rate, measured: found[0]),
                .equal("rate \(Text.number(rate)): mean of what was 1", theory: 1, measured: found[1]),
                .equal(
                    "rate \(Text.number(rate)): mean square of what was 1", theory: 1 / (1 - rate), measured: found[2]),
            ]
        }
        let idle = try OpenNetwork(Sequential([Dropout(0.5)]), inputs: width, rows: 1, isTraining: false)
        let x = normals(width, seed: 1)
        try idle.run(x)
        findings.checks.append(
            .isTrue(
                "in use nothing is switched off", theory: "input = output",
                measured: idle.values(after: 1) == x ? "input = output" : "something changed",
                idle.values(after: 1) == x))
    }

    private static func model(_ width: Int, _ rate: Double, _ schedule: Dropout.Schedule = .always) -> Sequential {
        Sequential {
            for _ in 0..<2 {
                Dense(width, initializer: .he)
                ReLU()
                Dropout(rate, schedule: schedule)
            }
            Dense(10, initializer: .xavier)
        }
    }

    private struct Course: Sendable {
        var steps: [Double] = []
        var seen: [Double] = []
        var unseen: [Double] = []
        /// The mean loss of the last steps as training sees it, with units switched off.
        var noisy = 0.0
        var seenAccuracy = 0.0
        var unseenAccuracy = 0.0
    }

    private static func course(
        _ model: Sequential, _ train: Dataset, _ test: Dataset, rate: Double, steps: Int, seed: UInt64
    ) throws -> Course {
        let session = try Session(
            model, on: train, optimizer: SGD(learningRate: rate), batch: 32, seed: seed)
        var course = Course()
        let part = max(1, steps / 15)
        for n in 0...15 {
            if n > 0 {
                let losses = try session.train(steps: part)
                course.noisy = losses.reduce(0, +) / Double(max(losses.count, 1))
            }
            let (seen, unseen) = (try session.measure(train), try session.measure(test))
            course.steps.append(Double(n * part))
            course.seen.append(seen.loss)
            course.unseen.append(unseen.loss)
            (course.seenAccuracy, course.unseenAccuracy) = (seen.accuracy, unseen.accuracy)
        }
        return course
    }

    // MARK: Overfitting

    private static func overfitting(_ settings: Settings, _ findings: inout Findings) throws {
        let split = try Digits.standardised()
        let right = try split.train.gather(rows: 0..<min(settings.count("examples"), split.train.rowCount))
        var random = SeededGenerator(seed: 1)
        let labels = (right.labels ?? []).map {
            random.uniform() < settings.number("wrong") ? Int32(random.next(below: 10)) : $0
        }
        let few = try Dataset(
            name: "some wrong labels", inputs: right.inputs, targets: .classes(labels: labels, names: right.classNames),
            provenance: right.provenance)
        let rates = settings.numbers("rates").sorted()
        let steps = settings.count("steps")
        let courses = try rates.map { rate in
            try settings.overSeeds { seed in
                try course(
                    model(settings.count("width"), rate), few, split.test, rate: 0.1, steps: steps, seed: seed)
            }
        }
        func estimate(_ i: Int, _ pick: (Course) -> Double) -> Estimate { Estimate(courses[i].map(pick)) }
        let losses = rates.indices.map { i in estimate(i) { $0.unseen.last ?? .nan } }
        guard let none = rates.firstIndex(of: 0),
            let half = rates.indices.min(by: { abs(rates[$0] - 0.5) < abs(rates[$1] - 0.5) }),
            half != none
        else { return }
        findings.checks += [
            .atLeast(
                "\(few.rowCount) examples: loss on new digits without dropout by that at rate \(Text.number(rates[half]))",
                1, measured: losses[none].map(over: losses[half]) { $0 / $1 }),
            .atLeast(
                "loss in training, units switched off, by that without dropout", 1,
                measured: estimate(half, \.noisy).map(over: estimate(none, \.noisy)) { $0 / $1 }),
            .atLeast(
                "right answers on new digits: with dropout less without", 0,
                measured: estimate(half, \.unseenAccuracy).map(over: estimate(none, \.unseenAccuracy)) { $0 - $1 }),
        ]
        let charts = [none, half].map { i in
            var chart = Chart(
                i == none ? "without dropout" : "dropout at rate \(Text.number(rates[i]))", x: .init("steps"),
                y: .init("loss", in: 0...2), size: .wide)
            let xs = courses[i].first?.steps ?? []
            chart.line("new digits", x: xs, y: Estimate.columns(courses[i].map(\.unseen)), color: 1)
            chart.line("examples", x: xs, y: Estimate.columns(courses[i].map(\.seen)), color: 0)
            return chart
        }
        findings.figures.append(
            Figure(
                "overfitting", title: "Learning by heart, and the cure",
                caption: """
                    A network with two layers of \(settings.count("width")) learns \(few.rowCount) digits. The gap between the lines is what \
                    it has learnt by heart. Bands are 99 % intervals.
                    """, charts))
        findings.tables.append(
            DataTable(
                "rates", title: "\(few.rowCount) digits, after \(steps) steps",
                columns: [
                    "dropout rate", "loss, examples", "loss, new digits", "right, examples", "right, new digits",
                ],
                rows: rates.indices.map { i in
                    [
                        .number(rates[i]), .estimate(estimate(i) { $0.seen.last ?? .nan }), .estimate(losses[i]),
                        .estimate(estimate(i, \.seenAccuracy)), .estimate(estimate(i, \.unseenAccuracy)),
                    ]
                }))
        let gain = estimate(half, \.unseenAccuracy).map(over: estimate(none, \.unseenAccuracy)) { 100 * ($0 - $1) }
        findings.conclusion = """
            Where there are few examples, dropout at a rate of \(Text.number(rates[half])) lowers the loss on new digits from \
            \(Text.number(losses[none].mean)) to \(Text.number(losses[half].mean)). The share of right answers changes by \
            \(Text.estimate(gain)) percentage points\
            \(gain.low > 0 ? "" : ": less than the loss suggests, since overfitting shows first in answers that are wrong and sure of themselves").
            """
    }

    // MARK: Underfitting

    private static func underfitting(_ settings: Settings, _ findings: inout Findings) throws {
        let split = try Digits.standardised()
        let steps = settings.count("steps")
        let width = settings.count("small")
        let early = steps / 4
        let kinds: [(name: String, color: Int, rate: Double, schedule: Dropout.Schedule)] = [
            ("no dropout", 7, 0, .always), ("always", 1, 0.2, .always),
            ("first quarter only", 2, 0.2, .early(steps: early)),
            ("after the first quarter", 4, 0.2, .late(start: early)),
        ]
        let courses = try kinds.map { kind in
            try settings.overSeeds { seed in
                try course(
                    model(width, kind.rate, kind.schedule), split.train, split.test, rate: 0.1, steps: steps,
                    seed: seed)
            }
        }
        func seen(_ i: Int) -> Estimate { Estimate(courses[i].map { $0.seen.last ?? .nan }) }
        func right(_ i: Int) -> Estimate { Estimate(courses[i].map(\.unseenAccuracy)) }
        findings.checks.append(
            .atLeast(
                "two layers of \(width): loss on the examples with dropout by that without", 1,
                measured: seen(1).map(over: seen(0)) { $0 / $1 }))
        var chart = Chart(x: .init("steps"), y: .init("loss on the examples", .logarithmic))
        for (i, kind) in kinds.enumerated() {
            chart.line(
                kind.name, x: courses[i].first?.steps ?? [], y: Estimate.columns(courses[i].map(\.seen)),
                color: kind.color)
        }
        findings.figures.append(
            Figure(
                "underfitting", title: "Dropout in a network that is too small",
                caption:
                    "Two layers of \(width) on \(split.train.rowCount) digits; rate 0.2. Bands are 99 % intervals.",
                chart))
        findings.tables.append(
            DataTable(
                "underfitting", title: "Two layers of \(width), after \(steps) steps",
                columns: ["dropout", "loss, examples", "right, new digits"],
                rows: kinds.indices.map { [.text(kinds[$0].name), .estimate(seen($0)), .estimate(right($0))] }))
        let ratio = seen(2).map(over: seen(0)) { $0 / $1 }
        findings.corrections = [
            Correction(
                said: "Dropout in the first steps only helps a network that underfits.",
                found: """
                    That was found for very large networks on millions of pictures. Here the loss on the examples is \
                    \(Text.estimate(ratio)) times that without dropout: \
                    \(ratio.high < 1 ? "it helps here, too" : ratio.low > 1 ? "it does harm" : "neither a gain nor a loss can be told from chance").
                    """),
            Correction(
                said: "Dropout is always worth a try.",
                found: """
                    Not in a network that is too small: with dropout throughout, the loss on its own examples is \
                    \(Text.fixed(seen(1).map(over: seen(0)) { $0 / $1 }.mean, 1)) times as large, and \
                    \(Text.percent(right(1).mean)) of the answers to new digits are right instead of \(Text.percent(right(0).mean)).
                    """),
        ]
    }
}
