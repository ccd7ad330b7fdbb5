import CFathomKernels
import Testing

/// The matrix product kernels against a Double triple loop, and against themselves cut into blocks.
struct GemmTests {
    /// The instruction sets this processor has, as `fk_gemm_on` numbers them.
    static let instructionSets: [Int32] = {
        let best = fk_isa()
        return (0...2).filter { $0 <= best } + (fk_has_bf16() ? [3] : [])
    }()

    /// What the kernels of an instruction set multiply.
    static func factor(_ x: Float, _ instructionSet: Int32) -> Double {
        guard instructionSet == 3 else { return Double(x) }
        let bits = x.bitPattern
        return Double(Float(bitPattern: (bits &+ 0x7fff &+ (bits >> 16 & 1)) & 0xffff_0000))
    }

    /// A product with storage for its operands; leading dimensions may exceed the widths.
    struct Product {
        var m, n, k: Int
        var ta = false
        var tb = false
        var biased = false
        var accumulate = false
        var relu = false
        var a: [Float] = []
        var b: [Float] = []
        var c: [Float] = []
        var bias: [Float] = []
        var lda = 1
        var ldb = 1
        var ldc = 1

        init(
            m: Int, n: Int, k: Int, ta: Bool = false, tb: Bool = false, biased: Bool = false, accumulate: Bool = false,
            relu: Bool = false, padding: Int = 0, using generator: inout SplitMix
        ) {
            (self.m, self.n, self.k) = (m, n, k)
            (self.ta, self.tb) = (ta, tb)
            (self.biased, self.accumulate, self.relu) = (biased, accumulate, relu)
            lda = (ta ? m : k) + padding
            ldb = (tb ? k : n) + 2 * padding
            ldc = n + 3 * padding
            a = generator.floats((ta ? k : m) * lda)
            b = generator.floats((tb ? n : k) * ldb)
            c = generator.floats(m * ldc)
            bias = generator.floats(n)
        }

        /// B in panels of 16 columns; `n` is a multiple of 16.
        var panels: [Float] {
            (0..<n / 16).flatMap { panel in
                (0..<k).flatMap { p in
                    (16 * panel..<16 * panel + 16).map { tb ? b[$0 * ldb + p] : b[p * ldb + $0] }
                }
            }
        }

        /// C after the product on one instruction set, in blocks of at most `rows` × `columns`.
        func computed(_ instructionSet: Int32, rows: Int? = nil, columns: Int? = nil, packed: Bool = false) -> [Float] {
            var c = c
            let b = packed ? panels : b
            let rows = max(rows ?? m, 1)
            let columns = max(columns ?? n, 1)
            c.withUnsafeMutableBufferPointer { c in
                a.withUnsafeBufferPointer { a in
                    b.withUnsafeBufferPointer { b in
                        bias.withUnsafeBufferPointer { bias in
                            for i in stride(from: 0, to: m, by: rows) {
                                for j in stride(from: 0, to: n, by: columns) {
                                    var arguments = fk_gemm_args(
                                        m: Int64(min(rows, m - i)), n: Int64(min(columns, n - j)), k: Int64(k),
                                        a: a.baseAddress.map { $0 + (ta ? i : i * lda) }, lda: Int64(lda), ta: ta,
                                        b: b.baseAddress.map { $0 + (packed ? j * k : tb ? j * ldb : j) },
                                        ldb: Int64(ldb),
                                        tb: tb, packed: packed,
                                        c: c.baseAddress.map { $0 + i * ldc + j }, ldc: Int64(ldc),
                                        bias: biased ? bias.baseAddress.map { $0 + j } : nil,
                                        accumulate: accumulate, activation: relu ? 1 : 0, bf16: false, end: nil,
                                        fetches: nil, fetch_count: 0)
                                    // Strips, nothing and one stretch: fetching changes no result.
                                    let after = [
                                        fk_fetch(
                                            p: c.baseAddress, rows: Int64(m), columns: Int64(n), ld: Int64(ldc),
                                            writes: true),
                                        fk_fetch(p: c.baseAddress, rows: 0, columns: 5, ld: 5, writes: false),
                                        fk_fetch(
                                            p: b.baseAddress, rows: 1, columns: Int64(b.count), ld: Int64(b.count),
                                            writes: false),
                                    ]
                                    let bytes = fk_gemm_scratch_on(instructionSet, &arguments)
                                    withUnsafeTemporaryAllocation(byteCount: bytes + 64, alignment: 64) { scratch in
                                        // Garbage, so that reading what nobody wrote shows.
                                        scratch.initializeMemory(as: UInt8.self, repeating: 0xff)
                                        after.withUnsafeBufferPointer {
                                            (arguments.fetches, arguments.fetch_count) = (
                                                $0.baseAddress, Int32($0.count)
                                            )
                                            fk_gemm_on(instructionSet, &arguments, scratch.baseAddress)
                                        }
                                        // The 64 bytes past the end are not the call's.
                                        #expect(scratch[bytes...].allSatisfy { $0 == 0xff })
                                    }
                                }
                            }
                        }
                    }
                }
            }
            return c
        }

