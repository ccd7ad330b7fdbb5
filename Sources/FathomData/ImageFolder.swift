import Foundation

/// Reads a folder of pictures that has one sub-folder for each class, as PyTorch's `ImageFolder` does.
///
///     flowers/
///         daisy/  001.jpg 002.jpg …
///         rose/   anna.png …
///
/// The classes are called as their folders and come in the order of their names; a class's pictures may lie in folders
/// of its own. Names that begin with a dot and files that end neither in .png nor in .jpg or .jpeg are passed over.
public enum ImageFolder {
    /// The form that all pictures are brought into.
    public struct Options: Hashable, Sendable {
        /// Height and width to resize to, see ``Picture/resized(height:width:)``; nil keeps the size, which must then be
        /// the same for all.
        public var size: Size?
        /// 1 for grey, 3 for colour; other pictures are converted.
        public var channels = 3
        /// True maps bytes to 0…1, false keeps them.
        public var scaled = true

        /// A height and a width in pixels.
        public struct Size: Hashable, Sendable {
            /// Rows of pixels.
            public var height: Int
            /// Pixels of one row.
            public var width: Int

            /// Creates a size.
            public init(height: Int, width: Int) { (self.height, self.width) = (height, width) }
        }

        /// Creates the default options.
        public init() {}
    }

    /// Reads all pictures of a folder: inputs `[rows, height, width, channels]`, one class for each sub-folder.
    ///
    /// Throws `FormatError` naming the file for a picture that is damaged or of another size, and naming the folder where
    /// it has no classes or a class has no pictures.
    public static func read(
        path: String, options: Options = Options(), limits: Limits = Limits()
    ) throws(FormatError) -> Dataset {
        let classes = try entries(of: path).filter(\.isFolder)
        let names = classes.map(\.name)
        guard !classes.isEmpty else {
            throw FormatError(
                file: path, rule: "has no sub-folders", hint: "put the pictures of each class into a folder of its own")
        }
        if names.contains("train"), names.allSatisfy({ ["train", "test", "val", "valid", "validation"].contains($0) }) {
            throw FormatError(
                file: path, rule: "its sub-folders are parts of a data set and no classes",
                hint: "name the parts by themselves: folder: \(path)/train, testFolder: \(path)/test")
        }
        var paths: [String] = []
        var labels: [Int32] = []
        for (label, folder) in classes.enumerated() {
            let found = try pictures(in: path + "/" + folder.name, depth: 0, limits)
            guard !found.isEmpty else {
                throw FormatError(file: path + "/" + folder.name, rule: "the class has no PNG or JPEG files")
            }
            guard paths.count + found.count <= limits.pictures else {
                throw FormatError(file: path, rule: "more than \(limits.pictures) pictures")
            }
            paths += found
            labels += [Int32](repeating: Int32(label), count: found.count)
        }
        return Dataset(
            unchecked: URL(fileURLWithPath: path).lastPathComponent,
            inputs: try read(paths: paths, options: options, limits: limits),
            targets: .classes(labels: labels, names: names), featureNames: [],
            provenance: .init(source: path, licence: "not stated"))
    }

    /// Reads pictures that have no classes: `[rows, height, width, channels]` in the order of the paths.
    ///
    /// Throws `FormatError` as ``read(path:options:limits:)``.
    public static func read(
        paths: [String], options: Options = Options(), limits: Limits = Limits()
    ) throws(FormatError) -> DataArray {
        var values: [Float] = []
        var first: ImageShape?
        let factor: Float = options.scaled ? 1 / 255 : 1
        for path in paths {
            let picture = try PictureReader.read(path: path, limits: limits).converted(channels: options.channels)
            let shape = ImageShape(
                height: options.size?.height ?? picture.shape.height,
                width: options.size?.width ?? picture.shape.width, channels: picture.shape.channels)
            if let first {
                guard shape == first else {
                    throw FormatError(
                        file: path, rule: "is \(shape), but the first picture is \(first)",
                        hint: "set size, so that all are resized to it")
                }
            } else {
                guard limits.elementCount([paths.count] + shape.rowShape) != nil else {
                    throw FormatError(
                        file: path, rule: "\(paths.count) pictures of \(shape) are more than \(limits.elements) values",
                        hint: "set a smaller size")
                }
                values.reserveCapacity(paths.count * shape.valueCount)
                first = shape
            }
            if options.size == nil {
                for byte in picture.pixels { values.append(Float(byte) * factor) }
            } else {
                for value in picture.resized(height: shape.height, width: shape.width) { values.append(value * factor) }
            }
        }
        return DataArray(unchecked: values, shape: [paths.count] + (first?.rowShape ?? [0, 0, options.channels]))
    }

    /// The pictures of a folder and the folders in it, by name; links to folders are not followed.
    ///
    /// Throws `FormatError` where the folder cannot be read or is nested too deeply.
    public static func pictures(in path: String, limits: Limits = Limits()) throws(FormatError) -> [String] {
        try pictures(in: path, depth: 0, limits)
    }

    private static func pictures(in path: String, depth: Int, _ limits: Limits) throws(FormatError) -> [String] {
        // A folder may be named with a slash at its end, its files are not named with two.
        let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        guard depth < 16 else { throw FormatError(file: path, rule: "folders are nested more than 16 deep") }
        var found: [String] = []
        for entry in try entries(of: path) {
            if entry.isFolder {
                found += try pictures(in: path + "/" + entry.name, depth: depth + 1, limits)
            } else if PictureReader.isPicture(entry.name) {
                found.append(path + "/" + entry.name)
            }
            guard found.count <= limits.pictures else {
                throw FormatError(file: path, rule: "more than \(limits.pictures) pictures")
            }
        }
        return found
    }

    /// What is in a folder and not hidden, in the order of the bytes of the names.
    private static func entries(of path: String) throws(FormatError) -> [(name: String, isFolder: Bool)] {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: path) } catch {
            throw FormatError(file: path, rule: "cannot be read as a folder")
        }
        let visible = names.filter { !$0.hasPrefix(".") }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        return visible.map { name in
            var status = stat()
            let isFolder = lstat(path + "/" + name, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
            return (name, isFolder)
        }
    }
}
