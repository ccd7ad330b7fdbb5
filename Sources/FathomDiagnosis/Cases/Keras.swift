import FathomNN
import FathomTraining
import Foundation

/// Keras' names and defaults in Fathom's words.
enum Keras {
    /// What batches, epochs and the optimiser are where a case does not say: Keras' own, but more than its one epoch.
    static let batch = 32
    static let epochs = 20

    /// A name without capitals, underscores, hyphens and blanks.
    static func key(_ name: String) -> String {
        String(name.lowercased().filter { $0 != "_" && $0 != "-" && $0 != " " })
    }

    /// `normal(0, 0.05)` as a name and the text between the parentheses.
    static func call(_ text: String) -> (name: String, arguments: String) {
        let text = text.filter { $0 != " " }
        guard let open = text.firstIndex(of: "("), text.hasSuffix(")") else { return (key(text), "") }
        return (key(String(text[..<open])), String(text[text.index(after: open)...].dropLast()))
    }

    /// The numbers between commas; `nil` when one is none.
    static func numbers(_ text: String) -> [Double]? {
        if text.isEmpty { return [] }
        var numbers: [Double] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            // `stddev=0.05` as well as `0.05`.
            let word = part.split(separator: "=").last.map(String.init) ?? ""
            guard let number = CaseFormula.number(word) else { return nil }
            numbers.append(number)
        }
        return numbers
    }

    // MARK: Activations

    /// Keras' name → ours, where they differ; those with a remark differ in their numbers.
    private static let activations: [String: (text: String, note: String?)] = [
        "swish": ("silu", nil), "leakyrelu": ("leakyRelu(slope=0.2)", nil), "logsoftmax": ("logSoftmax", nil),
        "hardsigmoid": ("hardSigmoid", "hard_sigmoid has slope 1/6 as in Keras 3, not 0.2"),
        "exp": ("exponential", nil), "hardsilu": ("hardSwish", nil),
    ]

    /// The activation as text; `.some(nil)` for none, `nil` when it is not known.
    static func activation(_ name: String, _ notes: inout CaseNotes) -> String?? {
        let (key, arguments) = call(name)
        if ["linear", "none", "identity", ""].contains(key) { return .some(nil) }
        if let known = activations[key], arguments.isEmpty {
            if let note = known.note { notes.note(note) }
            return known.text
        }
        let text = arguments.isEmpty ? name : "\(key)(\(arguments))"
        return (try? Activation.parsed(text).description).map { .some($0) } ?? nil
    }

    // MARK: Initialisers

    /// Rules without numbers, as Keras draws them: the normal ones are cut off at two standard deviations.
    private static let initializers = [
        "glorotuniform": "xavier", "xavieruniform": "xavier", "glorotnormal": "xavierTruncated",
        "xaviernormal": "xavierTruncated", "heuniform": "he", "kaiminguniform": "he", "henormal": "heTruncated",
        "kaimingnormal": "heTruncated", "lecununiform": "lecun", "lecunnormal": "lecunTruncated", "zeros": "zeros",
        "zero": "zeros", "ones": "ones", "one": "ones", "orthogonal": "orthogonal", "identity": "identity",
        "uniform": "uniform(-0.05, 0.05)", "randomuniform": "uniform(-0.05, 0.05)", "normal": "normal(0, 0.05)",
        "randomnormal": "normal(0, 0.05)", "truncatednormal": "truncatedNormal(0, 0.05)",
        "variancescaling": "lecunTruncated",
    ]

    /// Bounds and deviations that depend on the fan-in.
    private static let scaled = [
        "uniform(+-1/sqrt(fan_in))": "uniformByFan(1)", "uniform(+-sqrt(1/fan_in))": "uniformByFan(1)",
        "uniform(+-sqrt(6/fan_in))": "he", "uniform(+-sqrt(3/fan_in))": "lecun",
        "uniform(+-sqrt(6/(fan_in+fan_out)))": "xavier", "normal(0,sqrt(2/fan_in))": "heNormal",
        "normal(0,1/sqrt(fan_in))": "lecunNormal", "normal(0,sqrt(1/fan_in))": "lecunNormal",
        "normal(0,sqrt(2/(fan_in+fan_out)))": "xavierNormal",
    ]

    /// The initialiser as text; `nil` when it is not known.
    static func initializer(_ name: String) -> String? {
        let plain = name.filter { $0 != " " }
        if let text = scaled[plain] { return text }
        let (key, arguments) = call(plain)
        if arguments.isEmpty { return initializers[key] }
        if arguments.hasPrefix("+-"), let bound = CaseFormula.number(String(arguments.dropFirst(2))) {
            return key.hasSuffix("uniform") ? "uniform(\(-bound), \(bound))" : nil
        }
        guard let numbers = numbers(arguments) else { return nil }
        switch (key, numbers.count) {
        case ("constant", 1): return "constant(\(numbers[0]))"
        case ("uniform", 2), ("randomuniform", 2): return "uniform(\(numbers[0]), \(numbers[1]))"
        case ("uniform", 1), ("randomuniform", 1): return "uniform(\(-numbers[0]), \(numbers[0]))"
        case ("normal", 2), ("randomnormal", 2): return "normal(\(numbers[0]), \(numbers[1]))"
        case ("normal", 1), ("randomnormal", 1): return "normal(0, \(numbers[0]))"
        case ("truncatednormal", 2): return "truncatedNormal(\(numbers[0]), \(numbers[1]))"
        case ("truncatednormal", 1): return "truncatedNormal(0, \(numbers[0]))"
        case ("orthogonal", 1): return "orthogonal(\(numbers[0]))"
        case ("identity", 1): return "identity(\(numbers[0]))"
        default: return nil
        }
    }

    // MARK: Losses

    /// Keras keeps probabilities this far from 0 and 1.
    private static let clip = OptionValue.number(1e-7)
    private static let categorical: [String: OptionValue] = ["clip": clip, "normalized": true]

    /// Keras' name → a row of our table with its options.
    private static let losses: [String: (name: String, options: [String: OptionValue])] = [
        "binarycrossentropy": ("binaryCrossEntropy", ["clip": clip, "oneHot": true]),
        "bce": ("binaryCrossEntropy", ["clip": clip, "oneHot": true]),
        "categoricalcrossentropy": ("categoricalCrossEntropy", categorical),
        "sparsecategoricalcrossentropy": ("categoricalCrossEntropy", categorical),
        "crossentropy": ("categoricalCrossEntropy", categorical),
        "crossentropyclipped": ("categoricalCrossEntropy", ["clip": clip]),
        "kld": ("categoricalCrossEntropy", ["clip": clip]),
        "kullbackleiblerdivergence": ("categoricalCrossEntropy", ["clip": clip]),
        "kldivergence": ("categoricalCrossEntropy", ["clip": clip]),
        "meansquarederror": ("meanSquaredError", ["oneHot": true]), "mse": ("meanSquaredError", ["oneHot": true]),
        "meanabsoluteerror": ("meanAbsoluteError", ["oneHot": true]), "mae": ("meanAbsoluteError", ["oneHot": true]),
        "meanabsolutepercentageerror": ("meanAbsolutePercentageError", ["oneHot": true]),
        "mape": ("meanAbsolutePercentageError", ["oneHot": true]),
        "meansquaredlogarithmicerror": ("meanSquaredLogarithmicError", ["oneHot": true]),
        "msle": ("meanSquaredLogarithmicError", ["oneHot": true]), "huber": ("huber", ["oneHot": true]),
        "huberloss": ("huber", ["oneHot": true]), "logcosh": ("logCosh", ["oneHot": true]),
        "poisson": ("poisson", ["oneHot": true]), "hinge": ("hinge", ["oneHot": true]),
        "squaredhinge": ("hinge", ["oneHot": true, "squared": true]),
    ]

    static func loss(_ name: String) -> RunConfiguration.Choice? {
        losses[key(name)].map { RunConfiguration.Choice($0.name, $0.options) }
    }

    // MARK: Optimisers

    private struct OptimizerRow {
        let name: String
        /// Keras' learning rate where a case gives none.
        let rate: Double
        var options: [String: OptionValue] = [:]
        /// Keras' option → ours.
        var keys: [String: String] = [:]
    }

    private static let optimizers: [String: OptimizerRow] = [
        "sgd": OptimizerRow(name: "sgd", rate: 0.01, keys: ["momentum": "momentum", "nesterov": "nesterov"]),
        "adam": OptimizerRow(
            name: "adam", rate: 1e-3, options: ["epsilon": 1e-7],
            keys: ["beta1": "beta1", "beta2": "beta2", "amsgrad": "amsgrad", "eps": "epsilon", "epsilon": "epsilon"]),
        "adamw": OptimizerRow(
            name: "adamW", rate: 1e-3, options: ["epsilon": 1e-7, "weightDecay": 0.004],
            keys: [
                "beta1": "beta1", "beta2": "beta2", "eps": "epsilon", "epsilon": "epsilon",
                "weightdecay": "weightDecay",
            ]),
        "rmsprop": OptimizerRow(
            name: "rmsprop", rate: 1e-3, options: ["alpha": 0.9, "epsilon": 1e-7],
            keys: [
                "rho": "alpha", "momentum": "momentum", "centered": "centered", "eps": "epsilon", "epsilon": "epsilon",
            ]),
        "adagrad": OptimizerRow(
            name: "adagrad", rate: 1e-3, options: ["initialAccumulator": 0.1, "epsilon": 1e-7],
            keys: ["initialaccumulatorvalue": "initialAccumulator", "eps": "epsilon", "epsilon": "epsilon"]),
        "adadelta": OptimizerRow(
            name: "adadelta", rate: 1e-3, options: ["rho": 0.95, "epsilon": 1e-7],
            keys: ["rho": "rho", "eps": "epsilon", "epsilon": "epsilon"]),
        "adamax": OptimizerRow(
            name: "adamax", rate: 1e-3, options: ["epsilon": 1e-7],
            keys: ["beta1": "beta1", "beta2": "beta2", "eps": "epsilon", "epsilon": "epsilon"]),
        "nadam": OptimizerRow(
            name: "nadam", rate: 1e-3, options: ["epsilon": 1e-7],
            keys: [
                "beta1": "beta1", "beta2": "beta2", "eps": "epsilon", "epsilon": "epsilon",
                "scheduledecay": "momentumDecay",
            ]),
    ]

    /// Sets optimiser, clipping and schedule; what is not known is named in the notes.
    static func optimize(
        _ part: LabelledCase.Part?, _ configuration: inout RunConfiguration, _ notes: inout CaseNotes
    ) {
        if part == nil { notes.note("no optimiser is given: RMSprop, the default of Keras") }
        let part = part ?? LabelledCase.Part(name: "rmsprop", options: [:])
        guard let row = optimizers[key(part.name)] else { return notes.lack("optimiser \(part.name)") }
        var options = row.options
        options["learningRate"] = .number(row.rate)
        var optimization = RunConfiguration.Optimization()
        for (name, value) in part.options.sorted(by: { $0.key < $1.key }) {
            let key = key(name)
            switch (key, value) {
            case ("lr", .number(let rate)), ("learningrate", .number(let rate)):
                options["learningRate"] = .number(abs(rate))
                if rate < 0 {
                    optimization.maximize = true
                    notes.note("the negative learning rate runs as ascent")
                }
            case ("decay", .number(let decay)) where decay >= 0:
                if decay > 0 { configuration.schedule = .init("inverseTime", ["decay": .number(decay)]) }
            case ("clipnorm", .number(let bound)) where bound > 0: optimization.clipping = .globalNorm(bound)
            case ("globalclipnorm", .number(let bound)) where bound > 0: optimization.clipping = .globalNorm(bound)
            case ("clipvalue", .number(let bound)) where bound > 0: optimization.clipping = .value(bound)
            case (_, .number(let number)):
                if let own = row.keys[key] { options[own] = .number(number) } else if number != 0 { unknown() }
            case (_, .flag(let flag)):
                if let own = row.keys[key] { options[own] = .flag(flag) } else if flag { unknown() }
            default: unknown()
            }
            func unknown() { notes.lack("option \(name) of the optimiser \(part.name)") }
        }
        // Keras takes Nesterov's form without a momentum for plain descent.
        if (options["momentum"] ?? 0) == 0 { options["nesterov"] = nil }
        optimization.optimizer = RunConfiguration.Choice(row.name, options)
        do { _ = try OptimizerTable.named(row.name, options) } catch {
            notes.lack("optimiser \(part.name): \(error.message)")
        }
        configuration.optimization = optimization
    }
}
