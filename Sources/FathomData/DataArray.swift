/// Dense values with a shape whose first dimension counts the rows (the samples).
///
/// `values` are row-major: the last dimension varies fastest. A shape without dimensions holds one value.
public struct DataArray: Hashable, Sendable {
    /// All values, row after row.
    public private(set) var values: [Float]
    /// The sizes of the dimensions, rows first.
    public private(set) var shape: [Int]

    /// Creates an array of `shape` from row-major `values`.
    ///
    /// Throws `DataError.shapeMismatch` when the product of the shape is not the number of values.
    public init(values: [Float], shape: [Int]) throws(DataError) {
        guard Self.elementCount(shape) == values.count else {
            throw .shapeMismatch(shape: shape, values: values.count)
        }
        self.values = values
        self.shape = shape
    }

    /// For shapes that are right by construction.
    package init(unchecked values: [Float], shape: [Int]) {
        assert(Self.elementCount(shape) == values.count)
        self.values = values
        self.shape = shape
    }

    private static func elementCount(_ shape: [Int]) -> Int? {
        // A row's size must be a number, too, where there are no rows.
        var count = 1
        for size in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: max(size, 1))
            guard size >= 0, !overflow else { return nil }
            count = product
        }
        return shape.contains(0) ? 0 : count
    }

    /// The number of rows.
    public var rowCount: Int { shape.first ?? 1 }

    /// The shape of one row: `shape` without its first dimension.
    public var rowShape: [Int] { Array(shape.dropFirst()) }

    /// The number of values of one row.
    public var rowSize: Int { shape.dropFirst().reduce(1, *) }

    /// The values of one row. Traps, as an array does, when `row` is out of range.
    public func row(_ row: Int) -> ArraySlice<Float> {
        precondition(row >= 0 && row < rowCount, "row out of range")
        return values[row * rowSize..<(row + 1) * rowSize]
    }

    /// A new array of the given rows, in the given order; a row may occur more than once.
    ///
    /// Throws `DataError.rowOutOfRange`.
    public func gather(rows: some Collection<Int>) throws(DataError) -> DataArray {
        var out: [Float] = []
        try gather(rows: rows, into: &out)
        return DataArray(unchecked: out, shape: [rows.count] + rowShape)
    }

    /// Replaces `out` by the values of the given rows, keeping its storage: after the first batch nothing is
    /// allocated.
    ///
    /// Throws `DataError.rowOutOfRange` and then leaves `out` empty.
    public func gather(rows: some Collection<Int>, into out: inout [Float]) throws(DataError) {
        let size = rowSize
        let count = rowCount
        out.removeAll(keepingCapacity: true)
        for row in rows where row < 0 || row >= count {
            throw .rowOutOfRange(row: row, rows: count)
        }
        guard size > 0 else { return }
        out.reserveCapacity(rows.count * size)
        for row in rows {
            out.append(contentsOf: values[row * size..<(row + 1) * size])
        }
    }

    /// The same values with another shape.
    ///
    /// Throws `DataError.shapeMismatch` when the number of values would differ.
    public func reshaped(to shape: [Int]) throws(DataError) -> DataArray {
        try DataArray(values: values, shape: shape)
    }

    /// Each row as one vector: shape `[rowCount, rowSize]`.
    public func flattened() -> DataArray {
        DataArray(unchecked: values, shape: [rowCount, rowSize])
    }

    /// Applies `transform` to every value.
    public func mapped(_ transform: (Float) -> Float) -> DataArray {
        var copy = self
        for index in copy.values.indices { copy.values[index] = transform(copy.values[index]) }
        return copy
    }

    /// Changes the values in place, keeping the shape.
    package mutating func updateValues(_ update: (inout MutableSpan<Float>) -> Void) {
        var span = values.mutableSpan
        update(&span)
    }
}
