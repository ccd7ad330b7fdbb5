import CZlib

/// Reads NPZ, the format of `numpy.savez` and `savez_compressed`: a ZIP archive of NPY files.
///
/// Stored and deflated entries. Refused are archives over 4 GiB (zip64 directories), encryption, names that leave a
/// folder, occur twice or hold NUL, entries that overlap, and entries that grow more than `Limits` allow. Every
/// checksum is checked.
public enum NPZReader {
    /// Reads all arrays of a file, by name without ".npy", in the order of the archive's directory.
    public static func read(
        path: String, limits: Limits = Limits()
    ) throws(FormatError) -> [(name: String, array: DataArray)] {
        let bytes = try FileBytes.read(path, limits: limits)
        return try parse(bytes.span.bytes, file: path, limits: limits)
    }

    /// Reads bytes in memory; `file` names them in errors.
    public static func parse(
        _ bytes: RawSpan, file: String, limits: Limits = Limits()
    ) throws(FormatError) -> [(name: String, array: DataArray)] {
        var arrays: [(name: String, array: DataArray)] = []
        for entry in try arrayEntries(bytes, file: file, limits: limits) {
            let content = try unpacked(entry, bytes, file: file, limits: limits)
            let array = try NPYReader.parse(content.span.bytes, file: "\(file)/\(entry.name)", limits: limits)
            arrays.append((String(entry.name.dropLast(4)), array))
        }
        return arrays
    }

    /// Reads a data set from a file with two arrays: the inputs, and class labels (whole numbers) or other numbers to predict.
    ///
    /// Integers are labels; floats are where all are whole, not negative and in one column; `targetKind` may decide instead.
    /// Throws `FormatError` when an array is missing or rows and labels differ in number.
    public static func readDataset(
        path: String, inputs: String = "x", labels: String = "y", targetKind: CSVOptions.TargetKind = .automatic,
        limits: Limits = Limits()
    ) throws(FormatError) -> Dataset {
        let bytes = try FileBytes.read(path, limits: limits)
        let entries = try arrayEntries(bytes.span.bytes, file: path, limits: limits)
        func array(_ name: String) throws(FormatError) -> (DataArray, isInteger: Bool) {
            // By bytes: Swift's == takes different spellings of one character as equal.
            guard let entry = entries.first(where: { $0.name.utf8.elementsEqual("\(name).npy".utf8) }) else {
                let names = entries.map { $0.name.dropLast(4) }.joined(separator: ", ")
                throw FormatError(file: path, rule: "no array is called \"\(name)\"", hint: "there are: \(names)")
            }
            let content = try unpacked(entry, bytes.span.bytes, file: path, limits: limits)
            let file = "\(path)/\(name)"
            let header = try NPYHeader(content.span.bytes, file: file, limits: limits)
            return (try NPYReader.parse(content.span.bytes, file: file, limits: limits), header.kind != .float)
        }
        let (values, _) = try array(inputs)
        let (numbers, isInteger) = try array(labels)
        return try Dataset(
            path: path, inputs: values, targets: numbers, isInteger: isInteger, targetKind: targetKind,
            file: "\(path)/\(labels)", limits: limits)
    }

    /// The content of an entry whose header has been found right before memory is taken for all of it.
    private static func unpacked(
        _ entry: ZipDirectory.Entry, _ bytes: RawSpan, file: String, limits: Limits
    ) throws(FormatError) -> [UInt8] {
        // Twelve bytes stand before the longest header.
        let start = try entry.check(bytes, file: file, prefix: limits.headerBytes + 12)
        _ = try NPYHeader(
            start.span.bytes, byteCount: entry.unpackedSize, file: "\(file)/\(entry.name)", limits: limits)
        return try entry.unpacked(bytes, file: file)
    }

    private static func arrayEntries(
        _ bytes: RawSpan, file: String, limits: Limits
    ) throws(FormatError) -> [ZipDirectory.Entry] {
        let entries = try ZipDirectory.read(bytes, file: file, limits: limits)
        for entry in entries where !entry.name.utf8.suffix(4).elementsEqual(".npy".utf8) {
            throw FormatError(
                file: file, at: .offset(entry.headerOffset), rule: "\"\(entry.name.escapedForDisplay)\" is no .npy file"
            )
        }
        return entries
    }
}

