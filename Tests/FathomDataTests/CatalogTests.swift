import Crypto
import FathomData
import Foundation
import Synchronization
import Testing

@Suite struct CatalogTests {
    @Test func namesAreUniqueAndKnown() throws {
        let names = DatasetCatalog.entries.map(\.name)
        #expect(Set(names).count == names.count)
        for name in ["digits", "iris", "mnist", "fashion-mnist", "cifar10", "xor", "spirals"] {
            let entry = try DatasetCatalog.entry(named: name)
            #expect(!entry.summary.isEmpty && !entry.licence.isEmpty && !entry.source.isEmpty)
        }
        #expect(try DatasetCatalog.entry(named: "mnist").downloadSize == 11_594_722)
        #expect(throws: DataError.unknownDataset(name: "mist", known: names)) { try DatasetCatalog.load("mist") }
    }

    @Test func missingFilesAreSaidWithTheFoldersSearched() throws {
        var options = DatasetCatalog.Options()
        options.cacheFolder = "/nonexistent/cache"
        options.systemFolders = ["/nonexistent/system"]
        for name in ["mnist", "cifar10"] {
            let error = DataError.notFound(
                dataset: name, searched: ["/nonexistent/cache/\(name)", "/nonexistent/system/\(name)"])
            #expect(throws: error) { try DatasetCatalog.load(name, options: options) }
        }
        options.path = "/nonexistent/mine"
        #expect(throws: DataError.notFound(dataset: "mnist", searched: ["/nonexistent/mine"])) {
            try DatasetCatalog.load("mnist", options: options)
        }
    }

    /// Writes a small set in the layout of MNIST.
    private func writeImages(to folder: String, images: Int, labels: Int) throws {
        for part in ["train", "t10k"] {
            let header: [UInt8] = [0, 0, 8, 3, 0, 0, 0, UInt8(images), 0, 0, 0, 2, 0, 0, 0, 3]
            let pixels = [UInt8](repeating: 255, count: images * 6)
            try Data(header + pixels).write(to: URL(fileURLWithPath: folder + "/\(part)-images-idx3-ubyte"))
            let labelHeader: [UInt8] = [0, 0, 8, 1, 0, 0, 0, UInt8(labels)]
            try Data(labelHeader + [UInt8](repeating: 7, count: labels))
                .write(to: URL(fileURLWithPath: folder + "/\(part)-labels-idx1-ubyte"))
        }
    }

    @Test func unpackedFilesAreRead() throws {
        let folder = try TemporaryFolder()
        var options = DatasetCatalog.Options()
        options.path = folder.path
        try writeImages(to: folder.path, images: 4, labels: 4)
        let split = try DatasetCatalog.load("mnist", options: options)
        #expect(split.train.inputs.shape == [4, 2, 3, 1])
        #expect(split.train.inputs.values.allSatisfy { $0 == 1 })
        #expect(split.train.labels == [7, 7, 7, 7])
        try writeImages(to: folder.path, images: 4, labels: 3)
        let error = #expect(throws: DataError.self) { try DatasetCatalog.load("mnist", options: options) }
        #expect(error?.description.contains("3 labels for 4 images") == true)
    }

    @Test func cacheComesBeforeTheSystem() throws {
        let cache = try TemporaryFolder()
        let system = try TemporaryFolder()
        var options = DatasetCatalog.Options()
        options.cacheFolder = cache.path
        options.systemFolders = [system.path]
        for (folder, images) in [(system, 5), (cache, 3)] {
            let own = folder.path + "/fashion-mnist"
            try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
            try writeImages(to: own, images: images, labels: images)
            #expect(try DatasetCatalog.load("fashion-mnist", options: options).train.rowCount == images)
        }
    }

    @Test func cifarFilesAreRead() throws {
        let folder = try TemporaryFolder()
        var options = DatasetCatalog.Options()
        options.path = folder.path
        options.scaled = false
        for (index, name) in ((1...5).map { "data_batch_\($0).bin" } + ["test_batch.bin"]).enumerated() {
            let record = [UInt8(index)] + [UInt8](repeating: UInt8(index * 10), count: 3072)
            try Data(record).write(to: URL(fileURLWithPath: folder.path + "/" + name))
        }
        let split = try DatasetCatalog.load("cifar10", options: options)
        #expect(split.train.labels == [0, 1, 2, 3, 4])
        #expect(split.test.labels == [5])
        #expect(Array(split.train.inputs.row(4).prefix(2)) == [40, 40])
    }

    @Test(arguments: ["gnu", "pax"]) func cifarArchiveIsRead(kind: String) throws {
        var options = DatasetCatalog.Options()
        options.path = Corpus.folder + "/archive-" + kind
        options.scaled = false
        let split = try DatasetCatalog.load("cifar10", options: options)
        #expect(split.train.labels == [1, 2, 3, 4, 5])
        #expect(split.test.labels == [6])
        #expect(split.test.inputs.shape == [1, 32, 32, 3])
        #expect(split.test.inputs.values.allSatisfy { $0 == 60 })
    }
}

@Suite struct DownloadTests {
    private static let body = [UInt8]("seven lines of data\n".utf8)

    private func digest(_ bytes: [UInt8]) -> String {
        SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()
    }

    private func file(_ urls: [String]) -> RemoteFile {
        RemoteFile(name: "f.bin", urls: urls, sha256: digest(Self.body), byteCount: Self.body.count)
    }

    private func response(_ body: [UInt8], status: String = "200 OK", length: Int? = nil) -> [UInt8] {
        Array("HTTP/1.1 \(status)\r\nContent-Length: \(length ?? body.count)\r\nConnection: close\r\n\r\n".utf8) + body
    }

