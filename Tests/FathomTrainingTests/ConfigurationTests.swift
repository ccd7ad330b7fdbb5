import FathomData
import FathomNN
import FathomTraining
import Foundation
import Testing

@Suite struct ConfigurationTests {
    static let full = """
        name: trial
        data:
          name: spirals
          count: 300
          scaling: minMax
          validation: 0.25
          seed: 7
        model:
          - dense: {units: 32, activation: relu}
          - residual: [dense 32 relu, dense 32]
          - dense: 3
        loss: {name: softmaxCrossEntropy, labelSmoothing: 0.1}
        optimizer:
          name: adamW
          learningRate: 0.003
          clip: {globalNorm: 1}
          groups:
            - {pattern: "*.bias", weightDecay: 0, learningRateFactor: 2}
          average: 0.99
        schedule: {name: cosine, warmup: 10}
        training:
          epochs: 4
          batch: 16
          earlyStopping: {metric: accuracy, patience: 3}
          seed: 5
        metrics: [accuracy, {topK: {k: 2}}]
        """

    /// Damaged configurations are read or refused with a message; a trap ends the test run.
    @Test func damagedTextsAreRefused() {
        var generator = FathomData.SeededGenerator(seed: 2026)
        func below(_ bound: Int) -> Int { Int(generator.next(below: UInt64(max(1, bound)))) }
        let pieces = [
            ":", "- ", "{", "}", "[", "&a ", "*a", "!!int ", "9e999", "-1", "1e400", ".nan", "null", "~", "\n  ", "\"",
            "#",
        ]
        var (read, refused) = (0, 0)
        for _ in 0..<3000 {
            var lines = Self.full.split(separator: "\n").map(String.init)
            for _ in 0...below(3) {
                let at = below(lines.count)
                switch below(5) {
                case 0: lines.remove(at: at)
                case 1: lines.insert(lines[below(lines.count)], at: at)
                case 2: lines.swapAt(at, below(lines.count))
                case 3:
                    var line = Array(lines[at])
                    line.insert(contentsOf: Array(pieces[below(pieces.count)]), at: below(line.count + 1))
                    lines[at] = String(line)
                default:
                    // The value of a key becomes another one.
                    let key = lines[at].prefix { $0 != ":" }
                    lines[at] = "\(key): \(pieces[below(pieces.count)])"
                }
                if lines.isEmpty { lines = [""] }
            }
            do {
                _ = try RunConfiguration(yaml: lines.joined(separator: "\n"))
                read += 1
            } catch {
                if "\(error)".isEmpty { Issue.record("an error without a message") }
                refused += 1
            }
        }
        #expect(refused > 1500 && read > 100, "\(read) read, \(refused) refused")
    }

    @Test func readsEverything() throws {
        let run = try RunConfiguration(yaml: Self.full)
        #expect(run.name == "trial")
        #expect(run.data.source == .named("spirals", folder: nil))
        #expect(run.data.count == 300 && run.data.scaling == .minMax && run.data.validation == 0.25)
        #expect(run.model.text == "dense 32, relu, residual [dense 32, relu, dense 32], dense 3")
        #expect(run.loss?.options == ["labelSmoothing": 0.1])
        #expect(run.optimization.optimizer == .init("adamW", ["learningRate": 0.003]))
        #expect(run.optimization.clipping == .globalNorm(1))
        #expect(run.optimization.groups == [ParameterGroup("*.bias", learningRateFactor: 2, weightDecay: 0)])
        #expect(run.optimization.average == 0.99)
        #expect(run.schedule == .init("cosine", ["warmup": 10]))
        #expect(run.training.patience == 3 && run.training.monitor == "accuracy" && run.training.seed == 5)
        #expect(run.metrics == [.init("accuracy"), .init("topK", ["k": 2])])
    }

    @Test func writesWhatItReads() throws {
        let run = try RunConfiguration(yaml: Self.full)
        #expect(try RunConfiguration(yaml: run.yaml) == run)
    }

