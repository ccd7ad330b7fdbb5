import Foundation

extension Rule {
    static let shatteredGradients = Rule(
        "shatteredGradients", "Shattered gradients", stage: .during, explains: [],
        explanation: Explanation(
            what: """
                In a deep network without shortcuts the gradients of two inputs that are close to each other have nothing in \
                common: they look like white noise. A step that is right for one example then says nothing about its neighbour.
                """,
            mathematics: """
                The correlation between the gradients at neighbouring points on a line through the inputs falls like 2⁻ᴸ with \
                the depth L of a plain rectifier network, like (3/4)ᴸ with shortcuts, and like 1/√L with shortcuts and batch \
                normalisation (Balduzzi et al. 2017).
                """,
            threshold: """
                At the start, over 64 points, a correlation below 1/√64 = 0.125, which white noise reaches by chance, behind \
                five hidden layers or more. It is a warning where the network does not learn as it could, otherwise a note.
                """,
            lookAlikes: """
                A gradient that vanishes or explodes has the wrong size; this one has the wrong direction, at any size.
                """,
            sources: [
                "Balduzzi et al. 2017, The shattered gradients problem: if resnets are the answer, then what is the question?"
            ])
    ) { evidence in
        guard let birth = evidence.birth else { return .notYet("needs an examination before training") }
        let hidden = birth.outerLayers.filter { !$0.weights.isEmpty || $0.isContainer }.dropLast()
        guard hidden.count >= 5, let correlation = birth.gradientCorrelation else { return .healthy }
        guard correlation < 0.125, !correlation.isNaN else { return .healthy }
        let standing = evidence.standing
        return .finding(
            Finding(
                "shatteredGradients", "Shattered gradients", since: 0, severity: min(standing.severity, .warning),
                confidence: 0.5,
                """
                On a line through the inputs the gradients of neighbouring points have a correlation of \(short(correlation)); behind \
                \(hidden.count) plain layers theory expects \(short(pow(0.5, Double(hidden.count)))). What is right for one example says \
                little about the next.
                """,
                evidence: [
                    .init("correlation of neighbouring gradients", correlation, expected: "above 0.125"),
                    .init("expected of a plain rectifier network", pow(0.5, Double(hidden.count))),
                    .init("with shortcuts", pow(0.75, Double(hidden.count))),
                ],
                suggestions: [
                    .init("residual", "shortcuts keep the correlation at (3/4)ᴸ"),
                    .init("shallower", "fewer layers, fewer kinks"),
                    .init("orthogonalInitialization", "keeps directions apart in deep plain stacks"),
                ]))
    }
}
