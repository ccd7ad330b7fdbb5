import Fathom
import Foundation

extension Experiment {
    static let capsule = Experiment(
        name: "capsule", title: "Capsules and routing by agreement",
        summary: "Groups of units that vote on what they see, next to a convolutional network of equal size.",
        question: #"""
            A unit of a usual network says how sure it is that it sees something: one number. A **capsule** is a small group of units
            whose output is an arrow. Its length says how sure it is, and its direction says *how* the thing looks: thick or thin,
            upright or slanted.

            Capsules of one layer vote on those of the next. A capsule that sees a vertical stroke predicts what a 1 would look like, if
            there were one, and what a 4 would look like. If many predictions for the 4 point in the same direction, there probably is a 4,
            and their votes count more; votes that disagree count less. This is repeated a few times and called **routing by
            agreement**.

            Does such a network learn digits? Is it better than a convolutional network with as many weights? And can it deal with
            pictures that are shifted a little, which it has never seen?
            """#,
        mathematics: #"""
            The arrow $s$ of a capsule is brought to a length below 1 and keeps its direction; short arrows become almost 0:

            $$v = \frac{|s|^2}{1 + |s|^2} · \frac{s}{|s|}$$

            Input capsule $i$ predicts output $j$ with a matrix of its own, $u_{ij} = u_i W_{ij}$. Each input shares out its votes: the
            shares $c_{ij}$ of an input add up to 1 and are equal at first. Then, three times,

            - the outputs are $s_j = \sum c_{ij} u_{ij}$ and $v_j$ from them,
            - the agreement $u_{ij} · v_j$ is added to $b_{ij}$, and the new shares are the softmax of $b$ over the outputs.

            The length of $v_j$ is the network's belief in digit $j$. The loss wants it above 0.9 for the right digit and below 0.1 for
            the others (Sabour, Frosst and Hinton 2017).
            """#,
        parameters: [
            .seeds(8, quick: 5),
            .count("iterations", 3, in: 1...10, "how often the shares are worked out"),
            .count("dimension", 8, in: 2...16, "numbers of a capsule"),
            .count("steps", 600, quick: 400, in: 10...20_000, "steps of training, 32 digits a step"),
            .count("few", 200, in: 20...1400, "digits of the training with few examples"),
        ],
        next: [
            .init("More rounds of voting.", "--iterations 6"),
            .init("Arrows of two numbers: is direction of use?", "--dimension 2"),
            .init("Very few examples.", "--few 60"),
        ],
        measure: CapsuleMeasurement.run)
}

// MARK: Measurement

/// The squashing function as a layer.
private struct Squash: Layer {
    func callAsFunction(_ x: Tensor) -> Tensor { squash(x) }
}

private enum CapsuleMeasurement {
    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        try lengths(&findings)
        try voting(&findings)
        try digits(settings, &findings)
        // The digits stand for the experiment.
        if let last = findings.figures.popLast() { findings.figures.insert(last, at: 0) }
        return findings
    }

    private static func length(_ v: some Collection<Double>) -> Double { v.reduce(0) { $0 + $1 * $1 }.squareRoot() }

    // MARK: The formulas

    private static func lengths(_ findings: inout Findings) throws {
        let network = try OpenNetwork(Sequential([Squash()]), inputs: 3, rows: 1)
        var worst = 0.0
        for size in [0.01, 0.1, 1, 3, 30] {
            let s = [2.0 / 3, -2.0 / 3, 1.0 / 3].map { size * $0 }
            try network.run(s.map(Float.init))
            let v = network.values(after: 1).map(Double.init)
            let expected = s.map { $0 / size * size * size / (1 + size * size) }
            worst = max(worst, length(zip(v, expected).map { $0 - $1 }) / length(expected))
        }
        findings.checks.append(
            .equal(
                "squashing: largest relative difference from the formula", theory: 0, measured: worst,
                tolerance: 16 * Double(Float.ulpOfOne)))
    }

    /// Three inputs and two outputs. Two inputs agree about the first output; about the second nobody agrees.
    private static func voting(_ findings: inout Findings) throws {
        // Predictions by input and output.
        let predictions: [[[Double]]] = [
            [[1, 0], [1, 0]], [[0.9, 0.1], [-0.6, 0.8]], [[-0.2, -0.5], [-0.5, -0.8]],
        ]
        /// The routing written out, in double precision.
        func routed(_ iterations: Int) -> (outputs: [[Double]], shares: [[Double]]) {
            var b = [[Double]](repeating: [0, 0], count: 3)
            var outputs: [[Double]] = []
            var shares: [[Double]] = []
            for _ in 0..<iterations {
                shares = b.map { row in
                    let e = row.map { exp($0) }
                    return e.map { $0 / e.reduce(0, +) }
                }
                outputs = (0..<2).map { j in
                    let s = (0..<2).map { k in (0..<3).reduce(0.0) { $0 + shares[$1][j] * predictions[$1][j][k] } }
                    let size = length(s)
                    return s.map { $0 * size / (1 + size * size) }
                }
                for i in 0..<3 {
                    for j in 0..<2 { b[i][j] += zip(predictions[i][j], outputs[j]).reduce(0) { $0 + $1.0 * $1.1 } }
                }
            }
            return (outputs, shares)
        }
        var worst = 0.0
        for iterations in [1, 2, 3, 6] {
            let network = try OpenNetwork(
                Sequential([Reshape([3, 1]), Capsules(2, dimension: 2, iterations: iterations)]), inputs: 3, rows: 1)
            network.storage.set(
                "capsules1.weight", predictions.joined().joined().map { Float($0) })
            try network.run([1, 1, 1])
            let expected = routed(iterations).outputs.flatMap { $0 }
            worst = max(worst, zip(network.values(after: 2), expected).map { abs(Double($0) - $1) }.max() ?? .infinity)
        }
        findings.checks.append(
            .equal(
                "routing of three inputs to two outputs: largest difference from the sums by hand", theory: 0,
                measured: worst, tolerance: 64 * Double(Float.ulpOfOne)))
        let rounds = Array(1...8)
        let courses = rounds.map(routed)
        findings.checks.append(
            .isTrue(
                "votes of the two inputs that agree go to what they agree on", theory: "more in each round",
                measured: courses.map { Text.fixed($0.shares[0][0], 2) }.prefix(4).joined(separator: ", "),
                zip(courses, courses.dropFirst()).allSatisfy { $0.shares[0][0] < $1.shares[0][0] }))
        var chart = Chart(x: .init("round"), y: .init("share or length", in: 0...1))
        let xs = rounds.map(Double.init)
        chart.line("share of input 1 for output 1", x: xs, y: courses.map { $0.shares[0][0] }, color: 0, hasDots: true)
        chart.line("share of input 2 for output 1", x: xs, y: courses.map { $0.shares[1][0] }, color: 5, hasDots: true)
        chart.line("length of output 1", x: xs, y: courses.map { length($0.outputs[0]) }, color: 2, hasDots: true)
        chart.line("length of output 2", x: xs, y: courses.map { length($0.outputs[1]) }, color: 1, hasDots: true)
        findings.figures.append(
            Figure(
                "voting", title: "Three capsules vote on two",
                caption: """
                    Inputs 1 and 2 predict nearly the same for output 1 and the opposite for output 2. From round to round their votes move \
                    to output 1, which grows.
                    """, chart))
    }

    // MARK: Digits

    private static func capsules(_ dimension: Int, _ iterations: Int) -> Sequential {
        Sequential {
            Convolution(16, kernel: 3, padding: .valid)
            ReLU()
            PrimaryCapsules(4, dimension: dimension, kernel: 3, stride: 2)
            Capsules(10, dimension: dimension, iterations: iterations)
            CapsuleLength()
        }
    }

    /// The same two convolutions, then dense layers with about `weights` weights in all.
    private static func convolutional(_ dimension: Int, weights: Int) -> Sequential {
        let channels = 4 * dimension
        let fixed = (9 * 16 + 16) + (9 * 16 * channels + channels) + 10
        let units = max(4, (weights - fixed) / (4 * channels + 1 + 10))
        return Sequential {
            Convolution(16, kernel: 3, padding: .valid)
            ReLU()
            Convolution(channels, kernel: 3, stride: 2, padding: .valid)
            ReLU()
            Flatten()
            Dense(units)
            ReLU()
            Dense(10)
        }
    }

    /// Every picture moved by so many pixels, with black where nothing comes from.
    private static func shifted(_ data: Dataset, _ dx: Int, _ dy: Int) throws -> Dataset {
        let size = 8
        var values = [Float](repeating: 0, count: data.inputs.values.count)
        for r in 0..<data.rowCount {
            let image = Array(data.inputs.row(r))
            for y in 0..<size {
                for x in 0..<size where (0..<size).contains(x - dx) && (0..<size).contains(y - dy) {
                    values[(r * size + y) * size + x] = image[(y - dy) * size + x - dx]
                }
            }
        }
        return try data.replacing(inputs: DataArray(values: values, shape: data.inputs.shape))
    }

    private struct Result: Sendable {
        var clean = 0.0
        var moved = 0.0
        var few = 0.0
        var weights = 0
        var microseconds = 0.0
        /// Mean length of each capsule (column) for each digit (row).
        var lengths: [[Double]] = []
    }

    private static func digits(_ settings: Settings, _ findings: inout Findings) throws {
        let split = try Digits.load().split(fraction: 0.8, seed: 0)
        let few = try split.train.gather(rows: 0..<min(settings.count("few"), split.train.rowCount))
        let moved = try [(1, 0), (-1, 0), (0, 1), (0, -1)].map { try shifted(split.test, $0.0, $0.1) }
        let (dimension, iterations) = (settings.count("dimension"), settings.count("iterations"))
        let steps = settings.count("steps")
        let size = try Session(capsules(dimension, 1), on: split.train, loss: .margin(), optimizer: Adam(), batch: 1)
            .step.declarations.reduce(0) { $0 + ($1.role == .parameter ? $1.count : 0) }
        let kinds: [(name: String, loss: Loss, model: @Sendable () -> Sequential)] = [
            (
                "capsules, \(iterations) round\(iterations == 1 ? "" : "s")", .margin(),
                { capsules(dimension, iterations) }
            ),
            ("capsules, votes not counted anew", .margin(), { capsules(dimension, 1) }),
            ("convolutional", .softmaxCrossEntropy(), { convolutional(dimension, weights: size) }),
        ]
        let results = try kinds.map { kind in
            try settings.overSeeds { seed -> Result in
                func trained(_ data: Dataset) throws -> (Session, Double) {
                    let session = try Session(
                        kind.model(), on: data, loss: kind.loss, optimizer: Adam(learningRate: 0.003), batch: 32,
                        seed: seed)
                    let clock = ContinuousClock()
                    let taken = try clock.measure { try session.train(steps: steps) }
                    let seconds = Double(taken.components.seconds) + Double(taken.components.attoseconds) * 1e-18
                    return (session, 1e6 * seconds / Double(steps))
                }
                var result = Result()
                let (session, time) = try trained(split.train)
                result.microseconds = time
                result.weights = session.step.declarations.reduce(0) { $0 + ($1.role == .parameter ? $1.count : 0) }
                result.clean = try session.measure(split.test).accuracy
                for set in moved { result.moved += try session.measure(set).accuracy / Double(moved.count) }
                let p = try session.predictions(split.test.inputs)
                let labels = split.test.labels ?? []
                result.lengths = (0..<10).map { digit in
                    let rows = labels.indices.filter { labels[$0] == Int32(digit) }
                    return (0..<10).map { c in
                        rows.reduce(0.0) { $0 + Double(p[$1 * 10 + c]) } / Double(max(rows.count, 1))
                    }
                }
                result.few = try trained(few).0.measure(split.test).accuracy
                return result
            }
        }
        func estimate(_ kind: Int, _ pick: (Result) -> Double) -> Estimate { Estimate(results[kind].map(pick)) }
        let gap = estimate(0, \.clean).map(over: estimate(2, \.clean)) { $0 - $1 }
        let (weights, others) = (results[0].first?.weights ?? 0, results[2].first?.weights ?? 0)
        findings.checks += [
            .isTrue(
                "weights of both networks", theory: "equal within 1 %", measured: "\(weights) and \(others)",
                abs(weights - others) * 100 <= weights),
            .atLeast("capsules: right answers on new digits", 0.9, measured: estimate(0, \.clean)),
            .atLeast("less those of the convolutional network: no more than 3 points behind", -0.03, measured: gap),
        ]
        let mean: [[Double]] = (0..<10).map { digit in
            (0..<10).map { c in
                results[0].reduce(0.0) { $0 + $1.lengths[digit][c] } / Double(results[0].count)
            }
        }
        let (own, rest) = (0..<10).reduce(into: (0.0, 0.0)) { sums, digit in
            sums.0 += mean[digit][digit] / 10
            sums.1 += (mean[digit].reduce(0, +) - mean[digit][digit]) / 90
        }
        findings.checks.append(
            .isTrue(
                "mean length of the right capsule, and of the others", theory: "near 0.9, near 0.1",
                measured: "\(Text.fixed(own, 2)), \(Text.fixed(rest, 2))", own > 0.6 && rest < 0.2))
        findings.tables.append(
            DataTable(
                "digits", title: "Right answers after \(steps) steps",
                columns: [
                    "network", "weights", "new digits", "moved by a pixel", "from \(few.rowCount) examples",
                    "µs a step",
                ],
                rows: kinds.indices.map { k in
                    [
                        .text(kinds[k].name), .number(Double(results[k].first?.weights ?? 0)),
                        .estimate(estimate(k, \.clean)), .estimate(estimate(k, \.moved)), .estimate(estimate(k, \.few)),
                        .estimate(estimate(k, \.microseconds)),
                    ]
                }))
        var bars = Chart(
            x: .init(categories: ["new digits", "moved by a pixel", "few examples"]),
            y: .init("right answers", in: 0...1))
        for (k, color) in [2, 5, 1].enumerated() {
            bars.bars(
                kinds[k].name,
                [estimate(k, \.clean).mean, estimate(k, \.moved).mean, estimate(k, \.few).mean],
                offset: 0.27 * Double(k - 1), width: 0.25, color: color)
        }
        findings.figures.append(
            Figure(
                "digits", title: "Capsules and convolutions with as many weights",
                caption: """
                    Right answers on the built-in digits kept back; the same moved by a pixel in each of four directions, which no network \
                    was shown; and after learning from \(few.rowCount) digits.
                    """, bars))
        var chart = Chart(
            x: .init("capsule", categories: (0..<10).map(String.init)),
            y: .init("digit shown", categories: (0..<10).map(String.init)), size: .square)
        chart.heat(
            x: (0..<10).map(Double.init), y: (0..<10).map(Double.init), mean, label: "length", in: 0...1,
            texts: mean.map { $0.map { $0 >= 0.15 ? Text.fixed($0, 1) : "" } })
        findings.figures.append(
            Figure(
                "lengths", title: "How long each capsule's arrow is for each digit",
                caption: "The mean over digits kept back and all runs. Bright squares off the diagonal are mix-ups.",
                chart))
        let rounds = estimate(0, \.clean).map(over: estimate(1, \.clean)) { 100 * ($0 - $1) }
        let movedGap = estimate(0, \.moved).map(over: estimate(2, \.moved)) { 100 * ($0 - $1) }
        func word(_ e: Estimate) -> String { e.low > 0 ? "better" : e.high < 0 ? "worse" : "no clear difference" }
        findings.conclusion = """
            The capsule network answers \(Text.percent(estimate(0, \.clean).mean)) of the new digits rightly, the convolutional one \
            \(Text.percent(estimate(2, \.clean).mean)). A step of it takes \
            \(Text.fixed(estimate(0, \.microseconds).mean / estimate(2, \.microseconds).mean, 1)) times as long.
            """
        findings.corrections = [
            Correction(
                said: "Capsules are better than convolutions.",
                found: """
                    With as many weights: \(Text.estimate(gap.map { 100 * $0 })) percentage points on new digits (\(word(gap))), \
                    \(Text.estimate(movedGap)) on digits moved by a pixel (\(word(movedGap))).
                    """),
            Correction(
                said: "Routing by agreement is what makes them work.",
                found: """
                    Votes that are counted once, with equal shares, do as follows: \(iterations) rounds are \(Text.estimate(rounds)) \
                    percentage points ahead of that (\(word(rounds))).
                    """),
        ]
    }
}
