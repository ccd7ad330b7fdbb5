import FathomTraining
import Foundation

extension DiagnosisDocument {
    /// The diagnosis for a terminal: verdicts, why, the gradient layer by layer, what was tried, what to do next.
    ///
    /// - Parameters:
    ///   - width: columns of the terminal.
    ///   - color: whether escape sequences may be used; without them the text is plain.
    ///   - command: how the patient is named on the command line, for the next command; its name when `nil`.
    ///   - next: the next command, where the caller knows better.
    public func text(
        width: Int = 80, color: Bool = false, command: String? = nil, next: String? = nil
    ) -> String {
        let page = TerminalPage(width: min(max(width, 40), 140), color: color)
        var blocks = [page.styled(page.wrapped(headline).joined(separator: "\n"), isHealthy ? .good : .strong)]
        if !findings.isEmpty { blocks.append(table(page)) }
        blocks += findings.filter { $0.severity > .note || isHealthy }.map { account($0, page) }
        if let profile = profile(page) { blocks.append(profile) }
        if let parts = parts(page) { blocks.append(parts) }
        if let learning = learning { blocks.append(page.wrapped(learning).joined(separator: "\n")) }
        if let treatment { blocks.append(trials(treatment, page)) }
        if let rest = rest(page) { blocks.append(rest) }
        blocks.append("Next: " + page.styled(next ?? nextCommand(command ?? Words.safe(subject.name)), .strong))
        return blocks.joined(separator: "\n\n") + "\n"
    }

    /// The command that leads on from here.
    func nextCommand(_ name: String) -> String {
        let isPlain = name.unicodeScalars.allSatisfy {
            $0.properties.isAlphabetic || "0123456789-_./".unicodeScalars.contains($0)
        }
        let quoted = isPlain ? name : "'" + name.replacingOccurrences(of: "'", with: "'\\''") + "'"
        if isHealthy { return "fathom train \(quoted)" }
        return treatment == nil ? "fathom doctor \(quoted) --treat" : "fathom explain \(cause?.rule ?? "")"
    }

    /// A gain in skill: percentage points for classes.
    func gain(_ x: Double) -> String {
        subject.classes == nil ? Words.signed(x) : Words.signed(100 * x, digits: 1)
    }

    func gain(_ trial: Treatment.Trial) -> String { trial.seeds.isEmpty ? "—" : gain(trial.gain) }

    /// The ends of the interval; `nil` for a trial that ended before its seeds were through.
    func interval(_ trial: Treatment.Trial) -> (String, String)? {
        guard trial.hasInterval else { return nil }
        return (gain(trial.interval.lowerBound), gain(trial.interval.upperBound))
    }

    var gainUnit: String? { subject.classes == nil ? nil : "points" }

    // MARK: Verdicts

    private func table(_ page: TerminalPage) -> String {
        var rows = [["", "what", "where", "since", "sure"]]
        var severities: [Finding.Severity] = []
        func places(_ findings: [Finding]) -> [Int] { findings.flatMap { [place($0).count] + places($0.symptoms) } }
        // What the mark, the place, the step and the confidence leave.
        let room = max(page.width - 30 - (places(findings).max() ?? 0), 24)
        func add(_ finding: Finding, _ depth: Int) {
            let cause = finding.cause.map { " (\(Words.spaced($0)))" } ?? ""
            let what = String(repeating: "  ", count: depth) + (depth > 0 ? "└ " : "") + finding.title + cause
            rows.append([
                finding.severity.mark, Words.shortened(Words.safe(what), room), place(finding),
                Words.since(finding.since),
                Words.percent(finding.confidence),
            ])
            severities.append(finding.severity)
            for symptom in finding.symptoms { add(symptom, depth + 1) }
        }
        for finding in findings { add(finding, 0) }
        var lines = TextTable.lines(rows, rightAligned: [4])
        for (i, severity) in severities.enumerated() { lines[i + 2] = page.styled(lines[i + 2], severity.style) }
        return lines.joined(separator: "\n")
    }

    private func place(_ finding: Finding) -> String {
        guard let first = finding.layers.first else { return "whole set-up" }
        let more = finding.layers.count - 1
        return Words.shortened(Words.safe(first), 20) + (more > 0 ? " +\(more)" : "")
    }

