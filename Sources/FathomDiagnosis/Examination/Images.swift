import FathomGraph
import FathomNN

// What a close look measures of layers that work on images: connections of filters, channels, gates, residual branches.

extension Examiner {
    /// How many outputs each input of a convolution is passed on to, and how many inputs each output gathers, on average over
    /// the image: taps in the padding are none, and a stride leaves some out.
    static func fans(_ graph: Graph, _ parameters: [StateDeclaration]) -> [String: (out: Double, in: Double)] {
        let declared = Dictionary(parameters.map { ($0.node, $0) }) { a, _ in a }
        var fans: [String: (out: Double, in: Double)] = [:]
        for (i, node) in graph.nodes.enumerated() {
            guard case .convolution(let window, _) = node.op, node.inputs.count == 2,
                let weight = declared[node.inputs[1]]
            else { continue }
            let inputs = graph.shape(of: node.inputs[0]).dims.dropFirst().compactMap(\.fixedValue)
            let outputs = graph.shape(of: NodeID(i)).dims.dropFirst().compactMap(\.fixedValue)
            guard inputs.count == window.axes.count + 1, outputs.count == inputs.count else { continue }
            let met = zip(window.axes, inputs).reduce(1.0) { $0 * Double($1.0.tapsInside($1.1)) }
            let connections = met * Double(weight.count) / Double(max(window.taps, 1))
            fans[weight.path] = (
                connections / Double(max(inputs.reduce(1, *), 1)), connections / Double(max(outputs.reduce(1, *), 1))
            )
        }
        return fans
    }
}

extension Window.Axis {
    /// Over all outputs, the taps that meet one of `n` inputs and not the padding.
    fileprivate func tapsInside(_ n: Int) -> Int {
        (0..<outputs(n)).reduce(0) { sum, output in sum + (0..<extent).count { input(output, $0, of: n) != nil } }
    }
}

extension LayerTable.Row {
    /// Sigmoids whose values weigh others, not the activation of the layer itself.
    var gates: [LayerTable.Use] {
        uses.filter { ["sigmoid", "hardSigmoid"].contains($0.activation.name) && $0.output != output }
    }

    /// Whether it adds a branch to its input as it is, which nothing else takes.
    func isBlock(_ graph: Graph) -> Bool {
        guard kind == "residual", let input, graph.shape(of: input) == graph.shape(of: sums) else { return false }
        return graph.nodes.allSatisfy { node in
            let scope = graph.scopes[Int(node.scope)]
            return !node.inputs.contains(input) || node.phase != .forward || scope == path
                || scope.hasPrefix(path + ".")
        }
    }
}

extension Examination.Channels {
    init(_ values: [Float], channels: Int) {
        let channels = max(channels, 1)
        let count = Double(max(values.count / channels, 1))
        var sums = [Double](repeating: 0, count: channels)
        for (i, v) in values.enumerated() { sums[i % channels] += Double(v) }
        let means = sums.map { $0 / count }
        var squares = [Double](repeating: 0, count: channels)
        for (i, v) in values.enumerated() {
            let d = Double(v) - means[i % channels]
            squares[i % channels] += d * d
        }
        self.means = means.map { Float($0) }
        deviations = squares.map { Float(($0 / count).squareRoot()) }
    }
}

extension Examination.Gate {
    init(_ values: [Float], units: Int) {
        let units = values.count % max(units, 1) == 0 ? max(units, 1) : 1
        let count = Double(max(values.count, 1))
        var sums = [Double](repeating: 0, count: units)
        for (i, v) in values.enumerated() { sums[i % units] += Double(v) }
        opening = sums.reduce(0, +) / count
        closed = Double(values.count { $0 < 0.05 }) / count
        open = Double(values.count { $0 > 0.95 }) / count
        self.units = sums.map { Float($0 * Double(units) / count) }
    }
}

extension Examination.Branch {
    /// - Parameters:
    ///   - input: x, and `sum` x + f(x).
    ///   - gradient: of the loss by x, and `ofSum` by the sum, which is what the shortcut hands on.
    /// - Returns: `nil` when they are not of one size.
    init?(input: [Float], sum: [Float], gradient: [Float], ofSum: [Float]) {
        guard input.count == sum.count, gradient.count == ofSum.count, !input.isEmpty else { return nil }
        func ratio(_ a: Double, _ b: Double) -> Double { b > 0 ? a / b : a > 0 ? .infinity : 0 }
        signal = ratio(zip(sum, input).lazy.map { $0 - $1 }.rootMeanSquare, input.rootMeanSquare)
        self.gradient = ratio(zip(gradient, ofSum).lazy.map { $0 - $1 }.rootMeanSquare, ofSum.rootMeanSquare)
    }
}
