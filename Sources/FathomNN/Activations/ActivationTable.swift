import FathomGraph

extension Activation {
    /// One row of the table of built-in activations.
    public struct Entry: Sendable {
        /// A number that shapes the function.
        public struct Parameter: Sendable, Hashable {
            /// The key in configurations and in ``Activation/parameters``, such as `slope`.
            public let name: String
            /// The value where none is given; an activation that has it does not name it.
            public let defaultValue: Double
            /// Its part in the formula, in a few words.
            public let meaning: String
        }
        /// The name in configurations.
        public let name: String
        /// Other names it is known by.
        public let aliases: [String]
        /// The function in a few symbols.
        public let formula: String
        /// The numbers it takes; empty for a function of fixed shape.
        public let parameters: [Parameter]
        /// See ``Activation/isElementwise``.
        public let isElementwise: Bool
        let function: @Sendable (Tensor, [Double]) -> Tensor

        init(
            _ name: String, _ aliases: [String] = [], _ formula: String, _ parameters: [(String, Double, String)] = [],
            isElementwise: Bool = true, _ function: @escaping @Sendable (Tensor, [Double]) -> Tensor
        ) {
            self.name = name
            self.aliases = aliases
            self.formula = formula
            self.parameters = parameters.map { Parameter(name: $0.0, defaultValue: $0.1, meaning: $0.2) }
            self.isElementwise = isElementwise
            self.function = function
        }

        /// The activation with these parameters, defaults where none is given; unknown names are ignored.
        public func make(_ given: [String: Double] = [:]) -> Activation {
            let values = parameters.map { given[$0.name] ?? $0.defaultValue }
            // Only what differs from the defaults is named: `relu`, but `leakyRelu(slope=0.2)`.
            var chosen: [String: Double] = [:]
            for (parameter, value) in zip(parameters, values) where value != parameter.defaultValue {
                chosen[parameter.name] = value
            }
            return Activation(name, parameters: chosen, isElementwise: isElementwise) { [function] in
                function($0, values)
            }
        }
    }

