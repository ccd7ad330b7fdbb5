import FathomGraph

/// How the first values of a parameter are drawn.
///
/// Values depend on the seed and the parameter's path alone, so that adding a layer elsewhere changes nothing here.
public struct Initializer: Sendable {
    /// What an initialiser sees of the parameter.
    public struct Context: Sendable {
        /// The parameter's extents, such as [inputs, outputs] of a dense weight.
        public var shape: [Int]
        /// Inputs that one output sums.
        public var fanIn: Int
        /// Outputs that one input reaches.
        public var fanOut: Int
        /// The activation that follows the layer, when it is known.
        public var activation: Activation?
        /// The numbers to draw from: a stream of the parameter's own, from the seed and its path.
        public var random: RandomSource

        /// What ``Trace/initialValues(seed:)`` makes for every entry; made by hand to try a rule.
        public init(shape: [Int], fanIn: Int, fanOut: Int, activation: Activation? = nil, random: RandomSource) {
            self.shape = shape
            self.fanIn = fanIn
            self.fanOut = fanOut
            self.activation = activation
            self.random = random
        }

        /// The number of elements; 1 for a scalar.
        public var count: Int { shape.reduce(1, *) }

        /// As many values as the shape holds, drawn one after the other.
        public mutating func fill(_ draw: (inout RandomSource) -> Double) -> [Float] {
            let count = count
            return [Float](unsafeUninitializedCapacity: count) { values, initialised in
                for i in 0..<count { values.initializeElement(at: i, to: Float(draw(&random))) }
                initialised = count
            }
        }

        /// As many values as the shape holds, each made of one uniform number in [0, 1).
        @inline(__always) mutating func fillUniform(_ value: (Double) -> Double) -> [Float] {
            let count = count
            return [Float](unsafeUninitializedCapacity: count) { values, initialised in
                random.uniforms(count) { i, u in values.initializeElement(at: i, to: Float(value(u))) }
                initialised = count
            }
        }

        /// As many values as the shape holds, each made of one normal number of mean 0 and variance 1.
        @inline(__always) mutating func fillNormal(_ value: (Double) -> Double) -> [Float] {
            let count = count
            return [Float](unsafeUninitializedCapacity: count) { values, initialised in
                random.normals(count) { i, z in values.initializeElement(at: i, to: Float(value(z))) }
                initialised = count
            }
        }
    }

    /// The name in configurations and reports, with its numbers: `normal(0.01)`.
    public let name: String
    /// Row-major values, as many as the context's shape holds.
    public let values: @Sendable (inout Context) -> [Float]

    /// A rule of one's own.
    ///
    /// - Parameters:
    ///   - name: what configurations and reports call it.
    ///   - values: row-major values, as many as the shape holds; with any other number the parameter starts at 0.
    public init(_ name: String, values: @escaping @Sendable (inout Context) -> [Float]) {
        self.name = name
        self.values = values
    }
}

/// What a variance is divided by, so that sums neither grow nor shrink.
public enum Fan: String, Sendable, Hashable, CaseIterable {
    /// Inputs of a unit: keeps the variance of activations on the way forward.
    case inputs
    /// Outputs: keeps the variance of gradients on the way back.
    case outputs
    /// The mean of both.
    case average

    func count(_ context: Initializer.Context) -> Double {
        switch self {
        case .inputs: Double(max(context.fanIn, 1))
        case .outputs: Double(max(context.fanOut, 1))
        case .average: Double(max(context.fanIn + context.fanOut, 1)) / 2
        }
    }
}

extension Initializer {
    /// Every element 0: biases.
    public static let zeros = Initializer("zeros") { [Float](repeating: 0, count: $0.count) }
    /// Every element 1: the scales of normalisation.
    public static let ones = Initializer("ones") { [Float](repeating: 1, count: $0.count) }

    /// Every element `value`, rounded to single precision.
    public static func constant(_ value: Double) -> Initializer {
        Initializer("constant(\(value))") { [Float](repeating: Float(value), count: $0.count) }
    }

    /// Uniform in low…high.
    public static func uniform(_ low: Double, _ high: Double) -> Initializer {
        Initializer("uniform(\(low), \(high))") { context in context.fillUniform { low + (high - low) * $0 } }
    }

    /// Normal with the given standard deviation about `mean`.
    public static func normal(mean: Double = 0, standardDeviation: Double) -> Initializer {
        Initializer("normal(\(mean), \(standardDeviation))") { context in
            context.fillNormal { mean + standardDeviation * $0 }
        }
    }

    /// Normal, drawn anew beyond two standard deviations; the variance that remains is 0.774 of the untruncated.
    public static func truncatedNormal(mean: Double = 0, standardDeviation: Double) -> Initializer {
        Initializer("truncatedNormal(\(mean), \(standardDeviation))") { context in
            context.fill { random in
                var z = random.normal()
                while abs(z) > 2 { z = random.normal() }
                return mean + standardDeviation * z
            }
        }
    }

    /// Mean 0 and variance `numerator` / fan, uniform or normal.
    static func scaled(_ name: String, _ numerator: Double, _ fan: Fan, isNormal: Bool, by defaultFan: Fan)
        -> Initializer
    {
        Initializer(fan == defaultFan ? name : "\(name)(\(fan))") { context in
            let deviation = (numerator / fan.count(context)).squareRoot()
            if isNormal { return context.fillNormal { deviation * $0 } }
            let bound = deviation * 3.0.squareRoot()
            return context.fillUniform { (2 * $0 - 1) * bound }
        }
    }

