import CFathomKernels
import FathomGraph

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A graph made ready to run: instructions, their memory, and the team that runs them.
///
/// After a first run with a batch size, running it again allocates nothing. An executable is used by one thread at a time;
/// it holds no global state.
public final class Executable {
    /// Choices that change speed and memory; only ``precision`` changes results.
    public struct Options: Sendable {
        /// What the factors of products are rounded to.
        public var precision = Precision.float32
        /// Fuse elementwise work and reductions into tiles.
        public var fusing = true
        /// Run the graph through `verify()` first.
        public var verifying = false
        /// Use the whole team even where it does not pay, for tests of its work.
        package var usesWholeTeam = false
        /// Values of all weight gradients from which on products end in the update: below, the update finds its arrays in
        /// the cache anyway. Tests set 0.
        package var leastJoined = 1 << 20
        /// What neighbouring instructions may touch in one turn (see `runTogether`): what the second-level cache of a core
        /// holds beside code and weights. Tests set 1.
        package var turnBytes = 512 << 10

        /// The choices; ``fusing`` and ``verifying`` change no result.
        public init(precision: Precision = .float32, fusing: Bool = true, verifying: Bool = false) {
            self.precision = precision
            self.fusing = fusing
            self.verifying = verifying
        }
    }

    /// The graph as it is run, after rewriting: composites without a kernel of their own are replaced by their bodies.
    public let graph: Graph
    /// The training state that runs read and update in place.
    public let state: StateStorage
    /// The largest batch a run may have, in rows; memory is planned for it.
    public let maxBatch: Int
    /// The threads that run the plan.
    public let team: Team
    /// Composite operations that have a kernel of their own.
    public static let kernels: Set<String> = ["softmaxCrossEntropy", "softmaxCrossEntropyGradient"]

    /// Bytes of working memory, inputs and probes included, the training state excluded.
    public private(set) var peakBytes = 0
    /// Bytes that probes need: what they found out, and the rows they look at.
    public var probeBytes: Int { 4 * probes.count }

    var instructions: [Instruction]
    var buffers: [Buffer]
    private let grouping: Grouping
    private var arena: Memory
    private let probes: Memory
    /// What is made from the training state by the first `keptCount` instructions, and the version of the state that it is from.
    private let kept: Memory
    private let keptCount: Int
    private var keptVersion: Int?
    private let turnBytes: Int
    /// Floats of `probes` that hold results.
    private let observationCount: Int
    private var inputs: [String: (memory: Memory, type: TensorType)] = [:]
    private let outputs: [String: (buffer: Int, type: TensorType)]
    private var prepared: [Int: Prepared] = [:]
    private var scratch: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    private var scratchMemory: [Memory] = []
    private var current: Prepared?
    private var pace: Pace

