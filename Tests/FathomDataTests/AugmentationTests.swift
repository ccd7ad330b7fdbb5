import FathomData
import Foundation
import Testing

/// The obvious way: a padded copy, a window of it, mirrored.
private func plain(
    _ image: [Float], _ shape: ImageShape, padding: Int, fill: Augmentation.Fill, top: Int, left: Int, isFlipped: Bool
) -> [Float] {
    func value(_ y: Int, _ x: Int, _ channel: Int) -> Float {
        var (y, x) = (y, x)
        if fill == .reflect {
            if y < 0 { y = -y }
            if x < 0 { x = -x }
            if y >= shape.height { y = 2 * shape.height - 2 - y }
            if x >= shape.width { x = 2 * shape.width - 2 - x }
        }
        guard y >= 0, y < shape.height, x >= 0, x < shape.width else { return 0 }
        return image[(y * shape.width + x) * shape.channels + channel]
    }
    var padded: [[[Float]]] = []
    for y in -padding..<shape.height + padding {
        padded.append(
            (-padding..<shape.width + padding).map { x in (0..<shape.channels).map { value(y, x, $0) } })
    }
    var out: [Float] = []
    for y in 0..<shape.height {
        var line = (0..<shape.width).map { padded[y + top + padding][$0 + left + padding] }
        if isFlipped { line.reverse() }
        out += line.flatMap { $0 }
    }
    return out
}

@Suite struct AugmentationTests {
    /// Rows in which every value is another, none of them 0.
    private static func rows(_ count: Int, _ shape: ImageShape, classes: Int = 4) throws -> Dataset {
        let values = (0..<count * shape.valueCount).map { Float($0 + 1) }
        return try Dataset(
            name: "t", inputs: DataArray(values: values, shape: [count] + shape.rowShape),
            targets: .classes(
                labels: (0..<count).map { Int32($0 % classes) }, names: (0..<classes).map { "class \($0)" }),
            provenance: .init(source: "test", licence: "none"))
    }

    private static func batch(_ source: AugmentedRows, _ rows: [Int], index: Int = 0) throws -> Batch {
        var batch = Batch()
        (batch.rows, batch.index) = (rows, index)
        try source.fill(&batch)
        return batch
    }

    private static func chiSquare(_ counts: [Int], expected: Double) -> Double {
        var sum = 0.0
        for count in counts {
            let difference = Double(count) - expected
            sum += difference * difference / expected
        }
        return sum
    }

    private static let shape = ImageShape(height: 5, width: 7, channels: 3)

    @Test func withoutChangesRowsStayAsTheyAre() throws {
        let data = try Self.rows(6, Self.shape)
        #expect(Augmentation().isIdentity)
        let source = try AugmentedRows(data, Augmentation(), seed: 1, epoch: 3)
        let batch = try Self.batch(source, [4, 0, 4])
        #expect(batch.inputs == (try data.inputs.gather(rows: [4, 0, 4])).values)
        #expect(batch.labels == [0, 0, 0] && batch.targets.isEmpty)
        // Nor does a table, which is no picture, need to be one.
        let table = data.flattened()
        let flat = try AugmentedRows(
            Dataset(
                name: "t", inputs: table.inputs, targets: .none, provenance: table.provenance), Augmentation(),
            seed: 1, epoch: 3)
        #expect(try Self.batch(flat, [4, 0, 4]).inputs == batch.inputs)
    }

    @Test(arguments: [(Augmentation.Fill.zero, 0.5), (.reflect, 0.5), (.zero, 0), (.reflect, 1)])
    func cropsAndFlipsAreThoseOfThePlainWay(_ fill: Augmentation.Fill, flip: Double) throws {
        let padding = 2
        let count = 1000
        let data = try Self.rows(count, Self.shape)
        let augmentation = Augmentation(padding: padding, fill: fill, flip: flip)
        let source = try AugmentedRows(data, augmentation, seed: 11, epoch: 0)
        let batch = try Self.batch(source, Array(0..<count))
        let size = Self.shape.valueCount
        var offsets = [Int](repeating: 0, count: 25)
        var flips = 0
        for row in 0..<count {
            let seen = Array(batch.inputs[row * size..<(row + 1) * size])
            let image = Array(data.inputs.row(row))
            var matches: [(Int, Int, Bool)] = []
            for top in -padding...padding {
                for left in -padding...padding {
                    for isFlipped in [false, true]
                    where plain(
                        image, Self.shape, padding: padding, fill: fill, top: top, left: left, isFlipped: isFlipped)
                        == seen
                    { matches.append((top, left, isFlipped)) }
                }
            }
            // Exactly one, because every value is another.
            #expect(matches.count == 1)
            guard let (top, left, isFlipped) = matches.first else { return }
            offsets[(top + padding) * 5 + left + padding] += 1
            flips += isFlipped ? 1 : 0
        }
        // χ² with 24 degrees of freedom passes 51 once in a thousand.
        let expected = Double(count) / 25
        let chi = Self.chiSquare(offsets, expected: expected)
        #expect(chi < 51, "offsets \(offsets)")
        let deviation = (flip * (1 - flip) * Double(count)).squareRoot()
        #expect(abs(Double(flips) - flip * Double(count)) <= 3.5 * deviation)
    }

