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

    static func inFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("fathom-cli-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }
}

@Suite(.serialized) struct CommandTests {
    static let small = ["train", "--data", "iris", "--model", "dense 16 tanh, dense 3", "--seed", "3"]

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

    @Test func killedAndResumedRunsEndWithTheSameBits() throws {
        try Program.inFolder { folder in
            let long = [
                "train", "--data", "digits", "--model", "dense 48 relu, dropout 0.1, dense 10", "--epochs", "40", "-q",
            ]
            #expect(try Program.run(long + ["--out", "whole"], in: folder).code == 0)
            let (first, _, _) = try Program.start(long + ["--out", "cut"], folder)
            // Killed as soon as it has something to go on from, then interrupted, then killed again.
            let checkpoints = folder + "/cut/checkpoints"
            while ((try? FileManager.default.contentsOfDirectory(atPath: checkpoints)) ?? []).count < 3, first.isRunning
            {
                Thread.sleep(forTimeInterval: 0.005)
            }
            kill(first.processIdentifier, SIGKILL)
            first.waitUntilExit()
            for (number, wait) in [(SIGINT, 0.15), (SIGKILL, 0.12), (SIGTERM, 0.2)] {
                let (process, _, _) = try Program.start(["resume", "cut", "-q"], folder)
                Thread.sleep(forTimeInterval: wait)
                kill(process.processIdentifier, number)
                process.waitUntilExit()
                if number != SIGKILL, process.terminationReason == .exit { #expect(process.terminationStatus == 0) }
            }
            let last = try Program.run(["resume", "cut"], in: folder)
            #expect(last.code == 0, "\(last.errors)")
            func state(_ run: String) throws -> [UInt8] {
                let store = CheckpointStore(folder: "\(folder)/\(run)/checkpoints")
                let newest = try #require(try store.generations().last)
                #expect(newest.step == 40 * 41)
                return try AtomicFile.read(store.path(of: newest) + "/state.safetensors")
            }
            #expect(try state("whole") == state("cut"))
        }
    }
}
