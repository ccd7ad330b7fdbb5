import FathomGraph
import FathomNN
import FathomReference
import FathomTestSupport
import Foundation
import Testing

@Suite struct InitializerTests {
    func draw(_ initializer: Initializer, _ shape: [Int], fanIn: Int? = nil, fanOut: Int? = nil) -> [Double] {
        var context = Initializer.Context(
            shape: shape, fanIn: fanIn ?? shape[0], fanOut: fanOut ?? shape[shape.count - 1],
            random: RandomSource(seed: 42, name: initializer.name))
        return initializer.values(&context).map(Double.init)
    }

    func moments(_ v: [Double]) -> (mean: Double, variance: Double, kurtosis: Double) {
        let n = Double(v.count)
        let mean = v.reduce(0, +) / n
        let variance = v.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / n
        let fourth = v.reduce(0) { $0 + ($1 - mean) * ($1 - mean) * ($1 - mean) * ($1 - mean) } / n
        return (mean, variance, fourth / (variance * variance))
    }

    /// Rule, mean, variance, kurtosis (3 normal, 1.8 uniform) for a matrix [400, 100].
    static let distributions: [(Initializer, mean: Double, variance: Double, kurtosis: Double)] = [
        (.uniform(-1, 3), 1, 16.0 / 12, 1.8), (.normal(mean: 2, standardDeviation: 0.5), 2, 0.25, 3),
        (.truncatedNormal(standardDeviation: 2), 0, 4 * 0.773741, 2.368), (.xavier, 0, 2.0 / 500, 1.8),
        (.xavierNormal, 0, 2.0 / 500, 3), (.xavier(.inputs), 0, 1.0 / 400, 1.8), (.he, 0, 2.0 / 400, 1.8),
        (.heNormal, 0, 2.0 / 400, 3), (.he(.outputs), 0, 2.0 / 100, 1.8), (.heNormal(.average), 0, 2.0 / 250, 3),
        (.lecun, 0, 1.0 / 400, 1.8), (.lecunNormal, 0, 1.0 / 400, 3), (.orthogonal(gain: 2), 0, 4.0 / 400, 3),
        (.xavierTruncated(), 0, 2.0 / 500, 2.368), (.heTruncated(), 0, 2.0 / 400, 2.368),
        (.lecunTruncated(.outputs), 0, 1.0 / 100, 2.368), (.uniformByFan(bound: 2), 0, 4.0 / 1200, 1.8),
        (.critical(for: .relu), 0, 2.0 / 400, 3), (.critical(for: .tanh, biasVariance: 0.05), 0, 1.76095 / 400, 3),
    ]

    @Test(arguments: distributions.indices) func moments(_ row: Int) {
        let (rule, mean, variance, kurtosis) = Self.distributions[row]
        let m = moments(draw(rule, [400, 100]))
        // 40,000 numbers: four standard errors.
        #expect(abs(m.mean - mean) < 4 * (variance / 40000).squareRoot(), "\(rule.name) \(m)")
        #expect(abs(m.variance / variance - 1) < 4 * ((kurtosis - 1) / 40000).squareRoot() + 1e-5, "\(rule.name) \(m)")
        #expect(abs(m.kurtosis - kurtosis) < 0.1, "\(rule.name) \(m)")
    }

    @Test(arguments: [[20, 7], [7, 20], [9, 9], [2, 3, 5]]) func orthogonalIsOrthogonal(_ shape: [Int]) {
        let columns = shape.last!
        let rows = shape.dropLast().reduce(1, *)
        let q = draw(.orthogonal, shape)
        for a in 0..<min(rows, columns) {
            for b in 0..<min(rows, columns) {
                let dot =
                    rows >= columns
                    ? (0..<rows).reduce(0) { $0 + q[$1 * columns + a] * q[$1 * columns + b] }
                    : (0..<columns).reduce(0) { $0 + q[a * columns + $1] * q[b * columns + $1] }
                #expect(abs(dot - (a == b ? 1 : 0)) < 1e-6)
            }
        }
    }

