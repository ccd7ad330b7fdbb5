import FathomGraph
import FathomNN
import FathomRuntime

/// The probes of a training step: the nodes that look, and where what they see is found.
struct ProbePlan: Sendable {
    struct Entry: Sendable {
        let key: StepObservation.Key
        /// Where the numbers begin among what the probes write.
        var summary = 0
        var histogram: Int?
    }
    private(set) var entries: [Entry] = []
    private(set) var index: [StepObservation.Key: Int] = [:]
    private var names: [(summary: String, histogram: String?)] = []

    /// A value to look at.
    private struct Target {
        var key: StepObservation.Key
        var node: NodeID
        var every: Int
    }

    /// The nodes at the boundaries of watched layers whose gradient takes part in training.
    static func gradientTargets(
        _ settings: ProbeSettings, _ trace: Trace, parameters: [StateDeclaration]
    ) -> [NodeID] {
        let wanted = settings.quantities
        guard wanted.contains(.preActivationGradient) || wanted.contains(.activationGradient) else { return [] }
        // Only what depends on a trained parameter has a gradient that is worked out anyway.
        var isTrained = [Bool](repeating: false, count: trace.graph.nodes.count)
        for parameter in parameters { isTrained[parameter.node.index] = true }
        for (i, node) in trace.graph.nodes.enumerated() where node.inputs.contains(where: { isTrained[$0.index] }) {
            isTrained[i] = true
        }
        let boundaries = LayerTable(trace).rows.filter { settings.matches($0.path) }.flatMap { [$0.sums, $0.output] }
        return Set(boundaries).filter { isTrained[$0.index] }.sorted()
    }

    /// Appends the probes to a graph whose updates are known.
    ///
    /// - Parameters:
    ///   - step: the step's number as `int32[]`.
    ///   - batch: the largest batch, for which samples are sized.
    init(
        _ settings: ProbeSettings, _ table: LayerTable, gradients: [NodeID: NodeID], step: NodeID, batch: Int,
        into graph: inout Graph
    ) throws(GraphError) {
        guard settings.interval > 0 else {
            throw GraphError(
                op: "watch", message: "the interval \(settings.interval) is not positive",
                hint: "1 watches every step, 16 every sixteenth")
        }
        let saved = (graph.currentLayer, graph.phase)
        graph.phase = .probe
        defer { (graph.currentLayer, graph.phase) = saved }
        let updates = Dictionary(graph.updates.map { ($0.path, $0.node) }) { a, _ in a }
        for row in table.rows where settings.matches(row.path) {
            graph.currentLayer = row.path
            for target in try targets(of: row, settings, gradients, updates, batch, &graph)
            where index[target.key] == nil {
                let name = "\(target.key.layer): \(target.key.quantity)"
                let summary = try graph.summary(target.node, every: target.every, step: step)
                graph.outputs.append((name, summary))
                var histogramName: String?
                if settings.hasHistograms {
                    let made = "\(name), exponents"
                    graph.outputs.append(
                        (made, try graph.exponentHistogram(target.node, every: target.every, step: step)))
                    histogramName = made
                }
                index[target.key] = entries.count
                entries.append(Entry(key: target.key))
                names.append((name, histogramName))
            }
        }
    }

    private func targets(
        of row: LayerTable.Row, _ settings: ProbeSettings, _ gradients: [NodeID: NodeID],
        _ updates: [String: NodeID], _ batch: Int, _ graph: inout Graph
    ) throws(GraphError) -> [Target] {
        var result: [Target] = []
        func add(_ quantity: ProbeSettings.Quantity, _ node: NodeID?, in graph: Graph, _ name: String? = nil) {
            guard let node, settings.quantities.contains(quantity), graph[node].type.element == .float32 else { return }
            if case .constant = graph[node].op { return }
            let count = graph.shape(of: node).count(batch: batch)
            result.append(
                Target(
                    key: StepObservation.Key(layer: row.path, quantity: name ?? quantity.rawValue), node: node,
                    every: settings.every(count)))
        }
        if row.sums != row.output {
            add(.preActivation, row.sums, in: graph)
            add(.preActivationGradient, gradients[row.sums], in: graph)
        }
        add(.activation, row.output, in: graph)
        add(.activationGradient, gradients[row.output], in: graph)
        for weight in row.weights {
            let name = weight.path.split(separator: ".").last.map(String.init) ?? weight.path
            add(.weight, weight.node, in: graph, name)
            add(.weightGradient, gradients[weight.node], in: graph, name + ".gradient")
            if settings.quantities.contains(.weightUpdate), let new = updates[weight.path] {
                add(.weightUpdate, try graph.sub(new, weight.node), in: graph, name + ".update")
            }
        }
        return result
    }

    /// Looks up where the executable puts what the probes see.
    mutating func locate(in executable: Executable) {
        for (i, name) in names.enumerated() {
            entries[i].summary = executable.observationOffset(name.summary) ?? 0
            entries[i].histogram = name.histogram.flatMap { executable.observationOffset($0) }
        }
    }
}
