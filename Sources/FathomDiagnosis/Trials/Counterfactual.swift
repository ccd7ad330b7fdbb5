/// What a network that trains reaches when a setting that looks wrong is put right, over paired seeds.
///
/// A rule knows what is usual; whether the unusual hurts this network, only a trial can tell. A network may reach what simple
/// methods reach and still give away a good part of what it could.
public struct Counterfactual: Sendable, Codable {
    /// Rules about settings of which one form is right. Depth, width and activation are choices: almost any network can be
    /// bettered there, and is not ill for it.
    static let rules: Set<String> = [
        "outputActivation", "lossMismatch", "optimizerSettings", "learningRateRange", "inputScale", "inputCentring",
        "targetScale", "symmetricInitialization", "regularization",
    ]
    /// The same skill in so many times less work is a difference that matters.
    static let smallestSpeedup = 3.0

    /// The rule that found the setting suspicious; where a label was checked, the code of the fault it names.
    public let rule: String
    /// The remedy that put it right.
    public let remedy: String
    /// The remedy in a few words.
    public let title: String
    /// `accuracy` or `R²`.
    public let skillName: String
    /// Pairs of runs.
    public let seeds: Int
    /// Mean skill as it is, and put right.
    public let before: Double
    /// Mean skill, put right.
    public let after: Double
    /// With its 95 % interval.
    public let gain: Double
    /// Of the gain, 95 %.
    public let interval: ClosedRange<Double>
    /// By how much less work it comes as far; `nil` where that is not known.
    public let speed: Treatment.Speed?
    /// Whether the difference is shown and matters: a third of what was left to be gained (half in a training that was cut
    /// short), or the same skill in a third of the work.
    public let isHarm: Bool

    /// As sentences behind a finding.
    var text: String {
        var text = " Put right (\(Words.lowercasedFirst(title))), it reaches \(skillName) \(short(after)) instead of "
        text +=
            "\(short(before)) (gain \(short(interval.lowerBound))…\(short(interval.upperBound)), \(seeds) pairs of runs)"
        if let speed {
            text += ", and comes as far in \(short(1 / speed.factor)) of the work "
            text += "(\(short(1 / speed.interval.upperBound))…\(short(1 / speed.interval.lowerBound)))"
        }
        return text + (isHarm ? "." : ": no difference that matters is shown.")
    }
}
