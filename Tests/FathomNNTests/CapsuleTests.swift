import FathomGraph
import FathomNN
import FathomReference
import FathomTestSupport
import Foundation
import Testing

/// Capsules, their loss and their reconstruction against formulas written out in numbers.
@Suite struct CapsuleTests {
    static func tensor(_ shape: [Int], _ values: [Double]) -> ReferenceTensor {
        ReferenceTensor(shape: shape, values: values)
    }

    /// |s|² / (1 + |s|²) along the direction of s; nothing stays nothing, with a finite gradient.
    @Test func squashKeepsTheDirection() throws {
        let traced = try TracedLayer(Lambda("squash") { squash($0) }, [3, 2])
        let x = Self.tensor([1, 3, 2], [3, 4, 0.06, -0.08, 0, 0])
        let result = try traced.run(x, state: [:])
        let scales = [25.0 / 26 / 5, 0.01 / 1.01 / 0.1]
        let expected = [3 * scales[0], 4 * scales[0], 0.06 * scales[1], -0.08 * scales[1], 0, 0]
        for (m, e) in zip(result.output.values, expected) { #expect(agree(m, e, relative: 1e-6)) }
        #expect(result.inputGradient.values.allSatisfy { $0.isFinite })
    }

    /// Two of three inputs predict the same for output 0, all three disagree about output 1: routing gives output 0 the larger
    /// shares and so the longer capsule, longer with each iteration.
    @Test func routingFindsAgreement() throws {
        // û of input i for output j is its row of the weight, since inputs are [1].
        let predictions: [Double] = [
            1, 0, 1, 0,
            1, 0, -0.5, 0.9,
            -0.2, 0.3, -0.5, -0.9,
        ]
        var lengths: [[Double]] = []
        for iterations in 1...4 {
            let traced = try TracedLayer(
                Sequential {
                    Capsules(2, dimension: 2, iterations: iterations)
                    CapsuleLength()
                }, [3, 1])
            let state = ["capsules1.weight": Self.tensor([3, 1, 4], predictions)]
            let x = Self.tensor([1, 3, 1], [1, 1, 1])
            lengths.append(try traced.run(x, state: state).output.values)
        }
        for (before, after) in zip(lengths, lengths.dropFirst()) {
            #expect(after[0] > before[0])
            #expect(after[0] > 2 * after[1], "\(after)")
        }
        #expect(lengths.allSatisfy { $0.allSatisfy { $0 < 1 } })
    }

    @Test(arguments: [false, true]) func margin(soft: Bool) throws {
        let trace = Trace(isTraining: true)
        let x = trace.input("x", [.batch, 3])
        let t = soft ? trace.input("y", [.batch, 3]) : trace.input("y", [.batch], .int32)
        let loss = try Loss.named("margin")(x, t)
        try trace.check()
        let rows: [[Double]] = [[0.95, 0.3, 0.05], [0.2, 0.6, 0.1]]
        let labels = [0, 2]
        var run = Interpreter(
            inputs: ["x": Self.tensor([2, 3], rows.flatMap { $0 })], state: [:], batch: 2)
        run.inputs["y"] =
            soft
            ? Self.tensor([2, 3], [1, 0, 0, 0, 0, 1])
            : Self.tensor([2], labels.map(Double.init))
        let value = try run.values(of: [loss.id!], in: trace.graph)[0].values[0]
        // Row 0: no margin missed at 0, 0.5 · 0.2² at 1. Row 1: 0.5 · (0.1² + 0.5²) and 0.8².
        #expect(agree(value, (0.5 * 0.04 + 0.5 * (0.01 + 0.25) + 0.64) / 2), "\(value)")
        #expect(Loss.margin().uninformedValue(classes: 10) == 0.81)
    }

    /// The reconstruction's error joins the loss of training, from the label's capsule, and nothing joins that of evaluation.
    @Test func reconstructionJoinsTheLoss() throws {
        func value(isTraining: Bool, weight: Double, label: Double) throws -> (loss: Double, scores: [Double]) {
            let model = Reconstruction(
                encoder: Sequential {
                    Reshape([2, 1]); Capsules(2, dimension: 1, iterations: 1)
                },
                decoder: Sequential { Dense(2, bias: false) }, weight: weight)
            let trace = Trace(isTraining: isTraining)
            trace.register(model)
            let (prediction, loss) = trace.output(
                of: model, on: trace.input("x", [.batch, 2]), loss: .margin(),
                target: trace.input("y", [.batch], .int32))
            try trace.check()
            let state = [
                "encoder.capsules1.weight": Self.tensor([2, 1, 2], [2, 0.5, 2, 0.5]),
                "decoder.dense1.weight": Self.tensor([2, 2], [1, 2, 10, 20]),
            ]
            let run = Interpreter(
                inputs: [
                    "x": Self.tensor([1, 2], [1, 1]),
                    "y": Self.tensor([1], [label]),
                ], state: state, batch: 1)
            let values = try run.values(of: [loss.id!, prediction.id!], in: trace.graph)
            return (values[0].values[0], values[1].values)
        }
        let plain = try value(isTraining: true, weight: 0, label: 1)
        // s = (2 + 2) / 2 = 2 and 0.5: lengths 0.8 and 0.2.
        #expect(agree(plain.scores[0], 0.8, relative: 1e-6) && agree(plain.scores[1], 0.2, relative: 1e-6))
        for (label, drawn) in [(0.0, [0.8, 1.6]), (1, [2.0, 4.0])] {
            let without = try value(isTraining: true, weight: 0, label: label).loss
            let with = try value(isTraining: true, weight: 0.5, label: label).loss
            let error = drawn.reduce(0) { $0 + ($1 - 1) * ($1 - 1) }
            #expect(agree(with - without, 0.5 * error, relative: 1e-6), "label \(label)")
            #expect(try value(isTraining: false, weight: 0.5, label: label).loss == without)
        }
    }

    @Test func networkHasThePapersSize() throws {
        // 256·(81 + 1) + 256·(256·81 + 1) + 1152·8·160 without decoder.
        let traced = try TracedLayer(ModelSpec("capsuleNetwork").build(), [28, 28, 1])
        let parameters = traced.trace.declarations.reduce(0) { $0 + $1.count }
        #expect(parameters == 20_992 + 5_308_672 + 1_474_560)
        let whole = try TracedLayer(ModelSpec("capsuleNetwork pixels=784").build(), [28, 28, 1])
        // 8.2 million, as the paper says.
        #expect(whole.trace.declarations.reduce(0) { $0 + $1.count } == 8_215_568)
        #expect(whole.output.shape == [.batch, 10])
        // The variance that keeps a sum's is the 0.1 of the paper's own program.
        let weight = try #require(whole.initialState()["reconstruction1.encoder.capsules1.weight"])
        let deviation = (weight.values.reduce(0) { $0 + $1 * $1 } / Double(weight.values.count)).squareRoot()
        #expect(abs(deviation - 0.104) < 0.001)
    }

    @Test(arguments: ["reconstruction [capsules 10]", "reconstruction []", "capsules", "primaryCapsules 0 0 0"])
    func mistakesAreErrors(_ text: String) { #expect(throws: ConfigError.self) { try ModelSpec(text).build() } }

    /// A decoder of the wrong width, an encoder that gives no capsules.
    @Test(arguments: [
        "reconstruction [sequential [capsules 3], sequential [dense 7]]",
        "reconstruction [sequential [flatten, dense 3], sequential [dense 8]]",
    ])
    func wrongPartsAreGraphErrors(_ text: String) throws {
        let model = try ModelSpec(text).build()
        #expect(throws: GraphError.self) { try TracedLayer(model, [4, 2]) }
    }
}
