#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How the learning rate goes over a run: a pure function of the step.
///
/// The rate of a step is base × ``factor(at:state:)``. Steps count from 0, the first training step. One of your own is a
/// line, and every schedule can be warmed up:
///
/// ```swift
/// let halving = Schedule("halving") { step in step < 1000 ? 1 : 0.5 }.warmedUp(steps: 100)
/// ```
public struct Schedule: Sendable {
    /// The name in configurations and reports.
    public let name: String
    /// (step from 0) → factor on the base learning rate.
    public let function: @Sendable (Int) -> Double
    /// What else to do when progress stops; see ``reduceOnPlateau(_:)``.
    public let plateau: Plateau?

    /// A schedule of one's own.
    ///
    /// - Parameters:
    ///   - name: what configurations and reports call it.
    ///   - plateau: when to reduce the rate beside it; `nil` for never.
    ///   - function: (step from 0) → factor on the base learning rate; it must depend on the step alone, as a resumed run
    ///     asks it again.
    public init(_ name: String, plateau: Plateau? = nil, _ function: @escaping @Sendable (Int) -> Double) {
        self.name = name
        self.plateau = plateau
        self.function = function
    }

    /// The factor on the base learning rate at a step (from 0).
    ///
    /// - Parameter state: what ``observe(_:state:)`` has learnt; only ``reduceOnPlateau(_:)`` uses it.
    public func factor(at step: Int, state: PlateauState = PlateauState()) -> Double {
        function(max(step, 0)) * (plateau == nil ? 1 : state.factor)
    }

    /// Reports a measured value (usually the validation loss after an epoch); does nothing without a plateau rule.
    public func observe(_ value: Double, state: inout PlateauState) { plateau?.observe(value, state: &state) }

    // MARK: The schedules

    /// Always the base learning rate.
    public static let constant = Schedule("constant") { _ in 1 }

    /// × γ every `every` steps.
    ///
    /// - Precondition: `every` ≥ 1; smaller counts as 1. The same holds for all counts of steps below.
    public static func step(every: Int, gamma: Double = 0.1) -> Schedule {
        Schedule("step") { pow(gamma, Double($0 / max(every, 1))) }
    }

    /// × γ at each of the given steps.
    public static func milestones(_ steps: [Int], gamma: Double = 0.1) -> Schedule {
        Schedule("milestones") { step in pow(gamma, Double(steps.count { $0 <= step })) }
    }

    /// γ^step.
    public static func exponential(gamma: Double) -> Schedule { Schedule("exponential") { pow(gamma, Double($0)) } }

    /// From 1 to `end` over `total` steps as (1 − step/total)^power, then constant.
    public static func polynomial(total: Int, power: Double = 1, end: Double = 0) -> Schedule {
        Schedule("polynomial") { end + (1 - end) * pow(1 - progress($0, total), power) }
    }

    /// Half a cosine from 1 to `minimum` over `total` steps, then constant (Loshchilov & Hutter 2017).
    public static func cosine(total: Int, minimum: Double = 0) -> Schedule {
        Schedule("cosine") { annealed(from: 1, to: minimum, progress($0, total)) }
    }

    /// Cosines from 1 to `minimum`, one after the other: the first takes `period` steps, each further one `multiplier`
    /// times as many (Loshchilov & Hutter 2017).
    public static func cosineRestarts(period: Int, multiplier: Int = 1, minimum: Double = 0) -> Schedule {
        Schedule("cosineRestarts") { step in
            var length = max(period, 1)
            var position = step
            if multiplier <= 1 {
                position = step % length
            } else {
                while position >= length {
                    position -= length
                    let (longer, overflow) = length.multipliedReportingOverflow(by: multiplier)
                    length = overflow ? .max : longer
                }
            }
            return annealed(from: 1, to: minimum, Double(position) / Double(length))
        }
    }

    /// Up from 1/`initialDivisor` to 1 over the share `peakAt` of the steps, then down to
    /// 1/(`initialDivisor`·`finalDivisor`), both as half cosines (Smith & Topin 2018; PyTorch's `OneCycleLR`).
    ///
    /// The base learning rate is the highest. The first step has the initial rate and step `total` − 1 the last one.
    public static func oneCycle(
        total: Int, peakAt: Double = 0.3, initialDivisor: Double = 25, finalDivisor: Double = 1e4
    ) -> Schedule {
        Schedule("oneCycle") { step in
            let (first, last) = (1 / initialDivisor, 1 / (initialDivisor * finalDivisor))
            let peak = peakAt * Double(total) - 1
            let end = Double(total - 1)
            let s = min(Double(step), end)
            if s <= peak { return annealed(from: first, to: 1, peak > 0 ? s / peak : 1) }
            return annealed(from: 1, to: last, end > peak ? (s - peak) / (end - peak) : 1)
        }
    }

    /// Linearly up to 1 at step `warmup` − 1, then √(warmup / (step + 1)) (Vaswani et al. 2017, with the peak as base).
    public static func inverseSquareRoot(warmup: Int) -> Schedule {
        Schedule("inverseSquareRoot") { step in
            let (w, s) = (Double(max(warmup, 1)), Double(step + 1))
            return min(s / w, (w / s).squareRoot())
        }
    }

    /// 1 / (1 + decay·step), as the `decay` of Keras' optimisers.
    public static func inverseTime(decay: Double) -> Schedule {
        Schedule("inverseTime") { 1 / (1 + decay * Double($0)) }
    }

    /// Constant, but × factor whenever the observed value stops improving (PyTorch's `ReduceLROnPlateau`).
    public static func reduceOnPlateau(_ rule: Plateau = Plateau()) -> Schedule {
        Schedule("reduceOnPlateau", plateau: rule) { _ in 1 }
    }

    // MARK: Composition

    /// Linearly from `start` to 1 over `steps` steps, then this schedule from its own step 0.
    ///
    /// - Parameter start: the first factor; 1/steps when `nil`.
    public func warmedUp(steps: Int, start: Double? = nil) -> Schedule {
        guard steps > 0 else { return self }
        let first = start ?? 1 / Double(steps)
        let then = function
        return Schedule("warmup+\(name)", plateau: plateau) { step in
            step < steps ? first + (1 - first) * Double(step) / Double(steps) : then(step - steps)
        }
    }

    /// The same schedule counted in epochs: its step is the number of finished epochs.
    public func perEpoch(steps: Int) -> Schedule {
        let inner = function
        return Schedule(name, plateau: plateau) { inner($0 / max(steps, 1)) }
    }

    private static func progress(_ step: Int, _ total: Int) -> Double {
        min(Double(step) / Double(max(total, 1)), 1)
    }

    /// Half a cosine between two values.
    private static func annealed(from: Double, to: Double, _ progress: Double) -> Double {
        to + (from - to) * (1 + cos(.pi * progress)) / 2
    }
}
