import FathomGraph

/// A number of elements for every batch size: `factor` · B^`power`.
struct Count: Hashable {
    var power = 0
    var factor = 1

    init(power: Int = 0, factor: Int = 1) { (self.power, self.factor) = (power, factor) }

    init(_ dims: some Sequence<Dim>) {
        for dim in dims {
            switch dim {
            case .fixed(let n): factor *= n
            case .batch(let multiple): (power, factor) = (power + 1, factor * multiple)
            }
        }
    }

    func resolved(_ batch: Int) -> Int { (0..<power).reduce(factor) { n, _ in n * batch } }

    static func * (a: Count, b: Count) -> Count { Count(power: a.power + b.power, factor: a.factor * b.factor) }
}

/// What an element of a value belongs to in a domain of rows × columns.
enum Extent: Int32 {
    case full = 0, perRow, perColumn, scalar
    /// A number per column for every block of rows: of a channel in one image, say.
    case perBlock

    /// The kind of register: within a tile, which no block's border crosses, a number per block is one per column.
    var kind: Int32 { self == .perBlock ? Extent.perColumn.rawValue : rawValue }

    func joined(_ other: Extent) -> Extent {
        if self == other || other == .scalar { return self }
        return self == .scalar ? other : .full
    }
}

/// Nodes that run as one instruction: one opaque operation, or a region of elementwise work and reductions along one
/// axis of a domain rows × columns, done tile by tile while the tile is in cache.
struct Group {
    /// The axis whose elements a thread must have together: reduced by the group, or the one along which it stores numbers.
    enum Reduction { case none, columns, rows, blocks }
    var nodes: [NodeID] = []
    var isRegion: Bool
    var phase: Phase
    var total = Count()
    /// Rows and columns of the domain, once something distinguishes them.
    var split: (rows: Count, columns: Count)?
    /// The rows of a block, where something is one number per block and column.
    var block: Count?
    var reduction = Reduction.none
    var extents: [NodeID: Extent] = [:]
}

/// How a broadcast or reduction sees its larger side: nothing, leading, trailing, some in the middle or all axes are concerned.
enum AxisPattern: Equatable {
    case none, all
    case leading(rows: Count, columns: Count)
    case trailing(rows: Count, columns: Count)
    /// `rows` in all; blocks of `block` rows are concerned together.
    case middle(rows: Count, block: Count, columns: Count)
    case irregular

    /// - Parameter concerned: for every axis of `shape` whether it is stretched or reduced.
    init(_ shape: Shape, _ concerned: (Int) -> Bool) {
        let axes = shape.dims.indices.filter { shape[$0] != .fixed(1) }
        let flags = axes.map(concerned)
        let count = flags.count { $0 }
        if count == 0 {
            self = .none
        } else if count == flags.count {
            self = .all
        } else if flags.prefix(count).allSatisfy({ $0 }) {
            self = .leading(
                rows: Count(axes.prefix(count).map { shape[$0] }),
                columns: Count(axes.dropFirst(count).map { shape[$0] }))
        } else if flags.suffix(count).allSatisfy({ $0 }) {
            let lead = flags.count - count
            self = .trailing(
                rows: Count(axes.prefix(lead).map { shape[$0] }), columns: Count(axes.dropFirst(lead).map { shape[$0] })
            )
        } else {
            let first = flags.firstIndex(of: true) ?? 0
            guard flags[first..<(first + count)].allSatisfy({ $0 }) else {
                self = .irregular
                return
            }
            let block = Count(axes[first..<(first + count)].map { shape[$0] })
            self = .middle(
                rows: Count(axes.prefix(first).map { shape[$0] }) * block, block: block,
                columns: Count(axes.dropFirst(first + count).map { shape[$0] }))
        }
    }
}

/// Assigns every node that must be computed to a group; operands come to their consumers, last consumers first.
struct Grouping {
    let graph: Graph
    private(set) var groups: [Group] = []
    /// The group of every node that is not virtual.
    private(set) var groupOf: [Int?]
    /// Nodes whose value must be in memory.
    private(set) var stored: NodeSet
    /// Matrix products absorbed with what is done to their elements at once: the last such node → its product.
    private(set) var finished: [NodeID: (product: NodeID, bias: NodeID?, hasReLU: Bool)] = [:]

    /// Values written straight into some columns of a concatenation: the value → (concatenation, first column, its width).
    private(set) var columnTargets: [NodeID: (concat: NodeID, start: Int, width: Int)] = [:]

    /// For every group the groups that must run after it, a bit each.
    private var followers: [[UInt64]] = []
    /// Whether a group must run after another.
    private var hasPredecessor: [Bool] = []
    private var real: NodeSet
    private let live: [Bool]
    /// What every broadcast stretches, because it is asked for many times.
    private let broadcasts: [AxisPattern?]
    private var absorbed: NodeSet
    /// Scalars made of constants and extents alone: known as soon as the batch size is, so no instruction computes them.
    private(set) var hostScalars: NodeSet
    private let maxBatch: Int
    private let fusing: Bool
    /// Whether threads share out columns: where the forward pass needs statistics over the batch, a thread that has whole
    /// columns has all it needs.
    let prefersColumns: Bool
    /// Whether there are convolutions or pooling.
    let hasWindows: Bool