    /// - Parameters:
    ///   - state: holds every `state` entry of the graph.
    ///   - maxBatch: the largest batch a run may have.
    ///   - team: whose threads run the plan.
    /// - Throws: ``GraphError`` when an entry is missing or has another size, a value would be too large, or an operation has
    ///   no lowering.
    public init(
        _ graph: Graph, maxBatch: Int, state: StateStorage, team: Team, options: Options = Options()
    ) throws(GraphError) {
        guard maxBatch > 0 else { throw GraphError(op: "plan", message: "batch size \(maxBatch) is not positive") }
        if options.verifying { try graph.verify() }
        let primitive = try graph.inliningCalls(keeping: Self.kernels).splittingReductions().joiningPads()
        if options.verifying { try primitive.verify() }
        try Self.checkSizes(primitive, maxBatch)
        var lowering = try Lowering(primitive, maxBatch: maxBatch, precision: options.precision, fusing: options.fusing)
        try options.precision.check(lowering.instructions)
        (self.graph, self.state, self.maxBatch, self.team) = (primitive, state, maxBatch, team)
        turnBytes = options.turnBytes
        grouping = lowering.grouping
        var outputs: [String: (buffer: Int, type: TensorType)] = [:]
        for (name, id) in primitive.outputs {
            if outputs[name] != nil { throw GraphError(op: "plan", message: "two outputs are called '\(name)'") }
            outputs[name] = (lowering.outputBuffer(of: id), primitive[id].type)
        }
        self.outputs = outputs
        lowering.joinUpdatesToProducts(
            keeping: Set(outputs.values.map(\.buffer)), from: options.leastJoined)
        lowering.mergeUpdates(state)
        instructions = lowering.instructions
        instructions.fillWaits()
        instructions.handOutLayers(maxBatch)
        buffers = lowering.buffers
        let (arenaCount, probeCount, keptFloats) = Self.planMemory(
            &instructions, &buffers, keeping: Set(outputs.values.map(\.buffer)), maxBatch, state)
        arena = Memory(count: arenaCount)
        probes = Memory(count: probeCount)
        kept = Memory(count: keptFloats)
        let homes = buffers.map(\.home)
        keptCount = instructions.prefix { $0.accesses.contains { $0.writes && homes[$0.buffer] == .kept } }.count
        observationCount = buffers.reduce(0) { end, b in
            b.home == .observation ? max(end, b.offset + b.count.resolved(maxBatch)) : end
        }
        for node in primitive.nodes {
            switch node.op {
            case .input(let name):
                if let known = inputs[name] {
                    guard known.type == node.type else {
                        throw GraphError(
                            op: "input", message: "'\(name)' is \(known.type) in one place and \(node.type) in another")
                    }
                } else {
                    inputs[name] = (Memory(count: node.type.shape.count(batch: maxBatch)), node.type)
                }
            case .state(let path):
                guard let entry = state.entry(path) else {
                    throw GraphError(op: "state", message: "'\(path)' has no storage")
                }
                guard node.type.element != .int32 else {
                    throw GraphError(
                        op: "state", message: "'\(path)' is i32", hint: "keep floats in the training state")
                }
                guard entry.count == node.type.shape.fixedCount else {
                    throw GraphError(
                        op: "state", message: "'\(path)' holds \(entry.count) values, not \(node.type.shape)")
                }
            default: break
            }
        }
        for (path, id) in primitive.updates where state.entry(path)?.count != primitive.shape(of: id).fixedCount {
            throw GraphError(op: "update", message: "'\(path)' has no storage of \(primitive.shape(of: id)) values")
        }
        pace = Pace(
            work: Self.work(instructions, maxBatch), team: team.threads, isForced: options.usesWholeTeam)
        scratch = .allocate(capacity: team.threads)
        scratch.initialize(repeating: nil, count: team.threads)
        peakBytes = 4 * (arenaCount + probeCount + keptFloats + inputs.values.reduce(0) { $0 + $1.memory.count })
        try prepare(maxBatch)
    }

    deinit { scratch.deallocate() }

    // MARK: Running

    /// The names and types of the values fed before a run.
    public var inputTypes: [String: TensorType] { inputs.mapValues(\.type) }

    /// The memory of an input for a batch of `batch` rows; integers are four-byte two's complement.
    ///
    /// The buffer stays where it is for the life of the executable.
    public func withInput<R>(_ name: String, batch: Int, _ body: (UnsafeMutableRawBufferPointer) -> R) -> R? {
        guard let (memory, type) = inputs[name], (0...maxBatch).contains(batch) else { return nil }
        return body(UnsafeMutableRawBufferPointer(start: memory.base, count: 4 * type.shape.count(batch: batch)))
    }

    /// Copies values into an input. Returns `false` when the name or the number of values does not fit.
    @discardableResult
    public func setInput(_ name: String, _ values: [Float]) -> Bool {
        guard let (memory, type) = inputs[name], type.element != .int32, values.count <= memory.count else {
            return false
        }
        memory.base.update(from: values, count: values.count)
        return true
    }

    /// Copies values into an `int32` input. Returns `false` when name, element type or number of values do not fit.
    @discardableResult
    public func setInput(_ name: String, _ values: [Int32]) -> Bool {
        guard let (memory, type) = inputs[name], type.element == .int32, values.count <= memory.count else {
            return false
        }
        values.withUnsafeBytes {
            UnsafeMutableRawPointer(memory.base).copyMemory(
                from: $0.baseAddress ?? UnsafeRawPointer(memory.base), byteCount: $0.count)
        }
        return true
    }

    /// Sets a scalar input; ignored when the graph does not read it.
    public func setScalar(_ name: String, _ value: Float) { inputs[name]?.memory.base.pointee = value }

    /// Sets an `int32` scalar input; ignored when the graph does not read it.
    public func setScalar(_ name: String, _ value: Int32) {
        inputs[name]?.memory.base.pointee = Float(bitPattern: UInt32(bitPattern: value))
    }

