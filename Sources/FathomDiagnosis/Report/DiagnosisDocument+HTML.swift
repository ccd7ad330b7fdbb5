import Crypto
import FathomTraining
import Foundation

extension DiagnosisDocument {
    /// The diagnosis as one page for a browser: it needs no other file and no network, and its text can be read without
    /// scripts; they only draw the pictures.
    ///
    /// - Parameters:
    ///   - command: how the patient is named on the command line, for the next command; its name when `nil`.
    ///   - next: the next command, where the caller knows better.
    public func html(command: String? = nil, next: String? = nil) throws -> String {
        var body = header
        body += section("verdict", isHealthy ? "What was found" : "What is the matter", findings.map(card).joined())
        body += section("gradients", "How the gradient flows", gradients)
        body += section("inside", "Inside the layers", inside)
        body += section("pictures", "What the convolutions see", pictures?.figures ?? "")
        body += section("learning", "What it learns", learningFigures)
        body += section(
            "answers", "What it answers",
            answers.map { $0.confusionFigure + $0.mistakesFigure + $0.samplesFigure } ?? "")
        body += section("inputs", "What it is fed", inputFigures)
        body += section("treatment", "What was tried", treatmentFigures)
        body += section("explained", "The rules explained", explanations)
        body += section("setup", "The set-up, and how it was measured", setupText)
        let next = next ?? nextCommand(command ?? Words.safe(subject.name))
        body += "<p class=\"next\">Next: <code>\(Words.html(next))</code></p>\n"
        return Page.html(
            title: "\(Words.safe(subject.name)): \(isHealthy ? "healthy" : "diagnosis")", body: body,
            data: try PageData(self).script())
    }

    private func section(_ id: String, _ title: String, _ content: String) -> String {
        content.isEmpty ? "" : "<section id=\"\(id)\">\n<h2>\(title)</h2>\n\(content)</section>\n"
    }

    private func figure(
        _ plot: String, _ title: String, _ caption: String, attributes: [String: String] = [:], isWide: Bool = false
    ) -> String {
        Page.figure(plot, title, caption, attributes: attributes, isWide: isWide)
    }

    // MARK: Head

    private var header: String {
        let state = isHealthy ? "healthy" : cause?.severity.words ?? "warning"
        let label = isHealthy ? "Healthy" : cause?.severity == .failure ? "Ill: it cannot learn like this" : "Ill"
        var out = """
            <header>
            <p class="eyebrow"><span class="pill \(state)">\(label)</span> <span>Fathom's diagnosis of \
            <b>\(Words.html(Words.safe(subject.name)))</b></span></p>
            <h1 id="headline">\(Words.html(headline))</h1>

            """
        if let cause { out += "<p class=\"lead\">\(Words.html(Words.safe(cause.text)))</p>\n" }
        if let learning { out += "<p class=\"lead quiet\">\(Words.html(learning))</p>\n" }
        out += "<dl class=\"numbers\">\n"
        for (name, value) in keyNumbers {
            out += "<div><dt>\(Words.html(name))</dt><dd>\(Words.html(value))</dd></div>\n"
        }
        return out + "</dl>\n</header>\n"
    }

    /// The four or five numbers that tell most.
    private var keyNumbers: [(String, String)] {
        func skill(_ x: Double) -> String { subject.classes == nil ? Words.number(x) : Words.percent(x) }
        var numbers: [(String, String)] = []
        if let last = run?.evaluations.last { numbers.append(("held-out \(skillName)", skill(last.heldOut.skill))) }
        if let yard = subject.yardstick { numbers.append(("best simple method", skill(yard.best))) }
        if let look = gradientLook, look.outerLayers.count > 1 {
            numbers.append(("of the gradient reaches the input", Words.percent(look.totalGain)))
        }
        if let winner = treatment?.winner, !winner.treated.isEmpty {
            numbers.append(
                ("\(skillName) after treatment", skill(winner.treated.reduce(0, +) / Double(winner.treated.count))))
        }
        numbers.append(("parameters", Words.count(subject.parameters)))
        if let run { numbers.append(("steps watched", Words.count(run.losses.count))) }
        return numbers
    }

