import Crypto
import Synchronization

/// Writes the checkpoints of a run, one writer per folder.
///
/// A checkpoint is written under a temporary name, synced, and only then given its name in one rename; a full disk,
/// a kill or a power cut at any moment leaves the older ones untouched. Old generations go only after a newer one is
/// in place.
public final class CheckpointWriter: Sendable {
    /// The reading side.
    public let store: CheckpointStore
    /// How many whole generations to keep, besides the pinned ones.
    public let keep: Int

    private let lock: FolderLock
    /// Generations known to be whole: written or verified by this process. Also keeps two savers apart.
    private let verified = Mutex<Set<CheckpointStore.Generation>>([])

    /// What a save did.
    public struct SaveReport: Sendable {
        /// The new generation.
        public let generation: CheckpointStore.Generation
        /// The generations removed to make room.
        public let removed: [CheckpointStore.Generation]
        /// Trouble in removing old generations: the new one is safe all the same.
        public let warnings: [String]
    }

    /// Opens a folder for writing, creating it where needed, and clears what a killed writer left unfinished.
    ///
    /// - Throws: `.inUse` when another writer has it open.
    public init(folder: String, keep: Int = 3) throws(StorageError) {
        guard keep >= 1 else {
            throw StorageError(
                operation: "open the checkpoints", path: folder,
                cause: .invalid("keep is \(keep), at least 1 is needed"))
        }
        try FileSystem.createFolders(folder)
        lock = try FolderLock(folder: folder)
        store = CheckpointStore(folder: folder)
        self.keep = keep
        try AtomicFile.removeLeftovers(in: folder)
    }

    /// Saves a checkpoint; when this returns it is on the disk, and `latest()` finds it.
    ///
    /// - Throws: any failure to write; the older checkpoints are then as they were. When only the last call fails,
    ///   the sync of the folder, the new one is in place as well, but might not survive a power cut.
    @discardableResult
    public func save(_ checkpoint: Checkpoint) throws(StorageError) -> SaveReport {
        guard checkpoint.step >= 0, checkpoint.randomStream >= 0 else {
            throw StorageError(
                operation: "save a checkpoint", path: store.folder,
                cause: .invalid("step \(checkpoint.step) or random stream \(checkpoint.randomStream) is negative"))
        }
        return try verified.withLock { (verified) throws(StorageError) in
            let newest = try store.generations().last { $0.step == checkpoint.step }
            let generation = CheckpointStore.Generation(step: checkpoint.step, revision: (newest?.revision ?? 0) + 1)
            let temporary = AtomicFile.temporaryPath(in: store.folder)
            do throws(StorageError) { try write(checkpoint, to: temporary) } catch {
                try? FileSystem.remove(temporary)
                throw error
            }
            try AtomicFile.publish(temporary, as: store.path(of: generation))
            verified.insert(generation)
            var removed: [CheckpointStore.Generation] = []
            var warnings: [String] = []
            do throws(StorageError) { try prune(&verified, &removed, sparing: generation) } catch {
                warnings.append("old checkpoints were not removed: \(error)")
            }
            return SaveReport(generation: generation, removed: removed, warnings: warnings)
        }
    }

    /// Keeps a generation under a label such as "best", in place of the one kept under it before.
    public func pin(_ generation: CheckpointStore.Generation, as label: String) throws(StorageError) {
        try store.checkLabel(label)
        try verified.withLock { (_) throws(StorageError) in
            guard FileSystem.exists(store.path(of: generation)) else {
                throw StorageError(
                    operation: "pin a checkpoint", path: store.path(of: generation),
                    cause: .missing("there is no such checkpoint"))
            }
            try AtomicFile.write(
                generation.name + "\n", to: FileSystem.join(store.folder, label + CheckpointStore.pinSuffix))
        }
    }

    /// Removes the generations of later steps: for going back on purpose to an older one.
    public func removeGenerations(after step: Int) throws(StorageError) {
        try verified.withLock { (verified) throws(StorageError) in
            for generation in try store.generations().reversed() where generation.step > step {
                try remove(generation, &verified)
            }
        }
    }

    private func write(_ checkpoint: Checkpoint, to folder: String) throws(StorageError) {
        guard try FileSystem.createFolder(folder) else {
            throw StorageError(operation: "create the folder", path: folder, cause: .exists)
        }
        let (header, order) = checkpoint.state.layout()
        var hash = SHA256()
        var byteCount = header.count
        let statePath = FileSystem.join(folder, CheckpointStore.stateFileName)
        let file = try OpenFile.creating(statePath)
        hash.update(data: header)
        try file.write(header.span.bytes)
        for tensor in order {
            hash.update(data: tensor.bytes)
            try file.write(tensor.bytes.span.bytes)
            byteCount += tensor.bytes.count
        }
        try file.sync()

        let manifest = CheckpointManifest(
            step: checkpoint.step, randomStream: checkpoint.randomStream,
            files: [
                .init(
                    name: CheckpointStore.stateFileName, byteCount: byteCount, sha256: hexadecimal(hash.finalize()))
            ],
            metadata: checkpoint.metadata)
        let manifestFile = try OpenFile.creating(FileSystem.join(folder, CheckpointManifest.fileName))
        try manifestFile.write(manifest.encoded().span.bytes)
        try manifestFile.sync()
        try OpenFile.syncFolder(folder)
    }

    /// Removes what is older than the last `keep` whole generations and not pinned.
    ///
    /// A damaged generation does not count, so that damage never makes a whole one go. The one just saved stays even
    /// where a run went back and its step is now the oldest.
    private func prune(
        _ verified: inout Set<CheckpointStore.Generation>, _ removed: inout [CheckpointStore.Generation],
        sparing saved: CheckpointStore.Generation
    ) throws(StorageError) {
        let generations = try store.generations()
        guard generations.count > keep else { return }
        // An unreadable pin stops here, before anything is removed that it may stand for.
        let pinned = try store.allPinned()
        var whole = 0
        for generation in generations.reversed() {
            if whole < keep {
                if verified.contains(generation) {
                    whole += 1
                } else if (try? store.load(generation)) != nil {
                    verified.insert(generation)
                    whole += 1
                }
            } else if !pinned.contains(generation) && generation != saved {
                try remove(generation, &verified)
                removed.append(generation)
            }
        }
    }

    private func remove(
        _ generation: CheckpointStore.Generation, _ verified: inout Set<CheckpointStore.Generation>
    ) throws(StorageError) {
        // Out of sight in one step, so that no reader meets half a generation.
        let temporary = AtomicFile.temporaryPath(in: store.folder)
        try FileSystem.rename(store.path(of: generation), to: temporary)
        verified.remove(generation)
        try FileSystem.remove(temporary)
    }
}
