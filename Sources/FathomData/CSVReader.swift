import Foundation

/// Reads tables of numbers and categories.
///
/// Numbers are plain decimals: no "nan", no hexadecimal, nothing outside the range of Float. Every row must have as
/// many fields as the first. A column whose first value is a number must hold only numbers, so that a typing error is
/// an error and not a category. Errors name line and column (in bytes, both from 1).
///
/// The file is read in two passes over its bytes: the first checks everything and takes little memory, the second
/// fills the arrays.
public enum CSVReader {
    /// Reads a file.
    public static func read(
        path: String, options: CSVOptions = CSVOptions(), limits: Limits = Limits()
    ) throws(FormatError) -> Dataset {
        var bytes = try FileBytes.read(path, limits: limits)
        if Inflate.isGzip(bytes.span.bytes) {
            let limit = limits.unpackedBytes(from: bytes.count)
            bytes = try Inflate.unpacked(bytes.span.bytes, wrapping: .gzip, file: path, limit: limit)
        }
        return try parse(bytes.span.bytes, file: path, options: options, limits: limits)
    }

    /// Reads bytes in memory; `file` names them in errors.
    public static func parse(
        _ bytes: RawSpan, file: String, options: CSVOptions = CSVOptions(), limits: Limits = Limits()
    ) throws(FormatError) -> Dataset {
        var table = try CSVTable(bytes, file: file, options: options, limits: limits)
        try table.check(bytes)
        return try table.dataset(bytes)
    }
}

/// What is known of a table while it is read.
private struct CSVTable {
    /// A column in few bytes, because there may be a million.
    struct Column {
        /// Nil until the first value.
        var kind: CSVOptions.ColumnKind?
        /// Number of its categories in `categories`.
        var categories: Int32 = -1
        /// It is left out because the caller said so, whatever it holds.
        var isIgnoredByName = false
        /// Where its name stands; negative without header.
        var nameStart = -1
        var nameCount: Int32 = 0
        var nameHasEscapes = false
    }

    /// The distinct texts of a column, by bytes: Swift's strings would merge different spellings of one character.
    struct Categories {
        var codes: [[UInt8]: Int32] = [:]

        /// Renumbers in the order of the bytes, so that the codes do not depend on the order of the rows.
        mutating func sort() -> [[UInt8]] {
            let ordered = codes.keys.sorted { $0.lexicographicallyPrecedes($1) }
            for (code, key) in ordered.enumerated() { codes[key] = Int32(code) }
            return ordered
        }
    }

    let file: String
    let options: CSVOptions
    let limits: Limits
    var start: CSVScanner
    let markers: Set<[UInt8]>
    let longestMarker: Int
    var columns: [Column] = []
    var categories: [Categories] = []
    var categoryCount = 0
    var target: Int?
    /// The distinct values of a numeric target, as long as they may be classes.
    var targetClasses: Set<Float>? = []
    var rowCount = 0
    var sums: [Double] = []
    var counts: [Int] = []

    init(_ bytes: RawSpan, file: String, options: CSVOptions, limits: Limits) throws(FormatError) {
        self.file = file
        self.options = options
        self.limits = limits
        markers = Set(options.missingMarkers.map { Array($0.utf8) })
        longestMarker = markers.map(\.count).max() ?? -1
        guard options.delimiter.isASCII, !"\"\r\n\0".unicodeScalars.contains(options.delimiter) else {
            throw FormatError(
                file: file, rule: "the delimiter must be one ASCII character other than quote and line end")
        }
        var scanner = try CSVScanner(
            bytes, file: file, delimiter: UInt8(ascii: options.delimiter), fieldLimit: limits.fieldBytes)
        scanner.skipBlankLines(bytes)
        start = scanner
        guard !scanner.isAtEnd(bytes) else {
            throw FormatError(file: file, at: .line(1, column: 1), rule: "the file is empty")
        }
        let hasHeader = try readFirstRecords(bytes, &scanner)
        if hasHeader { start = scanner }
        try resolveColumns(bytes, hasHeader: hasHeader)
    }

