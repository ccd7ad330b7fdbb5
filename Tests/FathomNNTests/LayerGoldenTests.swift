import FathomGraph
import FathomNN
import FathomReference
import FathomTestSupport
import Testing

/// Layers against PyTorch in float64: values, gradients and running statistics.
@Suite struct LayerGoldenTests {
    /// A layer of theirs as one of ours: their names of parameters and buffers, and whether ours is transposed.
    struct Match {
        var layer: any Layer
        var names: [String: String] = [:]
        var transposes: Set<String> = []
        /// NCHW there, features last here.
        var channelsFirst = false
    }

    static func match(_ golden: FunctionGolden) -> Match? {
        let isAffine = golden.parameters?.isEmpty == false
        let scaled = ["weight": "scale", "bias": "shift"]
        let epsilon = golden.number("epsilon") ?? 0
        switch golden.kind {
        case "linear":
            return Match(
                layer: Dense(golden.output.shape.last ?? 0, bias: golden.parameters?["bias"] != nil),
                transposes: ["weight"])
        case "batchNorm", "batchNorm2d":
            return Match(
                layer: BatchNorm(momentum: golden.number("momentum") ?? 0, epsilon: epsilon, affine: isAffine),
                names: scaled.merging(["running_mean": "mean", "running_var": "variance"]) { a, _ in a },
                channelsFirst: golden.kind == "batchNorm2d")
        case "layerNorm": return Match(layer: LayerNorm(epsilon: epsilon, affine: isAffine), names: scaled)
        case "rmsNorm": return Match(layer: RMSNorm(epsilon: epsilon), names: scaled)
        case "embedding":
            let shape = golden.parameters?["weight"]?.shape ?? [0, 0]
            return Match(layer: Embedding(shape[0], width: shape[1]))
        case "prelu":
            return Match(
                layer: PReLU(perFeature: golden.parameters?["weight"]?.shape != [1]), names: ["weight": "slope"])
        case "dropout": return Match(layer: Dropout(golden.number("rate") ?? 0))
        default: return nil
        }
    }

    static let cases = ((try? FunctionGolden.load("layers.json")) ?? []).filter { match($0) != nil }

    static func transposed(_ x: ReferenceTensor, _ axes: [Int]) -> ReferenceTensor {
        var strides = [Int](repeating: 1, count: x.shape.count)
        for i in x.shape.indices.reversed().dropFirst() { strides[i] = strides[i + 1] * x.shape[i + 1] }
        let shape = axes.map { x.shape[$0] }
        let values = (0..<x.values.count).map { flat in
            var rest = flat
            var from = 0
            for i in shape.indices.reversed() {
                from += rest % shape[i] * strides[axes[i]]
                rest /= shape[i]
            }
            return x.values[from]
        }
        return ReferenceTensor(shape: shape, values: values)
    }

    @Test func theFileIsThere() { #expect(Self.cases.count >= 26) }

    @Test(arguments: cases) func agreesWithPyTorch(_ golden: FunctionGolden) throws {
        let match = Self.match(golden)!
        let toOurs = { (x: ReferenceTensor) in match.channelsFirst ? Self.transposed(x, [0, 2, 3, 1]) : x }
        let toTheirs = { (x: ReferenceTensor) in match.channelsFirst ? Self.transposed(x, [0, 3, 1, 2]) : x }
        let x = toOurs(golden.inputs[0].tensor)
        let traced = try TracedLayer(
            match.layer, Array(x.shape.dropFirst()), element: golden.inputs[0].dtype == "i32" ? .int32 : .float32,
            isTraining: golden.training == 1)
        var state: [String: ReferenceTensor] = [:]
        let given = (golden.parameters ?? [:]).merging(golden.buffersBefore ?? [:]) { a, _ in a }
        for (name, value) in given {
            state[match.names[name] ?? name] =
                match.transposes.contains(name) ? Self.transposed(value.tensor, [1, 0]) : value.tensor
        }
        var weight = golden.weight?.map { Double(Float($0)) }
        if match.channelsFirst, let w = weight {
            weight = toOurs(ReferenceTensor(shape: golden.output.shape, values: w)).values
        }
        let result = try traced.run(x, state: state, weight: weight)
        func expect(_ what: String, _ mine: [Double], _ theirs: [Double], _ absolute: Double = 1e-10) {
            #expect(mine.count == theirs.count)
            for (m, t) in zip(mine, theirs) {
                #expect(agree(m, t, relative: 2e-8, absolute: absolute), "\(golden) \(what): \(m), not \(t)")
            }
        }
        expect("output", toTheirs(result.output).values, golden.output64)
        if let gradient = golden.gradients64?.first ?? nil {
            expect("gradient", toTheirs(result.inputGradient).values, gradient)
        }
        for (name, theirs) in golden.parameterGradients64 ?? [:] {
            let mine = result.gradients[match.names[name] ?? name]
            expect(
                name,
                (match.transposes.contains(name) ? mine.map { Self.transposed($0, [1, 0]) } : mine)?.values ?? [],
                theirs)
        }
        // Each of their steps began in float64 from its own statistics; ours begin from the float32 ones.
        for (name, theirs) in golden.buffersAfter64 ?? [:] {
            guard let ours = match.names[name] else { continue }
            expect(name, result.state[ours]?.values ?? [], theirs, 1e-6)
        }
    }
}