    /// Sets the seed of the graph's random numbers.
    public func setSeed(_ seed: UInt64) {
        guard let base = inputs["random.seed"]?.memory.base else { return }
        base[0] = Float(bitPattern: UInt32(truncatingIfNeeded: seed))
        base[1] = Float(bitPattern: UInt32(truncatingIfNeeded: seed >> 32))
    }

    /// Runs the plan once on the first `batch` rows of the inputs.
    ///
    /// - Parameter watching: whether the nodes of the phase `.probe` are computed; outputs that depend on them otherwise keep
    ///   what the last watched run found. Nothing else depends on it, not a bit.
    /// - Throws: ``GraphError`` when `batch` is not in 1…`maxBatch`.
    public func run(batch: Int, watching: Bool = true) throws(GraphError) {
        if current?.batch != batch { try prepare(batch) }
        guard let current else { return }
        let (threads, isTimed) = pace.next
        let start = isTimed ? fk_now() : 0
        run(current, threads, watching, nil)
        if isTimed { pace.ran(nanoseconds: fk_now() - start) } else { pace.ran() }
    }

    /// Runs the plan, adding each instruction's nanoseconds to `profile`, which has one entry per instruction; those that make
    /// what is kept from run to run are left out where it is known.
    public func run(batch: Int, profile: inout [UInt64]) throws(GraphError) {
        if current?.batch != batch { try prepare(batch) }
        guard let current, profile.count == current.count else {
            throw GraphError(op: "run", message: "the profile needs \(instructions.count) entries")
        }
        profile.withUnsafeMutableBufferPointer { run(current, pace.next.threads, true, $0.baseAddress) }
    }

    private func run(_ current: Prepared, _ threads: Int, _ watching: Bool, _ profile: UnsafeMutablePointer<UInt64>?) {
        let known = keptVersion == state.version ? keptCount : 0
        fk_team_run(
            team.handle, Int32(threads), current.instrs + known, Int64(current.count - known), scratch, watching,
            profile.map { $0 + known })
        if graph.updates.isEmpty { keptVersion = state.version } else { state.noteChange() }
    }

    /// The values of an output after a run with `batch` rows; integers are converted. Empty for an unknown name or a batch
    /// that is not in 0…`maxBatch`.
    public func output(_ name: String, batch: Int) -> [Float] {
        guard let (buffer, type) = outputs[name], (0...maxBatch).contains(batch) else { return [] }
        let count = type.shape.count(batch: batch)
        let base = pointer(buffer)
        if type.element == .int32 {
            return UnsafeRawPointer(base).withMemoryRebound(to: Int32.self, capacity: count) { p in
                (0..<count).map { Float(p[$0]) }
            }
        }
        return Array(UnsafeBufferPointer(start: base, count: count))
    }

    /// Everything the observations of the last watched run found, in one piece; see ``observationOffset(_:)``.
    public func observations() -> [Float] { Array(UnsafeBufferPointer(start: probes.base, count: observationCount)) }

    /// Where an output that is an observation begins in ``observations()``; `nil` for any other name.
    public func observationOffset(_ name: String) -> Int? {
        guard let buffer = outputs[name]?.buffer, buffers[buffer].home == .observation else { return nil }
        return buffers[buffer].offset
    }

    /// A scalar output after a run.
    public func scalar(_ name: String) -> Float { outputs[name].map { pointer($0.buffer).pointee } ?? .nan }

    /// The number of instructions of the plan.
    public var instructionCount: Int { instructions.count }

    /// One line an instruction: what it does, where, with which share and whether it waits first.
    public var listing: String {
        instructions.enumerated().map { i, x in
            "\(i) \(x.name) \(x.work.summary(maxBatch)) [\(x.layer)] \(x.phase) \(x.cut.summary(maxBatch))\(x.arrives ? " arrives" : "")\(x.barrier == .none ? "" : " barrier")"
        }.joined(separator: "\n")
    }

    /// What an instruction does, for profiles.
    public struct Description: Sendable {
        /// What it does, with a summary of its work for the batch.
        public let name: String
        /// The path of the layer it works for, empty at the top level.
        public let layer: String
        /// The part of a training step it belongs to.
        public let phase: Phase
        /// Floating-point operations of matrix products; 0 for other work.
        public let flops: Int
        /// Bytes of the arrays it reads and writes.
        public let bytes: Int
    }

