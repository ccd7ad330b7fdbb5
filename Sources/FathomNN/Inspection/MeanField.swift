import FathomGraph
import FathomReference

/// The mean-field theory of wide random networks applied to a traced graph, node by node, before any training.
///
/// Forward, every node carries the distribution of its elements: matrix products and sums make normal ones from means and
/// variances, functions of one such variable are followed exactly by quadrature, whatever formula a layer is written in.
/// Backward, a node's gradient is a number, the mean square of its elements, handed on as if it were independent of the
/// values (Schoenholz et al. 2017). Different products, random numbers and parameters count as independent; weights have
/// their real first values. In a chain of equal layers this is q and χ of ``SignalPropagation``.
///
/// Variances are told apart by what examples share: of two examples every variable has a correlation, since what a weight
/// makes of a mean is the same for all examples, and batch normalisation takes just that away (with ReLU, gradients then grow
/// by π/(π − 1) a layer; Yang et al. 2019).
///
/// The network's inputs count as independent with mean 0 and variance 1. NaN means that there is no rule for a node.
public struct MeanField {
    private let graph: Graph
    private let batch: Int
    private let state: [String: (shape: [Int], values: [Float])]
    private let rule = NormalQuadrature()
    private var entries: [Entry] = []
    private var index: [Slot: Int] = [:]
    /// Nodes that another layer reads.
    private var leaving: Set<NodeID> = []

    /// A node, or a range of its last axis: halves of a product may be drawn by different rules.
    private struct Slot: Hashable {
        let node: NodeID
        let range: Range<Int>?
    }

    /// A variable: a constant, a variable of its own (`root` is itself), or a function of one.
    private struct Entry {
        let node: NodeID
        /// At each point of the quadrature; a single one for a constant.
        var values: [Double]
        /// The derivative by the root, where there is one.
        var slopes: [Double] = []
        var root: Int?
        /// Where the gradient of a variable of its own goes, with its factor.
        var parents: [(entry: Int, factor: Double)] = []
        /// Of a variable of its own that is a function of its parent: the slopes behind the parent's factor.
        var slopesToParent: [Double] = []
        /// Of a variable of its own: the correlation in two examples between the normal variables it is a function of.
        var correlation = 0.0
        var isConstant: Bool { root == nil }
    }

    /// - Parameters:
    ///   - graph: a forward pass with outputs; composite operations are replaced by their bodies.
    ///   - values: the first values of parameters and buffers.
    ///   - batch: the batch size that statistics over the batch are taken over.
    /// - Throws: ``GraphError`` when the graph cannot be rewritten.
    public init(_ graph: Graph, values: [InitialValue], batch: Int) throws(GraphError) {
        self.graph = try graph.inliningCalls().removingDeadNodes()
        self.batch = max(batch, 1)
        state = Dictionary(values.map { ($0.declaration.path, ($0.declaration.shape, $0.values)) }) { a, _ in a }
        for node in self.graph.nodes {
            for input in node.inputs where self.graph[input].scope != node.scope { leaving.insert(input) }
        }
        // In order, so that no rule has to descend far.
        for i in self.graph.nodes.indices { _ = entry(Slot(node: NodeID(i), range: nil)) }
    }

    /// The graph that ``mean(of:)`` and its kin speak of: without composite operations and dead nodes.
    public var tracedGraph: Graph { graph }

    /// The mean over the elements of a node.
    public func mean(of node: NodeID) -> Double { expected(entries[known(node)].values) }

    /// The mean square over the elements of a node.
    public func meanSquare(of node: NodeID) -> Double { expected(entries[known(node)].values.map { $0 * $0 }) }

    /// The variance over the elements of a node.
    public func variance(of node: NodeID) -> Double {
        let m = mean(of: node)
        return max(meanSquare(of: node) - m * m, 0)
    }

