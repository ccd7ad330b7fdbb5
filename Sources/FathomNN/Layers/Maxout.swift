import FathomGraph

/// The largest of `pieces` affine functions for every unit: an activation that is learnt (Goodfellow et al. 2013).
///
/// […, features] → […, units]. Parameters `weight` [features, units·pieces], the pieces of a unit side by side, and `bias`
/// [units·pieces].
public struct Maxout: Layer {
    /// The extent of the output's last axis.
    public let units: Int
    /// Affine functions for each unit; 2 to 5 are usual.
    public let pieces: Int
    /// How the weight is drawn; the automatic rule is that of a ReLU.
    public let initializer: Initializer
    let identity: LayerIdentity

    /// Two pieces for each unit by default; the bias starts at 0.
    public init(
        _ units: Int, pieces: Int = 2, initializer: Initializer = .automatic, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        self.units = units
        self.pieces = pieces
        self.initializer = initializer
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "maxout") { layer in
            guard let features = layer.features(of: x, "maxout") else { return x.poison }
            guard units > 0, pieces > 0 else {
                return layer.fail(
                    "maxout", [x], "\(units) units of \(pieces) pieces",
                    hint: "both must be positive; 2 to 5 pieces are usual")
            }
            let (width, overflow) = units.multipliedReportingOverflow(by: pieces)
            guard !overflow else { return layer.fail("maxout", [x], "\(units) units of \(pieces) pieces are too many") }
            let weight = layer.parameter(
                "weight", shape: [.fixed(features), .fixed(width)], initializer: initializer.resolved(for: .relu))
            let bias = layer.parameter("bias", shape: [.fixed(width)], initializer: .zeros)
            let all = affine(x, weight) + bias
            return all.reshaped(to: x.shape.dims.dropLast() + [.fixed(units), .fixed(pieces)]).max(alongAxes: [-1])
        }
    }
}