    // MARK: Verdicts

    private func card(_ finding: Finding) -> String {
        let rule = Rule.named(finding.rule)
        let cause =
            finding.cause.map { "<span class=\"cause\">cause: \(Words.html(Words.spaced(Words.safe($0))))</span>" }
            ?? ""
        var out = """
            <article class="card \(finding.severity.words)" data-rule="\(Words.html(finding.rule))">
            <h3><span class="pill \(finding.severity.words)">\(finding.severity.words)</span> \
            \(Words.html(Words.safe(finding.title))) \(cause)</h3>
            <p>\(Words.html(Words.safe(finding.text)))</p>
            <dl class="facts">
            <div><dt>where</dt><dd>\(Words.html(places(finding)))</dd></div>
            <div><dt>since</dt><dd>\(Words.html(Words.since(finding.since)))</dd></div>
            <div><dt>sure</dt><dd>\(Words.html(Words.percent(finding.confidence)))</dd></div>
            </dl>

            """
        if !finding.evidence.isEmpty {
            out +=
                "<table class=\"evidence\"><thead><tr><th>measured</th><th>value</th><th>expected</th></tr></thead><tbody>\n"
            for fact in finding.evidence {
                out +=
                    "<tr><td>\(Words.html(Words.safe(fact.name)))</td><td class=\"n\">\(Words.html(Words.number(fact.value)))</td>"
                out += "<td>\(Words.html(Words.safe(fact.expected ?? "")))</td></tr>\n"
            }
            out += "</tbody></table>\n"
        }
        if let picture = EvidencePicture(rule: finding.rule), let figure = evidenceFigure(picture, finding) {
            out += figure
        }
        out += remedies(finding)
        for symptom in finding.symptoms {
            out +=
                "<details class=\"symptom\"><summary>It also causes: <b>\(Words.html(Words.safe(symptom.title)))</b>, "
            out += "\(Words.html(places(symptom))), \(Words.html(Words.since(symptom.since)))</summary>"
            out += "<p>\(Words.html(Words.safe(symptom.text)))</p></details>\n"
        }
        if rule != nil {
            out +=
                "<p class=\"more\"><a href=\"#rule-\(Words.html(finding.rule))\">What this is, and why it happens</a></p>\n"
        }
        return out + "</article>\n"
    }

    private func places(_ finding: Finding) -> String {
        guard !finding.layers.isEmpty else { return "the whole set-up" }
        let shown = finding.layers.prefix(3).map(Words.safe).joined(separator: ", ")
        return finding.layers.count > 3 ? "\(shown) and \(finding.layers.count - 3) more" : shown
    }

    private func remedies(_ finding: Finding) -> String {
        let tried = treatment?.rule == finding.rule ? treatment?.winner : nil
        guard !finding.suggestions.isEmpty || tried != nil else { return "" }
        var out = "<div class=\"remedies\"><h4>What to do</h4>\n"
        if let tried {
            out += "<p><b>\(Words.html(Words.safe(tried.title)))</b> is proven: \(skillName) \(gain(tried.gain)) "
            out +=
                "[\(gain(tried.interval.lowerBound)), \(gain(tried.interval.upperBound))]\(gainUnit.map { " \($0)" } ?? ""). "
            out += "<a href=\"#treatment\">See the change</a></p>\n"
        } else {
            let changes = changes.filter { $0.rule == finding.rule }
            out += "<ul>"
            for suggestion in finding.suggestions {
                let title = Remedy.named(suggestion.remedy)?.title ?? Words.spaced(suggestion.remedy)
                out += "<li><b>\(Words.html(title))</b>: \(Words.html(Words.safe(suggestion.reason)))</li>"
            }
            out += "</ul>\n"
            if let change = changes.first {
                out +=
                    "<details class=\"change\"><summary>The change in the configuration (\(Words.html(change.title)))</summary>\n"
                out += diff(change.diff, change.configuration) + "</details>\n"
            }
        }
        return out + "</div>\n"
    }

