import FathomGraph

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension Interpreter {
    /// The function in `Double`, in its stable form.
    public static func apply(_ f: Op.Unary, _ x: Double) -> Double {
        switch f {
        case .neg: -x
        case .exp: exp(x)
        case .expm1: expm1(x)
        case .log: log(x)
        case .log1p: log1p(x)
        case .tanh: tanh(x)
        case .sigmoid: x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x))
        case .softplus: x.isNaN ? x : max(x, 0) + log1p(exp(-abs(x)))
        case .erf: erf(x)
        case .erfc: erfc(x)
        case .sqrt: x.squareRoot()
        case .rsqrt: 1 / x.squareRoot()
        case .abs: abs(x)
        case .sign: x > 0 ? 1 : x < 0 ? -1 : x
        case .floor: x.rounded(.down)
        case .ceil: x.rounded(.up)
        case .round: x.rounded(.toNearestOrEven)
        case .sin: sin(x)
        case .cos: cos(x)
        case .uniformFromBits: Double(UInt32(bitPattern: Int32(x)) >> 8) * 0x1p-24
        }
    }

    /// The function in `Double`; `max` and `min` let NaN through.
    public static func apply(_ f: Op.Binary, _ a: Double, _ b: Double) -> Double {
        switch f {
        case .add: a + b
        case .sub: a - b
        case .mul: a * b
        case .div: a / b
        case .pow: pow(a, b)
        case .max: a.isNaN ? a : b.isNaN ? b : (a > b ? a : b)
        case .min: a.isNaN ? a : b.isNaN ? b : (a < b ? a : b)
        }
    }

    /// Whether the comparison holds, as IEEE has it for NaN.
    public static func holds(_ f: Op.Comparison, _ a: Double, _ b: Double) -> Bool {
        switch f {
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        case .equal: a == b
        case .notEqual: a != b
        }
    }
}
