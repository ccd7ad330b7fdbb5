import FathomGraph

/// The primitives without their attributes: the keys of the operation table.
public enum OpKind: String, CaseIterable, Sendable {
    case input, state, constant, iota, randomBits, extent
    case unary, binary, compare, select, cast
    case broadcast, reshape, transpose, slice, pad, concat
    case gather, scatterAdd, gatherAlong, scatterAddAlong
    case sum, max, min, argMax, argSort, cumulativeSum, matmul
    case convolution, convolutionInputGradient, convolutionWeightGradient
    case windowSum, windowSpread, windowArgMax, windowGather, windowScatterAdd
    case summary, exponentHistogram, call

    // No default here nor in `OpTable.rows(for:)`: a new primitive does not compile until it has its row.
    public init(_ op: Op) {
        switch op {
        case .input: self = .input
        case .state: self = .state
        case .constant: self = .constant
        case .iota: self = .iota
        case .randomBits: self = .randomBits
        case .extent: self = .extent
        case .unary: self = .unary
        case .binary: self = .binary
        case .compare: self = .compare
        case .select: self = .select
        case .cast: self = .cast
        case .broadcast: self = .broadcast
        case .reshape: self = .reshape
        case .transpose: self = .transpose
        case .slice: self = .slice
        case .pad: self = .pad
        case .concat: self = .concat
        case .gather: self = .gather
        case .scatterAdd: self = .scatterAdd
        case .gatherAlong: self = .gatherAlong
        case .scatterAddAlong: self = .scatterAddAlong
        case .sum: self = .sum
        case .max: self = .max
        case .min: self = .min
        case .argMax: self = .argMax
        case .argSort: self = .argSort
        case .cumulativeSum: self = .cumulativeSum
        case .matmul: self = .matmul
        case .convolution: self = .convolution
        case .convolutionInputGradient: self = .convolutionInputGradient
        case .convolutionWeightGradient: self = .convolutionWeightGradient
        case .windowSum: self = .windowSum
        case .windowSpread: self = .windowSpread
        case .windowArgMax: self = .windowArgMax
        case .windowGather: self = .windowGather
        case .windowScatterAdd: self = .windowScatterAdd
        case .summary: self = .summary
        case .exponentHistogram: self = .exponentHistogram
        case .call: self = .call
        }
    }
}
