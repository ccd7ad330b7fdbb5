#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A failure of something kept on disk: which operation, on which path, and why.
///
/// Every public function of the storage layer throws this one type, so that a program can print one clear line and
/// exit, and a server can go on.
public struct StorageError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The reason of a failure.
    public enum Cause: Hashable, Sendable {
        /// A system call failed with this `errno` (disk full, no permission, input or output error …).
        case system(code: Int32)
        /// A file does not follow its format.
        case malformed(SafeTensors.FormatError)
        /// A finished file no longer holds what was written: the text says what differs.
        case damaged(String)
        /// Another process (or another part of this one) writes to the same folder.
        case inUse(String)
        /// The target exists already and would have been overwritten.
        case exists
        /// What was asked for is not there.
        case missing(String)
        /// An argument makes no sense: the text says which and why.
        case invalid(String)
        /// The run store's database refused; the text is SQLite's.
        case database(String)
    }

    /// What was being done, in a word or two: "write", "rename", "read the checkpoint".
    public let operation: String
    /// The file or folder it was done to.
    public let path: String
    /// Why it failed.
    public let cause: Cause

    /// Creates an error from its parts.
    public init(operation: String, path: String, cause: Cause) {
        self.operation = operation
        self.path = path
        self.cause = cause
    }

    /// One line: path, operation, reason and, where one is known, what to do.
    public var description: String { "\(path): \(operation): \(reason)" }

    /// The reason alone, without path and operation.
    public var reason: String {
        switch cause {
        case .system(let code):
            let text = "\(String(cString: strerror(code))) (errno \(code))"
            switch code {
            case ENOSPC, EDQUOT: return text + "; free some space and resume: what was saved before is intact"
            case EFBIG: return text + "; the limit on the size of a file is reached (see `ulimit -f`)"
            case EROFS, EACCES, EPERM: return text + "; choose a folder that this user may write to"
            default: return text
            }
        case .malformed(let error): return error.description
        case .damaged(let text), .missing(let text), .invalid(let text), .database(let text): return text
        case .inUse(let text): return "in use: \(text)"
        case .exists: return "exists already, and is not overwritten"
        }
    }

    /// The failure of the system call that was just made, from `errno`.
    static func system(_ operation: String, _ path: String) -> StorageError {
        StorageError(operation: operation, path: path, cause: .system(code: errno))
    }
}
