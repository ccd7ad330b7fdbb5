import FathomGraph
import FathomReference

/// How closely a single-precision kernel must agree with the interpreter.
public enum Tolerance: String, Sendable {
    /// Bit for bit the reference value rounded to `Float` (NaN agrees with NaN, 0 with −0).
    case exact
    /// A few units in the last place of one function.
    case rounding
    /// Sums of at most a few hundred terms of magnitude up to about 4, in any order.
    case reduction
    /// The same through transforms whose points are 0, ±1, ±2 and infinity, which let rounding grow tenfold (`winograd.inc`).
    case transform

    /// Whether `actual` is near enough to the reference value.
    public func allows(_ actual: Float, _ expected: Double) -> Bool {
        let rounded = Float(expected)
        if rounded.isNaN || actual.isNaN { return rounded.isNaN && actual.isNaN }
        if rounded == actual { return true }
        if rounded.isInfinite || actual.isInfinite { return false }
        let error = abs(Double(actual) - expected)
        return switch self {
        case .exact: false
        case .rounding: error <= 4e-6 * abs(expected) + 1e-37
        case .reduction: error <= 1e-5 * abs(expected) + 2e-5
        case .transform: error <= 1e-5 * abs(expected) + 4e-4
        }
    }
}

/// Where the elements of an operand come from.
public enum Domain: Sendable {
    case uniform(Double, Double)
    /// Multiples of 1/4 plus `offset` with a little jitter: no two grids with different offsets meet, and steps of a few
    /// thousandths cross neither 0, an integer, a half nor each other when `offset` is 1/8.
    case grid(offset: Double)
    /// Pairwise different by at least 1/16, shuffled: no ties.
    case distinct
    /// Few values, so that ties are common.
    case coarse
    /// These values, repeated; NaN, infinities and signed zeros.
    case cycle([Float])
    /// `int32` from 0 below the extent, repeats likely.
    case index(below: Dim)
    /// `int32` over its whole range.
    case bits
    /// Small `int32`, with negatives.
    case integers
    case flags

    var element: ElementType {
        switch self {
        case .uniform, .grid, .distinct, .coarse, .cycle: .float32
        case .index, .bits, .integers: .int32
        case .flags: .bool
        }
    }

    /// Values that each elementwise function must treat as IEEE 754 says.
    public static let specials: [Float] = [
        0, -0.0, .infinity, -.infinity, .nan, 1e-30, -1e-30, 1, -1, 88, -104, 0.5, -0.5, 1.5, 2.5, -2.5, 3e38, -3e38,
    ]
}

/// One operand of a problem with its values, row-major.
public struct Feed: Sendable {
    /// Floats (`bool` is kept as 1 or 0) or integers.
    public enum Values: Sendable, Hashable {
        case floats([Float])
        case integers([Int32])
    }

    public let name: String
    public let node: NodeID
    public let isState: Bool
    public let type: TensorType
    /// The extents for the problem's batch.
    public let shape: [Int]
    public let values: Values

    /// The values as the interpreter keeps them.
    public var tensor: ReferenceTensor {
        switch values {
        case .floats(let v): ReferenceTensor(shape: shape, values: v)
        case .integers(let v): ReferenceTensor(shape: shape, values: v.map { Double($0) })
        }
    }
}

/// One case of one operation at one batch size: a graph with output `y`, and values for its operands.
public struct OpProblem: Sendable, CustomStringConvertible {
    public let kind: OpKind
    public let name: String
    public let batch: Int
    public let graph: Graph
    public let output: NodeID
    public let feeds: [Feed]
    public let tolerance: Tolerance
    /// Whether the gradient is the limit of differences everywhere near the values.
    public let isDifferentiable: Bool
    /// Groups of operands (positions in `feeds`) in which the operation is linear while the others stay fixed.
    public let linearIn: [[Int]]
    /// Whether every element of the result is finite.
    public let isFinite: Bool

    public init(
        kind: OpKind, name: String, batch: Int, graph: Graph, output: NodeID, feeds: [Feed], tolerance: Tolerance,
        isDifferentiable: Bool, linearIn: [[Int]], isFinite: Bool
    ) {
        self.kind = kind
        self.name = name
        self.batch = batch
        self.graph = graph
        self.output = output
        self.feeds = feeds
        self.tolerance = tolerance
        self.isDifferentiable = isDifferentiable
        self.linearIn = linearIn
        self.isFinite = isFinite
    }

