#if os(Linux)
    import Foundation
    import Glibc
    import Testing

    /// What refusing a file costs: hardly any memory, whatever the file claims to hold.
    @Suite struct RefusalTests {
        static let corpus =
            URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
            + "/FathomDataTests/Corpus"

        /// Runs the program to its end: how it ended, and the most memory it had, in KiB.
        static func measure(_ arguments: [String]) throws -> (code: Int32, peak: Int) {
            let words = [try #require(Program.path, "the program is not built")] + arguments
            var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
            defer { pointers.forEach { free($0) } }
            pointers.append(nil)
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            defer { posix_spawn_file_actions_destroy(&actions) }
            for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
                posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
            }
            var process = pid_t()
            try #require(posix_spawn(&process, words[0], &actions, nil, pointers, environ) == 0)
            var (status, usage) = (Int32(0), rusage())
            try #require(wait4(process, &status, 0, &usage) == process)
            // An end by a signal is no exit code.
            return (status & 0x7f == 0 ? (status >> 8) & 0xff : -(status & 0x7f), Int(usage.ru_maxrss))
        }

        @Test func badFilesTakeNoMemory() throws {
            let good = Self.corpus + "/good/"
            let usual = try Self.measure(["data", "show", good + "table.csv"])
            #expect(usual.code == 0)
            var seen = 0
            for name in try FileManager.default.contentsOfDirectory(atPath: Self.corpus + "/bad").sorted() {
                let path = Self.corpus + "/bad/" + name
                // Inputs in a file of their own come with one of targets, which is read first.
                let isPair = !name.hasSuffix(".npz")
                guard [".npz", ".npy", ".idx", ".idx.gz"].contains(where: name.hasSuffix) else { continue }
                let result = try Self.measure(
                    ["data", "show", path] + (isPair ? ["--targets", good + "labels.idx"] : []))
                #expect(result.code == 2, "\(name)")
                let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
                #expect(result.peak <= usual.peak + size / 1024 + (64 << 10), "\(name): \(result.peak) KiB")
                seen += 1
            }
            #expect(seen > 80)
        }
    }
#endif
