import FathomData
import FathomTraining
import Foundation
import Synchronization

extension Doctor {
    /// Tries the remedies that the findings suggest, and proves which of them help.
    ///
    /// 1. Candidates: the suggestions of each cause and of its symptoms, in rank order; the leading suggestions of several
    ///    findings together; one remedy drawn by lot, to show what any change does.
    /// 2. Successive halving on a few seeds; the best is then built up, finding by finding, by what still helps on top.
    /// 3. The finalists beside the control on other seeds than those they were chosen by: same seed, same order of the rows
    ///    and, where shapes agree, same first weights.
    /// 4. A gain counts as proven when it is of use, its interval excludes 0 (widened for the number of comparisons), and
    ///    what the findings measured has moved, see ``Treatment/Verdict``. A combination that trains longer must also beat
    ///    the untreated network that trains as long, so that no cure is credited with time.
    /// 5. Where that leaves it open, more seeds follow, as far as they are affordable; the error of 5 % is shared out over
    ///    these looks beforehand. A network that comes just as far, but in far less work, is ``Treatment/Verdict/faster``.
    ///
    /// Runs with values that are no numbers count as the answer of a model that learnt nothing; R² counts as at least −1.
    ///
    /// - Parameter stop: ends it early; what is proven by then is returned.
    /// - Throws: ``ConfigError``, ``DataError`` or ``GraphError`` for data that cannot be trained on.
    public func treat(
        _ diagnosis: Diagnosis, stop: StopRequest = StopRequest(), progress: (Progress) -> Void = { _ in }
    ) throws -> Treatment {
        var trials = try Trials(self, diagnosis, stop)
        return try trials.run(progress)
    }

    /// Tries out whether settings that look wrong in a network that trains all the same do no harm: puts each right and
    /// compares over paired seeds.
    ///
    /// - Returns: one answer for each of the most suspicious findings that has a remedy.
    func weigh(_ diagnosis: Diagnosis, stop: StopRequest = StopRequest()) throws -> [Counterfactual] {
        try weigh(diagnosis.suspects, in: diagnosis, stop: stop)
    }

    /// The same for what somebody else suspects.
    func weigh(_ all: [Finding], in diagnosis: Diagnosis, stop: StopRequest) throws -> [Counterfactual] {
        let suspects = Array(all.prefix(Self.mostSuspects))
        guard !suspects.isEmpty else { return [] }
        var trials = try Trials(self, diagnosis, stop, runs: 5 * (suspects.count + 1))
        return try trials.weigh(suspects)
    }

    private static let mostSuspects = 3
}

/// The trials of one diagnosis.
private struct Trials {
    /// A changed patient on trial.
    private struct Candidate {
        var remedies: [Remedy] = []
        var reason = ""
        /// The findings it was suggested for.
        var findings: [Finding] = []
        var patient: Patient
        /// `nil` when it cannot be built.
        var subject: TrialSubject?
        var isRandom = false
        var skills: [UInt64: Double] = [:]
        /// How far it had come in between, for seeds of the finals.
        var courses: [UInt64: [PairedSpeed.Point]] = [:]
        var seconds = 0.0

        var title: String { remedies.map(\.title).joined(separator: " + ") }
        func mean(_ seeds: [UInt64]) -> Double {
            seeds.reduce(0) { $0 + (skills[$1] ?? 0) } / Double(max(seeds.count, 1))
        }
    }

    private let doctor: Doctor
    private var settings: Treatment.Settings
    private let diagnosis: Diagnosis
    private let stop: StopRequest
    private let findings: [Finding]
    private let isClasses: Bool
    private let heldOutRows: Int
    /// Whether skill is measured on other rows than are learnt from.
    private let hasOtherRows: Bool
    /// The skill of a model that learnt nothing.
    private let trivial: Double
    private let threads: Int
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    /// Which part of a planned training is run.
    private var share = 1.0
    /// Whether every run costs so much that fewer are made.
    private var isThrifty = false
    private static let leastSteps = 60.0
    /// The most work of one run.
    private var runLimit = Double.infinity
    /// Treatments that are compared with the control in the finals.
    private var compared = 1
    private var control: Candidate
    /// The untreated network trained for as many epochs as a treated one.
    private var longer: [Int: Candidate] = [:]

