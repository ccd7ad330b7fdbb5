import Foundation

extension ClassificationReport {
    /// The report as a page of its own: it needs no other file and no network.
    ///
    /// - Parameters:
    ///   - title: what was evaluated.
    ///   - detail: with which checkpoint, on which rows.
    ///   - measures: numbers by name, as metrics give them.
    public func html(title: String, detail: String, measures: [(name: String, value: Double)]) -> String {
        let name = Words.html(Words.safe(title))
        var body = """
            <header>
            <p class="eyebrow"><span>Fathom's evaluation of <b>\(name)</b></span></p>
            <h1 id="headline">\(name) answers \(Words.html(Words.percent(accuracy))) of \
            \(Words.html(Words.count(rows))) rows right.</h1>
            <p class="lead quiet">\(Words.html(Words.safe(detail)))</p>
            <dl class="numbers">

            """
        for measure in measures {
            body += "<div><dt>\(Words.html(Words.safe(measure.name)))</dt>"
            body += "<dd>\(Words.html(Words.number(measure.value)))</dd></div>\n"
        }
        body += "</dl>\n</header>\n"
        body += "<section id=\"confusion\">\n<h2>Which classes are taken for which</h2>\n\(confusionFigure)</section>\n"
        if !samples.isEmpty {
            body += "<section id=\"pictures\">\n<h2>What it says of pictures</h2>\n"
            body += mistakesFigure + samplesFigure + "</section>\n"
        }
        return Page.html(title: "\(Words.safe(title)): evaluation", body: body, data: nil)
    }

    // MARK: Confusion

    /// Up to so many classes stand in a table; of more only what is confused most.
    private static let mostInTable = 25

    /// The matrix as a heat map, and what is confused most in words.
    var confusionFigure: String {
        var out = """
            <figure class="wide"><figcaption><b>Confusion matrix</b> One line a true class, one column an answer; of \
            \(Words.html(Words.count(rows))) \(Words.html(Words.safe(part))) rows. Blue is right, red is wrong, and the \
            stronger, the larger the share of the line.</figcaption>

            """
        if classes.count <= Self.mostInTable { out += table }
        let worst = confusions.prefix(classes.count <= Self.mostInTable ? 3 : 12)
        if worst.isEmpty {
            out += "<p class=\"quiet\">No class was taken for another.</p>\n"
        } else {
            out += "<p class=\"quiet\">Most often confused:</p>\n<ul class=\"confusions\">"
            for one in worst {
                out += "<li>\(name(one.label)) taken for \(name(one.predicted)): \(Words.count(one.count)) times, "
                out += "\(Words.html(Words.percent(one.share))) of its rows</li>"
            }
            out += "</ul>\n"
        }
        let silent = unanswered.reduce(0, +)
        if silent > 0 {
            out += "<p class=\"alarm\">\(Words.count(silent)) rows got no answer: an output was no number.</p>\n"
        }
        return out + "</figure>\n"
    }

    private var table: String {
        // Short names need not be turned.
        let isShort = classes.allSatisfy { $0.count <= 3 }
        var out = "<div class=\"scroll\"><table class=\"confusion\(isShort ? " short" : "")\"><thead><tr><th></th>"
        for label in classes.indices { out += "<th scope=\"col\"><span>\(name(label))</span></th>" }
        out += "<th scope=\"col\" class=\"recall\"><span>right</span></th></tr></thead><tbody>\n"
        for (label, counts) in confusion.enumerated() {
            let total = rows(of: label)
            out += "<tr><th scope=\"row\" title=\"\(name(label))\">\(name(label))</th>"
            for (predicted, count) in counts.enumerated() {
                let share = total > 0 ? Double(count) / Double(total) : 0
                let kind = (label == predicted ? "right" : "wrong") + (share > 0.55 ? " deep" : "")
                // Small shares are seen too.
                let strength = share > 0 ? 0.08 + 0.92 * share.squareRoot() : 0
                out += "<td class=\"\(kind)\" style=\"--v:\(String(format: "%.2f", strength))\" title=\""
                out += "\(name(label)) taken for \(name(predicted)): \(Words.count(count)) of \(Words.count(total))\">"
                out += "<span>\(count == 0 ? "" : "\(count)")</span></td>"
            }
            let recall = recall(of: label).map { "\(Int((100 * $0).rounded())) %" }
            out += "<td class=\"recall\">\(recall ?? "—")</td></tr>\n"
        }
        return out + "</tbody></table></div>\n"
    }

    private func name(_ label: Int) -> String {
        Words.html(Words.safe(classes.indices.contains(label) ? classes[label] : "\(label)"))
    }

    // MARK: Pictures

    /// Pictures at equal distances with what was answered; empty where rows are no pictures.
    var samplesFigure: String {
        figure(
            samples, id: "samples", "Some \(Words.safe(part)) rows, and what it says",
            "Taken at equal distances. Below each picture the answer and how sure it is; where it is wrong, what it is."
        )
    }

    /// The worst mistakes first; empty where there are none.
    var mistakesFigure: String {
        figure(
            mistakes, id: "mistakes", "The worst mistakes",
            """
            The wrong answers with the largest loss: where it is sure and wrong. Some may be wrong labels, or pictures that \
            nobody could tell.
            """)
    }

    private func figure(_ examples: [Example], id: String, _ title: String, _ caption: String) -> String {
        guard !examples.isEmpty else { return "" }
        var out = "<figure class=\"wide\" id=\"\(id)\"><figcaption><b>\(Words.html(title))</b> \(Words.html(caption))"
        out += "</figcaption>\n<div class=\"shots\">\n"
        for one in examples {
            func sure(_ p: Double?) -> String { p.map { " \(Int((100 * min(max($0, 0), 1)).rounded())) %" } ?? "" }
            let said = "\(name(one.predicted))<small>\(sure(one.probability))</small>"
            out += "<div class=\"shot \(one.isRight ? "right" : "wrong")\" title=\"row \(one.row), loss "
            out += "\(Words.html(Words.number(one.loss)))\"><img src=\"\(one.picture)\" alt=\"\(name(one.label))\">"
            out += "<p><span class=\"mark\">\(one.isRight ? "✓" : "✗")</span> \(said)</p>"
            if !one.isRight {
                out += "<p class=\"truth\">is \(name(one.label))<small>\(sure(one.labelProbability))</small></p>"
            }
            out += "</div>\n"
        }
        return out + "</div></figure>\n"
    }
}