    /// Why, with the numbers, and what may help.
    private func account(_ finding: Finding, _ page: TerminalPage) -> String {
        var lines = [page.styled(Words.safe(finding.title), finding.severity.style)]
        lines += page.wrapped(Words.safe(finding.text), indent: 2)
        for fact in finding.evidence {
            let expected = fact.expected.map { ", expected \(Words.safe($0))" } ?? ""
            lines += page.wrapped("· \(Words.safe(fact.name)): \(Words.number(fact.value))\(expected)", indent: 2)
        }
        for suggestion in finding.suggestions.prefix(3) {
            lines += page.wrapped("→ \(suggestion.remedy): \(Words.safe(suggestion.reason))", indent: 2)
        }
        return lines.joined(separator: "\n")
    }

    // MARK: Gradients

    /// The look that shows the gradient best: the first one of training, before the loss has fallen.
    var gradientLook: Examination? { run?.examinations.first ?? birth }

    /// Bars of the gradient at each layer, 1 at the last one, on a logarithmic scale; then whose work its loss is.
    private func profile(_ page: TerminalPage) -> String? {
        guard let look = gradientLook else { return nil }
        let layers = look.outerLayers
        guard layers.count >= 2, let end = layers.last?.outputGradient.size, end > 0, end.isFinite else { return nil }
        let sizes = layers.map { $0.outputGradient.size / end }
        let logs = sizes.filter { $0 > 0 && $0.isFinite }.map(log10)
        let low = min((logs.min() ?? 0).rounded(.down), -2)
        let high = max((logs.max() ?? 0).rounded(.up), 0)
        // At most 24 bars: the first, the last, and some evenly between.
        let count = min(layers.count, 24)
        let shown = (0..<count).map { $0 * (layers.count - 1) / max(count - 1, 1) }
        let names = shown.map {
            String(Words.safe(layers[$0].path.isEmpty ? layers[$0].kind : layers[$0].path).prefix(24))
        }
        let nameWidth = names.map(\.count).max() ?? 0
        let room = page.width - nameWidth - 14
        var lines = page.wrapped(
            "Gradient on its way back at \(Words.since(look.step)): size at each layer's output, 1 at the last; bars from "
                + "\(Words.power(Int(low))) to \(Words.power(Int(high))), logarithmic"
                + (count < layers.count ? "; \(count) of \(layers.count) layers" : ""))
        for (name, i) in zip(names, shown) {
            let share =
                sizes[i] > 0 && sizes[i].isFinite ? (log10(sizes[i]) - low) / (high - low) : sizes[i] > 0 ? 1 : 0
            let bar = TerminalPage.bar(share, width: room)
            lines.append(
                "  " + name + String(repeating: " ", count: nameWidth - name.count + 2)
                    + page.styled(bar, .accent) + String(repeating: " ", count: max(room - bar.count, 0) + 1)
                    + Words.number(sizes[i]))
        }
        let activation = layers.reduce(1) { $0 * $1.activationGain }
        let transport = layers.reduce(1) { $0 * $1.transportGain }
        lines += page.wrapped(
            "In all the gradient changes by \(Words.number(look.totalGain)): \(Words.number(activation)) in the "
                + "activations × \(Words.number(transport)) in weights, normalisation and shortcuts.")
        return lines.joined(separator: "\n")
    }

    /// Dead units, residual branches and gates, where there are any.
    private func parts(_ page: TerminalPage) -> String? {
        guard let first = gradientLook, let last = looks.last else { return nil }
        func range(_ values: [Double]) -> String {
            let ends = [values.min() ?? 0, values.max() ?? 0].map(Words.number)
            return ends[0] == ends[1] ? ends[0] : "\(ends[0]) to \(ends[1])"
        }
        var lines: [String] = []
        let names = Dictionary(subject.layers.map { ($0.path, $0.unitName) }) { a, _ in a }
        let dead = last.layers.filter {
            ($0.slope?.dead ?? 0) > 0 && 10 * ($0.slope?.dead ?? 0) >= ($0.slope?.fires.count ?? 0)
        }
        if !dead.isEmpty {
            let each = dead.prefix(6).map { layer in
                "\(layer.slope?.dead ?? 0) of \(layer.slope?.fires.count ?? 0) \(names[layer.path] ?? "unit")s of \(Words.safe(layer.path))"
            }
            let more = dead.count > each.count ? " and in \(dead.count - each.count) more layers" : ""
            lines += page.wrapped(
                "Dead at \(Words.since(last.step)), firing for no row: \(each.joined(separator: ", "))\(more).")
        }
        let branches = first.layers.compactMap(\.branch)
        if !branches.isEmpty {
            lines += page.wrapped(
                "Residual branches beside their shortcuts (×1) at \(Words.since(first.step)): gradient "
                    + "×\(range(branches.map(\.gradient))), values ×\(range(branches.map(\.signal))).")
        }
        let gates = last.layers.flatMap(\.gates)
        if !gates.isEmpty {
            let before = first.layers.flatMap(\.gates)
            lines += page.wrapped(
                "Gates, 0 closed and 1 open: \(range(before.map(\.opening))) at \(Words.since(first.step)), "
                    + "\(range(gates.map(\.opening))) at \(Words.since(last.step)).")
        }
        return lines.isEmpty ? nil : lines.joined(separator: "\n")
    }

