/// What the doctor says of a patient.
public struct Diagnosis: Sendable {
    /// What the rules judged by.
    public let evidence: Evidence
    /// Causes first, the surest and most serious in front; their symptoms are inside them.
    public let findings: [Finding]
    /// Rules that had not enough to judge by, with what they lack.
    public let undecided: [(rule: String, reason: String)]
    /// Rules that found nothing.
    public let healthy: [String]
    /// What came of trying remedies, where they were tried.
    public var treatment: Treatment?

    /// Whether something was found that hurts training; notes do not count.
    public var isHealthy: Bool { !findings.contains { $0.severity > .note } }

    /// Mistakes that are notes only because the network trains all the same, the most suspicious first.
    var suspects: [Finding] {
        func all(_ findings: [Finding]) -> [Finding] { findings.flatMap { [$0] + all($0.symptoms) } }
        let notes = all(findings).filter { $0.severity == .note && Counterfactual.rules.contains($0.rule) }
        return notes.filter { $0.suspected != nil }.sorted { a, b in
            let (first, second) = (a.suspected ?? .note, b.suspected ?? .note)
            return first == second ? a.confidence > b.confidence : first > second
        }
    }

    /// Judges the evidence by every rule.
    public init(_ evidence: Evidence, rules: [Rule] = Rule.all) {
        let evidence = evidence.settling()
        var found: [Finding] = []
        var undecided: [(String, String)] = []
        var healthy: [String] = []
        for rule in rules {
            // Before a training has ended, nobody knows what comes of it.
            if rule.isOutcome, evidence.course?.isRunning == true {
                undecided.append((rule.id, "judged when the training has ended"))
                continue
            }
            switch rule.judge(evidence) {
            case .healthy: healthy.append(rule.id)
            case .notYet(let reason): undecided.append((rule.id, reason))
            case .findings(let list): found += list
            }
        }
        self.evidence = evidence
        findings = Diagnosis.ranked(found, rules)
        (self.undecided, self.healthy) = (undecided, healthy)
    }

    /// Puts symptoms under the findings that explain them, and the rest into order.
    ///
    /// A finding is a symptom when a rule that lists it in `explains` has fired with at least the severity of a warning;
    /// of several explanations the surest takes it. Explanations of explanations reach down all the way, and of two that
    /// explain each other the one that was there before the first step is the cause. What was taken for harmless because the
    /// network trains is not when one of its own symptoms is seen while training.
    package static func ranked(_ judged: [Finding], _ rules: [Rule]) -> [Finding] {
        let explains = Dictionary(rules.map { ($0.id, Set($0.explains)) }) { a, _ in a }
        let seen = Set(rules.filter { $0.stage != .before }.map(\.id))
        let found = judged.map { finding in
            guard finding.severity == .note, finding.suspected != nil,
                judged.contains(where: {
                    $0.severity > .note && $0.suspected == nil && seen.contains($0.rule)
                        && explains[finding.rule]?.contains($0.rule) == true
                })
            else { return finding }
            var finding = finding
            finding.severity = .warning
            return finding
        }
        func isBefore(_ a: Finding, _ b: Finding) -> Bool {
            if a.severity != b.severity { return a.severity > b.severity }
            if a.confidence != b.confidence { return a.confidence > b.confidence }
            return a.since < b.since
        }
        /// The rules a finding explains, directly or through others that fired.
        func reach(_ rule: String) -> Set<String> {
            var reached: Set<String> = []
            var open = [rule]
            while let next = open.popLast() {
                for target in explains[next] ?? [] where target != rule && reached.insert(target).inserted {
                    if found.contains(where: { $0.rule == target }) { open.append(target) }
                }
            }
            return reached
        }
        let outcomes = Set(rules.filter(\.isOutcome).map(\.id))
        // What says only that it does not learn is a symptom of whatever says why.
        let reached = Dictionary(
            found.map { ($0.rule, outcomes.contains($0.rule) ? reach($0.rule) : reach($0.rule).union(outcomes)) }
        ) { a, _ in a }
        let sorted = found.sorted(by: isBefore)
        var causes: [Finding] = []
        var symptoms: [Finding] = []
        for finding in sorted {
            // Two rules that explain each other: what was there before the first step is the cause of what came later, and else
            // the first in order.
            func isCause(_ other: Finding) -> Bool {
                finding.severity == .note || (other.since == 0) == (finding.since == 0)
                    ? isBefore(other, finding) : other.since == 0
            }
            let isExplained = sorted.contains { other in
                other.rule != finding.rule && other.severity > .note
                    && (reached[other.rule] ?? []).contains(finding.rule)
                    && (!(reached[finding.rule] ?? []).contains(other.rule) || isCause(other))
            }
            if isExplained { symptoms.append(finding) } else { causes.append(finding) }
        }
        for symptom in symptoms {
            let owner = causes.firstIndex { (reached[$0.rule] ?? []).contains(symptom.rule) }
            if let owner { causes[owner].symptoms.append(symptom) } else { causes.append(symptom) }
        }
        return causes
    }
}
