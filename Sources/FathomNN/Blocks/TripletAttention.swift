import FathomGraph

/// Three gates, each over two of the axes height, width and channels, that look at mean and maximum along the third (Misra,
/// Nalamada, Arasanipalai & Hou 2021, "Rotate to attend"): x · (g₁ + g₂ + g₃) / 3.
///
/// [B, height, width, channels] → the same. Each gate is a convolution of 2 maps to 1 without bias, batch normalisation and a
/// sigmoid; there are no products of channels with channels, so that it has few parameters.
public struct TripletAttention: Layer {
    /// A gate over the plane of two axes, [B, p, q, 2] → [B, p, q, 1].
    struct Gate: Layer {
        let convolution: Convolution
        let norm: BatchNorm

        func callAsFunction(_ x: Tensor) -> Tensor { Activation.sigmoid(norm(convolution(x))) }
    }

    /// The taps of the gates along each axis.
    public let kernel: Int
    private let alongHeight: Gate
    private let alongWidth: Gate
    private let alongChannels: Gate
    let identity: LayerIdentity

    /// 7 taps by default, as in the paper; all three gates have the same.
    public init(kernel: Int = 7, file: StaticString = #fileID, line: UInt = #line) {
        func gate() -> Gate {
            Gate(
                convolution: Convolution(1, kernel: kernel, bias: false, file: file, line: line),
                norm: BatchNorm(file: file, line: line))
        }
        self.kernel = kernel
        (alongHeight, alongWidth, alongChannels) = (gate(), gate(), gate())
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "tripletAttention") { layer in
            guard layer.channels(of: x, "tripletAttention", axes: 2) != nil else { return x.poison }
            let gates = [alongHeight, alongWidth, alongChannels].enumerated().map { i, gate in
                let axis = i + 1
                let maps = [x.max(alongAxes: [axis]), x.mean(alongAxes: [axis])].map { $0.expandingShape(at: 3) }
                var shape = x.shape
                shape[axis] = 1
                return gate(Tensor.concatenate(maps, axis: 3)).reshaped(to: shape.dims)
            }
            return x * ((gates[0] + gates[1] + gates[2]) / 3)
        }
    }
}
