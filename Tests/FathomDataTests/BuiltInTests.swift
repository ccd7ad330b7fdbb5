import FathomData
import Testing

@Suite struct BuiltInTests {
    @Test func digitsHaveKnownSums() throws {
        let digits = try Digits.load(scaled: false)
        #expect(digits.inputs.shape == [1797, 8, 8, 1])
        // From numpy: sum, first row's sum, labels' histogram.
        #expect(digits.inputs.values.reduce(0) { $0 + Double($1) } == 561718)
        #expect(digits.inputs.row(0).reduce(0, +) == 294)
        var histogram = [Int](repeating: 0, count: 10)
        for label in try #require(digits.labels) { histogram[Int(label)] += 1 }
        #expect(histogram == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
        #expect(digits.classCount == 10)
        let scaled = try Digits.load()
        #expect(scaled.inputs.values.max() == 1)
        #expect(zip(scaled.inputs.values, digits.inputs.values).allSatisfy { $0 * 16 == $1 })
    }

    @Test func digitsLoadQuickly() throws {
        _ = try Digits.load()
        let clock = ContinuousClock()
        let best = try (0..<5).map { _ in try clock.measure { _ = try Digits.load() } }.min()
        #expect(try #require(best) < .milliseconds(15))
    }

    @Test func irisIsFishers() throws {
        let iris = try Iris.load()
        #expect(iris.inputs.shape == [150, 4])
        #expect(Array(iris.inputs.row(0)) == [5.1, 3.5, 1.4, 0.2])
        #expect(Array(iris.inputs.row(34)) == [4.9, 3.1, 1.5, 0.2])
        #expect(Array(iris.inputs.row(37)) == [4.9, 3.6, 1.4, 0.1])
        #expect(Array(iris.inputs.row(149)) == [5.9, 3.0, 5.1, 1.8])
        // Column means from numpy.
        for (column, mean) in [5.843333, 3.057333, 3.758, 1.199333].enumerated() {
            let sum = (0..<150).reduce(0.0) { $0 + Double(iris.inputs.row($1).dropFirst(column).first ?? 0) }
            #expect(abs(sum / 150 - mean) < 1e-6)
        }
        #expect(iris.labels == (0..<3).flatMap { [Int32](repeating: $0, count: 50) })
    }
}
