import CFathomLabListings
import Fathom
import Foundation

/// A claim about networks as something to run: the question in plain words, the mathematics, and a measurement that
/// could turn out otherwise.
///
/// An experiment is one file in `Experiments`, built on the public library, with one row in ``all``.
public struct Experiment: Sendable {
    /// The name on the command line: `zigzag`.
    public let name: String
    /// The heading of its page and of its report.
    public let title: String
    /// What it shows, in one line of the list.
    public let summary: String
    /// The question in plain words; see ``Prose``.
    public let question: String
    /// What theory says; see ``Prose`` for formulas.
    public let mathematics: String
    /// What can be changed from the command line, with defaults; flags, help, page and JSON come from it.
    public let parameters: [Parameter]
    /// What to try next, each with the flags for it.
    public let next: [Suggestion]
    /// The file's name, `Zigzag.swift`; the page shows what stands in it below the line `// MARK: Measurement`.
    public let file: String
    /// The measurement.
    public let measure: @Sendable (Settings) throws -> Findings

    /// A question that another setting answers.
    public struct Suggestion: Sendable, Hashable {
        /// The question, in a sentence.
        public let text: String
        /// Flags: `--mean 3`.
        public let flags: String

        /// - Parameter flags: as on the command line: `--mean 3`.
        public init(_ text: String, _ flags: String) { (self.text, self.flags) = (text, flags) }
    }

    /// - Parameter file: where it is written; only what stands behind the last slash is kept.
    public init(
        name: String, title: String, summary: String, question: String, mathematics: String, parameters: [Parameter],
        next: [Suggestion], file: String = #fileID, measure: @escaping @Sendable (Settings) throws -> Findings
    ) {
        (self.name, self.title, self.summary) = (name, title, summary)
        (self.question, self.mathematics, self.parameters, self.next) = (question, mathematics, parameters, next)
        self.file = file.split(separator: "/").last.map(String.init) ?? file
        self.measure = measure
    }

    /// The whole source file, as it was compiled; `nil` when it was not listed in `listings.c`.
    public var source: String? { fathom_lab_listing(file).map { String(cString: $0) } }

    /// The part of ``source`` that measures.
    public var listing: String? {
        guard let source else { return nil }
        guard let mark = source.range(of: "// MARK: Measurement\n") else { return source }
        return String(source[mark.upperBound...].drop { $0 == "\n" })
    }

    /// The experiment of that name.
    ///
    /// - Throws: ``ConfigError`` with the nearest name.
    public static func named(_ name: String) throws(ConfigError) -> Experiment {
        guard let found = all.first(where: { $0.name == name }) else {
            throw ConfigError.unknown("experiment", name, allowed: all.map(\.name))
        }
        return found
    }
}

extension Experiment {
    /// What `fathom lab NAME --help` prints.
    public var help: String {
        var out = "\(title)\n\n\(Prose.plain(question))\n\nfathom lab \(name)\n"
        let rows = parameters.map { p in
            let flag = "--\(p.name) \(p.standard)"
            return "  \(flag)\(String(repeating: " ", count: max(2, 36 - flag.count)))\(p.meaning) (\(p.range))"
        }
        out += rows.map { $0.replacingOccurrences(of: "`", with: "") }.joined(separator: "\n")
        if !next.isEmpty {
            out += "\n\nWhat to try:\n"
            out += next.map { "  fathom lab \(name) \($0.flags)\n      \($0.text)" }.joined(separator: "\n")
        }
        return out + "\n"
    }
}
