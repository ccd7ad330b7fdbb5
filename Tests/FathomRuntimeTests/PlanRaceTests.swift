import CFathomKernels
import FathomGraph
import FathomNN
import FathomRuntime
import FathomTestSupport
import Testing

/// Between two barriers no thread may touch what another writes.
///
/// Worked out from the finished instructions alone, element by element, without the planner's own account of who touches
/// what: a missing barrier shows on every run, not only when threads happen to meet.
@Suite struct PlanRaceTests {
    /// The elements that one thread's share of an instruction reads or writes, as runs of floats.
    struct Touches {
        var runs: [(start: UInt, count: Int, writes: Bool)] = []

        mutating func add(_ p: UnsafePointer<Float>?, _ offset: Int, _ count: Int, writes: Bool) {
            guard let p, count > 0 else { return }
            runs.append((UInt(bitPattern: p) / 4 &+ UInt(bitPattern: offset), count, writes))
        }

        /// Rows × columns of a matrix with a leading dimension.
        mutating func add(_ p: UnsafePointer<Float>?, rows: Range<Int>, columns: Range<Int>, ld: Int, writes: Bool) {
            for i in rows { add(p, i * ld + columns.lowerBound, columns.count, writes: writes) }
        }

        /// What thread `t` of `n` touches when it runs `x`.
        init(_ x: fk_instr, _ t: Int, of n: Int) {
            let (extent, granule) = (Int(x.extent), Int(x.granule))
            let units = (extent + granule - 1) / granule
            var share = min(units * t / n * granule, extent)..<min(units * (t + 1) / n * granule, extent)
            let isAlone = UInt32(x.cut) == FK_CUT_NONE.rawValue
            if isAlone {
                if t != Int(x.owner) * n / 1024 { return }
                share = 0..<extent
            } else if share.isEmpty {
                return
            }
            let rowsCut = UInt32(x.cut) == FK_CUT_ROWS.rawValue
            let columnsCut = UInt32(x.cut) == FK_CUT_COLS.rawValue
            switch fk_kind(UInt32(x.kind)) {
            case FK_I_GEMM, FK_I_BATCH_GEMM:
                let g = x.u.gemm
                let isBatch = UInt32(x.kind) == FK_I_BATCH_GEMM.rawValue
                let rows = rowsCut ? share : 0..<Int(g.m)
                let columns = columnsCut ? share : 0..<Int(g.n)
                let (k, whole) = (0..<Int(g.k), isBatch ? (isAlone ? 0..<Int(x.batches) : share) : 0..<1)
                for b in whole {
                    let (a, w, c) = (g.a + b * Int(x.stride_a), g.b + b * Int(x.stride_b), g.c + b * Int(x.stride_c))
                    add(a, rows: g.ta ? k : rows, columns: g.ta ? rows : k, ld: Int(g.lda), writes: false)
                    if g.packed {
                        add(w, columns.lowerBound * k.count, columns.count * k.count, writes: false)
                    } else {
                        add(w, rows: g.tb ? columns : k, columns: g.tb ? k : columns, ld: Int(g.ldb), writes: false)
                    }
                    if x.update == nil { add(c, rows: rows, columns: columns, ld: Int(g.ldc), writes: true) }
                    add(g.bias, columns.lowerBound, columns.count, writes: false)
                }
                if let update = x.update?.pointee {
                    for p in Self.pointers(update.s) { add(p, 0, 1, writes: false) }
                    for (k, p) in Self.pointers(update.r).enumerated() where k != update.gradient {
                        add(p, rows: rows, columns: columns, ld: Int(g.ldc), writes: false)
                    }
                    for p in Self.pointers(update.w) {
                        add(p, rows: rows, columns: columns, ld: Int(g.ldc), writes: true)
                    }
                    for k in 0..<Int(x.sample_count) {
                        for i in rows { add(x.samples[k], i * Int(g.n) + columns.lowerBound, columns.count) }
                    }
                }
            case FK_I_REGION:
                let r = x.u.region
                let rows = columnsCut || isAlone ? 0..<Int(r.rows) : share
                let columns = columnsCut ? share : 0..<Int(r.cols)
                for i in 0..<Int(r.reg_count) where r.regs[i].memory != 0 {
                    let g = r.regs[i]
                    let writes = g.memory == 2
                    switch Int(g.kind) {
                    case 0: add(g.base, rows: rows, columns: columns, ld: Int(g.ld), writes: writes)
                    case 1: add(g.base, rows.lowerBound, rows.count, writes: writes)
                    case 2 where g.blocked != 0:
                        for i in Set(rows.map { $0 / Int(r.block) }) {
                            add(g.base, i * Int(g.ld) + columns.lowerBound, columns.count, writes: writes)
                        }
                    case 2: add(g.base, columns.lowerBound, columns.count, writes: writes)
                    default: add(g.base, 0, 1, writes: writes)
                    }
                }
                for k in 0..<Int(r.op_count) where r.ops[k].opcode == FK_SAMPLE.rawValue {
                    let sample = r.samples[Int(r.ops[k].extra)]
                    for i in rows { add(sample, i * Int(r.cols) + columns.lowerBound, columns.count) }
                }
            case FK_I_NDCOPY:
                let c = x.u.copy
                var index = [Int](repeating: 0, count: Int(c.rank))
                let (e, d, s) = (Self.array(c.extent), Self.array(c.dst_stride), Self.array(c.src_stride))
                let limits = index.indices.map { $0 == 0 ? share : 0..<e[$0] }
                if limits.contains(where: \.isEmpty) { return }
                index = limits.map(\.lowerBound)
                while true {
                    add(c.dst, zip(index, d).reduce(0) { $0 + $1.0 * $1.1 }, 1, writes: true)
                    add(c.src, zip(index, s).reduce(0) { $0 + $1.0 * $1.1 }, 1, writes: false)
                    var axis = index.count - 1
                    while axis >= 0 {
                        index[axis] += 1
                        if index[axis] < limits[axis].upperBound { break }
                        index[axis] = limits[axis].lowerBound
                        axis -= 1
                    }
                    if axis < 0 { break }
                }
            case FK_I_CONV:
                let c = x.u.conv
                let w = c.window
                func size(_ tuple: (Int64, Int64, Int64)) -> Int { Int(tuple.0 * tuple.1 * tuple.2) }
                let (taps, input, output) = (size(w.kernel), size(w.in) * Int(w.cin), size(w.out) * Int(w.cout))
                let channels = Int(w.cin / w.groups) * Int(w.cout)
                let places = Int(c.winograd) + Int(w.kernel.1) - 1
                let weights = (c.winograd != 0 ? places * places : taps) * channels
                func images(_ p: UnsafeMutablePointer<Float>?, _ each: Int, writes: Bool) -> [(UInt, Int, Bool)] {
                    p.map { [(UInt(bitPattern: $0) / 4 &+ UInt(share.lowerBound * each), share.count * each, writes)] }
                        ?? []
                }
                let index = c.index.map { UnsafeMutableRawPointer($0).assumingMemoryBound(to: Float.self) }
                switch fk_conv_kind(UInt32(c.kind)) {
                case FK_CONV_FORWARD where c.by_lines != 0:
                    // Its lines, and of the input what is a window's reach around them.
                    let line = output / Int(w.out.1)
                    add(c.y, share.lowerBound * line, share.count * line, writes: true)
                    for u in share {
                        let (image, h) = u.quotientAndRemainder(dividingBy: Int(w.out.1))
                        let first = h * Int(w.stride.1) - Int(w.low.1)
                        for row in max(
                            first, 0)..<max(
                                first, 0, min(first + Int((w.kernel.1 - 1) * w.dilation.1) + 1, Int(w.in.1)))
                        {
                            add(
                                c.x, (image * Int(w.in.1) + row) * input / Int(w.in.1), input / Int(w.in.1),
                                writes: false)
                        }
                    }
                    add(c.w, 0, weights, writes: false)
                    add(c.bias, 0, Int(w.cout), writes: false)
                case FK_CONV_FORWARD:
                    runs += images(c.x, input, writes: false) + images(c.y, output, writes: true)
                    add(c.w, 0, weights, writes: false)
                    add(c.bias, 0, Int(w.cout), writes: false)
                case FK_CONV_INPUT:
                    runs += images(c.x, input, writes: true) + images(c.y, output, writes: false)
                    add(c.w, 0, weights, writes: false)
                case FK_CONV_WEIGHT:
                    runs += images(c.x, input, writes: false) + images(c.y, output, writes: false)
                    let blocks = (share.lowerBound / Int(c.block))..<((share.upperBound - 1) / Int(c.block) + 1)
                    add(c.w, blocks.lowerBound * weights, blocks.count * weights, writes: true)
                    if share.upperBound == Int(c.images) {
                        add(
                            c.w, blocks.upperBound * weights, (Int(c.blocks) - blocks.upperBound) * weights,
                            writes: true)
                    }
                case FK_CONV_PACK:
                    // Where a tap goes depends on its phase: only that the others are not touched before a barrier is checked.
                    add(c.w, 0, taps * channels, writes: false)
                    if t == 0 { add(c.x, 0, weights, writes: true) }
                case FK_CONV_PACK_FORWARD, FK_CONV_UNPACK:
                    let makesWeights = fk_conv_kind(UInt32(c.kind)) == FK_CONV_UNPACK
                    let n = Int(w.cout)
                    for (p, places, writes) in [(c.x, 16, !makesWeights), (c.w, 9, makesWeights)] {
                        for place in 0..<places {
                            add(p, place * channels + share.lowerBound * n, share.count * n, writes: writes)
                        }
                    }
                default:
                    let makesInput = [FK_WINDOW_SPREAD, FK_WINDOW_SCATTER].contains(fk_conv_kind(UInt32(c.kind)))
                    let makesIndex = [FK_WINDOW_MAX, FK_WINDOW_ARGMAX].contains(fk_conv_kind(UInt32(c.kind)))
                    runs += images(c.x, input, writes: makesInput) + images(c.y, output, writes: !makesInput)
                    runs += images(index, output, writes: makesIndex)
                }
            case FK_I_XENT, FK_I_XENT_GRAD:
                let c = x.u.xent
                let n = Int(c.classes)
                add(c.logits, share.lowerBound * n, share.count * n, writes: false)
                c.labels?.withMemoryRebound(to: Float.self, capacity: 1) {
                    add($0, share.lowerBound, share.count, writes: false)
                }
                add(c.g, share.lowerBound, share.count, writes: false)
                let width = UInt32(x.kind) == FK_I_XENT.rawValue ? 1 : n
                add(c.out, share.lowerBound * width, share.count * width, writes: true)
            case FK_I_SAMPLE:
                let sample = x.u.sample
                let total = Int(sample.rows * sample.width)
                let (rows, columns) =
                    isAlone
                    ? (0..<1, 0..<total)
                    : rowsCut
                        ? (share, 0..<(total / extent)) : (0..<(total / extent), share)
                for i in rows {
                    let flat = i * (rowsCut ? columns.count : extent) + columns.lowerBound
                    add(sample, flat, columns.count)
                    // Of what is there, only the rows looked at.
                    for run in Self.kept(sample, flat, columns.count) {
                        add(sample.src, run.from, run.count, writes: false)
                    }
                }
            case FK_I_OBSERVE:
                for i in share {
                    let o = x.u.observations[i]
                    let period = Int(o.every)
                    let first = o.step.map { Int(UInt32(bitPattern: $0.pointee)) % period } ?? 0
                    for (q, row) in stride(from: first, to: Int(o.rows), by: period).enumerated() {
                        let w = Int(o.width)
                        add(o.x, (o.x_packed != 0 ? q : row) * w, w, writes: false)
                        add(o.y, (o.y_packed != 0 ? q : row) * w, w, writes: false)
                    }
                    add(o.summary, 0, Int(FK_SUMMARY), writes: true)
                    add(o.histogram, 0, Int(FK_HISTOGRAM), writes: true)
                }
            case FK_I_NATIVE:
                // One run of elements: scalars, arrays read, arrays written.
                for p in Self.pointers(x.u.native.s) { add(p, 0, 1, writes: false) }
                for p in Self.pointers(x.u.native.r) { add(p, share.lowerBound, share.count, writes: false) }
                for p in Self.pointers(x.u.native.w) { add(p, share.lowerBound, share.count, writes: true) }
            default:
                // Indexed operations: reads anywhere, writes by unit, row or column.
                let c = x.u.indexed
                let (outer, extent, inner, taken) = (Int(c.outer), Int(c.extent), Int(c.inner), Int(c.taken))
                let kind = fk_kind(UInt32(x.kind))
                let read =
                    kind == FK_I_SCATTER ? outer * taken * inner : outer * extent * inner
                add(c.src, 0, read, writes: false)
                let indices = taken * (c.along != 0 ? outer * inner : 1)
                c.indices?.withMemoryRebound(to: Float.self, capacity: 1) { add($0, 0, indices, writes: false) }
                switch kind {
                case FK_I_GATHER:
                    let width = c.along != 0 ? taken * inner : inner
                    add(c.dst, share.lowerBound * width, share.count * width, writes: true)
                case FK_I_SCATTER:
                    let rows = columnsCut ? 0..<outer : share
                    add(
                        c.dst, rows: (rows.lowerBound * extent)..<(rows.upperBound * extent),
                        columns: columnsCut ? share : 0..<inner, ld: inner, writes: true)
                case FK_I_CUMSUM:
                    add(c.dst, share.lowerBound * extent * inner, share.count * extent * inner, writes: true)
                case FK_I_ARGSORT:
                    for u in share {
                        let (o, j) = u.quotientAndRemainder(dividingBy: inner)
                        add(
                            c.dst, rows: (o * extent)..<((o + 1) * extent), columns: j..<(j + 1), ld: inner,
                            writes: true)
                    }
                default: add(c.dst, share.lowerBound, share.count, writes: true)
                }
            }
        }

