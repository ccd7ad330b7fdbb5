import FathomData
import FathomTraining
import Foundation
import Testing

/// The built program as a user starts it.
struct Program {
    /// Beside the test bundle, where the build puts it.
    static let path: String? = {
        let bundle = Bundle.allBundles.map(\.bundlePath).first { $0.hasSuffix(".xctest") }
        let folders = [CommandLine.arguments[0], bundle ?? ""].map { ($0 as NSString).deletingLastPathComponent }
        return folders.map { $0 + "/fathom" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    struct Result {
        let code: Int32
        let output: String
        let errors: String
    }

    static func start(_ arguments: [String], _ folder: String) throws -> (Process, Pipe, Pipe) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(path, "the program is not built"))
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        return (process, output, errors)
    }

    static func run(_ arguments: [String], in folder: String) throws -> Result {
        let (process, output, errors) = try start(arguments, folder)
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let messages = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Result(
            code: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
            errors: String(decoding: messages, as: UTF8.self))
    }

    /// Something that a started program should have done.
    struct Failure: Error, CustomStringConvertible { let description: String }

    /// Starts the program, sends it a signal as soon as `isDue` holds, and waits for its end.
    ///
    /// - Throws: ``Failure`` when it ends before the signal, or when a minute is not enough for it to come so far or to
    ///   end. Nothing is left running then.
    static func interrupt(
        _ arguments: [String], in folder: String, with number: Int32, when isDue: () throws -> Bool
    ) throws -> (reason: Process.TerminationReason, code: Int32, errors: String) {
        let (process, _, errors) = try start(arguments, folder)
        defer {
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        }
        func messages() -> String {
            String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        }
        func requireSoon(_ holds: () throws -> Bool, orSay text: String) throws {
            let deadline = ContinuousClock.now + .seconds(60)
            while try !holds() {
                guard ContinuousClock.now < deadline else { throw Failure(description: "\(arguments): \(text)") }
                Thread.sleep(forTimeInterval: 0.005)
            }
        }
        func requireRunning() throws {
            guard process.isRunning else {
                throw Failure(description: "\(arguments): it ended before the signal: \(messages())")
            }
        }
        try requireSoon(
            {
                try requireRunning()
                return try isDue()
            }, orSay: "it did not come so far in a minute")
        try requireRunning()
        guard kill(process.processIdentifier, number) == 0 else {
            throw Failure(description: "\(arguments): signal \(number) could not be sent")
        }
        try requireSoon({ !process.isRunning }, orSay: "it still runs a minute after signal \(number)")
        process.waitUntilExit()
        return (process.terminationReason, process.terminationStatus, messages())
    }

    static func inFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("fathom-cli-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }
}

@Suite(.serialized) struct CommandTests {
    static let small = ["train", "--data", "iris", "--model", "dense 16 tanh, dense 3", "--seed", "3"]

    /// What the doctor names as the next command is one, whether a file was given or the command line said it all.
    @Test func theDoctorsNextCommandRuns() throws {
        func next(_ result: Program.Result) throws -> [String] {
            let line = try #require(result.output.split(separator: "\n").first { $0.hasPrefix("Next: fathom ") })
            return line.split(separator: " ").dropFirst(2).map(String.init)
        }
        try Program.inFolder { folder in
            let sound = try Program.run(
                ["doctor"] + Self.small.dropFirst() + ["--epochs", "60", "--lr", "0.02"], in: folder)
            #expect(sound.code == 0, "\(sound.output)\(sound.errors)")
            let train = try next(sound)
            #expect(train.first == "train")
            #expect(try Program.run(train + ["--epochs", "1"], in: folder).code == 0, "\(train)")
            let deep = [
                "--data", "iris", "--model",
                Array(repeating: "dense 16 sigmoid", count: 12).joined(separator: ", ") + ", dense 3",
            ]
            let ill = try Program.run(["doctor"] + deep + ["--before"], in: folder)
            #expect(ill.code == 3, "\(ill.output)\(ill.errors)")
            let treat = try next(ill)
            #expect(treat.first == "doctor" && treat.last == "--treat")
            // The same patient, named by its file.
            let again = try Program.run(treat.dropLast() + ["--before"], in: folder)
            #expect(again.code == 3)
            #expect(again.output.split(separator: "\n").first == ill.output.split(separator: "\n").first)
            // A file that is as it was examined is named itself; one that flags change is not.
            let file = try #require(treat.dropFirst().first)
            #expect(try next(again).dropFirst().first == file)
            let changed = try Program.run(treat.dropLast() + ["--before", "--batch", "7"], in: folder)
            let changedFile = try #require(try next(changed).dropFirst().first)
            #expect(changedFile != file)
            #expect(try String(contentsOfFile: folder + "/" + changedFile, encoding: .utf8).contains("batch: 7"))
        }
    }