    private func evidenceFigure(_ picture: EvidencePicture, _ finding: Finding) -> String? {
        let layer = finding.layers.first ?? ""
        let caption: String
        switch picture {
        case .gradients:
            guard looks.first != nil else { return nil }
            caption = "Size of the gradient at each layer, 1 at the last; a healthy network's stays near 1."
        case .slopes:
            guard !looks.isEmpty else { return nil }
            caption = "How much of its steepest slope the activation has at the values it really gets: left is flat."
        case .firing:
            guard !looks.isEmpty else { return nil }
            caption = "For each unit, the share of rows that make it fire; red ones never do."
        case .zigzag:
            guard !looks.isEmpty else { return nil }
            caption = "1 means that all weights of a unit had to move in one direction."
        case .loss:
            guard let run, !run.losses.isEmpty else { return nil }
            caption = "The loss at every step."
        case .skill:
            guard let run, !run.evaluations.isEmpty else { return nil }
            caption = "How well it does on rows it learns from and on rows it has not seen."
        case .oneBatch:
            guard let run, !run.oneBatch.isEmpty else { return nil }
            caption = "The loss while a single batch is learnt by heart: it should fall to almost nothing."
        case .inputs: caption = "Mean and deviation of each input column; near 0 and 1 is best."
        case .classes:
            guard !subject.targets.classCounts.isEmpty else { return nil }
            caption = "How often each class occurs, and how often the network answers it."
        case .updates:
            guard !looks.isEmpty else { return nil }
            caption = "How much one step changes the weights, by their own size; about 10⁻³ is healthy."
        case .drift:
            guard !looks.isEmpty else { return nil }
            caption = "Mean of the sums that each layer gets; it should settle."
        }
        return figure("evidence", "", caption, attributes: ["picture": picture.rawValue, "layer": layer])
    }

    // MARK: Pictures

    private var gradients: String {
        guard let first = looks.first, !first.layers.isEmpty else { return "" }
        var out = figure(
            "flow", "Gradient at every layer, over time",
            """
            Each cell is one layer at one step. Bright cells receive a strong signal of how to change, dark ones almost \
            none; in a healthy network all rows are about equally bright.
            """, isWide: true)
        out += figure(
            "decomposition", "Whose fault it is: each layer's factor",
            """
            Going back through a layer the gradient is multiplied by two factors, one of the activation and one of the \
            weights with normalisation and shortcuts. At 1 nothing changes; marks show what theory expects.
            """, isWide: true)
        if first.layers.contains(where: { $0.branch != nil }) {
            out += figure(
                "branches", "Residual branches beside their shortcuts",
                """
                A block hands its input on by a shortcut, ×1, and adds its branch. Bars show how large the branch is beside                 that, forward and backward: far below 1 a block does next to nothing, far above 1 it drowns what passes by.
                """, isWide: true)
        }
        if first.layers.contains(where: { !$0.gates.isEmpty }) {
            out += figure(
                "gates", "How far gates are open",
                """
                The mean of each gate over rows, places and units: at 0 a highway layer hands its input on unchanged, at 1                 it replaces it.
                """, isWide: true)
        }
        return out
    }

    private var inside: String {
        guard !looks.isEmpty else { return "" }
        var out = figure(
            "ridges", "Values before the activation, over time",
            "One panel a layer, one ridge a look, early ones at the back: they should neither shrink to a spike nor run off.",
            attributes: ["kind": "sums"], isWide: true)
        if looks.contains(where: { $0.layers.contains { $0.slope != nil } }) {
            out += figure(
                "ridges", "Slope of the activation at those values",
                "0 is flat, where a gradient is lost; 1 is the activation at its steepest.",
                attributes: ["kind": "slopes"], isWide: true)
            out += figure(
                "units", "Which units work",
                """
                One panel a layer, one line a unit (a filter, where filters slide over images), one column a look: the \
                colour is the share of rows and places for which it can pass a gradient on. Red ones do so for none at all: \
                they are dead.
                """, isWide: true)
        }
        if looks.contains(where: { $0.layers.contains { !$0.weights.isEmpty } }) {
            out += "<div class=\"pair\">"
            out += figure(
                "coherence", "Zig-zag: do weights have to move together?",
                "1 when the gradients of all weights into a unit share their sign; a low line is good. Dark is the first layer."
            )
            out += figure(
                "turning", "Does training turn round?",
                "Cosine between one step and the step before: −1 jumps to and fro, 1 walks straight on.")
            out += figure(
                "updates", "How fast weights change",
                "Size of a step by the size of the weights, on a logarithmic scale; about 10⁻³ is healthy.")
            out += "</div>\n"
        }
        return out
    }

