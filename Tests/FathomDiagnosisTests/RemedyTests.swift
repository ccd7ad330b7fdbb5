import FathomData
import FathomDiagnosis
import FathomNN
import FathomTraining
import Testing

@Suite struct RemedyTests {
    /// Three arms of a spiral, or numbers to predict.
    static func evidence(
        _ model: String, regression: Bool = false, change: (inout RunConfiguration) -> Void = { _ in }
    ) throws -> Evidence {
        let data: DataSplit
        if regression {
            data = try SyntheticSets.sine(count: 80, seed: 1).split(fraction: 0.75, stratified: false, seed: 1)
        } else {
            data = try SyntheticSets.spirals(count: 120, seed: 1).split(fraction: 0.75, seed: 1)
        }
        var source = DataConfiguration(.named("spirals", folder: nil))
        source.validation = 0
        var configuration = RunConfiguration(data: source, model: try ModelSpec(model))
        configuration.training.batch = 16
        configuration.training.epochs = 3
        configuration.training.threads = 1
        change(&configuration)
        let patient = Patient("test", configuration: configuration, data: data)
        return Evidence(setup: try Setup(patient, patient.prepared()))
    }

    static func treated(_ id: String, _ evidence: Evidence) throws -> Patient? {
        try #require(Remedy.named(id)).apply(evidence, nil)
    }

    static func model(_ id: String, _ model: String) throws -> String? {
        try treated(id, try evidence(model))?.configuration.model.text
    }

    static let models = [
        "dense 8 sigmoid, dense 8 sigmoid, dense 8 sigmoid, dense 8 sigmoid, dense 3",
        "dense 8 tanh, residual [dense 8 tanh, dense 8], batchNorm, relu, dropout 0.6, dense 3 softmax",
        "dense 6 relu, highway, highway activation=tanh, dense 3",
        "parallel [dense 4 tanh, sequential [dense 4 relu, dense 4]], dense 8 selu, dense 3",
        "sequential [dense 8 sigmoid, dense 8, dense 8, prelu, dense 3]",
        "dense 8, batchNorm momentum=0, relu, dense 3",
        "dense 8 glu, maxout 6, layerNorm, dense 5 leakyRelu(0.2), dense 3 relu",
        "dense 3", "dense 8 relu, maxout 3",
    ]

