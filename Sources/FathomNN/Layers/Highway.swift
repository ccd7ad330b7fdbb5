import FathomGraph

/// A layer with a learnt gate between changing its input and passing it on: y = H·T + x·(1 − T) (Srivastava et al. 2015).
///
/// [B, …, features] → […, units]. H = activation(x·W_H + b_H) and T = σ(x·W_T + b_T) come from one product: `weight` is
/// [features, H | T] = [features, 2·units] and `bias` [2·units]. The gate's bias starts negative, so that a fresh network
/// passes its input on, and gradients reach the first of many layers.
///
/// With a `kernel` it is the convolutional highway of the same paper: [B, …spatial…, channels] → […, units], both products
/// convolutions that keep the image's size, and `weight` [kernel…, channels, 2·units].
///
/// The original has one width throughout; with other `units` the input is carried over as `shortcut` says.
public struct Highway: Layer {
    /// Outputs; `nil` for as many as there are inputs.
    public let units: Int?
    /// The activation of H; an automatic `initializer` draws W_H to suit it.
    public let activation: Activation
    /// The first value of b_T: −1 to −3; the deeper, the more negative.
    public let gateBias: Double
    /// The taps along each spatial axis of an image, one number for all; `nil` for a dense layer.
    public let kernel: [Int]?
    /// How the input is carried over where `units` differ from its features; a normalised projection is an error.
    public let shortcut: Shortcut
    /// How W_H is drawn; W_T is drawn by Xavier's rule.
    public let initializer: Initializer
    let identity: LayerIdentity

    /// As many outputs as inputs, dense, with a gate that starts at σ(−1) ≈ 0.27, unless said otherwise.
    public init(
        _ units: Int? = nil, activation: Activation = .relu, gateBias: Double = -1, kernel: [Int]? = nil,
        shortcut: Shortcut = .projection, initializer: Initializer = .automatic, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        self.units = units
        self.activation = activation
        self.gateBias = gateBias
        self.kernel = kernel
        self.shortcut = shortcut
        self.initializer = initializer
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "highway") { layer in
            guard let features = layer.features(of: x, "highway") else { return x.poison }
            let units = units ?? features
            guard units > 0, units < 1 << 32 else {
                return layer.fail("highway", [x], "\(units) units", hint: "a layer needs at least one unit")
            }
            guard shortcut != .normalizedProjection else {
                return layer.fail(
                    "highway", [x], "a highway has no normalised projection", hint: "use projection or padding")
            }
            var window: Window?
            if let kernel {
                guard let found = layer.window("highway", x, kernel, strides: [1], padding: .same) else {
                    return x.poison
                }
                window = found.window
            }
            let taps = window?.axes.map { Dim.fixed($0.extent) } ?? []
            let weight = layer.parameter(
                "weight", shape: Shape(taps + [.fixed(features), .fixed(2 * units)]),
                initializer: .sideBySide([initializer.resolved(for: activation), .xavier]))
            let sums = window.map { x.convolved(with: weight, $0) } ?? affine(x, weight)
            let bias = layer.parameter(
                "bias", shape: [.fixed(2 * units)], initializer: .sideBySide([.zeros, .constant(gateBias)]))
            let both = (sums + bias).split(count: 2, axis: -1)
            let h = activation(both[0])
            let t = Activation.sigmoid(both[1])
            let carried = layer.carry(x, to: h.shape, by: shortcut, op: "highway")
            // H·T + x·(1 − T) with one product less.
            return carried + t * (h - carried)
        }
    }
}
