/// A change of each input column, x ↦ (x − shift) / scale, fitted to training data and applied to all parts.
///
/// Fit on the training part only: statistics of the test part would leak into training.
public struct ColumnScaling: Hashable, Sendable, Codable {
    /// What is subtracted, per column.
    public let shift: [Float]
    /// What is divided by, per column; never 0.
    public let scale: [Float]
    /// Columns that are constant in the training data: their scale is 1, so that they become 0.
    public let constantColumns: [Int]

    /// For numbers that are right by construction: as many shifts as scales, none of them 0.
    package init(shift: [Float], scale: [Float], constantColumns: [Int] = []) {
        self.shift = shift
        self.scale = scale
        self.constantColumns = constantColumns
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
        let size = shift.count
        guard data.rowSize == size else {
            throw .countMismatch(what: "values per row", expected: size, found: data.rowSize)
        }
        var out = data
        out.updateValues { values in
            for row in 0..<data.rowCount {
                for column in 0..<size {
                    values[row * size + column] = (values[row * size + column] - shift[column]) / scale[column]
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
