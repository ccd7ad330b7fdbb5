/// A change of each input column, x ↦ (x − shift) / scale, fitted to training data and applied to all parts.
///
/// The numbers may repeat along a row: one for each channel of a picture, whose pixels are channels-last.
///
/// Fit on the training part only: statistics of the test part would leak into training.
public struct ColumnScaling: Hashable, Sendable, Codable {
    /// What is subtracted, per column or per channel.
    public let shift: [Float]
    /// What is divided by, per column or per channel; never 0.
    public let scale: [Float]
    /// Columns (or channels) that are constant in the training data: their scale is 1, so that they become 0.
    public let constantColumns: [Int]
    /// How often the numbers repeat along a row; nil for once.
    private let repeats: Int?

    /// The number of columns of the rows it is for.
    public var columnCount: Int { shift.count * (repeats ?? 1) }

    /// For numbers that are right by construction: as many shifts as scales, none of them 0.
    package init(shift: [Float], scale: [Float], constantColumns: [Int] = [], repeats: Int? = nil) {
        self.shift = shift
        self.scale = scale
        self.constantColumns = constantColumns
        self.repeats = repeats
    }

    /// Standardisation: each column of `data` gets mean 0 and standard deviation 1 (dividing by the number of rows).
    ///
    /// A constant column gets scale 1 and is listed in `constantColumns`. Throws `DataError.nonFinite` for NaN or
    /// infinity and `DataError.invalidParameter` for data without rows.
    public static func standardizing(_ data: DataArray) throws(DataError) -> ColumnScaling {
        try checkFinite(data)
        let rows = data.rowCount
        let size = data.rowSize
        var mean = [Double](repeating: 0, count: size)
        for row in 0..<rows { for (column, value) in data.row(row).enumerated() { mean[column] += Double(value) } }
        for column in mean.indices { mean[column] /= Double(rows) }
        // A second pass around the mean: no cancellation for columns with a large mean.
        var squares = [Double](repeating: 0, count: size)
        for row in 0..<rows {
            for (column, value) in data.row(row).enumerated() {
                let difference = Double(value) - mean[column]
                squares[column] += difference * difference
            }
        }
        var scale = squares.map { Float(($0 / Double(rows)).squareRoot()) }
        // A deviation below the smallest Float, or one that overflows, is no scale either.
        let degenerate = Set(DataChecks.constantColumns(data))
            .union(scale.indices.filter { scale[$0] == 0 || !scale[$0].isFinite })
        for column in degenerate { scale[column] = 1 }
        // Double sums n equal Floats exactly for any n below 2^29, so that a constant column becomes exactly 0.
        let shift = mean.map { Float($0) }
        return ColumnScaling(shift: shift, scale: scale, constantColumns: degenerate.sorted())
    }

    /// Standardisation by channel: over all rows and pixels, each channel gets mean 0 and standard deviation 1.
    ///
    /// - Parameters:
    ///   - data: Pictures, flattened or not.
    ///   - channels: The number of channels, which vary fastest.
    ///
    /// Throws as `standardizing` does, and `DataError.countMismatch` when the rows do not consist of whole pixels.
    public static func standardizing(channelsOf data: DataArray, channels: Int) throws(DataError) -> ColumnScaling {
        guard channels > 0, data.rowSize % channels == 0 else {
            throw .countMismatch(what: "channels of a row", expected: channels, found: data.rowSize)
        }
        let pixels = data.rowSize / channels
        // A pixel is a row of as many columns as it has channels.
        let perPixel = try standardizing(data.reshaped(to: [data.rowCount * pixels, channels]))
        return ColumnScaling(
            shift: perPixel.shift, scale: perPixel.scale, constantColumns: perPixel.constantColumns, repeats: pixels)
    }

