import FathomGraph
import FathomNN
import FathomReference
import FathomTestSupport
import Testing

/// Every activation against PyTorch in float64: values and derivatives.
@Suite struct ActivationGoldenTests {
    static let cases: [FunctionGolden] = (try? FunctionGolden.load("activations.json")) ?? []

    /// Our names of the parameters.
    static let renamed = ["lower": "low", "upper": "high", "amplitude": "scale", "threshold": "at", "lambda": "amount"]

    static func activation(_ golden: FunctionGolden) throws -> Activation {
        if golden.kind == "maxoutOf2" {
            return Activation("maxoutOf2", isElementwise: false) { x in
                let halves = x.split(count: 2, axis: -1)
                return max(halves[0], halves[1])
            }
        }
        let name = golden.kind == "prelu" ? "leakyRelu" : golden.kind
        var parameters: [String: Double] = [:]
        for (key, values) in golden.attributes where !["hardTanh"].contains(golden.kind) {
            if golden.kind == "softplus" && key == "threshold" { continue }
            parameters[renamed[key] ?? key] = values[0]
        }
        return try Activation.named(name, parameters: parameters)
    }

    @Test func theFileIsThere() { #expect(Self.cases.count >= 50) }

    @Test(arguments: cases) func agreesWithPyTorch(_ golden: FunctionGolden) throws {
        let shape = golden.inputs[0].shape
        let layer = Activate(try Self.activation(golden))
        let traced = try TracedLayer(layer, shape, batched: false, isTraining: false)
        let x = golden.inputs[0].tensor
        let result = try traced.run(x, state: [:], weight: golden.weight?.map { Double(Float($0)) })
        // PyTorch makes softplus linear far out, and loses digits where it writes 1 + erf.
        // Its hard sigmoid's derivative is a sixth in float32 always.
        let tolerance = ["softplus": 3e-9, "hardSigmoid": 6e-9][golden.kind] ?? 1e-12
        for (i, (mine, theirs)) in zip(result.output.values, golden.output64).enumerated() {
            #expect(agree(mine, theirs, absolute: tolerance), "\(golden) at \(x.values[i]): \(mine), not \(theirs)")
        }
        guard let expected = golden.gradients64?.first ?? nil else { return }
        for (i, (mine, theirs)) in zip(result.inputGradient.values, expected).enumerated() {
            if golden.kinks?.contains(x.values[i]) == true { continue }
            // ±10⁴ squared overflows nothing, but 0 · ∞ is PyTorch's NaN there.
            if theirs.isNaN { continue }
            #expect(
                agree(mine, theirs, absolute: max(tolerance, 1e-11)),
                "\(golden)′ at \(x.values[i]): \(mine), not \(theirs)")
        }
    }

    /// Extremes give limits, not NaN; NaN stays NaN.
    @Test(arguments: Activation.all.filter(\.isElementwise).map(\.name)) func extremes(_ name: String) throws {
        let activation = try Activation.named(name)
        let traced = try TracedLayer(Activate(activation), [7], batched: false, isTraining: false)
        let x: [Double] = [.nan, -0.0, 88.73, -88.73, 104, -104, 3.4e38]
        let result = try traced.run(ReferenceTensor(shape: [7], values: x), state: [:])
        #expect(result.output.values[0].isNaN, "\(name) hides a NaN")
        for i in 1..<6 {
            #expect(result.output.values[i].isFinite, "\(name)(\(x[i])) = \(result.output.values[i])")
            #expect(result.inputGradient.values[i].isFinite, "\(name)′(\(x[i])) = \(result.inputGradient.values[i])")
        }
        #expect(!result.output.values[6].isNaN && !result.inputGradient.values[6].isNaN, "\(name) at 3.4e38")
    }

    @Test func straightThroughPassesGradientsWithinItsWidth() throws {
        let traced = try TracedLayer(Step(straightThrough: 1), [5], batched: false)
        let x = ReferenceTensor(shape: [5], values: [-2, -0.5, 0, 0.5, 2])
        let result = try traced.run(x, state: [:], weight: [1, 2, 3, 4, 5])
        #expect(result.output.values == [0, 0, 1, 1, 1])
        #expect(result.inputGradient.values == [0, 2, 3, 4, 0])
        let hard = try TracedLayer(Step(), [5], batched: false).run(x, state: [:])
        #expect(hard.output.values == [0, 0, 1, 1, 1])
        #expect(hard.inputGradient.values == [0, 0, 0, 0, 0])
    }

    @Test func randomSlopesStayWithinTheirBounds() throws {
        let traced = try TracedLayer(RReLU(low: 0.1, high: 0.3), [200])
        let x = ReferenceTensor(shape: [5, 200], values: [Double](repeating: -1, count: 1000))
        let slopes = try traced.run(x, state: [:]).output.values.map { -$0 }
        #expect(slopes.allSatisfy { $0 >= 0.1 && $0 < 0.3 })
        #expect(abs(slopes.reduce(0, +) / 1000 - 0.2) < 0.01)
        #expect(Set(slopes).count > 990)
        let other = try traced.run(x, state: [:], step: 1).output.values.map { -$0 }
        #expect(other != slopes)
    }

    @Test func namesAreFoundAndMisspellingsExplained() throws {
        #expect(try Activation.named("Leaky-ReLU", parameters: ["slope": 0.2]).description == "leakyRelu(slope=0.2)")
        #expect(try Activation.parsed("swish(1.5)").description == "silu(beta=1.5)")
        let unknown = #expect(throws: ConfigError.self) { try Activation.named("sigmiod") }
        #expect(unknown?.nearest == "sigmoid")
        let parameter = #expect(throws: ConfigError.self) { try Activation.named("elu", parameters: ["alfa": 1]) }
        #expect(parameter?.nearest == "alpha")
        for entry in Activation.all {
            let made = entry.make(
                Dictionary(uniqueKeysWithValues: entry.parameters.map { ($0.name, $0.defaultValue + 0.125) }))
            #expect(try Activation.parsed(made.description).parameters == made.parameters)
        }
    }
}