    /// The mean square of every node's gradient when that of `output` is 1.
    ///
    /// - Parameter inside: nodes whose gradient is handed on; all when `nil`.
    public func gradients(from output: NodeID, inside: ((NodeID) -> Bool)? = nil) -> [Double] {
        var gradient = [Double](repeating: 0, count: entries.count)
        gradient[known(output)] = 1
        for i in entries.indices.reversed() where gradient[i] != 0 {
            let entry = entries[i]
            guard let root = entry.root, inside?(entry.node) ?? true else { continue }
            if root == i {
                for (parent, factor) in entry.parents { gradient[parent] += gradient[i] * factor }
            } else {
                gradient[root] += gradient[i] * expected(entry.slopes.map { $0 * $0 })
            }
        }
        return graph.nodes.indices.map { gradient[known(NodeID($0))] }
    }

    private func known(_ node: NodeID) -> Int { index[Slot(node: node, range: nil)] ?? 0 }

    private func expected(_ values: [Double]) -> Double { values.count == 1 ? values[0] : rule.mean(values) }

    // MARK: Variables

    private mutating func entry(_ slot: Slot) -> Int {
        if let known = index[slot] { return known }
        // The operands come first, so that the order of entries is one to go back along.
        var made = evaluate(slot)
        let position = entries.count
        if made.root == Self.own {
            made.root = position
            made.slopes = [Double](repeating: 1, count: rule.points.count)
        } else if let root = made.root, slot.range == nil, leaving.contains(slot.node) {
            // What one layer hands to another is a variable of its own, whose gradient can be read.
            let factor = expected(made.slopes.map { $0 * $0 })
            made = Entry(
                node: slot.node, values: made.values, root: position, parents: [(root, factor)],
                slopesToParent: made.slopes, correlation: entries[root].correlation)
            made.slopes = [Double](repeating: 1, count: rule.points.count)
        }
        entries.append(made)
        index[slot] = position
        return position
    }

    private static let own = -1

    private func normal(
        _ slot: Slot, mean: Double, variance: Double, shared: Double = 0, _ parents: [(entry: Int, factor: Double)]
    ) -> Entry {
        let deviation = max(variance, 0).squareRoot()
        var made = Entry(
            node: slot.node, values: rule.points.map { mean + deviation * $0 }, root: Self.own, parents: parents)
        made.correlation = variance > 0 ? max(min(shared / variance, 1), 0) : 0
        return made
    }

    /// The part of a variable's variance that two examples share: by Mehler's formula Σ ρᵏ cₖ² over the coefficients of the
    /// function in normalised Hermite polynomials, k ≥ 1.
    private func shared(_ entry: Entry) -> Double {
        guard let root = entry.root else { return 0 }
        let correlation =
            root == Self.own || !entries.indices.contains(root) ? entry.correlation : entries[root].correlation
        if correlation == 0 { return 0 }
        let mean = expected(entry.values)
        let variance = expected(entry.values.map { ($0 - mean) * ($0 - mean) })
        if correlation == 1 || !variance.isFinite { return variance }
        var (before, now) = ([Double](repeating: 1, count: rule.points.count), rule.points)
        var (sum, power) = (0.0, 1.0)
        for k in 1...40 {
            power *= correlation
            var coefficient = 0.0
            for i in now.indices { coefficient += rule.weights[i] * entry.values[i] * now[i] }
            sum += power * coefficient * coefficient
            if power * variance < 1e-9 * variance { break }
            let (a, b) = (1 / Double(k + 1).squareRoot(), (Double(k) / Double(k + 1)).squareRoot())
            for i in now.indices { (before[i], now[i]) = (now[i], a * rule.points[i] * now[i] - b * before[i]) }
        }
        return min(sum, variance)
    }

    private func constant(_ slot: Slot, _ value: Double) -> Entry { Entry(node: slot.node, values: [value]) }

    /// A variable distributed as another but independent of it, such as a part of it.
    private func copy(_ slot: Slot, of source: Int, factor: Double) -> Entry {
        if entries[source].isConstant { return Entry(node: slot.node, values: entries[source].values) }
        let correlation = entries[source].root.map { entries[$0].correlation } ?? 0
        return Entry(
            node: slot.node, values: entries[source].values, root: Self.own, parents: [(source, factor)],
            correlation: correlation)
    }

