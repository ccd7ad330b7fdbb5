extension Evidence {
    /// Whether the network really trains, whatever its set-up looks like: it reaches what simple methods reach, or was
    /// stopped on the way there.
    package var trains: Bool {
        guard course != nil else { return false }
        let standing = standing
        switch standing.state {
        case .learns: return true
        case .unclear: return standing.isFalling && standing.isCutShort && (standing.share ?? 0) >= Standing.stuckShare
        case .impaired, .stuck: return false
        }
    }

    /// How much a finding of the set-up weighs when the network trains all the same.
    package enum Harmless {
        /// What did no harm is worth knowing.
        case note
        /// As a note, unless the network stays behind what simple methods reach by more than chance: then it is what holds
        /// it back.
        case noteUnlessBehind
        /// A plain mistake stays one, even where training gets along with it this time.
        case mistake
    }

    /// A finding of the set-up after the course.
    package func tempered(_ finding: Finding, _ harmless: Harmless = .note) -> Rule.Judgement {
        guard finding.severity > .note, trains else { return .finding(finding) }
        let standing = standing
        var finding = finding
        finding.suspected = finding.severity
        if let tried = counterfactuals.first(where: { $0.rule == finding.rule }) {
            finding.severity = tried.isHarm ? .warning : .note
            finding.text += " It trains all the same: \(standing.summary(setup))." + tried.text
            finding.evidence.append(.init("\(tried.skillName) gained when put right", tried.gain, expected: "about 0"))
            return .finding(finding)
        }
        switch harmless {
        case .note: finding.severity = .note
        case .noteUnlessBehind: finding.severity = standing.isBehind ? .warning : .note
        case .mistake: finding.severity = .warning
        }
        finding.text += " It trains all the same: \(standing.summary(setup))."
        return .finding(finding)
    }
}

extension Setup {
    /// The learning rate without warm-up or decay.
    var baseRate: Double { max(optimizer.optimizer.learningRate, learningRate) }

    /// What stands between the last weighted sums and the loss; empty where nothing does.
    var outputs: [String] { outputActivations.filter { $0 != "none" && $0 != "identity" } }

    /// A name without its parameters: `leakyRelu` of `leakyRelu(slope=0.2)`.
    func bareName(_ name: String?) -> String { String((name ?? "").prefix { $0 != "(" }) }
}
