/// When a value counts as no longer improving, and what then happens to the learning rate.
public struct Plateau: Sendable, Hashable, Codable {
    /// What the learning rate is multiplied by.
    public var factor: Double
    /// How many observations without improvement are borne; the next one reduces the rate.
    public var patience: Int
    /// The smallest improvement that counts, as a share of the best value (or absolute).
    public var threshold: Double
    /// Whether `threshold` is a share of the best value's size; otherwise it is in the value's own unit.
    public var isThresholdRelative: Bool
    /// How many observations after a reduction do not count.
    public var cooldown: Int
    /// The lowest factor on the base learning rate.
    public var minimum: Double
    /// Whether a larger value is better, as for accuracy.
    public var largerIsBetter: Bool

    /// The rule with these numbers; the defaults are those of PyTorch's `ReduceLROnPlateau`.
    public init(
        factor: Double = 0.1, patience: Int = 10, threshold: Double = 1e-4, isThresholdRelative: Bool = true,
        cooldown: Int = 0, minimum: Double = 0, largerIsBetter: Bool = false
    ) {
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.isThresholdRelative = isThresholdRelative
        self.cooldown = cooldown
        self.minimum = minimum
        self.largerIsBetter = largerIsBetter
    }

    /// Whether `value` improves on `best` by more than the threshold; NaN never does.
    public func isBetter(_ value: Double, than best: Double?) -> Bool {
        guard let best else { return !value.isNaN }
        let margin = isThresholdRelative ? threshold * abs(best) : threshold
        return largerIsBetter ? value > best + margin : value < best - margin
    }

    /// Takes one observation into `state`.
    func observe(_ value: Double, state: inout PlateauState) {
        if isBetter(value, than: state.best) {
            state.best = value
            state.waited = 0
        } else {
            state.waited += 1
        }
        if state.cooldown > 0 {
            state.cooldown -= 1
            state.waited = 0
        }
        if state.waited > patience {
            state.factor = max(state.factor * factor, minimum)
            state.cooldown = cooldown
            state.waited = 0
        }
    }
}

/// What ``Plateau`` remembers between observations; part of a checkpoint.
public struct PlateauState: Sendable, Hashable, Codable {
    /// The factor on the learning rate so far.
    public var factor = 1.0
    /// The last value that improved by more than the threshold; `nil` before the first number.
    public var best: Double?
    /// Observations without improvement.
    public var waited = 0
    /// Observations still to be left out.
    public var cooldown = 0

    /// Nothing observed yet: a factor of 1.
    public init() {}
}