    private var firstSeed: UInt64 { diagnosis.evidence.setup.patient.configuration.training.seed }
    private var seeds: [UInt64] { (0..<UInt64(max(settings.seeds, 5))).map { firstSeed &+ $0 } }
    /// Seeds of the looks that follow the first: as many again each time.
    private func moreSeeds(_ known: Int) -> [UInt64] {
        (0..<UInt64(known)).map { firstSeed &+ 100 &+ UInt64(known) &+ $0 }
    }
    /// Those that candidates are chosen by.
    private var screening: [UInt64] { (0..<3).map { firstSeed &+ 1000 &+ $0 } }

    /// - Parameter runs: how many runs of the control the trials come to. Controls, rounds of candidates and finals of a
    ///   treatment are some sixty.
    init(_ doctor: Doctor, _ diagnosis: Diagnosis, _ stop: StopRequest, runs: Int = 60) throws {
        (self.doctor, self.diagnosis, self.stop) = (doctor, diagnosis, stop)
        settings = doctor.settings.treatment
        start = clock.now
        let setup = diagnosis.evidence.setup
        findings = diagnosis.findings.filter { $0.severity > .note }
        isClasses = setup.task.isClassification
        threads = doctor.settings.threads ?? ProcessInfo.processInfo.activeProcessorCount
        let prepared = try setup.patient.prepared()
        let heldOut = prepared.split.validation ?? prepared.split.test
        heldOutRows = heldOut.rowCount
        hasOtherRows = heldOut.inputs != prepared.split.train.inputs
        trivial = isClasses ? Self.majority(prepared.split.train, heldOut) : 0
        control = Candidate(patient: setup.patient, subject: try? TrialSubject(setup.patient))
        if let subject = control.subject {
            let planned = Double(subject.plannedSteps) * subject.workPerStep
            var each = settings.budget / Double(max(runs, 1))
            if subject.workPerRow > Doctor.heavy {
                // Fewer things are tried then, over no fewer seeds, and no run is so short that it says nothing.
                isThrifty = true
                (settings.candidates, settings.finalists) = (min(settings.candidates, 3), 1)
                each = max(2.5 * each, Self.leastSteps * subject.workPerStep)
            }
            share = min(1, each / max(planned, 1))
            // A remedy may train longer; not without end.
            runLimit = max(8 * share * planned, each)
        }
    }

    /// The accuracy of the most frequent class.
    private static func majority(_ train: Dataset, _ heldOut: Dataset) -> Double {
        guard case .classes(let labels, let names) = train.targets, case .classes(let asked, _) = heldOut.targets,
            !asked.isEmpty
        else { return 0 }
        var counts = [Int](repeating: 0, count: max(names.count, 1))
        for label in labels where counts.indices.contains(Int(label)) { counts[Int(label)] += 1 }
        let most = counts.indices.max { counts[$0] < counts[$1] } ?? 0
        return Double(asked.count { Int($0) == most }) / Double(asked.count)
    }

    // MARK: Running

    /// Trains candidates on seeds they do not know yet, all runs side by side.
    ///
    /// - Parameter evaluations: how often skill is measured in between.
    private func run(
        _ candidates: inout [Candidate], _ seeds: [UInt64], part: Double = 1, evaluations: Int = 0
    ) throws {
        struct Job: Sendable {
            let candidate: Int
            let seed: UInt64
            let subject: TrialSubject
            let steps: Int
        }
        var jobs: [Job] = []
        for i in candidates.indices {
            guard let subject = candidates[i].subject else {
                for seed in seeds { candidates[i].skills[seed] = trivial }
                continue
            }
            let steps = max(1, (self.steps(subject) * part).rounded())
            for seed in seeds where part < 1 || candidates[i].skills[seed] == nil {
                jobs.append(Job(candidate: i, seed: seed, subject: subject, steps: Int(min(steps, 1e9))))
            }
        }
        // The longest first, so that no thread is left with one at the end.
        jobs.sort { $0.subject.workPerStep * Double($0.steps) > $1.subject.workPerStep * Double($1.steps) }
        let results = Results(jobs.count)
        let (stop, trivial, all, clock) = (stop, trivial, jobs, clock)
        try concurrently(jobs.count, threads: threads) { k in
            let begin = clock.now
            let job = all[k]
            let outcome = try job.subject.run(
                seed: job.seed, steps: job.steps, evaluations: evaluations, stop: stop)
            results.set(k, outcome, (clock.now - begin).seconds)
        }
        for (job, result) in zip(jobs, results.values) {
            candidates[job.candidate].skills[job.seed] = result.outcome.skill ?? trivial
            candidates[job.candidate].courses[job.seed] = result.outcome.curve
            candidates[job.candidate].seconds += result.seconds
        }
    }

