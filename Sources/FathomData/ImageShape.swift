/// The size of a picture whose values are stored channels-last: line after line from the top, in a line pixel after pixel
/// from the left, and the channels of a pixel together (red, green, blue).
///
/// This is the one layout of pictures in Fathom. A row of a data set of pictures has the shape
/// `[height, width, channels]`; ``Dataset/flattened()`` makes it one vector with the same values in the same order.
public struct ImageShape: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The number of lines.
    public let height: Int
    /// The number of pixels of a line.
    public let width: Int
    /// The number of values of a pixel: 1 for grey, 3 for red, green and blue.
    public let channels: Int

    /// Creates a size.
    public init(height: Int, width: Int, channels: Int) {
        (self.height, self.width, self.channels) = (height, width, channels)
    }

    /// The size that the shape of a row stands for, or nil where it does not have three axes.
    public init?(rowShape: [Int]) {
        guard rowShape.count == 3 else { return nil }
        self.init(height: rowShape[0], width: rowShape[1], channels: rowShape[2])
    }

    /// `[height, width, channels]`.
    public var rowShape: [Int] { [height, width, channels] }

    /// The number of values; `Int.max` where it is too large to count.
    public var valueCount: Int {
        var count = 1
        for size in rowShape {
            let (product, overflow) = count.multipliedReportingOverflow(by: max(0, size))
            if overflow { return .max }
            count = product
        }
        return count
    }

    /// As in `32×32×3`: height, width, channels.
    public var description: String { "\(height)×\(width)×\(channels)" }
}