    /// Every built-in activation: what configurations, the list on the command line and the tests go through.
    public static let all: [Entry] = [
        Entry("identity", ["linear", "none"], "x") { x, _ in x },
        Entry(
            "step", ["heaviside"], "1 if x ≥ 0 else 0",
            [
                (
                    "straightThrough", 0,
                    "width within which the gradient passes unchanged; 0: the true derivative, 0 everywhere"
                )
            ]
        ) { x, p in FathomNN.step(x, straightThrough: p[0] > 0 ? p[0] : nil) },
        Entry("sigmoid", ["logistic"], "1 / (1 + e^(−a x))", [("slope", 1, "a, the steepness")]) { x, p in
            FathomNN.sigmoid(p[0] == 1 ? x : x * p[0])
        },
        Entry("tanh", [], "tanh x") { x, _ in FathomNN.tanh(x) },
        Entry("relu", ["rectifier"], "max(x, 0)") { x, _ in FathomNN.relu(x) },
        Entry("leakyRelu", ["lrelu"], "x if x > 0 else a x", [("slope", 0.01, "a, the slope for negative x")]) { x, p in
            FathomNN.leakyRelu(x, slope: p[0])
        },
        Entry(
            "rrelu", ["randomizedRelu"], "x if x > 0 else a x, a random in training",
            [("low", 1.0 / 8, "smallest slope"), ("high", 1.0 / 3, "largest slope")]
        ) { x, p in FathomNN.rrelu(x, low: p[0], high: p[1]) },
        Entry("relu6", [], "min(max(x, 0), 6)") { x, _ in FathomNN.relu6(x) },
        Entry("elu", [], "x if x > 0 else α (e^x − 1)", [("alpha", 1, "α")]) { x, p in FathomNN.elu(x, alpha: p[0]) },
        Entry("selu", [], "1.0507 · (x if x > 0 else 1.6733 (e^x − 1))") { x, _ in FathomNN.selu(x) },
        Entry("celu", [], "x if x > 0 else α (e^(x/α) − 1)", [("alpha", 1, "α")]) { x, p in
            FathomNN.celu(x, alpha: p[0])
        },
        Entry("gelu", [], "x Φ(x)") { x, _ in FathomNN.gelu(x) },
        Entry("geluTanh", ["geluApproximate"], "x/2 · (1 + tanh(0.79788 (x + 0.044715 x³)))") { x, _ in
            FathomNN.geluTanh(x)
        },
        Entry("silu", ["swish"], "x σ(β x)", [("beta", 1, "β")]) { x, p in FathomNN.silu(x, beta: p[0]) },
        Entry("mish", [], "x tanh(ln(1 + e^x))") { x, _ in FathomNN.mish(x) },
        Entry("softplus", [], "ln(1 + e^(β x)) / β", [("beta", 1, "β, the sharpness")]) { x, p in
            p[0] == 1 ? FathomNN.softplus(x) : FathomNN.softplus(x * p[0]) / p[0]
        },
        Entry("softsign", [], "x / (1 + |x|)") { x, _ in FathomNN.softsign(x) },
        Entry("hardSigmoid", [], "clamp(x + 3, 0, 6) / 6") { x, _ in FathomNN.hardSigmoid(x) },
        Entry("hardTanh", [], "clamp(x, −1, 1)") { x, _ in FathomNN.hardTanh(x) },
        Entry("hardSwish", ["hardSilu"], "x clamp(x + 3, 0, 6) / 6") { x, _ in FathomNN.hardSwish(x) },
        Entry(
            "scaledTanh", ["lecunTanh"], "a tanh(b x)",
            [("scale", 1.7159, "a, the largest value"), ("slope", 2.0 / 3, "b, the steepness")]
        ) { x, p in FathomNN.scaledTanh(x, scale: p[0], slope: p[1]) },
        Entry("exponential", ["exp"], "e^x") { x, _ in FathomNN.exp(x) },
        Entry("sine", ["sin"], "sin(ω x)", [("frequency", 1, "ω")]) { x, p in FathomNN.sin(p[0] == 1 ? x : x * p[0]) },
        Entry("gaussian", [], "e^(−x²)") { x, _ in FathomNN.gaussian(x) },
        Entry("logSigmoid", [], "ln σ(x)") { x, _ in FathomNN.logSigmoid(x) },
        Entry(
            "threshold", [], "x if x > θ else v", [("at", 0, "θ"), ("value", 0, "v, the value below")]
        ) { x, p in FathomNN.threshold(x, at: p[0], value: p[1]) },
        Entry("softShrink", [], "x − clamp(x, −λ, λ)", [("amount", 0.5, "λ")]) { x, p in
            FathomNN.softShrink(x, amount: p[0])
        },
        Entry("hardShrink", [], "x if |x| > λ else 0", [("amount", 0.5, "λ")]) { x, p in
            FathomNN.hardShrink(x, amount: p[0])
        },
        Entry("tanhShrink", [], "x − tanh x") { x, _ in FathomNN.tanhShrink(x) },
        Entry("glu", [], "a σ(b), x in halves a, b", isElementwise: false) { x, _ in gated(x) { FathomNN.sigmoid($0) }
        },
        Entry("geglu", [], "a gelu(b), x in halves a, b", isElementwise: false) { x, _ in gated(x) { FathomNN.gelu($0) }
        },
        Entry("swiglu", [], "a silu(b), x in halves a, b", isElementwise: false) { x, _ in
            gated(x) { FathomNN.silu($0) }
        },
        Entry("crelu", ["concatenatedRelu"], "(max(x, 0), max(−x, 0))", isElementwise: false) { x, _ in
            FathomNN.crelu(x)
        },
        Entry(
            "softmax", [], "e^x / Σ e^x", [("axis", -1, "the axis of the sum; 0 is the batch")], isElementwise: false
        ) { x, p in FathomNN.softmax(x, axis: Int(exactly: p[0].rounded()) ?? x.rank) },
        Entry("logSoftmax", [], "x − ln Σ e^x", isElementwise: false) { x, _ in FathomNN.logSoftmax(x) },
        Entry("sparsemax", [], "the nearest point of the simplex", isElementwise: false) { x, _ in FathomNN.sparsemax(x)
        },
    ]

    /// The table's row of that name or alias, whatever its capitals, hyphens and underscores; `nil` when there is none.
    public static func entry(named name: String) -> Entry? {
        let key = spelling(name)
        return all.first { spelling($0.name) == key || $0.aliases.contains { spelling($0) == key } }
    }

    /// A built-in activation by name.
    ///
    /// - Throws: ``ConfigError`` for an unknown name or parameter, with the nearest spelling.
    public static func named(_ name: String, parameters: [String: Double] = [:]) throws(ConfigError) -> Activation {
        guard let entry = entry(named: name) else {
            throw ConfigError.unknown("activation", name, allowed: all.map(\.name))
        }
        for key in parameters.keys.sorted() where !entry.parameters.contains(where: { $0.name == key }) {
            throw ConfigError.unknown("parameter of \(entry.name)", key, allowed: entry.parameters.map(\.name))
        }
        return entry.make(parameters)
    }

    /// A row that is known to exist; the identity would stand in for a name missing from the table.
    static func builtIn(_ name: String, _ parameters: [String: Double] = [:]) -> Activation {
        entry(named: name)?.make(parameters) ?? Activation("identity") { $0 }
    }
}

