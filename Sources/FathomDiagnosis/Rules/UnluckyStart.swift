extension Rule {
    /// A network that learns from some first weights and not from others.
    static let unluckyStart = Rule(
        "unluckyStart", "Depends on the first weights", stage: .during,
        explanation: Explanation(
            what: """
                The same network with the same data learns from most first weights and not from these. Nothing is wrong \
                with the set-up as a whole, but a single run says little about it.
                """,
            mathematics: """
                A small network has few units, and each starts somewhere by chance; when the ones it got cannot be moved \
                to where they are needed, it is stuck. With more units the luck averages out.
                """,
            threshold: """
                Of five starts (fewer once they agree) most learn: four fifths of the way from a constant answer to what simple \
                methods reach. The configured one does not.
                """,
            lookAlikes: "A network that no start lets learn is ill of what the other rules name.",
            sources: ["Frankle & Carbin 2019, The lottery ticket hypothesis"])
    ) { evidence in
        guard let first = evidence.starts.first, evidence.trains else { return .healthy }
        let seed = evidence.setup.patient.configuration.training.seed
        guard first.seed != seed else { return .healthy }
        let others = evidence.starts.dropFirst().map { "\(short($0.skill)) with seed \($0.seed)" }
        return .finding(
            Finding(
                "unluckyStart", "Depends on the first weights", severity: .note, confidence: 0.8,
                """
                With seed \(first.seed) it reaches \(short(first.skill)), but \(others.joined(separator: " and ")). What \
                follows is said of seed \(seed).
                """,
                evidence: evidence.starts.map { .init("skill with seed \($0.seed)", $0.skill) },
                suggestions: [
                    .init("wider", "with more units the luck averages out"),
                    .init("heInitialization", "first weights of the right size for ReLU"),
                ]))
    }
}
