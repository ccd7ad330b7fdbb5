import FathomTraining

/// Runs the doctor over labelled cases.
public struct CaseRunner: Sendable {
    /// Who examines the cases.
    public var doctor: Doctor
    /// Where the files are that cases name.
    public var folder: String
    /// The folder of named sets.
    public var sets: String?
    /// The most rows to learn from.
    public var rows = 6000
    /// How a diagnosis is treated; `nil` tries no remedies.
    public var treat: (@Sendable (Diagnosis) throws -> Treatment)?
    /// Other seeds with which a label is checked.
    public var seeds: [UInt64] = [101, 102, 103, 104]

    /// - Parameter folder: where the files are that cases name.
    public init(folder: String, doctor: Doctor = Doctor()) { (self.folder, self.doctor) = (folder, doctor) }

    /// Rebuilds, examines and, where wanted, treats one case; mistakes become part of the outcome.
    public func run(_ read: Result<LabelledCase, CaseError>, stop: StopRequest = StopRequest()) -> CaseOutcome {
        let start = ContinuousClock().now
        let labelled: LabelledCase
        switch read {
        case .success(let value): labelled = value
        case .failure(let error):
            return CaseOutcome(
                id: error.id, status: .error, label: nil, faults: [], agrees: nil, rightCauseFirst: nil, remark: nil,
                findings: [], skill: nil, weighed: [], repair: nil, unsupported: [], notes: [],
                error: error.description, steps: nil,
                seconds: 0)
        }
        func outcome(
            _ status: CaseOutcome.Status, _ rebuilt: RebuiltCase?, diagnosis: Diagnosis? = nil,
            skill: CaseOutcome.Skill? = nil, remark: CaseOutcome.Remark? = nil, weighed: [Counterfactual] = [],
            repair: CaseOutcome.Repair? = nil, error: String? = nil
        ) -> CaseOutcome {
            let hasVerdict = status == .healthy || status == .faulty
            // Notes are no diagnosis: what is named first is the first finding that hurts.
            let first = diagnosis?.findings.first { $0.severity > .note }
            let isRight = first.map {
                CaseCauses.answers(rule: $0.rule, cause: $0.cause, faults: labelled.label.faults)
            }
            return CaseOutcome(
                id: labelled.id, status: status, label: labelled.label.status, faults: labelled.label.faults,
                agrees: hasVerdict ? (status == .faulty) == (labelled.label.status == .buggy) : nil,
                rightCauseFirst: hasVerdict && labelled.label.status == .buggy ? isRight ?? false : nil,
                remark: remark, findings: diagnosis?.findings.map { CaseOutcome.Line($0) } ?? [], skill: skill,
                weighed: weighed, repair: repair,
                unsupported: rebuilt?.unsupported ?? [], notes: rebuilt?.notes ?? [], error: error,
                steps: diagnosis?.evidence.course?.steps, seconds: (ContinuousClock().now - start).seconds)
        }
        let rebuilt: RebuiltCase
        do throws(CaseError) { rebuilt = try labelled.rebuilt(folder: folder, sets: sets, rows: rows) } catch {
            return outcome(.error, nil, error: error.description)
        }
        guard let patient = rebuilt.patient else { return outcome(.unsupported, rebuilt) }
        do {
            let diagnosis = try doctor.examine(patient, stop: stop)
            var (skill, remark) = try checkLabel(labelled, patient, diagnosis, stop)
            var weighed = diagnosis.evidence.counterfactuals
            if remark == .trainsWell, diagnosis.isHealthy {
                if weighed.isEmpty {
                    let suspicions = CaseCauses.suspicions(faults: labelled.label.faults)
                    weighed = try doctor.weigh(suspicions, in: diagnosis, stop: stop)
                }
                if weighed.excludeAGain { remark = .labelDoubtful }
            }
            var repair: CaseOutcome.Repair?
            if let treat, !diagnosis.isHealthy, !stop.isRequested {
                repair = CaseOutcome.Repair(try treat(diagnosis), of: diagnosis)
            }
            return outcome(
                diagnosis.isHealthy ? .healthy : .faulty, rebuilt, diagnosis: diagnosis, skill: skill, remark: remark,
                weighed: weighed, repair: repair)
        } catch {
            return outcome(.error, rebuilt, error: "case \(labelled.id): \(error)")
        }
    }

