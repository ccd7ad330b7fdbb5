// Asks why a network does not learn, from Swift: twelve sigmoid layers on handwritten digits.
import Fathom
import Foundation

let data = try Digits.load().flattened().split(fraction: 0.8, seed: 1)
let model = Sequential {
    for _ in 0..<12 {
        Dense(48)
        Activate(.sigmoid)
    }
    Dense(10)
}
var training = RunConfiguration.Training()
training.epochs = 8

let patient = Patient(model, data: data, training: training)
let diagnosis = try Doctor().examine(patient)
for finding in diagnosis.findings {
    print("\(finding.title) at \(finding.layers.first ?? "the set-up"): \(finding.text)")
    for symptom in finding.symptoms { print("  explains: \(symptom.title)") }
}

// Results are values: every layer's gain, split into what the activation and what the weights do to the gradient.
for layer in diagnosis.evidence.birth?.outerLayers ?? [] {
    print("\(layer.path): gain \(layer.gain) = activation \(layer.activationGain) × weights \(layer.transportGain)")
}

guard let first = diagnosis.findings.first, first.rule == "vanishingGradient", first.cause == "activation" else {
    print("expected a vanishing gradient, made by the activation")
    exit(1)
}

// What helps is tried beside no change, on the same seeds.
let cure = try Doctor().treat(diagnosis).winner
print(cure?.title ?? "nothing helped", cure?.gain ?? 0)
guard let cure, cure.gain > 0.3 else {
    print("expected a proven cure that gains more than 0.3 in accuracy")
    exit(1)
}
