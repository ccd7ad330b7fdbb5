/// A close look at a network at one step: every layer boundary on a fixed set of rows, forward and backward.
///
/// It is made beside the training, on copies, and changes nothing in it.
public struct Examination: Sendable, Codable {
    /// Moments of the elements of a tensor over the probe rows.
    public struct Signal: Sendable, Codable {
        /// Over the finite elements, as all moments here.
        public let mean: Double
        /// Standard deviation over all elements; see `acrossRows` for that over the rows alone.
        public let deviation: Double
        /// √E[x²]; gradients are judged by it.
        public let size: Double
        /// The smallest finite element; 0 when there is none.
        public let minimum: Double
        /// The largest finite element; 0 when there is none.
        public let maximum: Double
        /// The share of elements that are exactly 0.
        public let zeros: Double
        /// Elements that are infinite or not a number.
        public let nonFinite: Int
        /// Deviation over the rows, averaged over the units: 0 when every example looks the same.
        public let acrossRows: Double
        /// Counts of elements in bins of equal width from `minimum` to `maximum`.
        public let histogram: [Int]
    }

    /// What an activation does at the values it really gets.
    public struct Slope: Sendable, Codable {
        /// E[φ′(z)²]: the activation's factor of the mean square of gradients.
        public let meanSquare: Double
        /// The share of z with φ′(z) below 5 % of its maximum.
        public let saturated: Double
        /// Per unit, the share of rows at which φ′(z) is not 0.
        public let fires: [Float]
        /// Units that no row makes fire.
        public let dead: Int
        /// Counts of |φ′(z)| in 32 bins from 0 to its maximum; to the largest one seen where it has no bound.
        public let histogram: [Int]
    }

    /// The weights of one layer.
    public struct Weight: Sendable, Codable {
        /// The parameter's path, as in checkpoints.
        public let path: String
        /// Weights of a unit; of a filter every tap and channel.
        public let inputs: Int
        /// The extent of the last axis: units, or filters.
        public let units: Int
        /// √E[w²].
        public let size: Double
        /// E[w].
        public let mean: Double
        /// √E[g²] of the gradient of the loss on the probe rows.
        public let gradientSize: Double
        /// fan-out · E[w²]: the weights' factor of the mean square of gradients on their way back. Of filters only the taps
        /// count that lie inside the image, as in `forwardFactor`.
        public let backwardFactor: Double
        /// fan-in · E[w²]: their factor of the mean square of signals on their way forward.
        public let forwardFactor: Double
        /// Zig-zag index of the summed gradient: the mean over units of |Σ sign| / n; 1 when all weights of a unit must move
        /// in one direction.
        public let signCoherence: Double
        /// The same for single examples: decided by the signs of the layer's input alone.
        public let sampleSignCoherence: Double
        /// The share of units whose incoming weights equal another unit's.
        public let duplicateUnits: Double
        /// √(E[Δw²]/E[w²]) of one step; `nil` before training.
        public let updateRatio: Double?
        /// The cosine between this update and the one before; −1 turns round. `nil` without two steps.
        public let turning: Double?
        /// Gradient noise scale B = S/|G|²: the batch beyond which averaging helps little (McCandlish et al. 2018).
        public let noiseScale: Double?
    }

    /// The sums of each filter or channel of an image, over rows and places.
    public struct Channels: Sendable, Codable {
        /// One per channel.
        public let means: [Float]
        /// Standard deviations, one per channel.
        public let deviations: [Float]
    }

    /// A gate inside a layer: a sigmoid that says how much of another value passes, as in a highway layer or an attention
    /// block.
    public struct Gate: Sendable, Codable {
        /// E[T]: 0 lets nothing pass, 1 everything.
        public let opening: Double
        /// The share of its values below 0.05, and above 0.95.
        public let closed: Double
        /// The share of its values above 0.95.
        public let open: Double
        /// E[T] of each unit or channel.
        public let units: [Float]
    }

    /// The branch of a residual block y = x + f(x), beside the shortcut that hands x on as it is.
    public struct Branch: Sendable, Codable {
        /// Size of f(x) by that of x: how much the block changes what it is given.
        public let signal: Double
        /// Size of the gradient that comes back through f by that through the shortcut, which is handed on undiminished.
        public let gradient: Double
    }

