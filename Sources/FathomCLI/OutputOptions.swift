import ArgumentParser
import Fathom

/// How a command speaks.
struct OutputOptions: ParsableArguments {
    @Flag(name: .long, help: "Write one JSON object a line to standard output.")
    var json = false

    @Flag(name: [.short, .long], help: "Say nothing but errors and results.")
    var quiet = false
}

/// Folders in which named data sets are looked for: the environment variable FATHOM_DATA says where, never what.
enum DataFolders {
    static var all: [String] {
        guard let folder = getenv("FATHOM_DATA").map({ String(cString: $0) }), !folder.isEmpty else { return [] }
        return [folder]
    }
}

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
