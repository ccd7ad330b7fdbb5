import FathomGraph

/// A convolution of channels-last images: [B, …spatial…, channels] → [B, …spatial…, filters], with one to three spatial axes as
/// the input has them.
///
/// `weight` is [kernel…, channels / groups, filters], `bias` [filters]; the channels are inferred. With as many groups as
/// channels it is a depthwise convolution.
public struct Convolution: Layer {
    /// The channels of the output.
    public let filters: Int
    /// The taps along each spatial axis; one number stands for all.
    public let kernel: [Int]
    /// Steps from window to window along each spatial axis; one number stands for all.
    public let stride: [Int]
    public let padding: Padding
    /// The distance of neighbouring taps along each spatial axis, 1 for a dense kernel; one number stands for all.
    public let dilation: [Int]
    /// Groups of channels that do not see each other; must divide channels and filters. `nil`: as many as channels.
    public let groups: Int?
    /// Whether each filter adds a number of its own.
    public let useBias: Bool
    /// How the weight is drawn; `nil` chooses by the activation that follows (see ``Initializer/automatic``).
    public let initializer: Initializer
    /// How the bias is drawn, where there is one.
    public let biasInitializer: Initializer
    let identity: LayerIdentity

    /// A kernel, stride and dilation for each spatial axis, or a single number for all; the image's size is kept at stride 1
    /// unless `padding` says otherwise.
    public init(
        _ filters: Int, kernel: [Int], stride: [Int] = [1], padding: Padding = .same, dilation: [Int] = [1],
        groups: Int? = 1, bias: Bool = true, initializer: Initializer = .automatic,
        biasInitializer: Initializer = .zeros,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        self.filters = filters
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        useBias = bias
        self.initializer = initializer
        self.biasInitializer = biasInitializer
        identity = LayerIdentity(file: file, line: line)
    }

    /// The same kernel, stride and dilation along every axis.
    public init(
        _ filters: Int, kernel: Int, stride: Int = 1, padding: Padding = .same, dilation: Int = 1, groups: Int? = 1,
        bias: Bool = true, initializer: Initializer = .automatic, biasInitializer: Initializer = .zeros,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        self.init(
            filters, kernel: [kernel], stride: [stride], padding: padding, dilation: [dilation], groups: groups,
            bias: bias, initializer: initializer, biasInitializer: biasInitializer, file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "convolution") { layer in
            guard
                let (window, channels) = layer.window(
                    "convolution", x, kernel, strides: stride, dilations: dilation, padding: padding)
            else { return x.poison }
            let groups = groups ?? channels
            guard filters > 0, groups > 0, channels % groups == 0, filters % groups == 0 else {
                return layer.fail(
                    "convolution", [x], "\(groups) groups do not divide \(channels) channels and \(filters) filters",
                    hint: "both must be multiples of the groups, and there must be at least one filter")
            }
            let taps = window.axes.map { Dim.fixed($0.extent) }
            let w = layer.parameter(
                "weight", shape: Shape(taps + [.fixed(channels / groups), .fixed(filters)]), initializer: initializer)
            let y = x.convolved(with: w, window, groups: groups)
            return useBias ? y + layer.parameter("bias", shape: [.fixed(filters)], initializer: biasInitializer) : y
        }
    }
}

extension LayerScope {
    /// The window of a layer over an image, and the image's channels; records a mistake and returns `nil` where they do not fit.
    func window(
        _ op: String, _ x: Tensor, _ extents: [Int], strides: [Int], dilations: [Int] = [1], padding: Padding
    ) -> (window: Window, channels: Int)? {
        guard x.id != nil else { return nil }
        guard let spatial = x.spatialExtents, let channels = x.extent(-1), channels > 0 else {
            _ = fail(
                op, [x], "needs images of shape [B, …spatial…, channels] with one to three spatial axes",
                hint: "put Reshape([height, width, channels]) before it")
            return nil
        }
        guard
            let window = Window(extents, strides: strides, dilations: dilations, padding: padding, over: spatial)
        else {
            _ = fail(
                op, [x], "kernel \(extents), stride \(strides) or padding do not fit \(spatial.count) spatial axes",
                hint: "give one number for all axes, or one for each")
            return nil
        }
        return (window, channels)
    }
}
