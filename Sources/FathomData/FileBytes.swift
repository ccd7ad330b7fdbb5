import Foundation

/// Whole files to and from memory.
package enum FileBytes {
    /// Reads a regular file with `pread`. A file that shrinks meanwhile gives an error; a mapped one would end the
    /// process.
    package static func read(_ path: String, limits: Limits) throws(FormatError) -> [UInt8] {
        guard !path.utf8.contains(0) else { throw FormatError(file: path, rule: "a path cannot contain a NUL") }
        // Not blocking, so that a FIFO in place of a file cannot hang the process.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FormatError(file: path, rule: "cannot be opened: \(lastError())") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw FormatError(file: path, rule: "cannot be read: \(lastError())")
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw FormatError(file: path, rule: "is not a regular file") }
        let size = Int(status.st_size)
        guard size <= limits.fileBytes else {
            throw FormatError(
                file: path, rule: "has \(size) bytes, the limit is \(limits.fileBytes)",
                hint: "if you trust the file, raise Limits.fileBytes")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        let chunkSize = 8 << 20
        var failure: String?
        while bytes.count < size, failure == nil {
            let offset = bytes.count
            let wanted = min(chunkSize, size - offset)
            let chunk = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
                let got = pread(descriptor, buffer.baseAddress, wanted, off_t(offset))
                count = max(0, got)
                if got < 0 && errno != EINTR { failure = lastError() }
                if got == 0 { failure = "it became shorter while it was read" }
            }
            bytes.append(contentsOf: chunk)
        }
        if let failure { throw FormatError(file: path, at: .offset(bytes.count), rule: "cannot be read: \(failure)") }
        return bytes
    }

    /// Replaces a file so that, whatever happens, either the old or the new one is there whole: written under a
    /// temporary name in the same folder, synchronised, renamed, and the folder synchronised.
    package static func write(_ bytes: [UInt8], to path: String) throws(DataError) {
        let temporary = temporaryName(beside: path)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .system(path: path, operation: "write", reason: lastError()) }
        do throws(DataError) {
            do throws(DataError) {
                try writeAll(bytes, to: descriptor, path: path)
                guard fsync(descriptor) == 0 else {
                    throw .system(path: path, operation: "synchronise", reason: lastError())
                }
            } catch {
                close(descriptor)
                throw error
            }
            guard close(descriptor) == 0 else { throw .system(path: path, operation: "close", reason: lastError()) }
            try replace(path, by: temporary)
        } catch {
            unlink(temporary)
            throw error
        }
    }

    /// A name that no other writer uses, in the folder of `path`, so that a rename stays on one file system.
    package static func temporaryName(beside path: String) -> String {
        "\(path).\(UInt64.random(in: 0 ... .max)).part"
    }

    /// Writes all bytes with `write`, which reports a full disk instead of ending the process.
    package static func writeAll(_ bytes: [UInt8], to descriptor: Int32, path: String) throws(DataError) {
        var done = 0
        while done < bytes.count {
            let written = bytes.withUnsafeBytes { buffer in
                Foundation.write(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done)
            }
            if written < 0 {
                if errno == EINTR { continue }
                throw .system(path: path, operation: "write", reason: lastError())
            }
            done += written
        }
    }

    /// Renames `temporary` to `path` and synchronises the folder.
    package static func replace(_ path: String, by temporary: String) throws(DataError) {
        guard rename(temporary, path) == 0 else {
            throw .system(path: path, operation: "rename to", reason: lastError())
        }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        // Some file systems cannot synchronise a folder; the file itself is safe by then.
        _ = fsync(descriptor)
        close(descriptor)
    }

    /// The message of `errno`.
    package static func lastError() -> String { String(cString: strerror(errno)) }
}
