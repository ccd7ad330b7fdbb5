import ArgumentParser
import Fathom
import Foundation

/// `fathom explain`: what a verdict of the doctor means.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explain what the doctor looks for: the meaning, the mathematics, the sources.",
        discussion: """
            Without a name all rules are listed.

            Examples:
              fathom explain
              fathom explain vanishingGradient
              fathom explain vanishingGradient --html vanishing.html

            Exit codes: 0 done, 2 no rule of that name; the nearest one is named.
            """)

    @Argument(
        help: "A rule, as the doctor names it.",
        completion: .list(Rule.all.map(\.id))) var rule: String?
    @Option(help: "Write a page for a browser, with the picture.", completion: .file(extensions: ["html"]))
    var html: String?

    func run() throws {
        let color = Terminal.hasOutputColor
        guard let name = rule else {
            guard html == nil else { throw UsageError("--html needs the name of a rule; 'fathom explain' lists them") }
            Terminal.output(Rule.list(color: color))
            return
        }
        guard let rule = Rule.named(name) else {
            throw ConfigError.unknown("rule", Format.safe(name), allowed: Rule.all.map(\.id))
        }
        if let html {
            try Data(rule.explanationPage.utf8).write(to: URL(filePath: html))
            Terminal.message("wrote \(html)")
        } else {
            Terminal.output(rule.explained(width: Terminal.width, color: color))
        }
    }
}
