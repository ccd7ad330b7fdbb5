import Fathom

/// The doctor beside a training: says what it finds as soon as it finds it, and keeps it in the run store.
final class TrainingWatch {
    private let watcher: Watcher
    private let training: TrainingRun
    private let output: OutputOptions
    private var known: Set<String> = []

    init(_ training: TrainingRun, _ output: OutputOptions) throws {
        (self.training, self.output) = (training, output)
        let patient = Patient(
            training.configuration.name ?? training.prepared.split.train.name, configuration: training.configuration,
            data: training.prepared.split)
        watcher = try Watcher(training.trainer, setup: try Setup(patient, training.prepared))
    }

    func see(_ event: TrainingEvent, before: () -> Void) throws {
        // What is wrong before the first step is said before it.
        if case .started = event { try judge(at: 0, before) }
        if case .finished(let outcome) = event {
            watcher.end(outcome == .interrupted ? .watchedEnough : .completed)
            return try judge(at: training.trainer.step.step, before)
        }
        guard try watcher.see(event) else { return }
        if let look = watcher.evidence.course?.examinations.last { try training.store?.record(look) }
        try judge(at: training.trainer.step.step, before)
    }

    private func judge(at step: Int, _ before: () -> Void) throws {
        for finding in Diagnosis(watcher.evidence).findings where finding.severity > .note {
            guard known.insert(finding.rule).inserted else { continue }
            before()
            try training.store?.record(finding, at: step)
            if output.json {
                Terminal.output(
                    "{\"event\": \"finding\", \"step\": \(step), \"rule\": \(Format.json(finding.rule)), "
                        + "\"severity\": \"\(finding.severity)\", \"layer\": \(Format.json(finding.layers.first ?? "")), "
                        + "\"text\": \(Format.json(finding.text))}\n")
            } else {
                let place = finding.layers.first.map { " at \($0)" } ?? ""
                let head = Terminal.color(finding.title, finding.severity == .failure ? "1;31" : "1;33")
                Terminal.message("step \(step)  \(head)\(place): \(finding.text)")
                Terminal.message("  fathom explain \(finding.rule)")
            }
        }
    }
}
