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
var settings = Trainer.Settings()
settings.epochs = 60
let trainer = try Trainer(model, data: data, settings: settings, optimizer: OptimizerSettings(Adam(learningRate: 0.01)))
for (path, name) in trainer.step.initializers.sorted(by: { $0.key < $1.key }) where path.hasSuffix("weight") {
    print("\(path) is drawn by \(name)")
}
try trainer.run()

let accuracy = try trainer.evaluate(data.test).first { $0.name == "accuracy" }?.value ?? 0
print("test accuracy \(accuracy)")
if accuracy < 0.97 {
    print("expected at least 0.97")
    exit(1)
}
