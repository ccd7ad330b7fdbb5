import FathomGraph

/// The largest element of each window, channel by channel: [B, …spatial…, channels] → the same with fewer places.
public struct MaxPool: Layer {
    /// The taps along each spatial axis; one number stands for all.
    public let size: [Int]
    /// From window to window; `nil`: the size, so that windows do not overlap.
    public let stride: [Int]?
    /// What is outside never is the largest.
    public let padding: Padding
    let identity: LayerIdentity

    /// Windows that lie inside the image and do not overlap, unless said otherwise; single numbers stand for all axes.
    public init(
        _ size: [Int], stride: [Int]? = nil, padding: Padding = .valid, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.size = size
        self.stride = stride
        self.padding = padding
        identity = LayerIdentity(file: file, line: line)
    }

    /// The same size and stride along every spatial axis.
    public init(
        _ size: Int, stride: Int? = nil, padding: Padding = .valid, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.init([size], stride: stride.map { [$0] }, padding: padding, file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "maxPool") { layer in
            guard let (window, _) = layer.window("maxPool", x, size, strides: stride ?? size, padding: padding) else {
                return x.poison
            }
            return x.maxPooled(window)
        }
    }
}

/// The mean of each window, channel by channel: [B, …spatial…, channels] → the same with fewer places.
public struct AveragePool: Layer {
    /// The taps along each spatial axis; one number stands for all.
    public let size: [Int]
    /// From window to window; `nil`: the size, so that windows do not overlap.
    public let stride: [Int]?
    /// How far windows may lie outside; `countsPadding` says what that does to the mean.
    public let padding: Padding
    /// Whether padding counts as zeros (PyTorch's default), or not at all (Keras).
    public let countsPadding: Bool
    let identity: LayerIdentity

    /// Windows that lie inside the image and do not overlap, unless said otherwise; single numbers stand for all axes.
    public init(
        _ size: [Int], stride: [Int]? = nil, padding: Padding = .valid, countingPadding: Bool = true,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        self.size = size
        self.stride = stride
        self.padding = padding
        countsPadding = countingPadding
        identity = LayerIdentity(file: file, line: line)
    }

    /// The same size and stride along every spatial axis.
    public init(
        _ size: Int, stride: Int? = nil, padding: Padding = .valid, countingPadding: Bool = true,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        self.init(
            [size], stride: stride.map { [$0] }, padding: padding, countingPadding: countingPadding, file: file,
            line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "averagePool") { layer in
            guard let (window, _) = layer.window("averagePool", x, size, strides: stride ?? size, padding: padding)
            else {
                return x.poison
            }
            return x.averagePooled(window, countingPadding: countsPadding)
        }
    }
}

/// The mean or the largest over all places of an image: [B, …spatial…, channels] → [B, channels].
public struct GlobalPool: Layer {
    /// What stands for many places: their mean or their largest element, channel by channel.
    public enum Kind: String, Sendable, Hashable, CaseIterable { case average, max }
    public let kind: Kind
    let identity: LayerIdentity

    /// The mean unless said otherwise; the image may have one to three spatial axes of any size.
    public init(_ kind: Kind = .average, file: StaticString = #fileID, line: UInt = #line) {
        self.kind = kind
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "globalPool") { layer in
            guard x.id != nil else { return x.poison }
            guard x.spatialExtents != nil else {
                return layer.fail(
                    "globalPool", [x], "needs images of shape [B, …spatial…, channels]",
                    hint: "put it after the convolutions")
            }
            let axes = Array(1..<(x.rank - 1))
            return kind == .average ? x.mean(alongAxes: axes) : x.max(alongAxes: axes)
        }
    }
}
