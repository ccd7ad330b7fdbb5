/// A number type that a stored tensor can hold as it is.
public protocol StoredElement: BitwiseCopyable, Sendable {
    /// The type's name in files.
    static var dtype: StoredTensor.DType { get }
}

extension Float: StoredElement { public static var dtype: StoredTensor.DType { .f32 } }
extension Double: StoredElement { public static var dtype: StoredTensor.DType { .f64 } }
extension Int32: StoredElement { public static var dtype: StoredTensor.DType { .i32 } }
extension Int64: StoredElement { public static var dtype: StoredTensor.DType { .i64 } }
extension UInt8: StoredElement { public static var dtype: StoredTensor.DType { .u8 } }

/// A tensor as it lies in a file: a shape, a number type and the bytes in row-major order, little-endian.
public struct StoredTensor: Hashable, Sendable {
    /// The number types kept in memory.
    ///
    /// 16-bit floats are converted to `f32` on reading, exactly.
    public enum DType: String, Hashable, Sendable, CaseIterable {
        case f32 = "F32"
        case i32 = "I32"
        case i64 = "I64"
        case u8 = "U8"
        case f64 = "F64"

        /// Bytes per element.
        public var byteCount: Int {
            switch self {
            case .f32, .i32: 4
            case .i64, .f64: 8
            case .u8: 1
            }
        }
    }

    /// The sizes of the dimensions; empty for a scalar.
    public let shape: [Int]
    /// The number type.
    public let dtype: DType
    /// The elements, row-major and little-endian.
    public let bytes: [UInt8]

    /// The number of elements.
    public var count: Int { bytes.count / dtype.byteCount }

    /// A tensor of the given values.
    ///
    /// - Throws: `.invalid` when the shape does not hold exactly as many elements.
    public init<Element: StoredElement>(_ values: [Element], shape: [Int]) throws(StorageError) {
        let bytes = values.withUnsafeBytes { [UInt8]($0) }
        try self.init(bytes: bytes, dtype: Element.dtype, shape: shape)
    }

    /// A tensor of bytes that are already in the form of the file.
    ///
    /// - Throws: `.invalid` when the shape does not need exactly as many bytes.
    public init(bytes: [UInt8], dtype: DType, shape: [Int]) throws(StorageError) {
        guard StoredTensor.byteCount(shape: shape, bytesPerElement: dtype.byteCount) == bytes.count else {
            throw StorageError(
                operation: "store a tensor", path: "memory",
                cause: .invalid("shape \(shape) of \(dtype.rawValue) does not take \(bytes.count) bytes"))
        }
        self.init(unchecked: bytes, dtype: dtype, shape: shape)
    }

    init(unchecked bytes: [UInt8], dtype: DType, shape: [Int]) {
        self.shape = shape
        self.dtype = dtype
        self.bytes = bytes
    }

    /// The elements, in row-major order.
    ///
    /// - Throws: `.invalid` when the tensor holds another number type.
    public func values<Element: StoredElement>(as type: Element.Type = Element.self) throws(StorageError) -> [Element] {
        guard dtype == Element.dtype else {
            throw StorageError(
                operation: "read a tensor", path: "memory",
                cause: .invalid("the tensor holds \(dtype.rawValue), not \(Element.dtype.rawValue)"))
        }
        return [Element](unsafeUninitializedCapacity: count) { buffer, filled in
            UnsafeMutableRawBufferPointer(buffer).copyBytes(from: bytes)
            filled = count
        }
    }

    /// The bytes that a shape takes, or nil when it is negative or does not fit in an `Int`.
    ///
    /// An empty tensor takes no bytes, but the product of its other sizes must fit all the same: strides are made
    /// of it.
    static func byteCount(shape: [Int], bytesPerElement: Int) -> Int? {
        var product = bytesPerElement
        var isEmpty = false
        for size in shape {
            guard size >= 0 else { return nil }
            guard size > 0 else {
                isEmpty = true
                continue
            }
            let (next, overflow) = product.multipliedReportingOverflow(by: size)
            guard !overflow else { return nil }
            product = next
        }
        return isEmpty ? 0 : product
    }
}
