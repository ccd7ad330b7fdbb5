import FathomData

extension Yardstick {
    /// - Returns: `nil` without targets or with too few rows.
    init?(train: Dataset, heldOut: Dataset) {
        let known = Self.spread(train.rowCount, 2000)
        let asked = Self.spread(heldOut.rowCount, 1000)
        guard let targets = Self.targets(train, known), let wanted = Self.targets(heldOut, asked),
            known.count > 1, !asked.isEmpty
        else { return nil }
        let x = Self.columns(train.inputs, known, like: train.inputs, known)
        let q = Self.columns(heldOut.inputs, asked, like: train.inputs, known)
        let isClasses = train.classCount != nil
        let outputs = targets.count / known.count
        func skill(_ predictions: [Double]) -> Double {
            isClasses
                ? Self.accuracy(predictions, wanted, outputs) : Self.determination(predictions, wanted, outputs)
        }
        var constant = [Double](repeating: 0, count: outputs)
        for (i, v) in targets.enumerated() { constant[i % outputs] += v / Double(known.count) }
        trivial = skill((0..<wanted.count).map { constant[$0 % outputs] })
        neighbours = skill(Self.neighbours(x, targets, outputs, q, rows: known.count, asked: asked.count))
        linear = skill(Self.linear(x, targets, outputs, q, rows: known.count, asked: asked.count) ?? [])
    }

    /// Up to `limit` row numbers, evenly spread.
    private static func spread(_ rows: Int, _ limit: Int) -> [Int] {
        rows <= limit ? Array(0..<max(rows, 0)) : (0..<limit).map { $0 * rows / limit }
    }

    /// Classes as one-hot rows, numbers as they are.
    private static func targets(_ data: Dataset, _ rows: [Int]) -> [Double]? {
        switch data.targets {
        case .none: return nil
        case .classes(let labels, let names):
            var out = [Double](repeating: 0, count: rows.count * names.count)
            for (i, r) in rows.enumerated() where (0..<names.count).contains(Int(labels[r])) {
                out[i * names.count + Int(labels[r])] = 1
            }
            return out
        case .values(let values):
            guard values.rowSize > 0 else { return nil }
            return rows.flatMap { values.row($0).map(Double.init) }
        }
    }

    private static let width = 64

    /// Standardised columns; more than 64 become 64 random sums of them, which keep distances (Johnson & Lindenstrauss 1984).
    private static func columns(
        _ data: DataArray, _ rows: [Int], like train: DataArray, _ known: [Int]
    ) -> [Float] {
        let n = max(data.rowSize, 1)
        var means = [Double](repeating: 0, count: n)
        var squares = means
        for r in known {
            for (k, v) in train.row(r).enumerated() where v.isFinite {
                means[k] += Double(v) / Double(known.count)
                squares[k] += Double(v) * Double(v) / Double(known.count)
            }
        }
        let deviations = zip(means, squares).map { max($1 - $0 * $0, 0).squareRoot() }
        // A column that hardly changes is not blown up to the others' size.
        let floor = 0.1 * (deviations.max() ?? 1)
        let scales = deviations.map { $0 > 0 ? 1 / max($0, data.rowSize > width ? floor : 0) : 0 }
        var out: [Float] = []
        if n <= width {
            for r in rows {
                for (k, v) in data.row(r).enumerated() {
                    out.append(v.isFinite ? Float((Double(v) - means[k]) * scales[k]) : 0)
                }
            }
            return out
        }
        var generator = SeededGenerator(seed: 1)
        let signs = (0..<n * width).map { _ in Bool.random(using: &generator) ? Float(1) : -1 }
        for r in rows {
            var sums = [Float](repeating: 0, count: width)
            for (k, v) in data.row(r).enumerated() where v.isFinite && scales[k] != 0 {
                let x = Float((Double(v) - means[k]) * scales[k])
                for j in 0..<width { sums[j] += x * signs[k * width + j] }
            }
            out += sums
        }
        return out
    }

