import FathomGraph
import FathomNN
import FathomReference
import FathomTestSupport
import Testing

/// The theory of initialisation holds in networks of finite width.
@Suite struct DepthTests {
    /// The factor by which a random gradient's square grows per layer, from the last of `depth` layers to the first.
    func growth(_ activation: Activation, _ initializer: Initializer, depth: Int = 20, width: Int = 96) throws -> Double
    {
        let model = Sequential {
            for _ in 0..<depth { Dense(width, initializer: initializer); Activate(activation) }
        }
        let traced = try TracedLayer(model, [width])
        var random = RandomSource(seed: 4, name: "data")
        let x = ReferenceTensor(shape: [4, width], values: (0..<(4 * width)).map { _ in random.normal() })
        let weight = (0..<(4 * width)).map { _ in random.normal() }
        let result = try traced.run(x, state: traced.initialState(seed: 3), weight: weight)
        let before = weight.reduce(0) { $0 + $1 * $1 }
        let after = result.inputGradient.values.reduce(0) { $0 + $1 * $1 }
        return naturalLog(after / before) / Double(depth)
    }

    /// Rule, activation, the logarithm of χ it must show, and how near in 96 units over 20 layers.
    static let rows: [(Activation, Initializer, logChi: Double, within: Double)] = [
        (.relu, .he, 0, 0.05), (.relu, .automatic, 0, 0.05), (.leakyRelu(), .automatic, 0, 0.05),
        (.gelu, .automatic, 0, 0.05), (.mish, .automatic, 0, 0.05), (.gaussian, .automatic, 0, 0.05),
        (.selu, .automatic, naturalLog(1.07158), 0.05), (.sigmoid, .he, naturalLog(0.101), 0.1),
        (.tanh, .critical(for: .tanh, biasVariance: 0.05), -0.02, 0.1), (.identity, .orthogonal, 0, 1e-5),
        (.relu, .lecun, naturalLog(0.5), 0.05),
    ]

    @Test(arguments: rows.indices) func gradientsGrowAsTheorySays(_ row: Int) throws {
        let (activation, initializer, logChi, within) = Self.rows[row]
        let growth = try growth(activation, initializer)
        #expect(abs(growth - logChi) < within, "\(activation) with \(initializer.name): \(growth), not \(logChi)")
    }
}
