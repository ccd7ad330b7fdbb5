import FathomNN
import FathomTraining

extension Remedy {
    static let regularizations: [Remedy] = [
        Remedy(
            "lessRegularization", "Less weight decay",
            "Weights that are pulled to 0 as strongly as the data pull them away cannot fit the data."
        ) { evidence, _ in
            evidence.setup.patient.changing { configuration in
                func less(_ decay: Double) -> Double { decay > 0.01 ? 1e-4 : 0 }
                let choice = configuration.optimization.optimizer
                if let decay = choice.weightDecay {
                    // The default of a row that has one must be written over.
                    let rest: OptionValue? = choice.defaultDecay == less(decay) ? nil : .number(less(decay))
                    configuration.optimization.optimizer.options["weightDecay"] = rest
                }
                for i in configuration.optimization.groups.indices {
                    let decay = configuration.optimization.groups[i].weightDecay
                    configuration.optimization.groups[i].weightDecay = decay.map(less)
                }
                configuration.optimization.groups.removeAll { $0 == ParameterGroup($0.pattern, weightDecay: 0) }
            }
        },
        Remedy(
            "moreRegularization", "Weight decay",
            "Weights are pulled to 0 a little at every step, so that only what the data really need remains."
        ) { evidence, _ in
            evidence.setup.patient.changing { configuration in
                let choice = configuration.optimization.optimizer
                guard let decay = choice.weightDecay else { return }
                let first = choice.defaultDecay == 0 && choice.name != "lion" ? 1e-3 : 0.05
                configuration.optimization.optimizer.options["weightDecay"] = .number(max(first, min(10 * decay, 1)))
            }
        },
        Remedy(
            "lessDropout", "Less dropout",
            "Of the little that passes through heavy dropout a network learns slowly or not at all."
        ) { evidence, _ in
            evidence.setup.patient.changingModel { model in
                func lessened(_ layers: [LayerSpec]) -> [LayerSpec] {
                    layers.compactMap { layer in
                        var layer = layer
                        layer.children = lessened(layer.children)
                        guard layer.kind == "dropout" else { return layer }
                        return (layer.number("rate") ?? 0) > 0.5 ? layer.with("rate", 0.2) : nil
                    }
                }
                return ModelSpec(layers: lessened(model.layers))
            }
        },
        Remedy(
            "moreDropout", "Dropout behind the hidden layers",
            "A share of the units is left out at random in training, so that none can rely on a single other one."
        ) { evidence, _ in
            evidence.setup.patient.changingModel { model in
                var hasDropout = false
                let raised = model.changingEach { layer in
                    guard layer.kind == "dropout" else { return layer }
                    hasDropout = true
                    return layer.with("rate", .number(max(layer.number("rate") ?? 0, 0.5)))
                }
                if hasDropout { return raised }
                return model.changingHidden { layers, _ in
                    layers.flatMap { layer in
                        layer.isActivation || layer.kind == "maxout" || layer.kind == "highway"
                            ? [layer, LayerSpec("dropout", options: ["rate": 0.25])] : [layer]
                    }
                }
            }
        },
    ]
}

extension RunConfiguration.Choice {
    /// λ as it is in effect; `nil` for an optimiser that is not in the table.
    fileprivate var weightDecay: Double? {
        if case .number(let given)? = options["weightDecay"] { return given }
        return defaultDecay
    }

    fileprivate var defaultDecay: Double? {
        let option = (try? OptimizerTable.all.entry(name))?.options.first { $0.name == "weightDecay" }
        if case .number(let value)? = option?.fallback { return value }
        return nil
    }
}
