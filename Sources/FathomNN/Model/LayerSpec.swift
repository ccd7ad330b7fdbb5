/// A layer as data: its kind, the options that differ from their defaults, and the layers inside.
public struct LayerSpec: Codable, Hashable, Sendable {
    /// A name of ``LayerKind/all``.
    public var kind: String
    /// A name chosen by the user, which becomes part of the layer's path.
    public var name: String?
    /// Activations and initialisers are texts, `leakyRelu(slope=0.2)`.
    public var options: [String: OptionValue]
    /// The layers inside, in their order: a sequence or branches, as ``LayerKind/inside`` says.
    public var children: [LayerSpec]

    /// Nothing is checked before ``ModelSpec/build()``.
    public init(_ kind: String, name: String? = nil, options: [String: OptionValue] = [:], children: [LayerSpec] = []) {
        self.kind = kind
        self.name = name
        self.options = options
        self.children = children
    }
}

/// A model as data: what configurations hold, checkpoints remember and remedies change.
///
/// It can be written as one line, as on a command line, or as a tree (see ``init(_:)-(ConfigValue)``):
///
///     dense 128 relu, batchNorm, residual [dense 64 relu, dense 64], dropout 0.2, dense 10
public struct ModelSpec: Codable, Hashable, Sendable {
    /// In the order in which they run.
    public var layers: [LayerSpec]

    /// Nothing is checked before ``build()``.
    public init(layers: [LayerSpec]) { self.layers = layers }

    /// The model as layers, ready to be traced.
    ///
    /// - Throws: ``ConfigError`` for unknown kinds or options, missing ones, or values that do not fit.
    public func build() throws(ConfigError) -> Sequential { Sequential(try Self.build(layers)) }

    static func build(_ specs: [LayerSpec]) throws(ConfigError) -> [any Layer] {
        var layers: [any Layer] = []
        for spec in specs {
            let kind = try LayerKind.named(spec.kind)
            let layer = try kind.build(checking: spec)
            layers.append(spec.name.map { Named($0, layer) } ?? layer)
            for option in kind.options where option.becomesNextLayer {
                if case .text(let next)? = spec.options[option.name] {
                    layers.append(Activate(try Activation.parsed(next)))
                }
            }
        }
        return layers
    }

    /// The data of a model made of built-in layers.
    ///
    /// - Throws: ``ConfigError`` for a layer that has no form as data: a user's own type, ``Lambda``, ``Shared``, or an
    ///   activation or initialiser that is not in its table.
    public init(encoding model: any Layer) throws(ConfigError) {
        layers = try Self.encode(model is Sequential ? (model as? Sequential)?.layers ?? [] : [model])
    }

    static func encode(_ layers: [any Layer]) throws(ConfigError) -> [LayerSpec] {
        var specs: [LayerSpec] = []
        for layer in layers {
            if let named = layer as? Named {
                var inner = try encode([named.layer])
                inner[0].name = named.name
                specs += inner
            } else {
                specs.append(try LayerKind.encode(layer))
            }
        }
        return specs
    }
}
