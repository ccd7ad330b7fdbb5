/// Finds equal nodes: an open hash table of their places in the graph, so that no node is kept twice.
struct NodeTable: Sendable {
    private struct Slot: Sendable {
        var hash: UInt32 = 0
        /// −1 where the slot is free.
        var place: Int32 = -1
    }
    private var slots: [Slot] = []
    private var count = 0

    /// Makes room for so many nodes.
    mutating func reserve(_ nodes: Int) {
        var size = 64
        while size < 2 * nodes { size *= 2 }
        if size > slots.count { resize(size) }
    }

    /// The place of the node with this hash that the condition holds for.
    func find(_ hash: Int, where isEqual: (Int) -> Bool) -> Int? {
        if slots.isEmpty { return nil }
        let short = UInt32(truncatingIfNeeded: hash)
        var i = Int(short) & (slots.count - 1)
        while slots[i].place >= 0 {
            if slots[i].hash == short, isEqual(Int(slots[i].place)) { return Int(slots[i].place) }
            i = (i + 1) & (slots.count - 1)
        }
        return nil
    }

    mutating func insert(_ hash: Int, _ place: Int) {
        // Half of the slots stay free, so that a search is short.
        if 2 * (count + 1) > slots.count { resize(max(64, 2 * slots.count)) }
        put(Slot(hash: UInt32(truncatingIfNeeded: hash), place: Int32(truncatingIfNeeded: place)))
        count += 1
    }

    private mutating func put(_ slot: Slot) {
        var i = Int(slot.hash) & (slots.count - 1)
        while slots[i].place >= 0 { i = (i + 1) & (slots.count - 1) }
        slots[i] = slot
    }

    private mutating func resize(_ size: Int) {
        let old = slots
        slots = Array(repeating: Slot(), count: size)
        for slot in old where slot.place >= 0 { put(slot) }
    }
}
