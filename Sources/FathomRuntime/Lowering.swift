import CFathomKernels
import FathomGraph

/// Turns groups into instructions over buffers.
struct Lowering {
    let graph: Graph
    let grouping: Grouping
    let maxBatch: Int
    let precision: Precision
    var buffers: [Buffer] = []
    var instructions: [Instruction] = []
    private(set) var bufferOf: [NodeID: Int] = [:]
    /// The share in which a buffer was last written, so that readers can keep to it.
    private(set) var lastTouch: [Int: Touch] = [:]
    /// Probes that look at values in passing.
    let probes: Probes
    /// Samples that regions take of what they make.
    var tileSamples: [NodeID: [Sample]] = [:]
    /// The buffers that hold the picked rows of values.
    var sampleOf: [Kept: Int] = [:]
    var named: [Buffer.Home: Int] = [:]
    /// Rows of the batch that threads share out as one: with images, what the weights' gradient sums in one block.
    let batchGranule: Int
    /// Whether threads share out the lines of an image, in quarters: there are too few images for all of them.
    var sharesLines: Bool { grouping.hasWindows && maxBatch < 4 }
    /// Packed weights of convolutions.
    var packedOf: [PackedKey: Int] = [:]
    struct PackedKey: Hashable {
        var weight: Int
        var window: Window
        var groups: Int
        var isGradient: Bool
        var transform: Int
    }
    /// Weights of products in panels of 16 columns.
    private var panelsOf: [PanelKey: Int] = [:]
    private struct PanelKey: Hashable {
        var weight: Int
        var isTransposed: Bool
    }
    /// Elements at the largest tap, made together with the taps.
    var madeWithTaps: Set<NodeID> = []
    /// Copies of state as it was before the step, for outputs and for updates of other entries.
    private var keptOld: [Int: Int] = [:]

    init(_ graph: Graph, maxBatch: Int, precision: Precision, fusing: Bool) throws(GraphError) {
        self.graph = graph
        self.maxBatch = maxBatch
        self.precision = precision
        (grouping, probes) = Probes.grouping(graph, maxBatch: maxBatch, fusing: fusing)
        batchGranule = grouping.hasWindows ? max(1, (maxBatch + Self.weightBlocks - 1) / Self.weightBlocks) : 8
        let order = grouping.schedule()
        packWeights()
        var later = placeSamples()
        for g in order {
            let group = grouping.groups[g]
            if group.isRegion { lowerRegion(group, g) } else { try lowerOpaque(group.nodes[0]) }
            for (value, sample) in later.removeValue(forKey: g) ?? [] { emitSample(of: value, sample) }
        }
        emitObservations()
        placeUpdates()
        joinLosses()
    }

    // MARK: Buffers

    mutating func buffer(of id: NodeID) -> Int {
        let source = grouping.memory(of: id)
        if let known = bufferOf[source] { return known }
        let node = graph[source]
        let home: Buffer.Home =
            switch node.op {
            case .input(let name): .input(name)
            case .state(let path): .state(path)
            case .summary, .exponentHistogram: .observation
            default: .arena
            }
        if home != .arena, let known = named[home] {
            bufferOf[source] = known
            return known
        }
        buffers.append(Buffer(count: Count(node.type.shape.dims), home: home))
        bufferOf[source] = buffers.count - 1
        if home != .arena, home != .observation { named[home] = buffers.count - 1 }
        return buffers.count - 1
    }

    func count(_ shape: Shape) -> Count { Count(shape.dims) }

    mutating func emit(
        _ id: NodeID, _ name: String, _ work: Work, cut: Cut, _ accesses: [Access], flops: Count = Count(factor: 0),
        phase: Phase? = nil
    ) {
        instructions.append(
            Instruction(
                name: name, layer: graph.layer(of: id), phase: phase ?? graph[id].phase, work: work, cut: cut,
                accesses: accesses,
                flops: flops))
        for access in accesses where access.writes { lastTouch[access.buffer] = access.touch }
    }

    // MARK: Regions

