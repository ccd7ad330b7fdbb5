import FathomData
import FathomDiagnosis
import FathomNN
import FathomTestSupport
import FathomTraining
import Foundation
import Testing

/// A healthy little case whose keys a test replaces; `nil` takes one away.
private func file(_ changes: [String: Any?] = [:]) -> Data {
    var one: [String: Any] = [
        "id": "one", "task": "classification",
        "dataset": ["name": "XOR", "how": "X=[[1,1],[1,0],[0,0],[0,1]] y=[0,1,0,1]"], "input_shape": [2],
        "layers": [
            ["t": "dense", "units": 4, "act": "tanh", "init": "he_normal"],
            ["t": "dense", "units": 1, "act": "sigmoid"],
        ],
        "loss": "binary_crossentropy", "optimizer": ["name": "SGD", "lr": 0.5, "momentum": 0.9, "nesterov": true],
        "batch_size": 4, "epochs": 3, "label": ["status": "buggy", "faults": ["LR", "ACT/OUT_ACT"]],
    ]
    for (key, value) in changes { one[key] = value }
    return try! JSONSerialization.data(withJSONObject: ["cases": [one]])
}

private func read(_ changes: [String: Any?] = [:]) throws -> LabelledCase {
    try CaseFile(json: file(changes)).cases[0].get()
}

private func rebuilt(_ changes: [String: Any?] = [:], folder: String = "", rows: Int = 6000) throws -> RebuiltCase {
    try read(changes).rebuilt(folder: folder, rows: rows)
}

private func data(_ how: String, name: String = "rows", columns: Int = 1, task: String = "regression") throws
    -> DataSplit
{
    let case_ = try rebuilt([
        "dataset": ["name": name, "how": how], "input_shape": [columns], "task": task, "loss": "mse",
    ])
    return try #require(case_.patient, "\(case_.unsupported)").data
}

extension Dataset {
    fileprivate var numbers: [Float] { if case .values(let values) = targets { values.values } else { [] } }
}

@Suite("Labelled cases: reading")
struct CaseReadingTests {
    @Test func aWholeCase() throws {
        let one = try read(["change": "no input scaling", "l2": 1e-5])
        #expect(one.id == "one" && one.inputShape == [2] && one.layers.count == 2 && one.isClassification)
        #expect(one.optimizer?.name == "SGD" && one.batch == 4 && one.epochs == 3 && one.l2 == 1e-5)
        #expect(one.label.status == .buggy && one.label.faults == ["LR", "ACT/OUT_ACT"])
        let open = try read(["optimizer": NSNull(), "batch_size": NSNull(), "epochs": NSNull()])
        #expect(open.optimizer == nil && open.batch == nil && open.epochs == nil)
    }

    private static let mistakes: [(key: String, changes: [String: any Sendable])] = [
        ("task", ["task": 7]), ("task", ["task": "clustering"]), ("dataset", ["dataset": "mnist"]),
        ("dataset.name", ["dataset": ["how": "x"]]), ("input_shape", ["input_shape": [0]]),
        ("input_shape", ["input_shape": [1e300]]), ("input_shape", ["input_shape": [1 << 20, 1 << 20]]),
        ("input_shape", ["input_shape": "2"]), ("layers", ["layers": [Int]()]), ("layers[0]", ["layers": [3]]),
        ("layers[0].t", ["layers": [["units": 3]]]), ("loss", ["loss": ["a"]]), ("optimizer", ["optimizer": "SGD"]),
        ("optimizer.name", ["optimizer": ["lr": 1]]), ("batch_size", ["batch_size": 0]),
        ("batch_size", ["batch_size": 1.5]), ("batch_size", ["batch_size": true]), ("epochs", ["epochs": -3]),
        ("l2", ["l2": -1]), ("label", ["label": 1]), ("label.status", ["label": ["status": "ill"]]),
        ("label.faults", ["label": ["status": "buggy", "faults": [1]] as [String: any Sendable]]),
        ("change", ["change": 3]),
    ]

    @Test(arguments: mistakes.indices) func aMistakeNamesCaseAndKey(_ row: Int) throws {
        let (key, changes) = Self.mistakes[row]
        guard case .failure(let error) = try CaseFile(json: file(changes)).cases[0] else {
            Issue.record("\(key) was taken")
            return
        }
        #expect(error.id == "one" && error.key == key, "\(error)")
    }

    @Test func missingKeys() throws {
        for key in ["id", "task", "dataset", "input_shape", "layers", "loss", "label"] {
            guard case .failure(let error) = try CaseFile(json: file([key: nil as Any?])).cases[0] else { continue }
            #expect(error.key == key && error.message.contains("missing"), "\(error)")
        }
        guard case .failure(let error) = try CaseFile(json: file(["id": NSNull()])).cases[0] else {
            Issue.record("a case without an id was taken")
            return
        }
        #expect(error.id == "1")
    }

    @Test(arguments: ["", "[]", "{}", "{\"cases\": 3}", "{\"cases\": [", "nan", "\u{FEFF}{\"cases\": 1e999}"])
    func notAFile(_ text: String) {
        #expect(throws: CaseError.self) { try CaseFile(json: Data(text.utf8)) }
    }

