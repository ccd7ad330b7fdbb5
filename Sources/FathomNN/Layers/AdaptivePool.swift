import FathomGraph

/// Pooling to a given number of places whatever the image's size: [B, …spatial…, channels] → [B, …size…, channels].
///
/// Of n places to o, output i sees the inputs from ⌊i·n/o⌋ up to ⌈(i+1)·n/o⌉ (PyTorch's `AdaptiveAvgPool` and
/// `AdaptiveMaxPool`): windows of one size where o divides n, else of two sizes that may overlap.
public struct AdaptivePool: Layer {
    /// The places along each spatial axis; one number stands for all.
    public let size: [Int]
    /// Whether a window gives its mean or its largest element.
    public let kind: GlobalPool.Kind
    let identity: LayerIdentity

    /// From 1 to 4096 places along each spatial axis; a single number stands for all.
    public init(
        _ size: [Int], kind: GlobalPool.Kind = .average, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.size = size
        self.kind = kind
        identity = LayerIdentity(file: file, line: line)
    }

    /// The same number of places, from 1 to 4096, along every spatial axis.
    public init(_ size: Int, kind: GlobalPool.Kind = .average, file: StaticString = #fileID, line: UInt = #line) {
        self.init([size], kind: kind, file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "adaptivePool") { layer in
            guard x.id != nil else { return x.poison }
            guard let spatial = x.spatialExtents else {
                return layer.fail(
                    "adaptivePool", [x], "needs images of shape [B, …spatial…, channels]",
                    hint: "put it after the convolutions")
            }
            let wanted = size.count == 1 ? spatial.map { _ in size[0] } : size
            // Each output place of an uneven axis is an operation of its own.
            guard wanted.count == spatial.count, wanted.allSatisfy({ $0 > 0 && $0 <= 4096 }) else {
                return layer.fail(
                    "adaptivePool", [x], "size \(size) does not fit \(spatial.count) spatial axes",
                    hint: "give one number from 1 to 4096 for all axes, or one for each")
            }
            if zip(spatial, wanted).allSatisfy({ $0 % $1 == 0 }) {
                let taps = zip(spatial, wanted).map { $0 / $1 }
                guard let (window, _) = layer.window("adaptivePool", x, taps, strides: taps, padding: .valid) else {
                    return x.poison
                }
                return kind == .average ? x.averagePooled(window) : x.maxPooled(window)
            }
            // A window is a product of intervals, and so is its mean or largest: one axis after the other.
            var y = x
            for (a, (n, o)) in zip(spatial, wanted).enumerated() where n != o {
                let places = (0..<o).map { i in
                    let part = y.sliced(axis: a + 1, from: i * n / o, to: ((i + 1) * n + o - 1) / o)
                    return kind == .average
                        ? part.mean(alongAxes: [a + 1], keepingAxes: true)
                        : part.max(alongAxes: [a + 1], keepingAxes: true)
                }
                y = Tensor.concatenate(places, axis: a + 1)
            }
            return y
        }
    }
}
