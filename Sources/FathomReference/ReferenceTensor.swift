/// A value of the reference interpreter: every element type is kept as `Double`, row-major.
public struct ReferenceTensor: Hashable, Sendable {
    /// The extents, outermost first; empty for a scalar.
    public var shape: [Int]
    /// The elements, row-major, as many as the shape holds; `bool` is 1 or 0.
    public var values: [Double]

    /// - Precondition: `values.count` is the product of `shape`.
    public init(shape: [Int], values: [Double]) {
        precondition(values.count == shape.reduce(1, *), "\(values.count) values do not fill \(shape)")
        self.shape = shape
        self.values = values
    }

    /// A scalar, of shape [].
    public init(_ scalar: Double) { self.init(shape: [], values: [scalar]) }

    /// Takes single-precision values, which `Double` holds exactly.
    ///
    /// - Precondition: `values.count` is the product of `shape`.
    public init(shape: [Int], values: [Float]) { self.init(shape: shape, values: values.map(Double.init)) }

    var strides: [Int] {
        var strides = [Int](repeating: 1, count: shape.count)
        for i in shape.indices.reversed().dropFirst() { strides[i] = strides[i + 1] * shape[i + 1] }
        return strides
    }

    /// The product of the extents before, at and after an axis.
    func around(_ axis: Int) -> (outer: Int, extent: Int, inner: Int) {
        (shape[..<axis].reduce(1, *), shape[axis], shape[(axis + 1)...].reduce(1, *))
    }
}
