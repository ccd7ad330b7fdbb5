import Foundation

/// A rehearsal of disk failures, for `script/test-faults`.
///
/// The script loads a shim that lets the n-th system call fail, runs the drill, and repeats with n + 1 until nothing
/// fails any more; or it kills the drill at a random moment. The drill writes generation after generation, and after
/// every failure checks what must hold: what was saved before is whole, the error names file and operation, nothing
/// temporary is left.
package enum StorageFaultDrill {
    /// Writes a few generations in `directory` and checks after each failure. Returns 0 when all held, else 1.
    package static func run(directory: String) -> Int32 {
        report { try Drill(directory: directory).run(generations: 5) }
    }

    /// Writes generations until killed. Returns only on a failure.
    package static func runUntilKilled(directory: String) -> Int32 {
        report { try Drill(directory: directory).run(generations: .max) }
    }

    /// Checks what a killed or failed drill left behind. Returns 0 when it is whole, else 1.
    ///
    /// - Parameter wasKilled: no call failed, so that every row that was flushed must be there.
    package static func verify(directory: String, wasKilled: Bool) -> Int32 {
        report { try Drill(directory: directory).verifyAfterEnd(wasKilled: wasKilled) }
    }

    private static func report(_ body: () throws -> Void) -> Int32 {
        do {
            try body()
            return 0
        } catch {
            FileHandle.standardError.write(Data("storage drill: \(error)\n".utf8))
            return 1
        }
    }
}

private struct Broken: Error, CustomStringConvertible {
    let description: String
}

private struct Drill {
    let directory: String
    var runPath: String { FileSystem.join(directory, "run") }
    var notePath: String { FileSystem.join(runPath, "note.txt") }

    /// What the run folder must hold.
    struct Expected {
        /// The newest step that must be there, and one that may be there as well (its save failed after the rename).
        var saved = -1
        var attempted = -1
        var noteSaved = -1
        var noteAttempted = -1
        var metricsFlushed = 0
    }

    func run(generations: Int) throws {
        guard let folder = try openFolder() else { return }
        var expected = Expected()
        expected.saved = try CheckpointStore(folder: folder.checkpointsPath).latest().checkpoint?.step ?? -1
        expected.attempted = expected.saved
        guard let writer = try attempting({ try CheckpointWriter(folder: folder.checkpointsPath, keep: 2) }) else {
            return try check(folder, expected)
        }
        let store = try attempting { try RunStore.open(folder.databasePath) }

        let first = expected.saved + 1
        for step in first..<(generations == .max ? .max : first + generations) {
            expected.attempted = step
            if try attempting({ try writer.save(Self.checkpoint(step)) }) != nil { expected.saved = step }
            try check(folder, expected)
            expected.noteAttempted = step
            if try attempting({ try AtomicFile.write(Self.note(step), to: notePath) }) != nil {
                expected.noteSaved = step
            }
            try check(folder, expected)
            if let store {
                let flushed: Void? = try attempting {
                    try store.record(
                        RunStore.Metric(step: step, epoch: 0, split: "train", name: "loss", value: Double(step)))
                    try store.flush()
                }
                if flushed != nil { expected.metricsFlushed += 1 }
                // A failed transaction must leave a database that still answers.
                if generations != .max || step % 50 == 0 { try checkStore(folder, expected) }
            }
        }
        if let store { _ = try attempting { try store.close() } }
        try check(folder, expected)
        try checkStore(folder, expected)
    }

    func verifyAfterEnd(wasKilled: Bool) throws {
        // Killed before the run folder got its name: nothing was promised yet.
        guard FileSystem.exists(runPath) else { return }
        let folder = try RunFolder.resume(runPath)
        guard try folder.configuration() == Self.configuration else { throw Broken(description: "config.yaml changed") }
        let recovery = try CheckpointStore(folder: folder.checkpointsPath).latest()
        guard recovery.rejected.isEmpty else { throw Broken(description: "\(recovery.rejected)") }
        if let checkpoint = recovery.checkpoint { try compare(checkpoint, step: checkpoint.step) }
        var noteStep = -1
        if FileSystem.exists(notePath) {
            let note = String(decoding: try AtomicFile.read(notePath), as: UTF8.self)
            guard let step = Int(note.prefix { $0 != "\n" }), note == Self.note(step) else {
                throw Broken(description: "the note is not whole")
            }
            noteStep = step
        }
        let writer = try CheckpointWriter(folder: folder.checkpointsPath, keep: 2)
        let next = (recovery.checkpoint?.step ?? -1) + 1
        try writer.save(Self.checkpoint(next))
        try checkNothingTemporary(folder)
        let store = try RunStore.open(folder.databasePath)
        guard try store.isWhole() else { throw Broken(description: "the run store is not whole") }
        let steps = try store.metric("loss", split: "train").map(\.step)
        // The note of a step is written after the metric of the step before was flushed.
        guard !wasKilled || noteStep < 1 || steps.contains(noteStep - 1) else {
            throw Broken(description: "the run store lost a flushed row: \(noteStep - 1) of \(steps.suffix(3))")
        }
        try store.record(RunStore.Metric(step: next, epoch: 0, split: "train", name: "loss", value: Double(next)))
        try store.close()
        print("step \(next - 1)")
    }

