import Fathom

/// The networks of the benchmark (`Benchmarks/workloads.py` describes the same ones to other toolkits).
struct Workload {
    let key: String
    let title: String
    let model: any Layer
    /// The extents of one example; images are channels-last.
    let input: [Int]
    let batch: Int
    /// `nil` for inference.
    let optimizer: (any Optimizer)?
    /// Names of the benchmark's parameters → paths of the training state.
    let paths: [(String, String)]

    static let all: [Workload] = {
        let tiny = Sequential {
            Dense(32); Tanh(); Dense(10)
        }
        let tinyPaths = dense("l0", "dense1") + dense("l1", "dense2")
        let deep = Sequential {
            for _ in 0..<30 { Dense(128); BatchNorm(); ReLU() }
            Dense(10)
        }
        let deepPaths =
            (0..<30).flatMap { dense("l\($0)", "dense\($0 + 1)") + norm("n\($0)", "batchNorm\($0 + 1)") }
            + dense("head", "dense31")
        let wide = Sequential {
            Dense(2048); ReLU(); Dense(2048); ReLU(); Dense(10)
        }
        let widePaths = (0..<3).flatMap { dense("l\($0)", "dense\($0 + 1)") }
        let residual = Sequential {
            Dense(256)
            for _ in 0..<24 {
                Residual {
                    BatchNorm(); ReLU(); Dense(256); BatchNorm(); ReLU(); Dense(256)
                }
            }
            Dense(10)
        }
        let residualPaths =
            dense("stem", "dense1")
            + (0..<24).flatMap { b in
                (0..<2).flatMap { i in
                    norm("b\(b).n\(i)", "residual\(b + 1).batchNorm\(i + 1)")
                        + dense("b\(b).l\(i)", "residual\(b + 1).dense\(i + 1)")
                }
            } + dense("head", "dense2")
        let highway = Sequential {
            Dense(64)
            for _ in 0..<50 { Highway(activation: .tanh, gateBias: -2) }
            Dense(10)
        }
        let highwayPaths =
            dense("stem", "dense1") + (0..<50).flatMap { dense("h\($0)", "highway\($0 + 1)") } + dense("head", "dense2")
        let lenet = Sequential {
            Convolution(32, kernel: 5); ReLU(); MaxPool(2)
            Convolution(64, kernel: 5); ReLU(); MaxPool(2)
            Flatten(); Dense(512); ReLU(); Dense(10)
        }
        let lenetPaths =
            dense("c0", "convolution1") + dense("c1", "convolution2") + dense("l0", "dense1") + dense("l1", "dense2")
        func unit(_ filters: Int, _ kernel: Int, _ stride: Int) -> Sequential {
            Sequential {
                Convolution(filters, kernel: kernel, stride: stride, padding: .explicit([kernel / 2]), bias: false)
                BatchNorm()
            }
        }
        let residualImages = Sequential {
            unit(16, 3, 1)
            ReLU()
            for (stage, filters) in [16, 32, 64].enumerated() {
                for block in 0..<3 {
                    let stride = stage > 0 && block == 0 ? 2 : 1
                    let body = Sequential {
                        unit(filters, 3, stride)
                        ReLU()
                        unit(filters, 3, 1)
                    }
                    if stride == 2 {
                        Parallel([body, unit(filters, 1, 2)], joinedBy: .sum)
                        ReLU()
                    } else {
                        Residual(body, activation: .relu)
                    }
                }
            }
            GlobalPool()
            Dense(10)
        }
        func convolved(_ name: String, _ index: String, _ path: String) -> [(String, String)] {
            [(name + ".c" + index + ".w", path + ".convolution1.weight")]
                + norm(name + ".n" + index, path + ".batchNorm1")
        }
        let imagePaths =
            [("stem.w", "sequential1.convolution1.weight")] + norm("stem.n", "sequential1.batchNorm1")
            + (0..<3).flatMap { stage in
                (0..<3).flatMap { block -> [(String, String)] in
                    let name = "s\(stage)b\(block)"
                    // Residual blocks and those with a projection are counted apart.
                    if stage > 0 && block == 0 {
                        let path = "parallel\(stage)"
                        return convolved(name, "0", path + ".sequential1.sequential1")
                            + convolved(name, "1", path + ".sequential1.sequential2")
                            + convolved(name, "s", path + ".sequential2")
                    }
                    let path = "residual\(stage * 3 + block + 1 - stage)"
                    return convolved(name, "0", path + ".sequential1") + convolved(name, "1", path + ".sequential2")
                }
            } + dense("head", "dense1")
        return [
            Workload(
                key: "T1", title: "tiny MLP 64-32-10", model: tiny, input: [64], batch: 32,
                optimizer: SGD(learningRate: 1e-2),
                paths: tinyPaths),
            Workload(
                key: "T2", title: "deep 30 × (dense 128, batch norm, ReLU)", model: deep, input: [64], batch: 64,
                optimizer: SGD(learningRate: 1e-6, momentum: 0.9), paths: deepPaths),
            Workload(
                key: "T3", title: "wide 784-2048-2048-10", model: wide, input: [784], batch: 256,
                optimizer: Adam(learningRate: 1e-5),
                paths: widePaths),
            Workload(
                key: "T4", title: "residual MLP, 24 blocks of 256", model: residual, input: [784], batch: 128,
                optimizer: Adam(learningRate: 1e-5), paths: residualPaths),
            Workload(
                key: "T5", title: "highway 50 × 64", model: highway, input: [784], batch: 64,
                optimizer: SGD(learningRate: 1e-2, momentum: 0.9), paths: highwayPaths),
            Workload(
                key: "T6", title: "LeNet 28 × 28", model: lenet, input: [28, 28, 1], batch: 64,
                optimizer: Adam(learningRate: 1e-5), paths: lenetPaths),
            Workload(
                key: "T7", title: "ResNet-20 32 × 32", model: residualImages, input: [32, 32, 3], batch: 128,
                optimizer: SGD(learningRate: 1e-3, momentum: 0.9, weightDecay: .coupled(1e-4)), paths: imagePaths),
            Workload(
                key: "I1", title: "inference, T1's net", model: tiny, input: [64], batch: 1, optimizer: nil,
                paths: tinyPaths),
            Workload(
                key: "I2", title: "inference, T3's net", model: wide, input: [784], batch: 1, optimizer: nil,
                paths: widePaths),
            Workload(
                key: "I3", title: "inference, T7's net", model: residualImages, input: [32, 32, 3], batch: 1,
                optimizer: nil, paths: imagePaths),
        ]
    }()

    private static func dense(_ name: String, _ path: String) -> [(String, String)] {
        [(name + ".w", path + ".weight"), (name + ".b", path + ".bias")]
    }

    private static func norm(_ name: String, _ path: String) -> [(String, String)] {
        [
            (name + ".g", path + ".scale"), (name + ".b", path + ".shift"), (name + ".m", path + ".mean"),
            (name + ".v", path + ".variance"),
        ]
    }
}
