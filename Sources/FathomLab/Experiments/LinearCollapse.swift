import Fathom
import Foundation

extension Experiment {
    static let linearCollapse = Experiment(
        name: "linear-collapse", title: "Without activations, depth is worth nothing",
        summary: "Any stack of linear layers equals one of them, and one of them cannot learn XOR, circles or spirals.",
        question: #"""
            Layers of neurons are put one behind the other so that a network can compute what a single layer cannot. But what if the
            neurons only add up and pass on the sum, without an activation?

            Take a price, add 10 %, then subtract 2 euros, then double it. However many such steps follow each other, the result
            is always *some number times the price plus some other number*. One step could have done it. The same holds for
            layers without activations: a hundred of them are one layer in disguise.

            And one layer draws a straight border. XOR (the class says whether two signs differ), two circles inside each other
            and two spirals have no straight border. A single hidden layer *with* an activation can separate them.
            """#,
        mathematics: #"""
            Two layers without activation:

            $$W_2 (W_1 x + b_1) + b_2 = (W_2 W_1) x + (W_2 b_1 + b_2)$$

            That is one layer with the matrix $W_2 W_1$ and the bias $W_2 b_1 + b_2$, and so on for any depth.

            No straight line separates XOR: the classes of $(1, 1)$ and $(-1, -1)$ are equal, so the scores must satisfy
            $w_1 + w_2 + b > 0$ and $-w_1 - w_2 + b > 0$, hence $b > 0$; the two other corners demand $b < 0$.
            """#,
        parameters: [
            .seeds(),
            .count("depth", 5, in: 2...100, "linear layers"),
            .count("width", 16, in: 2...256, "units of each hidden layer"),
            .activation("activation", "tanh", "activation of the network that is compared"),
            .count("steps", 800, quick: 500, in: 1...20_000, "updates"),
        ],
        next: [
            .init("A hundred layers are no better than one.", "--depth 100 --steps 200"),
            .init("ReLU instead of tanh.", "--activation relu"),
            .init("How few hidden units are enough?", "--width 3"),
        ],
        measure: LinearCollapseMeasurement.run)
}

// MARK: Measurement

private enum LinearCollapseMeasurement {
    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        let (depth, width, steps) = (settings.count("depth"), settings.count("width"), settings.count("steps"))
        let activation = try settings.activation()
        findings.checks.append(
            .atMost(
                "outputs of \(depth) layers minus those of their product, by their size", 1e-4,
                measured: Estimate(try settings.overSeeds { try difference(depth: depth, width: width, seed: $0) })))

        let sets: [(String, @Sendable (UInt64) throws -> Dataset)] = [
            ("XOR", { try SyntheticSets.xor(count: 400, seed: $0) }),
            ("circles", { try SyntheticSets.circles(count: 400, seed: $0) }),
            ("spirals", { try SyntheticSets.spirals(count: 400, arms: 2, turns: 1, seed: $0) }),
        ]
        let models: [(String, @Sendable () -> Sequential)] = [
            ("one linear layer", { Sequential { Dense(2) } }),
            (
                "\(depth) linear layers",
                {
                    Sequential {
                        for _ in 1..<depth { Dense(width, initializer: .orthogonal) }
                        Dense(2)
                    }
                }
            ),
            (
                "a layer of \(activation)",
                {
                    Sequential {
                        Dense(width, biasInitializer: .uniform(-1, 1))
                        Activate(activation)
                        Dense(2)
                    }
                }
            ),
        ]
        var rows: [[DataTable.Cell]] = []
        var charts: [Chart] = []
        for (name, make) in sets {
            var row: [DataTable.Cell] = [.text(name)]
            var results: [Estimate] = []
            for (title, model) in models {
                let accuracy = Estimate(
                    try settings.overSeeds { seed in
                        let data = try make(seed)
                        return try trained(model(), on: data, steps: steps, seed: seed).measure(data).accuracy
                    })
                row.append(.estimate(accuracy))
                results.append(accuracy)
                charts.append(
                    try picture("\(name): \(title)", trained(model(), on: make(0), steps: steps, seed: 0), make(0)))
            }
            rows.append(row)
            // A straight border can be right about three of four corners, and about more than half of circles and spirals.
            findings.checks += [
                .atMost("\(name): accuracy of \(depth) linear layers", 0.8, measured: results[1]),
                .equal(
                    "\(name): accuracy of \(depth) layers minus that of one", theory: 0,
                    measured: results[1].map(over: results[0]) { $0 - $1 }, tolerance: 0.1, resolution: 0.15),
                .atLeast("\(name): accuracy of one hidden layer of \(activation)", 0.95, measured: results[2]),
            ]
        }
        findings.tables = [
            DataTable(
                "accuracy", title: "Share of the points on the right side", columns: ["points"] + models.map(\.0),
                rows: rows)
        ]
        findings.figures = [
            Figure(
                "borders", title: "What each network believes about the plane",
                caption:
                    "Dots are the points to be told apart; the ground shows the answer. Linear networks of any depth draw straight borders.",
                charts)
        ]
        findings.conclusion = """
            The product of all weight matrices gives the same outputs as the stack: depth without activations adds nothing. The straight \
            border fails on all three sets, and one hidden layer with an activation is enough for each.
            """
        findings.corrections = [
            Correction(
                said: "Deep linear networks are the same as one linear layer in every respect.",
                found: """
                    Only in what they can compute. *Learning* is another matter: the loss of a product of matrices is no bowl any more, it \
                    has flat places at which all gradients are 0 (set all weights to 0), and its steps depend on depth.
                    """)
        ]
        return findings
    }

    private static func trained(_ model: Sequential, on data: Dataset, steps: Int, seed: UInt64) throws -> Session {
        let session = try Session(model, on: data, optimizer: Adam(learningRate: 0.03), seed: seed)
        try session.train(steps: steps)
        return session
    }

    /// Random linear layers against the product of their matrices, in single precision.
    private static func difference(depth: Int, width: Int, seed: UInt64) throws -> Double {
        let model = Sequential {
            for _ in 0..<depth { Dense(width, initializer: .xavier, biasInitializer: .normal(standardDeviation: 0.3)) }
        }
        var random = SeededGenerator(seed: seed)
        let rows = (0..<64).map { _ in (0..<width).map { _ in random.normal() } }
        let session = try Session(model, on: .rows(rows, rows), optimizer: SGD(), seed: seed)
        let outputs = try session.predictions(
            DataArray(values: rows.flatMap { $0.map(Float.init) }, shape: [rows.count, width]))
        // x·W₁ + b₁ and so on, as one matrix and one bias.
        var matrix = (0..<width).map { i in (0..<width).map { $0 == i ? 1.0 : 0 } }
        var bias = [Double](repeating: 0, count: width)
        func times(_ row: [Double], _ w: [Float]) -> [Double] {
            (0..<width).map { j in (0..<width).reduce(0.0) { $0 + row[$1] * Double(w[$1 * width + j]) } }
        }
        for layer in 1...depth {
            let w = session["dense\(layer).weight"]
            matrix = matrix.map { times($0, w) }
            bias = zip(times(bias, w), session["dense\(layer).bias"]).map { $0 + Double($1) }
        }
        var (error, size) = (0.0, 0.0)
        for (r, row) in rows.enumerated() {
            for j in 0..<width {
                let expected = (0..<width).reduce(bias[j]) { $0 + row[$1] * matrix[$1][j] }
                error = max(error, abs(expected - Double(outputs[r * width + j])))
                size = max(size, abs(expected))
            }
        }
        return error / size
    }

    private static func picture(_ title: String, _ session: Session, _ data: Dataset) throws -> Chart {
        let reach = data.inputs.values.reduce(0) { max($0, Double(abs($1))) } * 1.05
        let grid = (0..<28).map { -reach + 2 * reach * (Double($0) + 0.5) / 28 }
        let points = grid.flatMap { y in grid.map { [Float($0), Float(y)] } }
        let answers = try session.predictions(DataArray(values: points.flatMap { $0 }, shape: [points.count, 2]))
        // The probability of the second class.
        let shares = (0..<points.count).map { 1 / (1 + exp(Double(answers[2 * $0] - answers[2 * $0 + 1]))) }
        var chart = Chart(title, x: .init(in: -reach...reach), y: .init(in: -reach...reach), size: .small)
        (chart.x.isHidden, chart.y.isHidden) = (true, true)
        chart.heat(
            x: grid, y: grid, grid.indices.map { r in Array(shares[r * 28..<(r + 1) * 28]) }, in: 0...1,
            colors: .diverging)
        for label in [Int32(0), 1] {
            let rows = (data.labels ?? []).indices.filter { data.labels?[$0] == label && $0 % 3 == 0 }
            chart.dots(
                x: rows.map { Double(data.inputs.values[2 * $0]) },
                y: rows.map { Double(data.inputs.values[2 * $0 + 1]) },
                color: label == 0 ? 0 : 1, radius: 2.4)
        }
        return chart
    }
}
