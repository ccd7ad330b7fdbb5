import FathomLab
import FathomNN
import Foundation
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct ExperimentTests {
    /// Every claim of every experiment, with the parameters of a short run.
    @Test(arguments: Experiment.all.map(\.name))
    func everyVerdictHolds(name: String) throws {
        let report = try LabReport(running: .named(name), quick: true)
        #expect(report.findings.checks.count >= 3)
        #expect(!report.findings.figures.isEmpty && !report.findings.conclusion.isEmpty)
        for check in report.findings.checks {
            #expect(check.verdict == .holds, "\(check.claim): theory \(check.theory), measured \(check.measured)")
        }
        // Names become names of files.
        let names = report.findings.figures.map(\.name) + report.findings.tables.map(\.name)
        #expect(names.allSatisfy { $0.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" } })
        #expect(Set(report.findings.figures.map(\.name)).count == report.findings.figures.count)
        #expect(Set(report.findings.tables.map(\.name)).count == report.findings.tables.count)
    }

    @Test func sameCommandSameNumbers() throws {
        func measured() throws -> [String] {
            try LabReport(
                running: .named("vanishing"), quick: true, flags: ["--seeds", "2", "--steps", "20", "--depth", "4"]
            )
            .findings.checks.map(\.measured)
        }
        #expect(try measured() == measured())
    }

    /// What a page shows is the file that was compiled.
    @Test(arguments: Experiment.all.map(\.name))
    func theListingIsTheSource(name: String) throws {
        let experiment = try Experiment.named(name)
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../Sources/FathomLab/Experiments")
        let file = folder.appending(path: experiment.file)
        #expect(try experiment.source == String(contentsOf: file, encoding: .utf8))
        let listing = try #require(experiment.listing)
        // What measures may say first what it is.
        let code = listing.split(separator: "\n").first { !$0.hasPrefix("//") } ?? ""
        #expect(code.hasPrefix("private "), "the line '// MARK: Measurement' stands above what measures")
    }

    /// Every suggestion of every page is a command that is understood.
    @Test(arguments: Experiment.all.map(\.name))
    func suggestionsAreCommands(name: String) throws {
        let experiment = try Experiment.named(name)
        #expect(!experiment.next.isEmpty)
        for suggestion in experiment.next {
            let words = suggestion.flags.replacingOccurrences(of: "'", with: "").split(separator: " ").map(String.init)
            #expect(throws: Never.self, "\(suggestion.flags)") { _ = try Settings(experiment, flags: words) }
        }
        for parameter in experiment.parameters {
            #expect(experiment.help.contains("--\(parameter.name)"))
            // Defaults and quick values are themselves allowed.
            for value in [parameter.standard, parameter.quick] {
                #expect(throws: Never.self, "--\(parameter.name) \(value)") { try parameter.parsed(value.description) }
            }
        }
    }

    @Test(arguments: [
        "--depth", "--depth nan", "--depth 0", "--depth 1e3", "--depth 99999999999999999999999", "--depth -4",
        "--depth 4 --depth 5",
        "--dept 4", "word", "--activations", "--activations foo", "--activations softmax", "--activations relu,,tanh",
        "--weights big",
        "--activations leakyRelu(nan)", "--seeds 101", "--depth 0x10", "--depth=", "--", "-",
    ])
    func mistakesAreSaid(text: String) throws {
        let experiment = try Experiment.named("vanishing")
        #expect(throws: ConfigError.self) {
            try Settings(experiment, flags: text.split(separator: " ").map(String.init))
        }
    }

    @Test(arguments: ["nan", "inf", "1e400", "-1", "0x1p2", "", "1,2", "11"])
    func numbersAreChecked(text: String) throws {
        #expect(throws: ConfigError.self) { try Settings(.named("zigzag"), flags: ["--mean", text]) }
    }

    @Test func aListOfOneMayBeNamedAsOne() throws {
        let settings = try Settings(.named("vanishing"), flags: ["--activation", "gelu", "--depth", "40"])
        #expect(try settings.activations().map(\.name) == ["gelu"])
        #expect(settings.count("depth") == 40)
        #expect(throws: ConfigError.self) {
            try Settings(.named("vanishing"), flags: ["--activation", "gelu", "--activations", "tanh"])
        }
    }
}

@Suite struct CheckTests {
    private let near = Estimate([0.99, 1.01, 1, 1.005, 0.995])