    private mutating func lowerRegion(_ group: Group, _ index: Int) {
        // The functions below would copy all of it at each use of `self.grouping`.
        let grouping = grouping
        let split = group.split ?? (rows: Count(), columns: group.total)
        var region = Region(rows: split.rows, columns: split.columns, reduction: group.reduction, block: group.block)
        var registerOf: [NodeID: Int] = [:]
        var reads: [Int: [(extent: Extent, register: Int)]] = [:]
        var literals: [Region.Number: Int] = [:]
        var actual: [Extent] = []
        let nodes = group.nodes.sorted()
        let members = Set(nodes)
        var domain = group

        func register(_ extent: Extent, _ kind: Region.Register.Kind, _ buffer: Int?) -> Int {
            region.registers.append(Region.Register(extent: extent, kind: kind, buffer: buffer))
            actual.append(extent)
            return region.registers.count - 1
        }
        func append(_ opcode: fk_opcode, _ extent: Extent, _ operands: [Int], value: Region.Number = .literal(0)) -> Int
        {
            let dst = register(extent, .scratch, nil)
            region.ops.append(Region.Op(opcode: opcode, extent: extent, dst: dst, operands: operands, value: value))
            return dst
        }
        func constant(_ number: Region.Number) -> Int {
            if let known = literals[number] { return known }
            let made = append(FK_CONST, .scalar, [], value: number)
            literals[number] = made
            return made
        }
        /// The register of an operand, read through views.
        func operand(_ id: NodeID, of reader: NodeID, _ readerExtent: Extent) -> Int {
            let (source, through) = grouping.source(of: id)
            if grouping.hostScalars.contains(source) {
                if case .constant(let value) = graph[source].op { return constant(.literal(Float(value).bitPattern)) }
                return constant(.host(source))
            }
            switch graph[source].op {
            case .constant(let value):
                let isInt = graph[source].type.element == .int32
                return constant(.literal(isInt ? UInt32(bitPattern: Int32(value)) : Float(value).bitPattern))
            case .iota(let axis) where grouping.isVirtual(source):
                let shape = graph[source].type.shape
                let dst = register(.full, .scratch, nil)
                region.ops.append(
                    Region.Op(
                        opcode: FK_IOTA, extent: .full, dst: dst, operands: [],
                        index: (Count(shape.dims.dropFirst(axis + 1)), Count([shape[axis]]))))
                return dst
            default: break
            }
            if let slice = grouping.isSlice(source) ? grouping.columns(ofSlice: source) : nil {
                if let known = registerOf[source] { return known }
                let made = register(.full, .read, buffer(of: graph[source].inputs[0]))
                region.registers[made].offset = slice.start
                region.registers[made].width = slice.width
                registerOf[source] = made
                return made
            }
            if members.contains(source), let known = registerOf[source] { return known }
            let extent = grouping.extent(below: through, from: readerExtent, reducedBy: reader, &domain) ?? .full
            let buffer = buffer(of: source)
            if let known = reads[buffer]?.first(where: { $0.extent == extent }) { return known.register }
            let made = register(extent, .read, buffer)
            reads[buffer, default: []].append((extent, made))
            return made
        }
        func widened(_ r: Int, to extent: Extent) -> Int { actual[r] == extent ? r : append(FK_COPY, extent, [r]) }

        for id in nodes {
            let node = graph[id]
            let wanted = group.extents[id] ?? .full
            if case .randomBits(let stream) = node.op {
                let dst = register(.full, .scratch, nil)
                region.ops.append(Region.Op(opcode: FK_RANDOM, extent: .full, dst: dst, operands: [], extra: stream))
                (region.seed, region.step) = (buffer(of: node.inputs[0]), buffer(of: node.inputs[1]))
                registerOf[id] = dst
            } else if let axes = grouping.reductionAxes(id) {
                let source = operand(node.inputs[0], of: id, wanted)
                if grouping.pattern(ofReduction: id, axes: axes) == .none {
                    registerOf[id] = source
                } else {
                    let columns = wanted == .perRow
                    let opcode: fk_opcode =
                        switch node.op {
                        case .max: columns ? FK_MAX_COLS : FK_MAX_ROWS
                        case .min: columns ? FK_MIN_COLS : FK_MIN_ROWS
                        default: columns ? FK_SUM_COLS : FK_SUM_ROWS
                        }
                    registerOf[id] = append(opcode, wanted, [widened(source, to: .full)])
                }
            } else {
                let operands = node.inputs.map { operand($0, of: id, wanted) }
                let extent = operands.reduce(Extent.scalar) { $0.joined(actual[$1]) }
                let integers = graph[node.inputs[0]].type.element == .int32
                let opcode = node.op.opcode(integers: integers)
                // A cast that changes nothing in memory is its operand.
                registerOf[id] =
                    opcode == FK_COPY && node.op != .binary(.add) ? operands[0] : append(opcode, extent, operands)
            }
            if grouping.groupOf[id.index] == index, let r = registerOf[id] {
                for sample in tileSamples[id] ?? [] {
                    let source = widened(r, to: .full)
                    let dst = register(.full, .sample, sample.into)
                    region.ops.append(
                        Region.Op(
                            opcode: FK_SAMPLE, extent: .full, dst: dst, operands: [source],
                            extra: UInt32(region.samples.count)))
                    region.samples.append(sample)
                }
            }
            if grouping.stored.contains(id), grouping.groupOf[id.index] == index, let r = registerOf[id] {
                let target = grouping.columnTargets[id]
                let memory = buffer(of: target?.concat ?? id)
                // A register that already is memory, or a narrower one, is copied out.
                var out = widened(r, to: wanted)
                if region.registers[out].kind != .scratch { out = append(FK_COPY, wanted, [out]) }
                region.registers[out].kind = .write
                region.registers[out].buffer = memory
                region.registers[out].offset = target?.start ?? 0
                region.registers[out].width = target?.width
                if out != r, actual[r] == wanted { registerOf[id] = r }
            }
        }
        region.block = domain.block
        fuseTriples(&region)
        region.findPasses()
        assignSlots(&region)
        let id = nodes[nodes.count - 1]
        let cut = share(&region)
        var accesses: [Access] = []
        for r in region.registers {
            guard let buffer = r.buffer else { continue }
            // Some columns of a wider array: rows are shared out alike, columns are not.
            var touch = touch(r.extent, cut, region)
            if r.width != nil, case .columns = touch { touch = .all }
            accesses.append(Access(buffer: buffer, writes: r.kind != .read, touch: touch))
        }
        for buffer in [region.seed, region.step] + region.samples.map(\.picked.step) {
            if let buffer { accesses.append(Access(buffer: buffer, writes: false, touch: .all)) }
        }
        let name = nodes.count == 1 ? graph[id].op.name : "fused \(nodes.count)"
        emit(id, name, .region(region), cut: cut, accesses)
    }

