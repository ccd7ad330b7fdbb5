import Fathom
import Foundation

/// An experiment that ran: with what, what it found, and how long it took.
public struct LabReport: Sendable {
    /// What ran.
    public let experiment: Experiment
    /// What it ran with, defaults included.
    public let settings: Settings
    /// What was given on the command line.
    public let flags: [String]
    /// Whether what is not given took the value of a short run.
    public let isQuick: Bool
    /// What came of it.
    public let findings: Findings
    /// Seconds that the measurement took.
    public let seconds: Double

    /// Runs an experiment.
    ///
    /// - Throws: ``ConfigError`` for flags it does not have or values out of range, and what the experiment throws.
    public init(running experiment: Experiment, quick: Bool = false, flags: [String] = []) throws {
        settings = try Settings(experiment, quick: quick, flags: flags)
        (self.experiment, self.flags, isQuick) = (experiment, flags, quick)
        let clock = ContinuousClock()
        let start = clock.now
        findings = try experiment.measure(settings)
        let taken = clock.now - start
        seconds = Double(taken.components.seconds) + Double(taken.components.attoseconds) * 1e-18
    }

    /// The command that does it again.
    public var command: String {
        (["fathom", "lab", experiment.name] + (isQuick ? ["--quick"] : []) + flags.map(Self.quoted))
            .joined(separator: " ")
    }

    private static func quoted(_ word: String) -> String {
        word.contains { "()*' \"&;|<>$".contains($0) } ? "'\(word.replacingOccurrences(of: "'", with: "'\\''"))'" : word
    }

    /// "5 of 6 confirmed, 1 contradicted".
    public var verdict: String {
        let checks = findings.checks
        func count(_ v: Check.Verdict) -> Int { checks.count { $0.verdict == v } }
        var parts = ["\(count(.holds)) of \(checks.count) confirmed"]
        if count(.contradicted) > 0 { parts.append("\(count(.contradicted)) contradicted") }
        if count(.open) > 0 { parts.append("\(count(.open)) not decided") }
        return parts.joined(separator: ", ")
    }

    // MARK: Text

    /// For a terminal.
    public var text: String {
        let rows = findings.checks.map { [$0.claim, $0.theory, $0.measured, $0.verdict.rawValue] }
        var out = "\(experiment.title)\n\n"
        out += TextTable.lines([["", "theory", "measured", "verdict"]] + rows).joined(separator: "\n") + "\n\n"
        if !findings.conclusion.isEmpty { out += Prose.plain(findings.conclusion) + "\n\n" }
        for c in findings.corrections {
            out += Prose.plain("Often said: \(c.said) Found: \(c.found)") + "\n\n"
        }
        return out + "\(verdict), \(Text.number((seconds * 10).rounded() / 10)) s: \(command)\n"
    }

    // MARK: JSON

    private struct Document: Encodable {
        struct CheckRow: Encodable {
            let claim, theory, measured: String
            let verdict: Check.Verdict
            let expected, value, low, high: Double?
        }
        struct Table: Encodable {
            let name, title: String
            let columns: [String]
            let rows: [[DataTable.Cell]]
        }
        struct Series: Encodable {
            let name: String
            let x, y: [Double?]
            let low, high: [Double?]?
        }
        struct Picture: Encodable {
            let name, title, x, y: String
            let series: [Series]
        }
        let experiment, title, command: String
        let parameters: [String: Parameter.Value]
        let verdict: String
        let holds, confirmed: Bool
        let seconds: Double
        let checks: [CheckRow]
        let corrections: [[String: String]]
        let tables: [Table]
        let figures: [[Picture]]
    }

