import Crypto
import FathomTraining
import Foundation

/// Readers of what a run leaves in its folder.
let checkpointReaders: [String: Reader] = [
    "safetensors": { bytes in
        let read = try SafeTensors.decode(bytes)
        for entry in read.entries {
            let count = entry.tensor.shape.reduce(1, *)
            precondition(count * entry.tensor.dtype.byteCount == entry.tensor.bytes.count, "\(entry.name) does not fit")
        }
        // What was read can be written and read again.
        let written = read.encoded()
        let again = try? SafeTensors.decode(written.span.bytes)
        precondition(
            again?.entries.count == read.entries.count && again?.metadata == read.metadata, "does not read back")
    },
    // A manifest ends with its own checksum, which no search would ever hit: the input is what stands before it.
    "manifest": { bytes in
        let body = bytes.withUnsafeBytes { [UInt8]($0) }
        let digest = SHA256.hash(data: body).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        try put(
            body + Array(",\n  \"manifest_sha256\": \"\(digest)\"\n}\n".utf8), at: generation.name + "/manifest.json")
        // There is no state beside it: a sound manifest ends there.
        _ = try store.load(generation)
    },
    "pin": { bytes in
        try put(bytes.withUnsafeBytes { [UInt8]($0) }, at: "best.pin")
        guard let pinned = try store.pinned("best") else { return }
        precondition(pinned.name.hasPrefix("step-") && pinned.step >= 0 && pinned.revision >= 1, "\(pinned)")
    },
]

/// A folder of checkpoints of this process, with one generation.
private let folder: String = {
    let folder = NSTemporaryDirectory() + "fathom-fuzz-\(ProcessInfo.processInfo.processIdentifier)"
    try? FileManager.default.createDirectory(
        atPath: folder + "/step-000000001", withIntermediateDirectories: true)
    return folder
}()

private let store = CheckpointStore(folder: folder)

private let generation: CheckpointStore.Generation = {
    guard let first = try? store.generations().first else { fatalError("\(folder) cannot be written to") }
    return first
}()

private func put(_ bytes: [UInt8], at path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: folder + "/" + path))
}