    private func unknown(_ slot: Slot, _ operands: [Int]) -> Entry {
        Entry(
            node: slot.node, values: [Double](repeating: .nan, count: rule.points.count), root: Self.own,
            parents: operands.filter { !entries[$0].isConstant }.map { ($0, .nan) })
    }

    private func moments(_ i: Int) -> (mean: Double, square: Double, variance: Double) {
        let mean = expected(entries[i].values)
        let square = expected(entries[i].values.map { $0 * $0 })
        return (mean, square, entries[i].isConstant ? 0 : max(square - mean * mean, 0))
    }

    private func count(_ node: NodeID) -> Double { Double(graph.shape(of: node).count(batch: batch)) }

    private func lastExtent(_ node: NodeID) -> Int? { graph.shape(of: node).dims.last?.resolved(batch: batch) }

    // MARK: Rules

    private mutating func evaluate(_ slot: Slot) -> Entry {
        let node = graph[slot.node]
        let last = lastExtent(slot.node) ?? 1
        let share = slot.range.map { Double($0.count) / Double(max(last, 1)) } ?? 1
        /// An operand, cut as this node is where it has the same last axis.
        func operand(_ k: Int, _ field: inout MeanField) -> Int {
            let id = node.inputs[k]
            return field.entry(Slot(node: id, range: field.lastExtent(id) == last ? slot.range : nil))
        }
        func whole(_ k: Int, _ field: inout MeanField) -> Int { field.entry(Slot(node: node.inputs[k], range: nil)) }

        switch node.op {
        case .input:
            guard node.type.element == .float32, node.type.shape.rank > 0 else { return constant(slot, 0) }
            if slot.range == nil { return normal(slot, mean: 0, variance: 1, []) }
            return copy(slot, of: entry(Slot(node: slot.node, range: nil)), factor: share)
        case .state(let path): return parameter(slot, path, last)
        case .constant(let value): return constant(slot, value)
        case .extent(let axes):
            let shape = graph.shape(of: node.inputs[0])
            return constant(slot, axes.reduce(1.0) { $0 * Double(shape[$1].resolved(batch: batch)) })
        case .randomBits: return constant(slot, 0)
        case .unary(.uniformFromBits):
            // Uniform numbers as a function of normal ones.
            let uniform = rule.points.map { 0.5 * Interpreter.apply(.erfc, -$0 / 2.0.squareRoot()) }
            return Entry(node: slot.node, values: uniform, root: Self.own)
        case .unary, .binary, .compare, .select, .cast:
            var operands: [Int] = []
            for k in node.inputs.indices { operands.append(operand(k, &self)) }
            return elementwise(slot, node.op, operands)
        case .reshape, .transpose:
            let id = node.inputs[0]
            if slot.range == nil || lastExtent(id) == last {
                let source = operand(0, &self)
                return Entry(
                    node: slot.node, values: entries[source].values, slopes: entries[source].slopes,
                    root: entries[source].root)
            }
            return copy(slot, of: whole(0, &self), factor: share)
        case .broadcast:
            let source = operand(0, &self)
            return copy(slot, of: source, factor: count(slot.node) / max(count(node.inputs[0]), 1))
        case .slice(let axis, let start, let end, let step):
            if axis == node.type.shape.rank - 1, step == 1, slot.range == nil {
                let source = entry(Slot(node: node.inputs[0], range: start..<end))
                return copy(slot, of: source, factor: 1)
            }
            let source = whole(0, &self)
            return copy(slot, of: source, factor: share * count(slot.node) / max(count(node.inputs[0]), 1))
        case .gather, .gatherAlong:
            let source = whole(0, &self)
            return copy(slot, of: source, factor: share * count(slot.node) / max(count(node.inputs[0]), 1))
        case .pad:
            let source = whole(0, &self)
            let filled = count(node.inputs[0]) / max(count(slot.node), 1)
            let m = moments(source)
            return normal(
                slot, mean: m.mean * filled, variance: m.square * filled - m.mean * m.mean * filled * filled,
                [(source, 1)])
        case .concat:
            var (mean, square) = (0.0, 0.0)
            var parents: [(Int, Double)] = []
            for (k, id) in node.inputs.enumerated() {
                let source = whole(k, &self)
                let m = moments(source)
                let part = count(id) / max(count(slot.node), 1)
                (mean, square) = (mean + part * m.mean, square + part * m.square)
                parents.append((source, 1))
            }
            return normal(slot, mean: mean, variance: square - mean * mean, parents)
        case .sum(let axes):
            let source = whole(0, &self)
            let n = count(node.inputs[0]) / max(count(slot.node), 1)
            let m = moments(source)
            let shape = graph.shape(of: node.inputs[0])
            // Places of an image, that is axes between the batch and the features, are to each other as examples are.
            let places = axes.filter { $0 > 0 && $0 < shape.rank - 1 }
            let isOverBatch = axes.contains { shape[$0].fixedValue == nil }
            // A sum of many with a mean hardly varies (the law of large numbers). A mean over an image alone, unless of
            // squares, is handed on for how it varies.
            let isPooling = places.count == axes.count && !isSquare(node.inputs[0])
            if !isPooling, m.variance < 0.5 * n * m.mean * m.mean { return constant(slot, n * m.mean) }
            let common = shared(entries[source])
            // What the examples share adds up over the batch and over places; over features it stays shared.
            let alike = axes.reduce(1.0) { product, axis in
                axis < shape.rank - 1 || shape[axis].fixedValue == nil
                    ? product * Double(shape[axis].resolved(batch: batch)) : product
            }
            let together = n * alike * common
            let variance = n * (m.variance - common) + together
            return normal(
                slot, mean: n * m.mean, variance: variance, shared: isOverBatch ? variance : together,
                [(source, share)])
        case .max(let axes), .min(let axes):
            let source = whole(0, &self)
            let rank = graph.shape(of: node.inputs[0]).rank
            return extreme(
                slot, of: source, count: count(node.inputs[0]) / max(count(slot.node), 1),
                isMax: node.op.name == "maxOver", overPlaces: axes.allSatisfy { $0 > 0 && $0 < rank - 1 }, share)
        case .matmul(_, let isTransposed):
            let x = whole(0, &self)
            // Columns of the second operand are this node's last axis.
            let w = isTransposed ? whole(1, &self) : operand(1, &self)
            let dims = graph.shape(of: node.inputs[1]).dims
            let inner = Double((isTransposed ? dims.last : dims.dropLast().last)?.resolved(batch: batch) ?? 1)
            let rows = Double(node.type.shape.dims.dropLast().last?.resolved(batch: batch) ?? 1)
            let (a, b) = (moments(x), moments(w))
            let mean = inner * a.mean * b.mean
            let variance = inner * (a.square * b.square - a.mean * a.mean * b.mean * b.mean)
            // Two examples share what the weights make of the mean and of what the inputs share.
            let (sharedX, sharedW) = (shared(entries[x]) + a.mean * a.mean, shared(entries[w]) + b.mean * b.mean)
            let common = inner * (sharedX * sharedW - a.mean * a.mean * b.mean * b.mean)
            return normal(
                slot, mean: mean, variance: variance, shared: common,
                [(x, Double(last) * share * b.square), (w, rows * a.square)])
        case .convolution(let window, let groups):
            let (x, w) = (whole(0, &self), operand(1, &self))
            let input = graph.shape(of: node.inputs[0])
            let channels = Double(input.dims.last?.fixedValue ?? 1) / Double(max(groups, 1))
            // Taps in the padding add nothing.
            let inner = insideTaps(window, input) * channels
            let (a, b) = (moments(x), moments(w))
            let both = (shared(entries[x]) + a.mean * a.mean) * (shared(entries[w]) + b.mean * b.mean)
            let squares = a.mean * a.mean * b.mean * b.mean
            let places = count(slot.node) / Double(max(last, 1))
            return normal(
                slot, mean: inner * a.mean * b.mean, variance: inner * (a.square * b.square - squares),
                shared: inner * (both - squares),
                [
                    (x, share * inner * count(slot.node) / max(count(node.inputs[0]), 1) * b.square),
                    (w, places * insideTaps(window, input) / Double(max(window.taps, 1)) * a.square),
                ])
        case .windowSum(let window):
            let source = whole(0, &self)
            let n = insideTaps(window, graph.shape(of: node.inputs[0]))
            let (m, common) = (moments(source), shared(entries[source]))
            return normal(
                slot, mean: n * m.mean, variance: n * (m.variance - common) + n * n * common, shared: n * n * common,
                [(source, share * n * count(slot.node) / max(count(node.inputs[0]), 1))])
        case .windowGather(let window):
            // Of the taps the largest, as max pooling takes it.
            let taps = insideTaps(window, graph.shape(of: node.inputs[0]))
            return extreme(
                slot, of: whole(0, &self), count: taps, isMax: true, overPlaces: true,
                share * count(slot.node) * taps / max(count(node.inputs[0]), 1))
        case .argMax, .argSort, .windowArgMax: return constant(slot, 0)
        case .convolutionInputGradient(let window, let groups):
            // A transposed convolution: an output sums what inputs send to it.
            let (x, w) = (whole(0, &self), whole(1, &self))
            let channels = Double(lastExtent(node.inputs[0]) ?? 1)
            let sent = insideTaps(window, node.type.shape)
            let (a, b) = (moments(x), moments(w))
            let inner =
                sent * count(node.inputs[0]) / Double(max(groups, 1)) / max(count(slot.node) / Double(max(last, 1)), 1)
            let both = (shared(entries[x]) + a.mean * a.mean) * (shared(entries[w]) + b.mean * b.mean)
            let squares = a.mean * a.mean * b.mean * b.mean
            return normal(
                slot, mean: inner * a.mean * b.mean, variance: inner * (a.square * b.square - squares),
                shared: inner * (both - squares),
                [
                    (x, share * sent * Double(last) / Double(max(groups, 1)) * b.square),
                    (w, count(node.inputs[0]) / channels * sent / Double(max(window.taps, 1)) * a.square),
                ])
        case .convolutionWeightGradient, .windowSpread, .windowScatterAdd, .iota,
            .scatterAdd, .scatterAddAlong, .cumulativeSum, .summary, .exponentHistogram, .call:
            var operands: [Int] = []
            for k in node.inputs.indices { operands.append(whole(k, &self)) }
            return unknown(slot, operands)
        }
    }

