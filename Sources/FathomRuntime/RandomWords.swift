import CFathomKernels

/// Words `first` … of the Philox4x32-10 stream that a seed and two more words of the counter name: word i is word i mod 4
/// of block i / 4. `first` is a multiple of 4.
package func randomWords(
    from first: UInt64, count: Int, seed: (UInt32, UInt32), stream: (UInt32, UInt32)
) -> [Int32] {
    [Int32](unsafeUninitializedCapacity: count) { words, initialised in
        _ = fk_vmath_random_bits(
            fk_isa(), words.baseAddress, first, Int64(count), seed.0, seed.1, stream.0, stream.1)
        initialised = count
    }
}

/// Normal numbers of mean 0 and variance 1 (Box & Muller 1958): pair i of `words` gives number i and number i of the second
/// half.
package func normalNumbers(from words: [Int32]) -> [Double] {
    let pairs = words.count / 2
    return [Double](unsafeUninitializedCapacity: 2 * pairs) { out, initialised in
        if let base = out.baseAddress { _ = fk_vmath_normals(fk_isa(), words, base, base + pairs, Int64(pairs)) }
        initialised = 2 * pairs
    }
}
