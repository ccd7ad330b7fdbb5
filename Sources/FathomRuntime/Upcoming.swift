import CFathomKernels

/// An array that an instruction reads, or writes, and nobody has used since long before.
struct Upcoming {
    var buffer: Int
    /// The instruction's number.
    var reader: Int
    var rows: Int
    var columns: Int
    /// Which of them threads share out when they read it, and of which the first are enough.
    var cut: fk_cut
    var isShared: Bool
    var most = Int.max
    /// Whether it is written: then it is taken from whoever has read it.
    var writes = false
}

extension [Instruction] {
    /// Bytes of an array that is fetched: more than the first-level cache holds anyway, and no more than the second does
    /// beside other things.
    private static var fetched: ClosedRange<Int> { 32 << 10...512 << 10 }

    /// What comes after each product, up to the next one: products leave memory idle and can fetch weights, and what the forward
    /// pass left for the backward pass, while they compute.
    func upcoming(batch: Int) -> [Int: [Upcoming]] {
        // Probes are left out of most runs.
        let order = indices.filter { self[$0].phase != .probe }
        var result: [Int: [Upcoming]] = [:]
        for (at, i) in order.enumerated() {
            guard case .product(let own) = self[i].work, own.batches == nil, !own.isPacked else { continue }
            // The next one is another thread's.
            if case .one = self[i].cut { continue }
            // What is in the cache anyway, or not written yet.
            var known = Set(self[i].accesses.map(\.buffer))
            if at > 0 { known.formUnion(self[order[at - 1]].accesses.map(\.buffer)) }
            var found: [Upcoming] = []
            scan: for j in order[(at + 1)...] {
                func add(
                    _ buffer: Int, _ rows: Count, _ columns: Count, cut: fk_cut, isShared: Bool, most: Int = .max,
                    writes: Bool = false
                ) {
                    let (rows, columns) = (rows.resolved(batch), columns.resolved(batch))
                    guard Self.fetched.contains(4 * rows * columns), found.count < Int(FK_MOST_UPCOMING),
                        known.insert(buffer).inserted
                    else { return }
                    found.append(
                        Upcoming(
                            buffer: buffer, reader: j, rows: rows, columns: columns, cut: cut, isShared: isShared,
                            most: most, writes: writes))
                }
                switch self[j].work {
                case .region(let region):
                    guard case .columns = self[j].cut else { break scan }
                    for kind in [Region.Register.Kind.read, .write] {
                        for r in region.registers where r.kind == kind && r.extent == .full && r.width == nil {
                            guard let buffer = r.buffer else { continue }
                            add(
                                buffer, region.rows, region.columns, cut: FK_CUT_COLS, isShared: true,
                                writes: kind == .write)
                        }
                    }
                    known.formUnion(self[j].accesses.map(\.buffer))
                case .product(let p) where p.batches == nil && !p.isPacked:
                    let (byRows, byColumns) =
                        switch self[j].cut {
                        case .rows: (true, false)
                        case .columns: (false, true)
                        default: (false, false)
                        }
                    // A product fetches its second panel of B and those that follow itself.
                    add(
                        p.b, p.tb ? p.n : p.k, p.tb ? p.k : p.n,
                        cut: p.tb ? FK_CUT_ROWS : FK_CUT_COLS, isShared: byColumns, most: 32)
                    add(
                        p.a, p.ta ? p.k : p.m, p.ta ? p.m : p.k, cut: p.ta ? FK_CUT_COLS : FK_CUT_ROWS,
                        isShared: byRows)
                    break scan
                default: break scan
                }
            }
            if !found.isEmpty { result[i] = found }
        }
        return result
    }
}
