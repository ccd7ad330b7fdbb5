import Crypto
import FathomTestSupport
import FathomTraining
import Foundation
import Testing

/// Random damage to what lies beside the tensors of a checkpoint: read as it was, or refused with a reason; a trap ends
/// the test run.
///
/// Damage to the tensors is in `StorageSafeTensorsTests`; the longer search by libFuzzer is in the package Fuzz.
@Suite struct StorageFuzzTests {
    private let folder: ScratchFolder
    private let saved: Checkpoint
    private let generation: CheckpointStore.Generation
    private let words = ["\"", "{", "}", "[", "]", ",", ":", "\\u", "\\", "0", "-1", "1e9", "9223372036854775808", " "]

    private var store: CheckpointStore { CheckpointStore(folder: folder.path) }
    private var manifest: String { store.path(of: generation) + "/manifest.json" }

    init() throws {
        folder = try ScratchFolder()
        let weights = try StoredTensor([Float(1), 2], shape: [2])
        saved = Checkpoint(
            step: 7, state: try SafeTensors([.init("dense.weight", weights)]),
            metadata: ["seed": "7", "note": "some words \"in quotes\" that may well become others", "caf\u{E9}": "\n"])
        generation = try CheckpointWriter(folder: folder.path).save(saved).generation
    }

    @Test func anyChangeOfAManifestShows() throws {
        let whole = try bytes(of: manifest)
        var random = SeededGenerator(state: 3)
        var changed = 0
        for _ in 0..<2000 {
            let text = damaged(whole, words: words, using: &random)
            guard text != whole else { continue }
            changed += 1
            try write(text, to: manifest)
            let error = storageError { try store.load(generation) }
            if case .malformed? = error?.cause { continue }
            Issue.record("taken: \(String(decoding: text, as: UTF8.self))")
        }
        #expect(changed > 1500)
    }

    /// The checksum at the end keeps damage from the parser; made anew, it lets all of it through.
    @Test func manifestsWithTheirChecksum() throws {
        func tail(_ body: [UInt8]) -> [UInt8] {
            let digest = SHA256.hash(data: body).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            return Array(",\n  \"manifest_sha256\": \"\(digest)\"\n}\n".utf8)
        }
        let whole = try bytes(of: manifest)
        let body = Array(whole.dropLast(tail([]).count))
        #expect(body + tail(body) == whole)
        var random = SeededGenerator(state: 5)
        var (refused, read) = (0, 0)
        for _ in 0..<4000 {
            let text = damaged(body, words: words, using: &random)
            try write(text + tail(text), to: manifest)
            do throws(StorageError) {
                let found = try store.load(generation)
                #expect(found.step == saved.step && found.state.entries == saved.state.entries)
                read += 1
            } catch {
                #expect(!error.reason.isEmpty && error.path.hasPrefix(store.path(of: generation)))
                refused += 1
            }
        }
        #expect(refused > 2000 && read > 20, "\(refused) refused, \(read) read")
    }

    @Test func pins() throws {
        let path = folder.file("best.pin")
        let seeds = ["step-000000007\n", "step-000000007-r2\n", "step-1234567890123\n"].map { Array($0.utf8) }
        var random = SeededGenerator(state: 8)
        var (refused, read) = (0, 0)
        for round in 0..<3000 {
            let text = damaged(seeds[round % 3], words: ["-", "r", "0", "9", "+", "\n", "/../"], using: &random)
            try write(text, to: path)
            do throws(StorageError) {
                // One spelling for each generation.
                #expect(try store.pinned("best").map { Array(($0.name + "\n").utf8) } == text)
                read += 1
            } catch {
                #expect(error.path == path && !error.reason.isEmpty)
                refused += 1
            }
        }
        #expect(refused > 1500 && read > 10, "\(refused) refused, \(read) read")
    }
}
