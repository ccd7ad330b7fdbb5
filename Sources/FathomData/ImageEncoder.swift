import CZlib
import Foundation

/// Writes pictures as PNG, small enough to stand in a page as a data URI.
public enum ImageEncoder {
    /// A PNG file.
    ///
    /// - Parameters:
    ///   - pixels: Values 0 … 255, line after line from the top, the channels of a pixel together.
    ///   - width: Pixels of a line.
    ///   - height: Lines.
    ///   - channels: 1 grey, 2 grey and alpha, 3 red, green and blue, 4 these and alpha.
    ///
    /// Throws `DataError.shapeMismatch` when there are not as many values as that says, and
    /// `DataError.invalidParameter` for an empty picture or another number of channels.
    public static func png(
        _ pixels: [UInt8], width: Int, height: Int, channels: Int
    ) throws(DataError) -> [UInt8] {
        let shape = ImageShape(height: height, width: width, channels: channels)
        let colours: [UInt8] = [0, 4, 2, 6]
        guard (1...4).contains(channels), width > 0, height > 0, width < 1 << 24, height < 1 << 24 else {
            throw .invalidParameter(
                name: "picture", value: "\(shape)", rule: "it must have pixels, and 1 to 4 channels")
        }
        guard shape.valueCount == pixels.count else {
            throw .shapeMismatch(shape: shape.rowShape, values: pixels.count)
        }
        var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        // Eight bits a value, not interlaced.
        append("IHDR", bigEndian(width) + bigEndian(height) + [8, colours[channels - 1], 0, 0, 0], to: &file)
        append("IDAT", deflated(filtered(pixels, line: width * channels, step: channels)), to: &file)
        append("IEND", [], to: &file)
        return file
    }

    /// A PNG file of a picture.
    ///
    /// Throws as ``png(_:width:height:channels:)``.
    public static func png(_ picture: Picture) throws(DataError) -> [UInt8] {
        try png(
            picture.pixels, width: picture.shape.width, height: picture.shape.height, channels: picture.shape.channels)
    }

    /// A PNG file as the address of a picture in a page: `data:image/png;base64,…`.
    public static func dataURI(png: [UInt8]) -> String {
        "data:image/png;base64," + Data(png).base64EncodedString()
    }

    private static func bigEndian(_ number: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt32(truncatingIfNeeded: number).bigEndian) { Array($0) }
    }

    private static func append(_ kind: String, _ data: [UInt8], to file: inout [UInt8]) {
        let body = Array(kind.utf8) + data
        file += bigEndian(data.count) + body
        file += bigEndian(Int(crc32(0, body, UInt32(body.count))))
    }

    /// Each line less what stands left of it, above it or neither: whichever leaves the smallest numbers, as the
    /// specification of PNG suggests. The number of the filter stands before the line.
    private static func filtered(_ pixels: [UInt8], line: Int, step: Int) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(pixels.count + pixels.count / line)
        for start in stride(from: 0, to: pixels.count, by: line) {
            var candidates: [(filter: UInt8, bytes: [UInt8])] = [(0, Array(pixels[start..<start + line]))]
            candidates.append(
                (1, (0..<line).map { pixels[start + $0] &- ($0 < step ? 0 : pixels[start + $0 - step]) }))
            candidates.append(
                (2, (0..<line).map { pixels[start + $0] &- (start == 0 ? 0 : pixels[start - line + $0]) }))
            let sizes = candidates.map { $0.bytes.reduce(0) { $0 + min(Int($1), 256 - Int($1)) } }
            let best = sizes.indices.min { sizes[$0] < sizes[$1] } ?? 0
            out.append(candidates[best].filter)
            out += candidates[best].bytes
        }
        return out
    }

    private static func deflated(_ bytes: [UInt8]) -> [UInt8] {
        var count = compressBound(UInt(bytes.count))
        return [UInt8](unsafeUninitializedCapacity: Int(count)) { out, written in
            // With as much room as `compressBound` asks for, only a lack of memory can make it fail.
            let status = compress2(out.baseAddress, &count, bytes, UInt(bytes.count), 9)
            written = status == Z_OK ? Int(count) : 0
        }
    }
}

extension Picture {
    /// Values as a picture: the lower bound of `range` becomes black, the upper bound full light.
    ///
    /// For rows of a data set, filters and feature maps. What is no number is black.
    ///
    /// - Parameters:
    ///   - values: As many as `shape` says, channels-last.
    ///   - shape: With 1 or 3 channels.
    ///   - range: nil takes the least and the largest value.
    ///
    /// Throws `DataError.shapeMismatch` when there are not as many values as the shape says.
    public init(
        values: some Collection<Float>, shape: ImageShape, range: ClosedRange<Float>? = nil
    ) throws(DataError) {
        let finite = values.lazy.filter(\.isFinite)
        let low = range?.lowerBound ?? finite.min() ?? 0
        let high = range?.upperBound ?? finite.max() ?? 0
        let span = Double(high) - Double(low)
        try self.init(
            shape,
            pixels: values.map { value in
                guard !value.isNaN, span > 0 else { return 0 }
                return UInt8(min(max(255 * (Double(value) - Double(low)) / span, 0), 255).rounded())
            })
    }
}
