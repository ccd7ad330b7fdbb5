import FathomDiagnosis
import FathomTestSupport
import FathomTraining
import Foundation
import Testing

/// A network that does not learn, examined once for all tests, under a name that tries to break out of whatever holds it.
private enum Sample {
    static let name = "</script><img src=x onerror=alert(1)>\"evil'\u{1B}[31m"

    static let document = Result { try make() }

    private static func make() throws -> DiagnosisDocument {
        let layers = String(repeating: "  - dense: {units: 24, activation: sigmoid}\n", count: 5)
        var configuration = try RunConfiguration(
            yaml: "data: digits\nmodel:\n\(layers)  - dense: {units: 24, activation: relu}\n  - dense: 10\n"
                + "optimizer: {name: sgd, learningRate: 0.05}\ntraining: {epochs: 2, batch: 32, seed: 3, threads: 1}\n")
        configuration.name = name
        var diagnosis = try Doctor().examine(try Patient(configuration))
        diagnosis.treatment = treatment
        return DiagnosisDocument(diagnosis)
    }

    private static var treatment: Treatment {
        func trial(_ title: String, _ gain: Double, _ verdict: Treatment.Verdict, isRandom: Bool = false)
            -> Treatment.Trial
        {
            Treatment.Trial(
                remedies: ["reluActivation"], title: title, reason: "because </script> of it", isRandom: isRandom,
                seeds: [1, 2, 3, 4, 5], control: [0.1, 0.12, 0.1, 0.09, 0.1], treated: [0.9, 0.91, 0.9, 0.9, 0.92],
                gain: gain, interval: gain.isNaN ? -1...1 : (gain - 0.02)...(gain + 0.02),
                mechanismMoved: verdict == .proven,
                verdict: verdict, diff: "  model:\n-   - sigmoid\n+   - relu", configuration: "a: </template><b>",
                seconds: 1)
        }
        return Treatment(
            rule: "vanishingGradient",
            trials: [
                trial("ReLU in the hidden layers", 0.8, .proven), trial("More epochs", .nan, .failed),
                trial("Something else", -0.1, .worse, isRandom: true),
            ], skillName: "accuracy", seconds: 4)
    }
}

@Suite struct ReportTests {
    // MARK: Text

    @Test func textSaysWhatIsTheMatter() throws {
        let document = try Sample.document.get()
        let text = document.text(width: 72)
        let cause = try #require(document.cause)
        #expect(text.contains(cause.title))
        #expect(text.contains("✖") || text.contains("!"))
        #expect(text.contains("█"), "no bars of the gradient")
        #expect(text.contains("points") && text.contains("+80.0"), "no trials")
        #expect(text.contains("Next: "))
        // Plain text holds no escape sequence, whatever the names hold.
        #expect(!text.unicodeScalars.contains("\u{1B}"))
        #expect(document.text(width: 72, color: true).contains("\u{1B}[31m"))
    }

    @Test func aHealthyNetworkIsToldToBeTrained() throws {
        let healthy = Diagnosis(
            Evidence(setup: try Setup(Self.patient, try Self.patient.prepared())), rules: [])
        let document = DiagnosisDocument(healthy)
        #expect(document.isHealthy)
        #expect(document.text().contains("Next: fathom train"))
        #expect(document.looks.isEmpty)
        // A page without any look at the network stands too.
        #expect(try document.html().contains("before training"))
    }

    private static var patient: Patient {
        get throws {
            try Patient(
                RunConfiguration(yaml: "data: iris\nmodel:\n  - dense: {units: 8, activation: relu}\n  - dense: 3\n"))
        }
    }

    // MARK: JSON

    @Test func jsonComesBackAsItWas() throws {
        let document = try Sample.document.get()
        let text = try document.json()
        let back = try DiagnosisDocument(json: text)
        #expect(try back.json() == text)
        #expect(back.looks.count == document.looks.count)
        let tree = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(tree["schema"] as? String == "fathom.diagnosis")
        #expect(tree["version"] as? Int == 1)
        let known: Set = [
            "schema", "version", "isHealthy", "headline", "findings", "undecided", "healthy", "changes", "subject",
            "birth", "run", "answers", "treatment",
        ]
        #expect(Set(tree.keys) == known)
        // What is no number is a string.
        let treatment = try #require(tree["treatment"] as? [String: Any])
        let trials = try #require(treatment["trials"] as? [[String: Any]])
        #expect(trials[1]["gain"] as? String == "NaN")
    }

    // MARK: Page

    @Test func namesCannotBreakOutOfThePage() throws {
        let page = try Sample.document.get().html()
        // The data, uPlot and the page's own script: three elements, each ended once.
        #expect(page.components(separatedBy: "<script").count == 4)
        #expect(page.components(separatedBy: "</script").count == 4)
        // Pictures hold their own bytes.
        #expect(page.components(separatedBy: "<img").count - 1 == PicturesTests.pictures(page))
        #expect(!page.contains("</template><b>"))
        #expect(page.contains("&lt;/script&gt;&lt;img src=x"))
    }

