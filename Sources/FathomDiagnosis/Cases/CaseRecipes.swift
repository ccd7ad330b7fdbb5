import FathomData
import Foundation

/// Data that a case describes in words or formulas.
enum CaseRecipes {
    /// The rows that the text describes; `nil` where it describes none that are known.
    static func rows(_ labelled: LabelledCase, _ notes: inout CaseNotes) throws(DataError) -> Dataset? {
        let text = labelled.data.how
        guard
            let table = literal(text) ?? implications(text) ?? formula(text, &notes)
                ?? generator(labelled.data.name + " " + text, &notes) ?? constants(text) ?? grid(text)
                ?? unknownRows(labelled, &notes)
        else { return nil }
        guard let first = table.inputs.first, !first.isEmpty, table.inputs.allSatisfy({ $0.count == first.count }),
            let target = table.targets.first, !target.isEmpty,
            table.targets.allSatisfy({ $0.count == target.count }), table.targets.count == table.inputs.count
        else { return nil }
        return try Dataset(
            name: labelled.data.name,
            inputs: DataArray(
                values: table.inputs.joined().map { Float($0) }, shape: [table.inputs.count, first.count]),
            targets: .values(
                DataArray(values: table.targets.joined().map { Float($0) }, shape: [table.targets.count, target.count])),
            provenance: .init(source: "computed from \(text)", licence: "none needed"))
    }

    struct Table {
        var inputs: [[Double]] = []
        var targets: [[Double]] = []
    }

    /// Rows that may be made at most.
    private static let limit = 200_000

    /// No more rows than memory has room for.
    private static func bounded(_ rows: Int, columns: Int) -> Int {
        min(rows, limit, max(1, (1 << 26) / max(1, columns)))
    }

    // MARK: Literal arrays

    /// `X=[[1,1],[1,0]] y=[0,1]`, or two lists of any other names, the inputs first: `c=[-40,8] f=[-40,46]`.
    private static func literal(_ text: String) -> Table? {
        let lists = text.matches(of: /(?:^|[^\w.])([A-Za-z]\w{0,30}) ?= ?(\[\[.*?\]\]|\[[^\[\]]*\])/)
            .compactMap { match in rows(String(match.2)).map { (name: match.1.lowercased(), rows: $0) } }
        guard lists.count >= 2 else { return nil }
        let x = lists.firstIndex { $0.name.hasPrefix("x") } ?? 0
        guard
            let y = lists.indices.first(where: { $0 != x && lists[$0].name.hasPrefix("y") })
                ?? lists.indices.first(where: { $0 != x })
        else { return nil }
        return Table(inputs: lists[x].rows, targets: lists[y].rows)
    }

    /// `[[1,2],[3,4]]`, or `[1,2,3]` as rows of one number.
    private static func rows(_ text: String) -> [[Double]]? {
        if text.hasPrefix("[[") { return lists(text) }
        return Keras.numbers(String(text.dropFirst().dropLast()).filter { $0 != " " })?.map { [$0] }
    }

