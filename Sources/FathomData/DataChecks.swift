/// What is odd about a data set before anything is trained on it.
public enum DataChecks {
    /// Something that will disturb training.
    public enum Finding: Hashable, Sendable, CustomStringConvertible {
        /// NaN or infinity: the first place and how many in all.
        case nonFinite(row: Int, column: Int, count: Int)
        /// NaN or infinity in the targets: the first place and how many in all.
        case nonFiniteTarget(row: Int, column: Int, count: Int)
        /// Input columns with the same value in every row.
        case constantFeatures(columns: [Int])
        /// Every row has the same class.
        case singleClass(name: String)
        /// Classes without any row.
        case missingClasses(names: [String])
        /// Numeric targets with the same value in every row.
        case constantTarget(column: Int)
        /// Fewer rows than one batch.
        case fewerRowsThanBatch(rows: Int, batchSize: Int)
        /// No rows at all.
        case empty

        /// One sentence.
        public var description: String {
            switch self {
            case .nonFinite(let row, let column, let count):
                "\(count) input values are NaN or infinite, the first in row \(row), column \(column)"
            case .nonFiniteTarget(let row, let column, let count):
                "\(count) targets are NaN or infinite, the first in row \(row), column \(column)"
            case .constantFeatures(let columns):
                "\(columns.count) input columns have one value in every row (\(Self.list(columns.map(String.init))))"
            case .singleClass(let name): "every row has the class \"\(name.escapedForDisplay)\": nothing to tell apart"
            case .missingClasses(let names):
                "classes without a row: \(Self.list(names.map(\.escapedForDisplay)))"
            case .constantTarget(let column): "target column \(column) has one value in every row"
            case .fewerRowsThanBatch(let rows, let batchSize): "\(rows) rows do not fill one batch of \(batchSize)"
            case .empty: "there are no rows"
            }
        }

        private static func list(_ items: [String]) -> String {
            items.prefix(8).joined(separator: ", ") + (items.count > 8 ? ", …" : "")
        }
    }

    /// Looks through a data set; an empty list means that nothing was found.
    ///
    /// Reads every value once.
    public static func findings(in dataset: Dataset, batchSize: Int? = nil) -> [Finding] {
        guard dataset.rowCount > 0 else { return [.empty] }
        var findings: [Finding] = []
        if let place = firstNonFinite(dataset.inputs) {
            findings.append(.nonFinite(row: place.row, column: place.column, count: place.count))
        }
        let constant = constantColumns(dataset.inputs)
        if !constant.isEmpty && dataset.rowCount > 1 { findings.append(.constantFeatures(columns: constant)) }
        switch dataset.targets {
        case .none: break
        case .classes(let labels, let names):
            let present = Set(labels)
            if present.count == 1, let only = present.first {
                findings.append(.singleClass(name: names[Int(only)]))
            } else {
                let missing = names.indices.filter { !present.contains(Int32($0)) }
                if !missing.isEmpty { findings.append(.missingClasses(names: missing.map { names[$0] })) }
            }
        case .values(let values):
            if let place = firstNonFinite(values) {
                findings.append(.nonFiniteTarget(row: place.row, column: place.column, count: place.count))
            }
            if dataset.rowCount > 1 {
                findings += constantColumns(values).map { .constantTarget(column: $0) }
            }
        }
        if let batchSize, dataset.rowCount < batchSize {
            findings.append(.fewerRowsThanBatch(rows: dataset.rowCount, batchSize: batchSize))
        }
        return findings
    }

    /// Throws `DataError.nonFinite`, naming row and column, when a value is NaN or infinite.
    public static func requireFinite(_ data: DataArray) throws(DataError) {
        if let place = firstNonFinite(data) {
            let value = data.values[place.row * data.rowSize + place.column]
            throw .nonFinite(row: place.row, column: place.column, value: "\(value)")
        }
    }

    private static func firstNonFinite(_ data: DataArray) -> (row: Int, column: Int, count: Int)? {
        guard let index = data.values.firstIndex(where: { !$0.isFinite }) else { return nil }
        let count = data.values[index...].reduce(0) { $0 + ($1.isFinite ? 0 : 1) }
        return (index / data.rowSize, index % data.rowSize, count)
    }

    /// The columns with the same value in every row.
    static func constantColumns(_ data: DataArray) -> [Int] {
        var varies = [Bool](repeating: false, count: data.rowSize)
        for row in 1..<max(1, data.rowCount) {
            // By bits for NaN, which is unequal to itself.
            for (column, value) in data.row(row).enumerated()
            where value != data.values[column] && value.bitPattern != data.values[column].bitPattern {
                varies[column] = true
            }
        }
        return varies.indices.filter { !varies[$0] }
    }
}
