import FathomGraph
import FathomNN
import FathomReference
import FathomRuntime
import FathomTestSupport
import Foundation
import Testing

/// A traced update of parameters whose gradients are fed, run step by step in `Double`.
private struct Updater {
    let trace = Trace(isTraining: true)
    let declarations: [StateDeclaration]
    let settings: OptimizerSettings
    private(set) var run: Interpreter
    private(set) var step = 0
    let graph: Graph

    /// - Parameter parameters: layer name → first values of its `weight`.
    init(
        _ settings: OptimizerSettings, _ parameters: [(layer: String, values: [Double])], accumulates: Bool = false
    ) throws {
        self.settings = settings
        let trace = self.trace
        let seed = trace.input("unused", [1])
        var gradients: [NodeID: NodeID] = [:]
        for (layer, values) in parameters {
            let weight = seed.inLayer(LayerIdentity(), kind: layer) {
                $0.parameter("weight", shape: [.fixed(values.count)], initializer: .zeros)
            }
            let g = trace.input("g.\(layer)1.weight", [.fixed(values.count)])
            if let w = weight.id, let g = g.id { gradients[w] = g }
        }
        declarations = trace.declarations
        let updates = try settings.traceUpdates(
            in: trace, declarations: declarations, gradients: gradients,
            learningRate: trace.input("learningRate", .scalar),
            step: trace.input("step", .scalar), microBatches: accumulates ? trace.input("microBatches", .scalar) : nil)
        trace.graph.updates = updates
        try trace.graph.verify()
        graph = trace.graph
        var state: [String: ReferenceTensor] = [:]
        for (declaration, parameter) in zip(declarations, parameters) {
            state[declaration.path] = ReferenceTensor(shape: declaration.shape, values: parameter.values)
        }
        for slot in settings.slots(for: declarations, accumulates: accumulates) {
            switch slot.initial {
            case .constant(let value):
                state[slot.path] = ReferenceTensor(
                    shape: slot.shape, values: [Double](repeating: value, count: slot.shape.reduce(1, *)))
            case .copy(let path): state[slot.path] = state[path]
            }
        }
        run = Interpreter(state: state)
        // Slots and updates must be the same entries.
        #expect(
            Set(updates.map(\.path))
                == Set(settings.slots(for: declarations, accumulates: accumulates).map(\.path))
                .union(settings.trainable(declarations).map(\.path)))
    }

    mutating func step(_ gradients: [[Double]], learningRate: Double? = nil, microBatches: Double = 1) throws {
        step += 1
        run.inputs["learningRate"] = ReferenceTensor(learningRate ?? settings.optimizer.learningRate)
        run.inputs["step"] = ReferenceTensor(Double(step))
        run.inputs["microBatches"] = ReferenceTensor(microBatches)
        for (declaration, g) in zip(declarations, gradients) {
            run.inputs["g.\(declaration.path)"] = ReferenceTensor(shape: [g.count], values: g)
        }
        _ = try run.run(graph)
    }

    func value(_ path: String) -> [Double] { run.state[path]?.values ?? [] }
}

private func close(_ a: [Double], _ b: [Double], _ tolerance: Double) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance * max(1, abs($1)) }
}

