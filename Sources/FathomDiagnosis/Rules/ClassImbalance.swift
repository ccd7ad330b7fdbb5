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
                the minority of 20 to 40 % is mild, 1 to 20 % moderate, below extreme. In a network that trains all the \
                same it is a note, unless it finds rows of the rare classes (those with less than half of an equal share) \
                less than half as often as rows of the frequent ones. More than 100 times counts in full whatever is found.
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
        var finding = Finding(
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
        guard let (rare, frequent) = evidence.answers.flatMap({ recall(of: $0, trainedOn: counts) }) else {
            return isExtreme ? .finding(finding) : evidence.tempered(finding)
        }
        finding.text +=
            " In the end it finds \(percent(rare)) of the rows of rare classes, and \(percent(frequent)) of those of frequent ones."
        finding.evidence.append(.init("rows found, rare classes / frequent ones", rare / frequent, expected: "about 1"))
        return isExtreme || rare < frequent / 2 ? .finding(finding) : evidence.tempered(finding)
    }
}

/// The mean recall of classes with less than half of an equal share of the training rows, and of those with at least an equal
/// share; `nil` with too few rows to tell, or where nothing is found at all.
private func recall(of answers: ClassificationReport, trainedOn counts: [Int]) -> (rare: Double, frequent: Double)? {
    let equal = Double(counts.reduce(0, +)) / Double(max(counts.count, 1))
    func mean(where matches: (Double) -> Bool) -> Double? {
        let classes = answers.confusion.indices.filter { counts.indices.contains($0) && matches(Double(counts[$0])) }
        guard classes.reduce(0, { $0 + answers.rows(of: $1) }) >= 20 else { return nil }
        let recalls = classes.compactMap { answers.recall(of: $0) }
        return recalls.reduce(0, +) / Double(max(recalls.count, 1))
    }
    guard let rare = mean(where: { $0 < equal / 2 }), let frequent = mean(where: { $0 >= equal }), frequent > 0 else {
        return nil
    }
    return (rare, frequent)
}