    @Test func thePageFetchesNothing() throws {
        let page = try Sample.document.get().html()
        #expect(page.contains("default-src 'none'"))
        for fetcher in ["src=\"http", "href=\"http", "url(http", "@import", "fetch(", "XMLHttpRequest", "WebSocket"] {
            #expect(!page.contains(fetcher), "\(fetcher)")
        }
    }

    @Test func theChangeOfASuggestionIsShownAsADiff() {
        let before = (1...9).map { "line \($0)" }.joined(separator: "\n")
        let after = before.replacingOccurrences(of: "line 5", with: "other")
        #expect(
            lineDiff(before, after, around: 1) == "  …\n  line 4\n- line 5\n+ other\n  line 6\n  …")
        #expect(lineDiff(before, before) == "")
        #expect(lineDiff("", "a") == "- \n+ a")
    }

    // MARK: Explanations

    @Test(arguments: Rule.all.map(\.id)) func everyRuleIsExplained(_ id: String) throws {
        let rule = try #require(Rule.named(id))
        let text = rule.explained(width: 80)
        #expect(text.contains(rule.title))
        #expect(text.contains("The mathematics"))
        #expect(!text.contains("nan") && !text.contains("inf\n"))
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
        let page = rule.explanationPage
        #expect(page.contains("<h1>"))
        let drawn = page.components(separatedBy: "points=\"").dropFirst().map { $0.prefix { $0 != "\"" } }
        #expect(drawn.allSatisfy { !$0.isEmpty && $0.allSatisfy { "0123456789.,- ".contains($0) } })
        #expect(Rule.list().contains(rule.id))
    }

    @Test func theGradientsPictureIsComputedFromTheory() throws {
        // √χ of ReLU at σw² = 2 is 1: its curve ends where it began; that of the sigmoid is far below.
        let text = try #require(Rule.named("vanishingGradient")).explained(width: 80)
        #expect(text.contains("10⁻¹³"))
        #expect(text.contains("● sigmoid"))
    }
}

/// Looks at the page in a browser without a screen, where one is installed.
@Suite(.enabled(if: Browser.path != nil, "no chromium and no google-chrome: script/bootstrap --tests installs one"))
struct ReportInBrowserTests {
    @Test(arguments: [(1200, false), (1200, true), (500, false)])
    func thePageIsDrawn(width: Int, isDark: Bool) throws {
        let document = try Sample.document.get()
        let view = try Browser.open(try document.html(), width: width, isDark: isDark)
        #expect(view.messages.isEmpty, "\(view.messages)")
        let dom = view.dom
        #expect(dom.contains("data-theme=\"\(isDark ? "dark" : "light")\""))
        #expect(dom.contains("<h1 id=\"headline\">\(Self.escaped(document.headline))</h1>"))
        // One cell a layer and look.
        let layers = try #require(document.looks.first).layers.filter { !$0.isContainer }
        #expect(Self.count("class=\"cell\"", in: dom) == layers.count * document.looks.count)
        // Every place for a picture holds one, and each says how many things it drew.
        let places = dom.components(separatedBy: "data-plot=\"").dropFirst()
        #expect(places.count >= 14)
        for place in places {
            let name = place.prefix { $0 != "\"" }
            let tag = place.prefix { $0 != ">" }
            let marks = tag.components(separatedBy: "data-marks=\"").dropFirst().first.flatMap {
                Int($0.prefix { $0 != "\"" })
            }
            #expect((marks ?? 0) > 0, "\(name) drew nothing")
            let content = place.dropFirst(tag.count).components(separatedBy: "</figure>")[0]
            #expect(content.contains("<svg") || content.contains("<canvas"), "\(name) is empty")
        }
        // A card a finding, the trials with control and lot, an explanation.
        #expect(Self.count("<article class=\"card", in: dom) == document.findings.count)
        #expect(dom.contains("do nothing (control)") && dom.contains("(by lot)"))
        #expect(dom.contains("id=\"rule-\(try #require(document.cause).rule)\""))
        for section in ["verdict", "gradients", "inside", "learning", "inputs", "treatment", "explained", "setup"] {
            #expect(dom.contains("<section id=\"\(section)\">"), "\(section)")
        }
    }

    @Test func anExplanationStandsAlone() throws {
        let view = try Browser.open(
            try #require(Rule.named("vanishingGradient")).explanationPage, width: 800, isDark: false)
        #expect(view.messages.isEmpty, "\(view.messages)")
        #expect(view.dom.contains("<polyline"))
    }

    /// What the checks above rest on: a page that asks for something, or runs what it should not, is noticed.
    @Test(arguments: ["<img src=\"https://example.com/x.png\">", "<script>document.title = 'ran'</script>"])
    func whatIsNotAllowedIsNoticed(_ intruder: String) throws {
        let page = try Sample.document.get().html().replacingOccurrences(of: "<main>", with: "<main>\(intruder)")
        let view = try Browser.open(page, width: 1200, isDark: false)
        #expect(!view.messages.isEmpty)
        #expect(!view.dom.contains("<title>ran"))
    }

    private static func count(_ part: String, in text: String) -> Int { text.components(separatedBy: part).count - 1 }

    /// As a browser writes text out.
    private static func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;")
    }
}