    /// What it has learnt beside what simple methods reach.
    var learning: String? {
        guard let last = run?.evaluations.last else { return nil }
        func skill(_ x: Double) -> String { subject.classes == nil ? Words.number(x) : Words.percent(x) }
        var text =
            "After \(Words.count(last.step)) steps it reaches \(skillName) \(skill(last.heldOut.skill)) on held-out rows"
        if let yard = subject.yardstick {
            text +=
                "; always the same answer reaches \(skill(yard.trivial)), nearest neighbours \(skill(yard.neighbours)), "
            text += "a linear model \(skill(yard.linear))"
        }
        if let first = birth?.loss, let equal = subject.uninformedLoss {
            text += ". Its loss before the first step: \(Words.number(first)) (the same answer to every class: "
            text += "\(Words.number(equal)))"
        }
        if let failure = run?.failure { text += ". It broke off: \(Words.safe(failure))" }
        return text + "."
    }

    // MARK: Treatment

    private func trials(_ treatment: Treatment, _ page: TerminalPage) -> String {
        let rows = treatment.trials.map { trial in
            [
                trial.verdict.words,
                Words.shortened(trial.title, max(page.width - 62, 24)) + (trial.isRandom ? " (by lot)" : ""),
                gain(trial),
                interval(trial).map { "[\($0), \($1)]" } ?? "—",
                "\(trial.seeds.count)",
            ].map(Words.safe)
        }
        var lines = page.wrapped(
            "What was tried against \(Words.spaced(Words.safe(treatment.rule))), \(treatment.skillName) gained over the same seeds without it"
        )
        let table = TextTable.lines(
            [["result", "remedy", gainUnit ?? "gain", "95 % interval", "seeds"]] + rows, rightAligned: [2, 3, 4])
        lines += zip(table.indices, table).map { i, line in
            i >= 2 && [.proven, .faster].contains(treatment.trials[i - 2].verdict) ? page.styled(line, .good) : line
        }
        if let winner = treatment.winner {
            lines += page.wrapped("The cure: \(Words.safe(winner.title)): \(Words.safe(winner.reason))")
            for line in winner.diff.split(separator: "\n", omittingEmptySubsequences: false).prefix(40) {
                let isHead = line.hasPrefix("---") || line.hasPrefix("+++")
                let style: TerminalPage.Style? =
                    isHead ? .faint : line.hasPrefix("+") ? .good : line.hasPrefix("-") ? .bad : nil
                let text = "  " + Words.safe(String(line))
                lines.append(style.map { page.styled(text, $0) } ?? text)
            }
        } else {
            lines += page.wrapped("No remedy is proven: none gained beyond chance by way of what the finding measures.")
        }
        return lines.joined(separator: "\n")
    }

    private func rest(_ page: TerminalPage) -> String? {
        var parts: [String] = []
        if !healthy.isEmpty { parts.append("\(healthy.count) rules found nothing") }
        if !undecided.isEmpty { parts.append("\(undecided.count) had not enough to judge by") }
        return parts.isEmpty ? nil : page.styled(parts.joined(separator: ", ") + ".", .faint)
    }
}

extension Finding.Severity {
    var mark: String {
        switch self {
        case .failure: "✖"
        case .warning: "!"
        case .note: "·"
        }
    }

    var style: TerminalPage.Style {
        switch self {
        case .failure: .bad
        case .warning: .caution
        case .note: .faint
        }
    }

    /// For people.
    var words: String {
        switch self {
        case .failure: "failure"
        case .warning: "warning"
        case .note: "note"
        }
    }
}

extension Treatment.Trial {
    /// Whether the trial was carried through, so that its interval means something.
    var hasInterval: Bool { verdict != .eliminated && verdict != .failed && seeds.count > 1 }
}

extension Treatment.Verdict {
    /// For people.
    var words: String {
        switch self {
        case .proven: "proven"
        case .faster: "as good in less work"
        case .symptomGone: "symptom gone, no gain shown"
        case .gainWithoutMechanism: "gain, mechanism unmoved"
        case .noGain: "no gain"
        case .worse: "worse"
        case .eliminated: "lost an early round"
        case .failed: "could not be trained"
        }
    }
}
