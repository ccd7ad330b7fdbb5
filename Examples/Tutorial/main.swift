// The code of the tutorial in the documentation, from one neuron to the cure of a vanishing gradient. It fails when a
// result is not what the tutorial says.
import Fathom
import Foundation

func expect(_ holds: Bool, _ what: String) {
    print(holds ? "ok: \(what)" : "FAILED: \(what)")
    if !holds { exit(1) }
}

// MARK: 1. A neuron

/// Two inputs that are 0 or 1, and what shall be answered.
func table(_ answers: [Float]) throws -> Dataset {
    try Dataset(
        name: "table", inputs: DataArray(values: [0, 0, 0, 1, 1, 0, 1, 1], shape: [4, 2]),
        targets: .values(DataArray(values: answers, shape: [4, 1])),
        provenance: .init(source: "logic", licence: "none needed"))
}

/// Trains one neuron and says how far off its worst answer is.
func worstError(_ answers: [Float]) throws -> Float {
    let data = try table(answers)
    let neuron = Sequential {
        Dense(1)
        Sigmoid()
    }
    var settings = Trainer.Settings()
    settings.epochs = 1000
    let trainer = try Trainer(
        neuron, data: DataSplit(train: data, test: data), settings: settings,
        optimizer: OptimizerSettings(Adam(learningRate: 0.05)))
    try trainer.run()
    let evaluation = try trainer.step.evaluation(batch: 4)
    _ = evaluation.withInputs(batch: 4) { inputs, _ in
        for (i, value) in data.inputs.values.enumerated() { inputs[i] = value }
    }
    return zip(try evaluation.run(batch: 4), answers).map { abs($0 - $1) }.max() ?? 1
}

let errorOfOr = try worstError([0, 1, 1, 1])
let errorOfXor = try worstError([0, 1, 1, 0])
print("OR is missed by \(errorOfOr), XOR by \(errorOfXor)")

expect(errorOfOr < 0.2 && errorOfXor > 0.4, "one neuron learns OR, and cannot learn XOR")

// MARK: 2. An activation

let bump = Activation("bump") { x in exp(-x * x) }
for activation in [Activation.sigmoid, .tanh, .relu, bump] {
    let facts = try ActivationFacts(activation)
    print("\(activation): steepest \(facts.maxSlope), mean \(facts.mean), backward gain \(facts.backwardGain)")
}

expect(try abs(ActivationFacts(.sigmoid).maxSlope - 0.25) < 1e-9, "a sigmoid is at most a quarter steep")
expect(try abs(ActivationFacts(.relu).backwardGain - 2.0.squareRoot()) < 1e-9, "ReLU passes half of the mean square")

// MARK: 3. Back-propagation

let trace = Trace(isTraining: false)
let w = trace.input("w", [1])
let x = 0.5
let target = 1.0
let output = sigmoid(w * x)
let error = ((output - target) * (output - target)).sum()
var graph = trace.graph
guard let errorNode = error.id, let weightNode = w.id else { fatalError("the trace has a mistake") }
let gradient = try graph.gradient(of: errorNode, withRespectTo: [weightNode])
graph.outputs = [("error", errorNode)] + gradient.values.map { ("gradient", $0) }
let plan = try Executable(graph, maxBatch: 1, state: StateStorage([]), team: Team())
_ = plan.setInput("w", [0.8])
try plan.run(batch: 1)

// The chain rule by hand: the error by the output, the output by the sum, the sum by the weight.
let o = 1 / (1 + exp(-0.8 * x))
let byHand = 2 * (o - target) * o * (1 - o) * x
print("by hand \(byHand), by the library \(plan.output("gradient", batch: 1)[0])")

expect(
    abs(Double(plan.output("gradient", batch: 1)[0]) - byHand) < 1e-6,
    "the library's gradient is that of the chain rule")

// MARK: 4. The vanishing gradient

let deep = Sequential {
    for _ in 0..<16 {
        Dense(48, initializer: .lecunNormal)
        Sigmoid()
    }
    Dense(10)
}
let inspection = try Inspection(deep, input: [64], target: .label, loss: .softmaxCrossEntropy())
print("by theory, of a gradient of 1 the first layer gets \(inspection.gradientGain ?? .nan)")

let digits = try Digits.load().flattened().split(fraction: 0.8, seed: 1)

/// The share of the held-out digits that a network gets right, and the first layer's gradient by the last one's.
func train(_ model: Sequential) throws -> (accuracy: Double, gradient: Double) {
    var settings = Trainer.Settings()
    settings.epochs = 20
    let trainer = try Trainer(
        model, data: digits, settings: settings, optimizer: OptimizerSettings(SGD(learningRate: 0.005, momentum: 0.9)),
        probes: ProbeSettings(interval: 1000, quantities: [.preActivationGradient], sample: 0))
    var gradient = Double.nan
    try trainer.run { event in
        guard case .observed(let seen) = event, seen.step == 1 else { return }
        let first = seen["dense1", "z.gradient"]?.moments.rootMeanSquare ?? .nan
        let last = seen["dense16", "z.gradient"]?.moments.rootMeanSquare ?? .nan
        gradient = first / last
    }
    return (try trainer.evaluate(digits.test).first { $0.name == "accuracy" }?.value ?? 0, gradient)
}

let vanished = try train(deep)
print("measured \(vanished.gradient); digits right after 20 epochs: \(vanished.accuracy)")

expect(vanished.gradient < 1e-6, "hardly anything of the gradient arrives at the first layer")
expect(vanished.accuracy < 0.3, "and the network learns nothing")

// MARK: 5. The cure

let normalized = Sequential {
    for _ in 0..<16 {
        Dense(48, initializer: .lecunNormal)
        BatchNorm()
        Sigmoid()
    }
    Dense(10)
}
let rectified = Sequential {
    for _ in 0..<16 {
        Dense(48, initializer: .heNormal)
        ReLU()
    }
    Dense(10)
}
let withNorm = try train(normalized)
print("with batch norm \(withNorm.accuracy)")
let withReLU = try train(rectified)
print("with ReLU and weights to match \(withReLU.accuracy), gradient \(withReLU.gradient)")

expect(withNorm.accuracy > 0.85, "the same sigmoids learn with batch norm")
expect(withReLU.gradient > 0.1 && withReLU.accuracy > 0.85, "ReLU keeps the gradient and learns")
