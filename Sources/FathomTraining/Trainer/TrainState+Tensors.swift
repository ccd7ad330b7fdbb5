import FathomRuntime

extension TrainState {
    /// The entries as tensors of a file, by path.
    public func tensors() throws(StorageError) -> SafeTensors {
        var tensors: [SafeTensors.Entry] = []
        for entry in entries { tensors.append(.init(entry.path, try StoredTensor(entry.values, shape: entry.shape))) }
        return try SafeTensors(tensors)
    }

    /// The state of a file.
    ///
    /// - Throws: ``StorageError`` when a tensor does not hold 32-bit floats.
    public init(_ file: SafeTensors, step: Int, seed: UInt64) throws(StorageError) {
        var entries: [Entry] = []
        for entry in file.entries {
            // The file does not say what an entry is for; its path does as far as anyone needs to know.
            let role: Entry.Role = entry.name.hasPrefix("optimizer.") ? .slot : .parameter
            entries.append(
                Entry(path: entry.name, role: role, shape: entry.tensor.shape, values: try entry.tensor.values()))
        }
        self.init(entries: entries, step: step, seed: seed)
    }

    /// Parameters and buffers in memory, ready for evaluation.
    ///
    /// - Parameter averaged: take the moving averages of the weights where the state has them.
    public func storage(averaged: Bool) -> StateStorage {
        let prefix = "optimizer."
        let storage = StateStorage(
            entries.filter { !$0.path.hasPrefix(prefix) }.map { ($0.path, $0.values.count) })
        for entry in entries where !entry.path.hasPrefix(prefix) {
            let average = averaged ? self["\(prefix)average.\(entry.path)"] : nil
            storage.set(entry.path, average?.values ?? entry.values)
        }
        return storage
    }
}
