import Fathom

/// Bumps around learnt centres: yₖ = exp(−γₖ ‖x − cₖ‖²), [B, features] → [B, units].
///
/// `centre` is [units, features], `sharpness` the logarithm of γ, [units].
struct RadialBasis: Layer {
    let units: Int
    let identity: LayerIdentity

    init(_ units: Int, file: StaticString = #fileID, line: UInt = #line) {
        self.units = units
        identity = LayerIdentity(file: file, line: line)
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "radialBasis") { layer in
            guard x.rank == 2, let features = x.shape[1].fixedValue else {
                return layer.fail("radialBasis", [x], "needs an input [B, features]", hint: "put Flatten() before it")
            }
            let centre = layer.parameter(
                "centre", shape: [.fixed(units), .fixed(features)], initializer: .normal(standardDeviation: 1))
            let sharpness = layer.parameter("sharpness", shape: [.fixed(units)], initializer: .zeros)
            // [B, 1, features] − [units, features] → [B, units, features]
            let difference = x.reshaped(to: [-1, 1, .fixed(features)]) - centre
            let distance = (difference * difference).sum(alongAxes: [2])
            return exp(-exp(sharpness) * distance)
        }
    }
}
