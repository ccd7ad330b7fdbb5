import FathomGraph
import FathomNN

extension ModelRow {
    /// Layers and blocks of images, and capsules.
    static let images: [ModelRow] = [
        ModelRow("transposed convolutions", [4, 5, 2]) {
            TransposedConvolution(9, kernel: 3, stride: 2); Tanh()
            TransposedConvolution(
                4, kernel: [2, 3], stride: [1, 2], padding: .explicit([1]), outputPadding: [0, 1], bias: false)
            Tanh(); GlobalPool(); Dense(5)
        },
        ModelRow("group norm", [5, 6, 3]) {
            Convolution(12, kernel: 3, bias: false); GroupNorm(3); Tanh()
            Convolution(8, kernel: 3, bias: false); InstanceNorm(affine: true)
            Tanh(); Flatten(); Dense(5)
        },
        ModelRow("adaptive pooling", [7, 6, 2]) {
            Convolution(8, kernel: 3); Tanh(); AdaptivePool([4, 3]); AdaptivePool(2); Flatten(); Dense(5)
        },
        ModelRow("adaptive max pooling", [5, 4, 2]) {
            Convolution(8, kernel: 3); Tanh(); AdaptivePool([3, 2], kind: .max); Flatten(); Dense(5)
        },
        ModelRow("upsampling", [3, 4, 2]) {
            Convolution(5, kernel: 3); Tanh(); Upsample(2); Convolution(4, kernel: 3); Tanh()
            Upsample([1, 3], interpolation: .bilinear); ChannelShuffle(2); GlobalPool(); Dense(5)
        },
        ModelRow("spatial dropout", [4, 4, 2], isRandom: true) {
            Convolution(16, kernel: 3); Tanh(); SpatialDropout(0.3); Flatten(); Dense(5)
        },
        ModelRow("residual on images", [6, 5, 3]) {
            Residual(shortcut: .padding, activation: .tanh) {
                Convolution(8, kernel: 3, stride: 2, bias: false); BatchNorm(); Tanh(); Convolution(8, kernel: 3);
                BatchNorm()
            }
            Residual(shortcut: .normalizedProjection) {
                Convolution(16, kernel: 3, stride: 2, bias: false); BatchNorm()
            }
            Residual {
                Convolution(7, kernel: 1); Tanh()
            }
            GlobalPool(); Dense(5)
        },
        ModelRow("convolutional highway", [4, 5, 2]) {
            Highway(6, activation: .tanh, kernel: [3]); Highway(activation: .tanh, gateBias: -2, kernel: [3])
            GlobalPool(); Dense(5)
        },
        ModelRow("squeeze and excitation", [4, 5, 2]) {
            Convolution(8, kernel: 3); SqueezeExcitation(reduction: 2); Tanh(); Flatten(); Dense(5)
        },
        ModelRow("CBAM", [4, 5, 2]) {
            Convolution(8, kernel: 3); ConvolutionalAttention(reduction: 2, kernel: 3); Tanh(); Flatten(); Dense(5)
        },
        ModelRow("global context", [4, 3, 2]) {
            Convolution(8, kernel: 3); Tanh(); GlobalContext(reduction: 2); Tanh(); Flatten(); Dense(5)
        },
        ModelRow("triplet attention", [4, 5, 2]) {
            Convolution(6, kernel: 3); TripletAttention(kernel: 3); Tanh(); Flatten(); Dense(5)
        },
        ModelRow("shuffle attention", [4, 3, 2]) {
            Convolution(8, kernel: 3); ShuffleAttention(groups: 2); Tanh(); Flatten(); Dense(5)
        },
        ModelRow("dynamic convolution", [4, 5, 2]) {
            DynamicConvolution(6, kernel: [3], kernels: 3, temperature: 1); Tanh(); Flatten(); Dense(5)
        },
        ModelRow("capsules", [6, 6, 2], .margin()) {
            Convolution(6, kernel: 3); Tanh(); PrimaryCapsules(2, dimension: 4, kernel: 3); Capsules(5, dimension: 3)
            CapsuleLength()
        },
        ModelRow("capsules, differentiable routing", [6, 3], .margin()) {
            Capsules(5, dimension: 4, iterations: 2, differentiatingRouting: true); CapsuleLength()
        },
        ModelRow("reconstruction", [6, 3], .margin()) {
            Reconstruction(
                encoder: Sequential { Capsules(5, dimension: 3) },
                decoder: Sequential {
                    Dense(7); Tanh(); Dense(18)
                },
                weight: 0.1)
        },
    ]
}
