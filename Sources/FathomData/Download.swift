import Crypto
import Foundation
import Synchronization

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A file that can be downloaded, with the digest that it must have.
public struct RemoteFile: Hashable, Sendable {
    /// Its name on disk.
    public var name: String
    /// Where it can be had; tried in order.
    public var urls: [String]
    /// The SHA-256 of the file, in hexadecimal.
    public var sha256: String
    /// Its size.
    public var byteCount: Int

    /// Describes a file.
    public init(name: String, urls: [String], sha256: String, byteCount: Int) {
        self.name = name
        self.urls = urls
        self.sha256 = sha256
        self.byteCount = byteCount
    }

    /// Downloads the file into `folder`, unless it is there already, and returns its path.
    ///
    /// The bytes go to a temporary name and take their own only when size and digest are right: a name in the folder
    /// always stands for a whole file. Throws `DataError.checksum` for other content, `DataError.download` when no
    /// address answers, `DataError.system` when it cannot be written, `DataError.cancelled` when the task is.
    ///
    /// - Parameter progress: Called now and then with the bytes had and the bytes in all.
    public func download(
        into folder: String, progress: (@Sendable (Int, Int) -> Void)? = nil
    ) async throws(DataError) -> String {
        let path = URL(fileURLWithPath: folder).appendingPathComponent(name).path
        if FileManager.default.fileExists(atPath: path) { return path }
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw .system(path: folder, operation: "create", reason: "\(error.localizedDescription)")
        }
        var failure = DataError.download(url: name, reason: "no address is known")
        for address in urls {
            do throws(DataError) {
                let temporary = FileBytes.temporaryName(beside: path)
                defer { unlink(temporary) }
                try await Transfer.run(self, from: address, to: temporary, progress: progress)
                try FileBytes.replace(path, by: temporary)
                return path
            } catch {
                // Another address cannot help against a full disk or a user who has changed their mind.
                switch error {
                case .system, .cancelled: throw error
                default: failure = error
                }
            }
        }
        throw failure
    }
}

/// One request whose body goes to a file and through SHA-256 as it arrives.
private final class Transfer: NSObject, URLSessionDataDelegate, Sendable {
    private struct State {
        var hasher = SHA256()
        var count = 0
        var failure: DataError?
        var isCancelled = false
        var continuation: CheckedContinuation<Result<Void, DataError>, Never>?
    }

    private let file: RemoteFile
    private let address: String
    private let descriptor: Int32
    private let progress: (@Sendable (Int, Int) -> Void)?
    private let state = Mutex(State())

    private init(
        _ file: RemoteFile, address: String, descriptor: Int32, progress: (@Sendable (Int, Int) -> Void)?
    ) {
        self.file = file
        self.address = address
        self.descriptor = descriptor
        self.progress = progress
    }

    static func run(
        _ file: RemoteFile, from address: String, to path: String, progress: (@Sendable (Int, Int) -> Void)?
    ) async throws(DataError) {
        guard let url = URL(string: address), url.scheme == "https" || url.scheme == "http" else {
            throw .download(url: address, reason: "not an address of the web")
        }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .system(path: path, operation: "write", reason: FileBytes.lastError())
        }
        defer { close(descriptor) }
        var request = URLRequest(url: url, timeoutInterval: 60)
        // The file itself is compressed; a second layer would be unpacked on the way and change the digest.
        request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
        let transfer = Transfer(file, address: address, descriptor: descriptor, progress: progress)
        let session = URLSession(configuration: .ephemeral, delegate: transfer, delegateQueue: nil)
        defer { session.finishTasksAndInvalidate() }
        let task = session.dataTask(with: request)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isCancelled = transfer.state.withLock { state in
                    if !state.isCancelled {
                        state.continuation = continuation
                        task.resume()
                    }
                    return state.isCancelled
                }
                if isCancelled { continuation.resume(returning: .failure(.cancelled)) }
            }
        } onCancel: {
            // Before the start only the note counts: a task that never ran would never report its end.
            let hasStarted = transfer.state.withLock { state in
                state.isCancelled = true
                return state.continuation != nil
            }
            if hasStarted { task.cancel() }
        }
        try result.get()
        guard fsync(descriptor) == 0 else {
            throw .system(path: path, operation: "synchronise", reason: FileBytes.lastError())
        }
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
        if let status = (response as? HTTPURLResponse)?.statusCode, status != 200 {
            fail(.download(url: address, reason: "the server answers with status \(status)"))
            return completionHandler(.cancel)
        }
        completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        let bytes = [UInt8](data)
        let count = state.withLock { state -> Int? in
            guard state.failure == nil else { return nil }
            guard state.count + bytes.count <= file.byteCount else {
                state.failure = .download(url: address, reason: "more than the expected \(file.byteCount) bytes arrive")
                return nil
            }
            do throws(DataError) {
                try FileBytes.writeAll(bytes, to: descriptor, path: file.name)
            } catch {
                state.failure = error
                return nil
            }
            state.hasher.update(data: bytes)
            state.count += bytes.count
            return state.count
        }
        if let count { progress?(count, file.byteCount) } else { dataTask.cancel() }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        let (continuation, result) = state.withLock { state in
            let continuation = state.continuation
            state.continuation = nil
            return (continuation, Self.result(state, of: file, address: address, error: error))
        }
        continuation?.resume(returning: result)
    }

    private func fail(_ error: DataError) {
        state.withLock { $0.failure = $0.failure ?? error }
    }

    private static func result(
        _ state: State, of file: RemoteFile, address: String, error: (any Error)?
    ) -> Result<Void, DataError> {
        if let failure = state.failure { return .failure(failure) }
        if let error {
            if (error as? URLError)?.code == .cancelled { return .failure(.cancelled) }
            return .failure(.download(url: address, reason: error.localizedDescription))
        }
        guard state.count == file.byteCount else {
            return .failure(
                .download(url: address, reason: "\(state.count) of \(file.byteCount) bytes arrived"))
        }
        let digest = state.hasher.finalize().map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
        guard digest == file.sha256.lowercased() else {
            return .failure(.checksum(file: address, expected: file.sha256, found: digest))
        }
        return .success(())
    }
}
