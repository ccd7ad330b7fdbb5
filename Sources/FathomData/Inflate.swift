import CZlib

/// Streaming decompression of deflated bytes.
///
/// The only place that talks to zlib. Output is handed on in chunks, so that a hostile file never makes more than one
/// chunk of memory before it has been judged.
package enum Inflate {
    /// What is around the deflated bytes.
    package enum Wrapping {
        /// One or more gzip members.
        case gzip
        /// A zlib header and checksum.
        case zlib
        /// Nothing.
        case raw

        fileprivate var windowBits: Int32 {
            switch self {
            case .gzip: 31
            case .zlib: 15
            case .raw: -15
            }
        }
    }

    /// True when the bytes begin as a gzip file does.
    package static func isGzip(_ bytes: RawSpan) -> Bool {
        bytes.byteCount >= 2 && bytes.uint8(at: 0) == 0x1F && bytes.uint8(at: 1) == 0x8B
    }

    /// Unpacks `input`, which must be complete and followed by nothing, and hands the result to `sink` piece by piece.
    ///
    /// Throws `FormatError` for damaged, truncated or trailing bytes and when more than `limit` bytes come out;
    /// `offset` is added to the positions it names. Returns the number of bytes that came out.
    @discardableResult
    package static func unpack(
        _ input: RawSpan, wrapping: Wrapping, file: String, offset: Int = 0, limit: Int,
        sink: (RawSpan) throws(FormatError) -> Void
    ) throws(FormatError) -> Int {
        try input.withUnsafeBytes { (bytes) throws(FormatError) -> Int in
            try unpack(bytes, wrapping: wrapping, file: file, offset: offset, limit: limit, sink: sink)
        }
    }

    private static func unpack(
        _ input: UnsafeRawBufferPointer, wrapping: Wrapping, file: String, offset: Int, limit: Int,
        sink: (RawSpan) throws(FormatError) -> Void
    ) throws(FormatError) -> Int {
        var stream = z_stream()
        guard inflateInit2_(&stream, wrapping.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { throw FormatError(file: file, rule: "not enough memory to unpack") }
        defer { inflateEnd(&stream) }

        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        var consumed = 0
        var produced = 0
        while true {
            // zlib counts in 32 bits, so a large input is fed in parts; it only reads through this pointer.
            let part = min(input.count - consumed, 1 << 30)
            stream.next_in = input.baseAddress.map {
                UnsafeMutablePointer(mutating: $0.advanced(by: consumed).assumingMemoryBound(to: UInt8.self))
            }
            stream.avail_in = UInt32(part)
            let capacity = chunk.count
            let status = chunk.withUnsafeMutableBufferPointer { buffer in
                stream.next_out = buffer.baseAddress
                stream.avail_out = UInt32(capacity)
                return inflate(&stream, Z_NO_FLUSH)
            }
            let taken = part - Int(stream.avail_in)
            let made = capacity - Int(stream.avail_out)
            consumed += taken
            produced += made
            guard produced <= limit else {
                throw FormatError(
                    file: file, at: .offset(offset + consumed),
                    rule: "unpacks to more than the limit of \(limit) bytes",
                    hint: "if you trust the file, raise Limits.unpackedBytes or Limits.expansion")
            }
            if made > 0 { try sink(chunk.span.bytes.extracting(0..<made)) }
            switch status {
            case Z_STREAM_END:
                if consumed == input.count { return produced }
                // A gzip file may hold several members, one after the other; nothing else may follow.
                guard wrapping == .gzip, input[consumed] == 0x1F, inflateReset(&stream) == Z_OK else {
                    throw FormatError(
                        file: file, at: .offset(offset + consumed),
                        rule: "\(input.count - consumed) bytes follow the end of the compressed data")
                }
            case Z_OK, Z_BUF_ERROR:
                if taken == 0 && made == 0 {
                    throw FormatError(
                        file: file, at: .offset(offset + consumed), rule: "the compressed data end too early",
                        hint: "the file is truncated; copy or download it again")
                }
            default:
                let reason = stream.msg.map { String(cString: $0) } ?? "zlib status \(status)"
                throw FormatError(
                    file: file, at: .offset(offset + consumed), rule: "the compressed data are damaged: \(reason)",
                    hint: "copy or download the file again")
            }
        }
    }

    /// Unpacks into memory, in two passes: the first only counts and checks, so that memory for the result is taken
    /// only for a file that is sound.
    package static func unpacked(
        _ input: RawSpan, wrapping: Wrapping, file: String, offset: Int = 0, limit: Int
    ) throws(FormatError) -> [UInt8] {
        let count = try unpack(input, wrapping: wrapping, file: file, offset: offset, limit: limit) { _ in }
        var out: [UInt8] = []
        out.reserveCapacity(count)
        try unpack(input, wrapping: wrapping, file: file, offset: offset, limit: count) { chunk in
            chunk.withUnsafeBytes { out.append(contentsOf: $0) }
        }
        return out
    }
}