    /// Reads the first record into `columns`, leaving the scanner behind it, and says whether it is a header.
    private mutating func readFirstRecords(_ bytes: RawSpan, _ scanner: inout CSVScanner) throws(FormatError) -> Bool {
        var isText: [Bool] = []
        var ended = false
        while !ended {
            let field = try scanner.next(bytes)
            guard columns.count < limits.columns else {
                throw FormatError(
                    file: file, at: field.location, rule: "more than \(limits.columns) columns",
                    hint: "is the delimiter right?")
            }
            columns.append(
                Column(
                    nameStart: field.range.lowerBound, nameCount: Int32(truncatingIfNeeded: field.range.count),
                    nameHasEscapes: field.hasEscapes))
            isText.append(!isMissing(bytes, field) && StrictFloat.parse(bytes, field.range) == .invalid)
            ended = field.endsRecord
        }
        switch options.header {
        case .present: return true
        case .absent: return false
        case .automatic: break
        }
        if !isText.contains(false) { return true }
        guard isText.contains(true) else { return false }
        var ahead = scanner
        if columns.count > 1 { ahead.skipBlankLines(bytes) }
        guard !ahead.isAtEnd(bytes) else { return false }
        var index = 0
        ended = false
        while !ended, index < columns.count {
            let field = try ahead.next(bytes)
            if isText[index], case .value = StrictFloat.parse(bytes, field.range) { return true }
            ended = field.endsRecord
            index += 1
        }
        return false
    }

    private mutating func resolveColumns(_ bytes: RawSpan, hasHeader: Bool) throws(FormatError) {
        if !hasHeader { for index in columns.indices { columns[index].nameStart = -1 } }
        switch options.target {
        case nil: target = nil
        case .last: target = columns.count - 1
        case .index(let index):
            guard columns.indices.contains(index) else {
                throw FormatError(
                    file: file, at: .line(1, column: 1),
                    rule: "there is no column \(index) for the target; there are \(columns.count), counted from 0")
            }
            target = index
        case .name(let name): target = try column(named: name, bytes)
        }
        for (name, kind) in options.kinds {
            let index = try column(named: name, bytes)
            guard index != target else { continue }
            columns[index].kind = kind
            columns[index].isIgnoredByName = kind == .ignored
        }
        if options.missing == .mean {
            sums = [Double](repeating: 0, count: columns.count)
            counts = [Int](repeating: 0, count: columns.count)
        }
    }

    private func nameBytes(_ bytes: RawSpan, _ column: Column, _ index: Int) -> [UInt8] {
        guard column.nameStart >= 0 else { return Array("column \(index)".utf8) }
        let range = column.nameStart..<column.nameStart + Int(column.nameCount)
        return CSVScanner.content(bytes, range, hasEscapes: column.nameHasEscapes)
    }

    private func column(named name: String, _ bytes: RawSpan) throws(FormatError) -> Int {
        let wanted = Array(name.utf8)
        var found: Int?
        for (index, column) in columns.enumerated() {
            guard nameBytes(bytes, column, index) == wanted else { continue }
            guard found == nil else {
                throw FormatError(
                    file: file, at: .line(1, column: 1), rule: "two columns are called \"\(name.escapedForDisplay)\"",
                    hint: "name the target by its number")
            }
            found = index
        }
        guard let found else {
            throw FormatError(
                file: file, at: .line(1, column: 1), rule: "no column is called \"\(name.escapedForDisplay)\"",
                hint: columns[0].nameStart < 0 ? "the file has no header; columns are called \"column 0\", …" : nil)
        }
        return found
    }

    private func isMissing(_ bytes: RawSpan, _ field: CSVScanner.Field) -> Bool {
        field.range.count <= longestMarker && markers.contains(field.content(bytes))
    }

    /// A field of a row, judged.
    private enum Value {
        case number(Float)
        case text
        case missing
        case ignored
    }

    private mutating func value(_ bytes: RawSpan, _ field: CSVScanner.Field, column: Int) throws(FormatError) -> Value {
        if columns[column].kind == .ignored { return .ignored }
        if isMissing(bytes, field) {
            switch options.missing {
            case .reject:
                throw FormatError(
                    file: file, at: field.location, rule: "the value is missing",
                    hint: "drop such rows or fill in the mean, by the option for missing values")
            case .dropRow: return .ignored
            case .mean:
                let kind = columns[column].kind
                guard column != target, kind != .oneHot, kind != .codes else {
                    throw FormatError(
                        file: file, at: field.location, rule: "a category or target is missing, which has no mean",
                        hint: "drop such rows instead")
                }
                return .missing
            }
        }
        let isCategorical = columns[column].kind.map { $0 != .numeric }
        if isCategorical == true { return .text }
        switch StrictFloat.parse(bytes, field.range) {
        case .value(let number):
            if isCategorical == nil { columns[column].kind = .numeric }
            return .number(number)
        case .outOfRange:
            throw FormatError(file: file, at: field.location, rule: "the number is outside the range of Float")
        case .invalid:
            guard isCategorical == nil, column == target || options.categorical != .numeric else {
                throw notANumber(bytes, field)
            }
            if column == target, options.targetKind == .values { throw notANumber(bytes, field) }
            let kind = column == target ? .codes : options.categorical
            guard options.missing != .mean || rowCount == 0 || kind == .ignored else {
                throw FormatError(
                    file: file, at: field.location, rule: "a column of text had missing values, which have no mean",
                    hint: "drop such rows instead")
            }
            columns[column].kind = kind
            return options.categorical == .ignored && column != target ? .ignored : .text
        }
    }

