import Crypto

/// The whole state of a training run after some step.
public struct Checkpoint: Sendable {
    /// Steps taken.
    public var step: Int
    /// Parameters, buffers and optimiser slots.
    public var state: SafeTensors
    /// Version of the random number stream, so that a later program does not resume with other numbers.
    public var randomStream: Int
    /// Anything else that resuming needs.
    public var metadata: [String: String]

    /// Collects the parts.
    public init(step: Int, state: SafeTensors, randomStream: Int = 1, metadata: [String: String] = [:]) {
        self.step = step
        self.state = state
        self.randomStream = randomStream
        self.metadata = metadata
    }
}

/// Reads the checkpoints of a run: a folder with one folder per generation.
///
/// A generation `step-000001234` holds `state.safetensors` and `manifest.json`. It gets its name only when it is
/// complete and on the disk, so a name that is there stands for a whole checkpoint, unless the disk damaged it since;
/// that is what the checksums are for. Reading takes no lock and goes on beside a writer.
public struct CheckpointStore: Sendable {
    /// The folder of the generations.
    public let folder: String

    /// A finished checkpoint, by name.
    public struct Generation: Hashable, Sendable {
        /// Steps taken.
        public let step: Int
        /// 1, or more where a step was saved again after falling back to an older generation.
        public let revision: Int

        /// The name of the folder.
        public var name: String {
            let digits = String(step)
            let padded = String(repeating: "0", count: max(0, 9 - digits.utf8.count)) + digits
            return "step-\(padded)" + (revision > 1 ? "-r\(revision)" : "")
        }

        init(step: Int, revision: Int) {
            self.step = step
            self.revision = revision
        }

        /// Parses a name; nil for anything that `name` would not give.
        init?(_ name: String) {
            let parts = name.split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count == 2 || parts.count == 3, let step = Int(parts[1]), step >= 0 else { return nil }
            let revision = parts.count == 3 ? Int(parts[2].dropFirst()) : 1
            guard let revision else { return nil }
            self.init(step: step, revision: revision)
            guard name.utf8.elementsEqual(self.name.utf8) else { return nil }
        }
    }

    /// A generation that could not be used, and why.
    public struct Rejection: Sendable, CustomStringConvertible {
        /// The generation passed over.
        public let generation: Generation
        /// What is wrong with it.
        public let error: StorageError

        /// One line for the user.
        public var description: String { "checkpoint \(generation.name) is damaged and was passed over: \(error)" }
    }

    /// The newest whole checkpoint, and the newer ones that had to be passed over.
    public struct Recovery: Sendable {
        /// The checkpoint; nil when there is none that is whole.
        public let checkpoint: Checkpoint?
        /// Its generation.
        public let generation: Generation?
        /// The damaged ones, newest first: to be shown to the user.
        public let rejected: [Rejection]
    }

    static let stateFileName = "state.safetensors"
    static let pinSuffix = ".pin"

    /// The checkpoints in a folder, which need not exist yet.
    public init(folder: String) { self.folder = folder }

    /// The finished generations, oldest first. Empty when the folder does not exist.
    public func generations() throws(StorageError) -> [Generation] {
        guard FileSystem.exists(folder) else { return [] }
        return try FileSystem.names(in: folder).compactMap(Generation.init)
            .sorted { ($0.step, $0.revision) < ($1.step, $1.revision) }
    }

    /// The newest checkpoint whose checksums hold.
    public func latest() throws(StorageError) -> Recovery {
        var rejected: [Rejection] = []
        for generation in try generations().reversed() {
            do throws(StorageError) {
                return Recovery(checkpoint: try load(generation), generation: generation, rejected: rejected)
            } catch {
                // A writer may just have removed an old one: that is no damage.
                guard FileSystem.exists(path(of: generation)) else { continue }
                rejected.append(Rejection(generation: generation, error: error))
            }
        }
        return Recovery(checkpoint: nil, generation: nil, rejected: rejected)
    }

    /// Reads one checkpoint and verifies it: what is returned are the very bytes that were checked.
    ///
    /// - Throws: `.damaged` or `.malformed`, which say what differs.
    public func load(_ generation: Generation) throws(StorageError) -> Checkpoint {
        let manifest = try manifest(of: generation)
        let path = FileSystem.join(path(of: generation), Self.stateFileName)
        guard let file = manifest.files.first, manifest.files.count == 1, file.name == Self.stateFileName else {
            throw damaged(path, "the manifest does not name \(Self.stateFileName) alone")
        }
        let size = try OpenFile.reading(path).size()
        guard size == file.byteCount else {
            throw damaged(path, "\(size) bytes instead of the \(file.byteCount) that were written")
        }
        var hash = SHA256()
        let state = try SafeTensors.read(path) { bytes in
            bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
        }
        guard hexadecimal(hash.finalize()) == file.sha256 else {
            throw damaged(path, "the contents differ from what was written (SHA-256)")
        }
        return Checkpoint(
            step: manifest.step, state: state, randomStream: manifest.randomStream, metadata: manifest.metadata)
    }

    /// The generation kept under a label such as "best"; nil when there is none.
    public func pinned(_ label: String) throws(StorageError) -> Generation? {
        try checkLabel(label)
        let path = FileSystem.join(folder, label + Self.pinSuffix)
        guard FileSystem.exists(path) else { return nil }
        return try pin(at: path)
    }

    /// All generations that are kept under some label.
    func allPinned() throws(StorageError) -> Set<Generation> {
        var pinned: Set<Generation> = []
        for name in try FileSystem.names(in: folder) where name.hasSuffix(Self.pinSuffix) {
            pinned.insert(try pin(at: FileSystem.join(folder, name)))
        }
        return pinned
    }

    /// The folder of a generation.
    public func path(of generation: Generation) -> String { FileSystem.join(folder, generation.name) }

    private func pin(at path: String) throws(StorageError) -> Generation {
        let text = String(decoding: try AtomicFile.read(path, limit: 4096), as: UTF8.self)
        guard text.hasSuffix("\n"), let generation = Generation(String(text.dropLast())) else {
            throw damaged(path, "does not name a checkpoint")
        }
        return generation
    }

    private func manifest(of generation: Generation) throws(StorageError) -> CheckpointManifest {
        let path = FileSystem.join(path(of: generation), CheckpointManifest.fileName)
        let text = try AtomicFile.read(path, limit: 1 << 26)
        do throws(SafeTensors.FormatError) {
            let manifest = try CheckpointManifest(text)
            guard manifest.step == generation.step else {
                throw SafeTensors.FormatError(
                    rule: .checksum, offset: 0, detail: "the manifest is that of step \(manifest.step)")
            }
            return manifest
        } catch {
            throw StorageError(operation: "read", path: path, cause: .malformed(error))
        }
    }

    func checkLabel(_ label: String) throws(StorageError) {
        let allowed =
            !label.isEmpty && label.utf8.count <= 64
            && label.utf8.allSatisfy { byte in
                0x61...0x7A ~= byte || 0x41...0x5A ~= byte || 0x30...0x39 ~= byte || byte == 0x2D || byte == 0x5F
            }
        guard allowed else {
            throw StorageError(
                operation: "pin a checkpoint", path: folder,
                cause: .invalid("a label consists of letters, digits, '-' and '_', not \(show(Array(label.utf8)))"))
        }
    }

    private func damaged(_ path: String, _ text: String) -> StorageError {
        StorageError(operation: "verify", path: path, cause: .damaged(text))
    }
}
