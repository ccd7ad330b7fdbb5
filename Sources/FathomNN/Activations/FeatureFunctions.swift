import FathomGraph

// Functions of a whole row of features (the last axis), some of which change their number.

/// The last axis in two halves, a · gate(b): […, 2n] → […, n] (Dauphin et al. 2017; Shazeer 2020).
///
/// The first half is the value, the second is gated.
public func gated(_ x: Tensor, by gate: (Tensor) -> Tensor) -> Tensor {
    guard x.id != nil else { return x.poison }
    guard x.rank > 0, let width = x.extent(-1), width % 2 == 0 else {
        x.trace.fail(
            GraphError(
                op: "gated", operands: [x.type].compactMap { $0 }, message: "needs an even number of features to halve",
                hint: "give the layer before it twice the units that shall come out"))
        return x.poison
    }
    let halves = x.split(count: 2, axis: -1)
    return halves[0] * gate(halves[1])
}

/// (max(x, 0), max(−x, 0)) side by side: […, n] → […, 2n] (Shang et al. 2016).
public func crelu(_ x: Tensor) -> Tensor { Tensor.concatenate([relu(x), relu(-x)], axis: -1) }

/// The nearest point to x on the simplex: like softmax, but with exact zeros (Martins & Astudillo 2016).
///
/// The result is max(x − τ, 0) with the τ for which a row sums to 1, found from the sorted row.
public func sparsemax(_ x: Tensor) -> Tensor {
    // Shifting by a constant changes neither value nor gradient, and keeps the sums small.
    let z = x - x.max(alongAxes: [-1], keepingAxes: true).withoutGradient()
    let sorted = z.sorted(descending: true)
    guard let axis = z.resolve(-1, op: "sparsemax") else { return x.poison }
    let rank = x.trace.indices(z.shape, axis: axis).cast(to: .float32) + 1
    let inside = (rank * sorted + 1) .> sorted.cumulativeSum(axis: -1)
    let count = inside.cast(to: .float32).sum(alongAxes: [-1], keepingAxes: true)
    let total = select(inside, sorted, z.scalar(0)).sum(alongAxes: [-1], keepingAxes: true)
    return relu(z - (total - 1) / count)
}
