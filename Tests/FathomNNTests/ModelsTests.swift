import FathomGraph
import FathomNN
import FathomReference
import FathomTestSupport
import Testing

/// Whole models that configurations name: sizes known from elsewhere, the layers they stand for, and mistakes.
@Suite struct ModelsTests {
    /// Parameters as the papers, or the same layers in PyTorch, count them.
    @Test(arguments: [
        ("resNet 20", [32, 32, 3], 269_722), ("resNet 32", [32, 32, 3], 464_154), ("resNet 44", [32, 32, 3], 658_586),
        ("resNet 56", [32, 32, 3], 853_018), ("resNet 110", [32, 32, 3], 1_727_962),
        ("resNet 56 plain", [32, 32, 3], 853_018), ("resNet preActivation", [32, 32, 3], 269_722),
        ("resNet shortcut=projection", [32, 32, 3], 272_282),
        ("resNet shortcut=normalizedProjection", [32, 32, 3], 272_474), ("leNet", [28, 28, 1], 61_706),
        ("vgg filters=8 stages=2 convolutions=1 units=16", [8, 8, 3], 216 + 16 + 1152 + 32 + 64 * 16 + 16 + 170),
        ("highwayNetwork 8 filters=4", [12, 12, 1], 40 + 6 * (36 * 8 + 8) + 50),
    ])
    func hasKnownSize(_ text: String, _ input: [Int], _ count: Int) throws {
        let spec = try ModelSpec(text)
        let traced = try TracedLayer(spec.build(), input)
        #expect(traced.output.shape == [.batch, 10])
        let parameters = traced.trace.declarations.filter { $0.role == .parameter }
        #expect(parameters.reduce(0) { $0 + $1.count } == count)
        #expect(!spec.layers.contains { ["resNet", "leNet", "vgg", "highwayNetwork"].contains($0.kind) })
        // What is written is the layers, and they read back.
        #expect(try ModelSpec(spec.text) == spec)
        #expect(try ModelSpec(spec.config) == spec)
    }

    @Test func functionAndTextAreOneModel() throws {
        #expect(
            try ModelSpec(encoding: Sequential.resNet(depth: 32, block: .preActivation, shortcut: .projection))
                == ModelSpec("resNet 32 preActivation shortcut=projection"))
        #expect(
            try ModelSpec(encoding: Sequential.leNet(activation: .relu, pooling: .max))
                == ModelSpec("leNet relu pooling=max"))
        let named = try ModelSpec("leNet name=front")
        #expect(named.layers.count == 1)
        #expect(named.layers.first?.name == "front" && named.layers.first?.kind == "sequential")
    }

    /// A plain network has no shortcut, a residual one has one a block, and strides halve the image twice.
    @Test func blocksAreWhatTheyAreCalled() throws {
        func residuals(_ text: String) throws -> Int { try ModelSpec(text).layers.count { $0.kind == "residual" } }
        #expect(try residuals("resNet 56") == 27)
        #expect(try residuals("resNet 56 preActivation") == 27)
        #expect(try residuals("resNet 56 plain") == 0)
        let traced = try TracedLayer(ModelSpec("resNet 8").build(), [9, 8, 3])
        let table = LayerTable(traced.trace)
        let shapes = table.rows.filter { $0.kind == "convolution" }.map {
            traced.trace.graph.shape(of: $0.output).dims.dropFirst().compactMap(\.fixedValue)
        }
        #expect(shapes.map { $0.dropLast() } == [[9, 8], [9, 8], [9, 8], [5, 4], [5, 4], [3, 2], [3, 2]])
        #expect(shapes.map { $0.last } == [16, 16, 16, 32, 32, 64, 64])
    }

    @Test func repeats() throws {
        #expect(try ModelSpec("repeat 3 [dense 4 relu]") == ModelSpec("dense 4 relu, dense 4 relu, dense 4 relu"))
        #expect(try ModelSpec("repeat 2 [repeat 2 [tanh]]") == ModelSpec("tanh, tanh, tanh, tanh"))
        #expect(try ModelSpec("dense 3, repeat 0 [tanh]") == ModelSpec("dense 3"))
        let traced = try TracedLayer(ModelSpec("repeat 2 [dense 4]").build(), [4])
        #expect(
            traced.trace.declarations.map(\.path).filter { $0.hasSuffix("weight") } == [
                "dense1.weight", "dense2.weight",
            ])
    }

    @Test(arguments: [
        "resNet 21", "resNet 2", "resNet 0", "resNet depth=-10", "resNet 999998", "resNet width=0", "resNet plane",
        "highwayNetwork 12", "highwayNetwork stages=0", "vgg stages=0", "vgg filters=-1", "vgg stages=40",
        "repeat [tanh]", "repeat -1 [tanh]", "repeat 2 [dense 3 name=a]",
        "repeat 1000 [repeat 1000 [repeat 1000 [repeat 1000 [tanh]]]]",
    ])
    func mistakesAreErrors(_ text: String) { #expect(throws: ConfigError.self) { try ModelSpec(text) } }

    /// A fresh residual network passes its input on in its shortcuts: features of the first stage reach the last unchanged.
    @Test func optionAKeepsFeatures() throws {
        let block = try TracedLayer(
            Residual(shortcut: .padding) { Convolution(3, kernel: 3, stride: 2, bias: false, initializer: .zeros) },
            [3, 4, 2])
        let x = ReferenceTensor(shape: [1, 3, 4, 2], values: (0..<24).map(Double.init))
        let y = try block.run(x, state: block.initialState()).output
        #expect(y.shape == [1, 2, 2, 3])
        #expect(y.values == [0, 1, 0, 4, 5, 0, 16, 17, 0, 20, 21, 0])
    }
}