    private func openFolder() throws -> RunFolder? {
        if FileSystem.exists(runPath) { return try attempting { try RunFolder.resume(runPath) } }
        return try attempting { try RunFolder.create(at: runPath, configuration: Self.configuration) }
    }

    /// Runs something that may fail; a failure must be told well. Nil on failure.
    private func attempting<Value>(_ body: () throws -> Value) throws -> Value? {
        do { return try body() } catch let error as StorageError {
            guard !error.path.isEmpty, !error.operation.isEmpty, !error.reason.isEmpty else {
                throw Broken(description: "an error that says too little: \(error)")
            }
            print("failed as it should: \(error)")
            return nil
        }
    }

    private func check(_ folder: RunFolder, _ expected: Expected) throws {
        let recovery = try CheckpointStore(folder: folder.checkpointsPath).latest()
        guard recovery.rejected.isEmpty else { throw Broken(description: "\(recovery.rejected)") }
        let step = recovery.checkpoint?.step ?? -1
        guard step == expected.saved || step == expected.attempted else {
            throw Broken(description: "the latest checkpoint is \(step), expected \(expected.saved)")
        }
        if let checkpoint = recovery.checkpoint { try compare(checkpoint, step: step) }
        if expected.noteSaved >= 0 {
            let note = String(decoding: try AtomicFile.read(notePath), as: UTF8.self)
            guard note == Self.note(expected.noteSaved) || note == Self.note(expected.noteAttempted) else {
                throw Broken(description: "the note is neither the old nor the new one")
            }
        }
        try checkNothingTemporary(folder)
    }

    private func checkStore(_ folder: RunFolder, _ expected: Expected) throws {
        // Opening a database writes, so this may be what fails; `verify` then looks again, without the shim.
        _ = try attempting {
            let store = try RunStore.open(folder.databasePath)
            guard try store.isWhole() else { throw Broken(description: "the run store is not whole") }
            let count = try store.metric("loss", split: "train").count
            guard count >= expected.metricsFlushed else {
                throw Broken(description: "\(count) metrics, \(expected.metricsFlushed) were flushed")
            }
            try store.close()
        }
    }

    private func checkNothingTemporary(_ folder: RunFolder) throws {
        for path in [folder.path, folder.checkpointsPath] where FileSystem.exists(path) {
            let left = try FileSystem.names(in: path).filter { $0.hasPrefix(AtomicFile.temporaryPrefix) }
            guard left.isEmpty else { throw Broken(description: "left behind in \(path): \(left)") }
        }
    }

    private func compare(_ checkpoint: Checkpoint, step: Int) throws {
        let wanted = try Self.checkpoint(step)
        guard checkpoint.step == step, checkpoint.metadata == wanted.metadata,
            checkpoint.state.entries == wanted.state.entries
        else { throw Broken(description: "checkpoint \(step) holds other values") }
    }

    static let configuration = "model: [Dense: 10]\nseed: 7\n"

    static func note(_ step: Int) -> String { "\(step)\n" + String(repeating: "\(step % 10)", count: 20_000) + "\n" }

    static func checkpoint(_ step: Int) throws(StorageError) -> Checkpoint {
        let values = (0..<30_000).map { Float(step) + Float($0) / 65_536 }
        let state = try SafeTensors([
            .init("dense.bias", try StoredTensor([Float(step)], shape: [1])),
            .init("dense.weight", try StoredTensor(values, shape: [100, 300])),
        ])
        return Checkpoint(step: step, state: state, metadata: ["note": "step \(step)"])
    }
}
