/// Writes NPY, the format of `numpy.load`: version 1, little-endian Float, C order.
public enum NPYWriter {
    /// The bytes of an NPY file.
    public static func encode(_ array: DataArray) -> [UInt8] {
        // A tuple of one needs its comma; with this the bytes are those that numpy.save writes.
        let shape = array.shape.map(String.init).joined(separator: ", ") + (array.shape.count == 1 ? "," : "")
        var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(shape)), }"
        // The values begin at a multiple of 64 bytes, as the format asks.
        let unpadded = 10 + header.utf8.count + 1
        header += String(repeating: " ", count: (64 - unpadded % 64) % 64) + "\n"
        let length = UInt16(truncatingIfNeeded: header.utf8.count)
        var bytes: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, UInt8(length & 0xFF), UInt8(length >> 8)]
        bytes.reserveCapacity(bytes.count + header.utf8.count + 4 * array.values.count)
        bytes += header.utf8
        for value in array.values {
            withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    /// Writes a file; an older one of that name is replaced only when the new one is complete on the disk.
    public static func write(_ array: DataArray, to path: String) throws(DataError) {
        try FileBytes.write(encode(array), to: path)
    }
}
