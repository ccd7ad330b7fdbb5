extension Op {
    /// The type of the operation's value.
    ///
    /// - Parameter requested: what the caller asked for, where the operands do not determine it.
    func inferType(_ operands: [TensorType], requested: TensorType?) throws(GraphError) -> TensorType {
        let type = try resultType(operands, requested: requested)
        // Checked for every operation, so that no later product of extents overflows.
        if type.shape.symbolicCount == nil {
            throw GraphError(
                op: name, operands: operands, message: "\(type.shape) has too many elements",
                hint: "a tensor holds at most 2^40 elements")
        }
        return type
    }

    private func resultType(_ operands: [TensorType], requested: TensorType?) throws(GraphError) -> TensorType {
        func fail(_ message: String, _ hint: String) -> GraphError {
            GraphError(op: name, operands: operands, message: message, hint: hint)
        }
        func expect(_ count: Int) throws(GraphError) {
            if operands.count != count {
                throw fail("takes \(count) operands, not \(operands.count)", "give it \(count)")
            }
        }
        func expectAxis(_ axis: Int, below rank: Int) throws(GraphError) {
            if axis < 0 || axis >= rank {
                throw fail(
                    "axis \(axis) does not exist in rank \(rank)",
                    rank == 0 ? "a scalar has no axis" : "axes count from 0 to \(rank - 1)")
            }
        }
        func request() throws(GraphError) -> TensorType {
            guard let requested else {
                throw fail("needs a result type", "pass the type, which the operands do not determine")
            }
            for dim in requested.shape.dims {
                switch dim {
                case .fixed(let n) where n < 0: throw fail("extent \(n) is negative", "every extent is 0 or more")
                case .batch(let n) where n < 1:
                    throw fail("batch multiple \(n) is not positive", "use a multiple of 1 or more")
                default: break
                }
            }
            if requested.shape.symbolicCount == nil {
                throw fail("\(requested.shape) has too many elements", "a tensor holds at most 2^40 elements")
            }
            return requested
        }
        func expectElement(_ i: Int, _ element: ElementType) throws(GraphError) {
            if operands[i].element != element { throw fail("operand \(i + 1) must be \(element)", "cast it first") }
        }
        func fixed(_ shape: Shape, _ axis: Int) throws(GraphError) -> Int {
            guard let n = shape[axis].fixedValue else {
                throw fail("axis \(axis) is the batch axis, whose extent is not known", "apply it along another axis")
            }
            return n
        }
        func reduced(_ axes: [Int], _ element: ElementType) throws(GraphError) -> TensorType {
            try expect(1)
            for axis in axes { try expectAxis(axis, below: operands[0].shape.rank) }
            if Set(axes).count != axes.count { throw fail("axes \(axes) repeat", "name each axis once") }
            return TensorType(element, operands[0].shape.removing(axes: axes))
        }

        /// What a window makes of an image's shape, channel by channel.
        func slide(_ window: Window, over x: Shape) throws(GraphError) -> Shape {
            try expectElement(0, .float32)
            guard x.rank == window.axes.count + 2 else {
                throw fail(
                    "a window of \(window.axes.count) spatial axes does not fit shape \(x)",
                    "images are [B, …spatial…, channels]: Reshape before it, or use the layer for other axes")
            }
            var spatial: [Int] = []
            for axis in 1..<(x.rank - 1) { spatial.append(try fixed(x, axis)) }
            let channels = try fixed(x, x.rank - 1)
            let isPooling =
                switch self {
                case .convolution, .convolutionInputGradient, .convolutionWeightGradient: false
                default: true
                }
            if let (message, hint) = window.mistake(for: spatial, needsElements: isPooling) {
                throw fail(message, hint)
            }
            return Shape([x[0]] + zip(window.axes, spatial).map { .fixed($0.outputs($1)) } + [.fixed(channels)])
        }
        /// The output channels of a convolution of an image of shape `x`.
        func convolved(_ window: Window, _ groups: Int, _ x: Shape, weight w: Shape) throws(GraphError) -> Int {
            let inputs = try fixed(x, x.rank - 1)
            guard groups >= 1, inputs % groups == 0, inputs > 0 else {
                throw fail("\(groups) groups do not divide \(inputs) channels", "the channels must be a multiple of it")
            }
            guard w.rank == x.rank, let outputs = w[w.rank - 1].fixedValue, outputs > 0, outputs % groups == 0,
                w.dims.dropLast() == (window.axes.map { .fixed($0.extent) } + [.fixed(inputs / groups)])[...]
            else {
                let taps = window.axes.map { "\($0.extent)" }.joined(separator: ", ")
                throw fail(
                    "weight \(w) does not fit \(inputs) channels in \(groups) groups",
                    "it must be [\(taps), \(inputs / groups), a multiple of \(groups)]")
            }
            return outputs
        }
        func expectGradient(_ i: Int, _ shape: Shape) throws(GraphError) {
            guard operands[i].shape == shape else {
                throw fail("operand \(i + 1) has shape \(operands[i].shape)", "the window makes \(shape)")
            }
        }

        switch self {
        case .input, .state:
            try expect(0)
            return try request()
        case .constant(let value):
            try expect(0)
            let type = try request()
            let fits =
                switch type.element {
                case .float32: true
                case .int32: Int32(exactly: value) != nil
                case .bool: value == 0 || value == 1
                }
            if !fits { throw fail("\(value) is no value of \(type.element)", "round it, or use f32") }
            return type
        case .iota(let axis):
            try expect(0)
            let type = try request()
            try expectAxis(axis, below: type.shape.rank)
            return TensorType(.int32, type.shape)
        case .randomBits:
            try expect(2)
            if operands[0] != TensorType(.int32, [2]) || operands[1] != TensorType(.int32, .scalar) {
                throw fail("does not take these operands", "give it a seed i32[2] and a step i32[]")
            }
            return TensorType(.int32, try request().shape)
        case .extent(let axes):
            _ = try reduced(axes, .float32)
            return TensorType(.float32, .scalar)
        case .unary(let f):
            try expect(1)
            try expectElement(0, f == .uniformFromBits ? .int32 : .float32)
            return TensorType(.float32, operands[0].shape)
        case .binary:
            try expect(2)
            if operands[0].shape != operands[1].shape { throw fail("operands must have one shape", "broadcast first") }
            try expectElement(0, .float32)
            try expectElement(1, .float32)
            return operands[0]
        case .compare:
            try expect(2)
            if operands[0] != operands[1] {
                throw fail("operands must have one type and shape", "cast or broadcast first")
            }
            return TensorType(.bool, operands[0].shape)
        case .select:
            try expect(3)
            try expectElement(0, .bool)
            if operands[1] != operands[2] || operands[0].shape != operands[1].shape {
                throw fail(
                    "condition and both alternatives must have one shape", "broadcast them first; cast to one type")
            }
            return operands[1]
        case .cast(let element):
            try expect(1)
            return TensorType(element, operands[0].shape)
        case .broadcast:
            try expect(1)
            let type = try request()
            guard Shape.broadcasting(operands[0].shape, type.shape) == type.shape else {
                throw fail("cannot broadcast to \(type.shape)", "extents must agree from the last axis on, or be 1")
            }
            return TensorType(operands[0].element, type.shape)
        case .reshape:
            try expect(1)
            let type = try request()
            guard operands[0].shape.hasSameCount(as: type.shape) else {
                throw fail("cannot reshape to \(type.shape)", "both shapes must hold the same number of elements")
            }
            return TensorType(operands[0].element, type.shape)
        case .transpose(let axes):
            try expect(1)
            if axes.sorted() != Array(0..<operands[0].shape.rank) {
                throw fail("\(axes) is not a permutation of the axes", "name each axis of the operand once")
            }
            return TensorType(operands[0].element, Shape(axes.map { operands[0].shape[$0] }))
        case .slice(let axis, let start, let end, let step):
            try expect(1)
            try expectAxis(axis, below: operands[0].shape.rank)
            let extent = try fixed(operands[0].shape, axis)
            guard step > 0 else { throw fail("step \(step) is not positive", "use a step of 1 or more") }
            guard start >= 0, start <= end, end <= extent else {
                throw fail("\(start)..<\(end) is outside 0..<\(extent)", "bounds are ascending and within the axis")
            }
            var type = operands[0]
            // Not (end − start + step − 1) / step, which overflows for a large step.
            type.shape[axis] = .fixed(start == end ? 0 : (end - start - 1) / step + 1)
            return type
        case .pad(let axis, let low, let high, let interior):
            try expect(1)
            try expectAxis(axis, below: operands[0].shape.rank)
            let extent = try fixed(operands[0].shape, axis)
            guard low >= 0, high >= 0, interior >= 0 else {
                throw fail("padding must not be negative", "use slice to remove elements")
            }
            guard low < 1 << 32, high < 1 << 32, interior < 1 << 32, extent < 1 << 31 else {
                throw fail("padding is too large", "a tensor holds at most 2^40 elements")
            }
            var type = operands[0]
            let (between, overflow) = Swift.max(extent - 1, 0).multipliedReportingOverflow(by: interior)
            if overflow { throw fail("padding is too large", "a tensor holds at most 2^40 elements") }
            type.shape[axis] = .fixed(low + extent + between + high)
            return type
        case .concat(let axis):
            guard var type = operands.first else {
                throw fail("needs at least one operand", "give it the parts to join")
            }
            try expectAxis(axis, below: type.shape.rank)
            var total = 0
            for operand in operands {
                guard operand.element == type.element, operand.shape.rank == type.shape.rank,
                    operand.shape.removing(axes: [axis]) == type.shape.removing(axes: [axis])
                else { throw fail("operands must agree except along axis \(axis)", "cast or reshape the parts first") }
                total += try fixed(operand.shape, axis)
            }
            type.shape[axis] = .fixed(total)
            return type
        case .gather(let axis):
            try expect(2)
            try expectAxis(axis, below: operands[0].shape.rank)
            try expectElement(1, .int32)
            var dims = operands[0].shape.dims
            dims.replaceSubrange(axis...axis, with: operands[1].shape.dims)
            return TensorType(operands[0].element, Shape(dims))
        case .scatterAdd(let axis):
            try expect(2)
            let type = try request()
            try expectAxis(axis, below: type.shape.rank)
            try expectElement(0, .float32)
            try expectElement(1, .int32)
            var dims = type.shape.dims
            dims.replaceSubrange(axis...axis, with: operands[1].shape.dims)
            if Shape(dims) != operands[0].shape {
                throw fail(
                    "updates must have shape \(Shape(dims))", "the result's, with axis \(axis) replaced by the indices'"
                )
            }
            return TensorType(.float32, type.shape)
        case .gatherAlong(let axis):
            try expect(2)
            try expectAxis(axis, below: operands[0].shape.rank)
            try expectElement(1, .int32)
            guard operands[0].shape.rank == operands[1].shape.rank,
                operands[0].shape.removing(axes: [axis]) == operands[1].shape.removing(axes: [axis])
            else {
                throw fail(
                    "indices must have the data's shape except along axis \(axis)", "broadcast the indices first")
            }
            return TensorType(operands[0].element, operands[1].shape)
        case .scatterAddAlong(let axis):
            try expect(2)
            let type = try request()
            try expectAxis(axis, below: type.shape.rank)
            try expectElement(0, .float32)
            try expectElement(1, .int32)
            guard operands[0].shape == operands[1].shape,
                operands[0].shape.rank == type.shape.rank,
                operands[0].shape.removing(axes: [axis]) == type.shape.removing(axes: [axis])
            else {
                throw fail(
                    "updates and indices must have the result's shape except along axis \(axis)", "broadcast them first"
                )
            }
            return TensorType(.float32, type.shape)
        case .sum(let axes), .max(let axes), .min(let axes):
            let type = try reduced(axes, .float32)
            try expectElement(0, .float32)
            return type
        case .argMax(let axis):
            let type = try reduced([axis], .int32)
            try expectElement(0, .float32)
            return type
        case .argSort(let axis, _):
            try expect(1)
            try expectAxis(axis, below: operands[0].shape.rank)
            try expectElement(0, .float32)
            return TensorType(.int32, operands[0].shape)
        case .cumulativeSum(let axis, _):
            try expect(1)
            try expectAxis(axis, below: operands[0].shape.rank)
            try expectElement(0, .float32)
            return operands[0]
        case .matmul(let ta, let tb):
            try expect(2)
            try expectElement(0, .float32)
            try expectElement(1, .float32)
            let (a, b) = (operands[0].shape, operands[1].shape)
            guard a.rank >= 2, a.rank == b.rank else {
                throw fail("operands must have the same rank, at least 2", "reshape a vector to a row or a column")
            }
            let r = a.rank
            guard a.dims.prefix(r - 2) == b.dims.prefix(r - 2) else {
                throw fail("leading axes must agree", "broadcast the leading axes first")
            }
            let (m, k) = ta ? (a[r - 1], a[r - 2]) : (a[r - 2], a[r - 1])
            let (k2, n) = tb ? (b[r - 1], b[r - 2]) : (b[r - 2], b[r - 1])
            guard k == k2 else {
                throw fail(
                    "inner extents \(k) and \(k2) differ", "the first operand's columns must match the second's rows")
            }
            return TensorType(.float32, Shape(Array(a.dims.prefix(r - 2)) + [m, n]))
        case .convolution(let window, let groups):
            try expect(2)
            let (x, w) = (operands[0].shape, operands[1].shape)
            let output = try slide(window, over: x)
            let channels = try convolved(window, groups, x, weight: w)
            return TensorType(.float32, Shape(output.dims.dropLast() + [.fixed(channels)]))
        case .convolutionInputGradient(let window, let groups):
            try expect(2)
            let x = try request().shape
            let output = try slide(window, over: x)
            let channels = try convolved(window, groups, x, weight: operands[1].shape)
            try expectGradient(0, Shape(output.dims.dropLast() + [.fixed(channels)]))
            return TensorType(.float32, x)
        case .convolutionWeightGradient(let window, let groups):
            try expect(2)
            let (x, g) = (operands[0].shape, operands[1].shape)
            let output = try slide(window, over: x)
            guard g.rank == x.rank, g.dims.dropLast() == output.dims.dropLast() else {
                throw fail("the output's gradient has shape \(g)", "the window makes \(output) but for the channels")
            }
            let (inputs, outputs) = (try fixed(x, x.rank - 1), try fixed(g, g.rank - 1))
            guard groups >= 1, inputs % groups == 0, outputs % groups == 0 else {
                throw fail(
                    "\(groups) groups do not divide \(inputs) and \(outputs) channels", "both must be multiples of it")
            }
            return TensorType(
                .float32,
                Shape(window.axes.map { .fixed($0.extent) } + [.fixed(inputs / groups), .fixed(outputs)]))
        case .windowSum(let window):
            try expect(1)
            return TensorType(.float32, try slide(window, over: operands[0].shape))
        case .windowArgMax(let window):
            try expect(1)
            return TensorType(.int32, try slide(window, over: operands[0].shape))
        case .windowSpread(let window):
            try expect(1)
            let x = try request().shape
            try expectGradient(0, slide(window, over: x))
            return TensorType(.float32, x)
        case .windowGather(let window):
            try expect(2)
            let output = try slide(window, over: operands[0].shape)
            try expectElement(1, .int32)
            try expectGradient(1, output)
            return TensorType(.float32, output)
        case .windowScatterAdd(let window):
            try expect(2)
            let x = try request().shape
            let output = try slide(window, over: x)
            try expectElement(1, .int32)
            try expectGradient(0, output)
            try expectGradient(1, output)
            return TensorType(.float32, x)
        case .summary(let every), .exponentHistogram(let every):
            guard every >= 1, every <= Int(Int32.max) else {
                throw fail("every \(every) is not positive", "1 looks at everything, 8 at every eighth row")
            }
            try expect(every > 1 || operands.count == 2 ? 2 : 1)
            try expectElement(0, .float32)
            if operands.count == 2, operands[1] != TensorType(.int32, .scalar) {
                throw fail("operand 2 must be the step", "give it a step i32[]")
            }
            let isSummary = if case .summary = self { true } else { false }
            return TensorType(.float32, [.fixed(isSummary ? Moments.count : ExponentHistogram.count)])
        case .call(let fused):
            // The body decides: build it over placeholders of the operands' types.
            var scratch = Graph()
            var inputs: [NodeID] = []
            for (i, operand) in operands.enumerated() {
                inputs.append(try scratch.add(.input("\(i)"), type: operand))
            }
            let result = try fused.body(&scratch, inputs)
            return scratch[result].type
        }
    }
}
