import FathomData
import FathomGraph
import FathomNN
import FathomRuntime
import FathomTraining
import Foundation

/// Looks closely at a network: a second plan, traced from the same model, that hands out the values at every layer
/// boundary, forward and backward, for a fixed set of rows.
///
/// It has its own memory; what it is given to look at is copied, so that watching never changes a bit of the training.
public final class Examiner {
    let table: LayerTable
    private let executable: Executable
    let storage: StateStorage
    private let parameters: [StateDeclaration]
    let rows: Int
    private let inputWidth: Int
    let probe: Dataset
    let chosen: [Int]
    /// Outputs by node; a node has one name however often it is looked at.
    private let names: [NodeID: String]
    private let gradients: [NodeID: NodeID]
    private let slopes: [Int: NodeID]
    private let facts: [Int: ActivationFacts]
    private let prediction: NodeID
    let outer: Set<String>
    private let isClassification: Bool
    private let inputNode: NodeID?
    /// Extents at layer boundaries without the batch.
    let shapes: [NodeID: [Int]]
    /// What each weight of a convolution is passed on to and gathers from, by path.
    private let fans: [String: (out: Double, in: Double)]
    /// Gates by row, and residual blocks whose input nothing else takes.
    private let gates: [Int: [NodeID]]
    private let blocks: Set<Int>

    /// - Parameters:
    ///   - train: the rows to look at are taken from it at equal distances.
    ///   - rows: the most rows to look at.
    /// - Throws: ``GraphError`` for a model that cannot be traced or differentiated.
    public init(_ model: any Layer, loss: Loss, train: Dataset, rows limit: Int, team: Team) throws(GraphError) {
        let count = min(limit, train.rowCount)
        rows = count
        probe = train
        chosen = (0..<count).map { $0 * train.rowCount / max(count, 1) }
        inputWidth = train.inputs.rowSize
        isClassification = train.classCount != nil
        let trace = Trace(isTraining: true)
        trace.register(model)
        let data = DataShape(train)
        let x = data.input(in: trace)
        let (predicted, value) = trace.output(of: model, on: x, loss: loss, target: data.target(in: trace))
        try trace.check()
        guard let lossNode = value.id, let output = predicted.id else {
            throw GraphError(op: "trace", message: "the model has no output")
        }
        prediction = output
        inputNode = x.id
        let table = LayerTable(trace)
        self.table = table
        outer = Set(table.outerRows.map(\.path))
        let nodes = Set(table.rows.flatMap { [$0.input, $0.sums].compactMap { $0 } })
        shapes = Dictionary(
            uniqueKeysWithValues: nodes.union(table.rows.map(\.output)).map { node in
                (node, trace.graph.shape(of: node).dims.dropFirst().compactMap(\.fixedValue))
            })
        parameters = trace.declarations.filter { $0.role == .parameter }
        fans = Self.fans(trace.graph, parameters)
        blocks = Set(table.rows.indices.filter { table.rows[$0].isBlock(trace.graph) })
        gates = Dictionary(
            uniqueKeysWithValues: table.rows.enumerated().map { ($0.offset, $0.element.gates.map(\.output)) })
        var graph = trace.graph
        var boundary: [NodeID] = []
        for row in table.rows {
            for node in [row.input, row.sums, row.output].compactMap({ $0 }) where !boundary.contains(node) {
                boundary.append(node)
            }
        }
        gradients = try graph.gradient(of: lossNode, withRespectTo: boundary + parameters.map(\.node))
        var slopes: [Int: NodeID] = [:]
        var facts: [Int: ActivationFacts] = [:]
        for (i, row) in table.rows.enumerated() {
            guard let activation = row.activation, activation.isElementwise, row.sums != row.output else { continue }
            slopes[i] = try graph.gradient(of: row.output, withRespectTo: [row.sums])[row.sums]
            facts[i] = try? ActivationFacts(activation)
        }
        (self.slopes, self.facts) = (slopes, facts)
        // Leaves are read where they are: inputs from the data, parameters from the storage.
        var names: [NodeID: String] = [:]
        for node in boundary + Array(gradients.values) + Array(slopes.values) + gates.values.flatMap(\.self) + [output]
        where !graph[node].inputs.isEmpty || graph[node].op.name == "constant" {
            names[node] = "n\(node.index)"
        }
        self.names = names
        graph.outputs = [("loss", lossNode)] + names.sorted { $0.key < $1.key }.map { ($0.value, $0.key) }
        graph.updates = []
        storage = StateStorage(trace.declarations.map { ($0.path, $0.count) })
        executable = try Executable(graph, maxBatch: max(count, Self.line), state: storage, team: team)
        executable.setSeed(0)
        executable.setScalar("random.step", Int32(1))
    }

