extension Sequential {
    /// A convolutional highway network (Srivastava, Greff & Schmidhuber 2015): stages of highway layers whose gates and
    /// transforms are convolutions of 3×3, with max pooling between stages, the mean over all places, and a dense layer.
    ///
    /// Images [B, …spatial…, channels] → logits [B, classes]; the extents are halved `stages` − 1 times.
    ///
    /// ```yaml
    /// model: [{highwayNetwork: {depth: 20}}]
    /// ```
    ///
    /// - Parameters:
    ///   - depth: layers with weights: one convolution, the highway layers, one dense layer.
    ///   - filters: of every layer.
    ///   - gateBias: the deeper, the more negative.
    /// - Throws: ``ConfigError`` when the highway layers do not divide into the stages.
    public static func highwayNetwork(
        depth: Int = 11, classes: Int = 10, filters: Int = 16, stages: Int = 3, activation: Activation = .relu,
        gateBias: Double = -2
    ) throws(ConfigError) -> Sequential {
        guard 1...8 ~= stages, depth > 2, depth <= 1002, (depth - 2) % stages == 0 else {
            throw ConfigError(
                key: "highwayNetwork.depth",
                message:
                    "\(depth - 2) highway layers (all but the first and the last) do not divide into \(stages) stages",
                allowed: ["2 + a multiple of \(stages)"])
        }
        return Sequential {
            Convolution(filters, kernel: 3)
            Activate(activation)
            for stage in 0..<stages {
                if stage > 0 { MaxPool(2) }
                for _ in 0..<(depth - 2) / stages {
                    Highway(activation: activation, gateBias: gateBias, kernel: [3])
                }
            }
            GlobalPool()
            Dense(classes)
        }
    }
}
