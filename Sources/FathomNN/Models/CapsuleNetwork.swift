extension Sequential {
    /// The capsule network of Sabour, Frosst & Hinton (2017): a convolution, primary capsules, and a capsule for each class
    /// whose length says how sure the network is that the class is there; for ``Loss/margin(positive:negative:absent:)``.
    ///
    /// Images [B, height, width, channels] from 17×17 up → lengths [B, classes]. The paper's sizes are 256 filters and 32
    /// primary capsules (8.2 million parameters with the decoder); a quarter of them learns MNIST about as well.
    ///
    /// ```yaml
    /// model: [{capsuleNetwork: {filters: 64, capsules: 8, pixels: 784}}]
    /// loss: margin
    /// ```
    ///
    /// - Parameters:
    ///   - filters: of the first convolution.
    ///   - capsules: primary ones at every place, of 8 numbers.
    ///   - pixels: the numbers of an image, for a decoder of 512 and 1024 units that must draw it again (``Reconstruction``);
    ///     `nil` for none. The images must lie in 0…1 then.
    public static func capsuleNetwork(
        classes: Int = 10, filters: Int = 256, capsules: Int = 32, dimension: Int = 16, iterations: Int = 3,
        pixels: Int? = nil
    ) -> Sequential {
        let encoder: [any Layer] = [
            Convolution(filters, kernel: 9, padding: .valid, initializer: .he), ReLU(), PrimaryCapsules(capsules),
            Capsules(classes, dimension: dimension, iterations: iterations),
        ]
        guard let pixels else { return Sequential(encoder + [CapsuleLength()]) }
        let decoder = Sequential {
            Dense(512)
            ReLU()
            Dense(1024)
            ReLU()
            Dense(pixels)
            Activate(.sigmoid)
        }
        return Sequential([Reconstruction(encoder: Sequential(encoder), decoder: decoder)])
    }
}