    /// Which rows or columns each thread takes: the ones it already has, where the region leaves a choice.
    private func share(_ region: inout Region) -> Cut {
        let total = (region.rows * region.columns).resolved(maxBatch)
        if total <= 1 { return .none }
        switch region.reduction {
        case .rows: return region.columns.resolved(maxBatch) < 32 ? .none : .columns(region.columns, granule: 16)
        case .columns: return .rows(region.rows, granule: rowGranule(region.rows))
        case .blocks:
            // Whole blocks: of whole rows of the batch, where those are made of them.
            let granule = rowGranule(region.rows)
            let block = region.block?.resolved(maxBatch) ?? 1
            return .rows(region.rows, granule: granule % block == 0 ? granule : block)
        case .none:
            for r in region.registers where r.kind == .read && r.extent == .full {
                guard let buffer = r.buffer, let touch = lastTouch[buffer] else { continue }
                switch touch {
                case .rows(let rows, let granule) where rows == region.rows || rows.power > 0 && region.rows == Count():
                    if rows != region.rows, !resplit(&region, rows) { continue }
                    return .rows(rows, granule: granule)
                case .rows(Count(power: 1), let granule) where region.rows.power == 1:
                    return .rows(region.rows, granule: granule * region.rows.factor)
                case .columns(let columns, let granule)
                where columns == region.columns && (region.rows != Count() || total < 4096):
                    return .columns(columns, granule: granule)
                case .columns(let columns, let granule) where region.rows == Count():
                    guard region.columns.factor % max(columns.factor, 1) == 0, columns.power == 0,
                        region.columns.power > 0,
                        resplit(
                            &region, Count(power: region.columns.power, factor: region.columns.factor / columns.factor))
                    else { continue }
                    return .columns(columns, granule: granule)
                default: continue
                }
            }
            if region.rows == Count() {
                region.isFlat = true
                return total < 4096 && region.columns.power == 0 ? .none : .columns(region.columns, granule: 1024)
            }
            if region.rows.resolved(maxBatch) >= 16 {
                return .rows(region.rows, granule: rowGranule(region.rows))
            }
            return region.columns.resolved(maxBatch) >= 64 ? .columns(region.columns, granule: 16) : .none
        }
    }

    /// How many rows threads share out as one.
    func rowGranule(_ rows: Count) -> Int {
        guard rows.power == 1, grouping.hasWindows else { return 8 }
        return sharesLines && rows.factor % 4 == 0 ? rows.factor / 4 : batchGranule * rows.factor
    }

    /// Gives a one-row domain rows, when only whole elements and scalars are in it.
    private func resplit(_ region: inout Region, _ rows: Count) -> Bool {
        guard rows.factor > 0, region.columns.factor % rows.factor == 0, region.columns.power >= rows.power,
            region.registers.allSatisfy({ $0.extent == .full || $0.extent == .scalar })
        else { return false }
        region.columns = Count(power: region.columns.power - rows.power, factor: region.columns.factor / rows.factor)
        region.rows = rows
        return true
    }

    private func touch(_ extent: Extent, _ cut: Cut, _ region: Region) -> Touch {
        switch cut {
        case .one(let owner): return .one(owner)
        case .rows(let rows, let granule):
            switch extent {
            case .full, .perRow: return .sharing(rows, granule: granule)
            case .perBlock:
                // Alike only where a share is one of the batch.
                let touch = Touch.sharing(rows, granule: granule)
                if case .rows(Count(power: 1), _) = touch { return touch }
                return .all
            case .perColumn, .scalar: return .all
            }
        case .columns(let columns, let granule):
            return extent == .full || extent == .perColumn ? .columns(columns, granule: granule) : .all
        case .units: return .all
        }
    }

    /// Joins a product and the operation that alone reads it into one pass over the tile; each step is rounded as before.
    private func fuseTriples(_ region: inout Region) {
        var readers = [Int](repeating: 0, count: region.registers.count)
        var producer = [Int?](repeating: nil, count: region.registers.count)
        for (i, op) in region.ops.enumerated() {
            for r in op.operands { readers[r] += 1 }
            producer[op.dst] = i
        }
        func inner(_ r: Int, _ opcode: fk_opcode) -> Region.Op? {
            guard readers[r] == 1, region.registers[r].kind == .scratch, let i = producer[r],
                region.ops[i].opcode == opcode
            else { return nil }
            return region.ops[i]
        }
        var dropped: Set<Int> = []
        for i in region.ops.indices {
            let op = region.ops[i]
            guard op.operands.count == 2 else { continue }
            let (x, y) = (op.operands[0], op.operands[1])
            func replace(_ opcode: fk_opcode, _ part: Region.Op, _ third: Int) {
                // A wider operand than the part had is fine; the part itself must be as wide as the whole.
                region.ops[i].opcode = opcode
                region.ops[i].operands = part.operands + [third]
                dropped.insert(part.dst)
            }
            switch op.opcode {
            case FK_ADD:
                if let part = inner(x, FK_MUL), part.extent == op.extent {
                    replace(FK_MUL_ADD, part, y)
                } else if let part = inner(y, FK_MUL), part.extent == op.extent {
                    replace(FK_MUL_ADD, part, x)
                }
            case FK_SUB:
                if let part = inner(x, FK_MUL), part.extent == op.extent {
                    replace(FK_MUL_SUB, part, y)
                } else if let part = inner(y, FK_MUL), part.extent == op.extent {
                    replace(FK_RSUB_MUL, part, x)
                }
            case FK_MUL:
                if let part = inner(x, FK_SUB), part.extent == op.extent {
                    replace(FK_SUB_MUL, part, y)
                } else if let part = inner(y, FK_SUB), part.extent == op.extent {
                    replace(FK_SUB_MUL, part, x)
                } else if let part = inner(x, FK_MUL), part.extent == op.extent {
                    replace(FK_MUL_MUL, part, y)
                }
            default: break
            }
            // The part's own operands keep their count of readers; its result is gone.
            producer[op.dst] = i
        }
        region.ops.removeAll { dropped.contains($0.dst) }
    }

