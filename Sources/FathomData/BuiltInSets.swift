import CFathomDatasets

/// The 1,797 handwritten digits of 8×8 pixels that are compiled into the library.
///
/// Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository (the
/// test part), CC BY 4.0.
public enum Digits {
    /// Loads the set: inputs `[1797, 8, 8, 1]`, classes 0 to 9.
    ///
    /// - Parameter scaled: True divides the grey values 0…16 by 16, to 0…1; false keeps them.
    public static func load(scaled: Bool = true) throws(DataError) -> Dataset {
        var count = 0
        let packed = UnsafeRawBufferPointer(start: fathom_digits_deflated(&count), count: count)
        let bytes: [UInt8]
        do {
            bytes = try Inflate.unpacked(packed.bytes, wrapping: .zlib, file: "built-in digits", limit: 1797 * 65)
        } catch {
            throw .format(error)
        }
        let factor: Float = scaled ? 1 / 16 : 1
        var values: [Float] = []
        var labels: [Int32] = []
        values.reserveCapacity(1797 * 64)
        for start in stride(from: 0, to: bytes.count, by: 65) {
            for pixel in bytes[start..<start + 64] { values.append(Float(pixel) * factor) }
            labels.append(Int32(bytes[start + 64]))
        }
        return try Dataset(
            name: "digits", inputs: DataArray(values: values, shape: [labels.count, 8, 8, 1]),
            targets: .classes(labels: labels, names: (0...9).map(String.init)),
            provenance: .init(
                source: "Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning "
                    + "Repository, test part",
                licence: "CC BY 4.0"))
    }
}

/// Fisher's 150 iris flowers, compiled into the library.
///
/// Source: R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7, 1936; with
/// the two rows that the UCI copy has wrong as Fisher printed them.
public enum Iris {
    /// Loads the set: inputs `[150, 4]` in centimetres, three classes of 50.
    public static func load() throws(DataError) -> Dataset {
        var count = 0
        let bytes = UnsafeBufferPointer(start: fathom_iris_tenths(&count), count: count)
        var values: [Float] = []
        var labels: [Int32] = []
        for start in stride(from: 0, to: bytes.count, by: 5) {
            // Dividing rounds once, so that 51 tenths are the Float nearest to 5.1.
            for length in bytes[start..<start + 4] { values.append(Float(length) / 10) }
            labels.append(Int32(bytes[start + 4]))
        }
        return try Dataset(
            name: "iris", inputs: DataArray(values: values, shape: [labels.count, 4]),
            targets: .classes(labels: labels, names: ["setosa", "versicolor", "virginica"]),
            featureNames: ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"],
            provenance: .init(
                source: "R. A. Fisher, The use of multiple measurements in taxonomic problems, 1936; UCI Machine "
                    + "Learning Repository",
                licence: "CC BY 4.0"))
    }
}