    /// What instruction `i` is, for a batch.
    public func instruction(_ i: Int, batch: Int) -> Description {
        let x = instructions[i]
        let bytes = x.accesses.reduce(0) { $0 + 4 * buffers[$1.buffer].count.resolved(batch) }
        return Description(
            name: x.name + " " + x.work.summary(batch), layer: x.layer, phase: x.phase, flops: x.flops.resolved(batch),
            bytes: bytes)
    }

    /// Threads that this plan uses at present: small plans are done sooner by one.
    public var threadsUsed: Int { pace.next.threads }

    /// The instructions as the team runs them with `batch` rows, for checks of the plan itself.
    package func withPlan<R>(batch: Int, _ body: (UnsafeBufferPointer<fk_instr>) throws -> R) throws -> R? {
        if current?.batch != batch { try prepare(batch) }
        return try current.map { try body(UnsafeBufferPointer(start: $0.instrs, count: $0.count)) }
    }

    // MARK: Preparing

    /// The instructions with pointers for one batch size.
    private final class Prepared {
        let batch: Int
        let count: Int
        let instrs: UnsafeMutablePointer<fk_instr>
        private var arrays: [UnsafeMutableRawPointer] = []

        init(batch: Int, count: Int) {
            (self.batch, self.count) = (batch, count)
            instrs = .allocate(capacity: max(count, 1))
            memset(instrs, 0, MemoryLayout<fk_instr>.stride * max(count, 1))
        }

        /// Memory for a part of an instruction, freed with the plan.
        func array<T: BitwiseCopyable>(of type: T.Type, _ count: Int) -> UnsafeMutablePointer<T> {
            let array = UnsafeMutablePointer<T>.allocate(capacity: max(count, 1))
            arrays.append(UnsafeMutableRawPointer(array))
            return array
        }

        deinit {
            instrs.deallocate()
            for array in arrays { array.deallocate() }
        }
    }

    private func pointer(_ buffer: Int) -> UnsafeMutablePointer<Float> {
        let b = buffers[buffer]
        switch b.home {
        case .arena: return b.parent.map { pointer($0) + b.offset } ?? arena.base + b.offset
        case .state(let path): return state.pointer(path) ?? arena.base
        case .input(let name): return inputs[name]?.memory.base ?? arena.base
        case .observation, .sample: return probes.base + b.offset
        case .kept: return kept.base + b.offset
        }
    }

    private func prepare(_ batch: Int) throws(GraphError) {
        guard batch > 0, batch <= maxBatch else {
            throw GraphError(op: "run", message: "batch size \(batch) is outside 1…\(maxBatch)")
        }
        if let known = prepared[batch] {
            current = known
            return
        }
        let made = Prepared(batch: batch, count: instructions.count)
        for (i, instruction) in instructions.enumerated() { fill(&made.instrs[i], instruction, made) }
        runTogether(made)
        fetchAhead(made)
        var bytes = 0
        for i in 0..<made.count { bytes = max(bytes, fk_instr_scratch(&made.instrs[i], Int32(team.threads))) }
        if (scratchMemory.first?.count ?? -1) * 4 < bytes + 128 {
            scratchMemory = (0..<team.threads).map { _ in Memory(count: bytes / 4 + 32) }
            for (t, memory) in scratchMemory.enumerated() { scratch[t] = UnsafeMutableRawPointer(memory.base) }
        }
        prepared[batch] = made
        current = made
    }

