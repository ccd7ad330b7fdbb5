import FathomGraph

// Windows over images: one to three axes, odd extents, strides that leave elements out, dilation, groups, padding of every kind.
extension OpTable {
    typealias Axis = Window.Axis

    /// Window, spatial extents, channels and filters, groups, images.
    static let convolutions: [(Window, [Int], Int, Int, Int, Dim)] = [
        (Window([Axis(1), Axis(1)]), [2, 3], 2, 3, 1, 2),
        (Window([Axis(3, low: 1, high: 1), Axis(3, low: 1, high: 1)]), [5, 4], 3, 4, 1, .batch),
        (Window([Axis(3, stride: 2, low: 1, high: 1), Axis(2, stride: 2)]), [7, 6], 2, 5, 1, 2),
        (Window([Axis(2, stride: 3), Axis(1, stride: 2)]), [8, 5], 1, 2, 1, .batch),
        (
            Window([Axis(3, dilation: 2, low: 2, high: 2), Axis(2, stride: 2, dilation: 3, low: 1)]), [5, 7], 2, 2, 1, 2
        ),
        (Window([Axis(3, low: 1, high: 1), Axis(3, low: 1, high: 1)]), [4, 4], 4, 6, 2, 2),
        (Window([Axis(3, stride: 2, low: 1), Axis(3, high: 2)]), [4, 5], 3, 3, 3, .batch),
        (Window([Axis(5, low: 2, high: 2), Axis(5, low: 2, high: 2)]), [3, 3], 1, 17, 1, 1),
        (Window([Axis(3, low: 1, high: 1)]), [9], 3, 2, 1, .batch(multiple: 2)),
        // Sizes for which transforms save products.
        (Window([Axis(3, low: 1, high: 1), Axis(3, low: 1, high: 1)]), [4, 4], 16, 16, 1, 8),
        (Window([Axis(3, low: 2), Axis(3, low: 1, high: 2)]), [3, 2], 32, 16, 1, 9),
        (Window([Axis(3, low: 1, high: 1), Axis(3, high: 1)]), [6, 6], 16, 16, 1, 8),
        (Window([Axis(5, low: 2, high: 2), Axis(5, low: 1, high: 3)]), [3, 2], 32, 32, 1, 8),
        (Window([Axis(4, stride: 3, dilation: 2, low: 3, high: 6)]), [8], 2, 4, 2, 2),
        (Window([Axis(2, stride: 2), Axis(2, low: 1), Axis(3, low: 1, high: 1)]), [4, 3, 3], 2, 3, 1, 2),
    ]

    /// x and w, gradient and w, or x and gradient.
    static func convolutionCases(_ op: @escaping @Sendable (Window, Int) -> Op) -> [OpCase] {
        convolutions.map { window, spatial, channels, filters, groups, images in
            let x = Shape([images] + spatial.map { .fixed($0) } + [.fixed(channels)])
            let y = Shape([images] + zip(window.axes, spatial).map { .fixed($0.outputs($1)) } + [.fixed(filters)])
            let w = Shape(window.axes.map { .fixed($0.extent) } + [.fixed(channels / groups), .fixed(filters)])
            let isTransformed = channels % 16 == 0 && filters % 16 == 0
            return OpCase(
                "\(x) \(window)\(groups == 1 ? "" : " groups \(groups)") to \(filters)",
                isTransformed ? .transform : .reduction,
                linearIn: [[0], [1]]
            ) { b throws(GraphError) in
                switch op(window, groups) {
                case .convolutionInputGradient:
                    try b.graph.add(op(window, groups), [b.operand(y), b.operand(w)], type: TensorType(.float32, x))
                case .convolutionWeightGradient: try b.graph.add(op(window, groups), [b.operand(x), b.operand(y)])
                default: try b.graph.add(op(window, groups), [b.operand(x), b.operand(w)])
                }
            }
        }
    }

    static let windows: [(Window, [Int], Int, Dim)] = [
        (Window([Axis(2, stride: 2), Axis(2, stride: 2)]), [4, 4], 3, .batch),
        (Window([Axis(2, stride: 2), Axis(2, stride: 2)]), [5, 3], 17, 2),
        (Window([Axis(3, low: 1, high: 1), Axis(3, stride: 2, low: 1, high: 1)]), [5, 6], 2, 2),
        (Window([Axis(3, stride: 2, dilation: 2, low: 2, high: 3), Axis(1)]), [6, 2], 1, .batch),
        (Window([Axis(3, stride: 1)]), [7], 4, 2),
        (Window([Axis(2, stride: 2), Axis(2), Axis(2, low: 1)]), [4, 3, 3], 2, 1),
    ]

    static func windowCases(_ op: @escaping @Sendable (Window) -> Op) -> [OpCase] {
        windows.map { window, spatial, channels, images in
            let x = Shape([images] + spatial.map { .fixed($0) } + [.fixed(channels)])
            let y = Shape([images] + zip(window.axes, spatial).map { .fixed($0.outputs($1)) } + [.fixed(channels)])
            let isArgMax = if case .windowArgMax = op(window) { true } else { false }
            let sums: Tolerance = .reduction
            return OpCase(
                "\(x) \(window)", isArgMax ? .exact : sums, differentiable: !isArgMax, linearIn: isArgMax ? [] : [[0]]
            ) { b throws(GraphError) in
                switch op(window) {
                case .windowSpread: return try b.graph.add(op(window), [b.operand(y)], type: TensorType(.float32, x))
                case .windowGather:
                    return try b.graph.add(
                        op(window), [b.operand(x), b.operand(y, .index(below: .fixed(window.taps)))])
                case .windowScatterAdd:
                    return try b.graph.add(
                        op(window), [b.operand(y), b.operand(y, .index(below: .fixed(window.taps)))],
                        type: TensorType(.float32, x))
                case .windowArgMax: return try b.graph.add(op(window), [b.operand(x, .coarse)])
                default: return try b.graph.add(op(window), [b.operand(x)])
                }
            }
        }
    }
}