/// The directory of a ZIP archive.
///
/// Source: PKWARE, "APPNOTE.TXT – .ZIP File Format Specification", 6.3.10.
enum ZipDirectory {
    struct Entry {
        var name: String
        var isDeflated: Bool
        var checksum: UInt32
        var unpackedSize: Int
        var headerOffset: Int
        var data: Range<Int>
        var limit: Int

        /// Checks size and checksum of the content without keeping it, and returns its first `prefix` bytes.
        func check(_ bytes: RawSpan, file: String, prefix: Int) throws(FormatError) -> [UInt8] {
            let packed = bytes.extracting(data)
            var checksum = UInt(0)
            var start: [UInt8] = []
            func add(_ chunk: RawSpan) {
                chunk.withUnsafeBytes { buffer in
                    checksum = crc32_z(checksum, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), buffer.count)
                    start.append(contentsOf: buffer.prefix(prefix - start.count))
                }
            }
            var size = packed.byteCount
            if isDeflated {
                size = try Inflate.unpack(
                    packed, wrapping: .raw, file: file, offset: data.lowerBound, limit: min(limit, unpackedSize)
                ) { chunk in add(chunk) }
            } else {
                add(packed)
            }
            guard size == unpackedSize, UInt32(truncatingIfNeeded: checksum) == self.checksum else {
                throw FormatError(
                    file: file, at: .offset(headerOffset),
                    rule: "\"\(name.escapedForDisplay)\" does not have the size and checksum that the directory says",
                    hint: "the file is damaged; copy or download it again")
            }
            return start
        }

