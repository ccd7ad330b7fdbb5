/// Finds files in the bytes of a tar archive (POSIX ustar): what the published CIFAR-10 comes in.
package enum TarReader {
    /// The places of all regular files, by the last part of their names.
    ///
    /// Throws `FormatError` for a damaged header, a file that is cut off, and a name that occurs twice.
    package static func files(_ bytes: RawSpan, file: String, limits: Limits) throws(FormatError) -> [String: Range<
        Int
    >] {
        var found: [String: Range<Int>] = [:]
        var position = 0
        while position < bytes.byteCount {
            guard let header = bytes.bytes(at: position, count: 512) else {
                throw FormatError(file: file, at: .offset(position), rule: "the archive is cut off")
            }
            if header.allSatisfy({ $0 == 0 }) { break }
            // The checksum counts its own eight bytes as spaces.
            let sum = header.enumerated().reduce(0) { $0 + ((148..<156).contains($1.offset) ? 32 : Int($1.element)) }
            guard octal(header[148..<156]) == sum, let size = octal(header[124..<136]) else {
                throw FormatError(file: file, at: .offset(position), rule: "damaged header in the archive")
            }
            guard size <= bytes.byteCount - position - 512 else {
                throw FormatError(file: file, at: .offset(position), rule: "a file of \(size) bytes is cut off")
            }
            let name = String(decoding: header[0..<100].prefix { $0 != 0 }, as: UTF8.self)
            let isFile = header[156] == 0 || header[156] == UInt8(ascii: "0")
            if isFile, let last = name.split(separator: "/").last.map(String.init) {
                guard found.count < limits.entries, found[last] == nil else {
                    throw FormatError(
                        file: file, at: .offset(position),
                        rule: "\"\(last.escapedForDisplay)\" occurs twice, or too many files")
                }
                found[last] = position + 512..<position + 512 + size
            }
            position += 512 + (size + 511) / 512 * 512
        }
        return found
    }

    private static func octal(_ bytes: ArraySlice<UInt8>) -> Int? {
        var value = 0
        for byte in bytes.drop(while: { $0 == 32 }).prefix(while: { $0 != 0 && $0 != 32 }) {
            // At most 12 digits of three bits: no overflow.
            guard (0x30...0x37).contains(byte) else { return nil }
            value = value * 8 + Int(byte - 0x30)
        }
        return value
    }
}