    private var learningFigures: String {
        guard let run, !run.losses.isEmpty else { return "" }
        var out = "<div class=\"pair\">"
        out += figure("loss", "Loss", "What training makes small: at each step, and over the rows kept apart.")
        if !run.evaluations.isEmpty {
            let yard = subject.yardstick == nil ? "" : " Broken lines are what methods without a network reach."
            out += figure(
                "skill", subject.classes == nil ? "R²" : "Accuracy",
                "On rows it learns from and rows it has not seen.\(yard)")
        }
        if !run.oneBatch.isEmpty {
            out += figure(
                "oneBatch", "One batch by heart",
                "A network that works can learn a single batch by heart; the loss should fall to almost nothing.")
        }
        out += "</div>\n"
        if let failure = run.failure { out += "<p class=\"alarm\">\(Words.html(Words.safe(failure)))</p>\n" }
        return out
    }

    private var inputFigures: String {
        var out = ""
        if !subject.inputs.means.isEmpty {
            out += figure(
                "columns", "Input columns",
                "Mean (dot) and deviation (bar) of each column as the network sees it; near 0 and 1 is best.",
                isWide: true)
        }
        let inputs = subject.inputs
        out += "<dl class=\"facts\">\n"
        let facts: [(String, String)] = [
            ("columns", Words.count(inputs.columns)), ("smallest", Words.number(inputs.minimum)),
            ("largest", Words.number(inputs.maximum)), ("mean", Words.number(inputs.mean)),
            ("deviation", Words.number(inputs.deviation)), ("never change", Words.count(inputs.constantColumns)),
            ("not finite", Words.count(inputs.nonFinite)),
            ("condition number", inputs.conditionNumber.map(Words.number) ?? "not known"),
        ]
        for (name, value) in facts { out += "<div><dt>\(name)</dt><dd>\(value)</dd></div>\n" }
        out += "</dl>\n"
        if !looks.isEmpty {
            out += figure(
                "conditioning", "Are the inputs of each layer centred?",
                "Mean by deviation of what each layer is fed: 0 is centred; far above 1 its weights can only move together.",
                isWide: true)
        }
        return out
    }