    /// Steps of a whole run.
    private func steps(_ subject: TrialSubject) -> Double {
        min(share * Double(subject.plannedSteps), max(runLimit / max(subject.workPerStep, 1), 1))
    }

    /// The work of a whole run.
    private func work(_ candidate: Candidate) -> Double {
        candidate.subject.map { steps($0) * $0.workPerStep } ?? 0
    }

    /// What threads found, by job.
    private final class Results: Sendable {
        private let store: Mutex<[(outcome: TrialSubject.Outcome, seconds: Double)]>

        init(_ count: Int) { store = Mutex([(TrialSubject.Outcome, Double)](repeating: (.init(), 0), count: count)) }

        func set(_ k: Int, _ outcome: TrialSubject.Outcome, _ seconds: Double) {
            store.withLock { $0[k] = (outcome, seconds) }
        }
        var values: [(outcome: TrialSubject.Outcome, seconds: Double)] { store.withLock { $0 } }
    }

    mutating func run(_ progress: (Doctor.Progress) -> Void) throws -> Treatment {
        guard let first = findings.first else {
            return treatment("", [], "Nothing was found that calls for a treatment.")
        }
        var known = [control]
        try run(&known, seeds + (isThrifty ? [] : screening), evaluations: Self.evaluations)
        control = known[0]
        let reached = control.mean(seeds)
        progress(.note("control: \(skillName) \(brief(reached)) over \(seeds.count) seeds"))
        if 1 - reached < settings.smallestGain {
            return treatment(
                first.rule, [],
                "The network already reaches \(skillName) \(brief(reached)): there is nothing to gain by a treatment.")
        }
        if stop.isRequested { return treatment(first.rule, [], "It was stopped before anything was tried.") }

        var candidates = candidates()
        var eliminated: [Candidate] = []
        let best = try screen(&candidates, &eliminated, progress)
        var finalists: [Candidate] = []
        if let best {
            let built = isThrifty ? best : try buildUp(best, progress)
            finalists.append(built)
            if built.remedies.count > best.remedies.count { finalists.append(best) }
            finalists += candidates.filter { other in !finalists.contains { $0.title == other.title } }
            eliminated += finalists.dropFirst(max(settings.finalists, 1))
            finalists = Array(finalists.prefix(max(settings.finalists, 1)))
        }
        let random = drawn(besides: finalists + eliminated)
        let trials = try finals(finalists + (random.map { [$0] } ?? []), progress)
        return treatment(first.rule, trials + eliminated.map { trial($0, screening, .eliminated) }, nil)
    }

    /// Whether putting a suspicious setting right makes a difference that matters.
    mutating func weigh(_ suspects: [Finding]) throws -> [Counterfactual] {
        var candidates: [Candidate] = []
        for finding in suspects {
            let righted = finding.suggestions.compactMap { adding($0, for: finding, to: control) }
            if let first = righted.first(where: { $0.subject != nil }) { candidates.append(first) }
        }
        guard control.subject != nil, !candidates.isEmpty else { return [] }
        var all = [control] + candidates
        try run(&all, seeds, evaluations: Self.evaluations)
        (control, candidates) = (all[0], Array(all.dropFirst()))
        compared = candidates.count
        var answers: [Counterfactual] = []
        for var candidate in candidates where !stop.isRequested {
            guard let finding = candidate.findings.first, let remedy = candidate.remedies.first else { continue }
            var used = seeds
            var (gain, speed, isHarm) = (gain(candidate, used, over: control), speed(candidate, used), false)
            for look in Self.looks.indices {
                (gain, speed) = (self.gain(candidate, used, over: control), self.speed(candidate, used))
                // Of what is left to be gained a third at least; half of it in a training that was cut short, where a part of a
                // gain may be pace.
                let least = max(2 * settings.smallestGain, (1 - control.mean(used)) / (share == 1 ? 3 : 2))
                isHarm =
                    gain.gain >= least && isShown(gain, look)
                    || isShown(speed, gain, look, least: Counterfactual.smallestSpeedup)
                let isOpen =
                    gain.gain >= least && gain.gain > gain.standardError
                    || speed.map { $0.factor >= Counterfactual.smallestSpeedup && $0.isOpen } ?? false
                let cost = Double(used.count) * (work(control) + work(candidate))
                guard !isHarm, isOpen, look + 1 < Self.looks.count, cost <= settings.budget / 4, !stop.isRequested
                else {
                    break
                }
                let more = moreSeeds(used.count)
                var both = [control, candidate]
                try run(&both, more, evaluations: Self.evaluations)
                (control, candidate) = (both[0], both[1])
                used += more
            }
            answers.append(
                Counterfactual(
                    rule: finding.rule, remedy: remedy.id, title: remedy.title, skillName: skillName, seeds: used.count,
                    before: control.mean(used), after: candidate.mean(used), gain: gain.gain, interval: gain.interval(),
                    speed: speed.map { .init(factor: $0.factor, interval: $0.interval()) }, isHarm: isHarm))
        }
        return answers
    }

