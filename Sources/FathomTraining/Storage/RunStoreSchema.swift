import GRDB

/// The tables of a run store.
///
/// Long names stand once, in side tables. `metrics` and `observations` are kept in the order of their series, so that
/// reading one series reads consecutive pages.
enum RunStoreSchema {
    static let writtenByLaterVersion = DatabaseError(message: "the run was written by a later version of this program")
    static let notARunStore = DatabaseError(message: "this file is no run store")

    /// All versions of the schema, oldest first. A version that was released never changes; add another below.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            // A database of some other program must not get our tables.
            guard try !database.tableExists("metrics"), try !database.tableExists("run") else { throw notARunStore }
            try database.execute(
                sql: """
                    CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
                    CREATE TABLE layers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
                    CREATE TABLE quantities (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
                    CREATE TABLE metric_names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
                    CREATE TABLE splits (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
                    CREATE TABLE series (
                        id INTEGER PRIMARY KEY, layer INTEGER NOT NULL REFERENCES layers,
                        quantity INTEGER NOT NULL REFERENCES quantities, UNIQUE (layer, quantity));
                    CREATE TABLE metrics (
                        name INTEGER NOT NULL REFERENCES metric_names, split INTEGER NOT NULL REFERENCES splits,
                        step INTEGER NOT NULL, epoch INTEGER NOT NULL, value REAL, -- NULL is NaN
                        PRIMARY KEY (name, split, step)) WITHOUT ROWID;
                    CREATE TABLE observations (
                        series INTEGER NOT NULL, step INTEGER NOT NULL, value REAL, -- NULL is NaN
                        PRIMARY KEY (series, step)) WITHOUT ROWID;
                    CREATE TABLE verdicts (
                        id INTEGER PRIMARY KEY, step INTEGER NOT NULL, rule TEXT NOT NULL, layer TEXT NOT NULL,
                        severity INTEGER NOT NULL, confidence REAL, text TEXT NOT NULL, json TEXT NOT NULL);
                    CREATE TABLE events (id INTEGER PRIMARY KEY, time REAL, level INTEGER NOT NULL, text TEXT NOT NULL);
                    """)
        }
        return migrator
    }

    /// The number of a name in a side table, given to it now where it is new.
    static func id(of name: String, in table: String, _ database: Database) throws -> Int64 {
        let select = try database.cachedStatement(sql: "SELECT id FROM \(table) WHERE name = ?")
        if let id = try Int64.fetchOne(select, arguments: [name]) { return id }
        try database.cachedStatement(sql: "INSERT INTO \(table) (name) VALUES (?)").execute(arguments: [name])
        return database.lastInsertedRowID
    }

    static func insert(_ metrics: [RunStore.Metric], _ database: Database) throws {
        let insert = try database.cachedStatement(
            sql: "INSERT OR REPLACE INTO metrics (name, split, step, epoch, value) VALUES (?, ?, ?, ?, ?)")
        for metric in metrics {
            let name = try id(of: metric.name, in: "metric_names", database)
            let split = try id(of: metric.split, in: "splits", database)
            try insert.execute(arguments: [name, split, metric.step, metric.epoch, stored(metric.value)])
        }
    }
}
