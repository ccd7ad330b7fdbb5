import FathomGraph

/// How an input reaches the end of a block whose output has another number of features.
public enum Shortcut: String, Sendable, Hashable, CaseIterable {
    /// Through a learnt matrix without bias (He et al. 2015, option B).
    case projection
    /// With zeros for the new features (option A); only to more features.
    case padding
}

extension LayerScope {
    /// `x` with `units` features: itself when it has as many, else as `shortcut` says. A projection is the parameter
    /// `projection.weight` [features, units].
    func carry(_ x: Tensor, to units: Int, by shortcut: Shortcut, op: String) -> Tensor {
        guard let features = features(of: x, op) else { return x.poison }
        if features == units { return x }
        switch shortcut {
        case .projection:
            return affine(
                x, parameter("projection.weight", shape: [.fixed(features), .fixed(units)], initializer: .xavierNormal))
        case .padding:
            guard units > features else {
                return fail(
                    op, [x], "zero padding cannot carry \(features) features to \(units)",
                    hint: "use Shortcut.projection, or keep the width")
            }
            return x.padded(axis: -1, low: 0, high: units - features)
        }
    }
}