    init(_ graph: Graph, maxBatch: Int, fusing: Bool) {
        self.graph = graph
        self.maxBatch = maxBatch
        self.fusing = fusing
        groupOf = Array(repeating: nil, count: graph.nodes.count)
        let none = NodeSet(of: graph.nodes.count)
        (stored, real, absorbed, hostScalars, readAgain) = (none, none, none, none, none)
        let live = graph.liveNodes
        self.live = live
        broadcasts = graph.nodes.map { $0.op == .broadcast ? Self.pattern(ofBroadcast: $0, in: graph) : nil }
        // Images have too many rows for that.
        hasWindows = graph.nodes.enumerated().contains { i, node in live[i] && node.op.window != nil }
        prefersColumns =
            !hasWindows
            && graph.nodes.enumerated().contains { i, node in
                guard node.phase == .forward, live[i], case .sum(let axes) = node.op else { return false }
                let pattern = AxisPattern(graph.shape(of: node.inputs[0])) { axes.contains($0) }
                guard case .leading(let rows, let columns) = pattern else { return false }
                return rows.power > 0 && columns.resolved(maxBatch) >= 16
            }
        for (i, node) in graph.nodes.enumerated() where node.type.shape.rank == 0 && node.type.element == .float32 {
            switch node.op {
            case .constant, .extent: hostScalars.insert(NodeID(i))
            case .unary, .binary:
                if node.inputs.allSatisfy({ hostScalars.contains($0) }) { hostScalars.insert(NodeID(i)) }
            case .reshape, .broadcast:
                if node.inputs.allSatisfy({ hostScalars.contains($0) }) { hostScalars.insert(NodeID(i)) }
            default: break
            }
        }
        run()
        if fusing {
            joinColumnWork()
            joinRegions()
            recomputeCheapValues()
            dropInnerStores()
            findColumnTargets()
        }
    }

    // MARK: Classification

    func pattern(ofBroadcast id: NodeID) -> AxisPattern { broadcasts[id.index] ?? .irregular }

    private static func pattern(ofBroadcast node: Node, in graph: Graph) -> AxisPattern {
        let (from, to) = (graph.shape(of: node.inputs[0]), node.type.shape)
        let lead = to.rank - from.rank
        return AxisPattern(to) { $0 < lead || from[$0 - lead] == .fixed(1) }
    }

    func pattern(ofReduction id: NodeID, axes: [Int]) -> AxisPattern {
        AxisPattern(graph.shape(of: graph[id].inputs[0])) { axes.contains($0) }
    }

    /// Views and constants: they have no group, their consumers read through them.
    func isVirtual(_ id: NodeID) -> Bool {
        if real.contains(id) { return false }
        if hostScalars.contains(id) { return true }
        switch graph[id].op {
        case .constant, .extent, .iota, .reshape: return true
        case .broadcast: return pattern(ofBroadcast: id) != .irregular
        case .slice: return fusing && columns(ofSlice: id) != nil
        default: return false
        }
    }

    /// The domain and place of a slice that is some columns of an array: regions read those in place.
    func columns(ofSlice id: NodeID) -> (rows: Count, columns: Count, start: Int, width: Int)? {
        guard case .slice(let axis, let start, let end, 1) = graph[id].op, end > start else { return nil }
        let shape = graph.shape(of: graph[id].inputs[0])
        guard axis == shape.rank - 1, axis > 0, let width = shape[axis].fixedValue else { return nil }
        return (Count(shape.dims.dropLast()), Count(factor: end - start), start, width)
    }

    /// The value a node shows through reshapes and regular broadcasts, and those views, the outermost first.
    func source(of id: NodeID) -> (node: NodeID, through: [NodeID]) {
        var through: [NodeID] = []
        var source = id
        while !hostScalars.contains(source), isVirtual(source) {
            switch graph[source].op {
            case .reshape, .broadcast: through.append(source)
            default: return (source, through)
            }
            source = graph[source].inputs[0]
        }
        return (source, through)
    }

    /// Whether the node is a slice that regions read in place.
    func isSlice(_ id: NodeID) -> Bool { if case .slice = graph[id].op { isVirtual(id) } else { false } }

    /// Values that are in memory before the step begins.
    func isGiven(_ id: NodeID) -> Bool {
        switch graph[id].op {
        case .input, .state: true
        default: false
        }
    }

    private func isElementwise(_ id: NodeID) -> Bool {
        switch graph[id].op {
        case .unary, .binary, .compare, .select, .cast, .randomBits: true
        default: false
        }
    }

    func reductionAxes(_ id: NodeID) -> [Int]? {
        switch graph[id].op {
        case .sum(let axes), .max(let axes), .min(let axes): axes
        default: nil
        }
    }

