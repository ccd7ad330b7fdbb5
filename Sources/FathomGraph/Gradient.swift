// Reverse mode as a graph-to-graph pass: one row per primitive, and composite operations need none, because their parts
// have one. Applied twice it gives second derivatives.

extension Graph {
    /// Appends the derivative of a scalar (or of `sum(of · seed)`) with respect to nodes.
    ///
    /// Backward nodes carry the layer path of the forward node they belong to and the phase `.backward`.
    ///
    /// - Parameters:
    ///   - output: the node to differentiate.
    ///   - targets: nodes it may depend on.
    ///   - seed: the gradient with respect to `output`; ones when `nil`.
    /// - Returns: for every target the node of its gradient; targets without influence get zeros.
    public mutating func gradient(
        of output: NodeID, withRespectTo targets: [NodeID], seed: NodeID? = nil
    ) throws(GraphError) -> [NodeID: NodeID] {
        try gradient(of: output, withRespectTo: targets, seed: seed, independent: false)
    }

    /// - Parameter independent: whether targets count as free variables even where one depends on another (the partial
    ///   derivatives of a composite operation with respect to its operands).
    private mutating func gradient(
        of output: NodeID, withRespectTo targets: [NodeID], seed: NodeID?, independent: Bool
    ) throws(GraphError) -> [NodeID: NodeID] {
        guard self[output].type.element == .float32 else {
            throw GraphError(
                op: "gradient", operands: [self[output].type], message: "only floats have a gradient",
                hint: "differentiate the float it comes from", layer: layer(of: output))
        }
        if let seed, self[seed].type != self[output].type {
            throw GraphError(
                op: "gradient", operands: [self[output].type, self[seed].type],
                message: "the seed must be like the output",
                hint: "broadcast or reshape the seed", layer: layer(of: output))
        }
        // Only nodes on a path from a target to the output take part.
        var reaches = [Bool](repeating: false, count: output.index + 1)
        for target in targets where target <= output { reaches[target.index] = true }
        for i in 0...output.index where !reaches[i] {
            reaches[i] = nodes[i].inputs.contains { reaches[$0.index] }
        }
        var gradients: [NodeID: NodeID] = [:]
        let savedLayer = currentLayer
        let savedPhase = phase
        defer { (currentLayer, phase) = (savedLayer, savedPhase) }
        phase = .backward
        if reaches[output.index] {
            currentLayer = layer(of: output)
            gradients[output] = if let seed { seed } else { try constant(1, like: output) }
        }
        for i in stride(from: output.index, through: 0, by: -1) where reaches[i] {
            let id = NodeID(i)
            guard let upstream = gradients[id] else { continue }
            let node = nodes[i]
            if node.inputs.isEmpty || independent && targets.contains(id) { continue }
            currentLayer = scopes[Int(node.scope)]
            let parts = try pullback(id, node, upstream) { reaches[node.inputs[$0].index] }
            for (input, part) in zip(node.inputs, parts) where reaches[input.index] {
                guard let part else { continue }
                if self[part].type != self[input].type {
                    // Only a composite's own gradient can be wrong about this.
                    throw GraphError(
                        op: node.op.name, operands: [self[input].type, self[part].type],
                        message: "the gradient it gives is not like the operand",
                        hint: "mend the operation's own gradient",
                        layer: currentLayer)
                }
                gradients[input] = if let sum = gradients[input] { try add(sum, part) } else { part }
            }
        }
        var result: [NodeID: NodeID] = [:]
        for target in targets {
            result[target] = if let g = gradients[target] { g } else { try constant(0, like: target) }
        }
        return result
    }

