/// One extent of a shape: a fixed number, or a multiple of the batch size, which is known only when a step runs.
public enum Dim: Hashable, Sendable {
    /// An extent known when the graph is built.
    case fixed(Int)
    /// `multiple` × the batch size `B`.
    case batch(multiple: Int)

    /// The batch dimension itself, printed `B`.
    public static let batch = Dim.batch(multiple: 1)

    /// The extent for a batch of `batchSize` rows.
    @inlinable public func resolved(batch batchSize: Int) -> Int {
        switch self {
        case .fixed(let n): n
        case .batch(let multiple): multiple * batchSize
        }
    }

    /// The extent when it is fixed, else `nil`.
    public var fixedValue: Int? { if case .fixed(let n) = self { n } else { nil } }
}

extension Dim: ExpressibleByIntegerLiteral, CustomStringConvertible {
    public init(integerLiteral value: Int) { self = .fixed(value) }

    public var description: String {
        switch self {
        case .fixed(let n): "\(n)"
        case .batch(1): "B"
        case .batch(let multiple): "\(multiple)B"
        }
    }
}

/// The extents of a tensor, outermost first; rank 0 is a scalar.
public struct Shape: Hashable, Sendable {
    /// The extents, outermost first.
    public var dims: [Dim]

    /// A shape of fixed and symbolic extents.
    @inlinable public init(_ dims: [Dim]) { self.dims = dims }

    /// A shape of fixed extents.
    @inlinable public init(_ extents: [Int]) { dims = extents.map { .fixed($0) } }

    /// The shape without axes, which holds one element.
    public static let scalar = Shape([Dim]())

    /// The number of axes.
    @inlinable public var rank: Int { dims.count }

    /// The extent of an axis, counted from 0 at the outermost; it must exist.
    @inlinable public subscript(axis: Int) -> Dim {
        get { dims[axis] }
        set { dims[axis] = newValue }
    }

    /// Whether any extent depends on the batch size.
    public var isSymbolic: Bool { dims.contains { $0.fixedValue == nil } }

    /// The extents for a batch of `batch` rows.
    public func resolved(batch: Int) -> [Int] { dims.map { $0.resolved(batch: batch) } }

    /// The number of elements for a batch of `batch` rows.
    public func count(batch: Int) -> Int { dims.reduce(1) { $0 * $1.resolved(batch: batch) } }

    /// The number of elements when every extent is fixed, else `nil`.
    public var fixedCount: Int? {
        var n = 1
        for dim in dims {
            guard let extent = dim.fixedValue else { return nil }
            n *= extent
        }
        return n
    }

    /// The element count as (power of `B`, factor), or `nil` when it is too large: two shapes hold the same number of
    /// elements for every batch size exactly when these agree. An empty shape counts (0, 0).
    ///
    /// At most 2⁴⁰ elements, where an extent of 0 counts as 1, so that the product of any of the extents, in any order,
    /// fits an integer.
    package var symbolicCount: (batchPower: Int, factor: Int)? {
        var power = 0
        var factor = 1
        var isEmpty = false
        for dim in dims {
            let (n, isBatch): (Int, Bool) =
                switch dim {
                case .fixed(let n): (n, false)
                case .batch(let multiple): (multiple, true)
                }
            if isBatch { power += 1 }
            if n == 0 { isEmpty = true }
            let (product, overflow) = factor.multipliedReportingOverflow(by: Swift.max(n, 1))
            if overflow || product > 1 << 40 { return nil }
            factor = product
        }
        return isEmpty ? (0, 0) : (power, factor)
    }

    /// Whether both shapes hold the same number of elements for every batch size.
    public func hasSameCount(as other: Shape) -> Bool {
        guard let a = symbolicCount, let b = other.symbolicCount else { return false }
        return a == b
    }

    /// This shape without `axes`.
    public func removing(axes: [Int]) -> Shape {
        Shape(dims.enumerated().filter { !axes.contains($0.offset) }.map(\.element))
    }

    /// This shape with every one of `axes` set to 1.
    public func keeping(axes: [Int]) -> Shape {
        Shape(dims.enumerated().map { axes.contains($0.offset) ? .fixed(1) : $0.element })
    }

    /// The shape both operands broadcast to (aligned at the trailing axis; an extent of 1 stretches), or `nil`.
    public static func broadcasting(_ a: Shape, _ b: Shape) -> Shape? {
        var dims: [Dim] = []
        for i in 0..<max(a.rank, b.rank) {
            let x = i < a.rank ? a[a.rank - 1 - i] : .fixed(1)
            let y = i < b.rank ? b[b.rank - 1 - i] : .fixed(1)
            if x == y || y == .fixed(1) {
                dims.append(x)
            } else if x == .fixed(1) {
                dims.append(y)
            } else {
                return nil
            }
        }
        return Shape(dims.reversed())
    }
}

extension Shape: ExpressibleByArrayLiteral, CustomStringConvertible {
    public init(arrayLiteral elements: Dim...) { dims = elements }

    public var description: String { "[" + dims.map(\.description).joined(separator: ", ") + "]" }
}

/// What an element is. Every type takes four bytes in memory.
public enum ElementType: UInt8, Hashable, Sendable, CustomStringConvertible {
    /// IEEE single precision.
    case float32
    /// Two's complement; random bits are kept in it too.
    case int32
    /// True or false, kept as 1.0 or 0.0.
    case bool

    public var description: String {
        switch self {
        case .float32: "f32"
        case .int32: "i32"
        case .bool: "bool"
        }
    }
}

/// Element type and shape of a value.
public struct TensorType: Hashable, Sendable, CustomStringConvertible {
    /// What each element is.
    public var element: ElementType
    /// The extents, outermost first.
    public var shape: Shape

    /// The type of a value, printed as `f32[B, 10]`.
    public init(_ element: ElementType, _ shape: Shape) {
        self.element = element
        self.shape = shape
    }

    public var description: String { "\(element)\(shape)" }
}
