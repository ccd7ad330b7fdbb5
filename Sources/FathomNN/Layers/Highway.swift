import FathomGraph

/// A layer with a learnt gate between changing its input and passing it on: y = H·T + x·(1 − T) (Srivastava et al. 2015).
///
/// [B, …, features] → […, units]. H = activation(x·W_H + b_H) and T = σ(x·W_T + b_T) come from one product: `weight` is
/// [features, H | T] = [features, 2·units] and `bias` [2·units]. The gate's bias starts negative, so that a fresh network
/// passes its input on, and gradients reach the first of many layers.
///
/// The original has one width throughout; with other `units` the input is carried over as `shortcut` says.
public struct Highway: Layer {
    /// Outputs; `nil` for as many as there are inputs.
    public let units: Int?
    public let activation: Activation
    /// The first value of b_T: −1 to −3; the deeper, the more negative.
    public let gateBias: Double
    public let shortcut: Shortcut
    /// How W_H is drawn; W_T is drawn by Xavier's rule.
    public let initializer: Initializer
    let identity: LayerIdentity

    public init(
        _ units: Int? = nil, activation: Activation = .relu, gateBias: Double = -1, shortcut: Shortcut = .projection,
        initializer: Initializer = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.units = units
        self.activation = activation
        self.gateBias = gateBias
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
            let weight = layer.parameter(
                "weight", shape: [.fixed(features), .fixed(2 * units)],
                initializer: .sideBySide([initializer.resolved(for: activation), .xavier]))
            let bias = layer.parameter(
                "bias", shape: [.fixed(2 * units)], initializer: .sideBySide([.zeros, .constant(gateBias)]))
            let both = (affine(x, weight) + bias).split(count: 2, axis: -1)
            let h = activation(both[0])
            let t = Activation.sigmoid(both[1])
            let carried = layer.carry(x, to: units, by: shortcut, op: "highway")
            // H·T + x·(1 − T) with one product less.
            return carried + t * (h - carried)
        }
    }
}