    @Test func trainsEvaluatesAndPredicts() throws {
        try Program.inFolder { folder in
            let train = try Program.run(Self.small + ["--epochs", "60", "--lr", "0.02", "--out", "run"], in: folder)
            #expect(train.code == 0, "\(train.errors)")
            #expect(train.output.hasPrefix("test"))
            #expect(train.errors.contains("epoch 60/60"))
            let evaluate = try Program.run(["evaluate", "run", "--json"], in: folder)
            let json = try JSONSerialization.jsonObject(with: Data(evaluate.output.utf8)) as? [String: Any]
            #expect((json?["accuracy"] as? Double ?? 0) >= 0.9)
            #expect((json?["confusion"] as? [[Int]])?.flatMap { $0 }.reduce(0, +) == 30)
            let report = try Program.run(["evaluate", "run", "--report", "page.html"], in: folder)
            #expect(report.code == 0 && report.errors.contains("wrote page.html"), "\(report.errors)")
            let page = try String(contentsOfFile: folder + "/page.html", encoding: .utf8)
            #expect(page.contains("class=\"confusion\"") && page.contains("of 30 rows right"))
            #expect(page.contains("setosa") && !page.contains("<img"))
            try "5.1,3.5,1.4,0.2\n6.3,3.3,6.0,2.5\n".write(
                toFile: folder + "/new.csv", atomically: true, encoding: .utf8)
            let predict = try Program.run(["predict", "run", "new.csv"], in: folder)
            let lines = predict.output.split(separator: "\n")
            #expect(lines.first == "class,p(setosa),p(versicolor),p(virginica)")
            #expect(lines.dropFirst().first?.hasPrefix("setosa,") == true)
            #expect(lines.last?.hasPrefix("virginica,") == true)
            let file = try Program.run(["predict", "run", "new.csv", "--output", "out.json"], in: folder)
            #expect(file.code == 0 && file.output.isEmpty)
            #expect(
                try String(contentsOfFile: folder + "/out.json", encoding: .utf8).hasPrefix("{\"class\": \"setosa\""))
            // The folder is there; it is not overwritten.
            #expect(try Program.run(Self.small + ["--out", "run"], in: folder).code == 2)
        }
    }

