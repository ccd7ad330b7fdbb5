import Foundation

extension Rule {
    /// Classes that hardly occur beside others.
    static let classImbalance = Rule(
        "classImbalance", "Unbalanced classes", stage: .before,
        explains: ["classCollapse", "plateau", "underfitting"],
        explanation: Rule.Explanation(
            what: """
                When one class is ninety times as frequent as another, saying the frequent one is right ninety times in \
                ninety-one, and a network may be content with that. Its accuracy looks high while it never finds what it was \
                made for.
                """,
            mathematics: """
                The loss is a mean over rows, so a class of share p has the weight p in it. Weights of 1/(C·p) in the loss \
                make all classes count alike; the output bias starts right at ln p.
                """,
            threshold: """
                The most frequent class more than 10 times as frequent as the rarest, after the usual grades: a share of \
                the minority of 20 to 40 % is mild, 1 to 20 % moderate, below extreme. More than 100 times, or a class \
                without rows, counts in full whatever the accuracy.
                """,
            lookAlikes: """
                A network that says one class although all are equally frequent has collapsed for another reason.
                """,
            sources: [
                "He & Garcia 2009, Learning from imbalanced data",
                "Buda, Maki & Mazurowski 2018, A systematic study of the class imbalance problem in convolutional neural networks",
            ])
    ) { evidence in
        let setup = evidence.setup
        let counts = setup.targets.classCounts
        let total = counts.reduce(0, +)
        guard counts.count > 1, total >= 50, let most = counts.max(), let least = counts.filter({ $0 > 0 }).min(),
            counts.count(where: { $0 > 0 }) > 1
        else { return .healthy }
        let ratio = Double(most) / Double(least)
        guard ratio > 4 else { return .healthy }
        let isWeighted = setup.patient.configuration.loss?.options["classWeights"] != nil
        let isExtreme = ratio > 100
        let finding = Finding(
            "classImbalance", "Unbalanced classes", severity: isWeighted || ratio <= 10 ? .note : .warning,
            confidence: isExtreme ? 0.85 : 0.65,
            """
            The most frequent class has \(most) of \(total) rows, the rarest \(least): \(short(ratio)) times fewer. Always saying \
            the frequent one is right for \(percent(Double(most) / Double(total))) of the rows\
            \(isWeighted ? ", but the loss has class weights." : ", and the loss hardly asks for more.")
            """,
            evidence: [
                .init("most frequent class / rarest", ratio, expected: "below 10"),
                .init(
                    "share of the most frequent class", Double(most) / Double(total),
                    expected: "about \(short(1 / Double(counts.count)))"),
            ],
            suggestions: isWeighted
                ? [] : [.init("classWeights", "a missed rare row then costs as much as many frequent ones")])
        return isExtreme ? .finding(finding) : evidence.tempered(finding)
    }
}