    /// Scratch slots by a linear scan; memory registers get one each, for tiles whose width is not whole vectors.
    private func assignSlots(_ region: inout Region) {
        var lastUse = [Int](repeating: -1, count: region.registers.count)
        for (i, op) in region.ops.enumerated() { for r in op.operands { lastUse[r] = i } }
        var free: [[Int]] = [[], [], [], []]
        func take(_ r: Int) {
            let kind = Int(region.registers[r].extent.kind)
            if let slot = free[kind].popLast() {
                region.registers[r].slot = slot
            } else {
                region.registers[r].slot = region.slots[kind]
                region.slots[kind] += 1
            }
        }
        for r in region.registers.indices where region.registers[r].kind == .read || region.registers[r].kind == .write
        {
            take(r)
        }
        for (i, op) in region.ops.enumerated() {
            if region.registers[op.dst].kind == .scratch { take(op.dst) }
            var seen: Set<Int> = []
            for r in op.operands
            where lastUse[r] == i && region.registers[r].kind == .scratch && seen.insert(r).inserted {
                free[Int(region.registers[r].extent.kind)].append(region.registers[r].slot)
            }
        }
        deferStores(&region)
    }

    // MARK: Opaque operations

    private mutating func lowerOpaque(_ id: NodeID) throws(GraphError) {
        let node = graph[id]
        if let (product, bias, hasReLU) = grouping.finished[id] {
            return graph[product].op.window == nil
                ? lowerProduct(id, graph[product], bias: bias, hasReLU: hasReLU)
                : lowerWindow(id, graph[product], bias: bias)
        }
        if grouping.hostScalars.contains(id) { return lowerFill(id, .host(id)) }
        switch node.op {
        case .matmul: lowerProduct(id, node, bias: nil)
        case .constant(let value): lowerFill(id, .number(Float(value)))
        case .extent: lowerFill(id, .host(id))
        case .iota(let axis):
            let shape = node.type.shape
            var region = Region(rows: Count(), columns: count(shape), reduction: .none)
            region.registers = [Region.Register(extent: .full, kind: .write, buffer: buffer(of: id))]
            region.ops = [
                Region.Op(
                    opcode: FK_IOTA, extent: .full, dst: 0, operands: [],
                    index: (Count(shape.dims.dropFirst(axis + 1)), Count([shape[axis]])))
            ]
            region.slots[0] = 1
            region.isFlat = true
            emit(id, "iota", .region(region), cut: .none, [Access(buffer: buffer(of: id), writes: true, touch: .first)])
        case .broadcast:
            let from = graph.shape(of: node.inputs[0])
            let lead = node.type.shape.rank - from.rank
            let strides = Self.strides(from)
            lowerCopy(
                id, node.inputs[0], node.type.shape,
                from: node.type.shape.dims.indices.map {
                    $0 < lead || from[$0 - lead] == .fixed(1) ? (0, Count()) : (1, strides[$0 - lead])
                })
        case .transpose(let axes):
            let strides = Self.strides(graph.shape(of: node.inputs[0]))
            lowerCopy(id, node.inputs[0], node.type.shape, from: axes.map { (1, strides[$0]) })
        case .slice(let axis, let start, _, let step):
            let strides = Self.strides(graph.shape(of: node.inputs[0]))
            lowerCopy(
                id, node.inputs[0], node.type.shape,
                from: strides.enumerated().map { ($0.offset == axis ? step : 1, $0.element) },
                sourceOffset: (start, strides[axis]))
        case .pad(let axis, let low, _, let interior):
            lowerFill(id, .number(0))
            let source = graph.shape(of: node.inputs[0])
            let strides = Self.strides(node.type.shape)
            lowerCopy(
                id, node.inputs[0], source, from: Self.strides(source).map { (1, $0) },
                to: strides.enumerated().map { ($0.offset == axis ? interior + 1 : 1, $0.element) },
                offset: (low, strides[axis]))
        case .concat(let axis):
            let strides = Self.strides(node.type.shape)
            var start = 0
            for input in node.inputs {
                let source = graph.shape(of: input)
                if grouping.columnTargets[grouping.memory(of: input)] != nil {
                    start += source[axis].fixedValue ?? 0
                    continue
                }
                lowerCopy(
                    id, input, source, from: Self.strides(source).map { (1, $0) }, to: strides.map { (1, $0) },
                    offset: (start, strides[axis]))
                start += source[axis].fixedValue ?? 0
            }
        case .gather(let axis), .gatherAlong(let axis):
            let along = if case .gatherAlong = node.op { true } else { false }
            lowerIndexed(id, FK_I_GATHER, axis, graph.shape(of: node.inputs[0]), indices: node.inputs[1], along: along)
        case .scatterAdd(let axis), .scatterAddAlong(let axis):
            let along = if case .scatterAddAlong = node.op { true } else { false }
            lowerIndexed(id, FK_I_SCATTER, axis, node.type.shape, indices: node.inputs[1], along: along)
        case .cumulativeSum(let axis, let reverse):
            lowerIndexed(id, FK_I_CUMSUM, axis, node.type.shape, mode: reverse ? 1 : 0)
        case .argMax(let axis): lowerIndexed(id, FK_I_ARGMAX, axis, graph.shape(of: node.inputs[0]))
        case .argSort(let axis, let descending):
            lowerIndexed(id, FK_I_ARGSORT, axis, node.type.shape, mode: descending ? 1 : 0)
        case .sum(let axes), .max(let axes), .min(let axes): lowerReduction(id, axes)
        case .call(let fused) where fused.name == "softmaxCrossEntropy":
            lowerCrossEntropy(id, logits: node.inputs[0], labels: node.inputs[1], gradient: nil)
        case .call(let fused) where fused.name == "softmaxCrossEntropyGradient":
            lowerCrossEntropy(id, logits: node.inputs[0], labels: node.inputs[1], gradient: node.inputs[2])
        case .convolution, .convolutionInputGradient, .convolutionWeightGradient, .windowSum, .windowSpread,
            .windowArgMax,
            .windowGather, .windowScatterAdd:
            lowerWindow(id, node, bias: nil)
        case .summary, .exponentHistogram: lowerObservation(id)
        default: throw GraphError(op: node.op.name, message: "has no lowering", layer: graph.layer(of: id))
        }
    }

