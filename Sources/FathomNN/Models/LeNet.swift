extension Sequential {
    /// LeNet-5 (LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning applied to document recognition"): two
    /// convolutions of 5×5 with pooling, then three dense layers.
    ///
    /// Images [B, 28, 28, channels] → logits [B, classes]; other sizes from 12 up will do. The original has tanh and averages;
    /// it learns to scale and shift each average and joins its second convolution to parts of the first, which is left out.
    /// With `relu` and `max` it is the version of most textbooks.
    ///
    /// ```yaml
    /// model: [leNet]
    /// ```
    public static func leNet(
        classes: Int = 10, activation: Activation = .tanh, pooling: GlobalPool.Kind = .average
    ) -> Sequential {
        func pool() -> any Layer { pooling == .max ? MaxPool(2) : AveragePool(2) }
        return Sequential {
            Convolution(6, kernel: 5)
            Activate(activation)
            pool()
            Convolution(16, kernel: 5, padding: .valid)
            Activate(activation)
            pool()
            Flatten()
            Dense(120)
            Activate(activation)
            Dense(84)
            Activate(activation)
            Dense(classes)
        }
    }
}
