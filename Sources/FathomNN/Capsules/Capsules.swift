import FathomGraph

/// s · |s| / (1 + |s|²): the direction kept, the length brought below 1, short vectors almost to 0 (Sabour, Frosst & Hinton
/// 2017, equation 1).
public func squash(_ s: Tensor, axis: Int = -1) -> Tensor {
    let square = (s * s).sum(alongAxes: [axis], keepingAxes: true)
    // The root's slope is infinite at 0.
    return s * (sqrt(square + 1e-12) / (1 + square))
}

/// The first capsules of an image: a convolution whose channels are taken `dimension` at a time and squashed.
///
/// [B, …spatial…, channels] → [B, places · capsules, dimension]. The paper's: 32 capsules of 8 numbers at every place, 9×9, stride
/// 2.
public struct PrimaryCapsules: Layer {
    /// Capsules at every place.
    public let capsules: Int
    /// The numbers of a capsule.
    public let dimension: Int
    /// The taps of the convolution along every spatial axis; the window stays inside the image.
    public let kernel: Int
    /// Steps from window to window along every spatial axis.
    public let stride: Int
    private let convolution: Convolution
    let identity: LayerIdentity

    /// The defaults are the paper's. The convolution has `capsules` · `dimension` filters.
    public init(
        _ capsules: Int = 32, dimension: Int = 8, kernel: Int = 9, stride: Int = 2, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        self.capsules = capsules
        self.dimension = dimension
        self.kernel = kernel
        self.stride = stride
        convolution = Convolution(
            max(capsules, 0).multipliedReportingOverflow(by: max(dimension, 0)).partialValue, kernel: kernel,
            stride: stride, padding: .valid, file: file, line: line)
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "primaryCapsules") { layer in
            guard capsules > 0, dimension > 0, capsules < 1 << 31, dimension < 1 << 31 else {
                return layer.fail(
                    "primaryCapsules", [x], "\(capsules) capsules of \(dimension) numbers",
                    hint: "both must be positive")
            }
            let y = convolution(x)
            guard y.id != nil else { return x.poison }
            return squash(y.reshaped(to: [y.shape[0], -1, .fixed(dimension)]))
        }
    }
}

/// Capsules that look for agreement among those before them (Sabour, Frosst & Hinton 2017, "Dynamic routing between
/// capsules").
///
/// [B, inputs, features] → [B, count, dimension]. Each input i predicts each output j by a matrix of its own,
/// û = u·W; output j is squash(Σ c·û), where the shares c of an input add up to 1 over the outputs. They start equal, and in
/// every iteration grow where a prediction agrees with its output: c = softmax(b), b ← b + û·v.
///
/// Parameter `weight` [inputs, features, count · dimension], normal with the variance that keeps that of a sum with equal
/// shares (for the paper's sizes its standard deviation of 0.1).
///
/// The iterations are unrolled in the graph. By default the shares count as constants of the backward pass, as in most
/// implementations: the gradient goes through the last iteration's sum alone. The paper leaves that open.
public struct Capsules: Layer {
    /// How many capsules come out; one for each class in a last layer.
    public let count: Int
    /// The numbers of a capsule.
    public let dimension: Int
    /// How often the shares are worked out: 1 leaves them equal; the paper takes 3.
    public let iterations: Int
    /// Whether gradients go through the shares too: exact, and about twice the cost.
    public let differentiatesRouting: Bool
    let identity: LayerIdentity

    /// Capsules of 16 numbers after 3 iterations, as in the paper, unless said otherwise; 32 iterations are the most.
    public init(
        _ count: Int, dimension: Int = 16, iterations: Int = 3, differentiatingRouting: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        self.count = count
        self.dimension = dimension
        self.iterations = iterations
        differentiatesRouting = differentiatingRouting
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "capsules") { layer in
            guard x.id != nil else { return x.poison }
            guard x.rank == 3, let inputs = x.extent(1), let features = x.extent(2), inputs > 0, features > 0 else {
                return layer.fail(
                    "capsules", [x], "needs capsules of shape [B, inputs, features]",
                    hint: "put PrimaryCapsules() before it")
            }
            guard count > 0, dimension > 0, 1...32 ~= iterations, count < 1 << 31, dimension < 1 << 31 else {
                return layer.fail(
                    "capsules", [x], "\(count) capsules of \(dimension) numbers after \(iterations) iterations",
                    hint: "all must be positive, and 32 iterations are the most")
            }
            let deviation = Double(count) / (Double(inputs) * Double(features)).squareRoot()
            let weight = layer.parameter(
                "weight", shape: [.fixed(inputs), .fixed(features), .fixed(count * dimension)],
                initializer: .normal(standardDeviation: deviation))
            // One product for each input: [inputs, B, features]·[inputs, features, count·dimension].
            let products = matmul(x.transposed([1, 0, 2]), weight)
            let predictions = products.reshaped(to: [.fixed(inputs), x.shape[0], .fixed(count), .fixed(dimension)])
                .transposed([1, 2, 0, 3])
            return route(predictions)
        }
    }

    /// [B, count, inputs, dimension] → [B, count, dimension].
    private func route(_ predictions: Tensor) -> Tensor {
        let seen = differentiatesRouting ? predictions : predictions.withoutGradient()
        var agreement: Tensor?
        for _ in 1..<iterations {
            let output = squash(sum(seen, agreement))
            let match = matmul(seen, output.expandingShape(at: 3)).reshaped(to: seen.shape.dims.dropLast())
            agreement = agreement.map { $0 + match } ?? match
        }
        return squash(sum(predictions, agreement))
    }

    /// Σ over the inputs of share · prediction; without agreement the shares are equal.
    private func sum(_ predictions: Tensor, _ agreement: Tensor?) -> Tensor {
        guard let agreement else { return predictions.sum(alongAxes: [2]) / Double(count) }
        let total = matmul(softmax(agreement, axis: 1).expandingShape(at: 2), predictions)
        return total.reshaped(to: [total.shape.dims.first ?? 1, .fixed(count), .fixed(dimension)])
    }
}

/// The length of each capsule: how sure the network is that what it stands for is there. [B, count, dimension] → [B, count].
///
/// Lengths are class scores for ``Loss/margin(positive:negative:absent:)``.
public struct CapsuleLength: Layer {
    let identity: LayerIdentity

    /// Makes a layer without settings; `file` and `line` are named in messages about it.
    public init(file: StaticString = #fileID, line: UInt = #line) { identity = LayerIdentity(file: file, line: line) }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "capsuleLength") { layer in
            guard x.id != nil else { return x.poison }
            guard x.rank == 3 else {
                return layer.fail(
                    "capsuleLength", [x], "needs capsules of shape [B, count, dimension]",
                    hint: "put Capsules(classes) before it")
            }
            return lengths(x)
        }
    }
}

/// √Σx² along the last axis, with a finite slope at 0.
func lengths(_ capsules: Tensor) -> Tensor { sqrt((capsules * capsules).sum(alongAxes: [-1]) + 1e-12) }
