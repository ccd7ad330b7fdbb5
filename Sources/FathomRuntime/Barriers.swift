import CFathomKernels

extension [Instruction] {
    /// A barrier stands before an instruction that touches what another thread may have written, or writes what another
    /// may still read, since the last one.
    ///
    /// - Parameter overlap: whether two buffers share memory.
    mutating func placeBarriers(overlap: (Int, Int) -> Bool) {
        func conflict(_ a: [Access], _ b: [Access]) -> Bool {
            a.contains { access in
                b.contains { earlier in
                    (access.writes || earlier.writes)
                        && !(access.buffer == earlier.buffer && access.touch == earlier.touch && access.touch != .all)
                        && overlap(access.buffer, earlier.buffer)
                        && !(access.touch == earlier.touch && access.touch.isOfOne)
                }
            }
        }
        var open: [Access] = []
        for i in indices where self[i].phase != .probe {
            self[i].barrier = conflict(self[i].accesses, open) ? .always : .none
            if self[i].barrier == .always { open = [] }
            open += self[i].accesses
        }
        placeArrivals(conflict)
        // Runs that nobody watches leave out the probes and the barriers they alone need.
        guard contains(where: { $0.phase == .probe }) else { return }
        open = []
        for i in indices {
            if self[i].barrier != .always { self[i].barrier = conflict(self[i].accesses, open) ? .whenWatched : .none }
            if self[i].barrier != .none { open = [] }
            open += self[i].accesses
        }
    }

    /// A thread has come to a barrier as soon as it has done what others need between that barrier and the next.
    private mutating func placeArrivals(_ conflict: ([Access], [Access]) -> Bool) {
        let order = indices.filter { self[$0].phase != .probe }
        let barriers = order.indices.filter { self[order[$0]].barrier == .always }
        for i in indices { self[i].arrives = false }
        for (b, wait) in barriers.enumerated() {
            let start = b == 0 ? 0 : barriers[b - 1]
            let end = b + 1 < barriers.count ? barriers[b + 1] : order.count
            let later = order[wait..<end].flatMap { self[$0].accesses }
            let needed = order[start..<wait].last { conflict(later, self[$0].accesses) }
            if let needed, let next = order[start..<wait].first(where: { $0 > needed }) { self[next].arrives = true }
        }
    }

    /// Gives each of many neighbouring gradients of weights, which wait for nothing between, to one thread as a whole.
    ///
    /// Shared out by rows, every one of them would need what the others made of both factors, in tiles of few rows. Neighbouring
    /// layers go to one thread, which then updates their weights, too.
    mutating func handOutLayers(_ batch: Int) {
        placeBarriers { $0 == $1 }
        func isGradient(_ x: Instruction) -> Bool {
            guard case .product(let p) = x.work, p.ta, p.batches == nil, p.update == nil, x.phase == .backward,
                case .rows = x.cut
            else { return false }
            return true
        }
        /// Sums over the batch, as gradients of biases are.
        func isSum(_ x: Instruction) -> Bool {
            guard case .region(let region) = x.work, region.ops.count == 1, x.phase == .backward,
                region.ops[0].opcode == FK_SUM_ROWS
            else { return false }
            return true
        }
        var start = 0
        while start < count {
            var end = start
            while end < count, end == start || self[end].barrier == .none,
                isGradient(self[end]) || isSum(self[end]) || self[end].phase == .probe
            {
                end += 1
            }
            defer { start = Swift.max(end, start + 1) }
            let work = (start..<end).map { self[$0].flops.resolved(batch) }
            let total = work.reduce(0, +)
            // Those that are a small part of all, so that every thread gets as much.
            var small = Set((start..<end).filter { isGradient(self[$0]) && 16 * work[$0 - start] <= total })
            guard small.count >= 16 else { continue }
            let sum = small.reduce(0) { $0 + work[$1 - start] }
            // The sum over what a product reads goes with it.
            for i in start..<end - 1 where isSum(self[i]) && small.contains(i + 1) { small.insert(i) }
            var done = 0
            var owners: [Int: Int] = [:]
            func give(_ i: Int, to owner: Int) {
                self[i].cut = .one(owner)
                for k in self[i].accesses.indices { self[i].accesses[k].touch = .one(owner) }
            }
            for i in start..<end {
                // What looks at a gradient is where the gradient is.
                if case .sample(let source, _) = self[i].work, let owner = owners[source] { give(i, to: owner) }
                guard small.contains(i) else { continue }
                let next = isSum(self[i]) ? i + 1 : i
                // The last layers come first; the last thread updates their weights.
                let owner = 1023 - (2 * done + work[next - start]) * 512 / sum
                if next == i { done += work[i - start] }
                give(i, to: owner)
                for access in self[i].accesses where access.writes { owners[access.buffer] = owner }
            }
        }
    }

    /// Puts products that are not needed for long, such as gradients of weights, off until just before the next barrier.
    ///
    /// Threads then do them while they would wait for each other.
    mutating func fillWaits() {
        placeBarriers { $0 == $1 }
        let barriers = indices.filter { self[$0].barrier == .always }
        for (b, wait) in barriers.enumerated() {
            let start = b == 0 ? 0 : barriers[b - 1]
            let end = b + 1 < barriers.count ? barriers[b + 1] : count
            var moved: [Int] = []
            for i in (start..<wait).reversed() {
                guard case .product = self[i].work, self[i].phase == .backward, i + 1 < wait else { continue }
                let others = (i + 1..<end).filter { !moved.contains($0) }
                let own = self[i].accesses
                let isFree = !others.contains { k in
                    self[k].accesses.contains { x in own.contains { $0.buffer == x.buffer && ($0.writes || x.writes) } }
                }
                if isFree { moved.insert(i, at: 0) }
            }
            if moved.isEmpty { continue }
            let range = start..<wait
            let rest = range.filter { !moved.contains($0) }
            replaceSubrange(range, with: (rest + moved).map { self[$0] })
        }
    }
}
