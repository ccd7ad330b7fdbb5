/// Numbers at an offset of bytes that came from a file: nil outside the bytes, never a trap.
extension RawSpan {
    @inline(__always)
    private func load<Value: BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value? {
        guard offset >= 0, offset <= byteCount - MemoryLayout<Value>.size else { return nil }
        return unsafeLoadUnaligned(fromByteOffset: offset, as: type)
    }

    /// The byte at `offset`.
    @inline(__always)
    package func uint8(at offset: Int) -> UInt8? { load(UInt8.self, at: offset) }

    /// Two bytes, the lowest first.
    package func littleUInt16(at offset: Int) -> UInt16? {
        load(UInt16.self, at: offset).map(UInt16.init(littleEndian:))
    }

    /// Four bytes, the lowest first.
    package func littleUInt32(at offset: Int) -> UInt32? {
        load(UInt32.self, at: offset).map(UInt32.init(littleEndian:))
    }

    /// An integer in the given byte order.
    @inline(__always)
    package func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        _ type: Value.Type, at offset: Int, bigEndian: Bool
    ) -> Value? {
        load(type, at: offset).map { bigEndian ? Value(bigEndian: $0) : Value(littleEndian: $0) }
    }

    /// The bytes of a range, or nil when it does not lie within.
    package func bytes(at offset: Int, count: Int) -> [UInt8]? {
        guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount - offset else { return nil }
        return extracting(offset..<offset + count).withUnsafeBytes { Array($0) }
    }
}
