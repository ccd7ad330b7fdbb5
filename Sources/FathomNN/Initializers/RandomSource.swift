import FathomRuntime

/// A stream of random numbers that depends on a seed and a name alone (Philox4x32-10).
public struct RandomSource: Sendable {
    private let seed: (UInt32, UInt32)
    private let stream: (UInt32, UInt32)
    /// The newest words, how many of them are used, and how many came before them.
    private var words: [Int32] = []
    private var used = 0
    private var before: UInt64 = 0
    /// Normal numbers from the newest words, two a pair; empty until they are asked for.
    private var normals: [Double] = []
    private var spare: Double?

    /// The stream from its beginning; the name's hash (FNV-1a, 64 bits) picks it among those of the seed.
    public init(seed: UInt64, name: String) {
        // FNV-1a over the name gives the stream.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        self.seed = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
        stream = (UInt32(truncatingIfNeeded: hash), UInt32(truncatingIfNeeded: hash >> 32))
    }

    /// Words not yet used.
    private mutating func fill() {
        before += UInt64(words.count)
        // A few for those who want few, then many at a time.
        words = randomWords(from: before, count: words.isEmpty ? 64 : 1024, seed: seed, stream: stream)
        normals = []
        used = 0
    }

    private mutating func word() -> Int32 {
        if used == words.count { fill() }
        used += 1
        return words[used - 1]
    }

    /// Uniform in [0, 1), 32 bits of resolution.
    public mutating func uniform() -> Double { Double(UInt32(bitPattern: word())) * 0x1p-32 }

    /// Normal with mean 0 and variance 1 (Box & Muller 1958, two from each pair of uniform numbers), at most 6.7.
    public mutating func normal() -> Double {
        if let spare {
            self.spare = nil
            return spare
        }
        if used == words.count { fill() }
        if used % 2 != 0 {
            let pair = normalNumbers(from: [word(), word()])
            spare = pair[1]
            return pair[0]
        }
        if normals.isEmpty { normals = normalNumbers(from: words) }
        let pair = used / 2
        used += 2
        spare = normals[words.count / 2 + pair]
        return normals[pair]
    }

    // Sums of places cannot overflow; without checks the compiler makes vectors of both.

    /// Hands `body` the next `count` uniform numbers, each with its place.
    @inline(__always)
    mutating func uniforms(_ count: Int, _ body: (Int, Double) -> Void) {
        var i = 0
        while i < count {
            if used == words.count { fill() }
            let n = min(words.count - used, count - i)
            let first = used
            words.withUnsafeBufferPointer { words in
                for j in 0..<n { body(i &+ j, Double(UInt32(bitPattern: words[first &+ j])) * 0x1p-32) }
            }
            used += n
            i += n
        }
    }

    /// Hands `body` the next `count` normal numbers, each with its place.
    @inline(__always)
    mutating func normals(_ count: Int, _ body: (Int, Double) -> Void) {
        var i = 0
        while i < count {
            if spare != nil || used % 2 != 0 || count - i < 2 || used == words.count {
                body(i, normal())
                i += 1
                continue
            }
            if normals.isEmpty { normals = normalNumbers(from: words) }
            let (pairs, first, half) = (min(words.count - used, count - i) / 2, used / 2, words.count / 2)
            normals.withUnsafeBufferPointer { normals in
                for j in 0..<pairs {
                    body(i &+ 2 &* j, normals[first &+ j])
                    body(i &+ 2 &* j &+ 1, normals[half &+ first &+ j])
                }
            }
            used += 2 * pairs
            i += 2 * pairs
        }
    }
}