    // MARK: Candidates

    private func evidence(for patient: Patient) -> Evidence {
        var evidence = diagnosis.evidence
        evidence.replacePatient(patient)
        return evidence
    }

    /// A candidate with one more remedy; `nil` where it changes nothing.
    private func adding(_ suggestion: Finding.Suggestion, for finding: Finding, to base: Candidate) -> Candidate? {
        guard let remedy = Remedy.named(suggestion.remedy), !base.remedies.contains(where: { $0.id == remedy.id }),
            let patient = remedy.apply(evidence(for: base.patient), finding)
        else { return nil }
        var next = Candidate(patient: patient, subject: try? TrialSubject(patient))
        next.remedies = base.remedies + [remedy]
        next.reason = base.reason.isEmpty ? suggestion.reason : base.reason + "; " + suggestion.reason
        next.findings = base.findings
        if !next.findings.contains(where: { $0.rule == finding.rule }) { next.findings.append(finding) }
        return next
    }

    /// Suggestions of a finding and then of its symptoms, each remedy once.
    private func suggestions(_ finding: Finding) -> [Finding.Suggestion] {
        var known: Set<String> = []
        func all(_ finding: Finding) -> [Finding.Suggestion] {
            finding.suggestions + finding.symptoms.flatMap(all)
        }
        return all(finding).filter { known.insert($0.remedy).inserted }
    }

    private func candidates() -> [Candidate] {
        var found: [Candidate] = []
        func add(_ candidate: Candidate?) {
            guard let candidate else { return }
            let isKnown = found.contains {
                $0.patient.configuration == candidate.patient.configuration
                    && ($0.patient.loss == nil) == (candidate.patient.loss == nil)
            }
            if !isKnown { found.append(candidate) }
        }
        for (rank, finding) in findings.prefix(isThrifty ? 2 : 5).enumerated() {
            let own = suggestions(finding).prefix(rank == 0 ? settings.candidates : max(1, settings.candidates / 3))
            for suggestion in own { add(adding(suggestion, for: finding, to: control)) }
        }
        // Several faults at once: alone, the cure of one may show nothing while another is left.
        var joint = control
        for finding in findings.prefix(5) {
            for suggestion in suggestions(finding) {
                guard let next = adding(suggestion, for: finding, to: joint) else { continue }
                joint = next
                break
            }
            if joint.remedies.count > 1 { add(joint) }
        }
        // And all that is wrong with it: what stands under a cause may need a cure of its own once the cause is gone, such as
        // too few epochs under an output that could not learn at all.
        var together = control
        for (finding, owner) in findings.prefix(5).flatMap({ cause in flattened(cause).map { ($0, cause) } })
        where together.remedies.count < Self.mostTogether && finding.severity > .note {
            for suggestion in finding.suggestions
            where !together.remedies.contains(where: { $0.changesTheSame(suggestion) }) {
                guard let next = adding(suggestion, for: owner, to: together) else { continue }
                together = next
                break
            }
            if together.remedies.count > 1 { add(together) }
        }
        return found
    }

    private static let mostTogether = 6

    private func flattened(_ finding: Finding) -> [Finding] { [finding] + finding.symptoms.flatMap(flattened) }

