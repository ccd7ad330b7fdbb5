import FathomGraph

// Arithmetic with NumPy's broadcasting: extents agree from the last axis on, or are 1.
extension Tensor {
    /// The sum, element by element; shapes broadcast as in NumPy, and both are `float32`, as for all arithmetic here.
    public static func + (a: Tensor, b: Tensor) -> Tensor { binary(.add, a, b) }
    /// The difference, element by element, broadcasting.
    public static func - (a: Tensor, b: Tensor) -> Tensor { binary(.sub, a, b) }
    /// The product, element by element (not ``matmul(_:_:transposeA:transposeB:)``), broadcasting.
    public static func * (a: Tensor, b: Tensor) -> Tensor { binary(.mul, a, b) }
    /// The quotient, element by element, broadcasting; by 0 it is ±∞, and NaN for 0 / 0.
    public static func / (a: Tensor, b: Tensor) -> Tensor { binary(.div, a, b) }
    /// A number added to every element.
    public static func + (a: Tensor, b: Double) -> Tensor { a + a.scalar(b) }
    /// A number taken off every element.
    public static func - (a: Tensor, b: Double) -> Tensor { a - a.scalar(b) }
    /// Every element times a number.
    public static func * (a: Tensor, b: Double) -> Tensor { a * a.scalar(b) }
    /// Every element divided by a number.
    public static func / (a: Tensor, b: Double) -> Tensor { a / a.scalar(b) }
    /// A number added to every element.
    public static func + (a: Double, b: Tensor) -> Tensor { b.scalar(a) + b }
    /// A number less each element.
    public static func - (a: Double, b: Tensor) -> Tensor { b.scalar(a) - b }
    /// Every element times a number.
    public static func * (a: Double, b: Tensor) -> Tensor { b.scalar(a) * b }
    /// A number divided by each element; ±∞ where the element is 0, unless the number is 0 too.
    public static func / (a: Double, b: Tensor) -> Tensor { b.scalar(a) / b }
    /// Every element with its sign turned.
    public static prefix func - (a: Tensor) -> Tensor { a.unary(.neg) }

    // Comparisons, element by element; the result is a `bool` tensor for ``replacing(with:where:)``, a cast, or logic
    // (`.&`, `.|`, `.!`).
    /// Whether a < b; false where either is NaN. Both have one element type, and shapes broadcast, as for all comparisons.
    public static func .< (a: Tensor, b: Tensor) -> Tensor { compare(.less, a, b) }
    /// Whether a ≤ b; false where either is NaN.
    public static func .<= (a: Tensor, b: Tensor) -> Tensor { compare(.lessOrEqual, a, b) }
    /// Whether a > b; false where either is NaN.
    public static func .> (a: Tensor, b: Tensor) -> Tensor { compare(.greater, a, b) }
    /// Whether a ≥ b; false where either is NaN.
    public static func .>= (a: Tensor, b: Tensor) -> Tensor { compare(.greaterOrEqual, a, b) }
    /// Whether a and b are equal; false where either is NaN.
    public static func .== (a: Tensor, b: Tensor) -> Tensor { compare(.equal, a, b) }
    /// Whether a and b differ; true where either is NaN.
    public static func .!= (a: Tensor, b: Tensor) -> Tensor { compare(.notEqual, a, b) }
    /// Whether an element of a `float32` tensor is below a number; false for NaN.
    public static func .< (a: Tensor, b: Double) -> Tensor { a .< a.scalar(b) }
    /// Whether an element of a `float32` tensor is at most a number; false for NaN.
    public static func .<= (a: Tensor, b: Double) -> Tensor { a .<= a.scalar(b) }
    /// Whether an element of a `float32` tensor is above a number; false for NaN.
    public static func .> (a: Tensor, b: Double) -> Tensor { a .> a.scalar(b) }
    /// Whether an element of a `float32` tensor is at least a number; false for NaN.
    public static func .>= (a: Tensor, b: Double) -> Tensor { a .>= a.scalar(b) }
    /// Whether an element of a `float32` tensor is a number; false for NaN.
    public static func .== (a: Tensor, b: Double) -> Tensor { a .== a.scalar(b) }
    /// Whether an element of a `float32` tensor is another than a number; true for NaN.
    public static func .!= (a: Tensor, b: Double) -> Tensor { a .!= a.scalar(b) }
    /// Whether a number is below an element of a `float32` tensor; false for NaN.
    public static func .< (a: Double, b: Tensor) -> Tensor { b.scalar(a) .< b }
    /// Whether a number is at most an element of a `float32` tensor; false for NaN.
    public static func .<= (a: Double, b: Tensor) -> Tensor { b.scalar(a) .<= b }
    /// Whether a number is above an element of a `float32` tensor; false for NaN.
    public static func .> (a: Double, b: Tensor) -> Tensor { b.scalar(a) .> b }
    /// Whether a number is at least an element of a `float32` tensor; false for NaN.
    public static func .>= (a: Double, b: Tensor) -> Tensor { b.scalar(a) .>= b }
    /// Whether a number is an element of a `float32` tensor; false for NaN.
    public static func .== (a: Double, b: Tensor) -> Tensor { b.scalar(a) .== b }
    /// Whether a number is another than an element of a `float32` tensor; true for NaN.
    public static func .!= (a: Double, b: Tensor) -> Tensor { b.scalar(a) .!= b }

