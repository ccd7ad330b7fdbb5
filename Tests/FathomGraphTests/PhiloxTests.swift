import FathomGraph
import FathomReference
import Testing

@Suite struct PhiloxTests {
    /// The known answers of the authors' Random123 distribution (`kat_vectors`, philox4x32 10 rounds).
    @Test func knownAnswers() {
        let all: UInt32 = 0xffff_ffff
        #expect(
            Philox.block(counter: (0, 0, 0, 0), key: (0, 0)) == (0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
        #expect(
            Philox.block(counter: (all, all, all, all), key: (all, all))
                == (0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
        #expect(
            Philox.block(
                counter: (0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), key: (0xa409_3822, 0x299f_31d0))
                == (0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
    }

    private func bits(_ shape: Shape, seed: [Int32], step: Int32, stream: UInt32, batch: Int = 1) throws -> [Double] {
        var g = Graph()
        let s = try g.add(.input("seed"), type: TensorType(.int32, [2]))
        let t = try g.add(.input("step"), type: TensorType(.int32, .scalar))
        let y = try g.add(.randomBits(stream: stream), [s, t], type: TensorType(.int32, shape))
        var interpreter = Interpreter(batch: batch)
        interpreter.inputs["seed"] = ReferenceTensor(shape: [2], values: seed.map { Double($0) })
        interpreter.inputs["step"] = ReferenceTensor(Double(step))
        return try interpreter.values(of: [y], in: g)[0].values
    }

    /// Element i is word i mod 4 of the block with counter (i/4, 0, step, stream) and key seed, as a signed number.
    @Test func elementsAreTheBlocksWords() throws {
        let actual = try bits([11], seed: [-5, 77], step: -3, stream: 4_000_000_000)
        var expected: [Double] = []
        for block in 0..<3 as Range<UInt32> {
            let words = Philox.block(
                counter: (block, 0, UInt32(bitPattern: -3), 4_000_000_000), key: (UInt32(bitPattern: -5), 77))
            for word in [words.0, words.1, words.2, words.3] { expected.append(Double(Int32(bitPattern: word))) }
        }
        #expect(actual == Array(expected.prefix(11)))
        // The first known answer, through the graph.
        let zeros = try bits([4], seed: [0, 0], step: 0, stream: 0)
        #expect(zeros == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8].map { Double(Int32(bitPattern: $0)) })
    }

    @Test func anElementDependsOnNothingElse() throws {
        let long = try bits([100], seed: [1, 2], step: 3, stream: 4)
        #expect(try bits([7], seed: [1, 2], step: 3, stream: 4) == Array(long.prefix(7)))
        #expect(try bits([5, 20], seed: [1, 2], step: 3, stream: 4) == long)
        #expect(try bits([.batch, 10], seed: [1, 2], step: 3, stream: 4, batch: 3) == Array(long.prefix(30)))
        for other in [
            try bits([100], seed: [1, 3], step: 3, stream: 4), try bits([100], seed: [0, 2], step: 3, stream: 4),
            try bits([100], seed: [1, 2], step: 4, stream: 4), try bits([100], seed: [1, 2], step: 3, stream: 5),
        ] {
            #expect(zip(other, long).allSatisfy { $0 != $1 })
        }
    }

    /// Counters beyond 2³² blocks use the second counter word.
    @Test func largeCounters() {
        let generator = Philox(seed: (9, 8), step: 7, stream: 6)
        let i = (UInt64(5) << 34) + 4 * 3 + 2
        #expect(generator[i] == Philox.block(counter: (3, 5, 7, 6), key: (9, 8)).2)
    }

    /// Uniform numbers: within [0, 1), multiples of 2⁻²⁴, and the moments of a uniform distribution (within 5 σ).
    @Test func uniformNumbers() throws {
        let count = 40_000
        let uniforms = try bits([.fixed(count)], seed: [11, 22], step: 0, stream: 0).map {
            Interpreter.apply(.uniformFromBits, $0)
        }
        #expect(uniforms.allSatisfy { $0 >= 0 && $0 < 1 && ($0 * 0x1p24).rounded() == $0 * 0x1p24 })
        let n = Double(count)
        let mean = uniforms.reduce(0, +) / n
        let variance = uniforms.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / n
        #expect(abs(mean - 0.5) < 5 * (1 / 12.0).squareRoot() / n.squareRoot())
        #expect(abs(variance - 1 / 12.0) < 5 * (1 / 180.0).squareRoot() / n.squareRoot())
        #expect(Interpreter.apply(.uniformFromBits, -1) == 1 - 0x1p-24)
        #expect(Interpreter.apply(.uniformFromBits, 255) == 0)
        #expect(Interpreter.apply(.uniformFromBits, 256) == 0x1p-24)
    }

    /// What claims to be an integer but is none is refused before anything converts it.
    @Test(arguments: [.nan, .infinity, 0.5, 3e9] as [Double])
    func brokenIntegersAreRefused(_ value: Double) throws {
        var g = Graph()
        let x = try g.add(.input("x"), type: TensorType(.int32, [1]))
        let y = try g.unary(.uniformFromBits, x)
        var interpreter = Interpreter()
        interpreter.inputs["x"] = ReferenceTensor(shape: [1], values: [value])
        #expect(throws: GraphError.self) { try interpreter.values(of: [y], in: g) }
    }
}