    @Test func deepNesting() {
        let text =
            "{\"cases\": " + String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000) + "}"
        #expect(throws: CaseError.self) { try CaseFile(json: Data(text.utf8)) }
    }

    /// One case that cannot be read does not hide the next.
    @Test func theOthersAreRead() throws {
        let good = try #require(String(data: file(), encoding: .utf8))
        let text = good.replacingOccurrences(of: "{\"cases\":[", with: "{\"cases\":[17,")
        let cases = try CaseFile(json: Data(text.utf8)).cases
        #expect(cases.count == 2)
        #expect((try? cases[1].get())?.id == "one")
    }

    /// Damaged bytes of a file: every case is read or refused with a reason; a trap ends the test run.
    @Test func damagedFiles() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Cases/more.json")
        let line = try String(contentsOf: path, encoding: .utf8).split(separator: "\n").first {
            $0.hasPrefix("{\"id\"")
        }
        let one = try #require(line)
        let seed = Array("{\"cases\": [\(one.last == "," ? one.dropLast() : one)]}".utf8)
        #expect(try CaseFile(json: Data(seed)).cases[0].get().id == "rate-too-low")
        let words = ["\"", "{", "}", "[", "]", ",", ":", "null", "true", "-1", "1e999", "0.5", "\\u", "\\", " "]
        var random = SeededGenerator(seed: 9)
        var (files, cases, read) = (0, 0, 0)
        for _ in 0..<3000 {
            do throws(CaseError) {
                for one in try CaseFile(json: Data(damaged(seed, words: words, using: &random))).cases {
                    switch one {
                    case .success: read += 1
                    case .failure(let error):
                        cases += 1
                        #expect(!error.key.isEmpty && !error.message.isEmpty)
                    }
                }
            } catch {
                files += 1
                #expect(error.id == "file" && !error.message.isEmpty)
            }
        }
        #expect(files > 1000 && cases > 10 && read > 20, "\(files) files and \(cases) cases refused, \(read) read")
    }

    /// Numbers and words of a case replaced at random: an outcome each time, never a trap.
    @Test func anyValueAnywhere() throws {
        let values: [Any] = [
            NSNull(), true, -1, 0, 1e300, 1e-300, 4_294_967_296, "", "x", "adam", "nan", "arange(0,1e9,1e-9)", [Int](),
            [[Int]](), ["t": "dense"], "(((((", "normal(", "uniform(+-1/sqrt(", "x=arange(0,5,0.1); y=x^x^x^x",
            "make_blobs(n_samples=1e300)", "X=[[1],[2]] y=[1]", "10^9 rows of 9999 ones (label 1)", "max(1",
        ]
        var random = SeededGenerator(seed: 5)
        func changed(_ value: Any, _ depth: Int) -> Any {
            if random.next(below: 12) == 0 { return values[Int(random.next(below: UInt64(values.count)))] }
            if let map = value as? [String: Any] {
                var copy = map
                for key in map.keys.sorted() { copy[key] = changed(map[key]!, depth + 1) }
                return copy
            }
            if let list = value as? [Any] { return list.map { changed($0, depth + 1) } }
            return value
        }
        let root = try JSONSerialization.jsonObject(with: file())
        for _ in 0..<600 {
            let bytes = try JSONSerialization.data(withJSONObject: ["root": changed(root, 0)])
            let text = String(decoding: bytes, as: UTF8.self).dropFirst("{\"root\":".count).dropLast()
            guard let cases = try? CaseFile(json: Data(text.utf8)).cases else { continue }
            for case .success(let labelled) in cases { _ = try? labelled.rebuilt(folder: "/nowhere", rows: 50) }
        }
    }
}

