import FathomData
import FathomNN
import FathomTraining

extension Remedy {
    static let data: [Remedy] = [
        Remedy(
            "scaleInputs", "Centre and scale the inputs",
            """
            Every input column is brought to mean 0 and deviation 1 by what the training part has, so that no column \
            outweighs the others and gradients of the first weights are not all of one sign (LeCun et al. 1998).
            """
        ) { evidence, _ in
            let inputs = evidence.setup.inputs
            let isScaled = zip(inputs.means, inputs.deviations).allSatisfy { mean, deviation in
                deviation == 0 || abs(mean) < 0.05 && abs(deviation - 1) < 0.05
            }
            // Categories and padding have columns that never change; they stay as they are.
            guard !isScaled || inputs.means.isEmpty else { return nil }
            return evidence.setup.patient.changing { $0.data.scaling = .standardize }
        },
        Remedy(
            "scaleTargets", "Scale the numbers to predict",
            """
            The targets are brought to mean 0 and deviation 1 for training, and predictions back to their units: the last \
            layer, which must be linear for it, need not learn the scale first.
            """
        ) { evidence, _ in
            let patient = evidence.setup.patient
            guard case .values = patient.data.train.targets, !patient.scalesTarget else { return nil }
            var scaled = patient
            scaled.configuration.data.scalesTarget = true
            // Values below 0 must be reached.
            let linear = scaled.changingModel { model in
                model.replacingOutput { layer, tail in
                    (layer.map { [$0] } ?? []) + (layer == nil ? tail : tail.filter { !$0.isActivation })
                }
            }
            return linear ?? scaled
        },
    ]
}

extension Patient {
    /// Whether numbers to predict are standardised, by the configuration or by its default.
    fileprivate var scalesTarget: Bool {
        if let given = configuration.data.scalesTarget { return given }
        return (try? prepared().preprocessing.targetScaling) != nil
    }
}