    private static func strides(_ shape: Shape) -> [Count] {
        shape.dims.indices.map { Count(shape.dims.dropFirst($0 + 1)) }
    }

    private mutating func lowerFill(_ id: NodeID, _ value: Work.Value) {
        let into = buffer(of: id)
        let n = count(graph.shape(of: id))
        emit(
            id, "fill",
            .copy(
                source: nil, into: into, extents: [n], from: [(0, Count())], to: [(1, Count())],
                sourceOffset: (0, Count()),
                offset: (0, Count()), value: value),
            cut: .none, [Access(buffer: into, writes: true, touch: .first)])
    }

    private mutating func lowerCopy(
        _ id: NodeID, _ source: NodeID, _ extents: Shape, from: [Work.Stride], to: [Work.Stride]? = nil,
        sourceOffset: Work.Stride = (0, Count()), offset: Work.Stride = (0, Count())
    ) {
        let (read, into) = (buffer(of: source), buffer(of: id))
        let sizes = extents.dims.map { Count([$0]) }
        let isLarge = count(extents).resolved(maxBatch) >= 8192 && extents.rank > 0 && sizes[0].resolved(maxBatch) > 1
        emit(
            id, graph[id].op.name,
            .copy(
                source: read, into: into, extents: sizes, from: from, to: to ?? Self.strides(extents).map { (1, $0) },
                sourceOffset: sourceOffset, offset: offset, value: .number(0)),
            cut: isLarge ? .units(sizes[0], granule: 1) : .none,
            [
                Access(buffer: read, writes: false, touch: isLarge ? .all : .first),
                Access(buffer: into, writes: true, touch: isLarge ? .all : .first),
            ])
    }

    private mutating func lowerIndexed(
        _ id: NodeID, _ kind: fk_kind, _ axis: Int, _ shape: Shape, indices: NodeID? = nil, mode: Int32 = 0,
        along: Bool = false
    ) {
        let (outer, extent, inner) = (
            Count(shape.dims.prefix(axis)), Count([shape[axis]]), Count(shape.dims.dropFirst(axis + 1))
        )
        let source = buffer(of: graph[id].inputs[0])
        let index = indices.map { buffer(of: $0) }
        let into = buffer(of: id)
        var taken = Count()
        if let indices {
            let indexShape = graph.shape(of: indices)
            taken = along ? Count([indexShape[axis]]) : count(indexShape)
        }
        let cut: Cut
        switch kind {
        case FK_I_GATHER: cut = along ? .units(outer, granule: 1) : .units(outer * taken, granule: 1)
        case FK_I_SCATTER:
            cut = inner.resolved(maxBatch) >= 32 ? .columns(inner, granule: 16) : .rows(outer, granule: 1)
        case FK_I_CUMSUM: cut = .units(outer, granule: 1)
        default: cut = .units(outer * inner, granule: 1)
        }
        var accesses = [
            Access(buffer: source, writes: false, touch: .all), Access(buffer: into, writes: true, touch: .all),
        ]
        if let index { accesses.append(Access(buffer: index, writes: false, touch: .all)) }
        emit(
            id, graph[id].op.name,
            .indexed(
                kind, source: source, indices: index, into: into, outer: outer, extent: extent, inner: inner,
                taken: taken,
                mode: mode, along: along), cut: cut, accesses)
    }