@Suite("Labelled cases: set-ups")
struct CaseRebuildingTests {
    @Test func kerasDefaults() throws {
        let case_ = try rebuilt()
        let patient = try #require(case_.patient)
        let c = patient.configuration
        #expect(
            c.model.layers.map(\.options) == [
                [
                    "units": 4, "activation": "tanh", "initializer": "heTruncated", "biasInitializer": "zeros",
                ],
                [
                    "units": 1, "activation": "sigmoid", "initializer": "xavier", "biasInitializer": "zeros",
                ],
            ])
        #expect(c.loss == .init("binaryCrossEntropy", ["clip": 1e-7, "oneHot": true]))
        #expect(
            c.optimization.optimizer == .init("sgd", ["learningRate": 0.5, "momentum": 0.9, "nesterov": true]))
        #expect(c.training.batch == 4 && c.training.epochs == 3)
        #expect(patient.data.train.labels == [0, 1, 0, 1])
        // It can be trained as it stands, and written down.
        let again = try RunConfiguration(yaml: c.yaml)
        #expect(again.loss == c.loss && again.optimization == c.optimization && again.training == c.training)
        #expect(try ModelSpec(encoding: again.model.build()) == ModelSpec(encoding: c.model.build()))
        try patient.trainer(patient.prepared()).run()
    }

    private static let optimizers: [([String: any Sendable], RunConfiguration.Choice)] = [
        (["name": "Adam"], .init("adam", ["learningRate": 1e-3, "epsilon": 1e-7])),
        (
            ["name": "adam", "lr": 0.1, "beta_1": 0.5, "eps": 1e-16],
            .init("adam", ["learningRate": 0.1, "epsilon": 1e-16, "beta1": 0.5])
        ),
        (["name": "SGD"], .init("sgd", ["learningRate": 0.01])),
        (["name": "SGD", "lr": 1, "momentum": 0, "nesterov": true], .init("sgd", ["learningRate": 1, "momentum": 0])),
        (["name": "RMSprop"], .init("rmsprop", ["learningRate": 1e-3, "alpha": 0.9, "epsilon": 1e-7])),
        (["name": "Adadelta", "lr": 1.0], .init("adadelta", ["learningRate": 1, "rho": 0.95, "epsilon": 1e-7])),
        (
            ["name": "Adagrad"],
            .init("adagrad", ["learningRate": 1e-3, "initialAccumulator": 0.1, "epsilon": 1e-7])
        ),
        (["name": "Adamax"], .init("adamax", ["learningRate": 1e-3, "epsilon": 1e-7])),
    ]

    @Test(arguments: optimizers.indices) func optimizersByKeras(_ row: Int) throws {
        let (given, expected) = Self.optimizers[row]
        let case_ = try rebuilt(["optimizer": given])
        #expect(case_.unsupported.isEmpty)
        #expect(case_.patient?.configuration.optimization.optimizer == expected)
    }

    @Test func aroundTheOptimizer() throws {
        let c = try #require(
            try rebuilt([
                "optimizer": ["name": "SGD", "lr": -0.1, "decay": 1e-6, "clip_norm": 5.0], "l2": 0.01,
            ]).patient
        ).configuration
        #expect(c.optimization.maximize && c.optimization.clipping == .globalNorm(5))
        #expect(c.schedule == .init("inverseTime", ["decay": 1e-6]))
        // λ·Σw² pulls with 2λ, on weights but not on biases.
        #expect(c.optimization.optimizer.options["weightDecay"] == 0.02)
        #expect(c.optimization.groups == [ParameterGroup("*.bias", weightDecay: 0)])
        #expect(try RunConfiguration(yaml: c.yaml).optimization == c.optimization)
    }

    private static let initializers = [
        "glorot_uniform": "xavier", "he_uniform": "he", "lecun_normal": "lecunTruncated",
        "uniform(-0.05,0.05)": "uniform(-0.05, 0.05)", "normal(0,0.25)": "normal(0.0, 0.25)",
        "uniform(+-1/sqrt(fan_in))": "uniformByFan(1)", "constant(0.01)": "constant(0.01)", "zeros": "zeros",
        "RandomNormal": "normal(0, 0.05)", "truncated_normal(0, 0.1)": "truncatedNormal(0.0, 0.1)",
    ]

    @Test(arguments: initializers.keys.sorted()) func initializersByKeras(_ name: String) throws {
        let layers = [["t": "dense", "units": 1, "act": "sigmoid", "init": name, "bias_init": name] as [String: Any]]
        let spec = try #require(try rebuilt(["layers": layers]).patient).configuration.model.layers[0]
        let expected = Self.initializers[name].map { OptionValue.text($0) }
        #expect(spec.options["initializer"] == expected && spec.options["biasInitializer"] == expected)
        _ = try Initializer.named(Self.initializers[name] ?? "")
    }

    @Test func layersByKeras() throws {
        let layers: [[String: Any]] = [
            ["t": "dense", "units": 8], ["t": "batchnormalization"], ["t": "activation", "act": "relu"],
            ["t": "dropout", "rate": 0.2], ["t": "leakyrelu"], ["t": "leakyrelu", "alpha": 0.1], ["t": "elu"],
            ["t": "prelu"], ["t": "highway", "units": 8, "H": "tanh", "gate_bias": -2.0, "init": "he_uniform"],
            ["t": "flatten"], ["t": "dense", "units": 8, "act": "swish"],
            ["t": "dense", "units": 8, "act": "leaky_relu"], ["t": "dense", "units": 1, "act": "hard_sigmoid"],
        ]
        let case_ = try rebuilt(["layers": layers])
        let patient = try #require(case_.patient, "\(case_.unsupported)")
        let specs = patient.configuration.model.layers
        #expect(
            specs.map(\.kind) == [
                "dense", "batchNorm", "relu", "dropout", "leakyRelu", "leakyRelu", "elu", "prelu", "highway", "flatten",
                "dense", "dense", "dense",
            ])
        // 0.99 of the old statistics are kept.
        #expect(abs((specs[1].options["momentum"]?.value ?? 0) - 0.01) < 1e-12 && specs[1].options["epsilon"] == 1e-3)
        #expect(specs[4].options == ["slope": 0.3] && specs[5].options == ["slope": 0.1])
        #expect(specs[7].options == ["perFeature": true, "initialSlope": 0])
        #expect(specs[8].options["gateBias"] == -2 && specs[8].options["activation"] == "tanh")
        #expect(specs[10].options["activation"] == "silu" && specs[11].options["activation"] == "leakyRelu(slope=0.2)")
        #expect(case_.notes.contains { $0.contains("hard_sigmoid") })
        try patient.trainer(patient.prepared()).run()
    }

    @Test func whatIsNotKnownIsNamed() throws {
        let layers: [[String: Any]] = [
            ["t": "conv_lstm2d", "filters": 3, "kernel": [3, 3]],
            ["t": "dense", "units": 2, "act": "wavy", "init": "magic"],
            ["t": "dense", "units": "three"], ["t": "dense", "units": 2, "kernel_constraint": "max_norm"],
        ]
        let case_ = try rebuilt([
            "layers": layers, "loss": "wishful", "change": "moon phase", "optimizer": ["name": "Ftrl", "lr": 1],
        ])
        #expect(case_.patient == nil)
        for word in ["conv_lstm2d", "wavy", "magic", "units", "kernel_constraint", "wishful", "moon phase", "Ftrl"] {
            #expect(case_.unsupported.contains { $0.contains(word) }, "\(word): \(case_.unsupported)")
        }
        let unknown = try rebuilt(["dataset": ["name": "secret", "how": "ask me"]])
        #expect(unknown.unsupported == ["data set secret: ask me"])
        #expect(throws: CaseError.self) { try rebuilt(["input_shape": [3]]) }
        #expect(throws: CaseError.self) {
            try rebuilt(["dataset": ["name": "rows", "how": "", "file": "no/such.csv"]])
        }
    }

    @Test func convolutions() throws {
        let layers: [[String: Any]] = [
            ["t": "conv2d", "filters": 6, "kernel": [5, 5], "padding": "valid", "act": "relu", "init": "he_normal"],
            ["t": "batchnormalization"], ["t": "maxpooling2d", "pool": [2, 2]],
            ["t": "conv2d", "filters": 8, "kernel_size": 3, "padding": "same", "strides": [2, 2], "l2": 0.01],
            ["t": "averagepooling2d"], ["t": "globalaveragepooling2d"], ["t": "dense", "units": 10, "act": "softmax"],
        ]
        func pictures(_ layers: [[String: Any]]) throws -> RebuiltCase {
            try rebuilt([
                "layers": layers, "input_shape": [28, 28, 1], "loss": "categorical_crossentropy",
                "dataset": [
                    "name": "p",
                    "how": "make_classification(n_samples=60, n_features=784, n_informative=8, n_classes=10)",
                ],
            ])
        }
        let case_ = try pictures(layers)
        let patient = try #require(case_.patient, "\(case_.unsupported)")
        let built = patient.configuration.model.layers
        #expect(
            built.map(\.kind) == [
                "convolution", "batchNorm", "maxPool", "convolution", "averagePool", "globalPool", "dense",
            ])
        #expect(
            built[0].options == [
                "filters": 6, "kernel": [5, 5], "padding": "valid", "activation": "relu", "initializer": "heTruncated",
                "biasInitializer": "zeros",
            ])
        // Keras does not pad unless it is told to, and does not count what it pads.
        #expect(built[3].options["padding"] == "same" && built[3].options["stride"] == [2, 2])
        #expect(built[4].options == ["size": [2, 2], "countPadding": false])
        #expect(patient.configuration.optimization.groups == [ParameterGroup("convolution2.weight", weightDecay: 0.02)])
        // 24²·25·6 + 6²·9·6·8 + 8·10 products of a row.
        #expect(try Setup(patient, patient.prepared()).work == 2 * (576 * 150 + 36 * 54 * 8 + 80))
        try patient.trainer(patient.prepared()).run()
        let wrong: [(key: String, layer: [String: Any])] = [
            ("padding", ["t": "conv2d", "filters": 6, "kernel": [3, 3], "padding": "causal"]),
            ("conv2d", ["t": "conv2d", "filters": 6]),
            ("data_format", ["t": "maxpooling2d", "data_format": "channels_first"]),
            ("pool", ["t": "maxpooling2d", "pool": [0, 2]]),
        ]
        for (key, layer) in wrong {
            let unsupported = try pictures([layer] + layers.suffix(2)).unsupported
            #expect(unsupported.contains { $0.contains(key) }, "\(key): \(unsupported)")
        }
    }

    @Test func changes() throws {
        func configuration(_ changes: [String: Any?]) throws -> RunConfiguration {
            let case_ = try rebuilt(changes)
            return try #require(case_.patient, "\(case_.unsupported)").configuration
        }
        #expect(try configuration(["change": "gradient sign flipped (ascent)"]).optimization.maximize)
        let norm: [[String: Any]] = [
            ["t": "dense", "units": 3], ["t": "batchnormalization"], ["t": "dense", "units": 2, "act": "softmax"],
        ]
        let frozen = try configuration(["change": "BN moving averages never updated", "layers": norm])
        #expect(frozen.model.layers[1].options["momentum"] == 0)
        let axis = try configuration([
            "change": "softmax over batch axis", "layers": norm, "loss": "categorical_crossentropy",
        ])
        #expect(axis.model.layers[2].options["activation"] == "softmax(axis=0)")
        let reduced = try configuration([
            "change": "CE: mean over classes, sum over batch", "layers": norm, "loss": "categorical_crossentropy",
        ])
        #expect(reduced.loss?.options["reduction"] == "sumOfMeans")
        let crossed = try configuration([
            "change": "labels [N] vs outputs [N,1] broadcast to [N,N]", "task": "regression", "loss": "mse",
        ])
        #expect(crossed.loss == .init("meanSquaredError", ["crossed": true]))
        #expect(try rebuilt(["change": "Adam lr 1e-3 -> 0.1"]).notes.contains { $0.contains("own keys") })
        // With batch norm, a softmax over the batch and a changed reduction something still trains.
        for configuration in [frozen, axis, reduced] {
            let patient = Patient("x", configuration: configuration, data: try #require(try rebuilt().patient).data)
            try patient.trainer(patient.prepared()).run()
        }
    }

    @Test func changesOfRows() throws {
        let how = "make_blobs(n_samples=300, centers=3)"
        func split(_ change: String?) throws -> DataSplit {
            let layers: [[String: Any]] = [["t": "dense", "units": 3, "act": "softmax"]]
            return try #require(
                try rebuilt([
                    "dataset": ["name": "b", "how": how], "layers": layers, "loss": "categorical_crossentropy",
                    "change": change,
                ]).patient
            ).data
        }
        let plain = try split(nil)
        let shuffled = try split("features shuffled, labels not")
        #expect(shuffled.train.labels == plain.train.labels && shuffled.train.inputs != plain.train.inputs)
        #expect(shuffled.train.inputs.values.sorted() == plain.train.inputs.values.sorted())
        #expect(shuffled.test.inputs == plain.test.inputs)
        let thinned = try split("train classes progressively thinned")
        let counts = (0..<3).map { c in thinned.train.labels?.count { $0 == Int32(c) } ?? 0 }
        #expect(counts[0] == 100 && counts[1] < 50 && counts[2] < 20 && counts[2] > 0)
        let wrong = try split("30% of the labels are wrong")
        let same = zip(wrong.train.labels ?? [], plain.train.labels ?? []).count { $0 == $1 }
        #expect((180...240).contains(same))
    }
}

