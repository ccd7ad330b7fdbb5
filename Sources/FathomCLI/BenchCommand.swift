import ArgumentParser
import Fathom
import Foundation

/// `fathom bench`: full training steps and batch-one inference, timed as `Benchmarks/timing.py` times other toolkits.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Time training steps and inference of the benchmark's networks.",
        discussion: """
            Prints one line a workload. With --dump, parameters and data come from the folder that
            `Benchmarks/workloads.py --dump` wrote, so that losses can be compared with other toolkits; without it they are random.

            Examples:
              fathom bench
              fathom bench --workloads T2,T4 --threads 1 --profile
              fathom bench --workloads T1 --dump Benchmarks/dump --json
              fathom bench --workloads T2,T3,T4 --watch 1,16,64

            Exit status 3: none of the workloads is known.
            """)

    @Option(help: "Workloads by key, separated by commas; all by default.") var workloads: String?
    @Option(help: "Threads; by default all processors.") var threads: Int?
    @Option(help: "Timed seconds per workload.") var seconds = 3.0
    @Option(help: "What products round their factors to: float32 or bfloat16.") var precision = Precision.float32
    @Option(help: "Folder with parameters and data.") var dump: String?
    @Option(help: "Time watched steps against bare ones: intervals, separated by commas.") var watch: String?
    @Option(help: "Elements of a value that a watched step looks at; 0 for all.") var sample: Int = ProbeSettings()
        .sample
    @Flag(help: "Print JSON lines.") var json = false
    @Flag(help: "Print the time of every kind of instruction; with --watch, of bare steps and of watched ones.")
    var profile = false
    @Flag(help: "List the plan's instructions and do not run.") var plan = false

    func run() throws {
        let keys = workloads?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        let chosen = Workload.all.filter { keys?.contains($0.key) ?? true }
        if chosen.isEmpty { throw ExitCode(3) }
        if precision != .float32, let row = chosen.first(where: { $0.optimizer == nil }) {
            throw ValidationError("inference is float32, so that --precision does not go with \(row.key)")
        }
        guard seconds > 0, seconds < 3600 else { throw ValidationError("--seconds must be positive") }
        let team = Team(threads: threads)
        if let watch {
            let intervals = watch.split(separator: ",").map { Int($0.trimmingCharacters(in: .whitespaces)) ?? 0 }
            guard !intervals.isEmpty, intervals.allSatisfy({ $0 > 0 }) else {
                throw ValidationError("--watch needs intervals of 1 or more")
            }
            for workload in chosen { try compare(workload, intervals, team) }
            return
        }
        for workload in chosen { try bench(workload, team) }
    }

    /// Prints how much longer a step takes when every so many are watched, and what was seen is read; blocks of bare and
    /// watched steps take turns, so that both meet the same machine.
    private func compare(_ workload: Workload, _ intervals: [Int], _ team: Team) throws {
        guard let optimizer = workload.optimizer else { return }
        let clock = ContinuousClock()
        let data = DataShape(input: workload.input, target: .label)
        let steps = try ([nil] + intervals.map { Optional($0) }).map { interval in
            let step = try TrainStep(
                workload.model, loss: .softmaxCrossEntropy(), optimizer: OptimizerSettings(optimizer), data: data,
                batch: workload.batch, probes: interval.map { ProbeSettings(interval: $0, sample: sample) }, team: team,
                options: Executable.Options(precision: precision))
            try fill(workload, step.storage)
            try feed(workload) { body in _ = step.withInputs(batch: workload.batch, body) }
            return step
        }
        if plan { return print(steps.last?.executable.listing ?? "") }
        func time(_ i: Int, _ count: Int) throws -> Double {
            let start = clock.now
            for _ in 0..<count {
                try steps[i].run(batch: workload.batch, learningRate: optimizer.learningRate)
                if steps[i].probes?.watches(step: steps[i].step) ?? false { _ = steps[i].observation }
            }
            return (clock.now - start) / .microseconds(1) / Double(count)
        }
        for i in steps.indices { _ = try time(i, 20) }
        if profile {
            for step in steps.prefix(2) { try printProfile(workload, step.executable, 400) }
            return
        }
        // Whole numbers of intervals, at least 0.02 s long.
        let least = max(1, Int(20_000 / (try time(0, 20))))
        let longest = intervals.max() ?? 1
        let count = (least + longest - 1) / longest * longest
        var bare: [Double] = []
        var ratios = [[Double]](repeating: [], count: intervals.count)
        let start = clock.now
        while (clock.now - start) / .seconds(1) < seconds || bare.count < 3 {
            // Between two bare blocks, so that a drift of the machine cancels.
            for i in intervals.indices {
                let (before, own, after) = (try time(0, count), try time(i + 1, count), try time(0, count))
                bare += [before, after]
                ratios[i].append(2 * own / (before + after))
            }
        }
        func median(_ x: [Double]) -> Double { x.sorted()[x.count / 2] }
        let values = steps.last?.observation?.keys.count ?? 0
        print(
            String(
                format: "%@  bare %9.2f µs/step, %d values watched, +%d KiB", workload.key, median(bare), values,
                (steps.last?.executable.probeBytes ?? 0) / 1024), terminator: "")
        for (interval, own) in zip(intervals, ratios) {
            print(String(format: "  every %d ×%.3f", interval, median(own)), terminator: "")
        }
        print()
    }

    private func bench(_ workload: Workload, _ team: Team) throws {
        let clock = ContinuousClock()
        let begin = clock.now
        let data = DataShape(input: workload.input, target: .label)
        let step: () throws -> Void
        let value: () -> Float
        let executable: Executable
        // Parameters and data of a dump are read before the first step of other toolkits, too.
        let planned: Duration
        if let optimizer = workload.optimizer {
            let train = try TrainStep(
                workload.model, loss: .softmaxCrossEntropy(), optimizer: OptimizerSettings(optimizer), data: data,
                batch: workload.batch, team: team, options: Executable.Options(precision: precision))
            planned = clock.now - begin
            try fill(workload, train.storage)
            try feed(workload) { body in _ = train.withInputs(batch: workload.batch, body) }
            executable = train.executable
            let rate = optimizer.learningRate
            step = { try train.run(batch: workload.batch, learningRate: rate) }
            value = { executable.scalar("loss") }
        } else {
            let source = try TrainStep(
                workload.model, loss: .softmaxCrossEntropy(), optimizer: OptimizerSettings(SGD()), data: data,
                batch: workload.batch, team: team)
            try fill(workload, source.storage)
            let forward = try InferenceStep(
                workload.model, loss: nil, data: data, batch: workload.batch, storage: source.storage, team: team)
            planned = clock.now - begin
            try feed(workload) { body in _ = forward.withInputs(batch: workload.batch, body) }
            executable = forward.executable
            step = { try executable.run(batch: workload.batch) }
            value = { executable.scalar("prediction") }
        }
        if plan { return print(executable.listing) }
        let ready = clock.now
        try step()
        let first = planned + (clock.now - ready)
        let value0 = value()
        for _ in 0..<10 { try step() }
        let value10 = value()
        // Blocks of about 0.2 s; the median block counts.
        var count = 1
        while true {
            let start = clock.now
            for _ in 0..<count { try step() }
            let took = (clock.now - start) / .seconds(1)
            if took > 0.1 {
                count = max(1, Int(Double(count) * 0.2 / took))
                break
            }
            count *= 2
        }
        if profile { return try printProfile(workload, executable, count) }
        var blocks: [Double] = []
        let start = clock.now
        while (clock.now - start) / .seconds(1) < seconds || blocks.count < 3 {
            let t = clock.now
            for _ in 0..<count { try step() }
            blocks.append((clock.now - t) / .microseconds(1) / Double(count))
        }
        blocks.sort()
        func quantile(_ q: Double) -> Double { blocks[min(blocks.count - 1, Int(q * Double(blocks.count)))] }
        let flops = (0..<executable.instructionCount).reduce(0) {
            $0 + executable.instruction($1, batch: workload.batch).flops
        }
        if json {
            var line: [String: Any] = [
                "workload": workload.key, "us_per_step": quantile(0.5), "us_min": blocks[0], "us_q1": quantile(0.25),
                "us_q3": quantile(0.75), "blocks": blocks.count, "first_step_s": first / .seconds(1),
                "planned_s": planned / .seconds(1),
                "peer": "fathom", "flush_denormals": false,
                "threads_used": executable.threadsUsed,
                "plan_bytes": executable.peakBytes,
            ]
            // JSON has no NaN: a loss that is none is left out.
            if value0.isFinite { line["value0"] = Double(value0) }
            if value10.isFinite { line["value10"] = Double(value10) }
            let text = try JSONSerialization.data(withJSONObject: line, options: [.sortedKeys])
            print(String(decoding: text, as: UTF8.self))
        } else {
            print(
                String(
                    format: "%@  %9.2f µs/step (best block %.2f)  %6.1f GFLOP/s  "
                        + "first step %.1f ms, planned in %.1f  %d thread(s)  %@",
                    workload.key,
                    quantile(0.5), blocks[0], Double(flops) / quantile(0.5) / 1e3, first / .milliseconds(1),
                    planned / .milliseconds(1),
                    executable.threadsUsed,
                    workload.title))
        }
    }

    private func printProfile(_ workload: Workload, _ executable: Executable, _ count: Int) throws {
        var times = [UInt64](repeating: 0, count: executable.instructionCount)
        let runs = max(10, count / 4)
        for _ in 0..<runs { try executable.run(batch: workload.batch, profile: &times) }
        var kinds: [String: (time: Double, count: Int, flops: Int, bytes: Int)] = [:]
        for (i, time) in times.enumerated() {
            let x = executable.instruction(i, batch: workload.batch)
            let key = "\(x.phase) \(x.name)"
            let known = kinds[key] ?? (0, 0, 0, 0)
            kinds[key] = (
                known.time + Double(time) / Double(runs), known.count + 1, known.flops + x.flops, known.bytes + x.bytes
            )
        }
        let one = executable.team.measurePeak()
        let share = Double(executable.threadsUsed) / Double(executable.team.threads)
        let (peakFlops, peakBytes) = (one.flops * share, one.bytes * share)
        print(
            String(
                format: "%@  %d instructions, %d KiB of working memory; peak of %d thread(s): %.0f GFLOP/s, %.0f GB/s",
                workload.key, executable.instructionCount, executable.peakBytes / 1024, executable.threadsUsed,
                peakFlops / 1e9, peakBytes / 1e9))
        for (key, value) in kinds.sorted(by: { $0.value.time > $1.value.time }) {
            let (rate, unit, peak) =
                value.flops > 0
                ? (Double(value.flops) / value.time, "GFLOP/s", peakFlops / 1e9)
                : (Double(value.bytes) / value.time, "GB/s", peakBytes / 1e9)
            print(
                String(format: "%10.2f µs  ×%-4d %6.1f ", value.time / 1e3, value.count, rate)
                    + unit.padding(toLength: 8, withPad: " ", startingAt: 0)
                    + String(format: "%4.0f %% of peak  ", 100 * rate / max(peak, 1e-9)) + key)
        }
    }

    // MARK: Data

    /// An array with its axes in another order.
    private static func permuted(_ x: [Float], _ shape: [Int], _ order: [Int]) -> [Float] {
        var strides = [Int](repeating: 1, count: shape.count)
        for i in shape.indices.reversed().dropFirst() { strides[i] = strides[i + 1] * shape[i + 1] }
        guard x.count == shape.reduce(1, *) else { return x }
        let extents = order.map { shape[$0] }
        let steps = order.map { strides[$0] }
        return (0..<x.count).map { flat in
            var (rest, from) = (flat, 0)
            for i in extents.indices.reversed() {
                from += rest % extents[i] * steps[i]
                rest /= extents[i]
            }
            return x[from]
        }
    }

    private func floats(_ workload: Workload, _ name: String) throws -> [Float] {
        let url = URL(fileURLWithPath: dump ?? "").appendingPathComponent(workload.key).appendingPathComponent(name)
        let data = try Data(contentsOf: url)
        return data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }

    /// The shapes of the dump's arrays.
    private func shapes(_ workload: Workload) throws -> [String: [Int]] {
        struct Entry: Decodable { let name: String, shape: [Int] }
        let folder = URL(fileURLWithPath: dump ?? "").appendingPathComponent(workload.key)
        let list = try JSONDecoder().decode(
            [Entry].self, from: Data(contentsOf: folder.appendingPathComponent("index.json")))
        return Dictionary(list.map { ($0.name, $0.shape) }) { first, _ in first }
    }

    private func fill(_ workload: Workload, _ storage: StateStorage) throws {
        guard dump != nil else { return }
        let shapes = try shapes(workload)
        for (name, path) in workload.paths {
            var values = try floats(workload, name)
            if let shape = shapes[name], shape.count == 4 {
                // [filters, channels, height, width] elsewhere.
                values = Self.permuted(values, shape, [2, 3, 1, 0])
            } else if workload.key == "T6", name == "l0.w" {
                // Rows counted by channels first.
                values = Self.permuted(values, [64, 7, 7, 512], [1, 2, 0, 3])
            }
            guard storage.set(path, values) else {
                throw ValidationError("\(workload.key)/\(name) does not fit '\(path)'")
            }
        }
    }

    private func feed(
        _ workload: Workload,
        _ fill: ((UnsafeMutableBufferPointer<Float>, UnsafeMutableRawBufferPointer) -> Void) -> Void
    ) throws {
        var x: [Float]
        var y: [Int32]
        if dump != nil {
            x = try floats(workload, "x")
            if workload.input.count == 3 {
                // [B, channels, height, width] elsewhere.
                let (height, width, channels) = (workload.input[0], workload.input[1], workload.input[2])
                x = Self.permuted(x, [workload.batch, channels, height, width], [0, 2, 3, 1])
            }
            y = try floats(workload, "y").map { Int32(bitPattern: $0.bitPattern) }
        } else {
            var random = RandomSource(seed: 11, name: "bench")
            x = (0..<workload.batch * workload.input.reduce(1, *)).map { _ in Float(random.uniform() * 3.46 - 1.73) }
            y = (0..<workload.batch).map { _ in Int32(random.uniform() * 10) }
        }
        fill { inputs, targets in
            for i in 0..<min(inputs.count, x.count) { inputs[i] = x[i] }
            y.withUnsafeBytes { labels in
                if targets.count >= labels.count { targets.copyMemory(from: labels) }
            }
        }
    }
}

extension Precision: ExpressibleByArgument {}
