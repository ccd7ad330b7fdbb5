import FathomData
import FathomTestSupport
import Testing

/// Random damage to good files. Whatever comes of it, a reader must return or throw; a trap ends the test run.
///
/// The longer search by libFuzzer is in the package Fuzz at the root of the repository.
@Suite struct FuzzTests {
    private static func search(
        _ seeds: [[UInt8]], count: Int, _ read: (borrowing RawSpan) throws(FormatError) -> Void
    ) -> (accepted: Int, refused: Int) {
        var generator = SeededGenerator(seed: 2026)
        var accepted = 0
        for index in 0..<count {
            let bytes = damaged(seeds[index % seeds.count], using: &generator)
            do throws(FormatError) {
                try read(bytes.span.bytes)
                accepted += 1
            } catch {
                // The message must be printable as well.
                precondition(!error.description.isEmpty)
            }
        }
        return (accepted, count - accepted)
    }

    private static func seeds(_ suffix: String) throws -> [[UInt8]] {
        try Corpus.names("good").filter { $0.hasSuffix(suffix) && !$0.hasPrefix("long") }.map {
            try Corpus.bytes("good/" + $0)
        }
    }

    @Test func npy() throws {
        let result = Self.search(try Self.seeds(".npy"), count: 20_000) { bytes throws(FormatError) in
            _ = try NPYReader.parse(bytes, file: "f")
            _ = try NPYReader.parseLabels(bytes, file: "f")
        }
        #expect(result.refused > 10_000)
    }

    @Test func npz() throws {
        let result = Self.search(try Self.seeds(".npz"), count: 20_000) { bytes throws(FormatError) in
            _ = try NPZReader.parse(bytes, file: "f")
        }
        #expect(result.refused > 10_000)
    }

    @Test(arguments: [".idx", ".idx.gz"]) func idx(suffix: String) throws {
        let result = Self.search(try Self.seeds(suffix), count: 20_000) { bytes throws(FormatError) in
            _ = try IDXReader.parse(bytes, file: "f")
        }
        #expect(result.refused > 8_000)
        #expect(result.accepted > 10)
    }

    @Test func idxLabels() throws {
        let result = Self.search([try Corpus.bytes("good/labels.idx")], count: 20_000) { bytes throws(FormatError) in
            _ = try IDXReader.parseLabels(bytes, file: "f")
        }
        #expect(result.accepted > 10)
    }

    @Test func cifar() throws {
        let result = Self.search(try Self.seeds(".cifar"), count: 2_000) { bytes throws(FormatError) in
            _ = try CIFARReader.parse(bytes, file: "f")
        }
        #expect(result.accepted > 10)
    }

    @Test(arguments: CSVOptions.Missing.allCases) func csv(missing: CSVOptions.Missing) throws {
        let seeds = [
            "a,b,c\n1,2.5,x\n-3e2,.5,y\n\n7,8,\"z\"\"q\"\n", "1;2\r\n3;4\r\n", "\u{FEFF}p,q\n1,\n,2\n",
            "\"a\nb\",c\n1,2\n",
        ].map { Array($0.utf8) }
        for target: CSVOptions.Column? in [nil, .last, .index(0)] {
            for kind in CSVOptions.ColumnKind.allCases {
                var options = CSVOptions(target: target)
                options.missing = missing
                options.categorical = kind
                let result = Self.search(seeds, count: 2_000) { bytes throws(FormatError) in
                    let table = try CSVReader.parse(bytes, file: "f", options: options)
                    // What is accepted must fit together.
                    precondition(table.inputs.values.count == table.rowCount * table.inputs.rowSize)
                    precondition(table.featureNames.count == table.inputs.rowSize)
                    precondition(table.labels.map { $0.count == table.rowCount } ?? true)
                    precondition(table.labels?.allSatisfy { $0 >= 0 && Int($0) < table.classNames.count } ?? true)
                }
                #expect(result.accepted > 10)
            }
        }
    }

    @Test func tar() throws {
        var header = [UInt8](repeating: 0, count: 512)
        header.replaceSubrange(0..<5, with: "a.bin".utf8)
        header.replaceSubrange(124..<135, with: "00000000012".utf8)
        header[156] = UInt8(ascii: "0")
        let sum = header.reduce(8 * 32) { $0 + Int($1) }
        let octal = String(sum, radix: 8)
        header.replaceSubrange(148..<154, with: (String(repeating: "0", count: 6 - octal.count) + octal).utf8)
        let archive = header + [UInt8](repeating: 7, count: 10) + [UInt8](repeating: 0, count: 502 + 1024)
        let files = try TarReader.files(archive.span.bytes, file: "f", limits: Limits())
        #expect(files == ["a.bin": 512..<522])
        let result = Self.search([archive], count: 20_000) { bytes throws(FormatError) in
            let count = bytes.byteCount
            let files = try TarReader.files(bytes, file: "f", limits: Limits())
            precondition(files.values.allSatisfy { $0.upperBound <= count })
        }
        #expect(result.refused > 1_000)
    }
}