extension OptionValue {
    fileprivate var value: Double? { if case .number(let number) = self { number } else { nil } }
}

@Suite("Labelled cases: rows")
struct CaseDataTests {
    @Test func literals() throws {
        let xor = try data("X=[[1,1],[1,0],[0,0],[0,1]] y=[0,1,0,1]", columns: 2)
        #expect(xor.train.inputs.values == [1, 1, 1, 0, 0, 0, 0, 1] && xor.train.numbers == [0, 1, 0, 1])
        let xnor = try data("[[0,0]->1,[0,1]->0,[1,0]->0,[1,1]->1]", columns: 2)
        #expect(xnor.train.inputs.values == [0, 0, 0, 1, 1, 0, 1, 1] && xnor.train.numbers == [1, 0, 0, 1])
        let points = try data("X=[[1],[2]] Y=[[1],[0]]", task: "classification")
        #expect(points.train.labels == [1, 0] && points.test.rowCount == 2)
    }

    @Test func listsByAnyName() throws {
        let degrees = try data("c=[-40,-10,0,8] f=[-40,14,32,46.4]")
        #expect(degrees.train.inputs.values == [-40, -10, 0, 8] && degrees.train.numbers == [-40, 14, 32, 46.4])
        let named = try data("Y=[0,1] X=[[1,2],[3,4]]", columns: 2)
        #expect(named.train.inputs.values == [1, 2, 3, 4] && named.train.numbers == [0, 1])
    }

