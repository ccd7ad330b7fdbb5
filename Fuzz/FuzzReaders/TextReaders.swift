import FathomDiagnosis
import FathomNN
import FathomTraining
import Foundation

/// Readers of text that people write: configurations, models, cases of the doctor.
let textReaders: [String: Reader] = [
    "configuration": { bytes in
        let run = try RunConfiguration(yaml: text(bytes))
        // A run's folder holds the configuration as it is written out: that must be readable, and stay as it is.
        let written = run.yaml
        precondition((try? RunConfiguration(yaml: written))?.yaml == written, "does not read back: \(written)")
        _ = try run.model.build()
    },
    "model": { bytes in
        let spec = try ModelSpec(text(bytes))
        precondition((try? ModelSpec(spec.text)) == spec, "does not read back: \(spec.text)")
        _ = try spec.build()
    },
    "case": { bytes in
        for case .failure(let error) in try CaseFile(json: data(bytes)).cases { _ = error.description }
    },
    "recipe": { bytes in try readRecipe(text(bytes)) },
]

private func text(_ bytes: borrowing RawSpan) -> String {
    bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
}

private func data(_ bytes: borrowing RawSpan) -> Data { bytes.withUnsafeBytes { Data($0) } }

/// What a case says in words, in an otherwise sound case: the first line is `how` its data are made, the second its
/// `change`, the third a layer's initialiser.
private func readRecipe(_ text: String) throws {
    let lines = text.split(separator: "\n", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    let how = lines[0]
    // Long texts, many rows and many columns are sound, take long and say nothing new.
    guard how.utf8.count <= 500, !how.contains(/\d{4}|\.00|\d ?k|\d[eE]|\^\d\d|\*\*/) else { return }
    func word(_ line: Int, otherwise standard: String) -> String {
        lines.indices.contains(line) && !lines[line].isEmpty ? lines[line] : standard
    }
    let one: [String: Any] = [
        "id": "one", "task": "regression", "dataset": ["name": "rows", "how": how], "input_shape": [1],
        "layers": [["t": "dense", "units": 1, "init": word(2, otherwise: "he_normal")] as [String: Any]],
        "loss": "mse", "change": word(1, otherwise: "twice"), "label": ["status": "normal"],
    ]
    let json = try JSONSerialization.data(withJSONObject: ["cases": [one]])
    for labelled in try CaseFile(json: json).cases { _ = try labelled.get().rebuilt(folder: "/nowhere", rows: 50) }
}
