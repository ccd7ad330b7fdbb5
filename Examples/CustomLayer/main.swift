// A layer of one's own with its own parameters: radial basis functions separate two rings, which no line can.
import Fathom
import Foundation

let data = try SyntheticSets.circles(count: 1000, noise: 0.05, seed: 5).split(fraction: 0.8, seed: 5)
let model = Sequential {
    RadialBasis(8)
    Dense(2)
}
var settings = Trainer.Settings()
settings.epochs = 30
let trainer = try Trainer(model, data: data, settings: settings, optimizer: OptimizerSettings(Adam(learningRate: 0.03)))
for declaration in trainer.step.declarations { print("\(declaration.path) \(declaration.shape)") }
try trainer.run()

let accuracy = try trainer.evaluate(data.test).first { $0.name == "accuracy" }?.value ?? 0
print("test accuracy \(accuracy)")
if accuracy < 0.97 {
    print("expected at least 0.97")
    exit(1)
}
