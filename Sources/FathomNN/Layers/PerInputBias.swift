import FathomGraph

/// A fully connected layer with its bias before the weights: y = (x + b)·W, […, features] → […, units].
///
/// `bias` is [features], so that each input has a zero point of its own, which the weights then turn into slopes about it.
/// `weight` is [features, units].
public struct PerInputBias: Layer {
    /// The extent of the output's last axis.
    public let units: Int
    /// How the weight is drawn.
    public let initializer: Initializer
    /// How the bias, one number for each input, is drawn.
    public let biasInitializer: Initializer
    let identity: LayerIdentity

    /// The bias starts at 0 unless said otherwise, as that of ``Dense`` does.
    public init(
        _ units: Int, initializer: Initializer = .automatic, biasInitializer: Initializer = .zeros,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        self.units = units
        self.initializer = initializer
        self.biasInitializer = biasInitializer
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "perInputBias") { layer in
            guard let features = layer.features(of: x, "perInputBias") else { return x.poison }
            guard units > 0 else {
                return layer.fail("perInputBias", [x], "\(units) units", hint: "a layer needs at least one unit")
            }
            let bias = layer.parameter("bias", shape: [.fixed(features)], initializer: biasInitializer)
            let weight = layer.parameter("weight", shape: [.fixed(features), .fixed(units)], initializer: initializer)
            return affine(x + bias, weight)
        }
    }
}