@Suite("Optimisers")
struct OptimizerTests {
    private static func optimizer(_ c: TrainingGolden.Optimizer) -> (any Optimizer)? {
        func a(_ name: String, _ fallback: Double = 0) -> Double { c.attributes[name]?.first ?? fallback }
        let rate = a("learningRate")
        let decay = WeightDecay.coupled(a("weightDecay"))
        if a("dampening") != 0 { return nil }
        switch c.optimizer {
        case "sgd":
            return SGD(learningRate: rate, momentum: a("momentum"), nesterov: a("nesterov") == 1, weightDecay: decay)
        case "adagrad":
            return Adagrad(
                learningRate: rate, learningRateDecay: a("decay"), initialAccumulator: a("initialAccumulator"),
                epsilon: a("epsilon"), weightDecay: decay)
        case "adadelta": return Adadelta(learningRate: rate, rho: a("rho"), epsilon: a("epsilon"), weightDecay: decay)
        case "rmsprop":
            return RMSprop(
                learningRate: rate, alpha: a("rho"), epsilon: a("epsilon"), momentum: a("momentum"),
                centered: a("centered") == 1, weightDecay: decay)
        case "adam", "amsgrad":
            return Adam(
                learningRate: rate, beta1: a("beta1"), beta2: a("beta2"), epsilon: a("epsilon"), weightDecay: decay,
                amsgrad: c.optimizer == "amsgrad")
        case "adamw":
            return AdamW(
                learningRate: rate, beta1: a("beta1"), beta2: a("beta2"), epsilon: a("epsilon"),
                weightDecay: a("weightDecay"))
        case "nadam":
            return NAdam(
                learningRate: rate, beta1: a("beta1"), beta2: a("beta2"), epsilon: a("epsilon"),
                momentumDecay: a("momentumDecay"), weightDecay: decay)
        case "lion":
            return Lion(
                learningRate: rate, beta1: a("beta1"), beta2: a("beta2"), weightDecay: .decoupled(a("weightDecay")))
        default: return nil
        }
    }

    private static func golden() throws -> [TrainingGolden.Optimizer] {
        try TrainingGolden.optimizers().cases.filter { optimizer($0) != nil }
    }

    @Test("follow PyTorch for 100 steps", arguments: try golden())
    func equalsPyTorch(_ c: TrainingGolden.Optimizer) throws {
        let file = try TrainingGolden.optimizers()
        let optimizer = try #require(Self.optimizer(c))
        var updater = try Updater(OptimizerSettings(optimizer), [("dense", file.initial.values)])
        let tolerance = c.optimizer == "nadam" ? 1e-9 : 1e-11
        for step in 1...100 {
            try updater.step([Array(file.gradients.values[((step - 1) * 8)..<(step * 8)])])
            if let wanted = c.after64["\(step)"] {
                #expect(close(updater.value("dense1.weight"), wanted, tolerance), "after step \(step)")
            }
        }
    }

