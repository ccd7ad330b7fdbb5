/// How the blocks of a ``Sequential/resNet(depth:classes:width:block:shortcut:)`` are made.
public enum ResidualBlock: String, Sendable, Hashable, CaseIterable {
    /// convolution, norm, ReLU, convolution, norm; ReLU after the sum (He et al. 2015).
    case postActivation
    /// norm, ReLU, convolution, norm, ReLU, convolution; nothing after the sum (He et al. 2016, "Identity mappings").
    case preActivation
    /// The layers of `postActivation` one after the other, without shortcuts: to be compared with.
    case plain
}

extension Sequential {
    /// A residual network for small images (He, Zhang, Ren & Sun 2015, section 4.2): a 3×3 convolution, three stages of n
    /// blocks of two with 16, 32 and 64 filters, the mean over all places, and a dense layer; 6n + 2 layers.
    ///
    /// Images [B, height, width, channels] → logits [B, classes]. The second and third stage begin with a stride of 2.
    ///
    /// ```yaml
    /// model: [{resNet: {depth: 20}}]
    /// ```
    ///
    /// - Parameters:
    ///   - depth: 20, 32, 44, 56, 110: any 6n + 2.
    ///   - width: filters of the first stage.
    ///   - shortcut: where a stage begins: `padding` is the paper's option A, which has no parameters.
    /// - Throws: ``ConfigError`` for another depth.
    public static func resNet(
        depth: Int = 20, classes: Int = 10, width: Int = 16, block: ResidualBlock = .postActivation,
        shortcut: Shortcut = .padding
    ) throws(ConfigError) -> Sequential {
        guard depth >= 8, depth <= 1202, (depth - 2) % 6 == 0 else {
            throw ConfigError(
                key: "resNet.depth",
                message: "the depth of a residual network for small images is 6n + 2, at most 1202, not \(depth)",
                allowed: ["20", "32", "44", "56", "110"])
        }
        guard width > 0, width < 1 << 16 else {
            throw ConfigError(key: "resNet.width", message: "\(width) filters are not 1 to 65535")
        }
        func convolution(_ filters: Int, stride: Int = 1) -> Convolution {
            // Normalisation follows, which has a shift of its own.
            Convolution(filters, kernel: 3, stride: stride, bias: false, initializer: .he)
        }
        func layers(_ filters: Int, _ stride: Int) -> [any Layer] {
            switch block {
            case .postActivation:
                let body = Sequential {
                    convolution(filters, stride: stride)
                    BatchNorm()
                    ReLU()
                    convolution(filters)
                    BatchNorm()
                }
                return [Residual(body, shortcut: shortcut, activation: .relu)]
            case .preActivation:
                let body = Sequential {
                    BatchNorm()
                    ReLU()
                    convolution(filters, stride: stride)
                    BatchNorm()
                    ReLU()
                    convolution(filters)
                }
                return [Residual(body, shortcut: shortcut)]
            case .plain:
                return [
                    convolution(filters, stride: stride), BatchNorm(), ReLU(), convolution(filters), BatchNorm(),
                    ReLU(),
                ]
            }
        }
        return Sequential {
            convolution(width)
            if block != .preActivation {
                BatchNorm()
                ReLU()
            }
            for stage in 0..<3 {
                for i in 0..<(depth - 2) / 6 { layers(width << stage, stage > 0 && i == 0 ? 2 : 1) }
            }
            if block == .preActivation {
                BatchNorm()
                ReLU()
            }
            GlobalPool()
            Dense(classes)
        }
    }
}
