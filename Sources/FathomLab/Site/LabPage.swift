import FathomDiagnosis
import Foundation

/// The page of one experiment: everything inside one file that needs no network.
struct LabPage {
    let report: LabReport
    /// The pages before and after in the site.
    var neighbours: (before: Experiment?, after: Experiment?) = (nil, nil)

    init(_ report: LabReport) { self.report = report }

    var html: String {
        let e = report.experiment
        let f = report.findings
        var out = """
            <nav><a href="index.html">The lab</a> · \(Prose.escaped(e.name))</nav>
            <header><h1>\(Prose.escaped(e.title))</h1>
            <p class="lead quiet">\(Prose.inline(e.summary))</p>
            <p>\(Self.pill(report)) <span class="quiet">in \(Text.number((report.seconds * 10).rounded() / 10)) s</span></p></header>
            <section id="question"><h2>The question</h2>
            \(Prose.html(e.question))
            </section>
            <section id="mathematics"><h2>The mathematics</h2>
            \(Prose.html(e.mathematics))
            </section>
            <section id="pictures"><h2>What is seen</h2>

            """
        for (i, figure) in f.figures.enumerated() { out += Self.html(figure, id: "f\(i)") }
        out += Prose.html(f.conclusion) + "\n</section>\n"
        if !f.corrections.isEmpty {
            out += "<section id=\"corrections\"><h2>Often said, and not so</h2>\n"
            for c in f.corrections {
                out +=
                    "<div class=\"card warning\"><p><b>“\(Prose.inline(c.said))”</b></p><p>\(Prose.inline(c.found))</p></div>\n"
            }
            out += "</section>\n"
        }
        out +=
            "<section id=\"verdict\"><h2>Theory, measured, verdict</h2>\n<div class=\"scroll\"><table class=\"verdicts\">\n"
        out += "<tr><th>claim</th><th>theory</th><th>measured</th><th>verdict</th></tr>\n"
        for c in f.checks {
            out +=
                "<tr><td>\(Prose.inline(c.claim))</td><td>\(Prose.escaped(c.theory))</td><td>\(Prose.escaped(c.measured))</td>"
            out += "<td><span class=\"pill \(Self.kind(c.verdict))\">\(c.verdict.rawValue)</span></td></tr>\n"
        }
        out += """
            </table></div>
            <p class="more quiet">After ± stands half the interval that holds the mean with a probability of 99 % \
            (Student's t over the runs). A claim whose interval is too wide to tell counts as not decided.</p>
            </section>

            """
        if !f.tables.isEmpty {
            out += "<section id=\"numbers\"><h2>The numbers</h2>\n"
            for table in f.tables { out += Self.html(table) }
            out += "</section>\n"
        }
        if let listing = e.listing {
            out += """
                <section id="code"><h2>The code that ran</h2>
                <p class="quiet">From <code>\(Prose.escaped(e.file))</code>, as it was compiled into this program.</p>
                <details open><summary>\(listing.split(separator: "\n").count) lines</summary>
                <pre class="source">\(Highlighter.html(listing))</pre></details>
                </section>

                """
        }
        out += "<section id=\"next\"><h2>What to try next</h2>\n"
        for s in e.next {
            out +=
                "<p>\(Prose.inline(s.text))</p><pre>fathom lab \(Prose.escaped(e.name)) \(Prose.escaped(s.flags))</pre>\n"
        }
        if !e.parameters.isEmpty {
            out += "<h3>Everything that can be changed</h3>\n<table class=\"flags\">\n"
            out += "<tr><th>flag</th><th>here</th><th>may be</th><th>meaning</th></tr>\n"
            for p in e.parameters {
                out += "<tr><td><code>--\(Prose.escaped(p.name))</code></td>"
                let value = Prose.escaped(report.settings.values[p.name]?.description ?? "")
                out += "<td>\(value.replacingOccurrences(of: ",", with: ",<wbr>"))</td>"
                out += "<td>\(Prose.inline(p.range))</td><td>\(Prose.inline(p.meaning))</td></tr>\n"
            }
            out += "</table>\n"
        }
        out += "</section>\n<p class=\"more\">\(links)</p>\n"
        return Self.page(
            title: "\(e.title) – Fathom's lab", body: out,
            footer:
                "This page was written by <code>\(Prose.escaped(report.command))</code>; the same command gives the same numbers, but for times."
        )
    }

    private var links: String {
        [
            neighbours.before.map { "← <a href=\"\($0.name).html\">\(Prose.escaped($0.title))</a>" },
            neighbours.after.map { "<a href=\"\($0.name).html\">\(Prose.escaped($0.title))</a> →" },
        ].compactMap { $0 }.joined(separator: " &nbsp;·&nbsp; ")
    }

