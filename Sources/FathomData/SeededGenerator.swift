import Foundation

/// A small deterministic random generator: SplitMix64.
///
/// The same seed gives the same numbers on every platform and in every version: the algorithm is part of the
/// interface, because data splits and the order of batches depend on it. Not for cryptography.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014; constants of Vigna's
/// `splitmix64.c`.
public struct SeededGenerator: RandomNumberGenerator, Hashable, Sendable {
    private var state: UInt64
    private var spareNormal: Double?

    /// Creates a generator whose first number is that of `splitmix64.c` with this state.
    public init(seed: UInt64) {
        state = seed
    }

    /// Creates a generator of an independent sequence: one seed gives many of them, named by `stream`.
    public init(seed: UInt64, stream: UInt64) {
        // Two rounds of mixing, so that neighbouring seeds and streams do not give shifted copies of one sequence.
        state = Self.mix(Self.mix(seed &+ 0x9E37_79B9_7F4A_7C15) ^ (stream &* 0xD1B5_4A32_D192_ED03))
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(state)
    }

    /// A number in `0 ..< bound`, each equally likely; 0 when `bound` is 0.
    ///
    /// Source: Lemire, "Fast random integer generation in an interval", 2019. Written out here because the standard
    /// library may change its own way.
    public mutating func next(below bound: UInt64) -> UInt64 {
        guard bound > 0 else { return 0 }
        var product = next().multipliedFullWidth(by: bound)
        if product.low < bound {
            let threshold = (0 &- bound) % bound
            while product.low < threshold {
                product = next().multipliedFullWidth(by: bound)
            }
        }
        return product.high
    }

    /// A number in `0 ..< 1` with 53 random bits.
    public mutating func uniform() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    /// A standard normal number by the Box–Muller transform (both values of a pair are used).
    public mutating func normal() -> Double {
        if let spare = spareNormal {
            spareNormal = nil
            return spare
        }
        // 1 − u lies in (0, 1], so that the logarithm is finite.
        let radius = (-2 * log(1 - uniform())).squareRoot()
        let angle = 2 * Double.pi * uniform()
        spareNormal = radius * sin(angle)
        return radius * cos(angle)
    }
}