    /// Reductions a tile can do; larger ones are instructions of their own.
    private func isTileReduction(_ id: NodeID) -> Bool {
        guard let axes = reductionAxes(id) else { return false }
        switch pattern(ofReduction: id, axes: axes) {
        case .none: return true
        case .all: return Count(graph.shape(of: graph[id].inputs[0]).dims).resolved(maxBatch) <= Self.longestColumn
        case .trailing(_, let columns): return columns.resolved(maxBatch) <= Self.widestRow
        case .leading(let rows, _): return rows.resolved(maxBatch) <= Self.longestColumn
        case .middle(let rows, let block, _): return block.power == 0 && rows.resolved(maxBatch) > 0 && block.factor > 0
        case .irregular: return false
        }
    }

    // MARK: Uses

    /// Values that recomputing regions read.
    private var readAgain: NodeSet
    /// For every node its readers.
    private var uses: [[Use]] = []

    private struct Use {
        var consumer: NodeID
        /// Virtual nodes between the consumer and the value, the consumer's operand first.
        var through: [NodeID]
        /// Whether the consumer needs the value in memory whatever its group.
        var readsMemory = false
    }

    private mutating func run() {
        uses = Array(repeating: [], count: graph.nodes.count)
        findBiases()
        findReLUs()
        // Everything opaque operations, outputs and updates read must be in memory; views are read through.
        for (_, id) in graph.outputs { store(id) }
        for (_, id) in graph.updates { store(id) }
        for i in graph.nodes.indices.reversed() where live[i] {
            let id = NodeID(i)
            if isGiven(id) || isVirtual(id) || absorbed.contains(id) && uses[i].isEmpty { continue }
            let fusible = isFusible(id)
            if fusible {
                placeFusible(id, uses[i])
            } else {
                place(id, in: newGroup(id, isRegion: false), uses[i])
                stored.insert(id)
            }
            // Tell operands who reads them.
            for operand in operands(of: id) {
                if fusible {
                    if case .randomBits = graph[id].op {
                        store(operand)
                        uses[memory(of: operand).index].append(Use(consumer: id, through: [], readsMemory: true))
                        continue
                    }
                    let (source, through) = source(of: operand)
                    if isSlice(source) {
                        let whole = graph[source].inputs[0]
                        store(whole)
                        uses[memory(of: whole).index].append(Use(consumer: id, through: [whole], readsMemory: true))
                        continue
                    }
                    if isVirtual(source) { continue }  // a constant
                    uses[source.index].append(Use(consumer: id, through: through))
                } else {
                    store(operand)
                    uses[memory(of: operand).index].append(Use(consumer: id, through: [operand], readsMemory: true))
                }
            }
        }
    }

    /// The node whose memory holds a value: reshapes are views.
    func memory(of id: NodeID) -> NodeID {
        var source = id
        while !real.contains(source), case .reshape = graph[source].op { source = graph[source].inputs[0] }
        return source
    }

    private mutating func store(_ id: NodeID) {
        let source = memory(of: id)
        stored.insert(source)
        if isVirtual(source) { real.insert(source) }
    }

    /// How many read each value. A probe that reads a product gets one of its own: it must not change how the step computes.
    private func readerCounts(probes: Bool) -> [Int] {
        var readers = [Int](repeating: 0, count: graph.nodes.count)
        for (i, node) in graph.nodes.enumerated() where live[i] && (probes || node.phase != .probe) {
            for input in node.inputs { readers[input.index] += 1 }
        }
        for (_, id) in graph.outputs { readers[id.index] += 1 }
        for (_, id) in graph.updates { readers[id.index] += 1 }
        return readers
    }

