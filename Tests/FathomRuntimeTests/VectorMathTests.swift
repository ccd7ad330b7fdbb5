import CFathomKernels
import Foundation
import Testing

/// The vectorised elementary functions against Foundation's double-precision ones, on every instruction set here.
struct VectorMathTests {
    /// A function, its meaning in double precision and the largest error allowed.
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let function: Int32
        let ulps: Double
        let reference: @Sendable (Double) -> Double

        init(_ name: String, _ function: Int, ulps: Double, _ reference: @escaping @Sendable (Double) -> Double) {
            self.name = name
            self.function = Int32(function)
            self.ulps = ulps
            self.reference = reference
        }

        var testDescription: String { name }
    }

    static let rows = [
        Row("exp", FK_VMATH_EXP, ulps: 1.1) { exp($0) },
        Row("expm1", FK_VMATH_EXPM1, ulps: 1.1) { expm1($0) },
        Row("log", FK_VMATH_LOG, ulps: 1.1) { log($0) },
        Row("log1p", FK_VMATH_LOG1P, ulps: 1.6) { log1p($0) },
        Row("tanh", FK_VMATH_TANH, ulps: 1.5) { tanh($0) },
        Row("sigmoid", FK_VMATH_SIGMOID, ulps: 1.5) { $0 < 0 ? exp($0) / (1 + exp($0)) : 1 / (1 + exp(-$0)) },
        Row("softplus", FK_VMATH_SOFTPLUS, ulps: 2) { x in
            x.isNaN ? x : (x > 0 ? x : 0) + log1p(exp(-abs(x)))
        },
        Row("erf", FK_VMATH_ERF, ulps: 1.1) { erf($0) },
        Row("erfc", FK_VMATH_ERFC, ulps: 3) { erfc($0) },
        Row("sin", FK_VMATH_SIN, ulps: 2) { sin($0) },
        Row("cos", FK_VMATH_COS, ulps: 2) { cos($0) },
        Row("sqrt", FK_VMATH_SQRT, ulps: 0.5) { $0.squareRoot() },
        Row("rsqrt", FK_VMATH_RSQRT, ulps: 1.5) { 1 / $0.squareRoot() },
        Row("floor", FK_VMATH_FLOOR, ulps: 0) { $0.rounded(.down) },
        Row("ceil", FK_VMATH_CEIL, ulps: 0) { $0.rounded(.up) },
        Row("round", FK_VMATH_ROUND, ulps: 0) { $0.rounded(.toNearestOrEven) },
        Row("sign", FK_VMATH_SIGN, ulps: 0) { $0.isNaN ? $0 : $0 > 0 ? 1 : $0 < 0 ? -1 : 0 },
    ]

    static let special: [Float] = {
        let positive: [Float] = [
            0, .leastNonzeroMagnitude, 0x1.fp-127, .leastNormalMagnitude, 1e-20, 0x1p-25, 0x1p-24, 0x1p-12, 0.25,
            0.34657359,
            0.5, 0.70710677, 0.99999994, 1, 1.0000001, 1.4142135, 1.5, 2, 2.5, 3, 3.5, 4, 5, 8.5, 9.0109, 9.2, 10.05,
            10.2,
            13, 17, 17.328, 18, 20, 87.33654, 88.72, 88.722839, 88.72284, 88.73, 89, 103.27893, 103.97, 104, 1e5,
            1048576,
            1048577, 8388607.5, 8388608, 16777216, 1e10, 0x1p64, 1e30, 3.4e38, .greatestFiniteMagnitude, .infinity,
        ]
        return positive + positive.map { -$0 } + [.nan, -.nan]
    }()

    /// The instruction sets this machine has.
    static let instructionSets: [Int32] = [FK_VMATH_BASE, FK_VMATH_AVX2, FK_VMATH_AVX512].map(Int32.init).filter {
        fk_vmath_apply($0, Int32(FK_VMATH_EXP), [], [], nil, 0)
    }

    static func apply(_ isa: Int32, _ function: Int32, _ x: [Float], _ y: [Float] = []) -> [Float] {
        var out = [Float](repeating: -77, count: x.count + 1)
        #expect(fk_vmath_apply(isa, function, x, y, &out, Int64(x.count)))
        #expect(out.removeLast() == -77, "wrote past the end")
        return out
    }

    /// The distance of `value` from the true result in units of the last place there; infinite where one is NaN, an
    /// infinity or a signed zero and the other is not.
    static func error(_ value: Float, _ truth: Double) -> Double {
        let rounded = Float(truth)
        if truth.isNaN || value.isNaN { return truth.isNaN && value.isNaN ? 0 : .infinity }
        if rounded.isInfinite || value.isInfinite { return rounded == value ? 0 : .infinity }
        if rounded == 0 && value == 0 { return rounded.sign == value.sign ? 0 : .infinity }
        let unit = max(abs(truth).ulp * 0x1p29, Double(Float.leastNonzeroMagnitude))
        return abs(Double(value) - truth) / unit
    }

    @Test(arguments: rows)
    func meetsItsErrorBoundOverAllExponents(_ row: Row) {
        // Every 4099th bit pattern: a prime, so that all exponents and all low bits occur.
        var inputs = Self.special
        inputs += stride(from: 0, through: UInt64(UInt32.max), by: 4099).map { Float(bitPattern: UInt32($0)) }
        let truth = inputs.map { row.reference(Double($0)) }
        for isa in Self.instructionSets {
            let results = Self.apply(isa, row.function, inputs)
            var worst = (error: 0.0, input: Float(0), result: Float(0))
            for (i, result) in results.enumerated() {
                let error = Self.error(result, truth[i])
                if error > worst.error { worst = (error, inputs[i], result) }
            }
            #expect(worst.error <= row.ulps, "\(row.name), instruction set \(isa): \(worst)")
        }
    }

    @Test(arguments: rows)
    func givesTheSameBitsInEveryLane(_ row: Row) {
        let inputs = Self.special + (0..<61).map { Float($0) * 0.37 - 11 }
        for isa in Self.instructionSets {
            let whole = Self.apply(isa, row.function, inputs)
            for shift in 1...17 {
                let shifted = Self.apply(isa, row.function, [Float](inputs[shift...]))
                #expect(shifted.map(\.bitPattern) == whole[shift...].map(\.bitPattern), "\(row.name) \(isa) \(shift)")
            }
            // Alone, every other lane holding zero.
            for (x, result) in zip(inputs, whole) {
                #expect(Self.apply(isa, row.function, [x])[0].bitPattern == result.bitPattern, "\(row.name) \(x)")
            }
        }
    }

    @Test func tailsKeepTheirRelativeAccuracy() {
        for isa in Self.instructionSets {
            let sigmoid = Self.apply(isa, Int32(FK_VMATH_SIGMOID), [-80, -100])
            #expect(abs(sigmoid[0] / 1.8048513878454153e-35 - 1) < 2e-7)
            #expect(sigmoid[1] == 27 * .leastNonzeroMagnitude)
            #expect(Self.apply(isa, Int32(FK_VMATH_ERFC), [10]) == [Float(2.0884875837625446e-45)])
            #expect(Self.apply(isa, Int32(FK_VMATH_SOFTPLUS), [-90])[0] == Float(8.194012623990515e-40))
        }
    }

    @Test func powerAgreesWithC() {
        var generator = RepeatableRandom(state: 88_172_645_463_325_252)
        var x: [Float] = []
        var y: [Float] = []
        for a in Self.special {
            for b in Self.special + [6, 7, -0.5, -3, 1 / 3, 16777215, 33554432] {
                x.append(a)
                y.append(b)
            }
        }
        for i in 0..<400_000 {
            let bits = generator.next()
            let a = Float(bitPattern: UInt32(truncatingIfNeeded: bits))
            let b = UInt32(truncatingIfNeeded: bits >> 32)
            switch i % 4 {
            case 0: x.append(a); y.append(Float(bitPattern: b))
            case 1: x.append(a); y.append(Float(Int(b % 41) - 20))
            case 2: x.append(0.5 + Float(b >> 8) * 0x1p-24); y.append(Float(Int32(bitPattern: b)) * 0x1p-22)
            default: x.append(abs(a)); y.append(Float(Int32(bitPattern: b)) * 0x1p-31)
            }
        }
        for isa in Self.instructionSets {
            let results = Self.apply(isa, Int32(FK_VMATH_POW), x, y)
            var worst = (error: 0.0, x: Float(0), y: Float(0), result: Float(0))
            for (i, result) in results.enumerated() {
                let error = Self.error(result, pow(Double(x[i]), Double(y[i])))
                if error > worst.error { worst = (error, x[i], y[i], result) }
            }
            #expect(worst.error <= 0.51, "instruction set \(isa): \(worst)")
        }
    }

    @Test func largerAndSmallerKeepNaN() {
        let x: [Float] = [1, 2, .nan, 3, -.infinity, .nan]
        let y: [Float] = [2, 1, 3, .nan, .infinity, .nan]
        for isa in Self.instructionSets {
            let larger = Self.apply(isa, Int32(FK_VMATH_MAX), x, y)
            let smaller = Self.apply(isa, Int32(FK_VMATH_MIN), x, y)
            #expect(larger.map(\.isNaN) == [false, false, true, true, false, true])
            #expect(smaller.map(\.isNaN) == [false, false, true, true, false, true])
            #expect([larger[0], larger[1], larger[4]] == [2, 2, .infinity])
            #expect([smaller[0], smaller[1], smaller[4]] == [1, 1, -.infinity])
        }
    }

    @Test func uniformNumbersStayBelowOne() {
        let bits: [UInt32] = [0, 0xff, 0x100, 0x8000_0000, 0xffff_ffff]
        for isa in Self.instructionSets {
            let numbers = Self.apply(isa, Int32(FK_VMATH_UNIFORM), bits.map { Float(bitPattern: $0) })
            #expect(numbers == [0, 0, 0x1p-24, 0.5, 1 - 0x1p-24])
        }
    }

    // MARK: Normal numbers

    /// Box & Muller's formula in the system's double precision, at random words and at those where a quarter of a turn or the
    /// logarithm's argument ends.
    @Test func normalNumbersAreBoxAndMullers() {
        let edges: [UInt32] = [
            0, 1, 2, 0x1fff_ffff, 0x2000_0000, 0x2000_0001, 0x3fff_ffff, 0x4000_0000, 0x5fff_ffff, 0x6000_0000,
            0x7fff_ffff, 0x8000_0000, 0xa000_0000, 0xc000_0000, 0xdfff_ffff, 0xe000_0000, 0xffff_fffe, 0xffff_ffff,
        ]
        let drawn = Self.words(Int32(FK_VMATH_BASE), 0, 4000, key: [1, 2], step: 3, stream: 4)
        let words = edges.flatMap { a in edges.flatMap { [a, $0] } } + drawn
        for isa in Self.instructionSets {
            for pairs in [words.count / 2, 1, 7, 8, 17] {
                var cosines = [Double](repeating: -77, count: pairs + 1)
                var sines = cosines
                let bits = words.prefix(2 * pairs).map { Int32(bitPattern: $0) }
                #expect(fk_vmath_normals(isa, bits, &cosines, &sines, Int64(pairs)))
                #expect(cosines[pairs] == -77 && sines[pairs] == -77, "wrote past the end")
                for i in 0..<pairs {
                    let radius = (-2 * log(1 - Double(words[2 * i]) * 0x1p-32)).squareRoot()
                    let angle = 2 * Double.pi * (Double(words[2 * i + 1]) * 0x1p-32)
                    // The formula's own angle is rounded to 4·10⁻¹⁶.
                    #expect(abs(cosines[i] - radius * cos(angle)) <= 1e-15 * max(radius, 1), "pair \(i)")
                    #expect(abs(sines[i] - radius * sin(angle)) <= 1e-15 * max(radius, 1), "pair \(i)")
                }
            }
        }
    }

    // MARK: Random words

    /// Philox4x32-10, one counter at a time, as published.
    static func philox(_ counter: [UInt32], _ key: [UInt32]) -> [UInt32] {
        var c = counter
        var k = key
        for _ in 0..<10 {
            let p = c[0].multipliedFullWidth(by: 0xD251_1F53)
            let q = c[2].multipliedFullWidth(by: 0xCD9E_8D57)
            c = [q.high ^ c[1] ^ k[0], q.low, p.high ^ c[3] ^ k[1], p.low]
            k = [k[0] &+ 0x9E37_79B9, k[1] &+ 0xBB67_AE85]
        }
        return c
    }

    static func words(_ isa: Int32, _ first: UInt64, _ n: Int, key: [UInt32], step: UInt32, stream: UInt32) -> [UInt32]
    {
        var out = [Int32](repeating: -77, count: n + 1)
        #expect(fk_vmath_random_bits(isa, &out, first, Int64(n), key[0], key[1], step, stream))
        #expect(out.removeLast() == -77, "wrote past the end")
        return out.map { UInt32(bitPattern: $0) }
    }

    /// The answers that Random123 publishes for this generator.
    @Test func thePlainGeneratorGivesTheKnownAnswers() {
        #expect(Self.philox([0, 0, 0, 0], [0, 0]) == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
        let ones = UInt32.max
        #expect(
            Self.philox([ones, ones, ones, ones], [ones, ones])
                == [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd])
        #expect(
            Self.philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0])
                == [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1])
    }

    @Test(arguments: [0, 1, 2, 3, 4, 61, 64, 4 * 0xffff_fff0 + 2, 4 * 0xffff_ffff, UInt64.max - 300] as [UInt64])
    func wordsFollowTheirPositionHoweverTheStreamIsCut(first: UInt64) {
        let key: [UInt32] = [0xdead_beef, 0x0bad_cafe]
        let n = 300
        let expected = (0..<UInt64(n)).map { offset in
            let i = first + offset
            let block = i / 4
            let counter = [UInt32(truncatingIfNeeded: block), UInt32(block >> 32), 5, 9]
            return Self.philox(counter, key)[Int(i % 4)]
        }
        for isa in Self.instructionSets {
            #expect(Self.words(isa, first, n, key: key, step: 5, stream: 9) == expected)
            for cut in [0, 1, 3, 4, 17, 64, 65, 128, 299] {
                let head = Self.words(isa, first, cut, key: key, step: 5, stream: 9)
                let tail = Self.words(isa, first + UInt64(cut), n - cut, key: key, step: 5, stream: 9)
                #expect(head + tail == expected, "instruction set \(isa), cut at \(cut)")
            }
        }
    }
}

/// A small fixed-seed generator (xorshift64), so that a failure can be repeated.
private struct RepeatableRandom {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
