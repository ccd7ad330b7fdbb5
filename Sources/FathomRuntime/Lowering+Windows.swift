import CFathomKernels
import FathomGraph

// Convolutions and pooling. Images go to threads like other rows of the batch, so that neighbouring work needs no barrier.
extension Lowering {
    /// The blocks of images for which weights' gradients are summed apart: as many threads can share the work, and the sums
    /// do not depend on how many do.
    static let weightBlocks = 16

    /// Weights in the form in which convolutions read them, made once before the step; once for many steps where none changes
    /// them. Large weights of dense products too, where nothing changes them.
    mutating func packWeights() {
        // Those that are computed with what follows them have no group of their own.
        let absorbed = Set(grouping.finished.values.map(\.product))
        for (i, node) in graph.nodes.enumerated() where grouping.groupOf[i] != nil || absorbed.contains(NodeID(i)) {
            switch node.op {
            case .convolution, .convolutionInputGradient:
                if grouping.isGiven(grouping.memory(of: node.inputs[1])) { _ = packed(NodeID(i), node) }
            case .matmul: packFactor(NodeID(i), node)
            default: break
            }
        }
    }

    /// Whether packed weights outlive a run.
    func keepsPacked(_ weights: NodeID) -> Bool {
        if case .state = graph[grouping.memory(of: weights)].op { graph.updates.isEmpty } else { false }
    }

    /// How many outputs of an axis Winograd's transforms make at a time, 0 where direct sums are better: a matter of the shapes
    /// alone, so that bits do not depend on anything else. A few images do not pay for transformed weights, unless these are
    /// kept; then small tiles are better, because weights cost more to read than to multiply with.
    private func transform(_ window: Window, groups: Int, _ x: Shape, _ y: Shape, isKept: Bool = false) -> Int {
        let byLines = sharesLines && Count([x[0]]).power == 1
        guard groups == 1, window.axes.count == 2, let inputs = x.dims.last?.fixedValue,
            let outputs = y.dims.last?.fixedValue, let taps = window.axes.first?.extent,
            inputs % 16 == 0, outputs % 16 == 0, isKept || Count([x[0]]).resolved(maxBatch) >= 8,
            // Quarters of an image are whole rows of tiles.
            !byLines || (y[1].fixedValue ?? 1) % 8 == 0,
            window.axes.allSatisfy({ $0.extent == taps && $0.stride == 1 && $0.dilation == 1 && $0.low < taps })
        else { return 0 }
        // Five taps: what transforms cost is spread over the channels.
        if taps == 5 { return inputs * outputs >= 1024 ? 2 : 0 }
        guard taps == 3 else { return 0 }
        /// Products of all tiles that cover the outputs, for each pair of channels.
        func products(_ m: Int) -> Int {
            y.dims.dropFirst().dropLast().reduce((m + 2) * (m + 2)) { $0 * ((($1.fixedValue ?? 0) + m - 1) / m) }
        }
        let fits = !byLines || (y[1].fixedValue ?? 1) % 16 == 0
        return fits && 10 * products(4) < 9 * products(2) ? 4 : 2
    }

    /// A convolution's weights as its products read them.
    private struct Packed {
        /// The weights themselves, where nothing is to be changed.
        var buffer: Int
        var transform = 0
        var rounds = false
    }

    private mutating func packed(_ id: NodeID, _ node: Node) -> Packed {
        let source = buffer(of: node.inputs[1])
        let (window, groups, isGradient): (Window, Int, Bool)
        switch node.op {
        case .convolution(let w, let g): (window, groups, isGradient) = (w, g, false)
        case .convolutionInputGradient(let w, let g): (window, groups, isGradient) = (w, g, true)
        default: return Packed(buffer: source)
        }
        let (first, own) = (graph.shape(of: node.inputs[0]), node.type.shape)
        let (x, y) = isGradient ? (own, first) : (first, own)
        // From what is read to what is made, forward and backward.
        let isKept = keepsPacked(node.inputs[1])
        let transform = transform(window, groups: groups, first, own, isKept: isKept)
        // Transforms save more than rounding does.
        let rounds = transform == 0 && rounds(from: first, to: own, groups: groups)
        if !isGradient && transform == 0 { return Packed(buffer: source, rounds: rounds) }
        let key = PackedKey(
            weight: source, window: window, groups: groups, isGradient: isGradient, transform: transform)
        if let known = packedOf[key] { return Packed(buffer: known, transform: transform, rounds: rounds) }
        let weight = graph.shape(of: node.inputs[1])
        let channels = weight.dims.suffix(2).map { $0.fixedValue ?? 0 }
        let places = (transform + window.axes[0].extent - 1) * (transform + window.axes[0].extent - 1)
        buffers.append(
            Buffer(
                count: transform > 0 ? Count(factor: places * channels[0] * channels[1]) : count(weight),
                home: isKept ? .kept : .arena))
        let into = buffers.count - 1
        packedOf[key] = into
        var work = Convolution(
            isGradient ? FK_CONV_PACK : FK_CONV_PACK_FORWARD, window, groups: groups, input: x, output: y)
        (work.w, work.x, work.transform) = (source, into, transform)
        let units = transform > 0 ? channels[0] : window.taps
        emit(
            id, "pack", .convolution(work), cut: .units(Count(factor: units), granule: 1),
            [Access(buffer: source, writes: false, touch: .all), Access(buffer: into, writes: true, touch: .all)])
        return Packed(buffer: into, transform: transform, rounds: rounds)
    }

