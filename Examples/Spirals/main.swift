// Tells three spirals apart with an activation written here in one line.
import Fathom
import Foundation

let wave = Activation("wave") { x in x + sin(x * 2) / 2 }

// Its gradient, its kernel and its theory follow from the formula.
let facts = try ActivationFacts(wave)
print("wave: max slope \(facts.maxSlope), gains \(facts.forwardGain) forward and \(facts.backwardGain) backward")

let data = try SyntheticSets.spirals(count: 1200, arms: 3, turns: 1, seed: 7).split(fraction: 0.8, seed: 7)
let model = Sequential {
    for _ in 0..<2 {
        Dense(32)
        Activate(wave)
    }
    Dense(3)
}
let step = try TrainStep(
    model, loss: .softmaxCrossEntropy(), optimizer: OptimizerSettings(Adam(learningRate: 0.01)),
    data: DataShape(data.train), batch: 32)
print(
    "initialisers: \(step.initializers.filter { $0.key.hasSuffix("weight") }.sorted { $0.key < $1.key }.map(\.value))")
for epoch in 0..<60 { try step.runEpoch(epoch, over: data.train) }

let accuracy = try step.evaluate(.accuracy, on: data.test) ?? 0
print("test accuracy \(accuracy)")
if accuracy < 0.97 {
    print("expected at least 0.97")
    exit(1)
}