    @Test(arguments: [1, 3, 4, 14]) func cutoutIsASquareOfZeros(side: Int) throws {
        let count = 1000
        let data = try Self.rows(count, Self.shape)
        let batch = try Self.batch(
            AugmentedRows(data, Augmentation(cutout: side), seed: 5, epoch: 1), Array(0..<count))
        let size = Self.shape.valueCount
        var centres: Set<[Int]> = []
        for row in 0..<count {
            let seen = Array(batch.inputs[row * size..<(row + 1) * size])
            // Found among all centres by the plain way.
            var matches: [[Int]] = []
            for y in 0..<Self.shape.height {
                for x in 0..<Self.shape.width {
                    var image = Array(data.inputs.row(row))
                    let first = y - side / 2
                    for line in max(0, first)..<max(0, min(first + side, Self.shape.height)) {
                        let start = x - side / 2
                        for column in max(0, start)..<max(0, min(start + side, Self.shape.width)) {
                            for channel in 0..<3 { image[(line * 7 + column) * 3 + channel] = 0 }
                        }
                    }
                    if image == seen { matches.append([y, x]) }
                }
            }
            #expect(!matches.isEmpty)
            centres.formUnion(matches)
        }
        // Every pixel is a centre sooner or later.
        #expect(centres.count == 35)
    }

    @Test func switchingOneChangeOffLeavesTheOthers() throws {
        let data = try Self.rows(50, Self.shape)
        let all = Array(0..<50)
        let crop = Augmentation(padding: 2)
        var both = crop
        both.cutout = 2
        let one = try Self.batch(AugmentedRows(data, crop, seed: 2, epoch: 0), all).inputs
        let two = try Self.batch(AugmentedRows(data, both, seed: 2, epoch: 0), all).inputs
        // Where nothing was cut out, the crop is the same.
        #expect(zip(one, two).allSatisfy { $1 == 0 || $0 == $1 })
        #expect(one != two)
    }

    @Test func aRowIsDecidedBySeedEpochAndItself() throws {
        let data = try Self.rows(64, Self.shape)
        let augmentation = Augmentation(padding: 2, flip: 0.5, cutout: 3)
        func inputs(_ rows: [Int], seed: UInt64 = 7, epoch: Int = 2, index: Int = 0) throws -> [Float] {
            try Self.batch(AugmentedRows(data, augmentation, seed: seed, epoch: epoch), rows, index: index).inputs
        }
        let all = try inputs(Array(0..<64))
        #expect(try inputs(Array(0..<64)) == all)
        // Whatever batch it is in.
        let size = Self.shape.valueCount
        for row in [0, 17, 63] {
            #expect(try inputs([row], index: 9) == Array(all[row * size..<(row + 1) * size]))
        }
        #expect(try inputs(Array(0..<64), seed: 8) != all)
        #expect(try inputs(Array(0..<64), epoch: 3) != all)
        // Storage of another batch makes no difference.
        var batch = Batch()
        (batch.rows, batch.inputs, batch.labels, batch.targets) = ([3], [1, 2, 3], [4], [5])
        try AugmentedRows(data, augmentation, seed: 7, epoch: 2).fill(&batch)
        #expect(batch.inputs == Array(all[3 * size..<4 * size]) && batch.labels == [3] && batch.targets.isEmpty)
    }

    @Test(arguments: [0, 5]) func prefetchingFromTheMiddleGivesTheSameBatches(first: Int) throws {
        let data = try Self.rows(100, Self.shape)
        let augmentation = Augmentation(padding: 1, flip: 0.5, mixup: 0.4)
        let plan = try BatchPlan(rowCount: 100, batchSize: 9, order: .shuffled(seed: 3, epoch: 4))
        let source = try AugmentedRows(data, augmentation, seed: 3, epoch: 4)
        let prefetcher = Prefetcher(source: source, plan: plan, firstBatch: first)
        var batch = Batch()
        for index in first..<plan.count {
            #expect(try prefetcher.next(into: &batch))
            let direct = try Self.batch(source, Array(plan[index]), index: index)
            #expect(batch.inputs == direct.inputs && batch.targets == direct.targets && batch.labels.isEmpty)
        }
        #expect(try !prefetcher.next(into: &batch))
    }