    mutating func lowerWindow(_ id: NodeID, _ node: Node, bias: NodeID?) {
        if madeWithTaps.contains(id) { return }
        let into = buffer(of: id)
        let (first, second) = (node.inputs[0], node.inputs.count > 1 ? node.inputs[1] : nil)
        let shape = node.type.shape
        var work: Convolution
        var flops = Count(factor: 0)
        func operations(_ window: Window, _ groups: Int, _ x: Shape, _ y: Shape) -> Count {
            var n = count(y)
            n.factor *= 2 * window.taps * (x.dims.last?.fixedValue ?? 0) / max(groups, 1)
            return n
        }
        switch node.op {
        case .convolution(let window, let groups):
            let x = graph.shape(of: first)
            work = Convolution(FK_CONV_FORWARD, window, groups: groups, input: x, output: shape)
            let weights = packed(id, node)
            (work.x, work.w, work.y) = (buffer(of: first), weights.buffer, into)
            (work.transform, work.rounds) = (weights.transform, weights.rounds)
            work.bias = bias.map { buffer(of: $0) }
            flops = operations(window, groups, x, shape)
        case .convolutionInputGradient(let window, let groups):
            let y = graph.shape(of: first)
            work = Convolution(FK_CONV_INPUT, window, groups: groups, input: shape, output: y)
            let weights = packed(id, node)
            (work.x, work.w, work.y) = (into, weights.buffer, buffer(of: first))
            (work.transform, work.rounds) = (weights.transform, weights.rounds)
            flops = operations(window, groups, shape, y)
        case .convolutionWeightGradient(let window, let groups):
            let (x, y) = (graph.shape(of: first), second.map { graph.shape(of: $0) } ?? shape)
            return lowerWeightGradient(id, window, groups, x, y, flops: operations(window, groups, x, y))
        case .windowSum(let window):
            work = Convolution(FK_WINDOW_SUM, window, groups: 1, input: graph.shape(of: first), output: shape)
            (work.x, work.y) = (buffer(of: first), into)
        case .windowSpread(let window):
            work = Convolution(FK_WINDOW_SPREAD, window, groups: 1, input: shape, output: graph.shape(of: first))
            (work.x, work.y) = (into, buffer(of: first))
        case .windowArgMax(let window):
            work = Convolution(FK_WINDOW_ARGMAX, window, groups: 1, input: graph.shape(of: first), output: shape)
            (work.x, work.index) = (buffer(of: first), into)
            // The elements themselves are wanted as a rule: one pass makes both.
            let gather = graph.nodes.indices.first {
                graph.nodes[$0].op == .windowGather(window) && graph.nodes[$0].inputs == [first, id]
                    && grouping.groupOf[$0] != nil && graph.nodes[$0].phase == node.phase
            }
            if let gather {
                work.kind = FK_WINDOW_MAX
                work.y = buffer(of: NodeID(gather))
                madeWithTaps.insert(NodeID(gather))
            }
        case .windowGather(let window):
            work = Convolution(FK_WINDOW_GATHER, window, groups: 1, input: graph.shape(of: first), output: shape)
            (work.x, work.index, work.y) = (buffer(of: first), second.map { buffer(of: $0) }, into)
        case .windowScatterAdd(let window):
            work = Convolution(FK_WINDOW_SCATTER, window, groups: 1, input: shape, output: graph.shape(of: first))
            (work.x, work.y, work.index) = (into, buffer(of: first), second.map { buffer(of: $0) })
        default: return
        }
        if case .convolution = node.op, sharesLines, work.images.power == 1, work.output.count == 3,
            work.output[0] % 4 == 0
        {
            return lowerLines(id, work, flops)
        }
        let touch = imageTouch(work.images)
        let makesInput = work.kind == FK_CONV_INPUT || work.kind == FK_WINDOW_SPREAD || work.kind == FK_WINDOW_SCATTER
        let makesIndex = work.kind == FK_WINDOW_ARGMAX || work.kind == FK_WINDOW_MAX
        var accesses: [Access] = []
        if let x = work.x { accesses.append(Access(buffer: x, writes: makesInput, touch: touch)) }
        if let y = work.y { accesses.append(Access(buffer: y, writes: !makesInput, touch: touch)) }
        if let index = work.index { accesses.append(Access(buffer: index, writes: makesIndex, touch: touch)) }
        for b in [work.w, work.bias] { if let b { accesses.append(Access(buffer: b, writes: false, touch: .all)) } }
        emit(id, node.op.name, .convolution(work), cut: imageCut(work.images), accesses, flops: flops)
    }

