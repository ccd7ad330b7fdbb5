import FathomGraph
import FathomNN
import FathomReference
import Testing

/// Facts computed from formulas against numbers computed elsewhere (a 200-point Gauss–Hermite rule, closed forms).
@Suite struct ActivationFactsTests {
    static let gains: [(Activation, forward: Double, backward: Double, digits: Double)] = [
        (.sigmoid, 1.84623, 4.72265, 1e-5), (.tanh, 1.59254, 1.46741, 1e-5), (.relu, 1.41421, 1.41421, 1e-5),
        (.leakyRelu(), 1.4141, 1.4141, 1e-4), (.elu, 1.2452, 1.2234, 1e-4), (.selu, 1.0000, 0.9660, 1e-4),
        (.softplus, 1.0419, 1.8462, 1e-4), (.softsign, 2.3375, 2.0958, 1e-4), (.silu, 1.67653, 1.62332, 1e-5),
        (.gelu, 1.53353, 1.48111, 1e-5),
    ]

    @Test(arguments: gains.indices) func gainsAreThoseOfTheTable(_ row: Int) throws {
        let (activation, forward, backward, digits) = Self.gains[row]
        let facts = try ActivationFacts(activation)
        #expect(abs(facts.forwardGain - forward) <= 0.51 * digits, "\(activation) \(facts.forwardGain)")
        #expect(abs(facts.backwardGain - backward) <= 0.51 * digits, "\(activation) \(facts.backwardGain)")
    }

    @Test func closedForms() throws {
        let relu = try ActivationFacts(.relu)
        #expect(abs(relu.mean - 0.3989422804014327) < 1e-12)
        #expect(abs(relu.meanSquare - 0.5) < 1e-12)
        let selu = try ActivationFacts(.selu)
        #expect(abs(selu.mean) < 1e-12)
        #expect(abs(selu.meanSquare - 1) < 1e-12)
        #expect(abs(selu.meanSquareSlope - 1.07158) < 5.1e-6)
        #expect(selu.isZeroCentred)
        // E[sin² z] = (1 − e⁻²)/2; E[e^z] = √e; E[e^(−z²)] = 1/√3.
        #expect(abs(try ActivationFacts(.sine).meanSquare - 0.43233235838169365) < 1e-12)
        #expect(abs(try ActivationFacts(.exponential).mean - 1.6487212707001282) < 1e-10)
        #expect(abs(try ActivationFacts(.gaussian).mean - 0.5773502691896258) < 1e-12)
        // A kink at a place of no grid: E[z; z > 0.137] is the density there.
        #expect(abs(try ActivationFacts(.threshold(at: 0.137)).mean - 0.39521591894) < 1e-10)
    }

    struct Shape {
        var activation: Activation
        var range: ClosedRange<Double>
        var monotone: Bool
        var saturating: (left: Bool, right: Bool)
        var maxSlope: Double
        var place: Double?
    }
    static let shapes = [
        Shape(activation: .sigmoid, range: 0...1, monotone: true, saturating: (true, true), maxSlope: 0.25, place: 0),
        Shape(
            activation: .sigmoid(slope: 3), range: 0...1, monotone: true, saturating: (true, true), maxSlope: 0.75,
            place: 0),
        Shape(activation: .tanh, range: -1...1, monotone: true, saturating: (true, true), maxSlope: 1, place: 0),
        Shape(
            activation: .relu, range: 0 ... .infinity, monotone: true, saturating: (true, false), maxSlope: 1,
            place: nil),
        Shape(activation: .relu6, range: 0...6, monotone: true, saturating: (true, true), maxSlope: 1, place: nil),
        Shape(activation: .softsign, range: -1...1, monotone: true, saturating: (true, true), maxSlope: 1, place: 0),
        Shape(
            activation: .exponential, range: 0 ... .infinity, monotone: true, saturating: (true, false),
            maxSlope: .infinity, place: nil),
        Shape(
            activation: .gaussian, range: 0...1, monotone: false, saturating: (true, true),
            maxSlope: 0.8577638849607068, place: nil),
        Shape(activation: .sine, range: -1...1, monotone: false, saturating: (false, false), maxSlope: 1, place: 0),
        Shape(
            activation: .silu, range: -0.2784645427610738 ... .infinity, monotone: false, saturating: (true, false),
            maxSlope: 1.0998393194, place: 2.3993572805),
        Shape(
            activation: .gelu, range: -0.16997120747990369 ... .infinity, monotone: false, saturating: (true, false),
            maxSlope: 1.1289041, place: 1.4142135),
        Shape(
            activation: .mish, range: -0.30884 ... .infinity, monotone: false, saturating: (true, false),
            maxSlope: 1.0885, place: nil),
        Shape(
            activation: .logSigmoid, range: -.infinity...0, monotone: true, saturating: (false, true), maxSlope: 1,
            place: nil),
        Shape(
            activation: .selu, range: -1.7580993408473766 ... .infinity, monotone: true, saturating: (true, false),
            maxSlope: 1.7580993408473766, place: nil),
        Shape(
            activation: .scaledTanh, range: -1.7159...1.7159, monotone: true, saturating: (true, true),
            maxSlope: 1.1439333333, place: 0),
        Shape(activation: .step, range: 0...1, monotone: true, saturating: (true, true), maxSlope: 0, place: 0),
        Shape(
            activation: .identity, range: -.infinity ... .infinity, monotone: true, saturating: (false, false),
            maxSlope: 1, place: 0),
    ]

