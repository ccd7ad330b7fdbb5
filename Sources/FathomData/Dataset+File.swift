extension Dataset {
    /// Reads a file by the ending of its name: .csv, .tsv (either also with .gz), .npz with the arrays x and y, or .bin, the
    /// binary version of CIFAR-10.
    ///
    /// Pictures come channels-last, `[rows, height, width, channels]`; the bytes of .bin are divided by 255, what is in an
    /// .npz stays as it is.
    ///
    /// Throws `FormatError` for other endings and for what the reader of the format refuses.
    public static func read(
        path: String, options: CSVOptions = CSVOptions(target: .last), limits: Limits = Limits()
    ) throws(FormatError) -> Dataset {
        let name = path.lowercased()
        if name.hasSuffix(".npz") { return try NPZReader.readDataset(path: path, limits: limits) }
        if name.hasSuffix(".bin") { return try CIFARReader.read(paths: [path], scale: 1 / 255, limits: limits) }
        if name.hasSuffix(".csv") || name.hasSuffix(".csv.gz") {
            return try CSVReader.read(path: path, options: options, limits: limits)
        }
        if name.hasSuffix(".tsv") || name.hasSuffix(".tsv.gz") {
            var options = options
            options.delimiter = "\t"
            return try CSVReader.read(path: path, options: options, limits: limits)
        }
        throw FormatError(
            file: path, rule: "the ending of the name is not that of a data set",
            hint: "known are .csv, .tsv, .csv.gz, .tsv.gz, .npz and .bin (CIFAR-10); pictures go in a folder")
    }
}
