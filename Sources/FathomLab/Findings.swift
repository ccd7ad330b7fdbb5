/// What an experiment found.
public struct Findings: Sendable {
    /// Theory, measured, verdict.
    public var checks: [Check] = []
    /// Pictures, the first of which stands for the experiment in the index.
    public var figures: [Figure] = []
    /// Numbers beside the pictures, in the order of the page.
    public var tables: [DataTable] = []
    /// What was seen, in plain words; see ``Prose``.
    public var conclusion = ""
    /// Common statements that do not hold up.
    public var corrections: [Correction] = []

    /// Nothing found yet; fill in what was.
    public init() {}

    /// Whether no measurement contradicts its claim.
    public var holds: Bool { !checks.contains { $0.verdict == .contradicted } }
    /// Whether every claim is confirmed.
    public var isConfirmed: Bool { checks.allSatisfy { $0.verdict == .holds } }
}

/// A statement that is often read, and what is true instead.
public struct Correction: Sendable, Hashable {
    /// The statement, as it is often read.
    public let said: String
    /// What the measurement shows instead.
    public let found: String

    /// Both sides take the markup of ``Prose``.
    public init(said: String, found: String) { (self.said, self.found) = (said, found) }
}

/// A picture with its caption: one chart, or several small ones side by side.
public struct Figure: Sendable {
    /// Part of the file's name: `path` becomes `zigzag-path.svg`.
    public let name: String
    /// In front of the caption, and above the picture in its file.
    public let title: String
    /// What to see, in a sentence or two.
    public let caption: String
    /// Side by side, in this order.
    public let charts: [Chart]

    /// A picture of several charts side by side.
    public init(_ name: String, title: String, caption: String, _ charts: [Chart]) {
        (self.name, self.title, self.caption, self.charts) = (name, title, caption, charts)
    }

    /// A picture of one chart.
    public init(_ name: String, title: String, caption: String, _ chart: Chart) {
        self.init(name, title: title, caption: caption, [chart])
    }
}

/// Numbers in rows, for the page and as CSV.
public struct DataTable: Sendable {
    /// What stands in one place of a table.
    public enum Cell: Sendable, Hashable {
        case text(String)
        case number(Double)
        case estimate(Estimate)
    }

    /// Part of the file's name: `steps` becomes `zigzag-steps.csv`.
    public let name: String
    /// Above the table.
    public let title: String
    /// Headings, one per column.
    public let columns: [String]
    /// Cells row by row, in the order of `columns`.
    public let rows: [[Cell]]

    /// - Parameter rows: each as long as `columns`.
    public init(_ name: String, title: String, columns: [String], rows: [[Cell]]) {
        (self.name, self.title, self.columns, self.rows) = (name, title, columns, rows)
    }
}

extension DataTable.Cell: ExpressibleByStringLiteral, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
    public init(stringLiteral value: String) { self = .text(value) }
    public init(floatLiteral value: Double) { self = .number(value) }
    public init(integerLiteral value: Int) { self = .number(Double(value)) }

    /// As people read it.
    public var text: String {
        switch self {
        case .text(let text): text
        case .number(let x): Text.number(x)
        case .estimate(let e): Text.estimate(e)
        }
    }
    var isNumber: Bool { if case .text = self { false } else { true } }
}
