/// A picture of bytes, channels-last as ``ImageShape`` describes.
public struct Picture: Hashable, Sendable {
    /// Its size; 1 channel for grey, 3 for red, green and blue.
    public let shape: ImageShape
    /// The values 0 … 255, as many as the size says.
    public let pixels: [UInt8]

    /// Creates a picture.
    ///
    /// Throws `DataError.shapeMismatch` when there are not as many pixels as the size says.
    public init(_ shape: ImageShape, pixels: [UInt8]) throws(DataError) {
        guard shape.height >= 0, shape.width >= 0, shape.channels >= 0, shape.valueCount == pixels.count else {
            throw .shapeMismatch(shape: shape.rowShape, values: pixels.count)
        }
        self.init(unchecked: shape, pixels: pixels)
    }

    /// For pixels that are right by construction.
    init(unchecked shape: ImageShape, pixels: [UInt8]) {
        (self.shape, self.pixels) = (shape, pixels)
    }

    /// The same picture with 1 or 3 channels; any other number of either leaves it as it is.
    ///
    /// Grey is 0.299 red + 0.587 green + 0.114 blue, rounded (ITU-R BT.601, as the Python Imaging Library has it); grey
    /// becomes three equal channels.
    public func converted(channels: Int) -> Picture {
        let size = ImageShape(height: shape.height, width: shape.width, channels: channels)
        let count = shape.height * shape.width
        switch (shape.channels, channels) {
        case (3, 1):
            let grey = [UInt8](unsafeUninitializedCapacity: count) { out, written in
                pixels.withUnsafeBufferPointer { pixels in
                    for i in 0..<count {
                        let red = UInt32(pixels[3 * i]) * 19595
                        let green = UInt32(pixels[3 * i + 1]) * 38470
                        let blue = UInt32(pixels[3 * i + 2]) * 7471
                        out[i] = UInt8(truncatingIfNeeded: (red + green + blue + 0x8000) >> 16)
                    }
                }
                written = count
            }
            return Picture(unchecked: size, pixels: grey)
        case (1, 3):
            let colours = [UInt8](unsafeUninitializedCapacity: 3 * count) { out, written in
                pixels.withUnsafeBufferPointer { pixels in
                    for i in 0..<count {
                        for channel in 0..<3 { out[3 * i + channel] = pixels[i] }
                    }
                }
                written = 3 * count
            }
            return Picture(unchecked: size, pixels: colours)
        default: return self
        }
    }
}
