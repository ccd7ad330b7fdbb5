import Fathom

/// Shows training on standard error: a bar that moves on a terminal, a line an epoch elsewhere.
final class ProgressDisplay {
    private let metric: String?
    private let isQuiet: Bool
    private let clock = ContinuousClock()
    private let begin: ContinuousClock.Instant
    private var lastDrawn: ContinuousClock.Instant
    private var start: TrainingEvent.Start?
    private var latest: Double?
    private var smoothed: Double?
    private var isBarShown = false

    init(metric: String?, isQuiet: Bool) {
        self.metric = metric
        self.isQuiet = isQuiet
        begin = clock.now
        lastDrawn = begin
    }

    func show(_ event: TrainingEvent) {
        if case .warning(let text) = event {
            clear()
            Terminal.warning(text)
        }
        guard !isQuiet else { return }
        switch event {
        case .started(let start):
            self.start = start
            let resumed = start.step > 0 ? "going on after step \(start.step): " : ""
            Terminal.message(
                "\(resumed)\(start.parameters) parameters, \(start.trainRows) rows, \(start.stepsPerEpoch) steps an "
                    + "epoch, \(start.epochs) epochs, \(start.threads) thread\(start.threads == 1 ? "" : "s")")
        case .step(let step):
            smoothed = smoothed.map { 0.9 * $0 + 0.1 * step.loss } ?? step.loss
            guard Terminal.isErrorTerminal, clock.now - lastDrawn > .milliseconds(100) else { return }
            lastDrawn = clock.now
            draw(step)
        case .epoch(let epoch): line(epoch)
        case .observed, .checkpoint, .warning, .finished: break
        }
    }

    /// Takes the bar away.
    func clear() {
        guard isBarShown else { return }
        FileOutput.standardError.write("\r\u{1B}[2K")
        isBarShown = false
    }

    private func draw(_ step: TrainingEvent.Step) {
        guard let start else { return }
        let elapsed = (clock.now - begin).seconds
        let rate = Double(step.rows) / max(elapsed, 1e-9)
        let done = Double(step.step - start.step)
        let total = Double(start.stepsPerEpoch * start.epochs - start.step)
        let remaining = done > 0 ? elapsed / done * max(0, total - done) : .infinity
        var text = " loss \(Format.brief(smoothed ?? step.loss))"
        if let metric, let latest { text += "  \(metric) \(Format.brief(latest))" }
        text += "  \(Format.count(rate)) rows/s  \(Format.duration(remaining)) left"
        let head = "epoch \(step.epoch + 1)/\(start.epochs) "
        let room = min(30, Terminal.width - head.count - text.count - 3)
        var bar = ""
        if room >= 5 {
            let share = min(1, Double(step.stepInEpoch) / Double(max(1, start.stepsPerEpoch)))
            let full = Int(share * Double(room))
            bar = "[" + String(repeating: "=", count: full) + String(repeating: " ", count: room - full) + "]"
        }
        FileOutput.standardError.write("\r\u{1B}[2K" + (head + Terminal.color(bar, "36") + text))
        isBarShown = true
    }

    private func line(_ epoch: TrainingEvent.Epoch) {
        clear()
        guard let start else { return }
        latest = epoch.evaluation.first { $0.name == metric }?.value ?? latest
        var text = "epoch \(epoch.epoch)/\(start.epochs)  loss \(Format.brief(epoch.trainLoss))"
        if !epoch.evaluation.isEmpty {
            text +=
                "  \(epoch.split) "
                + epoch.evaluation.map { "\($0.name) \(Format.brief($0.value))" }.joined(separator: " ")
        }
        text += "  \(Format.count(Double(start.trainRows) / max(epoch.seconds, 1e-9))) rows/s"
        if epoch.isBest { text += Terminal.color("  best", "32") }
        Terminal.message(text)
    }
}
