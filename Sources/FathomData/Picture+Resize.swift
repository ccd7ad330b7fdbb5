extension Picture {
    /// The values 0 … 255 of the picture in another size, not rounded to whole numbers.
    ///
    /// Larger: bilinear interpolation between the centres of pixels. Smaller: the same triangle stretched over the pixels
    /// that fall onto one, so that it is an average and nothing is skipped. That is `resize` of the Python Imaging Library
    /// with `BILINEAR`, whose bytes are these values rounded in each direction. The ratio of the sides is not kept.
    ///
    /// - Parameters:
    ///   - height: The new number of lines, at least 1.
    ///   - width: The new number of pixels of a line, at least 1.
    /// - Returns: height · width · channels values, channels-last; none for an empty picture.
    public func resized(height: Int, width: Int) -> [Float] {
        let (height, width) = (max(1, height), max(1, width))
        guard !pixels.isEmpty else { return [] }
        let values = pixels.map { Float($0) }
        if height == shape.height, width == shape.width { return values }
        let channels = shape.channels
        let vertical = Self.weights(from: shape.height, to: height)
        let horizontal = Self.weights(from: shape.width, to: width)
        // In the order that makes less between the two: the other one could take far more than picture and result.
        if shape.height * width <= height * shape.width {
            let lines = Self.across(values, count: shape.height, from: shape.width, channels, by: horizontal)
            return Self.down(lines, width: width * channels, by: vertical)
        }
        let columns = Self.down(values, width: shape.width * channels, by: vertical)
        return Self.across(columns, count: height, from: shape.width, channels, by: horizontal)
    }

    /// Which pixels make one of the result: the first of them, and what each counts.
    private struct Share {
        var first: Int
        var weights: [Float]
    }

    private static func weights(from old: Int, to new: Int) -> [Share] {
        let scale = Double(old) / Double(new)
        // The half width of the triangle, in old pixels.
        let reach = max(scale, 1)
        return (0..<new).map { index in
            let centre = (Double(index) + 0.5) * scale
            let first = max(0, Int(centre - reach + 0.5))
            let end = min(old, Int(centre + reach + 0.5))
            var weights = (first..<max(end, first + 1)).map { pixel in
                max(0, 1 - abs((Double(pixel) + 0.5 - centre) / reach))
            }
            let sum = weights.reduce(0, +)
            // Never 0: the nearest pixel's centre is at most half a pixel away.
            if sum > 0 { for i in weights.indices { weights[i] /= sum } }
            return Share(first: first, weights: weights.map { Float($0) })
        }
    }

    /// Lines of pixels made longer or shorter.
    private static func across(
        _ values: [Float], count: Int, from old: Int, _ channels: Int, by shares: [Share]
    ) -> [Float] {
        let line = shares.count * channels
        return [Float](unsafeUninitializedCapacity: count * line) { out, written in
            values.withUnsafeBufferPointer { values in
                for y in 0..<count {
                    for (x, share) in shares.enumerated() {
                        let start = (y * old + share.first) * channels
                        for channel in 0..<channels {
                            var sum: Float = 0
                            for (i, weight) in share.weights.enumerated() {
                                sum += weight * values[start + i * channels + channel]
                            }
                            out[y * line + x * channels + channel] = sum
                        }
                    }
                }
            }
            written = count * line
        }
    }

    /// Lines mixed into more or fewer lines.
    private static func down(_ values: [Float], width: Int, by shares: [Share]) -> [Float] {
        [Float](unsafeUninitializedCapacity: shares.count * width) { out, written in
            values.withUnsafeBufferPointer { values in
                for (y, share) in shares.enumerated() {
                    let target = UnsafeMutableBufferPointer(rebasing: out[y * width..<(y + 1) * width])
                    target.initialize(repeating: 0)
                    for (i, weight) in share.weights.enumerated() {
                        let start = (share.first + i) * width
                        for x in 0..<width { target[x] += weight * values[start + x] }
                    }
                }
            }
            written = shares.count * width
        }
    }
}
