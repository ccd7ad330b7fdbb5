import FathomData
import Foundation
import Testing

/// Tests with the published files. They look in the folder named by FATHOM_DATA (with folders mnist, fashion-mnist,
/// cifar10, tabular in it), else in the cache and where Debian's packages install; without the files they are skipped.
enum RealData {
    static let folder = ProcessInfo.processInfo.environment["FATHOM_DATA"]

    static func options(_ name: String) -> DatasetCatalog.Options {
        var options = DatasetCatalog.Options()
        if let folder { options.path = folder + "/" + name }
        return options
    }

    static func has(_ name: String) -> Bool {
        let options = options(name)
        let folders =
            options.path.map { [$0] } ?? ([options.cacheFolder] + options.systemFolders).map { $0 + "/" + name }
        return folders.contains { FileManager.default.fileExists(atPath: $0 + "/train-images-idx3-ubyte.gz") }
    }

    static func table(_ name: String) -> String { (folder ?? "/nonexistent") + "/tabular/" + name }
}

@Suite struct RealDataTests {
    @Test(
        .enabled(
            if: RealData.has("fashion-mnist"), "no Fashion-MNIST: set FATHOM_DATA or install dataset-fashion-mnist"))
    func fashionMNIST() throws {
        let clock = ContinuousClock()
        var split: DataSplit?
        let elapsed = try clock.measure {
            split = try DatasetCatalog.load("fashion-mnist", options: RealData.options("fashion-mnist"))
        }
        // Generous for busy machines; a quiet one needs well below a second.
        #expect(elapsed < .seconds(5))
        let train = try #require(split).train
        #expect(train.inputs.shape == [60_000, 28, 28, 1])
        #expect(split?.test.inputs.shape == [10_000, 28, 28, 1])
        // The published mean and deviation of the pixels: 0.2860 and 0.3530.
        let mean = train.inputs.values.reduce(0.0) { $0 + Double($1) } / Double(train.inputs.values.count)
        let variance =
            train.inputs.values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
            / Double(train.inputs.values.count)
        #expect(abs(mean - 0.2860) < 1e-4)
        #expect(abs(variance.squareRoot() - 0.3530) < 1e-4)
        #expect(train.labels.map { Array($0.prefix(5)) } == [9, 0, 0, 3, 0])
        for label in 0..<10 { #expect(train.labels?.filter { $0 == label }.count == 6000) }
        #expect(DataChecks.findings(in: train) == [])
    }

    @Test(.enabled(if: RealData.has("mnist"), "no MNIST: set FATHOM_DATA or download it"))
    func mnist() throws {
        let split = try DatasetCatalog.load("mnist", options: RealData.options("mnist"))
        #expect(split.train.inputs.shape == [60_000, 28, 28, 1])
        #expect(split.train.labels.map { Array($0.prefix(5)) } == [5, 0, 4, 1, 9])
        #expect(split.test.labels.map { Array($0.prefix(5)) } == [7, 2, 1, 0, 4])
        // The published mean of the training pixels: 0.1307.
        let mean =
            split.train.inputs.values.reduce(0.0) { $0 + Double($1) } / Double(split.train.inputs.values.count)
        #expect(abs(mean - 0.1307) < 1e-4)
    }

    @Test(
        .enabled(
            if: FileManager.default.fileExists(atPath: RealData.table("california_housing.csv")),
            "no tables: set FATHOM_DATA"))
    func tables() throws {
        var options = CSVOptions(target: .name("median_house_value"))
        options.missing = .dropRow
        let housing = try CSVReader.read(path: RealData.table("california_housing.csv"), options: options)
        // 20,640 rows, 207 of them without total_bedrooms; 8 numbers and 5 categories.
        #expect(housing.inputs.shape == [20_433, 13])
        #expect(housing.featureNames.suffix(5).allSatisfy { $0.hasPrefix("ocean_proximity=") })

        options = CSVOptions(target: .last)
        options.header = .present
        let iris = try CSVReader.read(path: RealData.table("iris.csv"), options: options)
        #expect(try iris.inputs == Iris.load().inputs)
        #expect(try iris.labels == Iris.load().labels)

        options = CSVOptions()
        options.delimiter = " "
        let diabetes = try CSVReader.read(path: RealData.table("diabetes_data_raw.csv.gz"), options: options)
        #expect(diabetes.inputs.shape == [442, 10])
    }
}