extension Activation {
    /// x, unchanged.
    public static let identity = builtIn("identity")
    /// ``relu(_:)``: max(x, 0).
    public static let relu = builtIn("relu")
    /// tanh x, within −1…1.
    public static let tanh = builtIn("tanh")
    /// 1 / (1 + e⁻ˣ), within 0…1.
    public static let sigmoid = builtIn("sigmoid")
    /// 1 for x ≥ 0, else 0; its gradient is 0 everywhere, unlike that of ``step(straightThrough:)``.
    public static let step = builtIn("step")
    /// ``relu6(_:)``: min(max(x, 0), 6).
    public static let relu6 = builtIn("relu6")
    /// ``elu(_:alpha:)`` with α = 1.
    public static let elu = builtIn("elu")
    /// ``selu(_:)``, the ELU that normalises itself.
    public static let selu = builtIn("selu")
    /// ``gelu(_:)``: x Φ(x).
    public static let gelu = builtIn("gelu")
    /// ``geluTanh(_:)``, the approximation of GELU by tanh.
    public static let geluTanh = builtIn("geluTanh")
    /// ``silu(_:beta:)`` with β = 1: x σ(x).
    public static let silu = builtIn("silu")
    /// ``mish(_:)``: x tanh(ln(1 + eˣ)).
    public static let mish = builtIn("mish")
    /// ln(1 + eˣ), a smooth and always positive ReLU.
    public static let softplus = builtIn("softplus")
    /// ``softsign(_:)``: x / (1 + |x|).
    public static let softsign = builtIn("softsign")
    /// ``hardSigmoid(_:)``: clamp(x + 3, 0, 6) / 6.
    public static let hardSigmoid = builtIn("hardSigmoid")
    /// ``hardTanh(_:)``: clamp(x, −1, 1).
    public static let hardTanh = builtIn("hardTanh")
    /// ``hardSwish(_:)``: x clamp(x + 3, 0, 6) / 6.
    public static let hardSwish = builtIn("hardSwish")
    /// ``scaledTanh(_:scale:slope:)`` with LeCun's 1.7159 and 2/3.
    public static let scaledTanh = builtIn("scaledTanh")
    /// eˣ, which overflows to ∞ above 88.7 in single precision.
    public static let exponential = builtIn("exponential")
    /// sin x, in radians.
    public static let sine = builtIn("sine")
    /// ``gaussian(_:)``: e^(−x²).
    public static let gaussian = builtIn("gaussian")
    /// ``logSigmoid(_:)``: ln σ(x), at most 0.
    public static let logSigmoid = builtIn("logSigmoid")
    /// ``tanhShrink(_:)``: x − tanh x.
    public static let tanhShrink = builtIn("tanhShrink")

    /// 1 for x ≥ 0, else 0, whose gradient passes unchanged where |x| ≤ `straightThrough`; see ``step(_:straightThrough:)``.
    ///
    /// A width of 0 or below leaves the true gradient, 0 everywhere.
    public static func step(straightThrough: Double) -> Activation {
        builtIn("step", ["straightThrough": straightThrough])
    }
    /// 1 / (1 + e^(−slope·x)).
    public static func sigmoid(slope: Double) -> Activation { builtIn("sigmoid", ["slope": slope]) }
    /// ``leakyRelu(_:slope:)``: x for positive x, else slope · x.
    public static func leakyRelu(slope: Double = 0.01) -> Activation { builtIn("leakyRelu", ["slope": slope]) }
    /// ``rrelu(_:low:high:)``, whose slope for negative x is random in training and (low + high)/2 in evaluation.
    public static func rrelu(low: Double = 1.0 / 8, high: Double = 1.0 / 3) -> Activation {
        builtIn("rrelu", ["low": low, "high": high])
    }
    /// ``elu(_:alpha:)``: x for positive x, else α (eˣ − 1).
    public static func elu(alpha: Double) -> Activation { builtIn("elu", ["alpha": alpha]) }
    /// ``celu(_:alpha:)``: x for positive x, else α (e^(x/α) − 1).
    public static func celu(alpha: Double = 1) -> Activation { builtIn("celu", ["alpha": alpha]) }
    /// ``silu(_:beta:)``: x σ(βx). Its name in configurations and reports is `silu`.
    public static func swish(beta: Double) -> Activation { builtIn("silu", ["beta": beta]) }
    /// ln(1 + e^(βx)) / β; the larger β, the nearer to ReLU.
    public static func softplus(beta: Double) -> Activation { builtIn("softplus", ["beta": beta]) }
    /// ``scaledTanh(_:scale:slope:)``: scale · tanh(slope · x).
    public static func scaledTanh(scale: Double, slope: Double) -> Activation {
        builtIn("scaledTanh", ["scale": scale, "slope": slope])
    }
    /// sin(frequency · x), in radians.
    public static func sine(frequency: Double) -> Activation { builtIn("sine", ["frequency": frequency]) }
    /// ``threshold(_:at:value:)``: x above `at`, else `value`.
    public static func threshold(at: Double = 0, value: Double = 0) -> Activation {
        builtIn("threshold", ["at": at, "value": value])
    }
    /// ``softShrink(_:amount:)``: x moved toward 0 by `amount`, 0 within ±`amount`.
    public static func softShrink(_ amount: Double = 0.5) -> Activation { builtIn("softShrink", ["amount": amount]) }
    /// ``hardShrink(_:amount:)``: x outside ±`amount`, else 0.
    public static func hardShrink(_ amount: Double = 0.5) -> Activation { builtIn("hardShrink", ["amount": amount]) }
}