    /// PyTorch's own float32 is up to 3e-6 away from its double after 100 steps. Ten times that leaves room for another
    /// order of the same roundings, and none for a wrong constant or a lost term.
    @Test("follow PyTorch for 100 steps in float32 on the executor", arguments: try golden())
    func executorEqualsPyTorch(_ c: TrainingGolden.Optimizer) throws {
        let file = try TrainingGolden.optimizers()
        let optimizer = try #require(Self.optimizer(c))
        // Before its first step it holds the first values of parameters and slots.
        let updater = try Updater(OptimizerSettings(optimizer), [("dense", file.initial.values)])
        let initial = updater.run.state
        let storage = StateStorage(initial.keys.sorted().map { ($0, initial[$0]?.values.count ?? 0) })
        for (path, tensor) in initial { #expect(storage.set(path, tensor.values.map { Float($0) }), "\(path)") }
        let executable = try Executable(
            updater.graph, maxBatch: 1, state: storage, team: Team(threads: 1),
            options: Executable.Options(verifying: true))
        executable.setScalar("learningRate", Float(optimizer.learningRate))
        let gradients = file.gradients.floats
        var compared: [Int] = []
        for step in 1...100 {
            #expect(executable.setInput("g.dense1.weight", Array(gradients[((step - 1) * 8)..<(step * 8)])))
            executable.setScalar("step", Float(step))
            try executable.run(batch: 1)
            guard let wanted = c.after["\(step)"] else { continue }
            let values = try #require(storage["dense1.weight"]).map { Double($0) }
            #expect(close(values, wanted, 3e-5), "after step \(step): \(values), not \(wanted)")
            compared.append(step)
        }
        #expect(compared == [1, 2, 10, 100])
    }

    /// Keras 3: `Adamax(learning_rate=0.1, beta_1=0.9, beta_2=0.8)` on one weight with the gradients 1, −2, 0.5.
    @Test func adamaxByHand() throws {
        let rule = Adamax(learningRate: 0.1, beta1: 0.9, beta2: 0.8, epsilon: 0)
        var updater = try Updater(OptimizerSettings(rule), [("dense", [1])])
        var (m, u, p) = (0.0, 0.0, 1.0)
        for (t, g) in [1.0, -2, 0.5].enumerated() {
            m = 0.9 * m + 0.1 * g
            u = Swift.max(0.8 * u, Swift.abs(g))
            p -= 0.1 / (1 - pow(0.9, Double(t + 1))) * m / u
            try updater.step([[g]])
            #expect(close(updater.value("dense1.weight"), [p], 1e-12))
        }
    }

    @Test func maximizingClimbsAndStillDecays() throws {
        // p ← p − η·(−g + λ·p)
        let settings = OptimizerSettings(
            SGD(learningRate: 0.1, weightDecay: .coupled(0.5)), clipping: .value(1), maximizes: true)
        var updater = try Updater(settings, [("dense", [2])])
        try updater.step([[3]])
        #expect(close(updater.value("dense1.weight"), [2 - 0.1 * (-1 + 0.5 * 2)], 1e-12))
    }

    @Test("golden cases are there") func goldenCount() throws { #expect(try Self.golden().count >= 22) }

    /// Elementwise operations on a tensor of a parameter's shape.
    private static func elementwise(_ graph: Graph, _ layer: String) -> [String] {
        graph.nodes.filter { node in
            guard node.phase == .update, graph.scopes[Int(node.scope)] == layer, node.type.shape.rank > 0 else {
                return false
            }
            switch node.op {
            case .unary, .binary, .compare, .select: return true
            default: return false
            }
        }.map { "\($0.op.name)" }
    }

    @Test(
        "do as little per element as their formula allows",
        arguments: [
            ("sgd", [:], 2), ("momentum", [:], 4), ("nesterov", [:], 6), ("adam", [:], 13), ("adamW", [:], 14),
            ("adam", ["weightDecay": 0.1], 15), ("lion", [:], 9), ("adagrad", [:], 7), ("rmsprop", [:], 9),
            ("adadelta", [:], 16), ("nadam", [:], 15),
        ] as [(String, [String: OptionValue], Int)])
    func operations(_ name: String, _ options: [String: OptionValue], _ count: Int) throws {
        let updater = try Updater(
            OptimizerSettings(try OptimizerTable.named(name, options)), [("dense", [1, 2]), ("conv", [1, 2, 3])])
        let ops = Self.elementwise(updater.graph, "dense1")
        #expect(ops.count == count, "\(ops)")
        #expect(ops == Self.elementwise(updater.graph, "conv1"), "every parameter must get the same program")
    }

    @Test("nodes carry the parameter's layer and the update phase; scalars are shared")
    func provenance() throws {
        let updater = try Updater(OptimizerSettings(Adam()), [("dense", [1, 2]), ("conv", [1, 2, 3])])
        let graph = updater.graph
        for (path, id) in graph.updates {
            #expect(graph[id].phase == .update)
            #expect(graph.layer(of: id) == (path.contains("dense1") ? "dense1" : "conv1"), "\(path)")
        }
        #expect(graph.nodes.count { $0.op == .unary(.expm1) } == 2)
        #expect(updater.trace.graph.phase == .forward)
    }

    @Test("minimise a quadratic from the table's defaults", arguments: OptimizerTable.all.names)
    func descends(_ name: String) throws {
        let optimizer = try OptimizerTable.named(name)
        #expect(optimizer.name == name)
        var updater = try Updater(OptimizerSettings(optimizer), [("dense", [1, -2])])
        var last = Double.infinity
        for _ in 0..<3 {
            for _ in 0..<20 {
                let p = updater.value("dense1.weight")
                try updater.step([[p[0], 3 * p[1]]])
            }
            let p = updater.value("dense1.weight")
            let loss = p[0] * p[0] + 3 * p[1] * p[1]
            #expect(loss < last)
            last = loss
        }
    }

    @Test("clipping by value, by parameter and by all")
    func clipping() throws {
        func step(_ clipping: OptimizerSettings.Clipping?) throws -> [Double] {
            var updater = try Updater(
                OptimizerSettings(SGD(learningRate: 1), clipping: clipping), [("dense", [0, 0]), ("conv", [0])])
            try updater.step([[3, 4], [-12]])
            return (updater.value("dense1.weight") + updater.value("conv1.weight")).map { -$0 }
        }
        #expect(try step(nil) == [3, 4, -12])
        #expect(try step(.value(3.5)) == [3, 3.5, -3.5])
        // Norms 5 and 12, together 13; PyTorch divides by norm + 1e-6.
        #expect(try close(step(.parameterNorm(1)), [3 / 5.000001, 4 / 5.000001, -12 / 12.000001], 1e-15))
        #expect(try close(step(.globalNorm(1)), [3 / 13.000001, 4 / 13.000001, -12 / 13.000001], 1e-15))
        #expect(try step(.globalNorm(20)) == [3, 4, -12])
        #expect(try step(.parameterNorm(20)) == [3, 4, -12])
    }

    @Test(
        "clipping does not hide a NaN",
        arguments: [OptimizerSettings.Clipping.value(1), .parameterNorm(1), .globalNorm(1)])
    func clippingNaN(_ clipping: OptimizerSettings.Clipping) throws {
        var updater = try Updater(OptimizerSettings(SGD(), clipping: clipping), [("dense", [0, 0])])
        try updater.step([[.nan, 1]])
        #expect(updater.value("dense1.weight")[0].isNaN)
    }

    @Test("groups: factor, decay, frozen; the first that fits counts")
    func groups() throws {
        let settings = OptimizerSettings(
            SGD(learningRate: 0.5, weightDecay: .coupled(0.1)), clipping: .globalNorm(100),
            groups: [
                ParameterGroup("conv*", isFrozen: true),
                ParameterGroup("head*.w?ight", learningRateFactor: 0.1, weightDecay: 0),
                ParameterGroup("*", learningRateFactor: 2),
            ])
        var updater = try Updater(settings, [("conv", [7]), ("head", [1]), ("dense", [1])])
        try updater.step([[100], [1], [1]])
        #expect(updater.value("conv1.weight") == [7])
        #expect(close(updater.value("head1.weight"), [1 - 0.05], 1e-15))
        #expect(close(updater.value("dense1.weight"), [1 - 1.0 * 1.1], 1e-15))
        #expect(settings.slots(for: updater.declarations).isEmpty)
        // The factor counts in decoupled decay too.
        var decoupled = try Updater(
            OptimizerSettings(
                SGD(learningRate: 0.5, weightDecay: .decoupled(0.1)),
                groups: [ParameterGroup("head*", learningRateFactor: 0.1, weightDecay: 0.2)]),
            [("head", [1]), ("dense", [1])])
        try decoupled.step([[0], [0]])
        #expect(close(decoupled.value("head1.weight"), [1 - 0.05 * 0.2], 1e-15))
        #expect(close(decoupled.value("dense1.weight"), [1 - 0.5 * 0.1], 1e-15))
        let adam = OptimizerSettings(Adam(), groups: [ParameterGroup("conv*", isFrozen: true)])
        #expect(
            adam.slots(for: updater.declarations).map(\.path) == [
                "optimizer.mean.head1.weight", "optimizer.mean.dense1.weight", "optimizer.square.head1.weight",
                "optimizer.square.dense1.weight",
            ])
    }

    @Test(
        "path patterns",
        arguments: [
            ("*.bias", "dense1.bias", true), ("*.bias", "dense1.weight", false), ("*", "", true), ("", "", true),
            ("", "a", false), ("encoder.*", "encoder.blocks.1.weight", true), ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false), ("dense?.weight", "dense1.weight", true),
            ("dense?.weight", "dense12.weight", false),
            ("**", "x", true), ("*a", "ba", true), ("*a", "ab", false), ("dense1.weight", "dense1.weight", true),
        ])
    func patterns(_ pattern: String, _ path: String, _ fits: Bool) {
        #expect(ParameterGroup(pattern).contains(path) == fits)
    }