    /// How many taps of a window lie inside the image, on average over the outputs.
    ///
    /// The middle of a padded image varies more than its border and is read more often by the next layer, which an average does
    /// not show: theory is low by some 6 % of a variance for each layer at 6×6 pixels, by less in larger images.
    private func insideTaps(_ window: Window, _ image: Shape) -> Double {
        zip(window.axes, image.dims.dropFirst()).reduce(1) { product, axis in
            let (n, outputs) = (axis.1.fixedValue ?? 0, axis.0.outputs(axis.1.fixedValue ?? 0))
            let inside = (0..<axis.0.extent).reduce(0) { sum, tap in
                // Outputs whose tap is neither before the image nor behind it.
                let first = max(0, (axis.0.low - tap * axis.0.dilation + axis.0.stride - 1) / axis.0.stride)
                let end = min(outputs, (n - 1 + axis.0.low - tap * axis.0.dilation) / axis.0.stride + 1)
                return sum + max(end - first, 0)
            }
            return product * Double(inside) / Double(max(outputs, 1))
        }
    }

    /// The first values as a normal variable, or as a constant where they are all equal.
    private func parameter(_ slot: Slot, _ path: String, _ last: Int) -> Entry {
        guard let (_, values) = state[path], !values.isEmpty else { return unknown(slot, []) }
        var (n, sum, squares) = (0.0, 0.0, 0.0)
        for (i, value) in values.enumerated() where slot.range?.contains(i % max(last, 1)) ?? true {
            (n, sum, squares) = (n + 1, sum + Double(value), squares + Double(value) * Double(value))
        }
        let mean = sum / max(n, 1)
        let variance = squares / max(n, 1) - mean * mean
        return variance <= 1e-14 * mean * mean
            ? constant(slot, mean) : normal(slot, mean: mean, variance: variance, shared: variance, [])
    }