    /// A reduction too large for a tile, or along axes that are not together.
    private mutating func lowerReduction(_ id: NodeID, _ axes: [Int]) {
        let node = graph[id]
        let shape = graph.shape(of: node.inputs[0])
        let mode: Int32 =
            switch node.op {
            case .max: 1
            case .min: 2
            default: 0
            }
        var source = buffer(of: node.inputs[0])
        let into = buffer(of: id)
        var (outer, extent, inner) = (Count(), count(shape), Count())
        switch grouping.pattern(ofReduction: id, axes: axes) {
        case .leading(let rows, let columns): (outer, extent, inner) = (Count(), rows, columns)
        case .trailing(let rows, let columns): (outer, extent, inner) = (rows, columns, Count())
        case .all, .none: break
        case .irregular:
            // Bring the reduced axes to the end first.
            let kept = shape.dims.indices.filter { !axes.contains($0) }
            let order = kept + axes
            let strides = Self.strides(shape)
            let ordered = Shape(order.map { shape[$0] })
            buffers.append(Buffer(count: count(shape), home: .arena))
            let temporary = buffers.count - 1
            emit(
                id, "transpose",
                .copy(
                    source: source, into: temporary, extents: ordered.dims.map { Count([$0]) },
                    from: order.map { (1, strides[$0]) }, to: Self.strides(ordered).map { (1, $0) },
                    sourceOffset: (0, Count()), offset: (0, Count()), value: .number(0)),
                cut: .none,
                [
                    Access(buffer: source, writes: false, touch: .first),
                    Access(buffer: temporary, writes: true, touch: .first),
                ])
            source = temporary
            (outer, extent) = (Count(kept.map { shape[$0] }), Count(axes.map { shape[$0] }))
        case .middle(let rows, let block, let columns):
            (outer, extent, inner) = (
                Count(power: rows.power - block.power, factor: block.factor == 0 ? 0 : rows.factor / block.factor),
                block,
                columns
            )
        }
        emit(
            id, graph[id].op.name,
            .indexed(
                FK_I_REDUCE, source: source, indices: nil, into: into, outer: outer, extent: extent, inner: inner,
                taken: Count(),
                mode: mode, along: false),
            cut: .units(outer * inner, granule: 16),
            [Access(buffer: source, writes: false, touch: .all), Access(buffer: into, writes: true, touch: .all)])
    }

    private mutating func lowerCrossEntropy(_ id: NodeID, logits: NodeID, labels: NodeID, gradient: NodeID?) {
        let shape = graph.shape(of: logits)
        let rows = Count([shape[0]])
        let scale = grouping.scalarGradient(of: id)
        let source = scale == nil ? gradient : nil
        let (l, y, into) = (buffer(of: logits), buffer(of: labels), buffer(of: id))
        let g = source.map { buffer(of: $0) }
        let granule = rowGranule(rows)
        let touch = Touch.sharing(rows, granule: granule)
        var accesses = [
            Access(buffer: l, writes: false, touch: touch), Access(buffer: y, writes: false, touch: touch),
            Access(buffer: into, writes: true, touch: touch),
        ]
        if let g { accesses.append(Access(buffer: g, writes: false, touch: touch)) }
        emit(
            id, graph[id].op.name,
            .crossEntropy(
                CrossEntropy(
                    logits: l, labels: y, isGradient: gradient != nil, gradient: g, scale: scale, into: into,
                    rows: rows,
                    classes: shape[1].fixedValue ?? 0)), cut: .rows(rows, granule: granule), accesses)
    }

    /// The gradient of a cross-entropy knows all that the loss of the same rows needs: one pass over the logits makes both,
    /// unless the loss is read before.
    private mutating func joinLosses() {
        struct Rows: Hashable { var logits, labels: Int }
        var losses: [Rows: (at: Int, work: CrossEntropy)] = [:]
        var gradients: [Rows: (at: Int, work: CrossEntropy)] = [:]
        // What only probes need is left out of most runs.
        for (i, x) in instructions.enumerated() where x.phase != .probe {
            guard case .crossEntropy(let work) = x.work else { continue }
            let rows = Rows(logits: work.logits, labels: work.labels)
            if work.isGradient { gradients[rows] = (i, work) } else { losses[rows] = (i, work) }
        }
        var dropped: Set<Int> = []
        for (rows, (l, own)) in losses {
            guard let (g, alone) = gradients[rows], instructions[g].cut == instructions[l].cut,
                l > g || !instructions[l + 1...g].contains(where: { $0.accesses.contains { $0.buffer == own.into } })
            else { continue }
            var both = alone
            both.loss = own.into
            instructions[g].work = .crossEntropy(both)
            instructions[g].accesses += instructions[l].accesses.filter { $0.buffer == own.into }
            dropped.insert(l)
        }
        remove(dropped)
    }

    mutating func remove(_ dropped: Set<Int>) {
        if dropped.isEmpty { return }
        instructions = instructions.enumerated().filter { !dropped.contains($0.offset) }.map(\.element)
    }

    // MARK: Products

    /// A few rows cost little beside reading the weights they meet, and memory is read fastest from its first byte to its last:
    /// a forward pass keeps large weights as each thread reads them, in panels of 16 columns.
    mutating func packFactor(_ id: NodeID, _ product: Node) {
        guard case .matmul(_, let tb) = product.op, keepsPacked(product.inputs[1]),
            let rows = product.type.shape.dims.dropLast().last, Count([rows]).resolved(maxBatch) <= 32
        else { return }
        let shape = graph.shape(of: product.inputs[1])
        let (k, n) = tb ? (shape[1], shape[0]) : (shape[0], shape[1])
        guard shape.rank == 2, let depth = k.fixedValue, let columns = n.fixedValue, columns % 16 == 0,
            // What is smaller stays in the second-level cache, where panels gain nothing.
            depth * columns >= 1 << 19, !rounds(Count([rows]), Count([n]), Count([k]))
        else { return }
        let source = buffer(of: product.inputs[1])
        let key = PanelKey(weight: source, isTransposed: tb)
        if panelsOf[key] != nil { return }
        buffers.append(Buffer(count: count(shape), home: .kept))
        let into = buffers.count - 1
        panelsOf[key] = into
        let (panels, step) = (columns / 16, Count())
        emit(
            id, "pack",
            .copy(
                source: source, into: into, extents: [Count(factor: panels), Count([k]), Count(factor: 16)],
                from: tb ? [(16 * depth, step), (1, step), (depth, step)] : [(16, step), (columns, step), (1, step)],
                to: [(16 * depth, step), (16, step), (1, step)], sourceOffset: (0, step), offset: (0, step),
                value: .number(0)),
            cut: .units(Count(factor: panels), granule: 1),
            [Access(buffer: source, writes: false, touch: .all), Access(buffer: into, writes: true, touch: .all)])
    }