    @Test func constants() {
        #expect(draw(.zeros, [2, 2]) == [0, 0, 0, 0])
        #expect(draw(.ones, [2]) == [1, 1])
        #expect(draw(.constant(-0.5), [2]) == [-0.5, -0.5])
        #expect(draw(.identity(gain: 2), [2, 3]) == [2, 0, 0, 0, 2, 0])
    }

    /// The stream is the generator's, word after word.
    @Test func uniformNumbersAreTheGeneratorsWords() {
        var source = RandomSource(seed: 0x1234_5678_9abc_def0, name: "")
        // The hash of no bytes is FNV-1a's offset basis.
        let philox = Philox(seed: (0x9abc_def0, 0x1234_5678), step: 0x8422_2325, stream: 0xcbf2_9ce4)
        for i in 0..<3000 { #expect(source.uniform() == Double(philox[UInt64(i)]) * 0x1p-32) }
    }

    /// Normal numbers use up two words a pair wherever uniform ones have left the stream.
    @Test func normalNumbersFollowTheStream() {
        for skipped in [0, 1, 2, 63, 64, 65, 1087] {
            var source = RandomSource(seed: 5, name: "normal")
            var words = source
            for _ in 0..<skipped { #expect(source.uniform() == words.uniform()) }
            for i in 0..<1500 {
                let radius = (-2 * log(1 - words.uniform())).squareRoot()
                let angle = 2 * Double.pi * words.uniform()
                #expect(abs(source.normal() - radius * cos(angle)) < 1e-14, "\(skipped) words, pair \(i)")
                #expect(abs(source.normal() - radius * sin(angle)) < 1e-14, "\(skipped) words, pair \(i)")
            }
            #expect(source.uniform() == words.uniform())
        }
    }

    /// Numbers drawn a block at a time are those drawn one by one, and leave the stream at the same place.
    @Test(arguments: [1, 2, 3, 31, 64, 65, 1087, 1088, 1089, 4000]) func blocksAreTheNumbersOneByOne(count: Int) {
        let pairs: [(Initializer, Initializer)] = [
            (.normal(standardDeviation: 3), Initializer("one by one") { $0.fill { 3 * $0.normal() } }),
            (.uniform(-1, 2), Initializer("one by one") { $0.fill { -1 + 3 * $0.uniform() } }),
        ]
        for (block, single) in pairs {
            for skipped in 0...3 {
                var a = Initializer.Context(
                    shape: [count], fanIn: count, fanOut: count, random: RandomSource(seed: 9, name: "block"))
                // With an odd number of uniform ones before them, and with half a pair left over.
                if skipped > 0 { _ = a.random.uniform() }
                if skipped > 1 { _ = a.random.normal() }
                if skipped > 2 { _ = a.random.uniform() }
                var b = a
                #expect(block.values(&a) == single.values(&b), "\(block.name) after \(skipped)")
                #expect(a.random.normal() == b.random.normal() && a.random.uniform() == b.random.uniform())
            }
        }
    }

    @Test func automaticChoosesByWhatFollows() throws {
        let model = Sequential {
            Dense(4).named("beforeRelu")
            BatchNorm()
            ReLU()
            Dense(4).named("beforeTanh")
            Tanh()
            Dense(4).named("beforeSelu")
            LayerNorm()
            SELU()
            Dense(4).named("beforeGelu")
            Dropout(0.1)
            GELU()
            Dense(4).named("beforeLeaky")
            PReLU()
            Dense(4).named("beforeFormula")
            Lambda("formula") { tanh($0) }
            Dense(4, initializer: .orthogonal).named("own")
            Residual { Dense(4).named("inside") }
            ReLU()
            Dense(2).named("last")
        }
        let traced = try TracedLayer(model, [4])
        let rules = Dictionary(
            uniqueKeysWithValues: traced.trace.initialValues(seed: 1).map { ($0.declaration.path, $0.initializerName) })
        #expect(rules["beforeRelu.weight"] == "he")
        #expect(rules["beforeTanh.weight"] == "xavier")
        #expect(rules["beforeSelu.weight"] == "lecunNormal")
        #expect(rules["beforeGelu.weight"] == "critical(gelu)")
        #expect(rules["beforeLeaky.weight"] == "he")
        #expect(rules["beforeFormula.weight"] == "xavier")
        #expect(rules["own.weight"] == "orthogonal")
        #expect(rules["residual1.inside.weight"] == "he")
        #expect(rules["last.weight"] == "xavier")
        #expect(rules["last.bias"] == "zeros")
    }

    @Test func valuesDependOnPathAndSeedAlone() throws {
        let small = try TracedLayer(
            Sequential {
                Dense(4).named("first"); ReLU(); Dense(3).named("last")
            }, [4])
        let large = try TracedLayer(
            Sequential {
                Dense(4).named("first"); ReLU(); Dense(4).named("new"); BatchNorm(); ReLU(); Dense(3).named("last")
            }, [4])
        let (a, b) = (small.initialState(seed: 9), large.initialState(seed: 9))
        #expect(a["first.weight"] == b["first.weight"] && a["last.weight"] == b["last.weight"])
        #expect(a["first.weight"] != small.initialState(seed: 10)["first.weight"])
    }

    @Test(arguments: Initializer.all.map(\.name)) func namesAreRead(_ name: String) throws {
        let text = name == "constant" ? "constant(0.5)" : name
        let rule = try Initializer.named(text)
        #expect(try Initializer.named(rule.name).name == rule.name)
        #expect(draw(rule, [3, 3]) == draw(try Initializer.named(rule.name), [3, 3]))
    }

    @Test func initializersInText() throws {
        #expect(try Initializer.named("normal(0.01)").name == "normal(0.0, 0.01)")
        #expect(try Initializer.named("Normal(mean=1)").name == "normal(1.0, 1.0)")
        #expect(try Initializer.named("he(outputs)").name == "he(outputs)")
        #expect(try Initializer.named("critical(leakyRelu(0.2), 0.1)").name == "critical(leakyRelu(slope=0.2), 0.1)")
        for wrong in [
            "hee", "he(3)", "constant", "uniform(1, 2, 3)", "normal(x)", "normal(nan)", "critical", "critical(softmax)",
            "he(",
        ] {
            #expect(throws: ConfigError.self, "\(wrong)") { try Initializer.named(wrong) }
        }
    }

    @Test func unitVariance() throws {
        let traced = try TracedLayer(
            Sequential { for _ in 0..<4 { Dense(20, initializer: .normal(standardDeviation: 0.7)); ReLU() } }, [10])
        var random = RandomSource(seed: 2, name: "data")
        let x = (0..<640).map { _ in Float(3 * random.normal()) }
        let values = try traced.trace.rescaledToUnitVariance(
            traced.trace.initialValues(seed: 1), inputs: ["x": ([64, 10], x)], tolerance: 1e-3)
        let state = Dictionary(
            uniqueKeysWithValues: values.map {
                ($0.declaration.path, ReferenceTensor(shape: $0.declaration.shape, values: $0.values))
            })
        let run = traced.interpreter(ReferenceTensor(shape: [64, 10], values: x), state: state)
        let products = traced.trace.graph.nodes.indices.map { NodeID($0) }.filter {
            if case .matmul = traced.trace.graph[$0].op { true } else { false }
        }
        #expect(products.count == 4)
        for product in try run.values(of: products, in: traced.trace.graph) {
            #expect(abs(moments(product.values).variance - 1) < 2e-3)
        }
        #expect(values.filter { $0.initializerName.hasSuffix("unit variance") }.count == 4)
    }
}
