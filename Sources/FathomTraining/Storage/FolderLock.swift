#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The right to write in a folder, held by one owner at a time.
///
/// An advisory lock (`flock`) on a file in the folder. The kernel releases it when the process ends, `kill -9`
/// included, so a lock is never stale; the file itself stays. Readers need no lock.
public final class FolderLock: Sendable {
    private let file: OpenFile

    /// Takes the lock, or throws `.inUse` with the number of the process that holds it.
    public init(folder: String, name: String = "lock") throws(StorageError) {
        let path = FileSystem.join(folder, name)
        file = try OpenFile.lockFile(path)
        guard try file.tryLock() else {
            let owner = (try? AtomicFile.read(path, limit: 64)).map { String(decoding: $0, as: UTF8.self) }
            let process = owner.flatMap { Int32($0) }.map { "process \($0)" } ?? "another process"
            throw StorageError(operation: "lock", path: folder, cause: .inUse("\(process) is writing here"))
        }
        // Only for the message above; a full disk is no reason to refuse.
        try? file.replaceContents("\(getpid())")
    }
}
