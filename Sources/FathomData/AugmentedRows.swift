/// The rows of a data set, changed at random for one epoch of training.
///
/// What a row becomes is decided by seed, epoch and the row's number in the set, and what it is mixed with by the batch's
/// number; not by time, threads or what was asked for before. So a run that goes on within an epoch gets the same bits.
///
///     let source = try AugmentedRows(train, Augmentation(padding: 4, flip: 0.5), seed: 1, epoch: epoch)
///     let prefetcher = Prefetcher(source: source, plan: plan)
public struct AugmentedRows: BatchSource {
    /// The rows as they are.
    public let dataset: Dataset
    /// What is done to them.
    public let augmentation: Augmentation
    private let shape: ImageShape
    private let key: UInt64

    /// Creates a source for one epoch.
    ///
    /// Throws `DataError.invalidParameter` as ``Augmentation/check(_:)``.
    public init(_ dataset: Dataset, _ augmentation: Augmentation, seed: UInt64, epoch: Int) throws(DataError) {
        try augmentation.check(dataset.imageShape)
        self.dataset = dataset
        self.augmentation = augmentation
        shape = dataset.imageShape ?? ImageShape(height: 1, width: 1, channels: dataset.inputs.rowSize)
        // Other numbers than those of the order of the rows, which has the same seed and epoch.
        var generator = SeededGenerator(seed: seed ^ 0x6175_676D_656E_7421, stream: UInt64(bitPattern: Int64(epoch)))
        key = generator.next()
    }

    /// The rows of the batch, changed.
    ///
    /// With mixing, classes become probabilities, one for each class, in `batch.targets`, and `batch.labels` is empty.
    public func fill(_ batch: inout Batch) throws(DataError) {
        let count = dataset.rowCount
        for row in batch.rows where row < 0 || row >= count { throw .rowOutOfRange(row: row, rows: count) }
        let size = shape.valueCount
        let wanted = batch.rows.count * size
        if batch.inputs.count != wanted {
            batch.inputs.removeAll(keepingCapacity: true)
            batch.inputs.append(contentsOf: repeatElement(0, count: wanted))
        }
        var columns = [Int](repeating: 0, count: shape.width)
        dataset.inputs.values.withUnsafeBufferPointer { source in
            batch.inputs.withUnsafeMutableBufferPointer { target in
                for (place, row) in batch.rows.enumerated() {
                    write(
                        UnsafeBufferPointer(rebasing: source[row * size..<(row + 1) * size]),
                        as: change(of: row), &columns,
                        to: UnsafeMutableBufferPointer(rebasing: target[place * size..<(place + 1) * size]))
                }
            }
        }
        try dataset.fillTargets(of: &batch)
        if augmentation.mixup > 0 { mix(&batch) }
    }

    /// What happens to one picture.
    private struct Change {
        /// Where the crop begins, relative to the picture.
        var top: Int
        var left: Int
        var isFlipped: Bool
        /// The lines and columns that become 0.
        var cutLines: Range<Int>
        var cutColumns: Range<Int>
    }

    private func change(of row: Int) -> Change {
        var generator = SeededGenerator(seed: key, stream: UInt64(row))
        // All numbers are drawn in any case, so that switching one change off leaves the others as they are.
        let shifts = UInt64(2 * augmentation.padding + 1)
        let top = Int(generator.next(below: shifts)) - augmentation.padding
        let left = Int(generator.next(below: shifts)) - augmentation.padding
        let isFlipped = generator.uniform() < augmentation.flip
        func square(around centre: Int, within side: Int) -> Range<Int> {
            let start = centre - augmentation.cutout / 2
            let low = min(max(start, 0), side)
            return low..<max(low, min(start + augmentation.cutout, side))
        }
        let lines = square(around: Int(generator.next(below: UInt64(shape.height))), within: shape.height)
        let columns = square(around: Int(generator.next(below: UInt64(shape.width))), within: shape.width)
        return Change(top: top, left: left, isFlipped: isFlipped, cutLines: lines, cutColumns: columns)
    }

