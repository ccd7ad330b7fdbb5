extension LayerKind {
    /// Whole models and repetition. They stand for the layers they are made of: a model that was read holds those, so that
    /// all that reads or changes layers sees them.
    static let models: [LayerKind] = [repetition, leNet, vgg, resNet, highwayNetwork, capsuleNetwork]

    private static let classes = may("classes", .int, .int(10), "outputs of the last layer")

    private static func model(
        _ name: String, _ aliases: [String] = [], _ summary: String, _ options: [Option], inside: Inside = .nothing,
        _ make: @escaping @Sendable (SpecReader) throws(ConfigError) -> Sequential
    ) -> LayerKind {
        LayerKind(name, aliases, summary, options, inside: inside, standsForLayers: true) { spec throws(ConfigError) in
            try make(spec)
        } encode: { _ throws(ConfigError) in
            nil
        }
    }

    private static let repetition = model(
        "repeat", [], "the layers inside several times, each time with weights of their own",
        [need("times", .int, "how often")], inside: .sequence
    ) { spec throws(ConfigError) in
        let times = try spec.int("times")
        guard 0...1000 ~= times else {
            throw ConfigError(key: "repeat.times", message: "layers are repeated 0 to 1000 times, not \(times)")
        }
        if let named = spec.spec.children.compactMap(\.name).first {
            throw ConfigError(
                key: "repeat", message: "a repeated layer cannot have a name of its own, as '\(named)' has")
        }
        // Repetitions inside repetitions multiply.
        guard layerCount(spec.spec.children) <= 10_000 / max(times, 1) else {
            throw ConfigError(key: "repeat.times", message: "repeated \(times) times these are more than 10,000 layers")
        }
        var layers: [any Layer] = []
        for _ in 0..<times { layers += try spec.children() }
        return Sequential(layers)
    }

    private static func layerCount(_ specs: [LayerSpec]) -> Int {
        specs.reduce(0) { $0 + 1 + layerCount($1.children) }
    }

    private static let leNet = model(
        "leNet", ["leNet5"], "two convolutions with pooling, three dense layers (LeCun et al. 1998)",
        [
            classes, may("activation", .activation, .text("tanh"), "of every hidden layer", positional: true),
            may("pooling", .choice(GlobalPool.Kind.allCases.map(\.rawValue)), .text("average"), "what windows hand on"),
        ]
    ) { spec throws(ConfigError) in
        Sequential.leNet(
            classes: try spec.int("classes"), activation: try spec.activation("activation"),
            pooling: try spec.choice("pooling"))
    }

    private static let vgg = model(
        "vgg", [], "stages of 3×3 convolutions, twice the filters from stage to stage (Simonyan & Zisserman 2015)",
        [
            classes, may("filters", .int, .int(32), "of the first stage"),
            may("stages", .int, .int(3), "each halves the image"),
            may("convolutions", .int, .int(2), "in each stage"),
            may("units", .int, .int(128), "of the dense layer before the last"),
            may("normalize", .bool, .flag(true), "whether batch normalisation follows each convolution"),
            may("dropout", .number, .number(0.3), "before each dense layer"),
        ]
    ) { spec throws(ConfigError) in
        try Sequential.vgg(
            classes: try spec.int("classes"), filters: try spec.int("filters"), stages: try spec.int("stages"),
            convolutions: try spec.int("convolutions"), units: try spec.int("units"),
            normalizing: try spec.bool("normalize"), dropout: try spec.number("dropout"))
    }

    private static let resNet = model(
        "resNet", [], "a residual network of 6n + 2 layers for small images (He et al. 2015)",
        [
            may("depth", .int, .int(20), "20, 32, 44, 56, 110: any 6n + 2", positional: true), classes,
            may("width", .int, .int(16), "filters of the first stage"),
            may(
                "block", .choice(ResidualBlock.allCases.map(\.rawValue)), .text("postActivation"),
                "what a block is made of; plain has no shortcuts", positional: true),
            may(
                "shortcut", .choice(Shortcut.allCases.map(\.rawValue)), .text("padding"),
                "how the input reaches a smaller image with more channels"),
        ]
    ) { spec throws(ConfigError) in
        try Sequential.resNet(
            depth: try spec.int("depth"), classes: try spec.int("classes"), width: try spec.int("width"),
            block: try spec.choice("block"), shortcut: try spec.choice("shortcut"))
    }

    private static let highwayNetwork = model(
        "highwayNetwork", [], "stages of convolutional highway layers (Srivastava et al. 2015)",
        [
            may("depth", .int, .int(11), "layers with weights", positional: true), classes,
            may("filters", .int, .int(16), "of every layer"),
            may("stages", .int, .int(3), "with max pooling between them"),
            may("activation", .activation, .text("relu"), "of the transforms", positional: true),
            may("gateBias", .number, .number(-2), "the gates' first bias; the deeper, the more negative"),
        ]
    ) { spec throws(ConfigError) in
        try Sequential.highwayNetwork(
            depth: try spec.int("depth"), classes: try spec.int("classes"), filters: try spec.int("filters"),
            stages: try spec.int("stages"), activation: try spec.activation("activation"),
            gateBias: try spec.number("gateBias"))
    }

    private static let capsuleNetwork = model(
        "capsuleNetwork", ["capsNet"], "a convolution, primary capsules, a capsule a class (Sabour et al. 2017)",
        [
            classes, may("filters", .int, .int(256), "of the first convolution"),
            may("capsules", .int, .int(32), "primary ones at every place"),
            may("dimension", .int, .int(16), "numbers of a class's capsule"),
            may("iterations", .int, .int(3), "of routing by agreement"),
            may("pixels", .int, nil, "numbers of an image for a decoder to draw; none when left out"),
        ]
    ) { spec throws(ConfigError) in
        Sequential.capsuleNetwork(
            classes: try spec.int("classes"), filters: try spec.int("filters"), capsules: try spec.int("capsules"),
            dimension: try spec.int("dimension"), iterations: try spec.int("iterations"),
            pixels: spec.optionalInt("pixels"))
    }
}
