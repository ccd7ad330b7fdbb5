import FathomData
import FathomTraining

/// Rows of a data set as pictures for a page, in the colours that they came in before they were scaled.
struct RowPictures {
    private let dataset: Dataset
    private let shape: ImageShape
    private let scaling: ColumnScaling?
    private let range: ClosedRange<Float>

    /// Larger pictures are made smaller, so that a page stays small.
    private static let largest = 96

    /// - Returns: `nil` for rows that are no pictures of one or three channels.
    init?(_ dataset: Dataset, _ preprocessing: Preprocessing) {
        guard let shape = dataset.imageShape ?? preprocessing.imageShape, [1, 3].contains(shape.channels),
            shape.height > 0, shape.width > 0, shape.valueCount == dataset.inputs.rowSize, dataset.rowCount > 0
        else { return nil }
        (self.dataset, self.shape, scaling) = (dataset, shape, preprocessing.scaling)
        // From 0 or less to the largest value of some rows: 16, 255 or 1, as the set has them.
        var (low, high) = (Float(0), -Float.infinity)
        let count = min(dataset.rowCount, 200)
        for k in 0..<count {
            let values = Self.restored(dataset, scaling, k * dataset.rowCount / count).lazy.filter(\.isFinite)
            low = min(low, values.min() ?? 0)
            high = max(high, values.max() ?? 0)
        }
        guard high > low else { return nil }
        // What scaling and its inverse leave of 0 is no shade of grey.
        range = (low > -0.001 * high ? 0 : low)...high
    }

    private static func restored(_ dataset: Dataset, _ scaling: ColumnScaling?, _ row: Int) -> [Float] {
        let values = Array(dataset.inputs.row(row))
        return scaling?.restored(values) ?? values
    }

    /// A PNG as the address of a picture in a page.
    func address(_ row: Int) -> String? {
        guard row >= 0, row < dataset.rowCount,
            var picture = try? Picture(
                values: Self.restored(dataset, scaling, row), shape: shape, range: range)
        else { return nil }
        let side = max(shape.height, shape.width)
        if side > Self.largest {
            let small = ImageShape(
                height: max(1, shape.height * Self.largest / side), width: max(1, shape.width * Self.largest / side),
                channels: shape.channels)
            guard
                let resized = try? Picture(
                    values: picture.resized(height: small.height, width: small.width), shape: small, range: 0...255)
            else { return nil }
            picture = resized
        }
        return picture.address
    }
}

extension Picture {
    /// As the address of a picture in a page.
    var address: String? { (try? ImageEncoder.png(self)).map(ImageEncoder.dataURI(png:)) }
}
