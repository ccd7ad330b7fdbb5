import CFathomKernels
import FathomGraph

/// The observations that are made in passing, while the rest of the graph is planned as if they were not there.
///
/// Such an observation belongs to the phase `.probe` and only an output names it. What it looks at is computed anyway: when a
/// value is made, each thread copies the picked rows of its own share to a place of their own, from the tile where the value
/// lives only there. One instruction at the end of the step works on the copies; which thread copied what, and what was
/// fused, cannot change a bit. Any other observation is an instruction like others and reads its operand from memory.
struct Probes {
    /// Where the rows come from.
    enum Place {
        /// From memory, which still holds the value at the end.
        case end
        /// State that the step will overwrite: copied before anything else.
        case start
        /// From the tile of the group that makes the value.
        case tile
        /// From memory, when the group is done.
        case after(Int)
    }

    struct Key: Hashable {
        var x: NodeID
        var y: NodeID?
        var every: Int
        var step: NodeID?
    }
    struct Results {
        /// The type of the value that is observed.
        var shape: Shape
        var summary: NodeID?
        var histogram: NodeID?
    }
    private(set) var found: [(key: Key, results: Results)] = []
    private(set) var places: [NodeID: Place] = [:]

    /// The groups of what is left without such observations, and the observations.
    static func grouping(_ graph: Graph, maxBatch: Int, fusing: Bool) -> (Grouping, Probes) {
        var probes = Probes()
        var candidates = candidates(graph)
        while true {
            var bare = graph
            bare.outputs.removeAll { candidates.contains($0.node) }
            let grouping = Grouping(bare, maxBatch: maxBatch, fusing: fusing)
            // What turns out not to be at hand is planned like any other operation.
            let isAtHand = probes.collect(candidates, graph, grouping)
            if isAtHand.count == candidates.count { return (grouping, probes) }
            candidates = isAtHand
        }
    }

    private static func candidates(_ graph: Graph) -> [NodeID] {
        let live = graph.liveNodes
        var isRead = Set(graph.updates.map(\.node))
        for (i, node) in graph.nodes.enumerated() where live[i] { isRead.formUnion(node.inputs) }
        return graph.nodes.indices.map { NodeID($0) }.filter { id in
            live[id.index] && graph[id].op.observedEvery != nil && graph[id].phase == .probe && !isRead.contains(id)
        }
    }

    private mutating func collect(_ candidates: [NodeID], _ graph: Graph, _ grouping: Grouping) -> [NodeID] {
        (found, places) = ([], [:])
        var index: [Key: Int] = [:]
        var isAtHand: [NodeID] = []
        for id in candidates {
            let node = graph[id]
            guard let every = node.op.observedEvery else { continue }
            // A difference that only probes want is taken of the copies.
            var operands = [grouping.memory(of: node.inputs[0])]
            if place(of: operands[0], graph, grouping) == nil, graph[operands[0]].op == .binary(.sub),
                graph[operands[0]].phase == .probe
            {
                operands = graph[operands[0]].inputs.map { grouping.memory(of: $0) }
            }
            let step = node.inputs.count > 1 ? node.inputs[1] : nil
            if let step, !grouping.isGiven(step) { continue }
            let known = operands.map { place(of: $0, graph, grouping) }
            if known.contains(where: { $0 == nil }) { continue }
            for (operand, place) in zip(operands, known) { places[operand] = place }
            let key = Key(x: operands[0], y: operands.count > 1 ? operands[1] : nil, every: every, step: step)
            let shape = graph.shape(of: node.inputs[0])
            let isSummary = if case .summary = node.op { true } else { false }
            if let i = index[key], found[i].results.shape == shape {
                if isSummary { found[i].results.summary = id } else { found[i].results.histogram = id }
            } else {
                index[key] = found.count
                let results = Results(
                    shape: shape, summary: isSummary ? id : nil, histogram: isSummary ? nil : id)
                found.append((key, results))
            }
            isAtHand.append(id)
        }
        return isAtHand
    }

    /// `nil` where the rest of the step does not have the value.
    private func place(of value: NodeID, _ graph: Graph, _ grouping: Grouping) -> Place? {
        if case .state(let path) = graph[value].op {
            return graph.updates.contains { $0.path == path } ? .start : .end
        }
        if grouping.isGiven(value) { return .end }
        guard let g = grouping.groupOf[value.index] else { return nil }
        let group = grouping.groups[g]
        // Updates run over joined stretches of state; what they make is there at the end.
        if group.phase == .update { return grouping.stored.contains(value) ? .end : nil }
        if group.isRegion, group.extents[value] == .full { return .tile }
        return grouping.stored.contains(value) ? .after(g) : nil
    }
}

extension Lowering {
    /// Which rows of which value a sample holds.
    struct Kept: Hashable {
        var value: NodeID
        var picked: Picked
    }