    private var treatmentFigures: String {
        guard let treatment, !treatment.trials.isEmpty else { return "" }
        let seeds = treatment.trials.map(\.seeds.count).max() ?? 0
        var out = figure(
            "trials", "Gain in \(treatment.skillName) over doing nothing",
            """
            The dot is the mean gain over the same seeds with and without the remedy, the line its 95 % interval. A gain \
            is shown only where the line does not touch 0; one remedy was drawn by lot to show what any change does.
            """, isWide: true)
        out +=
            "<table class=\"trials\"><thead><tr><th>remedy</th><th>result</th><th>gain\(gainUnit.map { ", \($0)" } ?? "")</th><th>95 % interval</th><th>seeds</th></tr></thead><tbody>\n"
        for trial in treatment.trials {
            out += "<tr class=\"\(trial.verdict.rawValue)\"><td><b>\(Words.html(Words.safe(trial.title)))</b>"
            out += "\(trial.isRandom ? " <span class=\"tag\">drawn by lot</span>" : "")<br>"
            out += "<small>\(Words.html(Words.safe(trial.reason)))</small></td><td>\(trial.verdict.words)</td>"
            out +=
                "<td class=\"n\">\(gain(trial))</td><td class=\"n\">\(interval(trial).map { "\($0) … \($1)" } ?? "—")</td><td class=\"n\">\(trial.seeds.count)</td></tr>\n"
        }
        out += "</tbody></table>\n"
        if let winner = treatment.winner {
            out += "<h3>The cure: \(Words.html(Words.safe(winner.title)))</h3>\n"
            out += "<p>\(Words.html(Words.safe(winner.reason)))</p>\n" + diff(winner.diff, winner.configuration)
        } else {
            out += "<p>No remedy is proven: none gained beyond chance by way of what the finding measures.</p>\n"
        }
        out +=
            "<p class=\"quiet\">Up to \(seeds) seeds, \(Words.seconds(treatment.seconds)) in all. Proven means that the interval "
        out += "excludes 0 and that what the finding measures has recovered.</p>\n"
        return out
    }

    private func diff(_ text: String, _ configuration: String) -> String {
        var out =
            "<div class=\"code\"><button type=\"button\" class=\"copy\">Copy the new configuration</button><pre class=\"diff\">"
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let isHead = line.hasPrefix("---") || line.hasPrefix("+++")
            let kind = isHead ? "span" : line.hasPrefix("+") ? "ins" : line.hasPrefix("-") ? "del" : "span"
            out += "<\(kind)>\(Words.html(Words.safe(String(line))))</\(kind)>\n"
        }
        return out + "</pre><template>\(Words.html(configuration))</template></div>\n"
    }

    // MARK: Text

    private var explanations: String {
        func rules(_ findings: [Finding]) -> [String] { findings.flatMap { [$0.rule] + rules($0.symptoms) } }
        var seen: Set<String> = []
        return rules(findings).filter { seen.insert($0).inserted }.compactMap { Rule.named($0) }
            .map { $0.explanationHTML(heading: "h3") }.joined()
    }

    private var setupText: String {
        let s = subject
        var facts: [(String, String)] = [
            (
                "data",
                "\(Words.safe(s.data)): \(Words.count(s.trainRows)) rows to learn from, \(Words.count(s.heldOutRows)) kept apart"
            ),
            ("task", s.classes.map { "\($0) classes" } ?? "\(s.outputs) number\(s.outputs == 1 ? "" : "s")"),
            ("loss", Words.safe(s.loss)),
            (
                "output activation",
                s.outputActivations.isEmpty ? "none" : s.outputActivations.joined(separator: ", then ")
            ),
            ("optimiser", Words.safe(s.optimizer)), ("learning rate", Words.number(s.learningRate)),
            ("batch", Words.count(s.batch)),
            ("planned", "\(Words.count(s.epochs)) epochs of \(Words.count(s.stepsPerEpoch)) steps"),
            ("seed", "\(s.seed)"),
        ]
        if let run {
            facts.append(
                (
                    "watched",
                    "\(Words.count(run.losses.count)) steps, \(run.examinations.count) close looks, \(run.evaluations.count) evaluations"
                        + (run.ending == "completed"
                            ? "; all that was planned" : run.ending == "nonFinite" ? "; it broke off" : "")
                ))
        } else {
            facts.append(("watched", "not trained: checks before training only"))
        }
        if let rows = looks.first?.rows, rows > 0 {
            facts.append(
                (
                    "looked at",
                    "\(Words.count(rows)) training rows, always the same, on a copy: watching changes nothing in the training"
                ))
        }
        var out = "<dl class=\"facts long\">\n"
        for (name, value) in facts { out += "<div><dt>\(name)</dt><dd>\(Words.html(value))</dd></div>\n" }
        out +=
            "</dl>\n<details><summary>\(s.layers.count) layers</summary><div class=\"scroll\"><table><thead><tr><th>layer</th>"
        out += "<th>kind</th><th>activation</th><th>in</th><th>units</th><th>parameters</th><th>initialiser</th>"
        out += "<th title=\"factor of a gradient's mean square by mean-field theory\">χ</th></tr></thead><tbody>\n"
        for layer in s.layers {
            out += "<tr><td>\(Words.html(Words.safe(layer.path)))</td><td>\(Words.html(layer.kind))</td>"
            out +=
                "<td>\(Words.html(layer.activation ?? ""))</td><td class=\"n\">\(layer.fanIn.map(Words.count) ?? "")</td>"
            out +=
                "<td class=\"n\">\(layer.units.map(Words.count) ?? "")</td><td class=\"n\">\(Words.count(layer.trainable))</td>"
            out += "<td>\(Words.html(layer.initializers.joined(separator: ", ")))</td>"
            out += "<td class=\"n\">\(layer.chi.map(Words.number) ?? "")</td></tr>\n"
        }
        out += "</tbody></table></div></details>\n"
        out += "<details><summary>The configuration</summary><pre>\(Words.html(s.configuration))</pre></details>\n"
        if !healthy.isEmpty {
            let names = healthy.map { Rule.named($0)?.title ?? $0 }.joined(separator: ", ")
            out +=
                "<details><summary>\(healthy.count) rules found nothing</summary><p>\(Words.html(names))</p></details>\n"
        }
        if !undecided.isEmpty {
            out += "<details><summary>\(undecided.count) rules had not enough to judge by</summary><ul>"
            for one in undecided {
                out +=
                    "<li>\(Words.html(Rule.named(one.rule)?.title ?? one.rule)): \(Words.html(Words.safe(one.reason)))</li>"
            }
            out += "</ul></details>\n"
        }
        return out
    }
}