    private static func compare(_ f: Op.Comparison, _ a: Tensor, _ b: Tensor) -> Tensor {
        record([a, b], op: "\(f)") { g, x throws(GraphError) in try g.compare(f, x[0], x[1]) }
    }

    // Logic, element by element, of what comparisons give. `.&` and `.|` bind as `&&` and `||` do, weaker than a
    // comparison; one of two but not both is `.!=`.
    /// Whether both hold. Both are `bool`, and shapes broadcast, as for all logic.
    public static func .& (a: Tensor, b: Tensor) -> Tensor {
        logic("and", [a, b]) { g, x throws(GraphError) in try g.select(x[0], x[1], x[0]) }
    }
    /// Whether one of the two holds, or both.
    public static func .| (a: Tensor, b: Tensor) -> Tensor {
        logic("or", [a, b]) { g, x throws(GraphError) in try g.select(x[0], x[0], x[1]) }
    }
    /// Whether the condition does not hold.
    public static prefix func .! (a: Tensor) -> Tensor {
        logic("not", [a]) { g, x throws(GraphError) in
            try g.compare(.equal, x[0], g.add(.constant(0), type: TensorType(.bool, g.shape(of: x[0]))))
        }
    }

    /// What `result` makes of conditions brought to one shape.
    private static func logic(
        _ op: String, _ operands: [Tensor], _ result: (inout Graph, [NodeID]) throws(GraphError) -> NodeID
    ) -> Tensor {
        record(operands, op: op) { g, x throws(GraphError) in
            var common = Shape.scalar
            for id in x {
                guard g[id].type.element == .bool, let joined = Shape.broadcasting(common, g.shape(of: id)) else {
                    throw GraphError(
                        op: op, operands: x.map { g[$0].type },
                        message: "takes conditions whose shapes broadcast together",
                        hint: "compare, or cast to bool first")
                }
                common = joined
            }
            var conditions: [NodeID] = []
            for id in x { conditions.append(try g.broadcast(id, to: common)) }
            return try result(&g, conditions)
        }
    }

    /// This tensor where the condition is false, `other` where it holds; all three broadcast.
    public func replacing(with other: Tensor, where condition: Tensor) -> Tensor { select(condition, other, self) }

    /// The element type changed; to `int32` rounds toward zero, `bool` gives 1 or 0 as a float.
    public func cast(to element: ElementType) -> Tensor {
        Tensor.record([self]) { g, x throws(GraphError) in try g.add(.cast(element), [x[0]]) }
    }

    /// The same value as a constant: no gradient flows through it.
    public func withoutGradient() -> Tensor {
        Tensor.call(.withoutGradient, [self])
    }
}

extension FusedOp {
    /// The identity, but differentiation stops here.
    static let withoutGradient = FusedOp("withoutGradient", gradient: { _, _, _, _ in [nil] }) { _, x in x[0] }
}

/// `a` where the condition holds, else `b`; all three broadcast.
public func select(_ condition: Tensor, _ a: Tensor, _ b: Tensor) -> Tensor {
    Tensor.record([condition, a, b], op: "select") { g, x throws(GraphError) in
        guard let ab = Shape.broadcasting(g.shape(of: x[1]), g.shape(of: x[2])),
            let common = Shape.broadcasting(g.shape(of: x[0]), ab)
        else {
            throw GraphError(op: "select", operands: x.map { g[$0].type }, message: "shapes do not broadcast together")
        }
        return try g.select(
            g.broadcast(x[0], to: common), g.broadcast(x[1], to: common), g.broadcast(x[2], to: common))
    }
}

