import FathomData
import Testing

@Suite struct CSVTests {
    private func parse(
        _ text: String, _ options: CSVOptions = CSVOptions(), limits: Limits = Limits()
    ) throws(FormatError) -> Dataset {
        let bytes = Array(text.utf8)
        return try CSVReader.parse(bytes.span.bytes, file: "t.csv", options: options, limits: limits)
    }

    @Test(
        arguments: [
            ("1,2\n3,4\n", false), ("1,2\r\n3,4\r\n", false), ("\u{FEFF}1,2\n3,4", false), ("a,b\n1,2\n3,4\n", true),
            ("a,b\r\n1,2\r\n3,4", true), ("\"a\",\"b\"\n\"1\",\"2\"\n3,4\n", true), ("\n\na,b\n\n1,2\n\n3,4\n\n", true),
            (" 1 ,\t2\n3, 4 \n", false), ("\u{FEFF}\"a\",b\n1,2\n3,4", true),
        ]) func rowsAndHeader(text: String, hasHeader: Bool) throws
    {
        let table = try parse(text)
        #expect(table.inputs.shape == [2, 2])
        #expect(table.inputs.values == [1, 2, 3, 4])
        #expect(table.featureNames == (hasHeader ? ["a", "b"] : ["column 0", "column 1"]))
        #expect(table.targets == .none)
    }

    /// What stands where, and the line and column (in bytes) that the error must name.
    @Test(
        arguments: [
            ("1,2\n3,1\0\n", 2, 4), ("1,2\n3,nan\n", 2, 3), ("1,2\n3,NaN\n", 2, 3), ("1,2\n3,inf\n", 2, 3),
            ("1,2\n3,0x1.8p1\n", 2, 3), ("1,2\n3,1e400\n", 2, 3), ("1,2\n3,-1e39\n", 2, 3), ("1,2\n3,1_000\n", 2, 3),
            ("1,2\n3,1e\n", 2, 3), ("1,2\n3,.\n", 2, 3), ("1,2\n3,+-1\n", 2, 3), ("1,2\n3,1 2\n", 2, 3),
            ("1,2\n3,٣\n", 2, 3), ("1,2\n3,\n", 2, 3), ("1,2\n,4\n", 2, 1), ("1,2\n3,\"4\n5,6\n", 2, 3),
            ("1,2\n\"3,4\n", 2, 1), ("1,2\n3\n", 2, 1), ("1,2\n3,4,5\n", 2, 5), ("1,2\n3,4\n5,6,\n", 3, 5),
            ("1,2\r3,4\r", 1, 4), ("1,2\n3,4\"\n", 2, 4), ("1,2\n3,\"4\"x\n", 2, 6), ("", 1, 1), ("\n\n", 1, 1),
            ("\u{FEFF}", 1, 1), ("a,b\n\"x\ny\",1\nz,b\n", 4, 3), ("a\nx\n\u{0}\n", 3, 1), ("1,O\n1,2\n2,1O\n", 3, 3),
        ]) func errorsNameLineAndColumn(text: String, line: Int, column: Int)
    {
        let error = #expect(throws: FormatError.self) { try parse(text) }
        #expect(error?.location == .line(line, column: column), "\(String(describing: error))")
        #expect(error?.file == "t.csv")
    }

    @Test func bytesThatAreNoText() {
        for bytes: [UInt8] in [
            [0xFF, 0xFE, 0x31, 0], [0x61, 0x0A, 0x78, 0x0A, 0xFF, 0x0A], [0x61, 0xFF, 0x0A, 0x31],
        ] {
            #expect(throws: FormatError.self) { try CSVReader.parse(bytes.span.bytes, file: "t.csv") }
        }
    }

    @Test func oneColumn() throws {
        #expect(try parse("1\n2\n3").inputs.values == [1, 2, 3])
        // An empty line of a table with one column is a missing value.
        #expect(throws: FormatError.self) { try parse("1\n\n3\n") }
        var options = CSVOptions()
        options.missing = .mean
        #expect(try parse("1\n\n3\n", options).inputs.values == [1, 2, 3])
    }

    @Test func quotes() throws {
        var options = CSVOptions(target: .name("k,\"e\"y"))
        let text = "x,\"k,\"\"e\"\"y\"\n1,\"a \"\"b\"\"\"\n2,\"c\nd\"\n3,\n4,\"\"\"\"\n"
        options.missing = .dropRow
        let table = try parse(text, options)
        #expect(table.classNames == ["\"", "a \"b\"", "c\nd"])
        #expect(table.labels == [1, 2, 0])
        #expect(table.inputs.values == [1, 2, 4])
    }

    @Test func categories() throws {
        let text = "size,colour,y\n1,red,0\n2,blue,1\n3,red,1\n4,\u{00E9},0\n5,e\u{0301},1\n"
        var options = CSVOptions(target: .last)
        let table = try parse(text, options)
        // Sorted by bytes; the two spellings of é stay two.
        #expect(table.inputs.shape == [5, 5])
        #expect(
            table.featureNames.map { Array($0.utf8) }
                == [
                    "size", "colour=blue", "colour=e\u{0301}", "colour=red", "colour=\u{00E9}",
                ].map { Array($0.utf8) })
        #expect(Array(table.inputs.row(0)) == [1, 0, 0, 1, 0])
        #expect(Array(table.inputs.row(4)) == [5, 0, 1, 0, 0])
        #expect(table.labels == [0, 1, 1, 0, 1])

