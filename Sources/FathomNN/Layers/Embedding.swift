import FathomGraph

/// A table of learnt vectors, read by index: [B, …] → [B, …, width].
///
/// Parameter `weight` [count, width], drawn from N(0, 1). Indices are `int32`, or floats that hold whole numbers, from 0 to
/// `count` − 1; others are an error of the data.
public struct Embedding: Layer {
    /// How many vectors the table holds.
    public let count: Int
    /// How many numbers a vector has.
    public let width: Int
    /// How the vectors are drawn.
    public let initializer: Initializer
    let identity: LayerIdentity

    /// A table of `count` vectors of `width` numbers; both must be positive.
    public init(
        _ count: Int, width: Int, initializer: Initializer = .normal(standardDeviation: 1),
        file: StaticString = #fileID,
        line: UInt = #line
    ) {
        self.count = count
        self.width = width
        self.initializer = initializer
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "embedding") { layer in
            guard count > 0, width > 0 else {
                return layer.fail(
                    "embedding", [x], "\(count) vectors of \(width) numbers", hint: "both must be positive")
            }
            guard x.rank >= 1 else {
                return layer.fail(
                    "embedding", [x], "needs indices of shape [B, …]", hint: "feed one row for each example")
            }
            let weight = layer.parameter("weight", shape: [.fixed(count), .fixed(width)], initializer: initializer)
            return weight.gathering(atIndices: x.cast(to: .int32))
        }
    }
}