    /// Lets neighbouring instructions that share out the same rows of the batch run together on a few rows at a time, where all
    /// rows would not stay in the cache from one to the next. Threads may share out rows in any way between two barriers, so
    /// turns may, too.
    private func runTogether(_ made: Prepared) {
        guard grouping.hasWindows else { return }
        let batch = made.batch
        func sharesImages(_ x: Instruction) -> Bool {
            guard case .rows(let rows, let granule) = x.cut,
                case .rows(Count(power: 1), _) = Touch.sharing(rows, granule: granule)
            else { return false }
            switch x.work {
            case .region, .convolution, .sample: return true
            default: return false
            }
        }
        var i = 0
        while i < instructions.count {
            var end = i
            while end < instructions.count, sharesImages(instructions[end]),
                end == i || instructions[end].barrier == .none
            {
                end += 1
            }
            defer { i = max(end, i + 1) }
            guard end - i > 1 else { continue }
            var bytes: [Int: Int] = [:]
            for x in instructions[i..<end] {
                for access in x.accesses {
                    guard case .rows = access.touch else { continue }
                    bytes[access.buffer] = 4 * buffers[access.buffer].count.resolved(batch)
                }
            }
            let perRow = max(bytes.values.reduce(0, +) / max(batch, 1), 1)
            let rows = max(1, turnBytes / perRow)
            // Whole shares in one turn are what happens anyway.
            if rows * team.threads >= batch { continue }
            made.instrs[i].together = Int64(end - i)
            for k in i..<end {
                guard case .rows(let count, _) = instructions[k].cut else { continue }
                made.instrs[k].step = Int64(rows * count.factor)
            }
        }
    }

    /// Lets products fetch what comes after them.
    private func fetchAhead(_ made: Prepared) {
        for (i, list) in instructions.upcoming(batch: made.batch) {
            let upcoming = made.array(of: fk_upcoming.self, list.count)
            for (k, x) in list.enumerated() {
                upcoming[k] = fk_upcoming(
                    p: UnsafePointer(pointer(x.buffer)), rows: Int64(x.rows), columns: Int64(x.columns),
                    ld: Int64(x.columns), cut: UInt8(x.cut.rawValue),
                    granule: x.isShared ? made.instrs[x.reader].granule : 0, writes: x.writes, most: Int64(x.most))
            }
            (made.instrs[i].upcoming, made.instrs[i].upcoming_count) = (UnsafePointer(upcoming), Int64(list.count))
        }
    }

