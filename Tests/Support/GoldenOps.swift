import Foundation

/// The cases of `Tests/Golden/ops.json`; its README says what the fields mean.
public enum GoldenOps {
    /// Operations of the file that are no primitive: functions of `Tensor`, whose tests compare every case of them. The
    /// tests of the graph compare every case of all others.
    public static let composites: Set<String> = [
        "mean", "prod", "var", "std", "logsumexp", "softmax", "logSoftmax", "clamp", "reverse", "oneHot", "topK",
        "topKIndices", "split", "reciprocal", "square", "relu", "argmin", "sort", "logicalAnd", "logicalOr",
        "logicalNot",
    ]

    public struct Tensor: Sendable {
        public let shape: [Int]
        public let dtype: String
        /// Row-major. The text of a single-precision number stands for the float nearest to it.
        public let values: [Double]
    }

    public struct Case: Sendable {
        public let op: String
        public let name: String
        public let attributes: [String: [Double]]
        public let inputs: [Tensor]
        public let output: Tensor
        public let output64: [Double]?
        /// The gradient with respect to the output.
        public let weight: [Double]?
        /// One list an input, `nil` where there is no gradient.
        public let gradients64: [[Double]?]?
    }

    /// Reads the file.
    public static func read() throws -> [Case] {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        let file = try decoder.decode(File.self, from: Data(contentsOf: goldenURL("ops.json")))
        return file.cases.map { c in
            Case(
                op: c.op, name: c.name, attributes: c.attributes, inputs: c.inputs.map(tensor),
                output: tensor(c.output),
                output64: c.output64, weight: c.weight?.map { Double(Float($0)) }, gradients64: c.gradients64)
        }
    }

    private static func tensor(_ x: File.Tensor) -> Tensor {
        Tensor(shape: x.shape, dtype: x.dtype, values: x.dtype == "f32" ? x.values.map { Double(Float($0)) } : x.values)
    }

    private struct File: Decodable {
        struct Tensor: Decodable {
            let shape: [Int]
            let dtype: String
            let values: [Double]
        }
        struct Case: Decodable {
            let op: String
            let name: String
            let attributes: [String: [Double]]
            let inputs: [Tensor]
            let output: Tensor
            let output64: [Double]?
            let weight: [Double]?
            let gradients64: [[Double]?]?
        }
        let cases: [Case]
    }
}
