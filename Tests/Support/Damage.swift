/// Random damage to a good file, for tests in which a reader must return or throw whatever comes of it.
///
/// One to four changes: a bit, a byte, a number at its limits, a cut, an insertion, a piece copied elsewhere, and where
/// the file is text a word of its grammar.
public func damaged(
    _ seed: [UInt8], words: [String] = [], using generator: inout some RandomNumberGenerator
) -> [UInt8] {
    func below(_ bound: Int) -> Int { Int.random(in: 0..<max(1, bound), using: &generator) }
    var bytes = seed
    for _ in 0...below(4) {
        // Half of the damage goes to the first bytes, where the headers are.
        var at = below(bytes.count)
        if below(2) == 0 { at = min(at, below(96)) }
        guard at < bytes.count else { continue }
        switch below(words.isEmpty ? 7 : 10) {
        case 0: bytes[at] ^= 1 << UInt8(below(8))
        case 1: bytes[at] = UInt8(below(256))
        case 2:
            let value: UInt8 = [0, 0xFF, 0x7F, 0x80][below(4)]
            for index in at..<min(bytes.count, at + 1 << below(4)) { bytes[index] = value }
        case 3: bytes.removeSubrange(at...)
        case 4: bytes.insert(contentsOf: (0..<below(16)).map { _ in UInt8(below(256)) }, at: at)
        case 5: bytes.removeSubrange(at..<min(bytes.count, at + 1 + below(16)))
        case 6:
            let from = below(bytes.count)
            bytes.insert(contentsOf: Array(bytes[from..<min(bytes.count, from + below(64))]), at: at)
        default: bytes.insert(contentsOf: words[below(words.count)].utf8, at: at)
        }
    }
    return bytes
}
