/// Why a training run could not begin or go on.
public enum TrainingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The loss or a parameter is no finite number any more.
    case nonFinite(NonFiniteReport)
    /// A checkpoint that does not belong to this run.
    case foreignCheckpoint(String)
    /// A metric to watch that is not measured.
    case unknownMonitor(String, measured: [String])
    /// Data that cannot be trained on.
    case data(String)

    public var description: String {
        switch self {
        case .nonFinite(let report): report.description
        case .foreignCheckpoint(let reason): "the checkpoint cannot be used here: \(reason)"
        case .unknownMonitor(let name, let measured):
            "training.monitor is '\(name)', but measured are only \(measured.joined(separator: ", "))"
        case .data(let reason): reason
        }
    }
}

/// Where the first value that is no finite number came from.
public struct NonFiniteReport: Sendable, Hashable, CustomStringConvertible {
    /// The step, from 1, that failed.
    public internal(set) var step: Int
    /// Epochs done before it.
    public internal(set) var epoch: Int
    /// The loss that was seen.
    public let loss: Float
    /// The operation that made the first such value; `nil` when it could not be found.
    public internal(set) var operation: String?
    /// The path of its layer.
    public internal(set) var layer = ""
    /// `forward`, `backward` or `update`.
    public internal(set) var phase = ""
    /// What the operation was given, such as the range of its operands.
    public internal(set) var detail = ""
    /// The step of the last state without such values, which was kept.
    public internal(set) var lastGoodStep: Int?

    init(step: Int, epoch: Int, loss: Float) { (self.step, self.epoch, self.loss) = (step, epoch, loss) }

    public var description: String {
        var text =
            loss.isFinite
            ? "step \(step) (epoch \(epoch + 1)) left parameters that are no numbers, after a loss of \(loss)"
            : "step \(step) (epoch \(epoch + 1)) gave a loss of \(loss)"
        if let operation {
            text += "\n  first non-finite value: \(operation) in "
            text += layer.isEmpty ? "the \(phase) pass" : "layer '\(layer)' (\(phase) pass)"
            if !detail.isEmpty { text += ", \(detail)" }
        }
        if let lastGoodStep { text += "\n  the last good state, of step \(lastGoodStep), is kept as a checkpoint" }
        return text
            + "\n  hint: lower the learning rate, clip gradients (optimizer.clip.globalNorm: 1), "
            + "or look at the data's scale"
    }
}
