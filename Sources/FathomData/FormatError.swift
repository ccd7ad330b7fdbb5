/// A file that breaks the rules of its format.
///
/// Every reader throws this one type: which file, where in it, which rule, and what to do about it. Reading a bad
/// file never ends the process.
public struct FormatError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A place in a file.
    public enum Location: Hashable, Sendable {
        /// The file as a whole: it cannot be opened, is too large, is empty.
        case file
        /// A byte offset from the start (of the unpacked bytes, where the file is compressed).
        case offset(Int)
        /// A line and a column of a text file, both from 1; the column counts bytes.
        case line(Int, column: Int)
    }

    /// The path, or a name given by the caller for bytes that came from elsewhere.
    public var file: String
    /// Where the rule is broken.
    public var location: Location
    /// The rule that is broken, with the value found.
    public var rule: String
    /// What the user can do, where that is known.
    public var hint: String?

    /// Creates an error.
    public init(file: String, at location: Location = .file, rule: String, hint: String? = nil) {
        self.file = file
        self.location = location
        self.rule = rule
        self.hint = hint
    }

    /// One line: `file:line:column: rule (hint)`.
    public var description: String {
        let place =
            switch location {
            case .file: ""
            case .offset(let offset): " at byte \(offset)"
            case .line(let line, let column): ":\(line):\(column)"
            }
        return file.escapedForDisplay + place + ": " + rule + (hint.map { " (\($0))" } ?? "")
    }
}

extension String {
    /// The text with control characters escaped and cut to 200 characters, so that what a file says cannot disturb
    /// the terminal it is shown on.
    package var escapedForDisplay: String {
        var out = ""
        for scalar in unicodeScalars.prefix(200) {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            out += isControl ? "\\u{" + String(scalar.value, radix: 16) + "}" : String(scalar)
        }
        return unicodeScalars.count > 200 ? out + "…" : out
    }
}
