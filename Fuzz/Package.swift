// swift-tools-version: 6.1
import PackageDescription

// A package of its own, so that users of Fathom never see it. The sources are those of Fathom by symbolic link; what
// needs the network or cryptography is left out, which keeps the instrumented build short.
let package = Package(
    name: "FathomFuzz",
    platforms: [.macOS(.v15)],
    targets: [
        .target(name: "CFathomDatasets"),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib"),
        .systemLibrary(name: "CPNG", pkgConfig: "libpng"),
        .systemLibrary(name: "CJPEG", pkgConfig: "libjpeg"),
        .target(
            name: "CFathomImages", dependencies: ["CPNG", "CJPEG"],
            linkerSettings: [.linkedLibrary("png"), .linkedLibrary("jpeg")]),
        .target(
            name: "FathomData", dependencies: ["CZlib", "CFathomDatasets", "CFathomImages"],
            exclude: ["Download.swift", "DatasetCatalog.swift"]),
        // Two files and no main.swift: the program's entry is libFuzzer's.
        .executableTarget(name: "FuzzReaders", dependencies: ["FathomData"]),
    ],
    swiftLanguageModes: [.v6]
)
