// A model as a tree of values, the form of configuration files.
extension ModelSpec {
    /// Reads a list of layers, each in one of these forms:
    ///
    ///     - relu                                   a kind, or a line as in `dense 64 relu`
    ///     - dense: 256                             a kind with its first option
    ///     - dense: {units: 256, activation: relu, initializer: he, name: first}
    ///     - residual: [ … ]                        a kind with layers inside
    ///     - residual: {activation: relu, layers: [ … ]}
    ///
    /// A single text is read as by ``init(_:)-(String)``. An `activation` of a dense layer becomes the layer after it.
    ///
    /// - Throws: ``ConfigError`` with key, line, what is allowed and the nearest spelling.
    public init(_ config: ConfigValue) throws(ConfigError) { layers = try Self.read(config, path: "model") }

    private static func read(_ config: ConfigValue, path: String) throws(ConfigError) -> [LayerSpec] {
        switch config.content {
        case .text(let text): return try parse(text, line: config.line)
        case .list(let items):
            var specs: [LayerSpec] = []
            for item in items { specs += try readLayer(item, path: path) }
            return specs
        default:
            throw ConfigError(
                key: path, message: "\(path) must be a list of layers, not \(config.brief)", line: config.line)
        }
    }

    private static func readLayer(_ item: ConfigValue, path: String) throws(ConfigError) -> [LayerSpec] {
        guard path.utf8.count(where: { $0 == UInt8(ascii: ".") }) < 64 else {
            throw ConfigError(key: "model", message: "layers are nested more than 64 deep", line: item.line)
        }
        switch item.content {
        case .text(let text): return try parse(text, line: item.line)
        case .map(let pairs):
            guard let first = pairs.first else { break }
            let line = first.value.line ?? item.line
            let kind = try LayerKind.named(first.key, line: line)
            var draft = LayerDraft(kind: kind, path: "\(path).\(kind.name)", line: line)
            switch first.value.content {
            case .null: break
            case .map(let options): for option in options { try draft.add(option.key, option.value) }
            case .list(let items) where kind.inside == .nothing:
                if kind.options.first?.form == .ints {
                    try draft.add(positional: first.value)
                } else {
                    for value in items { try draft.add(positional: value) }
                }
            case .list: try draft.add("layers", first.value)
            default: try draft.add(positional: first.value)
            }
            for pair in pairs.dropFirst() { try draft.add(pair.key, pair.value) }
            return try draft.finish()
        default: break
        }
        throw ConfigError(
            key: path, message: "a layer of \(path) must be a name or a mapping such as `dense: 64`, not \(item.brief)",
            line: item.line)
    }

    /// A layer while its options come in.
    struct LayerDraft {
        let kind: LayerKind
        let path: String
        let line: Int?
        private var options: [String: OptionValue] = [:]
        private var name: String?
        private var children: [LayerSpec] = []

        init(kind: LayerKind, path: String, line: Int?) {
            self.kind = kind
            self.path = path
            self.line = line
        }

        private var allowed: [String] {
            kind.options.map(\.name) + ["name"] + (kind.inside == .nothing ? [] : ["layers"])
        }

        mutating func add(_ key: String, _ value: ConfigValue) throws(ConfigError) {
            if let option = kind.option(key) {
                guard options[option.name] == nil else {
                    throw ConfigError(
                        key: "\(path).\(key)", message: "'\(option.name)' of \(kind.name) is given twice",
                        line: value.line ?? line)
                }
                options[option.name] = try option.form.value(from: located(value), key: "\(path).\(option.name)")
            } else if key == "name" {
                // What a path and the one-line form can hold.
                guard case .text(let text) = value.content, !text.isEmpty,
                    text.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" })
                else {
                    throw ConfigError(
                        key: "\(path).name",
                        message: "the name of a layer must be one word of letters and digits, not \(value.brief)",
                        line: value.line ?? line)
                }
                name = text
            } else if key == "layers", kind.inside != .nothing {
                children += try ModelSpec.read(located(value), path: path)
            } else {
                var error = ConfigError.unknown(
                    "option of \(kind.name)", key, allowed: allowed, line: value.line ?? line)
                error.key = "\(path).\(key)"
                throw error
            }
        }

