/// The schedules a configuration may name.
///
/// Every row but `inverseSquareRoot`, whose warm-up is its own, takes `warmup` (steps) and `warmupStart`, which go before it.
public enum ScheduleTable {
    /// Every schedule by name, with its options and their limits; ``named(_:_:totalSteps:)`` makes one.
    public static let all = Catalog<Schedule>(
        "schedule",
        [
            row("constant", "always the base learning rate") { _ in .constant },
            row(
                "step", "× gamma every so many steps",
                [
                    OptionSpec("every", nil, .count(from: 1), required: true, "steps between reductions"),
                    OptionSpec("gamma", 0.1, .positive, "factor of each reduction"),
                ]
            ) { .step(every: $0.count("every"), gamma: $0["gamma"]) },
            row(
                "milestones", aliases: ["multiStep"], "× gamma at given steps",
                [
                    OptionSpec("steps", nil, .weights, required: true, "steps at which to reduce"),
                    OptionSpec("gamma", 0.1, .positive, "factor of each reduction"),
                ]
            ) {
                .milestones(($0.numbers("steps") ?? []).compactMap { Int(exactly: $0.rounded()) }, gamma: $0["gamma"])
            },
            row(
                "exponential", "× gamma every step",
                [OptionSpec("gamma", nil, .positive, required: true, "factor of every step, a little below 1")]
            ) { .exponential(gamma: $0["gamma"]) },
            row(
                "polynomial", aliases: ["linear"], "down to end along a power (1: a line)",
                [
                    total, OptionSpec("power", 1, .positive, "1 is a line"),
                    OptionSpec("end", 0, .unit, "the last factor"),
                ]
            ) { .polynomial(total: $0.count("total"), power: $0["power"], end: $0["end"]) },
            row("cosine", "down to minimum along half a cosine", [total, minimum]) {
                .cosine(total: $0.count("total"), minimum: $0["minimum"])
            },
            row(
                "cosineRestarts", "cosines one after the other",
                [
                    OptionSpec("period", nil, .count(from: 1), required: true, "steps of the first cosine"),
                    OptionSpec("multiplier", 1, .count(from: 1), "how much longer each next one is"), minimum,
                ]
            ) {
                .cosineRestarts(period: $0.count("period"), multiplier: $0.count("multiplier"), minimum: $0["minimum"])
            },
            row(
                "oneCycle", "up to the base rate and far down again",
                [
                    total, OptionSpec("peakAt", 0.3, .unit, "share of the steps that rise"),
                    OptionSpec("initialDivisor", 25, .positive, "base rate / first rate"),
                    OptionSpec("finalDivisor", 1e4, .positive, "first rate / last rate"),
                ]
            ) {
                .oneCycle(
                    total: $0.count("total"), peakAt: $0["peakAt"], initialDivisor: $0["initialDivisor"],
                    finalDivisor: $0["finalDivisor"])
            },
            .init(
                "inverseSquareRoot", aliases: ["noam"], "linear warm-up, then 1/√step",
                [OptionSpec("warmup", nil, .count(from: 1), required: true, "steps up to the base rate")]
            ) { o throws(ConfigError) in .inverseSquareRoot(warmup: o.count("warmup")) },
            row(
                "inverseTime", "base / (1 + decay · step)",
                [OptionSpec("decay", nil, .nonNegative, required: true, "how fast it falls, per step")]
            ) { .inverseTime(decay: $0["decay"]) },
            row(
                "reduceOnPlateau", aliases: ["plateau"], "× factor whenever the validation loss stops falling",
                [
                    OptionSpec("factor", 0.1, .fraction, "factor of each reduction"),
                    OptionSpec("patience", 10, .count(from: 0), "observations without improvement that are borne"),
                    OptionSpec("threshold", 1e-4, .nonNegative, "smallest improvement that counts"),
                    OptionSpec("relative", true, .flag, "threshold as a share of the best value"),
                    OptionSpec("cooldown", 0, .count(from: 0), "observations after a reduction that do not count"),
                    OptionSpec("minimum", 0, .unit, "the lowest factor on the base rate"),
                    OptionSpec("largerIsBetter", false, .flag, "whether the observed value should grow"),
                ]
            ) {
                .reduceOnPlateau(
                    Plateau(
                        factor: $0["factor"], patience: $0.count("patience"), threshold: $0["threshold"],
                        isThresholdRelative: $0.flag("relative"), cooldown: $0.count("cooldown"),
                        minimum: $0["minimum"],
                        largerIsBetter: $0.flag("largerIsBetter")))
            },
        ])

    /// The schedule of that name; see ``all``.
    ///
    /// - Parameter totalSteps: the steps of the run, for the option `total` of schedules that end; warm-up steps are
    ///   taken off it.
    /// - Throws: ``ConfigError`` for an unknown name or option, or a value out of its limits.
    public static func named(
        _ name: String, _ options: [String: OptionValue] = [:], totalSteps: Int? = nil
    ) throws(ConfigError) -> Schedule {
        var defaults: [String: OptionValue] = [:]
        if let totalSteps {
            var left = totalSteps
            if case .number(let warmup)? = options["warmup"], warmup >= 0, warmup < Double(totalSteps) {
                left -= Int(warmup)
            }
            defaults["total"] = .number(Double(max(left, 1)))
        }
        return try all.make(name, options: options, defaults: defaults)
    }

    private static let total = OptionSpec("total", nil, .count(from: 1), required: true, "steps until the end")
    private static let minimum = OptionSpec("minimum", 0, .unit, "the lowest factor on the base rate")

    /// A row whose schedule may be warmed up.
    private static func row(
        _ name: String, aliases: [String] = [], _ summary: String, _ options: [OptionSpec] = [],
        _ make: @escaping @Sendable (Options) -> Schedule
    ) -> Catalog<Schedule>.Entry {
        let warmup = [
            OptionSpec("warmup", 0, .count(from: 0), "steps of linear warm-up before it"),
            OptionSpec("warmupStart", nil, .unit, "the first factor of the warm-up; 1/warmup by default"),
        ]
        return .init(name, aliases: aliases, summary, options + warmup) { o throws(ConfigError) in
            make(o).warmedUp(steps: o.count("warmup"), start: o.number("warmupStart"))
        }
    }
}
