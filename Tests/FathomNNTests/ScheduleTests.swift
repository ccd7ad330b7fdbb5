import FathomNN
import FathomTestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite("Schedules")
struct ScheduleTests {
    /// The schedule a golden case means, and the base rate; `nil` for those Fathom has not.
    private static func schedule(_ c: TrainingGolden.Scheduler) -> (schedule: Schedule, base: Double)? {
        func a(_ name: String) -> Double { c.attributes[name]?.first ?? 0 }
        func n(_ name: String) -> Int { Int(a(name)) }
        let base = a("base")
        switch c.scheduler {
        case "step": return (.step(every: n("size"), gamma: a("factor")), base)
        case "multiStep":
            return (.milestones((c.attributes["milestones"] ?? []).map { Int($0) }, gamma: a("factor")), base)
        case "exponential": return (.exponential(gamma: a("factor")), base)
        case "polynomial": return (.polynomial(total: n("totalSteps"), power: a("power")), base)
        case "cosine": return (.cosine(total: n("totalSteps"), minimum: a("minimum") / base), base)
        case "cosineWarmRestarts":
            return (
                .cosineRestarts(period: n("period"), multiplier: n("multiplier"), minimum: a("minimum") / base), base
            )
        case "linear":
            return a("endFactor") == 1
                ? (Schedule.constant.warmedUp(steps: n("steps"), start: a("startFactor")), base)
                : (.polynomial(total: n("steps"), end: a("endFactor")), base)
        case "linearThenCosine":
            return (
                Schedule.cosine(total: n("totalSteps")).warmedUp(steps: n("warmSteps"), start: a("startFactor")), base
            )
        case "oneCycleCosine":
            return (
                .oneCycle(
                    total: n("totalSteps"), peakAt: a("warmFraction"), initialDivisor: a("divFactor"),
                    finalDivisor: a("finalDivFactor")), a("maxRate")
            )
        case "reduceOnPlateau":
            let rule = Plateau(
                factor: a("factor"), patience: n("patience"), threshold: a("threshold"),
                isThresholdRelative: a("relative") == 1, cooldown: n("cooldown"), minimum: a("minimum") / base,
                largerIsBetter: a("maximize") == 1)
            return (.reduceOnPlateau(rule), base)
        default: return nil
        }
    }

    private static func golden() throws -> [TrainingGolden.Scheduler] {
        try TrainingGolden.schedulers().filter { schedule($0) != nil }
    }

    @Test("give PyTorch's rates", arguments: try golden())
    func equalsPyTorch(_ c: TrainingGolden.Scheduler) throws {
        let (schedule, base) = try #require(Self.schedule(c))
        var state = PlateauState()
        for (step, wanted) in c.rates.enumerated() {
            let rate = base * schedule.factor(at: step, state: state)
            #expect(abs(rate - wanted) <= 1e-14 * base, "step \(step)")
            if let metric = c.metric { schedule.observe(metric[step], state: &state) }
        }
    }

