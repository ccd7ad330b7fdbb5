import FathomTraining
import Foundation

/// Whether what was found has moved: the second half of a proof.
package enum Mechanism {
    /// Whether the rule of a finding is silent in another diagnosis, or what it measured has gone at least half the way to
    /// what is expected.
    package static func hasMoved(_ finding: Finding, in treated: Diagnosis) -> Bool {
        let still = all(treated.findings).filter { $0.rule == finding.rule && $0.severity > .note }
        guard let now = still.first(where: { $0.cause == finding.cause }) ?? still.first else { return true }
        guard let before = finding.evidence.first,
            let after = now.evidence.first(where: { $0.name == before.name }),
            let expected = before.expected.flatMap(number)
        else { return false }
        return isHalfway(from: before.value, to: after.value, expected: expected)
    }

    /// Findings with their symptoms.
    private static func all(_ findings: [Finding]) -> [Finding] { findings.flatMap { [$0] + all($0.symptoms) } }

    /// Whether the distance has halved, by factors where all are positive.
    package static func isHalfway(from old: Double, to new: Double, expected: Double) -> Bool {
        guard old.isFinite, new.isFinite else { return false }
        let byFactor = old > 0 && new > 0 && expected > 0
        func distance(_ x: Double) -> Double { byFactor ? abs(log(x / expected)) : abs(x - expected) }
        return distance(new) <= distance(old) / 2
    }

    /// The number in "about 1", "above e⁻³ = 0.05" or "ln 10 = 2.30": behind the equals sign, or the first.
    package static func number(_ text: String) -> Double? {
        let part = text.split(separator: "=").last ?? ""
        let words = part.split { !"0123456789.-+eE−".contains($0) }
        return words.lazy.compactMap { Double($0.replacing("−", with: "-")) }.first { $0.isFinite }
    }
}