    @Test func picturesInAFolder() throws {
        try Program.inFolder { folder in
            for (index, name) in ["night", "night", "day", "day", "night", "day", "night", "day", "day", "night"]
                .enumerated()
            {
                let path = folder + "/sky/\(name)"
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
                let pixels = [UInt8](repeating: name == "day" ? 220 : 10, count: 6 * 4 * 3)
                let png = try ImageEncoder.png(pixels, width: 6, height: 4, channels: 3)
                try Data(png).write(to: URL(fileURLWithPath: "\(path)/\(index).png"))
            }
            let show = try Program.run(["data", "show", "./sky"], in: folder)
            #expect(show.code == 0, "\(show.errors)")
            #expect(show.output.contains("shape    [4, 6, 3] (height, width, channels)"))
            #expect(show.output.contains("day 4, night 4"))
            let resized = try Program.run(["data", "show", "./sky", "--size", "8x5"], in: folder)
            #expect(resized.output.contains("shape    [8, 5, 3]"))
            #expect(try Program.run(["data", "show", "./sky", "--size", "8x5x3"], in: folder).code == 2)
            let train = try Program.run(
                [
                    "train", "--data", "./sky", "--model", "dense 4 relu, dense 2", "--epochs", "30", "--lr", "0.05",
                    "--set", "data.augment.flip=true", "--set", "data.validation=0", "--out", "run", "--seed", "1",
                ], in: folder)
            #expect(train.code == 0, "\(train.errors)")
            let text = try String(contentsOfFile: folder + "/run/config.yaml", encoding: .utf8)
            #expect(text.contains("flip: 0.5") && text.contains("flatten: true"))
            #expect(text.contains("folder: \(folder)") || text.contains("/sky"))
            let one = try Program.run(["predict", "run", "sky/day/2.png", "--json"], in: folder)
            #expect(one.output.hasPrefix("{\"file\": \"sky/day/2.png\", \"class\": \"day\""), "\(one.errors)")
            let all = try Program.run(["predict", "run", "sky"], in: folder)
            let lines = all.output.split(separator: "\n")
            #expect(lines.count == 11 && lines[0] == "file,class,p(day),p(night)")
            #expect(lines[1].hasPrefix("sky/day/2.png,day,") && lines[10].hasPrefix("sky/night/9.png,night,"))
            let evaluate = try Program.run(["evaluate", "run", "--data", "./sky", "--json"], in: folder)
            #expect(evaluate.output.contains("\"accuracy\": 1"), "\(evaluate.output)\(evaluate.errors)")
            let report = try Program.run(
                ["evaluate", "run", "--data", "./sky", "--report", "page.html"], in: folder)
            #expect(report.code == 0, "\(report.errors)")
            let page = try String(contentsOfFile: folder + "/page.html", encoding: .utf8)
            #expect(page.components(separatedBy: "<img src=\"data:image/png;base64,").count == 11)
            // A picture that is none ends with a message and not otherwise.
            try Data("GIF89a".utf8).write(to: URL(fileURLWithPath: folder + "/sky/day/x.png"))
            let bad = try Program.run(["predict", "run", "sky"], in: folder)
            #expect(bad.code == 2 && bad.errors.contains("x.png") && bad.errors.contains("GIF"))
            // A run on a table knows nothing of pictures.
            #expect(
                try Program.run(Self.small + ["--epochs", "1", "--out", "table"], in: folder).code == 0)
            let foreign = try Program.run(["predict", "table", "sky/day/2.png"], in: folder)
            #expect(foreign.code == 2 && foreign.errors.contains("not trained on pictures"))
        }
    }

    /// Arguments after `train`, and what the message must say.
    static let mistakes: [([String], String)] = [
        ([], "needs a configuration"),
        (["none.yaml"], "none.yaml"),
        (["--data", "diggits", "--model", "dense 10"], "digits"),
        (["--data", "digits", "--model", "dense 10, frobnicate"], "frobnicate"),
        (["--data", "digits", "--model", "dense 4"], "10 classes"),
        (["--data", "digits", "--model", "dense 10", "--lr", "nan"], "learningRate"),
        (["--data", "digits", "--model", "dense 10", "--batch", "0"], "training.batch"),
        (
            ["--data", "digits", "--model", "dense 10", "--epochs", String(repeating: "9", count: 30)],
            "training.epochs"
        ),
        (["--data", "digits", "--model", "dense 10", "--set", "training.epoch=3"], "did you mean 'epochs'"),
        (["--data", "digits", "--model", "dense 10", "--unknown"], "--unknown"),
    ]

    @Test(arguments: mistakes) func mistakesExitWithTwo(_ arguments: [String], _ word: String) throws {
        try Program.inFolder { folder in
            let result = try Program.run(["train"] + arguments + ["--out", "run"], in: folder)
            #expect(result.code == 2, "\(result.errors)")
            #expect(result.errors.contains(word), "\(result.errors)")
            #expect(result.output.isEmpty)
            #expect(!FileManager.default.fileExists(atPath: folder + "/run"))
        }
    }

    /// `data` may be one word in the file, and is changed by flags all the same.
    @Test func aFileOfDataIsChangedByFlags() throws {
        try Program.inFolder { folder in
            let rows = (0..<40).map { "\($0),\(2 * $0)" }.joined(separator: "\n")
            try "a,b\n\(rows)\n".write(toFile: folder + "/t.csv", atomically: true, encoding: .utf8)
            try "data: t.csv\nmodel: dense 1\n".write(toFile: folder + "/c.yaml", atomically: true, encoding: .utf8)
            let result = try Program.run(
                ["train", "c.yaml", "--epochs", "1", "--set", "data.test=0.5", "--out", "run"], in: folder)
            #expect(result.code == 0, "\(result.errors)")
            let written = try RunConfiguration(
                yaml: String(contentsOfFile: folder + "/run/config.yaml", encoding: .utf8))
            #expect(written.data.test == 0.5)
            guard case .file(let file, nil) = written.data.source else {
                Issue.record("\(written.data.source)")
                return
            }
            #expect(file.path.hasSuffix("/t.csv"))
        }
    }

    /// The model of a quick start is inspected by the flags that train it; either way of naming its input gives one table.
    @Test func inspectTakesDataOrAnInput() throws {
        try Program.inFolder { folder in
            let flags = ["inspect", "--model", "dense 128 relu, dense 10", "--optimizer", "momentum"]
            let data = try Program.run(flags + ["--data", "digits"], in: folder)
            #expect(data.code == 0 && data.output.contains("9610 parameters"), "\(data.output)\(data.errors)")
            let input = try Program.run(flags + ["--input", "64"], in: folder)
            #expect(data.output.contains("momentum keeps 37.5 KiB more"), "\(data.output)")
            #expect(input.output.split(separator: "\n").prefix(4) == data.output.split(separator: "\n").prefix(4))
            let mistakes: [([String], String)] = [
                (["--data", "digits", "--input", "64"], "in place of --input"), ([], "--data"),
                (["--data", "diggits"], "digits"),
            ]
            for (more, word) in mistakes {
                let refused = try Program.run(flags + more, in: folder)
                #expect(refused.code == 2 && refused.errors.contains(word), "\(refused.errors)")
            }
        }
    }

    @Test func divergingExitsWithOne() throws {
        try Program.inFolder { folder in
            let result = try Program.run(
                [
                    "train", "--data", "digits", "--model", "dense 32 relu, dense 10", "--optimizer", "sgd", "--lr",
                    "1e30",
                    "--out", "run",
                ], in: folder)
            #expect(result.code == 1)
            #expect(result.errors.contains("first non-finite value") && result.errors.contains("layer 'dense"))
            #expect(try CheckpointStore(folder: folder + "/run/checkpoints").latest().checkpoint != nil)
        }
    }

    /// Updates in an epoch of the digits, in batches of 32.
    static let digitsEpoch = 41

    /// Nothing but the signal makes this run write a checkpoint.
    @Test(arguments: [SIGINT, SIGTERM]) func aSignalEndsTrainingWithACheckpoint(_ number: Int32) throws {
        try Program.inFolder { folder in
            let train = [
                "train", "--data", "digits", "--model", "dense 16 relu, dense 10", "--epochs", "1000000", "--set",
                "training.checkpointEvery=1000000", "--set", "training.keepBest=false", "--out", "run", "-q",
            ]
            let database = folder + "/run/run.sqlite"
            let stopped = try Program.interrupt(train, in: folder, with: number) {
                // With its log the database is set up, and reading it is in nobody's way.
                guard FileManager.default.fileExists(atPath: database + "-wal"),
                    let losses = try? RunStore.read(database).metric("loss", split: "step")
                else { return false }
                return !losses.isEmpty
            }
            #expect(stopped.reason == .exit && stopped.code == 0, "\(stopped)")
            let store = CheckpointStore(folder: folder + "/run/checkpoints")
            #expect(try store.generations().count == 1)
            let recovery = try store.latest()
            #expect(recovery.rejected.isEmpty)
            let step = try #require(recovery.checkpoint).step
            #expect(step > 0)
            #expect(stopped.errors.contains("interrupted after step \(step);"), "step \(step): \(stopped)")
            // It goes on from this step, here to the end of its epoch.
            let epochs = step / Self.digitsEpoch + 1
            let resumed = try Program.run(["resume", "run", "--epochs", "\(epochs)", "--json"], in: folder)
            #expect(resumed.code == 0, "\(resumed.errors)")
            let first = try #require(resumed.output.split(separator: "\n").first)
            #expect(first.contains("\"started\"") && first.hasSuffix("\"step\": \(step)}"), "\(first)")
            #expect(try store.generations().last?.step == epochs * Self.digitsEpoch)
        }
    }

    @Test func killedAndResumedRunsEndWithTheSameBits() throws {
        try Program.inFolder { folder in
            let train = ["train", "--data", "digits", "--model", "dense 48 relu, dropout 0.1, dense 10", "-q"]
            let cut = CheckpointStore(folder: folder + "/cut/checkpoints")
            func newest() throws -> Int { try cut.generations().last?.step ?? 0 }
            // More epochs than it has time for, so that every signal meets it at work. It gets further each time.
            var arguments = train + ["--epochs", "1000000", "--out", "cut"]
            for number in [SIGKILL, SIGINT, SIGKILL, SIGTERM] {
                let before = try newest()
                let ended = try Program.interrupt(arguments, in: folder, with: number) { try newest() > before }
                if number == SIGKILL {
                    #expect(ended.reason == .uncaughtSignal && ended.code == SIGKILL, "\(ended)")
                } else {
                    #expect(ended.reason == .exit && ended.code == 0, "\(ended)")
                    let step = try newest()
                    #expect(ended.errors.contains("interrupted after step \(step);"), "step \(step): \(ended)")
                }
                arguments = ["resume", "cut", "-q"]
            }
            let epochs = try newest() / Self.digitsEpoch + 2
            let last = try Program.run(["resume", "cut", "--epochs", "\(epochs)"], in: folder)
            #expect(last.code == 0, "\(last.errors)")
            let whole = try Program.run(train + ["--epochs", "\(epochs)", "--out", "whole"], in: folder)
            #expect(whole.code == 0, "\(whole.errors)")
            func state(_ run: String) throws -> [UInt8] {
                let store = CheckpointStore(folder: "\(folder)/\(run)/checkpoints")
                let newest = try #require(try store.generations().last)
                #expect(newest.step == epochs * Self.digitsEpoch)
                return try AtomicFile.read(store.path(of: newest) + "/state.safetensors")
            }
            #expect(try state("whole") == state("cut"))
        }
    }
}