    @Test("settings that make no sense are mistakes")
    func mistakes() throws {
        func error(_ settings: OptimizerSettings) -> GraphError? {
            do { _ = try Updater(settings, [("dense", [1])]) } catch { return error as? GraphError }
            return nil
        }
        #expect(
            error(OptimizerSettings(SGD(), groups: [ParameterGroup("*.bais")]))?.hint?.contains("dense1.weight") == true
        )
        #expect(error(OptimizerSettings(SGD(), groups: [ParameterGroup("*", learningRateFactor: -1)])) != nil)
        #expect(error(OptimizerSettings(SGD(), groups: [ParameterGroup("*", weightDecay: .nan)])) != nil)
        #expect(error(OptimizerSettings(SGD(), clipping: .value(0))) != nil)
        #expect(error(OptimizerSettings(SGD(), clipping: .globalNorm(.nan))) != nil)
        #expect(error(OptimizerSettings(SGD(), averageDecay: 1)) != nil)
        #expect(error(OptimizerSettings(SGD())) == nil)
        let trace = Trace(isTraining: true)
        let seed = trace.input("x", [1])
        _ = seed.inLayer(LayerIdentity(), kind: "dense") { $0.parameter("weight", shape: [1], initializer: .zeros) }
        #expect(throws: GraphError.self) {
            try OptimizerSettings(SGD()).traceUpdates(
                in: trace, declarations: trace.declarations, gradients: [:], learningRate: seed, step: seed)
        }
    }

    @Test("decoupled decay shrinks beside the update, for any optimiser")
    func decoupled() throws {
        for optimizer in [
            SGD(learningRate: 0.1, momentum: 0.9, weightDecay: .decoupled(0.5)),
            NAdam(learningRate: 0.1, weightDecay: .decoupled(0.5)),
        ] as [any Optimizer] {
            var updater = try Updater(OptimizerSettings(optimizer), [("dense", [2, -1])])
            for _ in 0..<3 { try updater.step([[0, 0]]) }
            let left = 0.95 * 0.95 * 0.95
            #expect(close(updater.value("dense1.weight"), [2 * left, -left], 1e-14))
        }
    }

    @Test("the average is the weighted mean of the weights after each step", arguments: [0, 0.5, 0.999])
    func average(_ decay: Double) throws {
        var updater = try Updater(OptimizerSettings(SGD(learningRate: 1), averageDecay: decay), [("dense", [5])])
        #expect(updater.value("optimizer.average.dense1.weight") == [5])
        var history: [Double] = []
        for g in [1.0, -3, 2, 0.5, 7] {
            try updater.step([[g]])
            history.append(updater.value("dense1.weight")[0])
            var (total, weights, w) = (0.0, 0.0, 1.0)
            for p in history.reversed() {
                total += w * p
                weights += w
                w *= decay
            }
            #expect(close(updater.value("optimizer.average.dense1.weight"), [total / weights], 1e-12))
        }
    }

    @Test("micro-batches add up to the gradient of the whole")
    func accumulation() throws {
        let settings = OptimizerSettings(Adam(learningRate: 0.1), clipping: .globalNorm(1))
        var whole = try Updater(settings, [("dense", [1, 2])])
        var parts = try Updater(settings, [("dense", [1, 2])], accumulates: true)
        let trace = Trace(isTraining: true)
        let weight = trace.input("x", [1]).inLayer(LayerIdentity(), kind: "dense") {
            $0.parameter("weight", shape: [2], initializer: .zeros)
        }
        let (w, g) = (try #require(weight.id), try #require(trace.input("g", [2]).id))
        trace.graph.updates = try settings.traceAccumulation(
            in: trace, declarations: trace.declarations, gradients: [w: g])
        for round in 0..<3 {
            let gradients = [[1.0, 0.5], [-2, 3], [0.25, Double(round)]]
            try whole.step([(0..<2).map { i in gradients.reduce(0) { $0 + $1[i] } / 3 }])
            for g in gradients.dropLast() {
                parts.accumulate(trace.graph, g)
            }
            try parts.step([gradients[2]], microBatches: 3)
            #expect(close(parts.value("dense1.weight"), whole.value("dense1.weight"), 1e-12))
            #expect(parts.value("optimizer.gradient.dense1.weight") == [0, 0])
        }
    }

    @Test("option values are read from a configuration and written back")
    func optionValues() throws {
        let text = #"{"a":1,"b":0.5,"c":true,"d":"macro","e":[1,2.5]}"#
        let values: [String: OptionValue] = ["a": 1, "b": 0.5, "c": true, "d": "macro", "e": [1, 2.5]]
        let read = try JSONDecoder().decode([String: OptionValue].self, from: Data(text.utf8))
        #expect(read == values)
        let written = try JSONDecoder().decode([String: OptionValue].self, from: JSONEncoder().encode(values))
        #expect(written == values)
    }

    @Test("the table names what is allowed")
    func table() throws {
        #expect(try OptimizerTable.named("ADAM-W").name == "adamW")
        let unknown = #expect(throws: ConfigError.self) { try OptimizerTable.named("adamm") }
        #expect(unknown?.nearest == "adam")
        let option = #expect(throws: ConfigError.self) { try OptimizerTable.named("adam", ["beta3": 0.9]) }
        #expect(option?.allowed.contains("beta1") == true)
        #expect(throws: ConfigError.self) { try OptimizerTable.named("adam", ["beta1": 1]) }
        #expect(throws: ConfigError.self) { try OptimizerTable.named("adam", ["beta1": "high"]) }
        #expect(throws: ConfigError.self) { try OptimizerTable.named("sgd", ["nesterov": true]) }
        let adam = try #require(
            try OptimizerTable.named(
                "adam",
                [
                    "learning_rate": 0.5, "beta1": 0.1, "beta2": 0.2, "epsilon": 0.3, "weightDecay": 0.4,
                    "decoupled": true,
                    "amsgrad": true,
                ]) as? Adam)
        #expect(
            adam.learningRate == 0.5 && adam.beta1 == 0.1 && adam.beta2 == 0.2 && adam.epsilon == 0.3 && adam.amsgrad)
        #expect(adam.weightDecay == .decoupled(0.4))
        // PyTorch's defaults.
        let rates = try OptimizerTable.all.names.map { try OptimizerTable.named($0).learningRate }
        #expect(rates == [1e-3, 1e-3, 1e-3, 1e-2, 1, 1e-2, 1e-3, 1e-3, 2e-3, 2e-3, 1e-4])
        // Every number of a row reaches the optimiser: the table's defaults are those of the initialisers.
        for (name, made) in [
            ("sgd", SGD()), ("adagrad", Adagrad()), ("adadelta", Adadelta()), ("rmsprop", RMSprop()), ("adam", Adam()),
            ("adamW", AdamW()), ("nadam", NAdam()), ("adamax", Adamax()), ("lion", Lion()),
        ] as [(String, any Optimizer)] {
            let named = try OptimizerTable.named(name)
            #expect("\(named)" == "\(made)")
        }
    }
}

extension Updater {
    /// Runs the accumulation graph on this state.
    fileprivate mutating func accumulate(_ graph: Graph, _ g: [Double]) {
        run.inputs["g"] = ReferenceTensor(shape: [g.count], values: g)
        do { _ = try run.run(graph) } catch { Issue.record("\(error)") }
    }
}