    private func notANumber(_ bytes: RawSpan, _ field: CSVScanner.Field) -> FormatError {
        let text = String(decoding: field.content(bytes).prefix(40), as: UTF8.self)
        return FormatError(
            file: file, at: field.location, rule: "\"\(text.escapedForDisplay)\" is not a number",
            hint: "if it marks a missing value, name it among the missing markers")
    }

    /// True when the record at the scanner is to be left out because of a missing value.
    private func isDropped(_ bytes: RawSpan, _ scanner: CSVScanner) throws(FormatError) -> Bool {
        guard options.missing == .dropRow else { return false }
        var ahead = scanner
        for column in columns {
            let field = try ahead.next(bytes)
            if isMissing(bytes, field) && !column.isIgnoredByName { return true }
            if field.endsRecord { return false }
        }
        return false
    }

    /// Walks over all rows that are kept; `body` gets each field with its column, `endRow` is called after each row.
    private mutating func forEachRow(
        _ bytes: RawSpan,
        _ body: (inout CSVTable, CSVScanner.Field, Int) throws(FormatError) -> Void,
        endRow: (inout CSVTable) throws(FormatError) -> Void
    ) throws(FormatError) {
        var scanner = start
        while true {
            if columns.count > 1 { scanner.skipBlankLines(bytes) }
            guard !scanner.isAtEnd(bytes) else { return }
            let isDropped = try isDropped(bytes, scanner)
            var index = 0
            var ended = false
            while !ended {
                let field = try scanner.next(bytes)
                ended = field.endsRecord
                guard index < columns.count, !ended || index == columns.count - 1 else {
                    let more = index >= columns.count ? "more than" : "\(index + 1) of"
                    throw FormatError(
                        file: file, at: field.location, rule: "the row has \(more) \(columns.count) fields",
                        hint: "is a delimiter or a quote missing or too much?")
                }
                if !isDropped { try body(&self, field, index) }
                index += 1
            }
            if !isDropped { try endRow(&self) }
        }
    }

    /// First pass: every rule is checked, rows, categories and means are counted.
    mutating func check(_ bytes: RawSpan) throws(FormatError) {
        try forEachRow(bytes) { (table, field, column) throws(FormatError) in
            switch try table.value(bytes, field, column: column) {
            case .number(let number):
                if table.options.missing == .mean {
                    table.sums[column] += Double(number)
                    table.counts[column] += 1
                }
                if column == table.target { table.noteTarget(number) }
            case .text: try table.noteCategory(bytes, field, column: column)
            case .missing, .ignored: break
            }
        } endRow: { table throws(FormatError) in
            table.rowCount += 1
        }
        guard rowCount > 0 else {
            throw FormatError(
                file: file, rule: "there are no rows" + (options.missing == .dropRow ? " without missing values" : ""))
        }
        for index in columns.indices where options.missing == .mean && columns[index].kind == nil {
            throw FormatError(file: file, rule: "column \(index) has no value at all, so no mean to fill in")
        }
        if let target, columns[target].kind == .numeric, options.targetKind == .classes, targetClasses == nil {
            throw FormatError(file: file, rule: "the target has more than 1000 distinct numbers; they are no classes")
        }
    }

    private mutating func noteTarget(_ number: Float) {
        let isCode = number >= 0 && number < 1000 && number == number.rounded()
        if options.targetKind == .values || (options.targetKind == .automatic && !isCode) { targetClasses = nil }
        targetClasses?.insert(number == 0 ? 0 : number)
        if let count = targetClasses?.count, count > 1000 { targetClasses = nil }
    }

    private mutating func noteCategory(
        _ bytes: RawSpan, _ field: CSVScanner.Field, column: Int
    ) throws(FormatError) {
        if columns[column].categories < 0 {
            columns[column].categories = Int32(categories.count)
            categories.append(Categories())
        }
        let set = Int(columns[column].categories)
        let key = field.content(bytes)
        guard categories[set].codes[key] == nil else { return }
        guard String(validating: key, as: UTF8.self) != nil else {
            throw FormatError(file: file, at: field.location, rule: "the text is not UTF-8", hint: "convert the file")
        }
        categoryCount += 1
        guard categoryCount <= limits.categories else {
            throw FormatError(
                file: file, at: field.location, rule: "more than \(limits.categories) distinct texts",
                hint: "ignore columns of free text or identifiers")
        }
        categories[set].codes[key] = Int32(categories[set].codes.count)
    }