    /// The largest (or smallest) of n, by their distribution function.
    ///
    /// - Parameters:
    ///   - overPlaces: whether they lie side by side in an image: then they share what two examples share, and are independent
    ///     given that. Features are independent.
    ///   - share: the sum of the gradients' mean squares over the n when that of the result is 1.
    private func extreme(
        _ slot: Slot, of source: Int, count n: Double, isMax: Bool, overPlaces: Bool, _ share: Double
    ) -> Entry {
        let variable = entries[source]
        guard let root = variable.root, n > 1 else { return copy(slot, of: source, factor: share) }
        let sign = isMax ? 1.0 : -1.0
        let correlation = overPlaces ? max(min(entries[root].correlation, 1), 0) : 0
        let ordered = rule.points.indices.sorted { rule.points[$0] < rule.points[$1] }
        let points = ordered.map { rule.points[$0] }
        let curve = ordered.map { variable.values[$0] * sign }
        let slopes = variable.slopesToParent.isEmpty ? [] : ordered.map { variable.slopesToParent[$0] }
        func power(_ p: Double) -> Double { Interpreter.apply(.pow, max(min(p, 1), 0), n) }
        /// The mean of the largest, of its square, and of the squared slope where it lies.
        func given(_ sharedPart: Double) -> (mean: Double, square: Double, slope: Double) {
            let own = (1 - correlation).squareRoot()
            let at = points.map { correlation.squareRoot() * sharedPart + own * $0 }
            let values = correlation == 0 ? curve : Self.interpolated(points, curve, at)
            let there = slopes.isEmpty || correlation == 0 ? slopes : Self.interpolated(points, slopes, at)
            var (below, mean, square, slope) = (0.0, 0.0, 0.0, 0.0)
            for i in values.indices.sorted(by: { values[$0] < values[$1] }) {
                let p = power(below + rule.weights[ordered[i]]) - power(below)
                below += rule.weights[ordered[i]]
                (mean, square) = (mean + p * values[i], square + p * values[i] * values[i])
                if !there.isEmpty { slope += p * there[i] * there[i] }
            }
            return (mean, square, slope)
        }
        var (mean, square, slope, ofMeans) = (0.0, 0.0, 0.0, 0.0)
        // The trapezoidal rule is exact enough for a function as smooth as this.
        let parts = correlation == 0 ? [0] : Array(stride(from: -4.5, through: 4.5, by: 0.5))
        let total = parts.reduce(0) { $0 + naturalExponential(-$1 * $1 / 2) }
        for part in parts {
            let (weight, of) = (naturalExponential(-part * part / 2) / total, given(part))
            (mean, square) = (mean + weight * of.mean, square + weight * of.square)
            (slope, ofMeans) = (slope + weight * of.slope, ofMeans + weight * of.mean * of.mean)
        }
        var parents = [(entry: source, factor: share / n)]
        // The largest lie where the function before is steep (of a rectifier, where it is open): more gets through than the
        // mean over all would.
        if let (parent, factor) = variable.parents.first, !slopes.isEmpty {
            parents.append((parent, share / n * (slope - factor)))
        }
        return normal(
            slot, mean: sign * mean, variance: square - mean * mean, shared: ofMeans - mean * mean, parents)
    }