    /// Whether the label can be true: a normal network learns something, and a faulty one does not do as well as methods
    /// without a network. Other seeds are tried before a label is doubted.
    private func checkLabel(
        _ labelled: LabelledCase, _ patient: Patient, _ diagnosis: Diagnosis, _ stop: StopRequest
    ) throws -> (CaseOutcome.Skill, CaseOutcome.Remark?) {
        let evidence = diagnosis.evidence
        let yardstick = evidence.setup.yardstick
        let reached = evidence.course?.finalSkill
        var skill = CaseOutcome.Skill(
            name: evidence.setup.task.isClassification ? "accuracy" : "R²", reached: reached.finite,
            trivial: yardstick?.trivial.finite, simple: yardstick.map { max($0.neighbours, $0.linear) }?.finite)
        guard let yardstick, yardstick.best.isFinite, yardstick.trivial.isFinite else { return (skill, nil) }
        let isNormal = labelled.label.status == .normal
        // A tenth of the way from nothing to what simple methods reach; a hundredth below them.
        let chance = yardstick.trivial + 0.1 * (yardstick.best - yardstick.trivial)
        func isOdd(_ skill: Double) -> Bool { isNormal ? !(skill > chance) : skill >= yardstick.best - 0.01 }
        // A normal network that is found faulty is looked at again, however it fared.
        let isDoubted = isOdd(reached ?? -.infinity) || isNormal && !diagnosis.isHealthy
        guard yardstick.best > yardstick.trivial, isDoubted else { return (skill, nil) }
        var quick = doctor
        (quick.settings.looks, quick.settings.evaluations, quick.settings.oneBatchSteps) = (2, 2, 0)
        let tried = seeds.count + 1
        var all = [reached ?? -.infinity]
        for seed in seeds where !stop.isRequested {
            // Decided either way.
            let odd = all.count(where: isOdd)
            if 2 * odd > tried || 2 * (all.count - odd) >= tried { break }
            let course = try quick.evidence(of: patient, seed: seed, stop: stop).course
            all.append(course?.isNonFinite == false ? course?.finalSkill ?? -.infinity : -.infinity)
        }
        skill.seeds = all.dropFirst().compactMap(\.finite)
        let odd = all.count(where: isOdd)
        return (skill, 2 * odd > tried ? (isNormal ? .labelDoubtful : .trainsWell) : nil)
    }
}

extension [Counterfactual] {
    /// Whether something was put right, and nothing of it can have gained what would be of use.
    fileprivate var excludeAGain: Bool {
        let smallest = Treatment.Settings().smallestGain
        return !isEmpty && allSatisfy { $0.interval.upperBound < smallest && !$0.isHarm }
    }
}

extension CaseOutcome.Repair {
    /// The verdict where the cause is in the data and nothing else is proven to help.
    static let beyondConfiguration = "beyondConfiguration"

    init(_ treatment: Treatment, of diagnosis: Diagnosis) {
        let tries = treatment.trials.map { CaseOutcome.Try($0) }
        // The winner, or else the best of what was not drawn by lot.
        let winner = treatment.winner
        let best =
            winner.map { CaseOutcome.Try($0) }
            ?? tries.first { !$0.isRandom && $0.verdict != Treatment.Verdict.eliminated.rawValue }
        let cause = diagnosis.findings.first { $0.severity > .note }
        let isHopeless = winner == nil && cause?.isBeyondConfiguration == true
        self.init(
            remedies: best?.remedies ?? [],
            verdict: isHopeless ? Self.beyondConfiguration : best?.verdict ?? "none",
            before: best?.before, after: best?.after, gain: best?.gain, interval: best?.interval, speed: best?.speed,
            speedInterval: best?.speedInterval, trials: tries)
    }
}

extension CaseOutcome.Try {
    init(_ trial: Treatment.Trial) {
        func mean(_ values: [Double]?) -> Double? {
            guard let values, !values.isEmpty else { return nil }
            return (values.reduce(0, +) / Double(values.count)).finite
        }
        func bounds(_ interval: ClosedRange<Double>?) -> [Double]? {
            let bounds = interval.map { [$0.lowerBound, $0.upperBound] }
            return bounds?.allSatisfy(\.isFinite) == true ? bounds : nil
        }
        self.init(
            remedies: trial.remedies, verdict: trial.verdict.rawValue, isRandom: trial.isRandom,
            seeds: trial.seeds.count, before: mean(trial.control), after: mean(trial.treated),
            sameLength: mean(trial.sameLength), gain: trial.gain.finite, interval: bounds(trial.interval),
            speed: trial.speed?.factor.finite, speedInterval: bounds(trial.speed?.interval),
            mechanismMoved: trial.mechanismMoved)
    }
}

extension Double {
    /// `nil` for what JSON cannot say.
    fileprivate var finite: Double? { isFinite ? self : nil }
}

extension Double? {
    fileprivate var finite: Double? { flatMap { $0.isFinite ? $0 : nil } }
}
