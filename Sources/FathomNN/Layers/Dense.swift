import FathomGraph

/// A fully connected layer: y = x·W + b on the last axis, […, inputs] → […, units].
///
/// `weight` is [inputs, units], `bias` [units]; the number of inputs is inferred.
public struct Dense: Layer {
    public let units: Int
    public let useBias: Bool
    /// How the weight is drawn; `nil` chooses by the activation that follows (see ``Initializer/automatic``).
    public let initializer: Initializer
    public let biasInitializer: Initializer
    let identity: LayerIdentity

    public init(
        _ units: Int, bias: Bool = true, initializer: Initializer = .automatic, biasInitializer: Initializer = .zeros,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        self.units = units
        useBias = bias
        self.initializer = initializer
        self.biasInitializer = biasInitializer
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "dense") { layer in
            guard units > 0 else {
                return layer.fail("dense", [x], "\(units) units", hint: "a layer needs at least one unit")
            }
            guard x.rank >= 2, let inputs = x.extent(-1) else {
                return layer.fail(
                    "dense", [x], "needs an input of shape [B, …, features]", hint: "put Flatten() before it")
            }
            let w = layer.parameter("weight", shape: [.fixed(inputs), .fixed(units)], initializer: initializer)
            // Leading axes join into rows, so that the product is one matrix product.
            let rows = x.rank == 2 ? x : x.reshaped(to: [-1, .fixed(inputs)])
            var y = matmul(rows, w)
            if useBias { y = y + layer.parameter("bias", shape: [.fixed(units)], initializer: biasInitializer) }
            return x.rank == 2 ? y : y.reshaped(to: x.shape.dims.dropLast() + [.fixed(units)])
        }
    }
}
