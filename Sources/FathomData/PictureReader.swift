import CFathomImages

/// Reads PNG and JPEG through libpng and libjpeg.
///
/// What comes out is 8 bits a value, grey or red, green and blue: palettes become their colours, 16 bits are rounded to 8,
/// alpha is left out, and the inks of CMYK files become light. A turn noted in the file (EXIF orientation), gamma and
/// colour profiles are not applied. These are the values that PyTorch's `ImageFolder` gets.
///
/// A file that is damaged anywhere in its pixels, or cut off, is refused as a whole.
public enum PictureReader {
    /// The endings of the names of files that can be read; what is in a file is told by its first bytes.
    public static let endings = ["png", "jpg", "jpeg"]

    /// True when a name has one of the ``endings``.
    public static func isPicture(_ name: String) -> Bool {
        endings.contains { name.lowercased().hasSuffix("." + $0) }
    }

    /// Reads a file.
    public static func read(path: String, limits: Limits = Limits()) throws(FormatError) -> Picture {
        let bytes = try FileBytes.read(path, limits: limits)
        return try parse(bytes.span.bytes, file: path, limits: limits)
    }

    /// Reads bytes in memory; `file` names them in errors.
    public static func parse(
        _ bytes: RawSpan, file: String, limits: Limits = Limits()
    ) throws(FormatError) -> Picture {
        let kind = try kind(of: bytes, file: file)
        return try bytes.withUnsafeBytes { (buffer) throws(FormatError) -> Picture in
            try decode(buffer, kind, file: file, limits: limits)
        }
    }

    private enum Kind {
        case png, jpeg
    }

    private static func kind(of bytes: RawSpan, file: String) throws(FormatError) -> Kind {
        func begins(_ signature: [UInt8]) -> Bool { bytes.bytes(at: 0, count: signature.count) == signature }
        if begins([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return .png }
        if begins([0xFF, 0xD8, 0xFF]) { return .jpeg }
        let others: [(String, [UInt8])] = [
            ("GIF", Array("GIF8".utf8)), ("BMP", Array("BM".utf8)), ("TIFF", [0x49, 0x49, 0x2A, 0]),
            ("TIFF", [0x4D, 0x4D, 0, 0x2A]), ("WebP or another RIFF", Array("RIFF".utf8)),
        ]
        let other = others.first { begins($0.1) }?.0
        throw FormatError(
            file: file, at: .offset(0),
            rule: bytes.byteCount == 0 ? "is empty" : "begins neither as a PNG nor as a JPEG file",
            hint: other.map { "it looks like \($0); convert it to PNG" })
    }

    private static func decode(
        _ buffer: UnsafeRawBufferPointer, _ kind: Kind, file: String, limits: Limits
    ) throws(FormatError) -> Picture {
        let bytes = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        var header = fi_header()
        var error = fi_error()
        let status =
            switch kind {
            case .png: fi_png_header(bytes, buffer.count, &header, &error)
            case .jpeg: fi_jpeg_header(bytes, buffer.count, &header, &error)
            }
        try check(status, error, file)

        // Both are 32-bit numbers, so that their product cannot overflow.
        let pixels = Int(header.width) * Int(header.height)
        guard pixels > 0, pixels <= limits.pixels else {
            throw FormatError(
                file: file, at: .offset(Int(error.offset)),
                rule: "\(header.width)×\(header.height) pixels; the limit is \(limits.pixels)",
                hint: "if you trust the file, raise Limits.pixels")
        }
        let count = pixels * Int(header.channels)
        let allowed = limits.unpackedBytes(from: buffer.count)
        guard count <= allowed, header.working_bytes <= UInt64(allowed) else {
            throw FormatError(
                file: file, at: .offset(Int(error.offset)),
                rule: "\(buffer.count) bytes that claim to hold \(header.width)×\(header.height) pixels",
                hint: "if you trust the file, raise Limits.expansion")
        }
        // Room for what the library takes beside a picture stored in passes.
        let working = Int(header.working_bytes) * 2 + (16 << 20)
        var result = Int32(FI_NO_MEMORY)
        let values = [UInt8](unsafeUninitializedCapacity: count) { out, written in
            // What a failed decoder leaves unwritten must not be read, even if it is thrown away.
            out.initialize(repeating: 0)
            written = count
            result =
                switch kind {
                case .png: fi_png_decode(bytes, buffer.count, out.baseAddress, count, working, &error)
                case .jpeg: fi_jpeg_decode(bytes, buffer.count, out.baseAddress, count, working, &error)
                }
        }
        try check(result, error, file)
        let shape = ImageShape(
            height: Int(header.height), width: Int(header.width), channels: Int(header.channels))
        return Picture(unchecked: shape, pixels: values)
    }

    private static func check(_ status: Int32, _ error: fi_error, _ file: String) throws(FormatError) {
        guard status != Int32(FI_OK) else { return }
        let message = withUnsafeBytes(of: error.message) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self).escapedForDisplay
        }
        throw FormatError(
            file: file, at: .offset(Int(error.offset)),
            rule: status == Int32(FI_NO_MEMORY)
                ? "not enough memory: \(message)" : "the picture is damaged: \(message)",
            hint: "copy or download the file again, or remove it")
    }
}
