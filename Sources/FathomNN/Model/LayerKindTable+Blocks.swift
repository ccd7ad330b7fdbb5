extension LayerKind {
    /// Attention blocks of images, and capsules.
    static let blocks: [LayerKind] = [
        squeezeExcitation, convolutionalAttention, globalContext, tripletAttention, shuffleAttention,
        dynamicConvolution, primaryCapsules, capsules, capsuleLength, reconstruction,
    ]

    private static func reduction(_ value: Int) -> Option {
        may("reduction", .int, .int(value), "what the channels are divided by in between", positional: true)
    }

    private static let squeezeExcitation = LayerKind(
        "squeezeExcitation", ["se"], "channels weighed by what the whole image shows", [reduction(16)]
    ) { spec throws(ConfigError) in
        SqueezeExcitation(reduction: try spec.int("reduction"))
    } encode: { layer throws(ConfigError) in
        guard let l = layer as? SqueezeExcitation else { return nil }
        return (["reduction": .int(l.reduction)], [])
    }

    private static let convolutionalAttention = LayerKind(
        "convolutionalAttention", ["cbam"], "channels, then places weighed by what the image shows",
        [reduction(16), may("kernel", .int, .int(7), "taps of the place gate along each axis")]
    ) { spec throws(ConfigError) in
        ConvolutionalAttention(reduction: try spec.int("reduction"), kernel: try spec.int("kernel"))
    } encode: { layer throws(ConfigError) in
        guard let l = layer as? ConvolutionalAttention else { return nil }
        return (["reduction": .int(l.reduction), "kernel": .int(l.kernel)], [])
    }

    private static let globalContext = LayerKind(
        "globalContext", ["gcnet"], "what the whole image shows, added to every place", [reduction(16)]
    ) { spec throws(ConfigError) in
        GlobalContext(reduction: try spec.int("reduction"))
    } encode: { layer throws(ConfigError) in
        guard let l = layer as? GlobalContext else { return nil }
        return (["reduction": .int(l.reduction)], [])
    }

    private static let tripletAttention = LayerKind(
        "tripletAttention", [], "three gates, each over two of height, width and channels",
        [may("kernel", .int, .int(7), "taps of the gates along each axis", positional: true)]
    ) { spec throws(ConfigError) in
        TripletAttention(kernel: try spec.int("kernel"))
    } encode: { layer throws(ConfigError) in
        guard let l = layer as? TripletAttention else { return nil }
        return (["kernel": .int(l.kernel)], [])
    }

    private static let shuffleAttention = LayerKind(
        "shuffleAttention", [], "one half of each group of channels weighed by channel, one by place, then mixed",
        [may("groups", .int, .int(64), "groups of channels; twice as many must divide them", positional: true)]
    ) { spec throws(ConfigError) in
        ShuffleAttention(groups: try spec.int("groups"))
    } encode: { layer throws(ConfigError) in
        guard let l = layer as? ShuffleAttention else { return nil }
        return (["groups": .int(l.groups)], [])
    }

    private static let dynamicConvolution = LayerKind(
        "dynamicConvolution", ["dynamicConv"], "a convolution whose kernel is mixed anew for each image",
        [need("filters", .int, "outputs at every place")]
            + window("kernel", "taps along each axis; one number stands for all", stride: .ints([1]), padding: "same")
            + [
                may("kernels", .int, .int(4), "how many are mixed"),
                may("temperature", .number, .number(30), "how even the shares are; large at first"),
                may("reduction", .int, .int(4), "what the channels are divided by in between"), initializer,
                nextActivation,
            ]
    ) { spec throws(ConfigError) in
        DynamicConvolution(
            try spec.int("filters"), kernel: try spec.ints("kernel"), kernels: try spec.int("kernels"),
            stride: try spec.ints("stride"), padding: try spec.padding("padding"),
            temperature: try spec.number("temperature"), reduction: try spec.int("reduction"),
            initializer: try spec.initializer("initializer"))
    } encode: { layer throws(ConfigError) in
        guard let l = layer as? DynamicConvolution else { return nil }
        return (
            [
                "filters": .int(l.filters), "kernel": .ints(l.kernel), "kernels": .int(l.kernels),
                "stride": .ints(l.stride), "padding": padding(l.padding), "temperature": .number(l.temperature),
                "reduction": .int(l.reduction), "initializer": try name(l.initializer),
            ], []
        )
    }

    private static let primaryCapsules = LayerKind(
        "primaryCapsules", [], "a convolution whose channels make the first capsules",
        [
            may("capsules", .int, .int(32), "at every place", positional: true),
            may("dimension", .int, .int(8), "numbers of a capsule", positional: true),
            may("kernel", .int, .int(9), "taps along each axis"), may("stride", .int, .int(2), "from window to window"),
        ]
    ) { spec throws(ConfigError) in
        PrimaryCapsules(
            try spec.int("capsules"), dimension: try spec.int("dimension"), kernel: try spec.int("kernel"),
            stride: try spec.int("stride"))
    } encode: { layer throws(ConfigError) in
        guard let l = layer as? PrimaryCapsules else { return nil }
        return (
            [
                "capsules": .int(l.capsules), "dimension": .int(l.dimension), "kernel": .int(l.kernel),
                "stride": .int(l.stride),
            ], []
        )
    }

    private static let capsules = LayerKind(
        "capsules", [], "capsules that look for agreement among those before them",
        [
            need("count", .int, "capsules; one for each class at the end"),
            may("dimension", .int, .int(16), "numbers of a capsule", positional: true),
            may("iterations", .int, .int(3), "of routing by agreement"),
            may("differentiateRouting", .bool, .flag(false), "whether gradients go through the shares"),
        ]
    ) { spec throws(ConfigError) in
        Capsules(
            try spec.int("count"), dimension: try spec.int("dimension"), iterations: try spec.int("iterations"),
            differentiatingRouting: try spec.bool("differentiateRouting"))
    } encode: { layer throws(ConfigError) in
        guard let l = layer as? Capsules else { return nil }
        return (
            [
                "count": .int(l.count), "dimension": .int(l.dimension), "iterations": .int(l.iterations),
                "differentiateRouting": .flag(l.differentiatesRouting),
            ], []
        )
    }

    private static let capsuleLength = LayerKind(
        "capsuleLength", [], "the lengths of capsules: class scores for the margin loss"
    ) { _ throws(ConfigError) in
        CapsuleLength()
    } encode: { layer throws(ConfigError) in
        layer is CapsuleLength ? ([:], []) : nil
    }

    private static let reconstruction = LayerKind(
        "reconstruction", [],
        "capsules (first layer inside, a sequential) from which a decoder (second) must draw the input again",
        [may("weight", .number, .number(0.0005), "of the squared differences in the loss", positional: true)],
        inside: .branches
    ) { spec throws(ConfigError) in
        let parts = try spec.children()
        guard parts.count == 2 else {
            throw ConfigError(
                key: "reconstruction",
                message: "reconstruction holds two layers, an encoder and a decoder, not \(parts.count)",
                allowed: ["sequential [… capsules 10], sequential [dense …]"])
        }
        func sequence(_ layer: any Layer) -> Sequential { layer as? Sequential ?? Sequential([layer]) }
        return Reconstruction(
            encoder: sequence(parts[0]), decoder: sequence(parts[1]), weight: try spec.number("weight"))
    } encode: { layer throws(ConfigError) in
        guard let l = layer as? Reconstruction else { return nil }
        return (["weight": .number(l.weight)], try ModelSpec.encode([l.encoder, l.decoder]))
    }
}
