import FathomData
import FathomNN
import Foundation

/// How far a network came, against answers that need no network and what simple methods reach.
///
/// Every rule weighs its finding by it: what would be a disease in a network that does not learn is a note in one that does.
package struct Standing: Sendable {
    package enum State: Sendable {
        /// It reaches what simple methods reach.
        case learns
        /// It learns, but less than simple methods.
        case impaired
        /// It does not get half as far from the trivial answer as simple methods do.
        case stuck
        /// Nothing can be said: watched too shortly, or the data show nothing to learn.
        case unclear
    }

    package let state: State
    /// On the rows it is better at, training or held out, over the last evaluations.
    package let skill: Double?
    package let heldOutSkill: Double?
    package let trainSkill: Double?
    /// The skill of the best constant answer.
    package let trivial: Double
    /// The best of the simple methods.
    package let best: Double
    /// Whether the data let simple methods do better than a constant, beyond chance.
    package let isInformative: Bool
    /// (skill − trivial) / (best − trivial).
    package let share: Double?
    /// Two standard errors of a skill on the held-out rows.
    package let margin: Double
    /// The loss before the first step, on the probe rows.
    package let startLoss: Double?
    /// The loss of the best constant answer, where it is known.
    package let trivialLoss: Double?
    package let curve: LossCurve?
    /// Whether the loss still falls noticeably at the end: beyond chance, and by a twentieth of its level in the second half.
    package let isFalling: Bool
    /// Whether training is under way and has not done a quarter of its steps.
    package let isEarly: Bool
    /// Whether training would go on beyond what was watched.
    package let isCutShort: Bool

    /// Below half of what simple methods reach, a network does not learn.
    package static let stuckShare = 0.5
    /// From four fifths on it is as good as they are, for practical purposes.
    package static let learnsShare = 0.8

    package init(_ evidence: Evidence) {
        let setup = evidence.setup
        let course = evidence.course
        let last = course?.evaluations.suffix(3) ?? []
        func mean(_ pick: (Course.Evaluation) -> Double) -> Double? {
            let values = last.map(pick).filter(\.isFinite)
            return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        }
        trainSkill = mean(\.train.skill)
        heldOutSkill = mean(\.heldOut.skill)
        skill = [trainSkill, heldOutSkill].compactMap { $0 }.max()
        startLoss = evidence.birth?.loss ?? course?.losses.first.map(Double.init)
        trivialLoss = setup.trivialLoss
        let curve = course.flatMap { LossCurve($0.losses, perEpoch: setup.stepsPerEpoch) }
        self.curve = curve
        isEarly = course.map { $0.isRunning && $0.steps < setup.plannedSteps / 4 } ?? false
        isCutShort = (course?.steps ?? 0) < setup.plannedSteps && course?.isNonFinite != true
        isFalling = curve.map { $0.trend.falls && -$0.trend.change > 0.05 * abs(median($0.late)) } ?? false

        trivial = setup.yardstick?.trivial ?? setup.targets.majority ?? 0
        let rows = setup.heldOutRows
        let top = setup.yardstick?.best ?? trivial
        margin =
            setup.task.isClassification
            ? 2 * (max(top * (1 - top), 0.25 / Double(rows + 1)) / Double(rows)).squareRoot()
            // The standard error of R² is about 2R(1 − R²)/√n (Olkin & Finn 1995).
            : max(0.05, 4 * max(top, 0).squareRoot() * (1 - min(top, 1)) / Double(rows).squareRoot())
        isInformative = top - trivial > max(margin, 0.05)
        // Where simple methods see nothing, a network should at least fit what it is trained on.
        best = isInformative ? top : 1
        guard let course, !course.isNonFinite, course.losses.allSatisfy(\.isFinite) else {
            share = nil
            state = course == nil ? .unclear : .stuck
            return
        }
        guard let skill = isInformative ? skill : trainSkill else {
            share = nil
            state = .unclear
            return
        }
        let share = (skill - trivial) / max(best - trivial, 1e-9)
        self.share = share
        let tolerance = isInformative ? margin / (best - trivial) : 0
        if share >= Self.learnsShare - min(tolerance, 0.3) {
            state = .learns
        } else if isEarly {
            // It may only be slow to start.
            state = .unclear
        } else if isCutShort && isFalling {
            state = .unclear
        } else if !isInformative {
            // Of labels that do not go with the inputs a small network can learn nothing by heart; one batch it can.
            state = share < 0.2 && course.learnsOneBatch == false ? .stuck : share >= 0.5 ? .learns : .unclear
        } else {
            state = share < Self.stuckShare ? .stuck : .impaired
        }
    }

    /// How serious a mechanism is that may keep a network from learning.
    package var severity: Finding.Severity {
        switch state {
        case .learns: .note
        case .impaired: .warning
        case .stuck: .failure
        case .unclear: isFalling || isEarly ? .note : .warning
        }
    }

    package var suffers: Bool { severity > .note }

    /// Whether it stays below simple methods by more than chance, even if not by much.
    var isBehind: Bool { isInformative && (skill.map { $0 + margin < best } ?? false) }

    /// How far it came, as the end of a sentence: "accuracy 0.31, where nearest neighbours reach 0.91".
    package func summary(_ setup: Setup) -> String {
        let name = setup.task.isClassification ? "accuracy" : "R²"
        guard let skill else { return "nothing was evaluated" }
        let reach =
            isInformative ? "simple methods reach \(short(best))" : "a constant answer reaches \(short(trivial))"
        return "\(name) \(short(skill)), where \(reach)"
    }
}

