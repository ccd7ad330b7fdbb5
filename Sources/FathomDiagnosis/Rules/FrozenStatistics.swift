import FathomNN
import Foundation

extension Rule {
    /// Running statistics that are never brought up to date.
    static let frozenStatistics = Rule(
        "frozenStatistics", "Running statistics that stand still", stage: .before,
        explains: ["underfitting", "overfitting", "plateau", "classCollapse", "labels"],
        explanation: Rule.Explanation(
            what: """
                In training batch normalisation uses the batch; later it uses running averages collected meanwhile. If these \
                are never updated, or so slowly that their start still counts, the network works in training and answers \
                nonsense afterwards.
                """,
            mathematics: """
                m ← m + α·(mean of the batch − m). After T steps the start still weighs (1 − α)^T; with α = 0 for ever.
                """,
            threshold: """
                More than half of the start left after all planned steps, (1 − α)^T > 0.5: they are not the data's statistics \
                but mean 0 and variance 1. α = 0 is a failure.
                """,
            lookAlikes: """
                Overfitting makes held-out rows worse as well; here the training rows themselves are worse when evaluated than \
                while they are trained on.
                """,
            sources: ["Ioffe & Szegedy 2015, Batch normalization, section 3.1"])
    ) { evidence in
        let setup = evidence.setup
        func momenta(_ specs: [LayerSpec]) -> [Double] {
            specs.flatMap { spec -> [Double] in
                let own: [Double] =
                    spec.kind == "batchNorm"
                    ? [{ if case .number(let x)? = spec.options["momentum"] { x } else { 0.1 } }()] : []
                return own + momenta(spec.children)
            }
        }
        guard let least = momenta(setup.patient.configuration.model.layers).min() else { return .healthy }
        let left = pow(1 - min(max(least, 0), 1), Double(setup.plannedSteps))
        guard left > 0.5 else { return .healthy }
        let layers = setup.layers.filter { $0.kind == "batchNorm" }.map(\.path)
        return .finding(
            Finding(
                "frozenStatistics", "Running statistics that stand still", cause: least == 0 ? "never" : "slow",
                layers: layers, severity: least == 0 ? .failure : .warning, confidence: least == 0 ? 0.97 : 0.85,
                """
                The running statistics of \(layers.first ?? "batch normalisation") move by \(percent(least)) of the difference at \
                each step, so that after \(setup.plannedSteps) planned steps \(percent(left)) of their start is left. \
                Evaluated, the network is another one than in training.
                """,
                evidence: [
                    .init("share of the newest batch", least, expected: "0.01 to 0.1"),
                    .init("what is left of the start", left, expected: "below 0.01"),
                ],
                suggestions: [
                    .init("movingStatistics", "a tenth of every new batch, and they are soon those of the data"),
                    .init("layerNorm", "needs no running statistics"),
                    .init("trainLonger", "gives slow averages the time they need"),
                ]))
    }
}
