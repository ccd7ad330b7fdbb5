import Foundation

/// Small problems made from a formula and a seed; the same arguments give the same data.
///
/// Numbers come from `SeededGenerator`; sine, cosine and logarithm from the platform's C library, so that the last
/// bit may differ between operating systems.
public enum SyntheticSets {
    /// Two classes in four corners of a square, at (±1, ±1): the class says whether the signs differ. Not linearly
    /// separable; the classic test for a hidden layer.
    ///
    /// - Parameter noise: Standard deviation of normal noise around the corners.
    public static func xor(count: Int = 400, noise: Double = 0.2, seed: UInt64 = 0) throws(DataError) -> Dataset {
        try classification("xor", count, noise, seed, names: ["same", "different"]) { index, _ in
            let x: Double = index & 1 == 0 ? -1 : 1
            let y: Double = index & 2 == 0 ? -1 : 1
            return ([x, y], x == y ? 0 : 1)
        }
    }

    /// Two concentric circles, of radius 1 and `factor`.
    public static func circles(
        count: Int = 400, factor: Double = 0.5, noise: Double = 0.05, seed: UInt64 = 0
    ) throws(DataError) -> Dataset {
        try check("factor", factor, factor > 0 && factor < 1, "it must lie between 0 and 1")
        return try classification("circles", count, noise, seed, names: ["outer", "inner"]) { index, generator in
            let angle = 2 * Double.pi * generator.uniform()
            let radius = index & 1 == 0 ? 1 : factor
            return ([radius * cos(angle), radius * sin(angle)], index & 1)
        }
    }

    /// Two interleaving half circles.
    public static func moons(count: Int = 400, noise: Double = 0.1, seed: UInt64 = 0) throws(DataError) -> Dataset {
        try classification("moons", count, noise, seed, names: ["upper", "lower"]) { index, generator in
            let angle = Double.pi * generator.uniform()
            return index & 1 == 0 ? ([cos(angle), sin(angle)], 0) : ([1 - cos(angle), 0.5 - sin(angle)], 1)
        }
    }

    /// Interleaved spirals, one per class, each winding `turns` times from the middle to radius 1.
    public static func spirals(
        count: Int = 600, arms: Int = 3, turns: Double = 0.75, noise: Double = 0.02, seed: UInt64 = 0
    ) throws(DataError) -> Dataset {
        try checkCount("arms", arms)
        try check("turns", turns, turns.isFinite, "it must be finite")
        let names = (0..<arms).map { "arm \($0)" }
        return try classification("spirals", count, noise, seed, names: names) { index, generator in
            let arm = index % arms
            let radius = 0.05 + 0.95 * generator.uniform()
            let angle = 2 * Double.pi * (turns * radius + Double(arm) / Double(arms))
            return ([radius * cos(angle), radius * sin(angle)], arm)
        }
    }

    /// Normal clouds around centres drawn uniformly from the cube (−10, 10) in each dimension.
    public static func blobs(
        count: Int = 300, classes: Int = 3, dimensions: Int = 2, spread: Double = 1, seed: UInt64 = 0
    ) throws(DataError) -> Dataset {
        try checkCount("classes", classes)
        try checkCount("dimensions", dimensions)
        var generator = SeededGenerator(seed: seed, stream: 1)
        let centres = (0..<classes).map { _ in (0..<dimensions).map { _ in 20 * generator.uniform() - 10 } }
        let names = (0..<classes).map { "blob \($0)" }
        return try classification("blobs", count, spread, seed, names: names) { index, _ in
            (centres[index % classes], index % classes)
        }
    }

    /// Two normal classes with unit variance in `dimensions` dimensions whose means lie `distance` apart along the
    /// diagonal: the best possible error is known, Φ(−distance/2).
    public static func gaussianClasses(
        count: Int = 1000, dimensions: Int = 10, distance: Double = 2, seed: UInt64 = 0
    ) throws(DataError) -> Dataset {
        try checkCount("dimensions", dimensions)
        try check("distance", distance, distance.isFinite, "it must be finite")
        let shift = distance / 2 / Double(dimensions).squareRoot()
        return try classification("gaussian-classes", count, 1, seed, names: ["minus", "plus"]) { index, _ in
            ([Double](repeating: index & 1 == 0 ? -shift : shift, count: dimensions), index & 1)
        }
    }

