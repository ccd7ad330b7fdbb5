import ArgumentParser
import Fathom
import FathomLab
import Foundation

/// `fathom activations`: the built-in activation functions and what theory says of each.
struct ActivationsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "activations", abstract: "List activation functions with their facts, or plot them.",
        discussion: """
            Facts are computed from each formula: the gains are the factors on weights of variance 1/fan-in that keep the
            scale of values (forward) and of gradients (backward). The layer prelu, which learns its slope, starts as
            'leakyRelu(0.25)'; maxout is no function of one number and has no facts.

            Examples:
              fathom activations
              fathom activations gelu
              fathom activations 'leakyRelu(0.2)' --plot leaky.svg
              fathom activations --plot curves        one SVG each into the folder curves

            Exit codes: 0 done, 2 no activation of that name; the nearest one is named.
            """)

    @Argument(help: "One activation, with parameters if need be: gelu, 'leakyRelu(0.2)'.") var name: String?
    @Option(help: "Write curves of the function and its slope: a file ending in .svg for one, a folder for all.")
    var plot: String?
    @Flag(help: "Print JSON.") var json = false

    private struct Entry: Encodable {
        var name: String
        var formula: String
        var facts: Facts?
    }

    /// What of ``ActivationFacts`` is printed; `nil` stands for infinity.
    private struct Facts: Encodable {
        var minimum, maximum: Double?
        var mean: Double
        var isZeroCentred, isMonotone, saturatesLeft, saturatesRight: Bool
        var maxSlope: Double?
        var maxSlopeInput: Double?
        var forwardGain, backwardGain: Double?
        var criticalWeightVariance: Double?
    }

    func run() throws {
        let chosen: [(activation: Activation, entry: Activation.Entry)]
        if let name {
            let activation = try Activation.parsed(name)
            guard let entry = Activation.entry(named: activation.name) else { throw ExitCode.failure }
            chosen = [(activation, entry)]
        } else {
            chosen = Activation.all.map { ($0.make(), $0) }
        }
        let facts = try chosen.map { try $0.activation.isElementwise ? ActivationFacts($0.activation) : nil }
        if let plot { try write(chosen.map(\.activation), plot) }
        if json {
            let entries = try zip(chosen, facts).map { pair, facts in
                Entry(
                    name: "\(pair.activation)", formula: pair.entry.formula,
                    facts: try facts.map { try Self.brief($0, name == nil ? nil : pair.activation) })
            }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(entries), as: UTF8.self))
        } else if name != nil, let (activation, entry) = chosen.first {
            try describe(activation, entry, facts[0])
        } else if plot == nil {
            table(chosen.map(\.activation), facts)
        }
    }

    private static func finite(_ x: Double) -> Double? { x.isFinite ? x : nil }

    private static func brief(_ f: ActivationFacts, _ activation: Activation?) throws -> Facts {
        Facts(
            minimum: finite(f.range.lowerBound), maximum: finite(f.range.upperBound), mean: f.mean,
            isZeroCentred: f.isZeroCentred,
            isMonotone: f.isMonotone, saturatesLeft: f.saturatesLeft, saturatesRight: f.saturatesRight,
            maxSlope: finite(f.maxSlope), maxSlopeInput: f.maxSlopeInput, forwardGain: finite(f.forwardGain),
            backwardGain: finite(f.backwardGain),
            criticalWeightVariance: activation.flatMap { try? SignalPropagation($0).critical().weightVariance })
    }

    private static func number(_ x: Double) -> String {
        if x.isInfinite { return x < 0 ? "−∞" : "∞" }
        if x.isNaN { return "—" }
        return String(format: abs(x) < 1e5 && (x == 0 || abs(x) >= 1e-3) ? "%.4g" : "%.1e", x).replacingOccurrences(
            of: "-", with: "−")
    }

    private static func range(_ f: ActivationFacts) -> String {
        "\(number(f.range.lowerBound)) … \(number(f.range.upperBound))"
    }

    private static func saturates(_ f: ActivationFacts) -> String {
        switch (f.saturatesLeft, f.saturatesRight) {
        case (true, true): "both"
        case (true, false): "left"
        case (false, true): "right"
        case (false, false): ""
        }
    }

    private func table(_ activations: [Activation], _ facts: [ActivationFacts?]) {
        let head = [
            "name", "range", "zero-centred", "monotone", "saturates", "max φ′", "forward gain", "backward gain",
        ]
        let rows = zip(activations, facts).map { activation, f in
            guard let f else { return [activation.name, "mixes the features of a row"] }
            return [
                activation.name, Self.range(f), f.isZeroCentred ? "yes" : "", f.isMonotone ? "yes" : "",
                Self.saturates(f),
                Self.number(f.maxSlope), Self.number(f.forwardGain), Self.number(f.backwardGain),
            ]
        }
        for line in TextTable.lines([head] + rows, rightAligned: [5, 6, 7]) { print(line) }
    }

    private func describe(_ activation: Activation, _ entry: Activation.Entry, _ facts: ActivationFacts?) throws {
        print("\(activation)    φ(x) = \(entry.formula)")
        if !entry.aliases.isEmpty { print("also known as     \(entry.aliases.joined(separator: ", "))") }
        for p in entry.parameters {
            print(
                "parameter         \(p.name) = \(Self.number(activation.parameters[p.name] ?? p.defaultValue)): \(p.meaning)"
            )
        }
        guard let f = facts else {
            print("mixes the features of a row, so it has no curve and no gains")
            return
        }
        let at = f.maxSlopeInput.map { " at x = \(Self.number($0))" } ?? ""
        print("range             \(Self.range(f))")
        print("mean at N(0, 1)   \(Self.number(f.mean))\(f.isZeroCentred ? ", zero-centred" : "")")
        print("monotone          \(f.isMonotone ? "yes" : "no")")
        print("saturates         \(Self.saturates(f).isEmpty ? "nowhere" : Self.saturates(f))")
        print("steepest          \(Self.number(f.maxSlope))\(at)")
        print("gains             forward \(Self.number(f.forwardGain)), backward \(Self.number(f.backwardGain))")
        let critical = try? SignalPropagation(activation).critical()
        if let c = critical {
            print(
                "critical weights  variance \(Self.number(c.weightVariance)) / fan-in, bias variance \(Self.number(c.biasVariance)): χ = 1"
            )
        }
        print(
            "initialiser       \(Initializer.automatic.resolved(for: activation).name) is what `automatic` takes before it"
        )
        print("\nAdvice")
        for line in Self.advice(f, hasCritical: critical != nil) { print("  - \(line)") }
    }

    /// What the facts mean for who uses the function.
    private static func advice(_ f: ActivationFacts, hasCritical: Bool) -> [String] {
        var lines: [String] = []
        if !hasCritical || f.maxSlope == 0 {
            lines.append("Its slope is 0 almost everywhere: gradient descent learns nothing through it.")
        } else if f.maxSlope < 0.5 {
            lines.append(
                "Even at its steepest it passes \(number(f.maxSlope)) of a gradient: in stacks of layers use it only with normalisation or shortcuts."
            )
        }
        if f.saturatesLeft, f.saturatesRight {
            lines.append(
                "Flat on both sides: large sums stop learning; keep them small by initialisation or normalisation.")
        } else if f.saturatesLeft, f.range.lowerBound == 0, f.kinks.contains(0) {
            lines.append("Slope exactly 0 for negative sums: units can die; watch them, or take a leaky variant.")
        }
        if !f.isZeroCentred, f.range.lowerBound >= 0 {
            lines.append("All outputs are positive: the next layer's gradients share a sign; normalisation helps.")
        }
        if f.maxSlope.isInfinite { lines.append("Its slope grows without bound: clip gradients.") }
        if !f.isMonotone { lines.append("Not monotone: two sums can give one output.") }
        if lines.isEmpty { lines.append("Nothing speaks against it in deep networks.") }
        return lines
    }

    // MARK: Plots

    private func write(_ activations: [Activation], _ path: String) throws {
        let elementwise = activations.filter(\.isElementwise)
        if path.hasSuffix(".svg") {
            guard elementwise.count == 1, let one = elementwise.first else {
                throw UsageError("a file holds one activation: name an elementwise one, or give a folder")
            }
            try Data(Self.figure(one).utf8).write(to: URL(filePath: path))
        } else {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            for activation in elementwise {
                try Data(Self.figure(activation).utf8).write(
                    to: URL(filePath: path).appending(path: "\(activation.name).svg"))
            }
        }
        let what = path.hasSuffix(".svg") ? "1 curve" : "\(elementwise.count) curves"
        FileHandle.standardError.write(Data("wrote \(what) to \(path)\n".utf8))
    }

    private static func figure(_ activation: Activation) throws -> String {
        let curve = try ActivationCurve(activation)
        let facts = try ActivationFacts(curve)
        let reach = 5.0
        var xs = stride(from: -reach, through: reach, by: 0.02).map { $0 }
        // Both sides of every kink, so that a jump is drawn as one.
        for kink in curve.kinks where abs(kink) < reach { xs += [kink - 1e-9, kink + 1e-9] }
        xs.sort()
        let at = try curve(xs)
        let visible = at.values.filter { abs($0) <= 6 } + at.slopes.filter { abs($0) <= 6 }
        let (low, high) = (min(visible.min() ?? -1, -0.25), max(visible.max() ?? 1, 1))
        var chart = Chart(
            "max φ′ \(number(facts.maxSlope)) · gain forward \(number(facts.forwardGain)), backward \(number(facts.backwardGain))",
            x: .init("x"), y: .init(in: (low - 0.05 * (high - low))...(high + 0.05 * (high - low))))
        chart.line("φ(x)", x: xs, y: at.values)
        chart.line("φ′(x)", x: xs, y: at.slopes, isDashed: true)
        return Chart.document([chart], title: "\(activation)")
    }
}