    /// x·W + b with nothing else reading x·W is one product that starts from b.
    private mutating func findBiases() {
        let readers = readerCounts(probes: false)
        for (i, node) in graph.nodes.enumerated() where live[i] && node.op == .binary(.add) {
            for (product, other) in [(node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])] {
                guard graph[product].op.takesBias, readers[product.index] == 1,
                    graph.shape(of: product).rank == 2 || graph[product].op.window != nil,
                    case .broadcast = graph[other].op, graph[product].phase == node.phase
                else { continue }
                let bias = graph[other].inputs[0]
                guard let width = node.type.shape.dims.last?.fixedValue, graph.shape(of: bias).fixedCount == width,
                    graph.shape(of: bias).dims.last == .fixed(width), width > 1 || graph.shape(of: bias).rank == 1
                else { continue }
                finished[NodeID(i)] = (product, bias, false)
                absorbed.insert(product)
                break
            }
        }
    }

    /// max(x·W + b, 0) with nothing else reading what it is of is one product, too.
    private mutating func findReLUs() {
        guard fusing else { return }
        // What a probe looks at is stored.
        let readers = readerCounts(probes: true)
        for (i, node) in graph.nodes.enumerated() where live[i] && node.op == .binary(.max) {
            guard let value = node.inputs.first(where: { !graph.isZero($0) }),
                node.inputs.contains(where: graph.isZero),
                readers[value.index] == 1, graph[value].phase == node.phase,
                graph.shape(of: value) == node.type.shape
            else { continue }
            let (product, bias, _) = finished[value] ?? (value, nil, false)
            guard case .matmul = graph[product].op, graph.shape(of: product).rank == 2 else { continue }
            finished[value] = nil
            finished[NodeID(i)] = (product, bias, true)
            absorbed.insert(value)
        }
    }

    /// What a node reads: an absorbed product's operands and its bias; nothing where only a shape matters.
    func operands(of id: NodeID) -> [NodeID] {
        if graph[id].op.isExtent { return [] }
        if let scalar = scalarGradient(of: id) { return graph[id].inputs.filter { source(of: $0).node != scalar } }
        if let (product, bias, _) = finished[id] { return graph[product].inputs + (bias.map { [$0] } ?? []) }
        return graph[id].inputs
    }

    /// The one number that multiplies every row of a cross-entropy gradient, when it is known with the batch size.
    func scalarGradient(of id: NodeID) -> NodeID? {
        guard case .call(let fused) = graph[id].op, fused.name == "softmaxCrossEntropyGradient" else { return nil }
        let value = source(of: graph[id].inputs[2]).node
        return hostScalars.contains(value) ? value : nil
    }

    /// A host scalar's value.
    func hostValue(_ id: NodeID, batch: Int) -> Float {
        let node = graph[id]
        func operand(_ i: Int) -> Float { hostValue(node.inputs[i], batch: batch) }
        switch node.op {
        case .constant(let value): return Float(value)
        case .extent(let axes): return Float(Count(axes.map { graph.shape(of: node.inputs[0])[$0] }).resolved(batch))
        case .unary(let f): return Scalar.apply(f, operand(0))
        case .binary(let f): return Scalar.apply(f, operand(0), operand(1))
        default: return operand(0)
        }
    }

    /// Whether the node stands for itself rather than for the end of a product.
    private func isFusible(_ id: NodeID) -> Bool { finished[id] == nil && (isElementwise(id) || isTileReduction(id)) }

    // MARK: Placing

    private mutating func newGroup(_ id: NodeID, isRegion: Bool) -> Int {
        groups.append(Group(isRegion: isRegion, phase: graph[id].phase))
        followers.append([])
        hasPredecessor.append(false)
        return groups.count - 1
    }

    private func isAncestor(_ a: Int, of g: Int) -> Bool {
        g / 64 < followers[a].count && followers[a][g / 64] & (1 << UInt64(g % 64)) != 0
    }

    private mutating func addEdge(from a: Int, to g: Int) {
        hasPredecessor[g] = true
        if isAncestor(a, of: g) { return }
        let added = withFollowers(g)
        follow(a, added)
        guard hasPredecessor[a] else { return }
        for x in groups.indices where isAncestor(x, of: a) { follow(x, added) }
    }

    /// A group and what must run after it.
    private func withFollowers(_ g: Int) -> [UInt64] {
        var all = followers[g]
        while all.count <= g / 64 { all.append(0) }
        all[g / 64] |= 1 << UInt64(g % 64)
        return all
    }

    private mutating func follow(_ a: Int, _ added: [UInt64]) {
        while followers[a].count < added.count { followers[a].append(0) }
        for w in added.indices { followers[a][w] |= added[w] }
    }

    private mutating func place(_ id: NodeID, in g: Int, _ uses: [Use]) {
        groups[g].nodes.append(id)
        groupOf[id.index] = g
        for use in uses { if let h = groupOf[use.consumer.index], h != g { addEdge(from: g, to: h) } }
    }

    private mutating func placeFusible(_ id: NodeID, _ uses: [Use]) {
        // Larger domains first: a number per column belongs to the tiles that make it, not to a few further numbers.
        // Sums over blocks are whole only when their region is done.
        let consumers = isBlockReduction(id) ? [] : Set(uses.compactMap { groupOf[$0.consumer.index] })
        let candidates = consumers.filter { fusing && groups[$0].isRegion }.sorted {
            let (a, b) = (groups[$0].total.resolved(maxBatch), groups[$1].total.resolved(maxBatch))
            return a == b ? $0 > $1 : a > b
        }
        for g in candidates {
            let outside = uses.filter { groupOf[$0.consumer.index] != g }
            if groups[g].nodes.count >= Self.longestProgram { continue }
            // Updates stay alike, so that they can be joined later; other phases take in what only they need.
            if groups[g].phase != graph[id].phase
                && (groups[g].phase == .update || !outside.isEmpty || stored.contains(id))
            {
                continue
            }
            // Sums over the batch need every thread's rows: where rows are shared out they stay by themselves.
            if !prefersColumns, groups[g].reduction == .rows, (groups[g].split?.rows.power ?? 0) > 0 { continue }
            // Everything outside must be able to run after the group.
            if outside.contains(where: { groupOf[$0.consumer.index].map { isAncestor($0, of: g) } ?? false }) {
                continue
            }
            var candidate = groups[g]
            guard let extent = demand(on: id, uses, g, &candidate) else { continue }
            if !outside.isEmpty || stored.contains(id) {
                guard canStore(extent, &candidate) else { continue }
            }
            guard accept(id, extent, &candidate) else { continue }
            groups[g] = candidate
            groups[g].extents[id] = extent
            place(id, in: g, uses)
            if !outside.isEmpty { stored.insert(id) }
            return
        }
        // A group of its own.
        let g = newGroup(id, isRegion: true)
        var (candidate, extent) = domain(of: id)
        if !accept(id, extent, &candidate) {
            // Two operands want different domains: put the broadcast ones into memory first.
            for operand in graph[id].inputs {
                var source = operand
                while case .reshape = graph[source].op { source = graph[source].inputs[0] }
                switch graph[source].op {
                case .broadcast, .iota, .slice: real.insert(source)
                default: break
                }
            }
            (candidate, extent) = domain(of: id)
            _ = accept(id, extent, &candidate)
        }
        groups[g] = candidate
        groups[g].extents[id] = extent
        place(id, in: g, uses)
        stored.insert(id)
    }

    /// The region a node makes by itself, and its extent there.
    private func domain(of id: NodeID) -> (Group, Extent) {
        var candidate = Group(isRegion: true, phase: graph[id].phase)
        if let axes = reductionAxes(id), !isFreeOfReduction(id) {
            let source = graph.shape(of: graph[id].inputs[0])
            candidate.total = Count(source.dims)
            let extent: Extent
            switch pattern(ofReduction: id, axes: axes) {
            case .leading(let rows, let columns):
                (extent, candidate.split, candidate.reduction) = (.perColumn, (rows, columns), .rows)
            case .trailing(let rows, let columns):
                (extent, candidate.split, candidate.reduction) = (.perRow, (rows, columns), .columns)
            case .middle(let rows, let block, let columns):
                (extent, candidate.split, candidate.reduction) = (.perBlock, (rows, columns), .blocks)
                candidate.block = block
            case .all, .none, .irregular:
                (extent, candidate.split, candidate.reduction) = (.perColumn, (candidate.total, Count()), .rows)
            }
            return (candidate, extent)
        }
        candidate.total = Count(graph.shape(of: id).dims)
        return (candidate, .full)
    }

    private func isBlockReduction(_ id: NodeID) -> Bool {
        guard let axes = reductionAxes(id), case .middle = pattern(ofReduction: id, axes: axes) else { return false }
        return true
    }

    private func isFreeOfReduction(_ id: NodeID) -> Bool {
        guard let axes = reductionAxes(id) else { return true }
        return pattern(ofReduction: id, axes: axes) == .none
    }

    /// Whether the group can write a value of this extent: each element by one thread, so numbers per row need whole rows.
    private func canStore(_ extent: Extent, _ group: inout Group) -> Bool {
        switch (extent, group.reduction) {
        // Numbers per block are joined over tiles, so only a sum itself can be one.
        case (.full, _), (.perRow, .columns), (.perColumn, .rows): return true
        case (.perRow, .none):
            guard let split = group.split, split.columns.resolved(maxBatch) <= Self.widestRow else { return false }
            group.reduction = .columns
            return true
        case (.perColumn, .none):
            guard let split = group.split, split.rows.resolved(maxBatch) <= Self.longestColumn else { return false }
            group.reduction = .rows
            return true
        default: return false
        }
    }

    /// Limits of what a tile holds in cache.
    private static let widestRow = 8192
    private static let longestColumn = 1024
    /// The most nodes of a region: its registers are numbered by 16 bits and kept on the stack.
    private static let longestProgram = 2048

    /// What the group's nodes need this node's value to be, or `nil` when they disagree.
    private func demand(on id: NodeID, _ uses: [Use], _ g: Int, _ group: inout Group) -> Extent? {
        var result: Extent?
        for use in uses where groupOf[use.consumer.index] == g {
            guard !use.readsMemory, let consumer = group.extents[use.consumer],
                let here = extent(below: use.through, from: consumer, reducedBy: use.consumer, &group)
            else { return nil }
            if let known = result, known != here { return nil }
            result = here
        }
        return result
    }

    /// The extent of a value read by `reader` through views.
    func extent(below through: [NodeID], from consumer: Extent, reducedBy reader: NodeID, _ group: inout Group)
        -> Extent?
    {
        var extent = consumer
        if reductionAxes(reader) != nil, !isFreeOfReduction(reader) { extent = .full }
        for view in through {
            guard case .broadcast = graph[view].op else { continue }
            switch (pattern(ofBroadcast: view), extent) {
            case (.none, _), (_, .scalar): break
            case (.all, _): extent = .scalar
            case (.leading(let rows, let columns), .full):
                if !fit(&group, rows, columns) { return nil }
                extent = .perColumn
            case (.trailing(let rows, let columns), .full):
                if !fit(&group, rows, columns) { return nil }
                extent = .perRow
            case (.middle(let rows, let block, let columns), .full):
                // A tile of whole columns crosses the borders of blocks.
                if block.power > 0 || group.reduction == .rows || !fit(&group, rows, columns) || !fit(&group, block) {
                    return nil
                }
                extent = .perBlock
            default: return nil
            }
        }
        return extent
    }

    private func fit(_ group: inout Group, _ block: Count) -> Bool {
        if let known = group.block { return known == block }
        group.block = block
        return true
    }

    private func fit(_ group: inout Group, _ rows: Count, _ columns: Count) -> Bool {
        if let split = group.split { return split == (rows, columns) }
        if rows * columns != group.total { return false }
        group.split = (rows, columns)
        return true
    }

    /// Whether a node may do its own work in the group with this extent: its views and reduction must fit the domain.
    private func accept(_ id: NodeID, _ extent: Extent, _ group: inout Group) -> Bool {
        if let axes = reductionAxes(id), !isFreeOfReduction(id) {
            let wanted: (Count, Count, Group.Reduction, Extent)
            switch pattern(ofReduction: id, axes: axes) {
            case .leading(let rows, let columns): wanted = (rows, columns, .rows, .perColumn)
            case .trailing(let rows, let columns): wanted = (rows, columns, .columns, .perRow)
            case .middle(let rows, let block, let columns):
                guard fit(&group, block) else { return false }
                wanted = (rows, columns, .blocks, .perBlock)
            case .all: wanted = (Count(graph.shape(of: graph[id].inputs[0]).dims), Count(), .rows, .perColumn)
            case .none, .irregular: return false
            }
            if wanted.2 == .rows, group.block != nil { return false }
            guard extent == wanted.3, group.reduction == .none || group.reduction == wanted.2,
                fit(&group, wanted.0, wanted.1)
            else { return false }
            group.reduction = wanted.2
        }
        if case .randomBits = graph[id].op { return extent == .full }
        for operand in graph[id].inputs {
            let (source, through) = source(of: operand)
            guard let here = self.extent(below: through, from: extent, reducedBy: id, &group) else { return false }
            if isSlice(source) {
                guard here == .full, let slice = columns(ofSlice: source), fit(&group, slice.rows, slice.columns) else {
                    return false
                }
            }
            // An index counts whole elements of the domain.
            if case .iota = graph[source].op, here != .full { return false }
        }
        return true
    }

    /// A part of a concatenation along the last axis that nothing else reads is written where it belongs.
    private mutating func findColumnTargets() {
        let kept = Set((graph.outputs.map(\.node) + graph.updates.map(\.node)).map { memory(of: $0) })
        for (i, node) in graph.nodes.enumerated() {
            guard case .concat(let axis) = node.op, axis > 0, axis == node.type.shape.rank - 1, groupOf[i] != nil,
                let width = node.type.shape[axis].fixedValue
            else { continue }
            var start = 0
            for part in node.inputs {
                let extent = graph.shape(of: part)[axis].fixedValue ?? 0
                let value = memory(of: part)
                let rows = Count(graph.shape(of: part).dims.dropLast())
                if let g = groupOf[value.index], groups[g].isRegion, uses[value.index].count == 1,
                    !kept.contains(value),
                    groups[g].extents[value] == .full, fit(&groups[g], rows, Count(factor: extent))
                {
                    columnTargets[value] = (NodeID(i), start, width)
                }
                start += extent
            }
        }
    }

    // MARK: Joining

    /// Work on one number per column whose operands a region makes (running statistics, say) is done by that region.
    private mutating func joinColumnWork() {
        for s in groups.indices where groups[s].isRegion && groups[s].reduction == .none && groups[s].split == nil {
            let members = groups[s].nodes
            guard groups[s].phase != .update, groups[s].total.power == 0, groups[s].total.factor > 1 else { continue }
            var producers: Set<Int> = []
            var isPlain = true
            for id in members {
                for operand in operands(of: id) {
                    let (value, through) = source(of: operand)
                    if isSlice(value) { isPlain = false }
                    if isGiven(value) || isVirtual(value) { continue }
                    guard let g = groupOf[value.index] else { isPlain = false; continue }
                    if g != s {
                        producers.insert(g)
                        if groups[g].extents[value] != .perColumn
                            || through.contains(where: {
                                graph.shape(of: $0) != graph.shape(of: value) && graph[$0].op != .reshape
                            })
                        {
                            isPlain = false
                        }
                    }
                }
                if case .randomBits = graph[id].op { isPlain = false }
            }
            guard isPlain, producers.count == 1, let g = producers.first, groups[g].reduction == .rows,
                groups[g].split?.columns == groups[s].total, groups[g].phase == groups[s].phase
            else { continue }
            guard canJoin(g, s) else { continue }
            for id in members { groups[s].extents[id] = groups[s].extents[id] == .full ? .perColumn : .scalar }
            join(s, into: g)
        }
    }

    /// Regions of one domain that read each other's values, or the same ones, become one and share the tile.
    private mutating func joinRegions() {
        for i in graph.nodes.indices {
            // The groups that make or read this value.
            var around = Set(uses[i].compactMap { groupOf[$0.consumer.index] })
            if let g = groupOf[i] { around.insert(g) }
            let regions = around.filter { groups[$0].isRegion && groups[$0].phase != .update }.sorted()
            for (n, a) in regions.enumerated() where !groups[a].nodes.isEmpty {
                for b in regions[(n + 1)...] where !groups[b].nodes.isEmpty {
                    guard groups[a].phase == groups[b].phase, groups[a].reduction == groups[b].reduction,
                        groups[a].total == groups[b].total, canJoin(a, b)
                    else { continue }
                    if let x = groups[a].block, let y = groups[b].block, x != y { continue }
                    switch (groups[a].split, groups[b].split) {
                    case (let x?, let y?): if x != y { continue }
                    case (nil, let y?): groups[a].split = y
                    default: break
                    }
                    groups[a].block = groups[a].block ?? groups[b].block
                    join(b, into: a)
                }
            }
        }
    }

    /// Whether no third group must run between two.
    private func canJoin(_ a: Int, _ b: Int) -> Bool {
        if groups[a].nodes.count + groups[b].nodes.count > Self.longestProgram { return false }
        if groups[a].reduction == .blocks, isAncestor(a, of: b) || isAncestor(b, of: a) { return false }
        for x in groups.indices where x != a && x != b && !groups[x].nodes.isEmpty {
            if isAncestor(a, of: x) && isAncestor(x, of: b) || isAncestor(b, of: x) && isAncestor(x, of: a) {
                return false
            }
        }
        return true
    }

    private mutating func join(_ b: Int, into a: Int) {
        for id in groups[b].nodes { groupOf[id.index] = a }
        groups[a].nodes += groups[b].nodes
        groups[a].extents.merge(groups[b].extents) { x, _ in x }
        groups[b].nodes = []
        follow(a, followers[b])
        hasPredecessor[a] = hasPredecessor[a] || hasPredecessor[b]
        func clear(_ bit: Int, of x: Int) {
            if bit / 64 < followers[x].count { followers[x][bit / 64] &= ~(1 << UInt64(bit % 64)) }
        }
        clear(a, of: a)
        clear(b, of: a)
        let added = withFollowers(a)
        for x in groups.indices where x != a && (isAncestor(x, of: a) || isAncestor(x, of: b)) {
            clear(b, of: x)
            if x != b { follow(x, added) }
        }
    }

    /// Forward values that a backward region can make again from what is in memory anyway, in an operation or two, are
    /// made again: that costs less than writing and reading them, and frees their memory. The bits are the same.
    private mutating func recomputeCheapValues() {
        for b in groups.indices where groups[b].isRegion && groups[b].phase == .backward {
            var queue = groups[b].nodes
            var members = Set(queue)
            while let reader = queue.popLast() {
                for operand in operands(of: reader) {
                    let (value, through) = source(of: operand)
                    if members.contains(value) || !through.allSatisfy({ graph[$0].op == .reshape }) { continue }
                    guard groups[b].extents[reader] == .full,
                        reductionAxes(reader) == nil || graph.shape(of: value) == graph.shape(of: operand),
                        canRecompute(value, in: b, depth: 4)
                    else { continue }
                    recompute(value, in: b, &members, &queue)
                }
            }
        }
    }

    /// Whether what one group makes can be made again in another: their rows and columns are the same, or can be.
    private func fits(_ a: Group, _ b: Group) -> Bool {
        guard let x = a.split, let y = b.split else { return a.total == b.total }
        return x == y
    }

    private func canRecompute(_ id: NodeID, in b: Int, depth: Int) -> Bool {
        guard depth > 0, let a = groupOf[id.index], a != b, groups[a].isRegion, groups[a].phase == .forward,
            groups[a].extents[id] == .full, fits(groups[a], groups[b]),
            groups[a].block == nil || groups[b].block == groups[a].block
        else { return false }
        guard graph[id].op.isCheap else { return false }
        return operands(of: id).allSatisfy { operand in
            let (value, _) = source(of: operand)
            if isSlice(value) { return false }
            if isGiven(value) || isVirtual(value) { return true }
            guard let g = groupOf[value.index] else { return false }
            if !groups[g].isRegion || groups[b].nodes.contains(value) { return true }
            switch groups[g].extents[value] {
            case .perColumn: return groups[g].reduction == .rows
            case .perRow: return groups[g].reduction == .columns
            case .perBlock: return isBlockReduction(value)
            case .full: return isAtHand(value, in: b) || canRecompute(value, in: b, depth: depth - 1)
            default: return false
            }
        }
    }

    /// Whether the forward pass itself needs the value in memory.
    private func isKept(_ id: NodeID) -> Bool {
        stored.contains(id)
            && uses[id.index].contains { use in
                use.readsMemory
                    || graph[use.consumer].phase == .forward && groupOf[use.consumer.index] != groupOf[id.index]
            }
    }

    /// Whether the value is in memory without what is made again: for the forward pass, or because the group reads it and cannot
    /// make it.
    private func isAtHand(_ id: NodeID, in b: Int) -> Bool {
        isKept(id)
            || stored.contains(id) && !graph[id].op.isCheap
                && uses[id.index].contains { groupOf[$0.consumer.index] == b }
    }

    private mutating func recompute(_ id: NodeID, in b: Int, _ members: inout Set<NodeID>, _ queue: inout [NodeID]) {
        guard members.insert(id).inserted else { return }
        groups[b].split = groups[b].split ?? groupOf[id.index].flatMap { groups[$0].split }
        groups[b].nodes.append(id)
        groups[b].extents[id] = .full
        for operand in operands(of: id) {
            let (value, _) = source(of: operand)
            guard let g = groupOf[value.index], groups[g].isRegion, !members.contains(value) else { continue }
            if groups[g].extents[value] == .full, !isAtHand(value, in: b) {
                recompute(value, in: b, &members, &queue)
            } else {
                readAgain.insert(value)
            }
        }
    }

    /// Values that after joining only their own region reads stay in the tile.
    private mutating func dropInnerStores() {
        var outer = NodeSet(of: graph.nodes.count)
        for id in graph.outputs.map(\.node) + graph.updates.map(\.node) { outer.insert(memory(of: id)) }
        for (i, readers) in uses.enumerated() {
            guard let g = groupOf[i], groups[g].isRegion else { continue }
            let isRead = readers.contains { reader in
                guard let h = groupOf[reader.consumer.index], !reader.readsMemory else { return true }
                return h != g && groups[h].extents[NodeID(i)] == nil
            }
            if isRead { outer.insert(NodeID(i)) }
        }
        outer.formUnion(readAgain)
        stored.formUnion(readAgain)
        let isInRegion = groupOf.map { g in g.map { groups[$0].isRegion } ?? false }
        stored.keep { !isInRegion[$0.index] || outer.contains($0) }
    }

    /// Groups in an order that respects what they read, earliest first.
    ///
    /// What only outputs and updates need waits until the backward sweep is done: sums over the batch then share one
    /// barrier.
    func schedule() -> [Int] {
        let count = groups.count
        var before = [Set<Int>](repeating: [], count: count)
        var after = [Set<Int>](repeating: [], count: count)
        for (g, group) in groups.enumerated() {
            for id in group.nodes {
                for operand in operands(of: id) {
                    var value = source(of: operand).node
                    if isSlice(value) { value = memory(of: graph[value].inputs[0]) }
                    if let h = groupOf[value.index], h != g {
                        before[g].insert(h)
                        after[h].insert(g)
                    }
                }
            }
        }
        var isDeferred = [Bool](repeating: false, count: count)
        var priority = groups.map { group in group.nodes.map(\.index).max() ?? 0 }
        for g in groups.indices.sorted(by: { priority[$0] > priority[$1] }) {
            switch groups[g].phase {
            case .forward: isDeferred[g] = after[g].allSatisfy { isDeferred[$0] && groups[$0].phase == .forward }
            case .backward: isDeferred[g] = !prefersColumns && after[g].allSatisfy { groups[$0].phase == .update }
            case .update, .probe: break
            }
        }
        for g in groups.indices {
            if isDeferred[g] { priority[g] += graph.nodes.count }
            if groups[g].phase == .update { priority[g] += 2 * graph.nodes.count }
        }
        var waiting = before.map(\.count)
        var ready = PriorityQueue(
            groups.indices.filter { waiting[$0] == 0 && !groups[$0].nodes.isEmpty }.map { (priority[$0], $0) })
        var order: [Int] = []
        while let (_, g) = ready.popFirst() {
            order.append(g)
            for h in after[g] {
                waiting[h] -= 1
                if waiting[h] == 0 { ready.insert((priority[h], h)) }
            }
        }
        assert(order.count == groups.count { !$0.nodes.isEmpty }, "groups depend on each other in a circle")
        return order
    }
}

