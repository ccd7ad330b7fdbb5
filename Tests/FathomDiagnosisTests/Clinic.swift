import FathomData
import FathomDiagnosis
import FathomTraining

/// Small patients on computed data, and what a single rule says of them.
enum Clinic {
    /// - Parameters:
    ///   - model: as on a command line, `dense 32 relu, dense 10`.
    ///   - optimizer: as in a configuration.
    static func patient(
        _ model: String, data: String = "digits", optimizer: String = "{name: adam, learningRate: 0.001}",
        epochs: Int = 10,
        batch: Int = 32, seed: Int = 1
    ) throws -> Patient {
        var configuration = try RunConfiguration(
            yaml: """
                data: \(data)
                model: \(model)
                optimizer: \(optimizer)
                training: {epochs: \(epochs), batch: \(batch), seed: \(seed)}
                """)
        configuration.training.threads = 1
        return try Patient(configuration)
    }

    /// What the doctor sees of it.
    static func evidence(
        _ model: String, data: String = "digits", optimizer: String = "{name: adam, learningRate: 0.001}",
        epochs: Int = 10,
        batch: Int = 32, seed: Int = 1
    ) throws -> Evidence {
        try Doctor().evidence(
            of: patient(model, data: data, optimizer: optimizer, epochs: epochs, batch: batch, seed: seed))
    }

    /// The finding of a rule, or nothing.
    static func finding(_ rule: String, _ evidence: Evidence) -> Finding? {
        guard case .findings(let list)? = Rule.named(rule)?.judge(evidence) else { return nil }
        return list.first
    }

    /// The reason of a rule that has not enough to judge by.
    static func wants(_ rule: String, _ evidence: Evidence) -> String? {
        guard case .notYet(let reason)? = Rule.named(rule)?.judge(evidence) else { return nil }
        return reason
    }

    static func stack(_ count: Int, _ layer: String) -> String {
        [String](repeating: "dense \(layer)", count: count).joined(separator: ", ")
    }

    /// The same network with a course of losses that was not watched but written.
    static func written(_ evidence: Evidence, losses: [Double], skills: [(train: Double, heldOut: Double)] = [])
        -> Evidence
    {
        var course = Course()
        course.losses = losses.map(Float.init)
        for (k, skill) in skills.enumerated() {
            let step = (k + 1) * losses.count / skills.count
            course.evaluations.append(
                .init(
                    step: step, epoch: 0, train: .init(loss: losses[step - 1], skill: skill.train),
                    heldOut: .init(loss: losses[step - 1], skill: skill.heldOut)))
        }
        course.ending = .completed
        return Evidence(setup: evidence.setup, birth: evidence.birth, course: course)
    }
}

/// Normal numbers that are the same every time.
struct Noise {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }
    private mutating func uniform() -> Double {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Double(state >> 11) / Double(1 << 53)
    }
    /// Near normal: the sum of twelve uniform numbers.
    mutating func callAsFunction() -> Double { (0..<12).reduce(-6) { sum, _ in sum + uniform() } }
}
