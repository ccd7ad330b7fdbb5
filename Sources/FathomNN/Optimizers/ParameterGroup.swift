/// Parameters that are treated otherwise than the rest, chosen by their paths.
public struct ParameterGroup: Sendable, Hashable, Codable {
    /// Which paths: `*` stands for any characters (dots too), `?` for one. `*.bias`, `encoder.*`.
    public var pattern: String
    /// Multiplies the learning rate of the step.
    public var learningRateFactor: Double
    /// λ instead of the optimiser's own; coupled or decoupled as there.
    public var weightDecay: Double?
    /// Left as they are: no update, no slots.
    public var isFrozen: Bool

    /// Parameters whose path fits `pattern`; without more they are treated as all others, but no later group gets them.
    public init(_ pattern: String, learningRateFactor: Double = 1, weightDecay: Double? = nil, isFrozen: Bool = false) {
        self.pattern = pattern
        self.learningRateFactor = learningRateFactor
        self.weightDecay = weightDecay
        self.isFrozen = isFrozen
    }

    /// Whether the pattern fits the whole path; bytes are compared, so that capitals count.
    public func contains(_ path: String) -> Bool { matches(pattern: Array(pattern.utf8), path: Array(path.utf8)) }
}

/// Whether a path fits a pattern with `*` and `?`; linear in practice, product of the lengths at worst.
private func matches(pattern: [UInt8], path: [UInt8]) -> Bool {
    let (star, mark) = (UInt8(ascii: "*"), UInt8(ascii: "?"))
    var p = 0
    var s = 0
    // Where to go on after the last star, should what follows not fit.
    var retry: (p: Int, s: Int)?
    while s < path.count {
        if p < pattern.count, pattern[p] == star {
            retry = (p + 1, s)
            p += 1
        } else if p < pattern.count, pattern[p] == mark || pattern[p] == path[s] {
            p += 1
            s += 1
        } else if let (rp, rs) = retry {
            retry = (rp, rs + 1)
            (p, s) = (rp, rs + 1)
        } else {
            return false
        }
    }
    return pattern[p...].allSatisfy { $0 == star }
}
