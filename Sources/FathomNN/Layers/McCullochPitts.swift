import FathomGraph

/// The first artificial neuron (McCulloch & Pitts 1943): fires (1) when enough of its inputs do, and never while an
/// inhibiting one does.
///
/// [B, features] of zeros and ones → [B, 1]. It has nothing to learn: every logical function of its inputs is wired by hand,
/// AND of two as threshold 2, OR as threshold 1, NOT as an inhibiting input with threshold 0.
public struct McCullochPitts: Layer {
    /// How many exciting inputs must fire.
    public let threshold: Double
    /// Positions of the inputs that forbid firing, from 0; all others excite.
    public let inhibiting: [Int]
    let identity: LayerIdentity

    /// All inputs excite unless their positions stand in `inhibiting`; one that the input lacks is an error of the model.
    public init(threshold: Double, inhibiting: [Int] = [], file: StaticString = #fileID, line: UInt = #line) {
        self.threshold = threshold
        self.inhibiting = inhibiting
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "mcCullochPitts") { layer in
            guard let features = layer.features(of: x, "mcCullochPitts") else { return x.poison }
            guard inhibiting.allSatisfy({ (0..<features).contains($0) }) else {
                return layer.fail(
                    "mcCullochPitts", [x], "inhibiting inputs \(inhibiting) are not all below \(features)",
                    hint: "inputs are counted from 0")
            }
            let forbids = layer.trace.vector((0..<features).map { inhibiting.contains($0) ? 1 : 0 })
            let excitement = (x * (1 - forbids)).sum(alongAxes: [-1], keepingAxes: true)
            let veto = (x * forbids).sum(alongAxes: [-1], keepingAxes: true)
            return step(excitement - threshold) * (1 - step(veto - 0.5))
        }
    }
}
