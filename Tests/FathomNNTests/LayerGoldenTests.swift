import FathomGraph
import FathomNN
import FathomReference
import FathomTestSupport
import Testing

/// Layers against PyTorch in float64: values, gradients and running statistics.
@Suite struct LayerGoldenTests {
    /// A layer of theirs as one of ours: their names of parameters and buffers, and how ours orders their axes.
    struct Match {
        var layer: any Layer
        var names: [String: String] = [:]
        var orders: [String: [Int]] = [:]
        /// NCHW there, features last here.
        var channelsFirst = false
    }

    static func match(_ golden: FunctionGolden) -> Match? {
        let isAffine = golden.parameters?.isEmpty == false
        let hasBias = golden.parameters?["bias"] != nil
        let scaled = ["weight": "scale", "bias": "shift"]
        let norm = ["norm.weight": "norm.scale", "norm.bias": "norm.shift"]
        let dense = ["reduce.weight": [1, 0], "expand.weight": [1, 0]]
        let epsilon = golden.number("epsilon") ?? 0
        func ints(_ name: String) -> [Int] { (golden.attributes[name] ?? []).map { Int($0) } }
        // Weights [outputs, inputs, taps…] there (inputs first when transposed), the other way round here.
        let weight = golden.parameters?["weight"]?.shape ?? []
        let taps = Array(weight.dropFirst(2))
        let order = ["weight": Array(2..<max(weight.count, 2)) + [1, 0]]
        switch golden.kind {
        case "linear":
            return Match(layer: Dense(golden.output.shape.last ?? 0, bias: hasBias), orders: order)
        case "conv1d", "conv2d", "conv3d":
            let dilation = golden.attributes["dilation"] == nil ? [1] : ints("dilation")
            return Match(
                layer: Convolution(
                    weight[0], kernel: taps, stride: ints("stride"), padding: .explicit(ints("padding")),
                    dilation: dilation, groups: ints("groups").first ?? 1, bias: hasBias),
                orders: order, channelsFirst: true)
        case "convTranspose1d", "convTranspose2d", "convTranspose3d":
            let groups = ints("groups")[0]
            return Match(
                layer: TransposedConvolution(
                    weight[1] * groups, kernel: taps, stride: ints("stride"), padding: .explicit(ints("padding")),
                    outputPadding: ints("outputPadding"), dilation: ints("dilation"), groups: groups, bias: hasBias),
                orders: order, channelsFirst: true)
        case "maxPool":
            return Match(
                layer: MaxPool(ints("kernel"), stride: ints("stride"), padding: .explicit(ints("padding"))),
                channelsFirst: true)
        case "averagePool":
            return Match(
                layer: AveragePool(
                    ints("kernel"), stride: ints("stride"), padding: .explicit(ints("padding")),
                    countingPadding: golden.number("countPadding") == 1), channelsFirst: true)
        case "adaptiveAverage": return Match(layer: AdaptivePool(ints("size")), channelsFirst: true)
        case "adaptiveMax": return Match(layer: AdaptivePool(ints("size"), kind: .max), channelsFirst: true)
        case "upsampleNearest": return Match(layer: Upsample(ints("factor")), channelsFirst: true)
        case "upsampleBilinear":
            return Match(layer: Upsample(ints("factor"), interpolation: .bilinear), channelsFirst: true)
        case "groupNorm":
            return Match(layer: GroupNorm(ints("groups")[0], epsilon: epsilon), names: scaled, channelsFirst: true)
        case "instanceNorm":
            return Match(layer: InstanceNorm(epsilon: epsilon, affine: isAffine), names: scaled, channelsFirst: true)
        case "batchNorm", "batchNorm2d", "batchNormImages":
            return Match(
                layer: BatchNorm(momentum: golden.number("momentum") ?? 0, epsilon: epsilon, affine: isAffine),
                names: scaled.merging(["running_mean": "mean", "running_var": "variance"]) { a, _ in a },
                channelsFirst: golden.kind != "batchNorm")
        case "squeezeExcitation":
            return Match(layer: SqueezeExcitation(reduction: ints("reduction")[0]), orders: dense, channelsFirst: true)
        case "convolutionalAttention":
            return Match(
                layer: ConvolutionalAttention(reduction: ints("reduction")[0], kernel: ints("kernel")[0]),
                orders: dense.merging(["spatial.weight": [2, 3, 1, 0]]) { a, _ in a }, channelsFirst: true)
        case "globalContext":
            return Match(
                layer: GlobalContext(reduction: ints("reduction")[0]), names: norm,
                orders: dense.merging(["attention.weight": [1, 0]]) { a, _ in a }, channelsFirst: true)
        case "tripletAttention":
            var match = Match(layer: TripletAttention(kernel: ints("kernel")[0]), channelsFirst: true)
            for gate in ["alongHeight", "alongWidth", "alongChannels"] {
                for (theirs, ours) in norm.merging(
                    ["norm.running_mean": "norm.mean", "norm.running_var": "norm.variance"],
                    uniquingKeysWith: { a, _ in a })
                {
                    match.names["\(gate).\(theirs)"] = "\(gate).\(ours)"
                }
                // Their first plane is channels × width, ours width × channels.
                match.orders["\(gate).convolution.weight"] = gate == "alongHeight" ? [3, 2, 1, 0] : [2, 3, 1, 0]
            }
            return match
        case "shuffleAttention":
            return Match(layer: ShuffleAttention(groups: ints("groups")[0]), names: norm, channelsFirst: true)
        case "dynamicConvolution":
            return Match(
                layer: DynamicConvolution(
                    weight[1], kernel: [weight[3]], kernels: weight[0], stride: ints("stride"), padding: .explicit([1]),
                    temperature: golden.number("temperature") ?? 0, reduction: ints("reduction")[0]),
                orders: dense.merging(["weight": [3, 4, 2, 0, 1]]) { a, _ in a }, channelsFirst: true)
        case "capsules":
            return Match(
                layer: Capsules(
                    weight[2] / ints("dimension")[0], dimension: ints("dimension")[0],
                    iterations: ints("iterations")[0],
                    differentiatingRouting: golden.number("exact") == 1))
        case "preActivation", "postActivation":
            let units = golden.output.shape[1]
            let isNormalizing = golden.number("normalizing") != 0
            return block(
                golden.kind == "preActivation"
                    ? Residual.preActivation(units, normalizing: isNormalizing)
                    : Residual.postActivation(units, normalizing: isNormalizing))
        case "normalizedProjection":
            let units = golden.output.shape[1]
            return block(
                Residual(shortcut: .normalizedProjection, activation: .relu) {
                    Dense(units); BatchNorm(); ReLU(); Dense(units); BatchNorm()
                })
        case "stridedResidual":
            let shape = golden.parameters?["convolution1.weight"]?.shape ?? []
            let (toOurs, stride) = ([2, 3, 1, 0], ints("stride"))
            return Match(
                layer: Residual {
                    Convolution(shape[0], kernel: [shape[2], shape[3]], stride: stride, padding: .explicit([1]))
                    Tanh()
                }, orders: ["convolution1.weight": toOurs, "projection.weight": toOurs], channelsFirst: true)
        case "highway":
            return Match(
                layer: Highway(weight[0] / 2, activation: .tanh, kernel: taps.isEmpty ? nil : taps),
                orders: order.merging(["projection.weight": [1, 0]]) { a, _ in a }, channelsFirst: !taps.isEmpty)
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

    /// A block of two dense layers, normalised or not. The names are the same there but for those of a norm's numbers.
    private static func block(_ layer: Residual) -> Match {
        var match = Match(layer: layer)
        for dense in ["dense1", "dense2", "projection"] { match.orders["\(dense).weight"] = [1, 0] }
        for norm in ["batchNorm1", "batchNorm2", "projection.norm"] {
            for (theirs, ours) in [
                "weight": "scale", "bias": "shift", "running_mean": "mean", "running_var": "variance",
            ] {
                match.names["\(norm).\(theirs)"] = "\(norm).\(ours)"
            }
        }
        return match
    }

    static let all = (try? FunctionGolden.load("layers.json")) ?? []
    static let cases = all.filter { match($0) != nil }

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

    @Test func theFileIsThereAndEveryCaseIsCompared() {
        #expect(Self.all.count >= 155)
        #expect(Self.cases.count == Self.all.count)
    }

    @Test(arguments: cases) func agreesWithPyTorch(_ golden: FunctionGolden) throws {
        let match = Self.match(golden)!
        let toOurs = { (x: ReferenceTensor) in
            match.channelsFirst ? Self.transposed(x, [0] + Array(2..<x.shape.count) + [1]) : x
        }
        let toTheirs = { (x: ReferenceTensor) in
            match.channelsFirst ? Self.transposed(x, [0, x.shape.count - 1] + Array(1..<(x.shape.count - 1))) : x
        }
        let x = toOurs(golden.inputs[0].tensor)
        let traced = try TracedLayer(
            match.layer, Array(x.shape.dropFirst()), element: golden.inputs[0].dtype == "i32" ? .int32 : .float32,
            isTraining: golden.training == 1)
        var state: [String: ReferenceTensor] = [:]
        let given = (golden.parameters ?? [:]).merging(golden.buffersBefore ?? [:]) { a, _ in a }
        for (name, value) in given {
            let path = match.names[name] ?? name
            var ours = match.orders[name].map { Self.transposed(value.tensor, $0) } ?? value.tensor
            // Ours may join two axes.
            ours.shape = traced.trace.declarations.first { $0.path == path }?.shape ?? ours.shape
            state[path] = ours
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
            guard var mine = result.gradients[match.names[name] ?? name] else {
                Issue.record("no gradient of \(name)")
                continue
            }
            if let order = match.orders[name], let shape = golden.parameters?[name]?.shape {
                mine.shape = order.map { shape[$0] }
                mine = Self.transposed(mine, order.indices.map { order.firstIndex(of: $0)! })
            }
            expect(name, mine.values, theirs)
        }
        // Each of their steps began in float64 from its own statistics; ours begin from the float32 ones.
        for (name, theirs) in golden.buffersAfter64 ?? [:] {
            guard let ours = match.names[name] else { continue }
            expect(name, result.state[ours]?.values ?? [], theirs, 1e-6)
        }
    }
}