    @Test func verdicts() {
        #expect(Check.equal("", theory: 1, measured: near).verdict == .holds)
        #expect(Check.equal("", theory: 2, measured: near).verdict == .contradicted)
        // A wide interval holds everything, and says nothing.
        #expect(Check.equal("", theory: 1, measured: Estimate([-3, 5, 1])).verdict == .open)
        #expect(Check.equal("", theory: 1, measured: Estimate([1])).verdict == .open)
        #expect(Check.equal("", theory: 1, measured: Estimate([.nan, 1])).verdict == .contradicted)
        #expect(Check.equal("", theory: 1, measured: 1.1, tolerance: 0.05).verdict == .contradicted)
        #expect(Check.equal("", theory: 1, measured: .nan, tolerance: 0.05).verdict == .contradicted)
        #expect(Check.atLeast("", 0.9, measured: near).verdict == .holds)
        #expect(Check.atLeast("", 1.1, measured: near).verdict == .contradicted)
        #expect(Check.atLeast("", 1, measured: near).verdict == .open)
        #expect(Check.atLeast("", 0.9, measured: Estimate([.nan, 1])).verdict == .contradicted)
        #expect(Check.atMost("", 1.1, measured: near).verdict == .holds)
        #expect(Check.atMost("", 0.9, measured: near).verdict == .contradicted)
        #expect(Check.atMost("", 0.9, measured: Estimate([.infinity, 1])).verdict == .contradicted)
    }

    /// Student's t at 99 %: 4.604 with 4 degrees of freedom.
    @Test func intervals() {
        let e = Estimate([1, 2, 3, 4, 5])
        #expect(abs(e.halfWidth - 4.60409 * (2.5 / 5.0).squareRoot()) < 1e-4)
        #expect(Estimate([1]).halfWidth == .infinity)
    }

    @Test func textKeepsTheDigitsThatCount() {
        #expect(Text.number(0.1234567) == "0.1235")
        #expect(Text.number(-1.5e-9) == "−1.50×10⁻⁹")
        #expect(Text.number(12) == "12")
        #expect(Text.number(.infinity) == "∞")
        #expect(Text.estimate(Estimate([2, 2, 2])) == "2")
        #expect(Text.estimate(Estimate([1])) == "1 (one run)")
        #expect(Text.short(1e-6) == "10⁻⁶" && Text.short(1e6) == "10⁶")
        #expect(Text.short(0.05) == "0.05" && Text.short(-10) == "−10" && Text.short(0) == "0")
    }
}

@Suite struct ChartTests {
    @Test func drawsWhatIsThere() {
        var chart = Chart("a < b", x: .init("x & y"), y: .init("z", .logarithmic))
        chart.line("line", x: [0, 1, 2, 3], y: [1, 10, .nan, 1000])
        chart.line("means", x: [0, 1], y: [Estimate([1, 2, 3]), Estimate([2, 3, 4])])
        chart.dots("dots", x: [1], y: [-5])
        let svg = chart.svg(id: "t")
        #expect(svg.contains("a &lt; b") && svg.contains("x &amp; y"))
        // The gap at NaN begins a second stretch; a point that is not positive is left out.
        #expect(svg.contains("class=\"line k0\""))
        #expect(!svg.contains("nan") && !svg.contains("inf"))
        #expect(XMLParser(data: Data(svg.utf8)).parse())
    }

    @Test func nothingAndExtremesAreDrawn() {
        var chart = Chart()
        #expect(XMLParser(data: Data(chart.svg(id: "t").utf8)).parse())
        chart.line(x: [0, 1], y: [1e300, -1e300])
        chart.heat(x: [0, 1], y: [0, 1], [[.nan, 1], [.infinity, 2]], label: "heat")
        chart.histogram("h", [1, 2, .nan, 100], bins: 4, in: 0...4)
        let svg = chart.svg(id: "t")
        #expect(XMLParser(data: Data(svg.utf8)).parse())
        #expect(!svg.contains("nan") && !svg.contains("inf"))
    }

    /// x² + y² = 1 is one closed line around the origin.
    @Test func contoursJoin() {
        var chart = Chart(size: .square)
        chart.contours(in: -2...2, -2...2, levels: [1]) { x, y in x * x + y * y }
        let svg = chart.svg(id: "t")
        let line = svg.components(separatedBy: "class=\"thin\" d=\"").dropFirst().first?.prefix { $0 != "\"" } ?? ""
        #expect(line.count { $0 == "M" } == 1)
        #expect(line.count { $0 == "L" } > 50)
    }
}

@Suite struct TutorialTests {
    /// Every piece of code of the tutorial stands, as it is, in the program that is built and run.
    @Test func theTutorialsCodeIsTheExamples() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized
        let program = try String(contentsOf: root.appending(path: "Examples/Tutorial/main.swift"), encoding: .utf8)
        let catalog = root.appending(path: "Sources/Fathom/Fathom.docc")
        let pages = try FileManager.default.contentsOfDirectory(atPath: catalog.path).filter {
            $0.hasPrefix("Tutorial")
        }
        #expect(pages.count == 5)
        for page in pages {
            let text = try String(contentsOf: catalog.appending(path: page), encoding: .utf8)
            let blocks = text.components(separatedBy: "```swift\n").dropFirst().map {
                $0.components(separatedBy: "```")[0]
            }
            #expect(!blocks.isEmpty)
            for block in blocks { #expect(program.contains(block), "\(page): \(block)") }
            for picture in text.components(separatedBy: "](").dropFirst().map({ $0.prefix { $0 != ")" } }) {
                let file = catalog.appending(path: "Resources/\(picture).svg").path
                #expect(FileManager.default.fileExists(atPath: file), "\(picture)")
            }
        }
    }
}
