import Foundation
import GRDB
import Synchronization

/// The numbers of a training run: a SQLite database in the run's folder, written while others read it.
///
/// Writing is buffered: a call appends to memory, and a queue of its own writes the rows in one transaction, every
/// `flushInterval` or as soon as many have gathered. So a training step never waits for the disk, unless rows come
/// faster than the disk takes them for a long time. A failure in the background is thrown by the next call.
///
/// The database uses a write-ahead log: readers, also in other processes, see whole transactions, and a killed
/// process leaves a database that opens. A NaN is stored as NULL (SQLite has no other way), infinities as themselves;
/// a value that was never recorded has no row.
public final class RunStore: Sendable {
    /// How serious a verdict or an event is.
    public enum Severity: Int, Hashable, Sendable, CaseIterable {
        case info = 0
        case warning = 1
        case failure = 2
    }

    /// A number about the whole model: a loss, an accuracy, a learning rate.
    public struct Metric: Hashable, Sendable {
        /// Steps taken.
        public var step: Int
        /// Passes over the data.
        public var epoch: Int
        /// The part of the data: "train", "validation", "test", or empty.
        public var split: String
        /// What was measured.
        public var name: String
        /// The value; NaN and infinities are kept.
        public var value: Double

        /// Collects the parts.
        public init(step: Int, epoch: Int, split: String, name: String, value: Double) {
            self.step = step
            self.epoch = epoch
            self.split = split
            self.name = name
            self.value = value
        }
    }

    /// A finding of the diagnosis.
    public struct Verdict: Hashable, Sendable {
        /// The step at which it was found.
        public var step: Int
        /// The rule that found it.
        public var rule: String
        /// The layer's path; empty for the whole model.
        public var layer: String
        /// How serious it is.
        public var severity: Severity
        /// How sure the rule is, from 0 to 1.
        public var confidence: Double
        /// The sentence for the user.
        public var text: String
        /// The evidence, as JSON text of the diagnosis' own making.
        public var json: String

        /// Collects the parts.
        public init(
            step: Int, rule: String, layer: String, severity: Severity, confidence: Double, text: String,
            json: String = "{}"
        ) {
            self.step = step
            self.rule = rule
            self.layer = layer
            self.severity = severity
            self.confidence = confidence
            self.text = text
            self.json = json
        }
    }

    /// Something that happened: started, resumed, a checkpoint written.
    public struct Event: Hashable, Sendable {
        /// Counts up in the order of writing; 0 for one not written yet.
        public var id: Int64 = 0
        /// Seconds since 1970.
        public var time: Double
        /// How serious it is.
        public var level: Severity
        /// The line for the user.
        public var text: String

        /// Collects the parts.
        public init(time: Double, level: Severity, text: String) {
            self.time = time
            self.level = level
            self.text = text
        }
    }

    /// A short number for a pair of layer and quantity, to be asked for once and used at every step.
    public struct Series: Hashable, Sendable {
        let id: Int64
    }

    /// The database's file.
    public let path: String
    /// The longest time that a row waits in memory, in seconds, as long as rows keep coming.
    public let flushInterval: Double

    let database: any DatabaseReader
    private let writer: (any DatabaseWriter)?
    private let queue = DispatchQueue(label: "fathom.run-store", qos: .utility)
    private let pending: Mutex<Pending>

    /// At this many rows a flush begins without waiting for the interval.
    private static let rowsPerFlush = 16_384
    /// At this many rows in memory the caller waits: bounds the memory when the disk is slower than the training.
    private static let rowsInMemory = 1 << 20

    private struct ObservationRow {
        let series: Int64
        let step: Int64
        let value: Double
    }

    private struct Pending {
        var metrics: [Metric] = []
        var observations: [ObservationRow] = []
        var isFlushing = false
        var isClosed = false
        var lastFlush = ContinuousClock.now
        var failure: StorageError?
        /// By the bytes of layer and quantity: strings would take two spellings of a letter for one.
        var series: [[[UInt8]]: Series] = [:]
    }

    /// Opens a run's database for writing, creating it where needed.
    ///
    /// Keep one writer per run: take the lock of `RunFolder` first.
    ///
    /// - Throws: `.database` when the file is no run store, was damaged, or was written by a later version.
    public static func open(_ path: String, flushInterval: Double = 1) throws(StorageError) -> RunStore {
        try attempt("open", path) {
            let pool = try DatabasePool(path: path, configuration: configuration(readonly: false))
            let migrator = RunStoreSchema.migrator
            guard try !pool.read(migrator.hasBeenSuperseded) else { throw RunStoreSchema.writtenByLaterVersion }
            try migrator.migrate(pool)
            return RunStore(path: path, reader: pool, writer: pool, flushInterval: flushInterval)
        }
    }