        /// What a sample keeps of `count` elements from `flat` on: where they are and where they go.
        static func kept(_ sample: fk_sample, _ flat: Int, _ count: Int) -> [(from: Int, to: Int, count: Int)] {
            let (w, period) = (Int(sample.width), Int(sample.every))
            let first = sample.step.map { Int(UInt32(bitPattern: $0.pointee)) % period } ?? 0
            return stride(from: first, to: Int(sample.rows), by: period).enumerated().compactMap { q, row in
                let (low, high) = (max(row * w, flat), min((row + 1) * w, flat + count))
                return low < high ? (low, q * w + low - row * w, high - low) : nil
            }
        }

        mutating func add(_ sample: fk_sample, _ flat: Int, _ count: Int) {
            for run in Self.kept(sample, flat, count) { add(sample.dst, run.to, run.count, writes: true) }
        }

        static func pointers<T>(_ tuple: T) -> [UnsafePointer<Float>?] {
            withUnsafeBytes(of: tuple) { $0.bindMemory(to: UInt.self).map { UnsafePointer(bitPattern: $0) } }
        }

        static func array<T>(_ tuple: T) -> [Int] {
            withUnsafeBytes(of: tuple) { $0.bindMemory(to: Int64.self).map { Int($0) } }
        }
    }

