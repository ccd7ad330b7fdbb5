// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "Fathom",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Fathom", targets: ["Fathom"]),
        .executable(name: "fathom", targets: ["FathomCLI"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-crypto", "3.12.3"..<"5.0.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.0.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.4.0"),
    ],
    targets: [
        // C: the vector kernels, the thread team and the plan's inner loop.
        .target(name: "CFathomKernels"),
        // The built-in data sets, compiled in, so that a program needs no file beside it.
        .target(name: "CFathomDatasets"),
        .systemLibrary(
            name: "CZlib", pkgConfig: "zlib",
            providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        .systemLibrary(
            name: "CPNG", pkgConfig: "libpng",
            providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
        .systemLibrary(
            name: "CJPEG", pkgConfig: "libjpeg",
            providers: [.apt(["libjpeg-dev"]), .brew(["jpeg-turbo"])]),
        // C, because libpng and libjpeg report errors by longjmp, which must not pass through Swift.
        .target(
            name: "CFathomImages", dependencies: ["CPNG", "CJPEG"],
            linkerSettings: [.linkedLibrary("png"), .linkedLibrary("jpeg")]),

        // The house, bottom up: imports point downward only.
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
            // The report's page is compiled in, so that a program needs no file beside it.
            resources: [
                .embedInCode("Report/Page/page.css"), .embedInCode("Report/Page/page.js"),
                .embedInCode("Report/Page/uPlot.min.css"), .embedInCode("Report/Page/uPlot.iife.min.js"),
            ]),
        // The lab's experiments, and their own source text for the pages.
        .target(name: "CFathomLabListings"),
        .target(
            name: "FathomLab", dependencies: ["Fathom", "FathomReference", "CFathomLabListings"],
            resources: [.embedInCode("Site/lab.css")]),
        .target(
            name: "Fathom",
            dependencies: [
                "FathomGraph", "FathomRuntime", "FathomNN", "FathomData", "FathomTraining", "FathomDiagnosis",
            ]),
        .executableTarget(
            name: "FathomCLI",
            dependencies: [
                "Fathom", "FathomLab", "FathomReference",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        // Small programs that use the library and fail when their result is not what it should be.
        .executableTarget(name: "DigitsExample", dependencies: ["Fathom"], path: "Examples/Digits"),
        .executableTarget(name: "RegressionExample", dependencies: ["Fathom"], path: "Examples/Regression"),
        .executableTarget(name: "SpiralsExample", dependencies: ["Fathom"], path: "Examples/Spirals"),
        .executableTarget(name: "CustomLayerExample", dependencies: ["Fathom"], path: "Examples/CustomLayer"),
        .executableTarget(name: "DoctorExample", dependencies: ["Fathom"], path: "Examples/Doctor"),
        .executableTarget(name: "TutorialExample", dependencies: ["Fathom"], path: "Examples/Tutorial"),
        .executableTarget(name: "ServerExample", dependencies: ["Fathom"], path: "Examples/Server"),

        // The table of operations with their cases, which the graph's and the runtime's tests share; golden values.
        .target(name: "CAllocations", path: "Tests/Allocations"),
        .target(name: "FathomTestSupport", dependencies: ["FathomGraph", "FathomReference"], path: "Tests/Support"),
        .testTarget(name: "FathomGraphTests", dependencies: ["FathomGraph", "FathomReference", "FathomTestSupport"]),
        .testTarget(
            name: "FathomRuntimeTests",
            dependencies: [
                "FathomGraph", "FathomReference", "FathomRuntime", "FathomNN", "CFathomKernels", "CAllocations",
                "FathomTestSupport",
            ]),
        .testTarget(name: "FathomNNTests", dependencies: ["FathomNN", "FathomReference", "FathomTestSupport"]),
        .testTarget(
            name: "FathomDataTests", dependencies: ["FathomData", "FathomTestSupport"], exclude: ["Corpus"]),
        .testTarget(
            name: "FathomTrainingTests",
            dependencies: [
                "FathomTraining", "CAllocations", "FathomTestSupport",
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        .testTarget(
            name: "FathomDiagnosisTests", dependencies: ["FathomDiagnosis", "FathomTestSupport"], exclude: ["Cases"]),
        .testTarget(name: "FathomLabTests", dependencies: ["FathomLab", "FathomTestSupport"]),
        .testTarget(name: "FathomCLITests", dependencies: ["FathomData", "FathomTraining", "FathomCLI"]),
    ],
    swiftLanguageModes: [.v6]
)