    /// One picture through crop, flip and cutout. `columns` is working memory: for each column of the result the one it
    /// comes from, or −1 where it is padding.
    private func write(
        _ source: UnsafeBufferPointer<Float>, as change: Change, _ columns: inout [Int],
        to target: UnsafeMutableBufferPointer<Float>
    ) {
        guard augmentation.changesPictures, let out = target.baseAddress, let from = source.baseAddress else {
            _ = target.update(fromContentsOf: source)
            return
        }
        let (height, width, channels) = (shape.height, shape.width, shape.channels)
        let line = width * channels
        for x in 0..<width {
            columns[x] = place((change.isFlipped ? width - 1 - x : x) + change.left, within: width)
        }
        // A line that is only shifted is copied in one piece.
        let isPlain = !change.isFlipped && (augmentation.fill == .zero || change.left == 0)
        let first = max(0, -change.left)
        let last = min(width, width - change.left)
        for y in 0..<height {
            let to = out + y * line
            let sourceLine = place(y + change.top, within: height)
            guard sourceLine >= 0 else {
                to.update(repeating: 0, count: line)
                continue
            }
            let values = from + sourceLine * line
            if isPlain {
                to.update(repeating: 0, count: first * channels)
                (to + first * channels).update(
                    from: values + (first + change.left) * channels, count: (last - first) * channels)
                (to + last * channels).update(repeating: 0, count: (width - last) * channels)
            } else {
                for x in 0..<width {
                    let column = columns[x]
                    let pixel = to + x * channels
                    if column < 0 {
                        for channel in 0..<channels { pixel[channel] = 0 }
                    } else {
                        let value = values + column * channels
                        for channel in 0..<channels { pixel[channel] = value[channel] }
                    }
                }
            }
            if change.cutLines.contains(y) {
                (to + change.cutColumns.lowerBound * channels)
                    .update(repeating: 0, count: change.cutColumns.count * channels)
            }
        }
    }

    /// Which of `count` lines or columns lies at a place that may be outside, or −1 for padding.
    private func place(_ index: Int, within count: Int) -> Int {
        if index >= 0 && index < count { return index }
        switch augmentation.fill {
        case .zero: return -1
        // The padding is smaller than the picture, so that one reflection suffices.
        case .reflect: return index < 0 ? -index : 2 * (count - 1) - index
        }
    }

    // MARK: Mixing

    /// The share of its own that a row keeps, and the row each is mixed with, of a batch.
    private func mixture(_ index: Int, count: Int) -> (share: Float, partners: [Int]) {
        var generator = SeededGenerator(seed: key ^ 0x6D69_7875_7021_2121, stream: UInt64(bitPattern: Int64(index)))
        let share = Float(generator.symmetricBeta(augmentation.mixup))
        return (share, permutation(count: count, seed: generator.next()))
    }

    private func mix(_ batch: inout Batch) {
        let (share, partners) = mixture(batch.index, count: batch.rows.count)
        switch dataset.targets {
        case .none: break
        case .classes(_, let names):
            // Rows of 0 and 1, which are then mixed as the inputs are.
            batch.targets.removeAll(keepingCapacity: true)
            batch.targets.append(contentsOf: repeatElement(0, count: batch.labels.count * names.count))
            for (place, label) in batch.labels.enumerated() { batch.targets[place * names.count + Int(label)] = 1 }
            batch.labels.removeAll(keepingCapacity: true)
            Self.mix(&batch.targets, size: names.count, share, partners)
        case .values(let values): Self.mix(&batch.targets, size: values.rowSize, share, partners)
        }
        Self.mix(&batch.inputs, size: shape.valueCount, share, partners)
    }

    /// Row i becomes share · row i + (1 − share) · row partners[i], all from the rows before.
    private static func mix(_ values: inout [Float], size: Int, _ share: Float, _ partners: [Int]) {
        guard size > 0 else { return }
        let rest = 1 - share
        var isDone = [Bool](repeating: false, count: partners.count)
        // Along each cycle a row's partner is changed after it, so that only the first row must be kept.
        var kept = [Float](repeating: 0, count: size)
        values.withUnsafeMutableBufferPointer { values in
            guard let base = values.baseAddress else { return }
            kept.withUnsafeMutableBufferPointer { kept in
                guard let first = kept.baseAddress else { return }
                for start in partners.indices where !isDone[start] && partners[start] != start {
                    first.update(from: base + start * size, count: size)
                    var row = start
                    repeat {
                        isDone[row] = true
                        let partner = partners[row]
                        let own = base + row * size
                        let other = partner == start ? first : base + partner * size
                        for i in 0..<size { own[i] = share * own[i] + rest * other[i] }
                        row = partner
                    } while row != start
                }
            }
        }
    }
}
