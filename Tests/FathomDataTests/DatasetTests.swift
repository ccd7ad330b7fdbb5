import FathomData
import Foundation
import Testing

@Suite struct DatasetTests {
    private let provenance = Dataset.Provenance(source: "test", licence: "none")

    private func dataset(_ values: [Float], columns: Int, labels: [Int32]? = nil, classes: Int = 2) throws -> Dataset {
        try Dataset(
            name: "t", inputs: DataArray(values: values, shape: [values.count / columns, columns]),
            targets: labels.map { .classes(labels: $0, names: (0..<classes).map { "c\($0)" }) } ?? .none,
            provenance: provenance)
    }

    @Test func arraysCheckTheirShape() throws {
        #expect(throws: DataError.shapeMismatch(shape: [2, 2], values: 3)) {
            try DataArray(values: [1, 2, 3], shape: [2, 2])
        }
        #expect(throws: DataError.self) { try DataArray(values: [1], shape: [-1, -1]) }
        // No rows, but rows of a size that is no number.
        #expect(throws: DataError.self) { try DataArray(values: [], shape: [0, 1 << 62, 4]) }
        #expect(try DataArray(values: [], shape: [0, 3]).rowSize == 3)
        #expect(throws: DataError.self) { try DataArray(values: [], shape: [1 << 40, 1 << 40]) }
        let array = try DataArray(values: (0..<12).map(Float.init), shape: [3, 2, 2])
        #expect(array.rowShape == [2, 2])
        #expect(Array(array.row(1)) == [4, 5, 6, 7])
        let gathered = try array.gather(rows: [2, 0, 2])
        #expect(gathered.shape == [3, 2, 2])
        #expect(gathered.values == [8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11])
        #expect(throws: DataError.rowOutOfRange(row: 3, rows: 3)) { try array.gather(rows: [0, 3]) }
        #expect(throws: DataError.rowOutOfRange(row: -1, rows: 3)) { try array.gather(rows: [-1]) }
        #expect(array.flattened().shape == [3, 4])
        #expect(try array.reshaped(to: [12]).values == array.values)
        #expect(throws: DataError.self) { try array.reshaped(to: [5]) }
        #expect(try DataArray(values: [], shape: [0, 3]).gather(rows: []).shape == [0, 3])
    }

    @Test func partsMustFit() throws {
        #expect(throws: DataError.countMismatch(what: "labels of t", expected: 2, found: 1)) {
            try dataset([1, 2], columns: 1, labels: [0])
        }
        #expect(throws: DataError.labelOutOfRange(row: 1, label: 2, classes: 2)) {
            try dataset([1, 2], columns: 1, labels: [0, 2])
        }
        #expect(throws: DataError.labelOutOfRange(row: 0, label: -1, classes: 2)) {
            try dataset([1, 2], columns: 1, labels: [-1, 0])
        }
        #expect(throws: DataError.self) {
            try DataSplit(train: dataset([1, 2], columns: 2), test: dataset([1, 2, 3], columns: 3))
        }
    }

    @Test func splitsAreDisjointStratifiedAndRepeatable() throws {
        let labels = (0..<1000).map { Int32($0 % 10 == 0 ? 1 : 0) }
        let data = try dataset((0..<1000).map(Float.init), columns: 1, labels: labels)
        let split = try data.split(fraction: 0.8, seed: 3)
        #expect(split.train.rowCount == 800)
        #expect(split.train.labels?.filter { $0 == 1 }.count == 80)
        #expect(split.test.labels?.filter { $0 == 1 }.count == 20)
        #expect((split.train.inputs.values + split.test.inputs.values).sorted() == data.inputs.values)
        // Labels stay with their rows.
        for part in [split.train, split.test] {
            for row in 0..<part.rowCount { #expect(part.labels?[row] == labels[Int(part.inputs.values[row])]) }
        }
        #expect(try data.split(fraction: 0.8, seed: 3).train.inputs == split.train.inputs)
        #expect(try data.split(fraction: 0.8, seed: 4).train.inputs != split.train.inputs)
        // The classes are mixed within a part.
        #expect(split.train.labels.map { Array($0.suffix(80)) } != [Int32](repeating: 1, count: 80))
        let three = try data.split(train: 0.5, validation: 0.3, seed: 1)
        #expect([three.train, try #require(three.validation), three.test].map(\.rowCount) == [500, 300, 200])
        #expect(three.validation?.labels?.filter { $0 == 1 }.count == 30)
        let plain = try data.split(fraction: 0.25, stratified: false, seed: 0)
        #expect(plain.train.rowCount == 250)
        for fraction in [0, 1, -1, .nan, 0.0001] {
            #expect(throws: DataError.self) { try data.split(fraction: fraction, seed: 0) }
        }
        #expect(data.shuffled(seed: 2).inputs.values == permutation(count: 1000, seed: 2).map(Float.init))
    }

    @Test func standardisingMatchesTheory() throws {
        // Column means 1e6 and 2, deviations √(2/3) and √(8/3) (dividing by 3), and a constant one.
        let values: [Float] = [999_999, 0, 0.1, 1_000_000, 2, 0.1, 1_000_001, 4, 0.1]
        let data = try DataArray(values: values, shape: [3, 3])
        let scaling = try ColumnScaling.standardizing(data)
        #expect(scaling.constantColumns == [2])
        #expect(scaling.scale[2] == 1)
        #expect(abs(scaling.scale[0] - Float((2.0 / 3).squareRoot())) < 1e-6)
        let out = try scaling.applied(to: data)
        let root = Float(1.5.squareRoot())
        for (found, wanted) in zip(out.values, [-root, -root, 0, 0, 0, 0, root, root, 0]) {
            #expect(abs(found - wanted) < 1e-6)
        }
        // Statistics of the training part are applied to another.
        let other = try scaling.applied(to: DataArray(values: [1_000_000, 2, 1.1], shape: [1, 3]))
        #expect(other.values == [0, 0, 1.1 - 0.1])
        #expect(throws: DataError.self) { try scaling.applied(to: DataArray(values: [1], shape: [1, 1])) }
    }

    @Test func minMaxAndConstant() throws {
        let data = try DataArray(values: [1, 5, 3, 5, 2, 5], shape: [3, 2])
        let scaling = try ColumnScaling.minMax(data)
        #expect(scaling.constantColumns == [1])
        #expect(try scaling.applied(to: data).values == [0, 0, 1, 0, 0.5, 0])
        let halves = try ColumnScaling.constant(columns: 2, shift: 1, scale: 2)
        #expect(try halves.applied(to: data).values == [0, 2, 1, 2, 0.5, 2])
        #expect(throws: DataError.self) { try ColumnScaling.constant(columns: 1, scale: 0) }
        #expect(throws: DataError.nonFinite(row: 1, column: 0, value: "nan")) {
            try ColumnScaling.standardizing(DataArray(values: [1, 2, .nan, 3], shape: [2, 2]))
        }
        #expect(throws: DataError.self) { try ColumnScaling.minMax(DataArray(values: [], shape: [0, 2])) }
        // A range that overflows has no scale.
        let wide = try DataArray(values: [-3e38, 3e38], shape: [2, 1])
        #expect(try ColumnScaling.minMax(wide).scale == [1])
    }

    @Test func scalingSurvivesEncoding() throws {
        let scaling = try ColumnScaling.standardizing(Iris.load().inputs)
        let copy = try JSONDecoder().decode(ColumnScaling.self, from: JSONEncoder().encode(scaling))
        #expect(copy == scaling)
    }

    @Test func checksFindWhatIsOdd() throws {
        #expect(try DataChecks.findings(in: Iris.load(), batchSize: 32) == [])
        let odd = try dataset([1, .nan, 1, 2, 1, .infinity], columns: 2, labels: [1, 1, 1], classes: 3)
        let findings = DataChecks.findings(in: odd, batchSize: 4)
        #expect(
            findings == [
                .nonFinite(row: 0, column: 1, count: 2), .constantFeatures(columns: [0]), .singleClass(name: "c1"),
                .fewerRowsThanBatch(rows: 3, batchSize: 4),
            ])
        #expect(findings.allSatisfy { !$0.description.isEmpty })
        #expect(throws: DataError.nonFinite(row: 0, column: 1, value: "nan")) {
            try DataChecks.requireFinite(odd.inputs)
        }
        let missing = try dataset([1, 2], columns: 1, labels: [0, 2], classes: 3)
        #expect(DataChecks.findings(in: missing) == [.missingClasses(names: ["c1"])])
        #expect(try DataChecks.findings(in: dataset([], columns: 1, labels: [])) == [.empty])
        let target = try Dataset(
            name: "t", inputs: DataArray(values: [1, 2], shape: [2, 1]),
            targets: .values(DataArray(values: [5, 1, 5, -.infinity], shape: [2, 2])), provenance: provenance)
        #expect(
            DataChecks.findings(in: target) == [
                .nonFiniteTarget(row: 1, column: 1, count: 1), .constantTarget(column: 0),
            ])
        let allNaN = try dataset([.nan, .nan], columns: 1)
        #expect(
            DataChecks.findings(in: allNaN) == [
                .nonFinite(row: 0, column: 0, count: 2), .constantFeatures(columns: [0]),
            ])
    }
}

