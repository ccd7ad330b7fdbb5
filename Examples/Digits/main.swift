// Recognises handwritten digits: 1,797 images of 8×8 pixels, a fifth of them kept for the test.
import Fathom

let data = try Digits.load().flattened().split(fraction: 0.8, seed: 1)
let model = Sequential {
    Dense(128)
    ReLU()
    Dense(10)
}
var settings = Trainer.Settings()
settings.epochs = 30
let trainer = try Trainer(
    model, data: data, settings: settings, optimizer: OptimizerSettings(Adam(learningRate: 0.003)))
try trainer.run { event in
    if case .epoch(let epoch) = event, epoch.epoch % 10 == 0 { print("epoch \(epoch.epoch): loss \(epoch.trainLoss)") }
}
let accuracy = try trainer.evaluate(data.test).first { $0.name == "accuracy" }?.value ?? 0
print("test accuracy \(accuracy)")
guard accuracy >= 0.97 else { fatalError("expected at least 0.97") }
