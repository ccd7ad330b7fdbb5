import ArgumentParser
import Fathom
import FathomLab
import Foundation

/// `fathom lab`: claims about networks, measured and drawn.
struct LabCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lab", abstract: "Run experiments that show, measure and draw how networks behave.",
        discussion: """
            Without a name it lists the experiments; with one it runs it, prints theory, measurement and verdict, and writes a
            page and its pictures. Each experiment has flags of its own: `fathom lab NAME --help`.

            Examples:
              fathom lab
              fathom lab zigzag
              fathom lab zigzag --mean 3 --seeds 10
              fathom lab vanishing --json
              fathom lab --all --out site          a page each and an index, for any browser, without a network

            Exit codes: 0 done, 1 the work failed, 2 a mistake in the command, 3 a measurement contradicts its claim. Claims
            that too few seeds leave undecided do not fail.
            """,
        helpNames: [])

    @Flag(help: "Run every experiment and write a site with an index.") var all = false
    @Flag(help: "Fewer seeds and smaller networks: all of it in under four minutes.") var quick = false
    @Option(help: "The folder for pages and pictures.") var out = "lab"
    @Option(help: "Also write verdicts, tables and the series of the pictures as CSV into this folder.") var csv:
        String?
    @Flag(help: "Print JSON, one object a line and experiment.") var json = false
    @Flag(name: [.short, .long], help: "Show help, with a name that of the experiment.") var help = false
    @Argument(parsing: .allUnrecognized, help: "An experiment, and flags of its own.") var words: [String] = []

    func run() throws {
        let name = words.first.flatMap { $0.hasPrefix("-") ? nil : $0 }
        let flags = Array(words.dropFirst(name == nil ? 0 : 1))
        if help {
            guard let name else { throw CleanExit.helpRequest(self) }
            return Terminal.output(try Experiment.named(name).help)
        }
        if all {
            guard words.isEmpty else {
                throw UsageError("--all takes no further words: '\(words.joined(separator: " "))'")
            }
            return try runAll()
        }
        guard let name else {
            guard flags.isEmpty else {
                throw UsageError("name an experiment before its flags: fathom lab NAME \(flags[0])")
            }
            return list()
        }
        let report = try LabReport(running: Experiment.named(name), quick: quick, flags: flags)
        if json { print(try report.json()) } else { Terminal.output(report.text) }
        try write(report.files, to: out)
        if let csv { try write(report.csv, to: csv) }
        Terminal.message("wrote \(out)/\(name).html")
        if !report.findings.holds { throw ExitCode(3) }
    }

    private func list() {
        let rows = Experiment.all.map { [$0.name, $0.summary] }
        for line in TextTable.lines([["experiment", "shows"]] + rows) { print(line) }
    }

    private func runAll() throws {
        var reports: [LabReport] = []
        for experiment in Experiment.all {
            let report = try LabReport(running: experiment, quick: quick)
            reports.append(report)
            if json {
                print(try report.json())
            } else {
                print("\(experiment.name): \(report.verdict), \(Format.duration(report.seconds))")
                for check in report.findings.checks where check.verdict != .holds {
                    print(
                        "  \(check.verdict.rawValue): \(check.claim): theory \(check.theory), measured \(check.measured)"
                    )
                }
            }
            if let csv { try write(report.csv, to: csv) }
        }
        let site = LabSite(reports)
        try write(site.files, to: out)
        Terminal.message(
            "wrote \(out)/index.html, \(reports.count) experiments in \(Format.duration(reports.reduce(0) { $0 + $1.seconds }))"
        )
        if reports.contains(where: { !$0.findings.holds }) { throw ExitCode(3) }
    }

    private func write(_ files: [(name: String, text: String)], to folder: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for file in files {
                try Data(file.text.utf8).write(to: URL(filePath: folder).appending(path: file.name), options: .atomic)
            }
        } catch {
            throw UsageError("cannot write into '\(folder)': \(error.localizedDescription)")
        }
    }
}