@Suite struct SyntheticTests {
    @Test func sameSeedSameData() throws {
        for entry in DatasetCatalog.entries {
            guard case .computed = entry.origin else { continue }
            var options = DatasetCatalog.Options()
            let first = try DatasetCatalog.load(entry.name, options: options)
            #expect(try DatasetCatalog.load(entry.name, options: options).train.inputs == first.train.inputs)
            options.seed = 1
            #expect(try DatasetCatalog.load(entry.name, options: options).train.inputs != first.train.inputs)
            #expect(first.train.inputs.rowShape == entry.rowShape)
            #expect(first.train.name == entry.name)
            #expect((first.train.classCount ?? 0) == entry.classCount)
            #expect(first.train.rowCount + first.test.rowCount == entry.rowCounts[0])
            options.count = 50
            let small = try DatasetCatalog.load(entry.name, options: options)
            #expect(small.train.rowCount + small.test.rowCount == 50)
            #expect(DataChecks.findings(in: first.train) == [])
        }
    }

    @Test func pointsFollowTheirRules() throws {
        let xor = try SyntheticSets.xor(count: 100, noise: 0)
        for row in 0..<100 {
            let point = Array(xor.inputs.row(row))
            #expect(abs(point[0]) == 1 && abs(point[1]) == 1)
            #expect((point[0] * point[1] < 0) == (xor.labels?[row] == 1))
        }
        let circles = try SyntheticSets.circles(count: 100, factor: 0.3, noise: 0)
        for row in 0..<100 {
            let radius = hypot(circles.inputs.row(row).first ?? 0, circles.inputs.row(row).last ?? 0)
            #expect(abs(radius - (circles.labels?[row] == 0 ? 1 : 0.3)) < 1e-6)
        }
        let spirals = try SyntheticSets.spirals(count: 300, arms: 5, turns: 1, noise: 0)
        for row in 0..<300 {
            let x = Double(spirals.inputs.row(row).first ?? 0)
            let y = Double(spirals.inputs.row(row).last ?? 0)
            let radius = hypot(x, y)
            let expected = 2 * Double.pi * (radius + Double(spirals.labels?[row] ?? 0) / 5)
            #expect(hypot(x - radius * cos(expected), y - radius * sin(expected)) < 1e-5)
        }
        let cubic = try SyntheticSets.polynomial(coefficients: [1, 2, 3], count: 50, noise: 0)
        guard case .values(let targets) = cubic.targets else { throw DataError.cancelled }
        for row in 0..<50 {
            let x = cubic.inputs.values[row]
            #expect(abs(targets.values[row] - (1 + 2 * x + 3 * x * x)) < 1e-5)
        }
    }

