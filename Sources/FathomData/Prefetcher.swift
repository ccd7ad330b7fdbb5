import Foundation
import Synchronization

/// The rows of one step, in storage that is used again for later steps.
public struct Batch: Sendable {
    /// The number of the batch in its epoch.
    public var index = 0
    /// The rows of the source that it holds.
    public var rows: [Int] = []
    /// The inputs, row after row.
    public var inputs: [Float] = []
    /// The classes, or empty.
    public var labels: [Int32] = []
    /// Numeric targets, row after row, or empty.
    public var targets: [Float] = []

    /// Creates an empty batch.
    public init() {}
}

/// Something that can put rows into a batch: a data set, or one that decodes or augments.
public protocol BatchSource: Sendable {
    /// Replaces inputs, labels and targets of `batch` by those of `batch.rows`, keeping the storage.
    ///
    /// Called from one background thread, one batch after the other. The result must depend only on `batch.index` and
    /// `batch.rows`, so that a run is the same with and without prefetching.
    func fill(_ batch: inout Batch) throws(DataError)
}

extension Dataset: BatchSource {
    public func fill(_ batch: inout Batch) throws(DataError) {
        try inputs.gather(rows: batch.rows, into: &batch.inputs)
        try fillTargets(of: &batch)
    }

    /// Replaces labels and targets of a batch by those of its rows, which must be in range.
    func fillTargets(of batch: inout Batch) throws(DataError) {
        batch.labels.removeAll(keepingCapacity: true)
        batch.targets.removeAll(keepingCapacity: true)
        switch targets {
        case .none: break
        case .classes(let labels, _): for row in batch.rows { batch.labels.append(labels[row]) }
        case .values(let values): try values.gather(rows: batch.rows, into: &batch.targets)
        }
    }
}

/// Assembles batches on a thread of its own while the last one is used.
///
/// Order and contents are those of the plan. Worth it for sources that work (decode, augment); rows in memory are
/// gathered faster directly. One consumer; `next(into:)` blocks its thread, so call it from a thread of your own and
/// not from a task of Swift concurrency. Letting go of the prefetcher stops its thread after the batch it is at.
///
///     var batch = Batch()
///     while try prefetcher.next(into: &batch) { … }
public final class Prefetcher: Sendable {
    private let core: Core

    /// Starts to work.
    ///
    /// - Parameters:
    ///   - source: Where the rows come from.
    ///   - plan: Which rows make each batch.
    ///   - firstBatch: The first batch wanted, for a run that resumes within an epoch.
    ///   - depth: How many batches may wait; at least 1.
    public init(source: any BatchSource, plan: BatchPlan, firstBatch: Int = 0, depth: Int = 2) {
        let core = Core(depth: max(1, depth))
        self.core = core
        // The thread holds the core and not this object, so that it does not keep alive what it works for.
        let thread = Thread { core.run(source: source, plan: plan, firstBatch: max(0, firstBatch)) }
        thread.name = "fathom.prefetch"
        thread.start()
    }

    deinit { core.stop() }

    /// Exchanges `batch`, whose storage is used again, for the next one. Returns false, leaving it alone, after the
    /// last one and after `stop()`.
    ///
    /// Throws what the source threw, after the batches before it.
    public func next(into batch: inout Batch) throws(DataError) -> Bool {
        try core.next(into: &batch)
    }

    /// Stops the thread after the batch it is at; needed only to stop before the object is let go.
    public func stop() { core.stop() }

    private final class Core: Sendable {
        private struct State {
            var free: [Batch] = []
            var ready: [Batch] = []
            var failure: DataError?
            var isStopped = false
        }

        private let state = Mutex(State())
        // Counted up from 0, because libdispatch traps when one is freed below its first value.
        private let freeSlots = DispatchSemaphore(value: 0)
        private let readyBatches = DispatchSemaphore(value: 0)

        init(depth: Int) {
            for _ in 0..<depth { freeSlots.signal() }
        }

        func run(source: any BatchSource, plan: BatchPlan, firstBatch: Int) {
            // Wakes the consumer once more at the end, whatever the reason.
            defer { readyBatches.signal() }
            var index = firstBatch
            while index < plan.count {
                freeSlots.wait()
                let slot = state.withLock { $0.isStopped ? nil : $0.free.popLast() ?? Batch() }
                guard var batch = slot else { return }
                batch.index = index
                batch.rows.removeAll(keepingCapacity: true)
                batch.rows.append(contentsOf: plan[index])
                do throws(DataError) {
                    try source.fill(&batch)
                } catch {
                    state.withLock { $0.failure = error }
                    return
                }
                state.withLock { $0.ready.append(batch) }
                readyBatches.signal()
                index += 1
            }
        }

        func next(into batch: inout Batch) throws(DataError) -> Bool {
            readyBatches.wait()
            // Swapped and not copied: a second reference would cost the worker the storage.
            let (isTaken, failure) = state.withLock { state -> (Bool, DataError?) in
                guard !state.isStopped else { return (false, nil) }
                guard !state.ready.isEmpty else { return (false, state.failure) }
                swap(&batch, &state.ready[0])
                state.free.append(state.ready.removeFirst())
                return (true, nil)
            }
            if isTaken {
                freeSlots.signal()
                return true
            }
            // The end stays the end for every later call.
            readyBatches.signal()
            if let failure { throw failure }
            return false
        }

        func stop() {
            state.withLock { $0.isStopped = true }
            freeSlots.signal()
            readyBatches.signal()
        }
    }
}
