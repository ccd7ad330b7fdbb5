// swift-tools-version: 6.1
import PackageDescription

// A package of its own, so that users of Fathom never see it. `Sources` is Fathom's own folder by a symbolic link, not
// a dependency: in one package with it the program reaches readers that are not public, such as that of tar archives.
let package = Package(
    name: "FathomFuzz",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-crypto", "3.12.3"..<"5.0.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.0.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
    ],
    targets: [
        // As in Fathom's own Package.swift.
        .target(name: "CFathomKernels"),
        .target(name: "CFathomDatasets"),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib"),
        .systemLibrary(name: "CPNG", pkgConfig: "libpng"),
        .systemLibrary(name: "CJPEG", pkgConfig: "libjpeg"),
        .target(
            name: "CFathomImages", dependencies: ["CPNG", "CJPEG"],
            linkerSettings: [.linkedLibrary("png"), .linkedLibrary("jpeg")]),
        .target(name: "FathomGraph"),
        .target(name: "FathomReference", dependencies: ["FathomGraph"]),
        .target(name: "FathomRuntime", dependencies: ["FathomGraph", "CFathomKernels"]),
        .target(name: "FathomNN", dependencies: ["FathomGraph", "FathomReference", "FathomRuntime"]),
        .target(
            name: "FathomData",
            dependencies: [
                "CZlib", "CFathomDatasets", "CFathomImages", .product(name: "Crypto", package: "swift-crypto"),
            ]),
        .target(
            name: "FathomTraining",
            dependencies: [
                "FathomNN", "FathomData", "Yams",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        .target(
            name: "FathomDiagnosis",
            dependencies: ["FathomTraining", .product(name: "Crypto", package: "swift-crypto")],
            resources: [
                .embedInCode("Report/Page/page.css"), .embedInCode("Report/Page/page.js"),
                .embedInCode("Report/Page/uPlot.min.css"), .embedInCode("Report/Page/uPlot.iife.min.js"),
            ]),
        // No main.swift: the program's entry is libFuzzer's.
        .executableTarget(
            name: "FuzzReaders",
            dependencies: ["FathomDiagnosis", .product(name: "Crypto", package: "swift-crypto")], path: "FuzzReaders"),
    ],
    swiftLanguageModes: [.v6]
)
