import FathomLab
import FathomTestSupport
import Foundation
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// Two short experiments, run once for all tests here.
private let reports: [LabReport] = {
    ["neuron", "softmax"].compactMap { name in
        try? LabReport(running: .named(name), quick: true, flags: ["--seeds", "2"])
    }
}()

@Suite struct SiteTests {
    @Test func everyPageIsWhole() throws {
        #expect(reports.count == 2)
        let files = LabSite(reports).files
        #expect(files.map(\.name).contains("index.html"))
        for file in files {
            let text = file.text
            // Nothing is fetched: no script, no frame, no address but those of names of XML.
            for forbidden in [
                "<script", "<iframe", "<link", "@import", "src=\"http", "href=\"http", "url(http", "url(//",
            ] {
                #expect(!text.contains(forbidden), "\(file.name) has \(forbidden)")
            }
            guard file.name.hasSuffix(".html") else { continue }
            #expect(text.contains("<meta name=\"viewport\" content=\"width=device-width"))
            #expect(text.contains("prefers-color-scheme: dark"))
            // Links lead to pages of the site.
            for part in text.components(separatedBy: "href=\"").dropFirst() {
                let target = String(part.prefix { $0 != "\"" })
                #expect(files.contains { $0.name == target }, "\(file.name) links to \(target)")
            }
            for tag in [
                "section", "figure", "table", "p", "div", "pre", "svg", "math", "mrow", "msub", "msup", "ul", "li",
            ] {
                let opened =
                    text.components(separatedBy: "<\(tag)>").count + text.components(separatedBy: "<\(tag) ").count - 2
                #expect(opened == text.components(separatedBy: "</\(tag)>").count - 1, "\(file.name): <\(tag)>")
            }
        }
    }

    @Test func picturesAreWellFormed() throws {
        for file in LabSite(reports).files where file.name.hasSuffix(".svg") {
            let parser = XMLParser(data: Data(file.text.utf8))
            #expect(
                parser.parse(), "\(file.name): \(parser.parserError.map { "\($0)" } ?? "") line \(parser.lineNumber)")
        }
    }

    @Test func everyFormulaIsWellFormed() throws {
        for report in reports {
            let page = LabSite([report]).files.first { $0.name == "\(report.experiment.name).html" }
            for part in try #require(page).text.components(separatedBy: "<math").dropFirst() {
                let formula = "<math" + part.components(separatedBy: "</math>")[0] + "</math>"
                #expect(XMLParser(data: Data(formula.utf8)).parse(), "\(formula)")
                // What takes two or three parts has them.
                #expect(!formula.contains("<mfrac></mfrac>"))
            }
        }
    }

    @Test func csvHasOneWidth() throws {
        for file in reports.flatMap(\.csv) {
            let lines = file.text.split(separator: "\n")
            #expect(lines.count > 1, "\(file.name)")
            // No quoted commas in the heads.
            let width = fields(String(lines[0])).count
            for line in lines { #expect(fields(String(line)).count == width, "\(file.name): \(line)") }
        }
    }

    private func fields(_ line: String) -> [String] {
        var fields = [""]
        var isQuoted = false
        for c in line {
            if c == "\"" {
                isQuoted.toggle()
            } else if c == ",", !isQuoted {
                fields.append("")
            } else {
                fields[fields.count - 1].append(c)
            }
        }
        return fields
    }

    @Test func jsonSaysEverything() throws {
        let report = try #require(reports.first)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(try report.json().utf8)) as? [String: Any])
        #expect(object["experiment"] as? String == report.experiment.name)
        #expect((object["checks"] as? [Any])?.count == report.findings.checks.count)
        #expect((object["figures"] as? [Any])?.count == report.findings.figures.count)
        #expect((object["parameters"] as? [String: Any])?["seeds"] as? Int == 2)
    }
}

@Suite(.enabled(if: Browser.path != nil, "no chromium and no google-chrome: script/bootstrap --tests installs one"))
struct SiteInBrowserTests {
    /// No page is wider than its window, in light or dark, and the browser has nothing to complain of.
    @Test(arguments: [(1000, false), (1000, true), (390, false)])
    func pagesFit(width: Int, isDark: Bool) throws {
        for file in LabSite(reports).files where file.name.hasSuffix(".html") {
            // A frame, because a window has a smallest width.
            let inner = file.text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(
                of: "\"", with: "&quot;")
            let page = """
                <!DOCTYPE html><iframe id="f" width="\(width)" height="800" srcdoc="\(inner)"></iframe><script>
                onload = () => {
                  const d = document.getElementById('f').contentDocument;
                  document.title = 'beyond ' + (d.documentElement.scrollWidth - d.documentElement.clientWidth) + ' ground ' + getComputedStyle(d.body).backgroundColor
                    + ' svg ' + d.querySelectorAll('svg').length;
                }
                </script>
                """
            let view = try Browser.open(page, width: max(width, 600) + 40, isDark: isDark)
            #expect(view.messages.isEmpty, "\(file.name): \(view.messages)")
            let title =
                view.dom.components(separatedBy: "<title>").dropFirst().first?.components(separatedBy: "</title>")[0]
                ?? ""
            #expect(title.hasPrefix("beyond 0 "), "\(file.name) at \(width): \(title)")
            #expect(title.contains(isDark ? "rgb(18, 23, 29)" : "rgb(251, 251, 249)"), "\(title)")
            #expect(!title.hasSuffix("svg 0"))
        }
    }
}
