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

            $$v = \frac{{|s|}^2}{1 + {|s|}^2} · \frac{s}{|s|}$$

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
            .numbers(
                "rates", [0.001, 0.003, 0.01], quick: [0.003], in: 1e-6...1,
                "learning rates of which each network gets its best"),
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
        let network = try OpenNetwork(Sequential([Lambda("squash") { squash($0) }]), inputs: 3, rows: 1)
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
        let rounds = Array(1...8)
        let courses = rounds.map(routed)
        // The lengths of both outputs by round.
        var lengths: [[Double]] = []
        var worst = 0.0
        for (iterations, expected) in zip(rounds, courses) {
            let network = try OpenNetwork(
                Sequential([Reshape([3, 1]), Capsules(2, dimension: 2, iterations: iterations)]), inputs: 3, rows: 1)
            network.storage.set("capsules1.weight", predictions.joined().joined().map(Float.init))
            try network.run([1, 1, 1])
            let v = network.values(after: 2).map(Double.init)
            worst = max(worst, zip(v, expected.outputs.joined()).map { abs($0 - $1) }.max() ?? .infinity)
            lengths.append([length(v[..<2]), length(v[2...])])
        }
        findings.checks += [
            .equal(
                "routing of three inputs to two outputs, 1 to 8 rounds: largest difference from the sums by hand",
                theory: 0, measured: worst, tolerance: 64 * Double(Float.ulpOfOne)),
            .isTrue(
                "length of the output on which two inputs agree", theory: "more in each round",
                measured: lengths.prefix(4).map { Text.fixed($0[0], 2) }.joined(separator: ", ") + " …",
                zip(lengths, lengths.dropFirst()).allSatisfy { $0[0] < $1[0] }),
        ]
        var chart = Chart(x: .init("round"), y: .init("share or length", in: 0...1))
        let xs = rounds.map(Double.init)
        chart.line("share of input 1 for output 1", x: xs, y: courses.map { $0.shares[0][0] }, color: 0, isDashed: true)
        chart.line("share of input 2 for output 1", x: xs, y: courses.map { $0.shares[1][0] }, color: 5, isDashed: true)
        chart.line("length of output 1", x: xs, y: lengths.map { $0[0] }, color: 2, hasDots: true)
        chart.line("length of output 2", x: xs, y: lengths.map { $0[1] }, color: 1, hasDots: true)
        findings.figures.append(
            Figure(
                "voting", title: "Three capsules vote on two",
                caption: """
                    Inputs 1 and 2 predict nearly the same for output 1, and arrows in different directions for output 2. From round to \
                    round they give more of their votes to output 1, which grows.
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

    /// The same two convolutions, then dense layers with `units` hidden units.
    private static func convolutional(_ dimension: Int, units: Int) -> Sequential {
        Sequential {
            Convolution(16, kernel: 3, padding: .valid)
            ReLU()
            Convolution(4 * dimension, kernel: 3, stride: 2, padding: .valid)
            ReLU()
            Flatten()
            Dense(units)
            ReLU()
            Dense(10)
        }
    }

    private static func weights(_ step: TrainStep) -> Int {
        step.declarations.reduce(0) { $0 + ($1.role == .parameter ? $1.count : 0) }
    }

    /// Every picture moved by so many pixels, with black where nothing comes from.
    private static func shifted(_ data: Dataset, _ dx: Int, _ dy: Int) throws -> Dataset {
        let size = 8
        var values = [Float](repeating: 0, count: data.inputs.values.count)
        for r in 0..<data.rowCount {
            let image = Array(data.inputs.row(r))
            for y in 0..<size where (0..<size).contains(y - dy) {
                for x in 0..<size where (0..<size).contains(x - dx) {
                    values[(r * size + y) * size + x] = image[(y - dy) * size + x - dx]
                }
            }
        }
        return try data.replacing(inputs: DataArray(values: values, shape: data.inputs.shape))
    }

    private struct Result: Sendable {
        /// Shares of wrong answers: on new digits, on the same moved by a pixel, and after learning from few.
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
        func size(_ model: Sequential) throws -> Int {
            try weights(Session(model, on: split.train, optimizer: SGD(), batch: 1).step)
        }
        // As many hidden units as bring the convolutional network to the same number of weights.
        let one = try size(convolutional(dimension, units: 1))
        let unit = try size(convolutional(dimension, units: 2)) - one
        let units = 1 + max(0, Int((Double(try size(capsules(dimension, 1)) - one) / Double(unit)).rounded()))
        let kinds: [(name: String, loss: Loss, model: @Sendable () -> Sequential)] = [
            (
                "capsules, \(iterations) round\(iterations == 1 ? "" : "s")", .margin(),
                { capsules(dimension, iterations) }
            ),
            ("capsules, shares kept equal", .margin(), { capsules(dimension, 1) }),
            ("convolutional", .softmaxCrossEntropy(), { convolutional(dimension, units: units) }),
        ]
        @Sendable func result(_ kind: Int, rate: Double, seed: UInt64) throws -> Result {
            func trained(_ data: Dataset) throws -> Session {
                let session = try Session(
                    kinds[kind].model(), on: data, loss: kinds[kind].loss, optimizer: Adam(learningRate: rate),
                    batch: 32, seed: seed)
                try session.train(steps: steps)
                return session
            }
            var result = Result()
            let clock = ContinuousClock()
            let start = clock.now
            let session = try trained(split.train)
            result.microseconds = 1e6 * ((clock.now - start) / .seconds(1)) / Double(steps)
            result.weights = weights(session.step)
            result.clean = 1 - (try session.measure(split.test).accuracy)
            for set in moved { result.moved += (1 - (try session.measure(set).accuracy)) / Double(moved.count) }
            result.few = 1 - (try trained(few).measure(split.test).accuracy)
            let outputs = try session.predictions(split.test.inputs)
            let labels = split.test.labels ?? []
            result.lengths = (0..<10).map { digit in
                let rows = labels.indices.filter { labels[$0] == Int32(digit) }
                return (0..<10).map { c in
                    rows.reduce(0.0) { $0 + Double(outputs[$1 * 10 + c]) } / Double(max(rows.count, 1))
                }
            }
            return result
        }
        // Each at the best of the learning rates.
        var results: [[Result]] = []
        for kind in kinds.indices {
            let tried = try settings.numbers("rates").map { rate in
                try settings.overSeeds { seed in try result(kind, rate: rate, seed: seed) }
            }
            func wrong(_ runs: [Result]) -> Double { Estimate(runs.map(\.clean)).mean }
            results.append(tried.min { wrong($0) < wrong($1) } ?? [])
        }
        func estimate(_ kind: Int, _ pick: (Result) -> Double) -> Estimate { Estimate(results[kind].map(pick)) }
        /// By how many percentage points `a` has fewer wrong answers than `b`, seed by seed.
        func gain(_ a: Int, _ b: Int, _ pick: (Result) -> Double) -> Estimate {
            estimate(b, pick).map(over: estimate(a, pick)) { 100 * ($0 - $1) }
        }
        let counts = results.map { $0.first?.weights ?? 0 }
        // The right capsule of each digit, and the nine others.
        let own = estimate(0) { r in (0..<10).reduce(0.0) { $0 + r.lengths[$1][$1] } / 10 }
        let others = estimate(0) { r in
            (r.lengths.joined().reduce(0, +) - (0..<10).reduce(0) { $0 + r.lengths[$1][$1] }) / 90
        }
        findings.checks += [
            .isTrue(
                "weights of both networks", theory: "equal but for less than one hidden unit",
                measured: "\(counts[0]) and \(counts[2])", abs(counts[0] - counts[2]) < unit),
            .atMost("capsules: wrong answers on new digits", 0.1, measured: estimate(0, \.clean)),
            // The loss asks for 0.9 and 0.1; what is nearer to the other aim has not been learnt.
            .atLeast("mean length of the right capsule", 0.5, measured: own),
            .atMost("mean length of the nine others", 0.5, measured: others),
            .atLeast(
                "not worse than the convolutional network by more than 3 percentage points: by how much better", -3,
                measured: gain(0, 2, \.clean)),
        ]
        findings.tables.append(
            DataTable(
                "digits", title: "Wrong answers after \(steps) steps, each network at its best learning rate",
                columns: [
                    "network", "weights", "new digits", "moved by a pixel", "from \(few.rowCount) examples",
                    "µs a step",
                ],
                rows: kinds.indices.map { k in
                    [
                        .text(kinds[k].name), .number(Double(counts[k])), .estimate(estimate(k, \.clean)),
                        .estimate(estimate(k, \.moved)), .estimate(estimate(k, \.few)),
                        .number(estimate(k, \.microseconds).mean.rounded()),
                    ]
                }))
        var bars = Chart(
            x: .init(categories: ["new digits", "moved by a pixel", "few examples"]), y: .init("wrong answers in %"))
        for (k, color) in [2, 5, 1].enumerated() {
            bars.bars(
                kinds[k].name, [estimate(k, \.clean), estimate(k, \.moved), estimate(k, \.few)].map { 100 * $0.mean },
                offset: 0.27 * Double(k - 1), width: 0.25, color: color)
        }
        var heat = Chart(
            x: .init("capsule", categories: (0..<10).map(String.init)),
            y: .init("digit shown", categories: (0..<10).map(String.init)), size: .square)
        let mean = (0..<10).map { digit in (0..<10).map { c in estimate(0) { $0.lengths[digit][c] }.mean } }
        heat.heat(
            x: (0..<10).map(Double.init), y: (0..<10).map(Double.init), mean, label: "length", in: 0...1,
            texts: mean.map { $0.map { $0 >= 0.15 ? Text.fixed($0, 1) : "" } })
        findings.figures += [
            Figure(
                "lengths", title: "How long each capsule's arrow is for each digit",
                caption: """
                    The mean over new digits and all runs: 1 is a digit that the network is sure of. Bright squares off the diagonal are \
                    mix-ups.
                    """, heat),
            Figure(
                "digits", title: "Capsules and convolutions with as many weights",
                caption: """
                    On digits that were kept back; on the same moved by a pixel in each of four directions, which no network was shown; \
                    and after learning from \(few.rowCount) digits.
                    """, bars),
        ]
        findings.conclusion = """
            The capsule network learns the digits: \(Text.percent(estimate(0, \.clean).mean)) of its answers to new ones are wrong, of the \
            convolutional network's \(Text.percent(estimate(2, \.clean).mean)). A step takes it \
            \(Text.fixed(estimate(0, \.microseconds).mean / estimate(2, \.microseconds).mean, 1)) times as long.
            """
        /// Where `a` has fewer wrong answers than `b`; nothing when it has everywhere, since then what is said is so.
        func correction(_ said: String, _ start: String, _ a: Int, _ b: Int) -> [Correction] {
            let gains = [gain(a, b, \.clean), gain(a, b, \.moved), gain(a, b, \.few)]
            func word(_ e: Estimate) -> String { e.low > 0 ? "better" : e.high < 0 ? "worse" : "no clear difference" }
            let places = ["on new digits", "on digits moved by a pixel", "from few examples"]
            let found = zip(places, gains).map { "\($0) \(Text.estimate($1)) (\(word($1)))" }.joined(separator: ", ")
            return gains.allSatisfy { $0.low > 0 } ? [] : [Correction(said: said, found: "\(start): \(found).")]
        }
        findings.corrections =
            correction(
                "Capsules are better than convolutions.",
                "Percentage points by which they have fewer wrong answers than a convolutional network with as many weights",
                0, 2)
            + correction(
                "Routing by agreement is what makes them work.",
                "A network whose shares stay equal does not route at all. Percentage points by which \(iterations) rounds have fewer "
                    + "wrong answers than that", 0, 1)
    }
}