    /// Values between points by straight lines; both ascend.
    private static func interpolated(_ points: [Double], _ values: [Double], _ at: [Double]) -> [Double] {
        var i = 0
        return at.map { x in
            while i + 2 < points.count, points[i + 1] < x { i += 1 }
            let t = max(min((x - points[i]) / (points[i + 1] - points[i]), 1), 0)
            return values[i] + t * (values[i + 1] - values[i])
        }
    }

    private func elementwise(_ slot: Slot, _ op: Op, _ operands: [Int]) -> Entry {
        let roots = Set(operands.compactMap { entries[$0].root })
        guard roots.count < 2 else { return mixed(slot, op, operands) }
        func value(_ k: Int, _ i: Int) -> Double {
            let values = entries[operands[k]].values
            return values.count == 1 ? values[0] : values[i]
        }
        /// The derivative by the root times a partial derivative, which is not asked for where there is none.
        func slope(_ k: Int, _ i: Int, _ partial: @autoclosure () -> Double) -> Double {
            let slopes = entries[operands[k]].slopes
            return slopes.isEmpty || slopes[i] == 0 ? 0 : slopes[i] * partial()
        }
        let count = roots.isEmpty ? 1 : rule.points.count
        var values = [Double](repeating: 0, count: count)
        var slopes = values
        for i in 0..<count {
            let x = value(0, i)
            switch op {
            case .unary(let f):
                values[i] = Interpreter.apply(f, x)
                slopes[i] = slope(0, i, Self.derivative(f, x, values[i]))
            case .binary(let f):
                let y = value(1, i)
                values[i] = Interpreter.apply(f, x, y)
                slopes[i] = slope(0, i, Self.derivatives(f, x, y).0) + slope(1, i, Self.derivatives(f, x, y).1)
            case .compare(let f): values[i] = Interpreter.holds(f, x, value(1, i)) ? 1 : 0
            case .select:
                let taken = x != 0 ? 1 : 2
                values[i] = value(taken, i)
                slopes[i] = slope(taken, i, 1)
            default:  // cast
                values[i] = x
                slopes[i] = slope(0, i, 1)
            }
        }
        return Entry(node: slot.node, values: values, slopes: roots.isEmpty ? [] : slopes, root: roots.first)
    }

