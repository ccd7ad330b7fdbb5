/// A primitive operation: the closed vocabulary of the graph.
///
/// Shape rule (`Op+Shape.swift`), gradient rule (`Gradient.swift`), reference evaluation (`FathomReference`) and lowering
/// (`FathomRuntime`) are exhaustive switches over this enum, so the compiler lists what a new operation still lacks.
/// Elementwise operations take operands of equal shape; stretching is the explicit `broadcast`.
public enum Op: Hashable, Sendable {
    // Leaves
    /// A value fed at every step.
    case input(String)
    /// A value that lives in the training state: parameter, buffer or optimiser slot, by its path.
    case state(String)
    /// Every element is this number.
    case constant(Double)
    /// The index along an axis, as `int32`.
    case iota(axis: Int)
    /// Counter-based random bits (Philox4x32-10) from (seed `int32[2]`, step `int32[]`): element `i` of stream `stream`
    /// depends on nothing else. Seed and step are operands, so equal steps draw equal bits.
    case randomBits(stream: UInt32)
    /// The number of elements along the axes of the operand, as a float scalar: what a mean divides by.
    case extent(axes: [Int])

    // Elementwise
    case unary(Unary)
    case binary(Binary)
    case compare(Comparison)
    /// (condition, a, b): a where the condition holds, else b.
    case select
    case cast(ElementType)

    // Movement
    /// NumPy's rule: aligned at the trailing axis, extents of 1 stretch.
    case broadcast
    case reshape
    case transpose([Int])
    /// Elements `start, start + step, …` below `end` along one axis.
    case slice(axis: Int, start: Int, end: Int, step: Int)
    /// Zeros before, after and between the elements along one axis: the adjoint of `slice`.
    case pad(axis: Int, low: Int, high: Int, interior: Int)
    case concat(axis: Int)
    /// (data, indices): `data` with `axis` replaced by the axes of `indices`. Out-of-range indices are the caller's error.
    case gather(axis: Int)
    /// (updates, indices): adds slices into zeros of the node's shape; the adjoint of `gather`.
    case scatterAdd(axis: Int)
    /// (data, indices of the same rank): one element per index along `axis`.
    case gatherAlong(axis: Int)
    /// (updates, indices): the adjoint of `gatherAlong`.
    case scatterAddAlong(axis: Int)

    // Reductions; the axes disappear
    case sum(axes: [Int])
    case max(axes: [Int])
    case min(axes: [Int])
    /// The first index of the largest element along an axis, as `int32`; NaN counts as largest.
    case argMax(axis: Int)
    /// The stable permutation that sorts along an axis, as `int32`; NaN sorts last (first when descending).
    case argSort(axis: Int, descending: Bool)
    case cumulativeSum(axis: Int, reverse: Bool)

    /// Matrix product of the last two axes; leading axes agree.
    case matmul(transposeA: Bool, transposeB: Bool)

    // Windows over channels-last images; see `Window`. Convolution is bilinear, and these three are closed under
    // differentiation. Weights are [taps…, channels / groups, output channels]; a group of outputs sees a group of inputs.
    /// (x, weight): what lies outside the image counts as 0.
    case convolution(Window, groups: Int)
    /// (gradient of the output, weight): the gradient of the input, of the requested shape; also a transposed convolution.
    case convolutionInputGradient(Window, groups: Int)
    /// (x, gradient of the output): the gradient of the weight.
    case convolutionWeightGradient(Window, groups: Int)
    /// The sum over each window, channel by channel.
    case windowSum(Window)
    /// The adjoint of `windowSum`, of the requested shape.
    case windowSpread(Window)
    /// The tap with the first largest element of each window inside the image, as `int32`; NaN counts as largest.
    case windowArgMax(Window)
    /// (x, taps of `windowArgMax`): the elements there.
    case windowGather(Window)
    /// (gradient, taps): the adjoint of `windowGather`, of the requested shape.
    case windowScatterAdd(Window)

    // Observation; see `Sampling`, `Moments` and `ExponentHistogram`
    /// (x) or (x, step `int32[]`): the numbers of ``Moments`` over the elements of x. With `every` > 1 only over the rows
    /// that ``Sampling`` picks in this step; their number is part of the result.
    case summary(every: Int)
    /// (x) or (x, step `int32[]`): how many elements of x fall into each bin of ``ExponentHistogram``, over the rows that
    /// ``Sampling`` picks.
    case exponentHistogram(every: Int)

    /// A composite whose body in primitives is its meaning.
    case call(FusedOp)

    /// Functions of one number.
    public enum Unary: UInt8, Hashable, Sendable, CaseIterable {
        case neg, exp, expm1, log, log1p, tanh, sigmoid, softplus, erf, erfc, sqrt, rsqrt, abs, sign, floor, ceil,
            round, sin, cos
        /// `int32` random bits to a float in [0, 1): the upper 24 bits × 2⁻²⁴.
        case uniformFromBits
    }

    /// Functions of two numbers. `max` and `min` let NaN through.
    public enum Binary: UInt8, Hashable, Sendable, CaseIterable {
        case add, sub, mul, div, pow, max, min
    }

    /// Comparisons, with IEEE meaning for NaN: all false except `notEqual`.
    public enum Comparison: UInt8, Hashable, Sendable, CaseIterable {
        case less, lessOrEqual, greater, greaterOrEqual, equal, notEqual
    }

