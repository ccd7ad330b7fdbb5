import FathomGraph

extension Lowering {
    /// Joins equal elementwise updates of neighbouring state entries into one pass over all of them.
    ///
    /// Parameters and optimiser slots lie in the state in one order; their gradients get memory in the same order. A
    /// network of many small layers then has one update instead of one per parameter.
    mutating func mergeUpdates(_ state: StateStorage) {
        struct Candidate {
            var index: Int
            var start: Int
            var count: Int
        }
        var candidates: [Candidate] = []
        for (i, x) in instructions.enumerated() where x.phase == .update {
            guard case .region(let region) = x.work, region.reduction == .none, region.seed == nil,
                region.ops.allSatisfy({ $0.index == nil }),
                region.registers.allSatisfy({ $0.extent == .full || $0.extent == .scalar && $0.kind != .write })
            else { continue }
            guard let written = region.registers.first(where: { $0.kind == .write })?.buffer,
                case .state(let path) = buffers[written].home, let entry = state.entry(path)
            else { continue }
            candidates.append(Candidate(index: i, start: entry.offset, count: entry.count))
        }
        candidates.sort { $0.start < $1.start }
        var dropped: Set<Int> = []
        var run: [Candidate] = []
        var taken: Set<Int> = []
        for candidate in candidates {
            // One gradient for two parameters has one place, so it cannot stand twice in a run.
            let own = gradients(of: candidate.index)
            if let last = run.last, follows(candidate.index, last.index, by: StateStorage.padded(last.count), state),
                taken.isDisjoint(with: own)
            {
                run.append(candidate)
                taken.formUnion(own)
            } else {
                merge(run.map { ($0.index, $0.count) }, state, &dropped)
                (run, taken) = ([candidate], own)
            }
        }
        merge(run.map { ($0.index, $0.count) }, state, &dropped)
        remove(dropped)
    }

    /// Buffers of working memory that an update reads element by element.
    private func gradients(of index: Int) -> Set<Int> {
        guard case .region(let region) = instructions[index].work else { return [] }
        return Set(
            region.registers.filter { $0.extent == .full }.compactMap(\.buffer).filter { buffers[$0].home == .arena })
    }

    /// Whether update `next` is update `first` shifted by `distance` floats in every operand.
    private func follows(_ next: Int, _ first: Int, by distance: Int, _ state: StateStorage) -> Bool {
        guard case .region(let a) = instructions[first].work, case .region(let b) = instructions[next].work,
            a.ops == b.ops, a.registers.count == b.registers.count
        else { return false }
        for (x, y) in zip(a.registers, b.registers) {
            guard x.extent == y.extent, x.kind == y.kind, x.isDeferred == y.isDeferred, x.width == nil, y.width == nil
            else { return false }
            guard let p = x.buffer, let q = y.buffer else { continue }
            if x.extent == .scalar {
                if p != q { return false }
                continue
            }
            switch (buffers[p].home, buffers[q].home) {
            case (.state(let u), .state(let v)):
                guard let s = state.entry(u), let t = state.entry(v), t.offset == s.offset + distance else {
                    return false
                }
            case (.arena, .arena):
                // A gradient can be placed where it suits, unless it already has been.
                if buffers[p].parent != nil || buffers[q].parent != nil || p == q { return false }
            default: return false
            }
        }
        return true
    }

    /// Whether two buffers are one, or overlap in the training state.
    private func shareState(_ a: Int, _ b: Int, _ state: StateStorage) -> Bool {
        if a == b { return true }
        guard case .state(let u) = buffers[a].home, case .state(let v) = buffers[b].home, let x = state.entry(u),
            let y = state.entry(v)
        else { return false }
        return x.offset < y.offset + buffers[b].count.resolved(maxBatch)
            && y.offset < x.offset + buffers[a].count.resolved(maxBatch)
    }

    private mutating func merge(_ run: [(index: Int, count: Int)], _ state: StateStorage, _ dropped: inout Set<Int>) {
        guard run.count > 1, let target = run.map(\.index).max(),
            case .region(var merged) = instructions[run[0].index].work
        else { return }
        let members = Set(run.map(\.index))
        // Between an update and the place of the joined one nothing may read what it writes, or write what it reads.
        for (index, _) in run {
            for i in (index + 1)..<(target + 1) where !members.contains(i) {
                let conflict = instructions[i].accesses.contains { other in
                    instructions[index].accesses.contains {
                        ($0.writes || other.writes) && shareState($0.buffer, other.buffer, state)
                    }
                }
                if conflict { return }
            }
        }
        let total = run.dropLast().reduce(0) { $0 + StateStorage.padded($1.count) } + (run.last?.count ?? 0)
        for r in merged.registers.indices where merged.registers[r].extent == .full {
            guard let first = merged.registers[r].buffer else { continue }
            buffers.append(Buffer(count: Count(factor: total), home: buffers[first].home))
            let whole = buffers.count - 1
            merged.registers[r].buffer = whole
            guard buffers[first].home == .arena else { continue }
            var offset = 0
            for (index, count) in run {
                if case .region(let part) = instructions[index].work, let member = part.registers[r].buffer {
                    buffers[member].parent = whole
                    buffers[member].offset = offset
                }
                offset += StateStorage.padded(count)
            }
        }
        (merged.rows, merged.columns, merged.isFlat) = (Count(), Count(factor: total), true)
        var joined = instructions[target]
        joined.name = "update of \(run.count)"
        joined.layer = ""
        joined.work = .region(merged)
        joined.cut = total < 2048 ? .none : .columns(merged.columns, granule: 1024)
        joined.accesses = merged.registers.compactMap { r in
            r.buffer.map { buffer in
                let touch: Touch =
                    joined.cut == .none
                    ? .first : r.extent == .full ? .columns(merged.columns, granule: 1024) : .all
                return Access(buffer: buffer, writes: r.kind == .write, touch: touch)
            }
        }
        instructions[target] = joined
        dropped.formUnion(members.subtracting([target]))
    }
}
