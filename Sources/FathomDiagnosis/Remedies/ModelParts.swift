import FathomNN
import FathomTraining

// A model as remedies see it: lists of hidden layers, and an output, which is the last layer with weights and whatever
// follows it.

extension LayerSpec {
    /// Whether it is a weighted sum per unit, with an activation that may follow.
    var isDense: Bool { kind == "dense" || kind == "perInputBias" }
    /// The same, or one that slides over an image.
    var isAffine: Bool { isDense || kind == "convolution" }
    var isNormalization: Bool { ["batchNorm", "layerNorm", "rmsNorm"].contains(kind) }
    var isActivation: Bool { kind == "prelu" || Activation.entry(named: kind) != nil }
    /// Whether it changes the number of features, so that another activation cannot simply take its place.
    var isGate: Bool { ["glu", "geglu", "swiglu", "crelu"].contains(kind) }
    /// Whether it only passes on, cuts or scales what the layer before it gives.
    var isPassing: Bool {
        isActivation || isNormalization || ["dropout", "flatten", "reshape"].contains(kind)
    }

    /// The activation it stands for; `nil` for other layers and for PReLU, whose slope is learnt.
    var activation: Activation? {
        guard let entry = Activation.entry(named: kind) else { return nil }
        return entry.make(
            options.compactMapValues { if case .number(let x) = $0 { x } else { nil } })
    }

    /// As the option of another layer, `leakyRelu(slope=0.1)`.
    var activationText: String { activation?.description ?? "leakyRelu(slope=0.25)" }

    var initializer: String {
        if case .text(let name)? = options["initializer"] { name } else { "automatic" }
    }

    func with(_ option: String, _ value: OptionValue?) -> LayerSpec {
        var layer = self
        layer.options[option] = value
        return layer
    }

    func number(_ option: String) -> Double? { if case .number(let x)? = options[option] { x } else { nil } }
}

extension ModelSpec {
    /// Kinds by their proper names, and every activation that is an option of a dense layer as the layer after it that it
    /// stands for, so that there is one form to look for.
    var spelledOut: ModelSpec {
        func spelled(_ layers: [LayerSpec]) -> [LayerSpec] {
            layers.flatMap { given -> [LayerSpec] in
                var layer = given
                if let kind = try? LayerKind.named(given.kind) { layer.kind = kind.name }
                layer.children = spelled(given.children)
                guard layer.isAffine, case .text(let text)? = layer.options["activation"],
                    let next = try? ModelSpec(text).layers
                else { return [layer] }
                return [layer.with("activation", nil)] + next
            }
        }
        return ModelSpec(layers: spelled(layers))
    }

    /// Where the output stands in a list of layers: a dense layer, or a sequence that ends with one, after which nothing
    /// with weights comes.
    private static func outputIndex(_ layers: [LayerSpec]) -> Int? {
        guard let last = layers.lastIndex(where: { !$0.isPassing }) else { return nil }
        if layers[last].isDense { return last }
        return layers[last].kind == "sequential" && outputIndex(layers[last].children) != nil ? last : nil
    }

    /// The layer that gives the output, and what follows it.
    var output: (layer: LayerSpec?, tail: [LayerSpec]) {
        var found: (LayerSpec?, [LayerSpec]) = (nil, [])
        _ = replacingOutput { layer, tail in
            found = (layer, tail)
            return []
        }
        return found
    }

    /// The model with another output.
    ///
    /// - Parameter change: gets the layer that gives the output (`nil` where the model ends with a block) and all that
    ///   follows it; what it returns stands in place of both.
    func replacingOutput(_ change: (LayerSpec?, [LayerSpec]) -> [LayerSpec]) -> ModelSpec {
        func replaced(_ layers: [LayerSpec], _ after: [LayerSpec]) -> [LayerSpec] {
            guard let index = Self.outputIndex(layers) else {
                let end = (layers.lastIndex { !$0.isPassing } ?? -1) + 1
                return Array(layers[..<end]) + change(nil, Array(layers[end...]) + after)
            }
            let tail = Array(layers[(index + 1)...]) + after
            let before = Array(layers[..<index])
            guard !layers[index].isDense else { return before + change(layers[index], tail) }
            var inner = layers[index]
            inner.children = replaced(inner.children, tail)
            return before + [inner]
        }
        return ModelSpec(layers: replaced(layers, []))
    }

