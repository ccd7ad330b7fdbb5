import FathomNN

extension Remedy {
    static let normalizations: [Remedy] = [
        Remedy(
            "batchNorm", "Batch normalisation before the activations",
            """
            Every unit's sums are brought to mean 0 and variance 1 over the batch, so that signals and gradients keep their \
            size whatever the weights do (Ioffe & Szegedy 2015).
            """
        ) { evidence, _ in
            let patient = evidence.setup.patient
            // A single row has no variance.
            guard patient.configuration.training.batch > 1 else { return nil }
            return patient.changingModel { model in
                model.changingEach { $0.kind == "batchNorm" ? $0.withSoundStatistics : $0 }
                    .normalized(by: LayerSpec("batchNorm"))
            }
        },
        Remedy(
            "layerNorm", "Layer normalisation before the activations",
            """
            Every row's sums are brought to mean 0 and variance 1 over the units: as batch normalisation, but it needs no \
            other rows and is the same in training and use (Ba et al. 2016).
            """
        ) { evidence, _ in
            evidence.setup.patient.changingModel { model in
                model.changingEach { $0.kind == "batchNorm" ? LayerSpec("layerNorm", name: $0.name) : $0 }
                    .normalized(by: LayerSpec("layerNorm"))
            }
        },
        Remedy(
            "movingStatistics", "Running statistics that follow the data",
            """
            Batch normalisation hands its running averages a tenth of each new batch, so that after some dozen steps they are \
            those of the data, and the network answers as it was trained (Ioffe & Szegedy 2015).
            """
        ) { evidence, _ in
            evidence.setup.patient.changingModel { model in
                model.changingEach { $0.kind == "batchNorm" ? $0.withSoundStatistics : $0 }
            }
        },
        Remedy(
            "perInputBias", "Biases on the inputs of the layers",
            """
            w·(x + b) in place of w·x + b: each layer can learn to centre what it gets, which frees the signs of its \
            weights' gradients.
            """
        ) { evidence, _ in
            evidence.setup.patient.changingModel { model in
                model.changingEach { layer in
                    guard layer.kind == "dense" else { return layer }
                    var layer = layer.with("bias", nil)
                    layer.kind = "perInputBias"
                    return layer
                }
            }
        },
    ]
}

extension LayerSpec {
    /// Batch normalisation whose running statistics follow the data: a share of the newest batch between 1 % and one half.
    fileprivate var withSoundStatistics: LayerSpec {
        guard let momentum = number("momentum") else { return self }
        return (0.01...0.5).contains(momentum) ? self : with("momentum", nil)
    }
}

extension ModelSpec {
    /// Normalisation before every hidden activation that follows a dense layer, and after every maxout layer.
    ///
    /// A bias before batch normalisation would only be subtracted again, so it goes.
    fileprivate func normalized(by norm: LayerSpec) -> ModelSpec {
        changingHidden { layers, _ in
            var result: [LayerSpec] = []
            for (i, layer) in layers.enumerated() {
                let isBare = i > 0 && !result.contains(where: \.isNormalization, since: \.isWeighted)
                if layer.isActivation, isBare, let owner = result.lastIndex(where: \.isWeighted), result[owner].isAffine
                {
                    result.append(norm)
                    if norm.kind == "batchNorm", ["dense", "convolution"].contains(result[owner].kind) {
                        result[owner] = result[owner].with("bias", .flag(false)).with("biasInitializer", nil)
                    }
                }
                result.append(layer)
                if layer.kind == "maxout", i + 1 == layers.count || !layers[i + 1].isNormalization {
                    result.append(norm)
                }
            }
            return result
        }
    }
}

extension LayerSpec {
    fileprivate var isWeighted: Bool { !isPassing }
}

extension [LayerSpec] {
    /// Whether one that `matches` comes after the last one that `starts`.
    fileprivate func contains(
        where matches: (LayerSpec) -> Bool, since starts: (LayerSpec) -> Bool
    ) -> Bool {
        self[((lastIndex(where: starts) ?? -1) + 1)...].contains(where: matches)
    }
}
