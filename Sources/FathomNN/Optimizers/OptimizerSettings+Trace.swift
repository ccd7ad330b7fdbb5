import FathomGraph

extension OptimizerSettings {
    /// Traces the new values of all trained parameters and their slots.
    ///
    /// Nodes belong to the parameter's layer and the phase `.update`; parameters of one group get the same operations in
    /// the same order, and what depends on the step alone is computed once.
    ///
    /// - Parameters:
    ///   - trace: the training trace, whose graph holds the gradients.
    ///   - gradients: what `Graph.gradient` gave: parameter node → gradient node.
    ///   - learningRate: the rate of this step, a float scalar.
    ///   - step: the number of this step, from 1, a float scalar.
    ///   - microBatches: how many batches the update stands for, a float scalar, this one counted: the gradient is then
    ///     (slot `gradient` + this gradient) / microBatches, and the slot is cleared. `nil` without accumulation.
    /// - Returns: state path and node of each new value, for `Graph.updates`.
    /// - Throws: ``GraphError`` from ``check(_:)``, or when a trained parameter has no gradient.
    public func traceUpdates(
        in trace: Trace, declarations: [StateDeclaration], gradients: [NodeID: NodeID], learningRate: Tensor,
        step: Tensor, microBatches: Tensor? = nil
    ) throws(GraphError) -> [(path: String, node: NodeID)] {
        try check(declarations)
        let (savedLayer, savedPhase) = (trace.graph.currentLayer, trace.graph.phase)
        trace.graph.phase = .update
        defer { (trace.graph.currentLayer, trace.graph.phase) = (savedLayer, savedPhase) }
        let own = trainable(declarations)
        var result: [(path: String, node: NodeID)] = []
        func write(_ path: String, _ value: Tensor) { if let id = value.id { result.append((path, id)) } }

        trace.graph.currentLayer = ""
        let scalars =
            own.isEmpty
            ? []
            : optimizer.updateScalars(
                optimizer.scalars.map { state("optimizer.\($0.name)", .scalar, in: trace) }, step: step)
        for (slot, value) in zip(optimizer.scalars, scalars) { write("optimizer.\(slot.name)", value) }

        var gradient: [Tensor] = []
        for parameter in own {
            trace.graph.currentLayer = layer(of: parameter)
            guard let g = gradients[parameter.node] else {
                throw GraphError(
                    op: "optimizer '\(optimizer.name)'", message: "there is no gradient of '\(parameter.path)'")
            }
            var value = Tensor(trace: trace, id: g)
            if let microBatches {
                let path = Self.path(slot: Self.gradientSlot, of: parameter.path)
                value = (state(path, Shape(parameter.shape), in: trace) + value) / microBatches
                write(path, trace.constant(0, Shape(parameter.shape)))
            }
            gradient.append(value)
        }
        let clipped = clip(gradient, of: own, in: trace)

        for (parameter, g) in zip(own, clipped) {
            trace.graph.currentLayer = layer(of: parameter)
            let group = group(of: parameter.path)
            let factor = group?.learningRateFactor ?? 1
            let rate = factor == 1 ? learningRate : learningRate * factor
            let decay = group?.weightDecay ?? optimizer.weightDecay.rate
            var p = Tensor(trace: trace, id: parameter.node)
            var g = maximizes ? -g : g
            if decay != 0, optimizer.weightDecay.isDecoupled {
                p = (1 - rate * decay) * p
            } else if decay != 0 {
                g = g + decay * p
            }
            func slot(_ name: String) -> Tensor {
                state(Self.path(slot: name, of: parameter.path), Shape(parameter.shape), in: trace)
            }
            let (new, slots) = optimizer.update(
                UpdateContext(
                    parameter: p, gradient: g, slots: optimizer.slots.map { slot($0.name) }, scalars: scalars,
                    learningRate: rate, step: step))
            write(parameter.path, new)
            for (declared, value) in zip(optimizer.slots, slots) {
                write(Self.path(slot: declared.name, of: parameter.path), value)
            }
            if let d = averageDecay {
                // (1 − d) / (1 − dᵗ): 1 at the first step, so the slot's start does not count.
                let weight = d == 0 ? trace.constant(1) : (1 - d) / -expm1(step * naturalLog(d))
                let old = slot(Self.averageSlot)
                write(Self.path(slot: Self.averageSlot, of: parameter.path), old + weight * (new - old))
            }
        }
        try trace.check()
        return result
    }

