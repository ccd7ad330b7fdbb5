import FathomGraph

/// A convolution whose kernel is chosen anew for each image, as a mixture of `kernels` learnt ones (Chen et al. 2020, "Dynamic
/// convolution: attention over convolution kernels").
///
/// [B, …spatial…, channels] → […, filters]. The shares are softmax(W₂·relu(W₁·mean(x)) / temperature). Because a convolution is
/// linear, mixing results is the same as mixing kernels: all are applied at once, at `kernels` times the cost of one (the paper
/// mixes first, which needs another product for each image). Parameters `weight` [kernel…, channels, kernels·filters], the
/// filters of a kernel side by side, `bias` [kernels·filters], and `reduce` and `expand`, each `weight` and `bias`.
public struct DynamicConvolution: Layer {
    /// The channels of the output.
    public let filters: Int
    /// The taps along each spatial axis; one number stands for all.
    public let kernel: [Int]
    /// How many kernels are mixed.
    public let kernels: Int
    /// Steps from window to window along each spatial axis; one number stands for all.
    public let stride: [Int]
    public let padding: Padding
    /// Large at first, so that all kernels learn; the paper takes 30 down to 1 within ten epochs.
    public let temperature: Double
    /// What the channels are divided by in between; at least one unit is left.
    public let reduction: Int
    /// How `weight` is drawn; the biases start at 0.
    public let initializer: Initializer
    let identity: LayerIdentity

    /// Four kernels at temperature 30 with a quarter of the channels in between, as in the paper, unless said otherwise.
    /// 1 to 64 kernels are allowed.
    public init(
        _ filters: Int, kernel: [Int], kernels: Int = 4, stride: [Int] = [1], padding: Padding = .same,
        temperature: Double = 30, reduction: Int = 4, initializer: Initializer = .automatic,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        self.filters = filters
        self.kernel = kernel
        self.kernels = kernels
        self.stride = stride
        self.padding = padding
        self.temperature = temperature
        self.reduction = reduction
        self.initializer = initializer
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "dynamicConvolution") { layer in
            guard
                let (window, channels) = layer.window(
                    "dynamicConvolution", x, kernel, strides: stride, padding: padding),
                let units = layer.reduced(channels, by: reduction, "dynamicConvolution")
            else { return x.poison }
            guard 1...64 ~= kernels, filters > 0, filters < 1 << 32, temperature > 0 else {
                return layer.fail(
                    "dynamicConvolution", [x], "\(kernels) kernels of \(filters) filters at temperature \(temperature)",
                    hint: "use 1 to 64 kernels (4 are usual), one filter or more, and a positive temperature")
            }
            let hidden = Activation.relu(layer.dense(x.mean(alongAxes: x.spatialAxes), "reduce", units: units))
            let shares = softmax(layer.dense(hidden, "expand", units: kernels) / temperature)
            let weight = layer.parameter(
                "weight",
                shape: Shape(
                    window.axes.map { .fixed($0.extent) } + [.fixed(channels), .fixed(kernels * filters)]),
                initializer: initializer)
            let bias = layer.parameter("bias", shape: [.fixed(kernels * filters)], initializer: .zeros)
            let all = x.convolved(with: weight, window) + bias
            guard all.id != nil else { return x.poison }
            let places = Array(all.shape.dims.dropLast())
            let mixed =
                all.reshaped(to: places + [.fixed(kernels), .fixed(filters)])
                * shares.reshaped(to: [x.shape[0]] + x.spatialAxes.map { _ in 1 } + [.fixed(kernels), 1])
            return mixed.sum(alongAxes: [-2])
        }
    }
}