    static func kind(_ verdict: Check.Verdict) -> String {
        switch verdict {
        case .holds: "healthy"
        case .contradicted: "failure"
        case .open: "warning"
        }
    }

    static func pill(_ report: LabReport) -> String {
        let kind = report.findings.holds ? report.findings.isConfirmed ? "healthy" : "warning" : "failure"
        return "<span class=\"pill \(kind)\">\(report.verdict)</span>"
    }

    private static func html(_ figure: Figure, id: String) -> String {
        let kind = figure.charts.count == 1 ? "one" : figure.charts.allSatisfy { $0.size == .small } ? "many" : "few"
        let charts = figure.charts.enumerated().map { $1.svg(id: "\(id)-\($0)") }.joined()
        return """
            <figure><figcaption><b>\(Prose.inline(figure.title))</b>\(Prose.inline(figure.caption))</figcaption>
            <div class="charts \(kind)">\(charts)</div></figure>

            """
    }

    private static func html(_ table: DataTable) -> String {
        var out =
            "<h3>\(Prose.inline(table.title))</h3>\n<div class=\"scroll\"><table class=\"data\(table.columns.count > 8 ? " dense" : "")\">\n<tr>"
        let numeric = table.columns.indices.map { c in table.rows.allSatisfy { c < $0.count && $0[c].isNumber } }
        for (c, name) in table.columns.enumerated() {
            out += "<th\(numeric[c] ? " class=\"n\"" : "")>\(Prose.inline(name))</th>"
        }
        out += "</tr>\n"
        for row in table.rows {
            out += "<tr>"
            for (c, cell) in row.enumerated() {
                out += "<td\(c < numeric.count && numeric[c] ? " class=\"n\"" : "")>\(Prose.escaped(cell.text))</td>"
            }
            out += "</tr>\n"
        }
        return out + "</table></div>\n"
    }

    /// A whole document with the report's style.
    static func page(title: String, body: String, footer: String) -> String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>\(Prose.escaped(title))</title>
        <style>
        \(ReportStyle.css)
        \(String(decoding: PackageResources.lab_css, as: UTF8.self))
        \(Chart.style)
        </style>
        </head>
        <body>
        <main>
        \(body)
        </main>
        <footer>\(footer)</footer>
        </body>
        </html>

        """
    }
}

/// All pages with an index: a folder that works from a disk, a stick or any server.
public struct LabSite: Sendable {
    /// One per page, in the order of the index.
    public let reports: [LabReport]

    /// - Parameter reports: in the order of the index; neighbours are linked to each other.
    public init(_ reports: [LabReport]) { self.reports = reports }

    /// The pages and pictures, by name.
    public var files: [(name: String, text: String)] {
        var files = [(name: "index.html", text: index)]
        for (i, report) in reports.enumerated() {
            var page = LabPage(report)
            page.neighbours = (
                i > 0 ? reports[i - 1].experiment : nil, i + 1 < reports.count ? reports[i + 1].experiment : nil
            )
            files.append((name: "\(report.experiment.name).html", text: page.html))
            files += Array(report.files.dropFirst())
        }
        return files
    }

    private var index: String {
        let checks = reports.flatMap(\.findings.checks)
        let held = checks.count { $0.verdict == .holds }
        let seconds = reports.reduce(0) { $0 + $1.seconds }
        var out = """
            <header><p class="eyebrow"><b>Fathom</b> The lab</p>
            <h1>What is said of neural networks, shown, measured and drawn</h1>
            <p class="lead quiet">\(reports.count) experiments with \(checks.count) claims, of which \(held) are confirmed here. Each page \
            asks a question in plain words, says what theory expects, measures it over several runs, and shows the code that ran.</p></header>
            <div class="cards">

            """
        for (i, report) in reports.enumerated() {
            let e = report.experiment
            out += "<a class=\"tile\" href=\"\(e.name).html\">"
            if let chart = report.findings.figures.first?.charts.first {
                out += "<div class=\"thumb\">\(chart.svg(id: "i\(i)"))</div>"
            }
            out +=
                "<h2>\(Prose.escaped(e.title))</h2><p>\(Prose.inline(e.summary))</p><p>\(LabPage.pill(report))</p></a>\n"
        }
        out += "</div>\n"
        let command = "fathom lab --all\(reports.contains { $0.isQuick } ? " --quick" : "")"
        return LabPage.page(
            title: "Fathom's lab", body: out,
            footer:
                "Made in \(Int(seconds.rounded())) s by <code>\(command)</code>; the same command gives the same numbers, but for times."
        )
    }
}