    /// A convolution whose output threads share out by quarters of images: they read over each other's borders.
    private mutating func lowerLines(_ id: NodeID, _ convolution: Convolution, _ flops: Count) {
        var work = convolution
        work.byLines = true
        let (lines, width) = (work.output[0], work.output[1])
        let count = work.images.factor * lines
        var accesses = [work.x, work.w, work.bias].compactMap { $0 }.map {
            Access(buffer: $0, writes: false, touch: .all)
        }
        if let y = work.y {
            let rows = Count(power: 1, factor: count * width)
            accesses.append(Access(buffer: y, writes: true, touch: .sharing(rows, granule: rowGranule(rows))))
        }
        let cut = Count(power: 1, factor: count)
        emit(id, "convolution", .convolution(work), cut: .rows(cut, granule: rowGranule(cut)), accesses, flops: flops)
    }

    private func imageCut(_ images: Count) -> Cut {
        images.power == 1 ? .rows(images, granule: batchGranule * images.factor) : .rows(images, granule: 1)
    }

    private func imageTouch(_ images: Count) -> Touch {
        guard case .rows(let rows, let granule) = imageCut(images) else { return .all }
        return .sharing(rows, granule: granule)
    }

    /// Sums over blocks of images, each by one thread, then the sum of the blocks.
    private mutating func lowerWeightGradient(
        _ id: NodeID, _ window: Window, _ groups: Int, _ x: Shape, _ y: Shape, flops: Count
    ) {
        let node = graph[id]
        let into = buffer(of: id)
        var work = Convolution(FK_CONV_WEIGHT, window, groups: groups, input: x, output: y)
        // Sums of larger tiles would be longer than what they save (see `winograd.inc`).
        work.transform = window.taps == 9 && transform(window, groups: groups, x, y) > 0 ? 2 : 0
        let channels = node.type.shape.dims.suffix(2).map { $0.fixedValue ?? 0 }
        let weight = work.transform > 0 ? Count(factor: 16 * channels[0] * channels[1]) : count(node.type.shape)
        let images = work.images
        work.block = images.power == 1 ? batchGranule * images.factor : max(images.factor, 1)
        work.blocks = max(1, (images.resolved(maxBatch) + work.block - 1) / work.block)
        func temporary(_ count: Count) -> Int {
            buffers.append(Buffer(count: count, home: .arena))
            return buffers.count - 1
        }
        let isAlone = work.blocks == 1
        let total = work.transform > 0 ? temporary(weight) : into
        let partial = isAlone ? total : temporary(weight * Count(factor: work.blocks))
        let (source, gradient) = (buffer(of: node.inputs[0]), buffer(of: node.inputs[1]))
        (work.x, work.y, work.w) = (source, gradient, partial)
        let touch = isAlone ? Touch.first : imageTouch(images)
        emit(
            id, node.op.name, .convolution(work), cut: isAlone ? .none : imageCut(images),
            [
                Access(buffer: source, writes: false, touch: touch),
                Access(buffer: gradient, writes: false, touch: touch),
                Access(buffer: partial, writes: true, touch: touch),
            ], flops: flops)
        if !isAlone {
            emit(
                id, "sum of blocks",
                .indexed(
                    FK_I_REDUCE, source: partial, indices: nil, into: total, outer: Count(),
                    extent: Count(factor: work.blocks), inner: weight, taken: Count(), mode: 0, along: false),
                cut: .units(weight, granule: 16),
                [
                    Access(buffer: partial, writes: false, touch: .all),
                    Access(buffer: total, writes: true, touch: .all),
                ])
        }
        guard work.transform > 0 else { return }
        work.kind = FK_CONV_UNPACK
        (work.x, work.w, work.y) = (total, into, nil)
        emit(
            id, "unpack", .convolution(work), cut: .units(Count(factor: channels[0]), granule: 1),
            [Access(buffer: total, writes: false, touch: .all), Access(buffer: into, writes: true, touch: .all)])
    }
}
