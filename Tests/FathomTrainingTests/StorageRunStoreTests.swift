import FathomTraining
import Foundation
import Testing

@Suite struct StorageRunStoreTests {
    let folder: ScratchFolder
    var path: String { folder.file("run.sqlite") }

    init() throws { folder = try ScratchFolder() }

    private func same(_ points: [RunStore.Point], _ expected: [(Int, Double)]) -> Bool {
        points.count == expected.count
            && zip(points, expected).allSatisfy { point, wanted in
                point.step == wanted.0 && (point.value == wanted.1 || point.value.isNaN && wanted.1.isNaN)
            }
    }

    @Test func keepsEveryNumberAsItIs() throws {
        let values = [
            0, 1, -1.5, 0.1, .nan, .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude,
            Double(Float(0.1)), 1e15, 9_007_199_254_740_992, -9.3e18, 1.8e19,
        ]
        do {
            let store = try RunStore.open(path)
            for (step, value) in values.enumerated() {
                try store.record(.init(step: step, epoch: 0, split: "train", name: "loss", value: value))
                try store.observe(step: step, layer: "a", quantity: "mean", value: value)
            }
            try store.close()
        }
        let store = try RunStore.read(path)
        let expected = values.enumerated().map { ($0, $1) }
        #expect(same(try store.metric("loss", split: "train"), expected))
        #expect(same(try store.observations(layer: "a", quantity: "mean"), expected))
        // What was never recorded is not there, unlike a NaN.
        #expect(try store.metric("loss", split: "test").isEmpty)
        #expect(same(try store.metric("loss", split: "train", after: 11), [(12, values[12]), (13, values[13])]))
    }