    /// Opens a run's database for reading, also while another process writes.
    ///
    /// - Throws: `.missing` when there is none yet; else as `open`.
    public static func read(_ path: String) throws(StorageError) -> RunStore {
        guard FileSystem.exists(path) else {
            throw StorageError(operation: "open", path: path, cause: .missing("there is no such file"))
        }
        return try attempt("open", path) {
            let pool = try DatabasePool(path: path, configuration: configuration(readonly: true))
            let migrator = RunStoreSchema.migrator
            try pool.read { database in
                guard try !migrator.hasBeenSuperseded(database) else { throw RunStoreSchema.writtenByLaterVersion }
                guard try migrator.hasCompletedMigrations(database) else { throw RunStoreSchema.notARunStore }
            }
            return RunStore(path: path, reader: pool, writer: nil, flushInterval: 1)
        }
    }

    private static func configuration(readonly: Bool) -> Configuration {
        var configuration = Configuration()
        configuration.readonly = readonly
        configuration.busyMode = .timeout(10)
        configuration.label = "fathom.run"
        configuration.maximumReaderCount = 4
        return configuration
    }

    private init(path: String, reader: any DatabaseReader, writer: (any DatabaseWriter)?, flushInterval: Double) {
        self.path = path
        self.database = reader
        self.writer = writer
        self.flushInterval = flushInterval
        pending = Mutex(Pending())
    }

    // MARK: Writing

    /// The number of a pair of layer and quantity; the same in every later call and run.
    public func series(layer: String, quantity: String) throws(StorageError) -> Series {
        let key = [Array(layer.utf8), Array(quantity.utf8)]
        if let known = pending.withLock({ $0.series[key] }) { return known }
        let writer = try requireWriter()
        let series = try attempt("write") {
            try writer.write { database in
                let layerID = try RunStoreSchema.id(of: layer, in: "layers", database)
                let quantityID = try RunStoreSchema.id(of: quantity, in: "quantities", database)
                try database.cachedStatement(
                    sql: "INSERT OR IGNORE INTO series (layer, quantity) VALUES (?, ?)"
                ).execute(arguments: [layerID, quantityID])
                let id = try Int64.fetchOne(
                    database.cachedStatement(sql: "SELECT id FROM series WHERE layer = ? AND quantity = ?"),
                    arguments: [layerID, quantityID])
                return Series(id: id ?? 0)
            }
        }
        pending.withLock { $0.series[key] = series }
        return series
    }

    /// Records per-layer numbers of a step: `values[i]` belongs to `series[i]`.
    ///
    /// A value recorded twice for one step replaces the first. Costs an append to an array.
    public func observe(step: Int, series: [Series], values: [Double]) throws(StorageError) {
        guard series.count == values.count else {
            throw StorageError(
                operation: "record", path: path,
                cause: .invalid("\(values.count) values for \(series.count) series"))
        }
        try append { pending in
            for (series, value) in zip(series, values) {
                pending.observations.append(ObservationRow(series: series.id, step: Int64(step), value: value))
            }
        }
    }

    /// Records one per-layer number.
    public func observe(step: Int, layer: String, quantity: String, value: Double) throws(StorageError) {
        try observe(step: step, series: [try series(layer: layer, quantity: quantity)], values: [value])
    }

    /// Records a metric; one recorded twice for one step replaces the first.
    public func record(_ metric: Metric) throws(StorageError) {
        try append { $0.metrics.append(metric) }
    }

