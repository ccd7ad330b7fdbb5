import Foundation

/// Text with a little markup: blank lines part paragraphs, lines that begin with `- ` are a list, `**strong**`, `*stressed*`,
/// `` `code` ``, `[words](page.html)`, `$formula$`, and `$$formula$$` in a paragraph of its own, where `\quad` parts formulas that stand side
/// by side if there is room; see ``Formula``.
enum Prose {
    static func html(_ text: String) -> String {
        text.components(separatedBy: "\n\n").map { part in
            let block = part.trimmingCharacters(in: .whitespacesAndNewlines)
            if block.isEmpty { return "" }
            if block.hasPrefix("$$"), block.hasSuffix("$$"), block.count > 4 {
                let formulas = block.dropFirst(2).dropLast(2).components(separatedBy: "\\quad")
                return
                    "<div class=\"formula\">\(formulas.map { Formula.mathML($0, isDisplay: true) }.joined())</div>"
            }
            if block.hasPrefix("- ") {
                let items = ("\n" + block).components(separatedBy: "\n- ").dropFirst()
                return "<ul>\(items.map { "<li>\(inline($0))</li>" }.joined())</ul>"
            }
            return "<p>\(inline(block))</p>"
        }.joined(separator: "\n")
    }

    /// One paragraph's markup.
    static func inline(_ text: String) -> String {
        var out = ""
        var rest = text.replacingOccurrences(of: "\n", with: " ")[...]
        func closed(_ mark: String) -> Substring? {
            guard rest.hasPrefix(mark) else { return nil }
            let body = rest.dropFirst(mark.count)
            guard let end = body.range(of: mark), end.lowerBound > body.startIndex else { return nil }
            return body[..<end.lowerBound]
        }
        while let c = rest.first {
            if let body = closed("`") {
                out += "<code>\(escaped(String(body)))</code>"
                rest = rest.dropFirst(body.count + 2)
            } else if let body = closed("$") {
                out += Formula.mathML(String(body), isDisplay: false)
                rest = rest.dropFirst(body.count + 2)
            } else if let body = closed("**") {
                out += "<b>\(inline(String(body)))</b>"
                rest = rest.dropFirst(body.count + 4)
            } else if let body = closed("*") {
                out += "<em>\(inline(String(body)))</em>"
                rest = rest.dropFirst(body.count + 2)
            } else if c == "[", let middle = rest.range(of: "]("),
                let end = rest[middle.upperBound...].firstIndex(of: ")")
            {
                let words = rest[rest.index(after: rest.startIndex)..<middle.lowerBound]
                out += "<a href=\"\(escaped(String(rest[middle.upperBound..<end])))\">\(escaped(String(words)))</a>"
                rest = rest[rest.index(after: end)...]
            } else {
                out += escaped(String(c))
                rest.removeFirst()
            }
        }
        return out
    }

    /// Without markup, for a terminal, in lines of so many letters.
    static func plain(_ text: String, width: Int = 96) -> String {
        text.components(separatedBy: "\n\n").map { block in
            var lines: [String] = []
            var line = ""
            let words = block.replacingOccurrences(of: "**", with: "").replacingOccurrences(of: "`", with: "")
                .replacingOccurrences(of: "$", with: "").replacingOccurrences(of: "*", with: "")
            for word in words.split(whereSeparator: \.isWhitespace) {
                if !line.isEmpty, line.count + 1 + word.count > width {
                    lines.append(line)
                    line = ""
                }
                line += (line.isEmpty ? "" : " ") + word
            }
            return (lines + [line]).joined(separator: "\n")
        }.joined(separator: "\n\n")
    }

    static func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
    }
}

/// Swift source with its comments, strings, keywords and numbers marked.
enum Highlighter {
    private static let keywords: Set<String> = [
        "var", "let", "func", "return", "if", "else", "for", "in", "while", "guard", "struct", "enum", "static",
        "extension",
        "private", "try", "throws", "case", "switch", "default", "import", "public", "where", "nil", "true", "false",
        "some",
        "any", "init", "self", "inout", "continue", "break", "mutating", "catch", "do", "throw",
    ]

    static func html(_ source: String) -> String {
        var out = ""
        var rest = source[...]
        func span(_ kind: String, _ text: Substring) {
            out += "<span class=\"h\(kind)\">\(Prose.escaped(String(text)))</span>"
            rest = rest[text.endIndex...]
        }
        while let c = rest.first {
            if rest.hasPrefix("//") {
                span("c", rest.prefix { $0 != "\n" })
            } else if rest.hasPrefix("\"\"\"") {
                let end = rest.dropFirst(3).range(of: "\"\"\"")?.upperBound ?? rest.endIndex
                span("s", rest[..<end])
            } else if c == "\"" {
                var end = rest.index(after: rest.startIndex)
                while end < rest.endIndex, rest[end] != "\"", rest[end] != "\n" {
                    end =
                        rest.index(end, offsetBy: rest[end] == "\\" ? 2 : 1, limitedBy: rest.endIndex) ?? rest.endIndex
                }
                if end < rest.endIndex { end = rest.index(after: end) }
                span("s", rest[..<end])
            } else if c.isLetter || c == "_" || c == "@" {
                let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "@" }
                if keywords.contains(String(word)) {
                    span("k", word)
                } else if c.isUppercase {
                    span("t", word)
                } else {
                    out += Prose.escaped(String(word))
                    rest = rest[word.endIndex...]
                }
            } else if c.isNumber {
                span("n", rest.prefix { $0.isNumber || $0 == "." || $0 == "e" || $0 == "_" })
            } else {
                out += Prose.escaped(String(c))
                rest.removeFirst()
            }
        }
        return out
    }
}
