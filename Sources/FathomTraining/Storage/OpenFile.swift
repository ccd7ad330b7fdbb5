#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An open file: plain system calls with typed errors.
///
/// Foundation's `FileHandle` ends the process when the disk is full, and its atomic write does not sync the folder;
/// a mapped file ends it when someone truncates the file. Hence `open`, `pread`, `write` and `fsync` by hand, with
/// interrupted calls repeated and short writes continued.
struct OpenFile: ~Copyable {
    let path: String
    private let descriptor: Int32

    /// The largest piece handed to one system call: macOS refuses more than 2³¹−1 bytes.
    static let largestPiece = 1 << 26

    private init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { _ = close(descriptor) }

    /// Opens a regular file for reading; a folder, a pipe or a device is refused, and never waited for.
    static func reading(_ path: String) throws(StorageError) -> OpenFile {
        let file = OpenFile(path: path, descriptor: try open(path, O_RDONLY | O_NONBLOCK, "open"))
        guard try file.status().st_mode & S_IFMT == S_IFREG else {
            throw StorageError(operation: "open", path: path, cause: .invalid("not a regular file"))
        }
        return file
    }

    /// Creates a file that must not exist yet, for writing.
    static func creating(_ path: String) throws(StorageError) -> OpenFile {
        OpenFile(path: path, descriptor: try open(path, O_WRONLY | O_CREAT | O_EXCL, "create"))
    }

    private static func open(_ path: String, _ flags: Int32, _ operation: String) throws(StorageError) -> Int32 {
        try checkPath(path, operation)
        // Never inherited by a child: a data loader's helper must not keep a lock or a deleted file alive.
        let descriptor = retrying { openCall(path, flags | O_CLOEXEC, 0o666) }
        guard descriptor >= 0 else { throw .system(operation, path) }
        return descriptor
    }

    /// The number of bytes in the file now.
    func size() throws(StorageError) -> Int { Int(try status().st_size) }

    private func status() throws(StorageError) -> stat {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system("stat", path) }
        return status
    }

    /// Fills `buffer` from `offset`; a file that ends before (because it was cut meanwhile) is an error.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) {
        var done = 0
        while done < buffer.count {
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[done...].prefix(OpenFile.largestPiece))
            let count = retrying { pread(descriptor, piece.baseAddress, piece.count, off_t(offset + done)) }
            guard count >= 0 else { throw .system("read", path) }
            guard count > 0 else {
                throw StorageError(
                    operation: "read", path: path,
                    cause: .damaged("the file ends at byte \(offset + done); it was cut while being read"))
            }
            done += count
        }
    }

    /// The bytes `offset ..< offset + count`.
    func bytes(at offset: Int, count: Int) throws(StorageError) -> [UInt8] {
        // A closure cannot pass a typed error through this initialiser, so it carries the result out.
        var failure: StorageError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(StorageError) {
                try read(
                    into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count]),
                    at: offset)
                filled = count
            } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Writes all of `bytes` at the end of what has been written so far.
    func write(_ bytes: RawSpan) throws(StorageError) {
        var done = 0
        while done < bytes.byteCount {
            let piece = bytes.extracting(done..<min(bytes.byteCount, done + OpenFile.largestPiece))
            let count = retrying { piece.withUnsafeBytes { writeCall(descriptor, $0.baseAddress, $0.count) } }
            guard count >= 0 else { throw .system("write", path) }
            // No file system answers 0 to a write of more than nothing; looping on it would hang.
            guard count > 0 else {
                throw StorageError(operation: "write", path: path, cause: .system(code: ENOSPC))
            }
            done += count
        }
    }

    /// Waits until the contents are on the disk itself.
    func sync() throws(StorageError) {
        #if canImport(Darwin)
            // On macOS `fsync` stops at the drive's cache; where the full sync is not supported, it is what there is.
            if fcntl(descriptor, F_FULLFSYNC) == 0 { return }
        #endif
        guard retrying({ fsync(descriptor) }) == 0 else { throw .system("fsync", path) }
    }

    /// Takes the lock of the open file without waiting; the kernel releases it when the process ends, however it ends.
    func tryLock() throws(StorageError) -> Bool {
        if retrying({ flock(descriptor, LOCK_EX | LOCK_NB) }) == 0 { return true }
        guard errno == EWOULDBLOCK else { throw .system("lock", path) }
        return false
    }

    /// Replaces the contents by a short text (not durable: only for notes such as a lock's owner).
    func replaceContents(_ text: String) throws(StorageError) {
        guard retrying({ ftruncate(descriptor, 0) }) == 0 else { throw .system("truncate", path) }
        try write(Array(text.utf8).span.bytes)
    }

    /// Opens a file for a lock, creating it where needed.
    static func lockFile(_ path: String) throws(StorageError) -> OpenFile {
        OpenFile(path: path, descriptor: try open(path, O_RDWR | O_CREAT | O_NONBLOCK | O_NOFOLLOW, "open the lock"))
    }

    /// Waits until the names in a folder are on the disk.
    static func syncFolder(_ path: String) throws(StorageError) {
        let folder = OpenFile(path: path, descriptor: try open(path, O_RDONLY | O_DIRECTORY, "open the folder"))
        do throws(StorageError) { try folder.sync() } catch {
            // Some network file systems cannot sync a folder and say so; that is no failure of the write.
            guard error.cause == .system(code: EINVAL) else { throw error }
        }
    }
}