    /// The gradient with respect to each operand, given the gradient `g` with respect to the value `y`.
    /// `nil` where the operation is constant almost everywhere or the operand is not a float.
    private mutating func pullback(
        _ y: NodeID, _ node: Node, _ g: NodeID, needs: (Int) -> Bool
    ) throws(GraphError) -> [NodeID?] {
        let x = node.inputs[0]
        switch node.op {
        case .input, .state, .constant, .iota: return []
        case .randomBits, .extent, .compare, .argMax, .argSort, .windowArgMax, .summary, .exponentHistogram:
            return node.inputs.map { _ in nil }
        case .unary(let f): return [try unaryPullback(f, x: x, y: y, g)]
        case .binary(let f): return try binaryPullback(f, a: x, b: node.inputs[1], y: y, g, needs)
        case .select:
            let zero = try constant(0, like: g)
            return [nil, try select(x, g, zero), try select(x, zero, g)]
        case .cast: return [self[x].type.element == .float32 && node.type.element == .float32 ? g : nil]
        case .broadcast:
            let from = shape(of: x)
            let lead = node.type.shape.rank - from.rank
            var axes = Array(0..<lead)
            for i in 0..<from.rank where from[i] == .fixed(1) && node.type.shape[lead + i] != .fixed(1) {
                axes.append(lead + i)
            }
            return [try reshape(sum(g, axes: axes), to: from)]
        case .reshape: return [try reshape(g, to: shape(of: x))]
        case .transpose(let axes):
            var inverse = [Int](repeating: 0, count: axes.count)
            for (to, from) in axes.enumerated() { inverse[from] = to }
            return [try add(.transpose(inverse), [g])]
        case .slice(let axis, let start, _, let step):
            let taken = node.type.shape[axis].fixedValue ?? 0
            let extent = shape(of: x)[axis].fixedValue ?? 0
            if taken == 0 { return [try constant(0, like: x)] }
            let last = start + (taken - 1) * step
            // A single element has no neighbours to keep apart, however large the step.
            let interior = taken == 1 ? 0 : step - 1
            return [try add(.pad(axis: axis, low: start, high: extent - 1 - last, interior: interior), [g])]
        case .pad(let axis, let low, _, let interior):
            let extent = shape(of: x)[axis].fixedValue ?? 0
            let end = extent == 0 ? low : low + (extent - 1) * (interior + 1) + 1
            return [try add(.slice(axis: axis, start: low, end: end, step: interior + 1), [g])]
        case .concat(let axis):
            var start = 0
            var parts: [NodeID?] = []
            for input in node.inputs {
                let extent = shape(of: input)[axis].fixedValue ?? 0
                parts.append(try add(.slice(axis: axis, start: start, end: start + extent, step: 1), [g]))
                start += extent
            }
            return parts
        case .gather(let axis):
            return [try add(.scatterAdd(axis: axis), [g, node.inputs[1]], type: self[x].type), nil]
        case .scatterAdd(let axis): return [try add(.gather(axis: axis), [g, node.inputs[1]]), nil]
        case .gatherAlong(let axis):
            return [try add(.scatterAddAlong(axis: axis), [g, node.inputs[1]], type: self[x].type), nil]
        case .scatterAddAlong(let axis): return [try add(.gatherAlong(axis: axis), [g, node.inputs[1]]), nil]
        case .sum(let axes):
            let kept = shape(of: x).keeping(axes: axes)
            return [try broadcast(reshape(g, to: kept), to: shape(of: x))]
        case .max(let axes), .min(let axes):
            // Ties share the gradient equally.
            let full = shape(of: x)
            let kept = full.keeping(axes: axes)
            let hit = try compare(.equal, x, reshape(y, to: kept))
            let mask = try add(.cast(.float32), [hit])
            let share = try div(reshape(g, to: kept), sum(mask, axes: axes, keeping: true))
            return [try select(hit, broadcast(share, to: full), constant(0, like: x))]
        case .cumulativeSum(let axis, let reverse):
            return [try add(.cumulativeSum(axis: axis, reverse: !reverse), [g])]
        case .matmul(let ta, let tb):
            let b = node.inputs[1]
            let da: NodeID? =
                needs(0)
                ? ta
                    ? try matmul(b, g, transposeA: tb, transposeB: true)
                    : try matmul(g, b, transposeB: !tb) : nil
            let db: NodeID? =
                needs(1)
                ? tb
                    ? try matmul(g, x, transposeA: true, transposeB: ta)
                    : try matmul(x, g, transposeA: !ta) : nil
            return [da, db]
        case .convolution(let window, let groups):
            let w = node.inputs[1]
            return [
                needs(0)
                    ? try add(.convolutionInputGradient(window, groups: groups), [g, w], type: self[x].type) : nil,
                needs(1) ? try add(.convolutionWeightGradient(window, groups: groups), [x, g]) : nil,
            ]
        case .convolutionInputGradient(let window, let groups):
            return [
                needs(0) ? try add(.convolution(window, groups: groups), [g, node.inputs[1]]) : nil,
                needs(1) ? try add(.convolutionWeightGradient(window, groups: groups), [g, x]) : nil,
            ]
        case .convolutionWeightGradient(let window, let groups):
            return [
                needs(0)
                    ? try add(
                        .convolutionInputGradient(window, groups: groups), [node.inputs[1], g], type: self[x].type)
                    : nil,
                needs(1) ? try add(.convolution(window, groups: groups), [x, g]) : nil,
            ]
        case .windowSum(let window): return [try add(.windowSpread(window), [g], type: self[x].type)]
        case .windowSpread(let window): return [try add(.windowSum(window), [g])]
        case .windowGather(let window):
            return [try add(.windowScatterAdd(window), [g, node.inputs[1]], type: self[x].type), nil]
        case .windowScatterAdd(let window): return [try add(.windowGather(window), [g, node.inputs[1]]), nil]
        case .call(let fused):
            if let gradient = fused.gradient { return try gradient(&self, node.inputs, y, g) }
            // Differentiate the body in place of the call.
            let savedPhase = phase
            phase = node.phase
            let inner = try fused.body(&self, node.inputs)
            phase = savedPhase
            let wanted = node.inputs.indices.filter { needs($0) }.map { node.inputs[$0] }
            let grads = try gradient(of: inner, withRespectTo: wanted, seed: g, independent: true)
            // An operand that stands twice has its whole gradient already: give it once.
            return node.inputs.enumerated().map { i, input in
                node.inputs.firstIndex(of: input) == i ? grads[input] : nil
            }
        }
    }