    /// The first instruction that meets another thread's work, or `nil`.
    static func conflict(
        _ plan: UnsafeBufferPointer<fk_instr>, threads: Int, watching: Bool = true
    ) -> (later: Int, threads: [Int])? {
        var written: [UInt: Int] = [:]
        /// Threads that have read the element, as bits.
        var read: [UInt: UInt64] = [:]
        /// What the threads have touched since they said that they had come to the next barrier.
        var arrival: [(thread: Int, touches: Touches)]?
        for (i, x) in plan.enumerated() where watching || x.probe == 0 {
            if x.arrives == 1 || x.arrives == 2 && !watching { arrival = [] }
            if x.barrier == 1 || x.barrier == 2 && watching {
                written = [:]
                read = [:]
                for (t, touches) in arrival ?? [] {
                    for (start, count, writes) in touches.runs {
                        for place in start..<(start + UInt(count)) {
                            if writes { written[place] = t } else { read[place, default: 0] |= 1 << UInt64(t) }
                        }
                    }
                }
                arrival = nil
            }
            // What one thread does within an instruction is in order; what two do is not.
            for t in 0..<threads {
                let touches = Touches(x, t, of: threads)
                arrival?.append((t, touches))
                for (start, count, writes) in touches.runs {
                    for place in start..<(start + UInt(count)) {
                        if let other = written[place], other != t { return (i, [other, t]) }
                        if writes {
                            if let readers = read[place], readers & ~(1 << UInt64(t)) != 0 {
                                return (i, [readers.trailingZeroBitCount, t])
                            }
                            written[place] = t
                        } else {
                            read[place, default: 0] |= 1 << UInt64(t)
                        }
                    }
                }
            }
        }
        return nil
    }

