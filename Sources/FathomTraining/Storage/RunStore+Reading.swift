import GRDB

extension RunStore {
    /// A value of a series at a step.
    public struct Point: Hashable, Sendable {
        /// Steps taken.
        public let step: Int
        /// The value; NaN and infinities as recorded.
        public let value: Double
    }

    /// A metric that has been recorded, by name and part of the data.
    public struct MetricKey: Hashable, Sendable {
        /// What was measured.
        public let name: String
        /// The part of the data.
        public let split: String
    }

    /// A layer and a quantity that has been observed there.
    public struct ObservationKey: Hashable, Sendable {
        /// The layer's path.
        public let layer: String
        /// What was observed.
        public let quantity: String
    }

    /// The metrics that have values.
    public func metricKeys() throws(StorageError) -> [MetricKey] {
        try fetch(
            """
            SELECT n.name, s.name FROM metric_names n, splits s
            WHERE EXISTS (SELECT 1 FROM metrics WHERE name = n.id AND split = s.id) ORDER BY n.id, s.id
            """
        ) { MetricKey(name: try $0.text(0), split: try $0.text(1)) }
    }

    /// The layers and quantities that have values, in the order in which they were first asked for.
    public func observationKeys() throws(StorageError) -> [ObservationKey] {
        try fetch(
            """
            SELECT l.name, q.name FROM series s JOIN layers l ON l.id = s.layer JOIN quantities q ON q.id = s.quantity
            WHERE EXISTS (SELECT 1 FROM observations WHERE series = s.id) ORDER BY s.id
            """
        ) { ObservationKey(layer: try $0.text(0), quantity: try $0.text(1)) }
    }

    /// The values of a metric by step, those after `step` only: ask again with the last step for what is new.
    public func metric(_ name: String, split: String, after step: Int = -1) throws(StorageError) -> [Point] {
        try fetch(
            """
            SELECT step, value FROM metrics
            WHERE name = (SELECT id FROM metric_names WHERE name = ?) AND split = (SELECT id FROM splits WHERE name = ?)
                AND step > ? ORDER BY step
            """, [name, split, step], point)
    }

    /// The values of a quantity at a layer by step, those after `step` only.
    public func observations(
        layer: String, quantity: String, after step: Int = -1
    ) throws(StorageError) -> [Point] {
        try fetch(
            """
            SELECT step, value FROM observations WHERE series = (
                SELECT id FROM series WHERE layer = (SELECT id FROM layers WHERE name = ?)
                    AND quantity = (SELECT id FROM quantities WHERE name = ?))
                AND step > ? ORDER BY step
            """, [layer, quantity, step], point)
    }

    /// The latest value of each metric.
    public func latestMetrics() throws(StorageError) -> [Metric] {
        try fetch(
            """
            SELECT m.step, m.epoch, s.name, n.name, m.value FROM metric_names n, splits s
            JOIN metrics m ON m.name = n.id AND m.split = s.id
            WHERE m.step = (SELECT max(step) FROM metrics WHERE name = n.id AND split = s.id) ORDER BY n.id, s.id
            """
        ) {
            Metric(
                step: try $0.integer(0), epoch: try $0.integer(1), split: try $0.text(2), name: try $0.text(3),
                value: try $0.number(4))
        }
    }

    /// The latest value of each quantity at each layer.
    public func latestObservations() throws(StorageError) -> [(key: ObservationKey, point: Point)] {
        try fetch(
            """
            SELECT o.step, o.value, l.name, q.name FROM series s
            JOIN layers l ON l.id = s.layer JOIN quantities q ON q.id = s.quantity
            JOIN observations o ON o.series = s.id
            WHERE o.step = (SELECT max(step) FROM observations WHERE series = s.id) ORDER BY s.id
            """
        ) { (ObservationKey(layer: try $0.text(2), quantity: try $0.text(3)), try point($0)) }
    }

    /// The verdicts, in the order of their recording.
    public func verdicts() throws(StorageError) -> [Verdict] {
        try fetch("SELECT step, rule, layer, severity, confidence, text, json FROM verdicts ORDER BY id") {
            Verdict(
                step: try $0.integer(0), rule: try $0.text(1), layer: try $0.text(2),
                severity: Severity(rawValue: try $0.integer(3)) ?? .info, confidence: try $0.number(4),
                text: try $0.text(5), json: try $0.text(6))
        }
    }

    /// The events, those after `id` only.
    public func events(after id: Int64 = 0) throws(StorageError) -> [Event] {
        try fetch("SELECT id, time, level, text FROM events WHERE id > ? ORDER BY id", [id]) {
            var event = Event(
                time: try $0.number(1), level: Severity(rawValue: try $0.integer(2)) ?? .info, text: try $0.text(3))
            event.id = Int64(try $0.integer(0))
            return event
        }
    }

    /// The run's description.
    public func metadata() throws(StorageError) -> [String: String] {
        let pairs = try fetch("SELECT key, value FROM run ORDER BY key") { (try $0.text(0), try $0.text(1)) }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }

    /// Whether the database's structure is whole: SQLite's own check, which reads all of it.
    public func isWhole() throws(StorageError) -> Bool {
        try fetch("PRAGMA integrity_check") { try $0.text(0) } == ["ok"]
    }

    private func fetch<Value>(
        _ sql: String, _ arguments: StatementArguments = [], _ value: (Fields) throws -> Value
    ) throws(StorageError) -> [Value] {
        try attempt("read") {
            try database.read { database in
                let rows = try Row.fetchCursor(database.cachedStatement(sql: sql), arguments: arguments)
                var values: [Value] = []
                while let row = try rows.next() { values.append(try value(Fields(row: row))) }
                return values
            }
        }
    }
}

private func point(_ fields: Fields) throws -> RunStore.Point {
    RunStore.Point(step: try fields.integer(0), value: try fields.number(1))
}

/// The columns of a row, checked: SQLite lets any column of a foreign or damaged file hold any type, and GRDB's own
/// subscript ends the process on a wrong one.
private struct Fields {
    let row: Row

    func text(_ column: Int) throws -> String { try value(column) }

    func integer(_ column: Int) throws -> Int { try value(column) }

    /// NULL is how a NaN is stored.
    func number(_ column: Int) throws -> Double {
        let stored: DatabaseValue = row[column]
        return stored.isNull ? .nan : try value(column)
    }

    private func value<Value: DatabaseValueConvertible>(_ column: Int) throws -> Value {
        let stored: DatabaseValue = row[column]
        guard let value = Value.fromDatabaseValue(stored) else {
            throw DatabaseError(message: "column \(column) holds \(stored), which is no \(Value.self)")
        }
        return value
    }
}
