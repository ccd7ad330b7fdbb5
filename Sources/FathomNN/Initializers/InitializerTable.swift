extension Initializer {
    /// One row of the table of rules that configurations can name.
    public struct Entry: Sendable {
        /// The name in configurations.
        public let name: String
        /// The numbers it takes, with their defaults; `nil` where one must be given.
        public let parameters: [(name: String, defaultValue: Double?)]
        /// Whether it takes a ``Fan`` instead of numbers.
        public let takesFan: Bool
        /// What it draws, in a few words.
        public let meaning: String
        let make: @Sendable ([Double], Fan?) -> Initializer

        init(
            _ name: String, _ meaning: String, _ parameters: [(String, Double?)] = [], fan: Bool = false,
            _ make: @escaping @Sendable ([Double], Fan?) -> Initializer
        ) {
            self.name = name
            self.meaning = meaning
            self.parameters = parameters.map { (name: $0.0, defaultValue: $0.1) }
            takesFan = fan
            self.make = make
        }
    }

    /// Every rule that takes numbers or a fan; `critical`, which takes an activation, is known to ``named(_:)`` beside them.
    public static let all: [Entry] = [
        Entry("automatic", "chosen by the activation that follows") { _, _ in .automatic },
        Entry("zeros", "0") { _, _ in .zeros },
        Entry("ones", "1") { _, _ in .ones },
        Entry("constant", "one number", [("value", nil)]) { p, _ in .constant(p[0]) },
        Entry("uniform", "evenly between two numbers", [("low", -0.05), ("high", 0.05)]) { p, _ in .uniform(p[0], p[1])
        },
        Entry("normal", "normal", [("mean", 0), ("standardDeviation", 1)]) { p, _ in
            .normal(mean: p[0], standardDeviation: p[1])
        },
        Entry("truncatedNormal", "normal within two standard deviations", [("mean", 0), ("standardDeviation", 1)]) {
            p, _ in
            .truncatedNormal(mean: p[0], standardDeviation: p[1])
        },
        Entry("xavier", "uniform, variance 1 / mean fan", fan: true) { _, fan in .xavier(fan ?? .average) },
        Entry("xavierNormal", "normal, variance 1 / mean fan", fan: true) { _, fan in .xavierNormal(fan ?? .average) },
        Entry("he", "uniform, variance 2 / fan-in", fan: true) { _, fan in .he(fan ?? .inputs) },
        Entry("heNormal", "normal, variance 2 / fan-in", fan: true) { _, fan in .heNormal(fan ?? .inputs) },
        Entry("lecun", "uniform, variance 1 / fan-in", fan: true) { _, fan in .lecun(fan ?? .inputs) },
        Entry("lecunNormal", "normal, variance 1 / fan-in", fan: true) { _, fan in .lecunNormal(fan ?? .inputs) },
        Entry("xavierTruncated", "xavierNormal within two standard deviations", fan: true) { _, fan in
            .xavierTruncated(fan ?? .average)
        },
        Entry("heTruncated", "heNormal within two standard deviations", fan: true) { _, fan in
            .heTruncated(fan ?? .inputs)
        },
        Entry("lecunTruncated", "lecunNormal within two standard deviations", fan: true) { _, fan in
            .lecunTruncated(fan ?? .inputs)
        },
        Entry("uniformByFan", "uniform within ± bound / √fan-in", [("bound", 1)]) { p, _ in
            .uniformByFan(bound: p[0])
        },
        Entry("orthogonal", "orthonormal rows or columns", [("gain", 1)]) { p, _ in .orthogonal(gain: p[0]) },
        Entry("lsuv", "orthogonal, then scaled on rows of data until sums have variance 1") { _, _ in .lsuv },
        Entry("identity", "passes the input on", [("gain", 1)]) { p, _ in .identity(gain: p[0]) },
    ]

    /// The rule written as ``name``: `he`, `he(outputs)`, `normal(0.01)`, `uniform(-0.1, 0.1)`, `critical(gelu)`.
    ///
    /// A single number of `normal` and `truncatedNormal` is the standard deviation.
    ///
    /// - Throws: ``ConfigError`` for an unknown rule or numbers that do not fit it.
    public static func named(_ text: String) throws(ConfigError) -> Initializer {
        let call = try TextCall(text)
        if spelling(call.name) == "critical" {
            guard let first = call.arguments.first else {
                throw ConfigError(key: text, message: "critical needs an activation, as in critical(gelu)")
            }
            let activation = try Activation.parsed(first.value)
            guard activation.isElementwise, call.arguments.count <= 2 else {
                throw ConfigError(key: text, message: "critical takes a function of one element and a bias variance")
            }
            let bias = call.arguments.count == 2 ? try call.number(1) : 0
            return critical(for: activation, biasVariance: bias)
        }
        guard let entry = all.first(where: { spelling($0.name) == spelling(call.name) }) else {
            throw ConfigError.unknown("initialiser", call.name, allowed: all.map(\.name) + ["critical(activation)"])
        }
        if entry.takesFan {
            guard let word = call.arguments.first?.value else { return entry.make([], nil) }
            guard call.arguments.count == 1, let fan = Fan(rawValue: word) else {
                throw ConfigError.unknown("fan of \(entry.name)", word, allowed: Fan.allCases.map(\.rawValue))
            }
            return entry.make([], fan)
        }
        var values = entry.parameters.map(\.defaultValue)
        // `normal(0.01)` means the deviation, which is never left out.
        let shift =
            call.arguments.count == 1 && values.count == 2 && entry.parameters[1].name == "standardDeviation" ? 1 : 0
        for (i, argument) in call.arguments.enumerated() {
            let place: Int
            if let name = argument.name {
                guard let found = entry.parameters.firstIndex(where: { spelling($0.name) == spelling(name) }) else {
                    throw ConfigError.unknown("parameter of \(entry.name)", name, allowed: entry.parameters.map(\.name))
                }
                place = found
            } else {
                place = i + shift
            }
            guard place < values.count else {
                throw ConfigError(
                    key: text, message: "\(entry.name) takes at most \(values.count) numbers",
                    allowed: entry.parameters.map(\.name))
            }
            values[place] = try call.number(i)
        }
        var numbers: [Double] = []
        for (parameter, value) in zip(entry.parameters, values) {
            guard let value else {
                throw ConfigError(
                    key: text, message: "\(entry.name) needs '\(parameter.name)', as in \(entry.name)(0.1)",
                    allowed: entry.parameters.map(\.name))
            }
            numbers.append(value)
        }
        return entry.make(numbers, nil)
    }
}
