import FathomGraph

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Single numbers in single precision, for what the host computes of a step.
enum Scalar {
    static func apply(_ f: Op.Unary, _ x: Float) -> Float {
        switch f {
        case .neg: -x
        case .exp: expf(x)
        case .expm1: expm1f(x)
        case .log: logf(x)
        case .log1p: log1pf(x)
        case .tanh: tanhf(x)
        case .sigmoid: x >= 0 ? 1 / (1 + expf(-x)) : expf(x) / (1 + expf(x))
        case .softplus: x.isNaN ? x : max(x, 0) + log1pf(expf(-abs(x)))
        case .erf: erff(x)
        case .erfc: erfcf(x)
        case .sqrt: x.squareRoot()
        case .rsqrt: 1 / x.squareRoot()
        case .abs: abs(x)
        case .sign: x > 0 ? 1 : x < 0 ? -1 : x
        case .floor: x.rounded(.down)
        case .ceil: x.rounded(.up)
        case .round: x.rounded(.toNearestOrEven)
        case .sin: sinf(x)
        case .cos: cosf(x)
        case .uniformFromBits: Float(x.bitPattern >> 8) * 0x1p-24
        }
    }

    static func apply(_ f: Op.Binary, _ a: Float, _ b: Float) -> Float {
        switch f {
        case .add: a + b
        case .sub: a - b
        case .mul: a * b
        case .div: a / b
        case .pow: powf(a, b)
        case .max: a.isNaN ? a : b.isNaN ? b : (a > b ? a : b)
        case .min: a.isNaN ? a : b.isNaN ? b : (a < b ? a : b)
        }
    }
}