    /// Successive halving: the best of the candidates; the rest goes to `eliminated`, but for a few in `candidates`.
    private mutating func screen(
        _ candidates: inout [Candidate], _ eliminated: inout [Candidate], _ progress: (Doctor.Progress) -> Void
    ) throws -> Candidate? {
        guard !candidates.isEmpty else { return nil }
        eliminated += candidates.filter { $0.subject == nil }
        candidates.removeAll { $0.subject == nil }
        let rounds: [(seeds: [UInt64], part: Double)] =
            isThrifty
            ? [(Array(screening.prefix(1)), 1)]
            : [(Array(screening.prefix(1)), 1.0 / 3), (Array(screening.prefix(2)), 1), (screening, 1)]
        for (round, stage) in rounds.enumerated() {
            let keep =
                round == 0 && !isThrifty
                ? (candidates.count + 1) / 2 + 1 : max(settings.finalists, (candidates.count + 1) / 2)
            if round == 0, candidates.count <= settings.finalists { continue }
            if stop.isRequested { break }
            progress(.note("round \(round + 1): \(candidates.count) candidates, \(stage.seeds.count) seeds"))
            try run(&candidates, stage.seeds, part: stage.part)
            // Equal ones, as far as that is of use, stay in the order of the findings.
            let order = candidates.indices.sorted {
                let a = (candidates[$0].mean(stage.seeds) / settings.smallestGain).rounded()
                let b = (candidates[$1].mean(stage.seeds) / settings.smallestGain).rounded()
                return a == b ? $0 < $1 : a > b
            }
            let lost = round < rounds.count - 1 ? order.dropFirst(keep) : []
            // What came of a part of a training is not compared with whole ones.
            if stage.part < 1 { for i in candidates.indices { candidates[i].skills = [:] } }
            eliminated += lost.map { candidates[$0] }
            candidates = order.filter { !lost.contains($0) }.map { candidates[$0] }
        }
        return candidates.first
    }

    /// The best candidate with remedies for the findings it leaves, as long as each shows a gain on top; without those that
    /// it does as well without.
    private mutating func buildUp(_ best: Candidate, _ progress: (Doctor.Progress) -> Void) throws -> Candidate {
        var base = best
        // Twice: what shows nothing at first may do so once another obstacle is gone.
        for finding in Array(findings.prefix(5)) + Array(findings.prefix(5)) {
            if stop.isRequested || 1 - base.mean(screening) < settings.smallestGain { break }
            // What the cause itself asks for first, and then time and room, which a cure of something else may need.
            let all = suggestions(finding)
            let more = all.dropFirst(3).filter { ["trainLonger", "wider"].contains($0.remedy) }
            var next = (all.prefix(3) + more).filter { one in !base.remedies.contains { $0.changesTheSame(one) } }
                .compactMap { adding($0, for: finding, to: base) }.filter { $0.subject != nil }
            guard !next.isEmpty else { continue }
            progress(.note("on top of \(base.title): \(next.map { $0.remedies.last?.title ?? "" })"))
            try run(&next, screening)
            let top = next.max { $0.mean(screening) < $1.mean(screening) }
            if let top, top.mean(screening) - base.mean(screening) >= settings.smallestGain { base = top }
        }
        // What it does as well without is left out, the last first: time, too, must be needed.
        for (dropped, _) in owners(base).reversed() where base.remedies.count > 1 {
            if stop.isRequested { break }
            var left = control
            for (remedy, owner) in owners(base) where remedy.id != dropped.id {
                left = adding(.init(remedy.id, remedy.title), for: owner, to: left) ?? left
            }
            guard left.subject != nil, !left.remedies.isEmpty, left.remedies.count < base.remedies.count else {
                continue
            }
            left.skills = [:]
            left.courses = [:]
            var one = [left]
            try run(&one, screening)
            if base.mean(screening) - one[0].mean(screening) < settings.smallestGain / 2 {
                one[0].reason = base.reason
                base = one[0]
            }
        }
        return base
    }

    /// The remedies of a candidate, each with the finding that suggests it.
    private func owners(_ candidate: Candidate) -> [(Remedy, Finding)] {
        candidate.remedies.compactMap { remedy in
            candidate.findings.first { finding in suggestions(finding).contains { $0.remedy == remedy.id } }
                .map { (remedy, $0) }
        }
    }

