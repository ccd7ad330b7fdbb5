import Fathom

/// Trains a run for a person or a program to watch.
struct TrainingSession {
    let training: TrainingRun
    let output: OutputOptions
    var isWatched = false

    func run() throws {
        let progress = ProgressDisplay(
            metric: training.trainer.metrics.first?.name, isQuiet: output.quiet || output.json)
        let path = training.folder.path
        warnOfData()
        let outcome: TrainingEvent.Outcome
        let watch = isWatched ? try TrainingWatch(training, output) : nil
        do {
            outcome = try training.run { event in
                if output.json { writeJSON(event) }
                progress.show(event)
                try watch?.see(event) { progress.clear() }
            }
        } catch {
            progress.clear()
            throw error
        }
        progress.clear()
        if outcome == .interrupted {
            Terminal.message("interrupted after step \(training.trainer.step.step); go on with: fathom resume \(path)")
            return
        }
        try report(outcome, path)
    }

    /// Says what will keep the data from being learnt; columns that never change are common in pictures and no matter.
    private func warnOfData() {
        let train = training.trainer.data.train
        // A pass over every value: not worth the wait where there are very many.
        guard !output.quiet, train.inputs.values.count < 10_000_000 else { return }
        for finding in DataChecks.findings(in: train) {
            if case .constantFeatures = finding { continue }
            Terminal.warning("\(finding)")
        }
    }

    /// Judges the model that is kept by the part it has never seen.
    private func report(_ outcome: TrainingEvent.Outcome, _ path: String) throws {
        let model = try TrainedModel(run: path)
        let values = try model.measure(training.trainer.data.test)
        if output.json {
            let members = values.map { "\(Format.json($0.name)): \(Format.json($0.value))" }.joined(separator: ", ")
            Terminal.output(
                "{\"event\": \"result\", \"outcome\": \"\(outcome.rawValue)\", \"run\": \(Format.json(path)), "
                    + "\"checkpoint\": \(Format.json(model.checkpoint)), \"test\": {\(members)}}\n")
            return
        }
        let measured = values.map { "\($0.name) \(Format.brief($0.value))" }.joined(separator: "  ")
        Terminal.output("test  \(measured)\n")
        guard !output.quiet else { return }
        let early = outcome == .stoppedEarly ? "stopped early; " : ""
        Terminal.message("\(early)\(model.checkpoint) kept in \(path)")
        Terminal.message("next: fathom evaluate \(path)")
    }

    private func writeJSON(_ event: TrainingEvent) {
        let members: String
        switch event {
        case .started(let start):
            members =
                "\"event\": \"started\", \"parameters\": \(start.parameters), \"rows\": \(start.trainRows), "
                + "\"epochs\": \(start.epochs), \"stepsPerEpoch\": \(start.stepsPerEpoch), \"step\": \(start.step)"
        case .step(let step):
            members =
                "\"event\": \"step\", \"step\": \(step.step), \"epoch\": \(step.epoch), "
                + "\"loss\": \(Format.json(step.loss)), \"learningRate\": \(Format.json(step.learningRate))"
        case .epoch(let epoch):
            let values = epoch.evaluation.map { "\(Format.json($0.name)): \(Format.json($0.value))" }
            members =
                "\"event\": \"epoch\", \"epoch\": \(epoch.epoch), \"step\": \(epoch.step), "
                + "\"trainLoss\": \(Format.json(epoch.trainLoss)), \(Format.json(epoch.split)): "
                + "{\(values.joined(separator: ", "))}, \"seconds\": \(Format.json(epoch.seconds)), "
                + "\"best\": \(epoch.isBest)"
        case .observed(let seen):
            let layers = seen.layers.sorted { $0.key < $1.key }.map { path, values in
                let rms = values.sorted { $0.key < $1.key }.map {
                    "\(Format.json($0.key)): \(Format.json($0.value.moments.rootMeanSquare))"
                }
                return "\(Format.json(path)): {\(rms.joined(separator: ", "))}"
            }
            members = "\"event\": \"observed\", \"step\": \(seen.step), \"rms\": {\(layers.joined(separator: ", "))}"
        case .checkpoint(let name, let step):
            members = "\"event\": \"checkpoint\", \"name\": \(Format.json(name)), \"step\": \(step)"
        case .warning(let text): members = "\"event\": \"warning\", \"text\": \(Format.json(text))"
        case .finished(let outcome): members = "\"event\": \"finished\", \"outcome\": \"\(outcome.rawValue)\""
        }
        Terminal.output("{\(members)}\n")
    }
}
