extension Rule {
    /// What the rule is about, for a terminal: what it is, a picture, the mathematics, the threshold, sources.
    public func explained(width: Int = 80, color: Bool = false) -> String {
        let page = TerminalPage(width: min(max(width, 40), 100), color: color)
        var blocks = [
            page.styled("\(title)", .strong) + "  " + page.styled("(\(id), found \(stage.words))", .faint),
            page.wrapped(explanation.what).joined(separator: "\n"),
        ]
        if let picture = Illustration(rule: id) {
            var lines = [page.styled(picture.title, .accent), ""]
            lines += picture.text(width: page.width) + [""] + page.wrapped(picture.caption)
            blocks.append(lines.joined(separator: "\n"))
        }
        let parts = [
            ("The mathematics", explanation.mathematics), ("When it is called so", explanation.threshold),
            ("What looks alike", explanation.lookAlikes),
        ]
        for (name, text) in parts where !text.isEmpty {
            blocks.append(([page.styled(name, .strong)] + page.wrapped(text)).joined(separator: "\n"))
        }
        let symptoms = explains.compactMap { Rule.named($0)?.title }
        if !symptoms.isEmpty {
            let text = symptoms.joined(separator: ", ")
            blocks.append(
                ([page.styled("What it brings with it", .strong)] + page.wrapped(text)).joined(separator: "\n"))
        }
        if !explanation.sources.isEmpty {
            let lines = explanation.sources.flatMap { page.wrapped("· \($0)") }
            blocks.append(([page.styled("Sources", .strong)] + lines).joined(separator: "\n"))
        }
        return blocks.joined(separator: "\n\n") + "\n"
    }

    /// The same as a page for a browser, with the picture.
    public var explanationPage: String {
        Page.html(title: title, body: explanationHTML(heading: "h1"), data: nil)
    }

    /// All rules, one a line, by the moment at which they can be judged.
    public static func list(width: Int = 80, color: Bool = false) -> String {
        let page = TerminalPage(width: width, color: color)
        var blocks: [String] = []
        let longest = all.map(\.id.count).max() ?? 0
        for stage in Stage.allCases {
            let rows = all.filter { $0.stage == stage }.map { rule in
                "  " + rule.id + String(repeating: " ", count: longest - rule.id.count + 2) + rule.title
            }
            guard !rows.isEmpty else { continue }
            blocks.append(([page.styled("Found \(stage.words)", .strong)] + rows).joined(separator: "\n"))
        }
        return blocks.joined(separator: "\n\n") + "\n"
    }
}

extension Rule.Stage {
    /// For people, after "found".
    var words: String {
        switch self {
        case .before: "before training"
        case .during: "while training"
        }
    }
}
