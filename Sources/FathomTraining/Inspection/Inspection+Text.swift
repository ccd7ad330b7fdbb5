extension Inspection: CustomStringConvertible {
    /// A table of the layers, then what the whole takes and what theory says of it.
    public var description: String {
        let head = [
            "layer", "activation", "output", "parameters", "FLOPs", "bytes", "initialiser", "size", "χ", "gradient",
        ]
        let body = rows.map { row in
            [
                row.path, row.activation ?? "", row.outputShape.map(String.init).joined(separator: "×"),
                "\(row.parameters)",
                "\(row.flops)", "\(row.activationBytes)", row.initializers.joined(separator: ", "),
                Self.short(row.outputSize),
                Self.short(row.chi), Self.short(row.gradientGain),
            ]
        }
        let numeric: Set = [3, 4, 5, 7, 8, 9]
        var lines = TextTable.lines([head] + body, rightAligned: numeric)
        lines.append("")
        lines.append(
            "\(parameters) parameters"
                + (buffers > 0 ? " and \(buffers) buffers" : "")
                + ", \(Self.bytes(stateBytes)); \(optimizer) keeps \(Self.bytes(optimizerBytes)) more")
        lines.append("forward \(flops) FLOPs an example; a training step about three times that")
        lines.append(
            "a training step of \(batch) examples: \(instructions) instructions, \(Self.bytes(trainingPeakBytes)) of working memory"
        )
        lines.append("")
        lines.append(verdict)
        return lines.joined(separator: "\n")
    }

    /// What mean-field theory says of the gradients, in one or two sentences.
    public var verdict: String {
        guard let gain = gradientGain, rows.count > 1 else {
            return "Theory says nothing of the gradient at the first layer."
        }
        let size = Self.short(gain)
        let weak = rows.filter { $0.gradientGain != nil && $0.chi != nil }
        if gain < 1e-2, let worst = weak.min(by: { ($0.chi ?? 1) < ($1.chi ?? 1) }) {
            let name = worst.activation.map { "\(worst.path) (\($0))" } ?? worst.path
            return
                "Gradients vanish: at the first layer they are \(size) of those at the output; the smallest χ is \(Self.short(worst.chi)), at \(name).\n"
                + "Try an activation of larger slope, initializer=critical, normalisation, or residual blocks."
        }
        if gain > 1e2, let worst = weak.max(by: { ($0.chi ?? 1) < ($1.chi ?? 1) }) {
            return
                "Gradients explode: at the first layer they are \(size) times those at the output; the largest χ is \(Self.short(worst.chi)), at \(worst.path).\n"
                + "Try initializer=critical, normalisation, or clipping by the global norm."
        }
        return "Gradients arrive: at the first layer they are \(size) times those at the output."
    }

    /// Three digits, without Foundation's locale.
    static func short(_ x: Double?) -> String {
        guard let x else { return "—" }
        if x == 0 { return "0" }
        let magnitude = abs(x)
        if magnitude >= 0.001, magnitude < 10_000 {
            let digits =
                magnitude >= 100
                ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : magnitude >= 0.1 ? 3 : magnitude >= 0.01 ? 4 : 5
            let scale = Double((0..<digits).reduce(1) { n, _ in n * 10 })
            let text = "\((x * scale).rounded() / scale)"
            return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
        }
        var (mantissa, exponent) = (x, 0)
        while abs(mantissa) >= 9.95 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
        while abs(mantissa) < 0.995 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
        return "\((mantissa * 10).rounded() / 10)e\(exponent)"
    }

    static func bytes(_ n: Int) -> String {
        let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
        var (value, unit) = (Double(n), 0)
        while value >= 1024, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
        return "\(unit == 0 ? "\(n)" : short(value)) \(units[unit])"
    }
}

/// Columns of text as wide as they must be.
package enum TextTable {
    /// - Parameters:
    ///   - rows: the first is the head, ruled off from the others.
    ///   - rightAligned: columns of numbers.
    package static func lines(_ rows: [[String]], rightAligned: Set<Int> = []) -> [String] {
        let columns = rows.map(\.count).max() ?? 0
        let used = (0..<columns).filter { c in rows.dropFirst().contains { c < $0.count && !$0[c].isEmpty } }
        let widths = used.map { c in rows.map { c < $0.count ? $0[c].count : 0 }.max() ?? 0 }
        var lines = rows.map { row in
            var line = ""
            for (c, width) in zip(used, widths) {
                let cell = c < row.count ? row[c] : ""
                let blank = String(repeating: " ", count: width - cell.count)
                line += (line.isEmpty ? "" : "  ") + (rightAligned.contains(c) ? blank + cell : cell + blank)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
        let width = widths.reduce(0, +) + 2 * max(widths.count - 1, 0)
        if lines.count > 1 { lines.insert(String(repeating: "─", count: width), at: 1) }
        return lines
    }
}
