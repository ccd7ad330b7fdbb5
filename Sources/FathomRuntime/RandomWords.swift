import CFathomKernels

/// Words `first` … of the Philox4x32-10 stream that a seed and two more words of the counter name: word i is word i mod 4
/// of block i / 4. `first` is a multiple of 4.
package func randomWords(
    from first: UInt64, count: Int, seed: (UInt32, UInt32), stream: (UInt32, UInt32)
) -> [UInt32] {
    [UInt32](unsafeUninitializedCapacity: count) { words, initialised in
        words.withMemoryRebound(to: Int32.self) { out in
            out.initialize(repeating: 0)
            _ = fk_vmath_random_bits(
                fk_isa(), out.baseAddress, first, Int64(count), seed.0, seed.1, stream.0, stream.1)
        }
        initialised = count
    }
}