    private mutating func lowerProduct(_ id: NodeID, _ product: Node, bias: NodeID?, hasReLU: Bool = false) {
        guard case .matmul(let ta, let tb) = product.op else { return }
        let (sa, sb) = (graph.shape(of: product.inputs[0]), graph.shape(of: product.inputs[1]))
        let r = sa.rank
        let (m, k) = ta ? (sa[r - 1], sa[r - 2]) : (sa[r - 2], sa[r - 1])
        let n = tb ? sb[r - 2] : sb[r - 1]
        let (a, weight, c) = (buffer(of: product.inputs[0]), buffer(of: product.inputs[1]), buffer(of: id))
        let panels = r == 2 ? panelsOf[PanelKey(weight: weight, isTransposed: tb)] : nil
        let b = panels ?? weight
        let biasBuffer = bias.map { buffer(of: $0) }
        let (cm, cn, ck) = (Count([m]), Count([n]), Count([k]))
        let (rm, rn, rk) = (cm.resolved(maxBatch), cn.resolved(maxBatch), ck.resolved(maxBatch))
        var accesses: [Access]
        let cut: Cut
        let batches = r > 2 ? Count(sa.dims.prefix(r - 2)) : nil
        if batches != nil {
            cut = .units(batches ?? Count(), granule: 1)
            accesses =
                [a, b].map { Access(buffer: $0, writes: false, touch: .all) } + [
                    Access(buffer: c, writes: true, touch: .all)
                ]
        } else {
            // Thin factors make a wide product, whose columns threads share like those of the layer it leads to.
            let isWide = rn >= rm && rm * rn >= max(1 << 18, 16 * rk * (rm + rn))
            let columns = (grouping.prefersColumns || rk * rn >= 1 << 18 || isWide || rm < 16) && rn >= 32
            let granule = columns ? 16 : rowGranule(cm)
            if rm * rn * rk < 2048 || (columns ? rn : rm) < 2 * granule {
                cut = .none
            } else {
                cut = columns ? .columns(cn, granule: granule) : .rows(cm, granule: granule)
            }
            switch cut {
            case .rows:
                accesses = [
                    Access(
                        buffer: a, writes: false,
                        touch: ta ? .columns(cm, granule: granule) : .sharing(cm, granule: granule)),
                    Access(buffer: b, writes: false, touch: .all),
                    Access(buffer: c, writes: true, touch: .sharing(cm, granule: granule)),
                ]
                if let biasBuffer { accesses.append(Access(buffer: biasBuffer, writes: false, touch: .all)) }
            case .columns:
                accesses = [
                    Access(buffer: a, writes: false, touch: .all),
                    Access(
                        buffer: b, writes: false,
                        touch: tb || panels != nil ? .rows(cn, granule: 16) : .columns(cn, granule: 16)),
                    Access(buffer: c, writes: true, touch: .columns(cn, granule: 16)),
                ]
                if let biasBuffer {
                    accesses.append(Access(buffer: biasBuffer, writes: false, touch: .columns(cn, granule: 16)))
                }
            default:
                accesses =
                    [a, b].map { Access(buffer: $0, writes: false, touch: .first) } + [
                        Access(buffer: c, writes: true, touch: .first)
                    ]
                if let biasBuffer { accesses.append(Access(buffer: biasBuffer, writes: false, touch: .first)) }
            }
        }
        var flops = cm * cn * ck * (batches ?? Count())
        flops.factor *= 2
        emit(
            id, "matmul",
            .product(
                Product(
                    a: a, b: b, c: c, bias: biasBuffer, m: cm, n: cn, k: ck, ta: ta, tb: tb && panels == nil,
                    batches: batches, hasReLU: hasReLU, isPacked: panels != nil, rounds: rounds(cm, cn, ck))),
            cut: cut, accesses, flops: flops)
    }

    // MARK: State

    /// Writes new state in place where nothing reads the old value later, else through a copy at the end of the step.
    private mutating func placeUpdates() {
        var writer: [Int: Int] = [:]
        var lastAccess: [Int: Int] = [:]
        for (i, x) in instructions.enumerated() {
            for access in x.accesses {
                lastAccess[access.buffer] = i
                if access.writes { writer[access.buffer] = i }
            }
        }
        var timesKept: [NodeID: Int] = [:]
        for id in graph.outputs.map(\.node) + graph.updates.map(\.node) {
            timesKept[grouping.memory(of: id), default: 0] += 1
        }
        // Another entry's old value is set aside before anything is written.
        let written = Set(graph.updates.map(\.path))
        func isOverwritten(_ b: Int) -> Bool {
            if case .state(let path) = buffers[b].home { written.contains(path) } else { false }
        }
        for id in graph.updates.map(\.node) + graph.outputs.map(\.node) {
            let kept = buffer(of: id)
            guard isOverwritten(kept), keptOld[kept] == nil else { continue }
            buffers.append(Buffer(count: buffers[kept].count, home: .arena))
            keptOld[kept] = buffers.count - 1
            copyAlone(id, kept, buffers.count - 1)
            lastAccess[kept] = instructions.count - 1
        }
        for (path, id) in graph.updates {
            let source = grouping.memory(of: id)
            let produced = keptOld[buffer(of: source)] ?? buffer(of: source)
            let target: Int
            if let known = named[.state(path)] {
                target = known
            } else {
                buffers.append(Buffer(count: count(graph.shape(of: id)), home: .state(path)))
                target = buffers.count - 1
                named[.state(path)] = target
            }
            if let made = writer[produced], buffers[produced].home == .arena, timesKept[source] == 1,
                case .region = instructions[made].work, lastAccess[target] ?? -1 <= made
            {
                redirect(produced, to: target, from: made, through: lastAccess[produced] ?? made)
                lastAccess[target] = lastAccess[produced]
            } else {
                copyAlone(id, produced, target)
                lastAccess[target] = instructions.count - 1
            }
        }
    }

