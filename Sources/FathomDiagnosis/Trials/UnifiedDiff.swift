/// The changed lines between two texts as a unified diff, with three lines around each change; empty for equal texts.
package func unifiedDiff(_ old: String, _ new: String, from oldName: String, to newName: String) -> String {
    let a = old.split(separator: "\n", omittingEmptySubsequences: false)
    let b = new.split(separator: "\n", omittingEmptySubsequences: false)
    guard a != b else { return "" }
    // Lengths of the longest common subsequences of the rests.
    var common = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
    for i in a.indices.reversed() {
        for j in b.indices.reversed() {
            common[i][j] = a[i] == b[j] ? common[i + 1][j + 1] + 1 : max(common[i + 1][j], common[i][j + 1])
        }
    }
    var lines: [(mark: String, text: Substring, i: Int, j: Int)] = []
    var (i, j) = (0, 0)
    while i < a.count || j < b.count {
        if i < a.count, j < b.count, a[i] == b[j] {
            lines.append((" ", a[i], i, j))
            (i, j) = (i + 1, j + 1)
        } else if i < a.count, j == b.count || common[i + 1][j] >= common[i][j + 1] {
            lines.append(("-", a[i], i, j))
            i += 1
        } else {
            lines.append(("+", b[j], i, j))
            j += 1
        }
    }
    let context = 3
    let shown = lines.indices.filter { k in
        lines[max(0, k - context)...min(lines.count - 1, k + context)].contains { $0.mark != " " }
    }
    var text = "--- \(oldName)\n+++ \(newName)\n"
    var rest = shown[...]
    while let start = rest.first {
        let end = zip(rest, start...).prefix { $0.0 == $0.1 }.last?.0 ?? start
        let hunk = lines[start...end]
        rest = rest.dropFirst(hunk.count)
        let removed = hunk.count { $0.mark != "+" }
        let added = hunk.count { $0.mark != "-" }
        let first = lines[start]
        text += "@@ -\(removed > 0 ? first.i + 1 : first.i),\(removed)"
        text += " +\(added > 0 ? first.j + 1 : first.j),\(added) @@\n"
        for line in hunk { text += line.mark + line.text + "\n" }
    }
    return text
}
