/// How a CSV file is to be read.
public struct CSVOptions: Hashable, Sendable {
    /// Whether the first record names the columns.
    public enum Header: String, Sendable, Codable, CaseIterable {
        /// It does when no field of it is a number, or a column has text in it and a number in the next record.
        case automatic
        /// It does.
        case present
        /// It does not; the columns are called "column 0", "column 1", …
        case absent
    }

    /// A column.
    public enum Column: Hashable, Sendable {
        /// By its name in the header.
        case name(String)
        /// By its number from 0.
        case index(Int)
        /// The last one.
        case last
    }

    /// What the target column holds.
    public enum TargetKind: String, Sendable, Codable, CaseIterable {
        /// Classes when it is text or consists of the integers 0, 1, … k−1, each occurring (k at most 1000); else
        /// numbers.
        case automatic
        /// Classes, in the order of their numbers or, for text, of their bytes.
        case classes
        /// Numbers.
        case values
    }

    /// What becomes of a column of the inputs.
    public enum ColumnKind: String, Sendable, Codable, CaseIterable {
        /// One feature, a number.
        case numeric
        /// One feature per category, 1 for the row's category and 0 for the others.
        case oneHot
        /// One feature: the number of the category in the order of their bytes. Only for categories with an order.
        case codes
        /// Nothing.
        case ignored
    }

    /// What becomes of a field without value.
    public enum Missing: String, Sendable, Codable, CaseIterable {
        /// It is an error.
        case reject
        /// Its row is left out.
        case dropRow
        /// It takes the mean of its column. An error in categories and in the target.
        case mean
    }

    /// The byte between two fields: an ASCII character such as `,`, `;`, a tab or a space.
    public var delimiter: Unicode.Scalar = ","
    /// Whether the first record names the columns.
    public var header = Header.automatic
    /// The column to predict, or nil for data without one.
    public var target: Column?
    /// What the target column holds.
    public var targetKind = TargetKind.automatic
    /// The treatment of input columns whose first value is text.
    public var categorical = ColumnKind.oneHot
    /// The kinds of single columns, by name; the others are judged by their first value.
    public var kinds: [String: ColumnKind] = [:]
    /// What becomes of a field without value.
    public var missing = Missing.reject
    /// The texts that stand for a missing value.
    public var missingMarkers: Set<String> = [""]

    /// Creates options.
    public init(target: Column? = nil) {
        self.target = target
    }
}