    @Test func conditionsAndRows() throws {
        func numbers(_ how: String, columns: Int = 1) throws -> (x: [Float], y: [Float]) {
            let split = try data(how, columns: columns)
            return (split.train.inputs.values, split.train.numbers)
        }
        #expect(try numbers("x=arange(0,6,1); y=x%3").y == [0, 1, 2, 0, 1, 2])
        #expect(try numbers("x=arange(0,4,1); y=1 if x>=2 else -1").y == [-1, -1, 1, 1])
        #expect(try numbers("x=arange(0,4,1); y=2x==4 or x<1").y == [1, 0, 1, 0])
        #expect(try numbers("x in [0,3], 4 points; y=x^2").y == [0, 1, 4, 9])
        #expect(try numbers("x=[1,2,4]; y=3x").y == [3, 6, 12])
        let rows = try numbers("x=rand(200,3); y=sum(x)-max(x)", columns: 3)
        for i in 0..<200 {
            let row = rows.x[3 * i..<3 * i + 3]
            #expect(abs(row.reduce(0, +) - row.max()! - rows.y[i]) < 1e-5 && row.allSatisfy { (0...1).contains($0) })
        }
        let xor = try numbers("300 rows x~U(-1,1)^2; y=x1>0 xor x2>0", columns: 2)
        #expect((0..<300).allSatisfy { ((xor.x[2 * $0] > 0) != (xor.x[2 * $0 + 1] > 0)) == (xor.y[$0] == 1) })
    }

