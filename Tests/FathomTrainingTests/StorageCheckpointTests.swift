import FathomTraining
import Foundation
import Testing

@Suite struct StorageCheckpointTests {
    let folder: ScratchFolder
    var path: String { folder.file("checkpoints") }
    var store: CheckpointStore { CheckpointStore(folder: path) }

    init() throws { folder = try ScratchFolder() }

    private func checkpoint(_ step: Int) throws -> Checkpoint {
        let weights = try StoredTensor((0..<1000).map { Float($0 + step) }, shape: [10, 100])
        return Checkpoint(
            step: step, state: try SafeTensors([.init("dense.weight", weights)]), randomStream: 3,
            metadata: ["seed": "7", "quoted \"\n": "caf\u{E9}"])
    }

    private func names() throws -> [String] { try store.generations().map(\.name) }

    private func rejections(_ recovery: CheckpointStore.Recovery) -> [Int] { recovery.rejected.map(\.generation.step) }

    @Test func isEmptyBeforeTheFirst() throws {
        let recovery = try store.latest()
        #expect(recovery.checkpoint == nil && recovery.rejected.isEmpty)
    }

    @Test func findsTheLatestWhole() throws {
        let writer = try CheckpointWriter(folder: path)
        for step in [5, 1_000_000_000, 40] { try writer.save(checkpoint(step)) }
        #expect(try names() == ["step-000000005", "step-000000040", "step-1000000000"])
        let found = try #require(try store.latest().checkpoint)
        let wanted = try checkpoint(1_000_000_000)
        #expect(found.step == wanted.step && found.randomStream == 3)
        #expect(found.state.entries == wanted.state.entries && found.metadata == wanted.metadata)
        #expect(throws: StorageError.self) { try writer.save(checkpoint(-1)) }
    }