    /// The model with every list of hidden layers changed, the innermost first; the output stays.
    ///
    /// - Parameter change: gets a list, and whether layers with weights follow it (as they do not at the end of a branch
    ///   that is added to something).
    func changingHidden(_ change: ([LayerSpec], _ isFollowed: Bool) -> [LayerSpec]) -> ModelSpec {
        func hidden(_ layers: [LayerSpec], isFollowed: Bool) -> [LayerSpec] {
            let inner = layers.indices.map { i -> LayerSpec in
                var layer = layers[i]
                let follows = isFollowed || layers[(i + 1)...].contains { !$0.isPassing }
                switch layer.kind {
                case "parallel":
                    layer.children = layer.children.map { branch in
                        let changed = hidden([branch], isFollowed: false)
                        return changed.count == 1 ? changed[0] : LayerSpec("sequential", children: changed)
                    }
                case "sequential": layer.children = hidden(layer.children, isFollowed: follows)
                default: layer.children = layer.children.isEmpty ? [] : hidden(layer.children, isFollowed: false)
                }
                return layer
            }
            return inner.isEmpty ? [] : change(inner, isFollowed)
        }
        func trunk(_ layers: [LayerSpec]) -> [LayerSpec] {
            guard let index = Self.outputIndex(layers) else { return hidden(layers, isFollowed: false) }
            var layers = layers
            if !layers[index].isDense { layers[index].children = trunk(layers[index].children) }
            return hidden(Array(layers[..<index]), isFollowed: true) + layers[index...]
        }
        return ModelSpec(layers: trunk(layers))
    }

    /// The model with every layer changed that `isChosen`, hidden or not.
    func changingEach(_ change: (LayerSpec) -> LayerSpec) -> ModelSpec {
        func changed(_ layer: LayerSpec) -> LayerSpec {
            var layer = change(layer)
            layer.children = layer.children.map(changed)
            return layer
        }
        return ModelSpec(layers: layers.map(changed))
    }
}

extension [LayerSpec] {
    /// The activation that a layer's sums reach next, through normalisation and dropout.
    func activation(after index: Int) -> LayerSpec? {
        let next = self[(index + 1)...].first { !$0.isNormalization && $0.kind != "dropout" }
        return next?.isActivation == true ? next : nil
    }

    /// Dense layers, each with what belongs to it: normalisation, activation and dropout behind it.
    var groups: [Range<Int>] { groups(of: \.isDense) }

    /// Layers of a kind, each with what belongs to it.
    func groups(of isChosen: (LayerSpec) -> Bool) -> [Range<Int>] {
        var groups: [Range<Int>] = []
        for i in indices where isChosen(self[i]) {
            let end = self[(i + 1)...].firstIndex { !$0.isPassing || $0.kind == "flatten" || $0.kind == "reshape" }
            groups.append(i..<(end ?? count))
        }
        return groups
    }
}

extension Patient {
    /// The patient with another model; `nil` where nothing changes, or the model is not data.
    func changingModel(_ change: (ModelSpec) -> ModelSpec?) -> Patient? {
        guard hasModelAsData else { return nil }
        let model = configuration.model.spelledOut
        guard let changed = change(model), changed != model else { return nil }
        var patient = self
        patient.configuration.model = changed
        return patient
    }

    /// The patient with another configuration; `nil` where nothing changes.
    func changing(_ change: (inout RunConfiguration) -> Void) -> Patient? {
        var patient = self
        change(&patient.configuration)
        return patient.configuration == configuration ? nil : patient
    }
}