    /// The operation's name in text form and errors.
    public var name: String {
        switch self {
        case .input: "input"
        case .state: "state"
        case .constant: "constant"
        case .iota: "iota"
        case .randomBits: "randomBits"
        case .extent: "extent"
        case .unary(let f): "\(f)"
        case .binary(let f): "\(f)"
        case .compare(let f): "\(f)"
        case .select: "select"
        case .cast: "cast"
        case .broadcast: "broadcast"
        case .reshape: "reshape"
        case .transpose: "transpose"
        case .slice: "slice"
        case .pad: "pad"
        case .concat: "concat"
        case .gather: "gather"
        case .scatterAdd: "scatterAdd"
        case .gatherAlong: "gatherAlong"
        case .scatterAddAlong: "scatterAddAlong"
        case .sum: "sum"
        case .max: "maxOver"
        case .min: "minOver"
        case .argMax: "argMax"
        case .argSort: "argSort"
        case .cumulativeSum: "cumulativeSum"
        case .matmul: "matmul"
        case .convolution: "convolution"
        case .convolutionInputGradient: "convolutionInputGradient"
        case .convolutionWeightGradient: "convolutionWeightGradient"
        case .windowSum: "windowSum"
        case .windowSpread: "windowSpread"
        case .windowArgMax: "windowArgMax"
        case .windowGather: "windowGather"
        case .windowScatterAdd: "windowScatterAdd"
        case .summary: "summary"
        case .exponentHistogram: "exponentHistogram"
        case .call(let fused): fused.name
        }
    }

    /// The operation's attributes in text form, with a leading space when there are any.
    var attributes: String {
        switch self {
        case .input(let name), .state(let name): " \"\(name)\""
        case .constant(let value): " \(value)"
        case .iota(let axis), .gather(let axis), .scatterAdd(let axis), .gatherAlong(let axis),
            .scatterAddAlong(let axis),
            .concat(let axis), .argMax(let axis):
            " axis=\(axis)"
        case .randomBits(let stream): " stream=\(stream)"
        case .extent(let axes), .sum(let axes), .max(let axes), .min(let axes): " axes=\(axes)"
        case .cast(let type): " \(type)"
        case .transpose(let axes): " \(axes)"
        case .slice(let axis, let start, let end, let step):
            " axis=\(axis) \(start)..<\(end)" + (step == 1 ? "" : " by \(step)")
        case .pad(let axis, let low, let high, let interior):
            " axis=\(axis) low=\(low) high=\(high)" + (interior == 0 ? "" : " interior=\(interior)")
        case .argSort(let axis, let descending): " axis=\(axis)" + (descending ? " descending" : "")
        case .cumulativeSum(let axis, let reverse): " axis=\(axis)" + (reverse ? " reverse" : "")
        case .matmul(let ta, let tb): (ta ? " ta" : "") + (tb ? " tb" : "")
        case .convolution(let window, let groups), .convolutionInputGradient(let window, let groups),
            .convolutionWeightGradient(let window, let groups):
            " \(window)" + (groups == 1 ? "" : " groups=\(groups)")
        case .windowSum(let window), .windowSpread(let window), .windowArgMax(let window), .windowGather(let window),
            .windowScatterAdd(let window):
            " \(window)"
        case .summary(let every), .exponentHistogram(let every): every == 1 ? "" : " every=\(every)"
        case .call(let fused): fused.parameters.isEmpty ? "" : " \(fused.parameters)"
        case .unary, .binary, .compare, .select, .broadcast, .reshape: ""
        }
    }
}

/// A composite operation: a name for a kernel to recognise, and a body in primitives that is its meaning.
///
/// Differentiation uses `gradient` when there is one (for a stable or cheaper formula, or a deliberate one such as the
/// straight-through estimator), else the body's. Where no kernel knows the name, the body runs.
public struct FusedOp: Sendable {
    /// (graph, inputs) → output: appends the primitives that the operation stands for.
    public typealias Body = @Sendable (inout Graph, [NodeID]) throws(GraphError) -> NodeID
    /// (graph, inputs, output, gradient of the output) → gradient for each input.
    public typealias Pullback = @Sendable (inout Graph, [NodeID], NodeID, NodeID) throws(GraphError) -> [NodeID?]

    /// What a kernel recognises it by. Two of equal name and parameters count as equal, whatever their bodies.
    public let name: String
    /// Numbers that distinguish two uses of the same name.
    public let parameters: [Double]
    /// Its meaning, which also decides the type of its value.
    public let body: Body
    /// Its gradient; `nil` differentiates the body.
    public let gradient: Pullback?

    /// A composite operation.
    ///
    /// - Parameters:
    ///   - parameters: every number that `body` depends on, as two of equal name and parameters are one operation.
    ///   - gradient: replaces the derivative of `body`.
    public init(_ name: String, parameters: [Double] = [], gradient: Pullback? = nil, body: @escaping Body) {
        self.name = name
        self.parameters = parameters
        self.body = body
        self.gradient = gradient
    }
}

extension FusedOp: Hashable {
    public static func == (a: FusedOp, b: FusedOp) -> Bool { a.name == b.name && a.parameters == b.parameters }
    public func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(parameters)
    }
}
