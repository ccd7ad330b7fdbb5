import FathomData
import FathomNN
import FathomRuntime
import FathomTraining
import Foundation
import Testing

/// Docs/Configuration.md tells of all that a configuration may hold.
@Suite struct ConfigurationPageTests {
    static func page() throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(contentsOf: root.appendingPathComponent("Docs/Configuration.md"), encoding: .utf8)
    }

    /// What stands under a heading.
    static func section(_ heading: String) throws -> String {
        let parts = try page().components(separatedBy: "\n## ")
        return try #require(parts.first { $0.hasPrefix(heading + "\n") }, "no heading '\(heading)'")
    }

    @Test func examplesAreRight() throws {
        let blocks = try Self.page().components(separatedBy: "```yaml\n").dropFirst()
        #expect(blocks.count >= 10)
        for block in blocks {
            let text = block.components(separatedBy: "```")[0]
            do {
                let run = try RunConfiguration(yaml: text)
                _ = try run.model.build()
                #expect(try RunConfiguration(yaml: run.yaml) == run, "\(text)")
            } catch { Issue.record("\(error)\n\(text)") }
        }
    }

    /// A section, what stands before its keys, and a configuration with a key `zzz` that no reader knows.
    static let places = [
        ("The keys", "", "zzz: 1"),
        ("data", "", "data: {zzz: 1}\nmodel: relu"),
        ("data", "scaling.", "data: {name: x, scaling: {zzz: 1}}\nmodel: relu"),
        ("data", "augment.", "data: {name: x, augment: {zzz: 1}}\nmodel: relu"),
        ("data", "augment.crop.", "data: {name: x, augment: {crop: {zzz: 1}}}\nmodel: relu"),
        ("optimizer", "clip.", "data: x\nmodel: relu\noptimizer: {name: sgd, clip: {zzz: 1}}"),
        ("optimizer", "groups.", "data: x\nmodel: relu\noptimizer: {name: sgd, groups: [{zzz: 1}]}"),
        ("training", "", "data: x\nmodel: relu\ntraining: {zzz: 1}"),
        ("training", "earlyStopping.", "data: x\nmodel: relu\ntraining: {earlyStopping: {zzz: 1}}"),
    ]

    /// The error for the unknown key lists those that are known.
    @Test(arguments: places)
    func keysAreExplained(_ heading: String, _ prefix: String, _ text: String) throws {
        let error = #expect(throws: ConfigError.self) { try RunConfiguration(yaml: text) }
        let known = error?.allowed ?? []
        #expect(!known.isEmpty)
        let section = try Self.section(heading)
        for key in known { #expect(section.contains("\n| `\(prefix)\(key)` |"), "\(heading): \(prefix)\(key)") }
    }

    @Test func wordsAreExplained() throws {
        let optimizer = try Self.section("optimizer")
        for key in RunConfiguration.Optimization.keys { #expect(optimizer.contains("\n| `\(key)` |"), "\(key)") }
        let words =
            DataConfiguration.Scaling.allCases.map(\.rawValue) + DataConfiguration.Task.allCases.map(\.rawValue)
            + DataConfiguration.Missing.allCases.map(\.rawValue) + Augmentation.Fill.allCases.map(\.rawValue)
        let data = try Self.section("data")
        for word in words { #expect(data.contains("`\(word)`"), "data: \(word)") }
        let training = try Self.section("training")
        for word in Precision.allCases.map(\.rawValue) { #expect(training.contains("`\(word)`"), "\(word)") }
        let activations = try Self.section("Activations")
        for entry in Activation.all {
            for word in [entry.name] + entry.parameters.map(\.name) {
                #expect(activations.contains("`\(word)`"), "\(entry.name): \(word)")
            }
        }
    }

    /// The tables of the page are those of the library, row by row.
    @Test func tablesAreComplete() throws {
        let layers = LayerKind.all.filter { kind in !Activation.all.contains { $0.name == kind.name } }
        try Self.check(
            "Layers",
            layers.flatMap { kind in
                [Self.row(Self.names(kind.name, kind.aliases), "", "", "", kind.summary)]
                    + kind.options.map {
                        Self.option(
                            $0.isPositional ? $0.name : $0.name + "=", $0.form.meaning, $0.defaultValue,
                            $0.isRequired, $0.meaning)
                    }
            })
        try Self.check(
            "Initialisers",
            Initializer.all.map { entry in
                let numbers = entry.parameters.map { parameter in
                    let value = parameter.defaultValue.map { " \(OptionValue.number($0))" } ?? ""
                    return "`\(parameter.name)`" + value
                }
                return Self.row(
                    "`\(entry.name)`", entry.meaning, entry.takesFan ? "a fan" : numbers.joined(separator: ", "))
            })
        try Self.check("Losses", Self.rows(Loss.all))
        try Self.check("Optimisers", Self.rows(OptimizerTable.all))
        try Self.check("Schedules", Self.rows(ScheduleTable.all))
        try Self.check("Metrics", Self.rows(Metric.all))
    }

    static func check(_ heading: String, _ rows: [String]) throws {
        let table = rows.joined(separator: "\n")
        let isThere = try section(heading).contains(table + "\n")
        #expect(isThere, "\(heading) must have this table:\n\(table)")
    }

    static func rows<Value>(_ catalog: Catalog<Value>) -> [String] {
        catalog.entries.flatMap { entry in
            [row(names(entry.name, entry.aliases), "", "", "", entry.summary)]
                + entry.options.map { option($0.name, "\($0.limit)", $0.fallback, $0.isRequired, $0.summary) }
        }
    }

    static func option(
        _ name: String, _ takes: String, _ value: OptionValue?, _ isRequired: Bool, _ meaning: String
    ) -> String {
        let text: String =
            switch value {
            case nil: isRequired ? "needed" : ""
            case .numbers(let numbers)?: "[" + numbers.map { "\(OptionValue.number($0))" }.joined(separator: ", ") + "]"
            case let value?: "\(value)"
            }
        return row("", "`\(name)`", takes, text, meaning)
    }

    static func names(_ name: String, _ aliases: [String]) -> String {
        ([name] + aliases).map { "`\($0)`" }.joined(separator: ", ")
    }

    static func row(_ cells: String...) -> String { "| " + cells.joined(separator: " | ") + " |" }
}
