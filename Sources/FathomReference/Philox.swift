/// Philox4x32-10 (Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3"), a counter-based generator.
///
/// Word `i % 4` of the block with counter (i/4 low, i/4 high, step, stream) and key `seed` is element `i`.
public struct Philox: Sendable {
    /// The key: the low and the high word of a seed.
    public var seed: (UInt32, UInt32)
    /// The third word of the counter, so that every step has numbers of its own.
    public var step: UInt32
    /// The fourth word of the counter, which keeps apart what draws in the same step.
    public var stream: UInt32

    /// The sequence of one stream in one step.
    public init(seed: (UInt32, UInt32), step: UInt32, stream: UInt32) {
        self.seed = seed
        self.step = step
        self.stream = stream
    }

    /// Element `i`: 32 random bits, computed from its number alone.
    public subscript(i: UInt64) -> UInt32 {
        let block = i / 4
        let words = Self.block(
            counter: (UInt32(truncatingIfNeeded: block), UInt32(truncatingIfNeeded: block >> 32), step, stream),
            key: seed)
        switch i % 4 {
        case 0: return words.0
        case 1: return words.1
        case 2: return words.2
        default: return words.3
        }
    }

    /// Ten rounds over one counter.
    public static func block(
        counter: (UInt32, UInt32, UInt32, UInt32), key: (UInt32, UInt32)
    ) -> (UInt32, UInt32, UInt32, UInt32) {
        var (c0, c1, c2, c3) = counter
        var (k0, k1) = key
        for _ in 0..<10 {
            let p0 = UInt64(0xD251_1F53) * UInt64(c0)
            let p1 = UInt64(0xCD9E_8D57) * UInt64(c2)
            (c0, c1, c2, c3) = (
                UInt32(truncatingIfNeeded: p1 >> 32) ^ c1 ^ k0, UInt32(truncatingIfNeeded: p1),
                UInt32(truncatingIfNeeded: p0 >> 32) ^ c3 ^ k1, UInt32(truncatingIfNeeded: p0)
            )
            k0 &+= 0x9E37_79B9
            k1 &+= 0xBB67_AE85
        }
        return (c0, c1, c2, c3)
    }
}
