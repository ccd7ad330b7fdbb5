// Every activation as a layer: one row each.

/// max(x, 0) as a layer.
public func ReLU(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.relu, file: file, line: line)
}
/// tanh as a layer.
public func Tanh(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.tanh, file: file, line: line)
}
/// 1 / (1 + e^(−slope·x)) as a layer.
public func Sigmoid(slope: Double = 1, file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.sigmoid(slope: slope), file: file, line: line)
}
/// ``leakyRelu(_:slope:)`` as a layer.
public func LeakyReLU(slope: Double = 0.01, file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.leakyRelu(slope: slope), file: file, line: line)
}
/// ``rrelu(_:low:high:)`` as a layer.
public func RReLU(low: Double = 1.0 / 8, high: Double = 1.0 / 3, file: StaticString = #fileID, line: UInt = #line)
    -> Activate
{ Activate(.rrelu(low: low, high: high), file: file, line: line) }
/// ``relu6(_:)`` as a layer.
public func ReLU6(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.relu6, file: file, line: line)
}
/// ``elu(_:alpha:)`` as a layer.
public func ELU(alpha: Double = 1, file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.elu(alpha: alpha), file: file, line: line)
}
/// ``selu(_:)`` as a layer.
public func SELU(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.selu, file: file, line: line)
}
/// ``celu(_:alpha:)`` as a layer.
public func CELU(alpha: Double = 1, file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.celu(alpha: alpha), file: file, line: line)
}
/// ``gelu(_:)`` as a layer.
public func GELU(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.gelu, file: file, line: line)
}
/// ``geluTanh(_:)`` as a layer.
public func GELUTanh(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.geluTanh, file: file, line: line)
}
/// ``silu(_:beta:)`` with β = 1 as a layer.
public func SiLU(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.silu, file: file, line: line)
}
/// ``silu(_:beta:)`` as a layer.
public func Swish(beta: Double = 1, file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.swish(beta: beta), file: file, line: line)
}
/// ``mish(_:)`` as a layer.
public func Mish(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.mish, file: file, line: line)
}
/// ln(1 + e^(βx)) / β as a layer.
public func Softplus(beta: Double = 1, file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.softplus(beta: beta), file: file, line: line)
}
/// ``softsign(_:)`` as a layer.
public func Softsign(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.softsign, file: file, line: line)
}
/// ``hardSigmoid(_:)`` as a layer.
public func HardSigmoid(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.hardSigmoid, file: file, line: line)
}
/// ``hardTanh(_:)`` as a layer.
public func HardTanh(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.hardTanh, file: file, line: line)
}
/// ``hardSwish(_:)`` as a layer.
public func HardSwish(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.hardSwish, file: file, line: line)
}
/// ``scaledTanh(_:scale:slope:)`` as a layer.
public func ScaledTanh(
    scale: Double = 1.7159, slope: Double = 2.0 / 3, file: StaticString = #fileID, line: UInt = #line
) -> Activate { Activate(.scaledTanh(scale: scale, slope: slope), file: file, line: line) }
/// eˣ as a layer.
public func Exponential(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.exponential, file: file, line: line)
}
/// sin(frequency·x) as a layer.
public func Sine(frequency: Double = 1, file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.sine(frequency: frequency), file: file, line: line)
}
/// ``gaussian(_:)`` as a layer.
public func Gaussian(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.gaussian, file: file, line: line)
}
/// ``logSigmoid(_:)`` as a layer.
public func LogSigmoid(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.logSigmoid, file: file, line: line)
}
/// ``threshold(_:at:value:)`` as a layer.
public func Threshold(at: Double = 0, value: Double = 0, file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.threshold(at: at, value: value), file: file, line: line)
}
/// ``softShrink(_:amount:)`` as a layer.
public func SoftShrink(_ amount: Double = 0.5, file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.softShrink(amount), file: file, line: line)
}
/// ``hardShrink(_:amount:)`` as a layer.
public func HardShrink(_ amount: Double = 0.5, file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.hardShrink(amount), file: file, line: line)
}
/// ``tanhShrink(_:)`` as a layer.
public func TanhShrink(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.tanhShrink, file: file, line: line)
}
/// Half of the features, gated by the sigmoid of the others, as a layer.
public func GLU(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.builtIn("glu"), file: file, line: line)
}
/// Half of the features, gated by the GELU of the others, as a layer.
public func GEGLU(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.builtIn("geglu"), file: file, line: line)
}
/// Half of the features, gated by the SiLU of the others, as a layer.
public func SwiGLU(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.builtIn("swiglu"), file: file, line: line)
}
/// ``crelu(_:)`` as a layer.
public func CReLU(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.builtIn("crelu"), file: file, line: line)
}
/// ``softmax(_:axis:)`` of the last axis as a layer.
public func Softmax(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.builtIn("softmax"), file: file, line: line)
}
/// ``logSoftmax(_:axis:)`` of the last axis as a layer.
public func LogSoftmax(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.builtIn("logSoftmax"), file: file, line: line)
}
/// ``sparsemax(_:)`` of the last axis as a layer.
public func Sparsemax(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.builtIn("sparsemax"), file: file, line: line)
}
/// ``step(_:straightThrough:)`` as a layer.
public func Step(straightThrough: Double? = nil, file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(straightThrough.map { .step(straightThrough: $0) } ?? .step, file: file, line: line)
}