extension Op {
    /// Whether the sums of the operation may start from a bias.
    var takesBias: Bool {
        switch self {
        case .matmul, .convolution: true
        default: false
        }
    }

    /// The window of a convolution or of pooling.
    var window: Window? {
        switch self {
        case .convolution(let w, _), .convolutionInputGradient(let w, _), .convolutionWeightGradient(let w, _),
            .windowSum(let w), .windowSpread(let w), .windowArgMax(let w), .windowGather(let w),
            .windowScatterAdd(let w):
            w
        default: nil
        }
    }

    /// Whether doing the operation again costs less than reading its result from memory.
    var isCheap: Bool {
        switch self {
        case .binary(let f): f != .div && f != .pow
        case .unary(let f): f == .neg
        case .compare, .select: true
        default: false
        }
    }

    /// Whether the operation reads only its operand's shape.
    var isExtent: Bool { if case .extent = self { true } else { false } }
}

/// A small binary heap.
private struct PriorityQueue {
    private var heap: [(Int, Int)] = []

    init(_ items: [(Int, Int)]) { for item in items { insert(item) } }

    mutating func insert(_ item: (Int, Int)) {
        heap.append(item)
        var i = heap.count - 1
        while i > 0, heap[i] < heap[(i - 1) / 2] {
            heap.swapAt(i, (i - 1) / 2)
            i = (i - 1) / 2
        }
    }

    mutating func popFirst() -> (Int, Int)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if heap.isEmpty { return first }
        heap[0] = last
        var i = 0
        while true {
            var smallest = i
            for child in [2 * i + 1, 2 * i + 2] where child < heap.count && heap[child] < heap[smallest] {
                smallest = child
            }
            if smallest == i { return first }
            heap.swapAt(i, smallest)
            i = smallest
        }
    }
}
