import FathomNN

extension Remedy {
    static let shortcuts: [Remedy] = [
        Remedy(
            "residual", "Residual blocks around pairs of layers",
            """
            Pairs of hidden layers learn what to add to their input, so that signals and gradients have a way past them \
            (He et al. 2016); their last weights start small, so that the sum does not grow with depth (Zhang et al. 2019).
            """
        ) { evidence, _ in evidence.setup.patient.changingModel { $0.withResiduals() } },
        Remedy(
            "highway", "Highway layers in place of the hidden ones",
            """
            A learnt gate decides how far each unit is changed; it starts almost closed, so that a deep network first \
            passes its input on (Srivastava et al. 2015).
            """
        ) { evidence, _ in evidence.setup.patient.changingModel { $0.withHighways() } },
    ]
}

extension ModelSpec {
    /// Whether a list is inside a block that has its own way around.
    private func forPlainLists(_ change: ([LayerSpec]) -> [LayerSpec]) -> ModelSpec {
        // Only lists that layers follow: the inside of a residual or parallel block is none.
        changingHidden { layers, isFollowed in isFollowed ? change(layers) : layers }
    }

    /// Dense layers, or convolutions, two by two in residual blocks; the first of a list brings the input to its width and stays.
    ///
    /// The activation behind a pair goes, so that nothing stands in the way of the sum ("identity mappings", He et al. 2016).
    /// Where sizes differ the block carries its input over by a projection.
    fileprivate func withResiduals() -> ModelSpec {
        forPlainLists { layers in
            let groups = layers.groups(of: \.isAffine)
            var pairs: [(first: Range<Int>, second: Range<Int>)] = []
            var place = 1
            while place + 1 < groups.count {
                let (first, second) = (groups[place], groups[place + 1])
                // Nothing may stand between the two.
                let isPair =
                    first.upperBound == second.lowerBound
                    && layers[first.lowerBound].isDense == layers[second.lowerBound].isDense
                    && layers[first.lowerBound].keepsImage && layers[second.lowerBound].keepsImage
                if isPair { pairs.append((first, second)) }
                place += isPair ? 2 : 1
            }
            guard !pairs.isEmpty else { return layers }
            // L^(−1/2) for two layers a block: the sum of L blocks then has about e times the variance of the input (Fixup).
            let gain = (100 / Double(pairs.count).squareRoot()).rounded() / 100
            let hasNorm = layers.contains(where: \.isNormalization)
            var result: [LayerSpec] = []
            var next = 0
            for (first, second) in pairs {
                result += layers[next..<first.lowerBound]
                var body = Array(layers[first])
                for layer in layers[second] where !layer.isActivation || layer.isGate {
                    body.append(
                        layer.isAffine && !hasNorm
                            ? layer.with("initializer", .text(gain == 1 ? "orthogonal" : "orthogonal(\(gain))")) : layer
                    )
                }
                result.append(LayerSpec("residual", children: body))
                next = second.upperBound
            }
            return result + layers[next...]
        }
    }

    /// Every dense layer with an activation that keeps the width as a highway layer.
    fileprivate func withHighways() -> ModelSpec {
        forPlainLists { layers in
            let groups = layers.groups
            var result = layers
            var width: OptionValue?
            var changed = 0
            // The deeper, the more the gates must pass on at first (−1 to −3, Srivastava et al. 2015).
            let bias = groups.count < 10 ? -1.0 : groups.count < 20 ? -2 : -3
            for group in groups.reversed() {
                let layer = layers[group.lowerBound]
                let before = groups.last { $0.upperBound <= group.lowerBound }.map { layers[$0.lowerBound] }
                width = layer.options["units"]
                guard let before, before.options["units"] == width,
                    let place = layers[group].firstIndex(where: \.isActivation), !layers[place].isGate,
                    !layers[group].contains(where: \.isNormalization)
                else { continue }
                var highway = LayerSpec("highway", name: layer.name)
                highway.options["activation"] = .text(layers[place].activationText)
                if highway.options["activation"] == .text("relu") { highway.options["activation"] = nil }
                if bias != -1 { highway.options["gateBias"] = .number(bias) }
                if layer.initializer != "automatic" { highway.options["initializer"] = layer.options["initializer"] }
                result.replaceSubrange(group.lowerBound...place, with: [highway])
                changed += 1
            }
            return changed == 0 ? layers : result
        }
    }
}

extension LayerSpec {
    /// Whether its output has the size of its input, but for a stride: then a shortcut can carry the input over.
    fileprivate var keepsImage: Bool {
        switch options["padding"] {
        case nil: true
        case .text(let text)?: text == "same"
        default: false
        }
    }
}
