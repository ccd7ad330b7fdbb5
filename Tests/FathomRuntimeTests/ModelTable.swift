import FathomGraph
import FathomNN
import Testing

/// Models and what they are trained on: every layer stands in one of them.
struct ModelRow: Sendable, CustomTestStringConvertible {
    var name: String
    /// Of one example.
    var input: [Int]
    /// `nil` for class labels; otherwise the target's shape of one example.
    var target: [Int]?
    /// How many classes, or symbols of an embedding's input.
    var classes = 5
    var symbols = 0
    var isRandom = false
    var loss: @Sendable () -> Loss
    var make: @Sendable () -> any Layer
    var testDescription: String { name }

    init(
        _ name: String, _ input: [Int] = [7],
        _ loss: @escaping @autoclosure @Sendable () -> Loss = .softmaxCrossEntropy(),
        target: [Int]? = nil, symbols: Int = 0, isRandom: Bool = false,
        @LayerBuilder _ content: @escaping @Sendable () -> [any Layer]
    ) {
        (self.name, self.input, self.target, self.loss) = (name, input, target, loss)
        (self.symbols, self.isRandom) = (symbols, isRandom)
        make = { Sequential(content()) }
    }

    /// Each layer, in nets whose widths are no multiples of a vector.
    static let layers: [ModelRow] = [
        ModelRow("linear") { Dense(5) },
        ModelRow("perceptron", [20]) {
            Dense(33); ReLU(); Dense(18); Tanh(); Dense(5)
        },
        ModelRow("batch norm", [20]) {
            Dense(17, bias: false); BatchNorm(); ReLU(); Dense(33, bias: false); BatchNorm(affine: false); Tanh();
            Dense(5)
        },
        ModelRow("layer norm", [20]) {
            Dense(19); LayerNorm(); Activate(.gelu); Dense(16); LayerNorm(); Dense(5)
        },
        ModelRow("RMS norm", [20]) {
            Dense(19); RMSNorm(); Activate(.silu); Dense(5)
        },
        ModelRow("highway", [20]) {
            Highway(activation: .tanh); Highway(activation: .relu, gateBias: -2); Dense(5)
        },
        ModelRow("wide highway", [32]) {
            Highway(activation: .tanh); Highway(activation: .tanh); Highway(activation: .tanh); Dense(5)
        },
        ModelRow("highway, projected", [7]) {
            Highway(12, activation: .gelu); Highway(20, activation: .tanh, shortcut: .padding); Dense(5)
        },
        ModelRow("residual", [20]) {
            Residual {
                Dense(20); Tanh(); Dense(20).named("second")
            }
            Residual {
                Dense(9); Activate(.softplus)
            }
            Dense(5)
        },
        ModelRow("residual, padded", [6]) {
            Residual(shortcut: .padding) { Dense(11) }; Dense(5)
        },
        ModelRow("residual, pre-activation", [18]) {
            Residual.preActivation(18, activation: .tanh); Dense(5)
        },
        ModelRow("residual, post-activation", [18]) {
            Residual.postActivation(18, activation: .softplus); Dense(5)
        },
        ModelRow("maxout") {
            Maxout(11, pieces: 3); Maxout(6); Dense(5)
        },
        ModelRow("parallel") {
            Parallel {
                Dense(6);
                Sequential {
                    Dense(17); Tanh()
                }; Identity()
            }; Dense(5)
        },
        ModelRow("parallel, sum") {
            Parallel(joinedBy: .sum) {
                Dense(6); Dense(6).named("second"); Dense(6).named("third")
            }; Tanh(); Dense(5)
        },
        ModelRow("sum of equal branches") {
            Parallel(joinedBy: .sum) {
                Dense(5); Dense(5).named("second")
            }
        },
        ModelRow("nested branches", [16]) {
            Parallel {
                Parallel {
                    Dense(16); Dense(16).named("b")
                }; Highway(activation: .tanh)
            }; Tanh(); Dense(5)
        },
        ModelRow("dropout", [20], isRandom: true) {
            Dense(33); ReLU(); Dropout(0.4); Dense(18); Dropout(0.2, schedule: .falling(steps: 9)); Dense(5)
        },
        ModelRow("randomised ReLU", [20], isRandom: true) {
            Dense(33); Activate(Activation.all.first { $0.name == "rrelu" }!.make()); Dense(5)
        },
        ModelRow("embedding", [6], symbols: 9) {
            Embedding(9, width: 4); Flatten(); Tanh(); Dense(5)
        },
        ModelRow("wide embedding", [3], symbols: 9) {
            Embedding(9, width: 40); Flatten(); Tanh(); Dense(5)
        },
        ModelRow("per-input bias", [6]) {
            PerInputBias(9); Tanh(); Dense(5)
        },
        ModelRow("PReLU", [20]) {
            Dense(17); PReLU(); Dense(18); PReLU(perFeature: true); Dense(5)
        },
        ModelRow("sequence", [3, 8], .meanSquaredError, target: [3, 5]) {
            Dense(11); LayerNorm(); Tanh(); Dense(5)
        },
        ModelRow("sequence, batch norm", [4, 6], .meanSquaredError, target: [4, 3]) {
            Dense(10); BatchNorm(); Tanh(); Dense(3)
        },
        ModelRow("sequence, flattened", [3, 8]) {
            Dense(6); Flatten(); Tanh(); Dense(5)
        },
        ModelRow("reshaped", [12]) {
            Reshape([3, 4]); Dense(6); Tanh(); Flatten(); Dense(5)
        },
        ModelRow("softmax output", [7], .categoricalCrossEntropy()) {
            Dense(9); Tanh(); Dense(5); Softmax()
        },
        ModelRow("log-softmax output", [7], .kullbackLeibler, target: [5]) {
            Dense(9); Tanh(); Dense(5); LogSoftmax()
        },
        ModelRow("autoencoder", [24], .meanSquaredError, target: [24]) {
            Dense(16); Tanh(); Dense(3); Dense(16); Tanh(); Dense(24)
        },
        ModelRow("deep", [16]) {
            for _ in 0..<12 { Dense(16); Tanh() }; Dense(5)
        },
        ModelRow("convolutions", [6, 8, 2]) {
            Convolution(9, kernel: 3); Tanh(); MaxPool(2);
            Convolution(17, kernel: [2, 3], padding: .valid, bias: false)
            Activate(.gelu); Flatten(); Dense(5)
        },
        ModelRow("convolutions, batch norm", [6, 6, 3]) {
            Convolution(16, kernel: 3, bias: false); BatchNorm(); Activate(.silu)
            Residual {
                Convolution(16, kernel: 3, bias: false); BatchNorm(); Tanh(); Convolution(16, kernel: 3, bias: false)
                BatchNorm()
            }
            Parallel(joinedBy: .sum) {
                Convolution(5, kernel: 3, stride: 2, padding: .explicit([1]), bias: false)
                Sequential {
                    Convolution(5, kernel: 1, stride: 2, bias: false); BatchNorm(affine: false)
                }
            }
            Tanh(); GlobalPool(); Dense(5)
        },
        ModelRow("convolutions, many channels", [5, 6, 3]) {
            Convolution(16, kernel: 3); Tanh(); Convolution(48, kernel: 3, bias: false); BatchNorm(); Tanh()
            Convolution(16, kernel: 3, padding: .valid); Tanh(); Flatten(); Dense(5)
        },
        ModelRow("convolutions in groups", [7, 8]) {
            Convolution(8, kernel: 3, groups: nil); Tanh(); Convolution(6, kernel: 3, dilation: 2, groups: 2); Tanh()
            AveragePool(3, stride: 2, padding: .explicit([1]), countingPadding: false); LayerNorm(); GlobalPool(.max)
            Dense(5)
        },
        ModelRow("convolutions of volumes", [3, 4, 4, 1]) {
            Convolution(4, kernel: 2); Tanh(); AveragePool([1, 2, 2]); Flatten(); Dense(5)
        },
        ModelRow("one unit", [1], .meanSquaredError, target: [1]) {
            Dense(1); Tanh(); Dense(1)
        },
    ]

