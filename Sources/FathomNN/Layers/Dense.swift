import FathomGraph

/// A fully connected layer: y = x·W + b on the last axis, […, inputs] → […, units].
///
/// `weight` is [inputs, units], `bias` [units]; the number of inputs is inferred.
public struct Dense: Layer {
    /// The extent of the output's last axis.
    public let units: Int
    /// Whether each unit adds a number of its own.
    public let useBias: Bool
    /// How the weight is drawn; `nil` chooses by the activation that follows (see ``Initializer/automatic``).
    public let initializer: Initializer
    /// How the bias is drawn, where there is one.
    public let biasInitializer: Initializer
    let identity: LayerIdentity

    /// A layer with a bias that starts at 0, unless said otherwise; the weight is drawn to suit the activation that follows.
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
            guard let inputs = layer.features(of: x, "dense") else { return x.poison }
            let w = layer.parameter("weight", shape: [.fixed(inputs), .fixed(units)], initializer: initializer)
            let y = affine(x, w)
            return useBias ? y + layer.parameter("bias", shape: [.fixed(units)], initializer: biasInitializer) : y
        }
    }
}

/// x·W on the last axis: […, inputs] and [inputs, outputs] → […, outputs].
func affine(_ x: Tensor, _ weight: Tensor) -> Tensor {
    guard x.rank != 2, let inputs = weight.extent(0), let outputs = weight.extent(1) else { return matmul(x, weight) }
    // Leading axes join into rows, so that the product is one matrix product.
    let y = matmul(x.reshaped(to: [-1, .fixed(inputs)]), weight)
    return y.reshaped(to: x.shape.dims.dropLast() + [.fixed(outputs)])
}

extension LayerScope {
    /// The number of features of an input [B, …, features]; records a mistake and returns `nil` when it has another shape.
    func features(of x: Tensor, _ op: String) -> Int? {
        guard x.id != nil else { return nil }
        guard x.rank >= 2, let n = x.extent(-1), n > 0 else {
            _ = fail(
                op, [x], "needs an input of shape [B, …, features]", hint: "put Flatten() or Reshape([n]) before it")
            return nil
        }
        return n
    }
}