    /// A remedy that nothing suggests, drawn from those that apply.
    private func drawn(besides tried: [Candidate]) -> Candidate? {
        let suggested = Set(findings.flatMap { suggestions($0).map { $0.remedy.lowercased() } })
        var generator = SeededGenerator(seed: settings.lot, stream: 77)
        for remedy in Remedy.all.shuffled(using: &generator) where !suggested.contains(remedy.id.lowercased()) {
            guard let patient = remedy.apply(evidence(for: control.patient), nil),
                let subject = try? TrialSubject(patient)
            else { continue }
            var candidate = Candidate(patient: patient, subject: subject)
            candidate.remedies = [remedy]
            candidate.reason = "drawn by lot, to show what any change does"
            candidate.isRandom = true
            return candidate
        }
        return nil
    }

    // MARK: Finals

    /// How often skill is measured in a run of the finals: a factor of at most 2 between neighbours up to 10⁷ steps.
    private static let evaluations = 24
    /// How the error of 5 % is shared out over looks at 5, 10, 20, 40 and 80 seeds: half for the first.
    private static let looks = [2, 8, 8, 8, 8]

    private mutating func finals(
        _ given: [Candidate], _ progress: (Doctor.Progress) -> Void
    ) throws -> [Treatment.Trial] {
        var finalists = given
        if !stop.isRequested { try run(&finalists, seeds, evaluations: Self.evaluations) }
        // Where it trains longer beside other things, time alone is a finalist as well.
        var lengths: Set<Int> = []
        for candidate in finalists where isLonger(candidate) {
            guard lengths.insert(candidate.patient.configuration.training.epochs).inserted else { continue }
            let time = candidate.findings.first { suggestions($0).contains { $0.remedy == Self.time } }
            guard let time, !stop.isRequested else { continue }
            var alone = [sameLength(candidate)]
            alone[0].remedies = Remedy.named(Self.time).map { [$0] } ?? []
            alone[0].reason = "the untreated network, trained as long as the treated one"
            alone[0].findings = [time]
            try run(&alone, seeds, evaluations: Self.evaluations)
            longer[alone[0].patient.configuration.training.epochs] = alone[0]
            if !finalists.contains(where: { $0.patient.configuration == alone[0].patient.configuration }) {
                finalists.append(alone[0])
            }
        }
        compared = max(finalists.count { !$0.isRandom }, 1)
        var trials: [Treatment.Trial] = []
        for var candidate in finalists where seeds.allSatisfy({ candidate.skills[$0] != nil }) {
            let result = try judged(&candidate)
            progress(
                .note(
                    "\(result.title): \(skillName) \(brief(control.mean(result.seeds))) → "
                        + "\(brief(candidate.mean(result.seeds))), \(result.verdict.rawValue)"))
            trials.append(result)
        }
        func rank(_ trial: Treatment.Trial) -> Int {
            switch trial.verdict {
            case .proven: 0
            case .faster: 1
            case .gainWithoutMechanism: 2
            case .symptomGone: 3
            case .noGain: 4
            case .worse: 5
            case .eliminated: 6
            case .failed: 7
            }
        }
        return trials.sorted { rank($0) != rank($1) ? rank($0) < rank($1) : $0.gain > $1.gain }
    }

    private static let time = "trainLonger"

    /// Whether a candidate has more time beside something else.
    private func isLonger(_ candidate: Candidate) -> Bool {
        !candidate.isRandom && candidate.remedies.count > 1 && candidate.remedies.contains { $0.id == Self.time }
    }

    /// The control with a candidate's epochs.
    private func sameLength(_ candidate: Candidate) -> Candidate {
        let epochs = candidate.patient.configuration.training.epochs
        if let known = longer[epochs] { return known }
        var patient = control.patient
        patient.configuration.training.epochs = epochs
        patient.configuration.training.patience = nil
        return Candidate(patient: patient, subject: try? TrialSubject(patient))
    }

    private func gain(_ candidate: Candidate, _ seeds: [UInt64], over control: Candidate) -> PairedGain {
        PairedGain(
            control: seeds.map { control.skills[$0] ?? trivial },
            treated: seeds.map { candidate.skills[$0] ?? trivial },
            rows: heldOutRows, isAccuracy: isClasses, isSample: hasOtherRows)
    }

    /// How much less work it takes to come as far as the control does; `nil` where the control comes nowhere.
    private func speed(_ candidate: Candidate, _ seeds: [UInt64]) -> PairedSpeed? {
        let level = control.mean(seeds) - settings.smallestGain
        guard level > trivial + 0.05 else { return nil }
        return PairedSpeed(
            control: seeds.map { control.courses[$0] ?? [] }, treated: seeds.map { candidate.courses[$0] ?? [] },
            level: level)
    }

