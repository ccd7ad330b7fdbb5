import FathomGraph

extension Executable {
    /// Places buffers of working memory so that those never needed at once share it, then the barriers.
    ///
    /// - Returns: the floats needed of working memory, of the memory of probes, and of what is kept from run to run.
    static func planMemory(
        _ instructions: inout [Instruction], _ buffers: inout [Buffer], keeping kept: Set<Int>, _ maxBatch: Int,
        _ state: StateStorage
    ) -> (arena: Int, probes: Int, kept: Int) {
        var first = [Int](repeating: Int.max, count: buffers.count)
        var last = [Int](repeating: -1, count: buffers.count)
        func root(_ b: Int) -> Int { buffers[b].parent ?? b }
        for (i, x) in instructions.enumerated() {
            for access in x.accesses {
                let b = root(access.buffer)
                first[b] = min(first[b], i)
                last[b] = i
            }
        }
        for b in kept {
            last[root(b)] = instructions.count
            first[root(b)] = min(first[root(b)], instructions.count - 1)
        }
        // Values that every instruction shares out by the same rows: their memory can be handed on from one to the next of the
        // same size without a barrier, because each thread then follows itself.
        var rows = [Touch?](repeating: nil, count: buffers.count)
        var isMixed = Set(kept.map(root))
        for x in instructions {
            for access in x.accesses {
                let b = root(access.buffer)
                guard case .rows = access.touch, b == access.buffer, rows[b] == nil || rows[b] == access.touch else {
                    isMixed.insert(b)
                    continue
                }
                rows[b] = access.touch
            }
        }
        func share(_ b: Int) -> Share? {
            isMixed.contains(b) ? nil : rows[b].map { Share(rows: $0, count: buffers[b].count) }
        }
        let sizes = buffers.map { StateStorage.padded($0.count.resolved(maxBatch)) }
        let placed = buffers.indices.filter { buffers[$0].home == .arena && buffers[$0].parent == nil && last[$0] >= 0 }
        // Barriers that the values themselves need: memory freed since the last one may still be read by a slower thread.
        instructions.placeBarriers { $0 == $1 }
        var end = 0
        if placed.reduce(0, { $0 + sizes[$1] }) <= 1 << 17 {
            // It all fits the second-level cache: separate memory spares the barriers that reuse would need.
            for b in placed {
                buffers[b].offset = end
                end += sizes[b]
            }
        } else {
            // Best fit over the instructions; a block is free again after the last instruction that needs it.
            var free = FreeList()
            let starts = Dictionary(grouping: placed) { first[$0] }
            let ends = Dictionary(grouping: placed) { last[$0] }
            var waiting: [Int] = []
            // Free since the last barrier, for values of the same share alone.
            var handed: [Share: [Int]] = [:]
            var arrival: Int?
            for i in instructions.indices {
                if instructions[i].arrives { arrival = i }
                if instructions[i].barrier == .always {
                    // What is read after a thread has said that it is there may be read still.
                    let since = arrival ?? i
                    arrival = nil
                    func give(_ list: [Int]) -> [Int] {
                        list.filter { b in
                            if last[b] < since { free.give(buffers[b].offset, sizes[b]) }
                            return last[b] >= since
                        }
                    }
                    waiting = give(waiting)
                    handed = handed.mapValues(give)
                }
                for b in (starts[i] ?? []).sorted(by: { sizes[$0] > sizes[$1] }) {
                    if let own = share(b), let before = handed[own]?.popLast() {
                        buffers[b].offset = buffers[before].offset
                    } else if let offset = free.take(sizes[b]) {
                        buffers[b].offset = offset
                    } else {
                        buffers[b].offset = end
                        end += sizes[b]
                    }
                }
                for b in ends[i] ?? [] {
                    if let own = share(b) {
                        handed[own, default: []].append(b)
                    } else {
                        waiting.append(b)
                    }
                }
            }
        }
        // Probes have memory of their own, so that they leave the rest of the plan as it is.
        var (probes, keptFloats) = (0, 0)
        func place(_ home: Buffer.Home, _ end: inout Int) {
            for b in buffers.indices where buffers[b].home == home {
                buffers[b].offset = end
                end += sizes[b]
            }
        }
        place(.observation, &probes)
        place(.sample, &probes)
        place(.kept, &keptFloats)
        // Where each buffer lies: a space and a range of floats in it.
        let places = buffers.indices.map { b -> (space: String, start: Int, end: Int) in
            switch buffers[b].home {
            case .arena:
                let start = buffers[b].parent.map { buffers[$0].offset + buffers[b].offset } ?? buffers[b].offset
                return ("arena", start, start + sizes[b])
            case .state(let path):
                let start = state.entry(path)?.offset ?? 0
                return ("state", start, start + sizes[b])
            case .input(let name): return ("input " + name, 0, sizes[b])
            case .observation, .sample: return ("probes", buffers[b].offset, buffers[b].offset + sizes[b])
            case .kept: return ("kept", buffers[b].offset, buffers[b].offset + sizes[b])
            }
        }
        instructions.placeBarriers { a, b in
            if a != b, places[a].start == places[b].start, let own = share(a), own == share(b) { return false }
            return a == b
                || places[a].start < places[b].end && places[b].start < places[a].end
                    && places[a].space == places[b].space
        }
        return (end, probes, keptFloats)
    }
}

/// The rows in which all threads share a value, and its size.
private struct Share: Hashable {
    var rows: Touch
    var count: Count
}

/// Free blocks of memory, smallest fitting first.
private struct FreeList {
    private var blocks: [(offset: Int, count: Int)] = []

    mutating func take(_ need: Int) -> Int? {
        guard
            let best = blocks.indices.filter({ blocks[$0].count >= need }).min(by: {
                blocks[$0].count < blocks[$1].count
            })
        else { return nil }
        let offset = blocks[best].offset
        if blocks[best].count == need {
            blocks.remove(at: best)
        } else {
            blocks[best] = (offset + need, blocks[best].count - need)
        }
        return offset
    }

    mutating func give(_ offset: Int, _ count: Int) {
        let at = blocks.firstIndex { $0.offset > offset } ?? blocks.count
        blocks.insert((offset, count), at: at)
        // Join neighbours.
        if at + 1 < blocks.count, blocks[at].offset + blocks[at].count == blocks[at + 1].offset {
            blocks[at].count += blocks[at + 1].count
            blocks.remove(at: at + 1)
        }
        if at > 0, blocks[at - 1].offset + blocks[at - 1].count == blocks[at].offset {
            blocks[at - 1].count += blocks[at].count
            blocks.remove(at: at)
        }
    }
}
