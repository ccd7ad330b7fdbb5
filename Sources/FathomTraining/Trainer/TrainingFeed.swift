import FathomData

/// The training rows of one micro-batch after the other: as they are, or changed at random on a thread of its own.
final class TrainingFeed {
    private let data: Dataset
    private let augmentation: Augmentation
    private let seed: UInt64
    private var plan = BatchPlan(rows: [], batchSize: 1, parts: 1)
    private var epoch = 0
    private var prefetcher: Prefetcher?
    /// The number of the batch that the prefetcher gives next.
    private var coming = 0
    /// Memory that is exchanged with the prefetcher.
    private var batch = Batch()

    init(_ data: Dataset, _ augmentation: Augmentation, seed: UInt64) {
        (self.data, self.augmentation, self.seed) = (data, augmentation, seed)
    }

    /// Goes to an epoch with its rows in order.
    func begin(epoch: Int, plan: BatchPlan) {
        (self.epoch, self.plan, prefetcher) = (epoch, plan, nil)
    }

    /// Copies a batch of the epoch's plan into a step's inputs and targets.
    func copy(
        _ index: Int, inputs: UnsafeMutableRawBufferPointer, targets: UnsafeMutableRawBufferPointer
    ) throws(DataError) {
        guard !augmentation.isIdentity else {
            copyRows(data.inputs.values, size: data.inputs.rowSize, plan[index], inputs)
            return copyTargets(data, plan[index], targets)
        }
        if prefetcher == nil || coming != index {
            prefetcher = Prefetcher(source: try source(), plan: plan, firstBatch: index)
            coming = index
        }
        _ = try prefetcher?.next(into: &batch)
        coming += 1
        Self.copy(batch, inputs: inputs, targets: targets)
    }

    /// The same bits as ``copy(_:inputs:targets:)``, at once and apart from the order of training.
    func copyAside(
        _ index: Int, inputs: UnsafeMutableRawBufferPointer, targets: UnsafeMutableRawBufferPointer
    ) throws(DataError) {
        guard !augmentation.isIdentity else { return try copy(index, inputs: inputs, targets: targets) }
        var batch = Batch()
        (batch.index, batch.rows) = (index, Array(plan[index]))
        try source().fill(&batch)
        Self.copy(batch, inputs: inputs, targets: targets)
    }

    private func source() throws(DataError) -> AugmentedRows {
        try AugmentedRows(data, augmentation, seed: seed, epoch: epoch)
    }

    private static func copy(
        _ batch: Batch, inputs: UnsafeMutableRawBufferPointer, targets: UnsafeMutableRawBufferPointer
    ) {
        let all = 0..<1
        copyRows(batch.inputs, size: batch.inputs.count, all, inputs)
        if !batch.labels.isEmpty {
            copyRows(batch.labels, size: batch.labels.count, all, targets)
        } else if !batch.targets.isEmpty {
            copyRows(batch.targets, size: batch.targets.count, all, targets)
        } else {
            // An autoencoder is to give back what it is given.
            copyRows(batch.inputs, size: batch.inputs.count, all, targets)
        }
    }
}

extension DataShape {
    /// The shape of a data set's rows in training, where mixing makes classes into probabilities.
    init(_ dataset: Dataset, training augmentation: Augmentation) {
        self.init(dataset)
        if augmentation.mixup > 0, let classes = dataset.classCount { target = .values([classes]) }
    }
}