    /// A layer with its activation.
    public struct Layer: Sendable, Codable {
        /// The layer's path, as in checkpoints; empty for operations of the model itself.
        public let path: String
        /// What the layer is: `dense`, `batchNorm`.
        public let kind: String
        /// Whether no other layer holds it.
        public let isOuter: Bool
        /// Whether other layers lie inside.
        public let isContainer: Bool
        /// Numbers of one row's sums: units, or for images places times channels.
        public let width: Int
        /// x, what the layer is given.
        public let input: Signal
        /// |mean| / deviation over the rows, averaged over the features of the input.
        public let inputOffCentre: Double
        /// Of the second-moment matrix of the input, over at most 256 features; `nil` when it has no meaning.
        public let inputConditionNumber: Double?
        /// z; equal to `output` where there is no activation.
        public let sums: Signal
        /// a
        public let output: Signal
        /// ∂L/∂x.
        public let inputGradient: Signal
        /// ∂L/∂z.
        public let sumsGradient: Signal
        /// ∂L/∂a.
        public let outputGradient: Signal
        /// φ′ at the sums; `nil` without an activation, and for one that does not work element by element.
        public let slope: Slope?
        /// One per parameter of the layer itself with more than one axis; biases are not among them.
        public let weights: [Weight]
        /// `nil` where the sums are no images.
        public let channels: Channels?
        /// Gates at work inside the layer, in their order.
        public let gates: [Gate]
        /// `nil` for other layers, and for blocks that change the size of an image or its channels.
        public let branch: Branch?

        /// rms of the gradient at the input by that at the output.
        public var gain: Double { ratio(inputGradient.size, outputGradient.size) }
        /// The part of the gain in the activation.
        public var activationGain: Double { ratio(sumsGradient.size, outputGradient.size) }
        /// The part of the gain in weights, normalisation or shortcut.
        public var transportGain: Double { ratio(inputGradient.size, sumsGradient.size) }
        /// Size of the output by that of the input.
        public var forwardGain: Double { ratio(output.size, input.size) }

        private func ratio(_ a: Double, _ b: Double) -> Double { b > 0 ? a / b : a > 0 ? .infinity : 1 }
    }

    /// What the network answers on the probe rows.
    public struct Predictions: Sendable, Codable {
        /// Deviation over the rows, averaged over the outputs; 0 when every row gets the same answer.
        public let acrossRows: Double
        /// Share of rows in each predicted class; empty for numbers.
        public let classShares: [Double]
        /// The smallest finite output.
        public let minimum: Double
        /// The largest finite output.
        public let maximum: Double
    }

    /// What happens along the direction of the step (Santurkar et al. 2018).
    public struct Landscape: Sendable, Codable {
        /// Multiples of the learning rate, and the loss there.
        public let multiples: [Double]
        /// The loss on the probe rows, one per multiple.
        public let losses: [Double]
        /// |g(θ + Δ) − g(θ)| / |g(θ)| for the step of the learning rate.
        public let gradientChange: Double
    }

    /// Steps done before the look.
    public let step: Int
    /// Rows that were looked at.
    public var rows = 0
    /// On the probe rows, in training mode.
    public let loss: Double
    /// The layers of the model in their order, a container before what it holds.
    public let layers: [Layer]
    /// On the probe rows.
    public let predictions: Predictions
    /// Along the last step; `nil` where the parameters before it are not known, as at birth.
    public let landscape: Landscape?
    /// Correlation between the input gradients of neighbouring points on a line between examples, a grid of 64
    /// (Balduzzi et al. 2017): near 0 when gradients are white noise; `nil` when it cannot be measured.
    public let gradientCorrelation: Double?

    /// The layers that a gradient passes one after the other, from the input on.
    public var outerLayers: [Layer] { layers.filter(\.isOuter) }
    /// Size of the gradient at the first layer's input by that at the last layer's output.
    public var totalGain: Double {
        guard let first = outerLayers.first, let last = outerLayers.last, last.outputGradient.size > 0 else { return 1 }
        return first.inputGradient.size / last.outputGradient.size
    }
}