    /// Records a verdict, at once.
    public func record(_ verdict: Verdict) throws(StorageError) {
        try write { database in
            try database.execute(
                sql: """
                    INSERT INTO verdicts (step, rule, layer, severity, confidence, text, json)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    verdict.step, verdict.rule, verdict.layer, verdict.severity.rawValue,
                    stored(verdict.confidence), verdict.text, verdict.json,
                ])
        }
    }

    /// Records an event, at once.
    public func record(_ event: Event) throws(StorageError) {
        try write { database in
            try database.execute(
                sql: "INSERT INTO events (time, level, text) VALUES (?, ?, ?)",
                arguments: [stored(event.time), event.level.rawValue, event.text])
        }
    }

    /// Sets an entry of the run's description, such as its name or its seed, at once.
    public func setMetadata(_ value: String, for key: String) throws(StorageError) {
        try write { database in
            try database.execute(
                sql: "INSERT OR REPLACE INTO run (key, value) VALUES (?, ?)", arguments: [key, value])
        }
    }

    /// Removes what was recorded for later steps: for resuming at `step`, which records them again.
    public func removeRecords(after step: Int) throws(StorageError) {
        try flush()
        try write { database in
            for table in ["metrics", "observations", "verdicts"] {
                try database.execute(sql: "DELETE FROM \(table) WHERE step > ?", arguments: [step])
            }
        }
    }

    /// Waits until everything recorded so far is in the database.
    public func flush() throws(StorageError) {
        _ = try requireWriter()
        queue.sync { drain() }
        try throwFailure()
    }

    /// Flushes and closes; recording is an error from then on. When the flush fails, the store stays open.
    public func close() throws(StorageError) {
        // Closed to others first, so that no row comes in after the last flush.
        let wasOpen = pending.withLock { pending in
            defer { pending.isClosed = true }
            return !pending.isClosed
        }
        guard wasOpen else { return }
        do throws(StorageError) {
            queue.sync { drain() }
            try throwFailure()
            try attempt("close") { try database.close() }
        } catch {
            pending.withLock { $0.isClosed = false }
            throw error
        }
    }

    /// A store that is dropped without `close` writes what it still holds, as far as it can.
    deinit {
        if pending.withLock({ !$0.isClosed }) { drain() }
    }

    private func requireWriter() throws(StorageError) -> any DatabaseWriter {
        guard let writer, pending.withLock({ !$0.isClosed }) else {
            throw StorageError(
                operation: "record", path: path, cause: .invalid("the run store is closed or open for reading only"))
        }
        return writer
    }

    private func append(_ add: (inout Pending) -> Void) throws(StorageError) {
        _ = try requireWriter()
        let (start, wait) = pending.withLock { pending in
            add(&pending)
            let count = pending.observations.count + pending.metrics.count
            let isDue =
                count >= Self.rowsPerFlush || ContinuousClock.now - pending.lastFlush > .seconds(flushInterval)
            let start = isDue && !pending.isFlushing
            if start { pending.isFlushing = true }
            return (start, count >= Self.rowsInMemory)
        }
        if start { queue.async { self.drain() } }
        if wait { queue.sync {} }
        // Last, so that the rows of this call are kept also by a caller that reports the failure and goes on.
        try throwFailure()
    }

    /// Writes what has gathered; runs on the queue.
    private func drain() {
        let (metrics, observations) = pending.withLock { pending in
            defer {
                pending.metrics.removeAll(keepingCapacity: true)
                pending.observations.removeAll(keepingCapacity: true)
                pending.isFlushing = false
                pending.lastFlush = .now
            }
            return (pending.metrics, pending.observations)
        }
        guard let writer, !metrics.isEmpty || !observations.isEmpty else { return }
        do throws(StorageError) {
            try attempt("write") {
                try writer.write { database in
                    try RunStoreSchema.insert(metrics, database)
                    let insert = try database.cachedStatement(
                        sql: "INSERT OR REPLACE INTO observations (series, step, value) VALUES (?, ?, ?)")
                    // In the order of the table, so that neighbours go to the same page; of two values for one step the
                    // later call's comes later.
                    let order = observations.indices.sorted {
                        let (a, b) = (observations[$0], observations[$1])
                        return (a.series, a.step, $0) < (b.series, b.step, $1)
                    }
                    for row in order.lazy.map({ observations[$0] }) {
                        try insert.execute(arguments: [row.series, row.step, stored(row.value)])
                    }
                }
            }
        } catch {
            pending.withLock { pending in
                pending.failure = pending.failure ?? error
                // Kept, before what has come since, for another attempt: space may be freed. Bounded all the same.
                guard pending.observations.count + observations.count <= Self.rowsInMemory else { return }
                pending.metrics.insert(contentsOf: metrics, at: 0)
                pending.observations.insert(contentsOf: observations, at: 0)
            }
        }
    }

    private func throwFailure() throws(StorageError) {
        let failure = pending.withLock { pending in
            defer { pending.failure = nil }
            return pending.failure
        }
        if let failure { throw failure }
    }

    private func write(_ body: (Database) throws -> Void) throws(StorageError) {
        let writer = try requireWriter()
        try attempt("write") { try writer.write(body) }
    }

    func attempt<Result>(_ operation: String, _ body: () throws -> Result) throws(StorageError) -> Result {
        try Self.attempt(operation, path, body)
    }

    private static func attempt<Result>(
        _ operation: String, _ path: String, _ body: () throws -> Result
    ) throws(StorageError) -> Result {
        do { return try body() } catch let error as StorageError { throw error } catch let error as DatabaseError {
            let text = error.message ?? "no further text"
            throw StorageError(
                operation: operation, path: path,
                cause: .database("SQLite: \(text) (code \(error.extendedResultCode.rawValue))"))
        } catch {
            throw StorageError(operation: operation, path: path, cause: .database("\(error)"))
        }
    }
}

/// A NaN has no form in SQLite but NULL.
func stored(_ value: Double) -> Double? { value.isNaN ? nil : value }