    /// Planes become channels: what stood at [channel, row, column] stands at [row, column, channel].
    @Test func channelsLast() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/cases-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder + "/cifar10", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var random = SeededGenerator(seed: 3)
        for (name, count) in [("train-20.bin", 20), ("test-10.bin", 10)] {
            var bytes: [UInt8] = []
            for row in 0..<count {
                bytes.append(UInt8(row % 10))
                for plane in 0..<3 {
                    for _ in 0..<1024 { bytes.append(UInt8(80 * plane) + UInt8(random.next(below: 40))) }
                }
            }
            try Data(bytes).write(to: URL(fileURLWithPath: folder + "/cifar10/" + name))
        }
        let layers: [[String: Any]] = [["t": "flatten"], ["t": "dense", "units": 10, "act": "softmax"]]
        func split(_ how: String) throws -> DataSplit {
            let labelled = try read([
                "dataset": ["name": "CIFAR-10", "how": how], "input_shape": [32, 32, 3], "layers": layers,
                "loss": "categorical_crossentropy",
            ])
            return try #require(try labelled.rebuilt(folder: "", sets: folder).patient).data
        }
        let plain = try split("min-max to [0,1]")
        #expect(plain.train.inputs.shape == [20, 32, 32, 3])
        for (i, value) in plain.train.inputs.values.enumerated() {
            let channel = Float(80 * (i % 3)) / 255
            guard value >= channel - 1e-6, value < channel + 0.16 else {
                Issue.record("\(value) at \(i)")
                return
            }
        }
        // The means of channels go to their channels.
        let centred = try split("per-channel (x-mean)/std, mean [20,100,180], std [10,20,40]")
        for (i, value) in centred.train.inputs.values.enumerated() where abs(value) > [2.01, 1.01, 0.51][i % 3] {
            Issue.record("\(value) at \(i)")
            return
        }
    }

    /// Values by NumPy.
    @Test func formulas() throws {
        let fourth = try data("x=arange(-100,100,.5); y=x^4 (to 1e8)")
        #expect(fourth.train.rowCount == 400 && fourth.train.inputs.values.first == -100)
        #expect(fourth.train.numbers.first == 1e8 && fourth.train.numbers[201] == 0.0625)
        let square = try data("x=linspace(0,10,1000); y=x^2; test linspace(8,12)")
        #expect(square.train.rowCount == 1000 && square.train.numbers.last == 100)
        let poly = try data(
            "x=arange(0,10,.05); y=.05*(15.72807x-7.273893x^2+1.4912x^3-.1384615x^4+.00474359x^5)")
        #expect(poly.train.rowCount == 200)
        // x = 5: .05 · (78.64035 − 181.847325 + 186.4 − 86.5384375 + 14.82371875) = 0.5739153
        #expect(abs(poly.train.numbers[100] - 0.5739153) < 1e-5)
        let noisy = try data("x=arange(0,5,0.1); y=5x^2+N(0,1)^3")
        #expect(noisy.train.rowCount == 50)
        let rest = zip(noisy.train.inputs.values, noisy.train.numbers).map { $1 - 5 * $0 * $0 }
        #expect(rest.contains { $0 < -0.05 } && rest.contains { $0 > 0.05 } && rest.allSatisfy { abs($0) < 60 })
        let copy = try data("100k rows x~U(-1,1)^30, y=x[1] in [-1,1]", columns: 30)
        #expect(copy.train.rowCount == 6000)
        #expect((0..<6000).allSatisfy { copy.train.inputs.values[$0 * 30 + 1] == copy.train.numbers[$0] })
        let several = try data("500 rows x~N(0,1)^2; y = 2*x1 - sin(x2)/2", columns: 2)
        let (x, y) = (several.train.inputs.values, several.train.numbers)
        for row in 0..<500 {
            let expected = 2 * x[2 * row] - sin(x[2 * row + 1]) / 2
            #expect(abs(expected - y[row]) < 1e-5)
        }
    }

    @Test func otherTexts() throws {
        let ones = try data(
            "10^4 rows of 128 ones (label 1) + 10^4 rows of 128 zeros (label 0); 100+100 test", columns: 128,
            task: "classification")
        #expect(ones.train.rowCount == 6000 && Set(ones.train.labels ?? []) == [0, 1])
        for row in 0..<50 {
            #expect(ones.train.inputs.row(row).allSatisfy { $0 == Float(ones.train.labels?[row] ?? 9) })
        }
        let layers: [[String: Any]] = [["t": "dense", "units": 2, "act": "sigmoid"]]
        let grid = try #require(
            try rebuilt([
                "dataset": ["name": "grid10", "how": "(i,j) for i,j in 1..10, MinMax jointly; autoencode labels"],
                "task": "regression", "loss": "mse", "layers": layers,
            ]).patient
        ).data
        #expect(grid.train.rowCount == 100 && grid.train.inputs.values.prefix(4) == [0, 0, 0, Float(1.0 / 9)])
        #expect(grid.train.numbers == grid.train.inputs.values)
    }

    /// NumPy stretches one target along ten outputs.
    @Test func stretchedTargets() throws {
        let layers: [[String: Any]] = [["t": "dense", "units": 3, "act": "softmax"]]
        let case_ = try rebuilt([
            "dataset": ["name": "line", "how": "x=arange(0,3,1); y=2x"], "input_shape": [1], "task": "regression",
            "loss": "mse", "layers": layers,
        ])
        #expect(case_.patient?.data.train.numbers == [0, 0, 0, 2, 2, 2, 4, 4, 4])
        #expect(case_.notes.contains { $0.contains("repeated") })
    }

    private func folder(_ text: String) throws -> String {
        let folder = FileManager.default.temporaryDirectory.path + "/cases-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/t.csv"))
        return folder
    }

    @Test func tables() throws {
        // A remark, an order of rows, labels at the end.
        let rows = (0..<10).map { "\($0),\(-$0),\($0 % 2)" }.joined(separator: "\n")
        let ordered = try rebuilt(
            [
                "dataset": [
                    "name": "t", "how": "rows 0-6 train, 7-9 val; exact arrays (scaled to [-1,1])", "file": "t.csv",
                ]
            ],
            folder: folder("# columns x0,x1,label\n" + rows))
        let data = try #require(ordered.patient).data
        #expect(data.train.rowCount == 7 && data.test.rowCount == 3 && data.test.labels == [1, 0, 1])
        #expect(data.train.inputs.values[2...3] == [1, -1])

        // A header that names the target, and ranges fitted to the training part.
        let table = "MPG,a,b\n" + (0..<20).map { "\($0 * 2),\($0),\(100 - $0)" }.joined(separator: "\n")
        let scaled = try #require(
            try rebuilt(
                [
                    "dataset": [
                        "name": "t", "how": "80/20 sample(frac=.8,seed 0), min-max features and target",
                        "file": "t.csv",
                    ], "task": "regression", "loss": "mse",
                ], folder: folder(table)
            ).patient
        ).data
        #expect(scaled.train.rowCount == 16 && scaled.test.rowCount == 4)
        #expect(scaled.train.inputs.values.min() == 0 && scaled.train.inputs.values.max() == 1)
        #expect(scaled.train.numbers.min() == 0 && scaled.train.numbers.max() == 1)
        for row in 0..<16 {
            let x = scaled.train.inputs.values[2 * row...2 * row + 1]
            #expect(abs(x.first! - scaled.train.numbers[row]) < 1e-6 && abs(x.first! + x.last! - 1) < 1e-6)
        }

        // Columns by number, from 1; fields missing elsewhere do not matter.
        let some = try #require(
            try rebuilt(
                [
                    "dataset": ["name": "t", "how": "features cols 2-3, target col 1", "file": "t.csv"],
                    "task": "regression", "loss": "mse",
                ], folder: folder("\u{FEFF}-1,2,3,\n4,5,6,7\n")
            ).patient
        ).data
        #expect(some.train.inputs.values == [2, 3, 5, 6] && some.train.numbers == [-1, 4])

        // Standardised by the training part; words as classes.
        let words = (0..<40).map { "\($0),\($0 * $0),\(["a", "b", "c"][$0 % 3])" }.joined(separator: "\n")
        let standard = try #require(
            try rebuilt(
                [
                    "dataset": ["name": "t", "how": "StandardScaler, 70/30", "file": "t.csv"],
                    "layers": [["t": "dense", "units": 3, "act": "softmax"]],
                    "loss": "sparse_categorical_crossentropy",
                ], folder: folder(words)
            ).patient
        ).data
        #expect(standard.train.rowCount == 28 && standard.train.classNames == ["a", "b", "c"])
        #expect(abs(standard.train.inputs.values.reduce(0, +)) < 1e-4)
    }

    @Test func largeSetsAreCut() throws {
        let case_ = try rebuilt(
            ["dataset": ["name": "c", "how": "make_circles(n_samples=1000, noise=0.1); 700/300"]], rows: 90)
        let data = try #require(case_.patient).data
        #expect(data.train.rowCount == 90 && data.test.rowCount == 30)
        #expect(case_.notes.contains("90 of 700 training rows"))
    }
}