        /// A value without a name goes to the first free option that may stand so and that it fits.
        mutating func add(positional value: ConfigValue) throws(ConfigError) {
            var problem: ConfigError?
            for option in kind.options where option.isPositional && options[option.name] == nil {
                do {
                    options[option.name] = try option.form.value(from: located(value), key: "\(path).\(option.name)")
                    return
                } catch {
                    // A word is most likely meant for the option that takes words.
                    let isWord = if case .text = value.content { true } else { false }
                    if problem == nil || isWord && option.form == .activation { problem = error }
                }
            }
            throw problem
                ?? ConfigError(
                    key: path, message: "\(kind.name) does not take \(value.brief)", allowed: allowed,
                    line: value.line ?? line)
        }

        mutating func add(children specs: [LayerSpec]) { children += specs }

        private func located(_ value: ConfigValue) -> ConfigValue {
            ConfigValue(value.content, line: value.line ?? line)
        }

        /// The layer, and the one after it that an option stood for.
        func finish() throws(ConfigError) -> [LayerSpec] {
            for option in kind.options where option.isRequired && options[option.name] == nil {
                throw ConfigError(
                    key: "\(path).\(option.name)",
                    message: "\(kind.name) needs '\(option.name)', \(option.form.meaning): \(option.meaning)",
                    allowed: allowed,
                    line: line)
            }
            var spec = LayerSpec(kind.name, name: name, options: [:], children: children)
            var next: [LayerSpec] = []
            for option in kind.options {
                guard let value = options[option.name] else { continue }
                if option.becomesNextLayer, case .text(let text) = value {
                    next += try ModelSpec.parse(text, line: line)
                } else if value != option.defaultValue {
                    spec.options[option.name] = value
                }
            }
            guard kind.standsForLayers else { return [spec] + next }
            do {
                let layers = try ModelSpec(encoding: kind.build(checking: spec)).layers
                return name == nil ? layers : [LayerSpec("sequential", name: name, children: layers)]
            } catch {
                throw error.located(path, line)
            }
        }
    }

    /// The tree that ``init(_:)-(ConfigValue)`` reads back.
    public var config: ConfigValue { ConfigValue(.list(layers.map(Self.tree))) }

    private static func tree(_ spec: LayerSpec) -> ConfigValue {
        var pairs: [ConfigValue.Pair] = []
        if let name = spec.name { pairs.append(.init("name", ConfigValue(.text(name)))) }
        let kind = try? LayerKind.named(spec.kind)
        // In the table's order.
        let order = kind?.options.map(\.name) ?? spec.options.keys.sorted()
        for key in order { if let value = spec.options[key] { pairs.append(.init(key, value.config)) } }
        if spec.children.isEmpty {
            if pairs.isEmpty {
                // An empty block stays a block.
                return kind?.inside == LayerKind.Inside.nothing
                    ? ConfigValue(.text(spec.kind)) : ConfigValue(.map([.init(spec.kind, ConfigValue(.list([])))]))
            }
            if pairs.count == 1, let only = pairs.first, kind?.options.first?.name == only.key,
                kind?.options.first?.isPositional == true
            {
                return ConfigValue(.map([.init(spec.kind, only.value)]))
            }
            return ConfigValue(.map([.init(spec.kind, ConfigValue(.map(pairs)))]))
        }
        let inner = ConfigValue(.list(spec.children.map(tree)))
        if pairs.isEmpty { return ConfigValue(.map([.init(spec.kind, inner)])) }
        return ConfigValue(.map([.init(spec.kind, ConfigValue(.map(pairs + [.init("layers", inner)])))]))
    }
}
