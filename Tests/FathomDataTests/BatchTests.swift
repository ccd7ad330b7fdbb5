import FathomData
import Foundation
import Synchronization
import Testing

@Suite struct SeededGeneratorTests {
    @Test func splitMixGivesThePublishedNumbers() {
        // The test sequence of the algorithm for seed 1234567.
        var generator = SeededGenerator(seed: 1_234_567)
        #expect(
            (0..<5).map { _ in generator.next() } == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }

    @Test func boundedNumbersAreUniform() {
        var generator = SeededGenerator(seed: 3)
        var counts = [Int](repeating: 0, count: 6)
        for _ in 0..<60_000 { counts[Int(generator.next(below: 6))] += 1 }
        // Chi-squared with 5 degrees of freedom passes 20.5 once in a thousand.
        let chiSquared = counts.reduce(0.0) { $0 + pow(Double($1) - 10_000, 2) / 10_000 }
        #expect(chiSquared < 20.5)
        // A bound of 3/4 of the range: without rejection every third number would come twice as often.
        let bound = UInt64(3) << 62
        var multiples = 0
        for _ in 0..<30_000 where generator.next(below: bound) % 3 == 0 { multiples += 1 }
        #expect(abs(multiples - 10_000) < 350)
        #expect(generator.next(below: 0) == 0)
        #expect(generator.next(below: 1) == 0)
    }

    @Test func normalsHaveTheirMoments() {
        var generator = SeededGenerator(seed: 4, stream: 9)
        let count = 200_000
        let values = (0..<count).map { _ in generator.normal() }
        let mean = values.reduce(0, +) / Double(count)
        let moments = [2.0, 3, 4].map { power in values.reduce(0) { $0 + pow($1, power) } / Double(count) }
        #expect(abs(mean) < 0.01)
        #expect(abs(moments[0] - 1) < 0.02)
        #expect(abs(moments[1]) < 0.03)
        #expect(abs(moments[2] - 3) < 0.1)
        // The two values of one pair must be independent.
        let pairs = stride(from: 0, to: count, by: 2).reduce(0.0) { $0 + values[$1] * values[$1 + 1] }
        #expect(abs(pairs / Double(count / 2)) < 0.015)
    }
}

@Suite struct BatchTests {
    @Test func permutationIsPureAndComplete() {
        let first = permutation(count: 1000, seed: 7, epoch: 3)
        #expect(first == permutation(count: 1000, seed: 7, epoch: 3))
        #expect(first.sorted() == Array(0..<1000))
        for (seed, epoch) in [(7, 4), (8, 3), (3, 7)] as [(UInt64, Int)] {
            #expect(first != permutation(count: 1000, seed: seed, epoch: epoch))
        }
        #expect(permutation(count: 0, seed: 1) == [])
        #expect(permutation(count: -5, seed: 1) == [])
        // Part of the interface: runs of older versions must stay resumable.
        #expect(permutation(count: 10, seed: 0, epoch: 0) == Self.golden)
    }

    /// Written by an independent implementation in Python, in Corpus/permutation.py.
    static let golden = [1, 4, 5, 0, 7, 6, 9, 8, 2, 3]

    @Test func permutationsAreEquallyLikely() {
        var counts: [[Int]: Int] = [:]
        for epoch in 0..<24_000 { counts[permutation(count: 4, seed: 11, epoch: epoch), default: 0] += 1 }
        #expect(counts.count == 24)
        let chiSquared = counts.values.reduce(0.0) { $0 + pow(Double($1) - 1000, 2) / 1000 }
        // 23 degrees of freedom: 49.7 once in a thousand.
        #expect(chiSquared < 49.7)
    }

    @Test(arguments: [(10, 3, 4, 3), (9, 3, 3, 3), (1, 5, 1, 0), (0, 5, 0, 0)])
    func countsOfBatches(rows: Int, size: Int, kept: Int, dropped: Int) throws {
        let plan = try BatchPlan(rowCount: rows, batchSize: size)
        #expect(plan.count == kept)
        #expect(plan.flatMap { Array($0) } == Array(0..<rows))
        #expect(plan.dropLast().allSatisfy { $0.count == size })
        if dropped > 0 {
            let full = try BatchPlan(rowCount: rows, batchSize: size, remainder: .drop)
            #expect(full.count == dropped)
            #expect(full.allSatisfy { $0.count == size })
        } else {
            #expect(throws: DataError.self) { try BatchPlan(rowCount: rows, batchSize: size, remainder: .drop) }
        }
    }

