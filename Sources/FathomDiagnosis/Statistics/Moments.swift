import FathomGraph

extension Examination.Signal {
    /// - Parameter rows: how many examples the values are of, rows first.
    init(_ values: [Float], rows: Int) {
        let bins = 32
        var sum = 0.0
        var squares = 0.0
        var (low, high) = (Float.infinity, -Float.infinity)
        var zeros = 0
        var bad = 0
        for v in values {
            guard v.isFinite else {
                bad += 1
                continue
            }
            let x = Double(v)
            sum += x
            squares += x * x
            if v < low { low = v }
            if v > high { high = v }
            if v == 0 { zeros += 1 }
        }
        let count = Double(max(values.count - bad, 1))
        let m = sum / count
        // Two passes: the difference of sums loses everything when the mean is large.
        var spread = 0.0
        var counts = [Int](repeating: 0, count: bins)
        let width = Double(high) - Double(low)
        for v in values where v.isFinite {
            let d = Double(v) - m
            spread += d * d
            if width > 0 { counts[min(bins - 1, Int((Double(v) - Double(low)) / width * Double(bins)))] += 1 }
        }
        if width == 0 { counts[bins / 2] = values.count - bad }
        mean = m
        deviation = (spread / count).squareRoot()
        size = (squares / count).squareRoot()
        (minimum, maximum) = low <= high ? (Double(low), Double(high)) : (0, 0)
        self.zeros = Double(zeros) / Double(max(values.count, 1))
        nonFinite = bad
        histogram = counts
        acrossRows = Self.deviationAcrossRows(values, rows: rows)
    }

    private static func deviationAcrossRows(_ values: [Float], rows: Int) -> Double {
        guard rows > 1, values.count % rows == 0, values.count > 0 else { return 0 }
        let units = values.count / rows
        var total = 0.0
        for k in 0..<units {
            var (sum, n) = (0.0, 0.0)
            for r in 0..<rows where values[r * units + k].isFinite {
                sum += Double(values[r * units + k])
                n += 1
            }
            guard n > 0 else { continue }
            let m = sum / n
            var spread = 0.0
            for r in 0..<rows where values[r * units + k].isFinite {
                let d = Double(values[r * units + k]) - m
                spread += d * d
            }
            total += (spread / n).squareRoot()
        }
        return total / Double(units)
    }

    /// |mean| / deviation over the rows, averaged over the features; a feature that never changes counts as 1 when it is
    /// not 0, for it acts as a second bias.
    static func offCentre(_ values: [Float], rows: Int) -> Double {
        guard rows > 1, values.count % rows == 0, values.count > 0 else { return 0 }
        let units = values.count / rows
        var total = 0.0
        for k in 0..<units {
            var sum = 0.0
            for r in 0..<rows { sum += Double(values[r * units + k]) }
            let m = sum / Double(rows)
            var spread = 0.0
            for r in 0..<rows {
                let d = Double(values[r * units + k]) - m
                spread += d * d
            }
            let deviation = (spread / Double(rows)).squareRoot()
            if deviation > 1e-6 * abs(m) { total += abs(m) / deviation } else if m != 0 { total += 1 }
        }
        return total / Double(units)
    }
}

extension Sequence<Float> {
    /// √ of the mean of the squares, in Double.
    var rootMeanSquare: Double {
        var (sum, n) = (0.0, 0)
        for v in self {
            sum += Double(v) * Double(v)
            n += 1
        }
        return n > 0 ? (sum / Double(n)).squareRoot() : 0
    }
}

/// The cosine of the angle between two vectors; `nil` when one is 0.
func cosine(_ a: some Collection<Float>, _ b: some Collection<Float>) -> Double? {
    var (dot, x, y) = (0.0, 0.0, 0.0)
    for (u, v) in zip(a, b) {
        dot += Double(u) * Double(v)
        x += Double(u) * Double(u)
        y += Double(v) * Double(v)
    }
    let size = (x * y).squareRoot()
    return size > 0 && size.isFinite ? dot / size : nil
}
