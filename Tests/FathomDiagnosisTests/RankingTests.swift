import FathomDiagnosis
import Testing

@Suite struct RankingTests {
    private func rule(_ id: String, explains: [String] = [], isOutcome: Bool = false) -> Rule {
        Rule(
            id, id, stage: .during, explains: explains, isOutcome: isOutcome,
            explanation: .init(what: "", mathematics: "", threshold: "")
        ) { _ in .healthy }
    }

    @Test func symptomsStandUnderTheirCause() {
        let rules = [rule("a", explains: ["b"]), rule("b", explains: ["c"]), rule("c")]
        let found = ["c", "b", "a"].map { Finding($0, $0, severity: .warning, confidence: 0.9, "") }
        let ranked = Diagnosis.ranked(found, rules)
        #expect(ranked.map(\.rule) == ["a"])
        #expect(Set(ranked[0].symptoms.map(\.rule)) == ["b", "c"])
    }

    @Test func twoThatExplainEachOther() {
        let rules = [rule("a", explains: ["b"]), rule("b", explains: ["a"])]
        let found = [
            Finding("a", "a", severity: .warning, confidence: 0.5, ""),
            Finding("b", "b", severity: .warning, confidence: 0.9, ""),
        ]
        let ranked = Diagnosis.ranked(found, rules)
        #expect(ranked.map(\.rule) == ["b"])
        #expect(ranked[0].symptoms.map(\.rule) == ["a"])
    }

    /// What was there before the first step is no symptom of what came in the course of training, unless it is a mere note.
    @Test(arguments: [Finding.Severity.warning, .note]) func theCauseComesFirst(_ severity: Finding.Severity) {
        let rules = [rule("early", explains: ["late"]), rule("late", explains: ["early"])]
        let found = [
            Finding("early", "early", since: 0, severity: severity, confidence: 0.5, ""),
            Finding("late", "late", since: 150, severity: .failure, confidence: 0.9, ""),
        ]
        let first = severity == .note ? "late" : "early"
        let ranked = Diagnosis.ranked(found, rules)
        #expect(ranked.map(\.rule) == [first] && ranked[0].symptoms.count == 1)
    }

    @Test func whatSaysOnlyThatItDoesNotLearnStandsUnderWhatSaysWhy() {
        let rules = [rule("a"), rule("plateau", isOutcome: true), rule("note")]
        func found(_ severity: Finding.Severity) -> [Finding] {
            [
                Finding("plateau", "plateau", severity: .failure, confidence: 0.9, ""),
                Finding("a", "a", severity: severity, confidence: 0.5, ""),
            ]
        }
        #expect(Diagnosis.ranked(found(.warning), rules).map(\.rule) == ["a"])
        #expect(Diagnosis.ranked(found(.note), rules).map(\.rule) == ["plateau", "a"])
    }

    /// Harmless as far as is known, until one of its own symptoms is found; not where another's is.
    @Test(arguments: ["b", "c"]) func aSuspectWithASymptomIsNotHarmless(_ symptom: String) {
        let rules = [rule("a", explains: ["b"]), rule("b"), rule("c")]
        var suspect = Finding("a", "a", severity: .note, confidence: 0.5, "")
        suspect.suspected = .failure
        let ranked = Diagnosis.ranked(
            [Finding(symptom, symptom, severity: .warning, confidence: 0.9, ""), suspect], rules)
        #expect(ranked.map(\.rule) == (symptom == "b" ? ["a"] : ["c", "a"]))
        #expect(ranked.map(\.severity) == (symptom == "b" ? [.warning] : [.warning, .note]))
    }

    @Test func aNoteExplainsNothing() {
        let rules = [rule("a", explains: ["b"]), rule("b")]
        let found = [
            Finding("a", "a", severity: .note, confidence: 1, ""),
            Finding("b", "b", severity: .failure, confidence: 0.5, ""),
        ]
        #expect(Diagnosis.ranked(found, rules).map(\.rule) == ["b", "a"])
    }
}
