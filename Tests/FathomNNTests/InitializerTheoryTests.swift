import FathomGraph
import FathomNN
import Testing

/// Signal propagation against published and independently computed numbers.
@Suite struct InitializerTheoryTests {
    @Test(arguments: zip([0.01, 0.05, 0.1, 0.3], [1.42421, 1.76095, 1.98607, 2.50513]))
    func criticalTanh(_ bias: Double, _ weight: Double) throws {
        let found = try SignalPropagation(.tanh).critical(biasVariance: bias)
        #expect(abs(found.weightVariance - weight) < 6e-6, "\(found)")
    }

    @Test func criticalWithoutBias() throws {
        let relu = try SignalPropagation(.relu).critical()
        #expect(abs(relu.weightVariance - 2) < 1e-10 && relu.biasVariance == 0)
        let tanh = try SignalPropagation(.tanh).critical()
        #expect(abs(tanh.weightVariance - 1) < 1e-4 && tanh.q == 0)
        let linear = try SignalPropagation(.identity).critical()
        #expect(abs(linear.weightVariance - 1) < 1e-10)
        #expect(throws: GraphError.self) { try SignalPropagation(.step).critical() }
    }

    /// GELU keeps gradients only with biases: those that belong to its weights.
    @Test func criticalBiases() throws {
        let theory = try SignalPropagation(.gelu)
        let pair = try theory.critical()
        #expect(pair.biasVariance > 0.01)
        let q = try theory.fixedPoint(weightVariance: pair.weightVariance, biasVariance: pair.biasVariance)
        #expect(abs(try theory.chi(q: q, weightVariance: pair.weightVariance) - 1) < 1e-6)
        func variance(_ rule: Initializer) -> Double {
            var context = Initializer.Context(
                shape: [40000], fanIn: 40000, fanOut: 40000, random: RandomSource(seed: 1, name: "bias"))
            return rule.values(&context).reduce(0) { $0 + Double($1) * Double($1) } / 40000
        }
        let drawn = variance(.criticalBias(for: .gelu))
        #expect(abs(drawn / pair.biasVariance - 1) < 4 * (2.0 / 40000).squareRoot())
        #expect(variance(.criticalBias(for: .relu)) == 0)
    }

    @Test(arguments: zip([1, 1.3, 1.7], [3.62698, 7.83407, 74.9183]))
    func depthScaleOfTanh(_ weight: Double, _ depth: Double) throws {
        let theory = try SignalPropagation(.tanh)
        let q = try theory.fixedPoint(weightVariance: weight, biasVariance: 0.05)
        let xi = SignalPropagation.depthScale(chi: try theory.chi(q: q, weightVariance: weight))
        #expect(abs(xi / depth - 1) < 2e-6, "\(xi)")
    }

    @Test func chaoticTanh() throws {
        let theory = try SignalPropagation(.tanh)
        let weight = 25.0 / 9
        let q = try theory.fixedPoint(weightVariance: weight, biasVariance: 0)
        #expect(abs(q - 1.17848) < 6e-6, "\(q)")
        #expect(abs(try theory.chi(q: q, weightVariance: weight) - 1.20983) < 6e-6)
    }

    @Test func varianceOfTanhAtGainOne() throws {
        let theory = try SignalPropagation(.tanh)
        var q = 1.0
        var seen: [Int: Double] = [:]
        for layer in 1...50 {
            let values = try theory.meanSquares(q: q).value
            seen[layer] = values
            q = values
        }
        #expect(abs(seen[1]! - 0.394) < 5.1e-4)
        #expect(abs(seen[10]! - 0.0522) < 5.1e-5)
        #expect(abs(seen[50]! - 0.0102) < 5.1e-5)
    }

    @Test func sigmoidWithHeWeightsVanishes() throws {
        let theory = try SignalPropagation(.sigmoid)
        let q = try theory.fixedPoint(weightVariance: 2, biasVariance: 0)
        #expect(abs(try theory.chi(q: q, weightVariance: 2) - 0.101) < 6e-4)
        #expect(try theory.fixedPoint(weightVariance: 3, biasVariance: 0.1).isFinite)
    }

    @Test func reluOffCriticality() throws {
        let theory = try SignalPropagation(.relu)
        #expect(try theory.fixedPoint(weightVariance: 2.2, biasVariance: 0) == .infinity)
        #expect(try theory.fixedPoint(weightVariance: 1.8, biasVariance: 0) < 1e-10)
        #expect(abs(try theory.fixedPoint(weightVariance: 1, biasVariance: 0.5) - 1) < 1e-9)
    }
}