/// Names in the file system: plain system calls with typed errors.
package enum FileSystem {
    /// Joins a folder and a name.
    package static func join(_ folder: String, _ name: String) -> String {
        folder.hasSuffix("/") ? folder + name : folder + "/" + name
    }

    /// The folder part of a path; "." for a bare name.
    static func folder(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Renames, replacing what the new name stood for.
    static func rename(_ old: String, to new: String) throws(StorageError) {
        try checkPath(new, "rename")
        guard renameCall(old, new) == 0 else { throw .system("rename", new) }
    }

    /// Creates one folder; false where the name is taken.
    static func createFolder(_ path: String) throws(StorageError) -> Bool {
        try checkPath(path, "create the folder")
        if mkdir(path, 0o777) == 0 { return true }
        guard errno == EEXIST else { throw .system("create the folder", path) }
        return false
    }

    /// Creates a folder and those above it that are missing.
    package static func createFolders(_ path: String) throws(StorageError) {
        if isFolder(path) { return }
        let above = folder(of: path)
        if above != path && above != "." { try createFolders(above) }
        if try !createFolder(path) && !isFolder(path) {
            throw StorageError(operation: "create the folder", path: path, cause: .system(code: ENOTDIR))
        }
    }

    /// Whether the path is a folder, or a link to one.
    package static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Whether anything has this name, a broken link included.
    static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// The names in a folder, sorted by bytes, without "." and "..".
    static func names(in path: String) throws(StorageError) -> [String] {
        try checkPath(path, "list the folder")
        guard let folder = opendir(path) else { throw .system("list the folder", path) }
        defer { closedir(folder) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw .system("list the folder", path) }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Removes a file, or a folder with the files in it (not deeper: nothing here nests).
    static func remove(_ path: String) throws(StorageError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw .system("remove", path) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            guard unlink(path) == 0 else { throw .system("remove", path) }
            return
        }
        for name in try names(in: path) {
            guard unlink(join(path, name)) == 0 else { throw .system("remove", join(path, name)) }
        }
        guard rmdir(path) == 0 else { throw .system("remove", path) }
    }
}

/// A NUL would silently cut the path at the border to C, and name another file than the one checked.
private func checkPath(_ path: String, _ operation: String) throws(StorageError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
        throw StorageError(operation: operation, path: path, cause: .invalid("a path is neither empty nor holds a NUL"))
    }
}

/// Repeats a system call that a signal interrupted.
private func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}

// The members above shadow these names of the C library.
private func openCall(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 { open(path, flags, mode) }
private func writeCall(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
private func renameCall(_ old: String, _ new: String) -> Int32 { rename(old, new) }