    private func fill(_ x: inout fk_instr, _ instruction: Instruction, _ made: Prepared) {
        let batch = made.batch
        func n(_ count: Count) -> Int64 { Int64(count.resolved(batch)) }
        x.barrier =
            switch instruction.barrier {
            case .none: 0
            case .always: 1
            case .whenWatched: 2
            }
        // A watched run has barriers of its own between.
        x.arrives = !instruction.arrives ? 0 : instructions.contains { $0.phase == .probe } ? 2 : 1
        x.probe = instruction.phase == .probe ? 1 : 0
        switch instruction.cut {
        case .rows(let count, let granule):
            (x.cut, x.extent, x.granule) = (UInt8(FK_CUT_ROWS.rawValue), n(count), Int64(granule))
        case .columns(let count, let granule):
            (x.cut, x.extent, x.granule) = (UInt8(FK_CUT_COLS.rawValue), n(count), Int64(granule))
        case .units(let count, let granule):
            (x.cut, x.extent, x.granule) = (UInt8(FK_CUT_UNITS.rawValue), n(count), Int64(granule))
        case .one(let owner):
            (x.cut, x.extent, x.granule, x.owner) = (UInt8(FK_CUT_NONE.rawValue), 0, 1, UInt16(owner))
        }
        switch instruction.work {
        case .product(let p):
            let (m, nn, k) = (n(p.m), n(p.n), n(p.k))
            x.kind = UInt8((p.batches == nil ? FK_I_GEMM : FK_I_BATCH_GEMM).rawValue)
            x.u.gemm = fk_gemm_args(
                m: m, n: nn, k: k, a: pointer(p.a), lda: p.ta ? m : k, ta: p.ta, b: pointer(p.b), ldb: p.tb ? k : nn,
                tb: p.tb, packed: p.isPacked, c: pointer(p.c), ldc: nn, bias: p.bias.map { UnsafePointer(pointer($0)) },
                accumulate: false,
                activation: p.hasReLU ? 1 : 0, bf16: p.rounds, end: nil, fetches: nil, fetch_count: 0)
            (x.stride_a, x.stride_b, x.stride_c) = (m * k, k * nn, m * nn)
            x.batches = p.batches.map(n) ?? 1
            if let update = p.update {
                let kept = made.array(of: fk_native.self, 1)
                kept.initialize(to: update.instruction(gradient: p.c) { pointer($0) })
                x.update = UnsafePointer(kept)
                let looks = made.array(of: fk_sample.self, p.samples.count)
                for (i, look) in p.samples.enumerated() { looks[i] = sample(look, batch) }
                (x.samples, x.sample_count) = (UnsafePointer(looks), Int64(p.samples.count))
            }
        case .region(let region): fill(&x, region, made)
        case .copy(let source, let into, let extents, let from, let to, let sourceOffset, let offset, let value):
            x.kind = UInt8(FK_I_NDCOPY.rawValue)
            var copy = fk_ndcopy()
            copy.rank = Int32(min(extents.count, Int(FK_MAX_RANK)))
            withUnsafeMutableBytes(of: &copy.extent) { e in
                withUnsafeMutableBytes(of: &copy.dst_stride) { d in
                    withUnsafeMutableBytes(of: &copy.src_stride) { s in
                        for i in 0..<min(extents.count, Int(FK_MAX_RANK)) {
                            e.storeBytes(of: n(extents[i]), toByteOffset: 8 * i, as: Int64.self)
                            d.storeBytes(of: Int64(to[i].factor) * n(to[i].of), toByteOffset: 8 * i, as: Int64.self)
                            s.storeBytes(of: Int64(from[i].factor) * n(from[i].of), toByteOffset: 8 * i, as: Int64.self)
                        }
                    }
                }
            }
            copy.dst = pointer(into) + offset.factor * offset.of.resolved(batch)
            if let source {
                copy.src = UnsafePointer(pointer(source) + sourceOffset.factor * sourceOffset.of.resolved(batch))
            }
            switch value {
            case .number(let v): copy.value = v
            case .host(let id): copy.value = grouping.hostValue(id, batch: batch)
            }
            x.u.copy = copy
            if instruction.cut == .none { x.extent = extents.first.map(n) ?? 1 }
        case .indexed(
            let kind, let source, let indices, let into, let outer, let extent, let inner, let taken, let mode,
            let along):
            x.kind = UInt8(kind.rawValue)
            x.u.indexed = fk_indexed(
                outer: n(outer), extent: n(extent), inner: n(inner), taken: n(taken), dst: pointer(into),
                src: pointer(source),
                indices: indices.map { UnsafeRawPointer(pointer($0)).assumingMemoryBound(to: Int32.self) }, mode: mode,
                along: along ? 1 : 0)
        case .crossEntropy(let entropy):
            x.kind = UInt8((entropy.isGradient ? FK_I_XENT_GRAD : FK_I_XENT).rawValue)
            x.u.xent = fk_xent(
                rows: n(entropy.rows), classes: Int64(entropy.classes), logits: pointer(entropy.logits),
                labels: UnsafeRawPointer(pointer(entropy.labels)).assumingMemoryBound(to: Int32.self),
                g: entropy.gradient.map { UnsafePointer(pointer($0)) },
                scale: entropy.scale.map { grouping.hostValue($0, batch: batch) } ?? 1,
                out: pointer(entropy.into), loss: entropy.loss.map { pointer($0) })
        case .convolution(let convolution): fill(&x, convolution, batch)
        case .sample(let source, let kept):
            x.kind = UInt8(FK_I_SAMPLE.rawValue)
            x.u.sample = sample(kept, batch, from: pointer(source))
            // One thread alone has something to do where there is anything.
            if instruction.cut == .none { x.extent = 1 }
        case .observe(let list):
            x.kind = UInt8(FK_I_OBSERVE.rawValue)
            let observations = made.array(of: fk_observation.self, list.count)
            for (i, observation) in list.enumerated() { observations[i] = self.observation(observation, batch) }
            x.u.observations = UnsafePointer(observations)
            if instruction.cut == .none { x.extent = Int64(list.count) }
        }
    }

    private func step(_ picked: Picked) -> UnsafePointer<Int32>? {
        picked.step.map { UnsafeRawPointer(pointer($0)).assumingMemoryBound(to: Int32.self) }
    }

    private func sample(_ sample: Sample, _ batch: Int, from source: UnsafeMutablePointer<Float>? = nil) -> fk_sample {
        let rows = sample.picked.rows.resolved(batch)
        return fk_sample(
            src: source.map { UnsafePointer($0) }, rows: Int64(rows), width: Int64(sample.picked.width.resolved(batch)),
            every: Int64(Sampling.period(every: sample.picked.every, of: rows)), step: step(sample.picked),
            dst: pointer(sample.into))
    }