    @Test func impossiblePlansAreRefused() {
        #expect(throws: DataError.self) { try BatchPlan(rowCount: 10, batchSize: 0) }
        #expect(throws: DataError.self) { try BatchPlan(rowCount: 10, batchSize: -1) }
        #expect(throws: DataError.self) { try BatchPlan(rowCount: -1, batchSize: 1) }
        #expect(throws: Never.self) { try BatchPlan(rowCount: 10, batchSize: .max) }
    }

    @Test func shuffledPlanFollowsThePermutation() throws {
        let plan = try BatchPlan(rowCount: 100, batchSize: 7, order: .shuffled(seed: 5, epoch: 2))
        #expect(plan.flatMap { Array($0) } == permutation(count: 100, seed: 5, epoch: 2))
    }

    @Test(arguments: [0, 3], [1, 2, 50]) func prefetchedBatchesAreThoseOfThePlan(first: Int, depth: Int) throws {
        let digits = try Digits.load()
        let plan = try BatchPlan(rowCount: digits.rowCount, batchSize: 100, order: .shuffled(seed: 1, epoch: 0))
        let prefetcher = Prefetcher(source: digits, plan: plan, firstBatch: first, depth: depth)
        var batch = Batch()
        var index = first
        while try prefetcher.next(into: &batch) {
            #expect(batch.index == index)
            #expect(batch.rows == Array(plan[index]))
            #expect(try batch.inputs == digits.inputs.gather(rows: plan[index]).values)
            #expect(batch.labels == plan[index].map { digits.labels?[$0] })
            index += 1
        }
        #expect(index == plan.count)
        #expect(try prefetcher.next(into: &batch) == false)
    }

    @Test func numericTargetsAreGathered() throws {
        let sine = try SyntheticSets.sine(count: 10)
        guard case .values(let targets) = sine.targets else { throw DataError.cancelled }
        var batch = Batch()
        batch.rows = [3, 1]
        try sine.fill(&batch)
        #expect(batch.targets == [targets.values[3], targets.values[1]])
        #expect(batch.labels.isEmpty)
        batch.rows = [10]
        #expect(throws: DataError.rowOutOfRange(row: 10, rows: 10)) { try sine.fill(&batch) }
    }

    /// Fills with the number of the batch, fails at one of them, and says when it is gone.
    final class Probe: BatchSource {
        let failAt: Int
        let filled = Mutex(0)
        let onDeinit: @Sendable () -> Void

        init(failAt: Int = .max, onDeinit: @escaping @Sendable () -> Void = {}) {
            self.failAt = failAt
            self.onDeinit = onDeinit
        }

        deinit { onDeinit() }

        func fill(_ batch: inout Batch) throws(DataError) {
            if batch.index == failAt { throw .nonFinite(row: 1, column: 2, value: "nan") }
            batch.inputs = [Float(batch.index)]
            filled.withLock { $0 += 1 }
        }
    }

    @Test func errorsArriveAfterTheBatchesBefore() throws {
        let plan = try BatchPlan(rowCount: 10, batchSize: 1)
        let prefetcher = Prefetcher(source: Probe(failAt: 4), plan: plan)
        var batch = Batch()
        for index in 0..<4 {
            #expect(try prefetcher.next(into: &batch))
            #expect(batch.inputs == [Float(index)])
        }
        for _ in 0..<2 {
            #expect(throws: DataError.nonFinite(row: 1, column: 2, value: "nan")) {
                try prefetcher.next(into: &batch)
            }
        }
    }

    @Test(arguments: [0, 1, 5]) func anAbandonedPrefetcherEnds(taken: Int) throws {
        let gone = DispatchSemaphore(value: 0)
        do {
            let plan = try BatchPlan(rowCount: 1_000_000, batchSize: 1)
            let prefetcher = Prefetcher(source: Probe { gone.signal() }, plan: plan)
            var batch = Batch()
            for _ in 0..<taken { #expect(try prefetcher.next(into: &batch)) }
        }
        // The thread holds the source; when that goes, the thread has ended.
        #expect(gone.wait(timeout: .now() + 5) == .success)
    }

    @Test func workDoesNotRunAhead() throws {
        let probe = Probe()
        let prefetcher = Prefetcher(source: probe, plan: try BatchPlan(rowCount: 1000, batchSize: 1), depth: 3)
        Thread.sleep(forTimeInterval: 0.1)
        #expect(probe.filled.withLock { $0 } == 3)
        prefetcher.stop()
        var batch = Batch()
        #expect(try prefetcher.next(into: &batch) == false)
    }
}