    static func check(_ executable: Executable, batches: [Int], _ what: String) throws {
        for batch in batches {
            for threads in [2, 3, 4] {
                let found = try executable.withPlan(batch: batch) {
                    conflict($0, threads: threads) ?? conflict($0, threads: threads, watching: false)
                }
                if let found = found ?? nil {
                    Issue.record(
                        "\(what), B = \(batch): threads \(found.threads) of \(threads) meet at \(found.later)\n\(executable.listing)"
                    )
                    return
                }
            }
        }
    }

    @Test(arguments: ModelRow.all + DeterminismTests.awkward.dropLast()) func threadsNeverMeet(_ row: ModelRow) throws {
        let model = try ModelStep(row, Adam())
        for fusing in [true, false] {
            let executable = try model.executable(maxBatch: 37, threads: 4, fusing: fusing, graph: model.plain())
            try Self.check(
                executable, batches: fusing ? [37, 6] : [37], "\(row.name), \(fusing ? "fused" : "unfused")")
        }
    }

    /// A large net shares memory over time, so that barriers must also guard its second use.
    @Test func threadsNeverMeetInReusedMemory() throws {
        let row = ModelRow("deep", [80]) {
            for _ in 0..<8 {
                Residual {
                    Dense(64); Tanh(); Dense(80).named("second")
                }
            }; Dense(5)
        }
        let model = try ModelStep(row, SGD(momentum: 0.9))
        let executable = try model.executable(maxBatch: 70, threads: 4, graph: model.plain())
        try Self.check(executable, batches: [70], row.name)
    }

    @Test(arguments: OpTable.problems.filter { $0.batch > 0 }) func threadsNeverMeetInOneOperation(_ problem: OpProblem)
        throws
    {
        if problem.feeds.contains(where: { $0.isState && ($0.type.element != .float32 || $0.type.shape.isSymbolic) }) {
            return
        }
        let storage = StateStorage(problem.feeds.filter(\.isState).map { ($0.name, $0.shape.reduce(1, *)) })
        let executable = try Executable(problem.graph, maxBatch: problem.batch, state: storage, team: Team(threads: 4))
        try Self.check(executable, batches: [problem.batch], "\(problem)")
    }
}
