// Recognises handwritten digits: 1,797 images of 8×8 pixels, a fifth of them kept for the test.
import Fathom

let data = try Digits.load().flattened().split(fraction: 0.8, seed: 1)
let model = Sequential {
    Dense(128)
    ReLU()
    Dense(10)
}
let step = try TrainStep(
    model, loss: .softmaxCrossEntropy(), optimizer: OptimizerSettings(Adam(learningRate: 0.003)),
    data: DataShape(data.train), batch: 32)
for epoch in 0..<30 {
    let loss = try step.runEpoch(epoch, over: data.train)
    if epoch % 5 == 4 { print("epoch \(epoch + 1): loss \(loss)") }
}
let accuracy = try step.evaluate(.accuracy, on: data.test) ?? 0
print("test accuracy \(accuracy)")
guard accuracy >= 0.97 else { fatalError("expected at least 0.97") }