    @Test func keepsTheLastAndThePinned() throws {
        let writer = try CheckpointWriter(folder: path, keep: 2)
        for step in 1...6 {
            let report = try writer.save(checkpoint(step))
            if step == 2 || step == 3 { try writer.pin(report.generation, as: "best") }
            #expect(report.warnings.isEmpty)
        }
        // 2 was pinned first and went when 3 took its place.
        #expect(try names() == ["step-000000003", "step-000000005", "step-000000006"])
        #expect(try store.pinned("best")?.step == 3)
        #expect(try store.pinned("last") == nil)
        for label in ["", "../x", "a b", "caf\u{E9}"] { #expect(throws: StorageError.self) { try store.pinned(label) } }
    }

    @Test func removesNothingWhileAPinIsUnreadable() throws {
        let writer = try CheckpointWriter(folder: path, keep: 1)
        try writer.pin(try writer.save(checkpoint(1)).generation, as: "best")
        try write(Array("../step-000000001\n".utf8), to: path + "/best.pin")
        let report = try writer.save(checkpoint(2))
        #expect(report.warnings.count == 1)
        #expect(try names().count == 2)
    }

    @Test func aStepSavedAgainIsANewRevision() throws {
        let writer = try CheckpointWriter(folder: path)
        try writer.save(checkpoint(1))
        #expect(try writer.save(checkpoint(1)).generation.name == "step-000000001-r2")
        #expect(try store.latest().generation?.revision == 2)
    }

    @Test func goesBackOnPurpose() throws {
        let writer = try CheckpointWriter(folder: path, keep: 1)
        for step in [10, 20] { try writer.save(checkpoint(step)) }
        // The one just saved stays, though an older one by step.
        #expect(try writer.save(checkpoint(15)).removed.isEmpty)
        try writer.removeGenerations(after: 15)
        #expect(try store.latest().checkpoint?.step == 15)
    }

    /// Ways in which a disk or a person damages the newest checkpoint.
    enum Damage: String, CaseIterable {
        case firstBit, bitInTheHeader, bitInTheData, lastBit, cut, grown, empty, zeroedBlock, noState, noManifest
        case bitInTheManifest, cutManifest, manifestOfAnotherStep, manifestOfAnotherStepRenamed, stateIsAFolder
        case otherValidState
    }

    @Test(arguments: Damage.allCases) func passesOverADamagedOne(_ damage: Damage) throws {
        let writer = try CheckpointWriter(folder: path)
        for step in [1, 2, 3] { try writer.save(checkpoint(step)) }
        let state = path + "/step-000000003/state.safetensors"
        let manifest = path + "/step-000000003/manifest.json"
        var data = try bytes(of: state)
        var text = try bytes(of: manifest)
        switch damage {
        case .firstBit: data[0] ^= 1
        case .bitInTheHeader: data[30] ^= 4
        case .bitInTheData: data[data.count / 2] ^= 128
        case .lastBit: data[data.count - 1] ^= 1
        case .cut: data.removeLast(7)
        case .grown: data.append(0)
        case .empty: data = []
        case .zeroedBlock: data.replaceSubrange(1024..<2048, with: repeatElement(0, count: 1024))
        case .bitInTheManifest: text[try #require(text.firstIndex(of: UInt8(ascii: "7")))] ^= 1
        case .cutManifest: text.removeLast(10)
        case .manifestOfAnotherStep, .manifestOfAnotherStepRenamed:
            text = try bytes(of: path + "/step-000000002/manifest.json")
        case .otherValidState: data = try bytes(of: path + "/step-000000002/state.safetensors")
        case .noState, .noManifest, .stateIsAFolder: break
        }
        try write(data, to: state)
        try write(text, to: manifest)
        switch damage {
        case .noManifest: #expect(unlink(manifest) == 0)
        case .noState, .stateIsAFolder: #expect(unlink(state) == 0)
        // A whole generation under another name: only the step in the manifest tells.
        case .manifestOfAnotherStepRenamed:
            try write(try bytes(of: path + "/step-000000002/state.safetensors"), to: state)
        default: break
        }
        if damage == .stateIsAFolder { #expect(mkdir(state, 0o700) == 0) }

        let recovery = try store.latest()
        #expect(recovery.checkpoint?.step == 2)
        #expect(try recovery.checkpoint?.state.entries == checkpoint(2).state.entries)
        #expect(rejections(recovery) == [3])
        #expect(recovery.rejected.first?.description.contains("step-000000003") == true)
        // The damaged one must not make a whole one go.
        let reopened = { try CheckpointStore(folder: path).generations().map(\.step) }
        try writer.save(checkpoint(4))
        #expect(try reopened().contains(2))
    }

    @Test func aDamagedOneDoesNotCountAsKept() throws {
        do {
            let writer = try CheckpointWriter(folder: path, keep: 2)
            for step in [1, 2] { try writer.save(checkpoint(step)) }
        }
        try write([0], to: path + "/step-000000002/manifest.json")
        let writer = try CheckpointWriter(folder: path, keep: 2)
        try writer.save(checkpoint(3))
        #expect(try store.generations().map(\.step) == [1, 2, 3])
        try writer.save(checkpoint(4))
        #expect(try store.generations().map(\.step) == [3, 4])
    }

    @Test func saysSoWhenAllAreDamaged() throws {
        let writer = try CheckpointWriter(folder: path)
        for step in [1, 2] { try writer.save(checkpoint(step)) }
        for step in [1, 2] { try write([], to: path + "/step-00000000\(step)/state.safetensors") }
        let recovery = try store.latest()
        #expect(recovery.checkpoint == nil)
        #expect(rejections(recovery) == [2, 1])
    }

    @Test func neverTrapsOnAManifest() throws {
        let writer = try CheckpointWriter(folder: path)
        try writer.save(checkpoint(1))
        let manifest = path + "/step-000000001/manifest.json"
        let original = try bytes(of: manifest)
        for position in original.indices {
            for bit in [0, 5] {
                var text = original
                text[position] ^= 1 << bit
                try write(text, to: manifest)
                #expect(try store.latest().checkpoint == nil, "byte \(position)")
            }
        }
    }

    @Test func takesOneWriterAndClearsWhatItLeft() throws {
        do {
            let writer = try CheckpointWriter(folder: path)
            guard case .inUse = storageError({ try CheckpointWriter(folder: path) })?.cause else {
                Issue.record("a second writer was let in")
                return
            }
            try writer.save(checkpoint(1))
        }
        try FileManager.default.createDirectory(atPath: path + "/.fathom-tmp-1-1", withIntermediateDirectories: true)
        try write([1], to: path + "/.fathom-tmp-1-1/state.safetensors")
        #expect(try store.generations().count == 1)
        _ = try CheckpointWriter(folder: path)
        #expect(!FileManager.default.fileExists(atPath: path + "/.fathom-tmp-1-1"))
        #expect(throws: StorageError.self) { try CheckpointWriter(folder: path, keep: 0) }
    }

    @Test func theDrillItselfFindsNothingWrong() throws {
        #expect(StorageFaultDrill.run(directory: folder.path) == 0)
        #expect(StorageFaultDrill.verify(directory: folder.path, wasKilled: true) == 0)
        try write(Array("8\n".utf8), to: folder.file("run/note.txt"))
        #expect(StorageFaultDrill.verify(directory: folder.path, wasKilled: false) == 1)
    }
}
