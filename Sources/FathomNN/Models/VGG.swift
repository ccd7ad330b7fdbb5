extension Sequential {
    /// A small network of the VGG kind (Simonyan & Zisserman 2015): stages of 3×3 convolutions with twice the filters and half
    /// the size from stage to stage, then dense layers.
    ///
    /// Images [B, …spatial…, channels] → logits [B, classes]; the extents are halved `stages` times. Each convolution is
    /// followed by batch normalisation (as in the later VGG-BN; the original has none) and ReLU.
    ///
    /// ```yaml
    /// model: [{vgg: {filters: 32, stages: 2, classes: 10}}]
    /// ```
    ///
    /// - Parameters:
    ///   - filters: of the first stage.
    ///   - convolutions: in each stage.
    ///   - units: of the dense layer before the last.
    ///   - dropout: before each dense layer; 0 for none.
    public static func vgg(
        classes: Int = 10, filters: Int = 32, stages: Int = 3, convolutions: Int = 2, units: Int = 128,
        normalizing: Bool = true, dropout: Double = 0.3
    ) throws(ConfigError) -> Sequential {
        guard filters > 0, filters < 1 << 16, 1...8 ~= stages, 1...16 ~= convolutions else {
            throw ConfigError(
                key: "vgg",
                message: "\(stages) stages of \(convolutions) convolutions of \(filters) filters and more "
                    + "are no network: stages go from 1 to 8, convolutions to 16, filters to 65535")
        }
        return Sequential {
            for stage in 0..<stages {
                for _ in 0..<convolutions {
                    Convolution(filters << stage, kernel: 3, bias: !normalizing, initializer: .he)
                    if normalizing { BatchNorm() }
                    ReLU()
                }
                MaxPool(2)
            }
            Flatten()
            if dropout > 0 { Dropout(dropout) }
            Dense(units)
            ReLU()
            if dropout > 0 { Dropout(dropout) }
            Dense(classes)
        }
    }
}