    @Test(arguments: shapes.indices) func shapeIsFound(_ row: Int) throws {
        let expected = Self.shapes[row]
        let facts = try ActivationFacts(expected.activation)
        func close(_ a: Double, _ b: Double, _ tolerance: Double) -> Bool { a == b || abs(a - b) <= tolerance }
        let name = Comment(rawValue: "\(expected.activation): \(facts)")
        #expect(close(facts.range.lowerBound, expected.range.lowerBound, 1e-5), name)
        #expect(close(facts.range.upperBound, expected.range.upperBound, 1e-5), name)
        #expect(facts.isMonotone == expected.monotone, name)
        #expect(facts.saturatesLeft == expected.saturating.left, name)
        #expect(facts.saturatesRight == expected.saturating.right, name)
        #expect(close(facts.maxSlope, expected.maxSlope, 1e-4), name)
        if let place = expected.place { #expect(close(facts.maxSlopeInput ?? .nan, place, 1e-4), name) }
    }

    @Test func kinksAreFound() throws {
        #expect(try ActivationFacts(.hardSwish).kinks == [-3, 3])
        #expect(try ActivationFacts(.softShrink()).kinks == [-0.5, 0.5])
        #expect(try ActivationFacts(.relu6).kinks == [0, 6])
        #expect(try ActivationFacts(.tanh).kinks.isEmpty)
        #expect(try ActivationFacts(Activation("own") { abs($0 - 0.3) }).kinks.count == 1)
    }

    /// Before training a PReLU is the leaky ReLU that the trace notes in its place.
    @Test(arguments: [0.1, 0.25]) func preluHasTheFactsOfItsFirstSlope(_ slope: Double) throws {
        let layer = try TracedLayer(PReLU(initialSlope: slope), [4])
        #expect(layer.trace.activationUses.count == 1)
        let use = try #require(layer.trace.activationUses.first)
        #expect(use.input == layer.input.id && use.output == layer.output.id)
        let facts = try ActivationFacts(use.activation)
        #expect(try facts == ActivationFacts(.leakyRelu(slope: slope)))
        #expect(abs(facts.meanSquare - (1 + slope * slope) / 2) < 1e-12)
        #expect(abs(facts.meanSquareSlope - (1 + slope * slope) / 2) < 1e-12)
        let x = ReferenceTensor(shape: [2, 4], values: [-3, -0.5, 0, 2, 1e-3, -1e-3, 7, -11])
        let y = try layer.run(x, state: layer.initialState()).output.values
        let curve = try ActivationCurve(use.activation)(x.values).values
        #expect(zip(y, curve).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test func everyElementwiseActivationHasFactsAndOthersSayWhyNot() throws {
        let clock = ContinuousClock()
        for entry in Activation.all {
            if entry.isElementwise {
                var facts: ActivationFacts?
                let time = try clock.measure { facts = try ActivationFacts(entry.make()) }
                #if !DEBUG
                    #expect(time < .milliseconds(200), "\(entry.name) took \(time)")
                #endif
                #expect(facts?.meanSquare.isFinite == true)
            } else {
                #expect(throws: GraphError.self) { try ActivationFacts(entry.make()) }
            }
        }
    }
}