    private mutating func unaryPullback(
        _ f: Op.Unary, x: NodeID, y: NodeID, _ g: NodeID
    ) throws(GraphError) -> NodeID? {
        switch f {
        case .neg: return try unary(.neg, g)
        case .exp: return try mul(g, y)
        case .expm1: return try mul(g, add(y, 1))
        case .log: return try div(g, x)
        case .log1p: return try div(g, add(x, 1))
        case .tanh: return try mul(g, sub(constant(1, like: y), mul(y, y)))
        case .sigmoid: return try mul(g, mul(y, sub(constant(1, like: y), y)))
        case .softplus: return try mul(g, unary(.sigmoid, x))
        case .erf:  // 2/√π · e^(−x²)
            return try mul(g, mul(unary(.exp, unary(.neg, mul(x, x))), 1.1283791670955126))
        case .erfc:
            return try mul(g, mul(unary(.exp, unary(.neg, mul(x, x))), -1.1283791670955126))
        case .sqrt: return try div(mul(g, 0.5), y)
        case .rsqrt: return try mul(g, mul(mul(y, mul(y, y)), -0.5))
        case .abs: return try mul(g, unary(.sign, x))
        case .sign, .floor, .ceil, .round, .uniformFromBits: return nil
        case .sin: return try mul(g, unary(.cos, x))
        case .cos: return try unary(.neg, mul(g, unary(.sin, x)))
        }
    }

    private mutating func binaryPullback(
        _ f: Op.Binary, a: NodeID, b: NodeID, y: NodeID, _ g: NodeID, _ needs: (Int) -> Bool
    ) throws(GraphError) -> [NodeID?] {
        switch f {
        case .add: return [g, g]
        case .sub: return [g, needs(1) ? try unary(.neg, g) : nil]
        case .mul: return [needs(0) ? try mul(g, b) : nil, needs(1) ? try mul(g, a) : nil]
        case .div:
            return [
                needs(0) ? try div(g, b) : nil,
                needs(1) ? try unary(.neg, div(mul(g, y), b)) : nil,
            ]
        case .pow:
            // ∂/∂a = b·a^(b−1); ∂/∂b = y·ln a, and 0 where a = 0 (the limit for b > 0).
            let one = try constant(1, like: b)
            var da: NodeID?
            if needs(0) {
                // Where b = 0 the power is a⁰ instead of a⁻¹, so that the slope, and what is derived from it, is 0 at a = 0.
                let lowered: NodeID
                if let value = constantValue(of: b) {
                    lowered = try constant(value == 0 ? 0 : value - 1, like: b)
                } else {
                    let zero = try constant(0, like: b)
                    lowered = try select(compare(.equal, b, zero), zero, sub(b, one))
                }
                da = try mul(g, mul(b, binary(.pow, a, lowered)))
            }
            var db: NodeID?
            if needs(1) {
                let zero = try constant(0, like: a)
                let positive = try compare(.notEqual, a, zero)
                let logA = try unary(.log, select(positive, a, one))
                db = try mul(g, mul(y, logA))
            }
            return [da, db]
        case .max, .min:
            // At a tie the gradient goes to the second operand, so that max(x, 0) has derivative 0 at 0.
            let zero = try constant(0, like: g)
            // The result is as good as the first operand for telling (NaN included), and often the only one still needed.
            let first = try compare(f == .max ? .greater : .less, y, b)
            return [try select(first, g, zero), try select(first, zero, g)]
        }
    }

    /// The number every element of a node is, when it is a constant, stretched or not.
    private func constantValue(of id: NodeID) -> Double? {
        switch self[id].op {
        case .constant(let value): value
        case .broadcast, .reshape: constantValue(of: self[id].inputs[0])
        default: nil
        }
    }
}