        /// The content; call `check` before.
        func unpacked(_ bytes: RawSpan, file: String) throws(FormatError) -> [UInt8] {
            guard isDeflated else { return bytes.bytes(at: data.lowerBound, count: data.count) ?? [] }
            var out: [UInt8] = []
            out.reserveCapacity(unpackedSize)
            try Inflate.unpack(
                bytes.extracting(data), wrapping: .raw, file: file, offset: data.lowerBound, limit: unpackedSize
            ) { chunk in chunk.withUnsafeBytes { out.append(contentsOf: $0) } }
            return out
        }
    }

    static func read(_ bytes: RawSpan, file: String, limits: Limits) throws(FormatError) -> [Entry] {
        func failure(_ rule: String, at offset: Int, hint: String? = nil) -> FormatError {
            FormatError(file: file, at: .offset(offset), rule: rule, hint: hint)
        }
        // The end record has 22 bytes and a comment of at most 65535; the comment must reach exactly to the end.
        let length = bytes.byteCount
        var end: Int?
        var candidate = length - 22
        while candidate >= 0, candidate >= length - 22 - 65535, end == nil {
            if bytes.littleUInt32(at: candidate) == 0x0605_4B50,
                let comment = bytes.littleUInt16(at: candidate + 20), candidate + 22 + Int(comment) == length
            {
                end = candidate
            }
            candidate -= 1
        }
        guard let end, let disk = bytes.littleUInt16(at: end + 4), let startDisk = bytes.littleUInt16(at: end + 6),
            let hereCount = bytes.littleUInt16(at: end + 8), let count = bytes.littleUInt16(at: end + 10),
            let size = bytes.littleUInt32(at: end + 12), let start = bytes.littleUInt32(at: end + 16)
        else {
            throw failure(
                "not a ZIP archive: the end record is missing", at: length,
                hint: "the file is truncated or not from numpy.savez")
        }
        guard count != .max, size != .max, start != .max else {
            throw failure("the archive uses zip64, which is not read", at: end, hint: "save fewer arrays per file")
        }
        guard disk == 0, startDisk == 0, hereCount == count, Int(count) <= limits.entries else {
            throw failure("the archive is in several parts or has more than \(limits.entries) entries", at: end)
        }
        let directoryStart = Int(start)
        guard directoryStart + Int(size) == end else {
            throw failure("the directory does not end where the end record begins", at: end)
        }

        var entries: [Entry] = []
        var names: Set<[UInt8]> = []
        var position = directoryStart
        var total = 0
        for _ in 0..<count {
            guard bytes.littleUInt32(at: position) == 0x0201_4B50,
                let flags = bytes.littleUInt16(at: position + 8), let method = bytes.littleUInt16(at: position + 10),
                let checksum = bytes.littleUInt32(at: position + 16),
                let packedSize = bytes.littleUInt32(at: position + 20),
                let unpackedSize = bytes.littleUInt32(at: position + 24),
                let nameLength = bytes.littleUInt16(at: position + 28),
                let extraLength = bytes.littleUInt16(at: position + 30),
                let commentLength = bytes.littleUInt16(at: position + 32),
                let header = bytes.littleUInt32(at: position + 42)
            else { throw failure("an entry of the directory is cut off or damaged", at: position) }
            guard let rawName = bytes.bytes(at: position + 46, count: Int(nameLength)),
                let name = String(validating: rawName, as: UTF8.self), isPlain(rawName)
            else {
                throw failure(
                    "an entry's name is empty, not UTF-8, holds control characters or leads out of the folder",
                    at: position + 46)
            }
            guard names.insert(rawName).inserted else {
                throw failure("two entries are called \"\(name.escapedForDisplay)\"", at: position)
            }
            guard flags & 0x2041 == 0 else { throw failure("the entry is encrypted", at: position) }
            guard method == 0 || method == 8 else {
                throw failure("compression method \(method) is not known (stored and deflated are)", at: position)
            }
            guard packedSize != .max, unpackedSize != .max, header != .max else {
                throw failure("the entry uses zip64, which is not read", at: position)
            }
            let headerOffset = Int(header)
            // The local header repeats the name; a different one is a way to hide what is in an archive.
            guard bytes.littleUInt32(at: headerOffset) == 0x0403_4B50,
                bytes.littleUInt16(at: headerOffset + 8) == method,
                let localName = bytes.littleUInt16(at: headerOffset + 26),
                let localExtra = bytes.littleUInt16(at: headerOffset + 28),
                bytes.bytes(at: headerOffset + 30, count: Int(localName)) == rawName
            else { throw failure("the entry's header differs from the directory", at: headerOffset) }
            let dataStart = headerOffset + 30 + Int(localName) + Int(localExtra)
            guard dataStart <= directoryStart, Int(packedSize) <= directoryStart - dataStart else {
                throw failure("the entry reaches into the directory", at: headerOffset)
            }
            guard method == 8 || packedSize == unpackedSize else {
                throw failure("a stored entry has two different sizes", at: position)
            }
            total += Int(unpackedSize)
            let limit = limits.unpackedBytes(from: Int(packedSize))
            guard Int(unpackedSize) <= limit, total <= limits.unpackedBytes(from: length) else {
                throw failure(
                    "the entry unpacks to \(unpackedSize) bytes from \(packedSize)", at: position,
                    hint: "if you trust the file, raise Limits.unpackedBytes or Limits.expansion")
            }
            entries.append(
                Entry(
                    name: name, isDeflated: method == 8, checksum: checksum, unpackedSize: Int(unpackedSize),
                    headerOffset: headerOffset, data: dataStart..<dataStart + Int(packedSize), limit: limit))
            position += 46 + Int(nameLength) + Int(extraLength) + Int(commentLength)
        }
        guard position == end else { throw failure("the directory is longer than its entries", at: position) }
        var previousEnd = 0
        for entry in entries.sorted(by: { $0.headerOffset < $1.headerOffset }) {
            guard entry.headerOffset >= previousEnd else {
                throw failure("two entries overlap", at: entry.headerOffset, hint: "this is how ZIP bombs are built")
            }
            previousEnd = entry.data.upperBound
        }
        return entries
    }

    /// A relative name that stays within its folder and has no control characters or backslashes.
    private static func isPlain(_ name: [UInt8]) -> Bool {
        let parts = name.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return !name.contains { $0 < 0x20 || $0 == 0x7F || $0 == 0x5C || $0 == UInt8(ascii: ":") }
            && parts.allSatisfy { !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8) }
    }
}
