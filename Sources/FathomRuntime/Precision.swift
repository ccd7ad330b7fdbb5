import CFathomKernels
import FathomGraph

/// What the factors of matrix products and convolutions are rounded to; everything else is float32.
///
/// With ``bfloat16`` (mixed precision, Micikevicius et al. 2018; the format of Kalamkar et al. 2019) weights, their gradients, the
/// optimiser's slots, activations, statistics and the loss stay float32 in memory and in every sum. A product rounds its factors
/// to 8 significant bits as it reads them and sums in float32, which takes about half the time where products are large. Exponents
/// are those of float32, so that no scaling of the loss is needed.
public enum Precision: String, Sendable, Hashable, CaseIterable {
    case float32
    case bfloat16

    /// Whether this processor computes in this precision (bfloat16: AVX512-BF16).
    public var isAvailable: Bool { self == .float32 || fk_has_bf16() }
}

extension Lowering {
    /// Extents from which on a product gains by rounding its factors: shorter ones are spent on making pairs.
    private static let leastExtent = 16

    /// Whether a product rounds its factors: a matter of the shapes other than the batch, so that a row's result does not
    /// depend on how many are with it.
    func rounds(_ extents: Count...) -> Bool {
        precision == .bfloat16 && extents.allSatisfy { $0.power > 0 || $0.factor >= Self.leastExtent }
    }

    /// Whether a convolution that sums over the channels of `from` rounds its factors: they are multiplied in pairs, and all
    /// of an image's lines by one thread.
    func rounds(from: Shape, to: Shape, groups: Int) -> Bool {
        guard precision == .bfloat16, !sharesLines, let inputs = from.dims.last?.fixedValue,
            let outputs = to.dims.last?.fixedValue
        else { return false }
        return inputs % (2 * groups) == 0 && outputs / groups >= Self.leastExtent / 2
    }
}

extension Precision {
    /// - Throws: ``GraphError`` where the processor cannot compute in this precision, or nothing in the plan would.
    func check(_ instructions: [Instruction]) throws(GraphError) {
        guard self == .bfloat16 else { return }
        guard isAvailable else {
            throw GraphError(
                op: "plan", message: "this processor has no products of bfloat16 (AVX512-BF16)",
                hint: "leave precision at float32")
        }
        let isUsed = instructions.contains {
            switch $0.work {
            case .product(let p): p.rounds
            case .convolution(let c): c.rounds
            default: false
            }
        }
        if !isUsed {
            throw GraphError(
                op: "plan",
                message:
                    "bfloat16 would change nothing: no product is 16 wide and deep, and no convolution has an even number "
                    + "of channels before and 8 or more behind it, for batches of 4 or more",
                hint: "leave precision at float32")
        }
    }
}