    /// Four fifths of the error are for skill, one for work.
    private func isShown(_ gain: PairedGain, _ look: Int) -> Bool {
        gain.isShown(comparisons: (Self.looks[look] * compared * 5 + 3) / 4, smallest: settings.smallestGain)
    }

    /// Whether it comes as far in so many times less work, and not less far in the end.
    private func isShown(_ speed: PairedSpeed?, _ gain: PairedGain, _ look: Int, least: Double) -> Bool {
        speed?.isShown(comparisons: Self.looks[look] * compared * 5, smallest: least) == true
            && gain.interval().lowerBound > -2 * settings.smallestGain
    }

    /// Looks at a candidate over more and more seeds, until it is decided or no longer affordable.
    private mutating func judged(_ candidate: inout Candidate) throws -> Treatment.Trial {
        var used = seeds
        // A remedy by lot was meant for nothing that could have moved.
        let moved = try !candidate.isRandom && hasMoved(candidate)
        for look in Self.looks.indices {
            let gain = gain(candidate, used, over: control)
            let speed = speed(candidate, used)
            if gain.interval().upperBound < 0 { return trial(candidate, used, .worse, moved: moved) }
            // What is still no better than a constant answer is no cure, however much worse it was before.
            var isProven = isShown(gain, look) && candidate.mean(used) > trivial
            let isGain = isProven
            if isGain, isLonger(candidate) {
                isProven = isShown(self.gain(candidate, used, over: sameLength(candidate)), look)
            }
            if candidate.isRandom { return trial(candidate, used, isGain ? .gainWithoutMechanism : .noGain) }
            if isProven { return trial(candidate, used, moved ? .proven : .gainWithoutMechanism, moved: moved) }
            if !isGain, isShown(speed, gain, look, least: settings.smallestSpeedup) {
                return trial(candidate, used, moved ? .faster : .gainWithoutMechanism, moved: moved, speed)
            }
            let seems =
                gain.gain >= settings.smallestGain && gain.gain > gain.standardError
                || speed.map { $0.factor >= settings.smallestSpeedup && $0.isOpen } ?? false
            // What seems to be a gain gets a second look in any case. Where a gain is neither shown nor excluded, as where
            // one start in five fails, more are made while they cost a small part of the whole.
            let isOpen = seems || gain.interval().upperBound >= settings.smallestGain
            let cost = Double(used.count) * (work(control) + work(candidate))
            // Of a large network less is tried, and what is may cost more, up to twice the whole.
            let isCheap = cost <= settings.budget * (seems ? isThrifty ? 2 : 0.25 : 0.0625)
            guard isOpen, moved, look + 1 < Self.looks.count, look == 0 && seems || isCheap, !stop.isRequested else {
                let verdict: Treatment.Verdict = isGain ? .gainWithoutMechanism : moved ? .symptomGone : .noGain
                return trial(candidate, used, verdict, moved: moved, speed)
            }
            let more = moreSeeds(used.count)
            var all = [control, candidate] + (isLonger(candidate) ? [sameLength(candidate)] : [])
            try run(&all, more, evaluations: Self.evaluations)
            (control, candidate) = (all[0], all[1])
            if all.count > 2 { longer[candidate.patient.configuration.training.epochs] = all[2] }
            used += more
        }
        return trial(candidate, used, moved ? .symptomGone : .noGain, moved: moved)
    }

    /// Whether what the findings measured has moved in a watched training of the treated network.
    private func hasMoved(_ candidate: Candidate) throws -> Bool {
        let needsWatching = candidate.findings.contains { finding in
            doctor.rules.first { $0.id == finding.rule }?.stage != .before
        }
        // One that cannot be examined has not shown anything.
        var once = doctor
        (once.settings.otherStarts, once.settings.weighs) = (0, false)
        guard let treated = try? once.examine(candidate.patient, watching: needsWatching, stop: stop) else {
            return false
        }
        return !candidate.findings.isEmpty && candidate.findings.allSatisfy { Mechanism.hasMoved($0, in: treated) }
    }

    // MARK: Saying it

