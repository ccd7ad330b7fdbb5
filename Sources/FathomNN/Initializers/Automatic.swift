import FathomGraph
import Synchronization

extension Initializer {
    /// Chosen by the activation that follows; see ``resolved(for:)``.
    public static let automatic = Initializer("automatic") { context in
        automatic(for: context.activation).values(&context)
    }

    /// This rule, or the one that ``automatic`` stands for before the given activation.
    public func resolved(for activation: Activation?) -> Initializer {
        name == Self.automatic.name ? Self.automatic(for: activation) : self
    }

    /// He's rule before the ReLU family, LeCun's before SELU, Xavier's before tanh, sigmoid and nothing, and
    /// ``critical(for:biasVariance:)`` before any other function of one element.
    static func automatic(for activation: Activation?) -> Initializer {
        switch activation?.name {
        case "relu", "relu6", "leakyRelu", "prelu", "rrelu", "crelu", "threshold": .he
        case "selu": .lecunNormal
        case nil, "identity", "tanh", "sigmoid", "scaledTanh", "softsign", "hardTanh", "hardSigmoid", "step": .xavier
        case _?:
            if let activation, activation.isElementwise { critical(for: activation) } else { .xavier }
        }
    }

    /// Normal with the variance σw²/fan-in for which gradients neither vanish nor explode (χ = 1, see
    /// ``SignalPropagation/critical(biasVariance:)``), for any activation, a user's own included.
    ///
    /// The variance is found by quadrature when first needed, in some 0.1 s. An activation without a slope gets LeCun's rule. The
    /// biases that belong to it are ``criticalBias(for:biasVariance:)``: of zeros for most; GELU, say, has no such weights
    /// without them.
    public static func critical(for activation: Activation, biasVariance: Double = 0) -> Initializer {
        let variance = Once {
            let found = try? SignalPropagation(activation).critical(biasVariance: biasVariance)
            return found?.weightVariance ?? 1
        }
        let bias = biasVariance == 0 ? "" : ", \(biasVariance)"
        return Initializer("critical(\(activation)\(bias))") { context in
            let deviation = (variance.value / Fan.inputs.count(context)).squareRoot()
            return context.fillNormal { deviation * $0 }
        }
    }

    /// The biases that belong to ``critical(for:biasVariance:)``: normal with the σb² for which χ = 1, which is the one asked for
    /// where the activation has such a pair.
    public static func criticalBias(for activation: Activation, biasVariance: Double = 0) -> Initializer {
        let variance = Once {
            let found = try? SignalPropagation(activation).critical(biasVariance: biasVariance)
            return found?.biasVariance ?? biasVariance
        }
        let bias = biasVariance == 0 ? "" : ", \(biasVariance)"
        return Initializer("criticalBias(\(activation)\(bias))") { context in
            let deviation = max(variance.value, 0).squareRoot()
            return context.fillNormal { deviation * $0 }
        }
    }

    /// Biases of a known variance σb², whatever the fan-in.
    public static func criticalBias(variance: Double) -> Initializer {
        .normal(standardDeviation: max(variance, 0).squareRoot())
    }
}

/// A number computed when it is first asked for.
private final class Once: Sendable {
    private let known = Mutex<Double?>(nil)
    private let compute: @Sendable () -> Double

    init(_ compute: @escaping @Sendable () -> Double) { self.compute = compute }

    var value: Double {
        known.withLock { value in
            if let value { return value }
            let fresh = compute()
            value = fresh
            return fresh
        }
    }
}
