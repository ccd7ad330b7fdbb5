import ArgumentParser
import Fathom
import Foundation

struct CasesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cases",
        abstract: "Judge labelled training set-ups, and count how often the labels agree.",
        discussion: """
            Reads set-ups described with the names of Keras (layers, initialisers, optimiser, loss, data), rebuilds each \
            with its defaults, runs the doctor on it and compares with the label. What cannot be rebuilt is named.

            Examples:
              fathom cases cases.json --data ~/datasets
              fathom cases cases.json --filter mnist --treat --json > outcomes.jsonl

            Exit codes: 0 done whatever was found, 1 the work failed, 2 a mistake in the command or the file.
            """)

    @Argument(help: "A file of cases in JSON.", completion: .file(extensions: ["json"]))
    var file: String

    @Flag(name: .long, help: "Try remedies on what is found faulty, and prove them.")
    var treat = false

    @Option(name: .long, help: "Only cases whose id contains this; may be given several times.")
    var filter: [String] = []

    @Option(name: .long, help: "The folder of named sets such as mnist, each in a folder of its own.")
    var data: String?

    @Option(name: .long, help: "The most rows to learn from; larger sets are cut, and the output says so.")
    var rows = 6000

    @Option(name: .long, help: "Threads; the outcome does not depend on them.")
    var threads: Int?

    @OptionGroup var output: OutputOptions

    func run() throws {
        guard 10...10_000_000 ~= rows else { throw UsageError("--rows must be between 10 and 10000000") }
        if let threads, !(1...1024).contains(threads) { throw UsageError("--threads must be between 1 and 1024") }
        guard let bytes = FileManager.default.contents(atPath: file) else {
            throw UsageError("cannot read '\(Format.safe(file))'")
        }
        let cases = try CaseFile(json: bytes).cases.filter { read in
            let id = (try? read.get())?.id ?? { if case .failure(let error) = read { error.id } else { "" } }()
            return filter.isEmpty || filter.contains { id.localizedCaseInsensitiveContains($0) }
        }
        guard !cases.isEmpty else { throw UsageError("no case has an id with \(filter.joined(separator: " or "))") }
        let stop = Signals.stopOnRequest()
        var runner = CaseRunner(folder: URL(fileURLWithPath: file).deletingLastPathComponent().path)
        runner.sets = data ?? DataFolders.all.first
        runner.rows = rows
        runner.doctor.settings.threads = threads
        if treat {
            let doctor = runner.doctor
            runner.treat = { try doctor.treat($0, stop: stop) }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var outcomes: [CaseOutcome] = []
        for read in cases {
            let outcome = runner.run(read, stop: stop)
            // An examination that was broken off says nothing.
            if stop.isRequested { break }
            outcomes.append(outcome)
            if output.json {
                Terminal.output(String(decoding: try encoder.encode(outcome), as: UTF8.self) + "\n")
            } else {
                Terminal.output(Self.text(outcome, quiet: output.quiet))
            }
        }
        let summary = CaseSummary(outcomes)
        if output.json {
            Terminal.output(String(decoding: try encoder.encode(["summary": summary]), as: UTF8.self) + "\n")
        } else {
            Terminal.output(Self.text(summary, treated: treat))
        }
    }

    // MARK: Text

    private static func text(_ outcome: CaseOutcome, quiet: Bool) -> String {
        let mark = outcome.agrees.map { $0 ? "agrees" : "DIFFERS" } ?? ""
        let label = outcome.label.map { "\($0)" } ?? "?"
        var lines = [
            "\(Format.safe(outcome.id)): \(outcome.status.rawValue)  (label \(label) "
                + "\(Format.safe(outcome.faults.joined(separator: ", "))))  \(mark)  \(Format.duration(outcome.seconds))"
        ]
        if quiet { return lines[0] + "\n" }
        func number(_ value: Double?) -> String { value.map { Format.brief($0) } ?? "?" }
        if let skill = outcome.skill {
            var line = "  \(skill.name) \(number(skill.reached)) after \(outcome.steps ?? 0) steps; without learning "
            line += "\(number(skill.trivial)), simple methods \(number(skill.simple))"
            if !skill.seeds.isEmpty {
                line += "; other seeds " + skill.seeds.map { Format.brief($0) }.joined(separator: ", ")
            }
            lines.append(line)
        }
        switch outcome.remark {
        case .labelDoubtful where outcome.label == .normal:
            lines.append("  label doubtful: labelled normal, but it stays at chance")
        case .labelDoubtful:
            lines.append(
                "  label doubtful: labelled faulty, but it trains well, and putting right gains nothing of use")
        case .trainsWell: lines.append("  trains well although labelled faulty")
        case nil: break
        }
        for (index, finding) in outcome.findings.enumerated() {
            var line = "  \(index + 1). \(finding.rule)" + (finding.cause.map { " (\($0))" } ?? "")
            line += "  \(finding.severity) \(Format.fixed(finding.confidence, 2))"
            if let layer = finding.layers.first { line += "  at \(Format.safe(layer))" }
            if !finding.symptoms.isEmpty { line += "  explains " + finding.symptoms.joined(separator: ", ") }
            if index == 0, outcome.rightCauseFirst == false { line += "  [not the labelled cause]" }
            lines.append(line)
        }
        for tried in outcome.weighed {
            var line = "  put right (\(tried.remedy)): \(number(tried.before)) → \(number(tried.after)), gain "
            line += "[\(number(tried.interval.lowerBound)), \(number(tried.interval.upperBound))]"
            if let speed = tried.speed { line += ", as far in 1/\(number(speed.factor)) of the work" }
            lines.append(line + (tried.isHarm ? "" : "; no difference that matters"))
        }
        if let repair = outcome.repair {
            var line = "  remedy \(repair.remedies.joined(separator: " + ")): \(repair.verdict), "
            line += "\(number(repair.before)) → \(number(repair.after))"
            if let interval = repair.interval {
                line += ", gain \(number(repair.gain)) [\(number(interval[0])), \(number(interval[1]))]"
            }
            if let speed = repair.speed, let interval = repair.speedInterval {
                line += ", as far in 1/\(number(speed)) of the work "
                line += "[1/\(number(interval[0])), 1/\(number(interval[1]))]"
            }
            lines.append(line)
        }
        if !outcome.unsupported.isEmpty {
            lines.append("  not supported: " + outcome.unsupported.map { Format.safe($0) }.joined(separator: "; "))
        }
        lines += outcome.notes.map { "  note: " + Format.safe($0) }
        if let error = outcome.error { lines.append("  error: " + Format.safe(error)) }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func text(_ summary: CaseSummary, treated: Bool) -> String {
        func list(_ ids: [String]) -> String {
            "\(ids.count)" + (ids.isEmpty ? "" : ": " + ids.map { Format.safe($0) }.joined(separator: ", "))
        }
        var lines = [
            "", "\(summary.cases) cases",
            "  found faulty of the faulty       \(summary.recall); \(summary.recallAsLabelled) as labelled",
            "  false alarms on those that train \(summary.falseAlarms)",
            "  right cause first                \(summary.rightCauseFirst)",
        ]
        if treated {
            lines.append(
                "  repaired with proof              \(summary.repaired); \(summary.repairedAsLabelled) as labelled")
            lines.append("    of these by less work alone    \(list(summary.repairedBySpeed))")
            lines.append("  nothing to gain                  \(list(summary.nothingToGain))")
            lines.append("  beyond a configuration           \(list(summary.beyondConfiguration))")
        }
        lines.append("  labels doubtful                  \(list(summary.labelDoubtful))")
        lines.append("  train well though labelled faulty \(list(summary.trainsWell))")
        lines.append("  not supported                    \(list(summary.unsupported))")
        lines.append("  errors                           \(list(summary.errors))")
        return lines.joined(separator: "\n") + "\n"
    }
}
