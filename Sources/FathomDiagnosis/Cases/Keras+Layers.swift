import FathomNN
import FathomTraining
import Foundation

extension Keras {
    /// Layers as a model, and the weights that are pulled towards 0.
    struct Network {
        var layers: [LayerSpec] = []
        /// λ of λ·Σw² for single layers: pattern of their weights → λ.
        var decays: [(pattern: String, l2: Double)] = []
        /// How many of each kind there are, from which paths are made.
        var counts: [String: Int] = [:]

        mutating func add(_ spec: LayerSpec) {
            layers.append(spec)
            counts[spec.kind, default: 0] += 1
        }
    }

    /// Keys that say nothing of what a layer computes.
    private static let silent: Set<String> = [
        "name", "inputshape", "inputdim", "trainable", "dtype", "batchinputshape",
    ]

    /// The layers in our words; what is not known is named in the notes.
    static func network(_ parts: [LabelledCase.Part], _ notes: inout CaseNotes) -> Network {
        var network = Network()
        for (index, part) in parts.enumerated() {
            let place = "layers[\(index)]"
            var options = LayerOptions(part, place: place)
            add(part, &options, to: &network, &notes)
            for key in options.unread where !silent.contains(Keras.key(key)) {
                notes.lack("option \(key) of \(part.name) (\(place))")
            }
            for key in options.wrong { notes.lack("\(key) of \(part.name) (\(place)) has an unfit value") }
        }
        return network
    }

    private static func add(
        _ part: LabelledCase.Part, _ o: inout LayerOptions, to network: inout Network, _ notes: inout CaseNotes
    ) {
        func activation(_ name: String?) -> String? {
            guard let name else { return nil }
            switch Keras.activation(name, &notes) {
            case .some(let text): return text
            case nil:
                notes.lack("activation \(name)")
                return nil
            }
        }
        func initializer(_ name: String?, otherwise text: String) -> OptionValue {
            guard let name else { return .text(text) }
            guard let found = Keras.initializer(name) else {
                notes.lack("initialiser \(name)")
                return .text(text)
            }
            return .text(found)
        }
        /// A dense or convolutional layer with what both have: activation, initialisers, bias and weight decay.
        func addWeighted(_ name: String, _ own: [String: OptionValue]) {
            var options = own
            options["activation"] = activation(o.text("act", "activation")).map { .text($0) }
            options["initializer"] = initializer(o.text("init", "kernel_initializer"), otherwise: "xavier")
            options["biasInitializer"] = initializer(o.text("bias_init", "bias_initializer"), otherwise: "zeros")
            if let bias = o.flag("use_bias", "bias") { options["bias"] = .flag(bias) }
            network.add(LayerSpec(name, options: options))
            if let l2 = o.number("l2", "kernel_l2"), l2 > 0 {
                network.decays.append(("\(name)\(network.counts[name] ?? 1).weight", l2))
            }
        }
        switch Keras.key(part.name) {
        case "dense", "linear":
            var options: [String: OptionValue] = [:]
            guard let units = o.count("units") else { return }
            options["units"] = .number(Double(units))
            addWeighted("dense", options)
        case "conv1d", "conv2d", "conv3d", "convolution1d", "convolution2d", "convolution3d":
            var options = window(part.name, &o, "kernel", "kernel_size", otherwise: nil, &notes)
            guard let filters = o.count("filters") else { return }
            options["filters"] = .number(Double(filters))
            options["padding"] = options["padding"] ?? "valid"
            if let dilation = o.counts("dilation", "dilation_rate") { options["dilation"] = .numbers(dilation) }
            if let groups = o.number("groups") { options["groups"] = .number(groups) }
            addWeighted("convolution", options)
        case "maxpooling1d", "maxpooling2d", "maxpooling3d", "maxpool1d", "maxpool2d", "maxpool3d":
            let axes = part.name.contains("1") ? 1 : 2
            let size = [Double](repeating: 2, count: axes)
            network.add(
                LayerSpec("maxPool", options: window(part.name, &o, "pool", "pool_size", otherwise: size, &notes)))
        case "averagepooling1d", "averagepooling2d", "averagepooling3d", "avgpool1d", "avgpool2d", "avgpool3d":
            let axes = part.name.contains("1") ? 1 : 2
            let size = [Double](repeating: 2, count: axes)
            var options = window(part.name, &o, "pool", "pool_size", otherwise: size, &notes)
            options["countPadding"] = false
            network.add(LayerSpec("averagePool", options: options))
        case "globalaveragepooling1d", "globalaveragepooling2d", "globalaveragepooling3d":
            network.add(LayerSpec("globalPool", options: ["kind": "average"]))
        case "globalmaxpooling1d", "globalmaxpooling2d", "globalmaxpooling3d":
            network.add(LayerSpec("globalPool", options: ["kind": "max"]))
        case "reshape":
            guard let shape = o.counts("target_shape", "shape") else { return notes.lack("reshape without a shape") }
            network.add(LayerSpec("reshape", options: ["shape": .numbers(shape)]))
        case "highway":
            var options: [String: OptionValue] = [:]
            if let units = o.count("units") { options["units"] = .number(Double(units)) }
            options["activation"] = .text(activation(o.text("H", "act", "activation")) ?? "relu")
            options["gateBias"] = .number(o.number("gate_bias") ?? -1)
            options["initializer"] = initializer(o.text("init", "kernel_initializer"), otherwise: "xavier")
            network.add(LayerSpec("highway", options: options))
            notes.note("the gates of highway layers are drawn by Xavier's rule")
        case "activation":
            guard let name = o.text("act", "activation") else { return }
            if let text = activation(name) { addActivation(text, to: &network) }
        case "leakyrelu": addActivation("leakyRelu(slope=\(o.number("alpha", "negative_slope") ?? 0.3))", to: &network)
        case "elu": addActivation("elu(alpha=\(o.number("alpha") ?? 1))", to: &network)
        case "prelu":
            network.add(LayerSpec("prelu", options: ["perFeature": true, "initialSlope": 0]))
            if o.text("alpha_initializer", "init") != nil { notes.note("PReLU's slopes start at 0") }
        case "thresholdedrelu": addActivation("threshold(at=\(o.number("theta") ?? 1))", to: &network)
        case "relu", "softmax", "sigmoid", "tanh", "selu", "gelu", "softplus", "softsign", "swish", "silu":
            if let text = activation(part.name) { addActivation(text, to: &network) }
        case "dropout":
            let rate = o.number("rate", "p") ?? 0.5
            guard rate >= 0, rate < 1 else { return notes.lack("dropout of rate \(rate)") }
            network.add(LayerSpec("dropout", options: ["rate": .number(rate)]))
        case "batchnormalization", "batchnorm":
            let momentum = o.number("momentum") ?? 0.99
            var options: [String: OptionValue] = [
                "momentum": .number(1 - momentum), "epsilon": .number(o.number("epsilon", "eps") ?? 1e-3),
            ]
            if o.flag("scale") == false, o.flag("center") == false { options["affine"] = false }
            network.add(LayerSpec("batchNorm", options: options))
        case "layernormalization", "layernorm":
            network.add(LayerSpec("layerNorm", options: ["epsilon": .number(o.number("epsilon", "eps") ?? 1e-3)]))
        case "flatten": network.add(LayerSpec("flatten"))
        case "input", "inputlayer": break
        default:
            notes.lack(part.name)
            o.readAll()
        }
    }

