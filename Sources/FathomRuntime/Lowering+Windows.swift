import CFathomKernels
import FathomGraph

// Convolutions and pooling. Images go to threads like other rows of the batch, so that neighbouring work needs no barrier.
extension Lowering {
    /// The blocks of images for which weights' gradients are summed apart: as many threads can share the work, and the sums
    /// do not depend on how many do.
    static let weightBlocks = 16

    /// Weights that gradients of inputs read, packed once before the step.
    mutating func packWeights() {
        for (i, node) in graph.nodes.enumerated() {
            guard grouping.groupOf[i] != nil, case .convolutionInputGradient = node.op,
                grouping.isGiven(grouping.memory(of: node.inputs[1]))
            else { continue }
            _ = packed(NodeID(i), node)
        }
    }

    /// The buffer of a convolution's weights as the gradient of its input reads them.
    private mutating func packed(_ id: NodeID, _ node: Node) -> Int {
        guard case .convolutionInputGradient(let window, let groups) = node.op else { return buffer(of: id) }
        let source = buffer(of: node.inputs[1])
        let key = PackedKey(weight: source, window: window, groups: groups)
        if let known = packedOf[key] { return known }
        let weight = graph.shape(of: node.inputs[1])
        buffers.append(Buffer(count: count(weight), home: .arena))
        let into = buffers.count - 1
        packedOf[key] = into
        var work = Convolution(
            FK_CONV_PACK, window, groups: groups, input: node.type.shape, output: graph.shape(of: node.inputs[0]))
        (work.w, work.x) = (source, into)
        emit(
            id, "pack", .convolution(work), cut: .units(Count(factor: window.taps), granule: 1),
            [Access(buffer: source, writes: false, touch: .all), Access(buffer: into, writes: true, touch: .all)])
        return into
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
            (work.x, work.w, work.y) = (buffer(of: first), second.map { buffer(of: $0) }, into)
            work.bias = bias.map { buffer(of: $0) }
            flops = operations(window, groups, x, shape)
        case .convolutionInputGradient(let window, let groups):
            let y = graph.shape(of: first)
            work = Convolution(FK_CONV_INPUT, window, groups: groups, input: shape, output: y)
            (work.x, work.w, work.y) = (into, packed(id, node), buffer(of: first))
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
        let weight = count(node.type.shape)
        var work = Convolution(FK_CONV_WEIGHT, window, groups: groups, input: x, output: y)
        let images = work.images
        work.block = images.power == 1 ? batchGranule * images.factor : max(images.factor, 1)
        work.blocks = max(1, (images.resolved(maxBatch) + work.block - 1) / work.block)
        let isAlone = work.blocks == 1
        let partial: Int
        if isAlone {
            partial = into
        } else {
            buffers.append(Buffer(count: weight * Count(factor: work.blocks), home: .arena))
            partial = buffers.count - 1
        }
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
        if isAlone { return }
        emit(
            id, "sum of blocks",
            .indexed(
                FK_I_REDUCE, source: partial, indices: nil, into: into, outer: Count(),
                extent: Count(factor: work.blocks),
                inner: weight, taken: Count(), mode: 0, along: false), cut: .units(weight, granule: 16),
            [
                Access(buffer: partial, writes: false, touch: .all),
                Access(buffer: into, writes: true, touch: .all),
            ])
    }
}
