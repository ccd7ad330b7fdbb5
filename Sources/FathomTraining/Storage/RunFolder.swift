import Foundation

/// The folder of a training run, and where its parts lie.
///
/// `config.yaml`, `run.sqlite`, `checkpoints/`, `report.html`. The folder gets its name only when the configuration
/// is in it, so a run that is there can be resumed.
public final class RunFolder: Sendable {
    /// The folder's path.
    public let path: String
    /// Held as long as this value lives: nobody else writes to the run meanwhile.
    private let lock: FolderLock?

    /// The configuration, as the user wrote it.
    public var configurationPath: String { FileSystem.join(path, "config.yaml") }
    /// The database of metrics, observations and verdicts.
    public var databasePath: String { FileSystem.join(path, "run.sqlite") }
    /// The folder of the checkpoints.
    public var checkpointsPath: String { FileSystem.join(path, "checkpoints") }
    /// The report on the finished run.
    public var reportPath: String { FileSystem.join(path, "report.html") }

    private init(path: String, lock: FolderLock?) {
        self.path = path
        self.lock = lock
    }

    /// Creates a run in `parent`, named by the date and `name`, with a number behind where that is taken.
    ///
    /// - Parameters:
    ///   - parent: the folder of all runs; created where needed.
    ///   - name: the user's name for the run; what is unfit for a file name becomes "-".
    ///   - configuration: the text for `config.yaml`, stored byte for byte.
    ///   - date: the time in the name (UTC).
    public static func create(
        in parent: String, name: String, configuration: String, date: Date = Date()
    ) throws(StorageError) -> RunFolder {
        try firstFree(in: parent, name, date) { path throws(StorageError) in
            do throws(StorageError) { return try create(at: path, configuration: configuration) } catch {
                guard error.cause == .exists else { throw error }
                return nil
            }
        }
    }

    /// Creates a run at exactly this path, and opens it for writing.
    ///
    /// - Throws: `.exists` when anything has this name.
    public static func create(at path: String, configuration: String) throws(StorageError) -> RunFolder {
        var path = path
        while path.utf8.count > 1 && path.hasSuffix("/") { path.removeLast() }
        let taken = StorageError(operation: "create a run", path: path, cause: .exists)
        guard !FileSystem.exists(path) else { throw taken }
        let parent = FileSystem.folder(of: path)
        try FileSystem.createFolders(parent)
        let temporary = AtomicFile.temporaryPath(in: parent)
        do throws(StorageError) {
            _ = try FileSystem.createFolder(temporary)
            try AtomicFile.write(configuration, to: FileSystem.join(temporary, "config.yaml"))
        } catch {
            try? FileSystem.remove(temporary)
            throw error
        }
        // A rename never replaces a folder that has something in it, and a run always has.
        do throws(StorageError) { try AtomicFile.publish(temporary, as: path) } catch {
            throw [.system(code: ENOTEMPTY), .system(code: EEXIST), .system(code: ENOTDIR)].contains(error.cause)
                ? taken : error
        }
        return RunFolder(path: path, lock: try FolderLock(folder: path))
    }

    /// Opens a run to go on with it; clears what a killed writer left unfinished.
    ///
    /// - Throws: `.missing` when this is no run, `.inUse` when someone else writes to it.
    public static func resume(_ path: String) throws(StorageError) -> RunFolder {
        try check(path)
        let lock = try FolderLock(folder: path)
        try AtomicFile.removeLeftovers(in: path)
        return RunFolder(path: path, lock: lock)
    }

    /// Opens a run for reading, also while another process writes to it.
    public static func read(_ path: String) throws(StorageError) -> RunFolder {
        try check(path)
        return RunFolder(path: path, lock: nil)
    }

    /// The text of `config.yaml`.
    ///
    /// - Throws: `.invalid` when it is not UTF-8 or longer than 16 MB.
    public func configuration() throws(StorageError) -> String {
        guard let text = String(validating: try AtomicFile.read(configurationPath, limit: 1 << 24), as: UTF8.self)
        else {
            throw StorageError(operation: "read", path: configurationPath, cause: .invalid("not valid UTF-8"))
        }
        return text
    }

    private static func check(_ path: String) throws(StorageError) {
        guard FileSystem.exists(FileSystem.join(path, "config.yaml")) else {
            throw StorageError(
                operation: "open the run", path: path,
                cause: .missing(
                    FileSystem.isFolder(path)
                        ? "this folder is no run: it has no config.yaml" : "there is no such folder"))
        }
    }

    /// Creates an empty folder in `parent`, named as a run would be, and returns its path.
    public static func createEmpty(in parent: String, name: String, date: Date = Date()) throws(StorageError) -> String
    {
        try FileSystem.createFolders(parent)
        return try firstFree(in: parent, name, date) { path throws(StorageError) in
            try FileSystem.createFolder(path) ? path : nil
        }
    }

    /// What `make` makes at the first path that is free: the date and a name, with a number behind where that is taken.
    private static func firstFree<Made>(
        in parent: String, _ name: String, _ date: Date, _ make: (String) throws(StorageError) -> Made?
    ) throws(StorageError) -> Made {
        let base = stamp(date) + "-" + safeName(name)
        for number in 1...10_000 {
            let path = FileSystem.join(parent, number == 1 ? base : "\(base)-\(number)")
            if let made = try make(path) { return made }
        }
        throw StorageError(operation: "create a run", path: FileSystem.join(parent, base), cause: .exists)
    }

    /// A name that is one harmless part of a path: letters, digits, "-", "_" and inner dots, at most 80 bytes.
    ///
    /// `../`, leading dots and dashes, control characters, spaces and signs with a meaning to a shell or to HTML all
    /// become "-".
    public static func safeName(_ name: String) -> String {
        var safe = ""
        for scalar in name.unicodeScalars {
            let isPlain = scalar.properties.isAlphabetic || scalar.properties.numericType == .decimal || scalar == "_"
            let isInnerDot = scalar == "." && !safe.isEmpty && !safe.hasSuffix(".") && !safe.hasSuffix("-")
            if isPlain || isInnerDot {
                safe.unicodeScalars.append(scalar)
            } else if !safe.isEmpty && !safe.hasSuffix("-") {
                safe += "-"
            }
            guard safe.utf8.count <= 80 else {
                safe.unicodeScalars.removeLast()
                break
            }
        }
        while safe.hasSuffix("-") || safe.hasSuffix(".") { safe.unicodeScalars.removeLast() }
        return safe.isEmpty ? "run" : safe
    }

    /// The time as `2026-11-21-143005`.
    private static func stamp(_ date: Date) -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: date)
        func digits(_ value: Int?) -> String { (value ?? 0) < 10 ? "0\(value ?? 0)" : "\(value ?? 0)" }
        return "\(parts.year ?? 0)-\(digits(parts.month))-\(digits(parts.day))-"
            + digits(parts.hour) + digits(parts.minute) + digits(parts.second)
    }
}