@Suite("Labelled cases: figures")
struct CaseSummaryTests {
    @Test func findingsAnswerForFaults() {
        #expect(CaseCauses.answers(rule: "vanishingGradient", cause: "activation", faults: ["ACT"]))
        #expect(!CaseCauses.answers(rule: "vanishingGradient", cause: "weights", faults: ["ACT"]))
        #expect(CaseCauses.answers(rule: "vanishingGradient", cause: "weights", faults: ["INIT"]))
        #expect(CaseCauses.answers(rule: "outputActivation", cause: "wrong", faults: ["LR", "ACT/OUT_ACT"]))
        #expect(!CaseCauses.answers(rule: "outputActivation", cause: "wrong", faults: ["LR", "ACT"]))
        #expect(!CaseCauses.answers(rule: "noSuchRule", cause: nil, faults: ["ACT"]))
        #expect(!CaseCauses.answers(rule: "labels", cause: nil, faults: []))
    }

    @Test func everyRuleHasItsCodes() {
        // What is harmless, says only that it does not learn, or blames the seed answers for no fault.
        for rule in Rule.all where !["biasBeforeBatchNorm", "plateau", "unluckyStart"].contains(rule.id) {
            #expect(!CaseCauses.codes(rule: rule.id, cause: nil).isEmpty, "\(rule.id)")
        }
    }

    /// A rule that always fires, and one that never does, in place of the doctor's own.
    private func runner(fires: Bool, rule: String = "learningRateRange") -> CaseRunner {
        let rules = [
            Rule(rule, rule, stage: .before, explanation: .init(what: "", mathematics: "", threshold: "")) { _ in
                fires ? .finding(Finding(rule, rule, severity: .warning, confidence: 1, "")) : .healthy
            }
        ]
        var settings = Doctor.Settings()
        (settings.maxSteps, settings.oneBatchSteps) = (10, 0)
        var runner = CaseRunner(folder: "", doctor: Doctor(settings, rules: rules))
        runner.seeds = [1, 2]
        return runner
    }

