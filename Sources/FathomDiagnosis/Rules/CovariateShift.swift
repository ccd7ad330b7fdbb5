import Foundation

extension Rule {
    static let covariateShift = Rule(
        "covariateShift", "Internal covariate shift", stage: .during, explains: [],
        explanation: Explanation(
            what: """
                What a layer receives changes while it learns, because the layers before it learn too. When that goes \
                faster than the layer can follow, it learns for inputs that no longer come.
                """,
            mathematics: """
                Drift of a layer's input between two looks: |Δmean| / deviation + |Δ ln deviation|. Santurkar et al. 2018 \
                found that the drift by itself does little harm; what counts is whether the gradient still holds after \
                the step: |g(θ + Δ) − g(θ)| / |g(θ)|.
                """,
            threshold: """
                A drift above 1 between neighbouring looks of the second half, together with gradients that change by more than \
                their own size over one step, in a network that does not learn as it could. A drift alone is a note.
                """,
            lookAlikes: """
                Learning itself makes inputs drift at the start: only the second half counts. Steps that are too long make both \
                large: learningRateTooHigh, named first.
                """,
            sources: [
                "Ioffe & Szegedy 2015, Batch normalization",
                "Santurkar et al. 2018, How does batch normalization help optimization?",
            ])
    ) { evidence in
        guard let course = evidence.course else { return .notYet("needs to watch training") }
        guard course.examinations.count >= 8 else {
            return .notYet("needs eight looks, has \(course.examinations.count)")
        }
        let looks = Array(course.examinations.suffix(course.examinations.count / 2))
        let standing = evidence.standing
        guard standing.suffers else { return .healthy }
        func drift(_ a: Examination.Signal, _ b: Examination.Signal) -> Double {
            let scale = max(a.deviation, 1e-30)
            return abs(b.mean - a.mean) / scale + abs(log(max(b.deviation, 1e-30) / scale))
        }
        let first = evidence.setup.layers.first { $0.trainable > 0 }?.path
        let found = (looks.last?.outerLayers ?? []).filter { !$0.weights.isEmpty && $0.path != first }
            .map { layer -> (path: String, drift: Double) in
                let signals = looks.compactMap { look in look.layers.first { $0.path == layer.path }?.input }
                return (layer.path, median(zip(signals, signals.dropFirst()).map(drift)))
            }
            .filter { $0.drift > 1 && $0.drift.isFinite }.sorted { $0.drift > $1.drift }
        guard let worst = found.first else { return .healthy }
        let change = median(looks.compactMap(\.landscape?.gradientChange))
        let hurts = change > 1
        return .finding(
            Finding(
                "covariateShift", "Internal covariate shift", layers: found.map(\.path), since: looks.first?.step ?? 0,
                severity: hurts ? min(standing.severity, .warning) : .note, confidence: hurts ? 0.55 : 0.4,
                """
                Between two looks the input of \(place(worst.path)) drifts by \(short(worst.drift)) of its deviation, and one step changes \
                the gradient by \(percent(change)) of its size. The layers behind learn for inputs that no longer come.
                """,
                evidence: [
                    .init("drift of the input between looks, median", worst.drift, expected: "below 1"),
                    .init("change of the gradient over one step", change, expected: "below 1"),
                ],
                suggestions: [
                    .init("batchNorm", "every layer's sums keep mean and variance"),
                    .init("layerNorm", "the same for every example by itself"),
                    .init("lowerLearningRate", "slower changes can be followed"),
                ]))
    }
}
