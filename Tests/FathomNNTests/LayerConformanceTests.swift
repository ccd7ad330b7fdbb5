import FathomGraph
import FathomNN
import FathomReference
import FathomTestSupport
import Testing

/// What every layer must do, checked by one function over a table of all layers.
@Suite struct LayerConformanceTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        var make: @Sendable () -> any Layer
        /// Of one example.
        var input: [Int] = [4]
        var output: [Int]
        var parameters = 0
        /// Numbers in buffers.
        var buffers = 0
        /// A shape of one example it must refuse, or `nil` where any will do.
        var refuses: [Int]? = []
        var isData = true
        var differentiable = true
        var indices = 0
        var testDescription: String { name }

        init(
            _ name: String, _ output: [Int], from input: [Int] = [4], parameters: Int = 0, buffers: Int = 0,
            refuses: [Int]? = [], isData: Bool = true, differentiable: Bool = true, indices: Int = 0,
            _ make: @escaping @Sendable () -> any Layer
        ) {
            (self.name, self.make, self.input, self.output) = (name, make, input, output)
            (self.parameters, self.buffers, self.refuses, self.isData) = (parameters, buffers, refuses, isData)
            (self.differentiable, self.indices) = (differentiable, indices)
        }
    }

    static let own: [Row] = [
        Row("dense", [3], parameters: 15) { Dense(3) },
        Row("dense on rows", [2, 3], from: [2, 4], parameters: 12) {
            Dense(3, bias: false, initializer: .he(.outputs))
        },
        Row("dense, critical", [3], parameters: 15) { Dense(3, initializer: .critical(for: .gelu)) },
        Row("per-input bias", [3], parameters: 16) {
            PerInputBias(3, biasInitializer: .normal(standardDeviation: 0.1))
        },
        Row("maxout", [3], parameters: 45) { Maxout(3, pieces: 3) },
        Row("convolution", [5, 4, 3], from: [5, 4, 2], parameters: 57) { Convolution(3, kernel: 3) },
        Row("convolution, strided", [2, 2, 4], from: [5, 4, 2], parameters: 24) {
            Convolution(4, kernel: [3, 1], stride: [2, 3], padding: .explicit([0, 1]), bias: false)
        },
        Row("convolution, depthwise", [3, 3, 4], from: [3, 3, 4], parameters: 40) {
            Convolution(4, kernel: 3, groups: nil)
        },
        Row("convolution, dilated groups", [6, 4], from: [6, 4], parameters: 28) {
            Convolution(4, kernel: 3, dilation: 2, groups: 2, initializer: .he)
        },
        Row("convolution of volumes", [2, 2, 1, 2], from: [3, 3, 2, 1], parameters: 18) {
            Convolution(2, kernel: 2, padding: .valid)
        },
        Row("max pool", [2, 2, 3], from: [4, 5, 3]) { MaxPool(2) },
        Row("max pool, overlapping", [3, 3, 2], from: [5, 6, 2]) { MaxPool(3, stride: 2, padding: .same) },
        Row("average pool", [2, 2, 3], from: [4, 5, 3]) { AveragePool([2, 2]) },
        Row("average pool, padded", [2, 3, 2], from: [4, 6, 2]) {
            AveragePool(3, stride: 2, padding: .explicit([1]), countingPadding: false)
        },
        Row("global average", [3], from: [2, 3, 3]) { GlobalPool() },
        Row("global max", [3], from: [4, 3]) { GlobalPool(.max) },
        Row("batchNorm on images", [3, 2, 4], from: [3, 2, 4], parameters: 8, buffers: 8) { BatchNorm() },
        Row("batchNorm", [4], parameters: 8, buffers: 8) { BatchNorm() },
        Row("batchNorm on rows", [2, 4], from: [2, 4], buffers: 8) {
            BatchNorm(momentum: 0.3, epsilon: 0.1, affine: false)
        },
        Row("layerNorm", [4], parameters: 8) { LayerNorm(epsilon: 1e-3) },
        Row("rmsNorm", [4], parameters: 4) { RMSNorm() },
        Row("dropout", [4], refuses: nil) { Dropout(0.25) },
        Row("early dropout", [4], refuses: nil) { Dropout(0.5, schedule: .early(steps: 10)) },
        Row("late dropout", [4], refuses: nil) { Dropout(0.5, schedule: .late(start: 1)) },
        Row("falling dropout", [4], refuses: nil) { Dropout(0.5, schedule: .falling(steps: 4)) },
        Row("residual", [4], parameters: 40) {
            Residual {
                Dense(4); Tanh(); Dense(4).named("second"); Dropout(0.1)
            }
        },
        Row("residual, projected", [6], parameters: 30 + 24) {
            Residual(activation: .silu) {
                Dense(6); Tanh()
            }
        },
        Row("residual, padded", [6], parameters: 30) { Residual(shortcut: .padding) { Dense(6) } },
        Row("residual, pre-activation", [4], parameters: 2 * (20 + 8), buffers: 16) {
            Residual.preActivation(4, activation: .tanh)
        },
        Row("residual, post-activation", [4], parameters: 2 * (20 + 8), buffers: 16) {
            Residual.postActivation(4, activation: .softplus)
        },
        Row("highway", [4], parameters: 40) { Highway(activation: .tanh, gateBias: -2) },
        Row("highway, projected", [6], parameters: 60 + 24) { Highway(6, activation: .gelu) },
        Row("highway, padded", [6], parameters: 60) {
            Highway(6, activation: .elu(alpha: 0.5), shortcut: .padding, initializer: .orthogonal)
        },
        Row("prelu", [4], parameters: 1, refuses: nil) { PReLU() },
        Row("prelu per feature", [4], parameters: 4) { PReLU(perFeature: true, initialSlope: 0.1) },
        Row("embedding", [3, 5], from: [3], parameters: 35, refuses: nil, differentiable: false, indices: 7) {
            Embedding(7, width: 5)
        },
        Row("flatten", [6], from: [2, 3], refuses: nil) { Flatten() },
        Row("reshape", [3, 2], from: [2, 3], refuses: [5]) { Reshape([3, -1]) },
        Row("identity", [4], refuses: nil) { Identity() },
        Row("lambda", [4], refuses: nil, isData: false) { Lambda("cube") { $0 * $0 * $0 } },
        Row("parallel", [7], parameters: 20 + 15 + 1) {
            Parallel {
                Dense(4);
                Sequential {
                    Dense(3); PReLU()
                }
            }
        },
        Row("parallel, sum", [4], parameters: 40) {
            Parallel(joinedBy: .sum) {
                Dense(4); Dense(4).named("second")
            }
        },
        Row("McCulloch–Pitts", [1], differentiable: false) { McCullochPitts(threshold: 2, inhibiting: [3]) },
        Row("sequential", [2], parameters: 20 + 8 + 10, buffers: 8) {
            Sequential {
                Dense(4); BatchNorm(); ReLU(); Dense(2)
            }
        },
    ]

    static let images: [Row] = [
        Row("transposed convolution", [8, 6, 3], from: [4, 3, 2], parameters: 57) {
            TransposedConvolution(3, kernel: 3, stride: 2)
        },
        Row("transposed convolution, output padding", [6, 9, 2], from: [3, 3, 4], parameters: 48) {
            TransposedConvolution(
                2, kernel: [3, 4], stride: [2, 3], padding: .explicit([1]), outputPadding: [1, 1], groups: 2,
                bias: false)
        },
        Row("transposed convolution, dilated", [9, 3], from: [3, 2], parameters: 21) {
            TransposedConvolution(3, kernel: [3], stride: [2], padding: .valid, dilation: [2])
        },
        Row("adaptive average", [2, 2, 3], from: [4, 6, 3]) { AdaptivePool(2) },
        Row("adaptive average, uneven", [3, 4, 2], from: [5, 3, 2]) { AdaptivePool([3, 4]) },
        Row("adaptive max", [2, 1, 2], from: [4, 3, 2]) { AdaptivePool([2, 1], kind: .max) },
        Row("adaptive max, uneven", [2, 2, 2], from: [5, 3, 2]) { AdaptivePool(2, kind: .max) },
        Row("group norm", [3, 2, 4], from: [3, 2, 4], parameters: 8) { GroupNorm(2) },
        Row("group norm without places", [4], parameters: 0) { GroupNorm(2, epsilon: 0.1, affine: false) },
        Row("instance norm", [5, 2, 3], from: [5, 2, 3], parameters: 0, refuses: [3]) { InstanceNorm() },
        Row("instance norm, affine", [6, 3], from: [6, 3], parameters: 6, refuses: [3]) {
            InstanceNorm(epsilon: 1e-3, affine: true)
        },
        Row("spatial dropout", [3, 2, 4], from: [3, 2, 4], refuses: [4]) { SpatialDropout(0.25) },
        Row("upsample, nearest", [6, 4, 2], from: [3, 2, 2]) { Upsample() },
        Row("upsample, bilinear", [9, 4, 2], from: [3, 2, 2]) { Upsample([3, 2], interpolation: .bilinear) },
        Row("channel shuffle", [2, 6], from: [2, 6]) { ChannelShuffle(3) },
        Row("residual on images, projected", [3, 2, 4], from: [5, 3, 2], parameters: 80) {
            Residual(activation: .tanh) { Convolution(4, kernel: 3, stride: 2, bias: false) }
        },
        Row("residual on images, padded", [2, 2, 4], from: [4, 3, 2], parameters: 76) {
            Residual(shortcut: .padding) { Convolution(4, kernel: 3, stride: 2) }
        },
        Row("residual on images, strided alone", [2, 2, 2], from: [4, 3, 2], parameters: 36) {
            Residual { Convolution(2, kernel: 3, stride: 2, bias: false) }
        },
        Row("convolutional highway", [3, 4, 2], from: [3, 4, 2], parameters: 76) {
            Highway(activation: .tanh, gateBias: -2, kernel: [3])
        },
        Row("convolutional highway, projected", [3, 4, 3], from: [3, 4, 2], parameters: 48) {
            Highway(3, activation: .gelu, kernel: [3, 1])
        },
    ]

    static let blocks: [Row] = [
        Row("squeeze and excitation", [3, 2, 4], from: [3, 2, 4], parameters: 22) {
            SqueezeExcitation(reduction: 2)
        },
        Row("squeeze and excitation along one axis", [3, 4], from: [3, 4], parameters: 13, refuses: [4]) {
            SqueezeExcitation()
        },
        Row("CBAM", [4, 3, 4], from: [4, 3, 4], parameters: 40, refuses: [4]) {
            ConvolutionalAttention(reduction: 2, kernel: 3)
        },
        Row("GCNet", [3, 2, 6], from: [3, 2, 6], parameters: 72, refuses: [4]) {
            GlobalContext()
        },
        Row("triplet attention", [3, 4, 2], from: [3, 4, 2], parameters: 60, buffers: 6, refuses: [3, 4]) {
            TripletAttention(kernel: 3)
        },
        Row("shuffle attention", [3, 2, 8], from: [3, 2, 8], parameters: 12, refuses: [3, 2, 6]) {
            ShuffleAttention(groups: 2)
        },
        Row("dynamic convolution", [2, 2, 3], from: [3, 4, 4], parameters: 231, refuses: [4]) {
            DynamicConvolution(3, kernel: [3], kernels: 2, stride: [2], temperature: 2)
        },
        Row("dynamic convolution along one axis", [3, 2], from: [3, 2], parameters: 51) {
            DynamicConvolution(2, kernel: [2], padding: .same, initializer: .he)
        },
        Row("primary capsules", [2 * 1 * 2, 3], from: [5, 4, 2], parameters: 114, refuses: [4]) {
            PrimaryCapsules(2, dimension: 3, kernel: 3)
        },
        Row("capsules", [3, 2], from: [4, 5], parameters: 120, refuses: [5]) {
            Capsules(3, dimension: 2, differentiatingRouting: true)
        },
        Row("capsules, one iteration", [3, 2], from: [4, 5], parameters: 120) {
            Capsules(3, dimension: 2, iterations: 1)
        },
        Row("capsules, shares constant", [3, 2], from: [4, 5], parameters: 120, differentiable: false) {
            Capsules(3, dimension: 2, iterations: 2)
        },
        Row("capsule length", [4], from: [4, 5]) { CapsuleLength() },
        Row("reconstruction", [3], from: [4, 2], parameters: 104, refuses: [5]) {
            Reconstruction(
                encoder: Sequential { Capsules(3, dimension: 2, differentiatingRouting: true) },
                decoder: Sequential { Dense(8) }, weight: 0.25)
        },
    ]

    static let activations: [Row] = Activation.all.map { entry in
        let width = entry.name == "crelu" ? 8 : ["glu", "geglu", "swiglu"].contains(entry.name) ? 2 : 4
        let smooth = !["step", "threshold", "hardShrink"].contains(entry.name)
        let changed = Dictionary(uniqueKeysWithValues: entry.parameters.map { ($0.name, $0.defaultValue + 0.125) })
        return Row(entry.name, [width], refuses: nil, differentiable: smooth) { Activate(entry.make(changed)) }
    }

    /// Values away from kinks, all different.
    static func sample(_ row: Row, batch: Int) -> ReferenceTensor {
        let shape = [batch] + row.input
        var random = RandomSource(seed: 3, name: row.name)
        return ReferenceTensor(
            shape: shape,
            values: (0..<shape.reduce(1, *)).map { _ in
                row.indices > 0 ? (random.uniform() * Double(row.indices)).rounded(.down) : 1.5 * random.normal()
            })
    }

    @Test(arguments: own + images + blocks + activations) func conforms(_ row: Row) throws {
        let batch = 5
        let x = Self.sample(row, batch: batch)
        let layer = row.make()

        // Shapes and counts.
        let training = try TracedLayer(layer, row.input)
        #expect(training.output.shape == Shape([.batch] + row.output.map { .fixed($0) }))
        #expect(training.output.type?.element == .float32)
        func count(_ role: StateDeclaration.Role) -> Int {
            training.trace.declarations.filter { $0.role == role }.reduce(0) { $0 + $1.count }
        }
        #expect(count(.parameter) == row.parameters)
        #expect(count(.buffer) == row.buffers)

        // First values depend on the seed alone.
        let state = training.initialState(seed: 5)
        #expect(state == training.initialState(seed: 5))
        let tracedAgain = try TracedLayer(layer, row.input)
        #expect(state == tracedAgain.initialState(seed: 5))
        let drawn = training.trace.initialValues(seed: 5).contains { Set($0.values).count > 2 }
        if drawn { #expect(state != training.initialState(seed: 6)) }

        // Evaluation needs the same parameters, draws nothing and changes nothing.
        let evaluation = try TracedLayer(layer, row.input, isTraining: false)
        #expect(evaluation.trace.graph.updates.isEmpty)
        #expect(!evaluation.trace.graph.nodes.contains { if case .randomBits = $0.op { true } else { false } })
        #expect(evaluation.trace.declarations.map(\.path) == training.trace.declarations.map(\.path))
        let first = try evaluation.run(x, state: state)
        let later = try evaluation.run(x, state: state, step: 9)
        #expect(first.output == later.output)
        #expect(first.output.values.allSatisfy { $0.isFinite })

        // The form as data builds an equal model.
        if row.isData {
            let spec = try ModelSpec(encoding: layer)
            let encodedAgain = try ModelSpec(encoding: spec.build())
            #expect(encodedAgain == spec)
            let fromText = try ModelSpec(spec.text)
            #expect(fromText == spec, "\(spec.text)")
            let fromTree = try ModelSpec(spec.config)
            #expect(fromTree == spec)
            let rebuilt = try TracedLayer(spec.build(), row.input, isTraining: false)
            let again = try rebuilt.run(
                x,
                state: Dictionary(
                    uniqueKeysWithValues: zip(rebuilt.trace.declarations, training.trace.declarations).map {
                        ($0.path, state[$1.path]!)
                    }))
            #expect(again.output == first.output, "\(spec.text)")
        } else {
            #expect(throws: ConfigError.self) { try ModelSpec(encoding: layer) }
        }

        // A wrong input is one error that names the layer, and poisons what follows.
        if let wrong = row.refuses {
            let trace = Trace(isTraining: true)
            let model = Sequential {
                layer.named("victim"); ReLU()
            }
            trace.register(model)
            let y = model(trace.input("x", Shape([.batch] + wrong.map { .fixed($0) })))
            #expect(y.id == nil)
            #expect(trace.error?.layer.hasPrefix("victim") == true, "\(String(describing: trace.error))")
            #expect(trace.error?.message.isEmpty == false)
        }

        // Gradients, in training where randomness holds still, against differences of fifth order.
        guard row.differentiable else { return }
        for traced in [training, evaluation] { try checkGradients(traced, x, state, row) }
    }

    private func checkGradients(
        _ traced: TracedLayer, _ x: ReferenceTensor, _ state: [String: ReferenceTensor], _ row: Row
    ) throws {
        let count = traced.output.shape.count(batch: x.shape[0])
        var random = RandomSource(seed: 11, name: row.name)
        let weight = (0..<count).map { _ in random.normal() }
        // A bias of 0 puts hinges of an all-equal feature in one place; parameters are moved off.
        var state = state
        for (path, value) in state { state[path]!.values = value.values.map { $0 + 0.01 * random.uniform() } }
        let result = try traced.run(x, state: state, weight: weight, step: 2)
        func loss(_ x: ReferenceTensor, _ state: [String: ReferenceTensor]) throws -> Double {
            let run = traced.interpreter(x, state: state, step: 2)
            let y = try run.values(of: [traced.output.id!], in: traced.trace.graph)[0]
            return zip(y.values, weight).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let h = 1e-3
        func difference(_ at: (Double) throws -> Double) rethrows -> Double {
            try (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
        }
        for i in stride(from: 0, to: x.values.count, by: max(1, x.values.count / 12)) {
            let numeric = try difference { d in
                var moved = x
                moved.values[i] += d
                return try loss(moved, state)
            }
            #expect(
                agree(result.inputGradient.values[i], numeric, relative: 1e-7, absolute: 1e-8),
                "x[\(i)]: \(result.inputGradient.values[i]), not \(numeric)")
        }
        for (path, gradient) in result.gradients {
            for i in stride(from: 0, to: gradient.values.count, by: max(1, gradient.values.count / 6)) {
                let numeric = try difference { d in
                    var moved = state
                    moved[path]!.values[i] += d
                    return try loss(x, moved)
                }
                #expect(
                    agree(gradient.values[i], numeric, relative: 1e-7, absolute: 1e-8),
                    "\(path)[\(i)]: \(gradient.values[i]), not \(numeric)")
            }
        }
    }
}
