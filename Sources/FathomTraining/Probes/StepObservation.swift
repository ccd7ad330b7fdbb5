import FathomGraph

/// What the probes of a step saw.
public struct StepObservation: Sendable {
    /// A value's numbers.
    public struct Value: Sendable, Hashable {
        /// Counts and sums over the elements looked at.
        public var moments: Moments
        /// Counts by ``ExponentHistogram``; empty where none were asked for.
        public var histogram: [Float]
    }

    /// A layer's path and what is looked at there: a ``ProbeSettings/Quantity`` as text, with the tensor's own name in the
    /// place of `weight` (`gateWeight.update`).
    public struct Key: Sendable, Hashable {
        /// The layer's path.
        public var layer: String
        /// What is looked at, such as `a` or `weight.gradient`.
        public var quantity: String

        /// The key of a layer's quantity, whether it is watched or not.
        public init(layer: String, quantity: String) { (self.layer, self.quantity) = (layer, quantity) }
    }

    /// The step's number, from 1.
    public let step: Int
    /// The loss before the update.
    public let loss: Float
    /// What was observed, in the order of the model's layers.
    public var keys: [Key] { plan.entries.map(\.key) }

    let plan: ProbePlan
    /// Everything the probes wrote.
    let numbers: [Float]

    /// A value's numbers; `nil` where it is not watched.
    public subscript(layer: String, quantity: String) -> Value? {
        plan.index[Key(layer: layer, quantity: quantity)].flatMap { value($0) }
    }

    /// Every value by layer and quantity.
    public var layers: [String: [String: Value]] {
        var result: [String: [String: Value]] = [:]
        for (i, entry) in plan.entries.enumerated() {
            result[entry.key.layer, default: [:]][entry.key.quantity] = value(i)
        }
        return result
    }

    /// The value of ``keys``[i].
    public func value(_ i: Int) -> Value? {
        let entry = plan.entries[i]
        guard let moments = Moments(part(entry.summary, Moments.count)) else { return nil }
        return Value(
            moments: moments, histogram: entry.histogram.map { Array(part($0, ExponentHistogram.count)) } ?? [])
    }

    private func part(_ start: Int, _ count: Int) -> ArraySlice<Float> {
        start + count <= numbers.count ? numbers[start..<(start + count)] : []
    }
}
