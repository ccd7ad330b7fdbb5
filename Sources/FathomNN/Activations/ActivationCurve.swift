import FathomGraph
import FathomReference

/// An elementwise activation as a function of one number with its derivative, as the traced graph defines them, in `Double`.
public struct ActivationCurve: Sendable {
    private let graph: Graph
    private let value: NodeID
    private let slope: NodeID
    /// Where the value jumps or the slope does, within ±`Self.kinkReach`, ascending.
    public private(set) var kinks: [Double] = []

    /// - Throws: ``GraphError`` when the activation is not elementwise or refuses its input.
    public init(_ activation: Activation) throws(GraphError) {
        let trace = Trace(isTraining: false)
        let x = trace.input("x", [.batch])
        let y = activation.function(x)
        try trace.check()
        guard activation.isElementwise, let input = x.id, let output = y.id, y.shape == x.shape else {
            throw GraphError(
                op: activation.name, operands: [x.type, y.type].compactMap { $0 },
                message: "is not a function of one element, so it has no curve")
        }
        var graph = trace.graph
        let gradient = try graph.gradient(of: output, withRespectTo: [input])[input]
        guard let gradient else { throw GraphError(op: activation.name, message: "has no gradient") }
        self.graph = graph
        value = output
        slope = gradient
        kinks = try findKinks()
    }

    /// φ(x) and φ′(x) at each point.
    public func callAsFunction(_ x: [Double]) throws(GraphError) -> (values: [Double], slopes: [Double]) {
        let run = Interpreter(inputs: ["x": ReferenceTensor(shape: [x.count], values: x)], batch: x.count)
        let results = try run.values(of: [value, slope], in: graph)
        guard results.count == 2 else { throw GraphError(op: "curve", message: "was not evaluated") }
        return (results[0].values, results[1].values)
    }

    static let kinkReach = 16.0

    /// Halves every interval of a grid toward the larger change, and keeps the places where a change remains.
    private func findKinks() throws(GraphError) -> [Double] {
        let step = 1.0 / 16
        // Off the round numbers where kinks like to be, so that each lies inside an interval.
        let offset = step * 0.618
        var low = stride(from: -Self.kinkReach - offset, to: Self.kinkReach, by: step).map { $0 }
        var high = low.map { $0 + step }
        var (atLow, atHigh) = (try self(low), try self(high))
        func change(_ a: Double, _ b: Double) -> Double { a == b ? 0 : abs(a - b) }
        for _ in 0..<36 {
            let middle = zip(low, high).map { ($0 + $1) / 2 }
            let at = try self(middle)
            for i in low.indices {
                let left = change(at.slopes[i], atLow.slopes[i]) + change(at.values[i], atLow.values[i])
                let right = change(at.slopes[i], atHigh.slopes[i]) + change(at.values[i], atHigh.values[i])
                if left >= right {
                    (high[i], atHigh.values[i], atHigh.slopes[i]) = (middle[i], at.values[i], at.slopes[i])
                } else {
                    (low[i], atLow.values[i], atLow.slopes[i]) = (middle[i], at.values[i], at.slopes[i])
                }
            }
        }
        var found: [Double] = []
        for i in low.indices {
            // After 36 halvings a smooth function changes by 1e−12 of its slope.
            let jump = change(atLow.values[i], atHigh.values[i]) + change(atLow.slopes[i], atHigh.slopes[i])
            let scale = abs(atLow.values[i]) + abs(atLow.slopes[i]) + 1
            let place = (low[i] + high[i]) / 2
            // A kink meant to be at a round number is found within the last halving's width of it.
            let round = (place * 1024).rounded() / 1024 + 0
            if jump > 1e-6 * scale { found.append(abs(place - round) < 1e-11 ? round : place) }
        }
        return found
    }
}

/// Expectations under the standard normal distribution.
///
/// Gauss–Legendre rules on panels of ±12, narrower toward 0 and split at kinks: exact to about 12 digits for the functions
/// here, where a Gauss–Hermite rule of 200 points leaves errors of 1e−3 at a kink.
public struct NormalQuadrature: Sendable {
    /// Where the integrand is evaluated: 16 points in each panel, all within ±12, not sorted.
    public let points: [Double]
    /// Weights that contain the density.
    public let weights: [Double]

    /// - Parameter kinks: where the integrand is not smooth.
    public init(kinks: [Double] = []) {
        var borders = Set(stride(from: -12, through: 12, by: 0.5))
        for k in 2...7 { borders.formUnion([powerOfTwo(-k), -powerOfTwo(-k)]) }
        borders.formUnion(kinks.filter { abs($0) < 12 })
        let ordered = borders.sorted()
        var points: [Double] = []
        var weights: [Double] = []
        let rule = Self.legendre(16)
        for (a, b) in zip(ordered, ordered.dropFirst()) {
            for (t, w) in rule {
                let z = (a + b) / 2 + (b - a) / 2 * t
                points.append(z)
                weights.append(w * (b - a) / 2 * naturalExponential(-z * z / 2) / (2 * Double.pi).squareRoot())
            }
        }
        self.points = points
        self.weights = weights
    }

    /// Σ wᵢ fᵢ for values at ``points``.
    public func mean(_ values: [Double]) -> Double { zip(weights, values).reduce(0) { $0 + $1.0 * $1.1 } }

    /// Nodes and weights on −1…1: Newton's method on the Legendre polynomial of degree n.
    private static func legendre(_ n: Int) -> [(Double, Double)] {
        (1...n).map { i in
            var t = cosine(Double.pi * (Double(i) - 0.25) / (Double(n) + 0.5))
            var slope = 1.0
            for _ in 0..<50 {
                var (before, now) = (1.0, t)
                for k in 2...n {
                    (before, now) = (now, (Double(2 * k - 1) * t * now - Double(k - 1) * before) / Double(k))
                }
                slope = Double(n) * (t * now - before) / (t * t - 1)
                let change = now / slope
                t -= change
                if abs(change) < 1e-15 { break }
            }
            return (t, 2 / ((1 - t * t) * slope * slope))
        }
    }
}