    @Test func outcomesAndSummary() throws {
        let cases = try [
            CaseFile(json: file()).cases[0],
            CaseFile(json: file(["id": "two", "label": ["status": "normal", "faults": [String]()]])).cases[0],
            CaseFile(json: file(["id": "three", "layers": [["t": "lstm", "units": 3]]])).cases[0],
            CaseFile(json: file(["id": "four", "loss": 1])).cases[0],
        ]
        let found = cases.map { runner(fires: true).run($0) }
        #expect(found.map(\.status) == [.faulty, .faulty, .unsupported, .error])
        #expect(found.map(\.agrees) == [true, false, nil, nil])
        #expect(found[0].rightCauseFirst == true && found[1].rightCauseFirst == nil)
        #expect(found[2].unsupported == ["lstm"] && found[3].error?.contains("loss") == true)
        let summary = CaseSummary(found)
        #expect(summary.recall.count == 1 && summary.recall.total == 1 && summary.cases == 4)
        #expect(summary.unsupported == ["three"] && summary.errors == ["four"])
        #expect(summary.falseAlarms.total + summary.labelDoubtful.count == 1)
        let missed = cases.prefix(2).map { runner(fires: false).run($0) }
        #expect(missed.map(\.status) == [.healthy, .healthy] && missed.map(\.agrees) == [false, true])
        #expect(missed[0].rightCauseFirst == false)
        let wrong = runner(fires: true, rule: "labels").run(cases[0])
        #expect(wrong.agrees == true && wrong.rightCauseFirst == false)
        // One line of JSON each, whatever the numbers.
        for outcome in found + missed { #expect(try JSONEncoder().encode(outcome).count > 50) }
    }

    /// What no configuration can put right is counted apart, unless something is proven all the same.
    @Test func beyondAConfiguration() throws {
        func treating(_ remedy: String) -> CaseRunner {
            var one = runner(fires: true)
            one.doctor.rules = [
                Rule("labels", "labels", stage: .before, explanation: .init(what: "", mathematics: "", threshold: "")) {
                    _ in
                    .finding(
                        Finding(
                            "labels", "labels", severity: .failure, confidence: 1, "",
                            suggestions: [.init(remedy, "test")]))
                }
            ]
            let doctor = one.doctor
            one.treat = { try doctor.treat($0) }
            return one
        }
        let labelled = try CaseFile(json: file(["label": ["status": "buggy", "faults": ["LABELS"]]]))
        let hopeless = treating("leaveAsIs").run(labelled.cases[0])
        #expect(hopeless.repair?.verdict == "beyondConfiguration")
        let summary = CaseSummary([hopeless])
        #expect(summary.repaired.total == 0 && summary.beyondConfiguration == ["one"] && summary.recall.count == 1)
        let other = treating("clipGradients").run(labelled.cases[0])
        #expect(CaseSummary([other]).repaired.total == 1 && CaseSummary([other]).beyondConfiguration.isEmpty)
        #expect(other.repair?.trials.contains { $0.remedies == ["clipGradients"] } == true)
    }

    /// Weights of 0 that hardly move: chance with this seed and the next, which is the most of three.
    @Test func aNormalNetworkThatCannotLearnIsDoubted() throws {
        let layers: [[String: Any]] = [
            ["t": "dense", "units": 4, "act": "relu", "init": "zeros"],
            ["t": "dense", "units": 3, "act": "softmax", "init": "zeros"],
        ]
        let labelled = try CaseFile(
            json: file([
                "dataset": ["name": "b", "how": "make_blobs(n_samples=300, centers=3)"], "layers": layers,
                "loss": "categorical_crossentropy", "label": ["status": "normal", "faults": [String]()],
                "optimizer": ["name": "SGD", "lr": 1e-9],
            ])
        ).cases[0]
        let outcome = runner(fires: true).run(labelled)
        #expect(outcome.remark == .labelDoubtful && outcome.skill?.seeds.count == 1)
        #expect(CaseSummary([outcome]).falseAlarms.total == 0)
    }

    /// Labelled faulty, but it learns all there is, nothing is found, and the labelled fault put right gains nothing: the
    /// comparison is in the outcome. Where no cure of a fault is known, the label stands.
    @Test(arguments: [("REG", true), ("LAYER", false)])
    func aFaultThatMakesNoDifferenceIsDoubted(_ fault: String, _ isDoubted: Bool) throws {
        let layers: [[String: Any]] = [
            ["t": "dense", "units": 16, "act": "relu"], ["t": "dense", "units": 3, "act": "softmax"],
        ]
        let labelled = try CaseFile(
            json: file([
                "dataset": ["name": "b", "how": "make_blobs(n_samples=600, centers=3, cluster_std=0.3)"],
                "layers": layers,
                "loss": "categorical_crossentropy", "label": ["status": "buggy", "faults": [fault]],
                "optimizer": ["name": "Adam", "lr": 0.01], "epochs": 20,
            ])
        ).cases[0]
        var runner = runner(fires: false)
        runner.doctor.settings.maxSteps = 300
        let outcome = runner.run(labelled)
        #expect(outcome.status == .healthy && outcome.remark == (isDoubted ? .labelDoubtful : .trainsWell))
        #expect(outcome.weighed.map(\.remedy) == (isDoubted ? ["moreRegularization"] : []))
        #expect(outcome.weighed.allSatisfy { $0.rule == fault && $0.seeds >= 5 && !$0.isHarm })
        #expect(CaseSummary([outcome]).recall.total == (isDoubted ? 0 : 1))
    }

    @Test func everyCureIsARemedy() {
        for code in CaseCauses.codes.keys {
            for suspicion in CaseCauses.suspicions(faults: [code]) {
                #expect(suspicion.suggestions.allSatisfy { Remedy.named($0.remedy) != nil }, "\(code)")
            }
        }
        // Both are put right by one remedy.
        #expect(CaseCauses.suspicions(faults: ["OUT_ACT", "LOSS", "LR"]).map(\.rule) == ["OUT_ACT", "LR"])
    }
}
