import FathomGraph
import FathomNN

extension Setup {
    /// The layer in which rows of a batch mix although the network is not training: a sum or a maximum over the batch.
    ///
    /// - Returns: `nil` where every row is answered by itself.
    var layerThatMixesRows: String? {
        guard let model = try? patient.model() else { return nil }
        let row = patient.data.train.inputs.rowShape
        let isFlat = patient.configuration.layingOut(patient.data.train).isFlat ?? true
        let input = isFlat ? [row.reduce(1, *)] : row
        let trace = Trace(isTraining: false)
        trace.register(model)
        _ = model(trace.input("x", Shape([.batch] + input.map { .fixed($0) })))
        guard (try? trace.check()) != nil else { return nil }
        let graph = trace.graph
        var depends = [Bool](repeating: false, count: graph.nodes.count)
        for (i, node) in graph.nodes.enumerated() {
            if case .input = node.op { depends[i] = node.type.shape.isSymbolic }
            guard let operand = node.inputs.first(where: { depends[$0.index] }) else { continue }
            depends[i] = node.op.name != "extent"
            let dims = graph.shape(of: operand).dims
            func isBatch(_ axis: Int) -> Bool { dims.indices.contains(axis) && dims[axis].fixedValue == nil }
            switch node.op {
            case .sum(let axes), .max(let axes), .min(let axes):
                if axes.contains(where: isBatch) { return graph.layer(of: NodeID(i)) }
            case .cumulativeSum(let axis, _): if isBatch(axis) { return graph.layer(of: NodeID(i)) }
            default: continue
            }
        }
        return nil
    }
}