    @Test func listsAndGivesTheLatest() throws {
        let store = try RunStore.open(path)
        #expect(try store.metricKeys().isEmpty && store.latestMetrics().isEmpty && store.latestObservations().isEmpty)
        for step in 1...3 {
            for split in ["train", "validation"] where split == "train" || step < 3 {
                try store.record(
                    .init(step: step, epoch: step / 2, split: split, name: "loss", value: 1 / Double(step)))
            }
            let series = try ["caf\u{E9}", "cafe\u{301}"].map { try store.series(layer: $0, quantity: "std") }
            #expect(series[0] != series[1])
            try store.observe(step: step, series: series, values: [Double(step), .nan])
        }
        _ = try store.series(layer: "never", quantity: "observed")
        try store.flush()
        #expect(try store.metricKeys().map(\.split) == ["train", "validation"])
        #expect(
            try store.latestMetrics() == [
                .init(step: 3, epoch: 1, split: "train", name: "loss", value: 1.0 / 3),
                .init(step: 2, epoch: 1, split: "validation", name: "loss", value: 0.5),
            ])
        #expect(try store.observationKeys().map { Array($0.layer.utf8).count } == [5, 6])
        let latest = try store.latestObservations()
        #expect(latest.map(\.point.step) == [3, 3])
        #expect(latest[0].point.value == 3 && latest[1].point.value.isNaN)
        #expect(same(try store.observations(layer: "caf\u{E9}", quantity: "std"), [(1, 1), (2, 2), (3, 3)]))
        #expect(throws: StorageError.self) { try store.observe(step: 1, series: [], values: [1]) }
    }

    @Test func keepsVerdictsEventsAndTheDescription() throws {
        let verdict = RunStore.Verdict(
            step: 7, rule: "dead-units", layer: "blocks.3.relu", severity: .warning, confidence: 0.75,
            text: "</script>' OR 1=1; -- caf\u{E9}", json: "{\"share\": 0.9}")
        do {
            let store = try RunStore.open(path)
            try store.record(verdict)
            try store.record(RunStore.Event(time: 1.5, level: .info, text: "started"))
            try store.record(RunStore.Event(time: 2.5, level: .failure, text: "diverged"))
            try store.setMetadata("7", for: "seed")
            try store.setMetadata("8", for: "seed")
            try store.close()
        }
        let store = try RunStore.read(path)
        #expect(try store.verdicts() == [verdict])
        #expect(try store.events().map(\.text) == ["started", "diverged"])
        #expect(try store.events(after: 1).map(\.level) == [.failure])
        #expect(try store.metadata() == ["seed": "8"])
        #expect(throws: StorageError.self) { try store.setMetadata("9", for: "seed") }
    }

    @Test func aValueRecordedAgainReplacesTheFirst() throws {
        let store = try RunStore.open(path)
        for value in [1.0, 2.0] {
            for step in 1...4 {
                try store.record(.init(step: step, epoch: 0, split: "train", name: "loss", value: value))
                try store.observe(step: step, layer: "a", quantity: "mean", value: value)
            }
            if value == 1 { try store.removeRecords(after: 2) }
            #expect(try store.metric("loss", split: "train").count == (value == 1 ? 2 : 0) + (value == 2 ? 2 : 0))
        }
        try store.flush()
        #expect(same(try store.metric("loss", split: "train"), (1...4).map { ($0, 2) }))
        #expect(same(try store.observations(layer: "a", quantity: "mean"), (1...4).map { ($0, 2) }))
    }

    @Test func isReadWhileWritten() async throws {
        let writer = try RunStore.open(path, flushInterval: 0.002)
        let layers = (0..<20).map { "layer\($0)" }
        let series = try layers.map { try writer.series(layer: $0, quantity: "mean") }
        try writer.flush()
        let path = path
        let reader = Task.detached {
            let store = try RunStore.read(path)
            var last = 0
            var sizes: Set<Int> = []
            while last < 3000 {
                let count = try store.observations(layer: "layer19", quantity: "mean").count
                #expect(count >= last)
                // Whole transactions only: a step that is there for one layer is there for all of one call.
                last = count
                sizes.insert(count)
                try await Task.sleep(for: .milliseconds(1))
            }
            return sizes.count
        }
        for step in 0..<3000 {
            try writer.observe(step: step, series: series, values: layers.indices.map { Double(step * $0) })
            if step % 100 == 0 { try await Task.sleep(for: .milliseconds(3)) }
        }
        try writer.close()
        #expect(try await reader.value > 2)
        #expect(throws: StorageError.self) { try writer.observe(step: 1, series: [], values: []) }
        #expect(throws: StorageError.self) { try writer.flush() }
        try writer.close()
    }

    @Test func aCopyTakenWhileWritingOpens() throws {
        // What a kill leaves: the files as they are at some moment, without a close.
        let store = try RunStore.open(path)
        for step in 0..<100 {
            try store.record(.init(step: step, epoch: 0, split: "train", name: "loss", value: 1))
            try store.flush()
        }
        let copy = folder.file("copy.sqlite")
        for suffix in ["", "-wal"] { try write(try bytes(of: path + suffix), to: copy + suffix) }
        let killed = try RunStore.open(copy)
        #expect(try killed.isWhole())
        #expect(try killed.metric("loss", split: "train").count == 100)
        // Half of the last frame is lost with its transaction, and only with it.
        try write(try bytes(of: path), to: folder.file("cut.sqlite"))
        try write(Array(try bytes(of: path + "-wal").dropLast(2000)), to: folder.file("cut.sqlite-wal"))
        let cut = try RunStore.open(folder.file("cut.sqlite"))
        #expect(try cut.isWhole())
        #expect(try cut.metric("loss", split: "train").count == 99)
    }

    @Test func aStoreThatIsDroppedStillWrites() throws {
        try RunStore.open(path).record(.init(step: 1, epoch: 0, split: "", name: "loss", value: 1))
        #expect(try RunStore.read(path).metric("loss", split: "").count == 1)
    }

    @Test func refusesWhatIsNoRunStore() throws {
        try write(Array("no database at all".utf8) + [UInt8](repeating: 7, count: 5000), to: path)
        for error in [storageError { try RunStore.open(path) }, storageError { try RunStore.read(path) }] {
            guard case .database = error?.cause else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
        #expect(storageError { try RunStore.read(folder.file("none")) }?.cause == .missing("there is no such file"))
        #expect(storageError { try RunStore.open(folder.file("none/x")) } != nil)
        try write([], to: folder.file("empty"))
        #expect(storageError { try RunStore.read(folder.file("empty")) } != nil)
    }

    @Test func neverTrapsOnADamagedDatabase() throws {
        let store = try RunStore.open(path)
        for step in 0..<300 {
            try store.record(.init(step: step, epoch: 0, split: "train", name: "loss", value: Double(step)))
            try store.observe(step: step, layer: "a\(step % 7)", quantity: "mean", value: 1)
        }
        try store.record(RunStore.Verdict(step: 1, rule: "r", layer: "l", severity: .info, confidence: 1, text: "t"))
        try store.close()
        let original = try bytes(of: path)
        var random = SeededGenerator(state: 11)
        for round in 0..<100 {
            var copy = original
            for _ in 0..<20 {
                let position = Int.random(in: 100..<copy.count, using: &random)
                copy[position] = UInt8.random(in: 0...255, using: &random)
            }
            let damaged = folder.file("damaged\(round).sqlite")
            try write(copy, to: damaged)
            _ = storageError {
                let store = try RunStore.read(damaged)
                _ = storageError { try store.metric("loss", split: "train") }
                _ = storageError { try store.latestMetrics() }
                _ = storageError { try store.latestObservations() }
                _ = storageError { try store.observationKeys() }
                _ = storageError { try store.verdicts() }
                _ = storageError { try store.isWhole() }
                try store.close()
            }
            for suffix in ["", "-wal", "-shm"] { unlink(damaged + suffix) }
        }
    }
}