    private func picked(_ key: Probes.Key, _ shape: Shape) -> Picked {
        let (rows, width) = Sampling.rows(of: shape)
        return Picked(rows: count(rows), width: count(width), every: key.every, step: key.step.flatMap { bufferOf[$0] })
    }

    /// Where the copies of observed values go, and the copies of state; those made after a group are returned by group.
    mutating func placeSamples() -> [Int: [(NodeID, Sample)]] {
        var later: [Int: [(NodeID, Sample)]] = [:]
        for (key, results) in probes.found {
            if let step = key.step { _ = buffer(of: step) }
            let picked = picked(key, results.shape)
            for value in [key.x] + (key.y.map { [$0] } ?? []) {
                guard let place = probes.places[value], sampleOf[Kept(value: value, picked: picked)] == nil else {
                    continue
                }
                if case .end = place { continue }
                let rows = picked.rows.resolved(maxBatch)
                let period = Sampling.period(every: picked.every, of: rows)
                let size = (rows + period - 1) / period * picked.width.resolved(maxBatch)
                buffers.append(Buffer(count: Count(factor: size), home: .sample))
                let sample = Sample(into: buffers.count - 1, picked: picked)
                sampleOf[Kept(value: value, picked: picked)] = sample.into
                switch place {
                case .end: break
                case .start: emitSample(of: value, sample)
                case .tile: tileSamples[value, default: []].append(sample)
                case .after(let g): later[g, default: []].append((value, sample))
                }
            }
        }
        return later
    }

    /// Copies the picked rows of a value, each thread those of the share it has.
    mutating func emitSample(of value: NodeID, _ sample: Sample) {
        let source = buffer(of: value)
        let (rows, width) = (sample.picked.rows, sample.picked.width)
        var (cut, touch) = (Cut.none, Touch.first)
        switch lastTouch[source] {
        case .rows(let count, let granule):
            (cut, touch) = (.rows(count, granule: granule), .rows(count, granule: granule))
        case .columns(let columns, let granule) where columns == width || columns == rows * width:
            (cut, touch) = (.columns(columns, granule: granule), .columns(columns, granule: granule))
        // Given values are shared out by rows.
        case nil: (cut, touch) = (.rows(rows, granule: 1), .all)
        default: break
        }
        var accesses = [
            Access(buffer: source, writes: false, touch: touch),
            Access(buffer: sample.into, writes: true, touch: touch),
        ]
        if let step = sample.picked.step { accesses.append(Access(buffer: step, writes: false, touch: .all)) }
        emit(value, "sample", .sample(source: source, sample), cut: cut, accesses, phase: .probe)
    }

    /// The one instruction that works out what the copies say.
    mutating func emitObservations() {
        guard let first = probes.found.first else { return }
        var list: [Observation] = []
        var accesses: [Access] = []
        for (key, results) in probes.found {
            let picked = picked(key, results.shape)
            func source(_ value: NodeID) -> Observation.Source {
                if let copy = sampleOf[Kept(value: value, picked: picked)] {
                    return Observation.Source(buffer: copy, isPacked: true)
                }
                return Observation.Source(buffer: buffer(of: value), isPacked: false)
            }
            let observation = Observation(
                x: source(key.x), y: key.y.map(source), picked: picked, summary: results.summary.map { buffer(of: $0) },
                histogram: results.histogram.map { buffer(of: $0) })
            accesses += observation.accesses(.all)
            list.append(observation)
        }
        emit(
            first.key.x, "observe", .observe(list), cut: .units(Count(factor: list.count), granule: 1), accesses,
            phase: .probe)
    }

    /// An observation that reads its operand from memory.
    mutating func lowerObservation(_ id: NodeID) {
        let node = graph[id]
        let (rows, width) = Sampling.rows(of: graph.shape(of: node.inputs[0]))
        let picked = Picked(
            rows: count(rows), width: count(width), every: node.op.observedEvery ?? 1,
            step: node.inputs.count > 1 ? buffer(of: node.inputs[1]) : nil)
        let isSummary = if case .summary = node.op { true } else { false }
        let observation = Observation(
            x: Observation.Source(buffer: buffer(of: node.inputs[0]), isPacked: false), y: nil, picked: picked,
            summary: isSummary ? buffer(of: id) : nil, histogram: isSummary ? nil : buffer(of: id))
        emit(id, node.op.name, .observe([observation]), cut: .none, observation.accesses(.first))
    }
}

extension Observation {
    /// What the observation reads and writes.
    func accesses(_ touch: Touch) -> [Access] {
        let read = [x.buffer, y?.buffer, picked.step].compactMap { $0 }
        let written = [summary, histogram].compactMap { $0 }
        return read.map { Access(buffer: $0, writes: false, touch: touch) }
            + written.map { Access(buffer: $0, writes: true, touch: touch) }
    }
}