// Functions of one tensor, element by element.
/// eˣ; ∞ above 88.7, the end of single precision.
public func exp(_ x: Tensor) -> Tensor { x.unary(.exp) }
/// eˣ − 1, accurate near 0.
public func expm1(_ x: Tensor) -> Tensor { x.unary(.expm1) }
/// ln x; −∞ at 0, NaN below.
public func log(_ x: Tensor) -> Tensor { x.unary(.log) }
/// ln(1 + x), accurate near 0.
public func log1p(_ x: Tensor) -> Tensor { x.unary(.log1p) }
/// The hyperbolic tangent, within −1…1.
public func tanh(_ x: Tensor) -> Tensor { x.unary(.tanh) }
/// 1 / (1 + e⁻ˣ).
public func sigmoid(_ x: Tensor) -> Tensor { x.unary(.sigmoid) }
/// ln(1 + eˣ), stable for every x.
public func softplus(_ x: Tensor) -> Tensor { x.unary(.softplus) }
/// The error function 2/√π ∫₀ˣ e^(−t²) dt, within −1…1; for its tail see ``erfc(_:)``.
public func erf(_ x: Tensor) -> Tensor { x.unary(.erf) }
/// 1 − erf(x), accurate in its tail where the difference would vanish.
public func erfc(_ x: Tensor) -> Tensor { x.unary(.erfc) }
/// √x; NaN below 0, and its derivative is infinite at 0.
public func sqrt(_ x: Tensor) -> Tensor { x.unary(.sqrt) }
/// 1 / √x.
public func rsqrt(_ x: Tensor) -> Tensor { x.unary(.rsqrt) }
/// |x|; derivative 0 at 0.
public func abs(_ x: Tensor) -> Tensor { x.unary(.abs) }
/// 1 for positive x, −1 for negative, and 0 and NaN as they are; no gradient flows through it.
public func sign(_ x: Tensor) -> Tensor { x.unary(.sign) }
/// The largest whole number not above x; no gradient flows through it.
public func floor(_ x: Tensor) -> Tensor { x.unary(.floor) }
/// The smallest whole number not below x; no gradient flows through it.
public func ceil(_ x: Tensor) -> Tensor { x.unary(.ceil) }
/// Half to even.
public func round(_ x: Tensor) -> Tensor { x.unary(.round) }
/// The sine of x in radians.
public func sin(_ x: Tensor) -> Tensor { x.unary(.sin) }
/// The cosine of x in radians.
public func cos(_ x: Tensor) -> Tensor { x.unary(.cos) }
/// `max(x, 0)`; derivative 0 at 0.
public func relu(_ x: Tensor) -> Tensor { max(x, 0) }
/// xʸ, element by element, broadcasting; NaN for negative x unless y is whole.
///
/// The derivative with respect to y is xʸ ln x, taken as 0 at x = 0 and NaN for negative x.
public func pow(_ x: Tensor, _ y: Tensor) -> Tensor { Tensor.binary(.pow, x, y) }
/// xʸ for one exponent; NaN for negative x unless y is whole.
public func pow(_ x: Tensor, _ y: Double) -> Tensor { y == 2 ? x * x : pow(x, x.scalar(y)) }
/// The larger, element by element; NaN propagates; at a tie the gradient goes to the second operand.
public func max(_ x: Tensor, _ y: Tensor) -> Tensor { Tensor.binary(.max, x, y) }
/// The larger of each element and a number; NaN propagates; at a tie the gradient is 0.
public func max(_ x: Tensor, _ y: Double) -> Tensor { max(x, x.scalar(y)) }
/// The smaller, element by element; NaN propagates; at a tie the gradient goes to the second operand.
public func min(_ x: Tensor, _ y: Tensor) -> Tensor { Tensor.binary(.min, x, y) }
/// The smaller of each element and a number; NaN propagates; at a tie the gradient is 0.
public func min(_ x: Tensor, _ y: Double) -> Tensor { min(x, x.scalar(y)) }
/// `x` kept within `low…high`.
public func clamp(_ x: Tensor, _ low: Double, _ high: Double) -> Tensor { min(max(x, low), high) }
