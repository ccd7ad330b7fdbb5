import FathomGraph

/// Writes watched steps to a run store.
///
/// A layer's quantity becomes several series of numbers: `a.mean`, `a.rms`, `a.min`, `a.max`, and as shares of the elements
/// looked at `a.zeros`, `a.negatives`, `a.nonFinite`; and for each bin of ``ExponentHistogram`` that ever held something
/// `a.exponent.-8` (magnitudes from 2⁻⁸ up to 2⁻⁶), `a.exponent.zero`, `…subnormal`, `…below` and `…nonFinite`.
public struct ObservationRecorder {
    private let store: RunStore
    private var known: [StepObservation.Key: [RunStore.Series?]] = [:]

    private static let numbers: [(name: String, of: @Sendable (Moments) -> Double)] = [
        ("mean", { $0.mean }), ("rms", { $0.rootMeanSquare }), ("min", { Double($0.minimum) }),
        ("max", { Double($0.maximum) }), ("zeros", { Double($0.zeros) / Double($0.count) }),
        ("negatives", { Double($0.negatives) / Double($0.count) }),
        ("nonFinite", { Double($0.nonFinite) / Double($0.count) }),
    ]

    /// Records into a store, which gets a series when its first number arrives.
    public init(_ store: RunStore) { self.store = store }

    /// Records everything a step's probes saw; costs an append to an array once a layer is known.
    public mutating func record(_ observation: StepObservation) throws(StorageError) {
        var series: [RunStore.Series] = []
        var values: [Double] = []
        for (i, key) in observation.keys.enumerated() {
            guard let value = observation.value(i) else { continue }
            var own =
                known[key] ?? [RunStore.Series?](repeating: nil, count: Self.numbers.count + ExponentHistogram.count)
            func add(_ slot: Int, _ name: @autoclosure () -> String, _ number: Double) throws(StorageError) {
                let known: RunStore.Series
                if let made = own[slot] {
                    known = made
                } else {
                    known = try store.series(layer: key.layer, quantity: "\(key.quantity).\(name())")
                    own[slot] = known
                }
                series.append(known)
                values.append(number)
            }
            for (slot, number) in Self.numbers.enumerated() { try add(slot, number.name, number.of(value.moments)) }
            for (bin, count) in value.histogram.enumerated() where count > 0 {
                try add(
                    Self.numbers.count + bin, "exponent.\(Self.name(ofBin: bin))",
                    Double(count) / Double(value.moments.count))
            }
            known[key] = own
        }
        try store.observe(step: observation.step, series: series, values: values)
    }

    private static func name(ofBin bin: Int) -> String {
        switch bin {
        case ExponentHistogram.zero: "zero"
        case ExponentHistogram.subnormal: "subnormal"
        case ExponentHistogram.nonFinite: "nonFinite"
        default: ExponentHistogram.lowerExponent(ofBin: bin).map { "\($0)" } ?? "below"
        }
    }
}
