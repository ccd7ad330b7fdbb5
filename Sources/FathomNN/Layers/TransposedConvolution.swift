import FathomGraph

/// A convolution run backwards: [B, …spatial…, channels] → [B, …larger…, filters], with one to three spatial axes as the
/// input has them (Zeiler et al. 2010; PyTorch's `ConvTranspose`).
///
/// Each axis gives (n − 1)·stride − 2·padding + dilation·(kernel − 1) + 1 + outputPadding places; with padding `.same` it gives
/// n·stride. `weight` is [kernel…, filters / groups, channels], `bias` [filters]; the channels are inferred.
///
/// A kernel that is no multiple of the stride covers its places unevenly, which shows as a checkerboard; ``Upsample`` and a
/// ``Convolution`` do not have that.
public struct TransposedConvolution: Layer {
    /// The channels of the output.
    public let filters: Int
    /// The taps along each spatial axis; one number stands for all.
    public let kernel: [Int]
    /// What the places of the input lie apart in the output, along each spatial axis; one number stands for all.
    public let stride: [Int]
    /// What the convolution that is run backwards would add around its image.
    public let padding: Padding
    /// Places added at the end of each axis, fewer than the stride: which of the sizes that a stride maps to one is meant.
    public let outputPadding: [Int]
    /// The distance of neighbouring taps along each spatial axis, 1 for a dense kernel; one number stands for all.
    public let dilation: [Int]
    /// Groups of channels that do not see each other; must divide channels and filters.
    public let groups: Int
    /// Whether each filter adds a number of its own.
    public let useBias: Bool
    /// How the weight is drawn.
    public let initializer: Initializer
    /// How the bias is drawn, where there is one.
    public let biasInitializer: Initializer
    let identity: LayerIdentity

    /// Numbers for each spatial axis, or a single one for all; padding `.same` allows no output padding.
    public init(
        _ filters: Int, kernel: [Int], stride: [Int] = [1], padding: Padding = .same, outputPadding: [Int] = [0],
        dilation: [Int] = [1], groups: Int = 1, bias: Bool = true, initializer: Initializer = .automatic,
        biasInitializer: Initializer = .zeros, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.filters = filters
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.outputPadding = outputPadding
        self.dilation = dilation
        self.groups = groups
        useBias = bias
        self.initializer = initializer
        self.biasInitializer = biasInitializer
        identity = LayerIdentity(file: file, line: line)
    }

    /// The same kernel and stride along every axis.
    public init(
        _ filters: Int, kernel: Int, stride: Int = 1, padding: Padding = .same, outputPadding: Int = 0,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        self.init(
            filters, kernel: [kernel], stride: [stride], padding: padding, outputPadding: [outputPadding], file: file,
            line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "transposedConvolution") { layer in
            // Checks kernel, stride and dilation against the axes; the window itself belongs to the larger image.
            guard
                let (given, channels) = layer.window(
                    "transposedConvolution", x, kernel, strides: stride, dilations: dilation, padding: .valid),
                let spatial = x.spatialExtents
            else { return x.poison }
            guard filters > 0, groups > 0, channels % groups == 0, filters % groups == 0 else {
                return layer.fail(
                    "transposedConvolution", [x],
                    "\(groups) groups do not divide \(channels) channels and \(filters) filters",
                    hint: "both must be multiples of the groups, and there must be at least one filter")
            }
            let extra = outputPadding.count == 1 ? spatial.map { _ in outputPadding[0] } : outputPadding
            let strides = given.axes.map(\.stride)
            guard extra.count == spatial.count, zip(extra, strides).allSatisfy({ $0 >= 0 && $0 < $1 }),
                padding != .same || extra.allSatisfy({ $0 == 0 })
            else {
                return layer.fail(
                    "transposedConvolution", [x], "output padding \(outputPadding) does not fit stride \(strides)",
                    hint: "give 0 or more and less than the stride, one number for all axes or one for each, and none "
                        + "with padding same")
            }
            var sides = given.axes.map { _ in 0 }
            if case .explicit(let all) = padding {
                sides = all.count == 1 ? given.axes.map { _ in all[0] } : all
            }
            guard sides.count == spatial.count, sides.allSatisfy({ $0 >= 0 && $0 < 1 << 16 }) else {
                return layer.fail(
                    "transposedConvolution", [x], "padding \(sides) does not fit \(spatial.count) spatial axes",
                    hint: "give one number for all axes, or one for each")
            }
            let extents = spatial.indices.map { a in
                padding == .same
                    ? spatial[a] * strides[a]
                    : (spatial[a] - 1) * strides[a] - 2 * sides[a] + given.axes[a].reach + extra[a]
            }
            guard extents.allSatisfy({ $0 > 0 }),
                let window = Window(kernel, strides: stride, dilations: dilation, padding: padding, over: extents)
            else {
                return layer.fail(
                    "transposedConvolution", [x], "the output would have extents \(extents)", hint: "use less padding")
            }
            let taps = window.axes.map { Dim.fixed($0.extent) }
            let w = layer.parameter(
                "weight", shape: Shape(taps + [.fixed(filters / groups), .fixed(channels)]),
                initializer: initializer)
            let shape = Shape([x.shape[0]] + extents.map { .fixed($0) } + [.fixed(filters)])
            let y = x.transposeConvolved(with: w, window, groups: groups, to: shape)
            return useBias ? y + layer.parameter("bias", shape: [.fixed(filters)], initializer: biasInitializer) : y
        }
    }
}
