import FathomReference
import Foundation

/// One case of `activations.json` or `layers.json`: a function of tensors with its values and gradients by PyTorch in
/// float64, from inputs in float32.
public struct FunctionGolden: Decodable, Sendable, CustomStringConvertible {
    public struct Values: Decodable, Sendable {
        public var shape: [Int]
        public var dtype: String
        public var values: [Double]

        /// As the computation saw them: `0.1` in the file stands for the float nearest to it.
        public var tensor: ReferenceTensor {
            ReferenceTensor(shape: shape, values: dtype == "f32" ? values.map { Double(Float($0)) } : values)
        }
    }

    /// The activation or layer.
    public var kind: String
    public var name: String
    public var training: Int?
    public var kinks: [Double]?
    public var attributes: [String: [Double]]
    public var parameters: [String: Values]?
    public var inputs: [Values]
    public var output: Values
    public var output64: [Double]
    public var weight: [Double]?
    public var gradients64: [[Double]?]?
    public var parameterGradients64: [String: [Double]]?
    public var buffersBefore: [String: Values]?
    public var buffersAfter64: [String: [Double]]?

    enum CodingKeys: String, CodingKey {
        case activation, layer, name, training, kinks, attributes, parameters, inputs, output, output64, weight,
            gradients64,
            parameterGradients64, buffersBefore, buffersAfter64
    }

    public init(from decoder: any Decoder) throws {
        let c = try decoder.container(keyedBy: CodingKeys.self)
        kind = try c.decodeIfPresent(String.self, forKey: .activation) ?? c.decode(String.self, forKey: .layer)
        name = try c.decode(String.self, forKey: .name)
        training = try c.decodeIfPresent(Int.self, forKey: .training)
        kinks = try c.decodeIfPresent([Double].self, forKey: .kinks)
        attributes = try c.decode([String: [Double]].self, forKey: .attributes)
        parameters = try c.decodeIfPresent([String: Values].self, forKey: .parameters)
        inputs = try c.decode([Values].self, forKey: .inputs)
        output = try c.decode(Values.self, forKey: .output)
        output64 = try c.decode([Double].self, forKey: .output64)
        weight = try c.decodeIfPresent([Double].self, forKey: .weight)
        gradients64 = try c.decodeIfPresent([[Double]?].self, forKey: .gradients64)
        parameterGradients64 = try c.decodeIfPresent([String: [Double]].self, forKey: .parameterGradients64)
        buffersBefore = try c.decodeIfPresent([String: Values].self, forKey: .buffersBefore)
        buffersAfter64 = try c.decodeIfPresent([String: [Double]].self, forKey: .buffersAfter64)
    }

    public var description: String { name.isEmpty ? kind : "\(kind), \(name)" }

    /// The cases of a file in `Tests/Golden`.
    public static func load(_ file: String) throws -> [FunctionGolden] {
        struct File: Decodable { var cases: [FunctionGolden] }
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return try decoder.decode(File.self, from: Data(contentsOf: goldenURL(file))).cases
    }

    /// The one number of an attribute.
    public func number(_ name: String) -> Double? { attributes[name]?.first }
}

/// Whether two numbers agree within a relative tolerance and an absolute one; NaN agrees with NaN.
public func agree(_ a: Double, _ b: Double, relative: Double = 1e-9, absolute: Double = 1e-12) -> Bool {
    a == b || a.isNaN && b.isNaN || abs(a - b) <= absolute + relative * max(abs(a), abs(b))
}
