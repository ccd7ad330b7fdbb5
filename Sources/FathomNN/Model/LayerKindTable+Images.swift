extension LayerKind {
    /// Layers of images beside convolution and pooling.
    static let images: [LayerKind] = [
        transposedConvolution, adaptivePool, groupNorm, instanceNorm, spatialDropout, upsample, channelShuffle,
    ]

    private static let transposedConvolution = LayerKind(
        "transposedConvolution", ["convTranspose", "deconvolution", "conv2dTranspose"],
        "a convolution run backwards, to larger images",
        [need("filters", .int, "outputs at every place")]
            + window("kernel", "taps along each axis; one number stands for all", stride: .ints([1]), padding: "same")
            + [
                may("outputPadding", .ints, .ints([0]), "places added at the end of each axis, fewer than the stride"),
                may("dilation", .ints, .ints([1]), "from tap to tap"),
                may("groups", .int, .int(1), "groups of channels that do not see each other"),
                may("bias", .bool, .flag(true), "whether there is a bias"), initializer, biasInitializer,
                nextActivation,
            ]
    ) { spec throws(ConfigError) in
        TransposedConvolution(
            try spec.int("filters"), kernel: try spec.ints("kernel"), stride: try spec.ints("stride"),
            padding: try spec.padding("padding"), outputPadding: try spec.ints("outputPadding"),
            dilation: try spec.ints("dilation"), groups: try spec.int("groups"), bias: try spec.bool("bias"),
            initializer: try spec.initializer("initializer"),
            biasInitializer: try spec.initializer("biasInitializer"))
    } encode: { layer throws(ConfigError) in
        guard let l = layer as? TransposedConvolution else { return nil }
        return (
            [
                "filters": .int(l.filters), "kernel": .ints(l.kernel), "stride": .ints(l.stride),
                "padding": padding(l.padding), "outputPadding": .ints(l.outputPadding), "dilation": .ints(l.dilation),
                "groups": .int(l.groups), "bias": .flag(l.useBias), "initializer": try name(l.initializer),
                "biasInitializer": try name(l.biasInitializer),
            ], []
        )
    }

    private static let adaptivePool = LayerKind(
        "adaptivePool", ["adaptiveAveragePool"], "pooling to a given number of places",
        [
            need("size", .ints, "places along each axis; one number stands for all"),
            may(
                "kind", .choice(GlobalPool.Kind.allCases.map(\.rawValue)), .text("average"), "what is taken",
                positional: true),
        ]
    ) { spec throws(ConfigError) in
        AdaptivePool(try spec.ints("size"), kind: try spec.choice("kind"))
    } encode: { layer throws(ConfigError) in
        guard let l = layer as? AdaptivePool else { return nil }
        return (["size": .ints(l.size), "kind": .text(l.kind.rawValue)], [])
    }

    private static let groupNorm = LayerKind(
        "groupNorm", [], "each group of channels of each example to mean 0 and variance 1",
        [
            may("groups", .int, .int(32), "groups of channels; must divide them", positional: true), epsilon(1e-5),
            affine,
        ]
    ) { spec throws(ConfigError) in
        GroupNorm(try spec.int("groups"), epsilon: try spec.number("epsilon"), affine: try spec.bool("affine"))
    } encode: { layer throws(ConfigError) in
        guard let l = layer as? GroupNorm else { return nil }
        return (["groups": .int(l.groups), "epsilon": .number(l.epsilon), "affine": .flag(l.isAffine)], [])
    }

    private static let instanceNorm = LayerKind(
        "instanceNorm", [], "each channel of each example to mean 0 and variance 1 over all places",
        [epsilon(1e-5), may("affine", .bool, .flag(false), "whether scale and shift are learnt")]
    ) { spec throws(ConfigError) in
        InstanceNorm(epsilon: try spec.number("epsilon"), affine: try spec.bool("affine"))
    } encode: { layer throws(ConfigError) in
        guard let l = layer as? InstanceNorm else { return nil }
        return (["epsilon": .number(l.epsilon), "affine": .flag(l.isAffine)], [])
    }

    private static let spatialDropout = LayerKind(
        "spatialDropout", ["dropout2d"], "in training sets whole channels to 0 at random",
        [need("rate", .number, "share of channels set to 0")]
    ) { spec throws(ConfigError) in
        SpatialDropout(try spec.number("rate"))
    } encode: { layer throws(ConfigError) in
        guard let l = layer as? SpatialDropout else { return nil }
        return (["rate": .number(l.rate)], [])
    }

    private static let upsample = LayerKind(
        "upsample", ["upsampling"], "every axis of an image made longer by a whole factor",
        [
            may("factor", .ints, .ints([2]), "for each axis; one number stands for all", positional: true),
            may(
                "interpolation", .choice(Upsample.Interpolation.allCases.map(\.rawValue)), .text("nearest"),
                "what new places hold", positional: true),
        ]
    ) { spec throws(ConfigError) in
        Upsample(try spec.ints("factor"), interpolation: try spec.choice("interpolation"))
    } encode: { layer throws(ConfigError) in
        guard let l = layer as? Upsample else { return nil }
        return (["factor": .ints(l.factor), "interpolation": .text(l.interpolation.rawValue)], [])
    }

    private static let channelShuffle = LayerKind(
        "channelShuffle", [], "the channels of the groups taken in turn",
        [need("groups", .int, "groups of channels; must divide them")]
    ) { spec throws(ConfigError) in
        ChannelShuffle(try spec.int("groups"))
    } encode: { layer throws(ConfigError) in
        guard let l = layer as? ChannelShuffle else { return nil }
        return (["groups": .int(l.groups)], [])
    }
}