    public var isLinear: Bool { !linearIn.isEmpty }
    public var description: String { "\(kind.rawValue) \(name) B=\(batch)" }

    /// The interpreter with the problem's values.
    public var interpreter: Interpreter {
        var result = Interpreter(batch: batch)
        for feed in feeds {
            if feed.isState { result.state[feed.name] = feed.tensor } else { result.inputs[feed.name] = feed.tensor }
        }
        return result
    }

    /// The reference value of the output.
    public func reference() throws(GraphError) -> ReferenceTensor {
        try interpreter.values(of: [output], in: graph)[0]
    }

    /// Positions in `feeds` of the operands a gradient can be asked for.
    public var floatFeeds: [Int] { feeds.indices.filter { feeds[$0].type.element == .float32 } }
}

/// Builds the graph of a case and draws the values of its operands.
public struct CaseBuilder: Sendable {
    public var graph = Graph()
    public let batch: Int
    private(set) var feeds: [Feed] = []
    private var random: SplitMix64

    init(name: String, batch: Int) {
        self.batch = batch
        // FNV-1a over the name, so that every case has its own numbers, whatever stands before it in the table.
        random = SplitMix64(state: name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 })
    }

    /// An operand that is fed.
    public mutating func operand(
        _ shape: Shape, _ domain: Domain = .uniform(-2, 2), isState: Bool = false
    ) throws(GraphError) -> NodeID {
        let name = "x\(feeds.count)"
        let type = TensorType(domain.element, shape)
        let node = try graph.add(isState ? .state(name) : .input(name), type: type)
        let extents = shape.resolved(batch: batch)
        let values = draw(extents.reduce(1, *), domain)
        feeds.append(Feed(name: name, node: node, isState: isState, type: type, shape: extents, values: values))
        return node
    }

    /// A fed `int32` operand with the given values.
    public mutating func integers(_ shape: Shape, _ values: [Int32]) throws(GraphError) -> NodeID {
        let name = "x\(feeds.count)"
        let type = TensorType(.int32, shape)
        let node = try graph.add(.input(name), type: type)
        feeds.append(
            Feed(
                name: name, node: node, isState: false, type: type, shape: shape.resolved(batch: batch),
                values: .integers(values)))
        return node
    }

    private mutating func draw(_ count: Int, _ domain: Domain) -> Feed.Values {
        switch domain {
        case .uniform(let low, let high):
            return .floats((0..<count).map { _ in Float(random.uniform(low, high)) })
        case .grid(let offset):
            return .floats(
                (0..<count).map { _ in Float(Double(random.below(16)) / 4 - 2 + offset + random.uniform(-0.02, 0.02)) })
        case .distinct:
            var order = Array(0..<count)
            for i in order.indices.reversed() { order.swapAt(i, random.below(i + 1)) }
            return .floats(order.map { Float(Double($0 - count / 2) / 8 + random.uniform(-0.03, 0.03)) })
        case .coarse: return .floats((0..<count).map { _ in Float(random.below(4)) - 2 })
        case .cycle(let values): return .floats((0..<count).map { values[$0 % values.count] })
        case .index(let bound):
            let extent = Swift.max(bound.resolved(batch: batch), 1)
            return .integers((0..<count).map { _ in Int32(random.below(extent)) })
        case .bits: return .integers((0..<count).map { _ in Int32(truncatingIfNeeded: random.next()) })
        case .integers: return .integers((0..<count).map { _ in Int32(random.below(9)) - 4 })
        case .flags: return .floats((0..<count).map { _ in Float(random.below(2)) })
        }
    }
}

/// Steele, Lea and Flood's SplitMix64 (2014): a small seeded generator for test values.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    public var state: UInt64

    public init(state: UInt64) { self.state = state }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    public mutating func uniform(_ low: Double, _ high: Double) -> Double {
        low + (high - low) * Double(next() >> 11) * 0x1p-53
    }

    /// An integer in `0..<bound`.
    public mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
