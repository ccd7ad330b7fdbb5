import FathomNN
import Foundation

/// Where a run stands, beside its ``TrainState``: with it, going on gives the same bits as never having stopped.
public struct TrainingProgress: Codable, Sendable, Hashable {
    /// Epochs done.
    public var epoch = 0
    /// Rows of the current epoch that are done.
    public var position = 0
    /// The current epoch's sum of losses, each times its rows, and these rows.
    public var lossSum = 0.0
    /// The rows that ``lossSum`` counts; the sum divided by them is the mean loss so far.
    public var lossRows = 0
    /// What the schedule has seen.
    public var plateau = PlateauState()
    /// The best value of the watched metric and the epoch that reached it.
    public var best: Double?
    /// The epoch that reached ``best``, counted from 1; 0 before there is one.
    public var bestEpoch = 0
    /// Evaluations since then.
    public var waited = 0
    /// How the run ended, once it has.
    public var outcome: TrainingEvent.Outcome?

    /// The start of a run: nothing done, nothing measured.
    public init() {}

    /// JSON, in which every number reads back as itself.
    func encoded() -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    init?(encoded text: String) {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        guard let value = try? decoder.decode(Self.self, from: Data(text.utf8)) else { return nil }
        guard value.epoch >= 0, value.position >= 0, value.lossRows >= 0 else { return nil }
        self = value
    }
}