    private static func neighbours(
        _ x: [Float], _ y: [Double], _ outputs: Int, _ q: [Float], rows: Int, asked: Int
    ) -> [Double] {
        let n = x.count / rows
        let k = rows < 50 ? 1 : 5
        var out: [Double] = []
        var distances = [Float](repeating: 0, count: rows)
        for a in 0..<asked {
            for r in 0..<rows {
                var sum: Float = 0
                for j in 0..<n {
                    let d = q[a * n + j] - x[r * n + j]
                    sum += d * d
                }
                distances[r] = sum
            }
            var nearest: [(Float, Int)] = []
            for r in 0..<rows where nearest.count < k || distances[r] < nearest[nearest.count - 1].0 {
                let place = nearest.firstIndex { $0.0 > distances[r] } ?? nearest.count
                nearest.insert((distances[r], r), at: place)
                if nearest.count > k { nearest.removeLast() }
            }
            for o in 0..<outputs {
                out.append(nearest.reduce(0) { $0 + y[$1.1 * outputs + o] } / Double(max(nearest.count, 1)))
            }
        }
        return out
    }

    /// Least squares with a constant and a little ridge.
    private static func linear(
        _ x: [Float], _ y: [Double], _ outputs: Int, _ q: [Float], rows: Int, asked: Int
    ) -> [Double]? {
        let n = x.count / rows
        let m = n + 1
        var a = [Double](repeating: 0, count: m * m)
        var b = [Double](repeating: 0, count: m * outputs)
        var row = [Double](repeating: 1, count: m)
        for r in 0..<rows {
            for j in 0..<n { row[j] = Double(x[r * n + j]) }
            for i in 0..<m {
                for j in 0...i { a[i * m + j] += row[i] * row[j] }
                for o in 0..<outputs { b[i * outputs + o] += row[i] * y[r * outputs + o] }
            }
        }
        let trace = (0..<m).reduce(0) { $0 + a[$1 * m + $1] }
        guard trace.isFinite, trace > 0 else { return nil }
        for i in 0..<m { a[i * m + i] += 1e-6 * trace / Double(m) }
        // Cholesky, then two triangular solutions.
        for i in 0..<m {
            for j in 0...i {
                var s = a[i * m + j]
                for k in 0..<j { s -= a[i * m + k] * a[j * m + k] }
                if i == j {
                    guard s > 0 else { return nil }
                    a[i * m + i] = s.squareRoot()
                } else {
                    a[i * m + j] = s / a[j * m + j]
                }
            }
        }
        for o in 0..<outputs {
            for i in 0..<m {
                for k in 0..<i { b[i * outputs + o] -= a[i * m + k] * b[k * outputs + o] }
                b[i * outputs + o] /= a[i * m + i]
            }
            for i in stride(from: m - 1, through: 0, by: -1) {
                for k in (i + 1)..<max(m, i + 1) { b[i * outputs + o] -= a[k * m + i] * b[k * outputs + o] }
                b[i * outputs + o] /= a[i * m + i]
            }
        }
        var out: [Double] = []
        for r in 0..<asked {
            for o in 0..<outputs {
                var s = b[n * outputs + o]
                for j in 0..<n { s += Double(q[r * n + j]) * b[j * outputs + o] }
                out.append(s)
            }
        }
        return out
    }

    private static func accuracy(_ p: [Double], _ y: [Double], _ outputs: Int) -> Double {
        guard outputs > 0, !y.isEmpty, p.count == y.count else { return 0 }
        func top(_ v: [Double], _ r: Int) -> Int? {
            (0..<outputs).max { v[r * outputs + $0] < v[r * outputs + $1] }
        }
        let rows = y.count / outputs
        return Double((0..<rows).count { top(p, $0) == top(y, $0) }) / Double(rows)
    }

    /// R², over all outputs together, each about its own mean.
    private static func determination(_ p: [Double], _ y: [Double], _ outputs: Int) -> Double {
        guard outputs > 0, !y.isEmpty, p.count == y.count else { return 0 }
        let rows = Double(y.count / outputs)
        var means = [Double](repeating: 0, count: outputs)
        for (i, v) in y.enumerated() { means[i % outputs] += v / rows }
        var (rest, total) = (0.0, 0.0)
        for (i, v) in y.enumerated() {
            rest += (v - p[i]) * (v - p[i])
            total += (v - means[i % outputs]) * (v - means[i % outputs])
        }
        return total > 0 ? 1 - rest / total : 0
    }
}
