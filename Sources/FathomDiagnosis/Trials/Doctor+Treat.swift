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
    ///    what the findings measured has moved, see ``Treatment/Verdict``.
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
        var seconds = 0.0

        var title: String { remedies.map(\.title).joined(separator: " + ") }
        func mean(_ seeds: [UInt64]) -> Double {
            seeds.reduce(0) { $0 + (skills[$1] ?? 0) } / Double(max(seeds.count, 1))
        }
    }

    private let doctor: Doctor
    private let settings: Treatment.Settings
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
    /// The most work of one run.
    private var runLimit = Double.infinity
    private var comparisons = 1
    private var control: Candidate

    private var firstSeed: UInt64 { diagnosis.evidence.setup.patient.configuration.training.seed }
    private var seeds: [UInt64] { (0..<UInt64(max(settings.seeds, 5))).map { firstSeed &+ $0 } }
    private var moreSeeds: [UInt64] { (0..<UInt64(max(settings.seeds, 5))).map { firstSeed &+ 100 &+ $0 } }
    /// Those that candidates are chosen by.
    private var screening: [UInt64] { (0..<3).map { firstSeed &+ 1000 &+ $0 } }

    init(_ doctor: Doctor, _ diagnosis: Diagnosis, _ stop: StopRequest) throws {
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
            // Controls, rounds of candidates and finals come to some sixty runs of the control.
            let planned = Double(subject.plannedSteps) * subject.workPerStep
            share = min(1, settings.budget / 60 / max(planned, 1))
            // A remedy may train longer; not without end.
            runLimit = max(8 * share * planned, settings.budget / 60)
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
    private func run(_ candidates: inout [Candidate], _ seeds: [UInt64], part: Double = 1) throws {
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
            let most = max(runLimit / max(subject.workPerStep, 1), 1)
            let steps = max(1, (min(share * Double(subject.plannedSteps), most) * part).rounded())
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
            let skill = try all[k].subject.skill(seed: all[k].seed, steps: all[k].steps, stop: stop)
            results.set(k, skill ?? trivial, (clock.now - begin).seconds)
        }
        for (job, result) in zip(jobs, results.values) {
            candidates[job.candidate].skills[job.seed] = result.skill
            candidates[job.candidate].seconds += result.seconds
        }
    }

    /// What threads found, by job.
    private final class Results: Sendable {
        private let store: Mutex<[(skill: Double, seconds: Double)]>

        init(_ count: Int) { store = Mutex([(skill: Double, seconds: Double)](repeating: (0, 0), count: count)) }

        func set(_ k: Int, _ skill: Double, _ seconds: Double) { store.withLock { $0[k] = (skill, seconds) } }
        var values: [(skill: Double, seconds: Double)] { store.withLock { $0 } }
    }

    mutating func run(_ progress: (Doctor.Progress) -> Void) throws -> Treatment {
        guard let first = findings.first else {
            return treatment("", [], "Nothing was found that calls for a treatment.")
        }
        var known = [control]
        try run(&known, seeds + screening)
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
            let built = try buildUp(best, progress)
            finalists.append(built)
            if built.remedies.count > best.remedies.count { finalists.append(best) }
            finalists += candidates.filter { other in !finalists.contains { $0.title == other.title } }
            eliminated += finalists.dropFirst(max(settings.finalists, 1))
            finalists = Array(finalists.prefix(max(settings.finalists, 1)))
        }
        let random = drawn(besides: finalists + eliminated)
        comparisons = max(2 * finalists.count, 1)
        let trials = try finals(finalists + (random.map { [$0] } ?? []), progress)
        return treatment(first.rule, trials + eliminated.map { trial($0, screening, .eliminated) }, nil)
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
        for (rank, finding) in findings.prefix(5).enumerated() {
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
        let rounds: [(seeds: [UInt64], part: Double)] = [
            (Array(screening.prefix(1)), 1.0 / 3), (Array(screening.prefix(2)), 1), (screening, 1),
        ]
        for (round, stage) in rounds.enumerated() {
            let keep = round == 0 ? (candidates.count + 1) / 2 + 1 : max(settings.finalists, (candidates.count + 1) / 2)
            if round == 0, candidates.count <= settings.finalists { continue }
            if stop.isRequested { break }
            progress(.note("round \(round + 1): \(candidates.count) candidates, \(stage.seeds.count) seeds"))
            try run(&candidates, stage.seeds, part: stage.part)
            // Equal ones stay in the order of the findings.
            let order = candidates.indices.sorted {
                let (a, b) = (candidates[$0].mean(stage.seeds), candidates[$1].mean(stage.seeds))
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
        for finding in base.findings where base.findings.count > 1 {
            if stop.isRequested { break }
            var without = control
            var left = Candidate(patient: control.patient)
            for (remedy, owner) in owners(base) where owner.rule != finding.rule {
                guard let next = adding(.init(remedy.id, remedy.title), for: owner, to: without) else { continue }
                without = next
                left = next
            }
            guard left.subject != nil, left.remedies.count < base.remedies.count else { continue }
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

    private mutating func finals(
        _ given: [Candidate], _ progress: (Doctor.Progress) -> Void
    ) throws -> [Treatment.Trial] {
        var finalists = given
        if !stop.isRequested { try run(&finalists, seeds) }
        var trials: [Treatment.Trial] = []
        for var candidate in finalists where seeds.allSatisfy({ candidate.skills[$0] != nil }) {
            var used = seeds
            // A second look, where the first leaves open what seems to be a gain.
            let first = gain(candidate, used)
            let isOpen = first.gain >= settings.smallestGain && first.gain > first.standardError
            if isOpen, !isShown(first), !candidate.isRandom, !stop.isRequested {
                var both = [control, candidate]
                try run(&both, moreSeeds)
                (control, candidate) = (both[0], both[1])
                used += moreSeeds
            }
            let result = try judged(candidate, used)
            progress(
                .note(
                    "\(result.title): \(skillName) \(brief(control.mean(used))) → \(brief(candidate.mean(used))), "
                        + "\(result.verdict.rawValue)"))
            trials.append(result)
        }
        func rank(_ trial: Treatment.Trial) -> Int {
            switch trial.verdict {
            case .proven: 0
            case .gainWithoutMechanism: 1
            case .symptomGone: 2
            case .noGain: 3
            case .worse: 4
            case .eliminated: 5
            case .failed: 6
            }
        }
        return trials.sorted { rank($0) != rank($1) ? rank($0) < rank($1) : $0.gain > $1.gain }
    }

    private func gain(_ candidate: Candidate, _ seeds: [UInt64]) -> PairedGain {
        PairedGain(
            control: seeds.map { control.skills[$0] ?? trivial },
            treated: seeds.map { candidate.skills[$0] ?? trivial },
            rows: heldOutRows, isAccuracy: isClasses, isSample: hasOtherRows)
    }

    private func isShown(_ gain: PairedGain) -> Bool {
        gain.isShown(comparisons: comparisons, smallest: settings.smallestGain)
    }

    private func judged(_ candidate: Candidate, _ seeds: [UInt64]) throws -> Treatment.Trial {
        let gain = gain(candidate, seeds)
        if gain.interval().upperBound < 0 { return trial(candidate, seeds, .worse) }
        // A remedy by lot was meant for nothing that could have moved.
        if candidate.isRandom { return trial(candidate, seeds, isShown(gain) ? .gainWithoutMechanism : .noGain) }
        let moved = try hasMoved(candidate)
        // What is still no better than a constant answer is no cure, however much worse it was before.
        let isOfUse = candidate.mean(seeds) > trivial
        let verdict: Treatment.Verdict =
            switch (isShown(gain) && isOfUse, moved) {
            case (true, true): .proven
            case (true, false): .gainWithoutMechanism
            case (false, true): .symptomGone
            case (false, false): .noGain
            }
        return trial(candidate, seeds, verdict, moved: moved)
    }

    /// Whether what the findings measured has moved in a watched training of the treated network.
    private func hasMoved(_ candidate: Candidate) throws -> Bool {
        let needsWatching = candidate.findings.contains { finding in
            doctor.rules.first { $0.id == finding.rule }?.stage != .before
        }
        // One that cannot be examined has not shown anything.
        var once = doctor
        once.settings.otherStarts = 0
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
        _ candidate: Candidate, _ wanted: [UInt64], _ verdict: Treatment.Verdict, moved: Bool = false
    ) -> Treatment.Trial {
        let seeds = wanted.filter { candidate.skills[$0] != nil && control.skills[$0] != nil }
        let isKnown = seeds.count > 1
        let gain = gain(candidate, isKnown ? seeds : [])
        let before = spelledOut(control.patient)
        let after = spelledOut(candidate.patient)
        return Treatment.Trial(
            remedies: candidate.remedies.map(\.id), title: candidate.title, reason: candidate.reason,
            isRandom: candidate.isRandom, seeds: seeds, control: seeds.map { control.skills[$0] ?? trivial },
            treated: seeds.map { candidate.skills[$0] ?? trivial }, gain: isKnown ? gain.gain : 0,
            interval: isKnown ? gain.interval() : -2...2, mechanismMoved: moved,
            verdict: candidate.subject == nil ? .failed : verdict,
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
                "Finalists ran on \(seeds.count) seeds beside the control, other ones than they were chosen by; proven "
                    + "means a gain of at least \(settings.smallestGain) whose interval, widened for \(comparisons) "
                    + "comparisons, excludes 0, and a finding that has moved.")
            if let winner = trials.first(where: { $0.verdict == .proven && !$0.isRandom }) {
                lines.append("Proven: \(winner.title).")
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
