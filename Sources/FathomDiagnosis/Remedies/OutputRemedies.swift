import FathomData
import FathomNN
import FathomTraining

extension Remedy {
    static let outputs: [Remedy] = [
        Remedy(
            "matchOutput", "An output and a loss that fit the task",
            """
            The last layer gives raw numbers, as many as the task needs, and the loss is the one whose gradient is their plain \
            error: softmax cross-entropy for classes, squared error for numbers. Nothing saturates or is applied twice.
            """
        ) { evidence, _ in evidence.setup.patient.withMatchingOutput(evidence.setup.task, evidence.setup.targets) },
        Remedy(
            "classWeights", "Weigh the classes against their frequency",
            """
            Each class counts in the loss as much as the others, however rare it is, so that answering with the most \
            frequent one no longer pays.
            """
        ) { evidence, _ in
            evidence.setup.patient.withClassWeights(evidence.setup.targets.classCounts, evidence.setup.loss)
        },
        Remedy(
            "descend", "Minimise the plain loss",
            "The loss is replaced by the plain one of the task, and steps go down its gradient."
        ) { evidence, _ in
            let patient = evidence.setup.patient
            guard patient.loss != nil || patient.configuration.optimization.maximize else { return nil }
            var changed = patient
            changed.configuration.optimization.maximize = false
            if patient.loss != nil {
                changed.loss = nil
                changed.configuration.loss = patient.plainLoss(evidence.setup.task)
            }
            return changed
        },
    ]
}

extension Patient {
    /// The loss of the table that goes with the model's present output.
    fileprivate func plainLoss(_ task: Setup.Task) -> RunConfiguration.Choice {
        let (layer, tail) = configuration.model.spelledOut.output
        let last = tail.last { $0.isActivation }?.kind
        switch task {
        case .classification:
            if last == "softmax" { return .init("categoricalCrossEntropy") }
            if layer?.number("units") == 1 {
                return .init(last == "sigmoid" ? "binaryCrossEntropy" : "sigmoidCrossEntropy")
            }
            return .init("softmaxCrossEntropy")
        case .regression: return .init("meanSquaredError")
        }
    }

    /// The loss's name, whichever form it has.
    fileprivate var lossName: String? {
        if let loss { return loss.name }
        return configuration.loss.map { (try? Loss.named($0.name, $0.options))?.name ?? $0.name }
    }

    /// A last layer without activation and of the task's size, with the loss that belongs to it.
    fileprivate func withMatchingOutput(_ task: Setup.Task, _ targets: TargetStatistics) -> Patient? {
        guard hasModelAsData else { return nil }
        let model = configuration.model.spelledOut
        let (layer, tail) = model.output
        let units: Int
        let wanted: String
        switch task {
        case .classification(let classes):
            let isSingle = classes == 2 && layer?.number("units") == 1
            units = isSingle ? 1 : max(classes, 2)
            wanted = isSingle ? "sigmoidCrossEntropy" : "softmaxCrossEntropy"
        case .regression(let outputs): (units, wanted) = (max(outputs, 1), "meanSquaredError")
        }
        let isSized = layer?.number("units") == Double(units)
        // The pairs that say the same with probabilities are as good.
        let applied = tail.filter { $0.isActivation && $0.kind != "identity" }
        // Over another axis it is another function.
        let activations = applied.map { $0.options["axis"] == nil ? $0.kind : "\($0.kind) of another axis" }
        let present = lossName ?? (task.isClassification ? "softmaxCrossEntropy" : "meanSquaredError")
        let fits: Bool =
            switch (activations, present) {
            case ([], wanted): true
            case (["softmax"], "categoricalCrossEntropy"): units > 1
            // Numbers between 0 and 1 may be probabilities.
            case (["sigmoid"], "binaryCrossEntropy"), ([], "sigmoidCrossEntropy"):
                task.isClassification ? units == 1 : targets.minimum >= 0 && targets.maximum <= 1
            case ([], "meanAbsoluteError"), ([], "huber"), ([], "smoothL1"): !task.isClassification
            default: false
            }
        let given = configuration.loss?.options ?? [:]
        let isPlain = given["crossed"] != true && (given["reduction"] ?? "mean") == "mean"
        guard !fits || !isPlain || !isSized || tail.contains(where: { !$0.isActivation }) else { return nil }
        var changed = self
        changed.loss = nil
        // Weights and smoothing are kept where both losses know them.
        let kept = given.filter { ["classWeights", "labelSmoothing"].contains($0.key) }
        if present != wanted || loss != nil || !isPlain || given["oneHot"] != nil {
            changed.configuration.loss = .init(wanted, wanted == "softmaxCrossEntropy" ? kept : [:])
        }
        changed.configuration.model = model.replacingOutput { layer, _ in
            [(layer ?? LayerSpec("dense")).with("units", .number(Double(units)))]
        }
        // Thresholds of metrics belong to the loss; without any, they are chosen by the data.
        changed.configuration.metrics = nil
        return changed
    }

    /// Classes weighted by rows / (classes · rows of the class).
    fileprivate func withClassWeights(_ counts: [Int], _ loss: Loss) -> Patient? {
        let occurring = counts.count { $0 > 0 }
        guard counts.count > 1, occurring > 1, let most = counts.max(), let least = counts.filter({ $0 > 0 }).min(),
            Double(most) > 1.2 * Double(least)
        else { return nil }
        let total = Double(counts.reduce(0, +))
        func rounded(_ x: Double) -> Double { (1000 * x).rounded() / 1000 }
        var changed = self
        var choice = configuration.loss ?? .init(loss.name)
        switch loss.name {
        case "softmaxCrossEntropy", "categoricalCrossEntropy":
            // Keras's forms of the loss know no weights.
            for option in ["clip", "normalized", "reduction"] { choice.options[option] = nil }
            choice.options["classWeights"] = .numbers(
                counts.map { $0 > 0 ? rounded(total / Double(occurring * $0)) : 1 })
        case "sigmoidCrossEntropy" where counts.count == 2:
            choice.options["positiveWeights"] = .number(rounded(Double(counts[0]) / Double(counts[1])))
        default: return nil
        }
        if self.loss != nil { choice = .init(loss.name, choice.options) }
        changed.loss = nil
        changed.configuration.loss = choice
        return configuration.loss == choice ? nil : changed
    }
}
