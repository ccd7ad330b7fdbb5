import Foundation

/// Chromium or Chrome, run without a screen.
public enum Browser {
    public struct View {
        /// The document after its scripts have run.
        public let dom: String
        /// What was said on the console: errors, and requests that were refused.
        public let messages: [String]
    }

    public static let path: String? = {
        let folders =
            (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":") + ["/usr/bin", "/usr/local/bin"]
        for name in ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"] {
            for folder in folders where FileManager.default.isExecutableFile(atPath: "\(folder)/\(name)") {
                return "\(folder)/\(name)"
            }
        }
        return nil
    }()

    public static func open(_ page: String, width: Int, isDark: Bool) throws -> View {
        let folder = FileManager.default.temporaryDirectory.appending(path: "fathom-page-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "page.html")
        try Data(page.utf8).write(to: file)
        let process = Process()
        process.executableURL = URL(filePath: path ?? "")
        process.arguments = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-dev-shm-usage", "--user-data-dir=\(folder.path)/profile",
            // Whatever is asked for is not there.
            "--host-resolver-rules=MAP * ~NOTFOUND", "--window-size=\(width),1000", "--virtual-time-budget=5000",
            "--blink-settings=preferredColorScheme=\(isDark ? 0 : 1)", "--enable-logging=stderr", "--dump-dom",
            file.absoluteString,
        ]
        // Into files: a pipe that nobody reads would stop the browser.
        let (out, log) = (folder.appending(path: "dom"), folder.appending(path: "log"))
        for url in [out, log] { _ = FileManager.default.createFile(atPath: url.path, contents: nil) }
        process.standardOutput = try FileHandle(forWritingTo: out)
        process.standardError = try FileHandle(forWritingTo: log)
        try process.run()
        process.waitUntilExit()
        let messages = String(decoding: try Data(contentsOf: log), as: UTF8.self).split(separator: "\n")
            .filter { $0.contains(":CONSOLE") }.map(String.init)
        return View(dom: String(decoding: try Data(contentsOf: out), as: UTF8.self), messages: messages)
    }
}
