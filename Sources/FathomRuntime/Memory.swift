#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A block of floats aligned to a cache line, zeroed, freed with its owner.
final class Memory {
    let base: UnsafeMutablePointer<Float>
    let count: Int

    /// - Parameter count: floats; at least one is allocated.
    init(count: Int) {
        self.count = count
        let bytes = (max(count, 16) * 4 + 127) / 128 * 128
        // Large blocks start on a huge page and ask for them: products walk many pages at once.
        let isLarge = bytes >= 1 << 22
        let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: isLarge ? 1 << 21 : 128)
        #if os(Linux)
            if isLarge { madvise(raw, bytes, MADV_HUGEPAGE) }
        #endif
        memset(raw, 0, bytes)
        base = raw.bindMemory(to: Float.self, capacity: bytes / 4)
    }

    deinit { UnsafeMutableRawPointer(base).deallocate() }
}

/// The values of a training state in memory: one flat block, in which every entry has its place by path.
///
/// Training and evaluation plans of one model share it. Entries start on cache lines, in the order they were given.
public final class StateStorage {
    public struct Entry: Sendable, Hashable {
        public let path: String
        /// Floats from the start of the block, and their number.
        public let offset: Int
        public let count: Int
    }

    public let entries: [Entry]
    private let index: [String: Int]
    let memory: Memory

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
        return true
    }

    func pointer(_ path: String) -> UnsafeMutablePointer<Float>? { entry(path).map { memory.base + $0.offset } }
}