    private func moments(_ values: [Double]) -> (mean: Double, deviation: Double) {
        let mean = values.reduce(0, +) / Double(values.count)
        let square = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        return (mean, square.squareRoot())
    }

    /// Whether numbers have the mean and the deviation of normal ones, within five standard errors of each.
    private func isNormal(_ values: [Double], mean: Double, deviation: Double) -> Bool {
        let (found, error) = (moments(values), deviation / Double(values.count).squareRoot())
        return abs(found.mean - mean) < 5 * error && abs(found.deviation - deviation) < 5 * error / 2.0.squareRoot()
    }

    @Test func moonsAreTwoHalfCircles() throws {
        let moons = try SyntheticSets.moons(count: 301, noise: 0, seed: 5)
        let labels = try #require(moons.labels)
        #expect(moons.classNames == ["upper", "lower"])
        for moon in 0..<2 {
            let rows = labels.indices.filter { Int(labels[$0]) == moon }
            #expect(rows.count == 151 - moon)
            // The upper one stands around the origin; turned about (1/2, 1/4), the lower one is the same.
            let points = rows.map { row -> (x: Double, y: Double) in
                let (x, y) = (Double(moons.inputs.values[2 * row]), Double(moons.inputs.values[2 * row + 1]))
                return moon == 0 ? (x: x, y: y) : (x: 1 - x, y: 0.5 - y)
            }
            for (x, y) in points { #expect(abs(hypot(x, y) - 1) < 1e-6 && y > -1e-6) }
            // From one end to the other, and over the top.
            #expect(points.contains { $0.x < -0.99 } && points.contains { $0.x > 0.99 })
            #expect(points.contains { $0.y > 0.99 })
        }
        // One seed draws the same points with noise or without, so that the noise is what lies between them.
        let bare = try SyntheticSets.moons(count: 4000, noise: 0, seed: 2)
        let noisy = try SyntheticSets.moons(count: 4000, noise: 0.3, seed: 2)
        #expect(noisy.labels == bare.labels)
        let between = zip(noisy.inputs.values, bare.inputs.values).map { Double($0) - Double($1) }
        #expect(isNormal(between, mean: 0, deviation: 0.3))
    }

    @Test func blobsAreNormalAroundTheirCentres() throws {
        let (classes, perClass, spread) = (4, 2500, 0.7)
        // Without spread a point is its centre.
        let centres = try SyntheticSets.blobs(count: classes, classes: classes, dimensions: 3, spread: 0, seed: 9)
        #expect(centres.labels == [0, 1, 2, 3])
        #expect(centres.inputs.values.allSatisfy { abs($0) <= 10 })
        #expect(Set(centres.inputs.values).count == 3 * classes)
        let blobs = try SyntheticSets.blobs(
            count: classes * perClass, classes: classes, dimensions: 3, spread: spread, seed: 9)
        let labels = try #require(blobs.labels)
        for blob in 0..<classes {
            let rows = labels.indices.filter { Int(labels[$0]) == blob }
            #expect(rows.count == perClass)
            for axis in 0..<3 {
                let centre = Double(centres.inputs.values[3 * blob + axis])
                let values = rows.map { Double(blobs.inputs.values[3 * $0 + axis]) }
                #expect(isNormal(values, mean: centre, deviation: spread), "blob \(blob), axis \(axis)")
            }
        }
    }

    @Test func sineIsTheSineOverOnePeriod() throws {
        func columns(_ data: Dataset) throws -> (x: [Double], y: [Double]) {
            guard case .values(let targets) = data.targets else { throw DataError.cancelled }
            return (data.inputs.values.map(Double.init), targets.values.map(Double.init))
        }
        let (x, y) = try columns(SyntheticSets.sine(count: 500, noise: 0, seed: 3))
        #expect(x.count == 500 && y.count == 500)
        for (x, y) in zip(x, y) { #expect(abs(x) < Double.pi + 1e-6 && abs(y - sin(x)) < 1e-6) }
        // Uniform between −π and π: deviation π/√3, and points near both ends.
        #expect(x.contains { $0 < -3.1 } && x.contains { $0 > 3.1 })
        #expect(abs(moments(x).mean) < 0.4 && abs(moments(x).deviation - Double.pi / 3.0.squareRoot()) < 0.15)
        let noisy = try columns(SyntheticSets.sine(count: 5000, noise: 0.2, seed: 4))
        #expect(isNormal(zip(noisy.x, noisy.y).map { $1 - sin($0) }, mean: 0, deviation: 0.2))
    }

    @Test func sameSeedSameBits() throws {
        func bits(_ data: Dataset) -> [UInt32] {
            var values = data.inputs.values
            if case .values(let targets) = data.targets { values += targets.values }
            return values.map(\.bitPattern)
        }
        let sets: [(UInt64) throws -> Dataset] = [
            { seed in try SyntheticSets.moons(count: 40, noise: 0.2, seed: seed) },
            { seed in try SyntheticSets.blobs(count: 40, classes: 3, seed: seed) },
            { seed in try SyntheticSets.sine(count: 40, noise: 0.1, seed: seed) },
        ]
        for make in sets {
            let (first, again, other) = (try make(7), try make(7), try make(8))
            #expect(bits(again) == bits(first) && again.labels == first.labels)
            #expect(bits(other) != bits(first))
        }
    }

    @Test func noiseHasItsMoments() throws {
        let noise = try SyntheticSets.noise(count: 10_000, dimensions: 10, mean: 3, deviation: 2)
        let values = noise.inputs.values.map(Double.init)
        let mean = values.reduce(0, +) / 1e5
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 1e5
        #expect(abs(mean - 3) < 0.03)
        #expect(abs(variance - 4) < 0.1)
    }

    @Test func gaussianClassesHaveTheStatedError() throws {
        // The best rule is the sign of the projection on the diagonal; its error is Φ(−1) = 0.1587 for distance 2.
        let data = try SyntheticSets.gaussianClasses(count: 20_000, dimensions: 7, distance: 2)
        var wrong = 0
        for row in 0..<20_000 where (data.inputs.row(row).reduce(0, +) > 0) != (data.labels?[row] == 1) { wrong += 1 }
        #expect(abs(Double(wrong) / 20_000 - 0.1587) < 0.01)
    }

    @Test func impossibleParametersAreRefused() {
        #expect(throws: DataError.self) { try SyntheticSets.xor(count: 0) }
        #expect(throws: DataError.self) { try SyntheticSets.moons(noise: -1) }
        #expect(throws: DataError.self) { try SyntheticSets.moons(noise: .nan) }
        #expect(throws: DataError.self) { try SyntheticSets.circles(factor: 1) }
        #expect(throws: DataError.self) { try SyntheticSets.spirals(arms: 0) }
        #expect(throws: DataError.self) { try SyntheticSets.polynomial(coefficients: []) }
        #expect(throws: DataError.self) { try SyntheticSets.noise(dimensions: 0) }
    }
}
