import FathomTraining
import Foundation
import Testing

private let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Golden/storage").path

/// A file of a header as given and `dataCount` bytes.
private func file(_ header: String, _ dataCount: Int) -> [UInt8] { file(Array(header.utf8), dataCount) }

private func file(_ header: [UInt8], _ dataCount: Int) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: header.count >> ($0 * 8)) } + header
        + (0..<dataCount).map { UInt8(truncatingIfNeeded: $0) }
}

private func tensor(_ shape: String, _ from: String, _ to: String, dtype: String = "F32") -> String {
    "{\"dtype\":\"\(dtype)\",\"shape\":\(shape),\"data_offsets\":[\(from),\(to)]}"
}

/// The compiler crashes where a span of a temporary array is taken inside a larger expression that throws.
private func decode(_ bytes: [UInt8]) throws -> SafeTensors { try SafeTensors.decode(bytes.span.bytes) }

private func rule(_ bytes: [UInt8]) -> SafeTensors.FormatError.Rule? {
    do throws(SafeTensors.FormatError) {
        _ = try SafeTensors.decode(bytes.span.bytes)
        return nil
    } catch {
        #expect(error.offset >= 0 && error.offset <= bytes.count, "\(error)")
        return error.rule
    }
}

struct BadFile: CustomTestStringConvertible, Sendable {
    let name: String
    let bytes: [UInt8]
    let rule: SafeTensors.FormatError.Rule

    var testDescription: String { name }

    init(_ name: String, _ bytes: [UInt8], _ rule: SafeTensors.FormatError.Rule) {
        self.name = name
        self.bytes = bytes
        self.rule = rule
    }