    @Test(
        arguments: [
            "yes", "1", "1e3", "true", "null", "", "a: b", "- x", "\"q\"", "ä\n\u{1}", "*x", "#c", "~", "-",
            "del\u{7F}", "next\u{85}line", "line\u{2028}end", "a\u{FEFF}mark", "\u{FFFE}",
        ])
    func textsSurviveWriting(_ text: String) throws {
        let tree = ConfigValue(.map([.init("k", ConfigValue(.list([ConfigValue(.text(text)), "y"])))]))
        var back = try ConfigurationText.parse(ConfigurationText.text(tree))
        guard case .map(let pairs) = back.content, case .list(let items) = pairs.first?.value.content else {
            Issue.record("another form: \(back)")
            return
        }
        back = try #require(items.first)
        #expect(back.content == .text(text))
    }

    /// The parser drops a byte order mark in front of any text.
    @Test func byteOrderMarksAreNoText() throws {
        let back = try ConfigurationText.parse("\u{FEFF}k: \"\\ufeff\\ufeff\\ufeffmark\"\n")
        #expect(back == ConfigValue(.map([.init("k", ConfigValue(.text("mark"), line: 1))]), line: 1))
    }

    /// A model in one line nests deeper in a file than it looks.
    @Test func deepModelsSurviveWriting() throws {
        let line = String(repeating: "residual [", count: 60) + "relu" + String(repeating: "]", count: 60)
        let run = try RunConfiguration(yaml: "data: digits\nmodel: \"\(line)\"\n")
        #expect(try RunConfiguration(yaml: run.yaml) == run)
    }

    /// What is not the optimiser's own counts wherever it stands, and in any spelling.
    @Test(arguments: [
        "{name: adam, beta1: 0.8, clip: {globalNorm: 1}, average: 0.9}",
        "{adam: {beta1: 0.8, clip: {globalNorm: 1}}, average: 0.9}",
        "{adam: {beta1: 0.8}, clip: {global_norm: 1}, average: 0.9}",
        "{Name: adam, beta1: 0.8, Clip: {globalNorm: 1}, AVERAGE: 0.9}",
    ])
    func settingsAroundAnOptimizer(_ text: String) throws {
        let run = try RunConfiguration(yaml: "data: digits\nmodel: dense 10\noptimizer: \(text)\n")
        #expect(run.optimization.optimizer.name == "adam")
        #expect(run.optimization.optimizer.options == ["beta1": .number(0.8)])
        #expect(run.optimization.clipping == .globalNorm(1))
        #expect(run.optimization.average == 0.9)
    }

    /// The least integer has no absolute value.
    @Test func extremeNumbersSurviveWriting() throws {
        let text =
            "data: {name: digits, scaling: {mean: [-9223372036854775808, 1e300], std: [1e-300, 1]}}\nmodel: dense 1\n"
        let run = try RunConfiguration(yaml: text)
        #expect(try RunConfiguration(yaml: run.yaml) == run)
    }