    /// Each activation between two dense layers.
    static let activations: [ModelRow] = Activation.all.map { entry in
        ModelRow("activation \(entry.name)", [9], isRandom: entry.name == "rrelu") {
            Dense(18); Activate(entry.make()); Dense(5)
        }
    }

    /// Each loss on a small net. Not the percentages: of targets near 0 they are so large that the first step leaves every unit
    /// saturated, and what is compared is rounding.
    static let losses: [ModelRow] =
        Loss.all.entries.map(\.name).filter { $0 != "meanAbsolutePercentageError" }.flatMap { name -> [ModelRow] in
            @Sendable func make() -> Loss { try! Loss.named(name) }
            let loss = make()
            let output = loss.expects
            @Sendable func net(_ width: Int) -> [any Layer] {
                let last: [any Layer] =
                    switch output {
                    case .sigmoid: [Sigmoid()]
                    case .softmax: [Softmax()]
                    case .logSoftmax: [LogSoftmax()]
                    // A rate is positive.
                    case .none: name == "poisson" ? [Activate(.softplus)] : []
                    }
                return [Dense(9), Tanh(), Dense(width)] + last
            }
            var rows: [ModelRow] = []
            if loss.target == .labels {
                rows.append(ModelRow("loss \(name)", [7], make()) { for layer in net(5) { layer } })
            } else {
                rows.append(ModelRow("loss \(name)", [7], make(), target: [3]) { for layer in net(3) { layer } })
            }
            if loss.target == .labels && loss.accepts.contains(.values) {
                rows.append(
                    ModelRow("loss \(name) on distributions", [7], make(), target: [5]) {
                        for layer in net(5) { layer }
                    })
            }
            return rows
        } + [
            ModelRow("smoothed cross-entropy", [7], .softmaxCrossEntropy(labelSmoothing: 0.1)) {
                Dense(9); Tanh(); Dense(5)
            },
            ModelRow("weighted cross-entropy", [7], .softmaxCrossEntropy(classWeights: [1, 2, 0.5, 3, 1])) {
                Dense(9); Tanh(); Dense(5)
            },
            ModelRow("weighted sigmoid", [7], .sigmoidCrossEntropy(positiveWeights: [1, 2, 3]), target: [3]) {
                Dense(9); Tanh(); Dense(3)
            },
        ]

    static let all = layers + images + activations + losses
}
