import FathomNN

extension Remedy {
    /// Activations for the hidden layers, each with the initialiser that fits it.
    static let activations: [Remedy] = [
        hiddenActivation(
            "reluActivation", "ReLU in the hidden layers", LayerSpec("relu"), initializer: "heNormal",
            fits: ["automatic", "he", "orthogonal"],
            "The slope of ReLU is 1 wherever a unit is active, so that gradients pass undiminished."),
        hiddenActivation(
            "leakyReluActivation", "Leaky ReLU in the hidden layers", LayerSpec("leakyRelu", options: ["slope": 0.1]),
            initializer: "heNormal", fits: ["automatic", "he", "orthogonal"],
            "Negative sums keep a slope of 0.1, so that no unit can die, and gradients pass as with ReLU."),
        hiddenActivation(
            "preluActivation", "PReLU in the hidden layers", LayerSpec("prelu"), initializer: "heNormal",
            fits: ["automatic", "he", "orthogonal"],
            "The slope for negative sums is learnt, from 0.25 on, so that no unit can die (He et al. 2015)."),
        hiddenActivation(
            "eluActivation", "ELU in the hidden layers", LayerSpec("elu"), initializer: "critical(elu)",
            fits: ["automatic", "critical(elu)", "orthogonal"],
            "Negative values bring the mean of activations near 0, and the slope is 1 for positive sums (Clevert 2016)."
        ),
        hiddenActivation(
            "seluActivation", "SELU in the hidden layers", LayerSpec("selu"), initializer: "lecunNormal",
            fits: ["automatic", "lecun"],
            "With LeCun's weights activations keep mean 0 and variance 1 at any depth (Klambauer et al. 2017)."),
        hiddenActivation(
            "geluActivation", "GELU in the hidden layers", LayerSpec("gelu"), initializer: "critical(gelu)",
            fits: ["automatic", "critical(gelu)", "orthogonal"],
            "A smooth rectifier: slope near 1 for positive sums, and no point at which a unit is dead for good."),
        hiddenActivation(
            "tanhActivation", "tanh in the hidden layers", LayerSpec("tanh"), initializer: "xavier",
            fits: ["automatic", "xavier", "lecun", "orthogonal"],
            "Its values are centred on 0, and its slope at 0 is 1, four times that of the sigmoid."),
        hiddenActivation(
            "scaledTanhActivation", "LeCun's scaled tanh in the hidden layers", LayerSpec("scaledTanh"),
            initializer: "lecunNormal", fits: ["automatic", "lecun", "xavier", "orthogonal"],
            "1.7159·tanh(2x/3) maps ±1 to ±1 and saturates late, so that variance 1 stays variance 1 (LeCun 1998)."),
        Remedy(
            "maxoutActivation", "Maxout in the hidden layers",
            "Each unit is the larger of two affine functions: it learns its own activation and never saturates."
        ) { evidence, _ in evidence.setup.patient.changingModel { $0.withMaxout() } },
    ]

    /// - Parameters:
    ///   - initializer: what weights before it are drawn by from now on, unless they already are by one that fits it.
    ///   - fits: rules that fit; variants such as `heNormal` are meant by their first word.
    private static func hiddenActivation(
        _ id: String, _ title: String, _ activation: LayerSpec, initializer: String, fits: [String], _ summary: String
    ) -> Remedy {
        Remedy(id, title, summary) { evidence, _ in
            evidence.setup.patient.changingModel {
                $0.changingHidden { layers, isFollowed in
                    layers.activated(by: activation, isFollowed: isFollowed) { old in
                        fits.contains { old == $0 || old.hasPrefix($0) && !$0.contains("(") } ? old : initializer
                    }
                }
            }
        }
    }
}

extension [LayerSpec] {
    /// The list with one activation throughout, put where it is missing between two layers of sums.
    fileprivate func activated(
        by activation: LayerSpec, isFollowed: Bool, initializer: (String) -> String
    ) -> [LayerSpec] {
        func initialized(_ layer: LayerSpec) -> LayerSpec {
            let name = initializer(layer.initializer)
            return name == layer.initializer ? layer : layer.with("initializer", .text(name))
        }
        var result: [LayerSpec] = []
        // Whether sums wait for their activation.
        var isOpen = false
        for (i, layer) in enumerated() {
            if layer.isActivation, !layer.isGate {
                result.append(layer.kind == activation.kind ? layer : activation)
                isOpen = false
                continue
            }
            if layer.isGate { isOpen = false }
            if isOpen, !layer.isNormalization {
                let next = self[i...].first { $0.kind != "dropout" }
                if next?.isActivation != true {
                    if next?.isAffine ?? isFollowed {
                        if let owner = result.lastIndex(where: \.isAffine) {
                            result[owner] = initialized(result[owner])
                        }
                        result.append(activation)
                    }
                    isOpen = false
                }
            }
            switch layer.kind {
            case "dense", "perInputBias", "convolution":
                let next = self.activation(after: i)
                result.append(next.map { $0.isGate ? layer : initialized(layer) } ?? layer)
                isOpen = next == nil
            case "highway":
                // Its default goes without saying.
                let text = activation.activationText
                result.append(initialized(layer).with("activation", text == "relu" ? nil : .text(text)))
            case "residual":
                let hasOwn = layer.options["activation"] != nil
                result.append(hasOwn ? layer.with("activation", .text(activation.activationText)) : layer)
            default: result.append(layer)
            }
        }
        if isOpen, isFollowed {
            if let owner = result.lastIndex(where: \.isAffine) { result[owner] = initialized(result[owner]) }
            result.append(activation)
        }
        return result
    }
}

extension ModelSpec {
    /// Every hidden dense layer with an activation as a maxout layer of as many units.
    fileprivate func withMaxout() -> ModelSpec {
        changingHidden { layers, _ in
            var result: [LayerSpec] = []
            var drops = false
            for (i, layer) in layers.enumerated() {
                let next = layers.activation(after: i)
                if layer.isDense, let next, !next.isGate, let units = layer.options["units"] {
                    result.append(
                        LayerSpec(
                            "maxout", name: layer.name, options: ["units": units, "initializer": .text("heNormal")]))
                    drops = true
                } else if drops, layer.isActivation {
                    drops = false
                } else {
                    result.append(layer)
                }
            }
            return result
        }
    }
}