extension Rule {
    /// What it is, the mathematics, a picture, the threshold, what looks alike, the sources.
    func explanationHTML(heading: String) -> String {
        var out =
            "<article class=\"rule\" id=\"rule-\(Words.html(id))\">\n<\(heading)>\(Words.html(title))</\(heading)>\n"
        out += "<p>\(Words.html(explanation.what))</p>\n"
        if let picture = Illustration(rule: id) {
            out += "<figure><figcaption><b>\(Words.html(picture.title))</b> \(Words.html(picture.caption))</figcaption>"
            out += picture.svg + "</figure>\n"
        }
        let parts = [
            ("The mathematics", explanation.mathematics), ("When it is called so", explanation.threshold),
            ("What looks alike", explanation.lookAlikes),
        ]
        for (name, text) in parts where !text.isEmpty { out += "<h4>\(name)</h4>\n<p>\(Words.html(text))</p>\n" }
        if !explanation.sources.isEmpty {
            out += "<h4>Sources</h4>\n<ul>"
            for source in explanation.sources { out += "<li>\(Words.html(source))</li>" }
            out += "</ul>\n"
        }
        return out + "</article>\n"
    }
}

/// The frame of a page: styles and scripts inside it, nothing fetched.
enum Page {
    static func figure(
        _ plot: String, _ title: String, _ caption: String, attributes: [String: String] = [:], isWide: Bool = false
    ) -> String {
        let data = attributes.sorted { $0.key < $1.key }.map { " data-\($0.key)=\"\(Words.html($0.value))\"" }.joined()
        let head = title.isEmpty ? "" : "<b>\(Words.html(title))</b> "
        return """
            <figure\(isWide ? " class=\"wide\"" : "")><figcaption>\(head)\(Words.html(caption))</figcaption>\
            <div class="plot" data-plot="\(plot)"\(data)></div></figure>

            """
    }

    /// - Parameter data: for the pictures; without it the page has no scripts that draw.
    static func html(title: String, body: String, data: String?) -> String {
        let styles = text(PackageResources.uPlot_min_css) + "\n" + text(PackageResources.page_css)
        let scripts = (data == nil ? [] : [text(PackageResources.uPlot_iife_min_js)]) + [text(PackageResources.page_js)]
        // Only these very scripts may run, and nothing may be fetched, whatever a name in the data tries.
        let allowed = scripts.map { "'sha256-\(Data(SHA256.hash(data: Data($0.utf8))).base64EncodedString())'" }
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src \
            \(allowed.joined(separator: " ")); img-src data:; base-uri 'none'; form-action 'none'">
            <link rel="icon" href="data:,">
            <title>\(Words.html(title))</title>
            <style>
            \(styles)
            </style>
            </head>
            <body>
            <button id="theme" type="button" aria-label="Light or dark">◐</button>
            <main>
            \(body)</main>
            <footer>Written by Fathom. Curves by uPlot (MIT licence, © Leon Sorokin).</footer>
            \(data.map { "<script type=\"application/json\" id=\"data\">\($0)</script>" } ?? "")
            \(scripts.map { "<script>\($0)</script>" }.joined(separator: "\n"))
            </body>
            </html>

            """
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
