import FathomGraph
import FathomNN
import FathomRuntime

// What happens when the loss, or what is learnt, stops being a number.
extension Trainer {
    /// An update can spoil the parameters after a loss that was a number still; such a state must not be saved as a good one.
    func checkState() throws {
        if !step.storage.isFinite { throw try explain(lastLoss) }
    }

    /// Goes back to the last good state, saves it, and looks for the first value that went wrong.
    ///
    /// The update has already spoilt the parameters when the loss is seen. A run is a function of its seed, so that the
    /// state before the step can be had again: from the last checkpoint, or from the start, the steps are repeated.
    func explain(_ loss: Float) throws -> TrainingError {
        var report = NonFiniteReport(step: step.step, epoch: progress.epoch, loss: loss)
        guard let origin = try rewindOrigin(), origin.state.step < step.step else { return .nonFinite(report) }
        // The step before may have had a finite loss and infinite gradients: then it is the one to look at. Where the state is
        // what was found wrong, it is the last step.
        for target in [step.step - 1, step.step - 2] where target >= origin.state.step {
            try replay(from: origin, to: target)
            guard step.storage.isFinite else { continue }
            report.step = target + 1
            report.epoch = progress.epoch
            if let found = try firstNonFinite() {
                (report.operation, report.layer, report.phase, report.detail) = found
            }
            report.lastGoodStep = target
            if let checkpoints, (try checkpoints.store.generations().last?.step ?? -1) < target {
                try checkpoints.save(try checkpoint())
            }
            break
        }
        return .nonFinite(report)
    }

    private struct Origin {
        let state: TrainState
        let progress: TrainingProgress
    }

    /// Where the steps can be repeated from.
    private func rewindOrigin() throws -> Origin? {
        if let saved = try checkpoints?.store.latest().checkpoint, let text = saved.metadata["progress"],
            let progress = TrainingProgress(encoded: text)
        {
            return Origin(
                state: try TrainState(saved.state, step: saved.step, seed: step.seed), progress: progress)
        }
        guard isFromStart else { return nil }
        // Drawn again rather than kept: a copy would cost its memory through the whole run.
        let fresh = try TrainStep(
            model, loss: loss, optimizer: step.optimizer, data: step.data, batch: step.batch,
            microBatches: settings.accumulate, seed: settings.seed, rows: data.train, team: team,
            options: Executable.Options(precision: settings.precision))
        return Origin(state: fresh.state, progress: TrainingProgress())
    }

    private func replay(from origin: Origin, to target: Int) throws {
        try step.load(origin.state)
        progress = origin.progress
        planRows()
        while step.step < target {
            if rows.count - progress.position < settings.accumulate {
                // The end of an epoch, as far as it changes the steps after it.
                progress.epoch += 1
                (progress.position, progress.lossSum, progress.lossRows) = (0, 0, 0)
                planRows()
            }
            let (loss, count) = try runStep()
            progress.position += count
            progress.lossSum += Double(loss) * Double(count)
            progress.lossRows += count
        }
        if rows.count - progress.position < settings.accumulate {
            progress.epoch += 1
            (progress.position, progress.lossSum, progress.lossRows) = (0, 0, 0)
            planRows()
        }
    }

    /// The operation at which the next step's values stop being finite.
    private func firstNonFinite() throws -> (operation: String?, layer: String, phase: String, detail: String)? {
        var graph = step.executable.graph
        let updates = graph.updates.map(\.node)
        let loss = graph.outputs.first { $0.name == "loss" }?.node
        let watched = graph.nodes.indices.map { NodeID($0) }.filter { id in
            guard graph[id].type.element == .float32 else { return false }
            if case .constant = graph[id].op { return false }
            return true
        }
        graph.outputs = watched.map { ("\($0)", $0) }
        graph.updates = []
        let size = plan[microBatch].count
        // Every value is kept, so nothing may be fused away.
        let probe = try Executable(
            graph, maxBatch: step.batch, state: step.storage, team: team,
            options: Executable.Options(precision: settings.precision, fusing: false))
        try probe.withInput("x", batch: size) { x in
            probe.withInput("y", batch: size) { y in
                Result { try feed.copyAside(microBatch, inputs: x, targets: y) }
            }
        }??.get()
        probe.setScalar("learningRate", Float(learningRate))
        probe.setScalar("step", Float(step.step + 1))
        probe.setScalar("random.step", Int32(truncatingIfNeeded: step.step + 1))
        probe.setSeed(step.seed)
        try probe.run(batch: size)

        var isBad: [NodeID: Bool] = [:]
        func bad(_ id: NodeID) -> Bool {
            if let known = isBad[id] { return known }
            let value = probe.output("\(id)", batch: size).contains { !$0.isFinite }
            isBad[id] = value
            return value
        }
        // From a result back along the operands that are not finite: a branch that was not selected is not to blame.
        for result in [loss].compactMap({ $0 }) + updates where bad(result) {
            var seen: Set<NodeID> = [result]
            var stack = [result]
            var origins: [NodeID] = []
            while let id = stack.popLast() {
                let operands = graph[id].inputs.filter(bad)
                if operands.isEmpty { origins.append(id) }
                for operand in operands where seen.insert(operand).inserted { stack.append(operand) }
            }
            guard let first = origins.min() else { continue }
            let node = graph[first]
            var detail: [String] = []
            for input in node.inputs.prefix(2) {
                let values = probe.output("\(input)", batch: size)
                if let low = values.min(), let high = values.max() { detail.append("\(low) … \(high)") }
            }
            let name: String
            switch node.op {
            case .input(let input): name = "the input '\(input)'"
            case .state(let path): name = "the parameter '\(path)'"
            default: name = node.op.name
            }
            return (
                name, graph.layer(of: first), "\(node.phase)",
                detail.isEmpty ? "" : "from operands in " + detail.joined(separator: " and ")
            )
        }
        return nil
    }
}