        /// The element's value in Double and a bound of its rounding error in single precision.
        func expected(_ i: Int, _ j: Int, _ instructionSet: Int32) -> (value: Double, tolerance: Double) {
            var sum = (accumulate ? Double(c[i * ldc + j]) : 0) + (biased ? Double(bias[j]) : 0)
            var magnitude = abs(sum) + 1
            for p in 0..<k {
                let term =
                    factor(ta ? a[p * lda + i] : a[i * lda + p], instructionSet)
                    * factor(tb ? b[j * ldb + p] : b[p * ldb + j], instructionSet)
                sum += term
                magnitude += abs(term)
            }
            return (relu && sum < 0 ? 0 : sum, magnitude * Double(k + 3) * 0x1p-24)
        }
    }

    /// A small deterministic generator.
    struct SplitMix: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }

        mutating func floats(_ count: Int) -> [Float] {
            (0..<count).map { _ in Float.random(in: -1...1, using: &self) }
        }
    }

    /// Every combination of transposition, bias, accumulation and ReLU.
    static let variants = 0..<32

    @Test(arguments: instructionSets, variants)
    func agreesWithDouble(instructionSet: Int32, variant: Int) {
        var generator = SplitMix(state: UInt64(variant))
        let bounds = [3, 9, 20, 40, 70, 130]
        for round in 0..<24 {
            let bound = bounds[round % bounds.count]
            let product = Product(
                m: .random(in: 1...bound, using: &generator), n: .random(in: 1...bound, using: &generator),
                k: .random(in: 1...(round < 2 ? 900 : bound), using: &generator), ta: variant & 1 != 0,
                tb: variant & 2 != 0, biased: variant & 4 != 0, accumulate: variant & 8 != 0, relu: variant & 16 != 0,
                padding: round % 3 * 5, using: &generator)
            let c = product.computed(instructionSet)
            var wrong = 0
            for i in 0..<product.m {
                for j in 0..<product.ldc {
                    let got = c[i * product.ldc + j]
                    if j >= product.n {
                        // Between the rows nothing is written.
                        if got.bitPattern != product.c[i * product.ldc + j].bitPattern { wrong += 1 }
                    } else {
                        let (value, tolerance) = product.expected(i, j, instructionSet)
                        if !(abs(Double(got) - value) <= tolerance) { wrong += 1 }
                    }
                }
            }
            #expect(wrong == 0, "m \(product.m) n \(product.n) k \(product.k)")
        }
    }

    @Test(arguments: instructionSets, variants)
    func cutsDoNotChangeBits(instructionSet: Int32, variant: Int) {
        var generator = SplitMix(state: UInt64(100 + variant))
        for round in 0..<6 {
            // The last rounds are large enough for packed blocks and several blocks of k.
            let product = Product(
                m: .random(in: 1...90, using: &generator),
                n: round < 4 ? .random(in: 1...100, using: &generator) : .random(in: 500...600, using: &generator),
                k: round < 5 ? .random(in: 1...100, using: &generator) : .random(in: 801...1000, using: &generator),
                ta: variant & 1 != 0, tb: variant & 2 != 0, biased: variant & 4 != 0, accumulate: variant & 8 != 0,
                relu: variant & 16 != 0, padding: round % 2, using: &generator)
            let whole = product.computed(instructionSet).map(\.bitPattern)
            for cut in 0..<6 {
                let rows = cut == 0 ? 1 : Int.random(in: 1...product.m, using: &generator)
                let columns = cut == 1 ? 16 : Int.random(in: max(1, product.n / 9)...product.n, using: &generator)
                let pieces = product.computed(instructionSet, rows: rows, columns: columns).map(\.bitPattern)
                let same = pieces == whole  // compared first: a failure must not print the arrays
                #expect(same, "m \(product.m) n \(product.n) k \(product.k), \(rows) × \(columns)")
            }
        }
    }

    /// Few columns of C, and rows or columns of A that are far apart or share one set of the cache.
    @Test(
        arguments: instructionSets,
        [(1100, 10, 70, true), (1024, 32, 16, true), (33, 10, 1024, false), (9, 40, 2048, false)])
    func narrowProductsKeepTheirBits(instructionSet: Int32, sizes: (m: Int, n: Int, k: Int, ta: Bool)) {
        var generator = SplitMix(state: 700)
        for variant in 0..<8 {
            let product = Product(
                m: sizes.m, n: sizes.n, k: sizes.k, ta: sizes.ta, biased: variant & 1 != 0,
                accumulate: variant & 2 != 0,
                relu: variant & 4 != 0, using: &generator)
            let whole = product.computed(instructionSet)
            // Fewer rows than such products have.
            let pieces = product.computed(instructionSet, rows: sizes.ta ? 100 : 3)
            let same = whole.map(\.bitPattern) == pieces.map(\.bitPattern)
            #expect(same)
            let wrong = (0..<sizes.m).count { i in
                (0..<sizes.n).contains { j in
                    let (value, tolerance) = product.expected(i, j, instructionSet)
                    return !(abs(Double(whole[i * product.ldc + j]) - value) <= tolerance)
                }
            }
            #expect(wrong == 0)
        }
    }

    /// What underflows to −0 is +0 after ReLU, as the maximum of it and 0 is.
    @Test(arguments: instructionSets, [1, 5, 40])
    func reluOfMinusZero(instructionSet: Int32, rows: Int) {
        var generator = SplitMix(state: 4)
        for relu in [false, true] {
            var product = Product(m: rows, n: 20, k: 1, relu: relu, using: &generator)
            product.a = [Float](repeating: -1e-30, count: rows)
            product.b = [Float](repeating: 1e-30, count: 20)
            let c = product.computed(instructionSet)
            #expect(c.allSatisfy { $0 == 0 && (!relu || $0.sign == .plus) })
        }
    }

    /// Up to more rows than two tiles have, and numbers of panels that leave some over.
    @Test(arguments: instructionSets.filter { $0 < 3 }, variants)
    func panelsChangeNoBit(instructionSet: Int32, variant: Int) {
        var generator = SplitMix(state: UInt64(500 + variant))
        for m in [1, 2, 3, 4, 5, 6, 7, 9, 11, 13, 17, 32] {
            let product = Product(
                m: m, n: 16 * Int.random(in: 1...11, using: &generator), k: .random(in: 0...150, using: &generator),
                ta: variant & 1 != 0, tb: variant & 2 != 0, biased: variant & 4 != 0, accumulate: variant & 8 != 0,
                relu: variant & 16 != 0, padding: m % 3, using: &generator)
            let expected = product.computed(instructionSet).map(\.bitPattern)
            for columns in [product.n, 16, 48] {
                let panels = product.computed(instructionSet, columns: columns, packed: true).map(\.bitPattern)
                let same = panels == expected
                #expect(same, "m \(m) n \(product.n) k \(product.k), columns \(columns)")
            }
        }
    }

    /// Handed over instead of stored, every element comes once and has the same bits.
    @Test(arguments: instructionSets)
    func tilesHandedOverHaveTheSameBits(instructionSet: Int32) {
        final class Collected {
            var c: [Float]
            let n: Int
            init(_ count: Int, _ n: Int) { (c, self.n) = ([Float](repeating: .nan, count: count), n) }
        }
        var generator = SplitMix(state: 300)
        let large = [(1100, 40, 20), (60, 600, 130), (20, 70, 2500)]
        for round in 0..<40 {
            let (m, n, k) =
                round < large.count
                ? large[round]
                : (
                    Int.random(in: 1...100, using: &generator), Int.random(in: 1...100, using: &generator),
                    Int.random(in: 0...90, using: &generator)
                )
            let product = Product(m: m, n: n, k: k, ta: true, padding: round % 3, using: &generator)
            let collected = Collected(m * n, n)
            product.a.withUnsafeBufferPointer { a in
                product.b.withUnsafeBufferPointer { b in
                    var end = fk_gemm_end()
                    end.context = UnsafeRawPointer(Unmanaged.passUnretained(collected).toOpaque())
                    end.finish = { context, tile, ld, i, j, rows, columns in
                        guard let context, let tile else { return }
                        let all = Unmanaged<Collected>.fromOpaque(context).takeUnretainedValue()
                        for r in 0..<Int(rows) {
                            for q in 0..<Int(columns) {
                                let at = (Int(i) + r) * all.n + Int(j) + q
                                #expect(all.c[at].isNaN)
                                all.c[at] = tile[r * Int(ld) + q]
                            }
                        }
                    }
                    withUnsafePointer(to: end) { end in
                        var arguments = fk_gemm_args(
                            m: Int64(m), n: Int64(n), k: Int64(k), a: a.baseAddress, lda: Int64(product.lda), ta: true,
                            b: b.baseAddress, ldb: Int64(product.ldb), tb: false,
                            packed: false, c: nil, ldc: Int64(n), bias: nil,
                            accumulate: false, activation: 0, bf16: false, end: end, fetches: nil, fetch_count: 0)
                        let bytes = fk_gemm_scratch_on(instructionSet, &arguments)
                        withUnsafeTemporaryAllocation(byteCount: bytes + 64, alignment: 64) {
                            $0.initializeMemory(as: UInt8.self, repeating: 0xff)
                            fk_gemm_on(instructionSet, &arguments, $0.baseAddress)
                            #expect($0[bytes...].allSatisfy { $0 == 0xff })
                        }
                    }
                }
            }
            let stored = product.computed(instructionSet)
            let same = (0..<m).allSatisfy { i in
                (0..<n).allSatisfy { collected.c[i * n + $0].bitPattern == stored[i * product.ldc + $0].bitPattern }
            }
            #expect(same, "m \(m) n \(n) k \(k)")
        }
    }

    @Test(arguments: instructionSets, [(0, 3, 4), (3, 0, 4), (0, 0, 0), (1, 1, 0), (5, 37, 0), (20, 3, 0)])
    func emptySizes(instructionSet: Int32, sizes: (m: Int, n: Int, k: Int)) {
        var generator = SplitMix(state: 7)
        for variant in Self.variants {
            let product = Product(
                m: sizes.m, n: sizes.n, k: sizes.k, ta: variant & 1 != 0, tb: variant & 2 != 0,
                biased: variant & 4 != 0, accumulate: variant & 8 != 0, relu: variant & 16 != 0, using: &generator)
            let c = product.computed(instructionSet)
            for i in 0..<sizes.m {
                for j in 0..<sizes.n {
                    var start: Float = product.accumulate ? product.c[i * product.ldc + j] : 0
                    if product.biased { start += product.bias[j] }
                    #expect(c[i * product.ldc + j] == (product.relu ? max(start, 0) : start))
                }
            }
        }
    }

    @Test(arguments: instructionSets, [1, 4, 5, 30])
    func nonFiniteValuesPropagate(instructionSet: Int32, rows: Int) {
        var generator = SplitMix(state: 3)
        for (tb, relu) in [(false, false), (false, true), (true, false), (true, true)] {
            var product = Product(m: rows, n: 50, k: 40, tb: tb, relu: relu, using: &generator)
            // Row 0 meets NaN, column 7 meets +∞ with a factor of 1, and 0 · ∞ is NaN where the factor is 0.
            for i in 0..<rows { product.a[i * product.lda + 3] = 1 }
            product.a[11] = .nan
            product.b[tb ? 7 * product.ldb + 3 : 3 * product.ldb + 7] = .infinity
            if rows > 1 { product.a[product.lda + 3] = 0 }
            let c = product.computed(instructionSet)
            for j in 0..<50 { #expect(c[j].isNaN) }
            for i in 1..<max(rows, 1) where rows > 1 {
                let got = c[i * product.ldc + 7]
                #expect(i == 1 ? got.isNaN : got == .infinity)
                #expect(c[i * product.ldc + 8].isFinite)
            }
        }
    }

    @Test func unavailableInstructionSetIsRefused() {
        let current = fk_isa()
        #expect(!fk_force_isa(3))
        #expect(fk_isa() == current)
    }
}
