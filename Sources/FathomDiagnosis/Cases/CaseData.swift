import FathomData
import Foundation

/// The rows of a case, made from what its text says of them.
///
/// A file or a named set is read; literal arrays, formulas and the usual generators are computed. Where a generator's random
/// numbers cannot be those of the source, or the text leaves something open, a note says so.
struct CaseData {
    /// Where things are.
    struct Places {
        /// The folder of the file of cases.
        var folder = ""
        /// The folder of named sets, each in a folder of its own.
        var sets: String?
        /// The most rows to learn from; a third as many at most to judge by.
        var rows = 6000
    }

    var train: Dataset
    var test: Dataset?
    /// What a raw value spans, where that is known: 255 for bytes.
    var range: Float?

    let places: Places
    private let how: String

    /// The rows as they came, in one or two parts; `nil` where nothing can be made of the text, which is then noted.
    init?(_ labelled: LabelledCase, _ places: Places, _ notes: inout CaseNotes) throws(DataError) {
        let how = labelled.data.how
        (self.places, self.how) = (places, how)
        if let file = labelled.data.file {
            train = try Self.table(file, labelled, places)
            return
        }
        if let named = try Self.named(labelled, places, &notes) {
            (train, test, range) = (named.train, named.test, named.range)
            return
        }
        guard let computed = try CaseRecipes.rows(labelled, &notes) else {
            notes.lack("data set \(labelled.data.name): \(how)")
            return nil
        }
        train = computed
    }

    // MARK: Files

    /// Names that the column to predict usually has.
    private static let targetNames: Set<String> = [
        "label", "labels", "target", "class", "y", "outcome", "species", "diagnosis", "quality", "medv", "mpg", "price",
        "output", "median_house_value",
    ]

    private static func table(
        _ file: String, _ labelled: LabelledCase, _ places: Places
    ) throws(DataError) -> Dataset {
        let path = file.hasPrefix("/") ? file : places.folder + "/" + file
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw .notFound(dataset: file, searched: [places.folder])
        }
        // Lines that begin with # are remarks.
        let text = String(decoding: bytes, as: UTF8.self).replacing("\u{FEFF}", with: "")
        var lines = text.split(whereSeparator: \.isNewline).filter {
            !$0.hasPrefix("#") && !$0.allSatisfy { $0 == " " }
        }
        // scikit-learn writes rows, columns and the names of the classes before its tables.
        if let first = lines.first, first.split(separator: ",").first.flatMap({ Int($0) }) == lines.count - 1 {
            lines.removeFirst()
        }
        guard let first = lines.first else { throw .invalidParameter(name: "file", value: file, rule: "it is empty") }
        let head = first.split(separator: ",", omittingEmptySubsequences: false).map {
            $0.trimmingCharacters(in: CharacterSet(charactersIn: " \""))
        }
        let hasHeader = !head.contains { CaseFormula.number($0) != nil }
        let names = hasHeader ? head : head.indices.map { "column \($0)" }
        var options = CSVOptions()
        options.header = hasHeader ? .present : .absent
        options.targetKind = labelled.isClassification ? .classes : .values
        options.missing = .dropRow
        options.missingMarkers = ["", "?", "NA"]

