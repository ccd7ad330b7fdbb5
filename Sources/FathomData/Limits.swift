/// Sizes above which a reader refuses a file before it allocates anything for it.
///
/// The defaults fit a workstation. Raise a limit for a file that you trust.
public struct Limits: Hashable, Sendable {
    /// The largest file read, in bytes.
    public var fileBytes = 8 << 30
    /// The largest number of values in one array.
    public var elements = 2 << 30
    /// The most bytes that one compressed file may unpack to.
    public var unpackedBytes = 8 << 30
    /// How many times its size a compressed file may grow, once it has passed 64 MB. Deflate reaches 1032 on zeros;
    /// real data stay below 50.
    public var expansion = 200
    /// The longest header of an NPY file, in bytes.
    public var headerBytes = 64 << 10
    /// The most dimensions of an array.
    public var dimensions = 32
    /// The most columns of a CSV file, and of the features made from it.
    public var columns = 1_000_000
    /// The longest field of a CSV file, in bytes.
    public var fieldBytes = 1 << 20
    /// The most distinct values of all categorical columns of a CSV file together.
    public var categories = 100_000
    /// The most entries of an archive.
    public var entries = 10_000

    /// The most pixels of one picture in a file.
    public var pixels = 64 << 20
    /// The most pictures of a folder.
    public var pictures = 10_000_000

    /// Creates the default limits.
    public init() {}

    /// The most bytes that `packed` bytes may unpack to.
    package func unpackedBytes(from packed: Int) -> Int {
        let (grown, overflow) = packed.multipliedReportingOverflow(by: max(1, expansion))
        return min(unpackedBytes, overflow ? .max : max(grown, 64 << 20))
    }

    /// The number of elements of a shape that came from a file, or nil when it is negative, overflows or passes
    /// `elements`.
    package func elementCount(_ shape: [Int]) -> Int? {
        guard shape.count <= dimensions, shape.allSatisfy({ $0 >= 0 }) else { return nil }
        // A zero anywhere makes the product zero, but must not hide an overflow of the other dimensions.
        var count = 1
        for size in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: max(size, 1))
            guard !overflow, product <= elements else { return nil }
            count = product
        }
        return shape.contains(0) ? 0 : count
    }
}
