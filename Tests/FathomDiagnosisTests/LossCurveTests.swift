import FathomDiagnosis
import Foundation
import Testing

@Suite struct LossCurveTests {
    private func noisy(_ count: Int, _ deviation: Double, seed: UInt64 = 1, _ level: (Double) -> Double) -> [Float] {
        var noise = Noise(seed: seed)
        return (0..<count).map { Float(level(Double($0) / Double(count)) + deviation * noise()) }
    }

    @Test func tooFewStepsGiveNoCurve() {
        #expect(LossCurve([Float](repeating: 1, count: 31), perEpoch: 100) == nil)
        #expect(LossCurve([Float](repeating: 1, count: 32), perEpoch: 100)?.blocks.count == 8)
        #expect(LossCurve([Float](repeating: 1, count: 8), perEpoch: 1)?.blocks.count == 8)
        // A loss that is no number ends the curve.
        #expect(
            LossCurve([Float](repeating: 1, count: 20) + [.nan] + [Float](repeating: 1, count: 40), perEpoch: 9) == nil)
    }

    @Test func blocksAreWholeEpochs() throws {
        let curve = try #require(LossCurve([Float](repeating: 1, count: 7 * 100 + 3), perEpoch: 7))
        #expect(curve.stepsPerBlock % 7 == 0)
        #expect(curve.blocks.count <= 40 && curve.blocks.count >= 8)
        #expect(curve.blocks.allSatisfy { $0 == 1 })
    }

    @Test func batchNoiseIsNeitherTrendNorSwing() throws {
        var falls = 0
        for seed in 1...40 {
            let curve = try #require(LossCurve(noisy(2000, 0.5, seed: UInt64(seed)) { _ in 1 }, perEpoch: 400))
            if curve.trend.falls { falls += 1 }
            // Of 2000 steps in blocks of 50 the mean has an error of 0.07; what is left beyond that is little.
            #expect(curve.swing < 0.12)
        }
        #expect(falls <= 3)
    }

    @Test func aFallIsSeenThroughNoise() throws {
        let curve = try #require(LossCurve(noisy(2000, 0.5) { 2 - $0 }, perEpoch: 400))
        #expect(curve.trend.falls)
        #expect(abs(curve.trend.change + 0.5) < 0.15)
        #expect(abs(curve.level - 1.125) < 0.1)
    }

    @Test func aSpikeDecidesNothing() throws {
        var losses = noisy(1000, 0.01) { 1 - 0.5 * $0 }
        for k in 900..<905 { losses[k] = 1e6 }
        let curve = try #require(LossCurve(losses, perEpoch: 200))
        #expect(curve.trend.falls)
        #expect(curve.level < 0.7)
    }

    @Test func swingsBetweenEpochsAreSeen() throws {
        // One epoch up, one down, with as much noise in every step.
        let losses = noisy(400, 0.2) { Int($0 * 40) % 2 == 0 ? 1 : 1.4 }
        let curve = try #require(LossCurve(losses, perEpoch: 10))
        #expect(curve.swing > 0.3 && curve.swing < 0.5)
        #expect(curve.turns > 0.9)
        let steady = try #require(LossCurve(noisy(400, 0) { 2 - $0 }, perEpoch: 10))
        #expect(steady.turns == 0)
        #expect(steady.swing < 1e-6)
    }

    @Test func trendsOfTheoryAreFound() {
        #expect(Trend([5, 4, 3, 2, 1, 0, -1, -2]).falls)
        #expect(Trend([0, 1, 2, 3, 4, 5, 6, 7]).rises)
        #expect(Trend([0, 1, 2, 3, 4, 5, 6, 7]).change == 7)
        // 28 pairs in order, variance 8·7·21/18.
        #expect(abs(Trend([0, 1, 2, 3, 4, 5, 6, 7]).score - 28 / (8.0 * 7 * 21 / 18).squareRoot()) < 1e-12)
        #expect(!Trend([]).falls && !Trend([1]).rises)
        #expect(median([3, 1, 2]) == 2 && median([1, 2, 3, 4]) == 2.5 && median([]) == 0)
    }
}
