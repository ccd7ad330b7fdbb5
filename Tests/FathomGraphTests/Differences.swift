import FathomGraph
import FathomReference
import FathomTestSupport

/// A problem followed by a non-linear function and a fixed weight that is not constant, so that the gradient that comes
/// into the operation differs from element to element: L = Σ w · sin(0.7 y + 0.2).
struct Followed {
    let problem: OpProblem
    var graph: Graph
    let loss: NodeID
    var interpreter: Interpreter

    init(_ problem: OpProblem) throws {
        self.problem = problem
        graph = problem.graph
        interpreter = problem.interpreter
        let y = problem.output
        let shape = graph.shape(of: y)
        let weight = try graph.add(.input("w"), type: TensorType(.float32, shape))
        let extents = shape.resolved(batch: problem.batch)
        var random = SplitMix64(state: 42)
        let count = extents.reduce(1, *)
        interpreter.inputs["w"] = ReferenceTensor(
            shape: extents, values: (0..<count).map { _ in random.uniform(0.5, 1.5) * (random.below(2) == 0 ? 1 : -1) })
        let bent = try graph.unary(.sin, graph.add(graph.mul(y, 0.7), 0.2))
        loss = try graph.sum(graph.mul(bent, weight), axes: Array(0..<shape.rank))
    }

    /// The operands as one list of numbers per feed.
    func point() -> [[Double]] { problem.feeds.map(\.tensor.values) }

    /// The nodes' values when the feeds have these values.
    func values(of nodes: [NodeID], at point: [[Double]]) throws -> [ReferenceTensor] {
        var shifted = interpreter
        for (feed, values) in zip(problem.feeds, point) {
            let tensor = ReferenceTensor(shape: feed.shape, values: values)
            if feed.isState { shifted.state[feed.name] = tensor } else { shifted.inputs[feed.name] = tensor }
        }
        return try shifted.values(of: nodes, in: graph)
    }

    /// A direction of unit length over the float operands; zero in the others.
    func direction(seed: UInt64) -> [[Double]] {
        var random = SplitMix64(state: seed)
        var v = problem.feeds.map { feed in
            feed.tensor.values.map { _ in feed.type.element == .float32 ? random.uniform(-1, 1) : 0 }
        }
        let length = max(v.joined().reduce(0) { $0 + $1 * $1 }.squareRoot(), 1e-300)
        for i in v.indices { v[i] = v[i].map { $0 / length } }
        return v
    }

    /// (f(x−2hv) − 8 f(x−hv) + 8 f(x+hv) − f(x+2hv)) / 12h of the nodes' values: error O(h⁴).
    func differences(of nodes: [NodeID], along v: [[Double]], h: Double = 1e-3) throws -> [[Double]] {
        let base = point()
        var total: [[Double]] = []
        for (step, factor) in [(-2.0, 1.0), (-1, -8), (1, 8), (2, -1)] {
            let moved = zip(base, v).map { x, d in zip(x, d).map { $0 + step * h * $1 } }
            let parts = try values(of: nodes, at: moved).map { $0.values.map { $0 * factor / (12 * h) } }
            total = total.isEmpty ? parts : zip(total, parts).map { zip($0, $1).map(+) }
        }
        return total
    }
}

func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

/// Whether the numbers agree within `tolerance` of the larger of 1 and their size.
func close(_ a: Double, _ b: Double, _ tolerance: Double) -> Bool {
    abs(a - b) <= tolerance * max(1, abs(a), abs(b))
}

/// The greatest disagreement of two lists, relative to the larger of 1 and the greatest element.
func disagreement(_ a: [Double], _ b: [Double]) -> Double {
    guard a.count == b.count else { return .infinity }
    let scale = (a + b).reduce(1) { max($0, abs($1)) }
    return zip(a, b).reduce(0) { $1.0.isNaN || $1.1.isNaN ? .infinity : max($0, abs($1.0 - $1.1) / scale) }
}
