/// The losses of a run in blocks, so that the noise of batches can be told from what the network does.
///
/// A block is a whole number of epochs where there are enough of them: every example is then in every block, and what is
/// left to differ between blocks is the network.
package struct LossCurve: Sendable {
    /// Means over blocks of equal length, the earliest first; between ``fewestBlocks`` and 40.
    package let blocks: [Double]
    package let stepsPerBlock: Int
    /// Steps with a finite loss.
    package let steps: Int
    /// How far the loss goes up and down in the second half, from one epoch to the next: the median distance of neighbours
    /// beyond what the draw of batches and the trend explain. Where there are too few epochs, from one block to the next.
    package let swing: Double
    /// The share of turns among the chances for one: 0 for a steady fall, 2/3 for white noise, 1 for a saw.
    package let turns: Double

    /// Below so many blocks, no trend can be told from chance: of 8 the strictest order has a probability of 1/8!.
    package static let fewestBlocks = 8

    /// - Parameters:
    ///   - losses: of every step; from the first that is not finite on they are left out.
    ///   - perEpoch: steps of an epoch.
    /// - Returns: `nil` for fewer than 32 steps, or 8 where a step is an epoch.
    package init?(_ losses: [Float], perEpoch: Int) {
        let finite = losses.prefix { $0.isFinite }
        let perEpoch = max(perEpoch, 1)
        let epochs = finite.count / perEpoch
        let length: Int
        if epochs >= Self.fewestBlocks {
            length = perEpoch * ((epochs + 39) / 40)
        } else {
            length = max(4, (finite.count + 39) / 40)
        }
        let count = finite.count / length
        guard count >= Self.fewestBlocks else { return nil }
        // What does not fill a block is left out in front, where least is lost.
        let start = finite.count - count * length
        blocks = (0..<count).map { k in
            finite[start + k * length..<start + (k + 1) * length].reduce(0.0) { $0 + Double($1) } / Double(length)
        }
        (stepsPerBlock, steps) = (length, finite.count)
        let isWhole = epochs >= 2 * Self.fewestBlocks
        let window = isWhole ? perEpoch : length
        let windows = min(64, finite.count / 2 / window)
        let tail = (0..<windows).map { k in
            finite[(finite.count - (windows - k) * window)..<(finite.count - (windows - k - 1) * window)].map(
                Double.init)
        }
        let means = tail.map { $0.reduce(0, +) / Double(window) }
        let moves = zip(means, means.dropFirst()).map { $1 - $0 }
        // The trend, over two windows: of moves that alternate, the median itself is one of them.
        let middle = median(zip(moves, moves.dropFirst()).map { ($0 + $1) / 2 })
        // The median distance of two means of independent losses is 0.95 standard errors. In whole epochs every example
        // is there, and nothing is left to chance but the order.
        var chance = 0.0
        if !isWhole {
            let variances = tail.map { w in
                let m = w.reduce(0, +) / Double(w.count)
                return w.reduce(0) { $0 + ($1 - m) * ($1 - m) } / Double(max(w.count - 1, 1))
            }
            chance = 0.95 * (median(variances) / Double(window)).squareRoot()
        }
        let typical = median(moves.map { abs($0 - middle) })
        swing = max(0, typical * typical - chance * chance).squareRoot()
        let pairs = zip(moves, moves.dropFirst())
        turns = moves.count > 1 ? Double(pairs.count { $0 * $1 < 0 }) / Double(moves.count - 1) : 0
    }

    /// The second half, in which a run should have left its start behind.
    package var late: ArraySlice<Double> { blocks[(blocks.count / 2)...] }
    /// The level at the end: the median of the last quarter.
    package var level: Double { median(blocks.suffix(max(3, blocks.count / 4))) }
    /// The standard deviation of a block, from the differences of neighbours, so that a trend does not count.
    package var noise: Double {
        let differences = zip(blocks, blocks.dropFirst()).map { $1 - $0 }
        let middle = median(differences)
        return 1.4826 * median(differences.map { abs($0 - middle) }) / 2.0.squareRoot()
    }
    /// Where the late blocks are going.
    package var trend: Trend { Trend(late) }
    /// The step after which the loss no longer falls to new depths: the end of the first block that comes within 5 % of
    /// the way from the first to the lowest block.
    package var settledAt: Int {
        let low = blocks.min() ?? 0
        let close = low + 0.05 * abs((blocks.first ?? low) - low)
        let block = blocks.firstIndex { $0 <= close } ?? blocks.count - 1
        return steps - (blocks.count - 1 - block) * stepsPerBlock
    }
}

/// A trend that a few wild values do not decide.
package struct Trend: Sendable {
    /// The slope of Theil and Sen, the median over all pairs, times the length: the change from the first to the last.
    package let change: Double
    /// The statistic of Mann and Kendall in standard deviations; negative when values fall.
    package let score: Double

    package init(_ values: some Collection<Double>) {
        let v = Array(values)
        var slopes: [Double] = []
        var sum = 0
        for i in v.indices {
            for j in (i + 1)..<max(v.count, i + 1) {
                slopes.append((v[j] - v[i]) / Double(j - i))
                sum += v[j] > v[i] ? 1 : v[j] < v[i] ? -1 : 0
            }
        }
        let n = Double(v.count)
        change = slopes.isEmpty ? 0 : median(slopes) * (n - 1)
        let variance = n * (n - 1) * (2 * n + 5) / 18
        score = variance > 0 ? Double(sum) / variance.squareRoot() : 0
    }

    /// At the 1 % level, one-sided.
    package var falls: Bool { score < -2.33 && change < 0 }
    package var rises: Bool { score > 2.33 && change > 0 }
}

/// The middle value; the mean of the two in the middle for an even count, 0 for none.
package func median(_ values: some Sequence<Double>) -> Double {
    let sorted = values.filter { !$0.isNaN }.sorted()
    guard !sorted.isEmpty else { return 0 }
    let half = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}