        options.categorical = .codes
        #expect(try parse(text, options).inputs.values == [1, 2, 2, 0, 3, 2, 4, 3, 5, 1])
        options.categorical = .ignored
        #expect(try parse(text, options).inputs.values == [1, 2, 3, 4, 5])
        options.categorical = .numeric
        #expect(throws: FormatError.self) { try parse(text, options) }
        options.categorical = .oneHot
        options.kinds = ["size": .oneHot, "colour": .ignored]
        #expect(try parse(text, options).featureNames == ["size=1", "size=2", "size=3", "size=4", "size=5"])
        options.kinds = ["none": .codes]
        #expect(throws: FormatError.self) { try parse(text, options) }
        var limits = Limits()
        limits.categories = 3
        #expect(throws: FormatError.self) { try parse(text, limits: limits) }
    }

    @Test func targets() throws {
        let text = "a,b\n1,3\n2,1\n3,2\n"
        #expect(try parse(text, CSVOptions(target: .name("a"))).inputs.values == [3, 1, 2])
        #expect(try parse(text, CSVOptions(target: .index(1))).inputs.values == [1, 2, 3])
        var options = CSVOptions(target: .last)
        // 1, 2, 3 are no codes from 0, so they stay numbers unless asked for as classes.
        #expect(try parse(text, options).targets == .values(DataArray(values: [3, 1, 2], shape: [3, 1])))
        options.targetKind = .classes
        #expect(try parse(text, options).targets == .classes(labels: [2, 0, 1], names: ["1", "2", "3"]))
        #expect(try parse("1,2\n1,0\n1,1\n1,-0\n", CSVOptions(target: .last)).labels == [2, 0, 1, 0])
        options.targetKind = .values
        #expect(throws: FormatError.self) { try parse("a,b\n1,x\n", options) }
        for target: CSVOptions.Column in [.index(2), .index(-1), .name("c")] {
            #expect(throws: FormatError.self) { try parse(text, CSVOptions(target: target)) }
        }
        #expect(throws: FormatError.self) { try parse("a,a\n1,2\n", CSVOptions(target: .name("a"))) }
        #expect(throws: FormatError.self) { try parse("a\n1\n", CSVOptions(target: .last)) }
    }

    @Test func missingValues() throws {
        let text = "a,b,c\n1,NA,x\n?,4,y\n5,6,x\n7,9,\n"
        var options = CSVOptions(target: .last)
        options.missingMarkers = ["NA", "?", ""]
        #expect(throws: FormatError.self) { try parse(text, options) }
        options.missing = .dropRow
        let dropped = try parse(text, options)
        #expect(dropped.inputs.values == [5, 6])
        #expect(dropped.classNames == ["x"])
        options.missing = .mean
        #expect(throws: FormatError.self) { try parse(text, options) }
        let filled = try parse("a,b,c\n1,NA,x\n?,4,y\n5,6,x\n", options)
        #expect(filled.inputs.values == [1, 5, 3, 4, 5, 6])
        #expect(throws: FormatError.self) { try parse("a,b\nNA,1\n?,2\n", options) }
        #expect(throws: FormatError.self) { try parse("a,b,c\nNA,1,2\nx,2,3\n", options) }
        options.missing = .dropRow
        #expect(throws: FormatError.self) { try parse("a,b\nNA,1\n?,2\n", options) }
        options.missing = .reject
        options.missingMarkers = []
        #expect(throws: FormatError.self) { try parse("1,2\n,4\n", options) }
    }

    @Test func otherDelimiters() throws {
        var options = CSVOptions()
        for (delimiter, text) in [(";", "1;2\n3;4"), ("\t", "1\t2\n3\t4"), (" ", "1 2\n3 4")] {
            options.delimiter = try #require(delimiter.unicodeScalars.first)
            #expect(try parse(text, options).inputs.values == [1, 2, 3, 4])
        }
        for bad: Unicode.Scalar in ["\"", "\n", "é", "\0"] {
            options.delimiter = bad
            #expect(throws: FormatError.self) { try parse("1,2", options) }
        }
    }

    @Test func aMillionColumns() throws {
        let row = String(repeating: "1,", count: 999_999) + "1\n"
        #expect(try parse(row).inputs.shape == [1, 1_000_000])
        let error = #expect(throws: FormatError.self) { try parse("1," + row) }
        #expect(error?.location == .line(1, column: 2_000_001))
    }

    @Test func identifiersDoNotBecomeGigabytes() throws {
        let text = "id,x\n" + (0..<40_000).map { "id\($0),1\n" }.joined()
        let error = #expect(throws: FormatError.self) { try parse(text) }
        #expect(error?.rule == "40000 rows of 40001 features are more than the limits allow")
        var options = CSVOptions()
        options.categorical = .codes
        #expect(try parse(text, options).inputs.shape == [40_000, 2])
    }

    @Test func endlessQuoteIsFoundInTime() {
        let text = "1,2\n3,\"" + String(repeating: "x,\n", count: 3_000_000)
        let elapsed = ContinuousClock().measure {
            let error = #expect(throws: FormatError.self) { try parse(text) }
            #expect(error?.location == .line(2, column: 3))
        }
        #expect(elapsed < .seconds(1))
    }

    @Test func numbersAreTheNearestFloats() {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<20_000 {
            var digits = ""
            for _ in 0...Int(generator.next(below: 20)) { digits += String(generator.next(below: 10)) }
            let point = Int(generator.next(below: UInt64(digits.count)))
            var text = digits.prefix(point) + "." + digits.dropFirst(point)
            if generator.next(below: 2) == 0 { text += "e\(Int(generator.next(below: 60)) - 30)" }
            if generator.next(below: 2) == 0 { text = "-" + text }
            let bytes = Array(text.utf8)
            let expected = Float(String(text))
            let result = StrictFloat.parse(bytes.span.bytes, 0..<bytes.count)
            #expect(result == expected.map { $0.isFinite ? .value($0) : .outOfRange }, "\(text)")
        }
    }
}