    static let all: [BadFile] = [
        BadFile("no bytes", [], .truncated),
        BadFile("7 bytes", [1, 0, 0, 0, 0, 0, 0], .truncated),
        BadFile("length alone", [2, 0, 0, 0, 0, 0, 0, 0], .headerLength),
        BadFile("length 0", [0, 0, 0, 0, 0, 0, 0, 0], .syntax),
        BadFile("length of ff", [UInt8](repeating: 0xFF, count: 8) + [0x7B, 0x7D], .headerLength),
        BadFile("length 2^63", [0, 0, 0, 0, 0, 0, 0, 0x80, 0x7B, 0x7D], .headerLength),
        BadFile("length 100,000,001", [0x01, 0xE1, 0xF5, 0x05, 0, 0, 0, 0, 0x7B, 0x7D], .headerLength),
        BadFile("bad UTF-8 in a name", file([0x7B, 0x22, 0xC3, 0x28, 0x22, 0x3A], 0), .encoding),
        BadFile("overlong UTF-8", file(Array("{\"".utf8) + [0xC0, 0xAF] + Array("\":{}}".utf8), 0), .encoding),
        BadFile("bad UTF-8 outside of strings", file([0x7B, 0xFF, 0x7D], 0), .syntax),
        BadFile("no JSON", file("hello", 0), .syntax),
        BadFile("an array", file("[]", 0), .syntax),
        BadFile("white space first", file(" {}", 0), .syntax),
        BadFile("object not closed", file("{", 0), .syntax),
        BadFile("comma at the end", file("{\"a\":\(tensor("[1]", "0", "4")),}", 4), .syntax),
        BadFile("text behind", file("{} x", 0), .syntax),
        BadFile("string not closed", file("{\"a", 0), .syntax),
        BadFile("control character", file("{\"a\n\":\(tensor("[1]", "0", "4"))}", 4), .syntax),
        BadFile("half a surrogate", file("{\"\\ud800\":\(tensor("[1]", "0", "4"))}", 4), .encoding),
        BadFile("low surrogate first", file("{\"\\udc00\":\(tensor("[1]", "0", "4"))}", 4), .encoding),
        BadFile("escape cut", file("{\"\\u12", 0), .syntax),
        BadFile("unknown escape", file("{\"\\x41\":1}", 0), .syntax),
        BadFile("100,000 brackets", file("{\"a\":" + String(repeating: "[", count: 100_000), 0), .syntax),
        BadFile("100,000 braces", file(String(repeating: "{\"a\":", count: 100_000), 0), .unknownKey),
        BadFile("shape [2, 2^64-2]", file("{\"a\":\(tensor("[2,18446744073709551614]", "0", "4"))}", 4), .number),
        BadFile("shape [2^32, 2^32]", file("{\"a\":\(tensor("[4294967296,4294967296]", "0", "0"))}", 0), .shape),
        BadFile("shape [2^32, 2^32, 0]", file("{\"a\":\(tensor("[4294967296,4294967296,0]", "0", "0"))}", 0), .shape),
        BadFile("shape [0, 2^32, 2^32]", file("{\"a\":\(tensor("[0,4294967296,4294967296]", "0", "0"))}", 0), .shape),
        BadFile("shape -1", file("{\"a\":\(tensor("[-1]", "0", "4"))}", 4), .number),
        BadFile("shape 1.0", file("{\"a\":\(tensor("[1.0]", "0", "4"))}", 4), .number),
        BadFile("shape 1e2", file("{\"a\":\(tensor("[1e2]", "0", "400"))}", 400), .number),
        BadFile("shape \"2\"", file("{\"a\":\(tensor("[\"2\"]", "0", "8"))}", 8), .number),
        BadFile("shape 01", file("{\"a\":\(tensor("[01]", "0", "4"))}", 4), .number),
        BadFile("shape null", file("{\"a\":\(tensor("null", "0", "4"))}", 4), .syntax),
        BadFile("shape true", file("{\"a\":\(tensor("[true]", "0", "4"))}", 4), .number),
        BadFile("30 digits", file("{\"a\":\(tensor("[1]", "0", String(repeating: "9", count: 30)))}", 4), .number),
        BadFile(
            "33 dimensions",
            file("{\"a\":\(tensor("[\(Array(repeating: "1", count: 33).joined(separator: ","))]", "0", "4"))}", 4),
            .limit),
        BadFile("shape and offsets differ", file("{\"a\":\(tensor("[2]", "0", "4"))}", 4), .offsets),
        BadFile("offsets reversed", file("{\"a\":\(tensor("[1]", "4", "0"))}", 4), .offsets),
        BadFile("one offset", file("{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0]}}", 0), .offsets),
        BadFile("three offsets", file("{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0,0]}}", 0), .limit),
        BadFile("overlap", file("{\"a\":\(tensor("[2]", "0", "8")),\"b\":\(tensor("[2]", "4", "12"))}", 12), .offsets),
        BadFile(
            "twice the same bytes", file("{\"a\":\(tensor("[1]", "0", "4")),\"b\":\(tensor("[1]", "0", "4"))}", 4),
            .offsets),
        BadFile("hole", file("{\"a\":\(tensor("[1]", "0", "4")),\"b\":\(tensor("[1]", "8", "12"))}", 12), .offsets),
        BadFile("hole at the start", file("{\"a\":\(tensor("[1]", "4", "8"))}", 8), .offsets),
        BadFile("bytes behind", file("{\"a\":\(tensor("[1]", "0", "4"))}", 5), .offsets),
        BadFile("data cut", file("{\"a\":\(tensor("[2]", "0", "8"))}", 7), .truncated),
        BadFile("bytes without a tensor", file("{}", 1), .offsets),
        BadFile(
            "duplicate name", file("{\"a\":\(tensor("[1]", "0", "4")),\"a\":\(tensor("[1]", "4", "8"))}", 8),
            .duplicateKey),
        BadFile(
            "duplicate name, escaped",
            file("{\"a\":\(tensor("[1]", "0", "4")),\"\\u0061\":\(tensor("[1]", "4", "8"))}", 8), .duplicateKey),
        BadFile(
            "duplicate member",
            file("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0), .duplicateKey),
        BadFile("duplicate metadata", file("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0), .duplicateKey),
        BadFile("metadata twice", file("{\"__metadata__\":{},\"__metadata__\":{}}", 0), .duplicateKey),
        BadFile("metadata with a number", file("{\"__metadata__\":{\"a\":1}}", 0), .syntax),
        BadFile("missing member", file("{\"a\":{\"dtype\":\"U8\",\"shape\":[0]}}", 0), .missingKey),
        BadFile("unknown type", file("{\"a\":\(tensor("[1]", "0", "4", dtype: "F33"))}", 4), .unknownType),
        BadFile("unknown member", file("{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"x\":[0,0]}}", 0), .unknownKey),
        BadFile(
            "four members", file("{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0],\"x\":1}}", 0), .limit),
    ]
}

@Suite struct StorageSafeTensorsTests {
    static func sample() throws -> SafeTensors {
        try SafeTensors(
            [
                .init("blocks.0.dense.weight", StoredTensor((0..<6).map { Float($0) / 4 }, shape: [2, 3])),
                .init("blocks.0.dense.bias", StoredTensor([-1.5, Float.infinity, Float.nan], shape: [3])),
                .init("step", StoredTensor([Int64(1_234_567_890_123)], shape: [])),
                .init("doubles", StoredTensor([1.0 / 3, -0.0], shape: [2])),
                .init("index", StoredTensor([Int32(-1), 7], shape: [2, 1])),
                .init("bytes", StoredTensor([UInt8(0), 255, 3], shape: [3])),
                .init("empty", StoredTensor([Float](), shape: [0, 3])),
                .init("caf\u{E9} \"\\\n\u{01}\u{7F}/", StoredTensor([Float(1)], shape: [1])),
                .init("cafe\u{301} \"\\\n\u{01}\u{7F}/", StoredTensor([Float(2)], shape: [1])),
            ],
            metadata: ["note": "tab\t, \u{FC}, \u{1F9E0}"])
    }

    @Test func writesTheBytesOfTheReferenceImplementation() throws {
        #expect(try Self.sample().encoded() == bytes(of: golden + "/written.safetensors"))
    }

    @Test func readsWhatTheReferenceImplementationWrote() throws {
        for read in [
            try SafeTensors.read(golden + "/written.safetensors"),
            try decode(bytes(of: golden + "/written.safetensors")),
        ] {
            let sample = try Self.sample()
            #expect(read.entries.count == sample.entries.count)
            #expect(read.metadata == sample.metadata)
            for entry in sample.entries { #expect(read[entry.name] == entry.tensor, "\(entry.name)") }
            // Both spellings are there, and not taken for one.
            #expect(try read["caf\u{E9} \"\\\n\u{01}\u{7F}/"]?.values(as: Float.self) == [1])
            #expect(try read["cafe\u{301} \"\\\n\u{01}\u{7F}/"]?.values(as: Float.self) == [2])
            #expect(read["caf\u{E9}"] == nil)
        }
    }

    @Test func widensSixteenBitFloats() throws {
        let read = try SafeTensors.read(golden + "/read.safetensors")
        #expect(try read["bf16"]?.values(as: Float.self) == [1, -2.5, 3.140625, .infinity, 0x1p-130])
        #expect(try read["f16"]?.values(as: Float.self) == [1, -2.5, 65504, 0x1p-24, -.infinity])
        #expect(try read["flags"]?.values(as: UInt8.self) == [1, 0, 1])
    }

    #if !(os(macOS) && arch(x86_64))
        @Test func widensEveryHalfExactly() throws {
            let data = (0..<65_536).flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
            let header = Array("{\"a\":\(tensor("[65536]", "0", "131072", dtype: "F16"))}".utf8)
            let read = try decode(file(header, 0) + data)
            let values = try #require(try read["a"]?.values(as: Float.self))
            for (pattern, value) in values.enumerated() {
                let expected = Float(Float16(bitPattern: UInt16(pattern)))
                #expect(value == expected && value.sign == expected.sign || value.isNaN && expected.isNaN)
            }
        }
    #endif

    @Test func roundTripsNothing() throws {
        let empty = try SafeTensors([])
        #expect(empty.encoded() == [8, 0, 0, 0, 0, 0, 0, 0] + Array("{}      ".utf8))
        #expect(try decode(empty.encoded()).entries.isEmpty)
    }

    @Test(arguments: 0..<17) func alignsTheDataAndKeepsTheInputOrderOut(_ length: Int) throws {
        let a = SafeTensors.Entry(String(repeating: "a", count: length + 1), try StoredTensor([Float(1)], shape: [1]))
        let b = SafeTensors.Entry("b", try StoredTensor([2.0], shape: [1]))
        let bytes = try SafeTensors([a, b]).encoded()
        #expect(bytes[0] % 8 == 0)
        #expect(bytes == (try SafeTensors([b, a]).encoded()))
    }

    @Test func refusesBadArguments() throws {
        let one = try StoredTensor([Float(1)], shape: [1])
        #expect(throws: StorageError.self) { try SafeTensors([.init("a", one), .init("a", one)]) }
        #expect(throws: StorageError.self) { try SafeTensors([.init("__metadata__", one)]) }
        #expect(throws: StorageError.self) { try StoredTensor([Float(1)], shape: [2]) }
        #expect(throws: StorageError.self) { try StoredTensor([Float](), shape: [-1]) }
        #expect(throws: StorageError.self) { try StoredTensor([Float](), shape: [1 << 40, 1 << 40, 0]) }
        #expect(throws: StorageError.self) { try one.values(as: Int32.self) }
    }

    @Test func acceptsWhatTheBadFilesAreMadeFrom() {
        #expect(rule(file("{\"a\":\(tensor("[1]", "0", "4")),\"b\":\(tensor("[1]", "4", "8"))}", 8)) == nil)
        #expect(rule(file("{\"a\":\(tensor("[]", "0", "4"))} \n\t", 4)) == nil)
        #expect(rule(file("{ \"a\" : \(tensor("[ 0 , 5 ]", "0", "0")) }", 0)) == nil)
        #expect(rule(file("{\"\\ud83e\\udde0\":\(tensor("[1]", "0", "4"))}", 4)) == nil)
        #expect(rule(file("{\"b\":\(tensor("[1]", "0", "4")),\"a\":\(tensor("[0]", "0", "0"))}", 4)) == nil)
    }

    @Test(arguments: BadFile.all) func refuses(_ bad: BadFile) throws {
        #expect(rule(bad.bytes) == bad.rule)
        let folder = try ScratchFolder()
        try write(bad.bytes, to: folder.file("x"))
        let error = storageError { try SafeTensors.read(folder.file("x")) }
        #expect(error?.path == folder.file("x"))
        guard case .malformed(let format) = error?.cause else { throw Missing() }
        #expect(format.rule == bad.rule)
    }

    struct Missing: Error {}

    @Test func refusesAMillionTensorsSoon() {
        let members = (0..<1_000_000).map { "\"\($0)\":\(tensor("[0]", "0", "0"))" }.joined(separator: ",")
        let bytes = file("{\(members)}", 0)
        let start = ContinuousClock.now
        #expect(rule(bytes) == .limit)
        #expect(ContinuousClock.now - start < .seconds(2))
    }

    @Test func boundsTheStrings() {
        let long = String(repeating: "x", count: 40_000_000)
        #expect(rule(file("{\"__metadata__\":{\"a\":\"\(long)\"}}", 0)) == .limit)
        #expect(rule(file("{\"\(long)\":\(tensor("[0]", "0", "0"))}", 0)) == .limit)
    }

    @Test func survivesTwentyThousandMutations() throws {
        var random = SeededGenerator(state: 7)
        let seeds = [try Self.sample().encoded(), try bytes(of: golden + "/read.safetensors")]
        let tokens = [
            "\"", "{", "}", "[", "]", ",", ":", "\\", "\\u", "0", "9223372036854775807", "-", "1e9", "F16", " ",
        ]
        var refused = 0
        for _ in 0..<20_000 {
            var bytes = seeds[Int.random(in: 0..<2, using: &random)]
            let headerEnd = min(bytes.count, 8 + Int(bytes[0]) + Int(bytes[1]) << 8)
            for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
                let position = Int.random(in: 0..<min(bytes.count, headerEnd + 1), using: &random)
                switch Int.random(in: 0..<6, using: &random) {
                case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: bytes[position] = UInt8.random(in: 0...255, using: &random)
                case 2:
                    bytes.removeSubrange(position..<min(bytes.count, position + Int.random(in: 1...9, using: &random)))
                case 3:
                    let token = Array(tokens.randomElement(using: &random)!.utf8)
                    bytes.insert(contentsOf: token, at: position)
                    // Half the time the length still fits, so that the parser goes deeper.
                    if position >= 8, Bool.random(using: &random) { bytes[0] = bytes[0] &+ UInt8(token.count) }
                case 4: bytes.removeLast(min(bytes.count, Int.random(in: 1...50, using: &random)))
                default:
                    let token = Array(tokens.randomElement(using: &random)!.utf8).prefix(bytes.count - position)
                    bytes.replaceSubrange(position..<position + token.count, with: token)
                }
            }
            do throws(SafeTensors.FormatError) {
                let read = try SafeTensors.decode(bytes.span.bytes)
                // What is accepted must be consistent.
                for entry in read.entries {
                    #expect(entry.tensor.shape.reduce(1, *) * entry.tensor.dtype.byteCount == entry.tensor.bytes.count)
                }
            } catch { refused += 1 }
        }
        #expect(refused > 10_000 && refused < 20_000)
    }

    @Test func refusesWhatIsNoRegularFile() throws {
        let folder = try ScratchFolder()
        #expect(mkfifo(folder.file("pipe"), 0o600) == 0)
        for path in [folder.file("pipe"), folder.path, folder.file("missing"), "", folder.path + "/a\0b"] {
            #expect(storageError { try SafeTensors.read(path) }?.path == path)
        }
    }
}
