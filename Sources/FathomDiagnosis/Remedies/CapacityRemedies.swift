import FathomNN
import FathomTraining

extension Remedy {
    static let capacities: [Remedy] = [
        Remedy(
            "trainLonger", "Train longer",
            "Four times the epochs, and at least so many that the network makes 2,000 steps."
        ) { evidence, _ in
            let steps = max(evidence.setup.stepsPerEpoch, 1)
            return evidence.setup.patient.changing {
                $0.training.epochs = min(max(4 * min($0.training.epochs, 1 << 20), (1999 + steps) / steps), 1 << 20)
                $0.training.patience = nil
            }
        },
        Remedy(
            "wider", "Wider hidden layers",
            "Four times the units, at least 32: more ways to bend, and less chance that a layer lets nothing through."
        ) { evidence, _ in
            evidence.setup.patient.changingModel { model in
                model.changingHidden { layers, _ in
                    layers.map { layer in
                        guard layer.isDense || layer.kind == "maxout" || layer.kind == "highway",
                            let units = layer.number("units"), units < 1024
                        else { return layer }
                        return layer.with("units", .number(min(max(4 * units, 32), 1024)))
                    }
                }
            }
        },
        Remedy(
            "shallower", "Fewer hidden layers",
            "At most three hidden layers, or half of them: gradients have less far to go."
        ) { evidence, _ in
            evidence.setup.patient.changingModel { model in
                model.changingHidden { layers, isFollowed in
                    let groups = layers.groups
                    guard isFollowed, groups.count > 1 else { return layers }
                    let dropped = groups.dropFirst(min(3, groups.count / 2))
                    return layers.indices.filter { i in !dropped.contains { $0.contains(i) } }.map { layers[$0] }
                }
            }
        },
        Remedy(
            "leaveAsIs", "Leave it as it is", "Nothing is changed: what was found does not call for it."
        ) { _, _ in nil },
    ]
}