    /// Operands that vary independently of each other.
    private func mixed(_ slot: Slot, _ op: Op, _ operands: [Int]) -> Entry {
        let m = operands.map(moments)
        let common = operands.map { shared(entries[$0]) }
        func result(_ mean: Double, square: Double, shared: Double = 0, _ factors: [Double]) -> Entry {
            normal(
                slot, mean: mean, variance: square - mean * mean, shared: shared,
                zip(operands, factors).map { (entry: $0.0, factor: $0.1) })
        }
        switch op {
        case .binary(.sub) where isMean(operands[1], of: operands[0]):
            // x − mean(x): what is taken away varies with x.
            return result(
                m[0].mean - m[1].mean,
                square: m[0].variance - m[1].variance + (m[0].mean - m[1].mean) * (m[0].mean - m[1].mean),
                shared: max(common[0] - m[1].variance, 0), [1, 0])
        case .binary(.add), .binary(.sub):
            if op == .binary(.add), let between = interpolation(slot, operands) { return between }
            let sign = op == .binary(.add) ? 1.0 : -1.0
            let mean = m[0].mean + sign * m[1].mean
            return result(
                mean, square: m[0].variance + m[1].variance + mean * mean, shared: common[0] + common[1], [1, 1])
        case .binary(.mul):
            let mean = m[0].mean * m[1].mean
            let both = (common[0] + m[0].mean * m[0].mean) * (common[1] + m[1].mean * m[1].mean)
            return result(
                mean, square: m[0].square * m[1].square, shared: both - mean * mean, [m[1].square, m[0].square])
        case .binary(.div):
            let inverse = entries[operands[1]].values.map { 1 / $0 }
            let (mean, square) = (expected(inverse), expected(inverse.map { $0 * $0 }))
            let fourth = expected(inverse.map { $0 * $0 * $0 * $0 })
            return result(m[0].mean * mean, square: m[0].square * square, [square, m[0].square * fourth])
        case .select:
            let p = m[0].mean
            return result(
                p * m[1].mean + (1 - p) * m[2].mean, square: p * m[1].square + (1 - p) * m[2].square, [0, p, 1 - p])
        default: return unknown(slot, operands)
        }
    }

