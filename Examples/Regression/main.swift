// Predicts a number from a table: the width of an iris petal from the flower's other three measurements.
import Fathom
import Foundation

let iris = try Iris.load()
var inputs: [Float] = []
var widths: [Float] = []
for row in 0..<iris.rowCount {
    let values = Array(iris.inputs.row(row))
    inputs += values[..<3]
    widths.append(values[3])
}
let table = try Dataset(
    name: "petal width", inputs: DataArray(values: inputs, shape: [iris.rowCount, 3]),
    targets: .values(DataArray(values: widths, shape: [iris.rowCount, 1])),
    featureNames: Array(iris.featureNames.prefix(3)), provenance: iris.provenance)

// Fitted on the training part alone, applied to both.
let split = try table.split(fraction: 0.8, seed: 3)
let data = try ColumnScaling.standardizing(split.train.inputs).applied(to: split)

let model = Sequential {
    Dense(16)
    Tanh()
    Dense(1)
}
var settings = Trainer.Settings()
settings.epochs = 100
settings.batch = 16
let trainer = try Trainer(
    model, data: data, settings: settings, loss: .huber(), optimizer: OptimizerSettings(Adam(learningRate: 0.01)))
try trainer.run()

let r2 = try trainer.evaluate(data.test).first { $0.name == "r2" }?.value ?? -.infinity
print("R² on flowers not seen in training: \(r2)")
if r2 < 0.9 {
    print("expected at least 0.9")
    exit(1)
}