    /// A given mean and standard deviation for each channel, such as those that are published for a set of pictures.
    ///
    /// - Parameters:
    ///   - mean: What is subtracted: one number for all channels, or one for each.
    ///   - deviation: What is divided by, likewise.
    ///   - shape: The size of the pictures.
    ///
    /// Throws `DataError.invalidParameter` for other counts and for numbers that are not finite or deviations not above 0.
    public static func channels(
        mean: [Double], deviation: [Double], shape: ImageShape
    ) throws(DataError) -> ColumnScaling {
        func spread(_ name: String, _ numbers: [Double], _ rule: String, where holds: (Double) -> Bool)
            throws(DataError) -> [Float]
        {
            guard numbers.count == 1 || numbers.count == shape.channels else {
                throw .invalidParameter(
                    name: name, value: "\(numbers)", rule: "pictures of \(shape) need \(shape.channels) numbers, or one"
                )
            }
            for number in numbers where !holds(number) || !Float(number).isFinite {
                throw .invalidParameter(name: name, value: "\(number)", rule: rule)
            }
            return (0..<shape.channels).map { Float(numbers[numbers.count == 1 ? 0 : $0]) }
        }
        return ColumnScaling(
            shift: try spread("mean", mean, "it must be finite") { $0.isFinite },
            scale: try spread("std", deviation, "it must be above 0") { Float($0) > 0 },
            repeats: shape.height * shape.width)
    }

    /// Each column of `data` is mapped to the range from 0 to 1.
    ///
    /// A constant column gets scale 1 and is listed in `constantColumns`. Throws as `standardizing` does.
    public static func minMax(_ data: DataArray) throws(DataError) -> ColumnScaling {
        try checkFinite(data)
        var low = Array(data.row(0))
        var high = low
        for row in 1..<max(1, data.rowCount) {
            for (column, value) in data.row(row).enumerated() {
                low[column] = min(low[column], value)
                high[column] = max(high[column], value)
            }
        }
        var scale = zip(high, low).map { $0 - $1 }
        let constant = scale.indices.filter { scale[$0] == 0 || !scale[$0].isFinite }
        for column in constant { scale[column] = 1 }
        return ColumnScaling(shift: low, scale: scale, constantColumns: constant)
    }

    /// One change for all columns: x ↦ (x − shift) / scale, for instance a scale of 255 for bytes.
    ///
    /// Throws `DataError.invalidParameter` when `scale` is 0 or a number is not finite.
    public static func constant(columns: Int, shift: Float = 0, scale: Float) throws(DataError) -> ColumnScaling {
        guard scale != 0, scale.isFinite, shift.isFinite else {
            throw .invalidParameter(name: "scale", value: "\(scale)", rule: "it must be finite and not 0")
        }
        let count = max(0, columns)
        return ColumnScaling(
            shift: .init(repeating: shift, count: count), scale: .init(repeating: scale, count: count),
            constantColumns: [])
    }

    /// The array with every row changed.
    ///
    /// Throws `DataError.countMismatch` when the rows are not as long as those it was fitted to.
    public func applied(to data: DataArray) throws(DataError) -> DataArray {
        guard data.rowSize == columnCount else {
            throw .countMismatch(what: "values per row", expected: columnCount, found: data.rowSize)
        }
        guard columnCount > 0 else { return data }
        var out = data
        let size = shift.count
        let shift = shift
        let scale = scale
        out.updateValues { values in
            for start in stride(from: 0, to: values.count, by: size) {
                for column in 0..<size {
                    values[start + column] = (values[start + column] - shift[column]) / scale[column]
                }
            }
        }
        return out
    }

    /// The data set with every input row changed.
    public func applied(to dataset: Dataset) throws(DataError) -> Dataset {
        try dataset.replacing(inputs: applied(to: dataset.inputs))
    }

    /// All parts changed in the same way.
    public func applied(to split: DataSplit) throws(DataError) -> DataSplit {
        var validation: Dataset?
        if let part = split.validation { validation = try applied(to: part) }
        return try DataSplit(train: applied(to: split.train), validation: validation, test: applied(to: split.test))
    }

    private static func checkFinite(_ data: DataArray) throws(DataError) {
        guard data.rowCount > 0 else {
            throw .invalidParameter(name: "data", value: "0 rows", rule: "at least one row is needed")
        }
        try DataChecks.requireFinite(data)
    }
}