extension Course {
    /// Whether one batch can be learnt by heart: its loss falls below a tenth of what it was; `nil` where it was not tried or
    /// is in between.
    package var learnsOneBatch: Bool? {
        guard let first = oneBatch.first, oneBatch.count >= 20, first.isFinite, first > 0 else { return nil }
        guard oneBatch.allSatisfy(\.isFinite) else { return false }
        let end = median(oneBatch.suffix(5).map(Double.init)) / Double(first)
        return end < 0.1 ? true : end > 0.5 ? false : nil
    }

    var oneBatchFact: [Finding.Fact] {
        guard let first = oneBatch.first, first > 0 else { return [] }
        let end = median(oneBatch.suffix(5).map(Double.init)) / Double(first)
        return [.init("loss of one batch learnt by heart, end / start", end, expected: "below 0.1")]
    }
}

extension Setup {
    /// The loss of the best constant answer: the entropy of the classes, or the variance of the numbers.
    package var trivialLoss: Double? {
        let total = Double(targets.classCounts.reduce(0, +))
        if total > 0 {
            let shares = targets.classCounts.map { Double($0) / total }.filter { $0 > 0 }
            switch loss.name {
            case "softmaxCrossEntropy", "categoricalCrossEntropy", "sigmoidCrossEntropy", "binaryCrossEntropy":
                return -shares.reduce(0) { $0 + $1 * log($1) }
            default: return uninformedLoss
            }
        }
        return loss.name == "meanSquaredError" ? targets.deviation * targets.deviation : nil
    }

    package var heldOutRows: Int {
        max(1, (patient.data.validation ?? patient.data.test).rowCount)
    }
}

extension Examination.Landscape {
    /// The loss where the network stands.
    package var atRest: Double? { zip(multiples, losses).first { $0.0 == 0 }?.1 }
    /// The multiple of the last step, going on in its direction, at which the loss is lowest.
    package var best: Double {
        zip(multiples, losses).filter { $0.1.isFinite }.min { $0.1 < $1.1 }?.0 ?? 0
    }
    /// By what share of the loss one more step in the same direction raises it; negative where it still lowers it.
    package var nextStep: Double? {
        guard let rest = atRest, rest > 0, let next = zip(multiples, losses).first(where: { $0.0 == 1 })?.1 else {
            return nil
        }
        return next.isFinite ? next / rest - 1 : .infinity
    }
}

extension Setup {
    /// The facts of the activation between a layer's sums and its output.
    func facts(_ path: String) -> ActivationFacts? { layers.first { $0.path == path }?.facts }
    /// Whether a layer's activation is flat on one side only, as ReLU is.
    func isRectified(_ path: String) -> Bool { facts(path).map { $0.saturatesLeft != $0.saturatesRight } ?? false }
    /// Whether it is flat on both sides, as sigmoid and tanh are.
    func isBounded(_ path: String) -> Bool {
        facts(path).map {
            $0.saturatesLeft && $0.saturatesRight && $0.range.lowerBound.isFinite && $0.range.upperBound.isFinite
        } ?? false
    }
}