    /// Whether a node is a square, perhaps reshaped.
    private func isSquare(_ node: NodeID) -> Bool {
        switch graph[node].op {
        case .binary(.mul): graph[node].inputs[0] == graph[node].inputs[1]
        case .reshape: isSquare(graph[node].inputs[0])
        default: false
        }
    }

    /// Whether a variable is a mean of another, stretched again.
    private func isMean(_ mean: Int, of whole: Int) -> Bool {
        var id = entries[mean].node
        while let next = graph[id].inputs.first {
            switch graph[id].op {
            case .broadcast, .reshape, .binary(.div), .binary(.mul): id = next
            case .sum:
                if next == entries[whole].node { return true }
                id = next
            default: return false
            }
        }
        return false
    }

    /// c + t·(h − c), the gate of a highway: h with the share t, c with the rest.
    private func interpolation(_ slot: Slot, _ operands: [Int]) -> Entry? {
        for (c, product) in [(operands[0], operands[1]), (operands[1], operands[0])] {
            let node = graph[entries[product].node]
            guard node.op == .binary(.mul) else { continue }
            for (gate, change) in [(node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])] {
                guard graph[change].op == .binary(.sub), graph[change].inputs[1] == entries[c].node else { continue }
                let (t, h) = (known(gate), known(graph[change].inputs[0]))
                guard !entries[t].isConstant, entries[t].root != entries[h].root else { continue }
                let (mt, mh, mc) = (moments(t), moments(h), moments(c))
                let rest = 1 - 2 * mt.mean + mt.square
                let mean = mt.mean * mh.mean + (1 - mt.mean) * mc.mean
                let square = mt.square * mh.square + rest * mc.square + 2 * (mt.mean - mt.square) * mh.mean * mc.mean
                let common = mt.mean * mt.mean * shared(entries[h]) + (1 - mt.mean) * (1 - mt.mean) * shared(entries[c])
                return normal(
                    slot, mean: mean, variance: square - mean * mean, shared: common,
                    [(c, rest), (h, mt.square), (t, mh.square + mc.square - 2 * mh.mean * mc.mean)])
            }
        }
        return nil
    }

    private static func derivative(_ f: Op.Unary, _ x: Double, _ y: Double) -> Double {
        switch f {
        case .neg: -1
        case .exp: y
        case .expm1: y + 1
        case .log: 1 / x
        case .log1p: 1 / (1 + x)
        case .tanh: 1 - y * y
        case .sigmoid: y * (1 - y)
        case .softplus: Interpreter.apply(.sigmoid, x)
        case .erf: 2 / Double.pi.squareRoot() * naturalExponential(-x * x)
        case .erfc: -2 / Double.pi.squareRoot() * naturalExponential(-x * x)
        case .sqrt: 0.5 / y
        case .rsqrt: -0.5 * y / x
        case .abs: x > 0 ? 1 : x < 0 ? -1 : 0
        case .sin: cosine(x)
        case .cos: -Interpreter.apply(.sin, x)
        case .sign, .floor, .ceil, .round, .uniformFromBits: 0
        }
    }

    private static func derivatives(_ f: Op.Binary, _ a: Double, _ b: Double) -> (Double, Double) {
        switch f {
        case .add: (1, 1)
        case .sub: (1, -1)
        case .mul: (b, a)
        case .div: (1 / b, -a / (b * b))
        case .pow: (b * Interpreter.apply(.pow, a, b - 1), a > 0 ? Interpreter.apply(.pow, a, b) * naturalLog(a) : 0)
        case .max: a == b ? (0.5, 0.5) : a > b ? (1, 0) : (0, 1)
        case .min: a == b ? (0.5, 0.5) : a < b ? (1, 0) : (0, 1)
        }
    }
}