    /// Whatever the model, what a remedy gives can be built and trained.
    @Test(arguments: Remedy.all.map(\.id)) func everyRemedyTrains(_ id: String) throws {
        for regression in [false, true] {
            for text in Self.models {
                let text =
                    regression
                    ? text.replacing("dense 3", with: "dense 1").replacing("maxout 3", with: "dense 1") : text
                let evidence = try Self.evidence(text, regression: regression)
                guard let patient = try Self.treated(id, evidence) else { continue }
                // As a file says it, too.
                let read = try RunConfiguration(yaml: patient.configuration.yaml)
                #expect(read.model == patient.configuration.model, "\(id) of \(text)")
                let trainer = try patient.trainer(patient.prepared(), epochs: 1)
                #expect(throws: Never.self, "\(id) of \(text)") {
                    do { try trainer.run() } catch TrainingError.nonFinite {}
                }
            }
        }
    }

    @Test func everyRemedyHasSomethingToDo() throws {
        var idle = Set(Remedy.all.map(\.id)).subtracting(["leaveAsIs", "descend", "classWeights"])
        for text in Self.models {
            for regression in [false, true] where idle.count > 0 {
                let text =
                    regression
                    ? text.replacing("dense 3", with: "dense 1").replacing("maxout 3", with: "dense 1") : text
                let evidence = try Self.evidence(text, regression: regression) {
                    $0.optimization.optimizer = .init("sgd", ["weightDecay": 0.5, "momentum": 0.995])
                }
                for id in idle where try Self.treated(id, evidence) != nil { idle.remove(id) }
            }
        }
        #expect(idle.isEmpty)
    }

    @Test func activations() throws {
        let deep = "dense 8 initializer=heNormal, sigmoid, dense 8 initializer=xavier, sigmoid, dense 3"
        #expect(
            try Self.model("reluActivation", deep)
                == "dense 8 initializer=heNormal, relu, dense 8 initializer=heNormal, relu, dense 3")
        #expect(
            try Self.model("seluActivation", deep)
                == "dense 8 initializer=lecunNormal, selu, dense 8 initializer=lecunNormal, selu, dense 3")
        // Automatic weights follow by themselves; what is there already is left.
        #expect(try Self.model("reluActivation", "dense 8 relu, dense 3") == nil)
        #expect(try Self.model("tanhActivation", "dense 8 relu, dense 3") == "dense 8, tanh, dense 3")
        // Missing between layers, and behind a normalisation.
        #expect(
            try Self.model("reluActivation", "dense 8, dense 8, batchNorm, dropout 0.1, dense 3")
                == "dense 8, relu, dense 8, batchNorm, relu, dropout 0.1, dense 3")
        // The end of a branch stays linear, the output's activation is not hidden.
        #expect(
            try Self.model("reluActivation", "residual activation=tanh [dense 8 tanh, dense 8], dense 3 softmax")
                == "residual activation=relu [dense 8, relu, dense 8], dense 3, softmax")
        #expect(
            try Self.model("maxoutActivation", deep)
                == "maxout 8 initializer=heNormal, maxout 8 initializer=heNormal, dense 3")
    }

    @Test func initializations() throws {
        let bad = "dense 8 initializer=zeros biasInitializer=normal(3), tanh, dense 3 initializer=normal(5)"
        #expect(
            try Self.model("heInitialization", bad) == "dense 8 initializer=heNormal, tanh, dense 3 initializer=xavier")
        #expect(
            try Self.model("criticalInitialization", bad)
                == "dense 8 initializer=critical(tanh), tanh, dense 3 initializer=xavier")
        #expect(
            try Self.model("orthogonalInitialization", bad)
                == "dense 8 initializer=orthogonal, tanh, dense 3 initializer=orthogonal")
    }

    @Test func unitVarianceHolds() throws {
        let evidence = try Self.evidence("dense 16 relu, dense 16 relu, dense 16 relu, dense 3")
        let patient = try #require(try Self.treated("lsuvInitialization", evidence))
        let look = try #require(try Doctor().evidence(of: patient, watching: false).birth)
        // The rows looked at are not those that the weights were scaled on.
        for layer in look.outerLayers { #expect((0.8...1.25).contains(layer.sums.deviation), "\(layer.path)") }
    }

    @Test func normalizations() throws {
        #expect(
            try Self.model("batchNorm", "dense 8 relu, dense 8, batchNorm, tanh, dense 3 softmax")
                == "dense 8 bias=false, batchNorm, relu, dense 8, batchNorm, tanh, dense 3, softmax")
        #expect(
            try Self.model("layerNorm", "dense 8 relu, dense 8, batchNorm, relu, dense 3")
                == "dense 8, layerNorm, relu, dense 8, layerNorm, relu, dense 3")
        #expect(
            try Self.model("batchNorm", "dense 8, batchNorm momentum=0, relu, dense 3")
                == "dense 8, batchNorm, relu, dense 3")
        #expect(
            try Self.model("movingStatistics", "dense 8, batchNorm momentum=0, relu, dense 8 relu, dense 3")
                == "dense 8, batchNorm, relu, dense 8, relu, dense 3")
        #expect(
            try Self.treated("movingStatistics", Self.evidence("dense 8, batchNorm momentum=0.01, relu, dense 3"))
                == nil)
        let single = try Self.evidence("dense 8 relu, dense 3") { $0.training.batch = 1 }
        #expect(try Self.treated("batchNorm", single) == nil)
    }

    @Test func shortcuts() throws {
        let deep = "dense 8 tanh, dense 8 tanh, dense 8 tanh, dense 8 tanh, dense 8 tanh, dense 3"
        #expect(
            try Self.model("residual", deep)
                == "dense 8, tanh, residual [dense 8, tanh, dense 8 initializer=orthogonal(0.71)], "
                + "residual [dense 8, tanh, dense 8 initializer=orthogonal(0.71)], dense 3")
        #expect(
            try Self.model("highway", "dense 8 tanh, dense 8 tanh, dense 6 tanh, dense 3")
                == "dense 8, tanh, highway activation=tanh, dense 6, tanh, dense 3")
        #expect(try Self.model("residual", "dense 8 tanh, dense 8 tanh, dense 3") == nil)
    }

    /// A model and its loss.
    struct Pair: Equatable {
        let model: String
        let loss: String?
        init(_ model: String, _ loss: String?) { (self.model, self.loss) = (model, loss) }
    }

    @Test func outputs() throws {
        func matched(_ model: String, _ loss: String?, regression: Bool = false) throws -> Pair? {
            let evidence = try Self.evidence(model, regression: regression) { $0.loss = loss.map { .init($0) } }
            return try Self.treated("matchOutput", evidence).map {
                Pair($0.configuration.model.text, $0.configuration.loss?.name)
            }
        }
        let double = try #require(try matched("dense 8 relu, dense 3 softmax", "softmaxCrossEntropy"))
        #expect(double == Pair("dense 8, relu, dense 3", "softmaxCrossEntropy"))
        let wide = try #require(try matched("dense 8 relu, dense 9 relu, dropout 0.5", nil))
        #expect(wide == Pair("dense 8, relu, dense 3", nil))
        let block = try #require(try matched("dense 3 relu, residual [dense 3]", nil))
        #expect(block == Pair("dense 3, relu, residual [dense 3], dense 3", nil))
        // What fits is left, in either form.
        #expect(try matched("dense 8 relu, dense 3", nil) == nil)
        #expect(try matched("dense 8 relu, dense 3 softmax", "categoricalCrossEntropy") == nil)
        let numbers = try #require(try matched("dense 8 relu, dense 1 sigmoid", "binaryCrossEntropy", regression: true))
        #expect(numbers == Pair("dense 8, relu, dense 1", "meanSquaredError"))
        #expect(try matched("dense 8 relu, dense 1", "huber", regression: true) == nil)
    }

    @Test func mistakesInTheLossAreUndone() throws {
        let keras: [String: OptionValue] = ["clip": 1e-7, "normalized": true]
        func matched(_ id: String, _ model: String, _ loss: RunConfiguration.Choice, regression: Bool = false) throws
            -> RunConfiguration?
        {
            try Self.treated(id, try Self.evidence(model, regression: regression) { $0.loss = loss })?.configuration
        }
        // As Keras has it, it is right.
        #expect(try matched("matchOutput", "dense 3 softmax", .init("categoricalCrossEntropy", keras)) == nil)
        let mixed = keras.merging(["reduction": "sumOfMeans"]) { a, _ in a }
        #expect(
            try matched("matchOutput", "dense 3 softmax", .init("categoricalCrossEntropy", mixed))?.loss
                == .init("softmaxCrossEntropy"))
        #expect(
            try matched("matchOutput", "dense 3, softmax axis=0", .init("categoricalCrossEntropy", keras))?.model.text
                == "dense 3")
        #expect(
            try matched("matchOutput", "dense 1", .init("meanSquaredError", ["crossed": true]), regression: true)?.loss
                == .init("meanSquaredError"))
        #expect(
            try matched("matchOutput", "dense 3 sigmoid", .init("meanSquaredError", ["oneHot": true]))?.loss
                == .init("softmaxCrossEntropy"))
        let up = try Self.evidence("dense 3") { $0.optimization.maximize = true }
        #expect(try Self.treated("descend", up)?.configuration.optimization.maximize == false)
    }

    @Test func aLossInSwiftIsReplaced() throws {
        let ascent = Loss("ascent", target: .labels) { p, t in Loss.softmaxCrossEntropy()(p, t) * -1 }
        var patient = try Self.evidence("dense 8 relu, dense 3").setup.patient
        patient.loss = ascent
        let evidence = Evidence(setup: try Setup(patient, patient.prepared()))
        for id in ["descend", "matchOutput"] {
            let treated = try #require(try Self.treated(id, evidence))
            #expect(treated.loss == nil)
            #expect(treated.configuration.loss?.name == "softmaxCrossEntropy")
        }
    }

    @Test func dataAndTraining() throws {
        let numbers = try Self.evidence("dense 8 relu, dense 1 sigmoid", regression: true)
        let targets = try #require(try Self.treated("scaleTargets", numbers))
        #expect(targets.configuration.data.scalesTarget == true)
        #expect(targets.configuration.model.text == "dense 8, relu, dense 1")
        let scaled = try #require(try Self.treated("scaleInputs", numbers))
        #expect(scaled.configuration.data.scaling == .standardize)
        #expect(try Self.treated("scaleInputs", Evidence(setup: Setup(scaled, scaled.prepared()))) == nil)

        let hot = try Self.evidence("dense 8 relu, dense 3") {
            $0.optimization.optimizer = .init("sgd", ["learningRate": 100, "weightDecay": 0.5, "momentum": 0.999])
            $0.optimization.groups = [ParameterGroup("dense1.*", isFrozen: true)]
        }
        func optimizer(_ id: String) throws -> RunConfiguration.Choice? {
            try Self.treated(id, hot)?.configuration.optimization.optimizer
        }
        #expect(try optimizer("lowerLearningRate")?.options["learningRate"] == 0.01)
        #expect(try optimizer("raiseLearningRate")?.options["learningRate"] == 1000)
        #expect(try optimizer("adamOptimizer") == .init("adam"))
        #expect(try optimizer("lessRegularization")?.options["weightDecay"] == 1e-4)
        let usual = try #require(try Self.treated("defaultOptimizerSettings", hot)?.configuration.optimization)
        #expect(usual.optimizer.options == ["learningRate": 100, "weightDecay": 0.5])
        #expect(usual.groups.isEmpty)
        let digits = try TreatmentTests.digits(
            "dense 32 relu, dense 10", epochs: 2, .init("sgd", ["learningRate": 1e-7]))
        let cold = Evidence(setup: try Setup(digits, digits.prepared()))
        let choice = try #require(try Self.treated("rangeTest", cold)).configuration.optimization.optimizer
        guard case .number(let rate)? = choice.options["learningRate"] else { return }
        #expect(rate > 1e-3 && rate < 10)
        #expect(try Self.treated("trainLonger", hot)?.configuration.training.epochs == 334)
        #expect(try Self.treated("smallerBatch", hot)?.configuration.training.batch == 8)
        #expect(try Self.treated("largerBatch", hot)?.configuration.training.batch == 22)
    }

    @Test func classesAreWeighed() throws {
        let blobs = try SyntheticSets.blobs(count: 90, classes: 3, seed: 2)
        guard case .classes(let labels, _) = blobs.targets else { return }
        let kept = labels.indices.filter { labels[$0] != 2 || $0 % 5 == 0 }
        let rows = try blobs.gather(rows: kept)
        var evidence = try Self.evidence("dense 3")
        var patient = evidence.setup.patient
        patient.data = try DataSplit(train: rows, test: rows)
        evidence = Evidence(setup: try Setup(patient, patient.prepared()))
        let treated = try #require(try Self.treated("classWeights", evidence))
        guard case .numbers(let weights)? = treated.configuration.loss?.options["classWeights"] else {
            Issue.record("no weights")
            return
        }
        #expect(weights[2] > 2 * weights[0])
        #expect(throws: Never.self) { try treated.trainer(treated.prepared(), epochs: 1).run() }
    }

    @Test func capacities() throws {
        #expect(
            try Self.model("wider", "dense 5 relu, highway, dense 300 relu, dense 3")
                == "dense 32, relu, highway, dense 1024, relu, dense 3")
        #expect(
            try Self.model("shallower", "dense 5 relu, dense 6 relu, dense 7 relu, dense 8 relu, dense 3")
                == "dense 5, relu, dense 6, relu, dense 3")
        #expect(
            try Self.model("lessDropout", "dense 5 relu, dropout 0.9, dense 5 relu, dropout 0.3, dense 3")
                == "dense 5, relu, dropout 0.2, dense 5, relu, dense 3")
        #expect(try Self.model("moreDropout", "dense 5 relu, dense 3") == "dense 5, relu, dropout 0.25, dense 3")
    }

    /// A model in code keeps its layers; what is around it can be treated.
    @Test func aModelInCode() throws {
        let base = try Self.evidence("dense 3").setup.patient
        let patient = Patient(
            Sequential {
                Dense(8); Lambda("square") { $0 * $0 }; Dense(3)
            }, data: base.data)
        #expect(!patient.hasModelAsData)
        let evidence = Evidence(setup: try Setup(patient, patient.prepared()))
        for id in [
            "reluActivation", "heInitialization", "batchNorm", "residual", "matchOutput", "wider", "moreDropout",
        ] {
            #expect(try Self.treated(id, evidence) == nil, "\(id)")
        }
        #expect(try Self.treated("raiseLearningRate", evidence) != nil)
    }
}
