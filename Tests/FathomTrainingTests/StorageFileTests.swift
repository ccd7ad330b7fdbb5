import FathomTraining
import Foundation
import Testing

@Suite struct StorageFileTests {
    @Test func replacesAFileWhole() throws {
        let folder = try ScratchFolder()
        let path = folder.file("a.txt")
        try AtomicFile.write("old", to: path)
        try AtomicFile.write(String(repeating: "new", count: 100_000), to: path)
        #expect(try AtomicFile.read(path).count == 300_000)
        #expect(folder.names == ["a.txt"])
        #expect(storageError { try AtomicFile.read(path, limit: 299_999) } != nil)
    }

    @Test func leavesNothingBehindOnFailure() throws {
        let folder = try ScratchFolder()
        try AtomicFile.write("old", to: folder.file("plain"))
        try FileManager.default.createDirectory(atPath: folder.file("full/x"), withIntermediateDirectories: true)
        let cases: [(path: String, operation: String, code: Int32)] = [
            (folder.file("full"), "rename", EISDIR),
            (folder.file("missing/a"), "create", ENOENT),
            (folder.file("plain/a"), "create", ENOTDIR),
        ]
        for (path, operation, code) in cases {
            let error = storageError { try AtomicFile.write("new", to: path) }
            #expect(error == StorageError(operation: operation, path: path, cause: .system(code: code)))
            #expect(error.map { "\($0)".contains(path) && "\($0)".contains(operation) } == true)
        }
        #expect(folder.names == ["full", "plain"])
        #expect(try AtomicFile.read(folder.file("plain")) == Array("old".utf8))
    }

    @Test(.enabled(if: geteuid() != 0)) func saysThatAFolderIsReadOnly() throws {
        let folder = try ScratchFolder()
        #expect(chmod(folder.path, 0o500) == 0)
        defer { chmod(folder.path, 0o700) }
        let error = storageError { try AtomicFile.write("new", to: folder.file("a")) }
        #expect(error?.cause == .system(code: EACCES))
    }

    @Test func aFolderHasOneWriter() throws {
        let folder = try ScratchFolder()
        do {
            let first = try FolderLock(folder: folder.path)
            let error = storageError { try FolderLock(folder: folder.path) }
            #expect(error?.cause == .inUse("process \(getpid()) is writing here"))
            withExtendedLifetime(first) {}
        }
        _ = try FolderLock(folder: folder.path)
    }
}

@Suite struct StorageRunFolderTests {
    @Test func createsUniqueFoldersAndKeepsTheTextOfTheConfiguration() throws {
        let folder = try ScratchFolder()
        let text = "a: 1 # caf\u{E9} cafe\u{301}\r\n\tno yaml: [\n"
        let date = Date(timeIntervalSince1970: 1_795_221_005)
        let runs = try (0..<3).map { _ in
            try RunFolder.create(in: folder.file("runs/all"), name: "my run", configuration: text, date: date)
        }
        #expect(
            runs.map { $0.path.split(separator: "/").last.map(String.init) } == [
                "2026-11-21-003005-my-run", "2026-11-21-003005-my-run-2", "2026-11-21-003005-my-run-3",
            ])
        #expect(try AtomicFile.read(runs[0].configurationPath) == Array(text.utf8))
        #expect(try Array(RunFolder.read(runs[0].path).configuration().utf8) == Array(text.utf8))
    }

    @Test func doesNotOverwriteARun() throws {
        let folder = try ScratchFolder()
        let path = folder.file("run")
        do {
            let run = try RunFolder.create(at: path + "/", configuration: "a: 1\n")
            #expect(storageError { try RunFolder.create(at: path, configuration: "a: 2\n") }?.cause == .exists)
            guard case .inUse = storageError({ try RunFolder.resume(path) })?.cause else {
                Issue.record("a second writer was let in")
                return
            }
            #expect(try run.configuration() == "a: 1\n")
        }
        try write([1], to: path + "/.fathom-tmp-1-1")
        let resumed = try RunFolder.resume(path)
        #expect(try resumed.configuration() == "a: 1\n")
        #expect(!FileManager.default.fileExists(atPath: path + "/.fathom-tmp-1-1"))
        #expect(folder.names == ["run"])
        try write([1], to: folder.file("plain"))
        #expect(mkdir(folder.file("empty"), 0o700) == 0)
        for taken in ["plain", "empty"] {
            #expect(storageError { try RunFolder.create(at: folder.file(taken), configuration: "") }?.cause == .exists)
        }
        for other in [folder.path, folder.file("nothing"), folder.file("plain")] {
            guard case .missing = storageError({ try RunFolder.resume(other) })?.cause else {
                Issue.record("\(other) is no run")
                continue
            }
        }
    }

    @Test(arguments: [
        ("plain", "plain"), ("resnet-18_v2.1", "resnet-18_v2.1"), ("../../etc/passwd", "etc-passwd"), ("..", "run"),
        ("", "run"), ("/", "run"), (".hidden", "hidden"), ("-rf", "rf"), ("a..b", "a.-b"), ("a/../b", "a-b"),
        ("</script><img src=x>", "script-img-src-x"), ("a\0b\nc", "a-b-c"), ("gr\u{F6}\u{DF}e", "gr\u{F6}\u{DF}e"),
        ("\u{202E}abc", "abc"), ("$(reboot)`x`;&|*?", "reboot-x"), ("con.", "con"), ("a.-.b", "a.-b"),
    ]) func neutralisesNames(_ name: String, _ expected: String) {
        #expect(RunFolder.safeName(name) == expected)
    }

    @Test func cutsLongNames() {
        #expect(RunFolder.safeName(String(repeating: "x", count: 500)).utf8.count == 80)
        #expect(RunFolder.safeName(String(repeating: "\u{1D54F}", count: 500)).utf8.count == 80)
    }
}