    /// A mistake, the key that must be named, its line, and a word the message must contain.
    static let mistakes: [(String, String, Int?, String)] = [
        ("data: digits\nmodel: dense 10\ntraning: {epochs: 3}\n", "traning", 3, "did you mean 'training'"),
        ("data: digits\nmodel: dense 10\ntraining:\n  epochs: 0\n", "training.epochs", 4, "whole"),
        ("data: digits\nmodel: dense 10\ntraining:\n  epoch: 1\n", "training.epoch", 4, "'epochs'"),
        (
            "data: digits\nmodel: dense 10\ntraining:\n  batch_size: 32\n", "training.batch_size", 4,
            "did you mean 'batch'"
        ),
        ("data: digits\nmodel: dense 10\ntraining:\n  batch: 1.5\n", "training.batch", 4, "whole"),
        (
            "data: digits\nmodel: dense 10\ntraining:\n  epochs: 111111111111111111111111111111\n", "training.epochs",
            4,
            "whole"
        ),
        ("data: digits\nmodel: dense 10\ntraining: 5\n", "training", 3, "mapping"),
        ("data: digits\nmodel:\n  - dens: 10\n", "dens", 3, "dense"),
        ("data: digits\nmodel: dense 10\nloss: crossEntropi\n", "crossEntropi", 3, "unknown loss"),
        ("data: digits\nmodel: dense 10\noptimizer:\n  name: adam\n  beta1: 2\n", "optimizer.beta1", 3, "beta1"),
        ("data: digits\nmodel: dense 10\noptimizer: {name: adam, clip: {globalNorm: .nan}}\n", "clip", 3, "positive"),
        (
            "data: digits\nmodel: dense 10\nloss: {labelSmoothing: 0.1}\n", "loss", 3,
            "needs a name beside 'labelSmoothing'"
        ),
        ("data: digits\nmodel: dense 10\noptimizer: {name: adam, Name: sgd}\n", "optimizer.name", 3, "twice"),
        ("data: digits\nmodel: dense 10\noptimizer: {adam: {name: sgd}}\n", "optimizer.name", 3, "twice"),
        ("data: digits\nmodel: dense 10\noptimizer: {adam: {beta: 0.8}}\n", "beta", 3, "beta1"),
        ("data: digits\nmodel: dense 10\nmetrics: [accuracy, acuracy]\n", "acuracy", 3, "accuracy"),
        ("data: {name: digits, file: x.csv}\nmodel: dense 10\n", "data", 1, "one of"),
        ("data: {name: digits, scaling: std}\nmodel: dense 10\n", "data.scaling", 1, "standardize"),
        ("model: dense 10\n", "data", nil, "missing"),
        ("data: digits\n", "model", nil, "missing"),
        ("data: digits\nmodel: []\n", "model", 2, "no layers"),
        ("data: digits\nmodel: dense 10\nmodel: dense 11\n", "model", nil, "twice"),
        ("data: digits\nmodel: [dense 10\n", "configuration", nil, "YAML"),
        ("- 1\n- 2\n", "configuration", 1, "mapping"),
    ]

    @Test(arguments: mistakes)
    func mistakesNameKeyAndLine(_ text: String, _ key: String, _ line: Int?, _ word: String) throws {
        let error = #expect(throws: ConfigError.self) { try RunConfiguration(yaml: text) }
        #expect(error?.key.contains(key) == true, "\(error?.description ?? "")")
        if let line { #expect(error?.line == line, "\(error?.description ?? "")") }
        #expect(error?.description.contains(word) == true, "\(error?.description ?? "")")
    }

    @Test func bombsAreRefused() {
        var laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
        for i in 1..<40 {
            laughs += "a\(i): &a\(i) [" + (0..<9).map { _ in "*a\(i - 1)" }.joined(separator: ",") + "]\n"
        }
        let long = "data: " + String(repeating: "x", count: 2 << 20)
        let wide = "data: [" + String(repeating: "1,", count: 200_000) + "1]\nmodel: dense 1\n"
        for text in [
            laughs, String(repeating: "[", count: 100_000), String(repeating: "{a: ", count: 100_000), long, wide,
            String(repeating: "- ", count: 100_000) + "x", String(repeating: "a:\n ", count: 10),
        ] {
            #expect(throws: ConfigError.self) { try RunConfiguration(yaml: text) }
        }
    }

    @Test func examplesAreRight() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Examples")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".yaml") }
        #expect(files.count >= 6)
        for file in files {
            let run = try RunConfiguration(
                yaml: String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8))
            _ = try run.model.build()
            #expect(try RunConfiguration(yaml: run.yaml) == run, "\(file)")
        }
    }

    @Test func readsJSON() throws {
        let run = try RunConfiguration(
            yaml: #"{"data": {"name": "digits"}, "model": ["dense 64 relu", {"dense": 10}], "training": {"epochs": 3}}"#
        )
        #expect(run.training.epochs == 3)
        #expect(run.model.text == "dense 64, relu, dense 10")
    }

    @Test func patternsInQuotesAreNoAliases() throws {
        let run = try RunConfiguration(
            yaml: "data: digits\nmodel: dense 10\noptimizer: {name: sgd, groups: [{pattern: '*.bias'}]} # & * fine\n")
        #expect(run.optimization.groups.first?.pattern == "*.bias")
    }
}
