import FathomGraph
import FathomReference

/// How the first values of a parameter are drawn.
///
/// Values depend on the seed and the parameter's path alone, so that adding a layer elsewhere changes nothing here.
public struct Initializer: Sendable {
    /// What an initialiser sees of the parameter.
    public struct Context: Sendable {
        public var shape: [Int]
        /// Inputs that one output sums.
        public var fanIn: Int
        /// Outputs that one input reaches.
        public var fanOut: Int
        /// The activation that follows the layer, when it is known.
        public var activation: Activation?
        public var random: RandomSource

        public var count: Int { shape.reduce(1, *) }
    }

    public let name: String
    /// Row-major values, as many as the context's shape holds.
    public let values: @Sendable (inout Context) -> [Float]

    public init(_ name: String, values: @escaping @Sendable (inout Context) -> [Float]) {
        self.name = name
        self.values = values
    }
}

/// A stream of random numbers that depends on a seed and a name alone (Philox4x32-10).
public struct RandomSource: Sendable {
    private var philox: Philox
    private var next: UInt64 = 0

    public init(seed: UInt64, name: String) {
        // FNV-1a over the name gives the stream.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        philox = Philox(
            seed: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)),
            step: UInt32(truncatingIfNeeded: hash), stream: UInt32(truncatingIfNeeded: hash >> 32))
    }

    /// Uniform in [0, 1), 32 bits of resolution.
    public mutating func uniform() -> Double {
        defer { next += 1 }
        return Double(philox[next]) * 0x1p-32
    }
}

extension Initializer {
    public static let zeros = constant(0)
    public static let ones = constant(1)

    public static func constant(_ value: Double) -> Initializer {
        Initializer("constant(\(value))") { context in [Float](repeating: Float(value), count: context.count) }
    }

    /// Chosen by the activation that follows.
    public static let automatic = Initializer("automatic") { context in Initializer.he.values(&context) }

    /// Uniform in ±√(6 / fan-in) (He et al. 2015).
    public static let he = Initializer("he") { context in
        let bound = (6 / Double(max(context.fanIn, 1))).squareRoot()
        return (0..<context.count).map { _ in Float((2 * context.random.uniform() - 1) * bound) }
    }
}
