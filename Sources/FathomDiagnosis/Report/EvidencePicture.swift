/// The kind of plot that shows a finding, and that explains its rule.
enum EvidencePicture: String, Sendable {
    case gradients, slopes, firing, zigzag, loss, skill, oneBatch, inputs, classes, updates, drift

    /// Rules that no row names are shown by their numbers alone.
    private static let table: [EvidencePicture: [String]] = [
        .gradients: [
            "vanishingGradient", "explodingGradient", "criticalInitialization", "hiddenActivation", "depthWithoutSkip",
            "shatteredGradients", "symmetricInitialization", "frozenStatistics", "batchNormBatch",
        ],
        .slopes: ["saturatedUnits", "stepActivation", "targetScale"],
        .firing: ["dyingReLU", "deadAtBirth"],
        .zigzag: ["zigZag"],
        .loss: [
            "oscillatingLoss", "plateau", "learningRateTooHigh", "learningRateTooLow", "learningRateRange",
            "divergingLoss",
            "nonFinite", "optimizerSettings", "batchSize", "epochsTooFew", "lossMismatch", "outputActivation",
        ],
        .skill: [
            "overfitting", "underfitting", "dropoutTooHigh", "regularization", "narrowLayers", "linearCollapse",
        ],
        .oneBatch: ["labels"],
        .inputs: ["inputScale", "inputCentring", "constantInputs", "nonFiniteInputs"],
        .classes: ["classImbalance", "classCollapse", "labelRange"],
        .updates: ["frozenWeights"],
        .drift: ["covariateShift"],
    ]

    init?(rule: String) {
        guard let picture = Self.table.first(where: { $0.value.contains(rule) })?.key else { return nil }
        self = picture
    }
}
