import FathomNN
import FathomTraining

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
            "Orthogonal weights, scaled on rows of the data so that the sums of every layer have variance 1 (Mishkin & Matas 2016)."
        ) { evidence, _ in
            evidence.setup.patient.changingModel { model in
                model.changingEach { $0.isAffine ? $0.initialized("lsuv") : $0 }
            }
        },
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
        ["automatic", "xavier", "he", "lecun", "orthogonal", "critical", "lsuv"].contains { initializer.hasPrefix($0) }
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