    @Test func verifiedFileGetsItsName() async throws {
        let server = try LocalServer(["/f": response(Self.body)])
        let folder = try TemporaryFolder()
        let seen = Mutex(0)
        let path = try await file([server.url("/f")]).download(into: folder.path + "/new") { had, _ in
            seen.withLock { $0 = had }
        }
        #expect(path == folder.path + "/new/f.bin")
        #expect([UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) == Self.body)
        #expect(seen.withLock { $0 } == Self.body.count)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/new") == ["f.bin"])
        // The second time nothing is asked for.
        _ = try await file(["http://127.0.0.1:1/none"]).download(into: folder.path + "/new")
        #expect(server.requestCount == 1)
    }

    @Test(arguments: ["wrong", "short", "long", "cut", "missing", "refused", "scheme"])
    func badAnswersLeaveNothing(kind: String) async throws {
        var wrong = Self.body
        wrong[3] ^= 1
        let server = try LocalServer([
            "/wrong": response(wrong), "/short": response(Array(Self.body.dropLast())),
            "/long": response(Self.body + [0]), "/cut": response(Array(Self.body.prefix(5)), length: Self.body.count),
            "/missing": response(Self.body, status: "404 Not Found"),
        ])
        let folder = try TemporaryFolder()
        let url =
            switch kind {
            case "refused": "http://127.0.0.1:1/f"
            case "scheme": "file:///etc/passwd"
            default: server.url("/" + kind)
            }
        let error = await #expect(throws: DataError.self) { try await file([url]).download(into: folder.path) }
        switch error {
        case .checksum(let name, let expected, let found):
            #expect(kind == "wrong")
            #expect(name == url && expected == digest(Self.body) && found == digest(wrong))
        case .download(let address, let reason):
            #expect(kind != "wrong")
            #expect(address == url && !reason.isEmpty)
        default: Issue.record("\(String(describing: error))")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }

    @Test func theNextAddressIsTried() async throws {
        var wrong = Self.body
        wrong[0] ^= 1
        let server = try LocalServer(["/bad": response(wrong), "/good": response(Self.body)])
        let folder = try TemporaryFolder()
        let path = try await file([server.url("/none"), server.url("/bad"), server.url("/good")])
            .download(into: folder.path)
        #expect([UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) == Self.body)
    }

    @Test func cancellingStops() async throws {
        // Promises a body and never sends it.
        let server = try LocalServer(["/slow": response([], length: Self.body.count)], closes: false)
        let folder = try TemporaryFolder()
        let file = file([server.url("/slow")])
        let path = folder.path
        let task = Task { try await file.download(into: path) }
        while server.requestCount == 0 { try await Task.sleep(for: .milliseconds(10)) }
        task.cancel()
        await #expect(throws: DataError.cancelled) { try await task.value }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }

    @Test func cancellingBeforeTheStart() async throws {
        let file = file(["http://127.0.0.1:1/f"])
        let folder = try TemporaryFolder()
        let path = folder.path
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await file.download(into: path)
        }
        await #expect(throws: DataError.cancelled) { try await task.value }
    }

    @Test func folderThatCannotBeWritten() async throws {
        let server = try LocalServer(["/f": response(Self.body)])
        let error = await #expect(throws: DataError.self) {
            try await file([server.url("/f")]).download(into: "/dev/null/folder")
        }
        guard case .system = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}

/// Answers requests on 127.0.0.1 with prepared bytes, by path.
final class LocalServer: Sendable {
    /// Shared with the thread, which alone closes the listener: a number closed by another would soon be that of
    /// another test's server.
    private final class State: Sendable {
        let requests = Mutex(0)
        let isStopped = Mutex(false)
    }

    private let port: UInt16
    private let state = State()

    init(_ answers: [String: [UInt8]], closes: Bool = true) throws {
        let listener = Self.makeSocket()
        var address = Self.loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 8) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        guard bound else { throw DataError.system(path: "127.0.0.1", operation: "listen on", reason: "refused") }
        let thread = Thread { [state] in
            defer { close(listener) }
            while true {
                let connection = accept(listener, nil, nil)
                if connection < 0 || state.isStopped.withLock({ $0 }) {
                    if connection >= 0 { close(connection) }
                    return
                }
                Self.answer(connection, answers)
                state.requests.withLock { $0 += 1 }
                if closes { close(connection) }
            }
        }
        thread.start()
    }

    deinit {
        state.isStopped.withLock { $0 = true }
        // Wakes the thread.
        let connection = Self.makeSocket()
        var address = Self.loopback(port: port)
        _ = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        close(connection)
    }

    private static func makeSocket() -> Int32 {
        #if canImport(Darwin)
            return socket(AF_INET, SOCK_STREAM, 0)
        #else
            return socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #endif
    }

    private static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return address
    }

    private static func answer(_ connection: Int32, _ answers: [String: [UInt8]]) {
        var request = ""
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !request.hasSuffix("\r\n\r\n") {
            let count = read(connection, &buffer, buffer.count)
            guard count > 0 else { break }
            request += String(decoding: buffer[..<count], as: UTF8.self)
        }
        let path = request.split(separator: " ").dropFirst().first ?? ""
        let answer = answers[String(path)] ?? Array("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".utf8)
        #if canImport(Darwin)
            let flags: Int32 = 0
        #else
            let flags = Int32(MSG_NOSIGNAL)
        #endif
        _ = answer.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, flags) }
    }

    var requestCount: Int { state.requests.withLock { $0 } }

    func url(_ path: String) -> String { "http://127.0.0.1:\(port)\(path)" }
}
