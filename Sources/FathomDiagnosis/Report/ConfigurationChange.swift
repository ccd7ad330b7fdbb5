import FathomTraining

/// What a suggested remedy would change in the configuration, before anything is proven.
public struct ConfigurationChange: Sendable, Codable {
    /// The name of the rule whose finding suggests it.
    public let rule: String
    /// The remedy's name, see ``Remedy/id``.
    public let remedy: String
    /// The remedy in a few words.
    public let title: String
    /// What the remedy changes and why that helps.
    public let summary: String
    /// Why it is suggested here.
    public let reason: String
    /// The changed lines with some around them: `-` before, `+` after.
    public let diff: String
    /// The whole configuration after the change, as YAML.
    public let configuration: String

    /// The suggestions of a finding that can be applied, in their order.
    static func changes(for finding: Finding, _ evidence: Evidence) -> [ConfigurationChange] {
        let before = evidence.setup.patient.configuration.yaml
        return finding.suggestions.compactMap { suggestion in
            guard let remedy = Remedy.named(suggestion.remedy), let changed = remedy.apply(evidence, finding) else {
                return nil
            }
            let after = changed.configuration.yaml
            guard after != before else { return nil }
            return ConfigurationChange(
                rule: finding.rule, remedy: remedy.id, title: remedy.title, summary: remedy.summary,
                reason: suggestion.reason, diff: lineDiff(before, after), configuration: after)
        }
    }
}

/// The lines that differ, `-` before and `+` after, with up to two equal lines on either side; `…` where lines are left out.
package func lineDiff(_ before: String, _ after: String, around: Int = 2) -> String {
    let old = before.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let new = after.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    var removed: Set<Int> = []
    var inserted: Set<Int> = []
    for change in new.difference(from: old) {
        switch change {
        case .remove(let offset, _, _): removed.insert(offset)
        case .insert(let offset, _, _): inserted.insert(offset)
        }
    }
    var lines: [(mark: Character, text: String)] = []
    var (i, j) = (0, 0)
    while i < old.count || j < new.count {
        if i < old.count, removed.contains(i) {
            lines.append(("-", old[i]))
            i += 1
        } else if j < new.count, inserted.contains(j) {
            lines.append(("+", new[j]))
            j += 1
        } else if i < old.count, j < new.count {
            lines.append((" ", old[i]))
            (i, j) = (i + 1, j + 1)
        } else {
            break
        }
    }
    let changed = lines.indices.filter { lines[$0].mark != " " }
    var kept = Set<Int>()
    for index in changed {
        kept.formUnion(max(0, index - around)...min(lines.count - 1, index + around))
    }
    var out: [String] = []
    var last = -1
    for index in lines.indices where kept.contains(index) {
        if index > last + 1 { out.append("  …") }
        out.append("\(lines[index].mark) \(lines[index].text)")
        last = index
    }
    if !out.isEmpty, last < lines.count - 1 { out.append("  …") }
    return out.joined(separator: "\n")
}