    /// Extents, stride and padding of a window, as Keras writes them.
    private static func window(
        _ name: String, _ o: inout LayerOptions, _ keys: String..., otherwise extents: [Double]?,
        _ notes: inout CaseNotes
    ) -> [String: OptionValue] {
        var options: [String: OptionValue] = [:]
        let isPool = extents != nil
        if let extents = o.counts(keys) ?? extents {
            options[isPool ? "size" : "kernel"] = .numbers(extents)
        } else {
            notes.lack("\(name) without \(keys[0])")
        }
        if let stride = o.counts("strides", "stride") { options["stride"] = .numbers(stride) }
        if let padding = o.text("padding") {
            if ["same", "valid"].contains(padding.lowercased()) {
                options["padding"] = .text(padding.lowercased())
            } else {
                notes.lack("padding \(padding)")
            }
        }
        if let format = o.text("data_format"), format != "channels_last" { notes.lack("data_format \(format)") }
        return options
    }

    private static func addActivation(_ text: String, to network: inout Network) {
        // A layer of the table of activations takes its numbers as options.
        guard let activation = try? Activation.parsed(text) else { return }
        network.add(LayerSpec(activation.name, options: activation.parameters.mapValues { .number($0) }))
    }
}

/// The options of one layer, of which each must be understood or named.
private struct LayerOptions {
    private let options: [String: CaseValue]
    private var read: Set<String> = []
    private(set) var wrong: [String] = []

    init(_ part: LabelledCase.Part, place: String) { options = part.options }

    var unread: [String] { options.keys.filter { !read.contains($0) }.sorted() }

    mutating func readAll() { read.formUnion(options.keys) }

    /// The first of these keys that is there.
    private mutating func value(_ keys: [String]) -> (key: String, value: CaseValue)? {
        read.formUnion(keys)
        for key in keys { if let value = options[key] { return (key, value) } }
        return nil
    }

    mutating func text(_ keys: String...) -> String? {
        guard let (key, value) = value(keys) else { return nil }
        if case .text(let text) = value { return text }
        wrong.append(key)
        return nil
    }

    mutating func number(_ keys: String...) -> Double? {
        guard let (key, value) = value(keys) else { return nil }
        if case .number(let number) = value, number.isFinite { return number }
        wrong.append(key)
        return nil
    }

    mutating func flag(_ keys: String...) -> Bool? {
        guard let (key, value) = value(keys) else { return nil }
        if case .flag(let flag) = value { return flag }
        wrong.append(key)
        return nil
    }

    /// Whole numbers from 1 on, or one for all.
    mutating func counts(_ keys: String...) -> [Double]? { counts(keys) }

    mutating func counts(_ keys: [String]) -> [Double]? {
        guard let (key, value) = value(keys) else { return nil }
        let items = if case .list(let list) = value { list } else { [value] }
        var numbers: [Double] = []
        for item in items {
            guard case .number(let number) = item, let whole = Int(exactly: number), 1...(1 << 20) ~= whole else {
                break
            }
            numbers.append(number)
        }
        if !items.isEmpty, numbers.count == items.count { return numbers }
        wrong.append(key)
        return nil
    }

    mutating func count(_ key: String) -> Int? {
        guard let (key, value) = value([key]) else {
            wrong.append(key)
            return nil
        }
        if case .number(let number) = value, let whole = Int(exactly: number), 1...(1 << 20) ~= whole { return whole }
        wrong.append(key)
        return nil
    }
}
