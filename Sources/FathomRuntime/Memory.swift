#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A block of floats aligned to a cache line, zeroed, freed with its owner.
final class Memory {
    let base: UnsafeMutablePointer<Float>
    let count: Int
    /// Pages taken straight from the system, and their bytes.
    private let mapping: (start: UnsafeMutableRawPointer, bytes: Int)?

    private static let hugePage = 1 << 21

    /// - Parameter count: floats; at least one is allocated.
    init(count: Int) {
        self.count = count
        let bytes = (max(count, 16) * 4 + 127) / 128 * 128
        // Large blocks start on a huge page and ask for them, because products walk many pages at once; the system hands
        // such pages out zeroed when they are first touched.
        let mapped = bytes + Self.hugePage
        if bytes >= 1 << 22,
            let start = mmap(nil, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | Self.anonymous, -1, 0),
            start != MAP_FAILED
        {
            let aligned = UnsafeMutableRawPointer(
                bitPattern: (UInt(bitPattern: start) + UInt(Self.hugePage) - 1) & ~(UInt(Self.hugePage) - 1))
            #if os(Linux)
                if let aligned { madvise(aligned, bytes, MADV_HUGEPAGE) }
            #endif
            base = (aligned ?? start).bindMemory(to: Float.self, capacity: bytes / 4)
            mapping = (start, mapped)
            return
        }
        let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 128)
        memset(raw, 0, bytes)
        base = raw.bindMemory(to: Float.self, capacity: bytes / 4)
        mapping = nil
    }

    #if os(Linux)
        private static let anonymous = Int32(MAP_ANONYMOUS)
    #else
        private static let anonymous = MAP_ANON
    #endif

    deinit {
        if let mapping { munmap(mapping.start, mapping.bytes) } else { UnsafeMutableRawPointer(base).deallocate() }
    }
}

/// The values of a training state in memory: one flat block, in which every entry has its place by path.
///
/// Training and evaluation plans of one model share it. Entries start on cache lines, in the order they were given.
public final class StateStorage {
    /// The place of one entry in the block.
    public struct Entry: Sendable, Hashable {
        /// The entry's name, such as `layer.path.weight`.
        public let path: String
        /// Floats from the start of the block, and their number.
        public let offset: Int
        /// Floats of the entry, without the padding up to the next cache line.
        public let count: Int
    }

    /// All entries in the order they lie in memory.
    public let entries: [Entry]
    private let index: [String: Int]
    let memory: Memory
    /// Changes with the values, so that what is made from them need not be made again.
    private(set) var version = 0

    /// - Parameter sizes: the entries' paths and element counts, in the order they shall lie in memory.
    public init(_ sizes: [(path: String, count: Int)]) {
        var offset = 0
        var entries: [Entry] = []
        var index: [String: Int] = [:]
        for (path, count) in sizes where index[path] == nil {
            index[path] = entries.count
            entries.append(Entry(path: path, offset: offset, count: count))
            offset += Self.padded(count)
        }
        self.entries = entries
        self.index = index
        memory = Memory(count: offset)
    }

    static func padded(_ count: Int) -> Int { (max(count, 1) + 15) / 16 * 16 }

    /// The place of an entry; `nil` when there is no such path.
    public func entry(_ path: String) -> Entry? { index[path].map { entries[$0] } }

    /// The values of an entry, row-major; `nil` when there is no such path.
    public subscript(path: String) -> [Float]? {
        guard let entry = entry(path) else { return nil }
        return Array(UnsafeBufferPointer(start: memory.base + entry.offset, count: entry.count))
    }

    /// Sets an entry's values. Returns `false`, and changes nothing, when path or number do not fit.
    @discardableResult
    public func set(_ path: String, _ values: [Float]) -> Bool {
        guard let entry = entry(path), entry.count == values.count else { return false }
        (memory.base + entry.offset).update(from: values, count: values.count)
        noteChange()
        return true
    }

    /// Whether every value is a finite number.
    package var isFinite: Bool {
        // By bits, because a maximum of whole numbers runs in vectors.
        var largest: UInt32 = 0
        for i in 0..<memory.count { largest = max(largest, memory.base[i].bitPattern & 0x7fff_ffff) }
        return largest < Float.infinity.bitPattern
    }

    func noteChange() { version += 1 }

    func pointer(_ path: String) -> UnsafeMutablePointer<Float>? { entry(path).map { memory.base + $0.offset } }
}
