/// The batches of one epoch, as row numbers.
///
/// A collection of slices of row numbers: `for rows in plan { … }`. It holds no data, so any source of rows can
/// follow it, and batch `i` of epoch `e` is the same whether or not the run was stopped before it.
public struct BatchPlan: RandomAccessCollection, Sendable {
    /// What happens to the rows that do not fill a last batch.
    public enum Remainder: String, Sendable, Codable, CaseIterable {
        /// They make a smaller last batch.
        case keep
        /// They are left out in this epoch.
        case drop
    }

    /// The order of the rows.
    public enum Order: Hashable, Sendable {
        /// First row to last.
        case sequential
        /// `permutation(count:seed:epoch:)`.
        case shuffled(seed: UInt64, epoch: Int)
    }

    /// All rows in the order of this epoch.
    public let rows: [Int]
    /// The number of rows of a full batch.
    public let batchSize: Int
    /// The number of batches.
    public let count: Int
    /// Where each batch begins, where they are not all of one size but the last.
    private let starts: [Int]?

    /// Plans one epoch.
    ///
    /// Throws `DataError.invalidParameter` when `count` is negative, `batchSize` is below 1, or nothing would be left
    /// because there are fewer rows than a batch and the remainder is dropped.
    public init(
        rowCount: Int, batchSize: Int, order: Order = .sequential, remainder: Remainder = .keep
    ) throws(DataError) {
        guard rowCount >= 0 else {
            throw .invalidParameter(name: "rowCount", value: "\(rowCount)", rule: "it must not be negative")
        }
        guard batchSize >= 1 else {
            throw .invalidParameter(name: "batchSize", value: "\(batchSize)", rule: "it must be at least 1")
        }
        if remainder == .drop && rowCount < batchSize {
            throw .invalidParameter(
                name: "batchSize", value: "\(batchSize)",
                rule: "there are only \(rowCount) rows, so dropping the partial batch leaves none; use a smaller batch")
        }
        switch order {
        case .sequential: rows = Array(0..<rowCount)
        case .shuffled(let seed, let epoch): rows = permutation(count: rowCount, seed: seed, epoch: epoch)
        }
        self.batchSize = batchSize
        let full = rowCount / batchSize
        count = full + (remainder == .keep && rowCount % batchSize > 0 ? 1 : 0)
        starts = nil
    }

    /// Plans the micro-batches of updates that take `parts` of them each: all of them full but those of a last update,
    /// which share its rows as equally as can be. Rows that cannot give every one of these a row are left out.
    package init(rows: [Int], batchSize: Int, parts: Int) {
        let (batchSize, parts) = (Swift.max(1, batchSize), Swift.max(1, parts))
        self.rows = rows
        self.batchSize = batchSize
        var starts: [Int] = []
        var begin = 0
        while rows.count - begin >= parts {
            let size = Swift.min(batchSize * parts, rows.count - begin)
            for part in 0..<parts {
                starts.append(begin)
                begin += size / parts + (part < size % parts ? 1 : 0)
            }
        }
        count = starts.count
        self.starts = starts + [begin]
    }

    public var startIndex: Int { 0 }
    public var endIndex: Int { count }

    /// The rows of one batch.
    public subscript(position: Int) -> ArraySlice<Int> {
        precondition(position >= 0 && position < count, "batch out of range")
        if let starts { return rows[starts[position]..<starts[position + 1]] }
        let start = position * batchSize
        return rows[start..<start + Swift.min(batchSize, rows.count - start)]
    }
}