    @Test("golden cases are there") func goldenCount() throws { #expect(try Self.golden().count >= 18) }

    @Test("inverse square root rises to 1 at the end of its warm-up, then falls as 1/√step")
    func inverseSquareRoot() {
        let schedule = Schedule.inverseSquareRoot(warmup: 100)
        #expect(schedule.factor(at: 0) == 0.01)
        #expect(schedule.factor(at: 49) == 0.5)
        #expect(schedule.factor(at: 99) == 1)
        #expect(schedule.factor(at: 399) == 0.5)
    }

    @Test("what ends stays at its end; negative steps count as 0")
    func ends() {
        #expect(Schedule.cosine(total: 10, minimum: 0.1).factor(at: 1000) == 0.1)
        #expect(Schedule.polynomial(total: 10, end: 0.25).factor(at: 10) == 0.25)
        let cycle = Schedule.oneCycle(total: 10, initialDivisor: 4, finalDivisor: 100)
        #expect(cycle.factor(at: 9) == 1.0 / 400 && cycle.factor(at: 500) == 1.0 / 400)
        #expect(Schedule.exponential(gamma: 0.5).factor(at: -3) == 1)
        #expect(Schedule.cosineRestarts(period: 1, multiplier: 2).factor(at: .max).isFinite)
        for schedule in [
            Schedule.oneCycle(total: 1), .oneCycle(total: 3, peakAt: 0), .oneCycle(total: 3, peakAt: 1),
            .cosine(total: 0),
            .polynomial(total: 0), .step(every: 0),
        ] {
            for step in 0..<5 { #expect(schedule.factor(at: step).isFinite, "\(schedule.name)") }
        }
    }

    @Test("warm-up goes before any schedule, and keeps a plateau rule")
    func warmup() {
        let warm = Schedule.step(every: 2, gamma: 0.5).warmedUp(steps: 4)
        #expect((0..<8).map { warm.factor(at: $0) } == [0.25, 0.4375, 0.625, 0.8125, 1, 1, 0.5, 0.5])
        let plateau = Schedule.reduceOnPlateau(Plateau(factor: 0.5, patience: 0)).warmedUp(steps: 2, start: 0)
        var state = PlateauState()
        for _ in 0..<2 { plateau.observe(1, state: &state) }
        #expect([0, 1, 2].map { plateau.factor(at: $0, state: state) } == [0, 0.25, 0.5])
        #expect(Schedule.step(every: 2, gamma: 0.5).perEpoch(steps: 10).factor(at: 39) == 0.5)
        #expect(Schedule.step(every: 2, gamma: 0.5).perEpoch(steps: 10).factor(at: 40) == 0.25)
        #expect(Schedule.constant.factor(at: 3, state: state) == 1)
    }

    @Test("NaN is never an improvement")
    func plateauNaN() {
        let rule = Plateau(factor: 0.5, patience: 1)
        let schedule = Schedule.reduceOnPlateau(rule)
        var state = PlateauState()
        for value in [Double.nan, .nan, 1, .nan, .nan] { schedule.observe(value, state: &state) }
        #expect(state.factor == 0.25)
        #expect(state.best == 1)
        // A lower negative value is better by its own share, not by a share with the wrong sign.
        #expect(rule.isBetter(-1.1, than: -1) && !rule.isBetter(-1, than: -1))
    }

    @Test("the table fills in the run's length and says what is missing")
    func table() throws {
        let cosine = try ScheduleTable.named("cosine", ["warmup": 10], totalSteps: 110)
        #expect(cosine.factor(at: 0) == 0.1)
        #expect(abs(cosine.factor(at: 60) - 0.5) < 1e-15)
        #expect(cosine.factor(at: 110) == 0)
        #expect(try ScheduleTable.named("cosine", ["total": 20], totalSteps: 110).factor(at: 20) == 0)
        #expect(try ScheduleTable.named("multi-step", ["steps": [2, 4]]).factor(at: 4) == 0.1 * 0.1)
        let missing = #expect(throws: ConfigError.self) { try ScheduleTable.named("cosine") }
        #expect(missing?.message.contains("total") == true)
        #expect(throws: ConfigError.self) { try ScheduleTable.named("step", ["every": 0]) }
        #expect(throws: ConfigError.self) { try ScheduleTable.named("step", ["every": 1.5]) }
        #expect(throws: ConfigError.self) {
            try ScheduleTable.named("inverseSquareRoot", ["warmup": 5, "warmupStart": 0.1])
        }
        for name in ScheduleTable.all.names {
            let schedule = try ScheduleTable.all.make(
                name,
                defaults: [
                    "total": 100, "every": 10, "gamma": 0.9, "period": 10, "decay": 0.1, "warmup": 10, "steps": [5],
                ])
            for step in 0..<200 {
                let factor = schedule.factor(at: step)
                #expect(factor >= 0 && factor <= 1, "\(name) at \(step)")
            }
        }
    }
}

@Suite("Range test")
struct ScheduleRangeTests {
    /// A loss that falls fastest at `best` (over ln rate) and explodes far above it, with noise.
    private func sweep(best: Double, noise: Double, steps: Int = 100) -> (test: RangeTest, verdict: RangeTest.Verdict) {
        var test = RangeTest(lowest: 1e-6, highest: 10, steps: steps)
        var random = RandomSource(seed: 5, name: "range")
        while true {
            let rate = test.nextRate
            let fall = 1.5 / (1 + exp(-1.5 * log(rate / best)))
            let loss = 2.3 - fall + 0.5 * pow(rate / (50 * best), 2) + noise * (2 * random.uniform() - 1)
            let verdict = test.observe(loss)
            if verdict != .goOn { return (test, verdict) }
        }
    }

    @Test("finds the steepest fall, with noise too", arguments: [(1e-3, 0.0), (1e-2, 0.0), (1e-3, 0.05), (1e-2, 0.05)])
    func steepest(_ best: Double, _ noise: Double) throws {
        let (test, verdict) = sweep(best: best, noise: noise)
        #expect(verdict == .diverged)
        #expect(test.points.count < 100)
        let suggestion = try #require(test.suggestion)
        #expect(suggestion.rate > best / 2 && suggestion.rate < best * 2, "\(suggestion)")
        // The steepest slope of the logistic fall is 1.5 · 1.5 / 4.
        #expect(abs(suggestion.slope + 0.5625) < 0.15)
        #expect(suggestion.rateAtMinimum > suggestion.rate && suggestion.rateAtMinimum < 50 * best)
    }

    @Test("the sweep is exponential and ends after its steps")
    func rates() {
        var test = RangeTest(lowest: 1e-4, highest: 1, steps: 5)
        #expect((0..<5).map { abs(test.rate(at: $0) - pow(10, Double($0) - 4)) < 1e-15 }.allSatisfy { $0 })
        var verdicts: [RangeTest.Verdict] = []
        for loss in [5.0, 4, 3, 2, 1] { verdicts.append(test.observe(loss)) }
        #expect(verdicts == [.goOn, .goOn, .goOn, .goOn, .finished])
        #expect(test.suggestion == nil)
    }

    @Test("NaN ends the sweep, and what came before still counts")
    func nan() {
        var test = RangeTest(lowest: 1e-4, highest: 1, steps: 40)
        for i in 0..<20 { #expect(test.observe(5 - 0.1 * Double(i)) == .goOn) }
        #expect(test.observe(.nan) == .diverged)
        #expect(test.suggestion != nil)
    }

    @Test("no clear fall, no suggestion")
    func flat() {
        var random = RandomSource(seed: 1, name: "flat")
        var constant = RangeTest(steps: 60)
        var rising = RangeTest(steps: 60)
        for i in 0..<60 {
            _ = constant.observe(2.3)
            _ = rising.observe(2.3 + 0.001 * Double(i) + 1e-6 * random.uniform())
        }
        #expect(constant.suggestion == nil)
        #expect(rising.suggestion == nil)
    }

    @Test func inverseTime() throws {
        let schedule = try ScheduleTable.named("inverseTime", ["decay": 0.5])
        #expect([0, 1, 2, 6].map { schedule.factor(at: $0) } == [1, 1 / 1.5, 0.5, 0.25])
        #expect(throws: ConfigError.self) { try ScheduleTable.named("inverseTime") }
    }
}
