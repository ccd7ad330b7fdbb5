import Fathom
import FathomReference
import Foundation

extension Experiment {
    static let backprop = Experiment(
        name: "backprop", title: "Back-propagation by hand",
        summary:
            "The chain rule through a network of four neurons, number by number, against what the library computes.",
        question: #"""
            How does a network know which of its weights to blame for an error? It asks for each weight: *if it were a little larger,
            by how much would the error change?* That ratio is the **gradient** of the weight.

            One could try it: change a weight by 0.001, compute the error again, and compare. For a million weights that means a
            million computations. Back-propagation gets all of them with a single pass backwards, because of the **chain rule**:
            when A turns B by a factor of 3 and B turns C by a factor of 2, A turns C by a factor of 6. Along a path the
            factors multiply, and where several paths meet, their products add.

            Here is the smallest network in which everything happens: two inputs, two hidden neurons, two outputs, all with a
            sigmoid. Every number is in the picture and can be checked with a pocket calculator.
            """#,
        mathematics: #"""
            Forward: $z_j = \sum_i w_{ij} x_i + b_j$, $h_j = σ(z_j)$; $u_k = \sum_j v_{jk} h_j + c_k$, $o_k = σ(u_k)$; and the error
            $L = \frac{1}{2} \sum_k (o_k - t_k)^2$.

            Backward, from the output on. For an output weight the chain has three links:

            $$\frac{\partial L}{\partial v_{jk}} = (o_k - t_k) \cdot o_k (1 - o_k) \cdot h_j = δ_k h_j$$

            A weight of the first layer reaches the error through both outputs, so two products are added:

            $$\frac{\partial L}{\partial w_{ij}} = (\sum_k δ_k v_{jk}) \cdot h_j (1 - h_j) \cdot x_i$$

            The bracket is the message that the outputs send back, over the same weights by which they were reached.
            """#,
        parameters: [
            .numbers("inputs", [0.5, -1], in: -10...10, "the two inputs"),
            .numbers("targets", [1, 0], in: -10...10, "what the two outputs should be"),
            .number("scale", 1, in: 0...100, "factor on all weights"),
            .number("rate", 0.5, in: 1e-6...100, "learning rate of the step"),
        ],
        next: [
            .init("Large weights: the sigmoids are flat and hardly anything comes back.", "--scale 20"),
            .init("When the target is met, every gradient is nearly 0.", "--targets 0.61,0.41"),
            .init("Does a long step still lower the error?", "--rate 50"),
        ],
        measure: BackpropMeasurement.run)
}

// MARK: Measurement

private enum BackpropMeasurement {
    // w[i][j] leads from input i to hidden neuron j, v[j][k] from there to output k.
    private static let w = [[0.4, -0.6], [0.7, 0.2]], b = [0.1, -0.3]
    private static let v = [[0.8, -0.5], [-0.9, 0.3]], c = [0.2, -0.1]

    private struct Pass {
        var h, o, deltaHidden, deltaOutput: [Double]
        var loss: Double
        /// In the order of the parameters: w, b, v, c.
        var gradients: [Double]
    }

    static func run(_ settings: Settings) throws -> Findings {
        var findings = Findings()
        let (x, t) = (settings.numbers("inputs"), settings.numbers("targets"))
        guard x.count == 2, t.count == 2 else {
            throw ConfigError(key: "--inputs", message: "--inputs and --targets are two numbers each")
        }
        let scale = settings.number("scale")
        let parameters = (w.flatMap { $0 } + b + v.flatMap { $0 } + c).map { $0 * scale }
        let hand = byHand(x, t, parameters)

        // The same network in the library, once through the interpreter in double precision and once compiled, in single.
        let model = Sequential {
            Dense(2); Sigmoid(); Dense(2); Sigmoid()
        }
        let loss = Loss("halfSquares", target: .values) { o, t in ((o - t) * (o - t)).sum(alongAxes: [1]).mean() * 0.5 }
        let exact = try interpreted(model, loss, x, t, parameters)
        let session = try Session(
            model, on: .rows([x], [t]), loss: loss, optimizer: SGD(learningRate: settings.number("rate")))
        let paths = ["dense1.weight", "dense1.bias", "dense2.weight", "dense2.bias"]
        let sizes = [4, 2, 4, 2]
        var start = 0
        for (path, size) in zip(paths, sizes) {
            session[path] = parameters[start..<start + size].map(Float.init)
            start += size
        }
        let before = paths.flatMap { session[$0] }
        let first = try session.advance()
        let after = paths.flatMap { session[$0] }
        let second = try session.advance(learningRate: 0)
        let compiled = zip(before, after).map { Double($0 - $1) / settings.number("rate") }

        let names = ["w₁₁", "w₁₂", "w₂₁", "w₂₂", "b₁", "b₂", "v₁₁", "v₁₂", "v₂₁", "v₂₂", "c₁", "c₂"]
        var rows: [[DataTable.Cell]] = []
        for (i, name) in names.enumerated() {
            // What a small change of the weight does to the error.
            func nudged(_ by: Double) -> Double {
                var p = parameters
                p[i] += by
                return byHand(x, t, p).loss
            }
            let tried = (nudged(1e-5) - nudged(-1e-5)) / 2e-5
            rows.append([
                .text(name), .number(parameters[i]), .text(Text.fixed(hand.gradients[i], 12)),
                .text(Text.fixed(exact.gradients[i], 12)), .text(Text.fixed(tried, 9)),
                .text(Text.fixed(compiled[i], 7)),
            ])
        }
        findings.tables = [
            DataTable(
                "gradients", title: "Every gradient, four ways",
                columns: [
                    "weight", "value", "by hand", "library, double precision", "by trying", "one step of training",
                ],
                rows: rows)
        ]
        func furthest(_ other: [Double]) -> Double {
            zip(hand.gradients, other).reduce(0) { max($0, abs($1.0 - $1.1)) }
        }
        let size = hand.gradients.reduce(0) { max($0, abs($1)) }
        let forecast = settings.number("rate") * hand.gradients.reduce(0) { $0 + $1 * $1 }
        findings.checks = [
            .equal("the error, by hand and by the library", theory: hand.loss, measured: exact.loss, tolerance: 1e-15),
            // A handful of roundings of 53 bits each.
            .equal(
                "12 gradients in double precision, largest difference", theory: 0, measured: furthest(exact.gradients),
                tolerance: 8 * size * Double.ulpOfOne),
            .equal(
                "12 gradients from one compiled step, largest difference", theory: 0, measured: furthest(compiled),
                // Weights are rounded to 24 bits before they are subtracted.
                tolerance: 4 * Double(Float.ulpOfOne) * max(1, scale) / settings.number("rate") + 1e-6 * size),
            .isTrue(
                "the step lowers the error", theory: "< \(Text.number(first))", measured: Text.number(second),
                second < first),
            // To first order the error falls by the learning rate times the squared length of the gradient.
            .atMost(
                "error after the step minus the straight-line forecast, by the step", 1,
                measured: forecast == 0 ? 0 : abs(second - first + forecast) / forecast),
        ]
        findings.figures = [network(x, t, parameters, hand)]
        let chainV = [hand.o[0] - t[0], hand.o[0] * (1 - hand.o[0]), hand.h[0]]
        let message = (0..<2).map { hand.deltaOutput[$0] * parameters[6 + $0] }
        findings.conclusion = """
            **An output weight, v₁₁:** \(product(chainV)) = \(Text.fixed(hand.gradients[6], 6)).

            **A weight of the first layer, w₁₁:** the outputs send back \(Text.fixed(message[0], 6)) and \(Text.fixed(message[1], 6)), \
            together \(Text.fixed(message[0] + message[1], 6)). Times the slope \(Text.fixed(hand.h[0] * (1 - hand.h[0]), 6)) and the input \
            \(Text.number(x[0])) that is \(Text.fixed(hand.gradients[0], 6)).

            The library gives the same to the last digit. Its gradients of the first layer are smaller than those of the second: each has \
            passed one more slope of at most ¼.
            """
        findings.corrections = [
            Correction(
                said: "Back-propagation is how networks learn.",
                found: """
                    It is how they get their gradients: an exact and quick way to compute derivatives, the same as those found by trying. \
                    Learning is what is then done with them, here one step against the gradient.
                    """)
        ]
        return findings
    }

    private static func product(_ factors: [Double]) -> String {
        factors.map { $0 < 0 ? "(\(Text.fixed($0, 6)))" : Text.fixed($0, 6) }.joined(separator: " · ")
    }

    private static func byHand(_ x: [Double], _ t: [Double], _ p: [Double]) -> Pass {
        func sigma(_ z: Double) -> Double { 1 / (1 + exp(-z)) }
        func w(_ i: Int, _ j: Int) -> Double { p[2 * i + j] }
        func v(_ j: Int, _ k: Int) -> Double { p[6 + 2 * j + k] }
        let h = (0..<2).map { j in sigma(w(0, j) * x[0] + w(1, j) * x[1] + p[4 + j]) }
        let o = (0..<2).map { k in sigma(v(0, k) * h[0] + v(1, k) * h[1] + p[10 + k]) }
        let deltaOutput = (0..<2).map { k in (o[k] - t[k]) * o[k] * (1 - o[k]) }
        let deltaHidden = (0..<2).map { j in (deltaOutput[0] * v(j, 0) + deltaOutput[1] * v(j, 1)) * h[j] * (1 - h[j]) }
        var gradients: [Double] = []
        for i in 0..<2 { for j in 0..<2 { gradients.append(deltaHidden[j] * x[i]) } }
        gradients += deltaHidden
        for j in 0..<2 { for k in 0..<2 { gradients.append(deltaOutput[k] * h[j]) } }
        gradients += deltaOutput
        let loss = 0.5 * ((o[0] - t[0]) * (o[0] - t[0]) + (o[1] - t[1]) * (o[1] - t[1]))
        return Pass(h: h, o: o, deltaHidden: deltaHidden, deltaOutput: deltaOutput, loss: loss, gradients: gradients)
    }

    /// The traced and differentiated graph, run by the reference interpreter.
    private static func interpreted(
        _ model: Sequential, _ loss: Loss, _ x: [Double], _ t: [Double], _ parameters: [Double]
    ) throws -> (loss: Double, gradients: [Double]) {
        let step = try TrainStep(
            model, loss: loss, optimizer: OptimizerSettings(SGD()), data: DataShape(input: [2], target: .values([2])),
            batch: 1,
            team: Team(threads: 1))
        var graph = step.graph
        guard let node = graph.outputs.first(where: { $0.name == "loss" })?.node else { return (.nan, []) }
        let nodes = step.declarations.map(\.node)
        let gradients = try graph.gradient(of: node, withRespectTo: nodes)
        var run = Interpreter(
            inputs: ["x": ReferenceTensor(shape: [1, 2], values: x), "y": ReferenceTensor(shape: [1, 2], values: t)],
            batch: 1)
        var start = 0
        for declaration in step.declarations {
            run.state[declaration.path] = ReferenceTensor(
                shape: declaration.shape, values: Array(parameters[start..<start + declaration.count]))
            start += declaration.count
        }
        let values = try run.values(of: [node] + nodes.compactMap { gradients[$0] }, in: graph)
        return (values[0].values[0], values.dropFirst().flatMap(\.values))
    }

    // MARK: Picture

    /// The network with its numbers, the signal forward and the messages back.
    private static func network(_ x: [Double], _ t: [Double], _ p: [Double], _ pass: Pass) -> Figure {
        func drawn(_ title: String, nodes: [[String]], edges: [[Double]]) -> Chart {
            var chart = Chart(title, x: .init(in: -0.35...2.35), y: .init(in: -0.45...1.45), size: .square)
            (chart.x.isHidden, chart.y.isHidden) = (true, true)
            for layer in 0..<2 {
                for from in 0..<2 {
                    for to in 0..<2 {
                        let (x0, y0, x1, y1) = (Double(layer), 1 - Double(from), Double(layer + 1), 1 - Double(to))
                        chart.line(x: [x0, x1], y: [y0, y1], color: 7)
                        let at = from == to ? 0.5 : 0.27
                        chart.label(
                            Text.fixed(edges[layer][2 * from + to], 3), x: x0 + at * (x1 - x0),
                            y: y0 + at * (y1 - y0) + (from == to ? 0.04 : 0.02))
                    }
                }
            }
            for layer in 0..<3 {
                for unit in 0..<2 {
                    let (x, y) = (Double(layer), 1 - Double(unit))
                    chart.dots(x: [x], y: [y], color: [0, 2, 1][layer], radius: 9)
                    chart.label(nodes[layer][unit], x: x, y: y + (unit == 0 ? 0.14 : -0.2))
                }
            }
            return chart
        }
        func f(_ v: Double) -> String { Text.fixed(v, 3) }
        let forward = drawn(
            "forward: values and weights",
            nodes: [x.map { "x = \(f($0))" }, pass.h.map { "h = \(f($0))" }, pass.o.map { "o = \(f($0))" }],
            edges: [Array(p[0..<4]), Array(p[6..<10])])
        let backward = drawn(
            "backward: messages and gradients",
            nodes: [["", ""], pass.deltaHidden.map { "δ = \(f($0))" }, pass.deltaOutput.map { "δ = \(f($0))" }],
            edges: [Array(pass.gradients[0..<4]), Array(pass.gradients[6..<10])])
        return Figure(
            "network", title: "Two inputs, two hidden neurons, two outputs",
            caption: """
                Left: what goes forward, with the weight at each line. Right: what comes back. Each neuron has its message δ, and each line \
                the gradient of its weight: the message at its right end times the value at its left end.
                """, [forward, backward])
    }
}