    // MARK: Mixing

    @Test(arguments: [0.05, 0.2, 0.999, 1, 3]) func mixesRowsAndClassesAlike(alpha: Double) throws {
        let count = 8
        let shape = ImageShape(height: 2, width: 2, channels: 1)
        let data = try Self.rows(count, shape, classes: count)
        let source = try AugmentedRows(data, Augmentation(mixup: alpha), seed: 1, epoch: 0)
        let batches = 3000
        var shares: [Double] = []
        var partners = [Int](repeating: 0, count: count * count)
        var isMixture = true
        for index in 0..<batches {
            let batch = try Self.batch(source, Array(0..<count), index: index)
            #expect(batch.labels.isEmpty && batch.targets.count == count * count)
            var share: Double?
            var found: [Int] = []
            for row in 0..<count {
                let targets = batch.targets[row * count..<(row + 1) * count]
                // One's own class has λ; the only other one is that of the partner.
                let other = targets.indices.first { targets[$0] != 0 && $0 != row * count + row }.map { $0 % count }
                let own = targets[row * count + row]
                let partner = other ?? row
                found.append(row * count + partner)
                if other != nil { share = Double(own) }
                let sum: Float = targets.reduce(0, +)
                isMixture = isMixture && abs(sum - 1) < 1e-6
                for place in 0..<4 {
                    let mine = data.inputs.values[row * 4 + place]
                    let its = data.inputs.values[partner * 4 + place]
                    let expected = other == nil ? mine : own * mine + (1 - own) * its
                    isMixture = isMixture && abs(batch.inputs[row * 4 + place] - expected) < 1e-4
                }
            }
            // A λ that is rounded to 1 hides the partners; that no row has another one is rarer by far.
            shares.append(share ?? 1)
            if share != nil { for place in found { partners[place] += 1 } }
        }
        #expect(isMixture)
        // Beta(α, α): mean one half, variance 1 / (4 (2α + 1)).
        let mean = shares.reduce(0, +) / Double(shares.count)
        let squares: Double = shares.reduce(0.0) { (sum: Double, share: Double) in sum + (share - mean) * (share - mean)
        }
        let variance = squares / Double(shares.count)
        let theory = 1 / (4 * (2 * alpha + 1))
        #expect(abs(mean - 0.5) < 4 * (theory / Double(shares.count)).squareRoot())
        #expect(abs(variance / theory - 1) < 0.12, "variance \(variance), theory \(theory)")
        #expect(shares.allSatisfy { $0 >= 0 && $0 <= 1 })
        // Partners are any of the batch, each as often: χ² with 49 degrees of freedom passes 90 once in two thousand.
        let wanted = Double(partners.reduce(0, +)) / Double(count * count)
        let chi = Self.chiSquare(partners, expected: wanted)
        #expect(chi < 90, "\(partners)")
    }

    @Test func mixesNumbersToo() throws {
        let shape = ImageShape(height: 1, width: 2, channels: 1)
        let base = try Self.rows(6, shape)
        let values = try DataArray(values: base.inputs.values.map { (value: Float) in 10 * value }, shape: [6, 2])
        let data = try Dataset(
            name: "t", inputs: base.inputs, targets: .values(values), provenance: base.provenance)
        let batch = try Self.batch(AugmentedRows(data, Augmentation(mixup: 1), seed: 1, epoch: 0), Array(0..<6))
        #expect(zip(batch.inputs, batch.targets).allSatisfy { abs(10 * $0 - $1) < 1e-3 })
        #expect(batch.inputs != data.inputs.values)
    }

    // MARK: Mistakes

