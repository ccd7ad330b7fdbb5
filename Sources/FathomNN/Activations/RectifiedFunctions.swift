import FathomGraph

// The rectifier and its relatives: piecewise, or an exponential for the negative side.
//
// The side is chosen by `x > 0`, so NaN goes the way that keeps it, and a derivative at 0 is that of the negative side.
// Where the negative side grows without bound to the right, its argument is held at 0 there: an infinity times the
// zero gradient of the side not taken would be NaN.

/// x for positive x, else slope · x (Maas et al. 2013).
public func leakyRelu(_ x: Tensor, slope: Double = 0.01) -> Tensor { select(x .> 0, x, x * slope) }

/// min(max(x, 0), 6).
public func relu6(_ x: Tensor) -> Tensor { clamp(x, 0, 6) }

/// x for positive x, else a random slope · x, drawn for every element from low…high in training and their mean in
/// evaluation (Xu et al. 2015).
public func rrelu(_ x: Tensor, low: Double = 1.0 / 8, high: Double = 1.0 / 3) -> Tensor {
    guard x.trace.isTraining else { return leakyRelu(x, slope: (low + high) / 2) }
    return select(x .> 0, x, x * (x.trace.randomUniform(x.shape) * (high - low) + low))
}

/// x for positive x, else α (eˣ − 1) (Clevert et al. 2016).
public func elu(_ x: Tensor, alpha: Double = 1) -> Tensor {
    let positive = x .> 0
    return select(positive, x, expm1(select(positive, x.scalar(0), x)) * alpha)
}

/// x for positive x, else α (e^(x/α) − 1): ELU with a slope of 1 at 0 for every α (Barron 2017).
public func celu(_ x: Tensor, alpha: Double = 1) -> Tensor {
    let positive = x .> 0
    return select(positive, x, expm1(select(positive, x.scalar(0), x) / alpha) * alpha)
}

/// λ · ELU with α, both chosen so that mean 0 and variance 1 reproduce themselves (Klambauer et al. 2017).
public func selu(_ x: Tensor) -> Tensor {
    let positive = x .> 0
    let negative = expm1(select(positive, x.scalar(0), x)) * (seluScale * seluAlpha)
    return select(positive, x * seluScale, negative)
}

let seluScale = 1.0507009873554805
let seluAlpha = 1.6732632423543772

/// x above `threshold`, else `value`.
public func threshold(_ x: Tensor, at threshold: Double = 0, value: Double = 0) -> Tensor {
    select(x .<= threshold, x.scalar(value), x)
}

/// 1 for x ≥ 0, else 0: a neuron that fires or does not.
///
/// Its derivative is 0 wherever there is one, so nothing before it learns.
///
/// - Parameter straightThrough: when given, the gradient passes unchanged where |x| is at most this (Hinton 2012;
///   Bengio et al. 2013), which is not the derivative of any function but trains.
public func step(_ x: Tensor, straightThrough window: Double? = nil) -> Tensor {
    if let window { Tensor.call(.stepStraightThrough(window), [x]) } else { hardStep(x) }
}

/// NaN is kept: it fails both comparisons.
private func hardStep(_ x: Tensor) -> Tensor {
    select(x .>= 0, x.scalar(1), select(x .< 0, x.scalar(0), x.withoutGradient()))
}

extension FusedOp {
    static func stepStraightThrough(_ window: Double) -> FusedOp {
        FusedOp(
            "stepStraightThrough", parameters: [window],
            gradient: { graph, x, _, g throws(GraphError) in
                let inside = try graph.compare(
                    .lessOrEqual, graph.unary(.abs, x[0]), graph.constant(window, like: x[0]))
                return [try graph.select(inside, g, graph.constant(0, like: g))]
            },
            body: { graph, x throws(GraphError) in
                let zero = try graph.constant(0, like: x[0])
                let below = try graph.select(graph.compare(.less, x[0], zero), zero, x[0])
                return try graph.select(
                    graph.compare(.greaterOrEqual, x[0], zero), graph.constant(1, like: x[0]), below)
            })
    }
}
