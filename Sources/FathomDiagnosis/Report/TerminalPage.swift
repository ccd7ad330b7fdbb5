/// Lines of text for a terminal of some width, with or without colours.
struct TerminalPage {
    enum Style: String {
        case good = "32"
        case bad = "31"
        case caution = "33"
        case accent = "36"
        case strong = "1"
        case faint = "2"
    }

    let width: Int
    let color: Bool

    func styled(_ text: String, _ style: Style) -> String {
        color && !text.isEmpty ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// Words in lines no longer than the width, where words allow it.
    func wrapped(_ text: String, indent: Int = 0) -> [String] {
        let blank = String(repeating: " ", count: indent)
        var lines: [String] = []
        var line = ""
        for word in text.split(whereSeparator: \.isWhitespace) {
            if !line.isEmpty, indent + line.count + 1 + word.count > width {
                lines.append(blank + line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return line.isEmpty ? lines : lines + [blank + line]
    }

    /// A bar of a share of the width, to an eighth of a column; something is seen of any share above 0.
    static func bar(_ share: Double, width: Int) -> String {
        guard share > 0, width > 0 else { return "" }
        let eighths = max(1, Int((min(share, 1) * Double(width) * 8).rounded()))
        let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        return String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
    }
}
