import FathomData
import FathomGraph
import FathomNN
import FathomRuntime
import FathomTraining
import Foundation

extension Remedy {
    /// Rules by which first weights are drawn; biases start at 0 then.
    static let initializations: [Remedy] = [
        initialization(
            "xavierInitialization", "Initialise by Xavier's rule", "xavier",
            "Variance 2 / (fan-in + fan-out) keeps signals and gradients of tanh-like layers at one size (Glorot 2010)."
        ),
        initialization(
            "heInitialization", "Initialise by He's rule", "heNormal",
            "Variance 2 / fan-in makes up for the half of the signal that ReLU cuts off (He et al. 2015)."),
        initialization(
            "lecunInitialization", "Initialise by LeCun's rule", "lecunNormal",
            "Variance 1 / fan-in keeps the variance of sums at that of the inputs (LeCun et al. 1998)."),
        initialization(
            "orthogonalInitialization", "Orthogonal weights", "orthogonal", output: "orthogonal",
            "Orthogonal matrices keep every length, forward and backward, not only on average (Saxe et al. 2014)."),
        Remedy(
            "criticalInitialization", "Initialise at the critical variance",
            """
            Weights of the variance at which χ = 1 for the layer's own activation: gradients neither vanish nor explode \
            (Schoenholz et al. 2017).
            """
        ) { evidence, _ in
            evidence.setup.patient.changingModel {
                $0.initialized(output: "xavier") { layers, index in
                    guard let activation = layers.activation(after: index)?.activation, activation.isElementwise else {
                        return "lecunNormal"
                    }
                    return "critical(\(activation))"
                }
            }
        },
        Remedy(
            "lsuvInitialization", "Unit variance, layer by layer",
            "Orthogonal weights, scaled on a batch so that the sums of every layer have variance 1 (Mishkin & Matas 2016)."
        ) { evidence, _ in evidence.setup.patient.withUnitVariance() },
    ]

    private static func initialization(
        _ id: String, _ title: String, _ rule: String, output: String = "xavier", _ summary: String
    ) -> Remedy {
        Remedy(id, title, summary) { evidence, _ in
            evidence.setup.patient.changingModel { $0.initialized(output: output) { _, _ in rule } }
        }
    }
}

extension LayerSpec {
    /// Kinds whose weights are drawn by the option `initializer`.
    fileprivate var hasInitializer: Bool { isAffine || kind == "maxout" || kind == "highway" }

    /// With weights drawn by a rule, and biases of 0.
    fileprivate func initialized(_ rule: String) -> LayerSpec {
        var layer = self
        if initializer != rule { layer.options["initializer"] = .text(rule) }
        if isAffine { layer.options["biasInitializer"] = nil }
        return layer
    }

    /// Whether the weights' variance goes by the number of inputs or outputs, as a sound rule's does.
    fileprivate var isScaledByFan: Bool {
        ["automatic", "xavier", "he", "lecun", "orthogonal", "critical"].contains { initializer.hasPrefix($0) }
    }
}

extension ModelSpec {
    /// The model with the weights of every layer drawn anew.
    ///
    /// - Parameters:
    ///   - output: for the last layer, unless its rule is a sound one already.
    ///   - rule: for the hidden layer at an index of a list.
    fileprivate func initialized(output: String, _ rule: ([LayerSpec], Int) -> String) -> ModelSpec {
        changingHidden { layers, _ in
            layers.indices.map { layers[$0].hasInitializer ? layers[$0].initialized(rule(layers, $0)) : layers[$0] }
        }.replacingOutput { layer, tail in
            (layer.map { [$0.initialized($0.isScaledByFan ? $0.initializer : output)] } ?? []) + tail
        }
    }
}

extension Patient {
    /// Orthogonal weights with the gain of each layer found on the first training rows.
    fileprivate func withUnitVariance() -> Patient? {
        let rows = 128
        guard
            let orthogonal = changingModel({ model in
                model.changingEach { $0.isAffine ? $0.initialized("orthogonal") : $0 }
            }) ?? (hasModelAsData ? self : nil),
            let data = try? prepared().split.train, let gains = try? orthogonal.unitVarianceGains(data, rows: rows)
        else { return nil }
        var left = gains[...]
        let changed = orthogonal.changingModel { model in
            model.changingEach { layer in
                guard layer.isAffine, let gain = left.popFirst() else { return layer }
                return layer.with("initializer", .text(gain == 1 ? "orthogonal" : "orthogonal(\(gain))"))
            }
        }
        return changed ?? (orthogonal.configuration == configuration ? nil : orthogonal)
    }

    /// The gain of every dense or convolutional layer, in their order, with which its sums have variance 1; `nil` where the layers cannot
    /// be told apart in the trace.
    private func unitVarianceGains(_ data: Dataset, rows: Int) throws -> [Double]? {
        let rows = min(rows, data.rowCount)
        let trace = Trace(isTraining: true)
        let model = try configuration.model.build()
        trace.register(model)
        let shape = data.inputs.rowShape
        _ = model(trace.input("x", Shape([.batch] + shape.map { .fixed($0) })))
        try trace.check()
        let initial = trace.initialValues(seed: configuration.training.seed)
        let inputs = Array(data.inputs.values.prefix(rows * data.inputs.rowSize))
        let storage = StateStorage(trace.declarations.map { ($0.path, $0.count) })
        let team = Team(threads: 1)
        var plans: [NodeID: Executable] = [:]
        let rescaled = try trace.rescaledToUnitVariance(
            initial, inputs: ["x": (shape: [rows] + shape, values: inputs)]
        ) { node, state throws(GraphError) in
            for (path, values) in state { storage.set(path, values) }
            var graph = trace.graph
            (graph.outputs, graph.updates) = ([("sums", node)], [])
            let plan =
                if let known = plans[node] { known } else {
                    try Executable(graph, maxBatch: rows, state: storage, team: team)
                }
            plans[node] = plan
            inputs.withUnsafeBytes { source in _ = plan.withInput("x", batch: rows) { $0.copyMemory(from: source) } }
            plan.setScalar("random.step", Int32(1))
            plan.setSeed(configuration.training.seed)
            try plan.run(batch: rows)
            return plan.output("sums", batch: rows).map(Double.init)
        }
        let kinds = trace.kinds
        var gains: [Double] = []
        for (before, after) in zip(initial, rescaled) {
            let path = before.declaration.path
            guard path.hasSuffix(".weight"), let kind = kinds[String(path.dropLast(7))],
                LayerSpec(kind).isAffine
            else { continue }
            let largest = before.values.indices.max { abs(before.values[$0]) < abs(before.values[$1]) }
            guard let largest, before.values[largest] != 0 else { return nil }
            // Four digits: more would only look exact.
            let gain = Double(after.values[largest]) / Double(before.values[largest])
            let rounded = Double(String(format: "%.4g", gain)) ?? gain
            guard rounded.isFinite, rounded > 0 else { return nil }
            gains.append(rounded)
        }
        return gains
    }
}