    /// y = sin(x) plus noise, x uniform in (−π, π): regression with one input.
    public static func sine(count: Int = 400, noise: Double = 0.05, seed: UInt64 = 0) throws(DataError) -> Dataset {
        try regression("sine", count, noise, seed, from: -.pi, to: .pi) { sin($0) }
    }

    /// y = Σ cᵢ·xⁱ plus noise, x uniform in (−1, 1); `coefficients` begin with the constant.
    public static func polynomial(
        coefficients: [Double] = [0, -1, 0, 2], count: Int = 400, noise: Double = 0.05, seed: UInt64 = 0
    ) throws(DataError) -> Dataset {
        try checkCount("number of coefficients", coefficients.count)
        return try regression("polynomial", count, noise, seed, from: -1, to: 1) { x in
            coefficients.reversed().reduce(0) { $0 * x + $1 }
        }
    }

    /// Independent normal values with the given mean and standard deviation, and random classes that they say nothing
    /// about: nothing can be learnt. A mean other than 0 makes inputs that are not centred.
    public static func noise(
        count: Int = 1000, dimensions: Int = 20, mean: Double = 0, deviation: Double = 1, classes: Int = 2,
        seed: UInt64 = 0
    ) throws(DataError) -> Dataset {
        try checkCount("dimensions", dimensions)
        try checkCount("classes", classes)
        try check("mean", mean, mean.isFinite, "it must be finite")
        let name = mean == 0 ? "white-noise" : "shifted-noise"
        let names = (0..<classes).map { "class \($0)" }
        return try classification(name, count, deviation, seed, names: names) { _, generator in
            ([Double](repeating: mean, count: dimensions), Int(generator.next(below: UInt64(classes))))
        }
    }

    /// Points of a rule with normal noise added, classes in turn.
    private static func classification(
        _ name: String, _ count: Int, _ noise: Double, _ seed: UInt64, names: [String],
        _ point: (Int, inout SeededGenerator) -> (position: [Double], label: Int)
    ) throws(DataError) -> Dataset {
        try checkCount("count", count)
        try check("noise", noise, noise >= 0 && noise.isFinite, "it must be finite and not negative")
        var generator = SeededGenerator(seed: seed, stream: 0)
        var values: [Float] = []
        var labels: [Int32] = []
        for index in 0..<count {
            let (position, label) = point(index, &generator)
            for coordinate in position { values.append(Float(coordinate + noise * generator.normal())) }
            labels.append(Int32(label))
        }
        return try Dataset(
            name: name, inputs: DataArray(values: values, shape: [count, values.count / count]),
            targets: .classes(labels: labels, names: names), provenance: provenance(seed))
    }

    private static func regression(
        _ name: String, _ count: Int, _ noise: Double, _ seed: UInt64, from low: Double, to high: Double,
        _ function: (Double) -> Double
    ) throws(DataError) -> Dataset {
        try checkCount("count", count)
        try check("noise", noise, noise >= 0 && noise.isFinite, "it must be finite and not negative")
        var generator = SeededGenerator(seed: seed, stream: 0)
        var inputs: [Float] = []
        var targets: [Float] = []
        for _ in 0..<count {
            let x = low + (high - low) * generator.uniform()
            inputs.append(Float(x))
            targets.append(Float(function(x) + noise * generator.normal()))
        }
        return try Dataset(
            name: name, inputs: DataArray(values: inputs, shape: [count, 1]),
            targets: .values(DataArray(values: targets, shape: [count, 1])), featureNames: ["x"],
            provenance: provenance(seed))
    }

    private static func provenance(_ seed: UInt64) -> Dataset.Provenance {
        .init(source: "computed, seed \(seed)", licence: "none needed")
    }

    private static func checkCount(_ name: String, _ value: Int) throws(DataError) {
        try check(name, value, value >= 1 && value <= 100_000_000, "it must lie between 1 and 100000000")
    }

    private static func check<Value>(
        _ name: String, _ value: Value, _ holds: Bool, _ rule: String
    ) throws(DataError) {
        if !holds { throw .invalidParameter(name: name, value: "\(value)", rule: rule) }
    }
}
