import FathomNN
import FathomTraining
import Foundation

extension Remedy {
    static let optimizers: [Remedy] = [
        Remedy(
            "raiseLearningRate", "A larger learning rate",
            "Ten times the step, or what is usual for the optimiser where the present rate is far below it."
        ) { evidence, _ in
            evidence.setup.patient.changingRate { rate, usual in rate < usual / 10 ? usual : rate * 10 }
        },
        Remedy(
            "lowerLearningRate", "A smaller learning rate",
            "A tenth of the step, or what is usual for the optimiser where the present rate is far above it."
        ) { evidence, _ in
            evidence.setup.patient.changingRate { rate, usual in rate > usual * 10 ? usual : rate / 10 }
        },
        Remedy(
            "rangeTest", "The learning rate of a range test",
            """
            The rate is raised step by step on a copy, and the one at which the loss falls fastest is taken (Smith 2017).
            """
        ) { evidence, _ in evidence.setup.patient.withRangeTest() },
        Remedy(
            "warmup", "Warm the learning rate up",
            "The first tenth of the steps grow to the full rate, while the weights are still far from anything."
        ) { evidence, _ in
            let patient = evidence.setup.patient
            let steps = evidence.setup.stepsPerEpoch * patient.configuration.training.epochs
            guard patient.configuration.schedule.options["warmup"] == nil, steps >= 10 else { return nil }
            return patient.changing { $0.schedule.options["warmup"] = .number(Double(min(steps / 10, 1000))) }
        },
        Remedy(
            "clipGradients", "Clip the gradients",
            """
            All gradients together are kept to length 1, so that one steep place cannot throw the weights far away \
            (Pascanu et al. 2013).
            """
        ) { evidence, _ in
            evidence.setup.patient.changing {
                if case .globalNorm(let bound)? = $0.optimization.clipping, bound <= 1 { return }
                $0.optimization.clipping = .globalNorm(1)
            }
        },
        Remedy(
            "adamOptimizer", "Adam with its usual settings",
            "Each weight's step is scaled by its own gradients, so that one rate serves all layers (Kingma & Ba 2015)."
        ) { evidence, _ in evidence.setup.patient.changing { $0.optimization.optimizer = .init("adam") } },
        Remedy(
            "momentumOptimizer", "Gradient descent with momentum",
            "Steps add up where the gradient keeps its direction and cancel where it turns round."
        ) { evidence, _ in
            evidence.setup.patient.changing {
                $0.optimization.optimizer = .init("momentum", ["learningRate": 0.01])
            }
        },
        Remedy(
            "defaultOptimizerSettings", "The optimiser's usual settings",
            "Memory, ε and the like go back to their published values, and nothing is frozen; the learning rate stays."
        ) { evidence, _ in
            evidence.setup.patient.changing { configuration in
                let kept: Set = ["learningRate", "weightDecay", "decoupled", "nesterov"]
                var options = configuration.optimization.optimizer.options
                let momentum = options["momentum"]
                options = options.filter { kept.contains($0.key) && $0.value != .number(0) }
                // A momentum is a choice; one that hardly forgets is a mistake.
                if case .number(let share)? = momentum, share <= 0.99 { options["momentum"] = momentum }
                configuration.optimization.optimizer.options = options
                configuration.optimization.groups.removeAll { $0.isFrozen || $0.learningRateFactor == 0 }
            }
        },
        Remedy(
            "largerBatch", "Larger batches",
            "The mean over more rows is a steadier gradient: less noise in every step."
        ) { evidence, _ in
            let rows = evidence.setup.inputs.rows
            return evidence.setup.patient.changing {
                let larger = max(32, 4 * min($0.training.batch, rows))
                $0.training.batch = max($0.training.batch, min(larger, max(rows / 4, 1)))
            }
        },
        Remedy(
            "smallerBatch", "Smaller batches",
            "More steps from the same rows, and noise that helps out of flat places."
        ) { evidence, _ in
            let rows = evidence.setup.inputs.rows
            return evidence.setup.patient.changing {
                let present = min($0.training.batch, rows)
                $0.training.batch = min(present, max(8, min(present / 4, 128)))
                $0.training.accumulate = 1
            }
        },
    ]
}

extension Patient {
    /// A learning rate as it is usual for an optimiser on standardised data.
    private static func usualRate(_ optimizer: String) -> Double {
        switch optimizer {
        case "sgd", "momentum", "nesterov", "adagrad": 0.01
        case "adadelta": 1
        case "lion": 1e-4
        default: 1e-3
        }
    }

    /// The patient with another base rate.
    fileprivate func changingRate(_ change: (_ rate: Double, _ usual: Double) -> Double) -> Patient? {
        let choice = configuration.optimization.optimizer
        guard let row = try? OptimizerTable.all.entry(choice.name),
            let present = try? configuration.makeOptimizer().optimizer.learningRate
        else { return nil }
        let rate = change(present, Self.usualRate(row.name))
        guard rate.isFinite, rate > 0, rate != present else { return nil }
        return changing { $0.optimization.optimizer.options["learningRate"] = .number(rounded(rate)) }
    }

    /// The rate at which the loss falls fastest, where that is clearly another one.
    fileprivate func withRangeTest() -> Patient? {
        var patient = self
        patient.configuration.training.threads = 1
        guard let prepared = try? prepared(), let trainer = try? patient.trainer(prepared),
            let rate = try? trainer.findLearningRate(RangeTest(lowest: 1e-6, highest: 10, steps: 120)).suggestion?.rate
        else { return nil }
        return changingRate { present, _ in
            let isOther = present <= 0 || rate / present > 1.5 || rate / present < 1 / 1.5
            return isOther ? rounded(rate) : present
        }
    }

    /// Two digits: a rate is no more exact than that.
    private func rounded(_ rate: Double) -> Double { Double(String(format: "%.2g", rate)) ?? rate }
}