    /// Traces the sum of gradients for a micro-batch that is not the last of its step: slot `gradient` + gradient.
    ///
    /// A step over n micro-batches runs this n − 1 times, then the updates with `microBatches` = n. Gradients are means
    /// over each micro-batch, so all should have the same size.
    public func traceAccumulation(
        in trace: Trace, declarations: [StateDeclaration], gradients: [NodeID: NodeID]
    ) throws(GraphError) -> [(path: String, node: NodeID)] {
        let (savedLayer, savedPhase) = (trace.graph.currentLayer, trace.graph.phase)
        trace.graph.phase = .update
        defer { (trace.graph.currentLayer, trace.graph.phase) = (savedLayer, savedPhase) }
        var result: [(path: String, node: NodeID)] = []
        for parameter in trainable(declarations) {
            guard let g = gradients[parameter.node] else { continue }
            trace.graph.currentLayer = layer(of: parameter)
            let path = Self.path(slot: Self.gradientSlot, of: parameter.path)
            let sum = state(path, Shape(parameter.shape), in: trace) + Tensor(trace: trace, id: g)
            if let id = sum.id { result.append((path, id)) }
        }
        try trace.check()
        return result
    }

    /// Scaled down by min(1, bound / (norm + 10⁻⁶)), as PyTorch does. A NaN or infinite norm reaches every parameter it
    /// covers: clipping does not hide it.
    private func clip(_ gradients: [Tensor], of own: [StateDeclaration], in trace: Trace) -> [Tensor] {
        func inLayer(_ index: Int, _ body: (Tensor) -> Tensor) -> Tensor {
            trace.graph.currentLayer = layer(of: own[index])
            return body(gradients[index])
        }
        // Divided by the largest value, where that is above 1, before squaring: squares of large numbers are infinite.
        func unit(_ largest: Tensor) -> Tensor { max(largest, 1) }
        func squares(_ g: Tensor, _ unit: Tensor) -> Tensor {
            let small = g * (1 / unit)
            return (small * small).sum()
        }
        func scale(_ squares: Tensor, _ unit: Tensor, _ bound: Double) -> Tensor {
            min((bound / unit) / (sqrt(squares) + 1e-6 / unit), 1)
        }
        switch clipping {
        case nil: return gradients
        case .value(let bound)?: return gradients.indices.map { inLayer($0) { clamp($0, -bound, bound) } }
        case .parameterNorm(let bound)?:
            return gradients.indices.map {
                inLayer($0) {
                    let unit = unit(abs($0).max())
                    return scale(squares($0, unit), unit, bound) * $0
                }
            }
        case .globalNorm(let bound)?:
            let largest = gradients.indices.map { inLayer($0) { abs($0).max() } }
            guard let first = largest.first else { return [] }
            let unit = unit(largest.dropFirst().reduce(first) { max($0, $1) })
            let all = gradients.indices.map { inLayer($0) { squares($0, unit) } }
            let factor = scale(all.dropFirst().reduce(all[0], +), unit, bound)
            return gradients.indices.map { inLayer($0) { factor * $0 } }
        }
    }

    private func state(_ path: String, _ shape: Shape, in trace: Trace) -> Tensor {
        trace.record { graph throws(GraphError) in try graph.add(.state(path), type: TensorType(.float32, shape)) }
    }

    /// The layer's path: the parameter's path without its last name.
    private func layer(of parameter: StateDeclaration) -> String {
        parameter.path.lastIndex(of: ".").map { String(parameter.path[..<$0]) } ?? ""
    }
}
