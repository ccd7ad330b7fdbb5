import FathomData
import FathomGraph
import FathomNN
import FathomRuntime

extension Trace {
    /// Hands out the first values of training one after the other, as ``drawInitialValues(seed:_:)`` does, with the weights of
    /// ``Initializer/lsuv`` rescaled until the products with them have variance 1 on some rows, by a compiled plan.
    ///
    /// - Parameter data: inputs of the trace's `x`; without rows nothing is rescaled.
    /// - Throws: ``GraphError`` when the trace holds a mistake.
    package func drawStart(
        seed: UInt64, on data: Dataset?, team: Team = Team(threads: 1), _ body: (InitialValue) -> Void
    ) throws(GraphError) {
        func isRescaled(_ declaration: StateDeclaration) -> Bool {
            declaration.initializer.name == Initializer.lsuv.name
        }
        guard let data, data.rowCount > 0, declarations.contains(where: isRescaled) else {
            return drawInitialValues(seed: seed, body)
        }
        let rows = data.unitVarianceRows
        let storage = StateStorage(declarations.map { ($0.path, $0.count) })
        var plans: [NodeID: Executable] = [:]
        let values = try rescaledToUnitVariance(
            initialValues(seed: seed), inputs: ["x": (shape: rows.shape, values: rows.values)],
            where: { isRescaled($0.declaration) }
        ) { node, state throws(GraphError) in
            for (path, values) in state { storage.set(path, values) }
            var part = self.graph
            (part.outputs, part.updates) = ([("sums", node)], [])
            let plan =
                if let known = plans[node] { known } else {
                    try Executable(part, maxBatch: rows.rowCount, state: storage, team: team)
                }
            plans[node] = plan
            rows.values.withUnsafeBytes { source in
                _ = plan.withInput("x", batch: rows.rowCount) { $0.copyMemory(from: source) }
            }
            plan.setScalar("random.step", Int32(1))
            plan.setSeed(seed)
            try plan.run(batch: rows.rowCount)
            return plan.output("sums", batch: rows.rowCount).map(Double.init)
        }
        values.forEach(body)
    }
}

extension Dataset {
    /// The rows on which training rescales the weights of ``Initializer/lsuv``: 128, evenly spaced, so that where rows are in
    /// the order of their classes all of these are met.
    package var unitVarianceRows: DataArray {
        let count = min(128, rowCount)
        var values: [Float] = []
        values.reserveCapacity(count * inputs.rowSize)
        for i in 0..<count { values.append(contentsOf: inputs.row(i * rowCount / count)) }
        return DataArray(unchecked: values, shape: [count] + inputs.rowShape)
    }
}