    /// Everything as one JSON object.
    public func json() throws -> String {
        func finite(_ x: Double?) -> Double? { x.flatMap { $0.isFinite ? $0 : nil } }
        let document = Document(
            experiment: experiment.name, title: experiment.title, command: command, parameters: settings.values,
            verdict: verdict, holds: findings.holds, confirmed: findings.isConfirmed, seconds: seconds,
            checks: findings.checks.map {
                .init(
                    claim: $0.claim, theory: $0.theory, measured: $0.measured, verdict: $0.verdict,
                    expected: finite($0.expected), value: finite($0.value), low: $0.interval?.lowerBound,
                    high: $0.interval?.upperBound)
            },
            corrections: findings.corrections.map { ["said": $0.said, "found": $0.found] },
            tables: findings.tables.map {
                .init(name: $0.name, title: $0.title, columns: $0.columns, rows: $0.rows)
            },
            figures: findings.figures.map { figure in
                figure.charts.map { chart in
                    .init(
                        name: figure.name, title: chart.title.isEmpty ? figure.title : chart.title, x: chart.x.label,
                        y: chart.y.label,
                        series: chart.series.map { s in
                            let hasIntervals = s.points.contains { $0.low != nil }
                            return .init(
                                name: s.name, x: s.points.map { finite($0.x) }, y: s.points.map { finite($0.y) },
                                low: hasIntervals ? s.points.map { finite($0.low) } : nil,
                                high: hasIntervals ? s.points.map { finite($0.high) } : nil)
                        })
                }
            })
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(document), as: UTF8.self)
    }

    // MARK: Files

    /// The files of the experiment as CSV, by name: the verdicts, each table and the series of each picture.
    public var csv: [(name: String, text: String)] {
        func field(_ text: String) -> String {
            text.contains { ",\"\n\r".contains($0) } ? "\"\(text.replacingOccurrences(of: "\"", with: "\"\""))\"" : text
        }
        func number(_ x: Double?) -> String { x.map { $0.isFinite ? "\($0)" : "" } ?? "" }
        func lines(_ rows: [[String]]) -> String {
            rows.map { $0.map(field).joined(separator: ",") }.joined(separator: "\n") + "\n"
        }
        var files = [
            (
                "\(experiment.name)-verdicts.csv",
                lines(
                    [["claim", "theory", "measured", "verdict", "expected", "value", "low", "high"]]
                        + findings.checks.map {
                            [
                                $0.claim, $0.theory, $0.measured, $0.verdict.rawValue, number($0.expected),
                                number($0.value), number($0.interval?.lowerBound), number($0.interval?.upperBound),
                            ]
                        })
            )
        ]
        for table in findings.tables {
            // An estimate takes three columns.
            let wide = table.columns.indices.map { c in
                table.rows.contains { c < $0.count && { if case .estimate = $0 { true } else { false } }($0[c]) }
            }
            let head = zip(table.columns, wide).flatMap { $1 ? [$0, "\($0) low", "\($0) high"] : [$0] }
            let rows = table.rows.map { row in
                zip(row, wide).flatMap { cell, isWide -> [String] in
                    switch cell {
                    case .text(let text): isWide ? [text, "", ""] : [text]
                    case .number(let x): isWide ? [number(x), "", ""] : [number(x)]
                    case .estimate(let e): [number(e.mean), number(e.low), number(e.high)]
                    }
                }
            }
            files.append(("\(experiment.name)-\(table.name).csv", lines([head] + rows)))
        }
        for figure in findings.figures {
            var rows = [["chart", "series", "x", "y", "low", "high"]]
            for chart in figure.charts {
                for s in chart.series {
                    rows += s.points.map {
                        [chart.title, s.name, number($0.x), number($0.y), number($0.low), number($0.high)]
                    }
                }
            }
            files.append(("\(experiment.name)-\(figure.name)-picture.csv", lines(rows)))
        }
        return files
    }

    /// The page and the pictures, by name.
    public var files: [(name: String, text: String)] {
        [("\(experiment.name).html", LabPage(self).html)]
            + findings.figures.map { figure in
                (
                    "\(experiment.name)-\(figure.name).svg",
                    Chart.document(figure.charts, title: figure.title)
                )
            }
    }
}

extension DataTable.Cell: Encodable {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        func finite(_ x: Double) -> Double? { x.isFinite ? x : nil }
        switch self {
        case .text(let text): try container.encode(text)
        case .number(let x): try container.encode(finite(x))
        case .estimate(let e):
            try container.encode(["mean": finite(e.mean), "low": finite(e.low), "high": finite(e.high)])
        }
    }
}