    private func observation(_ x: Observation, _ batch: Int) -> fk_observation {
        let rows = x.picked.rows.resolved(batch)
        return fk_observation(
            x: pointer(x.x.buffer), y: x.y.map { UnsafePointer(pointer($0.buffer)) }, x_packed: x.x.isPacked ? 1 : 0,
            y_packed: x.y?.isPacked ?? false ? 1 : 0, rows: Int64(rows), width: Int64(x.picked.width.resolved(batch)),
            every: Int64(Sampling.period(every: x.picked.every, of: rows)), step: step(x.picked),
            summary: x.summary.map { pointer($0) }, histogram: x.histogram.map { pointer($0) })
    }

    private func fill(_ x: inout fk_instr, _ region: Region, _ made: Prepared) {
        let batch = made.batch
        if region.isFlat, let native = NativeProgram(region) {
            x.kind = UInt8(FK_I_NATIVE.rawValue)
            if x.cut == UInt8(FK_CUT_NONE.rawValue) { x.extent = Int64(region.columns.resolved(batch)) }
            x.u.native = native.instruction { pointer($0) }
            return
        }
        let (rows, columns) = (region.rows.resolved(batch), region.columns.resolved(batch))
        x.kind = UInt8(FK_I_REGION.rawValue)
        let ops = made.array(of: fk_op.self, region.ops.count)
        let registers = made.array(of: fk_reg.self, region.registers.count)
        for (i, op) in region.ops.enumerated() {
            var c = fk_op()
            c.opcode = UInt16(op.opcode.rawValue)
            c.kind = UInt16(op.extent.kind)
            c.dst = Int16(op.dst)
            c.a = op.operands.count > 0 ? Int16(op.operands[0]) : -1
            c.b = op.operands.count > 1 ? Int16(op.operands[1]) : -1
            c.c = op.operands.count > 2 ? Int16(op.operands[2]) : -1
            switch op.value {
            case .literal(let bits): c.imm = Float(bitPattern: bits)
            case .host(let id): c.imm = grouping.hostValue(id, batch: batch)
            }
            if let pass = op.pass { (c.pass, c.pass_ops) = (UInt8(pass.loop.rawValue), UInt8(clamping: pass.count)) }
            c.kept = UInt8(op.kept.rawValue)
            c.extra = op.extra
            if let index = op.index {
                c.extra = UInt32(clamping: max(index.inner.resolved(batch), 1))
                c.extra2 = UInt32(clamping: max(index.extent.resolved(batch), 1))
            }
            ops[i] = c
        }
        for (i, r) in region.registers.enumerated() {
            var c = fk_reg()
            c.kind = UInt8(r.extent.kind)
            if r.extent == .perBlock { c.blocked = 1 + (r.kind == .write ? region.joining(i) : 0) }
            c.memory = r.kind == .read ? 1 : r.kind == .write ? 2 : 0
            c.deferred = r.isDeferred ? 1 : 0
            c.direct = r.isDirect ? 1 : 0
            c.slot = Int16(r.slot)
            c.base = r.buffer.map { pointer($0) + r.offset }
            c.ld = Int64(r.width ?? columns)
            registers[i] = c
        }
        var tileRows = 1
        var tileColumns = columns
        let lanes = 16
        let width = (max(columns, 1) + lanes - 1) / lanes * lanes
        switch region.reduction {
        case .none, .blocks:
            // What is between a pass's operations is in no memory that would have to be small.
            let most = columns == width && region.ops.contains { $0.pass != nil } ? 8192 : 1024
            tileColumns = min(columns, most)
            tileRows = max(1, most / min(width, most))
        case .columns: tileRows = max(1, 1024 / width)
        case .rows:
            tileRows = max(rows, 1)
            // A power of two, so that numbers per column repeat along the tile. Single operations read and write tiles over and
            // over, which are to stay in the first-level cache; passes do so once and gain by longer stretches of rows.
            // Where nothing but sums reads memory, no tile has to stay anywhere, and a stretch of every row is read in place.
            let most = region.ops.contains { $0.pass != nil } ? 8192 : 2048
            tileColumns = region.readsOnce ? 8 * lanes : lanes
            while tileColumns * 2 * max(rows, 1) <= most { tileColumns *= 2 }
        }
        let samples = made.array(of: fk_sample.self, region.samples.count)
        for (i, kept) in region.samples.enumerated() { samples[i] = sample(kept, batch) }
        x.u.region = fk_region(
            rows: Int64(rows), cols: Int64(columns), tile_rows: Int64(tileRows), tile_cols: Int64(max(tileColumns, 1)),
            block: region.block.map { Int64($0.resolved(batch)) } ?? 0,
            op_count: Int32(region.ops.count), reg_count: Int32(region.registers.count),
            slots: (Int32(region.slots[0]), Int32(region.slots[1]), Int32(region.slots[2]), Int32(region.slots[3])),
            ops: UnsafePointer(ops), regs: UnsafePointer(registers),
            seed: region.seed.map { UnsafeRawPointer(pointer($0)).assumingMemoryBound(to: Int32.self) },
            step: region.step.map { UnsafeRawPointer(pointer($0)).assumingMemoryBound(to: Int32.self) },
            samples: UnsafePointer(samples),
            alike: region.samplesAlike && tileRows >= rows ? UnsafePointer(samples) : nil)
        if x.cut == UInt8(FK_CUT_NONE.rawValue) { x.extent = Int64(rows) }
    }

