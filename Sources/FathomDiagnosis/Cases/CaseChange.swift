import FathomData
import FathomNN
import FathomTraining
import Foundation

/// What a case's `change` says was done to a healthy set-up.
enum CaseChange: Sendable, Hashable {
    /// The gradient's sign is flipped.
    case ascent
    /// The training inputs are put into another order than their targets.
    case shuffledInputs
    case unscaledInputs
    case twiceScaledInputs
    /// Running statistics of batch norm stay as they began.
    case frozenStatistics
    /// Softmax over the batch in place of the classes.
    case batchSoftmax
    /// Every prediction with every target.
    case crossedTargets
    /// Cross-entropy summed over the batch, averaged over the classes.
    case mixedReduction
    /// Each class has fewer training rows than the one before.
    case thinnedClasses
    /// This share of the training labels is replaced by other ones.
    case wrongLabels(Double)
    /// Normal noise of the size of the inputs is added to the training rows.
    case noisyInputs
    /// This share of the training rows is left out.
    case deletedRows(Double)
    /// It is expressed by the case's own keys.
    case described

    /// All words of a row must occur; the first row that fits counts.
    private static let table: [(words: [String], change: CaseChange)] = [
        (["sign", "flip"], .ascent), (["ascent"], .ascent), (["maximi"], .ascent),
        (["features shuffled"], .shuffledInputs), (["inputs shuffled"], .shuffledInputs),
        (["labels shuffled"], .shuffledInputs), (["shuffled", "label"], .shuffledInputs),
        (["no input scaling"], .unscaledInputs), (["no scaling"], .unscaledInputs), (["unscaled"], .unscaledInputs),
        (["not scaled"], .unscaledInputs), (["not normali"], .unscaledInputs), (["no normali"], .unscaledInputs),
        (["twice"], .twiceScaledInputs), (["double", "normali"], .twiceScaledInputs),
        (["moving", "never updated"], .frozenStatistics), (["moving", "not updated"], .frozenStatistics),
        (["running", "updated"], .frozenStatistics),
        (["softmax", "batch axis"], .batchSoftmax), (["softmax", "axis 0"], .batchSoftmax),
        (["softmax", "axis=0"], .batchSoftmax), (["softmax", "over batch"], .batchSoftmax),
        (["broadcast"], .crossedTargets), (["[n,n]"], .crossedTargets),
        (["mean over classes", "sum over batch"], .mixedReduction),
        (["thinned"], .thinnedClasses), (["imbalanc"], .thinnedClasses), (["unbalanc"], .thinnedClasses),
        (["noise"], .noisyInputs), (["noisy"], .noisyInputs),
    ]

    /// Words of changes that the layers, the initialisers, the optimiser and the other keys of a case already hold.
    private static let describedWords = [
        "weights", "initiali", "normal std", "constant", " lr", "lr ", "learning rate", "eps", "l2 ", "l1 ",
        "regulari", "dropout", "for regression", "for classification", "activation", "loss", "optimi", "epochs",
        "batch size", "units", "neurons", "layer", "bias", "beta", "momentum", "clip",
    ]

    /// `nil` for a text that is not understood.
    init?(_ text: String) {
        let words = text.lowercased()
        let share = words.firstMatch(of: /(\d{1,3}(?:\.\d+)?) ?%/).flatMap { Double($0.1) }.map { min($0, 100) / 100 }
        if let row = Self.table.first(where: { $0.words.allSatisfy(words.contains) }) {
            self = row.change
        } else if words.contains("label"), let share {
            self = .wrongLabels(share)
        } else if let share, words.contains(/delet|remov|drop/), words.contains(/data|rows|samples/) {
            self = .deletedRows(share)
        } else if Self.describedWords.contains(where: { (" " + words).contains($0) }) {
            self = .described
        } else {
            return nil
        }
    }

    /// Changes the training rows; what concerns scaling, model and optimiser is done elsewhere.
    func apply(to train: Dataset, _ notes: inout CaseNotes) throws(DataError) -> Dataset {
        var random = SeededGenerator(seed: 0, stream: 17)
        switch self {
        case .shuffledInputs:
            return try train.replacing(
                inputs: train.inputs.gather(rows: permutation(count: train.rowCount, seed: 23)))
        case .noisyInputs:
            let values = train.inputs.values
            let square = values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(max(1, values.count))
            let size = square.squareRoot()
            notes.note("noise of the inputs' own size is added to the training rows")
            return try train.replacing(inputs: train.inputs.mapped { $0 + Float(size * random.normal()) })
        case .deletedRows(let share):
            let keep = max(1, Int((1 - share) * Double(train.rowCount)))
            return try train.gather(rows: permutation(count: train.rowCount, seed: 23).prefix(keep))
        case .thinnedClasses:
            guard let labels = train.labels, let classes = train.classCount, classes > 1 else { return train }
            notes.note("class c of C keeps a share of 0.05^(c/(C−1)) of its training rows: the source gives no numbers")
            let shares = (0..<classes).map { pow(0.05, Double($0) / Double(classes - 1)) }
            let rows = (0..<train.rowCount).filter { random.uniform() < shares[Int(labels[$0])] }
            return rows.isEmpty ? train : try train.gather(rows: rows)
        case .wrongLabels(let share):
            guard case .classes(var labels, let names) = train.targets, names.count > 1 else { return train }
            for row in labels.indices where random.uniform() < share {
                let other = Int32(random.next(below: UInt64(names.count - 1)))
                labels[row] = other >= labels[row] ? other + 1 : other
            }
            return try Dataset(
                name: train.name, inputs: train.inputs, targets: .classes(labels: labels, names: names),
                featureNames: train.featureNames, provenance: train.provenance)
        default: return train
        }
    }

    var scaling: CaseData.Scaling {
        switch self {
        case .unscaledInputs: .none
        case .twiceScaledInputs: .twice
        default: .once
        }
    }
}