    @Test func numbersOutOfRangeAreRefused() throws {
        let data = try Self.rows(4, Self.shape)
        for wrong in [
            Augmentation(padding: -1), Augmentation(padding: 5), Augmentation(flip: 1.5), Augmentation(flip: .nan),
            Augmentation(cutout: -2), Augmentation(cutout: .max), Augmentation(mixup: -1),
            Augmentation(mixup: .infinity),
        ] {
            #expect(throws: DataError.self) { try AugmentedRows(data, wrong, seed: 1, epoch: 0) }
        }
        let table = try Dataset(
            name: "t", inputs: DataArray(values: [1, 2], shape: [2, 1]), targets: .none, provenance: data.provenance)
        let error = #expect(throws: DataError.self) {
            try AugmentedRows(table, Augmentation(flip: 0.5), seed: 1, epoch: 0)
        }
        #expect(error?.description.contains("no pictures") == true)
        _ = try AugmentedRows(table, Augmentation(mixup: 0.2), seed: 1, epoch: 0)
        let source = try AugmentedRows(data, Augmentation(flip: 0.5), seed: 1, epoch: 0)
        #expect(throws: DataError.self) { try Self.batch(source, [4]) }
        #expect(throws: DataError.self) { try Self.batch(source, [-1]) }
    }

    @Test func aBatchOfPhotographsTakesLittleTime() throws {
        let shape = ImageShape(height: 32, width: 32, channels: 3)
        let data = try Self.rows(512, shape)
        var batch = Batch()
        batch.rows = (0..<128).map { $0 * 4 }
        for (name, augmentation) in [
            ("crop and flip", Augmentation(padding: 4, flip: 0.5)),
            ("all", Augmentation(padding: 4, fill: .reflect, flip: 0.5, cutout: 8, mixup: 0.2)),
        ] {
            var best = Duration.seconds(1)
            for epoch in 0..<40 {
                let source = try AugmentedRows(data, augmentation, seed: 1, epoch: epoch)
                best = min(best, try ContinuousClock().measure { try source.fill(&batch) })
            }
            print("128 pictures of 32×32×3, \(name): \(best)")
            #expect(best < .milliseconds(5))
        }
    }
}

@Suite struct ChannelScalingTests {
    @Test func channelsGetMeanZeroAndDeviationOne() throws {
        var generator = SeededGenerator(seed: 1)
        // Channels of different means and spreads.
        var values: [Float] = []
        for index in 0..<1200 {
            let channel = Double(index % 3)
            values.append(Float(10 * channel + (channel + 1) * generator.normal()))
        }
        let data = try DataArray(values: values, shape: [20, 4, 5, 3])
        let scaling = try ColumnScaling.standardizing(channelsOf: data, channels: 3)
        #expect(scaling.shift.count == 3 && scaling.columnCount == 60)
        for (channel, mean) in [0, 10, 20].enumerated() {
            #expect(abs(Double(scaling.shift[channel]) - Double(mean)) < 0.6)
            #expect(abs(scaling.scale[channel] / Float(channel + 1) - 1) < 0.15)
        }
        let scaled = try scaling.applied(to: data)
        #expect(scaled.shape == data.shape)
        for channel in 0..<3 {
            let own = stride(from: channel, to: scaled.values.count, by: 3).map { Double(scaled.values[$0]) }
            let mean = own.reduce(0, +) / 400
            #expect(abs(mean) < 1e-5)
            let square: Double = own.reduce(0.0) { (sum: Double, value: Double) in sum + value * value }
            #expect(abs(square / 400 - 1) < 1e-4)
        }
        // Flattened rows have the same columns, and what was stored is the same scaling.
        #expect(try scaling.applied(to: data.flattened()).values == scaled.values)
        let stored = try JSONDecoder().decode(ColumnScaling.self, from: JSONEncoder().encode(scaling))
        #expect(stored == scaling)
        #expect(try stored.applied(to: data) == scaled)
        #expect(throws: DataError.self) { try scaling.applied(to: DataArray(values: [1, 2, 3], shape: [1, 3])) }
        #expect(throws: DataError.self) { try ColumnScaling.standardizing(channelsOf: data, channels: 7) }
    }

    @Test func scalingsStoredBeforeAreRead() throws {
        let text = #"{"shift":[1,2],"scale":[2,4],"constantColumns":[]}"#
        let scaling = try JSONDecoder().decode(ColumnScaling.self, from: Data(text.utf8))
        let data = try DataArray(values: [3, 2], shape: [1, 2])
        #expect(try scaling.applied(to: data).values == [1, 0])
    }

    @Test func givenNumbersAreTaken() throws {
        let shape = ImageShape(height: 2, width: 1, channels: 3)
        let data = try DataArray(values: [1, 2, 3, 4, 5, 6], shape: [1, 2, 1, 3])
        let scaling = try ColumnScaling.channels(mean: [1, 2, 3], deviation: [2], shape: shape)
        #expect(try scaling.applied(to: data).values == [0, 0, 0, 1.5, 1.5, 1.5])
        let wrong: [(mean: [Double], deviation: [Double])] = [
            ([1, 2], [1]), ([0], [0]), ([0], [-1]), ([.nan], [1]), ([], [1]), ([1e300], [1]),
        ]
        for (mean, deviation) in wrong {
            #expect(throws: DataError.self) {
                try ColumnScaling.channels(mean: mean, deviation: deviation, shape: shape)
            }
        }
    }
}
