import FathomRuntime

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A stream of random numbers that depends on a seed and a name alone (Philox4x32-10).
public struct RandomSource: Sendable {
    private let seed: (UInt32, UInt32)
    private let stream: (UInt32, UInt32)
    /// The newest words, how many of them are used, and how many came before them.
    private var words: [UInt32] = []
    private var used = 0
    private var before: UInt64 = 0
    private var spare: Double?

    public init(seed: UInt64, name: String) {
        // FNV-1a over the name gives the stream.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        self.seed = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
        stream = (UInt32(truncatingIfNeeded: hash), UInt32(truncatingIfNeeded: hash >> 32))
    }

    private mutating func word() -> UInt32 {
        if used == words.count {
            before += UInt64(words.count)
            // A few for those who want few, then many at a time.
            words = randomWords(from: before, count: words.isEmpty ? 64 : 1024, seed: seed, stream: stream)
            used = 0
        }
        used += 1
        return words[used - 1]
    }

    /// Uniform in [0, 1), 32 bits of resolution.
    public mutating func uniform() -> Double { Double(word()) * 0x1p-32 }

    /// Normal with mean 0 and variance 1 (Box & Muller 1958, two from each pair of uniform numbers), at most 6.7.
    public mutating func normal() -> Double {
        if let spare {
            self.spare = nil
            return spare
        }
        // In (0, 1], so that the logarithm is finite.
        let radius = (-2 * log(1 - uniform())).squareRoot()
        let angle = 2 * Double.pi * uniform()
        spare = radius * sin(angle)
        return radius * cos(angle)
    }
}
