import Foundation

/// Random changes of training pictures that leave their classes as they are, so that a network learns what does not matter.
///
/// They are made in the order of the properties: a crop out of the padded picture, a flip, a square cut out, a mixture of
/// two pictures. ``AugmentedRows`` applies them; a ``Trainer`` does so to training batches alone, never in evaluation.
/// Zero stands for the value 0 of the rows as they are trained on: where they are centred, that is the mean.
public struct Augmentation: Hashable, Sendable {
    /// What lies around a picture.
    public enum Fill: String, Hashable, Sendable, CaseIterable {
        /// The value 0.
        case zero
        /// The picture mirrored at its border, the border itself not repeated.
        case reflect
    }

    /// A crop of the picture's size at a random place of the picture padded by so many pixels on every side: every shift
    /// by up to that many, equally likely. 0 for none. 4 is usual for pictures of 32×32 (He et al. 2016).
    public var padding = 0
    /// What the padding consists of.
    public var fill = Fill.zero
    /// The probability that left and right are exchanged; 0.5 is usual, 0 for none. Not for letters and digits.
    public var flip = 0.0
    /// The side in pixels of a square of zeros around a random pixel of the picture; what lies outside is cut off. 0 for
    /// none. Source: DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout", 2017.
    public var cutout = 0
    /// α: every row of a batch becomes λ times itself and 1 − λ times a row of the same batch, targets likewise, with one
    /// λ from Beta(α, α) for the batch. 0 for none; 0.2 … 1 are usual.
    ///
    /// Classes become probabilities, for which the loss must be made (`softmaxCrossEntropy` or
    /// `categoricalCrossEntropy`). Source: Zhang et al., "mixup: Beyond empirical risk minimization", 2018.
    public var mixup = 0.0

    /// Creates an augmentation; without arguments one that changes nothing.
    public init(padding: Int = 0, fill: Fill = .zero, flip: Double = 0, cutout: Int = 0, mixup: Double = 0) {
        (self.padding, self.fill, self.flip, self.cutout, self.mixup) = (padding, fill, flip, cutout, mixup)
    }

    /// True when nothing is changed.
    public var isIdentity: Bool { !changesPictures && mixup == 0 }

    /// True when a row must be a picture.
    var changesPictures: Bool { padding != 0 || flip != 0 || cutout != 0 }

    /// Throws `DataError.invalidParameter` for a number out of range, or for rows that are no pictures where they must be.
    public func check(_ shape: ImageShape?) throws(DataError) {
        func require(_ name: String, _ value: some Sendable, _ holds: Bool, _ rule: String) throws(DataError) {
            if !holds { throw .invalidParameter(name: "augment." + name, value: "\(value)", rule: rule) }
        }
        try require("flip", flip, flip >= 0 && flip <= 1, "it must be a probability from 0 to 1")
        try require("mixup", mixup, mixup >= 0 && mixup <= 1000, "it must lie between 0 and 1000")
        try require("crop.padding", padding, padding >= 0, "it must not be negative")
        try require("cutout", cutout, cutout >= 0, "it must not be negative")
        guard changesPictures else { return }
        guard let shape else {
            throw .invalidParameter(
                name: "augment", value: "crop, flip or cutout",
                rule: "the rows are no pictures of [height, width, channels]")
        }
        let side = min(shape.height, shape.width)
        try require(
            "crop.padding", padding, padding < max(side, 1), "it must be smaller than the picture of \(shape)")
        try require(
            "cutout", cutout, cutout <= 2 * max(shape.height, shape.width),
            "it must not be larger than twice the picture of \(shape)")
    }
}

extension SeededGenerator {
    /// A number of the distribution Beta(α, α), α > 0: between 0 and 1, symmetric around one half.
    ///
    /// Source: Jöhnk's method for α ≤ 1, in logarithms because powers of 1/α underflow (Devroye, "Non-uniform random
    /// variate generation", 1986, IX.3.5); above, two gamma numbers of Marsaglia and Tsang, "A simple method for
    /// generating gamma variables", 2000.
    mutating func symmetricBeta(_ alpha: Double) -> Double {
        guard alpha <= 1 else {
            let x = gamma(alpha)
            return x / (x + gamma(alpha))
        }
        while true {
            let a = log(1 - uniform()) / alpha
            let b = log(1 - uniform()) / alpha
            // Accepted when e^a + e^b ≤ 1.
            if max(a, b) + log1p(exp(-abs(a - b))) <= 0 { return 1 / (1 + exp(b - a)) }
        }
    }

    /// A gamma number of scale 1 for a shape of at least 1.
    private mutating func gamma(_ shape: Double) -> Double {
        let d = shape - 1.0 / 3
        let c = 1 / (9 * d).squareRoot()
        while true {
            let x = normal()
            let v = 1 + c * x
            guard v > 0 else { continue }
            let cube = v * v * v
            if log(1 - uniform()) < 0.5 * x * x + d - d * cube + d * log(cube) { return d * cube }
        }
    }
}