    // MARK: Looking

    /// The network as it is after `step` steps.
    ///
    /// - Parameters:
    ///   - state: parameters and buffers.
    ///   - past: the parameters after the step before and the one before that, the latest first.
    public func look(
        at state: StateStorage, step: Int, past: [[String: [Float]]] = []
    ) throws(GraphError) -> Examination {
        try run(state)
        let loss = Double(executable.scalar("loss"))
        var layers: [Examination.Layer] = []
        for (i, row) in table.rows.enumerated() {
            guard let input = row.input else { continue }
            layers.append(layer(i, row, input, past))
        }
        let answers = predictions()
        let landscape = try landscape(past)
        let correlation = try gradientCorrelation()
        return Examination(
            step: step, rows: rows, loss: loss, layers: layers, predictions: answers, landscape: landscape,
            gradientCorrelation: correlation)
    }

    /// Runs the probe rows through the network as it is in `state`.
    func run(_ state: StateStorage) throws(GraphError) {
        for entry in storage.entries { if let values = state[entry.path] { storage.set(entry.path, values) } }
        feed(probe.inputs.values, chosen)
        try executable.run(batch: rows)
    }

    private func feed(_ inputs: [Float], _ rows: [Int]) {
        _ = executable.withInput("x", batch: rows.count) { copyRows(inputs, size: inputWidth, rows, $0) }
        _ = executable.withInput("y", batch: rows.count) { copyTargets(probe, rows, $0) }
    }

    /// The values of a node in the last run.
    func values(_ node: NodeID?) -> [Float] {
        guard let node else { return [] }
        if let name = names[node] { return executable.output(name, batch: rows) }
        if node == inputNode {
            return chosen.flatMap { Array(probe.inputs.values[$0 * inputWidth..<($0 + 1) * inputWidth]) }
        }
        return []
    }

    private func gradient(_ node: NodeID) -> [Float] { values(gradients[node]) }

    private func layer(
        _ i: Int, _ row: LayerTable.Row, _ input: NodeID, _ past: [[String: [Float]]]
    ) -> Examination.Layer {
        let x = values(input)
        let dz = gradient(row.sums)
        let slope = slopes[i].map { node -> Examination.Slope in
            Self.slope(values(node), units: shapes[row.sums]?.last, largest: facts[i]?.maxSlope ?? .infinity)
        }
        // Places of an image are rows of their own to filters that slide over it.
        let features = max(shapes[input]?.last ?? x.count / max(rows, 1), 1)
        let places = x.count / max(features, 1)
        let sums = values(row.sums)
        let dx = gradient(input)
        return Examination.Layer(
            path: row.path, kind: row.kind, isOuter: outer.contains(row.path), isContainer: row.isContainer,
            width: sums.count / max(rows, 1),
            input: Examination.Signal(x, rows: rows), inputOffCentre: Examination.Signal.offCentre(x, rows: places),
            inputConditionNumber: row.weights.isEmpty
                ? nil
                : secondMomentConditionNumber(
                    Array(x.prefix(Self.mostPlaces * features)), rows: min(places, Self.mostPlaces), columns: features,
                    limit: 64),
            sums: Examination.Signal(sums, rows: rows),
            output: Examination.Signal(values(row.output), rows: rows),
            inputGradient: Examination.Signal(dx, rows: rows),
            sumsGradient: Examination.Signal(dz, rows: rows),
            outputGradient: Examination.Signal(gradient(row.output), rows: rows), slope: slope,
            weights: row.weights.map { weight($0, x, dz, row, past) },
            channels: (shapes[row.sums]?.count ?? 0) > 1
                ? Examination.Channels(sums, channels: shapes[row.sums]?.last ?? 1) : nil,
            gates: (gates[i] ?? []).map { Examination.Gate(values($0), units: shapes[row.output]?.last ?? 1) },
            branch: blocks.contains(i) ? Examination.Branch(input: x, sum: sums, gradient: dx, ofSum: dz) : nil)
    }

    private static let mostPlaces = 4096

