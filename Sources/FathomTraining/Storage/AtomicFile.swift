#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import Synchronization

/// Replaces a whole file so that a reader, a crash or a full disk never meets half of it.
///
/// The bytes go to a temporary name in the same folder and are synced; the name is then moved over the old one, and
/// the folder is synced. When any call fails, the temporary file is removed and the old file is still there, whole.
/// (If the very last call fails, the sync of the folder, the new file is in place, whole, but may be lost with the
/// power: that is reported as an error too.)
///
/// Signals: this library installs no signal handlers. A program that trains should ignore two signals at its start,
/// so that the system calls return errors, which become `StorageError`, instead of ending the process:
/// `SIGXFSZ` (sent at the limit of `ulimit -f`; ignored, a write fails with `EFBIG`) and `SIGPIPE` (sent on writing
/// to a closed pipe or connection). `SIGINT` and `SIGTERM` are best turned into a request to stop after the step.
public enum AtomicFile {
    /// Names that begin so are unfinished, belong to a writer that is at work or was killed, and may be removed by
    /// whoever holds the lock of the folder.
    static let temporaryPrefix = ".fathom-tmp-"

    private static let counter = Atomic<Int>(0)

    /// Replaces the file at `path`, or creates it.
    ///
    /// A symbolic link at `path` is itself replaced, not what it points to.
    public static func write(_ bytes: RawSpan, to path: String) throws(StorageError) {
        let folder = FileSystem.folder(of: path)
        let temporary = temporaryPath(in: folder)
        do throws(StorageError) {
            let file = try OpenFile.creating(temporary)
            try file.write(bytes)
            try file.sync()
        } catch {
            try? FileSystem.remove(temporary)
            // The caller knows the target, not the temporary name.
            throw StorageError(operation: error.operation, path: path, cause: error.cause)
        }
        try publish(temporary, as: path)
    }

    /// Replaces the file at `path` by a text in UTF-8, or creates it.
    public static func write(_ text: String, to path: String) throws(StorageError) {
        try write(Array(text.utf8).span.bytes, to: path)
    }

    /// Reads a whole file, refusing one of more than `limit` bytes.
    public static func read(_ path: String, limit: Int = 1 << 30) throws(StorageError) -> [UInt8] {
        let file = try OpenFile.reading(path)
        let size = try file.size()
        guard size <= limit else {
            throw StorageError(
                operation: "read", path: path, cause: .invalid("\(size) bytes, more than the \(limit) allowed here"))
        }
        return try file.bytes(at: 0, count: size)
    }

    /// A name in `folder` that nobody uses: the process and a counter make it unique.
    static func temporaryPath(in folder: String) -> String {
        while true {
            let number = counter.add(1, ordering: .relaxed).newValue
            let path = FileSystem.join(folder, "\(temporaryPrefix)\(getpid())-\(number)")
            // A killed process may have had the same number.
            if !FileSystem.exists(path) { return path }
        }
    }

    /// Moves a finished, synced temporary file or folder to its name, and syncs the folder above.
    static func publish(_ temporary: String, as path: String) throws(StorageError) {
        do throws(StorageError) { try FileSystem.rename(temporary, to: path) } catch {
            try? FileSystem.remove(temporary)
            throw error
        }
        try OpenFile.syncFolder(FileSystem.folder(of: path))
    }

    /// Removes what killed writers left behind. Only for the holder of the folder's lock.
    static func removeLeftovers(in folder: String) throws(StorageError) {
        for name in try FileSystem.names(in: folder) where name.hasPrefix(temporaryPrefix) {
            try FileSystem.remove(FileSystem.join(folder, name))
        }
    }
}