    private func fill(_ x: inout fk_instr, _ c: Convolution, _ batch: Int) {
        x.kind = UInt8(FK_I_CONV.rawValue)
        // Leading axes of one element make three.
        let missing = 3 - c.window.axes.count
        func triple(_ values: some Collection<Int>, _ filler: Int) -> (Int64, Int64, Int64) {
            let all = Array(repeating: filler, count: missing) + values
            return (Int64(all[0]), Int64(all[1]), Int64(all[2]))
        }
        let axes = c.window.axes
        let window = fk_window(
            in: triple(c.input.dropLast(), 1), out: triple(c.output.dropLast(), 1),
            kernel: triple(axes.map(\.extent), 1),
            stride: triple(axes.map(\.stride), 1), dilation: triple(axes.map(\.dilation), 1),
            low: triple(axes.map(\.low), 0), groups: Int64(c.groups), cin: Int64(c.input.last ?? 1),
            cout: Int64(c.output.last ?? 1))
        let images = c.images.resolved(batch)
        x.u.conv = fk_conv(
            window: window, kind: Int32(c.kind.rawValue), winograd: Int32(c.transform),
            bf16: c.rounds ? 1 : 0, by_lines: c.byLines ? 1 : 0, images: Int64(images),
            block: Int64(c.block),
            blocks: Int64(c.blocks), x: c.x.map { pointer($0) }, w: c.w.map { pointer($0) }, y: c.y.map { pointer($0) },
            bias: c.bias.map { UnsafePointer(pointer($0)) },
            index: c.index.map { UnsafeMutableRawPointer(pointer($0)).assumingMemoryBound(to: Int32.self) })
        if x.cut == UInt8(FK_CUT_NONE.rawValue) { x.extent = Int64(images) }
    }

    /// The operations of a step, as far as they decide whether threads pay.
    private static func work(_ instructions: [Instruction], _ batch: Int) -> Double {
        instructions.reduce(0) { sum, x in
            var own = Double(x.flops.resolved(batch))
            if case .region(let r) = x.work {
                own += 8 * Double((r.rows * r.columns).resolved(batch)) * Double(r.ops.count + 1)
            }
            return sum + own
        }
    }

    /// Sizes are multiplied freely from here on: none may come near what an integer holds.
    private static func checkSizes(_ graph: Graph, _ maxBatch: Int) throws(GraphError) {
        for (i, node) in graph.nodes.enumerated() {
            var count = 1
            for dim in node.type.shape.dims {
                let (factor, isBatch): (Int, Bool) =
                    switch dim {
                    case .fixed(let n): (n, false)
                    case .batch(let multiple): (multiple, true)
                    }
                let (extent, a) = factor.multipliedReportingOverflow(by: isBatch ? maxBatch : 1)
                let (product, b) = count.multipliedReportingOverflow(by: max(extent, 1))
                guard !a, !b, product <= largestCount else {
                    throw GraphError(
                        op: node.op.name,
                        message: "\(node.type.shape) holds more than 2³² values when B is \(maxBatch)",
                        hint: "use a smaller batch", layer: graph.layer(of: NodeID(i)))
                }
                count = product
            }
        }
    }

    /// The largest number of elements of one value.
    private static let largestCount = 1 << 32
}