    private var skillName: String { isClasses ? "accuracy" : "R²" }
    private func brief(_ x: Double) -> String { String(format: "%.3f", x) }

    /// The configuration as text, the model in its one form so that only real changes show.
    private func spelledOut(_ patient: Patient) -> String {
        var configuration = patient.configuration
        configuration.model = configuration.model.spelledOut
        // The doctor's own wish.
        if doctor.settings.threads != nil { configuration.training.threads = nil }
        return configuration.yaml
    }

    private func trial(
        _ candidate: Candidate, _ wanted: [UInt64], _ verdict: Treatment.Verdict, moved: Bool = false,
        _ speed: PairedSpeed? = nil
    ) -> Treatment.Trial {
        let seeds = wanted.filter { candidate.skills[$0] != nil && control.skills[$0] != nil }
        let isKnown = seeds.count > 1
        let gain = gain(candidate, isKnown ? seeds : [], over: control)
        let long = isLonger(candidate) ? longer[candidate.patient.configuration.training.epochs] : nil
        let before = spelledOut(control.patient)
        let after = spelledOut(candidate.patient)
        return Treatment.Trial(
            remedies: candidate.remedies.map(\.id), title: candidate.title, reason: candidate.reason,
            isRandom: candidate.isRandom, seeds: seeds, control: seeds.map { control.skills[$0] ?? trivial },
            treated: seeds.map { candidate.skills[$0] ?? trivial }, gain: isKnown ? gain.reported.gain : 0,
            interval: isKnown ? gain.reported.interval : -2...2, mechanismMoved: moved,
            verdict: candidate.subject == nil ? .failed : verdict,
            sameLength: long.map { long in seeds.compactMap { long.skills[$0] } },
            speed: speed.map { .init(factor: $0.factor, interval: $0.interval()) },
            diff: unifiedDiff(before, after, from: "original", to: "treated"), configuration: after,
            seconds: candidate.seconds)
    }

    private func treatment(_ rule: String, _ trials: [Treatment.Trial], _ message: String?) -> Treatment {
        var lines: [String] = []
        if let message {
            lines.append(message)
        } else {
            let part =
                share < 1
                ? "the first \(percent(share)) of the planned training" : "the whole planned training"
            lines.append(
                "Every run was \(part); skill is \(skillName) on \(heldOutRows) held-out rows, at least −1, and "
                    + "\(brief(trivial)) for runs whose values stopped being numbers.")
            lines.append(
                "Finalists ran on \(seeds.count) seeds or more beside the control, other ones than they were chosen by; "
                    + "proven means a gain of at least \(settings.smallestGain) whose interval, widened for "
                    + "\(compared) finalists, the looks at them and both measures, excludes 0, and a finding that has moved."
            )
            if let winner = trials.first(where: { $0.verdict == .proven && !$0.isRandom }) {
                lines.append("Proven: \(winner.title).")
            } else if let winner = trials.first(where: { $0.verdict == .faster && !$0.isRandom }) {
                lines.append(
                    "No gain in \(skillName) is shown; proven is that with \(winner.title) it comes as far in "
                        + "\(brief(1 / (winner.speed?.factor ?? 1))) of the work.")
            } else if findings.first?.isBeyondConfiguration == true {
                lines.append("What was found is beyond a configuration: no gain is proven, as was to be expected.")
            } else {
                lines.append("No gain is proven; it is best left as it is.")
            }
            if stop.isRequested { lines.append("It was stopped early.") }
        }
        return Treatment(
            rule: rule, trials: trials, skillName: skillName, summary: lines.joined(separator: " "),
            seconds: (clock.now - start).seconds)
    }
}

extension Evidence {
    /// Puts a changed patient in place, for remedies that are applied one after the other.
    mutating func replacePatient(_ patient: Patient) { setup.patient = patient }
}

extension Remedy {
    /// Whether a suggestion would undo this remedy: another activation, another initialisation, another learning rate.
    fileprivate func changesTheSame(_ suggestion: Finding.Suggestion) -> Bool {
        let kinds = ["Activation", "Initialization", "LearningRate", "Optimizer", "Batch", "rangeTest"]
        func kind(_ id: String) -> String? {
            kinds.first { id.hasSuffix($0) }.map { $0 == "rangeTest" ? "LearningRate" : $0 }
        }
        return id == suggestion.remedy || kind(id).map { $0 == kind(suggestion.remedy) } ?? false
    }
}
