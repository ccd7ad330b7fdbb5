import FathomGraph
import FathomNN
import FathomReference
import Testing

/// Theory before training against what real networks do, and against numbers computed elsewhere.
@Suite struct MeanFieldTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let model: @Sendable () -> Sequential
        var tolerance = 0.12
        /// Of one example.
        var input: [Int]

        init(
            _ name: String, _ input: [Int] = [MeanFieldTests.width], tolerance: Double = 0.12,
            @LayerBuilder _ model: @escaping @Sendable () -> [any Layer]
        ) {
            testDescription = name
            self.input = input
            self.model = { Sequential(model()) }
            self.tolerance = tolerance
        }
    }

    static let width = 128
    static let cases: [Case] = [
        Case("relu") { for _ in 0..<4 { Dense(width); ReLU() } },
        Case("sigmoid") { for _ in 0..<4 { Dense(width, initializer: .he); Activate(.sigmoid) } },
        Case("gelu") { for _ in 0..<3 { Dense(width); Activate(.gelu) } },
        Case("tanh with biases") {
            for _ in 0..<3 { Dense(width, biasInitializer: .normal(standardDeviation: 0.5)); Tanh() }
        },
        Case("a formula without a name") {
            for _ in 0..<3 { Dense(width); Lambda("formula") { x in x * sigmoid(x * 2) + 0.1 } }
        },
        Case("other widths") {
            Dense(400); ReLU(); Dense(100); Tanh(); Dense(300)
        },
        Case("batch norm", tolerance: 0.2) { for _ in 0..<3 { Dense(width); BatchNorm(); ReLU() } },
        Case("layer norm") {
            for _ in 0..<3 { Dense(width, initializer: .normal(standardDeviation: 0.3)); LayerNorm(); Tanh() }
        },
        Case("residual") {
            Dense(width);
            for _ in 0..<3 {
                Residual {
                    Dense(width); ReLU(); Dense(width)
                }
            }
        },
        Case("highway") { for _ in 0..<3 { Highway(activation: .tanh, gateBias: -2) } },
        Case("maxout") { for _ in 0..<2 { Maxout(width, pieces: 3) } },
        Case("dropout") { for _ in 0..<2 { Dense(width); ReLU(); Dropout(0.3) } },
        Case("swiglu", tolerance: 0.2) {
            for _ in 0..<2 { Dense(2 * width); Activate(Activation.entry(named: "swiglu")!.make()) }
        },
        Case("convolutions", [6, 6, 16]) {
            for _ in 0..<3 { Convolution(32, kernel: 3); ReLU() }; Convolution(96, kernel: 1)
        },
        Case("convolutions without padding", [9, 8, 8]) {
            for _ in 0..<3 { Convolution(32, kernel: 3, padding: .valid); Tanh() }
        },
        Case("strided convolutions", [12, 12, 8]) {
            for _ in 0..<2 { Convolution(48, kernel: 3, stride: 2); ReLU() }; Convolution(96, kernel: 1)
        },
        Case("grouped convolutions", [6, 6, 24]) {
            for _ in 0..<2 { Convolution(48, kernel: 3, groups: 2); Activate(.gelu) }; Convolution(96, kernel: 1)
        },
        Case("convolution along one axis", [20, 16]) {
            for _ in 0..<2 { Convolution(64, kernel: 5); ReLU() }; Convolution(96, kernel: 1)
        },
        // Without padding: places at a border vary less than others, so that the largest of unlike ones is larger.
        Case("max pooling", [10, 10, 16]) {
            for _ in 0..<2 {
                Convolution(64, kernel: 3, padding: .valid); ReLU(); MaxPool(2)
            }
            Convolution(128, kernel: 1)
        },
        Case("average pooling", [8, 8, 16]) {
            for _ in 0..<2 { Convolution(64, kernel: 3); ReLU(); AveragePool(2) }; Convolution(128, kernel: 1)
        },
        Case("global pooling", [6, 6, 16]) {
            Convolution(64, kernel: 3); Tanh(); GlobalPool(); Dense(256)
        },
        Case("global pooling of rectifiers", [6, 6, 16]) {
            Convolution(64, kernel: 3); ReLU(); Convolution(96, kernel: 3); ReLU(); GlobalPool(); Dense(256)
        },
        Case("convolutions with batch norm", [6, 6, 16], tolerance: 0.2) {
            for _ in 0..<3 { Convolution(32, kernel: 3, bias: false); BatchNorm(); ReLU() }
        },
        Case("convolutions with group norm", [6, 6, 16], tolerance: 0.2) {
            for _ in 0..<2 { Convolution(32, kernel: 3, bias: false); GroupNorm(4); ReLU() }
        },
        Case("transposed convolutions", [4, 4, 16]) {
            for _ in 0..<2 { TransposedConvolution(32, kernel: 4, stride: 2); ReLU() }; Convolution(64, kernel: 1)
        },
        Case("upsampling", [3, 3, 16]) {
            Convolution(24, kernel: 3); ReLU(); Upsample(2); Convolution(24, kernel: 3)
        },
        Case("residual convolutions", [6, 6, 16]) {
            Residual(shortcut: .padding, activation: .relu) {
                Convolution(24, kernel: 3, stride: 2, initializer: .he); ReLU();
                Convolution(24, kernel: 3, initializer: .he)
            }
        },
        Case("convolutional highway", [6, 6, 24]) {
            for _ in 0..<3 { Highway(activation: .tanh, gateBias: -2, kernel: [3]) }
        },
    ]

    @Test(arguments: cases) func agreesWithRealNetworks(_ c: Case) throws {
        let traced = try TracedLayer(c.model(), c.input)
        let batch = c.input.count == 1 ? 32 : 8
        var graph = traced.trace.graph
        let outputs = graph.shape(of: traced.output.id!).count(batch: batch)
        graph.outputs = [("y", traced.output.id!)]
        graph.updates = []
        func meanSquare(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 } / Double(values.count) }
        // What a wide network does exactly, a narrow one does on the average over first values.
        var (forward, backward) = (0.0, 0.0)
        let seeds: [UInt64] = c.input.count == 1 ? [1, 2, 3, 4] : [1, 2, 3, 4, 5, 6]
        for seed in seeds {
            var random = RandomSource(seed: seed, name: c.testDescription)
            let x = ReferenceTensor(
                shape: [batch] + c.input,
                values: (0..<(batch * c.input.reduce(1, *))).map { _ in random.normal() })
            let weight = (0..<outputs).map { _ in random.normal() }
            let real = try traced.run(x, state: traced.initialState(seed: seed), weight: weight)
            let field = try MeanField(graph, values: traced.trace.initialValues(seed: seed), batch: batch)
            let output = field.tracedGraph.outputs[0].node
            let input = field.tracedGraph.nodes.firstIndex { $0.op == .input("x") }!
            forward += field.meanSquare(of: output) / meanSquare(real.output.values) / Double(seeds.count)
            backward +=
                field.gradients(from: output)[input] / meanSquare(real.inputGradient.values) / Double(seeds.count)
        }
        #expect(abs(forward - 1) < c.tolerance, "values: theory / real = \(forward)")
        #expect(abs(backward - 1) < 1.5 * c.tolerance, "gradients: theory / real = \(backward)")
    }

    /// Twelve sigmoid layers with He's weights: χ ≈ 0.101 a layer, a gradient of about 1e−6 at the first (a known number).
    @Test func sigmoidWithHeWeightsVanishes() throws {
        let model = Sequential { for _ in 0..<12 { Dense(256, initializer: .heNormal); Activate(.sigmoid) } }
        let traced = try TracedLayer(model, [256])
        var graph = traced.trace.graph
        graph.outputs = [("y", traced.output.id!)]
        let field = try MeanField(graph, values: traced.trace.initialValues(seed: 1), batch: 32)
        let gradients = field.gradients(from: field.tracedGraph.outputs[0].node)
        let input = field.tracedGraph.nodes.firstIndex { $0.op == .input("x") }!
        let gain = gradients[input].squareRoot()
        #expect(gain > 0.7e-6 && gain < 1.4e-6, "\(gain)")
    }

    /// What has no rule is said to be unknown instead of getting a number.
    @Test func unknownIsNaN() throws {
        let traced = try TracedLayer(
            Sequential {
                Dense(8); Lambda("formula") { $0.cumulativeSum(axis: 1) }
            }, [4])
        var graph = traced.trace.graph
        graph.outputs = [("y", traced.output.id!)]
        let field = try MeanField(graph, values: traced.trace.initialValues(seed: 1), batch: 4)
        #expect(field.meanSquare(of: field.tracedGraph.outputs[0].node).isNaN)
    }
}
