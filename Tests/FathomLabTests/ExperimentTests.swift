import FathomLab
import Testing

@Suite struct ExperimentTests {
    @Test(arguments: Experiment.all.map(\.name))
    func everyVerdictHolds(name: String) throws {
        let report = try LabReport(running: .named(name), quick: true)
        for check in report.findings.checks {
            #expect(check.verdict == .holds, "\(check.claim): theory \(check.theory), measured \(check.measured)")
        }
    }
}
