/// A mistake in a configuration: where it stands, what is wrong and what would be right.
public struct ConfigError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The key or word at fault, with the keys that lead to it: `model.residual.dense.units`.
    public var key: String
    /// What is wrong; ``description`` adds line, key, nearest spelling and what is allowed.
    public var message: String
    /// What may stand here instead.
    public var allowed: [String]
    /// The allowed word that is spelled most alike.
    public var nearest: String?
    /// The line in the source, from 1, when known.
    public var line: Int?

    /// For a word that is not in a list, ``unknown(_:_:allowed:line:)`` finds the nearest spelling.
    public init(key: String, message: String, allowed: [String] = [], nearest: String? = nil, line: Int? = nil) {
        self.key = key
        self.message = message
        self.allowed = allowed
        self.nearest = nearest
        self.line = line
    }

    /// An unknown word where one of `allowed` must stand.
    public static func unknown(_ what: String, _ word: String, allowed: [String], line: Int? = nil) -> ConfigError {
        ConfigError(
            key: word, message: "unknown \(what) '\(word)'", allowed: allowed,
            nearest: nearestSpelling(of: word, among: allowed), line: line)
    }

    public var description: String {
        var text = line.map { "line \($0): " } ?? ""
        text += message
        if !message.contains(key) { text += " at '\(key)'" }
        if let nearest { text += "; did you mean '\(nearest)'?" }
        if !allowed.isEmpty { text += "\n  allowed: " + allowed.joined(separator: ", ") }
        return text
    }
}

/// A word without capitals, hyphens, underscores and spaces, as names are compared.
func spelling(_ word: String) -> String { String(word.lowercased().filter { $0 != "-" && $0 != "_" && $0 != " " }) }

/// The candidate with the fewest edits to `word`, when these are few for its length.
func nearestSpelling(of word: String, among candidates: [String]) -> String? {
    let target = Array(spelling(word).prefix(64))
    let ranked = candidates.map { (distance: editDistance(target, Array(spelling($0))), name: $0) }
    guard let best = ranked.min(by: { $0.distance < $1.distance }),
        best.distance <= (target.count < 4 ? 1 : max(2, target.count / 3))
    else {
        // A word that begins or ends a candidate, as `norm` does, or else begins with one, as `batchSize` does.
        let key = String(target)
        guard key.count > 2, key.allSatisfy(\.isLetter) else { return nil }
        return candidates.first { spelling($0).hasPrefix(key) || spelling($0).hasSuffix(key) }
            ?? candidates.first { spelling($0).count > 2 && key.hasPrefix(spelling($0)) }
    }
    return best.name
}

/// Insertions, deletions, replacements and exchanges of neighbours that turn one word into the other.
private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
    var rows = [Array(0...b.count)]
    for i in a.indices {
        var row = [i + 1]
        for j in b.indices {
            var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, rows[i - 1][j - 1] + 1) }
            row.append(best)
        }
        rows.append(row)
    }
    return rows[a.count][b.count]
}