    /// Second pass: fills the arrays.
    mutating func dataset(_ bytes: RawSpan) throws(FormatError) -> Dataset {
        let names = categories.indices.map { categories[$0].sort() }
        let layout = try layOut(names, bytes)
        var inputs: [Float] = []
        inputs.reserveCapacity(rowCount * layout.width)
        var codes: [Int32] = []
        var numbers: [Float] = []
        var row = [Float](repeating: 0, count: layout.width)
        var targetCode: Int32 = 0
        var targetNumber: Float = 0
        try forEachRow(bytes) { (table, field, column) throws(FormatError) in
            let feature = layout.firstFeature[column]
            switch try table.value(bytes, field, column: column) {
            case .number(let number):
                if column == table.target { targetNumber = number } else { row[feature] = number }
            case .text:
                let code = table.categories[Int(table.columns[column].categories)].codes[field.content(bytes)] ?? 0
                if column == table.target {
                    targetCode = code
                } else if table.columns[column].kind == .oneHot {
                    row[feature + Int(code)] = 1
                } else {
                    row[feature] = Float(code)
                }
            case .missing: row[feature] = Float(table.sums[column] / Double(max(1, table.counts[column])))
            case .ignored: break
            }
        } endRow: { table throws(FormatError) in
            inputs.append(contentsOf: row)
            if table.target != nil {
                codes.append(targetCode)
                numbers.append(targetNumber)
            }
            for index in row.indices { row[index] = 0 }
        }
        return Dataset(
            unchecked: URL(fileURLWithPath: file).deletingPathExtension().lastPathComponent,
            inputs: DataArray(unchecked: inputs, shape: [rowCount, layout.width]),
            targets: targets(names: names, codes: codes, numbers: numbers), featureNames: layout.names,
            provenance: .init(source: file, licence: "unknown"))
    }

    private func targets(names: [[[UInt8]]], codes: [Int32], numbers: [Float]) -> Dataset.Targets {
        guard let target else { return .none }
        if columns[target].kind != .numeric {
            let set = Int(columns[target].categories)
            let texts = names.indices.contains(set) ? names[set] : []
            return .classes(labels: codes, names: texts.map { String(decoding: $0, as: UTF8.self) })
        }
        let classes = (targetClasses ?? []).sorted()
        let areCodes = classes.enumerated().allSatisfy { Float($0) == $1 }
        guard options.targetKind != .values, !classes.isEmpty, options.targetKind == .classes || areCodes else {
            return .values(DataArray(unchecked: numbers, shape: [rowCount, 1]))
        }
        let codeOf = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, Int32($0)) })
        return .classes(
            labels: numbers.map { codeOf[$0] ?? 0 },
            names: classes.map { Int(exactly: $0).map(String.init) ?? String($0) })
    }

    /// Where each column's features stand in a row, and what they are called.
    private func layOut(
        _ categories: [[[UInt8]]], _ bytes: RawSpan
    ) throws(FormatError) -> (firstFeature: [Int], width: Int, names: [String]) {
        var first: [Int] = []
        var width = 0
        first.reserveCapacity(columns.count)
        for (index, column) in columns.enumerated() {
            first.append(width)
            if index == target { continue }
            switch column.kind {
            case .ignored: break
            case .oneHot: width += column.categories < 0 ? 0 : categories[Int(column.categories)].count
            default: width += 1
            }
        }
        guard width > 0 else { throw FormatError(file: file, rule: "no column is left for the inputs") }
        // Categories turn a few bytes into a row of features: 40,000 identifiers would become 6 GB.
        let count = limits.elementCount([rowCount, width])
        let isInProportion = count.map { $0 <= limits.unpackedBytes(from: bytes.byteCount) / 4 } ?? false
        guard width <= limits.columns, isInProportion else {
            throw FormatError(
                file: file, rule: "\(rowCount) rows of \(width) features are more than the limits allow",
                hint: "ignore columns of free text or identifiers, or read them as codes")
        }
        var names: [String] = []
        names.reserveCapacity(width)
        for (index, column) in columns.enumerated() where index != target && column.kind != .ignored {
            guard let name = String(validating: nameBytes(bytes, column, index), as: UTF8.self) else {
                throw FormatError(
                    file: file, at: .line(1, column: 1), rule: "the name of column \(index) is not UTF-8",
                    hint: "convert the file")
            }
            guard column.kind == .oneHot else {
                names.append(name)
                continue
            }
            guard column.categories >= 0 else { continue }
            for category in categories[Int(column.categories)] {
                names.append(name + "=" + String(decoding: category, as: UTF8.self))
            }
        }
        return (first, width, names)
    }
}