    private mutating func copyAlone(_ id: NodeID, _ source: Int, _ target: Int) {
        emit(
            id, "copy",
            .copy(
                source: source, into: target, extents: [buffers[source].count], from: [(1, Count())],
                to: [(1, Count())],
                sourceOffset: (0, Count()), offset: (0, Count()), value: .number(0)),
            cut: .none,
            [Access(buffer: source, writes: false, touch: .first), Access(buffer: target, writes: true, touch: .first)])
    }

    /// The buffer that shows an output after the step: state that the step changes is shown as it was.
    mutating func outputBuffer(of id: NodeID) -> Int {
        let own = buffer(of: id)
        return keptOld[own] ?? own
    }

    /// Makes every mention of a buffer, from its writer on, mean another.
    private mutating func redirect(_ old: Int, to new: Int, from writer: Int, through last: Int) {
        for i in writer...max(writer, last) where instructions[i].accesses.contains(where: { $0.buffer == old }) {
            instructions[i].replace(old, with: new)
            if case .region(var region) = instructions[i].work {
                deferStores(&region)
                instructions[i].work = .region(region)
            }
        }
    }

    /// A result written over memory that the program still reads waits until the tile is done.
    private func deferStores(_ region: inout Region) {
        var lastUse = [Int](repeating: -1, count: region.registers.count)
        for (i, op) in region.ops.enumerated() { for r in op.operands { lastUse[r] = i } }
        for (i, op) in region.ops.enumerated() where region.registers[op.dst].kind == .write {
            for (r, other) in region.registers.enumerated()
            where other.kind == .read && other.buffer == region.registers[op.dst].buffer && lastUse[r] > i {
                region.registers[op.dst].isDeferred = true
            }
        }
    }
}

extension Instruction {
    mutating func replace(_ old: Int, with new: Int) {
        for i in accesses.indices where accesses[i].buffer == old { accesses[i].buffer = new }
        func swap(_ b: Int) -> Int { b == old ? new : b }
        switch work {
        case .product(var p):
            (p.a, p.b, p.c, p.bias) = (swap(p.a), swap(p.b), swap(p.c), p.bias.map(swap))
            for i in p.samples.indices { p.samples[i].picked.step = p.samples[i].picked.step.map(swap) }
            work = .product(p)
        case .region(var region):
            for r in region.registers.indices { region.registers[r].buffer = region.registers[r].buffer.map(swap) }
            region.seed = region.seed.map(swap)
            region.step = region.step.map(swap)
            for i in region.samples.indices { region.samples[i].picked.step = region.samples[i].picked.step.map(swap) }
            work = .region(region)
        case .convolution(var convolution):
            convolution.replace(swap)
            work = .convolution(convolution)
        case .sample(let source, var sample):
            sample.picked.step = sample.picked.step.map(swap)
            work = .sample(source: swap(source), sample)
        case .observe(var list):
            for i in list.indices {
                list[i].x.buffer = swap(list[i].x.buffer)
                if let y = list[i].y { list[i].y?.buffer = swap(y.buffer) }
                list[i].picked.step = list[i].picked.step.map(swap)
            }
            work = .observe(list)
        case .copy(let source, let into, let extents, let from, let to, let sourceOffset, let offset, let value):
            work = .copy(
                source: source.map(swap), into: swap(into), extents: extents, from: from, to: to,
                sourceOffset: sourceOffset,
                offset: offset, value: value)
        case .indexed(
            let kind, let source, let indices, let into, let outer, let extent, let inner, let taken, let mode,
            let along):
            work = .indexed(
                kind, source: swap(source), indices: indices.map(swap), into: swap(into), outer: outer, extent: extent,
                inner: inner, taken: taken, mode: mode, along: along)
        case .crossEntropy(var entropy):
            entropy.replace(swap)
            work = .crossEntropy(entropy)
        }
    }
}

extension Op {
    /// The tile interpreter's code for an elementwise operation.
    func opcode(integers: Bool) -> fk_opcode {
        switch self {
        case .unary(let f): return fk_opcode(FK_NEG.rawValue + UInt32(f.rawValue))
        case .binary(let f): return fk_opcode(FK_ADD.rawValue + UInt32(f.rawValue))
        case .compare(let f): return fk_opcode((integers ? FK_LT_I : FK_LT).rawValue + UInt32(f.rawValue))
        case .select: return FK_SELECT
        case .cast(let element):
            switch element {
            case .float32: return integers ? FK_INT_TO_FLOAT : FK_COPY
            case .int32: return integers ? FK_COPY : FK_FLOAT_TO_INT
            case .bool: return integers ? FK_INT_TO_BOOL : FK_FLOAT_TO_BOOL
            }
        default: return FK_COPY
        }
    }
}
