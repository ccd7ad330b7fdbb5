import FathomTraining
import Foundation

extension RunStore {
    /// Keeps a finding as a verdict of the run; its evidence goes along as JSON.
    public func record(_ finding: Finding, at step: Int) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        let severity: Severity =
            switch finding.severity {
            case .note: .info
            case .warning: .warning
            case .failure: .failure
            }
        try record(
            Verdict(
                step: step, rule: finding.rule, layer: finding.layers.first ?? "", severity: severity,
                confidence: finding.confidence, text: finding.text,
                json: String(decoding: try encoder.encode(finding), as: UTF8.self)))
    }

    /// Keeps what a close look saw, layer by layer.
    public func record(_ look: Examination) throws {
        for layer in look.layers {
            var values: [(String, Double)] = [
                ("input.mean", layer.input.mean), ("input.deviation", layer.input.deviation),
                ("input.offCentre", layer.inputOffCentre), ("sums.mean", layer.sums.mean),
                ("sums.deviation", layer.sums.deviation), ("output.mean", layer.output.mean),
                ("output.deviation", layer.output.deviation), ("output.zeros", layer.output.zeros),
                ("gradient.output", layer.outputGradient.size), ("gradient.sums", layer.sumsGradient.size),
                ("gradient.input", layer.inputGradient.size), ("gain", layer.gain),
                ("gain.activation", layer.activationGain), ("gain.transport", layer.transportGain),
            ]
            if let number = layer.inputConditionNumber { values.append(("input.conditionNumber", number)) }
            if let slope = layer.slope {
                values += [
                    ("slope.meanSquare", slope.meanSquare), ("slope.saturated", slope.saturated),
                    ("units.dead", Double(slope.dead)),
                ]
            }
            if let branch = layer.branch {
                values += [("branch.signal", branch.signal), ("branch.gradient", branch.gradient)]
            }
            for (i, gate) in layer.gates.enumerated() {
                values.append((layer.gates.count > 1 ? "gate\(i + 1).opening" : "gate.opening", gate.opening))
            }
            for weight in layer.weights {
                let name = weight.path.split(separator: ".").last.map(String.init) ?? weight.path
                values += [
                    ("\(name).size", weight.size), ("\(name).gradient", weight.gradientSize),
                    ("\(name).signCoherence", weight.signCoherence),
                ]
                if let ratio = weight.updateRatio { values.append(("\(name).updateRatio", ratio)) }
            }
            let series = try values.map { try self.series(layer: layer.path, quantity: $0.0) }
            try observe(step: look.step, series: series, values: values.map(\.1))
        }
    }
}
