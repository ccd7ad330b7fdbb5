/// Something wrong with data, with what was asked of them, or with where they should come from.
public enum DataError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A file breaks the rules of its format.
    case format(FormatError)
    /// The number of values is not the product of the shape.
    case shapeMismatch(shape: [Int], values: Int)
    /// Inputs and targets, or training and test part, do not belong together.
    case countMismatch(what: String, expected: Int, found: Int)
    /// A row number outside the set.
    case rowOutOfRange(row: Int, rows: Int)
    /// A class label outside `0 ..< classes`.
    case labelOutOfRange(row: Int, label: Int, classes: Int)
    /// NaN or infinity in the data.
    case nonFinite(row: Int, column: Int, value: String)
    /// A parameter outside its range.
    case invalidParameter(name: String, value: String, rule: String)
    /// No data set of this name.
    case unknownDataset(name: String, known: [String])
    /// The files of a data set were found nowhere.
    case notFound(dataset: String, searched: [String])
    /// A download that failed.
    case download(url: String, reason: String)
    /// A file whose SHA-256 is not the published one.
    case checksum(file: String, expected: String, found: String)
    /// The operating system refused.
    case system(path: String, operation: String, reason: String)
    /// Work was stopped before it was done.
    case cancelled

    /// One sentence saying what is wrong and, where known, what to do.
    public var description: String {
        switch self {
        case .format(let error):
            return error.description
        case .shapeMismatch(let shape, let values):
            return "shape \(shape) does not hold \(values) values"
        case .countMismatch(let what, let expected, let found):
            return "\(what): expected \(expected), found \(found)"
        case .rowOutOfRange(let row, let rows):
            return "row \(row) is outside 0 ..< \(rows)"
        case .labelOutOfRange(let row, let label, let classes):
            return "row \(row) has label \(label), outside 0 ..< \(classes)"
        case .nonFinite(let row, let column, let value):
            return "row \(row), column \(column) holds \(value): clean or fill the data before training"
        case .invalidParameter(let name, let value, let rule):
            return "\(name) is \(value.escapedForDisplay): \(rule)"
        case .unknownDataset(let name, let known):
            return "no data set is called \"\(name.escapedForDisplay)\"; there are: \(known.joined(separator: ", "))"
        case .notFound(let dataset, let searched):
            return "the files of \(dataset) were not found; looked in \(searched.joined(separator: ", "))"
        case .download(let url, let reason):
            return "cannot download \(url): \(reason)"
        case .checksum(let file, let expected, let found):
            return "\(file) has SHA-256 \(found), expected \(expected): it is damaged or not the published file"
        case .system(let path, let operation, let reason):
            return "cannot \(operation) \(path.escapedForDisplay): \(reason)"
        case .cancelled:
            return "cancelled"
        }
    }
}
