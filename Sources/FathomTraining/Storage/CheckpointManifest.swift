import Crypto

/// What a finished checkpoint says of itself: `manifest.json`, written last.
///
/// The text is JSON whose last member is the SHA-256 of all the bytes before that member, so that a bit flipped in
/// the manifest shows just as one in the data does.
struct CheckpointManifest: Hashable, Sendable {
    typealias FormatError = SafeTensors.FormatError

    /// A file of the checkpoint.
    struct File: Hashable, Sendable {
        let name: String
        let byteCount: Int
        let sha256: String
    }

    static let fileName = "manifest.json"
    static let formatVersion = 1
    private static let checksumMember = ",\n  \"manifest_sha256\": \""

    let step: Int
    let randomStream: Int
    let files: [File]
    let metadata: [String: String]

    /// The text, the same for the same contents.
    func encoded() -> [UInt8] {
        let files = files.map {
            "    {\"name\": \(StrictJSON.literal($0.name)), \"bytes\": \($0.byteCount), \"sha256\": \"\($0.sha256)\"}"
        }
        let metadata = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            .map { "    \(StrictJSON.literal($0.key)): \(StrictJSON.literal($0.value))" }
        let body = """
            {
              "format": \(Self.formatVersion),
              "step": \(step),
              "random_stream": \(randomStream),
              "files": [
            \(files.joined(separator: ",\n"))
              ],
              "metadata": {
            \(metadata.joined(separator: ",\n"))
              }
            """
        let bytes = Array(body.utf8)
        return bytes + Array((Self.checksumMember + hexadecimal(SHA256.hash(data: bytes)) + "\"\n}\n").utf8)
    }

    init(step: Int, randomStream: Int, files: [File], metadata: [String: String]) {
        self.step = step
        self.randomStream = randomStream
        self.files = files
        self.metadata = metadata
    }

    /// Parses the text and checks its checksum.
    init(_ text: [UInt8]) throws(FormatError) {
        let tailCount = Self.checksumMember.utf8.count + 64 + "\"\n}\n".utf8.count
        guard text.count > tailCount else {
            throw FormatError(rule: .truncated, offset: text.count, detail: "the manifest is cut")
        }
        let body = text.dropLast(tailCount)
        let tail = Self.checksumMember + hexadecimal(SHA256.hash(data: Array(body))) + "\"\n}\n"
        guard text.dropFirst(body.count).elementsEqual(tail.utf8) else {
            throw FormatError(rule: .checksum, offset: body.count, detail: "the manifest's own checksum differs")
        }

        var json = StrictJSON(range: 0..<text.count, stringBudget: 1 << 25)
        var format: Int?
        var step: Int?
        var randomStream: Int?
        var files: [File] = []
        var metadata: [String: String] = [:]
        let span = text.span.bytes
        try json.object(span, limit: 6) { (json, key) throws(FormatError) in
            let start = json.position
            switch String(decoding: key, as: UTF8.self) {
            case "format": format = try json.integer(span)
            case "step": step = try json.integer(span)
            case "random_stream": randomStream = try json.integer(span)
            case "files":
                try json.list("[", "]", span) { (json) throws(FormatError) in
                    files.append(try Self.file(&json, span))
                }
            case "metadata": metadata = try json.dictionary(span, limit: 100_000)
            case "manifest_sha256": _ = try json.string(span)
            default: throw json.failure(.unknownKey, "unknown member \(show(key))", at: start)
            }
        }
        guard format == Self.formatVersion else {
            throw json.failure(.version, "format \(format ?? 0); this program reads \(Self.formatVersion)", at: 0)
        }
        guard let step, let randomStream else {
            throw json.failure(.missingKey, "step or random_stream is missing", at: 0)
        }
        self.init(step: step, randomStream: randomStream, files: files, metadata: metadata)
    }

    private static func file(_ json: inout StrictJSON, _ text: RawSpan) throws(FormatError) -> File {
        var name: String?
        var byteCount: Int?
        var sha256: String?
        let start = json.position
        try json.object(text, limit: 3) { (json, key) throws(FormatError) in
            switch String(decoding: key, as: UTF8.self) {
            case "name": name = try json.text(text)
            case "bytes": byteCount = try json.integer(text)
            case "sha256": sha256 = try json.text(text)
            default: throw json.failure(.unknownKey, "unknown member \(show(key))")
            }
        }
        guard let name, let byteCount, let sha256 else {
            throw json.failure(.missingKey, "a file needs name, bytes and sha256", at: start)
        }
        return File(name: name, byteCount: byteCount, sha256: sha256)
    }
}

/// Lower-case hexadecimal digits of a digest.
func hexadecimal(_ digest: SHA256Digest) -> String {
    digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
