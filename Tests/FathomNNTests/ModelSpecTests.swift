import FathomGraph
import FathomNN
import Foundation
import Testing

@Suite struct ModelSpecTests {
    @Test func oneLine() throws {
        let spec = try ModelSpec("dense 128 relu, batchnorm, residual [dense 64 relu, dense 64], dropout 0.2, dense 10")
        #expect(
            spec.layers == [
                LayerSpec("dense", options: ["units": 128]), LayerSpec("relu"), LayerSpec("batchNorm"),
                LayerSpec(
                    "residual",
                    children: [
                        LayerSpec("dense", options: ["units": 64]), LayerSpec("relu"),
                        LayerSpec("dense", options: ["units": 64]),
                    ]),
                LayerSpec("dropout", options: ["rate": 0.2]), LayerSpec("dense", options: ["units": 10]),
            ])
        let traced = try TracedLayer(spec.build(), [20])
        #expect(traced.output.shape == [.batch, 10])
        #expect(
            traced.trace.declarations.map(\.path).filter { $0.hasSuffix("weight") } == [
                "dense1.weight", "residual1.dense1.weight", "residual1.dense2.weight", "residual1.projection.weight",
                "dense2.weight",
            ])
        #expect(try ModelSpec(spec.text) == spec)
        #expect(
            spec.text
                == "dense 128, relu, batchNorm, residual [dense 64, relu, dense 64], dropout 0.2, dense 10")
    }

    @Test(arguments: [
        ("leakyRelu(0.2)", "leakyRelu slope=0.2"), ("leaky_relu slope=0.2", "leakyRelu slope=0.2"),
        ("dense(64, tanh)", "dense 64, tanh"), ("highway tanh gateBias=-2", "highway activation=tanh gateBias=-2"),
        ("highway 32 elu(0.5)", "highway units=32 activation=elu(alpha=0.5)"), ("reshape 4x-1", "reshape 4x-1"),
        ("reshape 2147483647x1", "reshape 2147483647x1"),
        ("dense 8 initializer=normal(0, 0.01) name=first", "dense 8 initializer=normal(0.0, 0.01) name=first"),
        (
            "parallel sum [dense 4, sequential [dense 4, relu]]",
            "parallel join=sum [dense 4, sequential [dense 4, relu]]"
        ),
        ("dropout 0.5 schedule=early steps=100", "dropout 0.5 schedule=early steps=100"),
        ("dense 3; relu\nsoftmax", "dense 3, relu, softmax"),
        ("maxout 8 3", "maxout 8 pieces=3"), ("dense 4 relu name=x", "dense 4 name=x, relu"),
        ("residual relu [tanh]", "residual activation=relu [tanh]"),
        ("", ""),
    ]) func lines(_ text: String, _ normal: String) throws {
        let spec = try ModelSpec(text)
        #expect(spec.text == normal)
        #expect(try ModelSpec(spec.text) == spec)
        #expect(try ModelSpec(spec.config) == spec)
        let data = try JSONEncoder().encode(spec)
        #expect(try JSONDecoder().decode(ModelSpec.self, from: data) == spec)
    }

    @Test func tree() throws {
        let tree: ConfigValue = [
            ["dense": 256], "relu",
            [
                "dense": [
                    "units": 256, "activation": ["leakyRelu": ["slope": 0.2]], "initializer": "he", "name": "second",
                ]
            ],
            ["residual": [["dense": 256], "dense 64 relu", ["dense": [256, "tanh"]]]],
            ["residual": ["activation": "relu", "layers": [["dense": 256]]]],
            ["leakyRelu": ["slope": 0.3]], ["reshape": [16, 16]], "flatten", ["dropout": 0.5],
            ["dense": ["units": 3, "initializer": ["normal": ["standardDeviation": 0.1]]]],
        ]
        let spec = try ModelSpec(tree)
        #expect(
            spec.text == """
                dense 256, relu, dense 256 initializer=he name=second, leakyRelu slope=0.2, \
                residual [dense 256, dense 64, relu, dense 256, tanh], residual activation=relu [dense 256], \
                leakyRelu slope=0.3, reshape 16x16, flatten, dropout 0.5, dense 3 initializer=normal(0.0, 0.1)
                """)
        #expect(try ModelSpec(spec.config) == spec)
        #expect(try TracedLayer(spec.build(), [9]).output.shape == [.batch, 3])
    }

    /// A wrong tree, what the error's key ends with, and the nearest spelling.
    static let mistakes: [(ConfigValue, key: String, nearest: String?)] = [
        (["dens 4"], "dens", "dense"), (["batchnrom"], "batchnrom", "batchNorm"),
        ([["dense": ["unit": 4]]], "model.dense.unit", "units"),
        ([["dense": ["units": "many"]]], "model.dense.units", nil),
        ([["dense": [:]]], "model.dense.units", nil), ([["dense": 4.5]], "model.dense.units", nil),
        ([["dense": ["units": 4, "activation": "rellu"]]], "model.dense.activation", "relu"),
        ([["dense": ["units": 4, "initializer": "xavir"]]], "model.dense.initializer", "xavier"),
        ([["residual": [["dense": ["unitz": 4]]]]], "model.residual.dense.unitz", "units"),
        ([["residual": ["shortcut": "paddin"]]], "model.residual.shortcut", "padding"),
        ([["relu": ["layers": ["tanh"]]]], "model.relu.layers", nil),
        ([["dense": ["units": 4, "name": "a.b"]]], "model.dense.name", nil),
        ([["dense": 99_999_999_999]], "model.dense.units", nil), ("residual [dense 4", "residual [dense 4", nil),
        ("dense 4]", "dense 4]", nil),
        ("dense 4 5", "dense.activation", nil), ("relu [tanh]", "relu", nil), (["dense 4 units=5"], "dense.units", nil),
        (42, "model", nil),
        ("leakyRelu(0.2", "leakyRelu(0.2", nil), ("dropout nan", "dropout.rate", nil), ("[dense 4]", "[dense 4]", nil),
    ]

    @Test(arguments: mistakes.indices) func mistakesAreExplained(_ row: Int) throws {
        let (tree, key, nearest) = Self.mistakes[row]
        let error = #expect(throws: ConfigError.self) { try ModelSpec(tree) }
        #expect(error?.key == key, "\(String(describing: error))")
        #expect(error?.nearest == nearest, "\(String(describing: error))")
    }

    @Test func errorsCarryTheLine() throws {
        func at(_ line: Int, _ content: ConfigValue.Content) -> ConfigValue { ConfigValue(content, line: line) }
        let tree = at(
            3,
            .list([
                at(4, .map([.init("dense", at(4, .int(8)))])),
                at(
                    5,
                    .map([
                        .init(
                            "residual",
                            at(5, .list([at(6, .map([.init("dense", at(6, .map([.init("unis", at(7, .int(8)))])))]))])))
                    ])),
            ]))
        let error = #expect(throws: ConfigError.self) { try ModelSpec(tree) }
        #expect(error?.line == 7)
        #expect(
            error?.description
                == """
                line 7: unknown option of dense 'unis' at 'model.residual.dense.unis'; did you mean 'units'?
                  allowed: units, bias, initializer, biasInitializer, activation, name
                """)
    }

    @Test func deepNestingIsRefusedNotFollowed() throws {
        let text = String(repeating: "residual [", count: 100_000) + "relu" + String(repeating: "]", count: 100_000)
        #expect(throws: ConfigError.self) { try ModelSpec(text) }
        var tree: ConfigValue = "relu"
        for _ in 0..<1000 { tree = ConfigValue(.list([ConfigValue(.map([.init("residual", tree)]))])) }
        let nested = tree
        #expect(throws: ConfigError.self) { try ModelSpec(nested) }
    }

    /// Damaged lines are read or refused; none ends the process, and what is read can be traced or is refused with a reason.
    @Test func damagedLinesNeverTrap() {
        let line =
            "dense 128 relu, residual [dense(64, elu(0.5)) name=a], dropout 0.2 steps=3, reshape 4x-1, maxout 8 3, highway 5"
        let letters = Array("[](),=x.- 0123456789eandr;:\n\u{301}é")
        var random = RandomSource(seed: 1, name: "damage")
        func pick(_ n: Int) -> Int { Int(random.uniform() * Double(n)) }
        var read = 0
        for _ in 0..<3000 {
            var text = Array(line)
            for _ in 0...pick(3) {
                let place = pick(text.count)
                switch pick(3) {
                case 0: text.remove(at: place)
                case 1: text.insert(letters[pick(letters.count)], at: place)
                default: text[place] = letters[pick(letters.count)]
                }
            }
            guard let spec = try? ModelSpec(String(text)), let model = try? spec.build() else { continue }
            read += 1
            _ = try? TracedLayer(model, [8])
            #expect((try? ModelSpec(spec.text)) == spec, "\(String(text)) → \(spec.text)")
        }
        #expect(read > 100)
    }

    @Test func hugeSizesAreErrorsNotTraps() {
        for huge in [Int.max, 1 << 62, 1 << 40, 1 << 31] {
            for layer in [
                Dense(huge), Highway(huge), Maxout(huge, pieces: huge), PerInputBias(huge),
                Embedding(huge, width: huge),
                Reshape([huge, huge]), Reshape([huge, huge, -1]),
            ] as [any Layer] {
                #expect(throws: GraphError.self, "\(layer)") { try TracedLayer(layer, [1 << 20]) }
            }
        }
    }

    @Test func whatHasNoFormAsDataSaysSo() throws {
        for layer in [
            Lambda("own") { $0 }, Activate(Activation("mine") { $0 * $0 }),
            Dense(3, initializer: Initializer("mine") { [Float](repeating: 0, count: $0.count) }),
            Shared(Dense(3)),
        ] as [any Layer] {
            #expect(throws: ConfigError.self) { try ModelSpec(encoding: Sequential { layer }) }
        }
    }

    @Test func everyKindIsDocumentedAndUnique() throws {
        var seen = Set<String>()
        for kind in LayerKind.all {
            for word in [kind.name] + kind.aliases { #expect(seen.insert(word.lowercased()).inserted, "\(word) twice") }
            #expect(!kind.summary.isEmpty)
            for option in kind.options { #expect(!option.meaning.isEmpty) }
        }
        #expect(LayerKind.all.count >= 50)
    }
}