        let how = labelled.data.how
        var target = names.count - 1
        if let match = how.firstMatch(of: /(?:target|label) (?:col|column) (\d{1,6})/), let number = Int(match.1) {
            target = number - 1
        } else if hasHeader, let named = names.firstIndex(where: { targetNames.contains($0.lowercased()) }) {
            target = named
        }
        var features = names.indices.filter { $0 != target }
        if let match = how.firstMatch(of: /(?:features?|inputs?) (?:cols?|columns?) (\d{1,6})(?:-(\d{1,6}))?/),
            let low = Int(match.1), let high = match.2.map({ Int($0) }) ?? low, low >= 1, high >= low
        {
            features = Array(low - 1...high - 1)
        } else if features.count > labelled.inputShape.reduce(1, *) {
            // Numbers of rows say nothing.
            features.removeAll { ["id", "index", "no", ""].contains(names[$0].lowercased()) }
        }
        guard names.indices.contains(target), features.allSatisfy(names.indices.contains) else {
            throw .invalidParameter(name: "dataset.how", value: how, rule: "\(file) has \(names.count) columns")
        }
        options.target = .index(target)
        for index in names.indices where index != target && !features.contains(index) {
            options.kinds[names[index]] = .ignored
        }
        let clean = [UInt8](lines.joined(separator: "\n").utf8)
        do throws(FormatError) { return try CSVReader.parse(clean.span.bytes, file: file, options: options) } catch {
            throw .format(error)
        }
    }

    // MARK: Named sets

    private static let sets: [(prefix: String, name: String)] = [
        ("fashion", "fashion-mnist"), ("mnist", "mnist"), ("cifar", "cifar10"), ("digits", "digits"), ("iris", "iris"),
    ]

    private static func named(
        _ labelled: LabelledCase, _ places: Places, _ notes: inout CaseNotes
    ) throws(DataError) -> (train: Dataset, test: Dataset?, range: Float?)? {
        let key = Keras.key(labelled.data.name)
        if let table = try tableByName(key, labelled, places) { return (table, nil, nil) }
        guard let name = sets.first(where: { key.hasPrefix($0.prefix) })?.name, !key.hasPrefix("cifar100") else {
            return nil
        }
        switch name {
        case "iris": return (try Iris.load(), nil, nil)
        case "digits": return (try Digits.load(scaled: false), nil, 16)
        default: break
        }
        var options = DatasetCatalog.Options()
        options.scaled = false
        // What is named on the command line comes before what lies elsewhere.
        if let own = places.sets.map({ $0 + "/" + name }), FileManager.default.fileExists(atPath: own) {
            options.path = own
        }
        let split = try DatasetCatalog.load(name, options: options)
        if split.train.rowCount < (try DatasetCatalog.entry(named: name).rowCounts.first ?? 0) {
            notes.note("\(name) from \(split.train.rowCount) training and \(split.test.rowCount) test pictures")
        }
        return (split.train, split.test, 255)
    }

    /// A table of the folder of named sets, or of its folder `tabular`, of which the name of the data begins with the name.
    private static func tableByName(
        _ key: String, _ labelled: LabelledCase, _ places: Places
    ) throws(DataError) -> Dataset? {
        guard let sets = places.sets else { return nil }
        for folder in [sets, sets + "/tabular"] {
            for name in ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted() {
                let stem = Keras.key(String(name.dropLast(4))).replacing(/data$/, with: "")
                guard name.hasSuffix(".csv"), stem.count >= 4, key.hasPrefix(stem), !key.hasPrefix("iris") else {
                    continue
                }
                return try table(folder + "/" + name, labelled, places)
            }
        }
        return nil
    }

    // MARK: Parts

    /// Cuts the rows into those to learn from and those to judge by, as the text says, and to the most that are wanted.
    mutating func cut(_ notes: inout CaseNotes) throws(DataError) {
        if test == nil, let (first, second) = try ownParts() { (train, test) = (first, second) }
        // First rows or random ones, as many as the text names.
        let isFirst = how.contains("first ")
        if let (rows, testRows) = Self.trainAndTest(how), let part = test {
            train = try Self.limited(train, to: rows, isFirst: isFirst)
            test = try Self.limited(part, to: testRows, isFirst: isFirst)
        }
        let before = train.rowCount
        if before > places.rows {
            train = try Self.limited(train, to: places.rows, isFirst: false)
            notes.note("\(train.rowCount) of \(before) training rows")
        }
        if let part = test, part.rowCount > max(1, places.rows / 3) {
            test = try Self.limited(part, to: max(1, places.rows / 3), isFirst: false)
        }
        if test == nil { notes.note("measured on the training rows: there are no others") }
    }

    /// The cut that the text describes.
    private func ownParts() throws(DataError) -> (Dataset, Dataset)? {
        if let m = how.firstMatch(of: /rows? (\d{1,9})-(\d{1,9}) train.*?(\d{1,9})-(\d{1,9})/), let a = Int(m.1),
            let b = Int(m.2), let c = Int(m.3), let d = Int(m.4), a <= b, c <= d, max(b, d) < train.rowCount
        {
            return (try train.gather(rows: a...b), try train.gather(rows: c...d))
        }
        var fraction: Double?
        if let m = how.firstMatch(of: /(?:^|[^\d.])(\d\d)\/(\d\d)(?:[^\d]|$)/), let a = Double(m.1),
            let b = Double(m.2), a + b == 100
        {
            fraction = a / 100
        } else if let m = how.firstMatch(of: /test_size ?= ?(\d*\.\d+)/), let share = CaseFormula.number(String(m.1)) {
            fraction = 1 - share
        } else if let m = how.firstMatch(of: /validation_split ?= ?(\d*\.\d+)/),
            let share = CaseFormula.number(String(m.1))
        {
            fraction = 1 - share
        } else if let m = how.firstMatch(of: /frac ?= ?(\d*\.\d+)/), let share = CaseFormula.number(String(m.1)) {
            fraction = share
        } else if let (a, b) = Self.trainAndTest(how) {
            // Sizes: the first rows are learnt from.
            if a + b <= train.rowCount {
                let first = try train.gather(rows: 0..<a)
                return (first, try train.gather(rows: a..<a + b))
            }
            fraction = Double(a) / Double(a + b)
        }
        guard let fraction, fraction > 0, fraction < 1, train.rowCount >= 5 else { return nil }
        let split = try train.split(fraction: fraction, seed: 0)
        return (split.train, split.test)
    }

    /// `6000 train / 2000 test`, `first 5000 train/2000 test rows`, `700/300`.
    private static func trainAndTest(_ how: String) -> (Int, Int)? {
        let named = how.firstMatch(of: /(\d{2,9}) train(?:ing)?(?: rows)? ?[\/+,] ?(\d{2,9}) (?:test|val)/)
        let plain = how.firstMatch(of: /(?:^|[^\d.])(\d{3,9})\/(\d{2,9})(?:[^\d.]|$)/)
        guard let m = named.map({ ($0.1, $0.2) }) ?? plain.map({ ($0.1, $0.2) }), let a = Int(m.0), let b = Int(m.1),
            a > 0, b > 0
        else { return nil }
        return (a, b)
    }

    private static func limited(_ part: Dataset, to rows: Int, isFirst: Bool) throws(DataError) -> Dataset {
        guard rows < part.rowCount else { return part }
        let order = isFirst ? Array(0..<rows) : Array(permutation(count: part.rowCount, seed: 0).prefix(rows))
        return try part.gather(rows: order)
    }

    /// Puts the channels of pictures last, as Keras has them: `[3, 32, 32]` becomes `[32, 32, 3]`.
    mutating func putChannelsLast(_ shape: [Int]) throws(DataError) {
        func turned(_ part: Dataset) throws(DataError) -> Dataset {
            let given = part.inputs.rowShape
            guard shape.count == 3, given.count == 3, given != shape, given == [shape[2], shape[0], shape[1]] else {
                return part
            }
            let (channels, plane) = (given[0], given[1] * given[2])
            var values = [Float](repeating: 0, count: part.inputs.values.count)
            for (i, value) in part.inputs.values.enumerated() {
                let (row, place) = i.quotientAndRemainder(dividingBy: channels * plane)
                let (channel, pixel) = place.quotientAndRemainder(dividingBy: plane)
                values[row * channels * plane + pixel * channels + channel] = value
            }
            return try part.replacing(inputs: DataArray(values: values, shape: [part.rowCount] + shape))
        }
        train = try turned(train)
        test = try test.map { (part) throws(DataError) in try turned(part) }
    }

    // MARK: Scaling

    enum Scaling { case none, once, twice }

    /// Brings inputs, and targets where the text says so, into the range that the text names.
    mutating func scale(_ scaling: Scaling, _ labelled: LabelledCase, _ notes: inout CaseNotes) throws(DataError) {
        var text = how.lowercased()
        // What a file's arrays went through is in them.
        if labelled.data.file != nil { text = text.replacing(/exact arrays \([^)]*\)/, with: "") }
        let columns = train.inputs.rowSize
        var steps: [ColumnScaling] = []
        let isRaw = text.contains(/\braw\b|unscaled|not scaled|no scaling|unnormali[sz]ed|0\.\.255/)
        if let m = text.firstMatch(of: /mean \[([^\]]*)\],? ?std \[([^\]]*)\]/), let means = Keras.numbers(String(m.1)),
            let deviations = Keras.numbers(String(m.2)), means.count == deviations.count, !means.isEmpty,
            columns % means.count == 0, deviations.allSatisfy({ $0 > 0 })
        {
            // Channels are planes, or the last axis.
            let plane = train.inputs.rowShape.last == means.count ? nil : columns / means.count
            func channel(_ column: Int) -> Int { plane.map { column / $0 } ?? column % means.count }
            steps.append(
                ColumnScaling(
                    shift: (0..<columns).map { Float(means[channel($0)]) },
                    scale: (0..<columns).map { Float(deviations[channel($0)]) }))
        } else if text.contains(/standard ?scaler|standardi[sz]|z-?score/) {
            steps.append(try ColumnScaling.standardizing(train.inputs.flattened()))
        } else if text.contains(/min-?max/), let range {
            steps.append(try ColumnScaling.constant(columns: columns, scale: range))
        } else if text.contains(/min-?max/), text.contains("joint") {
            let low = train.inputs.values.min() ?? 0
            let high = train.inputs.values.max() ?? 1
            if high > low { steps.append(try ColumnScaling.constant(columns: columns, shift: low, scale: high - low)) }
        } else if text.contains(/min-?max/) || text.contains("scaled to [0,1]") {
            steps.append(try ColumnScaling.minMax(train.inputs.flattened()))
        } else if text.contains(/scaled to \[-1, ?1\]/) {
            let unit = try ColumnScaling.minMax(train.inputs.flattened())
            steps.append(
                ColumnScaling(
                    shift: zip(unit.shift, unit.scale).map { $0 + $1 / 2 }, scale: unit.scale.map { $0 / 2 }))
        } else if let m = text.firstMatch(of: /(?:^|[ ,;(])\/ ?(\d{1,6})(?:\.0?)?(?:[^\d.]|$)/), let by = Float(m.1),
            by > 0
        {
            steps.append(try ColumnScaling.constant(columns: columns, scale: by))
        } else if let range, !isRaw {
            steps.append(try ColumnScaling.constant(columns: columns, scale: range))
            notes.note("pixels divided by \(Int(range)): the text does not say")
        }
        if scaling == .none { steps = [] }
        if scaling == .twice, let step = steps.first {
            // The range once more, without the shift.
            steps.append(
                ColumnScaling(
                    shift: [Float](repeating: 0, count: columns),
                    scale: range.map { [Float](repeating: $0, count: columns) } ?? step.scale))
        }
        for step in steps {
            func scaled(_ part: Dataset) throws(DataError) -> Dataset {
                let inputs = try step.applied(to: part.inputs.flattened())
                return try part.replacing(inputs: inputs.reshaped(to: part.inputs.shape))
            }
            train = try scaled(train)
            test = try test.map { (part) throws(DataError) in try scaled(part) }
        }
        if case .values(let values) = train.targets, text.contains(/target|label|jointly/), text.contains(/min-?max/) {
            let step = try ColumnScaling.minMax(values)
            train = try train.scalingTargets(by: step)
            test = try test.map { (part) throws(DataError) in try part.scalingTargets(by: step) }
        }
    }
}