    /// `[[0,0]->1,[0,1]->0]`.
    private static func implications(_ text: String) -> Table? {
        var table = Table()
        for match in text.matches(of: /\[([^\[\]]*)\] ?-> ?\[?([-\d.,e ]+?)\]?(?=[,;\] ]|$)/) {
            guard let x = Keras.numbers(String(match.1).filter { $0 != " " }),
                let y = Keras.numbers(String(match.2).filter { $0 != " " })
            else { return nil }
            table.inputs.append(x)
            table.targets.append(y)
        }
        return table.inputs.isEmpty ? nil : table
    }

    /// `[[1,2],[3,4]]`; `nil` when it is none.
    private static func lists(_ text: String) -> [[Double]]? {
        guard text.hasPrefix("[[") else { return nil }
        var rows: [[Double]] = []
        for match in text.matches(of: /\[([^\[\]]*)\]/) {
            guard let row = Keras.numbers(String(match.1).filter { $0 != " " }), !row.isEmpty else { return nil }
            rows.append(row)
        }
        return rows.isEmpty ? nil : rows
    }

    // MARK: Formulas

    /// `x=arange(0,5,0.1); y=5x^2+N(0,1)^3`, `x=linspace(0,10,1000)`, `1000 rows x~U(-1,1)^30, y=x[1]`.
    private static func formula(_ text: String, _ notes: inout CaseNotes) -> Table? {
        guard let y = text.firstMatch(of: /(?:^|[ ;,])y ?= ?(.+)/), let formula = CaseFormula(String(y.1)) else {
            return nil
        }
        var random = SeededGenerator(seed: 0, stream: 7)
        var inputs: [[Double]] = []
        if let range = text.firstMatch(of: /x ?= ?(?:np\.)?(arange|linspace|range)\(([^)]*)\)/) {
            guard let numbers = Keras.numbers(String(range.2).filter { $0 != " " }) else { return nil }
            guard let column = sequence(String(range.1), numbers) else { return nil }
            inputs = column.map { [$0] }
        } else if let drawn = text.firstMatch(of: /x ?~ ?([UN])\(([^)]*)\)(?:\^(\d{1,5}))?/),
            let bounds = Keras.numbers(String(drawn.2).filter { $0 != " " }), bounds.count == 2
        {
            let columns = drawn.3.flatMap { Int($0) } ?? 1
            let rows = bounded(rowCount(text) ?? 1000, columns: columns)
            let isNormal = drawn.1 == "N"
            inputs = (0..<rows).map { _ in
                (0..<columns).map { _ in
                    isNormal
                        ? bounds[0] + bounds[1] * random.normal()
                        : bounds[0] + (bounds[1] - bounds[0]) * random.uniform()
                }
            }
            notes.note("random numbers are not those of the source")
        } else if let drawn = text.firstMatch(
            of: /x ?= ?(?:np\.)?(?:random\.)?(rand|randn|uniform|normal)\((\d{1,7})(?:, ?(\d{1,5}))?\)/),
            let given = Int(drawn.2), given > 0
        {
            let columns = drawn.3.flatMap { Int($0) } ?? 1
            let rows = bounded(given, columns: columns)
            let isNormal = drawn.1 == "randn" || drawn.1 == "normal"
            inputs = (0..<rows).map { _ in
                (0..<columns).map { _ in isNormal ? random.normal() : random.uniform() }
            }
            notes.note("random numbers are not those of the source")
        } else if let range = text.firstMatch(of: /x in \[([^\[\]]*)\]/),
            let bounds = Keras.numbers(String(range.1).filter { $0 != " " }), bounds.count == 2, bounds[0] < bounds[1]
        {
            let rows = min(rowCount(text) ?? 1000, limit)
            inputs = (0..<rows).map { [bounds[0] + (bounds[1] - bounds[0]) * Double($0) / Double(max(rows - 1, 1))] }
        } else if let list = text.firstMatch(of: /x ?= ?\[([^\[\]]*)\]/),
            let numbers = Keras.numbers(String(list.1).filter { $0 != " " }), !numbers.isEmpty
        {
            inputs = numbers.map { [$0] }
        } else {
            return nil
        }
        let targets = inputs.map { [formula.value($0, &random)] }
        guard targets.allSatisfy({ $0[0].isFinite && abs($0[0]) < 1e30 }) else { return nil }
        if text.contains(/\btest (?:arange|linspace|range)\(/) {
            notes.note("the test rows of the source lie beyond the training range; measured within it")
        }
        return Table(inputs: inputs, targets: targets)
    }

    private static func sequence(_ kind: String, _ numbers: [Double]) -> [Double]? {
        if kind == "linspace" {
            guard numbers.count >= 2 else { return nil }
            let count = numbers.count > 2 ? numbers[2] : 50
            guard count >= 2, count <= Double(limit) else { return nil }
            let n = Int(count)
            return (0..<n).map { numbers[0] + (numbers[1] - numbers[0]) * Double($0) / Double(n - 1) }
        }
        let (low, high, step): (Double, Double, Double) =
            switch numbers.count {
            case 1: (0, numbers[0], 1)
            case 2: (numbers[0], numbers[1], 1)
            case 3: (numbers[0], numbers[1], numbers[2])
            default: (0, 0, 0)
            }
        guard step > 0 else { return nil }
        let count = ((high - low) / step - 1e-9).rounded(.up)
        guard count >= 1, count <= Double(limit) else { return nil }
        return (0..<Int(count)).map { low + step * Double($0) }
    }

    /// `100k rows`, `10^4 rows`, `n=1000`, `n_samples=500`.
    private static func rowCount(_ text: String) -> Int? {
        if let m = text.firstMatch(of: /(\d{1,6})k (?:rows|samples|points)/), let n = Int(m.1) { return n * 1000 }
        if let m = text.firstMatch(of: /10\^(\d) (?:rows|samples|points)/), let n = Int(m.1) {
            return (0..<min(n, 7)).reduce(1) { a, _ in a * 10 }
        }
        if let m = text.firstMatch(of: /(\d{1,9}) (?:rows|samples|points)/) { return Int(m.1) }
        if let m = text.firstMatch(of: /(?:^|[^a-z_])n(?:_samples)? ?= ?(\d{1,9})/) { return Int(m.1) }
        return nil
    }

    // MARK: Generators

    /// scikit-learn's `make_…`, with its defaults and our random numbers.
    private static func generator(_ text: String, _ notes: inout CaseNotes) -> Table? {
        guard let name = text.firstMatch(of: /make_([a-z_]+)/)?.1 else { return nil }
        func option(_ keys: String..., otherwise value: Double) -> Double {
            for key in keys {
                for match in text.matches(of: /([a-z_]+) ?= ?([-\d.e]+)/) where match.1 == key {
                    if let number = CaseFormula.number(String(match.2)) { return number }
                }
            }
            return value
        }
        func count(_ keys: String..., otherwise value: Int, most: Int) -> Int {
            for key in keys {
                let number = option(key, otherwise: -1)
                if number >= 1 { return Int(min(number, Double(most))) }
            }
            return value
        }
        let rows = count("n_samples", "n", otherwise: 100, most: limit)
        let seed = UInt64(max(0, min(option("random_state", "seed", otherwise: 0), 1e9)))
        var random = SeededGenerator(seed: seed, stream: 11)
        let noise = option("noise", otherwise: 0)
        var table = Table()
        switch name {
        case "circles", "moons":
            let factor = option("factor", otherwise: 0.8)
            for row in 0..<rows {
                let isInner = row % 2 == 1
                let angle = (name == "moons" ? 1 : 2) * Double.pi * random.uniform()
                var point: (Double, Double) = (cos(angle), sin(angle))
                if isInner {
                    point = name == "moons" ? (1 - point.0, 0.5 - point.1) : (factor * point.0, factor * point.1)
                }
                table.inputs.append([point.0 + noise * random.normal(), point.1 + noise * random.normal()])
                table.targets.append([isInner ? 1 : 0])
            }
        case "blobs":
            let (centres, columns) = (
                count("centers", otherwise: 3, most: 1000), count("n_features", otherwise: 2, most: 1000)
            )
            let places = (0..<centres).map { _ in (0..<columns).map { _ in 20 * random.uniform() - 10 } }
            let spread = option("cluster_std", otherwise: 1)
            for row in 0..<bounded(rows, columns: columns) {
                table.inputs.append(places[row % centres].map { $0 + spread * random.normal() })
                table.targets.append([Double(row % centres)])
            }
        case "classification", "gaussian_quantiles":
            let columns = count("n_features", otherwise: 20, most: 1000)
            let informative = min(columns, count("n_informative", otherwise: 2, most: columns))
            let classes = count("n_classes", otherwise: 2, most: 1000)
            let clusters = count("n_clusters_per_class", otherwise: 2, most: 100)
            let apart = option("class_sep", otherwise: 1)
            guard classes * clusters * informative <= 1 << 22 else { return nil }
            // Clusters around corners of a cube, as scikit-learn's.
            let places = (0..<classes * clusters).map { cluster in
                (0..<informative).map { ((cluster >> ($0 % 20)) & 1 == 0 ? -apart : apart) }
            }
            for row in 0..<bounded(rows, columns: columns) {
                let cluster = row % places.count
                var point = places[cluster].map { $0 + random.normal() }
                while point.count < columns { point.append(random.normal()) }
                table.inputs.append(point)
                table.targets.append([Double(cluster % classes)])
            }
        case "multilabel_classification":
            let columns = count("n_features", "m", otherwise: 20, most: 1000)
            let classes = count("n_classes", otherwise: text.contains(/(?:^|[^\d.])1 class/) ? 1 : 5, most: 100)
            // Words of documents: each label has its own frequencies.
            let words = (0..<classes).map { _ in (0..<columns).map { _ in random.uniform() } }
            for _ in 0..<bounded(rows, columns: columns) {
                let labels = (0..<classes).map { _ in random.uniform() < (classes == 1 ? 2.0 / 3 : 0.4) }
                var weights = [Double](repeating: labels.contains(true) ? 0 : 1, count: columns)
                for (label, isOn) in labels.enumerated() where isOn {
                    for column in 0..<columns { weights[column] += words[label][column] }
                }
                let total = max(weights.reduce(0, +), 1e-9)
                var counts = [Double](repeating: 0, count: columns)
                for _ in 0..<50 {
                    var place = random.uniform() * total
                    var column = 0
                    while column < columns - 1, place > weights[column] {
                        place -= weights[column]
                        column += 1
                    }
                    counts[column] += 1
                }
                table.inputs.append(counts)
                table.targets.append(labels.map { $0 ? 1 : 0 })
            }
        case "regression":
            let columns = count("n_features", otherwise: 100, most: 1000)
            let informative = min(columns, count("n_informative", otherwise: 10, most: columns))
            let slopes = (0..<columns).map { $0 < informative ? 100 * random.uniform() : 0 }
            for _ in 0..<bounded(rows, columns: columns) {
                let point = (0..<columns).map { _ in random.normal() }
                table.inputs.append(point)
                table.targets.append([zip(point, slopes).reduce(noise * random.normal()) { $0 + $1.0 * $1.1 }])
            }
        default: return nil
        }
        notes.note("make_\(name) with other random numbers than the source")
        return table
    }

    // MARK: Other texts

    /// `10^4 rows of 128 ones (label 1) + 10^4 rows of 128 zeros (label 0)`.
    private static func constants(_ text: String) -> Table? {
        var table = Table()
        for match in text.matches(of: /(10\^\d|\d{1,7}) rows of (\d{1,5}) (ones|zeros) \(label (\d{1,4})\)/) {
            let count = match.1.hasPrefix("10^") ? Int(pow(10, Double(match.1.dropFirst(3)) ?? 0)) : Int(match.1) ?? 0
            let columns = Int(match.2) ?? 0
            let value: Double = match.3 == "ones" ? 1 : 0
            let rows = bounded(count, columns: columns)
            table.inputs += [[Double]](repeating: [Double](repeating: value, count: columns), count: rows)
            table.targets += [[Double]](repeating: [Double(match.4) ?? 0], count: rows)
        }
        return table.inputs.isEmpty ? nil : table
    }

    /// `(i,j) for i,j in 1..10`; the targets are the inputs where the text says autoencode.
    private static func grid(_ text: String) -> Table? {
        guard let m = text.firstMatch(of: /\(i, ?j\) for i, ?j in (\d{1,3})\.\.(\d{1,3})/), let low = Int(m.1),
            let high = Int(m.2), low <= high
        else { return nil }
        let points = (low...high).flatMap { i in (low...high).map { [Double(i), Double($0)] } }
        guard text.lowercased().contains("autoencode") else { return nil }
        return Table(inputs: points, targets: points)
    }

    /// `11 inline rows, labels 0..3`: rows that stood in the source's program and are not given.
    private static func unknownRows(_ labelled: LabelledCase, _ notes: inout CaseNotes) -> Table? {
        let text = labelled.data.how
        guard let m = text.firstMatch(of: /(\d{1,5}) inline rows/), let given = Int(m.1), given > 0 else { return nil }
        let columns = labelled.inputShape.reduce(1, *)
        let rows = bounded(given, columns: columns)
        var labels = 0...1
        if let m = text.firstMatch(of: /labels? (\d{1,3})\.\.(\d{1,3})/), let low = Int(m.1), let high = Int(m.2),
            low <= high
        {
            labels = low...high
        }
        guard columns <= 1 << 16 else { return nil }
        var random = SeededGenerator(seed: 0, stream: 13)
        notes.note("the \(rows) rows are not given: random ones stand for them")
        var table = Table()
        for row in 0..<rows {
            // Clusters by label, so that there is something to learn.
            let label = labels.lowerBound + row % labels.count
            table.inputs.append((0..<columns).map { Double((label >> ($0 % 8)) & 1) + 0.3 * random.normal() })
            table.targets.append([Double(label)])
        }
        return table
    }
}
