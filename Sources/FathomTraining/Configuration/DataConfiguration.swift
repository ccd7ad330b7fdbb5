import FathomData

/// Where the rows of a run come from and how they are prepared.
public struct DataConfiguration: Sendable, Hashable {
    /// Where the rows are read or computed.
    public enum Source: Sendable, Hashable {
        /// A name of the catalog, and optionally a folder with its files.
        case named(String, folder: String?)
        /// A CSV, TSV, NPZ, CIFAR, NPY or IDX file, and optionally another with the test part.
        case file(File, test: File?)
        /// A folder of PNG and JPEG files with a sub-folder for each class, and optionally another with the test part.
        case pictures(String, test: String?)
    }

    /// A file of rows.
    public struct File: Sendable, Hashable {
        /// Where it is.
        public var path: String
        /// For inputs in an NPY or IDX file, another such file with their labels or the numbers to predict.
        public var targets: String?

        /// A file, with what is to be predicted in it or in another.
        public init(_ path: String, targets: String? = nil) { (self.path, self.targets) = (path, targets) }
    }

    /// A change of the input columns, fitted to the training part.
    public enum Scaling: String, Sendable, Hashable, CaseIterable {
        case none, standardize, minMax
        /// Pictures only: each channel to mean 0 and deviation 1, over all pixels.
        case channels
    }

    /// What is predicted: classes, numbers, or by the target column whichever it holds (`automatic`).
    public enum Task: String, Sendable, Hashable, CaseIterable {
        case automatic, classes, values
    }

    /// What becomes of a field without a value: it is an error, its row is left out, or it takes its column's mean.
    public enum Missing: String, Sendable, Hashable, CaseIterable {
        case reject, dropRow, mean
    }

    /// Where the rows come from.
    public var source: Source
    /// The column to predict, by name or number from 0; `nil` is the last one. For tables only.
    public var target: String?
    /// Input columns that are left out. For tables only.
    public var ignore: [String] = []
    /// Whether classes or numbers are predicted. For tables and arrays only.
    public var task = Task.automatic
    /// What becomes of fields without a value. For tables only.
    public var missing = Missing.reject
    /// The change of the input columns; `nil` standardises tables and leaves the rest.
    public var scaling: Scaling?
    /// The mean of each channel for the scaling `channels`, or one for all; empty measures it on the training part.
    public var mean: [Double] = []
    /// The standard deviation of each channel, likewise.
    public var deviation: [Double] = []
    /// Whether numbers to predict are standardised for training, and brought back for metrics and predictions; `nil` does
    /// so for tables. The loss is then in units of their standard deviation.
    public var scalesTarget: Bool?
    /// The share of the test part, where the data come without one.
    public var test = 0.2
    /// The share of the training part that is held out to choose by; 0 chooses by the test part.
    public var validation = 0.1
    /// Keeps the share of each class in all parts.
    public var isStratified = true
    /// The seed of the cut into parts and of computed sets.
    public var seed: UInt64 = 0
    /// Each row as one vector; `false` keeps the shape of images, `[height, width, channels]`. `nil` does what the model
    /// needs: rows stay images where its first layers cannot do with vectors, such as convolutions.
    public var isFlat: Bool?
    /// The size that pictures of a folder are brought to; `nil` keeps theirs, which must then be one.
    public var size: ImageFolder.Options.Size?
    /// The channels that pictures of a folder are brought to: 1 for grey, 3 for colour.
    public var channels = 3
    /// Random changes of the training rows.
    public var augmentation = Augmentation()
    /// The rows of a computed set.
    public var count: Int?

    /// The defaults for rows of a source.
    public init(_ source: Source) { self.source = source }
}
