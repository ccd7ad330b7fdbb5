#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where a command writes: data to standard output, messages to standard error.
///
/// Whoever stops reading is no reason to fail: writing to a closed pipe is given up silently.
struct FileOutput: Sendable {
    static let standardOutput = FileOutput(descriptor: 1)
    static let standardError = FileOutput(descriptor: 2)
    let descriptor: Int32

    @discardableResult
    func write(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while let base = rest.baseAddress, rest.count > 0 {
                #if canImport(Glibc)
                    let count = Glibc.write(descriptor, base, rest.count)
                #else
                    let count = Darwin.write(descriptor, base, rest.count)
                #endif
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return false }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
            return true
        }
    }
}

/// What is known of the terminal, and how messages look.
enum Terminal {
    static let isErrorTerminal = isatty(2) == 1
    static let isOutputTerminal = isatty(1) == 1
    /// Colours only where a person sees them and has not declined (https://no-color.org).
    static let hasColor = isErrorTerminal && allowsColor
    static let hasOutputColor = isOutputTerminal && allowsColor
    private static let allowsColor = getenv("NO_COLOR") == nil && term != "dumb"
    private static let term = getenv("TERM").map { String(cString: $0) } ?? ""

    static func error(_ message: String) {
        FileOutput.standardError.write(color("error: ", "1;31") + message + "\n")
    }

    static func warning(_ message: String) {
        FileOutput.standardError.write(color("warning: ", "1;33") + message + "\n")
    }

    static func message(_ message: String) { FileOutput.standardError.write(message + "\n") }

    static func output(_ text: String) { FileOutput.standardOutput.write(text) }

    static func color(_ text: String, _ code: String) -> String {
        hasColor ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }

    /// Columns of the terminal on standard error.
    static var width: Int {
        var size = winsize()
        guard ioctl(2, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 else { return 80 }
        return Int(size.ws_col)
    }
}
