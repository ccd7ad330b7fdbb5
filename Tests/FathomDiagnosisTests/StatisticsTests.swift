import FathomData
import FathomDiagnosis
import Foundation
import Testing

@Suite struct StatisticsTests {
    @Test(arguments: [2, 3, 7, 40]) func eigenvaluesOfTheSecondDifference(n: Int) throws {
        var matrix = [Double](repeating: 0, count: n * n)
        for i in 0..<n {
            matrix[i * n + i] = 2
            if i > 0 { (matrix[i * n + i - 1], matrix[(i - 1) * n + i]) = (-1, -1) }
        }
        let found = try #require(symmetricEigenvalues(matrix, n))
        for (k, value) in found.enumerated() {
            #expect(abs(value - (2 - 2 * cos(Double(k + 1) * .pi / Double(n + 1)))) < 1e-12)
        }
    }

    @Test func eigenvaluesOfAFullMatrix() throws {
        // Q diag(1…6) Q' with Q a reflection.
        let n = 6
        let v = (1...n).map { Double($0) }
        let square = v.reduce(0) { $0 + $1 * $1 }
        func q(_ i: Int, _ j: Int) -> Double { (i == j ? 1 : 0) - 2 * v[i] * v[j] / square }
        var matrix = [Double](repeating: 0, count: n * n)
        for i in 0..<n {
            for j in 0..<n { matrix[i * n + j] = (0..<n).reduce(0) { $0 + q(i, $1) * Double($1 + 1) * q(j, $1) } }
        }
        let found = try #require(symmetricEigenvalues(matrix, n))
        for (k, value) in found.enumerated() { #expect(abs(value - Double(k + 1)) < 1e-12) }
    }

    @Test func aMeanAddsAnEigenvalue() throws {
        // n white features with mean m: the largest eigenvalue is 1 + n·m², the others 1.
        let (n, rows) = (20, 40_000)
        var generator = SeededGenerator(seed: 3)
        var values: [Float] = []
        for _ in 0..<rows * n { values.append(Float.random(in: -1...1, using: &generator) * Float(3).squareRoot() + 1) }
        let number = try #require(secondMomentConditionNumber(values, rows: rows, columns: n, limit: 64))
        #expect(abs(number - 21) < 1.5)
    }

    @Test func aRepeatedColumnIsSingular() {
        let values: [Float] = (0..<40).flatMap { [Float($0), Float($0), 1] }
        #expect(secondMomentConditionNumber(values, rows: 40, columns: 3, limit: 64) == .infinity)
    }
}
