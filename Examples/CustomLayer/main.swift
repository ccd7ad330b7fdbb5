// A layer of one's own with its own parameters: radial basis functions separate two rings, which no line can.
import Fathom
import Foundation

let data = try SyntheticSets.circles(count: 1000, noise: 0.05, seed: 5).split(fraction: 0.8, seed: 5)
let model = Sequential {
    RadialBasis(8)
    Dense(2)
}
let step = try TrainStep(
    model, loss: .softmaxCrossEntropy(), optimizer: OptimizerSettings(Adam(learningRate: 0.03)),
    data: DataShape(data.train), batch: 32)
for declaration in step.declarations { print("\(declaration.path) \(declaration.shape)") }
for epoch in 0..<30 { try step.runEpoch(epoch, over: data.train) }

let accuracy = try step.evaluate(.accuracy, on: data.test) ?? 0
print("test accuracy \(accuracy)")
if accuracy < 0.97 {
    print("expected at least 0.97")
    exit(1)
}