    /// - Parameter units: features along the last axis; a filter of a convolution is one unit at all places.
    private static func slope(_ values: [Float], units: Int?, largest: Double) -> Examination.Slope {
        let units = max(units ?? values.count, 1)
        let each = Float(max(values.count / units, 1))
        var squares = 0.0
        var saturated = 0
        var fires = [Float](repeating: 0, count: units)
        let limit = largest.isFinite ? 0.05 * largest : 0
        let top = values.reduce(Float(0)) { max($0, abs($1)) }
        var histogram = [Int](repeating: 0, count: 32)
        for (j, v) in values.enumerated() {
            let s = Double(v)
            squares += s * s
            if abs(s) < limit { saturated += 1 }
            if abs(v) > 1e-6 * top { fires[j % units] += 1 }
            let share = largest.isFinite ? abs(s) / largest : Double(abs(v) / max(top, 1e-30))
            if share.isFinite { histogram[min(31, Int(min(share, 1) * 32))] += 1 }
        }
        return Examination.Slope(
            meanSquare: squares / Double(max(values.count, 1)),
            saturated: Double(saturated) / Double(max(values.count, 1)),
            fires: fires.map { $0 / each }, dead: fires.count { $0 == 0 }, histogram: histogram)
    }

    private func weight(
        _ declaration: StateDeclaration, _ x: [Float], _ dz: [Float], _ row: LayerTable.Row, _ past: [[String: [Float]]]
    ) -> Examination.Weight {
        let w = storage[declaration.path] ?? []
        let g = gradient(declaration.node)
        // [inputs, units], of filters [kernel…, channels, filters], of capsules [capsules, features, numbers].
        let units = max(1, declaration.shape.last ?? 1)
        let n = declaration.count / units
        let fan = fans[declaration.path] ?? (Double(units), Double(n))
        // A capsule shares what it says out among those behind it, equally at first.
        let share = row.kind == "capsules" ? 1 / Double(max(shapes[row.sums]?.first ?? 1, 1)) : 1
        let square = pow(share * w.rootMeanSquare, 2)
        var update: Double?
        var turning: Double?
        if let before = past.first?[declaration.path], before.count == w.count {
            let delta = zip(w, before).map { $0 - $1 }
            let size = w.rootMeanSquare
            update = size > 0 ? delta.rootMeanSquare / size : delta.rootMeanSquare > 0 ? .infinity : 0
            if past.count > 1, let earlier = past[1][declaration.path] {
                turning = cosine(delta, zip(before, earlier).map { $0 - $1 })
            }
        }
        return Examination.Weight(
            path: declaration.path, inputs: n, units: units, size: w.rootMeanSquare,
            mean: w.isEmpty ? 0 : w.reduce(0.0) { $0 + Double($1) } / Double(w.count), gradientSize: g.rootMeanSquare,
            backwardFactor: fan.out * square, forwardFactor: fan.in * square,
            signCoherence: Self.signCoherence(g, rows: n, columns: units, overColumns: true),
            sampleSignCoherence: Self.signCoherence(
                x, rows: rows, columns: x.count / max(rows, 1), overColumns: false),
            duplicateUnits: Self.duplicates(w, n, units), updateRatio: update, turning: turning,
            noiseScale: row.kind == "dense" ? noiseScale(x, dz, g) : nil)
    }

    /// The mean of |Σ sign| / n over columns (or rows) of a matrix; elements that are 0 have no sign.
    private static func signCoherence(_ m: [Float], rows: Int, columns: Int, overColumns: Bool) -> Double {
        guard rows > 0, columns > 0, m.count == rows * columns else { return 0 }
        let lines = overColumns ? columns : rows
        var sums = [Int](repeating: 0, count: lines)
        var counts = sums
        for r in 0..<rows {
            for c in 0..<columns {
                let v = m[r * columns + c]
                let line = overColumns ? c : r
                if v > 0 { sums[line] += 1 } else if v < 0 { sums[line] -= 1 }
                if v != 0 { counts[line] += 1 }
            }
        }
        var (total, n) = (0.0, 0)
        for (s, c) in zip(sums, counts) where c > 1 {
            total += Double(abs(s)) / Double(c)
            n += 1
        }
        return n > 0 ? total / Double(n) : 0
    }

    /// The share of units whose incoming weights another unit has too.
    private static func duplicates(_ w: [Float], _ inputs: Int, _ units: Int) -> Double {
        guard units > 1, inputs > 0, w.count == inputs * units else { return 0 }
        var seen: [[UInt32]: Int] = [:]
        for u in 0..<units { seen[(0..<inputs).map { w[$0 * units + u].bitPattern }, default: 0] += 1 }
        return Double(seen.values.reduce(0) { $0 + ($1 > 1 ? $1 : 0) }) / Double(units)
    }

