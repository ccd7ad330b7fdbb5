extension Dataset {
    /// The rows in random order; the same seed gives the same order.
    public func shuffled(seed: UInt64) -> Dataset {
        reordered(permutation(count: rowCount, seed: seed))
    }

    /// Cuts the set at random into a training part with `fraction` of the rows and a test part with the rest.
    ///
    /// - Parameters:
    ///   - fraction: The share of the training part, between 0 and 1; rounded to whole rows.
    ///   - stratified: True keeps the share within each class (to whole rows); for targets without classes it changes
    ///     nothing.
    ///   - seed: The same seed gives the same cut.
    ///
    /// Throws `DataError.invalidParameter` when the fraction is out of range or a part would be empty.
    public func split(fraction: Double, stratified: Bool = true, seed: UInt64) throws(DataError) -> DataSplit {
        let (first, second) = try cut(fraction: fraction, stratified: stratified, seed: seed)
        return try DataSplit(train: first, test: second)
    }

    /// Cuts the set at random into training, validation and test part; the test part gets what the fractions leave.
    public func split(
        train: Double, validation: Double, stratified: Bool = true, seed: UInt64
    ) throws(DataError) -> DataSplit {
        guard validation > 0, train > 0, train + validation < 1 else {
            throw .invalidParameter(
                name: "fractions", value: "\(train), \(validation)", rule: "they must be positive and sum to below 1")
        }
        let (first, rest) = try cut(fraction: train, stratified: stratified, seed: seed)
        let (second, third) = try rest.cut(
            fraction: validation / (1 - train), stratified: stratified, seed: seed ^ 0x5851_F42D_4C95_7F2D)
        return try DataSplit(train: first, validation: second, test: third)
    }

    private func cut(
        fraction: Double, stratified: Bool, seed: UInt64
    ) throws(DataError) -> (first: Dataset, second: Dataset) {
        guard fraction > 0, fraction < 1 else {
            throw .invalidParameter(name: "fraction", value: "\(fraction)", rule: "it must lie between 0 and 1")
        }
        let order = permutation(count: rowCount, seed: seed)
        var first: [Int] = []
        var second: [Int] = []
        if stratified, let labels, let classCount {
            var rows = [[Int]](repeating: [], count: classCount)
            for row in order { rows[Int(labels[row])].append(row) }
            // Rounding errors are carried from class to class, so that the total is right as well.
            var wanted = 0.0
            for group in rows {
                wanted += fraction * Double(group.count)
                let size = min(group.count, max(0, Int(wanted.rounded()) - first.count))
                first += group.prefix(size)
                second += group.dropFirst(size)
            }
            // Mixed again, because the classes came one after the other.
            let position = order.enumerated().reduce(into: [Int](repeating: 0, count: rowCount)) {
                $0[$1.element] = $1.offset
            }
            first.sort { position[$0] < position[$1] }
            second.sort { position[$0] < position[$1] }
        } else {
            let size = Int((fraction * Double(rowCount)).rounded())
            first = Array(order.prefix(size))
            second = Array(order.dropFirst(size))
        }
        guard !first.isEmpty, !second.isEmpty else {
            throw .invalidParameter(
                name: "fraction", value: "\(fraction)", rule: "it leaves one of the parts of \(rowCount) rows empty")
        }
        return (reordered(first), reordered(second))
    }

    /// For row numbers that are right by construction.
    private func reordered(_ rows: [Int]) -> Dataset {
        do { return try gather(rows: rows) } catch { preconditionFailure("a permutation left its range: \(error)") }
    }
}
