import Foundation

/// The folder of values written by PyTorch (`Tests/Golden`), found from this file's place in the sources.
public func goldenURL(_ name: String, file: StaticString = #filePath) -> URL {
    URL(fileURLWithPath: "\(file)").deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Golden").appendingPathComponent(name)
}
