extension Experiment {
    /// Every experiment, in the order of the site: from one neuron to deep networks.
    public static let all: [Experiment] = [
        .neuron,
        .step,
        .activations,
        .linearCollapse,
        .approximate,
        .backprop,
        .zigzag,
        .vanishing,
        .exploding,
        .biasDrift,
        .reluSparsity,
        .amplitude,
        .initialisation,
        .batchnorm,
        .highway,
        .residual,
        .capsule,
        .selection,
        .dropout,
        .softmax,
    ]
}