    /// Uniform with variance 2 / (fan-in + fan-out), for tanh and its kind (Glorot & Bengio 2010).
    public static let xavier = xavier(.average)
    /// ``xavier`` from a normal distribution of the same variance.
    public static let xavierNormal = xavierNormal(.average)
    /// Uniform with variance 2 / fan-in, for the ReLU family (He et al. 2015).
    public static let he = he(.inputs)
    /// ``he`` from a normal distribution of the same variance.
    public static let heNormal = heNormal(.inputs)
    /// Uniform with variance 1 / fan-in, for SELU and linear layers (LeCun et al. 1998).
    public static let lecun = lecun(.inputs)
    /// ``lecun`` from a normal distribution of the same variance.
    public static let lecunNormal = lecunNormal(.inputs)

    /// Uniform with variance 1 / fan, for the fan given; see ``xavier``.
    public static func xavier(_ fan: Fan) -> Initializer { scaled("xavier", 1, fan, isNormal: false, by: .average) }
    /// Normal with variance 1 / fan, for the fan given; see ``xavier``.
    public static func xavierNormal(_ fan: Fan) -> Initializer {
        scaled("xavierNormal", 1, fan, isNormal: true, by: .average)
    }
    /// Uniform with variance 2 / fan, for the fan given; see ``he``.
    public static func he(_ fan: Fan) -> Initializer { scaled("he", 2, fan, isNormal: false, by: .inputs) }
    /// Normal with variance 2 / fan, for the fan given; see ``he``.
    public static func heNormal(_ fan: Fan) -> Initializer { scaled("heNormal", 2, fan, isNormal: true, by: .inputs) }
    /// Uniform with variance 1 / fan, for the fan given; see ``lecun``.
    public static func lecun(_ fan: Fan) -> Initializer { scaled("lecun", 1, fan, isNormal: false, by: .inputs) }
    /// Normal with variance 1 / fan, for the fan given; see ``lecun``.
    public static func lecunNormal(_ fan: Fan) -> Initializer {
        scaled("lecunNormal", 1, fan, isNormal: true, by: .inputs)
    }

    /// Normal within two standard deviations, with the variance that remains: numerator / fan, as Keras' normal rules.
    static func truncated(_ name: String, _ numerator: Double, _ fan: Fan, by defaultFan: Fan) -> Initializer {
        Initializer(fan == defaultFan ? name : "\(name)(\(fan))") { context in
            // The standard deviation of a unit normal cut off at ±2.
            let deviation = (numerator / fan.count(context)).squareRoot() / 0.87962566103423978
            return truncatedNormal(standardDeviation: deviation).values(&context)
        }
    }

    /// ``xavierNormal`` cut off at two standard deviations, the variance kept (Keras' `glorot_normal`).
    public static func xavierTruncated(_ fan: Fan = .average) -> Initializer {
        truncated("xavierTruncated", 1, fan, by: .average)
    }
    /// ``heNormal`` cut off at two standard deviations, the variance kept (Keras' `he_normal`).
    public static func heTruncated(_ fan: Fan = .inputs) -> Initializer {
        truncated("heTruncated", 2, fan, by: .inputs)
    }
    /// ``lecunNormal`` cut off at two standard deviations, the variance kept (Keras' `lecun_normal`).
    public static func lecunTruncated(_ fan: Fan = .inputs) -> Initializer {
        truncated("lecunTruncated", 1, fan, by: .inputs)
    }

    /// Uniform within ± `bound` / √fan-in; with 1 what PyTorch draws linear layers from.
    public static func uniformByFan(bound: Double = 1) -> Initializer {
        Initializer("uniformByFan(\(bound))") { context in
            let limit = bound / Fan.inputs.count(context).squareRoot()
            return context.fillUniform { (2 * $0 - 1) * limit }
        }
    }

    /// `gain` on the diagonal, 0 elsewhere: a layer that at first passes its input on.
    public static let identity = identity(gain: 1)
    /// `gain` on the diagonal, 0 elsewhere; leading axes are joined into rows.
    public static func identity(gain: Double) -> Initializer {
        Initializer(gain == 1 ? "identity" : "identity(\(gain))") { context in
            var values = [Float](repeating: 0, count: context.count)
            let columns = context.shape.last ?? 0
            let rows = columns == 0 ? 0 : values.count / columns
            for i in 0..<min(rows, columns) { values[i * columns + i] = Float(gain) }
            return values
        }
    }

    /// Parts of one matrix drawn each by its own rule, of equal width, side by side along the last axis.
    ///
    /// Each sees the shape and the fan-out of its part.
    static func sideBySide(_ parts: [Initializer]) -> Initializer {
        Initializer(parts.map(\.name).joined(separator: " | ")) { context in
            let columns = context.shape.last ?? 0
            guard columns > 0, columns % parts.count == 0 else { return [Float](repeating: 0, count: context.count) }
            let width = columns / parts.count
            let rows = context.count / columns
            var values = [Float](repeating: 0, count: context.count)
            for (p, part) in parts.enumerated() {
                var own = context
                own.shape[own.shape.count - 1] = width
                own.fanOut = context.fanOut / parts.count
                let drawn = part.values(&own)
                context.random = own.random
                for r in 0..<rows {
                    for c in 0..<width { values[r * columns + p * width + c] = drawn[r * width + c] }
                }
            }
            return values
        }
    }
}
