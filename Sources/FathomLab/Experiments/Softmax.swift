import Fathom
import FathomReference
import Foundation

extension Experiment {
    static let softmax = Experiment(
        name: "softmax", title: "Softmax and the cross-entropy, also where numbers end",
        summary:
            "From scores to probabilities, with its derivatives, and why the loss must be computed from the scores.",
        question: #"""
            A network that tells ten digits apart has ten outputs, one score for each. A score may be any number. **Softmax** makes
            probabilities of them: it raises e to each score and divides by the sum. The largest score gets the largest share, all
            shares are positive, and together they are 1. The scores 2, 1 and 0 become 67 %, 24 % and 9 %.

            The **cross-entropy** then asks how large a share the right answer got, and takes the negative logarithm: 0 for a share
            of 1, 0.69 for one half, 2.3 for one tenth.

            On paper the two steps are harmless. In a computer, e¹⁰⁰ does not fit into a number of 32 bits. What happens then, and how
            is it avoided?
            """#,
        mathematics: #"""
            $$p_i = \frac{e^{z_i}}{\sum_j e^{z_j}} \quad L = -\ln p_t = -z_t + \ln \sum_j e^{z_j}$$

            Its derivatives form a matrix, the **Jacobian**, whose rows add up to 0, because the shares always add up to 1:

            $$\frac{\partial p_i}{\partial z_j} = p_i (\text{[}i = j\text{]} - p_j)$$

            where [i = j] stands for 1 if that is so, and for 0 if not.

            With the cross-entropy behind it, almost everything cancels:

            $$\frac{\partial L}{\partial z_j} = p_j - \text{[}j = t\text{]}$$

            Adding the same number to all scores changes nothing. So one may subtract the largest first, after which no power exceeds 1.
            In 32 bits $e^z$ overflows at $z > \ln(2^{128}) ≈ 88.72$, and a share below about $10^{-45}$ becomes 0, whose logarithm is −∞.
            """#,
        parameters: [
            .seeds(),
            .count("classes", 10, in: 2...1000, "scores in a row"),
            .number("spread", 3, in: 0...50, "deviation of the random scores"),
        ],
        next: [
            .init("A thousand classes.", "--classes 1000"),
            .init("Scores far apart: softmax becomes a choice.", "--spread 40"),
        ],
        measure: SoftmaxMeasurement.run)
}

// MARK: Measurement

private enum SoftmaxMeasurement {
    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        let classes = settings.count("classes")
        let spread = settings.number("spread")

        let worst = try settings.overSeeds { seed -> [Double] in
            var random = SeededGenerator(seed: seed)
            let z = (0..<classes).map { _ in spread * random.normal() }
            return try identities(z, target: Int(random.next(below: UInt64(classes))))
        }
        func largest(_ i: Int) -> Double { worst.map { $0[i] }.max() ?? .nan }
        // Roundings of sums of so many terms, in double precision.
        let rounding = Double(classes + 8) * 4 * Double.ulpOfOne
        findings.checks = [
            .equal(
                "Jacobian against p(δ − p), largest difference", theory: 0, measured: largest(0), tolerance: rounding),
            .equal("sum of its rows", theory: 0, measured: largest(1), tolerance: rounding),
            .equal(
                "gradient of the loss against p − 1 at the target", theory: 0, measured: largest(2), tolerance: rounding
            ),
            .equal(
                "shares after adding 100 to every score, difference", theory: 0, measured: largest(3),
                tolerance: 128 * rounding),
            .equal(
                "softmax of two scores against σ of their difference", theory: 0, measured: largest(4),
                tolerance: rounding),
        ]
        let equal = try compiled([Float](repeating: 0.5, count: classes), target: 0)
        findings.checks.append(
            .equal(
                "loss of \(classes) equal scores: ln \(classes)", theory: log(Double(classes)), measured: equal.fused,
                tolerance: 1e-5))

        // Two scores, x and 0, and the second is right: the loss is x + ln(1 + e⁻ˣ).
        let scales = stride(from: 0.0, through: 130, by: 0.5).map { $0 } + [1000, 10_000]
        let runs = try scales.map { (x: $0, losses: try compiled([Float($0), 0], target: 1)) }
        func lastGood(_ pick: ((naive: Double, shifted: Double, fused: Double)) -> Double) -> Double {
            var last = 0.0
            for run in runs {
                let exact = run.x + log1p(exp(-run.x))
                let value = pick(run.losses)
                guard value.isFinite, abs(value - exact) <= 1e-3 * max(exact, 1) else { break }
                last = run.x
            }
            return last
        }
        findings.checks += [
            .equal(
                "last score at which −ln(eᶻ/Σeᶻ) is right: ln 2¹²⁸, or where shares end", theory: 128 * log(2),
                measured: lastGood(\.naive), tolerance: 2),
            .equal(
                "last score at which −ln softmax(z) is right: shares end at 2⁻¹⁴⁹ or 2⁻¹²⁶", theory: 137.5 * log(2),
                measured: lastGood(\.shifted), tolerance: 11.5 * log(2) + 0.5),
            .equal(
                "last score tried at which the loss from scores is right", theory: 10_000, measured: lastGood(\.fused),
                tolerance: 0),
        ]
        findings.tables = [
            DataTable(
                "extremes", title: "The loss of scores x and 0 when the second is right, in 32 bits",
                columns: ["x", "exact", "−ln(eᶻ/Σeᶻ)", "−ln softmax(z)", "from the scores"],
                rows: runs.filter { [0, 1, 10, 50, 80, 88, 89, 100, 104, 110, 1000, 10_000].contains($0.x) }.map {
                    [
                        .number($0.x), .number($0.x + log1p(exp(-$0.x))), .number($0.losses.naive),
                        .number($0.losses.shifted),
                        .number($0.losses.fused),
                    ]
                })
        ]
        findings.figures = [try curves(), extremes(runs.filter { $0.x <= 130 }), try jacobian(classes, spread)]
        findings.conclusion = """
            Written as on paper, the loss is right up to a score of \(Text.number(lastGood(\.naive))) and then no number at all. \
            Subtracting the largest score first helps up to \(Text.number(lastGood(\.shifted))), where the share of the right answer becomes 0. \
            Computed from the scores in one piece it is right as far as it was tried, and its gradient p − 1 is always a sensible number: \
            that is why a network for classes should end in scores, without softmax, and leave it to the loss.
            """
        findings.corrections = [
            Correction(
                said: "Softmax gives the network's confidence.",
                found: """
                    It gives shares that add up to 1. Double all scores and the shares get more extreme, though nothing was learnt: 67, 24 and \
                    9 % for 2, 1, 0 become 87, 12 and 2 % for 4, 2, 0.
                    """)
        ]
        return findings
    }

    /// Largest deviations from what must be so, in double precision.
    private static func identities(_ z: [Double], target: Int) throws -> [Double] {
        let n = z.count
        let trace = Trace(isTraining: false)
        let x = trace.input("z", [1, .fixed(n)])
        let weights = trace.input("weights", [1, .fixed(n)])
        let p = softmax(x)
        // The gradient of Σ w·p for w = 1 at one place is a row of the Jacobian.
        let pick = (p * weights).sum()
        let loss = (x.logSumExp() - (x * weights).sum(alongAxes: [1])).sum()
        try trace.check()
        var graph = trace.graph
        guard let xs = x.id, let ps = p.id, let picked = pick.id, let l = loss.id,
            let row = try graph.gradient(of: picked, withRespectTo: [xs])[xs],
            let gradient = try graph.gradient(of: l, withRespectTo: [xs])[xs]
        else { return [] }
        func run(_ z: [Double], _ place: Int) throws -> [[Double]] {
            let interpreter = Interpreter(
                inputs: [
                    "z": ReferenceTensor(shape: [1, n], values: z),
                    "weights": ReferenceTensor(shape: [1, n], values: (0..<n).map { $0 == place ? 1.0 : 0 }),
                ], batch: 1)
            return try interpreter.values(of: [ps, row, gradient], in: graph).map(\.values)
        }
        let top = z.max() ?? 0
        let powers = z.map { exp($0 - top) }
        let shares = powers.map { $0 / powers.reduce(0, +) }
        var worst = [0.0, 0, 0, 0, 0]
        for i in 0..<min(n, 32) {
            let found = try run(z, i)[1]
            for j in 0..<n { worst[0] = max(worst[0], abs(found[j] - shares[i] * ((i == j ? 1 : 0) - shares[j]))) }
            worst[1] = max(worst[1], abs(found.reduce(0, +)))
        }
        let at = try run(z, target)
        for j in 0..<n { worst[2] = max(worst[2], abs(at[2][j] - (shares[j] - (j == target ? 1 : 0)))) }
        let shifted = try run(z.map { $0 + 100 }, target)[0]
        worst[3] = zip(at[0], shifted).reduce(0) { max($0, abs($1.0 - $1.1)) }
        // Two scores beside n − 2 that are far too low to count.
        let pair = try run([z[0], z[1]] + [Double](repeating: -1e4, count: n - 2), 0)[0]
        worst[4] = abs(pair[0] - 1 / (1 + exp(z[1] - z[0])))
        return worst
    }

    /// The loss of one row in single precision: as on paper, through a softmax, and from the scores.
    private static func compiled(_ z: [Float], target: Int) throws -> (naive: Double, shifted: Double, fused: Double) {
        let trace = Trace(isTraining: false)
        let x = trace.input("z", [1, .fixed(z.count)])
        let onTarget = trace.vector(z.indices.map { $0 == target ? 1 : 0 })
        func of(_ p: Tensor) -> Tensor { -log((p * onTarget).sum()) }
        let powers = exp(x)
        let naive = of(powers / powers.sum(alongAxes: [1], keepingAxes: true))
        let shifted = of(FathomNN.softmax(x))
        let fused = Loss.softmaxCrossEntropy()(x, trace.constant(Double(target), [1]).cast(to: .int32))
        try trace.check()
        var graph = trace.graph
        graph.outputs = [("naive", naive.id), ("shifted", shifted.id), ("fused", fused.id)].compactMap { name, id in
            id.map { (name, $0) }
        }
        let plan = try Executable(graph, maxBatch: 1, state: StateStorage([]), team: Team(threads: 1))
        _ = plan.setInput("z", z)
        try plan.run(batch: 1)
        return (Double(plan.scalar("naive")), Double(plan.scalar("shifted")), Double(plan.scalar("fused")))
    }

    // MARK: Pictures

    private static func curves() throws -> Figure {
        var chart = Chart(x: .init("first score"), y: .init("share", in: 0...1))
        let xs = stride(from: -5.0, through: 6, by: 0.1).map { $0 }
        let shares = xs.map { x -> [Double] in
            let powers = [exp(x), exp(1.0), 1]
            return powers.map { $0 / powers.reduce(0, +) }
        }
        for (i, name) in ["first score, moving", "second, always 1", "third, always 0"].enumerated() {
            chart.line(name, x: xs, y: shares.map { $0[i] })
        }
        return Figure(
            "shares", title: "Three scores become shares of 1",
            caption: "The first score grows from left to right. What it wins, the others lose.", chart)
    }

    private static func extremes(_ runs: [(x: Double, losses: (naive: Double, shifted: Double, fused: Double))])
        -> Figure
    {
        var chart = Chart(x: .init("score of the wrong answer"), y: .init("loss"))
        let xs = runs.map(\.x)
        chart.line("from the scores", x: xs, y: runs.map(\.losses.fused), color: 2)
        chart.line("−ln softmax(z)", x: xs, y: runs.map { $0.losses.shifted - 4 }, color: 0)
        chart.line("−ln(eᶻ/Σeᶻ)", x: xs, y: runs.map { $0.losses.naive - 8 }, color: 1)
        return Figure(
            "extremes", title: "Where the loss ends in 32 bits",
            caption:
                "All three should be the same line; the lower two are moved down a little to be seen. They end where they become infinite or no number.",
            chart)
    }

    private static func jacobian(_ classes: Int, _ spread: Double) throws -> Figure {
        let n = min(classes, 10)
        let charts = [1.0, spread].map { spread in
            var random = SeededGenerator(seed: 4)
            let z = (0..<n).map { _ in spread * random.normal() }
            let powers = z.map { exp($0 - (z.max() ?? 0)) }
            let p = powers.map { $0 / powers.reduce(0, +) }
            let matrix = (0..<n).map { i in (0..<n).map { j in p[i] * ((i == j ? 1 : 0) - p[j]) } }
            let top = matrix.flatMap { $0 }.reduce(0) { max($0, abs($1)) }
            var chart = Chart(
                "scores of spread \(Text.number(spread))", x: .init("score"), y: .init("share"), size: .square)
            let places = (0..<n).map(Double.init)
            chart.heat(x: places, y: places, matrix, label: "∂p/∂z", in: -top...top, colors: .diverging)
            return chart
        }
        return Figure(
            "jacobian", title: "The Jacobian: how each share answers to each score",
            caption:
                "Red on the diagonal: its own score raises a share. Blue beside it: the other scores lower it. Each row adds up to 0.",
            charts)
    }
}