    /// From the gradients of single examples, which are outer products: |aᵢ ⊗ δᵢ|² = |aᵢ|²·|δᵢ|².
    private func noiseScale(_ x: [Float], _ dz: [Float], _ g: [Float]) -> Double? {
        let b = Double(rows)
        guard rows > 1, x.count % rows == 0, dz.count % rows == 0 else { return nil }
        func squares(_ v: [Float]) -> [Double] {
            let width = v.count / rows
            return (0..<rows).map { r in
                v[r * width..<(r + 1) * width].reduce(0.0) { $0 + Double($1) * Double($1) }
            }
        }
        // The gradient of the mean loss: an example's own is rows times as large.
        let single = b * zip(squares(x), squares(dz)).reduce(0) { $0 + $1.0 * $1.1 }
        let whole = g.reduce(0.0) { $0 + Double($1) * Double($1) }
        let signal = (b * whole - single) / (b - 1)
        let noise = (single - whole) / (1 - 1 / b)
        guard signal > 0, noise.isFinite else { return nil }
        return noise / signal
    }

    private func predictions() -> Examination.Predictions {
        let p = values(prediction)
        let width = p.count / max(rows, 1)
        var shares: [Double] = []
        // A single output for two classes has no largest one; what it means depends on the loss.
        if isClassification, width > 1 {
            shares = [Double](repeating: 0, count: width)
            for r in 0..<rows {
                let row = p[r * width..<(r + 1) * width]
                let best = row.indices.max { row[$0] < row[$1] } ?? row.startIndex
                shares[best - row.startIndex] += 1 / Double(rows)
            }
        }
        let signal = Examination.Signal(p, rows: rows)
        return Examination.Predictions(
            acrossRows: signal.acrossRows, classShares: shares, minimum: signal.minimum, maximum: signal.maximum)
    }

    // MARK: Around the point

    private func landscape(_ past: [[String: [Float]]]) throws(GraphError) -> Examination.Landscape? {
        guard let before = past.first else { return nil }
        let here = parameters.map { ($0.path, storage[$0.path] ?? []) }
        let steps = here.map { path, now in
            before[path].map { zip(now, $0).map { $0 - $1 } } ?? []
        }
        let gradientsHere = parameters.map { gradient($0.node) }
        let multiples = [0, 0.25, 0.5, 1, 2, 4]
        var losses: [Double] = []
        var change = 0.0
        for multiple in multiples {
            for ((path, now), delta) in zip(here, steps) where delta.count == now.count {
                storage.set(path, zip(now, delta).map { $0 + Float(multiple) * $1 })
            }
            try executable.run(batch: rows)
            losses.append(Double(executable.scalar("loss")))
            if multiple == 1 {
                var (difference, size) = (0.0, 0.0)
                for (there, first) in zip(parameters.map({ gradient($0.node) }), gradientsHere) {
                    for (a, b) in zip(there, first) {
                        difference += Double(a - b) * Double(a - b)
                        size += Double(b) * Double(b)
                    }
                }
                change = size > 0 ? (difference / size).squareRoot() : 0
            }
        }
        for (path, now) in here { storage.set(path, now) }
        return Examination.Landscape(multiples: multiples, losses: losses, gradientChange: change)
    }

    private static let line = 64

    /// Gradients at points on the line between two examples.
    private func gradientCorrelation() throws(GraphError) -> Double? {
        guard let inputNode, let target = gradients[inputNode], let name = names[target], chosen.count > 1,
            let last = chosen.last
        else { return nil }
        let from = probe.inputs.row(chosen[0])
        let to = probe.inputs.row(last)
        var points: [Float] = []
        for k in 0..<Self.line {
            let t = Float(k) / Float(Self.line - 1)
            points += zip(from, to).map { $0 + t * ($1 - $0) }
        }
        _ = executable.withInput("x", batch: Self.line) { copyRows(points, size: inputWidth, 0..<Self.line, $0) }
        _ = executable.withInput("y", batch: Self.line) {
            copyTargets(probe, [Int](repeating: chosen[0], count: Self.line), $0)
        }
        try executable.run(batch: Self.line)
        let g = executable.output(name, batch: Self.line)
        let width = g.count / Self.line
        guard width > 1 else { return nil }
        var (sum, n) = (0.0, 0)
        for k in 1..<Self.line {
            guard let c = cosine(g[(k - 1) * width..<k * width], g[k * width..<(k + 1) * width]) else { continue }
            sum += c
            n += 1
        }
        return n > 0 ? sum / Double(n) : nil
    }
}
