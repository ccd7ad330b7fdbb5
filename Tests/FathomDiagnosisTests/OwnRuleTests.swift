import FathomDiagnosis
import FathomTraining
import Testing

// The example of Docs/AddingARule.md.

extension Rule {
    /// More weights than the rows can decide.
    static let moreWeightsThanRows = Rule(
        "moreWeightsThanRows", "More weights than rows", stage: .before, explains: ["overfitting"],
        explanation: Rule.Explanation(
            what: "A network with far more weights than rows can learn every row by heart instead of what they share.",
            mathematics:
                "N rows fix at most N weights of a linear model; the rest is left to chance and regularisation.",
            threshold: "1,000 weights for every row, well beyond what small networks need.",
            lookAlikes: "Overfitting needs no such excess; it shows while training, by held-out rows that get worse.",
            sources: ["Zhang et al. 2017, Understanding deep learning requires rethinking generalization"])
    ) { evidence in
        let setup = evidence.setup
        guard setup.inputs.rows > 0 else { return .notYet("needs training rows") }
        let ratio = Double(setup.parameters) / Double(setup.inputs.rows)
        guard ratio > 1000 else { return .healthy }
        return .finding(
            Finding(
                "moreWeightsThanRows", "More weights than rows", severity: .note, confidence: 0.6,
                "\(setup.parameters) weights stand against \(setup.inputs.rows) rows. They can be learnt by heart.",
                evidence: [.init("weights for every row", ratio, expected: "below 1,000")],
                suggestions: [.init("moreRegularization", "keeps weights small that no row asks for")]))
    }
}

@Suite struct OwnRuleTests {
    private func findings(_ units: Int) throws -> [Finding] {
        let patient = try SetUp("dense \(units) relu, dense 2", .gaussian).patient()
        return try Doctor(rules: Rule.all + [.moreWeightsThanRows]).examine(patient, watching: false).findings
    }

    @Test func fires() throws { #expect(try findings(30_000).contains { $0.rule == "moreWeightsThanRows" }) }

    @Test func isSilent() throws { #expect(try !findings(300).contains { $0.rule == "moreWeightsThanRows" }) }
}
