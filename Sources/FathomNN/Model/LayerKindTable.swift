extension LayerKind {
    // Shorthands for rows, here and in the tables beside this one.
    static func units(_ meaning: String = "outputs") -> Option {
        Option(name: "units", form: .int, defaultValue: nil, isRequired: true, meaning: meaning, isPositional: true)
    }
    static func need(_ name: String, _ form: Option.Form, _ meaning: String) -> Option {
        Option(name: name, form: form, defaultValue: nil, isRequired: true, meaning: meaning, isPositional: true)
    }
    static func may(
        _ name: String, _ form: Option.Form, _ value: OptionValue?, _ meaning: String, positional: Bool = false
    ) -> Option {
        Option(
            name: name, form: form, defaultValue: value, isRequired: false, meaning: meaning, isPositional: positional)
    }
    static let initializer = may("initializer", .initializer, .text("automatic"), "how the weights are drawn")
    static let biasInitializer = may("biasInitializer", .initializer, .text("zeros"), "how the bias is drawn")
    static let shortcut = may(
        "shortcut", .choice(Shortcut.allCases.map(\.rawValue)), .text("projection"),
        "how an input of another width is carried")
    static let nextActivation = Option(
        name: "activation", form: .activation, defaultValue: nil, isRequired: false,
        meaning: "an activation as the next layer", isPositional: true, becomesNextLayer: true)
    static let affine = may("affine", .bool, .flag(true), "whether scale and shift are learnt")

    static func epsilon(_ value: Double) -> Option {
        may("epsilon", .number, .number(value), "added to the variance")
    }

    static func padding(_ padding: Padding) -> OptionValue {
        switch padding {
        case .same: .text("same")
        case .valid: .text("valid")
        case .explicit(let sides): .ints(sides)
        }
    }

    static func window(_ name: String, _ meaning: String, stride: OptionValue?, padding: String) -> [Option] {
        [
            Option(
                name: name, form: .ints, defaultValue: nil, isRequired: true, meaning: meaning, isPositional: true),
            may("stride", .ints, stride, "from window to window; one number stands for all axes"),
            may("padding", .padding, .text(padding), "around the image"),
        ]
    }

    /// An initialiser's name, when the table knows it.
    static func name(_ initializer: Initializer) throws(ConfigError) -> OptionValue {
        do { return .text(try Initializer.named(initializer.name).name) } catch {
            throw ConfigError(
                key: "initializer", message: "the initialiser '\(initializer.name)' cannot be written as data",
                allowed: error.allowed)
        }
    }

    static func name(_ activation: Activation) throws(ConfigError) -> OptionValue {
        do { return .text(try Activation.parsed(activation.description).description) } catch {
            throw ConfigError(
                key: "activation", message: "the activation '\(activation.name)' cannot be written as data",
                allowed: error.allowed)
        }
    }

    /// Every kind of layer that configurations can name: those with parameters of their own, then one for each activation.
    public static let all: [LayerKind] =
        [
            LayerKind(
                "dense", ["linear"], "a fully connected layer",
                [
                    units(), may("bias", .bool, .flag(true), "whether there is a bias"), initializer, biasInitializer,
                    nextActivation,
                ]
            ) { spec throws(ConfigError) in
                Dense(
                    try spec.int("units"), bias: try spec.bool("bias"),
                    initializer: try spec.initializer("initializer"),
                    biasInitializer: try spec.initializer("biasInitializer"))
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? Dense else { return nil }
                return (
                    [
                        "units": .int(l.units), "bias": .flag(l.useBias), "initializer": try name(l.initializer),
                        "biasInitializer": try name(l.biasInitializer),
                    ], []
                )
            },
            LayerKind(
                "perInputBias", [], "a fully connected layer with its bias before the weights",
                [units(), initializer, biasInitializer, nextActivation]
            ) { spec throws(ConfigError) in
                PerInputBias(
                    try spec.int("units"), initializer: try spec.initializer("initializer"),
                    biasInitializer: try spec.initializer("biasInitializer"))
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? PerInputBias else { return nil }
                return (
                    [
                        "units": .int(l.units), "initializer": try name(l.initializer),
                        "biasInitializer": try name(l.biasInitializer),
                    ], []
                )
            },
            LayerKind(
                "convolution", ["conv", "conv1d", "conv2d", "conv3d"], "filters that slide over channels-last images",
                [need("filters", .int, "outputs at every place")]
                    + window(
                        "kernel", "taps along each axis; one number stands for all", stride: .ints([1]), padding: "same"
                    )
                    + [
                        may("dilation", .ints, .ints([1]), "from tap to tap"),
                        may("groups", .int, .int(1), "groups of channels that do not see each other"),
                        may("depthwise", .bool, .flag(false), "whether every channel is a group"),
                        may("bias", .bool, .flag(true), "whether there is a bias"), initializer, biasInitializer,
                        nextActivation,
                    ]
            ) { spec throws(ConfigError) in
                Convolution(
                    try spec.int("filters"), kernel: try spec.ints("kernel"), stride: try spec.ints("stride"),
                    padding: try spec.padding("padding"), dilation: try spec.ints("dilation"),
                    groups: try spec.bool("depthwise") ? nil : try spec.int("groups"), bias: try spec.bool("bias"),
                    initializer: try spec.initializer("initializer"),
                    biasInitializer: try spec.initializer("biasInitializer"))
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? Convolution else { return nil }
                return (
                    [
                        "filters": .int(l.filters), "kernel": .ints(l.kernel), "stride": .ints(l.stride),
                        "padding": padding(l.padding), "dilation": .ints(l.dilation), "groups": .int(l.groups ?? 1),
                        "depthwise": .flag(l.groups == nil), "bias": .flag(l.useBias),
                        "initializer": try name(l.initializer), "biasInitializer": try name(l.biasInitializer),
                    ], []
                )
            },
            LayerKind(
                "maxPool", ["maxPooling"], "the largest of each window, channel by channel",
                window("size", "taps along each axis", stride: nil, padding: "valid")
            ) { spec throws(ConfigError) in
                MaxPool(
                    try spec.ints("size"), stride: spec.optionalInts("stride"),
                    padding: try spec.padding("padding"))
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? MaxPool else { return nil }
                var options: [String: OptionValue] = ["size": .ints(l.size), "padding": padding(l.padding)]
                options["stride"] = l.stride.map { .ints($0) }
                return (options, [])
            },
            LayerKind(
                "averagePool", ["avgPool", "averagePooling"], "the mean of each window, channel by channel",
                window("size", "taps along each axis", stride: nil, padding: "valid")
                    + [may("countPadding", .bool, .flag(true), "whether padding counts as zeros")]
            ) { spec throws(ConfigError) in
                AveragePool(
                    try spec.ints("size"), stride: spec.optionalInts("stride"),
                    padding: try spec.padding("padding"), countingPadding: try spec.bool("countPadding"))
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? AveragePool else { return nil }
                var options: [String: OptionValue] = [
                    "size": .ints(l.size), "padding": padding(l.padding), "countPadding": .flag(l.countsPadding),
                ]
                options["stride"] = l.stride.map { .ints($0) }
                return (options, [])
            },
            LayerKind(
                "globalPool", ["globalAveragePool"], "the mean or the largest over all places of an image",
                [
                    may(
                        "kind", .choice(GlobalPool.Kind.allCases.map(\.rawValue)), .text("average"), "what is taken",
                        positional: true)
                ]
            ) { spec throws(ConfigError) in
                GlobalPool(try spec.choice("kind"))
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? GlobalPool else { return nil }
                return (["kind": .text(l.kind.rawValue)], [])
            },
            LayerKind(
                "maxout", [], "the largest of several affine functions for every unit",
                [units(), may("pieces", .int, .int(2), "functions a unit", positional: true), initializer]
            ) { spec throws(ConfigError) in
                Maxout(
                    try spec.int("units"), pieces: try spec.int("pieces"),
                    initializer: try spec.initializer("initializer"))
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? Maxout else { return nil }
                return (["units": .int(l.units), "pieces": .int(l.pieces), "initializer": try name(l.initializer)], [])
            },
            LayerKind(
                "highway", [], "a layer with a learnt gate between changing its input and passing it on",
                [
                    may("units", .int, nil, "outputs; as many as inputs when left out", positional: true),
                    may("activation", .activation, .text("relu"), "of the changed part", positional: true),
                    may("gateBias", .number, .number(-1), "the gate's first bias; negative passes the input on"),
                    may("kernel", .ints, nil, "taps along each axis of an image: convolutions instead of dense layers"),
                    shortcut,
                    initializer,
                ]
            ) { spec throws(ConfigError) in
                Highway(
                    spec.optionalInt("units"), activation: try spec.activation("activation"),
                    gateBias: try spec.number("gateBias"), kernel: spec.optionalInts("kernel"),
                    shortcut: try spec.choice("shortcut"), initializer: try spec.initializer("initializer"))
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? Highway else { return nil }
                var options: [String: OptionValue] = [
                    "activation": try name(l.activation), "gateBias": .number(l.gateBias),
                    "shortcut": .text(l.shortcut.rawValue),
                    "initializer": try name(l.initializer),
                ]
                options["units"] = l.units.map { .int($0) }
                options["kernel"] = l.kernel.map { .ints($0) }
                return (options, [])
            },
            LayerKind(
                "residual", [], "adds its input to what the layers inside make of it",
                [shortcut, may("activation", .activation, nil, "applied to the sum", positional: true)],
                inside: .sequence
            ) { spec throws(ConfigError) in
                Residual(
                    Sequential(try spec.children()), shortcut: try spec.choice("shortcut"),
                    activation: try spec.optionalActivation("activation"))
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? Residual else { return nil }
                var options: [String: OptionValue] = ["shortcut": .text(l.shortcut.rawValue)]
                if let activation = l.activation { options["activation"] = try name(activation) }
                return (options, try ModelSpec.encode(l.body.layers))
            },
            LayerKind(
                "parallel", ["concatenate"], "the layers inside side by side, their outputs joined",
                [
                    may(
                        "join", .choice(Parallel.Join.allCases.map(\.rawValue)), .text("concatenation"),
                        "how outputs become one",
                        positional: true)
                ], inside: .branches
            ) { spec throws(ConfigError) in
                Parallel(try spec.children(), joinedBy: try spec.choice("join"))
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? Parallel else { return nil }
                return (["join": .text(l.join.rawValue)], try ModelSpec.encode(l.branches))
            },
            LayerKind("sequential", [], "layers one after the other", inside: .sequence) { spec throws(ConfigError) in
                Sequential(try spec.children())
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? Sequential else { return nil }
                return ([:], try ModelSpec.encode(l.layers))
            },
            LayerKind(
                "batchNorm", [], "every feature to mean 0 and variance 1 over the batch",
                [
                    may("momentum", .number, .number(0.1), "share of the newest batch in the running statistics"),
                    epsilon(1e-5), affine,
                ]
            ) { spec throws(ConfigError) in
                BatchNorm(
                    momentum: try spec.number("momentum"), epsilon: try spec.number("epsilon"),
                    affine: try spec.bool("affine"))
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? BatchNorm else { return nil }
                return (
                    ["momentum": .number(l.momentum), "epsilon": .number(l.epsilon), "affine": .flag(l.isAffine)], []
                )
            },
            LayerKind("layerNorm", [], "every row to mean 0 and variance 1 over its features", [epsilon(1e-5), affine])
            {
                spec throws(ConfigError) in
                LayerNorm(epsilon: try spec.number("epsilon"), affine: try spec.bool("affine"))
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? LayerNorm else { return nil }
                return (["epsilon": .number(l.epsilon), "affine": .flag(l.isAffine)], [])
            },
            LayerKind("rmsNorm", [], "every row to mean square 1 over its features", [epsilon(1e-6)]) {
                spec throws(ConfigError) in
                RMSNorm(epsilon: try spec.number("epsilon"))
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? RMSNorm else { return nil }
                return (["epsilon": .number(l.epsilon)], [])
            },
            LayerKind(
                "dropout", [], "in training sets elements to 0 at random",
                [
                    need("rate", .number, "share of elements set to 0"),
                    may("schedule", .choice(["always", "early", "late", "falling"]), .text("always"), "when it acts"),
                    may("steps", .int, .int(0), "the steps the schedule counts to"),
                ]
            ) { spec throws(ConfigError) in
                let steps = try spec.int("steps")
                let schedule: Dropout.Schedule =
                    switch try spec.text("schedule") {
                    case "early": .early(steps: steps)
                    case "late": .late(start: steps)
                    case "falling": .falling(steps: steps)
                    default: .always
                    }
                return Dropout(try spec.number("rate"), schedule: schedule)
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? Dropout else { return nil }
                let (word, steps) =
                    switch l.schedule {
                    case .always: ("always", 0)
                    case .early(let n): ("early", n)
                    case .late(let n): ("late", n)
                    case .falling(let n): ("falling", n)
                    }
                return (["rate": .number(l.rate), "schedule": .text(word), "steps": .int(steps)], [])
            },
            LayerKind(
                "prelu", ["parametricRelu"], "the rectifier with a learnt slope for negative inputs",
                [
                    may("perFeature", .bool, .flag(false), "whether each feature has a slope of its own"),
                    may("initialSlope", .number, .number(0.25), "the slope before training", positional: true),
                ]
            ) { spec throws(ConfigError) in
                PReLU(perFeature: try spec.bool("perFeature"), initialSlope: try spec.number("initialSlope"))
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? PReLU else { return nil }
                return (["perFeature": .flag(l.isPerFeature), "initialSlope": .number(l.initialSlope)], [])
            },
            LayerKind(
                "embedding", [], "a table of learnt vectors, read by index",
                [
                    need("count", .int, "vectors in the table"), need("width", .int, "numbers in a vector"),
                    may("initializer", .initializer, .text("normal(0.0, 1.0)"), "how the vectors are drawn"),
                ]
            ) { spec throws(ConfigError) in
                Embedding(
                    try spec.int("count"), width: try spec.int("width"),
                    initializer: try spec.initializer("initializer"))
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? Embedding else { return nil }
                return (["count": .int(l.count), "width": .int(l.width), "initializer": try name(l.initializer)], [])
            },
            LayerKind("flatten", [], "all axes after the first joined into one") { _ throws(ConfigError) in
                Flatten()
            } encode: { layer throws(ConfigError) in
                layer is Flatten ? ([:], []) : nil
            },
            LayerKind(
                "reshape", [], "each example in another shape",
                [need("shape", .ints, "extents of one example; one may be -1")]
            ) {
                spec throws(ConfigError) in
                Reshape(try spec.ints("shape"))
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? Reshape else { return nil }
                return (["shape": .ints(l.shape)], [])
            },
            LayerKind(
                "mcCullochPitts", [], "fires when enough inputs do and no inhibiting one",
                [
                    need("threshold", .number, "how many exciting inputs must fire"),
                    may("inhibiting", .ints, .ints([]), "positions of the inputs that forbid firing, from 0"),
                ]
            ) { spec throws(ConfigError) in
                McCullochPitts(threshold: try spec.number("threshold"), inhibiting: try spec.ints("inhibiting"))
            } encode: { layer throws(ConfigError) in
                guard let l = layer as? McCullochPitts else { return nil }
                return (["threshold": .number(l.threshold), "inhibiting": .ints(l.inhibiting)], [])
            },
        ] + images + blocks + models + Activation.all.map(activationKind)

    /// A row of the table of activations as a kind of layer.
    private static func activationKind(_ entry: Activation.Entry) -> LayerKind {
        // As a layer, "linear" means a dense one.
        LayerKind(
            entry.name, entry.aliases.filter { $0 != "linear" }, entry.formula,
            entry.parameters.map { may($0.name, .number, .number($0.defaultValue), $0.meaning, positional: true) }
        ) { spec throws(ConfigError) in
            var parameters: [String: Double] = [:]
            for parameter in entry.parameters { parameters[parameter.name] = try spec.number(parameter.name) }
            return Activate(entry.make(parameters))
        } encode: { layer throws(ConfigError) in
            if layer is Identity { return entry.name == "identity" ? ([:], []) : nil }
            guard let activation = (layer as? Activate)?.activation, activation.name == entry.name else { return nil }
            _ = try name(activation)
            return (activation.parameters.mapValues { .number($0) }, [])
        }
    }
}
