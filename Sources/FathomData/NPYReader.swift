/// Reads NPY, the format of `numpy.save`, in versions 1 to 3.
///
/// Booleans, integers and floats of any width and byte order, in C or Fortran order. Objects, strings and records are
/// refused: reading objects would mean to run code from the file.
public enum NPYReader {
    /// Reads a file as Float values.
    ///
    /// Integers and doubles are rounded to the nearest Float; a finite double outside the range of Float is an error.
    public static func read(path: String, limits: Limits = Limits()) throws(FormatError) -> DataArray {
        let bytes = try FileBytes.read(path, limits: limits)
        return try parse(bytes.span.bytes, file: path, limits: limits)
    }

    /// Reads a file of class labels: integers, or floats with integral values, in one dimension or one column.
    public static func readLabels(path: String, limits: Limits = Limits()) throws(FormatError) -> [Int32] {
        let bytes = try FileBytes.read(path, limits: limits)
        return try parseLabels(bytes.span.bytes, file: path, limits: limits)
    }

    /// Reads bytes in memory; `file` names them in errors.
    public static func parse(
        _ bytes: RawSpan, file: String, limits: Limits = Limits()
    ) throws(FormatError) -> DataArray {
        let header = try NPYHeader(bytes, file: file, limits: limits)
        let values = try floats(bytes, header: header, file: file)
        guard header.isFortranOrder, header.shape.count > 1 else {
            return DataArray(unchecked: values, shape: header.shape)
        }
        return DataArray(unchecked: rowMajor(values, shape: header.shape), shape: header.shape)
    }

    /// The values in the order of the file. What is allocated is at most four times the size of the values' part,
    /// whose length has been found right.
    private static func floats(_ bytes: RawSpan, header: NPYHeader, file: String) throws(FormatError) -> [Float] {
        let big = header.isBigEndian
        var values = [Float](repeating: 0, count: header.elementCount)
        switch (header.kind, header.itemSize) {
        case (.float, 4):
            for index in values.indices {
                let bits = bytes.integer(UInt32.self, at: header.dataOffset + 4 * index, bigEndian: big)
                values[index] = Float(bitPattern: bits ?? 0)
            }
        case (.signed, 8):
            // Directly, because rounding to Double first could round twice.
            for index in values.indices {
                values[index] = Float(bytes.integer(Int64.self, at: header.dataOffset + 8 * index, bigEndian: big) ?? 0)
            }
        case (.unsigned, 8):
            for index in values.indices {
                values[index] = Float(
                    bytes.integer(UInt64.self, at: header.dataOffset + 8 * index, bigEndian: big) ?? 0)
            }
        default:
            for index in values.indices {
                let offset = header.dataOffset + header.itemSize * index
                let value = Self.value(bytes, at: offset, header: header)
                values[index] = Float(value)
                guard values[index].isFinite || !value.isFinite else {
                    throw FormatError(file: file, at: .offset(offset), rule: "\(value) is outside the range of Float")
                }
            }
        }
        return values
    }

    /// Reads class labels from bytes in memory; `file` names them in errors.
    public static func parseLabels(
        _ bytes: RawSpan, file: String, limits: Limits = Limits()
    ) throws(FormatError) -> [Int32] {
        let header = try NPYHeader(bytes, file: file, limits: limits)
        guard header.shape.count == 1 || (header.shape.count == 2 && header.shape[1] == 1) else {
            throw FormatError(
                file: file, at: .offset(0), rule: "labels must have one dimension, these have shape \(header.shape)")
        }
        var labels: [Int32] = []
        labels.reserveCapacity(header.elementCount)
        for index in 0..<header.elementCount {
            let offset = header.dataOffset + index * header.itemSize
            let value = Self.value(bytes, at: offset, header: header)
            guard let label = Int32(exactly: value) else {
                throw FormatError(file: file, at: .offset(offset), rule: "the label \(value) is not a 32-bit integer")
            }
            labels.append(label)
        }
        return labels
    }

    /// One value. 64-bit integers are rounded, everything else is exact.
    private static func value(_ bytes: RawSpan, at offset: Int, header: NPYHeader) -> Double {
        let big = header.isBigEndian
        switch (header.kind, header.itemSize) {
        case (.bool, _): return bytes.uint8(at: offset) == 0 ? 0 : 1
        case (.unsigned, 1): return Double(bytes.uint8(at: offset) ?? 0)
        case (.unsigned, 2): return Double(bytes.integer(UInt16.self, at: offset, bigEndian: big) ?? 0)
        case (.unsigned, 4): return Double(bytes.integer(UInt32.self, at: offset, bigEndian: big) ?? 0)
        case (.unsigned, _): return Double(bytes.integer(UInt64.self, at: offset, bigEndian: big) ?? 0)
        case (.signed, 1): return Double(bytes.integer(Int8.self, at: offset, bigEndian: big) ?? 0)
        case (.signed, 2): return Double(bytes.integer(Int16.self, at: offset, bigEndian: big) ?? 0)
        case (.signed, 4): return Double(bytes.integer(Int32.self, at: offset, bigEndian: big) ?? 0)
        case (.signed, _): return Double(bytes.integer(Int64.self, at: offset, bigEndian: big) ?? 0)
        case (.float, 2): return half(bytes.integer(UInt16.self, at: offset, bigEndian: big) ?? 0)
        case (.float, 4):
            return Double(Float(bitPattern: bytes.integer(UInt32.self, at: offset, bigEndian: big) ?? 0))
        case (.float, _): return Double(bitPattern: bytes.integer(UInt64.self, at: offset, bigEndian: big) ?? 0)
        }
    }

    /// IEEE binary16, by hand: `Float16` is missing on some of the platforms this compiles for.
    private static func half(_ bits: UInt16) -> Double {
        let exponent = Int(bits >> 10) & 0x1F
        let fraction = Double(bits & 0x3FF)
        let magnitude: Double =
            switch exponent {
            case 0: fraction * 0x1p-24
            case 0x1F: fraction == 0 ? .infinity : .nan
            default: Double(sign: .plus, exponent: exponent - 15, significand: 1 + fraction / 1024)
            }
        return bits & 0x8000 == 0 ? magnitude : -magnitude
    }

    /// Turns values whose first index varies fastest into ones whose last does.
    private static func rowMajor(_ values: [Float], shape: [Int]) -> [Float] {
        var strides: [Int] = []
        var stride = 1
        for size in shape {
            strides.append(stride)
            stride *= size
        }
        var out: [Float] = []
        out.reserveCapacity(values.count)
        var index = [Int](repeating: 0, count: shape.count)
        var source = 0
        for _ in values.indices {
            out.append(values[source])
            var axis = shape.count - 1
            while axis >= 0 {
                index[axis] += 1
                source += strides[axis]
                if index[axis] < shape[axis] { break }
                source -= strides[axis] * shape[axis]
                index[axis] = 0
                axis -= 1
            }
        }
        return out
    }
}
