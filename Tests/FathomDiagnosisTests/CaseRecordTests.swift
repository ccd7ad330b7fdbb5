import FathomDiagnosis
import Foundation
import Testing

/// The doctor's record on set-ups made up for this, faulty and healthy, that its rules were not written for.
@Suite("Labelled cases: the doctor's record")
struct CaseRecordTests {
    @Test func recallAndFalseAlarms() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Cases/more.json")
        let cases = try CaseFile(json: Data(contentsOf: file)).cases
        var runner = CaseRunner(folder: file.deletingLastPathComponent().path)
        runner.doctor.settings.threads = 1
        let outcomes = cases.map { runner.run($0) }
        let summary = CaseSummary(outcomes)
        #expect(summary.errors.isEmpty && summary.unsupported.isEmpty)
        let wrong = outcomes.filter { $0.agrees == false }.map(\.id)
        #expect(Double(summary.recall.count) >= 0.95 * Double(summary.recall.total), "\(wrong)")
        #expect(summary.falseAlarms.count == 0 && summary.falseAlarms.total >= 15, "\(wrong)")
        let misnamed = outcomes.filter { $0.rightCauseFirst == false }.map(\.id)
        #expect(Double(summary.rightCauseFirst.count) >= 0.85 * Double(summary.rightCauseFirst.total), "\(misnamed)")
    }
}
